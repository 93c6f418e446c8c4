// How busy the machine is, told at an interval to those who listen. It must never run without a listener: an idle
// server reads nothing, keeps no GPU awake and holds no timer. Whoever listens keeps the process alive: leave or dispose.
// (A timer without a reference makes Bun spin under a top-level await: 100 % of a core, measured on 1.4.5.)
import { busyRatioOf, type CpuTimes, readCpuTimes } from './cpu-times.ts';
import { type GpuUse, type GpuWatch, openGpuWatch } from './gpu-watch.ts';
import { readMemory } from './memory.ts';
import type { Gpu } from './probe.ts';
import { type ProcessSample, sampleProcess } from './process-sample.ts';
import { type System, thisSystem } from './system.ts';

export interface MachineSample {
  /** Epoch milliseconds. */
  readonly at: number;
  /** 0–1 over all processors since the sample before; null in the first. */
  readonly cpuBusyRatio: number | null;
  readonly memoryAvailableBytes: number | null;
  /** What this process may use at most. */
  readonly memoryTotalBytes: number | null;
  readonly gpus: readonly GpuUse[];
  /** Of the processes asked for; those that are gone are left out. */
  readonly processes: readonly ProcessSample[];
}

export interface SamplerOptions {
  /** For those who name none of their own. Default 1000, at least 100. */
  readonly intervalMs?: number;
  /** The GPUs of the snapshot; asked once whenever sampling starts. Absent: GPUs are not sampled. */
  readonly gpus?: () => Promise<readonly Gpu[]> | readonly Gpu[];
  /** Which processes to look at; asked for every sample. */
  readonly pids?: () => readonly number[];
  readonly system?: System;
}

export interface Sampler extends Disposable {
  /** The last sample while somebody listens, else null: an old one would be taken for the present. */
  readonly latest: MachineSample | null;
  readonly isRunning: boolean;
  /**
   * Calls `listener` with a sample every `intervalMs` until the returned function is called; the first comes at once. One
   * look serves all who listen: the most eager sets the pace, and the others are left out of what they did not ask for.
   */
  subscribe(listener: (sample: MachineSample) => void, intervalMs?: number): () => void;
}

/** A sample that comes this much early is near enough to its time. */
const EARLY_MS = 50;

interface Listener {
  readonly tell: (sample: MachineSample) => void;
  readonly intervalMs: number;
  /** Of `performance.now()`. */
  toldAtMs: number;
}

export const createSampler = (options: SamplerOptions = {}): Sampler => new IntervalSampler(options);

class IntervalSampler implements Sampler {
  readonly #listeners = new Set<Listener>();
  readonly #system: System;
  readonly #intervalMs: number;
  readonly #options: SamplerOptions;
  // Whoever started the present round; a round that finds another here has been stopped.
  #round: object | null = null;
  #timer: ReturnType<typeof setTimeout> | undefined;
  /** When the timer is due; infinite while a sample is being taken. */
  #dueAtMs = Number.POSITIVE_INFINITY;
  #startedAtMs = 0;
  #watch: GpuWatch | null = null;
  #times: CpuTimes | null = null;
  #latest: MachineSample | null = null;

  constructor(options: SamplerOptions) {
    this.#options = options;
    this.#system = options.system ?? thisSystem;
    this.#intervalMs = Math.max(100, options.intervalMs ?? 1000);
  }

  get latest(): MachineSample | null {
    return this.#latest;
  }

  get isRunning(): boolean {
    return this.#round !== null;
  }

  subscribe(tell: (sample: MachineSample) => void, intervalMs: number = this.#intervalMs): () => void {
    const listener: Listener = { tell, intervalMs: Math.max(100, intervalMs), toldAtMs: Number.NEGATIVE_INFINITY };
    this.#listeners.add(listener);
    if (this.#latest !== null) this.#tell(listener, this.#latest);
    if (this.#round === null) {
      this.#round = {};
      void this.#run(this.#round);
    } else if (this.#startedAtMs + listener.intervalMs < this.#dueAtMs && Number.isFinite(this.#dueAtMs)) {
      this.#plan(this.#round);
    }
    return () => {
      this.#listeners.delete(listener);
      if (this.#listeners.size === 0) this.#stop();
    };
  }

  [Symbol.dispose](): void {
    this.#listeners.clear();
    this.#stop();
  }

  #stop(): void {
    clearTimeout(this.#timer);
    this.#round = null;
    this.#times = null;
    this.#latest = null;
    this.#watch?.[Symbol.dispose]();
    this.#watch = null;
  }

  async #run(round: object): Promise<void> {
    const gpus = await Promise.resolve(this.#options.gpus?.() ?? []).catch((): readonly Gpu[] => []);
    if (this.#round !== round) return;
    this.#watch = openGpuWatch(this.#system, gpus);
    await this.#tick(round);
  }

  async #tick(round: object): Promise<void> {
    this.#dueAtMs = Number.POSITIVE_INFINITY;
    this.#startedAtMs = performance.now();
    const sample = await this.#sample().catch(() => null);
    if (this.#round !== round) return;
    if (sample !== null) {
      this.#latest = sample;
      const nowMs = performance.now();
      for (const listener of [...this.#listeners]) {
        if (nowMs - listener.toldAtMs >= listener.intervalMs - EARLY_MS) this.#tell(listener, sample);
      }
    }
    if (this.#round === round) this.#plan(round);
  }

  /** The next look, at the pace of the most eager. */
  #plan(round: object): void {
    clearTimeout(this.#timer);
    const paceMs = Math.min(...[...this.#listeners].map(({ intervalMs }) => intervalMs));
    this.#dueAtMs = Math.max(this.#startedAtMs + paceMs, performance.now() + EARLY_MS);
    this.#timer = setTimeout(() => void this.#tick(round), this.#dueAtMs - performance.now());
  }

  #tell(listener: Listener, sample: MachineSample): void {
    listener.toldAtMs = performance.now();
    tellSafely(listener.tell, sample);
  }

  async #sample(): Promise<MachineSample> {
    const [memory, gpus] = await Promise.all([readMemory(this.#system), this.#watch?.read() ?? []]);
    const times = readCpuTimes(this.#system);
    const before = this.#times;
    this.#times = times;
    const processes = (this.#options.pids?.() ?? []).map((pid) => sampleProcess(pid, this.#system));
    return {
      at: Date.now(),
      cpuBusyRatio: busyRatioOf(before, times),
      memoryAvailableBytes: memory.value.availableBytes,
      memoryTotalBytes: memory.value.totalBytes,
      gpus,
      processes: processes.filter((sample) => sample !== null),
    };
  }
}

function tellSafely(tell: (sample: MachineSample) => void, sample: MachineSample): void {
  // A listener that throws must not keep the news from the others.
  try {
    tell(sample);
  } catch (thrown) {
    queueMicrotask(() => {
      throw thrown;
    });
  }
}
