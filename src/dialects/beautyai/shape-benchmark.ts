// Between BeautyAI's words about benchmarks and ours: milliseconds, MB, percent. Pure.
import type { BenchReport } from '../../core/bench.ts';
import { type BenchPlan, comprehensivePlan, latencyPlan, throughputPlan } from '../../core/bench-plans.ts';
import type { CellReport } from '../../core/bench-sample.ts';
import type { Statistics } from '../../core/bench-statistics.ts';
import type { TestSession } from '../../core/test-records.ts';
import type { BenchmarkWords } from './schema-benchmark.ts';

export interface WantedBenchmark {
  readonly kind: string;
  readonly plan: BenchPlan;
}

const orAbsent = <T>(value: T | null | undefined): T | undefined => value ?? undefined;

export function toBenchmark({ model_name, benchmark_type, config }: BenchmarkWords): WantedBenchmark {
  const kind = benchmark_type ?? 'latency';
  const model = model_name ?? null;
  const seconds = orAbsent(config?.duration_seconds);
  const wishes = {
    runs: orAbsent(config?.num_runs),
    prompt: orAbsent(config?.prompt),
    maxTokens: orAbsent(config?.max_tokens),
    temperature: orAbsent(config?.temperature),
    concurrency: orAbsent(config?.concurrency),
    durationMs: seconds === undefined ? undefined : seconds * 1000,
  };
  const make = { latency: latencyPlan, throughput: throughputPlan, comprehensive: comprehensivePlan }[kind];
  return { kind, plan: make(model, wishes) };
}

const MIB = 1024 ** 2;
const round = (value: number): number => Math.round(value * 1000) / 1000;
const orNull = (value: number | null | undefined, unit = 1): number | null =>
  value === null || value === undefined ? null : round(value / unit);

const statisticsToWire = (statistics: Statistics | null) =>
  statistics === null
    ? null
    : {
        avg: round(statistics.average),
        min: round(statistics.least),
        max: round(statistics.most),
        std: orNull(statistics.deviation),
        p50: round(statistics.p50),
        p95: round(statistics.p95),
      };

const measuredToWire = (cell: CellReport) => ({
  input_tokens: cell.promptLength ?? cell.samples[0]?.promptTokens ?? null,
  max_tokens: cell.maxTokens,
  concurrency: cell.concurrency,
  latency_ms: statisticsToWire(cell.engineMs),
  time_to_first_token_ms: statisticsToWire(cell.firstPieceMs),
  tokens_per_second: statisticsToWire(cell.tokensPerSecond),
  prompt_tokens_per_second: statisticsToWire(cell.promptTokensPerSecond),
  peak_memory_mb: orNull(cell.use.peakResidentBytes, MIB),
  peak_vram_mb: orNull(cell.use.peakVideoBytes, MIB),
  cpu_percent: orNull(cell.use.cpuRatio, 0.01),
  gpu_percent: orNull(cell.use.gpuRatio, 0.01),
});

const runsToWire = ({ samples }: CellReport) =>
  samples.map((sample, index) => ({
    run: index + 1,
    latency_ms: round(sample.engineMs),
    time_to_first_token_ms: orNull(sample.firstPieceMs),
    prompt_tokens: sample.promptTokens,
    tokens_generated: sample.generatedTokens,
    tokens_per_second: orNull(sample.tokensPerSecond),
    prompt_tokens_per_second: orNull(sample.promptTokensPerSecond),
  }));

function resultsToWire(kind: string, { cells, skipped }: BenchReport): object {
  const [first] = cells;
  if (kind === 'latency' && first !== undefined) return { ...measuredToWire(first), runs: runsToWire(first) };
  if (kind === 'throughput' && first !== undefined) {
    return {
      ...measuredToWire(first),
      duration_seconds: round(first.elapsedMs / 1000),
      total_requests: first.engineMs?.count ?? 0,
      total_tokens: first.generatedTokens,
      total_tokens_per_second: orNull(first.totalTokensPerSecond),
      requests_per_second: orNull(first.requestsPerSecond),
    };
  }
  return {
    tests: cells.map((cell) => ({ ...measuredToWire(cell), runs: runsToWire(cell) })),
    skipped: skipped.map(({ promptLength, reason }) => ({ input_tokens: promptLength, reason })),
  };
}

function summaryToWire(kind: string, { cells, loadMs, wasLoaded }: BenchReport): object {
  const peaks = cells.flatMap(({ use }) => use.peakResidentBytes ?? []);
  const common = {
    load_time_ms: orNull(loadMs),
    was_loaded: wasLoaded,
    peak_memory_mb: peaks.length === 0 ? null : round(Math.max(...peaks) / MIB),
  };
  const [first] = cells;
  if (kind === 'throughput' && first !== undefined) {
    return {
      duration_seconds: round(first.elapsedMs / 1000),
      total_requests: first.engineMs?.count ?? 0,
      tokens_per_second: orNull(first.totalTokensPerSecond),
      requests_per_second: orNull(first.requestsPerSecond),
      avg_latency_ms: orNull(first.engineMs?.average),
      ...common,
    };
  }
  if (kind === 'latency' && first !== undefined) {
    const { engineMs } = first;
    return {
      num_runs: engineMs?.count ?? 0,
      avg_latency_ms: orNull(engineMs?.average),
      min_latency_ms: orNull(engineMs?.least),
      max_latency_ms: orNull(engineMs?.most),
      std_latency_ms: orNull(engineMs?.deviation),
      p50_latency_ms: orNull(engineMs?.p50),
      p95_latency_ms: orNull(engineMs?.p95),
      avg_time_to_first_token_ms: orNull(first.firstPieceMs?.average),
      avg_tokens_per_second: orNull(first.tokensPerSecond?.average),
      ...common,
    };
  }
  return {
    input_lengths: cells.map(({ promptLength }) => promptLength),
    avg_latency_ms: byLength(cells, ({ engineMs }) => engineMs?.average),
    avg_time_to_first_token_ms: byLength(cells, ({ firstPieceMs }) => firstPieceMs?.average),
    avg_tokens_per_second: byLength(cells, ({ tokensPerSecond }) => tokensPerSecond?.average),
    ...common,
  };
}

/** `{"10": …, "100": …}`. */
const byLength = (cells: readonly CellReport[], pick: (cell: CellReport) => number | null | undefined) =>
  Object.fromEntries(cells.map((cell) => [String(cell.promptLength ?? 'given'), orNull(pick(cell))]));

export const benchmarkToWire = (kind: string, report: BenchReport) => ({
  model_name: report.modelId,
  benchmark_type: kind,
  status: 'completed',
  progress: 100,
  results: resultsToWire(kind, report),
  summary: summaryToWire(kind, report),
});

/** A run in the background: as it stands, and what it has measured once it is done. */
export function runToWire(session: TestSession, ratio: number, report: BenchReport | null) {
  const [test] = session.tests;
  const isOver = session.state === 'completed' || session.state === 'failed';
  const kind = test?.kind ?? '';
  return {
    benchmark_id: session.id,
    model_name: test?.modelId ?? '',
    benchmark_type: kind,
    progress: Math.round(ratio * 100),
    started_at: new Date(session.createdAt).toISOString(),
    ...(session.failure === null ? {} : { error_message: test?.failure ?? session.failure }),
    ...(report === null ? { results: {}, summary: {} } : benchmarkToWire(kind, report)),
    status: isOver ? (session.state === 'completed' ? 'completed' : 'error') : 'running',
  };
}
