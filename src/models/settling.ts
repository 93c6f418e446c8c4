// Keeps files back that are still being written: a file is let through when it has looked the same for a while. It must never keep
// back what is published already: then the earlier sighting stands.
import { setKeyOf } from './file-sets.ts';
import type { FoundFile } from './found-file.ts';

interface Look {
  readonly fingerprint: string;
  /** When it was first seen like this. */
  readonly since: number;
}

/** Timers may ring a little early. */
const SLACK_MS = 5;

export class Settling {
  readonly #pending = new Map<string, Look>();

  /** `settleMs`: how long a file must look the same. `now`: milliseconds of any clock that only goes forward. */
  constructor(
    private readonly settleMs: number,
    private readonly now: () => number = () => performance.now(),
  ) {}

  get paths(): readonly string[] {
    return [...this.#pending.keys()];
  }

  isPending(path: string): boolean {
    return this.#pending.has(path);
  }

  /** Takes a new look at a file that is kept back (null: it is gone); true where it need not be any longer. */
  look(path: string, fingerprint: string | null): boolean {
    const before = this.#pending.get(path);
    if (before === undefined || fingerprint === null || this.#isStill(before, fingerprint)) return true;
    if (before.fingerprint !== fingerprint) this.#pending.set(path, { fingerprint, since: this.now() });
    return false;
  }

  /**
   * What to publish of `found`. `published` is what the last scan let through, by path. With `isPatient` a new or changed file must
   * hold still first; without, only those are kept back that were before and have grown since.
   */
  sift(found: readonly FoundFile[], published: ReadonlyMap<string, FoundFile>, isPatient: boolean): FoundFile[] {
    const before = new Map(this.#pending);
    this.#pending.clear();
    const heldSets = new Set<string>();
    for (const file of found) {
      const { path, fingerprint } = file;
      if (published.get(path)?.fingerprint === fingerprint) continue;
      const seen = before.get(path);
      const isStill = seen !== undefined && this.#isStill(seen, fingerprint);
      if (isStill || (!isPatient && (seen === undefined || seen.fingerprint === fingerprint))) continue;
      this.#pending.set(path, seen?.fingerprint === fingerprint ? seen : { fingerprint, since: this.now() });
      heldSets.add(setKeyOf(file));
    }
    if (heldSets.size === 0) return [...found];
    // All parts of a split file wait for the one that grows.
    return found.flatMap((file) => (heldSets.has(setKeyOf(file)) ? (published.get(file.path) ?? []) : file));
  }

  #isStill(look: Look, fingerprint: string): boolean {
    return look.fingerprint === fingerprint && this.now() - look.since >= this.settleMs - SLACK_MS;
  }
}
