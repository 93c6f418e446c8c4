// What the installed builds and the remembered failures add up to: where each rung stands, what deserves another try,
// what has become superfluous. It must never start anything.
import type { Log } from '../base/log.ts';
import type { Backend } from './build.ts';
import type { Rung } from './catalog.ts';
import type { RungStatus } from './install-options.ts';
import { type Pointer, readFailures, readRecords, removeFolder } from './installed.ts';

export const isOffered = (ladder: readonly Rung[], backend: Backend): boolean =>
  ladder.some((rung) => rung.isOffered && rung.backend === backend);

export function ladderStatus(root: string, ladder: readonly Rung[]): RungStatus[] {
  const installed = readRecords(root).map((record) => record.build);
  const failures = readFailures(root);
  return ladder.map((rung) => ({
    rung,
    installed: installed.filter((build) => build.backend === rung.backend),
    failures: failures.filter((failure) => failure.backend === rung.backend),
  }));
}

/** The best rung above `current` all of whose failures happened on a machine other than `keyOf` says; null for none. */
export function rungToRetry(
  root: string,
  ladder: readonly Rung[],
  current: Backend | null,
  keyOf: (rung: Rung) => string,
): Rung | null {
  const failures = readFailures(root);
  for (const rung of ladder.filter((candidate) => candidate.isOffered)) {
    if (rung.backend === current) return null;
    const own = failures.filter((failure) => failure.backend === rung.backend);
    if (own.length > 0 && own.every((failure) => failure.machineKey !== keyOf(rung))) return rung;
  }
  return null;
}

/** Deletes fetched builds of the current one's backend, except it and the previous one. */
export function pruneSuperseded(root: string, pointer: Pointer, log: Log): void {
  const builds = readRecords(root).map((record) => record.build);
  const backend = builds.find((build) => build.id === pointer.id)?.backend;
  for (const build of builds) {
    const isFetched = build.source === 'github' || build.source === 'debian';
    const isKept = build.id === pointer.id || build.id === pointer.previousId;
    if (!isFetched || isKept || build.backend !== backend) continue;
    try {
      removeFolder(root, build.id);
      log.info('removed a superseded engine', { id: build.id });
    } catch (thrown) {
      log.warn('a superseded engine could not be removed', { id: build.id, reason: String(thrown) });
    }
  }
}

/** The variables that hide devices from a build or reorder them: with others, its list of devices is another one. */
export const deviceVariables = (environment: Readonly<Record<string, string | undefined>>): string[] =>
  Object.entries(environment)
    .filter(
      ([name, value]) =>
        value !== undefined && /VISIBLE_DEVICES$|^VK_(DRIVER|ICD)_FILE|^HSA_OVERRIDE|^GGML_DISABLE/.test(name),
    )
    .map(([name, value]) => `${name}=${value}`)
    .sort();
