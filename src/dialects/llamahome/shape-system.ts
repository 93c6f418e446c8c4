// How the server is, as LlamaHome's clients read it: health, findings, figures, caches. Pure.
import type { ClearedCaches } from '../../core/cache-clearing.ts';
import type { DroverStatus, UsageTotals } from '../../core/drover.ts';
import type { Finding } from '../../core/finding.ts';
import type { Instance } from '../../core/vocabulary.ts';
import { isoOrNull, isoTime, secondsOf } from './shape.ts';

const counted = (count: number, what: string): string => `${count} ${what}${count === 1 ? '' : 's'}`;

export function healthToWire(status: Pick<DroverStatus, 'engineFailure' | 'instances' | 'startedAt'>, nowMs: number) {
  const loadedCount = status.instances.filter(({ state }) => state === 'ready').length;
  return {
    status: status.engineFailure === null ? 'success' : 'error',
    message:
      status.engineFailure ??
      (loadedCount === 0 ? 'Ready; no model is loaded.' : `Ready; ${counted(loadedCount, 'model')} loaded.`),
    model_loaded: loadedCount > 0,
    uptime: Math.max(0, Math.floor((nowMs - status.startedAt) / 1000)),
  };
}

/** Its clients know these four fields. */
export const findingToWire = ({ severity, topic, message, hint }: Finding) => ({ severity, topic, message, hint });

export function findingsToWire(findings: readonly Finding[], nowMs: number) {
  const count = (severity: Finding['severity']): number => findings.filter((one) => one.severity === severity).length;
  return {
    status: count('error') > 0 ? 'error' : 'success',
    message: [
      counted(findings.length, 'finding'),
      ...(count('warning') > 0 ? [counted(count('warning'), 'warning')] : []),
      ...(count('error') > 0 ? [counted(count('error'), 'error')] : []),
    ].join(', '),
    findings: findings.map(findingToWire),
    timestamp: isoTime(nowMs),
  };
}

const perSecond = (value: number | null): number | null => (value === null ? null : Math.round(value * 100) / 100);

export interface MetricsParts {
  readonly totals: readonly UsageTotals[];
  readonly instances: readonly Instance[];
  readonly startedAt: number;
}

export function metricsToWire({ totals, instances, startedAt }: MetricsParts, nowMs: number) {
  const sum = (field: 'requestCount' | 'failedCount' | 'promptTokens' | 'generatedTokens'): number =>
    totals.reduce((total, one) => total + one[field], 0);
  return {
    timestamp: isoTime(nowMs),
    uptime: Math.max(0, Math.floor((nowMs - startedAt) / 1000)),
    requests: sum('requestCount'),
    failed_requests: sum('failedCount'),
    prompt_tokens: sum('promptTokens'),
    generated_tokens: sum('generatedTokens'),
    active_requests: instances.reduce((total, one) => total + one.requestsInFlight, 0),
    queued_requests: instances.reduce((total, one) => total + one.requestsQueued, 0),
    loaded_models: instances.filter(({ state }) => state === 'ready').map(({ modelId }) => modelId),
    models: totals.map((one) => ({
      model: one.modelId,
      requests: one.requestCount,
      failed_requests: one.failedCount,
      prompt_tokens: one.promptTokens,
      generated_tokens: one.generatedTokens,
      average_processing_time: one.requestCount === 0 ? null : secondsOf(one.durationMs / one.requestCount),
      tokens_per_second: perSecond(one.lastTokensPerSecond),
      last_activity: isoOrNull(one.lastAt),
    })),
  };
}

export function clearedToWire({ engines, fileCount, freedBytes }: ClearedCaches) {
  const clearedCount = engines.filter(({ outcome }) => outcome !== 'kept').length;
  const caches =
    engines.length === 0
      ? 'No model is loaded, so no prompt is remembered.'
      : `Cleared the prompt caches of ${clearedCount} of ${counted(engines.length, 'loaded model')}.`;
  return {
    status: 'success',
    message: `${caches} Deleted ${counted(fileCount, 'temporary file')}.`,
    prompt_caches: engines.map(({ modelId, outcome, slotCount, tokenCount, reason }) => ({
      model: modelId,
      cleared: outcome !== 'kept',
      slots: slotCount,
      tokens: tokenCount,
      reason,
    })),
    files_deleted: fileCount,
    bytes_freed: freedBytes,
  };
}
