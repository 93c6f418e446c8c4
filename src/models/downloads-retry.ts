// When a job that met trouble tries again by itself, and when that is of no use. Pure.
import type { Fault } from '../base/fault.ts';

/**
 * After the transport's own tries, which take about a minute. A router restarts within two minutes and a provider's fault is often over
 * within ten; a laptop that wakes up or joins another network is back at one of these too. After 47 minutes without a single new
 * byte somebody should see that it failed; each new byte begins the row again.
 */
export const RETRY_PAUSES_MS: readonly number[] = [5000, 30_000, 120_000, 300_000, 600_000, 600_000, 600_000, 600_000];
/** A limit that ends later than this is for a person to know of. */
const RESET_MAX_MS = 60 * 60 * 1000;
const RESET_SLACK_MS = 1000;

/** Epoch ms of the next try, or null where the job has failed. `retryCount`: tries so far that brought nothing. */
export function nextTry(fault: Fault, retryCount: number, now: number, pausesMs: readonly number[]): number | null {
  if (fault.kind !== 'offline' && fault.kind !== 'timeout' && fault.kind !== 'rate_limited') return null;
  const pauseMs = pausesMs[retryCount];
  if (pauseMs === undefined) return null;
  const { resetAt } = fault.details;
  if (fault.kind !== 'rate_limited' || typeof resetAt !== 'number') return now + pauseMs;
  return resetAt - now > RESET_MAX_MS ? null : Math.max(now + pauseMs, resetAt + RESET_SLACK_MS);
}
