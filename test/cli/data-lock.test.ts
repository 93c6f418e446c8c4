import { expect, test } from 'bun:test';
import { join } from 'node:path';
import { FileLock } from '../../src/base/sync.ts';
import { DataLock } from '../../src/cli/data-lock.ts';
import { writeServerFile } from '../../src/cli/server-file.ts';
import { pathsIn } from '../../src/config/paths.ts';
import { temporaryFolder } from '../fixtures/drover.ts';

test('one holds it, and the other is told who', () => {
  using data = temporaryFolder('lock');
  const paths = pathsIn(data.path);
  const first = DataLock.take(paths);
  expect(() => DataLock.take(paths)).toThrow(`Another Drover holds ${data.path}`);
  writeServerFile(paths.serverFile, { pid: 4711, url: 'http://127.0.0.1:5800', key: 'x', version: '1' });
  expect(() => DataLock.take(paths)).toThrow('Another Drover (process 4711, http://127.0.0.1:5800)');
  first[Symbol.dispose]();
  DataLock.take(paths)[Symbol.dispose]();
});

test('while it is handed over nobody else can take it, however often they try', async () => {
  using data = temporaryFolder('lock-over');
  const paths = pathsIn(data.path);
  const old = DataLock.take(paths);
  await old.beginHandover();
  old.letGo();
  expect(old.isHeld).toBe(false);
  for (let attempt = 0; attempt < 5; attempt += 1) expect(() => DataLock.take(paths)).toThrow('Another Drover');
  const next = await DataLock.takeOver(paths);
  expect(() => DataLock.take(paths)).toThrow('Another Drover');
  old.endHandover();
  expect(() => DataLock.take(paths)).toThrow('Another Drover');
  old[Symbol.dispose]();
  next[Symbol.dispose]();
  DataLock.take(paths)[Symbol.dispose]();
});

test('a successor waits for the moment in which a fresh start has it', async () => {
  using data = temporaryFolder('lock-moment');
  const paths = pathsIn(data.path);
  const moment = FileLock.tryTake(paths.lock);
  const taking = DataLock.takeOver(paths);
  await Bun.sleep(30);
  moment?.[Symbol.dispose]();
  (await taking)[Symbol.dispose]();
});

test('it is taken back when there is no successor, unless somebody else has it by then', async () => {
  using data = temporaryFolder('lock-back');
  const paths = pathsIn(data.path);
  const old = DataLock.take(paths);
  await old.beginHandover();
  old.letGo();
  expect(await old.takeBack()).toBe(true);
  expect(old.isHeld).toBe(true);
  // The gap is closed too: another handover may begin.
  const gap = FileLock.tryTake(join(data.path, 'drover.lock.handover'));
  expect(gap).not.toBeNull();
  gap?.[Symbol.dispose]();
  old.letGo();
  const thief = DataLock.take(paths);
  expect(await old.takeBack()).toBe(false);
  thief[Symbol.dispose]();
}, 15_000);
