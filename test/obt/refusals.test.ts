// What OBT's routes and the other doors to benchmarks refuse, and how: each with what is missing, mistyped, out of range,
// unknown or hostile. After each refusal nothing is written, nothing is loaded.
import { afterAll, beforeAll, expect, test } from 'bun:test';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type RunningDrover, startDrover, temporaryFolder } from '../fixtures/drover.ts';
import { tinyLlama } from '../fixtures/tiny-models.ts';

const root = temporaryFolder('obt-refusals');
let drover: RunningDrover;
beforeAll(async () => {
  const models = join(root.path, 'models');
  mkdirSync(models);
  writeFileSync(join(models, 'broken.gguf'), 'GGUF but not really');
  writeFileSync(join(models, 'talker.gguf'), tinyLlama({ name: 'Talker' }));
  drover = await startDrover({ modelsFolders: [models] });
});
afterAll(async () => {
  await drover?.[Symbol.asyncDispose]();
  root[Symbol.dispose]();
});

type Row = readonly [what: string, ask: string, body: unknown, status: number, error: RegExp];
const CREATE = 'POST /api/v1/test-sessions';
const right = { models: ['talker-f32'], testTypes: ['completion'] };
const many = (count: number, text: string): string[] => Array.from({ length: count }, (_, at) => text + at);

const OBT: readonly Row[] = [
  ['nothing', CREATE, {}, 400, /^models is required$/],
  ['no types', CREATE, { models: ['talker-f32'] }, 400, /^testTypes is required$/],
  ['no models', CREATE, { ...right, models: [] }, 400, /"models"/],
  ['empty types', CREATE, { ...right, testTypes: [] }, 400, /"testTypes"/],
  ['a text for a list', CREATE, { ...right, models: 'talker-f32' }, 400, /"models"/],
  ['numbers in a list', CREATE, { ...right, models: [5] }, 400, /"models\.0"/],
  ['an empty name', CREATE, { ...right, models: [''] }, 400, /"models\.0"/],
  ['too many models', CREATE, { ...right, models: many(101, 'm') }, 400, /"models"/],
  ['an unknown model', CREATE, { ...right, models: ['talker-f32', 'nobody'] }, 400, /"nobody"/],
  ['a path for a model', CREATE, { ...right, models: ['../../etc/passwd'] }, 400, /passwd/],
  ['a prototype', CREATE, { ...right, models: ['__proto__'] }, 400, /__proto__/],
  ['an unknown type', CREATE, { ...right, testTypes: ['completion', 'test_d'] }, 400, /"test_d"/],
  ['a type of another name', CREATE, { ...right, testTypes: ['constructor'] }, 400, /"constructor"/],
  ['no iterations', CREATE, { ...right, iterations: 0 }, 400, /"iterations"/],
  ['too many', CREATE, { ...right, iterations: 101 }, 400, /"iterations"/],
  ['a fraction', CREATE, { ...right, iterations: 1.5 }, 400, /"iterations"/],
  ['a number as text', CREATE, { ...right, iterations: '3' }, 400, /"iterations"/],
  ['a text for tags', CREATE, { ...right, tags: 'a' }, 400, /"tags"/],
  ['an empty tag', CREATE, { ...right, tags: [''] }, 400, /"tags\.0"/],
  ['a long tag', CREATE, { ...right, tags: ['x'.repeat(101)] }, 400, /"tags\.0"/],
  ['too many tags', CREATE, { ...right, tags: many(51, 't') }, 400, /"tags"/],
  ['no JSON', CREATE, '{"models": ["talker-f32"', 400, /JSON/],
  ['not an object', CREATE, '[]', 400, /object/],
  ['nothing like it', 'GET /api/v1/test-sessions/nobody', undefined, 404, /"nobody"/],
  ['a hostile id', 'GET /api/v1/test-sessions/..%2f..%2fetc', undefined, 404, /etc/],
  ['SQL', `GET /api/v1/test-sessions/${encodeURIComponent("' OR 1=1 --")}`, undefined, 404, /OR 1=1/],
  ['bad encoding', 'GET /api/v1/test-sessions/%ff', undefined, 400, /encoding/],
  ['nothing to cancel', 'POST /api/v1/test-sessions/nobody/cancel', {}, 404, /"nobody"/],
  ['nothing to delete', 'DELETE /api/v1/test-sessions/nobody', undefined, 404, /"nobody"/],
  ['page 0', 'GET /api/v1/test-sessions?page=0', undefined, 400, /"page"/],
  ['a page that is none', 'GET /api/v1/test-sessions?page=two', undefined, 400, /"page"/],
  ['a negative page', 'GET /api/v1/test-sessions?page=-1', undefined, 400, /"page"/],
  ['an endless page', 'GET /api/v1/test-sessions?page=99999999999999999999', undefined, 400, /"page"/],
  ['limit 0', 'GET /api/v1/test-sessions?limit=0', undefined, 400, /"limit"/],
  ['limit 201', 'GET /api/v1/test-sessions?limit=201', undefined, 400, /"limit"/],
  ['a fraction', 'GET /api/v1/test-sessions?limit=1.5', undefined, 400, /"limit"/],
  ['a long search', `GET /api/v1/test-sessions?search=${'x'.repeat(1001)}`, undefined, 400, /"search"/],
  ['limit 0', 'GET /api/v1/test-results?limit=0', undefined, 400, /"limit"/],
  ['limit 201', 'GET /api/v1/test-results?limit=201', undefined, 400, /"limit"/],
  ['page 0', 'GET /api/v1/test-results?page=0', undefined, 400, /"page"/],
  ['an unknown figure', 'GET /api/v1/test-results?metrics=ramUsage,speed', undefined, 400, /"metrics"/],
  ['a hostile figure', 'GET /api/v1/test-results?metrics=__proto__', undefined, 400, /"metrics"/],
  ['no date', 'GET /api/v1/test-results?dateRange[start]=yesterday', undefined, 400, /"dateRange\.start"/],
  ['no such day', 'GET /api/v1/test-results?dateRange.end=2026-02-40', undefined, 400, /"dateRange\.end"/],
  ['a number', 'GET /api/v1/test-results?dateRange.end=5', undefined, 400, /"dateRange\.end"/],
  [
    'back to front',
    'GET /api/v1/test-results?dateRange.start=2026-02-02&dateRange.end=2026-02-01',
    undefined,
    400,
    /start before/,
  ],
  ['a long name', `GET /api/v1/test-results?modelName=${'x'.repeat(1001)}`, undefined, 400, /"modelName"/],
  ['no upgrade', 'GET /ws/test-progress', undefined, 400, /WebSocket/],
  ['no upgrade', 'GET /api/v1/ws/test-progress', undefined, 400, /WebSocket/],
  ['no such session', 'GET /ws/test-progress?sessionId=nobody', undefined, 404, /"nobody"/],
  ['no such path', 'GET /api/v1/nothing', undefined, 404, /nothing/],
  ['another method', 'PUT /api/v1/test-sessions', {}, 405, /PUT/],
  ['another method', 'POST /api/v1/models', {}, 405, /POST/],
];

test.each(OBT)('%s: %s', async (_, ask, body, status, error) => {
  const answer = await send(ask, body);
  const said = (await answer.json()) as { status: number; message: string };
  expect(said.message).toMatch(error);
  expect([answer.status, said.status]).toEqual([status, status]);
  await expectNothing();
});

const BENCH = 'POST /inference/benchmark';
const wanted = { model_name: 'talker-f32', benchmark_type: 'latency' };

const BEAUTYAI: readonly Row[] = [
  ['an unknown model', BENCH, { ...wanted, model_name: 'nobody' }, 404, /"nobody"/],
  ['the same in the background', `${BENCH}?background=true`, { ...wanted, model_name: 'nobody' }, 404, /"nobody"/],
  ['a number for a model', BENCH, { ...wanted, model_name: 5 }, 400, /"model_name"/],
  ['a broken model', BENCH, { ...wanted, model_name: 'broken' }, 500, /broken/],
  ['an unknown type', BENCH, { ...wanted, benchmark_type: 'speed' }, 400, /"benchmark_type"/],
  ['a text for settings', BENCH, { ...wanted, config: 'fast' }, 400, /"config"/],
  ['no runs', BENCH, { ...wanted, config: { num_runs: 0 } }, 400, /num_runs/],
  ['too many runs', BENCH, { ...wanted, config: { num_runs: 1001 } }, 400, /num_runs/],
  ['runs as text', BENCH, { ...wanted, config: { num_runs: '5' } }, 400, /num_runs/],
  ['a negative length', BENCH, { ...wanted, config: { max_tokens: -1 } }, 400, /max_tokens/],
  ['a cold temperature', BENCH, { ...wanted, config: { temperature: -0.1 } }, 400, /temperature/],
  ['an empty prompt', BENCH, { ...wanted, config: { prompt: '' } }, 400, /prompt/],
  ['no time', BENCH, { ...wanted, config: { duration_seconds: 0 } }, 400, /duration_seconds/],
  ['a day', BENCH, { ...wanted, config: { duration_seconds: 86_400 } }, 400, /duration_seconds/],
  ['a crowd', BENCH, { ...wanted, config: { concurrency: 65 } }, 400, /concurrency/],
  ['no JSON', BENCH, '{"model_name": ', 400, /JSON/],
  ['nothing like it', 'GET /inference/benchmark/nobody', undefined, 404, /"nobody"/],
  ['a hostile id', 'GET /inference/benchmark/..%2f..%2fetc', undefined, 404, /etc/],
];

test.each(BEAUTYAI)('BeautyAI, %s: %s', async (_, ask, body, status, error) => {
  const answer = await send(ask, body);
  const said = (await answer.json()) as { success: boolean; error_message: string };
  expect(said.error_message).toMatch(error);
  expect([answer.status, said.success]).toEqual([status, false]);
  await expectNothing();
});

const OWN = 'POST /drover/bench';
const DROVER: readonly Row[] = [
  ['nothing', OWN, {}, 400, /^model is required$/],
  ['an unknown model', OWN, { model: 'nobody' }, 404, /"nobody"/],
  ['the same as a stream', `${OWN}?stream=true`, { model: 'nobody' }, 404, /"nobody"/],
  ['no lengths', OWN, { model: 'talker-f32', promptLengths: [] }, 400, /"promptLengths"/],
  ['a length of nothing', OWN, { model: 'talker-f32', promptLengths: [0] }, 400, /"promptLengths\.0"/],
  ['a crowd', OWN, { model: 'talker-f32', concurrencies: [65] }, 400, /"concurrencies\.0"/],
  ['no tokens', OWN, { model: 'talker-f32', tokens: 0 }, 400, /"tokens"/],
  ['an empty name', OWN, { model: 'talker-f32', save: '' }, 400, /"save"/],
  ['a path for a name', OWN, { model: 'talker-f32', save: '../x' }, 400, /"save"/],
  ['a name that moves the cursor', OWN, { model: 'talker-f32', save: '\u001b[2J' }, 400, /"save"/],
  ['nothing like it', 'GET /drover/bench/nobody', undefined, 404, /"nobody"/],
];

test.each(DROVER)('ours, %s: %s', async (_, ask, body, status, error) => {
  const answer = await send(ask, body);
  const said = (await answer.json()) as { error: { message: string } };
  expect(said.error.message).toMatch(error);
  expect(answer.status).toBe(status);
  await expectNothing();
});

test('another content type is refused as each dialect can', async () => {
  const init = { method: 'POST', headers: { 'content-type': 'text/plain' }, body: JSON.stringify(right) };
  const statuses = await Promise.all(
    ['/api/v1/test-sessions', '/inference/benchmark', '/drover/bench'].map(
      async (path) => (await drover.request(path, init)).status,
    ),
  );
  expect(statuses).toEqual([415, 400, 415]);
});

test('a page of another site starts nothing and follows nothing', async () => {
  const headers = { origin: 'https://example.com', 'content-type': 'application/json' };
  const create = { method: 'POST', headers, body: JSON.stringify(right) };
  expect((await drover.request('/api/v1/test-sessions', create)).status).toBe(403);
  const upgrade = {
    connection: 'Upgrade',
    upgrade: 'websocket',
    'sec-websocket-version': '13',
    'sec-websocket-key': 'dGhlIHNhbXBsZSBub25jZQ==',
  };
  expect((await drover.request('/ws/test-progress', { headers: { ...headers, ...upgrade } })).status).toBe(403);
  await expectNothing();
});

function send(ask: string, body: unknown): Promise<Response> {
  const [method = '', path = ''] = ask.split(' ');
  const text = typeof body === 'string' ? body : JSON.stringify(body);
  return drover.request(path, {
    method,
    ...(body === undefined ? {} : { headers: { 'content-type': 'application/json' }, body: text }),
  });
}

async function expectNothing(): Promise<void> {
  const { total } = await drover.json<{ total: number }>('/api/v1/test-sessions');
  const { instances } = await drover.json<{ instances: unknown[] }>('/drover/instances');
  expect([total, instances]).toEqual([0, []]);
}
