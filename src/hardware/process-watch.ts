// Follows processes and the GPUs while something runs, and sums up what it took. It must never outlive its run: no
// timer and no open driver before `start` or after `stop`.
import { type GpuUse, type GpuWatch, openGpuWatch } from './gpu-watch.ts';
import type { Gpu } from './probe.ts';
import { type ProcessSample, sampleProcess } from './process-sample.ts';
import { type System, thisSystem } from './system.ts';

export interface ProcessSummary {
  readonly pid: number;
  /** Null where the process was never seen. */
  readonly peakResidentBytes: number | null;
  /** Mean, of one core: two busy threads are 200. Null over less than two of the kernel's ticks. */
  readonly cpuPercent: number | null;
  /** The same, of all the machine's threads: 0–100. */
  readonly machinePercent: number | null;
}

export interface GpuSummary {
  readonly vendor: GpuUse['vendor'];
  readonly index: number;
  readonly meanBusyRatio: number | null;
  readonly peakUsedBytes: number | null;
}

export interface WatchSummary {
  readonly durationMs: number;
  readonly sampleCount: number;
  /** In the order asked for. */
  readonly processes: readonly ProcessSummary[];
  readonly gpus: readonly GpuSummary[];
  /** Mean over the GPUs that tell; null without one. */
  readonly gpuBusyRatio: number | null;
  /** The most video memory that all watched processes held at once. */
  readonly peakVideoBytes: number | null;
  /**
   * `process`: the driver tells by process. `rise`: over the level at the start, so that others’ doings are in it and
   * what was held before is not.
   */
  readonly videoSource: 'process' | 'rise' | null;
}

export interface ProcessWatchOptions {
  /** The GPUs of the snapshot; asked once at every start. Absent: GPUs are not looked at. */
  readonly gpus?: () => Promise<readonly Gpu[]> | readonly Gpu[];
  /** Default 200, at least 50. */
  readonly intervalMs?: number;
  readonly system?: System;
}

interface Followed {
  readonly pid: number;
  peakBytes: number | null;
  first: { readonly sample: ProcessSample; readonly atMs: number } | null;
  last: { readonly sample: ProcessSample; readonly atMs: number } | null;
}

interface Run {
  readonly startedMs: number;
  readonly followed: readonly Followed[];
  readonly watch: GpuWatch;
  readonly looks: (readonly GpuUse[])[];
  peakHeldBytes: number | null;
}

// Two of Linux' ticks of processor time: over less, one tick more or less is a figure out of nothing.
const SHORTEST_MS = 20;

export class ProcessWatch implements Disposable {
  readonly #options: ProcessWatchOptions;
  readonly #system: System;
  readonly #intervalMs: number;
  // Whoever finds another here, or none, has been stopped.
  #round: object | null = null;
  #run: Run | null = null;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(options: ProcessWatchOptions = {}) {
    this.#options = options;
    this.#system = options.system ?? thisSystem;
    this.#intervalMs = Math.max(50, options.intervalMs ?? 200);
  }

  get isRunning(): boolean {
    return this.#round !== null;
  }

  /** Resolves when the first sample is taken: what is to be measured may begin. A run before it is given up. */
  async start(pids: readonly number[]): Promise<void> {
    this[Symbol.dispose]();
    const round = {};
    this.#round = round;
    const gpus = await Promise.resolve(this.#options.gpus?.() ?? []).catch((): readonly Gpu[] => []);
    if (this.#round !== round) return;
    const run: Run = {
      followed: [...new Set(pids)].map((pid) => ({ pid, peakBytes: null, first: null, last: null })),
      watch: openGpuWatch(this.#system, gpus),
      looks: [],
      startedMs: performance.now(),
      peakHeldBytes: null,
    };
    this.#run = run;
    await this.#look(run);
    this.#plan(run);
  }

  /** Takes the last sample and sums up; without a run, a summary of nothing. */
  async stop(): Promise<WatchSummary> {
    const run = this.#run;
    if (run === null) {
      this[Symbol.dispose]();
      return summaryOf([], [], 0, null, 1);
    }
    clearTimeout(this.#timer);
    const durationMs = performance.now() - run.startedMs;
    await this.#look(run);
    if (this.#run === run) this[Symbol.dispose]();
    return summaryOf(run.followed, run.looks, durationMs, run.peakHeldBytes, this.#system.processors().length);
  }

  [Symbol.dispose](): void {
    clearTimeout(this.#timer);
    this.#run?.watch[Symbol.dispose]();
    this.#run = null;
    this.#round = null;
  }

  #plan(run: Run): void {
    if (this.#run !== run) return;
    this.#timer = setTimeout(() => void this.#look(run).then(() => this.#plan(run)), this.#intervalMs);
  }

  async #look(run: Run): Promise<void> {
    for (const followed of run.followed) {
      const sample = sampleProcess(followed.pid, this.#system);
      if (sample === null) continue;
      const look = { sample, atMs: performance.now() };
      followed.first ??= look;
      followed.last = look;
      followed.peakBytes = Math.max(followed.peakBytes ?? 0, sample.residentBytes);
    }
    const uses = await run.watch.read().catch((): GpuUse[] => []);
    if (this.#run !== run) return;
    run.looks.push(uses);
    const held = heldBytes(run);
    if (held !== null) run.peakHeldBytes = Math.max(run.peakHeldBytes ?? 0, held);
  }
}

// In a container the driver's pids are the host's: none of ours is among them, and then it tells nothing.
function heldBytes({ watch, followed }: Run): number | null {
  const bytes = watch.processBytes();
  const ours = followed.map(({ pid }) => bytes?.get(pid)).filter((held) => held !== undefined);
  return ours.length > 0 ? ours.reduce((sum, held) => sum + held, 0) : null;
}

function summaryOf(
  followed: readonly Followed[],
  looks: readonly (readonly GpuUse[])[],
  durationMs: number,
  peakHeldBytes: number | null,
  threads: number,
): WatchSummary {
  const gpus = gpuSummaries(looks);
  const rise = peakHeldBytes === null ? peakRise(looks) : null;
  return {
    durationMs,
    sampleCount: looks.length,
    processes: followed.map((entry) => processSummary(entry, threads)),
    gpus,
    gpuBusyRatio: meanOf(gpus.map(({ meanBusyRatio }) => meanBusyRatio)),
    peakVideoBytes: peakHeldBytes ?? rise,
    videoSource: peakHeldBytes !== null ? 'process' : rise !== null ? 'rise' : null,
  };
}

function processSummary({ pid, first, last, peakBytes }: Followed, threads: number): ProcessSummary {
  if (first === null || last === null) return { pid, peakResidentBytes: null, cpuPercent: null, machinePercent: null };
  const [before, after] = [first.sample.peakResidentBytes, last.sample.peakResidentBytes];
  // Where its own record has grown meanwhile, it is of this run, and truer than any sample.
  const record = before !== null && after !== null && after > before ? after : 0;
  const spanMs = last.atMs - first.atMs;
  const cpuMs =
    first.sample.cpuMs === null || last.sample.cpuMs === null ? null : last.sample.cpuMs - first.sample.cpuMs;
  const cpuPercent = cpuMs === null || cpuMs < 0 || spanMs < SHORTEST_MS ? null : (cpuMs / spanMs) * 100;
  return {
    pid,
    peakResidentBytes: Math.max(peakBytes ?? 0, record),
    cpuPercent,
    machinePercent: cpuPercent === null ? null : Math.min(100, cpuPercent / Math.max(1, threads)),
  };
}

// A driver's share is of the time before the look: the first look tells of what was before the run.
function gpuSummaries(looks: readonly (readonly GpuUse[])[]): GpuSummary[] {
  const within = looks.length > 1 ? looks.slice(1) : looks;
  return (looks[0] ?? []).map(({ vendor, index }, at) => ({
    vendor,
    index,
    meanBusyRatio: meanOf(within.map((uses) => uses[at]?.busyRatio ?? null)),
    peakUsedBytes: maxOf(looks.map((uses) => uses[at]?.usedBytes ?? null)),
  }));
}

function peakRise(looks: readonly (readonly GpuUse[])[]): number | null {
  const start = looks[0] ?? [];
  if (start.every(({ usedBytes }) => usedBytes === null)) return null;
  const rises = looks.map((uses) =>
    start.reduce((sum, { usedBytes }, at) => {
      const now = uses[at]?.usedBytes ?? null;
      return usedBytes === null || now === null ? sum : sum + Math.max(0, now - usedBytes);
    }, 0),
  );
  return maxOf(rises);
}

function meanOf(values: readonly (number | null)[]): number | null {
  const known = values.filter((value) => value !== null);
  return known.length > 0 ? known.reduce((sum, value) => sum + value, 0) / known.length : null;
}

function maxOf(values: readonly (number | null)[]): number | null {
  const known = values.filter((value) => value !== null);
  return known.length > 0 ? Math.max(...known) : null;
}
