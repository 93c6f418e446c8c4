import { afterEach, beforeEach, expect, test } from 'bun:test';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openStore, type Store } from '../../src/base/store.ts';
import { FolderBook } from '../../src/models/folder-book.ts';
import { LIBRARY_MIGRATIONS } from '../../src/models/library.ts';

let root: string;
let store: Store;
let now = 0;
const book = (): FolderBook => new FolderBook(store, () => (now += 1000));

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'drover-folders-'));
  store = openStore(join(root, 'store.sqlite'), LIBRARY_MIGRATIONS);
  now = 0;
});
afterEach(() => {
  store[Symbol.dispose]();
  rmSync(root, { recursive: true, force: true });
});

test('folders are kept in their order, over a restart, each once', () => {
  book().add([
    { path: '/b ünï "q" #1', isRecursive: true },
    { path: '/a', isRecursive: false },
  ]);
  store[Symbol.dispose]();
  store = openStore(join(root, 'store.sqlite'), LIBRARY_MIGRATIONS);
  book().add([{ path: '/b ünï "q" #1', isRecursive: false }]);
  expect(book().list()).toEqual([
    { path: '/b ünï "q" #1', addedAt: 1000, scannedAt: null, modelCount: 0, isRecursive: false, isEnabled: true },
    { path: '/a', addedAt: 2000, scannedAt: null, modelCount: 0, isRecursive: false, isEnabled: true },
  ]);
});

test('what is not enabled is kept but not scanned; a scan is noted for tracked folders only', () => {
  book().add([
    { path: '/on', isRecursive: true },
    { path: '/off', isRecursive: true, isEnabled: false },
  ]);
  expect(book().libraryFolders()).toEqual([{ path: '/on', origin: 'folder', isRecursive: true }]);
  book().noteScan(
    new Map([
      ['/on', 3],
      ['/off', 4],
      ['/other', 5],
    ]),
  );
  const [on, off] = book().list();
  expect([on?.modelCount, typeof on?.scannedAt]).toEqual([3, 'number']);
  expect([off?.modelCount, off?.scannedAt]).toEqual([0, null]);
  expect(book().list()).toHaveLength(2);
});

test('only what was tracked is taken out', () => {
  book().add([{ path: '/a', isRecursive: true }]);
  expect(book().remove(['/a', '/never'])).toEqual(['/a']);
  expect(book().remove(['/a'])).toEqual([]);
  expect(book().list()).toEqual([]);
});
