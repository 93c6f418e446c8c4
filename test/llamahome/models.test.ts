// The list of models and the active one: loaded by name and by path, registered where nobody knew it, meant by `llama3.3`,
// unloaded; on the compiled executable and the real engine.
import { afterAll, beforeAll, expect, test } from 'bun:test';
import { copyFileSync, linkSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { tinyLlama } from '../fixtures/tiny-models.ts';
import { get, post } from './asking.ts';
import { BROKEN, OTHER, openSetting, type Setting, TALKER } from './setting.ts';

let here: Setting;
beforeAll(async () => {
  here = await openSetting();
});
afterAll(() => here?.[Symbol.asyncDispose]());

interface Listed {
  readonly id: string;
  readonly loaded: boolean;
  readonly active: boolean;
}
const listed = async (): Promise<readonly Listed[]> =>
  ((await get(here.drover, '/api/models')).json as { models: Listed[] }).models;
const loadedIds = async (): Promise<readonly string[]> =>
  (await listed()).filter(({ loaded }) => loaded).map(({ id }) => id);
const health = async () => (await get(here.drover, '/api/health_check')).json as Record<string, unknown>;
const load = (path: string) => post(here.drover, '/api/load_model', { model_path: path });
const unload = () => post(here.drover, '/api/unload_model', undefined);
const meant = async (model?: string): Promise<unknown> => {
  const body = { prompt: 'x', max_tokens: 1, ...(model === undefined ? {} : { model }) };
  const { status, json } = await post(here.drover, '/api/process_prompt', body);
  return status === 200 ? (json as { model_used: string }).model_used : status;
};

test('the list has the documented fields, of what is known', async () => {
  const models = await listed();
  expect(models.find(({ id }) => id === TALKER)).toEqual({
    id: TALKER,
    name: 'Talker 3.3 8B',
    version: '3.3',
    parameters: expect.stringMatching(/^\d+(?:\.\d)?K$/),
    context_length: 4096,
    loaded: false,
    active: false,
  } as never);
  expect(models.find(({ id }) => id === OTHER)).toMatchObject({ version: 'unknown', context_length: 512 } as never);
  expect(models.find(({ id }) => id === BROKEN)).toMatchObject({ loaded: false, error: expect.any(String) } as never);
  expect((await get(here.drover, '/v1/models')).json).toMatchObject({ object: 'list' });
});

test('nothing is loaded: health says so, unload_model is 404, and no model is meant among several', async () => {
  expect(await health()).toEqual({
    status: 'success',
    message: expect.any(String),
    model_loaded: false,
    uptime: expect.any(Number),
  });
  expect(Number.isInteger((await health()).uptime)).toBe(true);
  expect(await unload()).toMatchObject({ status: 404, json: { error: { code: 'not_found' } } });
  const { status, json } = await post(here.drover, '/api/process_prompt', { prompt: 'x' });
  expect([status, json]).toMatchObject([404, { error: { code: 'not_found', details: { hint: expect.any(String) } } }]);
});

test('a model loaded by name is the active one: everywhere it shows as loaded, and `llama3.3` means it', async () => {
  expect(await load(OTHER)).toMatchObject({ status: 200, json: { status: 'success', message: `${OTHER} is loaded.` } });
  expect(await loadedIds()).toEqual([OTHER]);
  expect((await health()).model_loaded).toBe(true);
  expect((await listed()).filter(({ active }) => active).map(({ id }) => id)).toEqual([OTHER]);
  expect((await get(here.drover, '/running')).json).toMatchObject({ running: [{ model: OTHER }] });
  for (const name of [undefined, 'llama3.3', 'Llama3.3', OTHER]) expect(await meant(name)).toBe(OTHER);
  // Another one may be asked, which does not become active.
  expect(await meant(TALKER)).toBe(TALKER);
  expect(await meant()).toBe(OTHER);
});

test('the path of a known file is that model; a later load takes the place of an earlier one', async () => {
  expect((await load(join(here.models, 'talker.gguf'))).json).toMatchObject({ message: `${TALKER} is loaded.` });
  expect(await meant()).toBe(TALKER);
  expect(await unload()).toMatchObject({ status: 200, json: { status: 'success', message: `${TALKER} is unloaded.` } });
  expect(await loadedIds()).not.toContain(TALKER);
});

test('what was unloaded elsewhere is not loaded here either', async () => {
  expect((await load(OTHER)).status).toBe(200);
  expect((await post(here.drover, '/api/models/unload', undefined)).status).toBe(200);
  expect((await health()).model_loaded).toBe(false);
  expect((await unload()).status).toBe(404);
  // It is still what is meant, and comes back when it is asked.
  expect(await meant()).toBe(OTHER);
  expect((await unload()).status).toBe(200);
  expect((await unload()).status).toBe(404);
});

test('a file that nobody knows is registered under a name made from it, for every dialect, and outlives a restart', async () => {
  const path = join(here.outside, 'Käse Model ü.Q4_K_M.gguf');
  writeFileSync(path, tinyLlama({ name: 'Stranger', contextTokens: 256 }));
  expect(await load(path)).toMatchObject({ status: 200 });
  const [id = ''] = await loadedIds();
  expect(id).toBe('kase-model-u-q4_k_m');
  expect(await meant()).toBe(id);
  const ids = async () =>
    ((await get(here.drover, '/v1/models')).json as { data: { id: string }[] }).data.map((entry) => entry.id);
  expect(await ids()).toContain(id);
  // Again: it is known now.
  expect((await load(path)).json).toMatchObject({ message: `${id} is loaded.` });
  await here.restart();
  expect(await ids()).toContain(id);
  expect((await health()).model_loaded).toBe(false);
  expect(await meant()).toBe(id);
  expect((await load(path)).json).toMatchObject({ message: `${id} is loaded.` });
});

test('a file that was just put into a folder that is looked at belongs to that folder', async () => {
  const path = join(here.models, 'newcomer.gguf');
  writeFileSync(path, tinyLlama({ name: 'Newcomer', contextTokens: 256 }));
  expect((await load(path)).json).toMatchObject({ message: 'newcomer-f32 is loaded.' });
});

test('two files of one name are two models', async () => {
  const folder = join(here.outside, 'twin');
  mkdirSync(folder);
  copyFileSync(join(here.models, 'other.gguf'), join(folder, 'talker-f32.gguf'));
  const { json } = await load(join(folder, 'talker-f32.gguf'));
  expect((json as { message: string }).message).toMatch(/^talker-f32-[0-9a-f]{6} is loaded\.$/);
  expect((await load(TALKER)).json).toMatchObject({ message: `${TALKER} is loaded.` });
});

test('what cannot be loaded is 500 with the reason, and what was registered for it is gone', async () => {
  expect(await load(BROKEN)).toMatchObject({
    status: 500,
    json: { error: { code: 'bad_gateway', message: expect.stringContaining(BROKEN) } },
  });
  // A header that is right, and no weights that an engine could take.
  const bytes = tinyLlama({
    name: 'Half',
    contextTokens: 256,
    metadata: { 'llama.block_count': { type: 'u32', value: 9 } },
  });
  const path = join(here.outside, 'half.gguf');
  writeFileSync(path, bytes);
  const before = await listed();
  const answer = await load(path);
  expect([answer.status, answer.json]).toMatchObject([500, { error: { message: expect.stringContaining('half') } }]);
  expect((await listed()).map(({ id }) => id)).toEqual(before.map(({ id }) => id));
});

test('a model by another path is that model; two loads at once end with one active', async () => {
  symlinkSync(join(here.models, 'other.gguf'), join(here.outside, 'link.gguf'));
  linkSync(join(here.models, 'other.gguf'), join(here.outside, 'hard.gguf'));
  for (const name of ['link.gguf', 'hard.gguf']) {
    expect((await load(join(here.outside, name))).json).toMatchObject({ message: `${OTHER} is loaded.` });
  }
  const [one, two] = await Promise.all([load(TALKER), load(OTHER)]);
  expect([one.status, two.status]).toEqual([200, 200]);
  expect((await listed()).filter(({ active }) => active).length).toBe(1);
  expect([TALKER, OTHER]).toContain(String(await meant()));
});
