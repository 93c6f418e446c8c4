// Logging in, tokens and limits at the door of the server, over the application: what each route answers to a token, and
// what is counted.
import { afterAll, beforeAll, describe, expect, test } from 'bun:test';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type RateSettings, Rates } from '../../src/access/rates.ts';
import { SCOPES, type Scope, scopeOf } from '../../src/access/scopes.ts';
import { PERMISSIONS } from '../../src/access/scopes-table.ts';
import { defaultSettings } from '../../src/config/schema.ts';
import type { Desks } from '../../src/core/desks.ts';
import { createApp } from '../../src/server/app.ts';
import { Limiter, rateOf } from '../../src/server/limiter.ts';
import { TestAccess } from '../fixtures/access.ts';
import { startEcho } from '../fixtures/echo-engine.ts';
import { OPEN_OPTIONS, SmallCore } from '../fixtures/real-child.ts';
import { routesOf, samplesOf } from '../fixtures/routes.ts';

const folder = mkdtempSync(join(tmpdir(), 'drover-logins-'));
const access = new TestAccess(folder);
afterAll(() => {
  access[Symbol.dispose]();
  rmSync(folder, { recursive: true, force: true });
});
const echo = startEcho();
afterAll(() => echo[Symbol.asyncDispose]());
const core = new SmallCore([{ id: 'm', baseUrl: echo.baseUrl }]);

/** What the routes that are asked here ask: what they answer is no matter. */
const SMALL_DESKS = {
  instances: { list: () => [] },
  chats: { all: () => [] },
  machine: { info: () => Promise.resolve({ platform: 'linux', arch: 'x64', builtAt: null }) },
  effective: { change: () => Promise.resolve({ waiting: [], overruled: [], affected: [] }) },
} as unknown as Partial<Desks>;

interface Setup {
  readonly isLocked?: boolean;
  readonly settings?: Partial<RateSettings>;
  readonly isCounted?: boolean;
}

interface Place {
  readonly ask: (method: string, path: string, headers?: Record<string, string>, body?: string) => Promise<Response>;
  /** Where requests come from. */
  address: string;
  clock: number;
}

/** A server of its own: nobody has been counted yet. */
function place({ isLocked = true, settings = {}, isCounted = true }: Setup = {}): Place {
  const here: Place = {
    address: '192.168.1.7',
    clock: Date.now(),
    ask: async (method, path, headers = {}, body = '{}') => {
      const hasBody = method !== 'GET' && method !== 'HEAD';
      return app.handle(
        new Request(`http://localhost${path}`, {
          method,
          headers: {
            host: 'localhost:5800',
            ...(hasBody ? { 'content-type': 'application/json' } : {}),
            ...headers,
          },
          ...(hasBody ? { body } : {}),
          // No stream is waited for.
          ...(method === 'HEAD' ? { signal: AbortSignal.abort() } : {}),
        }),
      );
    },
  };
  const rates = new Rates({ settings: () => ({ ...defaultSettings(), ...settings }), now: () => here.clock });
  const app = createApp(core.drover, {
    ...OPEN_OPTIONS,
    requiresKey: () => isLocked,
    identify: (presented, source) => access.callers.identify(presented, source),
    addressOf: () => here.address,
    desks: { ...SMALL_DESKS, logins: access.logins, rates } as Partial<Desks> as Desks,
    ...(isCounted ? { limiter: new Limiter(rates) } : {}),
  });
  return here;
}

const told = (answer: Response) => ({
  status: answer.status,
  limit: answer.headers.get('x-ratelimit-limit'),
  remaining: answer.headers.get('x-ratelimit-remaining'),
  retryAfter: answer.headers.get('retry-after'),
});
const credentials = (username: string, password: string): string => JSON.stringify({ username, password });

const tokenWith = new Map<Scope, string>();
const tokenWithout = new Map<Scope, string>();
let admin = '';
beforeAll(async () => {
  await access.users.create('admin', 'correct horse');
  admin = await access.tokenOf('admin');
  for (const scope of SCOPES) {
    await access.users.create(`with ${scope}`, 'x', [scope]);
    await access.users.create(
      `without ${scope}`,
      'x',
      SCOPES.filter((other) => other !== scope && other !== 'admin'),
    );
    tokenWith.set(scope, await access.tokenOf(`with ${scope}`));
    tokenWithout.set(scope, await access.tokenOf(`without ${scope}`));
  }
});

const TRANSPORTS = [
  ['Authorization', (path: string, token: string) => [path, { authorization: `Bearer ${token}` }]],
  ['X-API-Key', (path: string, token: string) => [path, { 'x-api-key': token }]],
  ['?api_key=', (path: string, token: string) => [`${path}?api_key=${token}`, {}]],
] as const satisfies readonly (readonly [string, (path: string, token: string) => [string, Record<string, string>]])[];

describe('a token', () => {
  test.each(TRANSPORTS)('by %s: none, wrong, too narrow, right, for every route that is not open', async (_, carry) => {
    const here = place({ isCounted: false });
    // The desks of ClaraCore’s routes are not here; who may not must not get as far as to notice.
    const app = createApp(core.drover, { ...OPEN_OPTIONS, desks: {} as Desks });
    const asked = routesOf(app).flatMap(({ method, path }) =>
      samplesOf(path).flatMap((sample) => {
        const needed = scopeOf(method, sample) ?? 'admin';
        return needed === 'open' || needed === 'known' ? [] : [{ method, path: sample, needed }];
      }),
    );
    expect(asked.length).toBeGreaterThan(100);
    const wrong: string[] = [];
    for (const { method, path, needed } of asked) {
      const statusOf = async (token: string | null): Promise<number> => {
        const [target, headers] = token === null ? [path, {}] : carry(path, token);
        const answer = await here.ask(method, target, headers);
        await answer.body?.cancel();
        return answer.status;
      };
      const found = [
        await statusOf(null),
        await statusOf(`${admin}x`),
        await statusOf(tokenWithout.get(needed) ?? ''),
        await statusOf(tokenWith.get(needed) ?? ''),
      ];
      const isRight = found[0] === 401 && found[1] === 401 && found[2] === 403 && ![401, 403].includes(found[3] ?? 0);
      if (!isRight) wrong.push(`${method} ${path}: ${found.join(', ')}`);
    }
    expect(wrong).toEqual([]);
  });

  test('of a user who lacks a scope is told so in those words', async () => {
    const answer = await place().ask('GET', '/v1/models', { 'x-api-key': tokenWith.get('chat') ?? '' });
    expect(answer.status).toBe(403);
    expect(await answer.text()).toContain('This user lacks the scope \\"model_read\\"');
  });
});

describe('POST /api/auth/login', () => {
  test('gives a token that works, and says until when', async () => {
    const here = place();
    const answer = await here.ask('POST', '/api/auth/login', {}, credentials('admin', 'correct horse'));
    const { token, expires_at } = (await answer.json()) as { token: string; expires_at: string };
    expect(answer.status).toBe(200);
    expect(expires_at).toBe(new Date(access.clock + 86_400_000).toISOString().replace(/\.\d+Z$/, 'Z'));
    expect((await here.ask('GET', '/v1/models', { authorization: `Bearer ${token}` })).status).toBe(200);
  });

  test('a wrong name and a wrong password get one and the same answer', async () => {
    const here = place();
    const answers = await Promise.all(
      [credentials('admin', 'wrong'), credentials('nobody', 'correct horse')].map(async (body) => {
        const answer = await here.ask('POST', '/api/auth/login', {}, body);
        return { status: answer.status, body: await answer.json() };
      }),
    );
    expect(answers[0]).toEqual({
      status: 401,
      body: {
        error: 'The user name or the password is wrong.',
        code: 'UNAUTHORIZED',
        details: expect.stringContaining('drover users add'),
      },
    });
    expect(answers[1]).toEqual(answers[0]);
  });

  test.each([
    ['', 400],
    ['{', 400],
    ['[]', 400],
    ['"admin"', 400],
    ['{}', 400],
    ['{"username":"admin"}', 400],
    ['{"password":"x"}', 400],
    ['{"username":"","password":"x"}', 400],
    ['{"username":"admin","password":7}', 400],
    [credentials('admin', 'x'.repeat(513)), 400],
    [credentials('x'.repeat(257), 'x'), 400],
  ])('%p is %d in llamactl’s envelope', async (body, status) => {
    const answer = await place().ask('POST', '/api/auth/login', {}, body);
    expect([answer.status, await answer.json()]).toEqual([
      status,
      { error: expect.any(String), code: 'BAD_REQUEST', details: expect.any(String) },
    ]);
  });

  test('other content is 415, another method 405, and both in the same envelope', async () => {
    const here = place({ isLocked: false });
    const typed = await here.ask('POST', '/api/auth/login', { 'content-type': 'text/csv' }, credentials('a', 'b'));
    expect([typed.status, await typed.json()]).toMatchObject([
      415,
      { code: 'UNSUPPORTED_MEDIA_TYPE', details: expect.any(String) },
    ]);
    const got = await here.ask('GET', '/api/auth/login');
    expect([got.status, got.headers.get('allow'), await got.json()]).toMatchObject([
      405,
      'POST',
      { code: 'METHOD_NOT_ALLOWED' },
    ]);
  });

  test('is limited to five a minute from one address, whatever becomes of them, also on this machine', async () => {
    const here = place({ isLocked: false });
    here.address = '127.0.0.1';
    const bodies = [credentials('admin', 'correct horse'), '{', '{}', credentials('admin', 'x'), credentials('b', 'x')];
    const found = [];
    for (const body of bodies) found.push(told(await here.ask('POST', '/api/auth/login', {}, body)));
    expect(found.map(({ status }) => status)).toEqual([200, 400, 400, 401, 401]);
    expect(found.map(({ limit, remaining }) => `${remaining} of ${limit}`)).toEqual(
      [4, 3, 2, 1, 0].map((left) => `${left} of 5`),
    );
    here.clock += 20_000;
    for (const headers of [{}, { authorization: `Bearer ${admin}` }]) {
      const sixth = await here.ask('POST', '/api/auth/login', headers, credentials('admin', 'correct horse'));
      expect(told(sixth)).toEqual({ status: 429, limit: '5', remaining: '0', retryAfter: '40' });
      expect(await sixth.json()).toMatchObject({ code: 'RATE_LIMITED', error: expect.any(String) });
    }
    here.address = '127.0.0.2';
    expect((await here.ask('POST', '/api/auth/login/', {}, credentials('admin', 'x'))).status).toBe(401);
    here.address = '127.0.0.1';
    here.clock += 40_000;
    expect((await here.ask('POST', '/api/auth/login', {}, credentials('admin', 'correct horse'))).status).toBe(200);
  });
});

describe('POST /api/auth/refresh', () => {
  test.each(TRANSPORTS)('by %s: a later token for a live one, whatever its user may', async (_, carry) => {
    const here = place();
    const [path, headers] = carry('/api/auth/refresh', tokenWith.get('cache_clear') ?? '');
    const answer = await here.ask('POST', path, headers);
    const { token } = (await answer.json()) as { token: string };
    expect([answer.status, answer.headers.get('x-ratelimit-limit')]).toEqual([200, '100']);
    expect((await here.ask('POST', '/api/auth/refresh', { 'x-api-key': token }, '')).status).toBe(200);
  });

  test.each([true, false])('without one it is 401, also with a key (is a key needed: %p)', async (isLocked) => {
    const here = place({ isLocked });
    const key = access.keys.create(`key ${isLocked}`, ['admin']);
    for (const [headers, word] of [
      [{}, 'needed'],
      [{ authorization: `Bearer ${key}` }, 'A key is no token'],
      [{ authorization: `Bearer ${admin}x` }, 'not valid'],
    ] as const) {
      const answer = await here.ask('POST', '/api/auth/refresh', headers);
      const { error, code } = (await answer.json()) as { error: string; code: string };
      expect([answer.status, code]).toEqual([401, 'UNAUTHORIZED']);
      expect(error).toContain(word);
    }
  });
});

describe('what is counted', () => {
  test.each([
    ['GET', '/api/instances', 'llamactlRate'],
    ['POST', '/api/instances', 'llamactlHeavyRate'],
    ['POST', '/api/instances/', 'llamactlHeavyRate'],
    ['GET', '/api/instances/a', 'llamactlRate'],
    ['PUT', '/api/instances/a', 'llamactlRate'],
    ['DELETE', '/api/instances/a', 'llamactlRate'],
    ['POST', '/api/instances/a/start', 'llamactlHeavyRate'],
    ['POST', '/api/instances/a/restart', 'llamactlHeavyRate'],
    ['POST', '/api/instances/a/restart/', 'llamactlHeavyRate'],
    ['POST', '/api/instances/a/stop', 'llamactlRate'],
    ['GET', '/api/instances/a/start', 'llamactlRate'],
    ['POST', '/api/instances/start-all', 'llamactlHeavyRate'],
    ['POST', '/api/instances/stop-all', 'llamactlHeavyRate'],
    ['GET', '/api/system/status', 'llamactlRate'],
    ['GET', '/api/system/info', 'llamactlRate'],
    ['GET', '/api/system/specs', null],
    ['GET', '/api/ws', 'llamactlRate'],
    ['POST', '/api/auth/login', 'llamactlLoginRate'],
    ['POST', '/api/auth/refresh', 'llamactlRate'],
    ['PUT', '/api/config', 'llamactlHeavyRate'],
    ['GET', '/api/config', null],
    ['POST', '/api/config', null],
    ['POST', '/api/process', 'llamahomeRate'],
    ['POST', '/v1/process_prompt', 'llamahomeRate'],
    ['GET', '/v1/ws', 'llamahomeRate'],
    ['GET', '/api/models', 'llamahomeRate'],
    ['GET', '/api/models/downloads', null],
    ['POST', '/api/shutdown', null],
    ['GET', '/v1/models', null],
    ['POST', '/v1/chat/completions', null],
    ['GET', '/health', null],
    ['GET', '/', null],
    ['GET', '', null],
  ] as const)('%s %s under %p', (method, path, name) => {
    expect(rateOf(method, path)).toBe(name);
  });

  test('no route of another dialect is', () => {
    const counted = PERMISSIONS.filter(({ method, path }) => rateOf(method, path) !== null).map(
      ({ method, path }) => `${method} ${path}`,
    );
    expect(
      counted.filter(
        (row) => !/^\w+ \/(?:api|v1)\//.test(row) || /^\w+ \/api\/(?:config|settings|server)(?:\/|$)/.test(row),
      ),
    ).toEqual(['PUT /api/config']);
  });

  test.each([
    ['GET', '/api/auth/none', 100],
    ['PUT', '/api/config', 10],
  ])('%s %s: so many a minute and no more, each answer says how many are left', async (method, path, limit) => {
    const here = place();
    const headers = { authorization: `Bearer ${admin}` };
    for (let left = limit - 1; left >= 0; left -= 1) {
      const answer = await here.ask(method, path, headers);
      expect(told(answer)).toEqual({
        status: answer.status,
        limit: String(limit),
        remaining: String(left),
        retryAfter: null,
      });
      expect([200, 404]).toContain(answer.status);
      expect(Number(answer.headers.get('x-ratelimit-reset'))).toBe(Math.ceil((here.clock + 60_000) / 1000));
    }
    const refused = await here.ask(method, path, headers);
    expect(told(refused)).toEqual({ status: 429, limit: String(limit), remaining: '0', retryAfter: '60' });
    expect(await refused.json()).toEqual({
      error: `More than ${limit} requests in a minute.`,
      code: 'RATE_LIMITED',
      details: 'Try again in 60 s.',
    });
    // Another way to the same route is the same route.
    expect((await here.ask(method, `/dialect/llamactl${path}`, headers)).status).toBe(429);
    expect((await here.ask(method, path, { ...headers, 'x-api-dialect': 'llamactl' })).status).toBe(429);
    // From elsewhere it is the same user, with a later token too; another one is another.
    here.address = '10.0.0.9';
    const later = await access.tokenOf('admin');
    expect((await here.ask(method, path, { 'x-api-key': later })).status).toBe(429);
    expect((await here.ask(method, path, { 'x-api-key': tokenWith.get('admin') ?? '' })).status).not.toBe(429);
    // Elsewhere nothing is counted.
    expect((await here.ask('GET', '/v1/models', headers)).headers.has('x-ratelimit-limit')).toBe(false);
    expect((await here.ask('GET', '/v1/models', headers)).status).toBe(200);
    here.clock += 60_000;
    expect((await here.ask(method, path, headers)).status).not.toBe(429);
  });

  test('who has no key is counted by address, and told 401 until it is 429', async () => {
    const here = place();
    const statuses = new Set<number>();
    for (let index = 0; index < 100; index += 1) {
      statuses.add((await here.ask('GET', '/api/instances', { 'x-api-key': `wrong ${index}` })).status);
    }
    expect([...statuses]).toEqual([401]);
    expect((await here.ask('GET', '/api/instances')).status).toBe(429);
    expect((await here.ask('GET', '/api/instances', { 'x-api-key': admin })).status).toBe(200);
    here.address = '192.168.1.8';
    expect((await here.ask('GET', '/api/instances')).status).toBe(401);
  });

  test('what is refused before anybody is known says it as well, and is not counted', async () => {
    const here = place();
    for (const headers of [{ host: 'evil.example' }, { origin: 'https://evil.example' }]) {
      const answer = await here.ask('POST', '/api/instances', headers);
      expect(told(answer)).toMatchObject({ status: 403, limit: '10', remaining: '10' });
    }
  });

  test('while nobody needs a key this machine is not, and is told what there would be; others are', async () => {
    const here = place({ isLocked: false });
    for (const address of ['127.0.0.1', '::1', '::ffff:127.0.0.1']) {
      here.address = address;
      for (let index = 0; index < 101; index += 1) {
        const answer = await here.ask('GET', '/api/system/info');
        expect(told(answer)).toEqual({ status: 200, limit: '100', remaining: '100', retryAfter: null });
      }
    }
    here.address = '192.168.1.7';
    for (let index = 0; index < 100; index += 1) await here.ask('GET', '/api/system/info');
    expect((await here.ask('GET', '/api/system/info')).status).toBe(429);
  });

  test('LlamaHome’s routes are, and say nothing of it until it is too much', async () => {
    const here = place();
    const headers = { 'x-api-key': admin };
    for (let index = 0; index < 60; index += 1) {
      expect(told(await here.ask('POST', '/v1/process_prompt', headers))).toMatchObject({
        limit: null,
        retryAfter: null,
      });
    }
    const refused = await here.ask('GET', '/api/models', headers);
    expect(told(refused)).toEqual({ status: 429, limit: null, remaining: null, retryAfter: '60' });
    expect(await refused.json()).toMatchObject({
      error: { code: 'rate_limit_exceeded', details: { retry_after: 60 } },
    });
  });

  test('as the settings say, and not at all where they say 0', async () => {
    const here = place({ settings: { llamactlRate: 0, llamactlHeavyRate: 1 } });
    const headers = { 'x-api-key': admin };
    for (let index = 0; index < 150; index += 1) {
      const answer = await here.ask('GET', '/api/system/info', headers);
      expect(told(answer)).toEqual({ status: 200, limit: null, remaining: null, retryAfter: null });
    }
    expect((await here.ask('PUT', '/api/config', headers)).status).not.toBe(429);
    expect((await here.ask('PUT', '/api/config', headers)).status).toBe(429);
  });
});
