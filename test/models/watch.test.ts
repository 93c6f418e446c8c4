import { expect, test } from 'bun:test';
import { appendFileSync, chmodSync, mkdirSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { FoundFile } from '../../src/models/found-file.ts';
import { Settling } from '../../src/models/settling.ts';
import { isWorthALook } from '../../src/models/watch.ts';
import { llama, Shelf } from './shelf.ts';

test('what happens in a watched folder is told: added, replaced, renamed, removed', async () => {
  using shelf = new Shelf();
  shelf.put('models/first.gguf', llama('First'));
  using open = shelf.open();
  await open.library.scan();
  open.library.watch();
  shelf.put('models/new/folder/second ü.gguf', llama('Second'));
  await open.until(({ ids }) => ids.includes('second-u-f32'));
  shelf.put('models/first.gguf', llama('First, again', { blockCount: 3 }));
  await open.until(({ changes }) => changes.at(-1)?.changed.includes('first-f32') === true);
  expect(open.model('first').facts?.blockCount).toBe(3);
  renameSync(join(shelf.models, 'first.gguf'), join(shelf.models, 'other.gguf'));
  await open.until(({ ids }) => ids.includes('other-f32') && !ids.includes('first-f32'));
  shelf.remove('models/new');
  await open.until(({ ids }) => !ids.includes('second-u-f32'));
  expect(open.ids).toEqual(['other-f32']);
});

test('while it is not watched nothing is told, and all of it when it is watched again', async () => {
  using shelf = new Shelf();
  using open = shelf.open({ gatherMs: 1 });
  await open.library.scan();
  open.library.watch();
  shelf.put('models/first.gguf', llama('First'));
  await open.until(({ ids }) => ids.includes('first-f32'));
  open.library.unwatch();
  open.library.unwatch();
  shelf.put('models/second.gguf', llama('Second'));
  for (let turn = 0; turn < 200; turn += 1) await new Promise((resolve) => setImmediate(resolve));
  expect(open.ids).toEqual(['first-f32']);
  open.library.watch();
  await open.until(({ ids }) => ids.includes('second-f32'));
});

test('a file that grows is told once, when it is whole', async () => {
  using shelf = new Shelf();
  using open = shelf.open({ gatherMs: 1, settleMs: 300 });
  await open.library.scan();
  open.library.watch();
  const bytes = llama('Growing', { blockCount: 8, width: 64 });
  const path = join(shelf.models, 'growing.gguf');
  const step = Math.ceil(bytes.length / 40);
  writeFileSync(path, '');
  // Each write is followed by a few turns of the loop, so that events arrive in between.
  for (let offset = 0; offset < bytes.length; offset += step) {
    appendFileSync(path, bytes.subarray(offset, offset + step));
    for (let turn = 0; turn < 20; turn += 1) await new Promise((resolve) => setImmediate(resolve));
  }
  await open.until(({ changes }) => changes.length > 0);
  expect(open.changes).toEqual([{ added: ['growing-f32'], removed: [], changed: [] }]);
  expect(open.model('growing').fault).toBeNull();
});

test('a folder that comes later, goes and comes again is noticed', async () => {
  using shelf = new Shelf();
  const late = join(shelf.root, 'late');
  using open = shelf.open({ folders: [{ path: late, origin: 'folder' }] });
  await open.library.scan();
  open.library.watch();
  mkdirSync(late);
  writeFileSync(join(late, 'a.gguf'), llama('A'));
  await open.until(({ ids }) => ids.includes('a-f32'));
  rmSync(late, { recursive: true });
  await open.until(({ ids }) => ids.length === 0);
  mkdirSync(late);
  writeFileSync(join(late, 'b.gguf'), llama('B'));
  await open.until(({ ids }) => ids.includes('b-f32'));
});

test('new settings take effect, watching included', async () => {
  using shelf = new Shelf();
  shelf.put('models/a.gguf', llama('A'));
  const other = shelf.put('other/b.gguf', llama('B'));
  using open = shelf.open();
  await open.library.scan();
  open.library.watch();
  const summary = await open.library.update({
    folders: [{ path: join(shelf.root, 'other'), origin: 'folder' }],
    configured: [{ id: 'mine', file: other }],
  });
  expect(summary.change).toEqual({ added: ['mine'], removed: ['a-f32'], changed: [] });
  shelf.put('models/ignored.gguf', llama('Ignored'));
  shelf.put('other/c.gguf', llama('C'));
  await open.until(({ ids }) => ids.includes('c-f32'));
  expect(open.ids).toEqual(['mine', 'c-f32']);
});

test('a file settles by the clock, and what is published stays meanwhile', () => {
  let now = 0;
  const settling = new Settling(100, () => now);
  const seen = (path: string, fingerprint: string): FoundFile => ({
    path,
    name: path.slice(1),
    identity: path,
    fingerprint,
    sizeBytes: 1,
    modifiedAt: 0,
    origin: 'folder',
    group: '/',
    repository: null,
    givenNames: [],
    projectorPath: null,
  });
  const old = seen('/a.gguf', '1');
  const published = new Map([[old.path, old]]);
  const sift = (file: FoundFile, isPatient = true): string[] =>
    settling.sift([file], published, isPatient).map(({ fingerprint }) => fingerprint);
  expect(sift(seen('/a.gguf', '2'))).toEqual(['1']);
  now = 50;
  expect(sift(seen('/a.gguf', '2'))).toEqual(['1']);
  expect(sift(seen('/a.gguf', '3'))).toEqual(['1']);
  now = 120;
  expect(settling.look('/a.gguf', '3')).toBe(false);
  expect(sift(seen('/a.gguf', '3'))).toEqual(['1']);
  now = 150;
  expect(settling.look('/a.gguf', '3')).toBe(true);
  expect(sift(seen('/a.gguf', '3'))).toEqual(['3']);
  expect(settling.paths).toEqual([]);
  // Asked for by somebody, what was renamed into place is shown at once.
  sift(seen('/c.gguf', '1'));
  expect(sift(seen('/c.gguf', '1'))).toEqual([]);
  expect(sift(seen('/c.gguf', '1'), false)).toEqual(['1']);
  // So is what is new is shown at once, but all parts wait for one that grows.
  expect(sift(seen('/b.gguf', '1'), false)).toEqual(['1']);
  const parts = [seen('/s-00001-of-00002.gguf', '1'), seen('/s-00002-of-00002.gguf', '1')] as const;
  settling.sift([parts[1]], published, true);
  expect(settling.sift([parts[0], { ...parts[1], fingerprint: '2' }], published, false)).toEqual([]);
});

test('noise of downloads and writes into other files are not worth a look', () => {
  for (const name of ['a.gguf.part', 'x/b.incomplete', 'sha256-abc-partial-3', 'c.json', '._a.gguf']) {
    expect(isWorthALook('rename', name)).toBe(false);
  }
  for (const name of ['a.gguf', 'B.GGUF', 'blobs/sha256-abc', 'manifests/r/library/x/latest', 'refs/main']) {
    expect(isWorthALook('change', name)).toBe(true);
  }
  expect(isWorthALook('rename', 'Qwen2.5-7B')).toBe(true);
  expect(isWorthALook('change', 'training.bin')).toBe(false);
});

test('a folder behind a link is watched too, and one that may not be watched blinds no other', async () => {
  using shelf = new Shelf();
  const disk = join(shelf.root, 'disk');
  for (const path of [disk, join(shelf.models, 'closed'), join(shelf.models, 'open')]) mkdirSync(path);
  symlinkSync(disk, join(shelf.models, 'linked'));
  for (const path of [shelf.root, shelf.models, disk, join(shelf.models, 'open')]) chmodSync(path, 0o777);
  chmodSync(join(shelf.models, 'closed'), 0o000);
  using open = shelf.open();
  const isRoot = process.geteuid?.() === 0;
  if (isRoot) process.seteuid?.(65_534);
  try {
    await open.library.scan();
    open.library.watch();
    writeFileSync(join(shelf.models, 'open/b.gguf'), llama('B'));
    await open.until(({ ids }) => ids.includes('b-f32'));
    writeFileSync(join(disk, 'a.gguf'), llama('A'));
    await open.until(({ ids }) => ids.includes('a-f32'));
  } finally {
    if (isRoot) process.seteuid?.(0);
    chmodSync(join(shelf.models, 'closed'), 0o755);
  }
});
