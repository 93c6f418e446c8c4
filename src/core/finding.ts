// One thing that is right or wrong here: how grave, what was seen, and what mends it. Pure.

export interface Finding {
  /** What kind of finding it is: `engine-none`. */
  readonly id: FindingId;
  readonly severity: 'ok' | 'note' | 'warning' | 'error';
  readonly topic: string;
  readonly message: string;
  readonly hint: string | null;
  /** What it is about where there are several such: a model's id, a path, a build; null: the machine or the server. */
  readonly subject: string | null;
  /** What was seen, line by line. */
  readonly evidence: readonly string[];
  /** What to type to mend it; null: there is no one command for it. */
  readonly command: string | null;
  /** What `drover doctor --fix` does about it by itself; null: nothing. */
  readonly fix: FixId | null;
}

/** The same in every version. */
export const FINDING_IDS = [
  'server-none',
  'server-running',
  'server-silent',
  'server-stale',
  'port-taken',
  'exposed',
  'origins-open',
  'proxy-set',
  'clock-wrong',
  'orphans',
  'leftovers',
  'secret-readable',
  'config-good',
  'config-questionable',
  'hardware',
  'hardware-unread',
  'device-forbidden',
  'gpu-unused',
  'vulkan-incomplete',
  'disk-low',
  'engine-none',
  'engine-good',
  'engine-second-best',
  'engine-unproved',
  'engine-failed',
  'library-missing',
  'folder-unreadable',
  'models-unread',
  'models-usable',
  'models-none',
  'model-broken',
  'model-twice',
  'model-altered',
  'model-degraded',
] as const;
export type FindingId = (typeof FINDING_IDS)[number];

export const FIX_IDS = ['end-orphans', 'remove', 'restrict'] as const;
/** `end-orphans`: processes that an earlier server left. `remove`: files of ours that nobody needs. `restrict`: rights. */
export type FixId = (typeof FIX_IDS)[number];

type Rest = Partial<Pick<Finding, 'hint' | 'subject' | 'evidence' | 'command' | 'fix'>>;

/** What is not said is absent. */
export const finding = (
  severity: Finding['severity'],
  id: FindingId,
  topic: string,
  message: string,
  rest: Rest = {},
): Finding => ({
  id,
  severity,
  topic,
  message,
  hint: rest.hint ?? null,
  subject: rest.subject ?? null,
  evidence: rest.evidence ?? [],
  command: rest.command ?? null,
  fix: rest.fix ?? null,
});

/** The worst first; of the same weight in the order in which they were found. */
export const byWeight = (findings: readonly Finding[]): Finding[] =>
  findings.toSorted((left, right) => WEIGHT.indexOf(left.severity) - WEIGHT.indexOf(right.severity));

const WEIGHT: readonly Finding['severity'][] = ['error', 'warning', 'note', 'ok'];
