// The registry: what is registered comes back as it was said, resolves to what is on this machine, and lasts; requests that
// race end in one state with one loser. Against the compiled executable and the real engine.
import { afterAll, beforeAll, describe, expect, test } from 'bun:test';
import { cpSync, existsSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { temporaryFolder } from '../fixtures/drover.ts';
import { tinyLlama } from '../fixtures/tiny-models.ts';
import { type BeautyServer, startBeauty, until } from './server.ts';

const REGISTRY = JSON.parse(readFileSync(join(import.meta.dir, 'registry.json'), 'utf8')) as {
  readonly default_model: string;
  readonly models: Readonly<Record<string, Readonly<Record<string, unknown>>>>;
};

const root = temporaryFolder('beautyai-registry');
const models = join(root.path, 'models');
const data = join(root.path, 'data');
const outside = join(root.path, 'outside');
let server: BeautyServer;

beforeAll(async () => {
  for (const folder of [models, data, outside, join(data, 'models')]) mkdirSync(folder);
  const put = (path: string, name: string): void =>
    writeFileSync(path, tinyLlama({ name, contextTokens: 1024, blockCount: name.length % 5 || 1 }));
  put(join(models, 'stories.gguf'), 'Stories');
  put(join(models, 'second.gguf'), 'Second one');
  put(join(outside, 'elsewhere.gguf'), 'Elsewhere');
  put(join(data, 'models', 'fetched.gguf'), 'Fetched');
  server = await startBeauty({ modelsFolders: [models], dataFolder: data });
});
afterAll(async () => {
  await server?.[Symbol.asyncDispose]();
  root[Symbol.dispose]();
});

const llama = (model: string, more: object = {}): object => ({ model_id: model, engine: 'llama.cpp', ...more });
const add = (name: string, config: object, more: object = {}) =>
  server.ask('POST', '/models/', { model_name: name, model_config: config, ...more });
const names = async (): Promise<string[]> =>
  (await server.well('GET', '/models')).models.map((model: { model_name: string }) => model.model_name);

describe('the registry of the document', () => {
  test('is registered as it stands and comes back the same, in one and one by one', async () => {
    const added = await server.well('POST', '/models/', REGISTRY);
    expect(added).toMatchObject({ model_name: 'qwen3-model', model_names: Object.keys(REGISTRY.models) });
    const { default_model, models: back } = await server.well('GET', '/models/?format=registry');
    expect(JSON.stringify({ default_model, models: back })).toBe(JSON.stringify(REGISTRY));
    for (const [name, words] of Object.entries(REGISTRY.models)) {
      const { data: one } = await server.well('GET', `/models/${name}`);
      expect(one).toMatchObject({ model_name: name, status: 'unloaded', is_default: name === 'qwen3-model' });
      expect(JSON.stringify(one.model_config)).toBe(JSON.stringify(words));
    }
    const { models: listed } = await server.well('GET', '/models/');
    expect(listed.find((model: { model_name: string }) => model.model_name === 'qwen3-model')).toEqual({
      model_name: 'qwen3-model',
      model_id: 'Qwen/Qwen3-14B',
      architecture: 'causal_lm',
      engine: 'transformers',
      status: 'unloaded',
      memory_usage_mb: 0,
    });
  });

  test('cannot be registered twice, nor in parts', async () => {
    const before = await server.well('GET', '/models/');
    expect((await server.ask('POST', '/models/', REGISTRY)).status).toBe(400);
    const half = { models: { 'new-one': llama('stories'), 'qwen3-model': REGISTRY.models['qwen3-model'] } };
    expect((await server.ask('POST', '/models/', half)).status).toBe(400);
    expect((await server.well('GET', '/models/')).models).toEqual(before.models);
  });

  test('what is not on this machine is listed, and its load says how to bring it', async () => {
    const name = 'bee1reason-arabic-qwen-14b-gguf';
    const { status, json } = await server.ask('POST', `/models/${name}/load`, {});
    expect({ status, code: json.error_code }).toEqual({ status: 500, code: 'ModelLoadError' });
    expect(json.error_details.hint).toContain('drover pull beetlware/Bee1reason-arabic-Qwen-14B-Q4_K_M-GGUF');
    const { data: told } = await server.well('POST', `/models/${name}/validate`);
    expect(told).toMatchObject({ valid: false, errors: [expect.stringContaining('drover pull')] });
    const chat = await server.ask('POST', '/inference/chat', { model_name: name, message: 'Hi' });
    expect({ status: chat.status, code: chat.json.error_code }).toEqual({ status: 500, code: 'ModelLoadError' });
  });

  test('and is taken up when it has come', async () => {
    const file = join(models, 'Bee1reason-arabic-Qwen-14B-Q4_K_M.gguf');
    writeFileSync(file, tinyLlama({ name: 'Bee1reason', contextTokens: 1024, blockCount: 3 }));
    await server.drover.json('/drover/rescan', {});
    const loaded = await server.well('POST', '/models/bee1reason-arabic-qwen-14b-gguf/load', {});
    expect(loaded.model_id).toBe('beetlware/Bee1reason-arabic-Qwen-14B-Q4_K_M-GGUF');
    await server.well('POST', '/models/bee1reason-arabic-qwen-14b-gguf/unload');
  });
});

test.each([
  ['the name of a model', 'stories'],
  ['the name of a file', 'stories.gguf'],
  ['the path of a file outside of all folders', join(outside, 'elsewhere.gguf')],
])('a model may be said by %s, and shows as one in every list', async (_, model) => {
  expect((await add('shown', llama(model))).status).toBe(200);
  expect((await server.well('POST', '/models/shown/load', {})).model_id).toBe(model);
  const { data: openai } = await server.drover.json<{ data: { id: string; status: { value: string } }[] }>(
    '/v1/models',
  );
  expect(openai.find(({ id }) => id === 'shown')?.status.value).toBe('loaded');
  expect(await server.drover.json<unknown>('/running')).toMatchObject({ running: [{ model: 'shown' }] });
  await server.well('DELETE', '/models/shown');
  expect(await names()).not.toContain('shown');
  expect(existsSync(join(outside, 'elsewhere.gguf'))).toBe(true);
});

test('a model that runs under the name of its file does not run twice', async () => {
  await server.well('POST', '/models/stories/load', {});
  expect((await add('once', llama('stories'))).status).toBe(200);
  await server.well('POST', '/models/once/load', {});
  const { running } = await server.drover.json<{ running: { model: string }[] }>('/running');
  expect(running.map(({ model }) => model)).toEqual(['once']);
  await server.well('DELETE', '/models/once');
  expect((await server.drover.json<{ running: unknown[] }>('/running')).running).toEqual([]);
});

test('a second load does nothing, a forced one makes a new process, an unload of what is unloaded is refused', async () => {
  await server.well('POST', '/models/second/load', {});
  const pid = async (): Promise<number> =>
    (await server.drover.json<{ instances: { modelId: string; pid: number }[] }>('/drover/instances')).instances.find(
      ({ modelId }) => modelId === 'second-f32',
    )?.pid ?? 0;
  const first = await pid();
  expect(first).toBeGreaterThan(0);
  await server.well('POST', '/models/second/load', { force_reload: false });
  expect(await pid()).toBe(first);
  await server.well('POST', '/models/second/load', { force_reload: true });
  expect(await pid()).not.toBe(first);
  await server.well('POST', '/models/second/unload');
  const again = await server.ask('POST', '/models/second/unload');
  expect([again.status, again.json.error_code]).toEqual([400, 'ValidationError']);
});

test('words are changed in the spelling that they have; unknown ones are kept', async () => {
  const config = { model_id: 'stories', engine_type: 'llama.cpp', model_architecture: 'causal_lm', 'мой ключ': ['x'] };
  expect((await add('spelt', config)).status).toBe(200);
  const { data: after } = await server.well('PUT', '/models/spelt', {
    updates: { engine: 'llama.cpp', quantization: 'F32', more: { a: 1 } },
  });
  expect(after.model_config).toEqual({ ...config, quantization: 'F32', more: { a: 1 } });
  expect((await server.ask('PUT', '/models/spelt', { updates: { engine: 'nonsense' } })).status).toBe(400);
  expect((await server.well('GET', '/models/spelt')).data.model_config).toEqual(after.model_config);
  await server.well('DELETE', '/models/spelt');
});

test('generation settings of an entry hold where a request says nothing else', async () => {
  const own = { max_new_tokens: 3, custom_generation_params: { temperature: 0 } };
  expect((await add('short', { ...llama('stories'), ...own })).status).toBe(200);
  const count = async (generation_config: object): Promise<number> =>
    (await server.well('POST', '/inference/chat', { model_name: 'short', message: 'Hi', generation_config }))
      .generation_stats.tokens_generated;
  expect(await count({})).toBe(3);
  expect(await count({ max_tokens: 5 })).toBe(5);
  await server.well('DELETE', '/models/short');
});

test('no name in a request means the default model, and none of those there is a refusal', async () => {
  await server.well('POST', '/models/default/second');
  const chat = await server.well('POST', '/inference/chat', { message: 'Hi', generation_config: { max_tokens: 2 } });
  expect(chat.model_name).toBe('second-f32');
  expect((await server.well('GET', '/system/status')).model_info.default_model).toBe('second-f32');
  await server.well('PUT', '/models/second', { set_as_default: false });
  const { status, json } = await server.ask('POST', '/inference/chat', { message: 'Hi' });
  expect({ status, code: json.error_code }).toEqual({ status: 400, code: 'ValidationError' });
  await server.well('POST', '/models/second/unload');
});

test('what another API says of how it is run adds to it', async () => {
  expect((await add('tuned', llama('stories'))).status).toBe(200);
  await server.drover.json('/api/config/model/tuned', { contextSize: 512 });
  await server.well('POST', '/models/tuned/load', {});
  const props = await server.drover.json<{ default_generation_settings: { n_ctx: number } }>('/props?model=tuned');
  expect(props.default_generation_settings.n_ctx).toBe(512);
  expect((await server.well('PUT', '/models/tuned', { updates: { x: 1 } })).data.model_config.x).toBe(1);
  expect((await server.well('GET', '/models/tuned')).data.status).toBe('loaded');
  await server.well('DELETE', '/models/tuned');
  expect(await names()).not.toContain('tuned');
});

describe('names', () => {
  test.each(['owner/name', 'ünï çødé', '模型', 'a b+c&d=e', '100%', 'x'.repeat(200), '..x', 'load.me', '😀'])(
    '%p may be one',
    async (name) => {
      const path = `/models/${encodeURIComponent(name)}`;
      expect((await add(name, llama('second'))).status).toBe(200);
      expect((await server.well('GET', path)).data.model_name).toBe(name);
      expect((await server.well('POST', `${path}/validate`)).data.valid).toBe(true);
      expect((await server.well('DELETE', path)).data.model_name).toBe(name);
    },
  );

  test.each([
    'default',
    'load',
    'Unload',
    'status',
    'validate',
    'loaded',
    'start-all',
    '.',
    '..',
    ' x',
    'a\nb',
    'x'.repeat(300),
  ])('%p may be none', async (name) => {
    const before = await names();
    expect((await add(name, llama('second'))).status).toBe(400);
    expect(await names()).toEqual(before);
  });
});

describe('two at once', () => {
  test('two of one name: one wins', async () => {
    const both = await Promise.all([add('raced', llama('stories')), add('raced', llama('second'))]);
    expect(both.map(({ status }) => status).sort()).toEqual([200, 400]);
    const won = both[0].status === 200 ? 'stories' : 'second';
    expect((await server.well('GET', '/models/raced')).data.model_config.model_id).toBe(won);
    await server.well('DELETE', '/models/raced');
  });

  test('load and unload end in one state', async () => {
    for (let round = 0; round < 5; round += 1) {
      const [load, unload] = await Promise.all([
        server.ask('POST', '/models/second/load', {}),
        server.ask('POST', '/models/second/unload'),
      ]);
      expect([200, 500]).toContain(load.status);
      expect([200, 400]).toContain(unload.status);
      await until(async () => {
        const { state } = (await server.well('GET', '/models/second/status')).data;
        return state === 'ready' || state === 'stopped';
      }, 'one state');
    }
    await server.ask('POST', '/models/second/unload');
  });

  test('a delete while it loads leaves nothing behind', async () => {
    expect((await add('fleeting', llama('stories'))).status).toBe(200);
    const [load, gone] = await Promise.all([
      server.ask('POST', '/models/fleeting/load', {}),
      server.ask('DELETE', '/models/fleeting'),
    ]);
    expect(gone.status).toBe(200);
    expect([200, 404, 500]).toContain(load.status);
    expect(await names()).not.toContain('fleeting');
    await until(async () => {
      const { running } = await server.drover.json<{ running: { model: string; state: string }[] }>('/running');
      return !running.some(({ model }) => model === 'fleeting');
    }, 'it runs no more');
  });
});

describe('files', () => {
  test('only what Drover downloaded is cache', async () => {
    cpSync(join(data, 'models', 'fetched.gguf'), join(outside, 'theirs.gguf'));
    symlinkSync(join(outside, 'theirs.gguf'), join(data, 'models', 'theirs.gguf'));
    await server.drover.json('/drover/rescan', {});
    const cache = (await server.well('GET', '/system/cache')).data;
    expect(cache).toMatchObject({ cache_entries: 1, oldest_entry: expect.stringMatching(/Z$/) });
    expect(cache.total_cache_size_gb).toBeGreaterThan(0);
    for (const name of ['stories', 'theirs']) {
      const { status, json } = await server.ask('POST', `/system/cache/clear?force=true&model_name=${name}`);
      expect({ name, status, code: json.error_code }).toEqual({ name, status: 400, code: 'ValidationError' });
      expect((await server.ask('DELETE', `/models/${name}?clear_cache=true`)).status).toBe(400);
    }
    for (const file of [join(models, 'stories.gguf'), join(outside, 'theirs.gguf')])
      expect(existsSync(file)).toBe(true);
  });

  test('a loaded one is refused without force, and then nothing is deleted', async () => {
    await server.well('POST', '/models/fetched/load', {});
    expect((await server.ask('POST', '/system/cache/clear?model_name=fetched')).status).toBe(400);
    // Whoever names none keeps all of them, with force or without.
    for (const query of ['', '?force=true']) {
      const { data: leftovers } = await server.well('POST', `/system/cache/clear${query}`);
      expect(leftovers).toMatchObject({ cleared_models: [], deleted_files: [] });
    }
    expect(existsSync(join(data, 'models', 'fetched.gguf'))).toBe(true);
    const { data: cleared } = await server.well('POST', '/system/cache/clear?model_name=fetched&force=true');
    expect(cleared.cleared_models).toEqual(['fetched-f32']);
    expect(existsSync(join(data, 'models', 'fetched.gguf'))).toBe(false);
    expect((await server.ask('GET', '/models/fetched')).status).toBe(404);
  });

  test('a model that was only found is not taken back, and a registered one with its download is', async () => {
    expect((await server.ask('DELETE', '/models/stories')).status).toBe(400);
    writeFileSync(join(data, 'models', 'again.gguf'), tinyLlama({ name: 'Again', blockCount: 4 }));
    await server.drover.json('/drover/rescan', {});
    expect((await add('again-mine', llama('again'))).status).toBe(200);
    const { data: removed } = await server.well('DELETE', '/models/again-mine?clear_cache=true');
    expect(removed.deleted_files).toEqual([join(data, 'models', 'again.gguf')]);
    expect(existsSync(join(data, 'models', 'again.gguf'))).toBe(false);
    expect(await names()).not.toContain('again-mine');
  });
});

test('unused memory is given back; with force idle models go', async () => {
  await server.well('POST', '/models/second/load', {});
  expect((await server.well('POST', '/system/memory/clear')).data.unloaded_models).toEqual([]);
  const { data: cleared } = await server.well('POST', '/system/memory/clear?force=true');
  expect(cleared.unloaded_models).toEqual(['second-f32']);
  expect(cleared.freed_mb).toBeGreaterThan(1);
  expect((await server.well('GET', '/models/second')).data.status).toBe('unloaded');
});

test('the registry outlives the server, and its default with it', async () => {
  await server.well('POST', '/models/default/qwen3-model');
  const before = await server.well('GET', '/models/?format=registry');
  server.drover.kill('SIGKILL');
  await server.drover.exited;
  server = await startBeauty({ modelsFolders: [models], dataFolder: data });
  const after = await server.well('GET', '/models/?format=registry');
  expect(JSON.stringify([after.default_model, after.models])).toBe(
    JSON.stringify([before.default_model, before.models]),
  );
});
