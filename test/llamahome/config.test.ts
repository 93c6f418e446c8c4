// LlamaHome's configuration: what requests leave out, for all models and for one, really sent; what lasts and what does not;
// and that the file keeps its comments. On the compiled executable; POST /api/config by its handler.
import { afterAll, beforeAll, expect, test } from 'bun:test';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Desks } from '../../src/core/desks.ts';
import { llamahomeConfigOf } from '../../src/dialects/llamahome/routes-models.ts';
import { faultOf } from '../fixtures/fault-of.ts';
import { openHouse } from '../fixtures/house.ts';
import { tinyLlama } from '../fixtures/tiny-models.ts';
import { get, post } from './asking.ts';
import { OBEDIENT, openSetting, type Setting, TALKER, until } from './setting.ts';

let here: Setting;
beforeAll(async () => {
  here = await openSetting();
});
afterAll(() => here?.[Symbol.asyncDispose]());

interface Config {
  readonly model_settings: Record<string, unknown>;
  readonly system_settings: Record<string, unknown>;
}
const config = async (): Promise<Config> => (await get(here.drover, '/api/get_config')).json as Config;
const file = (): string => readFileSync(join(here.data, 'config.yaml'), 'utf8');
/** What an engine was really sent. */
const sent = async (fields: object = {}): Promise<Record<string, unknown>> => {
  const { json } = await post(here.drover, '/api/process_prompt', { prompt: 'echo', model: OBEDIENT, ...fields });
  return JSON.parse((json as { response: string }).response) as Record<string, unknown>;
};
const configure = (fields: object) => post(here.drover, '/api/configure_model', { model: OBEDIENT, ...fields });
const act = (verb: string) => post(here.drover, `/api/${verb}`, undefined);

const BUILT_IN = { temperature: 0.7, max_tokens: 100, top_p: 0.9, frequency_penalty: 0, presence_penalty: 0 };

test('get_config: model_settings and system_settings, as they are built in', async () => {
  expect(await config()).toEqual({
    model_settings: { default_model: null, ...BUILT_IN, models: {} },
    system_settings: {
      request_timeout: 300,
      max_body_mib: 10,
      max_requests_per_minute: 60,
      max_batches_per_minute: 5,
      max_concurrent_streams: 10,
      log_level: 'info',
      load_timeout: 300,
      queue_timeout: 600,
      drain_timeout: 30,
      model_ttl: 0,
      offline: false,
      version: expect.stringMatching(/^\d+\.\d+\.\d+/),
    },
  });
});

test('all defaults are sent, below those of the model, below those of the request', async () => {
  expect(await sent()).toMatchObject({ ...BUILT_IN, messages: [{ role: 'user', content: 'echo' }], stream: true });
  expect(await configure({ temperature: 0.2, max_tokens: 7 })).toMatchObject({
    status: 200,
    json: {
      status: 'success',
      message: expect.any(String),
      updated_params: { ...BUILT_IN, temperature: 0.2, max_tokens: 7 },
    },
  });
  expect(await sent()).toMatchObject({ ...BUILT_IN, temperature: 0.2, max_tokens: 7 });
  expect(await sent({ temperature: 1, top_p: 0.5 })).toMatchObject({
    ...BUILT_IN,
    temperature: 1,
    max_tokens: 7,
    top_p: 0.5,
  });
  // Zero is a value.
  expect(await sent({ temperature: 0 })).toMatchObject({ temperature: 0 });
  // Another change leaves the first alone.
  expect((await configure({ presence_penalty: -1 })).json).toMatchObject({
    updated_params: { ...BUILT_IN, temperature: 0.2, max_tokens: 7, presence_penalty: -1 },
  });
  expect((await config()).model_settings.models).toEqual({
    [OBEDIENT]: { temperature: 0.2, max_tokens: 7, presence_penalty: -1 },
  });
});

test('what is not saved is gone after a restart; what is saved stays, and so do the comments', async () => {
  const before = file();
  await here.restart();
  expect((await config()).model_settings.models).toEqual({});
  expect(file()).toBe(before);

  await configure({ temperature: 0.25 });
  await post(here.drover, '/api/configure_model', { model: TALKER, max_tokens: 9 });
  const saved = await act('save_config');
  expect(saved).toMatchObject({
    status: 200,
    json: { status: 'success', message: expect.stringContaining('config.yaml') },
  });
  expect(file()).toContain('# by hand');
  expect(file()).toContain('# does what it is told');
  expect(file()).toMatch(/llamahomeDefaults:\n\s+models:\n\s+obedient:\n\s+temperature: 0\.25/);
  await here.restart();
  expect((await config()).model_settings.models).toEqual({
    [OBEDIENT]: { temperature: 0.25 },
    [TALKER]: { max_tokens: 9 },
  });
  expect(await sent()).toMatchObject({ ...BUILT_IN, temperature: 0.25 });
});

test('reset_config counts at once, and the file says what it said until it is saved', async () => {
  const before = file();
  expect(await act('reset_config')).toMatchObject({
    status: 200,
    json: { status: 'success', model_settings: BUILT_IN },
  });
  expect((await config()).model_settings.models).toEqual({});
  expect(await sent()).toMatchObject(BUILT_IN);
  expect(file()).toBe(before);
  await here.restart();
  expect((await config()).model_settings.models).toMatchObject({ [OBEDIENT]: { temperature: 0.25 } });
  await act('reset_config');
  await act('save_config');
  expect(file()).not.toContain('llamahomeDefaults');
  expect(file()).toContain('# does what it is told');
  await here.restart();
  expect((await config()).model_settings.models).toEqual({});
});

test('what a person writes into the file counts more than what was changed before', async () => {
  await configure({ temperature: 0.1 });
  writeFileSync(join(here.data, 'config.yaml'), `${file()}\nllamahomeDefaults: { temperature: 1.25 } # mine\n`);
  await until(async () => (await config()).model_settings.temperature === 1.25);
  expect((await config()).model_settings.models).toEqual({});
  expect(await sent()).toMatchObject({ ...BUILT_IN, temperature: 1.25 });
  await configure({ max_tokens: 3 });
  await act('save_config');
  expect(file()).toContain('# mine');
  expect((await config()).model_settings).toMatchObject({
    temperature: 1.25,
    models: { [OBEDIENT]: { max_tokens: 3 } },
  });
});

test('a configuration that says nothing is read, and one that says something is changed, or nothing is', async () => {
  await using house = await openHouse({
    models: { 'talker.gguf': tinyLlama({ name: 'Talker', contextTokens: 256 }) },
    config: '# mine\nttl: 0\n',
  });
  const { home } = house.core.desks as Desks;
  const at = { drover: house.drover, home };
  const ask = async (body: object = {}): Promise<unknown> => llamahomeConfigOf(at, body as Record<string, unknown>);
  const built = (await ask()) as Config;
  expect(built).toMatchObject({ model_settings: { ...BUILT_IN, default_model: 'talker-f32' } });
  expect(await ask({})).toEqual(built);
  // All of it may come back as it was read.
  expect(await ask(built)).toEqual(built);

  const changed = await ask({
    model_settings: { temperature: 0.3, models: { 'talker-f32': { top_p: 0.4 } }, default_model: 'talker-f32' },
    system_settings: { request_timeout: 12.5, log_level: 'debug', max_concurrent_streams: 2 },
  });
  expect(changed).toMatchObject({
    model_settings: { ...BUILT_IN, temperature: 0.3, models: { 'talker-f32': { top_p: 0.4 } } },
    system_settings: { request_timeout: 12.5, log_level: 'debug', max_concurrent_streams: 2, max_body_mib: 10 },
  });
  expect(house.core.log.level).toBe('debug');
  expect(home.defaults.samplingOf('talker-f32')).toMatchObject({ temperature: 0.3, topP: 0.4, maxTokens: 100 });

  const rows: readonly [object, string, string][] = [
    [{ model_settings: { temperature: 'hot' } }, 'unprocessable', 'model_settings.temperature'],
    [{ model_settings: { temperatur: 0.5 } }, 'unprocessable', 'model_settings.temperatur'],
    [{ model_settings: { max_tokens: 0 } }, 'unprocessable', 'model_settings.max_tokens'],
    [{ model_settings: [] }, 'unprocessable', 'model_settings'],
    [{ model_settings: { models: { nobody: { top_p: 1 } }, top_p: 0.1 } }, 'not_found', ''],
    [{ model_settings: { models: { __proto__x: {} } } }, 'not_found', ''],
    [{ model_settings: { default_model: 'nobody' } }, 'not_found', ''],
    [{ system_settings: { log_level: 'loud' } }, 'unprocessable', 'system_settings.log_level'],
    [{ system_settings: { request_timeout: 0 } }, 'unprocessable', 'system_settings.request_timeout'],
    [{ system_settings: { version: '9' } }, 'unprocessable', 'system_settings.version'],
    [{ system_settings: { listen: '0.0.0.0:80' } }, 'unprocessable', 'system_settings.listen'],
    [
      { model_settings: { top_p: 0.2 }, system_settings: { max_body_mib: 0.5 } },
      'unprocessable',
      'system_settings.max_body_mib',
    ],
  ];
  for (const [body, kind, field] of rows) {
    const fault = await faultOf(ask(body));
    expect([body, fault.kind, fault.details.field ?? '']).toEqual([body, kind, field] as never);
    expect(await ask()).toEqual(changed);
  }
  // In memory only, until it is saved; then the file has it, the comment stays.
  const path = join(house.dataFolder, 'config.yaml');
  expect(readFileSync(path, 'utf8')).toBe('# mine\nttl: 0\n');
  await home.defaults.save();
  const text = readFileSync(path, 'utf8');
  expect(text).toStartWith('# mine\nttl: 0\n');
  for (const line of [
    'llamahomeTimeout: 12.5',
    'logLevel: debug',
    'llamahomeStreams: 2',
    'temperature: 0.3',
    'topP: 0.4',
  ])
    expect(text).toContain(line);
  expect(text).not.toContain('llamahomeBodyLimit');
  expect(await ask()).toEqual(changed);
  home.defaults.reset();
  expect(await ask()).toEqual(built);
  await home.defaults.save();
  expect(readFileSync(path, 'utf8').trim()).toBe('# mine\nttl: 0');
});
