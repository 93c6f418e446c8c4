// What the machine and this process take right now, for whoever asks. It must never measure for nobody, nor show as
// measured what nobody told.
import { type GpuUse, readGpuUse } from '../hardware/gpu-watch.ts';
import { readMemory } from '../hardware/memory.ts';
import { type NetworkTraffic, readNetwork } from '../hardware/network.ts';
import type { Gpu, Snapshot } from '../hardware/probe.ts';
import { type ProcessSample, sampleProcess } from '../hardware/process-sample.ts';
import { thisSystem } from '../hardware/system.ts';
import { SystemLoadReader } from '../hardware/system-load.ts';
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
  /** Of the network since the machine started. */
  readonly traffic: NetworkTraffic | null;
}

export interface ClearedMemory {
  readonly stopped: readonly string[];
  readonly freedBytes: number;
}

export interface SystemReportsOptions {
  readonly drover: Pick<Drover, 'hardware' | 'instances' | 'stop'>;
  /** A folder of the disk that matters. */
  readonly folder: () => string;
}

export class SystemReports {
  readonly #options: SystemReportsOptions;
  #load: SystemLoadReader | null = null;
  /** GPUs come and go with the machine's start. */
  #gpus: Promise<readonly Gpu[]> | null = null;

  constructor(options: SystemReportsOptions) {
    this.#options = options;
  }

  /** `hasLoad`: how busy the processors are and what the network carried, which takes a tenth of a second. */
  async report({ hasLoad }: { readonly hasLoad: boolean }): Promise<SystemReport> {
    const { drover, folder } = this.#options;
    this.#load ??= new SystemLoadReader({ path: folder() });
    const [snapshot, load, traffic] = await Promise.all([
      drover.hardware(),
      hasLoad ? this.#load.read() : null,
      hasLoad ? readNetwork() : null,
    ]);
    const uses = await readGpuUse(snapshot.gpus);
    const pids = drover.instances().flatMap(({ pid }) => pid ?? []);
    return {
      snapshot,
      cpuBusyRatio: load?.cpuBusyRatio ?? null,
      gpu: gpuOf(snapshot, uses),
      own: sampleProcess(process.pid),
      modelBytes: pids.reduce((sum, pid) => sum + residentOf(pid), 0),
      traffic,
    };
  }

  /** For the means of a window; cheap enough for once a minute. */
  async sampleMinute(): Promise<MinuteSample> {
    this.#gpus ??= this.#options.drover.hardware().then(
      ({ gpus }) => gpus,
      () => [],
    );
    const { totalBytes, availableBytes } = (await readMemory(thisSystem)).value;
    return {
      memoryRatio: totalBytes > 0 ? 1 - availableBytes / totalBytes : null,
      gpuRatio: busyOf(await readGpuUse(await this.#gpus)),
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

const residentOf = (pid: number): number => sampleProcess(pid)?.residentBytes ?? 0;

function gpuOf({ gpus }: Snapshot, uses: readonly GpuUse[]): GpuReport | null {
  if (gpus.length === 0) return null;
  const temperatures = uses.map((use) => use.temperatureC).filter((degrees) => degrees !== null);
  const memory = gpus.map((gpu, at) => ({ total: gpu.totalBytes, free: uses[at]?.freeBytes ?? gpu.freeBytes }));
  return {
    name: gpus.map((gpu) => gpu.name).join(', '),
    totalBytes: sumOrNull(memory.map(({ total }) => total)),
    freeBytes: sumOrNull(memory.map(({ free }) => free)),
    busyRatio: busyOf(uses),
    temperatureC: temperatures.length === 0 ? null : Math.max(...temperatures),
  };
}

function busyOf(uses: readonly GpuUse[]): number | null {
  const busy = uses.map((use) => use.busyRatio).filter((ratio) => ratio !== null);
  return busy.length === 0 ? null : busy.reduce((sum, ratio) => sum + ratio, 0) / busy.length;
}

const sumOrNull = (values: readonly (number | null)[]): number | null =>
  values.reduce<number | null>((sum, value) => (sum === null || value === null ? null : sum + value), 0);
