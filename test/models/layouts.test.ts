import { expect, test } from 'bun:test';
import { mkdirSync, symlinkSync, utimesSync } from 'node:fs';
import { join } from 'node:path';
import { flatCacheNames } from '../../src/models/hub-cache.ts';
import { ollamaNames } from '../../src/models/ollama.ts';
import { WALK_LIMITS, walkFolder } from '../../src/models/walk.ts';
import { llama, projector, Shelf } from './shelf.ts';

const digest = (character: string): string => character.repeat(64);

const manifest = (...layers: readonly (readonly [type: string, digest: string])[]): string =>
  JSON.stringify({
    schemaVersion: 2,
    config: { mediaType: 'application/vnd.docker.container.image.v1+json', digest: `sha256:${digest('f')}` },
    layers: layers.map(([type, hash]) => ({
      mediaType: `application/vnd.ollama.image.${type}`,
      digest: hash,
      size: 1,
    })),
  });

test('Ollama: blobs in place under the names of their manifests', async () => {
  using shelf = new Shelf();
  const library = 'ollama/manifests/registry.ollama.ai/library';
  const blob = shelf.put(`ollama/blobs/sha256-${digest('a')}`, llama('Llama 3.2 3B Instruct'));
  const eyes = shelf.put(`ollama/blobs/sha256-${digest('b')}`, projector(32));
  shelf.put(`ollama/blobs/sha256-${digest('c')}`, llama('Other'));
  shelf.put(
    `${library}/llama3.2/3b`,
    manifest(['model', `sha256:${digest('a')}`], ['template', `sha256:${digest('e')}`]),
  );
  shelf.put(`${library}/llama3.2/latest`, manifest(['model', `sha256:${digest('a')}`]));
  shelf.put(`${library}/seer/7b`, manifest(['model', `sha256:${digest('c')}`], ['projector', `sha256:${digest('b')}`]));
  shelf.put('ollama/manifests/hf.co/owner/Some-Model-GGUF/Q8_0', manifest(['model', `sha256:${digest('c')}`]));
  using open = shelf.open({ folders: [{ path: join(shelf.root, 'ollama'), origin: 'ollama' }] });
  await open.library.scan();
  expect(open.library.models()).toHaveLength(2);
  const small = open.model('llama3.2:3b');
  expect(small).toMatchObject({ id: 'llama3.2-3b-f32', origin: 'ollama', path: blob, projectorPath: null });
  for (const name of ['llama3.2', 'llama3.2:latest', 'LLAMA3.2:3B']) expect(open.model(name).id).toBe(small.id);
  expect(small.aliases.some((alias) => alias.includes('sha256'))).toBe(false);
  const seer = open.model('seer:7b');
  expect(seer.projectorPath).toBe(eyes);
  expect(seer.projectorFacts?.projector?.hasVision).toBe(true);
  for (const name of ['seer', 'hf.co/owner/Some-Model-GGUF:Q8_0', 'owner/Some-Model-GGUF']) {
    expect(open.model(name).id).toBe(seer.id);
  }
});

test('Ollama: a hostile or foreign manifest is left out with a note, the others stay', async () => {
  using shelf = new Shelf();
  const library = 'ollama/manifests/registry.ollama.ai/library';
  shelf.put(`ollama/blobs/sha256-${digest('a')}`, llama('Good'));
  shelf.put('secret.gguf', llama('Secret'));
  const good: readonly [string, string] = ['model', `sha256:${digest('a')}`];
  shelf.put(`${library}/good/1b`, manifest(good));
  shelf.put(`${library}/evil/path`, manifest(['model', 'sha256:../../../secret.gguf']));
  shelf.put(`${library}/evil/absolute`, manifest(['model', join(shelf.root, 'secret.gguf')]));
  shelf.put(`${library}/evil/eyes`, manifest(good, ['projector', `sha256-../${digest('a')}`]));
  shelf.put(`${library}/evil/json`, '{"layers": [');
  shelf.put(`${library}/evil/shape`, '{"layers": [null, 7, {"mediaType": 1, "digest": {}}]}');
  shelf.put(`${library}/evil/large`, ' '.repeat(1024 * 1024 + 1));
  shelf.put(`${library}/evil/gone`, manifest(['model', `sha256:${digest('d')}`]));
  shelf.put(`${library}/tuned/latest`, manifest(good, ['adapter', `sha256:${digest('a')}`]));
  shelf.put(`${library}/cloud/latest`, manifest());
  using open = shelf.open({ folders: [{ path: join(shelf.root, 'ollama'), origin: 'folder' }] });
  const { folders } = await open.library.scan();
  expect(open.ids).toEqual(['good-1b-f32']);
  expect(open.library.resolve('tuned')).toBeNull();
  const said = folders[0]?.notes.map((note) => note.slice(0, note.indexOf(': '))) ?? [];
  expect(said.sort()).toEqual(
    ['absolute', 'eyes', 'gone', 'json', 'large', 'path']
      .map((tag) => `Ollama's evil:${tag}`)
      .concat("Ollama's tuned:latest"),
  );
});

test('Ollama’s names', () => {
  expect(ollamaNames(['registry.ollama.ai', 'library', 'llama3.2', '3b'])).toEqual(['llama3.2:3b']);
  expect(ollamaNames(['registry.ollama.ai', 'library', 'phi', 'latest'])).toEqual(['phi:latest', 'phi']);
  expect(ollamaNames(['registry.ollama.ai', 'ann', 'phi', 'x'])).toEqual(['ann/phi:x']);
  expect(ollamaNames(['hf.co', 'owner', 'repo', 'Q4_K_M'])).toEqual(['hf.co/owner/repo:Q4_K_M']);
  expect(ollamaNames(['stray'])).toEqual([]);
});

/** A repository as huggingface_hub writes it: blobs, and snapshots that link to them. */
function putSnapshot(
  shelf: Shelf,
  repository: string,
  revision: string,
  files: Readonly<Record<string, Uint8Array>>,
): string {
  const folder = `hub/models--${repository.replace('/', '--')}`;
  for (const [name, bytes] of Object.entries(files)) {
    const hash = `${revision}-${name.replaceAll('/', '-')}`;
    shelf.put(`${folder}/blobs/${hash}`, bytes);
    const link = join(shelf.root, folder, 'snapshots', revision, name);
    mkdirSync(join(link, '..'), { recursive: true });
    const up = '../'.repeat(2 + name.split('/').length - 1);
    symlinkSync(`${up}blobs/${hash}`, link);
  }
  return join(shelf.root, folder, 'snapshots', revision);
}

test('Hugging Face: the revision of refs/main, under owner/name and owner/name:QUANT', async () => {
  using shelf = new Shelf();
  const old = putSnapshot(shelf, 'ggml-org/Tiny-GGUF', 'aaaa', { 'Tiny-Q8_0.gguf': llama('Old') });
  const main = putSnapshot(shelf, 'ggml-org/Tiny-GGUF', 'bbbb', {
    'Tiny-Q4_K_M.gguf': llama('New'),
    'Q8_0/Tiny-Q8_0-00001-of-00001.gguf': llama('New'),
    'mmproj-Tiny-f16.gguf': projector(32),
  });
  utimesSync(old, 2e9, 2e9);
  shelf.put('hub/models--ggml-org--Tiny-GGUF/refs/main', 'bbbb');
  shelf.put('hub/models--ggml-org--Tiny-GGUF/blobs/cccc.incomplete', 'x');
  shelf.put('hub/version.txt', '1');
  putSnapshot(shelf, 'gpt2', 'dddd', { 'model.gguf': llama('GPT') });
  using open = shelf.open({ folders: [{ path: join(shelf.root, 'hub'), origin: 'huggingface' }] });
  await open.library.scan();
  expect(open.ids.toSorted()).toEqual(['gpt2-f32', 'tiny-q4_k_m', 'tiny-q8_0']);
  const q4 = open.model('ggml-org/Tiny-GGUF:Q4_K_M');
  expect(q4).toMatchObject({
    id: 'tiny-q4_k_m',
    origin: 'huggingface',
    path: join(main, 'Tiny-Q4_K_M.gguf'),
    projectorPath: join(main, 'mmproj-Tiny-f16.gguf'),
  });
  expect(open.model('ggml-org/tiny-gguf:q8_0')).toMatchObject({
    path: join(main, 'Q8_0/Tiny-Q8_0-00001-of-00001.gguf'),
    projectorPath: join(main, 'mmproj-Tiny-f16.gguf'),
  });
  expect(open.model('ggml-org/Tiny-GGUF').id).toBe('tiny-q4_k_m');
  expect(open.model('gpt2').id).toBe('gpt2-f32');
});

test('Hugging Face: a ref that leads nowhere, or to a revision without models, gives way to the newest', async () => {
  using shelf = new Shelf();
  const old = putSnapshot(shelf, 'a/one', 'aaaa', { 'one-Q2_K.gguf': llama('Old') });
  putSnapshot(shelf, 'a/one', 'bbbb', { 'one-Q4_0.gguf': llama('New') });
  utimesSync(old, 1e9, 1e9);
  shelf.put('hub/models--a--one/refs/main', '../../../../etc');
  putSnapshot(shelf, 'a/two', 'aaaa', { 'two-Q4_0.gguf': llama('Two') });
  shelf.put('hub/models--a--two/refs/main', 'cccc');
  shelf.put('hub/models--a--two/snapshots/cccc/config.json', '{}');
  mkdirSync(join(shelf.root, 'hub/models--a--three'));
  using open = shelf.open({ folders: [{ path: join(shelf.root, 'hub'), origin: 'huggingface' }] });
  await open.library.scan();
  expect(open.ids.toSorted()).toEqual(['one-q4_0', 'two-q4_0']);
});

test('LM Studio: publisher/repository', async () => {
  using shelf = new Shelf();
  const folder = 'lm/lmstudio-community/Gemma-3-GGUF';
  shelf.put(`${folder}/gemma-3-Q4_K_M.gguf`, llama('Gemma'));
  shelf.put(`${folder}/gemma-3-Q8_0.gguf`, llama('Gemma'));
  shelf.put(`${folder}/mmproj-model-f16.gguf`, projector(32));
  shelf.put('lm/other/Gemma-3-GGUF/gemma-3-Q4_K_M.gguf', llama('Gemma'));
  using open = shelf.open({ folders: [{ path: join(shelf.root, 'lm'), origin: 'lmstudio' }] });
  await open.library.scan();
  expect(open.ids).toEqual(['gemma-3-q4_k_m', 'gemma-3-q8_0', 'gemma-3-q4_k_m-other']);
  expect(open.model('lmstudio-community/Gemma-3-GGUF').id).toBe('gemma-3-q4_k_m');
  expect(open.model('lmstudio-community/Gemma-3-GGUF:Q8_0').projectorPath).toContain('mmproj-model-f16');
  expect(open.model('other/Gemma-3-GGUF:q4_k_m')).toMatchObject({ id: 'gemma-3-q4_k_m-other', projectorPath: null });
});

test('llama.cpp’s flat cache: owner and name are taken apart', async () => {
  using shelf = new Shelf();
  shelf.put('cache/ggml-org_Tiny_v2_tiny-Q4_K_M.gguf', llama('Tiny'));
  shelf.put('cache/manifest=ggml-org=Tiny_v2=latest.json', '{}');
  shelf.put('cache/bartowski_Other-GGUF_Other-Q8_0.gguf', llama('Other'));
  using open = shelf.open({ folders: [{ path: join(shelf.root, 'cache'), origin: 'llama.cpp' }] });
  await open.library.scan();
  expect(open.model('ggml-org/Tiny_v2:Q4_K_M').id).toBe('tiny-q4_k_m');
  expect(open.model('bartowski/Other-GGUF').id).toBe('other-q8_0');
  expect(flatCacheNames([])('plain.gguf')).toBeNull();
});

test('a walk has bounds', async () => {
  using shelf = new Shelf();
  for (let index = 0; index < 30; index += 1) shelf.put(`models/${index}.gguf`, 'x');
  shelf.put('models/1/2/3/4/deep.gguf', 'x');
  const folder = { path: shelf.models, origin: 'folder' } as const;
  const few = await walkFolder(folder, { limits: { ...WALK_LIMITS, files: 10 } });
  expect(few.files).toHaveLength(10);
  const flat = await walkFolder(folder, { limits: { ...WALK_LIMITS, depth: 3 } });
  expect(flat.files).toHaveLength(30);
  const narrow = await walkFolder(folder, { limits: { ...WALK_LIMITS, folders: 2 } });
  expect(narrow.files).toHaveLength(30);
  for (const walk of [few, flat, narrow]) expect(walk.notes.join()).toContain('left out');
});
