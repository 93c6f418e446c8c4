// vLLM and Transformers as engines: a program of that name on the PATH is started with the right words, found ready, asked,
// stopped and lost like our own engine; where there is none, that is said. Against the compiled executable.
import { afterAll, beforeAll, expect, test } from 'bun:test';
import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { processesWith, temporaryFolder } from '../fixtures/drover.ts';
import { tinyLlama } from '../fixtures/tiny-models.ts';
import { type BeautyServer, startBeauty, until } from './server.ts';

const PROGRAM = join(import.meta.dir, '..', 'fixtures', 'vllm-server.ts');
const root = temporaryFolder('beautyai-engines');
const bin = join(root.path, 'bin');
let server: BeautyServer;

beforeAll(async () => {
  const models = join(root.path, 'models');
  const data = join(root.path, 'data');
  for (const folder of [bin, models, data]) mkdirSync(folder);
  writeFileSync(join(models, 'stories.gguf'), tinyLlama({ name: 'Stories', contextTokens: 512 }));
  writeFileSync(join(data, 'config.yaml'), 'models:\n  by-hand: { engine: vllm, model: owner/by-hand, dtype: half }\n');
  writeFileSync(join(bin, 'vllm'), `#!/bin/sh\nexec "${process.execPath}" "${PROGRAM}" "$@"\n`);
  chmodSync(join(bin, 'vllm'), 0o755);
  server = await startBeauty({
    modelsFolders: [models],
    dataFolder: data,
    environment: { PATH: `${bin}:/usr/bin:/bin`, DROVER_OFFLINE: '1' },
  });
});
afterAll(async () => {
  await server?.[Symbol.asyncDispose]();
  root[Symbol.dispose]();
});

const add = (name: string, config: object): Promise<unknown> =>
  server.well('POST', '/models/', { model_name: name, model_config: { architecture: 'causal_lm', ...config } });
/** What the program was started with and asked. */
const told = async (name: string, more: object = {}) =>
  JSON.parse((await server.well('POST', '/inference/chat', { model_name: name, message: 'Hi', ...more })).response) as {
    readonly words: readonly string[];
    readonly body: Readonly<Record<string, unknown>>;
    readonly offline: string | null;
  };

test('a vllm entry runs vllm serve, and is a model like any other', async () => {
  await add('quick', { model_id: 'owner/name-AWQ', engine: 'vllm', quantization: 'awq', dtype: 'float16' });
  expect(await server.well('POST', '/models/quick/load', {})).toMatchObject({ model_id: 'owner/name-AWQ' });
  const { words, body, offline } = await told('quick', { generation_config: { repetition_penalty: 1.2 } });
  expect(words.slice(0, -1)).toEqual([
    ...['serve', 'owner/name-AWQ', '--served-model-name=quick', '--quantization=awq', '--dtype=float16'],
    ...['--host', '127.0.0.1', '--port'],
  ]);
  expect(body).toMatchObject({ model: 'quick', repetition_penalty: 1.2 });
  expect(offline).toBe('1');
  const list = (await server.drover.json<{ data: { id: string; status: { value: string } }[] }>('/v1/models')).data;
  expect(list.find(({ id }) => id === 'quick')?.status.value).toBe('loaded');
  const stats = (await server.well('POST', '/inference/chat', { model_name: 'quick', message: 'Hi' })).generation_stats;
  // It counts, but does not time: that is not made up.
  expect(stats).toMatchObject({ tokens_generated: 7, prompt_tokens: 5, tokens_per_second: null });
  expect(processesWith(PROGRAM).length).toBe(1);
  await server.well('POST', '/models/quick/unload');
  expect(processesWith(PROGRAM)).toEqual([]);
});

test('an entry of the configuration may name the engine too', async () => {
  const listed = (await server.well('GET', '/models/')).models;
  expect(listed.find((model: { model_name: string }) => model.model_name === 'by-hand')).toMatchObject({
    engine: 'vllm',
    status: 'unloaded',
  });
  expect((await told('by-hand')).words).toContain('--dtype=half');
  await server.well('POST', '/models/by-hand/unload');
});

test('both spellings of squeezellm are one', async () => {
  await add('squeezed', { model_id: 'owner/name', engine_type: 'vllm', quantization: 'squeezelm' });
  expect((await told('squeezed')).words).toContain('--quantization=squeezellm');
  const { data } = await server.well('POST', '/models/squeezed/validate');
  expect(data).toMatchObject({ valid: true, warnings: [expect.stringContaining('squeezellm')] });
  await server.well('POST', '/models/squeezed/unload');
});

test('an engine that is not installed is said to be so, with the way to get it', async () => {
  await add('absent', { model_id: 'owner/name', engine: 'transformers', quantization: '4bit' });
  for (const [path, body] of [
    ['/models/absent/load', {}],
    ['/inference/chat', { model_name: 'absent', message: 'Hi' }],
  ] as const) {
    const { status, json } = await server.ask('POST', path, body);
    expect({ path, status, code: json.error_code }).toEqual({ path, status: 500, code: 'ModelLoadError' });
    expect(json.error_message).toContain('transformers');
    expect(json.error_details.hint).toContain('pip install transformers[serving]');
  }
});

test('and is found as soon as it is there', async () => {
  writeFileSync(join(bin, 'transformers'), `#!/bin/sh\nexec "${process.execPath}" "${PROGRAM}" "$@"\n`);
  chmodSync(join(bin, 'transformers'), 0o755);
  const config = { generation_config: { top_p: 0.5, top_k: 3, repetition_penalty: 1.1 } };
  const { words, body } = await told('absent', config);
  expect(words.slice(0, -1)).toEqual([
    ...['serve', '--force-model=owner/name', '--quantization=bnb-4bit', '--model-timeout=-1'],
    ...['--host', '127.0.0.1', '--port'],
  ]);
  // It refuses words that it does not know.
  expect(Object.keys(body).sort()).toEqual(['messages', 'model', 'stream', 'stream_options', 'top_p']);
  await server.well('POST', '/models/absent/unload');
});

test('one that does not start is a load that failed, with what it said', async () => {
  await add('broken', { model_id: 'owner/broken', engine: 'vllm' });
  const { status, json } = await server.ask('POST', '/models/broken/load', {});
  expect({ status, code: json.error_code }).toEqual({ status: 500, code: 'ModelLoadError' });
  expect(JSON.stringify(json.error_details)).toContain('the weights are on fire');
  expect((await server.well('GET', '/models/broken/status')).data).toMatchObject({ status: 'unloaded' });
});

test.each([
  '--trust-remote-code',
  'owner/name --trust-remote-code',
  '-x/y',
  'owner/-x',
  'owner/na;me',
  '../../etc/passwd',
  'owner/name/more',
  'https://example.com/model',
  '$(touch /tmp/x)',
  'a\nb',
])('a name that is none is refused: %p', async (model) => {
  const before = await server.well('GET', '/models/');
  for (const engine of ['vllm', 'transformers', 'llama.cpp']) {
    const { status, json } = await server.ask('POST', '/models/', {
      model_name: 'hostile',
      model_config: { model_id: model, engine },
    });
    expect({ engine, status, code: json.error_code }).toEqual({ engine, status: 400, code: 'ValidationError' });
  }
  expect((await server.well('GET', '/models/')).models).toEqual(before.models);
});

test('whoever leaves a stream takes the work with him, whatever the engine', async () => {
  const leave = new AbortController();
  const answer = await server.drover.request('/inference/chat', {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ model_name: 'quick', message: 'slow', stream: true, session_id: 'left' }),
    signal: leave.signal,
  });
  expect(answer.headers.get('content-type')).toContain('text/event-stream');
  const reader = answer.body?.getReader();
  expect(new TextDecoder().decode((await reader?.read())?.value)).toContain('data: {"delta":"on and on "}');
  expect((await server.well('GET', '/models/quick/status')).data.requests_in_flight).toBe(1);
  leave.abort();
  await until(
    async () => (await server.well('GET', '/models/quick/status')).data.requests_in_flight === 0,
    'nothing is in flight',
  );
  // A turn without an end is not a turn.
  const { data } = await server.well('GET', '/inference/sessions');
  expect(data.sessions.filter((session: { session_id: string }) => session.session_id === 'left')).toEqual([]);
});
