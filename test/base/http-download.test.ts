// Downloads over several connections against servers that behave, and servers that do not.
import { afterAll, beforeAll, describe, expect, test } from 'bun:test';
import { existsSync, mkdtempSync, readdirSync, rmSync, statSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type DownloadOptions, type DownloadProgress, downloadFile } from '../../src/base/http.ts';
import { faultOf } from '../fixtures/fault-of.ts';
import { Content, contentServer, serveContent } from '../fixtures/range-server.ts';
import { rawServer, reply } from '../fixtures/raw-server.ts';
import { seeded } from '../fixtures/seeded.ts';
import { openFiles, workerThreads } from '../fixtures/threads.ts';

const MIB = 1024 * 1024;
const content = new Content(40 * MIB + 4321);
const SHORT = new Content(3 * MIB + 5);

let root = '';
let count = 0;
beforeAll(() => {
  root = mkdtempSync(join(tmpdir(), 'drover-download-'));
});
afterAll(() => rmSync(root, { recursive: true, force: true }));
const freshPath = (): string => {
  count += 1;
  return join(root, String(count), 'model.gguf');
};
const leftIn = (path: string): string[] => (existsSync(join(path, '..')) ? readdirSync(join(path, '..')).sort() : []);
const options = (host: string, more: Partial<DownloadOptions> = {}): DownloadOptions => ({
  allowedHosts: [host],
  sha256: content.sha256,
  sizeBytes: content.sizeBytes,
  retryDelayMs: 1,
  ...more,
});
const digestOnDisk = async (path: string): Promise<string> => {
  const hash = new Bun.CryptoHasher('sha256');
  for await (const chunk of Bun.file(path).stream()) hash.update(chunk);
  return hash.digest('hex');
};
const openPaths = (text: string): string[] =>
  openFiles(process.pid)
    .map(({ path }) => path)
    .filter((path) => path.includes(text));

describe('a large file', () => {
  test.each([1, 3, 8])('comes whole and in order over %d connections, and no more than these', async (connections) => {
    await using server = await contentServer(content);
    const path = freshPath();
    const result = await downloadFile(`${server.url}/x`, path, options(server.host, { connections }));
    expect(result).toEqual({ path, sizeBytes: content.sizeBytes, sha256: content.sha256, etag: '"one"' });
    expect(await digestOnDisk(path)).toBe(content.sha256);
    expect(leftIn(path)).toEqual(['model.gguf']);
    expect(server.mostAtOnce()).toBeLessThanOrEqual(connections);
    if (connections === 1) expect(server.ranges()).toEqual([null]);
    else expect(server.requests.slice(1).every(({ headers }) => headers['if-range'] === '"one"')).toBe(true);
  });

  test('is fetched in parallel: the connections are there at the same time', async () => {
    await using server = await contentServer(content, () => ({ bytesPerSecond: 24 * MIB }));
    await downloadFile(`${server.url}/x`, freshPath(), options(server.host, { connections: 4 }));
    expect(server.mostAtOnce()).toBe(4);
  });

  test('of unknown size and digest comes likewise; its digest is that of the disk', async () => {
    await using server = await contentServer(content);
    const path = freshPath();
    const result = await downloadFile(`${server.url}/x`, path, { allowedHosts: [server.host] });
    expect(result).toMatchObject({ sizeBytes: content.sizeBytes, sha256: content.sha256 });
    expect(server.ranges()[0]).toEqual([0, 16 * MIB]);
    expect(server.requests.length).toBeGreaterThan(2);
  });

  test('from a server without ranges comes over one connection', async () => {
    await using server = await contentServer(content, () => ({ isWhole: true }));
    const path = freshPath();
    const result = await downloadFile(`${server.url}/x`, path, options(server.host, { sizeBytes: null, sha256: null }));
    expect(result.sha256).toBe(content.sha256);
    expect(server.requests).toHaveLength(1);
  });

  test('without a length at all comes whole', async () => {
    await using server = await rawServer((_, socket) => {
      socket.write('HTTP/1.1 200 X\r\ntransfer-encoding: chunked\r\n\r\n');
      const bytes = content.bytes(0, content.sizeBytes);
      for (let at = 0; at < bytes.length; at += 3 * MIB) {
        const piece = bytes.subarray(at, at + 3 * MIB);
        socket.write(Buffer.concat([Buffer.from(`${piece.length.toString(16)}\r\n`), piece, Buffer.from('\r\n')]));
      }
      socket.write('0\r\n\r\n');
    });
    const result = await downloadFile(`${server.url}/x`, freshPath(), options(server.host, { sizeBytes: null }));
    expect(result.sizeBytes).toBe(content.sizeBytes);
  });

  test('a small file takes one request, whether its size is known or not; so does an empty one', async () => {
    await using server = await contentServer(SHORT);
    const known = { allowedHosts: [server.host], sha256: SHORT.sha256 };
    await downloadFile(`${server.url}/x`, freshPath(), { ...known, sizeBytes: SHORT.sizeBytes });
    await downloadFile(`${server.url}/x`, freshPath(), known);
    expect(server.ranges()).toEqual([null, [0, 16 * MIB]]);

    const nothing = new Content(0);
    await using empty = await contentServer(nothing);
    const path = freshPath();
    const result = await downloadFile(`${empty.url}/x`, path, { allowedHosts: [empty.host] });
    expect(result).toMatchObject({ sizeBytes: 0, sha256: nothing.sha256 });
    expect(statSync(path).size).toBe(0);
  });

  test('over a slow connection and a fast one: the fast one takes over half of what the other has left', async () => {
    const slowest = { bytesPerSecond: 6 * MIB };
    await using server = await contentServer(content, (_, before) => (before === 0 ? slowest : {}));
    await downloadFile(`${server.url}/x`, freshPath(), options(server.host, { connections: 2, sizeBytes: null }));
    // The first request was for 16 MiB; others have asked again for bytes of its upper half.
    expect(
      server
        .ranges()
        .slice(1)
        .some((range) => range !== null && range[0] < 16 * MIB),
    ).toBe(true);
  });
});

test('a body that never ends though all of it came is enough after the stall', async () => {
  await using server = await rawServer((_, socket) => {
    socket.write('HTTP/1.1 200 X\r\ntransfer-encoding: chunked\r\n\r\n');
    socket.write(`${SHORT.sizeBytes.toString(16)}\r\n`);
    socket.write(SHORT.bytes(0, SHORT.sizeBytes));
    socket.write('\r\n');
  });
  const { sizeBytes, sha256 } = SHORT;
  const wanted = { allowedHosts: [server.host], sizeBytes, sha256, stallTimeoutMs: 100, retryDelayMs: 1 };
  expect((await downloadFile(`${server.url}/x`, freshPath(), wanted)).sha256).toBe(sha256);
  expect(server.requests).toHaveLength(1);
});

describe('a server that lies', () => {
  test.each([
    ['about where a range lies', { shiftBytes: 4096 }],
    ['about how long a range is', { surplusBytes: 10 }],
  ])('%s is not believed: the file comes as one body', async (_, lie) => {
    await using server = await contentServer(content, (request, before) =>
      before === 2 && request.headers.range !== undefined ? lie : {},
    );
    const result = await downloadFile(`${server.url}/x`, freshPath(), options(server.host));
    expect(result.sha256).toBe(content.sha256);
  });

  test('about how long the file is: another one, as it seems, or none where the length is known', async () => {
    await using server = await contentServer(content, (_, before) => (before === 2 ? { stretchBytes: 10 } : {}));
    const path = freshPath();
    const unknown = options(server.host, { sizeBytes: null });
    expect((await downloadFile(`${server.url}/x`, path, unknown)).sha256).toBe(content.sha256);

    await using again = await contentServer(content, (_, before) => (before === 2 ? { stretchBytes: 10 } : {}));
    const fault = await faultOf(downloadFile(`${again.url}/x`, freshPath(), options(again.host)));
    expect(fault).toMatchObject({ kind: 'bad_gateway', message: expect.stringContaining('instead of') });
  });

  test('about every range: it is asked for the whole at once', async () => {
    await using server = await contentServer(content, (request) =>
      request.headers.range === undefined ? {} : { shiftBytes: 1 },
    );
    const result = await downloadFile(`${server.url}/x`, freshPath(), options(server.host, { sha256: null }));
    expect(result.sha256).toBe(content.sha256);
    expect(server.ranges()).toEqual([[0, 5 * MIB + 541], null]);
  });

  test('that gives less of a range than was asked for is asked for the rest', async () => {
    await using server = await contentServer(content, () => ({ rangeMaxBytes: 3 * MIB }));
    const result = await downloadFile(`${server.url}/x`, freshPath(), options(server.host));
    expect(result.sha256).toBe(content.sha256);
    expect(server.requests.length).toBeGreaterThanOrEqual(14);
  });

  test('that sends all that follows whatever end was asked for is believed as far as was asked', async () => {
    await using server = await contentServer(content, () => ({ isOpenEnded: true }));
    const wanted = { allowedHosts: [server.host], sizeBytes: content.sizeBytes };
    expect((await downloadFile(`${server.url}/x`, freshPath(), wanted)).sha256).toBe(content.sha256);
    expect(server.requests.length).toBeGreaterThan(2);

    await using careless = await contentServer(content, () => ({ isOpenEnded: true, etag: null }));
    const nothing = { allowedHosts: [careless.host] };
    expect((await downloadFile(`${careless.url}/x`, freshPath(), nothing)).sha256).toBe(content.sha256);
    expect(careless.ranges()).toEqual([[0, 16 * MIB], null]);
  });

  test('with neither validator nor digest, pieces cannot be joined: the file comes as one body', async () => {
    await using server = await contentServer(content, () => ({ etag: null }));
    const result = await downloadFile(`${server.url}/x`, freshPath(), { allowedHosts: [server.host] });
    expect(result.sha256).toBe(content.sha256);
    expect(server.ranges()).toEqual([[0, 16 * MIB], null]);
  });

  test('with a wrong byte in one of many segments: the digest finds it, and nothing is left', async () => {
    const block = content.bytes(0, 64 * 1024);
    const spoilt = new Content(
      content.sizeBytes,
      Buffer.from(block.map((byte, at) => (at === 40_000 ? byte ^ 1 : byte))),
    );
    await using server = await rawServer((request, socket, before) =>
      serveContent(request, socket, before === 3 ? spoilt : content),
    );
    const path = freshPath();
    const fault = await faultOf(downloadFile(`${server.url}/x`, path, options(server.host)));
    expect(fault).toMatchObject({ kind: 'bad_gateway', blame: 'remote', details: { wanted: content.sha256 } });
    expect(leftIn(path)).toEqual([]);
  });
});

describe('a file that changes on the way', () => {
  const other = new Content(content.sizeBytes);
  const later = new Content(38 * MIB);

  test.each([
    ['and keeps its size', other],
    ['and its size with it', later],
  ])('%s: what came of the old one is dropped', async (_, changed) => {
    await using server = await rawServer((request, socket, before) =>
      serveContent(request, socket, before < 3 ? content : changed, { etag: before < 3 ? '"old"' : '"new"' }),
    );
    const path = freshPath();
    const result = await downloadFile(`${server.url}/x`, path, { allowedHosts: [server.host], retryDelayMs: 1 });
    expect(result).toMatchObject({ sha256: changed.sha256, etag: '"new"', sizeBytes: changed.sizeBytes });
    expect(await digestOnDisk(path)).toBe(changed.sha256);
  });

  test('again and again is given up, and says so', async () => {
    await using server = await rawServer((request, socket, before) =>
      serveContent(request, socket, content, { etag: `"${before >> 1}"` }),
    );
    const path = freshPath();
    const fault = await faultOf(downloadFile(`${server.url}/x`, path, { allowedHosts: [server.host] }));
    expect(fault).toMatchObject({ kind: 'bad_gateway', blame: 'remote' });
    expect(fault.message).toContain('changes again and again');
    expect(server.requests.length).toBeLessThan(20);
    expect(leftIn(path)).toEqual([]);
  });

  test('as a server says that ignores If-Range: the answers tell', async () => {
    await using server = await rawServer((request, socket, before) => {
      const { 'if-range': _, ...headers } = request.headers;
      const isOld = before < 3;
      serveContent({ ...request, headers }, socket, isOld ? content : other, { etag: isOld ? '"old"' : '"new"' });
    });
    const result = await downloadFile(`${server.url}/x`, freshPath(), { allowedHosts: [server.host] });
    expect(result).toMatchObject({ sha256: other.sha256, etag: '"new"' });
  });
});

describe('redirects to signed addresses', () => {
  test('the way is taken once; a token stays at the first host; an expired address is looked up again', async () => {
    let key = 1;
    let served = 0;
    await using cdn = await contentServer(content, (request, _, socket) => {
      if (request.path !== `/file?key=${key}`) {
        reply(socket, 403, 'Request has expired');
        return null;
      }
      served += 1;
      if (served % 4 === 0) key += 1;
      return {};
    });
    await using origin = await rawServer((_, socket) =>
      reply(socket, 302, '', { location: `${cdn.url}/file?key=${key}` }),
    );
    const result = await downloadFile(`${origin.url}/model`, freshPath(), {
      ...options(origin.host),
      allowedHosts: [origin.host, cdn.host],
      headers: { authorization: 'Bearer secret', cookie: 'a=b' },
      headersForHost: (host) => (host === origin.host ? { 'x-api-key': 'secret' } : { 'x-cdn': 'yes' }),
    });
    expect(result.sha256).toBe(content.sha256);
    expect(key).toBeGreaterThan(1);
    expect(origin.requests.length).toBeGreaterThan(1);
    expect(origin.requests.length).toBeLessThanOrEqual(key + 2);
    expect(origin.requests.length).toBeLessThan(cdn.requests.length / 2);
    for (const { headers } of origin.requests) {
      expect(headers).toMatchObject({ authorization: 'Bearer secret', cookie: 'a=b', 'x-api-key': 'secret' });
    }
    for (const { headers } of cdn.requests) {
      expect(JSON.stringify(headers)).not.toContain('secret');
      expect(headers.cookie).toBeUndefined();
      expect(headers['x-cdn']).toBe('yes');
    }
  });

  test('an address that is refused even when it is new is a refusal', async () => {
    await using cdn = await rawServer((request, socket, before) =>
      before === 0 ? serveContent(request, socket, content, { cutAfterBytes: MIB }) : reply(socket, 403, 'no'),
    );
    await using origin = await rawServer((_, socket) => reply(socket, 302, '', { location: `${cdn.url}/file` }));
    const fault = await faultOf(
      downloadFile(`${origin.url}/model`, freshPath(), {
        ...options(origin.host),
        allowedHosts: [origin.host, cdn.host],
      }),
    );
    expect(fault).toMatchObject({ kind: 'forbidden', details: { status: 403 } });
    expect(cdn.requests.length).toBeLessThan(12);
  });

  test('to a host that is not allowed are refused for later segments too', async () => {
    await using cdn = await contentServer(content, (request, _, socket) => {
      if (request.headers.range?.startsWith('bytes=0-') === true) return {};
      reply(socket, 302, '', { location: 'http://169.254.169.254/latest' });
      return null;
    });
    const fault = await faultOf(downloadFile(`${cdn.url}/model`, freshPath(), options(cdn.host)));
    expect(fault).toMatchObject({ kind: 'forbidden', details: { host: '169.254.169.254' } });
  });
});

describe('failures', () => {
  test.each([
    [401, 'unauthorized'],
    [403, 'forbidden'],
    [404, 'not_found'],
    [418, 'bad_gateway'],
  ])('%d for a later segment ends all of them at once', async (status, kind) => {
    await using server = await contentServer(content, (_, before, socket) => {
      if (before !== 2) return { bytesPerSecond: MIB };
      reply(socket, status, 'because');
      return null;
    });
    const path = freshPath();
    const fault = await faultOf(downloadFile(`${server.url}/x`, path, options(server.host)));
    expect(fault).toMatchObject({ kind: kind as 'forbidden', details: { status, said: 'because' } });
    expect(server.requests.length).toBeLessThanOrEqual(4);
    expect(openPaths('model.gguf')).toEqual([]);
    expect(leftIn(path)).toEqual(['model.gguf.part', 'model.gguf.part.json']);
  });

  test('a range that is not there any more means another file', async () => {
    const shorter = new Content(17 * MIB);
    await using server = await rawServer((request, socket, before) =>
      serveContent(request, socket, before === 0 ? content : shorter, { etag: before === 0 ? '"old"' : '"new"' }),
    );
    const result = await downloadFile(`${server.url}/x`, freshPath(), { allowedHosts: [server.host] });
    expect(result).toMatchObject({ sizeBytes: shorter.sizeBytes, sha256: shorter.sha256 });
  });

  test('500, 503 and cuts of one connection are tried again while others go on', async () => {
    await using server = await contentServer(content, (_, before, socket) => {
      if (before === 1 || before === 4) {
        reply(socket, before === 1 ? 500 : 503);
        return null;
      }
      return before % 3 === 2 ? { cutAfterBytes: MIB } : {};
    });
    expect((await downloadFile(`${server.url}/x`, freshPath(), options(server.host))).sha256).toBe(content.sha256);
    // Nothing was fetched twice: a connection that broke is followed from where it was.
    const asked = server.ranges().map((range) => range?.[0] ?? -1);
    expect(asked.filter((start) => start === 0)).toHaveLength(1);
  });

  test('a server that cuts everything at random places is outlasted', async () => {
    const random = seeded(11);
    await using server = await contentServer(content, () => ({ cutAfterBytes: 1 + random(4 * MIB) }));
    const path = freshPath();
    expect((await downloadFile(`${server.url}/x`, path, options(server.host))).sha256).toBe(content.sha256);
    expect(await digestOnDisk(path)).toBe(content.sha256);
  });

  test('a server that is gone is given up after the tries that were asked for, not four times as many', async () => {
    await using server = await contentServer(content, (_, before, socket) => {
      if (before < 4) return { stallAfterBytes: MIB };
      reply(socket, 503);
      return null;
    });
    const path = freshPath();
    const fault = await faultOf(
      downloadFile(`${server.url}/x`, path, options(server.host, { retries: 3, stallTimeoutMs: 150 })),
    );
    expect(fault).toMatchObject({ kind: 'offline', details: { status: 503 } });
    // Four that stalled are one failure that brought something; three tries follow, one at a time.
    expect(server.requests).toHaveLength(7);
    expect(leftIn(path)).toEqual(['model.gguf.part', 'model.gguf.part.json']);
  });

  test('one connection that stalls is cut off, the others are not', async () => {
    await using server = await contentServer(content, (_, before) =>
      before === 1 ? { stallAfterBytes: 300_000 } : { bytesPerSecond: 20 * MIB },
    );
    const result = await downloadFile(`${server.url}/x`, freshPath(), options(server.host, { stallTimeoutMs: 200 }));
    expect(result.sha256).toBe(content.sha256);
    const [, stalled] = server.ranges();
    expect(server.ranges().filter((range) => range?.[0] === (stalled?.[0] ?? 0) + 300_000)).toHaveLength(1);
  });

  test('429 with a short Retry-After is waited for, and fewer connections follow', async () => {
    const answers: number[] = [];
    await using server = await contentServer(content, (_, before, socket) => {
      answers.push(performance.now());
      if (before !== 3) return { bytesPerSecond: 16 * MIB };
      reply(socket, 429, '', { 'retry-after': '1' });
      return null;
    });
    const result = await downloadFile(`${server.url}/x`, freshPath(), options(server.host, { connections: 6 }));
    expect(result.sha256).toBe(content.sha256);
    const refusedAt = answers[3] ?? 0;
    const soon = answers.filter((at) => at > refusedAt + 250 && at < refusedAt + 950);
    expect(soon).toEqual([]);
  });

  test('429 without it ends what is alone, but not what others carry on', async () => {
    await using alone = await contentServer(content, (_, before, socket) => {
      if (before === 0) return { cutAfterBytes: MIB };
      reply(socket, 429);
      return null;
    });
    const one = options(alone.host, { connections: 1 });
    expect(await faultOf(downloadFile(`${alone.url}/x`, freshPath(), one))).toMatchObject({ kind: 'rate_limited' });
    expect(alone.requests).toHaveLength(2);

    await using server = await contentServer(content, (_, before, socket) => {
      if (before !== 2 && before !== 3) return { bytesPerSecond: 40 * MIB };
      reply(socket, 429);
      return null;
    });
    const result = await downloadFile(`${server.url}/x`, freshPath(), options(server.host));
    expect(result.sha256).toBe(content.sha256);
  });

  test('no room: before the first byte, with what others need; and on the way, for all connections', async () => {
    await using server = await contentServer(content);
    const path = freshPath();
    const reservedBytes = (): number => 2 ** 52;
    const fault = await faultOf(downloadFile(`${server.url}/x`, path, options(server.host, { reservedBytes })));
    expect(fault).toMatchObject({ kind: 'disk_full', details: { reservedBytes: 2 ** 52 } });
    expect(fault.message).toContain('other downloads');
    expect(existsSync(`${path}.part`)).toBe(false);

    const full = freshPath();
    await using late = await contentServer(content, (_, before) => {
      if (before === 0) symlinkSync('/dev/full', `${full}.part`);
      return {};
    });
    const noRoom = await faultOf(downloadFile(`${late.url}/x`, full, options(late.host)));
    expect(noRoom).toMatchObject({ kind: 'disk_full', details: {} });
    expect(openPaths('/dev/full')).toEqual([]);
  });

  test('an abort ends everything: connections, files, the worker; the part stays', async () => {
    await using server = await contentServer(content, () => ({ bytesPerSecond: 8 * MIB }));
    const path = freshPath();
    const leaving = new AbortController();
    const before = workerThreads(process.pid);
    const running = faultOf(
      downloadFile(
        `${server.url}/x`,
        path,
        options(server.host, {
          signal: leaving.signal,
          onProgress: ({ doneBytes }) => doneBytes > 12 * MIB && leaving.abort(new Error('enough')),
        }),
      ),
    );
    expect((await running).kind).toBe('cancelled');
    expect(openPaths('model.gguf')).toEqual([]);
    expect(leftIn(path)).toEqual(['model.gguf.part', 'model.gguf.part.json']);
    // Nobody waits for a worker's end, so it is seen a little later.
    while (workerThreads(process.pid) > before) await Bun.sleep(1);
    expect(
      (await faultOf(downloadFile(`${server.url}/x`, path, options(server.host, { signal: AbortSignal.abort() }))))
        .kind,
    ).toBe('cancelled');
  });

  test('what a listener of the progress throws ends the download, not the program', async () => {
    await using server = await contentServer(content, () => ({ bytesPerSecond: 4 * MIB }));
    const onProgress = (): void => {
      throw new Error('the listener broke');
    };
    const fault = await faultOf(downloadFile(`${server.url}/x`, freshPath(), options(server.host, { onProgress })));
    expect(fault.message).toBe('the listener broke');
  });
});

describe('progress', () => {
  test('is at most ten reports a second, never falls, and has a true speed after a resumption', async () => {
    let isSlow = false;
    await using server = await contentServer(content, () => ({ bytesPerSecond: (isSlow ? 4 : 24) * MIB }));
    const path = freshPath();
    const leaving = new AbortController();
    const stop = ({ doneBytes }: DownloadProgress): void => {
      if (doneBytes > 10 * MIB) leaving.abort();
    };
    await faultOf(
      downloadFile(`${server.url}/x`, path, options(server.host, { signal: leaving.signal, onProgress: stop })),
    );
    isSlow = true;
    const seen: (DownloadProgress & { readonly at: number })[] = [];
    const onProgress = (progress: DownloadProgress): void => void seen.push({ ...progress, at: performance.now() });
    await downloadFile(`${server.url}/x`, path, options(server.host, { onProgress }));
    expect(seen[0]?.doneBytes).toBeGreaterThan(9 * MIB);
    for (const [index, each] of seen.entries()) {
      expect(each.bytesPerSecond).toBeLessThan(40 * MIB);
      expect(each.totalBytes).toBe(content.sizeBytes);
      if (index > 0) expect(each.doneBytes).toBeGreaterThanOrEqual(seen[index - 1]?.doneBytes ?? 0);
      if (index > 0 && index < seen.length - 1) expect(each.at - (seen[index - 1]?.at ?? 0)).toBeGreaterThan(95);
    }
    expect(seen.at(-1)).toMatchObject({ doneBytes: content.sizeBytes, secondsLeft: 0 });
  });
});
