import { describe, expect, test } from 'bun:test';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { openHub } from '../../src/models/hub.ts';
import { faultOf } from '../fixtures/fault-of.ts';
import { bytesContent, type FakeHub, type FakeRepository, generatedGguf, startHub } from '../fixtures/hub/server.ts';
import { rawServer, reply } from '../fixtures/raw-server.ts';
import { tinyLlama } from '../fixtures/tiny-models.ts';
import { openDesk } from './download-desk.ts';

const tiny = tinyLlama();
const tinyDigest = bytesContent(tiny).sha256();
const big = generatedGguf({ sizeBytes: 6_000_000, seed: 3 });
const other = generatedGguf({ sizeBytes: 6_000_000, seed: 4 });
const ID = 'tiny/Tiny-GGUF';
const repository: FakeRepository = {
  id: ID,
  files: [
    { path: 'Tiny-F32.gguf', content: tiny },
    { path: 'Tiny-Q8_0-00001-of-00002.gguf', content: big },
    { path: 'Tiny-Q8_0-00002-of-00002.gguf', content: other },
    { path: 'Tiny-Q4_0.gguf', content: big },
    { path: 'mmproj-F16.gguf', content: tiny },
    { path: 'q/ünï cödé.gguf', content: tiny },
    { path: 'README.md', content: Buffer.from('# Tiny\n') },
    { path: 'not-a-model.gguf', content: Buffer.from('this is no model') },
    { path: 'git-page.gguf', content: Buffer.from('<html>'), isLfs: false },
  ],
};
const digestOf = (path: string): string => createHash('sha256').update(readFileSync(path)).digest('hex');
const isCdn = (request: { host: string }): boolean => request.host === 'cdn';
const url = (hub: FakeHub, path = 'Tiny-F32.gguf'): string => hub.resolve(ID, path);
const slow = { matches: isCdn, bytesPerSecond: 400_000 };

describe('a job', () => {
  test('from a plan: all parts and the projector, verified, introduced, remembered', async () => {
    await using hub = await startHub({ repositories: [repository] });
    await using desk = await openDesk(hub);
    const plan = await openHub({ endpoint: hub.url, token: () => null, allowedHosts: () => hub.hosts }).plan(
      `${ID}:Q8_0`,
    );
    const job = await desk.downloads.start({ plan, modelId: 'my-tiny' });
    expect(job).toMatchObject({ state: 'downloading', modelId: 'my-tiny', repository: ID, quantization: 'Q8_0' });
    expect(job.id).toMatch(/^dl_[a-z2-7]{16}$/);
    const done = await desk.ended(job.id);
    const totalBytes = big.sizeBytes + other.sizeBytes + tiny.length;
    expect(done).toMatchObject({ state: 'finished', failure: null, doneBytes: totalBytes, totalBytes, secondsLeft: 0 });
    expect(desk.files()).toEqual([
      `${ID}/Tiny-Q8_0-00001-of-00002.gguf`,
      `${ID}/Tiny-Q8_0-00002-of-00002.gguf`,
      `${ID}/mmproj-F16.gguf`,
    ]);
    for (const file of done.files) expect(digestOf(file.path)).toBe(file.sha256 ?? '');
    // One file after the other, whatever each takes.
    const order = hub.requests.filter(isCdn).map((request) => request.path.replace(/\?.*/, '').split('/').at(-1));
    expect([...new Set(order)]).toEqual(done.files.map((file) => file.url.split('/').at(-1)));
    expect(desk.introduced).toMatchObject([{ id: job.id, state: 'finished', doneBytes: totalBytes }]);
    await desk.reopen();
    expect(desk.downloads.get(job.id)).toEqual(done);
    expect(desk.introduced).toHaveLength(1);
  });

  test('from an address: size and digest are asked of the hub, and the file stays the same when the branch moves', async () => {
    await using hub = await startHub({ repositories: [repository] });
    await using desk = await openDesk(hub);
    const commit = hub.commitOf(ID);
    hub.misbehave({ matches: isCdn, times: 1, stallAfterBytes: 100_000 });
    const job = await desk.downloads.start({ url: `${hub.url}/${ID}/blob/main/Tiny-F32.gguf?download=true#x` });
    await hub.next(isCdn);
    await desk.downloads.pause(job.id);
    hub.commit(ID, [{ path: 'Tiny-F32.gguf', content: big }]);
    hub.relent();
    await desk.downloads.resume(job.id);
    const done = await desk.ended(job.id);
    expect(done).toMatchObject({ state: 'finished', repository: ID, revision: commit, totalBytes: tiny.length });
    expect(done.files[0]).toMatchObject({ sha256: tinyDigest, path: join(desk.folder, 'Tiny-F32.gguf') });
    expect(digestOf(join(desk.folder, 'Tiny-F32.gguf'))).toBe(tinyDigest);
  });

  test('one part of a split file by its address brings all of them', async () => {
    await using hub = await startHub({ repositories: [repository] });
    await using desk = await openDesk(hub);
    const job = await desk.downloads.start({ url: url(hub, 'Tiny-Q8_0-00002-of-00002.gguf') });
    expect((await desk.ended(job.id)).state).toBe('finished');
    expect(desk.files()).toEqual(['Tiny-Q8_0-00001-of-00002.gguf', 'Tiny-Q8_0-00002-of-00002.gguf']);
  });

  test('with a name of its own, in a folder that was allowed', async () => {
    await using hub = await startHub({ repositories: [repository] });
    await using desk = await openDesk(hub, { allowedFolders: () => [join(desk.data, 'second')] });
    const second = join(desk.data, 'second');
    const request = { url: url(hub, 'q/ünï cödé.gguf'), fileName: 'meine/Modelle/Ünï.gguf', folder: second };
    const missing = await desk.downloads.start(request);
    expect((await desk.ended(missing.id)).failure?.kind).toBe('not_found');
    expect(existsSync(second)).toBe(false);
    mkdirSync(second);
    const job = await desk.downloads.start(request);
    expect(job.id).toBe(missing.id);
    const done = await desk.ended(job.id);
    expect(done.state).toBe('finished');
    expect(done.files[0]?.path).toBe(join(second, 'meine', 'Modelle', 'Ünï.gguf'));
  });

  test('progress is told at most four times a second, and has a speed and an end', async () => {
    await using hub = await startHub({ repositories: [repository] });
    await using desk = await openDesk(hub);
    hub.misbehave({ matches: isCdn, bytesPerSecond: 6_000_000 });
    const startedAt = performance.now();
    const job = await desk.downloads.start({ url: url(hub, 'Tiny-Q4_0.gguf') });
    const done = await desk.ended(job.id);
    const seconds = (performance.now() - startedAt) / 1000;
    expect(done.state).toBe('finished');
    const under = desk.changes.filter((change) => change.state === 'downloading' && change.bytesPerSecond > 0);
    expect(under.length).toBeGreaterThan(0);
    expect(under.some((change) => change.secondsLeft !== null && change.secondsLeft > 0)).toBe(true);
    // Besides progress: queued, running, inspected, file begun, file there, verifying, finished.
    expect(desk.changes.length).toBeLessThanOrEqual(Math.ceil(seconds * 4) + 8);
    const bytes = desk.changes.map((change) => change.doneBytes);
    expect(bytes).toEqual([...bytes].sort((left, right) => left - right));
  });

  test('a failure to introduce it is recorded and undoes nothing', async () => {
    await using hub = await startHub({ repositories: [repository] });
    await using desk = await openDesk(hub, {
      onFinished: async () => {
        throw new Error('the library is on strike');
      },
    });
    const job = await desk.downloads.start({ url: url(hub) });
    const done = await desk.ended(job.id);
    expect(done.state).toBe('finished');
    expect(done.failure?.message).toContain('the library is on strike');
    expect(digestOf(join(desk.folder, 'Tiny-F32.gguf'))).toBe(tinyDigest);
  });

  test('a listener that throws stops nothing', async () => {
    await using hub = await startHub({ repositories: [repository] });
    await using desk = await openDesk(hub);
    const { push } = desk.changes;
    desk.changes.push = (...jobs) => {
      push.apply(desk.changes, jobs);
      throw new Error('a listener');
    };
    const job = await desk.downloads.start({ url: url(hub) });
    desk.changes.push = push;
    expect((await desk.ended(job.id)).state).toBe('finished');
    expect(desk.log.recent().some((line) => line.message.includes('a listener failed'))).toBe(true);
  });
});

describe('what is there already', () => {
  test('the same request while it is unfinished is the same job, also twice at once', async () => {
    await using hub = await startHub({ repositories: [repository] });
    await using desk = await openDesk(hub);
    hub.misbehave(slow);
    const [first, second] = await Promise.all([
      desk.downloads.start({ url: url(hub, 'Tiny-Q4_0.gguf') }),
      desk.downloads.start({ url: `${url(hub, 'Tiny-Q4_0.gguf')}?download=true` }),
    ]);
    expect(second.id).toBe(first.id);
    await desk.downloads.pause(first.id);
    const third = await desk.downloads.start({ url: url(hub, 'Tiny-Q4_0.gguf') });
    expect(third).toMatchObject({ id: first.id, state: 'paused' });
    expect(desk.downloads.list()).toHaveLength(1);
  });

  test('another file for the same place while one comes is a conflict, whatever the case of its name', async () => {
    await using hub = await startHub({ repositories: [repository] });
    await using desk = await openDesk(hub);
    hub.misbehave(slow);
    const first = await desk.downloads.start({ url: url(hub, 'Tiny-Q4_0.gguf'), fileName: 'x.gguf' });
    const fault = await faultOf(desk.downloads.start({ url: url(hub), fileName: 'X.gguf' }));
    expect(fault.kind).toBe('conflict');
    expect(fault.details.downloadId).toBe(first.id);
  });

  test('a finished file is finished at once when it is asked for again, without reading it', async () => {
    await using hub = await startHub({ repositories: [repository] });
    await using desk = await openDesk(hub);
    const plan = await openHub({ endpoint: hub.url, token: () => null, allowedHosts: () => hub.hosts }).plan(
      `${ID}:Q4_0`,
    );
    await desk.ended((await desk.downloads.start({ plan })).id);
    const count = hub.requests.length;
    await desk.reopen();
    const again = await desk.downloads.start({ plan });
    expect(again.state).toBe('finished');
    expect(hub.requests.length).toBe(count);
    expect(desk.changes.filter((change) => change.id === again.id).map((change) => change.state)).not.toContain(
      'failed',
    );
  });

  test('a file that somebody else put there is read and taken where its digest is right', async () => {
    await using hub = await startHub({ repositories: [repository] });
    await using desk = await openDesk(hub);
    mkdirSync(desk.folder);
    writeFileSync(join(desk.folder, 'Tiny-F32.gguf'), tiny);
    const job = await desk.downloads.start({ url: url(hub) });
    expect((await desk.ended(job.id)).state).toBe('finished');
    expect(hub.requests.some(isCdn)).toBe(false);
    // It is not ours: cancelling something else there never removes it.
    expect(statSync(join(desk.folder, 'Tiny-F32.gguf')).size).toBe(tiny.length);
  });

  test('another content is a conflict: at once where its size tells, else when its digest does; overwriting replaces it', async () => {
    await using hub = await startHub({ repositories: [repository] });
    await using desk = await openDesk(hub);
    const hubClient = openHub({ endpoint: hub.url, token: () => null, allowedHosts: () => hub.hosts });
    const plan = await hubClient.plan(`${ID}:Tiny-F32.gguf`, { takesProjector: false });
    const path = join(desk.folder, ID, 'Tiny-F32.gguf');
    mkdirSync(join(desk.folder, ID), { recursive: true });
    writeFileSync(path, 'short');
    expect((await faultOf(desk.downloads.start({ plan }))).kind).toBe('conflict');
    expect(desk.downloads.list()).toHaveLength(0);
    const altered = Buffer.from(tiny);
    altered[altered.length - 1] = (altered.at(-1) ?? 0) ^ 1;
    writeFileSync(path, altered);
    const job = await desk.downloads.start({ plan });
    const failed = await desk.ended(job.id);
    expect(failed.failure?.kind).toBe('conflict');
    expect(readFileSync(path).equals(altered)).toBe(true);
    await desk.downloads.remove(job.id);
    expect(readFileSync(path).equals(altered)).toBe(true);
    const second = await desk.downloads.start({ plan });
    expect((await desk.ended(second.id)).failure?.kind).toBe('conflict');
    const forced = await desk.downloads.start({ plan, isOverwriting: true });
    expect(forced.id).toBe(second.id);
    expect((await desk.ended(forced.id)).state).toBe('finished');
    expect(digestOf(path)).toBe(tinyDigest);
  });

  test('a link in the place of a part is refused, and its target untouched', async () => {
    await using hub = await startHub({ repositories: [repository] });
    await using desk = await openDesk(hub);
    mkdirSync(desk.folder);
    writeFileSync(join(desk.data, 'victim'), 'precious');
    symlinkSync(join(desk.data, 'victim'), join(desk.folder, 'Tiny-F32.gguf.part'));
    const job = await desk.downloads.start({ url: url(hub) });
    expect((await desk.ended(job.id)).failure?.kind).toBe('forbidden');
    expect(readFileSync(join(desk.data, 'victim'), 'utf8')).toBe('precious');
  });

  test('two jobs share a projector: one brings it, and cancelling one leaves it to the other', async () => {
    await using hub = await startHub({ repositories: [repository] });
    await using desk = await openDesk(hub, { limit: () => 3 });
    const hubClient = openHub({ endpoint: hub.url, token: () => null, allowedHosts: () => hub.hosts });
    const [q4, f32] = [await hubClient.plan(`${ID}:Q4_0`), await hubClient.plan(`${ID}:F32`)];
    hub.misbehave({ matches: (request) => isCdn(request) && request.path.includes('mmproj'), stallAfterBytes: 1000 });
    const stall = hub.nextStall();
    const first = await desk.downloads.start({ plan: q4 });
    const second = await desk.downloads.start({ plan: f32 });
    await desk.until(first.id, (job) => job.files[0]?.state === 'finished');
    await desk.until(second.id, (job) => job.files[0]?.state === 'finished');
    await stall;
    // Time enough for both to have come to the projector.
    const between = await desk.downloads.start({ url: url(hub, 'q/ünï cödé.gguf') });
    expect((await desk.ended(between.id)).state).toBe('finished');
    expect([first, second].map((job) => desk.downloads.get(job.id).state)).toEqual(['downloading', 'downloading']);
    const cancelled = await desk.downloads.cancel(first.id);
    expect(cancelled.state).toBe('cancelled');
    hub.relent();
    expect((await desk.ended(second.id)).state).toBe('finished');
    expect(desk.files()).toEqual([`${ID}/Tiny-F32.gguf`, `${ID}/mmproj-F16.gguf`, 'ünï cödé.gguf']);
    const third = await desk.downloads.start({ plan: q4 });
    expect((await desk.ended(third.id)).state).toBe('finished');
    const brought = hub.requests.filter((request) => isCdn(request) && request.path.includes('mmproj'));
    expect(brought.length).toBeLessThanOrEqual(2);
    expect(desk.changes.filter((change) => change.state === 'failed')).toEqual([]);
  });
});

describe('refused before anything happens', () => {
  test.each([['../x.gguf'], ['/abs/x.gguf'], ['CON.gguf'], ['x.exe'], ['a\\b.gguf'], ['x.gguf\u0000'], ['..%2fx.bin']])(
    'the name %j',
    async (fileName) => {
      await using hub = await startHub({ repositories: [repository] });
      await using desk = await openDesk(hub);
      expect((await faultOf(desk.downloads.start({ url: url(hub), fileName }))).kind).toBe('bad_request');
      expect(existsSync(desk.folder)).toBe(false);
      expect(hub.requests).toHaveLength(0);
    },
  );

  test.each([
    ['file:///etc/passwd'],
    ['ftp://huggingface.co/a/b/resolve/main/x.gguf'],
    ['https://user:pw@huggingface.co/a/b/resolve/main/x.gguf'],
    ['https://huggingface.co/a/b'],
    ['https://huggingface.co/a/b/resolve/main/../../../x.gguf'],
    ['not an address'],
    [''],
  ])('the address %j', async (address) => {
    await using hub = await startHub({ repositories: [repository] });
    await using desk = await openDesk(hub);
    expect((await faultOf(desk.downloads.start({ url: address, fileName: 'x.gguf' }))).kind).toBe('bad_request');
  });

  test('a folder that is not allowed', async () => {
    await using hub = await startHub({ repositories: [repository] });
    await using desk = await openDesk(hub);
    for (const folder of [desk.data, join(desk.folder, '..', 'x'), '/etc', 'models']) {
      expect((await faultOf(desk.downloads.start({ url: url(hub), folder }))).kind).toBe('forbidden');
    }
  });

  test('unknown ids', async () => {
    await using hub = await startHub({ repositories: [repository] });
    await using desk = await openDesk(hub);
    const { downloads } = desk;
    for (const work of [
      downloads.pause('dl_x'),
      downloads.resume('../x'),
      downloads.cancel(''),
      downloads.remove('x'),
    ]) {
      expect((await faultOf(work)).kind).toBe('not_found');
    }
    expect(() => downloads.get('dl_x')).toThrow('There is no download');
  });
});

describe('failures', () => {
  const gated = { ...repository, gate: 'auto' as const };
  test.each([
    ['gated, no token', gated, null, 'unauthorized', 'licence'],
    ['gated, the token of a stranger', gated, 'hf_stranger', 'forbidden', 'licence'],
    ['no such file', { ...repository, files: [] }, null, 'not_found', 'no such file'],
    ['no such repository', { ...repository, id: 'somebody/else' }, null, 'not_found', 'private'],
  ])('%s: failed at once, with the reason', async (_, fake, token, kind, words) => {
    await using hub = await startHub({ repositories: [fake], tokens: { hf_stranger: [] } });
    await using desk = await openDesk(hub, { token: () => token });
    const job = await desk.downloads.start({ url: url(hub) });
    const failed = await desk.ended(job.id);
    expect(failed).toMatchObject({ state: 'failed', failure: { kind } });
    expect(failed.failure?.message).toContain(words);
    expect(hub.requests).toHaveLength(1);
  });

  test('a planned file that became gated says the same as one that was inspected', async () => {
    await using hub = await startHub({ repositories: [gated], tokens: { hf_good: [ID] } });
    await using desk = await openDesk(hub);
    const plan = await openHub({ endpoint: hub.url, token: () => null, allowedHosts: () => hub.hosts }).plan(
      `${ID}:F32`,
    );
    const job = await desk.downloads.start({ plan });
    expect((await desk.ended(job.id)).failure).toMatchObject({ kind: 'unauthorized' });
    expect(desk.downloads.get(job.id).failure?.message).toContain('licence');
    // With a token for this job it goes on, and the job is the same.
    const again = await desk.downloads.start({ plan, token: 'hf_good' });
    expect(again.id).toBe(job.id);
    expect((await desk.ended(job.id)).state).toBe('finished');
    expect(hub.requests.filter(isCdn).every((request) => request.authorization === null)).toBe(true);
  });

  test('a wrong digest: the part is gone, and a later try may succeed', async () => {
    await using hub = await startHub({ repositories: [repository] });
    await using desk = await openDesk(hub);
    hub.misbehave({ matches: isCdn, isCorrupting: true });
    const job = await desk.downloads.start({ url: url(hub) });
    expect((await desk.ended(job.id)).failure?.kind).toBe('bad_gateway');
    expect(desk.files()).toEqual([]);
    hub.relent();
    await desk.downloads.resume(job.id);
    expect((await desk.ended(job.id)).state).toBe('finished');
  });

  test('a host that is not allowed, at the first address and behind a redirect; a private address', async () => {
    await using hub = await startHub({ repositories: [repository] });
    await using desk = await openDesk(hub, { allowedHosts: () => [] });
    const job = await desk.downloads.start({ url: url(hub) });
    const failed = await desk.ended(job.id);
    expect(failed.failure).toMatchObject({ kind: 'forbidden' });
    expect(failed.failure?.message).toContain(hub.cdnHost);
    await expect(desk.downloads.start({ url: 'http://10.0.0.1/x.gguf' })).rejects.toMatchObject({ kind: 'forbidden' });
    expect(desk.downloads.list()).toHaveLength(1);
    await desk.reopen({ allowedHosts: () => ['*.localhost'] });
    const local = await desk.downloads.start({ url: 'http://files.localhost/x.gguf' });
    expect((await desk.ended(local.id)).failure?.message).toContain('local network');
  });

  test.each([[416], [400], [418]])('a store that answers %i: failed at once', async (status) => {
    await using hub = await startHub({ repositories: [repository] });
    await using desk = await openDesk(hub, { retryPausesMs: [60_000] });
    hub.misbehave({ matches: isCdn, answer: { status } });
    const job = await desk.downloads.start({ url: url(hub, 'Tiny-Q4_0.gguf') });
    expect((await desk.ended(job.id)).state).toBe('failed');
  });

  test('redirects without end', async () => {
    await using loop = await rawServer((request, socket) => reply(socket, 302, '', { location: request.path }));
    await using hub = await startHub({ repositories: [repository] });
    await using desk = await openDesk(hub, { allowedHosts: () => [loop.host] });
    const job = await desk.downloads.start({ url: `${loop.url}/x.gguf` });
    expect((await desk.ended(job.id)).failure).toMatchObject({ kind: 'bad_gateway' });
  });

  test('a job that is larger than the disk is refused before a byte is asked for', async () => {
    const huge = generatedGguf({ sizeBytes: 1e14, sha256: 'a'.repeat(64) });
    await using hub = await startHub({ repositories: [{ ...repository, files: [{ path: 'H.gguf', content: huge }] }] });
    await using desk = await openDesk(hub);
    const job = await desk.downloads.start({ url: url(hub, 'H.gguf') });
    expect((await desk.ended(job.id)).failure?.kind).toBe('disk_full');
    expect(hub.requests.some(isCdn)).toBe(false);
  });

  test('two jobs that fit only alone: the second is told what the first will take', async () => {
    const { statfsSync } = await import('node:fs');
    await using hub = await startHub({ repositories: [repository] });
    await using desk = await openDesk(hub);
    const { bavail, bsize } = statfsSync(desk.data);
    const half = (seed: number) =>
      generatedGguf({ sizeBytes: Math.floor(bavail * bsize * 0.6), seed, sha256: 'a'.repeat(64) });
    hub.commit(ID, [
      { path: 'A.gguf', content: half(1) },
      { path: 'B.gguf', content: half(2) },
    ]);
    hub.misbehave({ matches: isCdn, stallAfterBytes: 100_000 });
    const first = await desk.downloads.start({ url: url(hub, 'A.gguf') });
    await hub.next(isCdn);
    const second = await desk.downloads.start({ url: url(hub, 'B.gguf') });
    const failed = await desk.ended(second.id);
    expect(failed.failure?.kind).toBe('disk_full');
    expect(failed.failure?.message).toContain('other downloads');
    expect(desk.downloads.get(first.id).state).toBe('downloading');
    await desk.downloads.cancel(first.id);
    await desk.downloads.resume(second.id);
    await desk.until(second.id, (job) => job.files[0]?.state === 'downloading');
    await desk.downloads.cancel(second.id);
    expect(desk.files()).toEqual([]);
  });

  test('what is no model: kept aside without a published digest, left alone with one', async () => {
    await using hub = await startHub({ repositories: [repository] });
    await using desk = await openDesk(hub);
    const page = await desk.downloads.start({ url: url(hub, 'git-page.gguf') });
    expect((await desk.ended(page.id)).failure?.kind).toBe('unprocessable');
    const published = await desk.downloads.start({ url: url(hub, 'not-a-model.gguf') });
    expect((await desk.ended(published.id)).failure?.kind).toBe('unprocessable');
    expect(desk.files()).toEqual(['git-page.gguf.unreadable', 'not-a-model.gguf']);
    // A second try does not fetch again what was published.
    const count = hub.requests.filter(isCdn).length;
    await desk.downloads.resume(published.id);
    expect((await desk.ended(published.id)).failure?.kind).toBe('unprocessable');
    expect(hub.requests.filter(isCdn)).toHaveLength(count);
  });

  test('network trouble: it tries again by itself, pauses, and then has failed; each new byte begins the row again', async () => {
    await using hub = await startHub({ repositories: [repository] });
    await using desk = await openDesk(hub, { retryPausesMs: [1, 2], patience: { retries: 0, retryDelayMs: 1 } });
    hub.misbehave({ matches: isCdn, times: 2, cutAfterBytes: 0 });
    const job = await desk.downloads.start({ url: url(hub) });
    expect((await desk.ended(job.id)).state).toBe('finished');
    const waits = desk.changes.filter((change) => change.retryAt !== null);
    expect(waits.map((change) => [change.state, change.failure?.kind])).toEqual([
      ['queued', 'offline'],
      ['queued', 'offline'],
    ]);
    hub.misbehave({ matches: isCdn, cutAfterBytes: 0 });
    const lost = await desk.downloads.start({ url: url(hub, 'Tiny-Q4_0.gguf') });
    expect(await desk.ended(lost.id)).toMatchObject({ state: 'failed', failure: { kind: 'offline' } });
    hub.relent();
    for (const cutAfterBytes of [1_000_000, 1_000_000, 1_000_000, 1_000_000]) {
      hub.misbehave({ matches: isCdn, times: 1, cutAfterBytes });
    }
    await desk.downloads.resume(lost.id);
    expect((await desk.ended(lost.id)).state).toBe('finished');
  });

  test('a limit: it waits until the limit ends', async () => {
    await using hub = await startHub({ repositories: [repository] });
    let now = 1_000_000;
    await using desk = await openDesk(hub, { now: () => now, retryPausesMs: [1] });
    hub.misbehave({ times: 1, answer: { status: 429, headers: { ratelimit: '"resolvers";r=0;t=30' } } });
    const realNow = Date.now();
    now = realNow;
    const job = await desk.downloads.start({ url: url(hub) });
    const waiting = await desk.until(job.id, (entry) => entry.retryAt !== null);
    expect(waiting.failure?.kind).toBe('rate_limited');
    expect((waiting.retryAt ?? 0) - realNow).toBeGreaterThan(29_000);
    desk.downloads.wake();
    expect(desk.downloads.get(job.id).state).toBe('queued');
    now += 40_000;
    desk.downloads.wake();
    expect((await desk.ended(job.id)).state).toBe('finished');
  });

  test('a changed file is not mixed: the old part is dropped and the new file whole', async () => {
    await using hub = await startHub({ repositories: [repository] });
    await using desk = await openDesk(hub);
    await using plain = await rawServer((request, socket) => {
      const body = Buffer.from(isNew ? other.read(0, other.sizeBytes) : big.read(0, big.sizeBytes));
      const etag = isNew ? '"two"' : '"one"';
      const from = Number(/^bytes=(\d+)-/.exec(request.headers.range ?? '')?.[1] ?? 0);
      const isRange = request.headers.range !== undefined && (request.headers['if-range'] ?? etag) === etag;
      const until = /^bytes=\d+-(\d+)$/.exec(request.headers.range ?? '')?.[1];
      const end = isRange && until !== undefined ? Number(until) + 1 : body.length;
      const piece = isRange ? body.subarray(from, end) : body;
      const head = isRange
        ? `HTTP/1.1 206 X\r\ncontent-range: bytes ${from}-${end - 1}/${body.length}\r\n`
        : 'HTTP/1.1 200 X\r\n';
      socket.write(`${head}etag: ${etag}\r\ncontent-length: ${piece.length}\r\nconnection: close\r\n\r\n`);
      if (!isNew && piece.length > 1) socket.write(piece.subarray(0, 2_000_000));
      else socket.end(piece);
    });
    let isNew = false;
    await desk.reopen({ allowedHosts: () => [plain.host] });
    const job = await desk.downloads.start({ url: `${plain.url}/m.gguf` });
    await desk.until(job.id, (entry) => entry.doneBytes >= 1_000_000);
    await desk.downloads.pause(job.id);
    isNew = true;
    await desk.downloads.resume(job.id);
    expect((await desk.ended(job.id)).state).toBe('finished');
    expect(digestOf(join(desk.folder, 'm.gguf'))).toBe(other.sha256());
  });
});

describe('tokens', () => {
  test('of a job: sent to the hub alone, in no store, no log, no view, and forgotten by a restart', async () => {
    await using hub = await startHub({
      repositories: [{ ...repository, gate: 'auto' }],
      tokens: { hf_ofThisJob: [ID], hf_general: [ID] },
    });
    await using desk = await openDesk(hub);
    hub.misbehave({ matches: isCdn, times: 1, stallAfterBytes: 100_000 });
    const job = await desk.downloads.start({ url: url(hub, 'Tiny-Q4_0.gguf'), token: 'hf_ofThisJob' });
    await hub.next(isCdn);
    expect(desk.storeText()).toContain(job.id);
    expect(desk.storeText()).not.toContain('hf_ofThisJob');
    await desk.reopen({ token: () => 'hf_general' });
    hub.relent();
    expect((await desk.ended(job.id)).state).toBe('finished');
    const seen = hub.requests.map((request) => [request.host, request.authorization]);
    expect(seen).toContainEqual(['hub', 'Bearer hf_ofThisJob']);
    expect(seen).toContainEqual(['hub', 'Bearer hf_general']);
    expect(seen.filter(([host, token]) => host === 'cdn' && token !== null)).toEqual([]);
    for (const text of [desk.storeText(), JSON.stringify(desk.changes), JSON.stringify(desk.log.recent())]) {
      expect(text).not.toContain('hf_ofThisJob');
      expect(text).not.toContain('hf_general');
    }
  });

  test('go to no other host, even one that redirects to the hub', async () => {
    await using hub = await startHub({ repositories: [repository] });
    await using elsewhere = await rawServer((_, socket) => reply(socket, 302, '', { location: url(hub) }));
    await using desk = await openDesk(hub, {
      token: () => 'hf_general',
      allowedHosts: () => [elsewhere.host, ...hub.hosts],
    });
    const job = await desk.downloads.start({ url: `${elsewhere.url}/x.gguf?secret=of-the-address`, token: 'hf_mine' });
    expect((await desk.ended(job.id)).state).toBe('finished');
    expect(elsewhere.requests.every((request) => request.headers.authorization === undefined)).toBe(true);
    expect(hub.requests.every((request) => request.authorization === null)).toBe(true);
    expect(JSON.stringify(desk.changes)).not.toContain('of-the-address');
  });
});

test('a part that vanished while it was paused: the job starts again', async () => {
  await using hub = await startHub({ repositories: [repository] });
  await using desk = await openDesk(hub);
  hub.misbehave({ ...slow, bytesPerSecond: 3_000_000 });
  const job = await desk.downloads.start({ url: url(hub, 'Tiny-Q4_0.gguf') });
  await desk.until(job.id, (entry) => entry.doneBytes > 500_000);
  await desk.downloads.pause(job.id);
  for (const name of desk.files()) rmSync(join(desk.folder, name));
  await desk.reopen();
  expect(desk.downloads.get(job.id)).toMatchObject({ state: 'paused', doneBytes: 0 });
  hub.relent();
  await desk.downloads.resume(job.id);
  expect((await desk.ended(job.id)).state).toBe('finished');
  expect(digestOf(join(desk.folder, 'Tiny-Q4_0.gguf'))).toBe(big.sha256());
});
