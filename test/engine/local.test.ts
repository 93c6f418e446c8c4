import { afterAll, beforeAll, expect, test } from 'bun:test';
import { mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { findFile, flattenServer, foldersWith } from '../../src/engine/sources/layout.ts';
import { findOnPath, folderOf, localRecipe } from '../../src/engine/sources/local.ts';

let root = '';
beforeAll(() => {
  root = realpathSync(mkdtempSync(join(tmpdir(), 'drover-local-')));
});
afterAll(() => rmSync(root, { recursive: true }));

const folderWith = (name: string, ...files: string[]): string => {
  const folder = join(root, name);
  for (const file of files) {
    mkdirSync(join(folder, file, '..'), { recursive: true });
    writeFileSync(join(folder, file), file);
  }
  return folder;
};

test('a file, its folder, and a folder above it', () => {
  const folder = folderWith('älter ünd größer/build', 'bin/llama-server', 'bin/libllama.so');
  const executable = join(folder, 'bin/llama-server');
  for (const path of [executable, join(folder, 'bin'), folder]) {
    expect(localRecipe(path)).toEqual({ launch: [executable], environment: {} });
  }
  expect(folderOf(localRecipe(folder))).toBe(join(folder, 'bin'));
});

test.if(process.platform === 'linux')('a closure with a loader of its own is started by it', () => {
  const loader = process.arch === 'arm64' ? 'ld-linux-aarch64.so.1' : 'ld-linux-x86-64.so.2';
  const folder = folderWith('closure', 'llama-server', loader, 'ld-linux-other.so.9');
  expect(localRecipe(folder).launch).toEqual([
    join(folder, loader),
    '--library-path',
    folder,
    join(folder, 'llama-server'),
  ]);
});

test('what is not there and what is no engine', () => {
  expect(() => localRecipe(join(root, 'absent'))).toThrow('does not exist');
  expect(() => localRecipe(folderWith('empty', 'readme.txt'))).toThrow('There is no llama-server');
});

test('PATH: absolute entries only, links resolved, folders of that name passed over', () => {
  const real = folderWith('real', 'llama-server');
  const linked = folderWith('linked', 'other');
  symlinkSync(join(real, 'llama-server'), join(linked, 'llama-server'));
  mkdirSync(join(root, 'trap/llama-server'), { recursive: true });
  const path = ['', '.', 'relative', join(root, 'absent'), join(root, 'trap'), linked].join(delimiter);
  expect(findOnPath(path)).toBe(join(real, 'llama-server'));
  expect(findOnPath('')).toBeNull();
});

test('archives: the nearest llama-server, its neighbours beside it, a link as a link', () => {
  const unpacked = folderWith(
    'unpacked',
    'llama-b1/llama-server',
    'llama-b1/libllama.so.0.1',
    'llama-b1/deep/llama-server',
    'readme',
  );
  symlinkSync('libllama.so.0.1', join(unpacked, 'llama-b1/libllama.so.0'));
  const target = join(root, 'target');
  mkdirSync(target);
  expect(flattenServer(unpacked, target).launch).toEqual([join(target, 'llama-server')]);
  expect(realpathSync(join(target, 'libllama.so.0'))).toBe(join(target, 'libllama.so.0.1'));
  expect(() => flattenServer(folderWith('nothing', 'a/b'), target)).toThrow('There is no llama-server in nothing');
});

test('searching does not follow linked folders and has an end', () => {
  const folder = folderWith('loop', 'a/libcudart.so.12', 'a/b/c/d/e/f/g/h/llama-server');
  symlinkSync('..', join(folder, 'a/up'));
  expect(findFile(folder, 'llama-server')).toBeNull();
  expect(foldersWith(folder, /\.so/)).toEqual([join(folder, 'a')]);
});
