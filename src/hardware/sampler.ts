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
  readonly gpus: readonly GpuUse[];
  /** Of the processes asked for; those that are gone are left out. */
  readonly processes: readonly ProcessSample[];
}

export interface SamplerOptions {
  /** Default 1000, at least 100. */
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
  /** Calls `listener` with every sample until the returned function is called; the first comes at once. */
  subscribe(listener: (sample: MachineSample) => void): () => void;
}

export const createSampler = (options: SamplerOptions = {}): Sampler => new IntervalSampler(options);

class IntervalSampler implements Sampler {
  readonly #listeners = new Set<{ readonly tell: (sample: MachineSample) => void }>();
  readonly #system: System;
  readonly #intervalMs: number;
  readonly #options: SamplerOptions;
  // Whoever started the present round; a round that finds another here has been stopped.
  #round: object | null = null;
  #timer: ReturnType<typeof setTimeout> | undefined;
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

  subscribe(tell: (sample: MachineSample) => void): () => void {
    const listener = { tell };
    this.#listeners.add(listener);
    if (this.#latest !== null) tellSafely(tell, this.#latest);
    if (this.#round === null) {
      this.#round = {};
      void this.#run(this.#round);
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
    const startedAt = performance.now();
    const sample = await this.#sample().catch(() => null);
    if (this.#round !== round) return;
    if (sample !== null) {
      this.#latest = sample;
      for (const { tell } of [...this.#listeners]) tellSafely(tell, sample);
    }
    if (this.#round !== round) return;
    const spentMs = performance.now() - startedAt;
    this.#timer = setTimeout(() => void this.#tick(round), Math.max(50, this.#intervalMs - spentMs));
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
