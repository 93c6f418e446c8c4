import { describe, expect, test } from 'bun:test';
import { Elysia } from 'elysia';
import { type Access, grants, isScope, SCOPES, type Scope, scopeOf } from '../../src/access/scopes.ts';
import { PERMISSIONS } from '../../src/access/scopes-table.ts';
import type { Desks } from '../../src/core/desks.ts';
import { pathOf } from '../../src/dialects/intake.ts';
import { createApp } from '../../src/server/app.ts';
import { OPEN_OPTIONS, SmallCore } from '../fixtures/real-child.ts';
import { routesOf, samplesOf } from '../fixtures/routes.ts';

/** Rows whose routes do not exist yet. */
const COMING = /^\/(?:favicon\.ico|ui\/\*)/;

// The table needs no desk that works.
const app = createApp(new SmallCore([{ id: 'm', baseUrl: 'http://127.0.0.1:1' }]).drover, {
  ...OPEN_OPTIONS,
  desks: {} as Desks,
});

test('a scope is one of the known words, and admin has them all', () => {
  expect(SCOPES.length).toBe(19);
  expect(new Set(SCOPES).size).toBe(19);
  for (const word of ['', 'Admin', 'open', 'chat ', 'toString', '__proto__']) expect(isScope(word)).toBe(false);
  for (const scope of SCOPES) {
    expect(isScope(scope)).toBe(true);
    expect(grants([scope], scope)).toBe(true);
    expect(grants(['admin'], scope)).toBe(true);
    expect(grants([], scope)).toBe(false);
    expect(
      grants(
        SCOPES.filter((other) => other !== scope && other !== 'admin'),
        scope,
      ),
    ).toBe(false);
  }
});

describe('the permission table', () => {
  test('is well formed, each route once', () => {
    const seen = new Set<string>();
    for (const { access, method, path } of PERMISSIONS) {
      expect(access === 'open' || access === 'known' || isScope(access)).toBe(true);
      expect(path).toMatch(/^(?:\/|(?:\/(?::[a-z]+|[\w.-]+))+(?:\/\*)?)$/);
      const name = `${method} ${path.replace(/:[a-z]+/g, ':')}`;
      expect({ name, isTwice: seen.has(name) }).toEqual({ name, isTwice: false });
      seen.add(name);
    }
  });

  test('has a row for every route of the server, whatever stands for a name', () => {
    const routes = routesOf(app);
    expect(routes.length).toBeGreaterThan(50);
    const accesses = routes.map(({ method, path }) => ({
      route: `${method} ${path}`,
      accesses: [...new Set(samplesOf(path).map((sample) => scopeOf(method, sample)))],
    }));
    // One answer, and not "no row".
    expect(accesses.filter((row) => row.accesses.length !== 1 || row.accesses.includes(null))).toEqual([]);
  });

  test('names every route without a variable part itself: no row for a rest speaks for it', () => {
    const loose = (path: string): string => path.replace(/(.)\/$/, '$1');
    const named = new Set(PERMISSIONS.map(({ method, path }) => `${method} ${path}`));
    const fixed = routesOf(app).filter(({ path }) => !/[:*]/.test(path));
    expect(fixed.length).toBeGreaterThan(40);
    expect(fixed.filter(({ method, path }) => !named.has(`${method} ${loose(path)}`))).toEqual([]);
  });

  test('has no row that nothing uses, but for what is coming', () => {
    const loose = (path: string): string => path.replace(/:[a-z]+|\*/g, '*').replace(/(.)\/$/, '$1');
    const used = new Set(
      app.routes.map(({ method, path }) => `${method === 'WS' || method === 'ws' ? 'GET' : method} ${loose(path)}`),
    );
    const unused = PERMISSIONS.filter(({ method, path }) => !used.has(`${method} ${loose(path)}`));
    expect(unused.filter(({ path }) => !COMING.test(path))).toEqual([]);
  });

  test.each<[string, string, Access | null]>([
    ['GET', '/health', 'open'],
    ['GET', '/', 'open'],
    ['GET', '/ui/', 'open'],
    ['GET', '/ui/chunk-1.js', 'open'],
    ['GET', '/docs', 'open'],
    ['GET', '/docs/', 'open'],
    ['GET', '/docs/swagger-ui.css', 'open'],
    ['GET', '/docs/json', 'model_read'],
    ['GET', '/docs/json/', 'model_read'],
    ['GET', '/docs/favicon.svg', 'open'],
    ['POST', '/docs/json', null],
    ['POST', '/health', null],
    ['POST', '/ui/', null],
    ['POST', '/api/auth/login', 'open'],
    ['POST', '/api/auth/refresh', 'open'],
    ['GET', '/api/auth/login', null],
    ['POST', '/v1/chat/completions', 'chat'],
    ['GET', '/upstream/owner/name/v1/x', 'chat'],
    ['DELETE', '/upstream/m', 'chat'],
    ['GET', '/v1/models', 'model_read'],
    ['HEAD', '/v1/models', 'model_read'],
    ['OPTIONS', '/v1/models', 'model_read'],
    ['DELETE', '/v1/models', null],
    ['GET', '/v1/models/owner/name:q4', 'model_read'],
    ['POST', '/api/models/unload', 'model_load'],
    ['POST', '/api/models/unload/owner%2Fname', 'model_load'],
    ['POST', '/api/models/unload/owner/name', 'model_load'],
    ['GET', '/api/models/downloads/x', 'model_read'],
    ['GET', '/api/models/downloads/x/y', null],
    ['POST', '/api/models/downloads/x/pause', 'model_write'],
    ['POST', '/api/models/downloads/x/pause/', 'model_write'],
    ['POST', '/api/models/downloads//pause', null],
    ['POST', '/api/models/downloads/x/y', null],
    ['GET', '/api/config', 'config_read'],
    ['POST', '/api/config', 'config_write'],
    ['POST', '/api/config/validate', 'config_read'],
    ['POST', '/api/config/model/a/b', 'config_write'],
    ['DELETE', '/api/config/models/a/b', 'config_write'],
    ['GET', '/api/settings/system', 'config_read'],
    ['POST', '/api/settings/system', 'admin'],
    ['POST', '/api/settings/hf-api-key', 'config_write'],
    ['POST', '/api/server/restart/hard', 'admin'],
    ['GET', '/logs/stream/upstream', 'admin'],
    ['GET', '/drover/logs', 'admin'],
    ['GET', '/nope', null],
    ['PUT', '/api/config', 'config_write'],
    ['PATCH', '/api/config', null],
    ['GET', '/api/instances/owner%2Fname', 'instance_read'],
    ['GET', '/api/instances/a/b/c', null],
    ['POST', '/api/instances/start-all', 'instance_control'],
    ['DELETE', '/api/instances/a', 'instance_write'],
    ['GET', '/api/ws', 'instance_read'],
    // Another spelling is another path, as it is for the router.
    ['GET', '//v1/models', null],
    ['GET', '/v1//models', null],
    ['GET', '/v1/%6dodels', null],
    ['GET', '/V1/models', null],
    ['GET', '/healthz', null],
    ['GET', '/ui2', null],
    ['GET', '/uix/y', null],
    ['GET', '', null],
  ])('%s %s → %p', (method, path, access) => {
    expect(scopeOf(method, path)).toBe(access);
  });
});

test('the router and the table read every path alike', async () => {
  const routed = new Elysia({
    systemRouter: false,
    nativeStaticResponse: false,
    handler: { standardHostname: false },
    normalize: false,
  });
  for (const { access, method, path } of PERMISSIONS) routed.route(method, path, () => access);
  routed.onError(() => new Response('none', { status: 404 }));
  let matched = 0;
  const wrong: string[] = [];
  for (const { method, path } of PERMISSIONS) {
    for (const variant of samplesOf(path).flatMap(variantsOf)) {
      for (const asked of [method === 'ALL' ? 'PATCH' : method, 'GET', 'HEAD', 'POST', 'DELETE']) {
        const request = new Request(`http://localhost${variant}`, { method: asked });
        const answer = await routed.handle(request);
        const found = scopeOf(asked, pathOf(request));
        if (answer.status === 404) continue;
        matched += 1;
        // A HEAD has no body: what it would have said is GET's.
        const routeAccess =
          asked === 'HEAD' ? scopeOf('GET', pathOf(request)) : ((await answer.text()) as Scope | 'open');
        if (found === null || found !== routeAccess) wrong.push(`${asked} ${variant}: ${found}, not ${routeAccess}`);
      }
    }
  }
  expect(wrong).toEqual([]);
  expect(matched).toBeGreaterThan(4000);
});

/** Spellings that one of two readers might take for another path. */
function variantsOf(path: string): string[] {
  const at = Math.max(1, Math.floor(path.length / 2));
  const letter = path.charCodeAt(at).toString(16);
  return [
    path,
    `${path}/`,
    `${path}//`,
    `/${path}`,
    path.replaceAll('/', '//'),
    path.toUpperCase(),
    `${path.slice(0, at)}%${letter}${path.slice(at + 1)}`,
    path.replaceAll('/', '%2F'),
    path.replace(/\/([^/]+)$/, '%2f$1'),
    `/x/..${path}`,
    `/ui/..${path}`,
    `/ui/%2e%2e${path}`,
    `/ui/..%2f${path.slice(1)}`,
    `/.${path}`,
    `${path}/.`,
    `${path}/..`,
    `${path};x=1`,
    `${path}?x=/health`,
    `${path}%3Fx`,
    `${path}%00`,
    `${path}%20`,
    `/health/..${path}`,
    path.replaceAll('/', '\\').replace('\\', '/'),
  ].filter((variant) => variant.startsWith('/'));
}
