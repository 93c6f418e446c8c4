// What mends a finding: a place of the page to go to, or a command to copy. Pure.
import type { Findings } from '../../api/answers.ts';
import { texts } from '../../texts/index.ts';

export type Finding = Findings['findings'][number];

/** Its own, else one in quotes within its hint: `Then try "drover engine update".` */
export const commandOf = ({ command, hint }: Pick<Finding, 'command' | 'hint'>): string | null =>
  command ?? /"(drover [^"]+)"/.exec(hint ?? '')?.[1] ?? null;

/** Something that is mended without a person. */
export const canMend = (findings: readonly Finding[]): boolean => findings.some(({ fix }) => fix !== null);

export function placeFor({ id, subject }: Finding): { readonly to: string; readonly label: string } | null {
  const { mend } = texts.home.health;
  if (id === 'engine-none') return { to: '/setup', label: mend.setup };
  if (id === 'models-none') return { to: '/get', label: mend.get };
  if (id === 'model-broken') {
    return { to: subject === null ? '/models' : `/models/${encodeURIComponent(subject)}`, label: mend.models };
  }
  if (id === 'folder-unreadable' || id === 'config-questionable' || id.startsWith('engine-')) {
    return { to: '/settings', label: mend.settings };
  }
  return null;
}

export interface SortedFindings {
  readonly wrong: readonly Finding[];
  readonly notes: readonly Finding[];
  readonly fine: readonly Finding[];
}

/** Errors and warnings; what is only worth knowing; what is as it should be. */
export const sortedFindings = (findings: readonly Finding[]): SortedFindings => ({
  wrong: [...of(findings, 'error'), ...of(findings, 'warning')],
  notes: of(findings, 'note'),
  fine: of(findings, 'ok'),
});

const of = (findings: readonly Finding[], severity: Finding['severity']): Finding[] =>
  findings.filter((finding) => finding.severity === severity);
