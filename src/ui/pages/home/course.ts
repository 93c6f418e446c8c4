// What Home says of each model at work. Pure: the time comes in.
import type { Instance } from '../../api/answers.ts';
import type { Tone } from '../../parts/badge.tsx';

/** Those that are, or want to be, at work; failed ones first, then by name. */
export const atWork = (instances: readonly Instance[]): Instance[] =>
  instances
    .filter(({ state }) => state !== 'stopped')
    .toSorted(
      (left, right) =>
        Number(right.state === 'failed') - Number(left.state === 'failed') ||
        left.modelId.localeCompare(right.modelId, 'en'),
    );

export const STATE_TONES: { readonly [State in Instance['state']]: Tone } = {
  stopped: 'neutral',
  starting: 'accent',
  ready: 'ok',
  stopping: 'neutral',
  failed: 'bad',
};

export const OUTCOME_TONES = { as_planned: 'ok', degraded: 'warn', failed: 'bad' } as const;

/** Milliseconds until it leaves for idleness; null: it does not, or not as long as it works. */
export function idleLeftMs(instance: Instance, now: number): number | null {
  const { state, ttlMs, lastUsedAt, since, isPinned, requestsInFlight, requestsQueued } = instance;
  if (state !== 'ready' || ttlMs === null || isPinned || requestsInFlight + requestsQueued > 0) return null;
  return Math.max(0, (lastUsedAt ?? since) + ttlMs - now);
}

/** What to say of a failed one: its own reason, and the ways out that the verdict knows. */
export function failureOf({ failure, verdict }: Pick<Instance, 'failure' | 'verdict'>) {
  const findings = verdict?.outcome === 'failed' ? verdict.findings : [];
  const [first] = findings;
  return {
    reason: failure ?? first?.message ?? null,
    hints: [...new Set(findings.flatMap(({ hint }) => hint ?? []))],
  };
}
