// What requests cost, summed per model since the start, and the latest ones one by one. Bounded; it must never hold what
// was said in a request.
import type { UsageTotals } from './drover.ts';
import type { Usage } from './vocabulary.ts';

const KEPT_REQUESTS = 1000;

type Sums = { -readonly [Field in keyof UsageTotals]: UsageTotals[Field] };

export class UsageBook {
  readonly #sums = new Map<string, Sums>();
  readonly #latest: Usage[] = [];

  add(usage: Usage): void {
    this.#latest.push(usage);
    if (this.#latest.length > KEPT_REQUESTS * 2) this.#latest.splice(0, this.#latest.length - KEPT_REQUESTS);
    const sums = this.#sums.get(usage.modelId) ?? empty(usage.modelId);
    this.#sums.set(usage.modelId, sums);
    sums.requestCount += 1;
    if (usage.status >= 400) sums.failedCount += 1;
    sums.promptTokens += usage.promptTokens ?? 0;
    sums.generatedTokens += usage.generatedTokens ?? 0;
    sums.promptMs += usage.promptMs ?? 0;
    sums.generationMs += usage.generationMs ?? 0;
    sums.durationMs += usage.durationMs;
    sums.lastAt = usage.startedAt + usage.durationMs;
    sums.lastTokensPerSecond = speedOf(usage) ?? sums.lastTokensPerSecond;
  }

  totals(): readonly UsageTotals[] {
    return [...this.#sums.values()].map((sums) => ({ ...sums }));
  }

  /** Newest last. */
  latest(limit: number): readonly Usage[] {
    return this.#latest.slice(-Math.min(limit, KEPT_REQUESTS));
  }
}

/** Generated tokens per second by the engine's own count; null where it told none or only one token came. */
export function speedOf(usage: Pick<Usage, 'generatedTokens' | 'generationMs'>): number | null {
  const { generatedTokens, generationMs } = usage;
  if (generatedTokens === null || generationMs === null || generatedTokens < 2 || generationMs <= 0) return null;
  return (generatedTokens * 1000) / generationMs;
}

const empty = (modelId: string): Sums => ({
  modelId,
  requestCount: 0,
  failedCount: 0,
  promptTokens: 0,
  generatedTokens: 0,
  promptMs: 0,
  generationMs: 0,
  durationMs: 0,
  lastAt: null,
  lastTokensPerSecond: null,
});
