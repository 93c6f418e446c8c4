// How things are, in one sentence. Pure.
import type { Findings, Instance, Status, Visit } from '../../api/answers.ts';
import { size } from '../../format.ts';
import type { Tone } from '../../parts/badge.tsx';
import { texts } from '../../texts/index.ts';
import { usedOf } from './memory.ts';

export interface Headline {
  readonly text: string;
  readonly tone: Tone;
}

export interface HeadlineParts {
  readonly status: Pick<Status, 'engine' | 'engineFailure' | 'budget'> | undefined;
  readonly instances: readonly Pick<Instance, 'modelId' | 'state'>[];
  /** Models that can be loaded; null: not known yet. */
  readonly usableCount: number | null;
  readonly findings: Findings['findings'] | undefined;
  readonly visit: Pick<Visit, 'engine'> | undefined;
}

export function headlineOf({ status, instances, usableCount, findings = [], visit }: HeadlineParts): Headline {
  const { headline } = texts.home;
  if (status === undefined) return { text: headline.asking, tone: 'neutral' };
  if (status.engineFailure !== null) return { text: headline.noEngine(status.engineFailure), tone: 'bad' };
  if (status.engine === null || visit?.engine.state === 'settling') return { text: headline.settling, tone: 'accent' };
  const of = (state: Instance['state']) => instances.filter((one) => one.state === state);
  const failed = of('failed');
  const loading = of('starting');
  const loaded = of('ready');
  const parts: string[] = [];
  if (failed.length > 0) parts.push(headline.failed(failed.length));
  else if (usableCount === 0) parts.push(headline.noModel);
  else parts.push(headline.ready);
  if (loading.length > 0) parts.push(headline.loading(loading.map(({ modelId }) => modelId).join(', ')));
  if (loaded.length > 0) {
    const { usedBytes, budgetBytes } = usedOf(status.budget);
    parts.push(headline.loaded(loaded.length, size(usedBytes), size(budgetBytes)));
  } else if (loading.length === 0 && usableCount !== null && usableCount > 0) parts.push(headline.idle(usableCount));
  const grave = findings.filter(({ severity }) => severity === 'error');
  if (grave.length > 0) parts.push(headline.ofHealth(grave.length));
  const tone = failed.length > 0 || grave.length > 0 ? 'bad' : usableCount === 0 ? 'warn' : 'ok';
  return { text: parts.join(' '), tone: tone === 'ok' && loading.length > 0 ? 'accent' : tone };
}
