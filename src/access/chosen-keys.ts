// Keys that people chose: weak secrets, so each is compared by a slow hash, but only once per process and key, and unknown
// texts take turns. It must never keep a plain key.
import type { Identity } from './identity.ts';
import { type Compare, compareSlowly, SlowQueue } from './slow-hash.ts';

export interface ChosenKey {
  readonly identity: Identity;
  /** As `slowHashOf` made it. */
  readonly slowHash: string;
}

const REFUSED_LIMIT = 4096;

export class ChosenKeys {
  readonly #isMatch: Compare;
  #keys: readonly ChosenKey[] = [];
  /** Digest of a good key → its slow hash. One for each key at most. */
  readonly #verified = new Map<string, string>();
  /** Digests of wrong ones, oldest first. */
  readonly #refused = new Set<string>();
  readonly #underWay = new Map<string, Promise<Identity | null>>();
  readonly #queue = new SlowQueue('Too many unknown keys at once.');

  constructor(isMatch: Compare = compareSlowly) {
    this.#isMatch = isMatch;
  }

  update(keys: readonly ChosenKey[]): void {
    const isSame = (key: ChosenKey): boolean => this.#keys.some((known) => known.slowHash === key.slowHash);
    // Who was wrong may be right now.
    if (!keys.every(isSame)) this.#refused.clear();
    this.#keys = keys;
    for (const [digest, slowHash] of this.#verified) if (this.#keyOf(slowHash) === null) this.#verified.delete(digest);
  }

  /** What is known without work; undefined: only `verify` can tell. */
  recall(digest: string): Identity | null | undefined {
    if (this.#keys.length === 0 || this.#refused.has(digest)) return null;
    const slowHash = this.#verified.get(digest);
    return slowHash === undefined ? undefined : (this.#keyOf(slowHash)?.identity ?? undefined);
  }

  /** The key with this digest has just been made: it need not be compared. */
  remember(digest: string, slowHash: string): void {
    this.#verified.set(digest, slowHash);
  }

  /** Compares slowly. Rejects with `rate_limited` at once when too many wait. */
  verify(presented: string, digest: string, source: string): Promise<Identity | null> {
    const underWay = this.#underWay.get(digest);
    if (underWay !== undefined) return underWay;
    const comparing = this.#queue
      .compare(source, () => this.#compare(presented, digest))
      .finally(() => this.#underWay.delete(digest));
    this.#underWay.set(digest, comparing);
    return comparing;
  }

  async #compare(presented: string, digest: string): Promise<Identity | null> {
    const keys = this.#keys;
    for (const { slowHash } of keys) {
      if (!(await this.#isMatch(presented, slowHash))) continue;
      const key = this.#keyOf(slowHash);
      // It was taken away meanwhile.
      if (key === null) return null;
      this.#verified.set(digest, slowHash);
      return key.identity;
    }
    if (this.#keys === keys) this.#refuse(digest);
    return null;
  }

  #refuse(digest: string): void {
    this.#refused.add(digest);
    if (this.#refused.size <= REFUSED_LIMIT) return;
    for (const oldest of this.#refused) {
      this.#refused.delete(oldest);
      return;
    }
  }

  #keyOf(slowHash: string): ChosenKey | null {
    return this.#keys.find((key) => key.slowHash === slowHash) ?? null;
  }
}
