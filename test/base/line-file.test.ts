import { expect, test } from 'bun:test';
import { appendFileSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { LineFile } from '../../src/base/line-file.ts';
import { temporaryFolder } from '../fixtures/drover.ts';

const OPTIONS = { maxBytes: 1000, keep: 2, batchMs: 5 };
const ALL = Number.POSITIVE_INFINITY;

test('what is added is read back, newest first, after a flush and by another', async () => {
  using folder = temporaryFolder('lines');
  const path = join(folder.path, 'deep', 'a.log');
  const file = new LineFile(path, { ...OPTIONS, maxBytes: 1e6 });
  expect([...file.backwards(ALL)]).toEqual([]);
  for (const line of ['one', 'zwei ünï', 'drei']) file.add(line);
  expect([file.addedCount, file.settledCount]).toEqual([3, 0]);
  await file.flush();
  expect([file.addedCount, file.settledCount]).toEqual([3, 3]);
  expect([...new LineFile(path, OPTIONS).backwards(ALL)]).toEqual(['drei', 'zwei ünï', 'one']);
  expect(statSync(path).mode & 0o777).toBe(0o600);
});

test('is turned over when it is full, read over the turns, and bounded', async () => {
  using folder = temporaryFolder('lines');
  const path = join(folder.path, 'a.log');
  const file = new LineFile(path, OPTIONS);
  for (let index = 0; index < 100; index += 1) {
    file.add(`${index} ${'x'.repeat(95)}`);
    await file.flush();
  }
  expect(readdirSync(folder.path).sort()).toEqual(['a.log', 'a.log.1', 'a.log.2']);
  const numbers = [...file.backwards(ALL)].map((line) => Number.parseInt(line, 10));
  expect(numbers[0]).toBe(99);
  expect(numbers).toEqual(Array.from({ length: numbers.length }, (_, index) => 99 - index));
  // Two that were full, eleven lines each, and the one that is being filled.
  expect(numbers.length).toBe(23);
  await file.remove();
  expect(readdirSync(folder.path)).toEqual([]);
});

test('long lines, lines over the edge of what is read at once, half a line at the end', () => {
  using folder = temporaryFolder('lines');
  const path = join(folder.path, 'a.log');
  const lines = Array.from({ length: 50 }, (_, index) => `${index} ${'ü'.repeat(index * 997)}`);
  writeFileSync(path, `${lines.join('\n')}\n`);
  expect([...new LineFile(path, OPTIONS).backwards(ALL)]).toEqual([...lines].reverse());
  appendFileSync(path, 'half');
  expect(new LineFile(path, OPTIONS).backwards(ALL).next().value).toBe('half');
});

test('no more is read than asked for', () => {
  using folder = temporaryFolder('lines');
  const path = join(folder.path, 'a.log');
  writeFileSync(path, 'x\n'.repeat(500_000));
  expect([...new LineFile(path, OPTIONS).backwards(100)].length).toBe(49);
});

test('a folder that takes nothing costs lines, not the caller', async () => {
  using folder = temporaryFolder('lines');
  const blocked = join(folder.path, 'file');
  writeFileSync(blocked, '');
  const file = new LineFile(join(blocked, 'a.log'), OPTIONS);
  file.add('lost');
  await file.flush();
  expect([file.addedCount, file.settledCount]).toEqual([1, 1]);
  expect(readFileSync(blocked, 'utf8')).toBe('');
});
