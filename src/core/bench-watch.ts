// What a run takes of the machine while it is measured, as whoever follows processes tells it. It must never follow longer
// than the run.

/** What one process took. */
export interface ProcessUse {
  readonly pid: number;
  /** Null where it was never seen. */
  readonly peakResidentBytes: number | null;
  /** Mean, of all the machine's threads: 0–100. Null over too short a time. */
  readonly machinePercent: number | null;
}

/** What a run took. */
export interface WatchedUse {
  readonly processes: readonly ProcessUse[];
  /** Mean over the GPUs that tell; null without one. */
  readonly gpuBusyRatio: number | null;
  /** The most video memory that the processes held at once; null where nobody tells. */
  readonly peakVideoBytes: number | null;
}

/** One that follows processes. */
export interface Watch extends Disposable {
  /** Resolves when the first sample is taken: what is to be measured may begin. */
  start(pids: readonly number[]): Promise<void>;
  /** Takes the last sample and sums up. */
  stop(): Promise<WatchedUse>;
}

/** What a run took of the machine; unknown is null. */
export interface ResourceUse {
  readonly peakResidentBytes: number | null;
  readonly peakVideoBytes: number | null;
  /** Mean of all the machine's threads, 0–1. */
  readonly cpuRatio: number | null;
  /** Mean over the GPUs, 0–1. */
  readonly gpuRatio: number | null;
}

export const UNKNOWN_USE: ResourceUse = {
  peakResidentBytes: null,
  peakVideoBytes: null,
  cpuRatio: null,
  gpuRatio: null,
};

export function useOf({ processes, gpuBusyRatio, peakVideoBytes }: WatchedUse): ResourceUse {
  const [first] = processes;
  const percent = first?.machinePercent ?? null;
  return {
    peakResidentBytes: first?.peakResidentBytes ?? null,
    peakVideoBytes,
    cpuRatio: percent === null ? null : percent / 100,
    gpuRatio: gpuBusyRatio,
  };
}
