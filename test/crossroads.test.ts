// The paths that two dialects have, on the executable: who answers, in whose words, and that no other path has two owners.
import { afterAll, beforeAll, describe, expect, test } from 'bun:test';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Desks } from '../src/core/desks.ts';
import { CONTESTED_ROUTES } from '../src/dialects/crossroads-routes.ts';
import { createApp } from '../src/server/app.ts';
import { type RunningDrover, startDrover, temporaryFolder } from './fixtures/drover.ts';
import { OPEN_OPTIONS, SmallCore } from './fixtures/real-child.ts';

const data = temporaryFolder('crossroads');
const FILE = join(data.path, 'config.yaml');
const TEXT = '# mine\nhealthCheckTimeout: 600\n';
let drover: RunningDrover;
beforeAll(async () => {
  writeFileSync(FILE, TEXT);
  drover = await startDrover({ dataFolder: data.path });
  await drover.waitForLine(/engine ready/);
});
afterAll(async () => {
  await drover?.[Symbol.asyncDispose]();
  data[Symbol.dispose]();
});

interface Sent {
  readonly method?: string;
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
}
async function ask(path: string, { method = 'GET', body, headers = {} }: Sent = {}) {
  const json = body === undefined ? {} : { 'content-type': 'application/json' };
  const response = await drover.request(path, {
    method,
    headers: { ...json, ...headers },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  const value = (await response.json()) as Record<string, unknown>;
  return { status: response.status, value, keys: Object.keys(value).sort() };
}
const file = (): string => readFileSync(FILE, 'utf8');

test('no method and path is registered twice, and every clash is listed', () => {
  const app = createApp(new SmallCore([{ id: 'm', baseUrl: 'http://127.0.0.1:1' }]).drover, {
    ...OPEN_OPTIONS,
    desks: {} as Desks,
  });
  const shapes = app.routes.map(
    ({ method, path }) => `${method} ${path.replace(/:\w+/g, ':').replace(/(.)\/$/, '$1')}`,
  );
  const twice = shapes.filter((shape, at) => shapes.indexOf(shape) !== at);
  expect(twice).toEqual([]);
  for (const shape of Object.keys(CONTESTED_ROUTES)) expect(shapes).toContain(shape);
});

describe('GET /api/config', () => {
  test('shows both views, and no secret', async () => {
    const { status, value } = await ask('/api/config');
    expect(status).toBe(200);
    expect(value.yaml).toBe(TEXT);
    expect(value).toMatchObject({
      config: { healthCheckTimeout: 600 },
      instances: { start_timeout: 600 },
      server: { host: '127.0.0.1' },
    });
  });

  test('shows what llamactl’s PUT has changed', async () => {
    const changed = await ask('/api/config', { method: 'PUT', body: { instances: { start_timeout: 900 } } });
    expect(changed.status).toBe(200);
    const { value } = await ask('/api/config');
    expect(value).toMatchObject({ config: { healthCheckTimeout: 900 }, instances: { start_timeout: 900 } });
    expect(value.yaml).toStartWith('# mine\n');
    writeFileSync(FILE, TEXT);
    await drover.json('/drover/reload', {});
  });
});

describe('POST /api/config', () => {
  test.each([
    ['a text is ClaraCore’s', { yaml: TEXT }, {}, 200, ['backup', 'requiresRestart', 'status']],
    ['nothing is LlamaHome’s', undefined, {}, 200, ['model_settings', 'system_settings']],
    ['an empty object too', {}, {}, 200, ['model_settings', 'system_settings']],
    ['settings of models', { model_settings: {} }, {}, 200, ['model_settings', 'system_settings']],
    ['settings of the system', { system_settings: {} }, {}, 200, ['model_settings', 'system_settings']],
    ['an empty text is refused', { yaml: '' }, {}, 400, ['code', 'error']],
    ['a text that is none', { yaml: 7 }, {}, 400, ['code', 'error']],
    ['neither is told what ClaraCore lacks', { nonsense: 1 }, {}, 400, ['code', 'error']],
    ['a wrong one of LlamaHome’s in its words', { model_settings: 7 }, {}, 422, ['error']],
    ['a header decides first', { yaml: TEXT }, { 'x-api-dialect': 'llamahome' }, 200, ['model_settings']],
    ['either way', {}, { 'x-api-dialect': 'clara' }, 400, ['code', 'error']],
  ] as const)('%s', async (_, body, headers, status, keys) => {
    const answer = await ask('/api/config', { method: 'POST', headers, ...(body === undefined ? {} : { body }) });
    expect(answer.status).toBe(status);
    for (const key of keys) expect(answer.keys).toContain(key);
    if (status >= 400 && keys.length === 1) expect(answer.value.error).toBeInstanceOf(Object);
    expect(file()).toBe(TEXT);
  });

  test('by a prefix, too', async () => {
    expect((await ask('/dialect/llamahome/api/config', { method: 'POST', body: {} })).keys).toContain('model_settings');
    expect((await ask('/dialect/clara/api/config', { method: 'POST', body: {} })).status).toBe(400);
  });
});

describe('GET /api/metrics', () => {
  test('is ClaraCore’s list, and LlamaHome’s stream where one is asked for', async () => {
    expect(await (await drover.request('/api/metrics')).json()).toBeArray();
    for (const [path, accept, type] of [
      ['/api/metrics', 'text/event-stream', 'text/event-stream'],
      ['/api/metrics', 'application/x-ndjson', 'application/x-ndjson'],
      ['/api/metrics?stream=true', '*/*', 'application/x-ndjson'],
    ] as const) {
      const left = new AbortController();
      const answer = await drover.request(path, { headers: { accept }, signal: left.signal });
      expect(answer.headers.get('content-type')).toStartWith(type);
      expect((await answer.body?.getReader().read())?.value?.byteLength).toBeGreaterThan(0);
      left.abort();
    }
    expect(await (await drover.request('/dialect/llamahome/api/metrics')).json()).toHaveProperty('loaded_models');
  });
});
