import { expect, test } from 'bun:test';
import { Latch } from '../../src/base/sync.ts';
import { readAmdGpus } from '../../src/hardware/gpu-amd.ts';
import { sampleProcess } from '../../src/hardware/process-sample.ts';
import { createSampler, type MachineSample } from '../../src/hardware/sampler.ts';
import { thisSystem } from '../../src/hardware/system.ts';
import { fixtureSystem } from '../fixtures/hardware/fixture-system.ts';

const isLinux = process.platform === 'linux';

test('our own process', () => {
  const sample = sampleProcess(process.pid);
  expect(sample?.pid).toBe(process.pid);
  expect(sample?.residentBytes).toBeGreaterThan(1 << 20);
  expect(sample?.cpuMs).toBeGreaterThan(0);
  if (!isLinux) return;
  const parts = (sample?.privateBytes ?? 0) + (sample?.fileBytes ?? 0) + (sample?.sharedBytes ?? 0);
  expect(parts).toBe(sample?.residentBytes ?? -1);
  expect(sample?.threadCount).toBeGreaterThan(0);
});

test('no process, no sample', () => {
  for (const pid of [0, -1, 1.5, Number.NaN, 2 ** 40, 2 ** 31 - 1]) expect(sampleProcess(pid)).toBeNull();
});

test('a name with brackets and blanks does not shift the fields; a zombie takes nothing', () => {
  const stat = (state: string): string =>
    `77 (a) b (c) ${state} 1 77 77 0 -1 4194560 1 0 0 0 250 50 0 0 20 0 9 0 12345 1 2\n`;
  const status =
    'Name:\ta) b (c\nVmSize:\t    4096 kB\nVmHWM:\t    2048 kB\nVmRSS:\t    1024 kB\nRssAnon:\t     512 kB\nRssFile:\t     512 kB\nRssShmem:\t       0 kB\n';
  const withState = (state: string): ReturnType<typeof sampleProcess> =>
    sampleProcess(
      77,
      fixtureSystem('cgroup-nested.machine', { files: { '/proc/77/stat': stat(state), '/proc/77/status': status } }),
    );
  expect(withState('S')).toEqual({
    pid: 77,
    residentBytes: 1 << 20,
    peakResidentBytes: 1 << 21,
    virtualBytes: 1 << 22,
    privateBytes: 1 << 19,
    fileBytes: 1 << 19,
    sharedBytes: 0,
    cpuMs: 3000,
    threadCount: 9,
  });
  expect(withState('Z')).toBeNull();
});

test('it runs only while somebody listens', async () => {
  const second = new Latch<readonly MachineSample[]>();
  const samples: MachineSample[] = [];
  let questions = 0;
  using sampler = createSampler({
    intervalMs: 100,
    pids: () => {
      questions += 1;
      return [process.pid, 2 ** 31 - 1];
    },
  });
  expect(sampler.isRunning).toBe(false);
  expect(questions).toBe(0);
  const leave = sampler.subscribe((sample) => {
    samples.push(sample);
    if (samples.length === 2) second.open(samples);
  });
  expect(sampler.isRunning).toBe(true);
  const [before, after] = await second.promise;
  expect(before?.cpuBusyRatio).toBeNull();
  expect(before?.memoryAvailableBytes).toBeGreaterThan(0);
  expect(before?.processes.map((entry) => entry.pid)).toEqual([process.pid]);
  expect(after?.at).toBeGreaterThan(before?.at ?? 0);
  if (after?.cpuBusyRatio !== null) {
    expect(after?.cpuBusyRatio).toBeGreaterThanOrEqual(0);
    expect(after?.cpuBusyRatio).toBeLessThanOrEqual(1);
  }
  expect(sampler.latest).toBe(after ?? null);
  leave();
  leave();
  expect(sampler.isRunning).toBe(false);
  expect(sampler.latest).toBeNull();
});

test('the second listener shares the first one’s samples; a third who comes after a stop starts anew', async () => {
  let openings = 0;
  using sampler = createSampler({
    intervalMs: 60_000,
    gpus: () => {
      openings += 1;
      return [];
    },
  });
  const next = (): { readonly sample: Promise<MachineSample>; readonly leave: () => void } => {
    const latch = new Latch<MachineSample>();
    return { sample: latch.promise, leave: sampler.subscribe((sample) => latch.open(sample)) };
  };
  const first = next();
  const told = await first.sample;
  const second = next();
  expect(await second.sample).toBe(told);
  expect(openings).toBe(1);
  first.leave();
  expect(sampler.isRunning).toBe(true);
  second.leave();
  const third = next();
  expect(await third.sample).not.toBe(told);
  expect(openings).toBe(2);
  third.leave();
});

test('a listener that leaves before the first sample hears nothing', async () => {
  const asked = new Latch();
  const answer = new Latch<[]>();
  const heard: MachineSample[] = [];
  using sampler = createSampler({
    gpus: () => {
      asked.open();
      return answer.promise;
    },
  });
  const leave = sampler.subscribe((sample) => heard.push(sample));
  await asked.promise;
  leave();
  answer.open([]);
  await new Promise((resolve) => setImmediate(resolve));
  expect(heard).toEqual([]);
  expect(sampler.isRunning).toBe(false);
});

test('GPUs of sysfs are sampled', async () => {
  const system = fixtureSystem('amd-rx-7900-xtx.machine', { files: { '/proc/stat': 'cpu  10 0 10 80 0 0 0 0 0 0\n' } });
  const { value } = await readAmdGpus(system);
  const latch = new Latch<MachineSample>();
  using sampler = createSampler({ system, gpus: () => value });
  sampler.subscribe((sample) => latch.open(sample));
  const { gpus } = await latch.promise;
  expect(gpus.map((use) => use.busyRatio)).toEqual([0.37, 0]);
});

test.skipIf(!isLinux)('sampling on Linux starts no program and opens no library without GPUs', async () => {
  const forbidden = (): never => {
    throw new Error('not while sampling');
  };
  const latch = new Latch<MachineSample>();
  using sampler = createSampler({
    system: { ...thisSystem, run: forbidden, openLibrary: forbidden, surveyAdapters: forbidden },
    pids: () => [process.pid],
  });
  sampler.subscribe((sample) => latch.open(sample));
  expect((await latch.promise).processes).toHaveLength(1);
});
