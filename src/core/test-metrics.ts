// What a test comes to in six figures, from its report. Pure. What was not measured is null.
import type { BenchReport } from './bench.ts';
import type { CellReport } from './bench-sample.ts';

export interface TestMetrics {
  /** Mean of a request, from the moment when the engine was asked to its last piece. */
  readonly inferenceMs: number | null;
  /** Of one request, by the engine's own count. */
  readonly tokensPerSecond: number | null;
  /** Peaks of the model's process. */
  readonly peakResidentBytes: number | null;
  readonly peakVideoBytes: number | null;
  /** Means, 0–1. */
  readonly cpuRatio: number | null;
  readonly gpuRatio: number | null;
}

export function metricsOf({ cells }: Pick<BenchReport, 'cells'>): TestMetrics {
  const each = (pick: (cell: CellReport) => number | null | undefined): number[] =>
    cells.map(pick).filter((value) => value !== null && value !== undefined);
  return {
    inferenceMs: meanOf(each(({ engineMs }) => engineMs?.average)),
    tokensPerSecond: meanOf(each(({ tokensPerSecond }) => tokensPerSecond?.average)),
    peakResidentBytes: mostOf(each(({ use }) => use.peakResidentBytes)),
    peakVideoBytes: mostOf(each(({ use }) => use.peakVideoBytes)),
    cpuRatio: meanOf(each(({ use }) => use.cpuRatio)),
    gpuRatio: meanOf(each(({ use }) => use.gpuRatio)),
  };
}

const meanOf = (values: readonly number[]): number | null =>
  values.length === 0 ? null : values.reduce((sum, value) => sum + value, 0) / values.length;
const mostOf = (values: readonly number[]): number | null => (values.length === 0 ? null : Math.max(...values));
