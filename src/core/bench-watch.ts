// What a run takes of the machine while it is measured, as whoever follows its process tells it. It must never follow longer
// than the run.
import type { ProcessWatch, WatchSummary } from '../hardware/process-watch.ts';

/** One that follows processes and sums up. */
export type Watch = Pick<ProcessWatch, 'start' | 'stop'> & Disposable;

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

type Told = Pick<WatchSummary, 'processes' | 'gpuBusyRatio' | 'peakVideoBytes'>;

export function useOf({ processes, gpuBusyRatio, peakVideoBytes }: Told): ResourceUse {
  const [first] = processes;
  const percent = first?.machinePercent ?? null;
  return {
    peakResidentBytes: first?.peakResidentBytes ?? null,
    peakVideoBytes,
    cpuRatio: percent === null ? null : percent / 100,
    gpuRatio: gpuBusyRatio,
  };
}
