import { Database } from 'bun:sqlite';
import { describe, expect, test } from 'bun:test';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Latch } from '../../src/base/sync.ts';
import type { DownloadJob } from '../../src/models/downloads.ts';
import { openHub } from '../../src/models/hub.ts';
import { faultOf } from '../fixtures/fault-of.ts';
import { type FakeHub, generatedGguf, startHub } from '../fixtures/hub/server.ts';
import { tinyLlama } from '../fixtures/tiny-models.ts';
import { openDesk } from './download-desk.ts';

const ID = 'tiny/Many-GGUF';
const contents = [1, 2, 3].map((seed) => generatedGguf({ sizeBytes: 4_000_000, seed }));
const [one = generatedGguf({ sizeBytes: 1 })] = contents;
const split = contents.map((content, index) => ({ path: `S-Q8_0-0000${index + 1}-of-00003.gguf`, content }));
const many = Array.from({ length: 30 }, (_, index) => ({
  path: `m${index}.gguf`,
  content: tinyLlama({ name: `m${index}` }),
}));
const repositories = [{ id: ID, files: [{ path: 'one.gguf', content: one }, ...split, ...many] }];
const isCdn = (request: { host: string }): boolean => request.host === 'cdn';
const url = (hub: FakeHub, path = 'one.gguf'): string => hub.resolve(ID, path);
const digestOf = (path: string): string => createHash('sha256').update(readFileSync(path)).digest('hex');
const slow = { matches: isCdn, bytesPerSecond: 500_000 };
const runs = (job: DownloadJob): boolean => job.doneBytes > 0 && job.state === 'downloading';

describe('the queue', () => {
  test('30 jobs by two at a time, in order, each once', async () => {
    await using hub = await startHub({ repositories });
    let running = 0;
    let most = 0;
    const began: string[] = [];
    const states = new Map<string, string>();
    await using desk = await openDesk(hub, {
      onFinished: async () => {
        running = [...states.values()].filter((state) => state === 'downloading' || state === 'verifying').length;
        most = Math.max(most, running);
      },
    });
    const { push } = desk.changes;
    desk.changes.push = (...jobs) => {
      for (const job of jobs) {
        if (job.state === 'downloading' && states.get(job.id) === 'queued') began.push(job.name);
        states.set(job.id, job.state);
      }
      return push.apply(desk.changes, jobs);
    };
    const jobs: DownloadJob[] = [];
    for (const file of many) jobs.push(await desk.downloads.start({ url: url(hub, file.path) }));
    const ended = await Promise.all(jobs.map((job) => desk.ended(job.id)));
    expect(ended.every((job) => job.state === 'finished')).toBe(true);
    expect(most).toBe(2);
    expect(began).toEqual(many.map((file) => file.path));
    expect(desk.files()).toHaveLength(30);
    for (const job of ended) expect(digestOf(job.files[0]?.path ?? '')).toBe(job.files[0]?.sha256 ?? '');
  });

  test('a raised limit counts as soon as somebody says so', async () => {
    await using hub = await startHub({ repositories });
    let limit = 1;
    await using desk = await openDesk(hub, { limit: () => limit });
    hub.misbehave(slow);
    const first = await desk.downloads.start({ url: url(hub, 'm0.gguf') });
    const second = await desk.downloads.start({ url: url(hub, 'm1.gguf') });
    await desk.until(first.id, runs);
    expect(desk.downloads.get(second.id).state).toBe('queued');
    limit = 2;
    desk.downloads.wake();
    expect(desk.downloads.get(second.id).state).toBe('downloading');
  });

  test('who is resumed queues at the end', async () => {
    await using hub = await startHub({ repositories });
    await using desk = await openDesk(hub, { limit: () => 1 });
    hub.misbehave({ matches: isCdn, stallAfterBytes: 1000 });
    const [a, b, c] = [
      await desk.downloads.start({ url: url(hub, 'm0.gguf') }),
      await desk.downloads.start({ url: url(hub, 'm1.gguf') }),
      await desk.downloads.start({ url: url(hub, 'm2.gguf') }),
    ];
    await desk.downloads.pause(b.id);
    await desk.downloads.resume(b.id);
    hub.relent();
    await Promise.all([a, b, c].map((job) => desk.ended(job.id)));
    const order = [a, b, c]
      .map((job) => desk.downloads.get(job.id))
      .sort((left, right) => (left.finishedAt ?? 0) - (right.finishedAt ?? 0) || (left.id === c.id ? -1 : 1));
    expect(order.map((job) => job.name)).toEqual(['m0.gguf', 'm2.gguf', 'm1.gguf']);
  });

  test('ended jobs are remembered up to a number', async () => {
    await using hub = await startHub({ repositories });
    await using desk = await openDesk(hub);
    for (let index = 0; index < 210; index += 1) {
      const job = await desk.downloads.start({ url: hub.resolve('nobody/nothing', `x${index}.gguf`) });
      await desk.ended(job.id);
    }
    await desk.reopen();
    expect(desk.downloads.list().length).toBeLessThanOrEqual(201);
    expect(desk.downloads.list().at(-1)?.name).toBe('x209.gguf');
  });
});

describe('pause, resume, cancel', () => {
  test('a pause stops the bytes, a restart keeps it paused, and resuming fetches only the rest', async () => {
    await using hub = await startHub({ repositories });
    await using desk = await openDesk(hub);
    hub.misbehave({ ...slow, bytesPerSecond: 4_000_000 });
    const job = await desk.downloads.start({ url: url(hub) });
    await desk.until(job.id, (entry) => entry.doneBytes > 1_000_000);
    const paused = await desk.downloads.pause(job.id);
    expect(paused).toMatchObject({ state: 'paused', bytesPerSecond: 0 });
    expect(paused.doneBytes).toBeGreaterThan(1_000_000);
    await desk.reopen();
    expect(desk.downloads.get(job.id)).toMatchObject({ state: 'paused', doneBytes: paused.doneBytes });
    hub.relent();
    const before = hub.requests.length;
    await desk.downloads.resume(job.id);
    const done = await desk.ended(job.id);
    expect(done.state).toBe('finished');
    expect(digestOf(done.files[0]?.path ?? '')).toBe(one.sha256());
    const later = hub.requests.slice(before).filter(isCdn);
    const sentBytes = later.reduce((total, request) => total + request.sentBytes, 0);
    expect(sentBytes).toBeLessThan(one.sizeBytes - 900_000);
  });

  test('a queued one is paused and cancelled without a request', async () => {
    await using hub = await startHub({ repositories });
    await using desk = await openDesk(hub, { limit: () => 1 });
    hub.misbehave(slow);
    const first = await desk.downloads.start({ url: url(hub) });
    const second = await desk.downloads.start({ url: url(hub, 'm1.gguf') });
    expect((await desk.downloads.pause(second.id)).state).toBe('paused');
    expect((await desk.downloads.pause(second.id)).state).toBe('paused');
    expect((await desk.downloads.cancel(second.id)).state).toBe('cancelled');
    expect((await desk.downloads.cancel(second.id)).state).toBe('cancelled');
    await desk.downloads.cancel(first.id);
    expect(hub.requests.some((request) => request.path.includes('m1.gguf'))).toBe(false);
  });

  test('cancelling removes parts, finished files and folders of an unfinished job, and nothing else', async () => {
    await using hub = await startHub({ repositories });
    await using desk = await openDesk(hub);
    const plan = await openHub({ endpoint: hub.url, token: () => null, allowedHosts: () => hub.hosts }).plan(
      `${ID}:Q8_0`,
    );
    mkdirSync(join(desk.folder, 'tiny'), { recursive: true });
    hub.misbehave({ matches: (request) => isCdn(request) && request.path.includes('00002'), stallAfterBytes: 500_000 });
    const job = await desk.downloads.start({ plan });
    const half = await desk.until(
      job.id,
      (entry) => entry.files[1]?.state === 'downloading' && entry.files[1].doneBytes > 0,
    );
    expect(existsSync(half.files[0]?.path ?? '')).toBe(true);
    writeFileSync(join(desk.folder, 'tiny', 'mine.txt'), 'mine');
    writeFileSync(join(desk.folder, 'tiny', 'S-Q8_0-00003-of-00003.gguf'), 'mine too');
    const cancelled = await desk.downloads.cancel(job.id);
    expect(cancelled).toMatchObject({ state: 'cancelled', doneBytes: 0 });
    expect(desk.files()).toEqual(['tiny/S-Q8_0-00003-of-00003.gguf', 'tiny/mine.txt']);
    expect(existsSync(join(desk.folder, ID))).toBe(false);
    expect(existsSync(join(desk.folder, 'tiny'))).toBe(true);
    await desk.reopen();
    expect(desk.downloads.get(job.id).state).toBe('cancelled');
  });

  test('a file that was there before its job is not removed with it', async () => {
    await using hub = await startHub({ repositories });
    await using desk = await openDesk(hub);
    mkdirSync(desk.folder);
    writeFileSync(join(desk.folder, 'S-Q8_0-00001-of-00003.gguf'), contents[0]?.read(0, contents[0].sizeBytes) ?? '');
    hub.misbehave({ matches: (request) => isCdn(request) && request.path.includes('00002'), stallAfterBytes: 500_000 });
    const job = await desk.downloads.start({ url: url(hub, 'S-Q8_0-00001-of-00003.gguf') });
    await desk.until(job.id, (entry) => entry.files[1]?.state === 'downloading');
    expect(desk.downloads.get(job.id).files[0]?.state).toBe('finished');
    await desk.downloads.cancel(job.id);
    expect(desk.files()).toEqual(['S-Q8_0-00001-of-00003.gguf']);
  });

  test('after its end only a conflict: pause, resume and cancel of a finished one; its file stays when it leaves the list', async () => {
    await using hub = await startHub({ repositories });
    await using desk = await openDesk(hub);
    const job = await desk.downloads.start({ url: url(hub, 'm0.gguf') });
    expect((await faultOf(desk.downloads.remove(job.id))).kind).toBe('conflict');
    await desk.ended(job.id);
    for (const work of [desk.downloads.pause(job.id), desk.downloads.resume(job.id), desk.downloads.cancel(job.id)]) {
      expect((await faultOf(work)).kind).toBe('conflict');
    }
    await desk.downloads.remove(job.id);
    expect(desk.downloads.list()).toEqual([]);
    expect(desk.files()).toEqual(['m0.gguf']);
    await desk.reopen();
    expect(desk.downloads.list()).toEqual([]);
  });

  test('while it is being introduced it can no longer be stopped; a close does not wait for ever', async () => {
    await using hub = await startHub({ repositories });
    const entered = new Latch();
    await using desk = await openDesk(hub, {
      onFinished: () => {
        entered.open();
        return new Promise(() => undefined);
      },
    });
    const job = await desk.downloads.start({ url: url(hub, 'm0.gguf') });
    await entered.promise;
    expect(desk.downloads.get(job.id).state).toBe('verifying');
    expect((await faultOf(desk.downloads.pause(job.id))).kind).toBe('conflict');
    expect((await faultOf(desk.downloads.cancel(job.id))).kind).toBe('conflict');
    const introduced: string[] = [];
    await desk.reopen({ onFinished: async (entry) => void introduced.push(entry.id) });
    expect((await desk.ended(job.id)).state).toBe('finished');
    expect(introduced).toEqual([job.id]);
  });

  test('a failed one that leaves the list takes its part along', async () => {
    await using hub = await startHub({ repositories });
    await using desk = await openDesk(hub);
    hub.misbehave({ matches: isCdn, cutAfterBytes: 1_000_000 });
    hub.misbehave({ matches: isCdn, cutAfterBytes: 0 });
    const job = await desk.downloads.start({ url: url(hub) });
    await desk.until(job.id, (entry) => entry.doneBytes > 0);
    hub.relent();
    hub.misbehave({ answer: { status: 404 } });
    expect((await desk.ended(job.id)).state).toBe('failed');
    await desk.downloads.remove(job.id);
    expect(desk.files()).toEqual([]);
  });

  test('two at once end in one state, whoever they are', async () => {
    await using hub = await startHub({ repositories });
    await using desk = await openDesk(hub);
    const verbs = ['pause', 'resume', 'cancel'] as const;
    hub.misbehave({ ...slow, bytesPerSecond: 8_000_000 });
    for (const first of verbs) {
      for (const second of verbs) {
        for (const atBytes of [0, 1, 2_000_000]) {
          const job = await desk.downloads.start({ url: url(hub) });
          if (atBytes > 0)
            await desk.until(job.id, (entry) => entry.doneBytes >= atBytes || entry.state === 'finished');
          const results = await Promise.allSettled([desk.downloads[first](job.id), desk.downloads[second](job.id)]);
          const now = desk.downloads.get(job.id);
          const wasFinished = results.some(
            (result) => result.status === 'rejected' && /finished/.test(String(result.reason)),
          );
          const wanted = wasFinished ? ['finished'] : wantedAfter(first, second);
          expect([`${first}+${second}@${atBytes}`, wanted.includes(now.state)]).toEqual([
            `${first}+${second}@${atBytes}`,
            true,
          ]);
          // Nothing else is rejected but what comes after a cancel.
          if (first === 'cancel' && second !== 'cancel' && !wasFinished) expect(results[1]?.status).toBe('rejected');
          if (now.state === 'paused') await desk.downloads.resume(job.id);
          if (now.state !== 'cancelled') {
            hub.relent();
            expect((await desk.ended(job.id)).state).toBe('finished');
            expect(digestOf(join(desk.folder, 'one.gguf'))).toBe(one.sha256());
            hub.misbehave({ ...slow, bytesPerSecond: 8_000_000 });
          }
          await desk.downloads.remove(job.id);
          if (now.state !== 'cancelled') rmSync(join(desk.folder, 'one.gguf'));
          expect(desk.files()).toEqual([]);
        }
      }
    }
  });

  test('twenty pauses and resumes in a row leave one run and a right file', async () => {
    await using hub = await startHub({ repositories });
    await using desk = await openDesk(hub);
    hub.misbehave({ ...slow, bytesPerSecond: 3_000_000 });
    const job = await desk.downloads.start({ url: url(hub) });
    const work: Promise<unknown>[] = [];
    for (let index = 0; index < 20; index += 1) {
      work.push(desk.downloads.pause(job.id), desk.downloads.resume(job.id));
      if (index % 3 === 0)
        await desk.until(job.id, (entry) => entry.state === 'downloading' || entry.state === 'queued');
    }
    await Promise.all(work);
    hub.relent();
    const done = await desk.ended(job.id);
    expect(done).toMatchObject({ failure: null, state: 'finished' });
    expect(digestOf(done.files[0]?.path ?? '')).toBe(one.sha256());
    expect(desk.introduced).toHaveLength(1);
  });

  test('a cancel and a start of the same at once: the new job begins when the old one is gone', async () => {
    await using hub = await startHub({ repositories });
    await using desk = await openDesk(hub);
    hub.misbehave({ ...slow, bytesPerSecond: 8_000_000 });
    const job = await desk.downloads.start({ url: url(hub) });
    await desk.until(job.id, (entry) => entry.doneBytes > 100_000);
    const [cancelled, second] = await Promise.all([
      desk.downloads.cancel(job.id),
      desk.downloads.start({ url: url(hub) }),
    ]);
    expect(cancelled.state).toBe('cancelled');
    expect(second.id).not.toBe(job.id);
    hub.relent();
    expect((await desk.ended(second.id)).state).toBe('finished');
    expect(desk.files()).toEqual(['one.gguf']);
  });
});

test('a cancel that was cut short by a kill is finished at the next start; rows that make no sense stop nothing', async () => {
  await using hub = await startHub({ repositories });
  await using desk = await openDesk(hub);
  hub.misbehave({ matches: isCdn, stallAfterBytes: 300_000 });
  const gone = await desk.downloads.start({ url: url(hub) });
  const kept = await desk.downloads.start({ url: url(hub, 'm1.gguf') });
  await desk.until(gone.id, (job) => job.doneBytes > 0);
  await desk.downloads.pause(gone.id);
  expect(desk.files()).toContain('one.gguf.part');
  await desk.downloads.close();
  const database = new Database(join(desk.data, 'drover.sqlite'));
  database
    .query(
      "UPDATE download_job SET record = json_set(record, '$.state', 'cancelled', '$.needsCleanup', json('true')) WHERE id = ?",
    )
    .run(gone.id);
  const add = database.query('INSERT INTO download_job VALUES (?, 1, 0, ?)');
  add.run('dl_aaaaaaaaaaaaaaaa', '{"id":');
  add.run('dl_bbbbbbbbbbbbbbbb', '{"id":"dl_bbbbbbbbbbbbbbbb","position":1,"files":[]}');
  add.run('dl_cccccccccccccccc', '[]');
  database.close();
  hub.relent();
  await desk.reopen();
  expect((await desk.ended(kept.id)).state).toBe('finished');
  await desk.downloads.cancel(gone.id);
  expect(desk.downloads.list().map((job) => job.state)).toEqual(['cancelled', 'finished']);
  expect(desk.files()).toEqual(['m1.gguf']);
  expect(desk.log.recent().filter((line) => line.message.includes('makes no sense'))).toHaveLength(3);
});

test('killed between a rename and the removal of what was kept about the part: it is taken, and that is removed', async () => {
  await using hub = await startHub({ repositories });
  await using desk = await openDesk(hub);
  hub.misbehave({ matches: isCdn, stallAfterBytes: 300_000 });
  const job = await desk.downloads.start({ url: url(hub) });
  await desk.until(job.id, (entry) => entry.doneBytes > 0);
  await desk.downloads.close();
  writeFileSync(join(desk.folder, 'one.gguf'), one.read(0, one.sizeBytes));
  rmSync(join(desk.folder, 'one.gguf.part'));
  expect(desk.files()).toContain('one.gguf.part.json');
  const before = hub.requests.filter(isCdn).length;
  await desk.reopen();
  expect((await desk.ended(job.id)).state).toBe('finished');
  expect(desk.files()).toEqual(['one.gguf']);
  expect(hub.requests.filter(isCdn)).toHaveLength(before);
});

test('closing is prompt while bytes stall, and everything goes on afterwards', async () => {
  await using hub = await startHub({ repositories });
  await using desk = await openDesk(hub);
  hub.misbehave({ matches: isCdn, stallAfterBytes: 300_000 });
  const first = await desk.downloads.start({ url: url(hub) });
  const second = await desk.downloads.start({ url: url(hub, 'm1.gguf') });
  const third = await desk.downloads.start({ url: url(hub, 'm2.gguf') });
  await desk.until(first.id, (job) => job.doneBytes > 0);
  const startedAt = performance.now();
  await desk.downloads.close();
  expect(performance.now() - startedAt).toBeLessThan(1000);
  expect((await faultOf(desk.downloads.start({ url: url(hub) }))).kind).toBe('unavailable');
  await desk.reopen();
  hub.relent();
  for (const job of [first, second, third]) expect((await desk.ended(job.id)).state).toBe('finished');
  expect(desk.downloads.list()).toHaveLength(3);
});

function wantedAfter(first: string, second: string): string[] {
  if (first === 'cancel' || second === 'cancel') return ['cancelled'];
  if (second === 'pause') return ['paused'];
  return ['queued', 'downloading', 'verifying', 'finished'];
}
