import { expect, test } from 'bun:test';
import { symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { llama, projector, Shelf } from './shelf.ts';

test('a survey finds what a scan would, under the same names, and lists nothing', async () => {
  using shelf = new Shelf();
  shelf.put('models/Known-Q4_0.gguf', llama('Known'));
  shelf.put('elsewhere/sub dir/Nëw "model" #1.gguf', llama('New'));
  shelf.put('elsewhere/mmproj-F16.gguf', projector(32));
  shelf.put('elsewhere/Known-Q4_0.gguf', llama('Known', { blockCount: 1 }));
  shelf.put('elsewhere/broken.gguf', 'no model');
  using open = shelf.open();
  await open.library.scan();
  const listed = open.ids;
  const folder = join(shelf.root, 'elsewhere');
  const { models, folders } = await open.library.survey([{ path: folder, origin: 'folder' }]);
  expect(open.ids).toEqual(listed);
  expect(folders).toMatchObject([{ path: folder, status: 'scanned', modelCount: 3 }]);
  const usable = models.filter((model) => model.fault === null);
  // What is listed already keeps its id, so another file of that name gets one of its own.
  expect(usable.map((model) => model.id)).not.toContain(listed[0]);
  expect(models.find((model) => model.path.endsWith('broken.gguf'))?.fault?.kind).toBe('unprocessable');
  await open.library.update({
    folders: [
      { path: shelf.models, origin: 'folder' },
      { path: folder, origin: 'folder' },
    ],
  });
  for (const model of usable) expect(open.model(model.id).path).toBe(model.path);
});

test('a folder that is not searched below gives only what lies in itself, and is not entered', async () => {
  using shelf = new Shelf();
  shelf.put('flat/top.gguf', llama('Top'));
  shelf.put('flat/below/deep.gguf', llama('Deep'));
  symlinkSync(join(shelf.root, 'flat/below'), join(shelf.root, 'flat/link'));
  const folder = { path: join(shelf.root, 'flat'), origin: 'folder', isRecursive: false } as const;
  using open = shelf.open({ folders: [folder] });
  await open.library.scan();
  expect(open.library.models().map((model) => model.path)).toEqual([join(folder.path, 'top.gguf')]);
  const { models } = await open.library.survey([{ ...folder, isRecursive: true }]);
  expect(models).toHaveLength(2);
});

test('one file seen by two folders counts for the first; a folder that is away says so', async () => {
  using shelf = new Shelf();
  shelf.put('a/one.gguf', llama('One'));
  using open = shelf.open();
  const path = join(shelf.root, 'a');
  const gone = join(shelf.root, 'gone');
  const { models, folders } = await open.library.survey([
    { path: shelf.root, origin: 'folder' },
    { path, origin: 'folder' },
    { path: gone, origin: 'folder' },
  ]);
  expect(models).toHaveLength(1);
  expect(folders.map(({ status, modelCount }) => [status, modelCount])).toEqual([
    ['scanned', 1],
    ['scanned', 0],
    ['missing', 0],
  ]);
});

test('progress is told per folder and per model; an abort ends it', async () => {
  using shelf = new Shelf();
  for (const name of ['a', 'b', 'c']) shelf.put(`x/${name}.gguf`, llama(name));
  using open = shelf.open();
  const told: string[] = [];
  const folders = [{ path: join(shelf.root, 'x'), origin: 'folder' }] as const;
  await open.library.survey(folders, { onProgress: (_, read, all) => told.push(`${read}/${all}`) });
  expect(told).toEqual(['0/0', '1/3', '2/3', '3/3']);
  const aborted = open.library.survey(folders, { signal: AbortSignal.abort(new Error('enough')) });
  await expect(aborted).rejects.toThrow('enough');
});
