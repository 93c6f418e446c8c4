import { expect, test } from 'bun:test';
import { join } from 'node:path';
import type { Gpu } from '../../src/hardware/probe.ts';
import { ProcessRates } from '../../src/hardware/process-rates.ts';
import { sampleProcess } from '../../src/hardware/process-sample.ts';
import { ProcessWatch } from '../../src/hardware/process-watch.ts';
import { type System, thisSystem } from '../../src/hardware/system.ts';
import { readProcessAgeMs, readUptimeMs } from '../../src/hardware/uptime.ts';
import { canCompile, LibraryFolder } from '../fixtures/hardware/c-library.ts';
import { fixtureSystem } from '../fixtures/hardware/fixture-system.ts';

const GIB = 2 ** 30;

/** A process that works, until it is disposed. */
class BusyChild implements AsyncDisposable {
  readonly #child = Bun.spawn([process.execPath, join(import.meta.dir, '../fixtures/busy-child.ts')], {
    stdin: 'ignore',
    stdout: 'pipe',
    stderr: 'ignore',
  });

  get pid(): number {
    return this.#child.pid;
  }

  /** Resolves when it has begun to work. */
  async begun(): Promise<void> {
    const reader = this.#child.stdout.getReader();
    await reader.read();
    reader.releaseLock();
  }

  async end(): Promise<void> {
    this.#child.kill('SIGKILL');
    await this.#child.exited;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.end();
  }

  /** Waits until it has taken this much more of the processor. */
  async work(ms: number): Promise<void> {
    const start = sampleProcess(this.pid)?.cpuMs ?? 0;
    while ((sampleProcess(this.pid)?.cpuMs ?? Number.POSITIVE_INFINITY) - start < ms) await Bun.sleep(5);
  }
}

const isTold = process.platform === 'linux' || process.platform === 'darwin' || process.platform === 'win32';

test.skipIf(!isTold)('a child at work: what it took of one core and of the machine', async () => {
  await using child = new BusyChild();
  await child.begun();
  using watch = new ProcessWatch();
  const gone = 2 ** 31 - 1;
  await watch.start([child.pid, gone, child.pid]);
  expect(watch.isRunning).toBe(true);
  await child.work(450);
  const { processes, durationMs, sampleCount, ...rest } = await watch.stop();
  expect(watch.isRunning).toBe(false);
  // By wall clock it worked for 450 ms or longer: samples at the start, every 200 ms and at the end.
  expect(durationMs).toBeGreaterThan(400);
  expect(sampleCount).toBeGreaterThanOrEqual(3);
  expect(processes.map(({ pid }) => pid)).toEqual([child.pid, gone]);
  const [busy, absent] = processes;
  expect(busy?.peakResidentBytes).toBeGreaterThan(1 << 20);
  // The work that was waited for, less one tick, over the time that it took.
  const least = (440 / durationMs) * 100;
  expect(busy?.cpuPercent).toBeGreaterThan(least * 0.9);
  const threads = thisSystem.processors().length;
  expect((busy?.machinePercent ?? 0) * threads).toBeCloseTo(Math.min(busy?.cpuPercent ?? 0, 100 * threads), 6);
  expect(absent).toEqual({ pid: gone, peakResidentBytes: null, cpuPercent: null, machinePercent: null });
  expect(rest).toEqual({ gpus: [], gpuBusyRatio: null, peakVideoBytes: null, videoSource: null });
});

test.skipIf(!isTold)('a run that is shorter than the interval has a first and a last sample', async () => {
  await using child = new BusyChild();
  await child.begun();
  using watch = new ProcessWatch({ intervalMs: 60_000 });
  await watch.start([child.pid]);
  await child.work(60);
  const { sampleCount, processes } = await watch.stop();
  expect(sampleCount).toBe(2);
  expect(processes[0]?.cpuPercent).toBeGreaterThan(0);
  await watch.start([child.pid]);
  const instant = await watch.stop();
  expect(instant.processes[0]?.peakResidentBytes).toBeGreaterThan(0);
  // Less than two ticks tell nothing of the processor.
  if (instant.durationMs < 15) expect(instant.processes[0]?.cpuPercent).toBeNull();
});

test.skipIf(!isTold)('a process that ends meanwhile keeps what was seen of it', async () => {
  await using child = new BusyChild();
  await child.begun();
  using watch = new ProcessWatch({ intervalMs: 50 });
  await watch.start([child.pid]);
  await child.work(200);
  await child.end();
  const { processes } = await watch.stop();
  expect(processes[0]?.peakResidentBytes).toBeGreaterThan(1 << 20);
  expect(processes[0]?.cpuPercent).toBeGreaterThan(0);
});

test('without a start, and stopped again, it is a summary of nothing', async () => {
  using watch = new ProcessWatch();
  const nothing = await watch.stop();
  expect(nothing).toEqual({
    durationMs: 0,
    sampleCount: 0,
    processes: [],
    gpus: [],
    gpuBusyRatio: null,
    peakVideoBytes: null,
    videoSource: null,
  });
  await watch.start([process.pid]);
  await watch.stop();
  expect(await watch.stop()).toEqual(nothing);
});

test('a peak between two samples is told by the process’s own record, where that has grown', async () => {
  const files = new Map([
    ['/proc/77/stat', '77 (x) S 1 77 77 0 -1 0 1 0 0 0 1 0 0 0 20 0 1 0 1 1 2\n'],
    ['/proc/77/status', 'VmHWM:\t    9000 kB\nVmRSS:\t    1000 kB\n'],
  ]);
  const system: System = { ...fixtureSystem('cgroup-nested.machine'), readTextSync: (path) => files.get(path) ?? null };
  using watch = new ProcessWatch({ system, intervalMs: 60_000 });
  await watch.start([77]);
  files.set('/proc/77/status', 'VmHWM:\t    9000 kB\nVmRSS:\t    2000 kB\n');
  // The record is of before.
  expect((await watch.stop()).processes[0]?.peakResidentBytes).toBe(2000 * 1024);
  await watch.start([77]);
  files.set('/proc/77/status', 'VmHWM:\t    9500 kB\nVmRSS:\t    2000 kB\n');
  expect((await watch.stop()).processes[0]?.peakResidentBytes).toBe(9500 * 1024);
});

const gpuOf = (index: number, extra: Partial<Gpu>): Gpu => ({
  index,
  vendor: 'nvidia',
  name: 'GPU',
  totalBytes: null,
  freeBytes: null,
  isUnified: null,
  driverVersion: null,
  computeCapability: null,
  gfxTarget: null,
  pciAddress: null,
  uuid: null,
  source: 'nvml',
  ...extra,
});

test.skipIf(!canCompile)(
  'video memory by process where the driver tells; the driver is let go at the end',
  async () => {
    using folder = new LibraryFolder();
    const path = await folder.compile('fake-nvml.c');
    const system: System = {
      ...thisSystem,
      openLibrary: fixtureSystem('cgroup-nested.machine', { libraries: { 'libnvidia-ml.so.1': path } }).openLibrary,
    };
    const { library: counter } = thisSystem.openLibrary([path], { fake_balance: { args: [], returns: 'i32' } });
    using watch = new ProcessWatch({ system, gpus: () => [gpuOf(0, {}), gpuOf(3, {})] });
    await watch.start([process.pid]);
    expect(counter?.call('fake_balance')).toBe(1);
    const summary = await watch.stop();
    expect(counter?.call('fake_balance')).toBe(0);
    expect(summary).toMatchObject({ peakVideoBytes: 4 * GIB, videoSource: 'process', gpuBusyRatio: 0.21 });
    // A pid that the driver does not know, as in a container: only a rise can be told, and there is none.
    await watch.start([process.ppid]);
    expect(await watch.stop()).toMatchObject({ peakVideoBytes: 0, videoSource: 'rise' });
    counter?.close();
  },
);

test('without word by process, the rise over the level at the start; the first look’s share is of before', async () => {
  const files: Record<string, string> = {};
  const folder = '/sys/bus/pci/devices/0000:03:00.0';
  const set = (usedBytes: number, percent: number): void => {
    files[`${folder}/mem_info_vram_total`] = `${16 * GIB}\n`;
    files[`${folder}/mem_info_vram_used`] = `${usedBytes}\n`;
    files[`${folder}/gpu_busy_percent`] = `${percent}\n`;
  };
  const base = fixtureSystem('cgroup-nested.machine');
  const readTextSync = (path: string): string | null => files[path] ?? base.readTextSync(path);
  const system: System = { ...base, readTextSync, readText: async (path) => readTextSync(path) };
  const gpu = gpuOf(0, { vendor: 'amd', source: 'sysfs', pciAddress: '0000:03:00.0', totalBytes: 16 * GIB });
  using watch = new ProcessWatch({ system, gpus: () => [gpu], intervalMs: 60_000 });
  set(2 * GIB, 99);
  await watch.start([77]);
  set(7 * GIB, 40);
  expect(await watch.stop()).toMatchObject({
    gpus: [{ vendor: 'amd', index: 0, meanBusyRatio: 0.4, peakUsedBytes: 7 * GIB }],
    gpuBusyRatio: 0.4,
    peakVideoBytes: 5 * GIB,
    videoSource: 'rise',
  });
});

test.skipIf(!isTold)('rates: since the start at first, then since the last look', async () => {
  const rates = new ProcessRates();
  await using child = new BusyChild();
  await child.begun();
  await child.work(300);
  const first = rates.of(child.pid);
  const cpuMs = sampleProcess(child.pid)?.cpuMs ?? 0;
  expect(first?.residentBytes).toBeGreaterThan(1 << 20);
  expect(first?.uptimeMs).toBeGreaterThan(250);
  expect(first?.cpuPercent).toBeGreaterThan(0);
  expect(first?.cpuPercent).toBeLessThanOrEqual((cpuMs / (first?.uptimeMs ?? 1)) * 100);
  const startedAt = performance.now();
  await child.work(600);
  const spentMs = performance.now() - startedAt;
  const second = rates.of(child.pid);
  expect(second?.cpuPercent).toBeGreaterThan((580 / spentMs) * 100 * 0.9);
  expect(second?.cpuPercent).toBeLessThan(140);
  // At once again: the span to the look before is kept, not the noise of a millisecond.
  const third = rates.of(child.pid)?.cpuPercent ?? 0;
  expect(Math.abs(third - (second?.cpuPercent ?? 0))).toBeLessThan(20);
  await child.end();
  expect(rates.of(child.pid)).toBeNull();
  expect(rates.size).toBe(0);
});

const status = 'VmRSS:\t    1024 kB\n';
const statOf = (cpuTicks: number, startTicks: number): string =>
  `77 (x) S 1 77 77 0 -1 0 1 0 0 0 ${cpuTicks} 0 0 0 20 0 1 0 ${startTicks} 1 2\n`;

test('a pid that is given again begins anew; who is gone is forgotten', () => {
  const files = new Map([
    ['/proc/77/status', status],
    ['/proc/77/stat', statOf(100, 1000)],
    ['/proc/uptime', '20.00 1.00\n'],
  ]);
  const system: System = { ...fixtureSystem('cgroup-nested.machine'), readTextSync: (path) => files.get(path) ?? null };
  let nowMs = 0;
  const rates = new ProcessRates(system, () => nowMs);
  // 1 s of work in 10 s of life.
  expect(rates.of(77)).toEqual({ residentBytes: 1 << 20, cpuPercent: 10, uptimeMs: 10_000 });
  files.set('/proc/77/stat', statOf(50, 1500));
  expect(rates.of(77)).toEqual({ residentBytes: 1 << 20, cpuPercent: 10, uptimeMs: 5000 });
  // Where the age is not known, less work than before is another's too.
  files.set('/proc/uptime', '5.00 1.00\n');
  files.set('/proc/77/stat', statOf(20, 1500));
  nowMs = 1000;
  expect(rates.of(77)).toEqual({ residentBytes: 1 << 20, cpuPercent: null, uptimeMs: null });
  nowMs = 2000;
  files.set('/proc/77/stat', statOf(70, 1500));
  expect(rates.of(77)?.cpuPercent).toBe(50);
  // A look within half a second reaches back to the look before: 600 ms of work in 1200.
  nowMs = 2200;
  files.set('/proc/77/stat', statOf(80, 1500));
  expect(rates.of(77)?.cpuPercent).toBe(50);
  files.set('/proc/uptime', '20.00 1.00\n');
  files.delete('/proc/77/stat');
  files.set('/proc/78/status', status);
  files.set('/proc/78/stat', statOf(0, 1999));
  expect(rates.of(78)?.uptimeMs).toBe(10);
  expect(rates.size).toBe(1);
  // A container that fakes its uptime.
  files.set('/proc/uptime', '5.00 1.00\n');
  expect(readProcessAgeMs(78, system)).toBeNull();
  expect(readProcessAgeMs(79, system)).toBeNull();
  files.delete('/proc/uptime');
  expect(readUptimeMs(system)).toBe(3_600_000);
});

test.skipIf(!isTold)('our own age is less than the machine’s', () => {
  const ageMs = readProcessAgeMs(process.pid);
  expect(ageMs).toBeGreaterThan(0);
  expect(ageMs).toBeLessThanOrEqual(readUptimeMs());
  expect(Math.abs((ageMs ?? 0) - process.uptime() * 1000)).toBeLessThan(5000);
});
