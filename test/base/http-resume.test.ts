// A download goes on after an abort, a kill -9 and a restart from what lies on disk, whatever came in which order.
import { afterAll, beforeAll, expect, test } from 'bun:test';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ByteRanges } from '../../src/base/byte-ranges.ts';
import { Fault } from '../../src/base/fault.ts';
import { type DownloadOptions, downloadFile } from '../../src/base/http.ts';
import { Latch } from '../../src/base/sync.ts';
import { Content, type ContentServer, contentServer } from '../fixtures/range-server.ts';
import { reply } from '../fixtures/raw-server.ts';
import { seeded } from '../fixtures/seeded.ts';

const MIB = 1024 * 1024;
const CHILD = join(import.meta.dir, '../fixtures/downloading-child.ts');
const content = new Content(64 * MIB + 77);

let root = '';
let count = 0;
beforeAll(() => {
  root = mkdtempSync(join(tmpdir(), 'drover-resume-'));
});
afterAll(() => rmSync(root, { recursive: true, force: true }));
const freshPath = (): string => {
  count += 1;
  return join(root, String(count), 'model.gguf');
};

/** What a next run may believe to be there. */
function doneOf(path: string): ByteRanges {
  if (!existsSync(`${path}.part.json`)) return new ByteRanges();
  const { done } = JSON.parse(readFileSync(`${path}.part.json`, 'utf8')) as { done?: unknown };
  if (done !== undefined) return ByteRanges.parse(done) ?? new ByteRanges();
  const end = existsSync(`${path}.part`) ? statSync(`${path}.part`).size : 0;
  return new ByteRanges([{ start: 0, end }]);
}
/** How many of the bytes that were there a server was asked for again, since so many requests. */
const askedAgain = (server: ContentServer, since: number, done: ByteRanges): number =>
  server
    .ranges()
    .slice(since)
    .reduce((sum, range) => {
      const [start, asked] = range ?? [0, content.sizeBytes];
      const end = Math.min(asked, content.sizeBytes);
      return sum + done.totalBytes + end - start - done.with([{ start, end }]).totalBytes;
    }, 0);
const options = (server: ContentServer, more: Partial<DownloadOptions> = {}): DownloadOptions => ({
  allowedHosts: [server.host],
  sha256: content.sha256,
  retryDelayMs: 1,
  ...more,
});
const isCancelled = (work: Promise<unknown>): Promise<boolean> =>
  work.then(
    () => false,
    (thrown: unknown) => {
      if (thrown instanceof Fault && thrown.kind === 'cancelled') return true;
      throw thrown;
    },
  );

test('after aborts at any moment, with any number of connections, nothing that came is asked for again', async () => {
  const random = seeded(5);
  let sent = 0;
  let limit = 0;
  let leaving = new AbortController();
  await using server = await contentServer(content, () => ({
    bytesPerSecond: 60 * MIB,
    onSent: (bytes) => {
      sent += bytes;
      if (sent >= limit) leaving.abort();
    },
  }));
  let resumptions = 0;
  for (let round = 0; round < 14; round += 1) {
    const path = freshPath();
    const more = { connections: 1 + random(6), sha256: random(2) === 0 ? content.sha256 : null };
    for (let abort = random(3); abort >= 0; abort -= 1) {
      leaving = new AbortController();
      sent = 0;
      limit = random(40 * MIB);
      const before = doneOf(path).totalBytes;
      await isCancelled(downloadFile(`${server.url}/x`, path, options(server, { ...more, signal: leaving.signal })));
      if (existsSync(path)) break;
      expect(doneOf(path).totalBytes).toBeGreaterThanOrEqual(before);
    }
    if (existsSync(path)) continue;
    limit = Number.POSITIVE_INFINITY;
    const done = doneOf(path);
    const since = server.requests.length;
    const result = await downloadFile(`${server.url}/x`, path, options(server, more));
    expect(result).toMatchObject({ sizeBytes: content.sizeBytes, sha256: content.sha256 });
    expect(askedAgain(server, since, done)).toBe(0);
    if (done.totalBytes > 0) resumptions += 1;
  }
  expect(resumptions).toBeGreaterThan(8);
});

test('after kill -9, again and again, about a second of work is lost and no more', async () => {
  const perSecond = 16 * MIB;
  const path = freshPath();
  let sent = 0;
  let limit = 0;
  let reached = new Latch();
  await using server = await contentServer(content, () => ({
    bytesPerSecond: perSecond / 4,
    onSent: (bytes) => {
      sent += bytes;
      if (sent >= limit) reached.open();
    },
  }));
  for (const bytes of [3 * MIB, 37 * MIB, 25 * MIB]) {
    const before = doneOf(path).totalBytes;
    sent = 0;
    limit = bytes;
    reached = new Latch();
    const child = Bun.spawn([process.execPath, CHILD, `${server.url}/x`, path, content.sha256], {
      stdout: 'ignore',
      stderr: 'inherit',
    });
    await reached.promise;
    child.kill(9);
    await child.exited;
    const done = doneOf(path);
    expect(done.totalBytes).toBeLessThanOrEqual(before + sent);
    expect(done.totalBytes).toBeGreaterThan(before + sent - 1.5 * perSecond);
    if (bytes > 30 * MIB) expect(done.toJSON().length).toBeGreaterThan(1);
  }
  const done = doneOf(path);
  limit = Number.POSITIVE_INFINITY;
  const since = server.requests.length;
  expect((await downloadFile(`${server.url}/x`, path, options(server))).sha256).toBe(content.sha256);
  expect(askedAgain(server, since, done)).toBe(0);
});

/** Lays a part there as an earlier run would have left it. */
function leavePart(path: string, bytes: Uint8Array, facts: Readonly<Record<string, unknown>>): void {
  mkdirSync(join(path, '..'), { recursive: true });
  writeFileSync(`${path}.part`, bytes);
  writeFileSync(`${path}.part.json`, JSON.stringify({ validator: '"one"', sizeBytes: content.sizeBytes, ...facts }));
}

test('a part of the older form, whose size says what is there, goes on', async () => {
  await using server = await contentServer(content);
  const path = freshPath();
  leavePart(path, content.bytes(0, 30 * MIB), { url: `${server.url}/x` });
  expect((await downloadFile(`${server.url}/x`, path, options(server))).sha256).toBe(content.sha256);
  expect(server.ranges()[0]?.[0]).toBe(30 * MIB);
  expect(server.requests[0]?.headers['if-range']).toBe('"one"');
  expect(askedAgain(server, 0, new ByteRanges([{ start: 0, end: 30 * MIB }]))).toBe(0);
});

test('gaps are filled even over one connection; bytes that the facts do not speak of are not believed', async () => {
  await using server = await contentServer(content);
  for (const connections of [1, 4]) {
    const path = freshPath();
    const bytes = content.bytes(0, 50 * MIB);
    const done: [number, number][] = [
      [0, 10 * MIB + 3],
      [20 * MIB, 21 * MIB],
      [30 * MIB - 1, 40 * MIB],
    ];
    // Rubbish in all gaps, and behind.
    for (const [start, end] of [
      [10 * MIB + 3, 20 * MIB],
      [21 * MIB, 30 * MIB - 1],
      [40 * MIB, 50 * MIB],
    ]) {
      bytes.fill(85, start, end);
    }
    leavePart(path, bytes, { url: `${server.url}/x`, done });
    const since = server.requests.length;
    const result = await downloadFile(`${server.url}/x`, path, options(server, { connections }));
    expect(result.sha256).toBe(content.sha256);
    expect(askedAgain(server, since, ByteRanges.parse(done) ?? new ByteRanges())).toBe(0);
  }
});

test.each([
  ['that claims more than is there', { done: [[0, 20 * MIB]] }],
  ['that claims more than the file has', { done: [[0, 1000 * MIB]] }],
  ['with ranges that are none', { done: [[5, 2]] }],
  ['with ranges of another kind', { done: 'all' }],
  ['of another size', { sizeBytes: 5, done: [[0, 2]] }],
])('a record %s is not believed', async (_, facts) => {
  await using server = await contentServer(content);
  const path = freshPath();
  leavePart(path, content.bytes(0, 10 * MIB), { url: `${server.url}/x`, ...facts });
  const result = await downloadFile(`${server.url}/x`, path, options(server, { sizeBytes: content.sizeBytes }));
  expect(result.sha256).toBe(content.sha256);
  expect(server.ranges()[0]?.[0]).toBe(0);
});

test('a part without a validator goes on only where a digest will judge', async () => {
  await using server = await contentServer(content, () => ({ etag: null }));
  for (const sha256 of [content.sha256, null]) {
    const path = freshPath();
    leavePart(path, content.bytes(0, 30 * MIB), { url: `${server.url}/x`, validator: null });
    const since = server.requests.length;
    expect((await downloadFile(`${server.url}/x`, path, options(server, { sha256 }))).sha256).toBe(content.sha256);
    expect(server.ranges()[since]?.[0]).toBe(sha256 === null ? 0 : 30 * MIB);
  }
});

test('a part whose file has changed meanwhile begins again; one that was spoilt on disk heals by its digest', async () => {
  await using server = await contentServer(content);
  const path = freshPath();
  const done = [
    [0, MIB],
    [5 * MIB, 9 * MIB],
  ];
  leavePart(path, Buffer.alloc(10 * MIB, 1), { url: `${server.url}/x`, validator: '"old"', done });
  const changed = await downloadFile(`${server.url}/x`, path, options(server, { sha256: null }));
  expect(changed.sha256).toBe(content.sha256);

  const spoilt = freshPath();
  leavePart(spoilt, Buffer.alloc(10 * MIB, 1), { url: `${server.url}/x`, done });
  expect((await downloadFile(`${server.url}/x`, spoilt, options(server))).sha256).toBe(content.sha256);
});

test('a page of something on the way is no reason to throw a part away', async () => {
  let isAway = true;
  await using server = await contentServer(content, (_, __, socket) => {
    if (!isAway) return {};
    reply(socket, 200, '<html>Please log in to the network', { 'content-type': 'text/html' });
    return null;
  });
  const path = freshPath();
  const done = [
    [0, 10 * MIB],
    [20 * MIB, 30 * MIB],
  ];
  leavePart(path, content.bytes(0, 30 * MIB), { url: `${server.url}/x`, done });
  const wanted = options(server, { sizeBytes: content.sizeBytes });
  const failure = await downloadFile(`${server.url}/x`, path, wanted).catch((thrown: unknown) => thrown);
  expect(failure).toMatchObject({ kind: 'bad_gateway', message: expect.stringContaining('instead of') });
  expect(doneOf(path).totalBytes).toBe(20 * MIB);
  isAway = false;
  const since = server.requests.length;
  expect((await downloadFile(`${server.url}/x`, path, wanted)).sha256).toBe(content.sha256);
  expect(askedAgain(server, since, ByteRanges.parse(done) ?? new ByteRanges())).toBe(0);
});

test('a part that was whole already is verified without a request, and half a record beside it does no harm', async () => {
  await using server = await contentServer(content);
  const path = freshPath();
  leavePart(path, content.bytes(0, content.sizeBytes), { url: `${server.url}/x`, done: [[0, content.sizeBytes]] });
  writeFileSync(`${path}.part.json.new`, '{"url":"htt');
  const result = await downloadFile(`${server.url}/x`, path, options(server));
  expect(result).toMatchObject({ sizeBytes: content.sizeBytes, sha256: content.sha256, etag: '"one"' });
  expect(server.requests).toHaveLength(0);
  expect(readdirSync(join(path, '..'))).toEqual(['model.gguf']);
});
