// Older lines of the log and of engines, page by page from real files.
import { expect, test } from 'bun:test';
import { closeSync, openSync, renameSync, writeFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import type { LogLine } from '../../src/base/log.ts';
import { logFilesOf } from '../../src/base/log-file.ts';
import type { LogEntry } from '../../src/core/instance-logs.ts';
import { LogHistory } from '../../src/core/log-history.ts';
import { fileLines } from '../../src/core/log-search.ts';
import { temporaryFolder } from '../fixtures/drover.ts';

const never = new AbortController().signal;
const line = (at: number, message: string, more: Partial<LogLine> = {}): LogLine => ({
  at,
  level: 'info',
  source: 'drover',
  message,
  fields: {},
  ...more,
});
const written = (lines: readonly LogLine[]): string => lines.map((one) => `${JSON.stringify(one)}\n`).join('');
const messagesOf = (lines: readonly LogLine[]): string[] => lines.map(({ message }) => message);

/** Everything, by pages of `limit`. */
async function readAll(history: LogHistory, limit: number, modelId: string | null = null): Promise<LogLine[]> {
  let all: LogLine[] = [];
  for (;;) {
    const page = await history.page({ beforeMs: all[0]?.at ?? Number.MAX_SAFE_INTEGER, limit, modelId }, never);
    all = [...page.lines, ...all];
    if (!page.isMore) return all;
  }
}

test('pages over files that were turned over lose nothing and tell nothing twice', async () => {
  using folder = temporaryFolder('history');
  const path = join(folder.path, 'drover.log');
  // Four lines a millisecond, also where one file ends and the next begins.
  const lines = Array.from({ length: 990 }, (_, index) =>
    line(1000 + Math.floor(index / 4), `Zeile ${index} – grün 🐑`),
  );
  writeFileSync(`${path}.2`, written(lines.slice(0, 333)));
  writeFileSync(`${path}.1`, `${written(lines.slice(333, 661))}{"at":1165,"level":"info","mess`);
  writeFileSync(path, `half a line\n\n[]\n${written(lines.slice(661))}`);
  const history = new LogHistory({ files: logFilesOf(path), modelIds: () => [], engineLines: () => [] });
  for (const limit of [7, 100, 5000]) expect(await readAll(history, limit)).toEqual(lines);
  const last = await history.page({ beforeMs: 1101, limit: 2, modelId: null }, never);
  expect(messagesOf(last.lines)).toEqual([400, 401, 402, 403].map((index) => `Zeile ${index} – grün 🐑`));
  expect(await history.page({ beforeMs: 5, limit: 2, modelId: null }, never)).toEqual({ lines: [], isMore: false });
  const gone = new LogHistory({ files: [join(folder.path, 'none')], modelIds: () => [], engineLines: () => [] });
  expect(await gone.page({ beforeMs: 9e15, limit: 2, modelId: null }, never)).toEqual({ lines: [], isMore: false });
});

test('engines’ lines stand between the log’s own by their time, and a model’s page is its own', async () => {
  using folder = temporaryFolder('history-engines');
  const path = join(folder.path, 'drover.log');
  writeFileSync(
    path,
    written([line(10, 'start'), line(20, 'load a', { fields: { model: 'a' } }), line(40, 'load b', { source: 'b' })]),
  );
  const said: Readonly<Record<string, readonly LogEntry[]>> = {
    a: [
      { at: 35, level: 'warn', message: 'a is slow' },
      { at: 25, level: 'info', message: 'a loads' },
    ],
    b: [{ at: 45, level: 'info', message: 'b loads' }],
  };
  const history = new LogHistory({
    files: [path],
    modelIds: () => ['a', 'b', 'c'],
    engineLines: (id) => said[id] ?? [],
  });
  const all = await readAll(history, 2);
  expect(messagesOf(all)).toEqual(['start', 'load a', 'a loads', 'a is slow', 'load b', 'b loads']);
  expect(all[3]).toEqual({ at: 35, level: 'warn', source: 'engine:a', message: 'a is slow', fields: {} });
  expect(messagesOf(await readAll(history, 1, 'a'))).toEqual(['load a', 'a loads', 'a is slow']);
  expect(messagesOf(await readAll(history, 9, 'b'))).toEqual(['load b', 'b loads']);
});

test('a page of a large file reads its end only, closes it, and ends when its reader leaves', async () => {
  using folder = temporaryFolder('history-large');
  const path = join(folder.path, 'drover.log');
  const file = openSync(path, 'w');
  // Not one line of the first 40 MiB could be read.
  const rubbish = Buffer.alloc(1024 * 1024, 'x\n');
  for (let count = 0; count < 40; count += 1) writeSync(file, rubbish);
  writeSync(file, written(Array.from({ length: 3000 }, (_, index) => line(index, `line ${index}`))));
  closeSync(file);
  const history = new LogHistory({ files: [path], modelIds: () => [], engineLines: () => [] });
  const before = process.memoryUsage().arrayBuffers;
  const page = await history.page({ beforeMs: 9e15, limit: 1000, modelId: null }, never);
  expect(messagesOf(page.lines).slice(0, 1)).toEqual(['line 2000']);
  expect(page.isMore).toBe(true);
  expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(4 * 1024 * 1024);
  const open = await Array.fromAsync(new Bun.Glob('*').scan({ cwd: '/proc/self/fd', onlyFiles: false })).catch(
    () => [],
  );
  expect(open.length).toBeLessThan(200);
  const left = AbortSignal.abort(new Error('gone'));
  await expect(history.page({ beforeMs: 0, limit: 1, modelId: null }, left)).rejects.toThrow('gone');
});

test('a file that is turned over while it is read is not read again under its new name', () => {
  using folder = temporaryFolder('history-turned');
  const path = join(folder.path, 'drover.log');
  const lines = Array.from({ length: 60 }, (_, index) => line(index, `line ${index}`));
  writeFileSync(`${path}.1`, written(lines.slice(0, 30)));
  writeFileSync(path, written(lines.slice(30)));
  const reading = fileLines(logFilesOf(path));
  const read = [reading.next().value];
  renameSync(`${path}.1`, `${path}.2`);
  renameSync(path, `${path}.1`);
  writeFileSync(path, written([line(99, 'new')]));
  read.push(...reading);
  expect(read.map((one) => one?.at)).toEqual(lines.map(({ at }) => at).reverse());
});
