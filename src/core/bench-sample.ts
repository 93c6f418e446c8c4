// One measured request, and what a row of them comes to: the one place that divides tokens by seconds. It must never count
// waiting or loading in, nor make a figure where the engine has not counted.

import type { BenchCell } from './bench-plans.ts';
import type { Prompt } from './bench-prompt.ts';
import { type Statistics, statisticsOf } from './bench-statistics.ts';
import type { ResourceUse } from './bench-watch.ts';
import type { Drover } from './drover.ts';
import { embedding, type GenerationOptions, type GenerationRequest, generated } from './generation.ts';

/** As the engine counted it; null where it did not. */
export interface BenchSample {
  readonly promptTokens: number | null;
  readonly generatedTokens: number | null;
  readonly promptMs: number | null;
  readonly generationMs: number | null;
  /** From the moment when the engine was asked to its first piece. */
  readonly firstPieceMs: number | null;
  /** From that moment to the end. */
  readonly engineMs: number;
  /** Generated tokens by the engine's own time for them. */
  readonly tokensPerSecond: number | null;
  /** The same of the prompt. */
  readonly promptTokensPerSecond: number | null;
}

/** A row of equal requests, and what it comes to. */
export interface CellReport {
  /** What was asked for; null of a text that was given. */
  readonly promptLength: number | null;
  readonly maxTokens: number;
  readonly concurrency: number;
  /** The first thousand of them. */
  readonly samples: readonly BenchSample[];
  /** Of all together. */
  readonly generatedTokens: number | null;
  /** From the first question to the last answer, without the pauses in between. */
  readonly elapsedMs: number;
  readonly engineMs: Statistics | null;
  readonly firstPieceMs: Statistics | null;
  /** Of one request among those at the same time. */
  readonly tokensPerSecond: Statistics | null;
  readonly promptTokensPerSecond: Statistics | null;
  /** All together, by our clock. */
  readonly totalTokensPerSecond: number | null;
  readonly requestsPerSecond: number | null;
  readonly use: ResourceUse;
}

export async function sample(
  drover: Pick<Drover, 'acquire'>,
  model: string,
  prompt: Prompt,
  cell: Pick<BenchCell, 'maxTokens' | 'temperature'>,
  options: GenerationOptions,
): Promise<BenchSample> {
  if (prompt.kind === 'embedding') {
    const made = await embedding(drover, { model, texts: [prompt.content] }, options);
    return { ...NOTHING, promptTokens: made.promptTokens, engineMs: made.engineMs };
  }
  const request: GenerationRequest = {
    model,
    input: prompt.input,
    maxTokens: cell.maxTokens,
    temperature: cell.temperature,
    ignoresEnd: true,
    usesPromptCache: false,
  };
  const made = await generated(drover, request, options);
  const { promptTokens, cachedTokens, generatedTokens, promptMs, generationMs, firstPieceMs, engineMs } = made;
  const processed = promptTokens === null ? null : promptTokens - (cachedTokens ?? 0);
  return {
    promptTokens,
    generatedTokens,
    promptMs,
    generationMs,
    firstPieceMs,
    engineMs,
    // The first token comes with the prompt: of one alone there is no time.
    tokensPerSecond: (generatedTokens ?? 0) < 2 ? null : perSecond(generatedTokens, generationMs),
    promptTokensPerSecond: perSecond(processed, promptMs),
  };
}

const NOTHING = {
  generatedTokens: null,
  promptMs: null,
  generationMs: null,
  firstPieceMs: null,
  tokensPerSecond: null,
  promptTokensPerSecond: null,
} as const;

const KEPT_SAMPLES = 1000;

export function cellReport(
  cell: BenchCell,
  concurrency: number,
  measured: { readonly samples: readonly BenchSample[]; readonly elapsedMs: number },
  use: ResourceUse,
): CellReport {
  const { samples, elapsedMs } = measured;
  const counts = samples.map(({ generatedTokens }) => generatedTokens);
  const isCounted = counts.length > 0 && counts.every((count) => count !== null);
  const total = isCounted ? counts.reduce((sum: number, count) => sum + (count ?? 0), 0) : null;
  return {
    promptLength: 'count' in cell.input ? cell.input.count : null,
    maxTokens: cell.maxTokens,
    concurrency,
    samples: samples.slice(0, KEPT_SAMPLES),
    generatedTokens: total,
    elapsedMs,
    engineMs: statisticsOf(samples.map(({ engineMs }) => engineMs)),
    firstPieceMs: statisticsOf(samples.map(({ firstPieceMs }) => firstPieceMs)),
    tokensPerSecond: statisticsOf(samples.map(({ tokensPerSecond }) => tokensPerSecond)),
    promptTokensPerSecond: statisticsOf(samples.map(({ promptTokensPerSecond }) => promptTokensPerSecond)),
    totalTokensPerSecond: perSecond(total, elapsedMs),
    requestsPerSecond: perSecond(samples.length, elapsedMs),
    use,
  };
}

const perSecond = (count: number | null, milliseconds: number | null): number | null =>
  count === null || milliseconds === null || milliseconds <= 0 ? null : (count * 1000) / milliseconds;
