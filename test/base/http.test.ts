import { afterAll, beforeAll, describe, expect, test } from 'bun:test';
import { createHash } from 'node:crypto';
import {
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import type { Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { Fault } from '../../src/base/fault.ts';
import { type DownloadOptions, downloadFile, fetchBytes, fetchJson, fetchText, openUrl } from '../../src/base/http.ts';
import { isPrivateAddress, requireAllowed } from '../../src/base/http-hosts.ts';
import { Latch } from '../../src/base/sync.ts';
import { faultOf } from '../fixtures/fault-of.ts';
import { head, rawServer, reply, serveRange } from '../fixtures/raw-server.ts';

const body = Buffer.from(Array.from({ length: 300_000 }, (_, at) => (at * 31 + (at >> 8)) & 255));
const sha256 = createHash('sha256').update(body).digest('hex');

let root = '';
let count = 0;
beforeAll(() => {
  root = mkdtempSync(join(tmpdir(), 'drover-http-'));
});
afterAll(() => rmSync(root, { recursive: true, force: true }));
const freshPath = (): string => {
  count += 1;
  return join(root, String(count), 'file.bin');
};
const leftIn = (path: string): string[] => (existsSync(join(path, '..')) ? readdirSync(join(path, '..')).sort() : []);
describe('which hosts', () => {
  const may = (address: string, allowed: readonly string[], from: string | null = null): Promise<string> =>
    requireAllowed(new URL(address), allowed, from === null ? null : new URL(from)).then(
      () => 'yes',
      (thrown: unknown) => (thrown instanceof Fault ? thrown.kind : 'broken'),
    );

  test.each([
    ['https://huggingface.co/x', ['huggingface.co'], 'yes'],
    ['https://HuggingFace.co./x', ['huggingface.co'], 'yes'],
    ['https://huggingface.co:444/x', ['huggingface.co'], 'forbidden'],
    ['https://evil-huggingface.co/x', ['huggingface.co'], 'forbidden'],
    ['https://huggingface.co.evil.example/x', ['huggingface.co', '*.huggingface.co'], 'forbidden'],
    ['https://huggingface.co@evil.example/x', ['huggingface.co'], 'forbidden'],
    ['https://user:pass@huggingface.co/x', ['huggingface.co'], 'forbidden'],
    ['https://hf.co/x', ['*.hf.co'], 'forbidden'],
    ['http://127.0.0.1:8080/x', ['127.0.0.1:8080'], 'yes'],
    ['http://127.0.0.1:8081/x', ['127.0.0.1:8080'], 'forbidden'],
    ['http://0x7f000001:8080/x', ['127.0.0.1:8080'], 'yes'],
    ['http://[::1]:8080/x', ['[::1]:8080'], 'yes'],
    ['http://[::1]:8080/x', ['127.0.0.1:8080'], 'forbidden'],
    // A wildcard lets nobody into the local network, however the name ends.
    ['http://127.0.0.1/x', ['*.0.0.1'], 'forbidden'],
    ['http://models.localhost/x', ['*.localhost'], 'forbidden'],
    ['file:///etc/passwd', ['*.x', ''], 'forbidden'],
    ['ftp://huggingface.co/x', ['huggingface.co'], 'forbidden'],
  ])('%s by %p: %s', async (address, allowed, wanted) => {
    expect(await may(address, allowed)).toBe(wanted);
  });

  test('a redirect from https down to http passes only where plain http was allowed', async () => {
    const from = 'https://deb.debian.org/';
    expect(await may('http://deb.debian.org/x', ['deb.debian.org'], from)).toBe('forbidden');
    expect(await may('http://deb.debian.org/x', ['http://deb.debian.org'], from)).toBe('yes');
    expect(await may('https://deb.debian.org/x', ['http://deb.debian.org'], from)).toBe('yes');
    expect(await may('http://deb.debian.org/x', ['https://deb.debian.org'])).toBe('forbidden');
  });

  test.each([
    ['127.0.0.1', true],
    ['10.1.2.3', true],
    ['172.31.255.255', true],
    ['172.32.0.1', false],
    ['169.254.169.254', true],
    ['100.64.0.1', true],
    ['0.0.0.0', true],
    ['255.255.255.255', true],
    ['::1', true],
    ['fe80::1%eth0', true],
    ['fd12::1', true],
    ['::ffff:192.168.0.1', true],
    ['64:ff9b::10.0.0.1', true],
    ['8.8.8.8', false],
    ['2606:4700::1111', false],
    ['nonsense', true],
  ])('%s is private: %p', (address, isPrivate) => {
    expect(isPrivateAddress(address)).toBe(isPrivate);
  });
});

describe('redirects', () => {
  test('are followed to allowed hosts; the token stays at the first, a host’s own header goes to it alone', async () => {
    await using second = await rawServer((_, socket) => reply(socket, 200, 'here'));
    await using first = await rawServer((request, socket) =>
      request.path === '/a'
        ? reply(socket, 302, '', { location: '/b' })
        : reply(socket, 307, '', { location: `${second.url}/c?signature=secret` }),
    );
    const { value, url } = await fetchText(`${first.url}/a`, {
      allowedHosts: [first.host, second.host],
      headers: { authorization: 'Bearer secret', cookie: 'a=b', 'x-other': 'kept' },
      headersForHost: (host) => (host === second.host ? { 'x-second': 'yes' } : {}),
    });
    expect(value).toBe('here');
    expect(url).toBe(`${second.url}/c?signature=secret`);
    expect(first.requests.map(({ path, headers }) => [path, headers.authorization, headers['x-second']])).toEqual([
      ['/a', 'Bearer secret', undefined],
      ['/b', 'Bearer secret', undefined],
    ]);
    const headers: Readonly<Record<string, string>> = second.requests[0]?.headers ?? {};
    expect(headers.authorization).toBeUndefined();
    expect(headers.cookie).toBeUndefined();
    expect(headers['x-other']).toBe('kept');
    expect(headers['x-second']).toBe('yes');
    expect(headers['accept-encoding']).toBe('identity');
  });

  test.each([
    ['a foreign host', 'https://evil.example/x', 'forbidden', 'not among'],
    ['a private address', 'http://169.254.169.254/latest/meta-data', 'forbidden', 'not among'],
    ['a file', 'file:///etc/passwd', 'forbidden', 'Only http'],
    ['no address', 'http://:::', 'bad_gateway', 'not an address'],
  ])('to %s are refused', async (_, location, kind, said) => {
    await using server = await rawServer((_request, socket) => reply(socket, 302, '', { location }));
    const fault = await faultOf(fetchText(server.url, { allowedHosts: [server.host] }));
    expect(fault.kind).toBe(kind as 'forbidden');
    expect(fault.message).toContain(said);
    expect(server.requests).toHaveLength(1);
  });

  test('to a name that resolves to loopback are refused behind a wildcard', async () => {
    await using server = await rawServer((_, socket) => reply(socket, 302, '', { location: 'http://x.localhost/' }));
    const fault = await faultOf(fetchText(server.url, { allowedHosts: [server.host, '*.localhost'] }));
    expect(fault.kind).toBe('forbidden');
    expect(fault.message).toContain('local network');
  });

  test('without end are given up', async () => {
    await using server = await rawServer((_, socket) => reply(socket, 302, '', { location: '/again' }));
    const fault = await faultOf(fetchText(server.url, { allowedHosts: [server.host] }));
    expect(fault).toMatchObject({ kind: 'bad_gateway', blame: 'remote' });
    expect(server.requests).toHaveLength(11);
  });
});

describe('small fetches', () => {
  test('JSON, its absence, an ETag that still holds', async () => {
    await using server = await rawServer((request, socket) => {
      if (request.path === '/text') return reply(socket, 200, 'not json');
      if (request.headers['if-none-match'] === '"v1"') return reply(socket, 304, '', { etag: '"v1"' });
      reply(socket, 200, '{"a":1}', { etag: '"v1"' });
    });
    const options = { allowedHosts: [server.host] };
    const first = await fetchJson(`${server.url}/json`, options);
    expect(first).toMatchObject({ value: { a: 1 }, etag: '"v1"' });
    expect(await fetchJson(`${server.url}/json`, { ...options, etag: first.etag })).toMatchObject({
      value: null,
      etag: '"v1"',
    });
    expect((await faultOf(fetchJson(`${server.url}/text`, options))).kind).toBe('bad_gateway');
  });

  test('longer than allowed: announced, unannounced, and compressed', async () => {
    await using server = await rawServer((request, socket) => {
      if (request.path === '/chunked') {
        socket.end(`${head(200, { 'transfer-encoding': 'chunked' })}7d0\r\n${'x'.repeat(2000)}\r\n0\r\n\r\n`);
      } else if (request.path === '/gzip') {
        reply(socket, 200, gzipSync('y'.repeat(5000)), { 'content-encoding': 'gzip' });
      } else reply(socket, 200, 'x'.repeat(2000));
    });
    const options = { allowedHosts: [server.host], maxBytes: 1000 };
    for (const path of ['/announced', '/chunked', '/gzip']) {
      expect(await faultOf(fetchBytes(`${server.url}${path}`, options))).toMatchObject({
        kind: 'too_large',
        blame: 'remote',
      });
    }
    expect((await fetchText(`${server.url}/gzip`, { ...options, maxBytes: 6000 })).value).toBe('y'.repeat(5000));
  });

  test.each([
    [401, {}, 'unauthorized'],
    [403, {}, 'forbidden'],
    [404, {}, 'not_found'],
    [410, {}, 'not_found'],
    [418, {}, 'bad_gateway'],
    [429, {}, 'rate_limited'],
    [403, { 'x-ratelimit-remaining': '0', 'x-ratelimit-reset': '1900000000' }, 'rate_limited'],
    [503, {}, 'offline'],
  ])('status %d %p is %s', async (status, headers, kind) => {
    await using server = await rawServer((_, socket) => reply(socket, status, 'because', headers));
    const fault = await faultOf(fetchText(`${server.url}/x?token=secret`, { allowedHosts: [server.host] }));
    expect(fault.kind).toBe(kind as 'forbidden');
    expect(fault.details).toMatchObject({ status, url: `${server.url}/x`, said: 'because' });
    expect(JSON.stringify([fault.message, fault.details, fault.hint])).not.toContain('secret');
    if ('x-ratelimit-reset' in headers) expect(fault.details.resetAt).toBe(1_900_000_000_000);
  });

  test('nobody there, nobody answering, a caller who leaves', async () => {
    await using silent = await rawServer(() => undefined);
    const gone = await rawServer(() => undefined);
    await gone[Symbol.asyncDispose]();
    expect((await faultOf(fetchText(gone.url, { allowedHosts: [gone.host] }))).kind).toBe('offline');
    const late = await faultOf(fetchText(silent.url, { allowedHosts: [silent.host], timeoutMs: 50 }));
    expect(late.kind).toBe('offline');
    expect(late.message).toContain('did not answer');
    const leaving = new AbortController();
    const asked = faultOf(openUrl(silent.url, { allowedHosts: [silent.host], signal: leaving.signal }));
    leaving.abort();
    expect((await asked).kind).toBe('cancelled');
    expect((await faultOf(openUrl('no address', { allowedHosts: [] }))).kind).toBe('bad_request');
  });
});

describe('downloads', () => {
  const quick = (host: string, more: Partial<DownloadOptions> = {}): DownloadOptions => ({
    allowedHosts: [host],
    sha256,
    sizeBytes: body.length,
    retryDelayMs: 1,
    ...more,
  });
  /** Sends so many bytes, and breaks the connection when they are on disk. */
  const cutAt =
    (bytes: number, path: string, etag = '"one"') =>
    (socket: Socket): void => {
      const start = head(200, { 'content-length': body.length, etag });
      socket.write(Buffer.concat([Buffer.from(start), body.subarray(0, bytes)]));
      void onDisk(path, bytes).then(() => socket.destroy());
    };
  const onDisk = async (path: string, bytes: number): Promise<void> => {
    while (!existsSync(`${path}.part`) || statSync(`${path}.part`).size < bytes) await Bun.sleep(1);
  };

  test('arrive whole, with their digest and progress, and leave nothing beside', async () => {
    await using server = await rawServer((request, socket) => serveRange(request, socket, body));
    const path = freshPath();
    const seen: { doneBytes: number; totalBytes: number | null; secondsLeft: number | null }[] = [];
    const result = await downloadFile(server.url, path, quick(server.host, { onProgress: (each) => seen.push(each) }));
    expect(result).toEqual({ path, sizeBytes: body.length, sha256, etag: '"one"' });
    expect(readFileSync(path).equals(body)).toBe(true);
    expect(leftIn(path)).toEqual(['file.bin']);
    expect(seen.at(-1)).toMatchObject({ doneBytes: body.length, totalBytes: body.length, secondsLeft: 0 });
  });

  test('replace what was there only when they are whole', async () => {
    await using server = await rawServer((_, socket) => reply(socket, 404));
    const path = freshPath();
    await Bun.write(path, 'old');
    expect((await faultOf(downloadFile(server.url, path, quick(server.host)))).kind).toBe('not_found');
    expect(readFileSync(path, 'utf8')).toBe('old');
  });

  test('go on after a cut, from the byte they had', async () => {
    const path = freshPath();
    await using server = await rawServer((request, socket, before) =>
      before === 0 ? cutAt(100_000, path)(socket) : serveRange(request, socket, body),
    );
    expect((await downloadFile(server.url, path, quick(server.host))).sha256).toBe(sha256);
    expect(server.requests.map(({ headers }) => headers.range)).toEqual([undefined, 'bytes=100000-']);
    expect(server.requests[1]?.headers['if-range']).toBe('"one"');
  });

  test('go on after a restart of the program, by what lies on disk', async () => {
    const path = freshPath();
    await using server = await rawServer((request, socket, before) =>
      before === 0 ? cutAt(120_000, path)(socket) : serveRange(request, socket, body),
    );
    const script = `
      const { downloadFile } = await import(${JSON.stringify(join(import.meta.dir, '../../src/base/http.ts'))});
      await downloadFile(${JSON.stringify(server.url)}, ${JSON.stringify(path)}, {
        allowedHosts: [${JSON.stringify(server.host)}], sha256: ${JSON.stringify(sha256)}, retryDelayMs: 100_000 }).catch(() => {});`;
    const child = Bun.spawn([process.execPath, '-e', script], { stdout: 'ignore', stderr: 'ignore' });
    // It waits to try again, having written all that came; there it is killed.
    await onDisk(path, 120_000);
    child.kill(9);
    await child.exited;
    expect(leftIn(path)).toEqual(['file.bin.part', 'file.bin.part.json']);
    expect((await downloadFile(server.url, path, quick(server.host))).sha256).toBe(sha256);
    expect(server.requests.at(-1)?.headers.range).toBe('bytes=120000-');
    expect(leftIn(path)).toEqual(['file.bin']);
  });

  test('begin again when the file has changed meanwhile', async () => {
    const path = freshPath();
    await using server = await rawServer((request, socket, before) =>
      before === 0 ? cutAt(100_000, path, '"old"')(socket) : serveRange(request, socket, body, '"new"'),
    );
    const result = await downloadFile(server.url, path, quick(server.host, { sha256: null, sizeBytes: null }));
    expect(result).toMatchObject({ sha256, etag: '"new"' });
    expect(server.requests[1]?.headers['if-range']).toBe('"old"');
  });

  test('begin again when the part was spoilt on disk, and heal', async () => {
    await using server = await rawServer((request, socket) => serveRange(request, socket, body));
    const path = freshPath();
    await Bun.write(`${path}.part`, Buffer.alloc(50_000, 'rubbish'));
    writeFileSync(`${path}.part.json`, JSON.stringify({ url: server.url, validator: '"one"', sizeBytes: body.length }));
    expect((await downloadFile(server.url, path, quick(server.host))).sha256).toBe(sha256);
    expect(server.requests.map(({ headers }) => headers.range)).toEqual(['bytes=50000-', undefined]);
  });

  test.each([
    ['without a record of where it came from', null],
    ['of another address', { url: 'http://other.example/x', validator: '"one"', sizeBytes: 300_000 }],
    ['with a broken record', { nonsense: true }],
    ['of a file of another size', { url: 'HERE', validator: '"one"', sizeBytes: 7 }],
  ])('do not go on from a part %s', async (_, facts) => {
    await using server = await rawServer((request, socket) => serveRange(request, socket, body));
    const path = freshPath();
    await Bun.write(`${path}.part`, body.subarray(0, 1000));
    if (facts !== null) writeFileSync(`${path}.part.json`, JSON.stringify(facts).replace('HERE', server.url));
    expect((await downloadFile(server.url, path, quick(server.host))).sha256).toBe(sha256);
    expect(server.requests[0]?.headers.range).toBeUndefined();
  });

  test('with neither validator nor digest begin again after a cut', async () => {
    const path = freshPath();
    await using server = await rawServer((_, socket, before) => {
      const bytes = before === 0 ? body.subarray(0, 1000) : body;
      socket.write(Buffer.concat([Buffer.from(head(200, { 'content-length': body.length })), bytes]));
      if (before === 0) void onDisk(path, 1000).then(() => socket.destroy());
    });
    await downloadFile(server.url, path, { allowedHosts: [server.host], retryDelayMs: 1 });
    // The first asks whether there are ranges; the answer was the whole, so the next does not ask again.
    expect(server.requests.map(({ headers }) => headers.range)).toEqual(['bytes=0-16777215', undefined]);
    expect(readFileSync(path).equals(body)).toBe(true);
  });

  test('with a wrong digest are deleted, and the Fault says so', async () => {
    const evil = Buffer.from(body);
    evil[1234] = (evil[1234] ?? 0) ^ 1;
    await using server = await rawServer((request, socket) => serveRange(request, socket, evil));
    const path = freshPath();
    const fault = await faultOf(downloadFile(server.url, path, quick(server.host)));
    expect(fault).toMatchObject({ kind: 'bad_gateway', blame: 'remote', details: { wanted: sha256 } });
    expect(leftIn(path)).toEqual([]);
    expect(server.requests).toHaveLength(1);
  });

  test('of a wrong size, shorter or longer than announced or wanted, are not believed', async () => {
    await using server = await rawServer((request, socket) => {
      if (request.path === '/endless') {
        socket.write(`${head(200, { 'transfer-encoding': 'chunked' })}`);
        for (let at = 0; at < 10; at += 1) socket.write(`186a0\r\n${'z'.repeat(100_000)}\r\n`);
      } else reply(socket, 200, body.subarray(0, 10));
    });
    const path = freshPath();
    expect((await faultOf(downloadFile(`${server.url}/short`, path, quick(server.host)))).message).toContain(
      'instead of',
    );
    const endless = await faultOf(downloadFile(`${server.url}/endless`, path, quick(server.host, { sha256: null })));
    expect(endless.message).toContain('longer than');
    expect(leftIn(path)).toEqual([]);
  });

  test.each([
    [401, 'unauthorized'],
    [403, 'forbidden'],
    [404, 'not_found'],
    [416, 'bad_gateway'],
    [429, 'rate_limited'],
  ])('end at once at %d', async (status, kind) => {
    await using server = await rawServer((_, socket) => reply(socket, status));
    const path = freshPath();
    const fault = await faultOf(downloadFile(server.url, path, quick(server.host)));
    expect(fault).toMatchObject({ kind: kind as 'forbidden', details: { status } });
    expect(server.requests).toHaveLength(1);
  });

  test('try 500, 503 and a short Retry-After again, and give up in the end', async () => {
    await using server = await rawServer((request, socket, before) => {
      if (before === 0) return reply(socket, 500);
      if (before === 1) return reply(socket, 503);
      if (before === 2) return reply(socket, 429, '', { 'retry-after': '0' });
      serveRange(request, socket, body);
    });
    expect((await downloadFile(server.url, freshPath(), quick(server.host))).sha256).toBe(sha256);
    expect(server.requests).toHaveLength(4);

    await using dead = await rawServer((_, socket) => reply(socket, 500));
    const fault = await faultOf(downloadFile(dead.url, freshPath(), quick(dead.host, { retries: 2 })));
    expect(fault).toMatchObject({ kind: 'offline', details: { status: 500 } });
    expect(dead.requests).toHaveLength(3);

    await using busy = await rawServer((_, socket) => reply(socket, 503, '', { 'retry-after': '3600' }));
    expect((await faultOf(downloadFile(busy.url, freshPath(), quick(busy.host)))).details.retryAfterMs).toBe(3_600_000);
    expect(busy.requests).toHaveLength(1);
  });

  test('a stall counts as a cut: the rest is asked for again', async () => {
    await using server = await rawServer((request, socket, before) => {
      if (before > 0) return serveRange(request, socket, body);
      const start = head(200, { 'content-length': body.length, etag: '"one"' });
      socket.write(Buffer.concat([Buffer.from(start), body.subarray(0, 5000)]));
    });
    await downloadFile(server.url, freshPath(), quick(server.host, { stallTimeoutMs: 60 }));
    expect(server.requests[1]?.headers.range).toBe('bytes=5000-');

    await using silent = await rawServer((_, socket) => void socket.write(head(200, { 'content-length': 10 })));
    const fault = await faultOf(
      downloadFile(silent.url, freshPath(), { allowedHosts: [silent.host], stallTimeoutMs: 30, retries: 0 }),
    );
    expect(fault.kind).toBe('offline');
  });

  test('a range that was not asked for is not glued on', async () => {
    const path = freshPath();
    await using server = await rawServer((request, socket, before) => {
      if (before === 0) return cutAt(1000, path)(socket);
      if (before > 1) return serveRange(request, socket, body);
      const range = `bytes 500-${body.length - 1}/${body.length}`;
      reply(socket, 206, body.subarray(500), { etag: '"one"', 'content-range': range });
    });
    expect((await downloadFile(server.url, path, quick(server.host))).sha256).toBe(sha256);
  });

  test('stop when they are told to, keep the part, and are not started twice at once', async () => {
    const began = new Latch();
    await using server = await rawServer((request, socket, before) => {
      if (before > 0) return serveRange(request, socket, body);
      const start = head(200, { 'content-length': body.length, etag: '"one"' });
      socket.write(Buffer.concat([Buffer.from(start), body.subarray(0, 8000)]));
    });
    const path = freshPath();
    const leaving = new AbortController();
    const onProgress = (): void => began.open();
    const first = faultOf(downloadFile(server.url, path, quick(server.host, { signal: leaving.signal, onProgress })));
    await began.promise;
    expect((await faultOf(downloadFile(server.url, path, quick(server.host)))).kind).toBe('conflict');
    leaving.abort();
    expect((await first).kind).toBe('cancelled');
    expect(leftIn(path)).toEqual(['file.bin.part', 'file.bin.part.json']);
    expect((await downloadFile(server.url, path, quick(server.host))).sha256).toBe(sha256);
    expect(server.requests[1]?.headers.range).toBe('bytes=8000-');
  });

  test('ask for room before the first byte, and say so when it runs out on the way', async () => {
    const size = 2 ** 52;
    await using huge = await rawServer((_, socket) => void socket.write(head(200, { 'content-length': size })));
    const path = freshPath();
    const fault = await faultOf(downloadFile(huge.url, path, { allowedHosts: [huge.host] }));
    expect(fault.kind).toBe('disk_full');
    expect(fault.details.neededBytes).toBeGreaterThan(size);
    if (!existsSync('/dev/full')) return;
    const full = freshPath();
    await using server = await rawServer((_, socket) => {
      symlinkSync('/dev/full', `${full}.part`);
      reply(socket, 200, body);
    });
    expect((await faultOf(downloadFile(server.url, full, quick(server.host)))).kind).toBe('disk_full');
  });
});
