// What the machine and this process take right now, for whoever asks. It must never measure for nobody, nor show as
// measured what nobody told.
import { readMemory } from '../hardware/memory.ts';
import type { Snapshot } from '../hardware/probe.ts';
import { type ProcessSample, sampleProcess } from '../hardware/process-sample.ts';
import { createSampler, type MachineSample } from '../hardware/sampler.ts';
import { thisSystem } from '../hardware/system.ts';
import type { Drover } from './drover.ts';
import type { MinuteSample } from './performance-window.ts';

/** All GPUs of the machine as one; what is not known is null. */
export interface GpuReport {
  readonly name: string;
  readonly totalBytes: number | null;
  readonly freeBytes: number | null;
  /** 0–1, the mean. */
  readonly busyRatio: number | null;
  /** Of the hottest. */
  readonly temperatureC: number | null;
}

export interface Traffic {
  readonly sentBytes: number;
  readonly receivedBytes: number;
}

export interface SystemReport {
  readonly snapshot: Snapshot;
  /** 0–1; null where it was not asked for or nobody tells. */
  readonly cpuBusyRatio: number | null;
  /** Null: there is none. */
  readonly gpu: GpuReport | null;
  /** This process, without its children. */
  readonly own: ProcessSample | null;
  /** Of the models' processes together. */
  readonly modelBytes: number;
  readonly traffic: Traffic | null;
}

export interface ClearedMemory {
  readonly stopped: readonly string[];
  readonly freedBytes: number;
}

export interface SystemReportsOptions {
  readonly drover: Pick<Drover, 'hardware' | 'instances' | 'stop'>;
  /** Of the network since the machine started; null where nobody tells. */
  readonly traffic: () => Promise<Traffic | null>;
}

/** Between two looks at the processors. */
const WINDOW_MS = 100;
/** A driver that does not answer keeps nobody waiting for longer. */
const PATIENCE_MS = 1000;

export class SystemReports {
  readonly #options: SystemReportsOptions;

  constructor(options: SystemReportsOptions) {
    this.#options = options;
  }

  /** `hasLoad`: how busy processors and GPUs are, which takes a tenth of a second. */
  async report({ hasLoad }: { readonly hasLoad: boolean }): Promise<SystemReport> {
    const { drover } = this.#options;
    const [snapshot, traffic] = await Promise.all([drover.hardware(), hasLoad ? this.#options.traffic() : null]);
    const load = hasLoad ? await sampledLoad(snapshot) : null;
    const pids = drover.instances().flatMap(({ pid }) => pid ?? []);
    return {
      snapshot,
      cpuBusyRatio: load?.cpuBusyRatio ?? null,
      gpu: gpuOf(snapshot, load),
      own: sampleProcess(process.pid),
      modelBytes: pids.reduce((sum, pid) => sum + (sampleProcess(pid)?.residentBytes ?? 0), 0),
      traffic,
    };
  }

  /** Gives back what nobody uses; `force` stops the models that nobody asks just now, with all that they hold. */
  async clearMemory({ force }: { readonly force: boolean }): Promise<ClearedMemory> {
    const { drover } = this.#options;
    const before = residentOf(process.pid);
    const idle = drover.instances().filter(({ state, requestsInFlight, requestsQueued, isPinned }) => {
      return state === 'ready' && requestsInFlight === 0 && requestsQueued === 0 && !isPinned;
    });
    let freedBytes = 0;
    const stopped: string[] = [];
    for (const { modelId, pid } of force ? idle : []) {
      const bytes = pid === null ? 0 : residentOf(pid);
      await drover.stop(modelId);
      stopped.push(modelId);
      freedBytes += bytes;
    }
    Bun.gc(true);
    return { stopped, freedBytes: freedBytes + Math.max(0, before - residentOf(process.pid)) };
  }
}

/** For the means of a window: cheap enough for once a minute. No GPU is woken for it. */
export async function sampleMinute(): Promise<MinuteSample> {
  const { totalBytes, availableBytes } = (await readMemory(thisSystem)).value;
  return { memoryRatio: totalBytes > 0 ? 1 - availableBytes / totalBytes : null, gpuRatio: null };
}

const residentOf = (pid: number): number => sampleProcess(pid)?.residentBytes ?? 0;

async function sampledLoad(snapshot: Snapshot): Promise<MachineSample | null> {
  using sampler = createSampler({ intervalMs: WINDOW_MS, gpus: () => snapshot.gpus });
  const { promise, resolve } = Promise.withResolvers<MachineSample | null>();
  const timer = setTimeout(() => resolve(sampler.latest), PATIENCE_MS);
  // The first sample has nothing to compare the processors with.
  sampler.subscribe((sample) => {
    if (sample.cpuBusyRatio !== null) resolve(sample);
  });
  return promise.finally(() => clearTimeout(timer));
}

function gpuOf({ gpus }: Snapshot, load: MachineSample | null): GpuReport | null {
  const [first] = gpus;
  if (first === undefined) return null;
  const uses = load?.gpus ?? [];
  const busy = uses.map((use) => use.busyRatio).filter((ratio) => ratio !== null);
  const memory = gpus.map((gpu, at) => ({ total: gpu.totalBytes, free: uses[at]?.freeBytes ?? gpu.freeBytes }));
  return {
    name: gpus.map((gpu) => gpu.name).join(', '),
    totalBytes: sumOrNull(memory.map(({ total }) => total)),
    freeBytes: sumOrNull(memory.map(({ free }) => free)),
    busyRatio: busy.length === 0 ? null : busy.reduce((sum, ratio) => sum + ratio, 0) / busy.length,
    temperatureC: null,
  };
}

const sumOrNull = (values: readonly (number | null)[]): number | null =>
  values.reduce<number | null>((sum, value) => (sum === null || value === null ? null : sum + value), 0);
