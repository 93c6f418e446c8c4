// Keys that people chose: weak secrets, so each is compared by a slow hash, but only once per process and key. Unknown
// texts are compared one at a time, few may wait and the processor rests in between: a flood of wrong keys costs a fifth
// of one core and 19 MiB, however wide it is. It must never keep a plain key.
import { Fault } from '../base/fault.ts';
import { Mailbox, pause } from '../base/sync.ts';
import type { Identity } from './identity.ts';

export interface ChosenKey {
  readonly identity: Identity;
  /** As `slowHashOf` made it. */
  readonly slowHash: string;
}

/** OWASP's smallest argon2id: 19 MiB, two passes; 30 to 50 ms of one core. */
const COST = { algorithm: 'argon2id', memoryCost: 19 * 1024, timeCost: 2 } as const;
const QUEUE_LIMIT = 8;
/** Of one address, so that whoever floods leaves room for others. */
const QUEUE_LIMIT_PER_SOURCE = 2;
const REFUSED_LIMIT = 4096;
/** After a wrong key the next comparison waits this many times as long as it took. */
const REST_FACTOR = 4;
const REST_LIMIT_MS = 1000;

export const slowHashOf = (key: string): Promise<string> => Bun.password.hash(key, COST);

type Compare = (presented: string, slowHash: string) => Promise<boolean>;

/** A hash that cannot be read matches nothing. */
const compareSlowly: Compare = (presented, slowHash) => Bun.password.verify(presented, slowHash).catch(() => false);

export class ChosenKeys {
  readonly #isMatch: Compare;
  #keys: readonly ChosenKey[] = [];
  /** Digest of a good key → its slow hash. One for each key at most. */
  readonly #verified = new Map<string, string>();
  /** Digests of wrong ones, oldest first. */
  readonly #refused = new Set<string>();
  readonly #underWay = new Map<string, Promise<Identity | null>>();
  readonly #waitingOf = new Map<string, number>();
  readonly #queue = new Mailbox();
  #restsUntil = 0;

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
    const waiting = this.#waitingOf.get(source) ?? 0;
    if (waiting >= QUEUE_LIMIT_PER_SOURCE || this.#queue.pendingCount >= QUEUE_LIMIT) return Promise.reject(tooMany());
    this.#waitingOf.set(source, waiting + 1);
    const comparing = this.#queue
      .send(() => this.#compare(presented, digest))
      .finally(() => {
        this.#underWay.delete(digest);
        const left = (this.#waitingOf.get(source) ?? 1) - 1;
        if (left === 0) this.#waitingOf.delete(source);
        else this.#waitingOf.set(source, left);
      });
    this.#underWay.set(digest, comparing);
    return comparing;
  }

  async #compare(presented: string, digest: string): Promise<Identity | null> {
    const restMs = this.#restsUntil - performance.now();
    if (restMs > 0) await pause(restMs);
    const startedAt = performance.now();
    const keys = this.#keys;
    for (const { slowHash } of keys) {
      if (!(await this.#isMatch(presented, slowHash))) continue;
      const key = this.#keyOf(slowHash);
      // It was taken away meanwhile.
      if (key === null) return null;
      this.#verified.set(digest, slowHash);
      return key.identity;
    }
    const endedAt = performance.now();
    this.#restsUntil = endedAt + Math.min(REST_LIMIT_MS, (endedAt - startedAt) * REST_FACTOR);
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

const tooMany = (): Fault =>
  new Fault('rate_limited', 'Too many unknown keys at once.', {
    hint: 'Try again in a moment.',
    details: { retryAfterSeconds: 1 },
  });
