// How models and their processes stand, in the colours of the page, and when they leave. Pure: the time comes in.
import type { Fit, Instance, Verdict } from '../api/answers.ts';
import type { Tone } from '../parts/badge.tsx';

export const STATE_TONES: { readonly [State in Instance['state']]: Tone } = {
  stopped: 'neutral',
  starting: 'accent',
  ready: 'ok',
  stopping: 'neutral',
  failed: 'bad',
};

export const OUTCOME_TONES = {
  as_planned: 'ok',
  degraded: 'warn',
  failed: 'bad',
} as const satisfies Record<Verdict['outcome'], Tone>;

export const FIT_TONES: { readonly [Word in Fit['fit']]: Tone } = {
  fits: 'ok',
  fits_partly: 'warn',
  does_not_fit: 'bad',
};

/** Milliseconds until it leaves for idleness; null: it does not, or not as long as it works. */
export function idleLeftMs(instance: Instance, now: number): number | null {
  const { state, ttlMs, lastUsedAt, since, isPinned, requestsInFlight, requestsQueued } = instance;
  if (state !== 'ready' || ttlMs === null || isPinned || requestsInFlight + requestsQueued > 0) return null;
  return Math.max(0, (lastUsedAt ?? since) + ttlMs - now);
}
