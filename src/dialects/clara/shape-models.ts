// Models at work, their figures and their requests in ClaraCore's words. Pure.
import type { ModelView, UsageTotals } from '../../core/drover.ts';
import type { Instance, Usage } from '../../core/vocabulary.ts';
import { isoOrNull, isoTime } from './shape.ts';

const STATES: Readonly<Record<Instance['state'], string>> = {
  ready: 'ready',
  starting: 'starting',
  stopping: 'stopping',
  stopped: 'stopped',
  failed: 'stopped',
};

export function statusToWire(view: ModelView) {
  const { instance } = view;
  const failure = view.failure ?? instance?.failure ?? null;
  return {
    id: view.id,
    name: view.title,
    description: view.description ?? '',
    state: view.failure === null ? STATES[instance?.state ?? 'stopped'] : 'unknown',
    unlisted: !view.isListed,
    proxyUrl: instance?.portNumber == null ? '' : `http://127.0.0.1:${instance.portNumber}`,
    ...(failure === null ? {} : { error: failure }),
  };
}

export const statusesToWire = (views: readonly ModelView[]) =>
  [...views].sort((left, right) => (left.id < right.id ? -1 : 1)).map(statusToWire);

const NOTHING_USED = {
  requestCount: 0,
  durationMs: 0,
  lastTokensPerSecond: null,
  lastAt: null,
};

/** Models that were asked or are loaded. */
export function metricsToWire(totals: readonly UsageTotals[], instances: readonly Instance[]) {
  const running = new Map(instances.filter((instance) => instance.pid !== null).map((one) => [one.modelId, one]));
  const idle = [...running.keys()].filter((id) => !totals.some((sums) => sums.modelId === id));
  return [...totals, ...idle.map((modelId) => ({ modelId, ...NOTHING_USED }))].map((sums) => ({
    modelId: sums.modelId,
    requestCount: sums.requestCount,
    avgResponseTime: sums.requestCount === 0 ? null : Math.round(sums.durationMs / sums.requestCount),
    tokensPerSecond: sums.lastTokensPerSecond === null ? null : Math.round(sums.lastTokensPerSecond * 10) / 10,
    lastActivity: isoOrNull(sums.lastAt),
    memoryUsage: memoryOf(running.get(sums.modelId)),
  }));
}

/** Bytes on all devices as the load measured them; 0 where nothing is loaded, null where it was not measured. */
function memoryOf(instance: Instance | undefined): number | null {
  if (instance === undefined) return 0;
  const measured = Object.values(instance.verdict?.measuredBytes ?? {});
  return measured.length === 0 ? null : measured.reduce((sum, bytes) => sum + bytes, 0);
}

/** Tokens a second; null where the engine did not count. */
const perSecond = (tokens: number | null, milliseconds: number | null): number | null =>
  tokens === null || milliseconds === null || milliseconds <= 0
    ? null
    : Math.round((tokens * 100_000) / milliseconds) / 100;

/** Numbered from the start of the server: ids go on rising while old requests are forgotten. */
export function requestsToWire(requests: readonly Usage[], totals: readonly UsageTotals[]) {
  const allCount = totals.reduce((sum, { requestCount }) => sum + requestCount, 0);
  return requests.map((usage, index) => ({
    id: allCount - requests.length + index,
    timestamp: isoTime(usage.startedAt),
    model: usage.modelId,
    cache_tokens: usage.cachedTokens,
    input_tokens: usage.promptTokens,
    output_tokens: usage.generatedTokens,
    prompt_per_second: perSecond(usage.promptTokens, usage.promptMs),
    tokens_per_second: perSecond(usage.generatedTokens, usage.generationMs),
    duration_ms: Math.round(usage.durationMs),
  }));
}
