// What Home says of each model at work. Pure.
import type { Instance } from '../../api/answers.ts';

/** Those that are, or want to be, at work; failed ones first, then by name. */
export const atWork = (instances: readonly Instance[]): Instance[] =>
  instances
    .filter(({ state }) => state !== 'stopped')
    .toSorted(
      (left, right) =>
        Number(right.state === 'failed') - Number(left.state === 'failed') ||
        left.modelId.localeCompare(right.modelId, 'en'),
    );

/** What to say of a failed one: its own reason, and the ways out that the verdict knows. */
export function failureOf({ failure, verdict }: Pick<Instance, 'failure' | 'verdict'>) {
  const findings = verdict?.outcome === 'failed' ? verdict.findings : [];
  const [first] = findings;
  return {
    reason: failure ?? first?.message ?? null,
    hints: [...new Set(findings.flatMap(({ hint }) => hint ?? []))],
  };
}
