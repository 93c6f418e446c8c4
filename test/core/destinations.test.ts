// Where downloads may go: what is offered is there and is looked into; room that nobody knows stays unknown.
import { expect, test } from 'bun:test';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type DownloadDestination, type ReadFreeBytes, roomsOf } from '../../src/core/destinations.ts';
import { temporaryFolder } from '../fixtures/drover.ts';

const at = (path: string, more: Partial<DownloadDestination> = {}): DownloadDestination => ({
  path,
  isDefault: false,
  isRecursive: true,
  modelCount: 0,
  scannedAt: null,
  ...more,
});

test('the default, there or not, then those that are there and are looked into', async () => {
  using root = temporaryFolder('destinations');
  const [second, flat, file] = ['second', 'flat', 'file'].map((name) => join(root.path, name)) as [
    string,
    string,
    string,
  ];
  mkdirSync(second);
  mkdirSync(flat);
  writeFileSync(file, '');
  const home = join(root.path, 'not-made-yet');
  const places = [
    at(home, { isDefault: true }),
    at(join(root.path, 'gone')),
    at(flat, { isRecursive: false }),
    at(file),
    at(second),
  ];
  const asked: string[] = [];
  const rooms = await roomsOf(places, async (path) => {
    asked.push(path);
    return path === home ? 7 : 9;
  });
  expect(rooms).toEqual([
    { path: home, isDefault: true, freeBytes: 7 },
    { path: second, isDefault: false, freeBytes: 9 },
  ]);
  // What is not there must not be told by the disk above it.
  expect(asked.sort()).toEqual([home, second].sort());
});

const TROUBLES: readonly (readonly [name: string, freeBytes: ReadFreeBytes])[] = [
  ['does not know', async () => null],
  ['fails', () => Promise.reject(new Error('no disk'))],
  ['does not answer', () => Promise.withResolvers<number>().promise],
];
test.each(TROUBLES)('where the disk %s, its room is unknown', async (_, freeBytes) => {
  using root = temporaryFolder('destinations');
  expect(await roomsOf([at(root.path)], freeBytes)).toEqual([{ path: root.path, isDefault: false, freeBytes: null }]);
});
