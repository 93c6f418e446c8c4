import { expect, test } from 'bun:test';
import {
  chmodSync,
  cpSync,
  linkSync,
  mkdirSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
} from 'node:fs';
import { join } from 'node:path';
import { Fault } from '../../src/base/fault.ts';
import { testEngine } from '../fixtures/engine.ts';
import { tinyBert } from '../fixtures/tiny-models.ts';
import { llama, projector, Shelf, sidecar } from './shelf.ts';

test('files are listed where they lie, with names that people can type', async () => {
  using shelf = new Shelf();
  const path = shelf.put('models/deep/er/Tiny Llama "v2" #1 ü.GGUF', llama('Whatever'));
  shelf.put('models/bge.gguf', tinyBert());
  for (const noise of [
    'a.gguf.part',
    'b.part',
    '.hidden.gguf',
    '._c.gguf',
    'd.txt',
    '.cache/e.gguf',
    'node_modules/f.gguf',
  ]) {
    shelf.put(`models/${noise}`, llama('noise'));
  }
  mkdirSync(join(shelf.models, 'folder.gguf'));
  using open = shelf.open();
  const summary = await open.library.scan();
  expect(summary).toMatchObject({
    modelCount: 2,
    faultCount: 0,
    folders: [{ status: 'scanned', modelCount: 2, notes: [] }],
  });
  const model = open.model('tiny-llama-v2-1-u-f32');
  expect(model).toMatchObject({ path, files: [path], origin: 'folder', title: 'Whatever', fault: null });
  expect(model.sizeBytes).toBe(statSync(path).size);
  expect(model.modifiedAt).toBe(Math.trunc(statSync(path).mtimeMs));
  expect(model.facts).toMatchObject({ kind: 'text', architecture: 'llama', quantization: 'F32' });
  expect(model.facts?.chatTemplate).toContain('add_generation_prompt');
  for (const name of ['tiny llama "v2" #1 ü', 'Tiny Llama "v2" #1 u\u0308.gguf', 'tiny-llama-v2-1-u:F32', path]) {
    expect(open.library.resolve(name)?.id).toBe(model.id);
  }
  expect(open.model('bge').facts?.kind).toBe('embedding');
  expect(open.library.nearNames('tiny-lama-v2', 1)).toEqual([model.id]);
  expect(open.changes).toEqual([{ added: open.ids, removed: [], changed: [] }]);
});

test('a second scan tells nothing, and a restart keeps ids without reading a file', async () => {
  using shelf = new Shelf();
  for (const folder of ['b', 'a', 'c/a']) shelf.put(`models/${folder}/same.gguf`, llama(folder));
  let before: string[];
  {
    using open = shelf.open();
    await open.library.scan();
    before = open.ids;
    expect((await open.library.scan()).change).toEqual({ added: [], removed: [], changed: [] });
    expect(open.changes).toHaveLength(1);
  }
  expect(new Set(before)).toEqual(new Set(['same-f32', 'same-f32-b', before[2] ?? '']));
  // Written over with rubbish of the same size and time: only remembered facts can still be right.
  const path = join(shelf.models, 'a/same.gguf');
  const { atimeMs, mtimeMs, size } = statSync(path);
  const { openSync, writeSync, closeSync, utimesSync } = await import('node:fs');
  const file = openSync(path, 'r+');
  writeSync(file, new Uint8Array(64), 0, 64, 0);
  closeSync(file);
  utimesSync(path, atimeMs / 1000, mtimeMs / 1000);
  expect(statSync(path)).toMatchObject({ size, mtimeMs });
  using again = shelf.open();
  await again.library.scan();
  expect(again.ids).toEqual(before);
  const model = again.library.models().find((candidate) => candidate.path === path);
  expect(model?.fault).toBeNull();
  expect(model?.facts?.layers).toHaveLength(2);
  expect(model?.facts?.chatTemplate).toContain('add_generation_prompt');
});

test('another file never renames a model, and a moved one keeps its id', async () => {
  using shelf = new Shelf();
  shelf.put('models/z/chat.gguf', llama('z'));
  using open = shelf.open();
  await open.library.scan();
  expect(open.ids).toEqual(['chat-f32']);
  shelf.put('models/a/chat.gguf', llama('a'));
  await open.library.scan();
  expect(open.model('chat-f32').path).toBe(join(shelf.models, 'z/chat.gguf'));
  expect(open.model('chat-f32-a').path).toBe(join(shelf.models, 'a/chat.gguf'));
  mkdirSync(join(shelf.models, 'new'));
  renameSync(join(shelf.models, 'z/chat.gguf'), join(shelf.models, 'new/chat.gguf'));
  await open.library.scan();
  expect(open.model('chat-f32').path).toBe(join(shelf.models, 'new/chat.gguf'));
  expect(open.model('chat-f32-a').path).toBe(join(shelf.models, 'a/chat.gguf'));
});

test('a further link to a file does not rename it, and its name is an alias', async () => {
  using shelf = new Shelf();
  const path = shelf.put('models/m.gguf', llama('M'));
  {
    using open = shelf.open();
    await open.library.scan();
  }
  symlinkSync(path, join(shelf.models, 'a-first.gguf'));
  using open = shelf.open();
  await open.library.scan();
  expect(open.ids).toEqual(['m-f32']);
  expect(open.model('a-first').id).toBe('m-f32');
  rmSync(join(shelf.models, 'a-first.gguf'));
  await open.library.scan();
  expect(open.ids).toEqual(['m-f32']);
  expect(open.library.resolve('a-first')).toBeNull();
});

test('the ids of a disk that is away are kept for it', async () => {
  using shelf = new Shelf();
  shelf.put('usb/chat.gguf', llama('usb'));
  const usb = { path: join(shelf.root, 'usb'), origin: 'folder' } as const;
  const folders = [{ path: shelf.models, origin: 'folder' } as const, usb];
  using open = shelf.open({ folders });
  await open.library.scan();
  renameSync(usb.path, join(shelf.root, 'unplugged'));
  shelf.put('models/chat.gguf', llama('home'));
  const summary = await open.library.scan();
  expect(summary.folders.map((folder) => folder.status)).toEqual(['scanned', 'missing']);
  expect(open.ids).toEqual(['chat-f32-models']);
  renameSync(join(shelf.root, 'unplugged'), usb.path);
  await open.library.scan();
  expect(open.model('chat-f32').path).toBe(join(usb.path, 'chat.gguf'));
});

test('200 copies of one name have 200 ids, the same ones on every machine', async () => {
  using shelf = new Shelf();
  const bytes = llama('same');
  const first = shelf.put('models/000/same.gguf', bytes);
  for (let index = 1; index < 200; index += 1) {
    const folder = join(shelf.models, String(index).padStart(3, '0'));
    mkdirSync(folder);
    cpSync(first, join(folder, 'same.gguf'));
  }
  using open = shelf.open();
  await open.library.scan();
  expect(new Set(open.ids).size).toBe(200);
  expect(open.ids.slice(0, 3)).toEqual(['same-f32', 'same-f32-001', 'same-f32-002']);
  expect(open.model('same').id).toBe('same-f32');
});

test('the parts of a real split are one model with the sums of all', async () => {
  using shelf = new Shelf();
  const whole = shelf.put('whole.gguf', llama('Split', { blockCount: 6, width: 64 }));
  const engine = await testEngine();
  const split = Bun.spawnSync(
    [
      ...engine.tool('llama-gguf-split'),
      '--split',
      '--split-max-tensors',
      '20',
      whole,
      join(shelf.models, 'Split-F32'),
    ],
    { env: { ...engine.environment } },
  );
  expect(split.exitCode).toBe(0);
  const parts = readdirSync(shelf.models).sort();
  expect(parts.length).toBeGreaterThan(2);
  shelf.put('other/Split-F32.gguf', llama('Split', { blockCount: 6, width: 64 }));
  using open = shelf.open({
    folders: [
      { path: shelf.models, origin: 'folder' },
      { path: join(shelf.root, 'other'), origin: 'folder' },
    ],
  });
  await open.library.scan();
  const [model, unsplit] = open.library.models();
  expect(model).toMatchObject({ id: 'split-f32', path: join(shelf.models, parts[0] ?? ''), fault: null });
  expect(model?.files).toEqual(parts.map((part) => join(shelf.models, part)));
  expect(model?.sizeBytes).toBe(parts.reduce((sum, part) => sum + statSync(join(shelf.models, part)).size, 0));
  for (const fact of ['weightBytes', 'parameterCount', 'tensorCount', 'layers'] as const) {
    expect(model?.facts?.[fact]).toEqual(unsplit?.facts?.[fact] as never);
  }

  rmSync(join(shelf.models, parts[1] ?? ''));
  const { change } = await open.library.scan();
  // The whole one has taken over the names that both could claim.
  expect(change).toEqual({ added: [], removed: [], changed: ['split-f32', 'split-f32-other'] });
  expect(open.model('split').id).toBe('split-f32-other');
  const broken = open.model('split-f32');
  expect(broken.fault).toBeInstanceOf(Fault);
  expect(broken.fault?.message).toContain(parts[1] ?? '');
  expect(broken.facts).toBeNull();
});

test('a part under a name of its own says what it is', async () => {
  using shelf = new Shelf();
  const { u32 } = await import('../fixtures/gguf-writer.ts');
  shelf.put('models/lonely.gguf', llama('x', { metadata: { 'split.no': u32(1), 'split.count': u32(3) } }));
  using open = shelf.open();
  await open.library.scan();
  expect(open.model('lonely').fault?.message).toContain('part 2 of 3');
});

test('broken files are listed with their reason, and healed when they are', async () => {
  using shelf = new Shelf();
  const bytes = llama('Healed');
  shelf.put('models/cut.gguf', bytes.subarray(0, bytes.length / 2));
  shelf.put('models/empty.gguf', '');
  shelf.put('models/page.gguf', '<!doctype html><title>404</title>');
  using open = shelf.open();
  const summary = await open.library.scan();
  expect(summary).toMatchObject({ modelCount: 3, faultCount: 3 });
  for (const model of open.library.models()) {
    expect(model.fault?.kind).toBe('unprocessable');
    expect(model.facts).toBeNull();
  }
  shelf.put('models/cut.gguf', bytes);
  await open.library.scan();
  expect(open.model('cut')).toMatchObject({ fault: null, id: 'cut-f32' });
});

test('what is no model is not listed; drafts and projectors keep their kind', async () => {
  using shelf = new Shelf();
  shelf.put('models/lora.gguf', sidecar('adapter'));
  shelf.put('models/x.imatrix.gguf', sidecar('imatrix'));
  shelf.put('models/imatrix-broken.gguf', 'no');
  shelf.put('models/mmproj-broken.gguf', 'no');
  shelf.put('models/mtp-x.gguf', llama('Draft'));
  using open = shelf.open();
  await open.library.scan();
  expect(open.library.models().map((model) => [model.id, model.facts?.kind])).toEqual([['mtp-x-f32', 'draft']]);
});

test('links: circles end, one file by two paths is one model, dangling ones are noted', async () => {
  using shelf = new Shelf();
  const path = shelf.put('models/a/one.gguf', llama('one'));
  symlinkSync('..', join(shelf.models, 'a/up'));
  symlinkSync(shelf.models, join(shelf.models, 'self'));
  symlinkSync(join(shelf.models, 'loop2'), join(shelf.models, 'loop1'));
  symlinkSync(join(shelf.models, 'loop1'), join(shelf.models, 'loop2'));
  symlinkSync(path, join(shelf.models, 'b-other-name.gguf'));
  linkSync(path, join(shelf.models, 'c-hard-link.gguf'));
  symlinkSync('/nowhere.gguf', join(shelf.models, 'd.gguf'));
  shelf.put('elsewhere/two.gguf', llama('two'));
  symlinkSync(join(shelf.root, 'elsewhere'), join(shelf.models, 'linked'));
  using open = shelf.open({
    folders: [
      { path: shelf.models, origin: 'folder' },
      { path: join(shelf.models, 'a'), origin: 'folder' },
      { path: join(shelf.models, 'self'), origin: 'folder' },
    ],
  });
  const { folders } = await open.library.scan();
  expect(folders.map((folder) => folder.status)).toEqual(['scanned', 'scanned', 'duplicate']);
  expect(folders[0]?.notes).toEqual([`${join(shelf.models, 'd.gguf')} leads nowhere.`]);
  expect(open.library.models()).toHaveLength(2);
  expect(open.model('two').path).toBe(join(shelf.models, 'linked/two.gguf'));
});

test('a folder that may not be read is noted, and the others go on', async () => {
  using shelf = new Shelf();
  shelf.put('models/open/a.gguf', llama('a'));
  const closed = join(shelf.models, 'closed');
  shelf.put('models/closed/b.gguf', llama('b'));
  shelf.put('private/c.gguf', llama('c'));
  shelf.put('file', 'x');
  for (const path of [closed, join(shelf.root, 'private')]) chmodSync(path, 0o000);
  chmodSync(shelf.root, 0o755);
  using open = shelf.open({
    folders: ['models', 'private', 'file', 'nowhere'].map((name) => ({
      path: join(shelf.root, name),
      origin: 'folder',
    })),
  });
  // Root reads everything.
  const isRoot = process.geteuid?.() === 0;
  if (isRoot) process.seteuid?.(65_534);
  try {
    const { folders } = await open.library.scan();
    expect(folders.map((folder) => folder.status)).toEqual(['scanned', 'unreadable', 'unreadable', 'missing']);
    expect(folders[0]?.notes).toEqual([`${closed} cannot be listed: Drover may not read it.`]);
    expect(open.ids).toEqual(['a-f32']);
  } finally {
    if (isRoot) process.seteuid?.(0);
    for (const path of [closed, join(shelf.root, 'private')]) chmodSync(path, 0o755);
  }
});

test('projectors go to the model that they were made for', async () => {
  using shelf = new Shelf();
  shelf.put('models/gemma/gemma-3-4b-it-F32.gguf', llama('Gemma 3 4b It'));
  shelf.put('models/gemma/mmproj-F32.gguf', projector(32));
  shelf.put('models/gemma/mmproj-F16.gguf', projector(32));
  shelf.put('models/gemma/mmproj-Q8_0.gguf', projector(32));
  // A folder of many: by name, else by the only width that fits, else not at all.
  shelf.put('models/many/gemma-3-4b-it-F32.gguf', llama('Gemma'));
  shelf.put('models/many/qwen-F32.gguf', llama('Qwen'));
  shelf.put('models/many/wide-F32.gguf', llama('Wide', { width: 64 }));
  shelf.put('models/many/gemma-3-4b-it.mmproj-F16.gguf', projector(32));
  shelf.put('models/many/mmproj-F16.gguf', projector(64));
  shelf.put('models/text/plain-F32.gguf', llama('Plain', { width: 64 }));
  shelf.put('models/text/mmproj-F16.gguf', projector(32));
  // The last of a model that is gone, beside two that it was not made for.
  shelf.put('models/rest/narrow-F32.gguf', llama('Narrow'));
  shelf.put('models/rest/broad-F32.gguf', llama('Broad', { width: 64 }));
  shelf.put('models/rest/mmproj-llava-F16.gguf', projector(64));
  using open = shelf.open();
  await open.library.scan();
  const found = open.library
    .models()
    .map(({ path, projectorPath }) => [
      path.slice(shelf.models.length + 1),
      projectorPath?.slice(shelf.models.length + 1) ?? null,
    ]);
  expect(Object.fromEntries(found)).toEqual({
    'gemma/gemma-3-4b-it-F32.gguf': 'gemma/mmproj-F16.gguf',
    'many/gemma-3-4b-it-F32.gguf': 'many/gemma-3-4b-it.mmproj-F16.gguf',
    'many/qwen-F32.gguf': null,
    'many/wide-F32.gguf': 'many/mmproj-F16.gguf',
    'rest/broad-F32.gguf': null,
    'rest/narrow-F32.gguf': null,
    'text/plain-F32.gguf': null,
  });
});

test('a scan can be cancelled, and a closed library stays closed', async () => {
  using shelf = new Shelf();
  for (let index = 0; index < 50; index += 1) shelf.put(`models/${index}/m${index}.gguf`, llama('m'));
  using open = shelf.open();
  const controller = new AbortController();
  const scan = open.library.scan(controller.signal);
  controller.abort(new Fault('cancelled', 'enough'));
  expect(await scan.catch((thrown: unknown) => thrown)).toMatchObject({ kind: 'cancelled' });
  expect(open.library.models()).toEqual([]);
  expect(await open.library.scan()).toMatchObject({ modelCount: 50 });
  open.library.close();
  expect(await open.library.scan().catch((thrown: unknown) => thrown)).toBeInstanceOf(Error);
  open.library.watch();
});

test('a store that cannot be written costs time, never the list', async () => {
  using shelf = new Shelf();
  shelf.put('models/a.gguf', llama('a'));
  using open = shelf.open();
  const { Database } = await import('bun:sqlite');
  using database = new Database(join(shelf.root, 'drover.sqlite'));
  database.exec('DROP TABLE library_id; DROP TABLE library_facts;');
  expect(await open.library.scan()).toMatchObject({ modelCount: 1, faultCount: 0 });
  expect(shelf.log.recent().map((line) => line.level)).toEqual(['warn', 'warn']);
});
