// What is left when the process is killed at any moment, and when somebody interferes at any change.
import { describe, expect, test } from 'bun:test';
import { createHash } from 'node:crypto';
import { mkdtempSync, readFileSync, realpathSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Fault } from '../../src/base/fault.ts';
import type { DownloadJob } from '../../src/models/downloads.ts';
import { type FakeHub, generatedGguf, type HubRequest, startHub } from '../fixtures/hub/server.ts';
import { openDesk } from './download-desk.ts';

const ID = 'tiny/Kill-GGUF';
const parts = [5, 6].map((seed) => generatedGguf({ sizeBytes: 3_000_000, seed }));
const files = parts.map((content, index) => ({ path: `K-Q8_0-0000${index + 1}-of-00002.gguf`, content }));
const repositories = [{ id: ID, files }];
/** The token is the one that the child brings. */
const openHub = (): Promise<FakeHub> => startHub({ repositories, tokens: { hf_of_this_job: [] } });
const CHILD = join(import.meta.dir, '../fixtures/hub/downloading-child.ts');
const digestOf = (path: string): string => createHash('sha256').update(readFileSync(path)).digest('hex');
const url = (hub: FakeHub): string => hub.resolve(ID, 'K-Q8_0-00001-of-00002.gguf');
const isCdn = (request: HubRequest): boolean => request.host === 'cdn';

/** Starts the child and hands out its lines; `end` kills it and waits until it is gone. */
function startChild(data: string, hub: FakeHub, address: string, stopAt: string) {
  const child = Bun.spawn([process.execPath, CHILD, data, hub.url, hub.hosts.join(','), address, stopAt], {
    stdin: 'ignore',
    stdout: 'pipe',
    stderr: 'inherit',
  });
  const lines: string[] = [];
  const reader = child.stdout.getReader();
  const decoder = new TextDecoder();
  /** Reads until a line satisfies `holds`; null at the end of the output. */
  const until = async (holds: (line: string) => boolean): Promise<string | null> => {
    let seen = 0;
    for (;;) {
      for (; seen < lines.length; seen += 1) {
        const line = lines[seen] ?? '';
        if (holds(line)) return line;
      }
      const { done, value } = await reader.read();
      if (done) return null;
      lines.push(
        ...decoder
          .decode(value)
          .split('\n')
          .filter((line) => line !== ''),
      );
    }
  };
  const end = async (): Promise<void> => {
    child.kill('SIGKILL');
    await child.exited;
  };
  return { until, end, lines };
}

async function finishes(hub: FakeHub, data: string): Promise<DownloadJob> {
  hub.relent();
  await using desk = await openDesk(hub, {}, data);
  const jobs = desk.downloads.list();
  // A change is kept before it is told of, so no kill comes too early for a job.
  expect(jobs).toHaveLength(1);
  const done = await desk.ended(jobs[0]?.id ?? '');
  expect(done).toMatchObject({ state: 'finished', failure: null });
  expect(desk.files()).toEqual(files.map((file) => file.path));
  done.files.forEach((file, index) => {
    expect(digestOf(file.path)).toBe(parts[index]?.sha256() ?? '');
  });
  // The same request again is no second download.
  const before = hub.requests.filter(isCdn).length;
  const again = await desk.downloads.start({ url: url(hub) });
  expect((await desk.ended(again.id)).state).toBe('finished');
  expect(hub.requests.filter(isCdn)).toHaveLength(before);
  return done;
}

const freshData = (): string => realpathSync(mkdtempSync(join(tmpdir(), 'drover-kill-')));

describe('killed', () => {
  // 0 queued, 1 running, 2 and 3 inspected, 4 first file begun, then its progress, the second file and its own.
  const moments = [...Array.from({ length: 12 }, (_, index) => String(index)), 'verifying', 'introduced', 'finished'];
  for (const stopAt of moments) {
    test(`at change ${stopAt}`, async () => {
      await using hub = await openHub();
      const data = freshData();
      try {
        hub.misbehave({ matches: isCdn, bytesPerSecond: 6_000_000 });
        const child = startChild(data, hub, url(hub), stopAt);
        expect(await child.until((line) => line === 'standing')).toBe('standing');
        await child.end();
        const done = await finishes(hub, data);
        expect(done.name).toBe('K-Q8_0-00001-of-00002.gguf');
      } finally {
        rmSync(data, { recursive: true, force: true });
      }
    });
  }

  test('ten times while bytes come: what had come by then is not fetched again', async () => {
    await using hub = await openHub();
    const data = freshData();
    try {
      const sentBytes = (): number =>
        hub.requests.filter(isCdn).reduce((total, request) => total + request.sentBytes, 0);
      let haveBytes = 0;
      for (let round = 0; round < 10; round += 1) {
        hub.misbehave({ matches: isCdn, bytesPerSecond: 1_000_000, stallAfterBytes: 300_000 });
        const stall = hub.nextStall();
        const child = startChild(data, hub, round === 0 ? url(hub) : '', '');
        await stall;
        const wanted = haveBytes + 100_000;
        const line = await child.until((text) => Number(/^downloading (\d+)$/.exec(text)?.[1] ?? 0) >= wanted);
        haveBytes = Number(line?.split(' ')[1] ?? 0);
        await child.end();
        hub.relent();
      }
      const beforeBytes = sentBytes();
      await finishes(hub, data);
      const restBytes = sentBytes() - beforeBytes;
      const wholeBytes = parts.reduce((total, part) => total + part.sizeBytes, 0);
      console.log(`killed ten times with ${haveBytes} of ${wholeBytes} bytes there: ${restBytes} fetched afterwards`);
      expect(haveBytes).toBeGreaterThan(1_000_000);
      expect(restBytes).toBeLessThanOrEqual(wholeBytes - haveBytes + 200_000);
    } finally {
      rmSync(data, { recursive: true, force: true });
    }
  });

  test('a token of one job is not in the store of a killed process', async () => {
    await using hub = await openHub();
    const data = freshData();
    try {
      hub.misbehave({ matches: isCdn, stallAfterBytes: 100_000 });
      const child = startChild(data, hub, url(hub), '');
      await hub.next(isCdn);
      await child.end();
      expect(hub.requests[0]?.authorization).toBe('Bearer hf_of_this_job');
      for (const name of ['drover.sqlite', 'drover.sqlite-wal']) {
        expect(readFileSync(join(data, name), 'latin1')).not.toContain('hf_of_this_job');
      }
    } finally {
      rmSync(data, { recursive: true, force: true });
    }
  });

  test('twice at once: a killed process leaves no second job', async () => {
    await using hub = await openHub();
    const data = freshData();
    try {
      hub.misbehave({ matches: isCdn, stallAfterBytes: 100_000 });
      const child = startChild(data, hub, `${url(hub)} ${url(hub)}`, '');
      await child.until((line) => line === 'started');
      await child.end();
      await finishes(hub, data);
    } finally {
      rmSync(data, { recursive: true, force: true });
    }
  });
});

describe('somebody interferes at the very moment of a change', () => {
  for (const verb of ['pause', 'cancel'] as const) {
    test(`${verb} at each of them ends ${verb === 'pause' ? 'paused' : 'cancelled'}, or is refused because it is finished`, async () => {
      await using hub = await openHub();
      let wasFinished = false;
      for (let at = 0; at < 40 && !wasFinished; at += 1) {
        await using desk = await openDesk(hub);
        let count = 0;
        const interference: Promise<DownloadJob | Fault>[] = [];
        const { push } = desk.changes;
        desk.changes.push = (...jobs) => {
          const [job] = jobs;
          if (job !== undefined && count === at) {
            const work = desk.downloads[verb](job.id).catch((thrown: unknown) => {
              if (thrown instanceof Fault) return thrown;
              throw thrown;
            });
            interference.push(work);
          }
          count += 1;
          return push.apply(desk.changes, jobs);
        };
        const job = await desk.downloads.start({ url: url(hub) });
        const wanted = verb === 'pause' ? 'paused' : 'cancelled';
        await desk.until(job.id, (entry) => entry.state === 'finished' || entry.state === wanted);
        const result = (await interference[0]) ?? null;
        const now = desk.downloads.get(job.id);
        if (result instanceof Fault || result === null) {
          if (result instanceof Fault) expect(result.kind).toBe('conflict');
          expect((await desk.ended(job.id)).state).toBe('finished');
          wasFinished = result === null || at >= count - 1;
        } else {
          expect([at, now.state]).toEqual([at, wanted]);
          if (verb === 'cancel') expect(desk.files()).toEqual([]);
          else {
            await desk.downloads.resume(job.id);
            expect((await desk.ended(job.id)).state).toBe('finished');
          }
        }
        if (now.state !== 'cancelled') {
          for (const [index, file] of desk.downloads.get(job.id).files.entries()) {
            expect(digestOf(file.path)).toBe(parts[index]?.sha256() ?? '');
          }
          expect(desk.introduced).toHaveLength(1);
        }
      }
      expect(wasFinished).toBe(true);
    });
  }
});
