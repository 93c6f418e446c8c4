// How the machine and the models at work are from moment to moment, for those who look. One sampler serves all of them and
// stops with the last; nobody looks, nothing is read. It must never start a program.
import type { Gpu, GpuVendor } from '../hardware/probe.ts';
import { createSampler, type MachineSample, type Sampler } from '../hardware/sampler.ts';
import type { Drover } from './drover.ts';

export interface MachineFigures {
  /** Epoch milliseconds. */
  readonly at: number;
  /** 0–1 over all processors since the figures before; null in the first. */
  readonly cpuRatio: number | null;
  readonly memory: {
    readonly usedBytes: number | null;
    readonly availableBytes: number | null;
    readonly totalBytes: number | null;
  };
  readonly gpus: readonly GpuFigures[];
  readonly instances: readonly InstanceFigures[];
}

export interface GpuFigures {
  readonly index: number;
  readonly vendor: GpuVendor;
  readonly uuid: string | null;
  readonly name: string;
  readonly usedBytes: number | null;
  readonly totalBytes: number | null;
  readonly busyRatio: number | null;
  readonly temperatureC: number | null;
  readonly powerWatts: number | null;
}

export interface InstanceFigures {
  readonly modelId: string;
  /** Of its latest answer. */
  readonly tokensPerSecond: number | null;
  readonly residentBytes: number | null;
}

export interface MachineSamplesOptions {
  readonly drover: Pick<Drover, 'instances' | 'usage'>;
  /** What the machine is; asked whenever sampling starts. */
  readonly gpus: () => Promise<readonly Gpu[]>;
  /** Absent: of this machine. */
  readonly sampler?: Sampler;
}

export class MachineSamples {
  readonly #drover: MachineSamplesOptions['drover'];
  readonly #sampler: Sampler;
  #gpus: readonly Gpu[] = [];

  constructor(options: MachineSamplesOptions) {
    this.#drover = options.drover;
    this.#sampler =
      options.sampler ??
      createSampler({
        gpus: async () => {
          this.#gpus = await options.gpus();
          return this.#gpus;
        },
        pids: () => options.drover.instances().flatMap(({ pid }) => pid ?? []),
      });
  }

  get isRunning(): boolean {
    return this.#sampler.isRunning;
  }

  /** Calls `listener` every `intervalMs` until the returned function is called; the first figures come at once. */
  subscribe(intervalMs: number, listener: (figures: MachineFigures) => void): () => void {
    return this.#sampler.subscribe((sample) => listener(this.#figures(sample)), intervalMs);
  }

  #figures(sample: MachineSample): MachineFigures {
    const { memoryAvailableBytes: availableBytes, memoryTotalBytes: totalBytes } = sample;
    const speeds = new Map(this.#drover.usage().map((sums) => [sums.modelId, sums.lastTokensPerSecond]));
    const resident = new Map(sample.processes.map(({ pid, residentBytes }) => [pid, residentBytes]));
    return {
      at: sample.at,
      cpuRatio: sample.cpuBusyRatio,
      memory: {
        usedBytes: availableBytes === null || totalBytes === null ? null : Math.max(0, totalBytes - availableBytes),
        availableBytes,
        totalBytes,
      },
      gpus: sample.gpus.map((use): GpuFigures => {
        const gpu = this.#gpus.find(({ vendor, index }) => vendor === use.vendor && index === use.index);
        return {
          index: use.index,
          vendor: use.vendor,
          uuid: gpu?.uuid ?? null,
          name: gpu?.name ?? `${use.vendor} ${use.index}`,
          usedBytes: use.usedBytes,
          totalBytes: use.totalBytes,
          busyRatio: use.busyRatio,
          temperatureC: use.temperatureC,
          powerWatts: use.powerWatts,
        };
      }),
      instances: this.#drover
        .instances()
        .filter(({ pid }) => pid !== null)
        .map(({ modelId, pid }) => ({
          modelId,
          tokensPerSecond: speeds.get(modelId) ?? null,
          residentBytes: pid === null ? null : (resident.get(pid) ?? null),
        })),
    };
  }
}
