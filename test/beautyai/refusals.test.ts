// What BeautyAI's routes refuse, and how: each with what is missing, mistyped, out of range, unknown or hostile, against the
// compiled executable. After each refusal all is as it was.
import { afterAll, beforeAll, expect, test } from 'bun:test';
import { mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { temporaryFolder } from '../fixtures/drover.ts';
import { tinyLlama } from '../fixtures/tiny-models.ts';
import { type BeautyServer, requireEnvelope, startBeauty, until } from './server.ts';

const root = temporaryFolder('beautyai-refusals');
const models = join(root.path, 'models');
const data = join(root.path, 'data');
let server: BeautyServer;

beforeAll(async () => {
  for (const folder of [models, data]) mkdirSync(folder);
  writeFileSync(join(models, 'known.gguf'), tinyLlama({ name: 'Known', contextTokens: 256 }));
  writeFileSync(join(models, 'broken.gguf'), 'GGUF but not really');
  writeFileSync(join(root.path, 'notes.txt'), 'no model');
  writeFileSync(join(data, 'config.yaml'), `models:\n  known: { file: '${join(models, 'known.gguf')}' }\n`);
  server = await startBeauty({ modelsFolders: [models], dataFolder: data });
  await server.well('POST', '/models/', {
    model_name: 'mine',
    model_config: { model_id: 'owner/name', engine: 'vllm', architecture: 'causal_lm' },
  });
});
afterAll(async () => {
  await server?.[Symbol.asyncDispose]();
  root[Symbol.dispose]();
});

async function state(): Promise<unknown> {
  const { models: all, total_count: count } = await server.well('GET', '/models/');
  // A model that was asked stays loaded, and its memory is never the same twice.
  const listed = all.map((model: object) => ({ ...model, status: null, memory_usage_mb: null }));
  const registry = await server.well('GET', '/models/?format=registry');
  const sessions = await server.well('GET', '/inference/sessions');
  const config = readFileSync(join(data, 'config.yaml'), 'utf8');
  const files = readdirSync(models).map((name) => [name, statSync(join(models, name)).size]);
  return [listed, count, registry.models, registry.default_model, sessions.data, config, files];
}

const config = (more: object) => ({
  model_name: 'new',
  model_config: { model_id: 'owner/name', engine: 'vllm', ...more },
});
const chat = (more: object) => ({ model_name: 'known', message: 'Hi', ...more });
const sampled = (more: object) => chat({ generation_config: more });

type Row = readonly [method: string, path: string, body: unknown, status?: number, code?: string];
const MISSING = 'ModelNotFoundError';

const ROWS: readonly Row[] = [
  ...['?limit=0', '?limit=101', '?limit=-1', '?limit=x', '?limit=1.5', '?offset=-1', '?offset=x', '?format=yaml'].map(
    (query): Row => ['GET', `/models/${query}`, undefined],
  ),
  ['POST', '/models/', undefined],
  ['POST', '/models/', {}],
  ['POST', '/models/', []],
  ['POST', '/models/', '{"model_name": '],
  ['POST', '/models/', '"text"'],
  ['POST', '/models/', { model_name: 'new' }],
  ['POST', '/models/', { model_config: { model_id: 'a/b', engine: 'vllm' } }],
  ['POST', '/models/', { model_name: '', model_config: { model_id: 'a/b', engine: 'vllm' } }],
  ['POST', '/models/', { model_name: 7, model_config: { model_id: 'a/b', engine: 'vllm' } }],
  ['POST', '/models/', { ...config({}), set_as_default: 'yes' }],
  ['POST', '/models/', { ...config({}), model_name: 'known' }],
  ['POST', '/models/', { ...config({}), model_name: 'KNOWN' }],
  ['POST', '/models/', { ...config({}), model_name: 'mine' }],
  ['POST', '/models/', config({ model_id: '' })],
  ['POST', '/models/', config({ model_id: null })],
  ['POST', '/models/', config({ engine: undefined })],
  ['POST', '/models/', config({ engine: 'tensorrt' })],
  ['POST', '/models/', config({ engine: 'vllm', engine_type: 'transformers' })],
  ['POST', '/models/', config({ architecture: 'seq2seq_lm' })],
  ['POST', '/models/', config({ architecture: 'causal_lm', model_architecture: 'other' })],
  ['POST', '/models/', config({ quantization: '4bit' })],
  ['POST', '/models/', config({ quantization: 'Q4_K_M' })],
  ['POST', '/models/', config({ quantization: 4 })],
  ['POST', '/models/', config({ engine: 'transformers', quantization: 'awq' })],
  ['POST', '/models/', config({ engine: 'transformers', architecture: 'diffusion' })],
  ['POST', '/models/', config({ engine: 'llama.cpp', quantization: '4bit' })],
  ['POST', '/models/', config({ engine: 'llama.cpp', quantization: 'Q9_Z' })],
  ['POST', '/models/', config({ dtype: 'float16 --x' })],
  ['POST', '/models/', config({ max_new_tokens: 0 })],
  ['POST', '/models/', config({ max_new_tokens: 1.5 })],
  ['POST', '/models/', config({ custom_generation_params: { temperature: 'hot' } })],
  ['POST', '/models/', config({ custom_generation_params: [] })],
  ['POST', '/models/', config({ parameters: 'x' })],
  ['POST', '/models/', config({ engine: 'llama.cpp', model_id: join(root.path, 'gone.gguf') }), 404, 'NotFoundError'],
  ['POST', '/models/', config({ engine: 'llama.cpp', model_id: join(root.path, 'notes.txt') })],
  ['POST', '/models/', config({ engine: 'llama.cpp', model_id: '/etc/passwd' })],
  ['POST', '/models/', { models: {} }],
  ['POST', '/models/', { models: [] }],
  ['POST', '/models/', { models: { a: { model_id: 'a/b' } } }],
  [
    'POST',
    '/models/',
    { models: { a: { model_id: 'a/b', engine: 'vllm' }, default: { model_id: 'a/b', engine: 'vllm' } } },
  ],
  ['POST', '/models/', { default_model: 'nobody', models: { a: { model_id: 'a/b', engine: 'vllm' } } }, 404, MISSING],
  ['GET', '/models/nobody', undefined, 404, MISSING],
  ['GET', '/models/%00', undefined, 404, MISSING],
  ['GET', '/models/%zz', undefined],
  ['GET', '/models/..%2f..%2fetc%2fpasswd', undefined, 404, MISSING],
  ['PUT', '/models/nobody', { updates: { a: 1 } }, 404, MISSING],
  ['PUT', '/models/mine', {}],
  ['PUT', '/models/mine', undefined],
  ['PUT', '/models/mine', { updates: [] }],
  ['PUT', '/models/mine', { updates: 'x' }],
  ['PUT', '/models/mine', { set_as_default: 1 }],
  ['PUT', '/models/mine', { updates: { engine: 'x' } }],
  ['PUT', '/models/mine', { updates: { quantization: '4bit' } }],
  ['PUT', '/models/mine', { updates: { model_id: '--x' } }],
  ['PUT', '/models/mine', { updates: { model_id: null } }],
  ['DELETE', '/models/nobody', undefined, 404, MISSING],
  ['PUT', '/models/known', { updates: { description: 'x' } }],
  ['DELETE', '/models/known', undefined],
  ['DELETE', '/models/broken', undefined],
  ['DELETE', '/models/broken?clear_cache=true', undefined],
  ['DELETE', '/models/known?clear_cache=true', undefined],
  ['POST', '/models/default/nobody', undefined, 404, MISSING],
  ['POST', '/models/nobody/load', {}, 404, MISSING],
  ['POST', '/models/known/load', { force_reload: 'yes' }],
  ['POST', '/models/known/load', '{'],
  ['POST', '/models/broken/load', {}, 500, 'ModelLoadError'],
  ['POST', '/models/mine/load', {}, 500, 'ModelLoadError'],
  ['POST', '/models/nobody/unload', undefined, 404, MISSING],
  ['POST', '/models/known/unload', undefined],
  ['GET', '/models/nobody/status', undefined, 404, MISSING],
  ['POST', '/models/nobody/validate', undefined, 404, MISSING],
  ['POST', '/inference/chat', undefined],
  ['POST', '/inference/chat', {}],
  ['POST', '/inference/chat', chat({ message: '' })],
  ['POST', '/inference/chat', chat({ message: ' \n' })],
  ['POST', '/inference/chat', chat({ message: 5 })],
  ['POST', '/inference/chat', chat({ model_name: 'nobody' }), 404, MISSING],
  ['POST', '/inference/chat', chat({ model_name: '' })],
  ['POST', '/inference/chat', chat({ model_name: {} })],
  ['POST', '/inference/chat', chat({ session_id: 7 })],
  ['POST', '/inference/chat', chat({ session_id: '../x' })],
  ['POST', '/inference/chat', chat({ chat_history: 'x' })],
  ['POST', '/inference/chat', chat({ chat_history: [{ role: 'tool', content: 'x' }] })],
  ['POST', '/inference/chat', chat({ chat_history: [{ role: 'user' }] })],
  ['POST', '/inference/chat', chat({ stream: 'yes' })],
  ['POST', '/inference/chat', chat({ generation_config: 'x' })],
  ['POST', '/inference/chat', sampled({ max_tokens: 0 })],
  ['POST', '/inference/chat', sampled({ max_tokens: 1.5 })],
  ['POST', '/inference/chat', sampled({ max_new_tokens: 'x' })],
  ['POST', '/inference/chat', sampled({ temperature: -1 })],
  ['POST', '/inference/chat', sampled({ top_p: 1.5 })],
  ['POST', '/inference/chat', sampled({ repetition_penalty: -1 })],
  ['POST', '/inference/chat', sampled({ stop: 5 })],
  // Longer than the model's context: the engine refuses it.
  ['POST', '/inference/chat', chat({ message: 'word '.repeat(2000) })],
  ['POST', '/inference/test', { model_name: 'known' }],
  ['POST', '/inference/test', { model_name: 'known', prompt: '' }],
  ['POST', '/inference/test', { model_name: 'nobody', prompt: 'x' }, 404, MISSING],
  ['POST', '/inference/test', { model_name: 'known', prompt: 'x', validation_criteria: { min_length: -1 } }],
  ['POST', '/inference/test', { model_name: 'known', prompt: 'x', validation_criteria: { required_keywords: 'x' } }],
  ['POST', '/inference/test', { model_name: 'known', prompt: 'x', validation_criteria: { check_coherence: 1 } }],
  ['POST', '/inference/sessions/save', {}],
  ['POST', '/inference/sessions/save', { session_id: 'nobody' }, 404, 'NotFoundError'],
  ['POST', '/inference/sessions/save', { session_id: 'x', session_data: 'y' }],
  ['POST', '/inference/sessions/save', { session_id: 'x', session_data: { a: 1 }, output_file: 5 }],
  ['POST', '/inference/sessions/load', {}],
  ['POST', '/inference/sessions/load', { input_file: 'nobody.json' }, 404, 'NotFoundError'],
  ['DELETE', '/inference/sessions/nobody', undefined, 404, 'NotFoundError'],
  ['DELETE', '/inference/sessions/..%2fx', undefined],
  ['POST', '/system/cache/clear?model_name=nobody', undefined, 404, MISSING],
  ['POST', '/system/cache/clear?model_name=known', undefined],
  ['POST', '/system/cache/clear?model_name=mine', undefined],
  ...['0', '-1', 'x', '1.5', '100000'].map(
    (minutes): Row => ['GET', `/system/performance?window_minutes=${minutes}`, undefined],
  ),
  ...['level=LOUD', 'lines=0', 'lines=x', 'lines=1000000'].map(
    (query): Row => ['GET', `/system/logs?${query}`, undefined],
  ),
  ['GET', '/models/mine/nothing', undefined, 404, 'NotFoundError'],
  ['GET', '/inference/nothing', undefined, 404, 'NotFoundError'],
  ['GET', '/system', undefined, 404, 'NotFoundError'],
];

test.each(ROWS)('%s %s %j', async (method, path, body, status = 400, code = 'ValidationError') => {
  const before = await state();
  const { status: found, json } = await server.ask(method, path, body);
  expect({ status: found, code: json.error_code, json }).toMatchObject({ status, code });
  expect(json.error_message).not.toMatch(/^\s*at |undefined|\[object/);
  expect(await state()).toEqual(before);
});

const BODIES = [
  ...['/models/', '/models/known/load', '/models/known/unload', '/models/known/validate', '/inference/chat'],
  ...['/inference/test', '/inference/sessions/save', '/inference/sessions/load', '/system/memory/clear'],
  ...['/system/cache/clear', '/system/restart'],
];
test.each(BODIES)('%s takes JSON objects only, and no more than it must', async (path) => {
  const before = await state();
  const send = (type: string, body: string) =>
    server.drover.request(path, { method: 'POST', headers: { 'content-type': type }, body });
  const answers = [
    await send('text/plain', '{}'),
    await send('application/x-www-form-urlencoded', 'a=b'),
    await send('application/json', '[]'),
    await send('application/json', '{"a":'),
    await send('application/json', JSON.stringify({ a: 'x'.repeat(11 * 1024 * 1024) })),
  ];
  for (const answer of answers) {
    const json = (await answer.json()) as Record<string, unknown>;
    expect({ status: answer.status, code: json.error_code }).toEqual({ status: 400, code: 'ValidationError' });
    requireEnvelope(answer.status, json);
  }
  expect(await state()).toEqual(before);
});

test('with a key, each route wants its scope', async () => {
  const made = await server.drover.cli('keys', 'add', 'reader', '--scopes', 'model_read', '--json');
  const { key } = JSON.parse(made.stdout) as { key: string };
  const ask = async (method: string, path: string, withKey: boolean) => {
    const answer = await server.drover.request(path, {
      method,
      headers: { 'content-type': 'application/json', ...(withKey ? { 'x-api-key': key } : {}) },
      ...(method === 'GET' ? {} : { body: '{}' }),
    });
    const json = (await answer.json()) as Record<string, unknown>;
    requireEnvelope(answer.status, json);
    return [answer.status, json.error_code];
  };
  // The server looks for keys of the command line ten times a second.
  await until(async () => (await ask('GET', '/models/', false))[0] === 401, 'the key counts');
  expect(await ask('GET', '/models/', false)).toEqual([401, 'AuthenticationError']);
  expect(await ask('GET', '/models/', true)).toEqual([200, undefined]);
  const forbidden = [
    ...['PUT /models/mine', 'DELETE /models/mine', 'POST /models/', 'POST /models/mine/load', 'POST /inference/chat'],
    ...['POST /inference/test', 'POST /inference/sessions/save', 'POST /inference/sessions/load'],
    ...['GET /inference/sessions', 'DELETE /inference/sessions/x', 'GET /system/status', 'GET /system/logs'],
    ...['POST /system/cache/clear', 'POST /system/memory/clear', 'POST /system/restart', 'POST /models/default/mine'],
  ];
  for (const row of forbidden) {
    const [method = '', path = ''] = row.split(' ');
    expect({ row, answer: await ask(method, path, true) }).toEqual({ row, answer: [403, 'PermissionError'] });
    expect({ row, answer: await ask(method, path, false) }).toEqual({ row, answer: [401, 'AuthenticationError'] });
  }
});
