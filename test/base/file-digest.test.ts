import { afterAll, afterEach, beforeAll, expect, test } from 'bun:test';
import { appendFileSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { FileDigest } from '../../src/base/file-digest.ts';
import { Content } from '../fixtures/range-server.ts';
import { openFiles, workerThreads } from '../fixtures/threads.ts';

const MIB = 1024 * 1024;
const content = new Content(100 * MIB + 11);

let root = '';
beforeAll(() => {
  root = mkdtempSync(join(tmpdir(), 'drover-digest-'));
});
afterEach(async () => {
  while (workerThreads(process.pid) > 0) await Bun.sleep(1);
});
afterAll(() => rmSync(root, { recursive: true, force: true }));

test('follows a file that grows, on a thread of its own that ends with it', async () => {
  const file = join(root, 'growing');
  writeFileSync(file, '');
  await using digest = new FileDigest(file);
  for (let at = 0; at < content.sizeBytes; at += 7 * MIB) {
    const end = Math.min(content.sizeBytes, at + 7 * MIB);
    appendFileSync(file, content.bytes(at, end));
    digest.advance(end);
    if (end > 50 * MIB) expect(workerThreads(process.pid)).toBe(1);
  }
  expect(await digest.finish(content.sizeBytes)).toBe(content.sha256);
  await digest[Symbol.asyncDispose]();
  while (workerThreads(process.pid) > 0) await Bun.sleep(1);
});

test('does not read what was not announced, nor what came after the end', async () => {
  const file = join(root, 'half');
  writeFileSync(file, content.bytes(0, 40 * MIB));
  await using digest = new FileDigest(file);
  digest.advance(20 * MIB);
  appendFileSync(file, 'more');
  const wanted = new Bun.CryptoHasher('sha256').update(content.bytes(0, 40 * MIB)).digest('hex');
  expect(await digest.finish(40 * MIB)).toBe(wanted);
});

test('a small file needs no thread, an empty one no byte', async () => {
  const file = join(root, 'small');
  for (const size of [0, 1, 3 * MIB + 1]) {
    writeFileSync(file, content.bytes(0, size));
    await using digest = new FileDigest(file);
    digest.advance(size);
    const wanted = new Bun.CryptoHasher('sha256').update(content.bytes(0, size)).digest('hex');
    expect(await digest.finish(size)).toBe(wanted);
    expect(workerThreads(process.pid)).toBe(0);
  }
});

test('begins anew when it is told to, whatever it has read before', async () => {
  const file = join(root, 'anew');
  writeFileSync(file, Buffer.alloc(30 * MIB));
  await using digest = new FileDigest(file);
  digest.advance(30 * MIB);
  await digest.restart();
  writeFileSync(file, content.bytes(0, content.sizeBytes));
  digest.advance(content.sizeBytes);
  expect(await digest.finish(content.sizeBytes)).toBe(content.sha256);
});

test('a thread that dies is replaced by this one, and the digest is right all the same', async () => {
  const file = join(root, 'late');
  await using digest = new FileDigest(file);
  // The thread finds less than it was told, and ends with an error.
  writeFileSync(file, content.bytes(0, MIB));
  digest.advance(20 * MIB);
  const isOpen = (): boolean => openFiles(process.pid).some(({ path }) => path === file);
  expect(isOpen()).toBe(true);
  while (isOpen()) await Bun.sleep(1);
  writeFileSync(file, content.bytes(0, content.sizeBytes));
  digest.advance(30 * MIB);
  expect(await digest.finish(content.sizeBytes)).toBe(content.sha256);
});

test('a file that is shorter than it was said to be is an error, not a digest', async () => {
  const file = join(root, 'short');
  writeFileSync(file, content.bytes(0, 18 * MIB));
  await using digest = new FileDigest(file);
  digest.advance(17 * MIB);
  const failure = digest.finish(20 * MIB);
  expect(failure).rejects.toMatchObject({ kind: 'internal' });
  await failure.catch(() => undefined);
});

test('an abort is heard while it hashes', async () => {
  const file = join(root, 'aborted');
  writeFileSync(file, content.bytes(0, content.sizeBytes));
  for (const isSmall of [true, false]) {
    const leaving = new AbortController();
    const digest = new FileDigest(file);
    if (!isSmall) digest.advance(content.sizeBytes);
    const finished = digest.finish(content.sizeBytes, leaving.signal);
    leaving.abort(new Error('enough'));
    expect(
      await finished.then(
        () => 'done',
        (thrown: unknown) => String(thrown),
      ),
    ).toBe('Error: enough');
    await digest[Symbol.asyncDispose]();
  }
  expect(openFiles(process.pid).filter(({ path }) => path === file)).toEqual([]);
});
