// Slow hashes for what people choose, and the queue in which texts are compared with them: one at a time, few may wait,
// and the processor rests after a wrong one. A flood costs a fifth of one core and 19 MiB, however wide it is. It must
// never keep a plain text.
import { Fault } from '../base/fault.ts';
import { Mailbox, pause } from '../base/sync.ts';

/** OWASP's smallest argon2id: 19 MiB, two passes; 30 to 50 ms of one core. */
const COST = { algorithm: 'argon2id', memoryCost: 19 * 1024, timeCost: 2 } as const;
const QUEUE_LIMIT = 8;
/** Of one address, so that whoever floods leaves room for others. */
const QUEUE_LIMIT_PER_SOURCE = 2;
/** After a wrong text the next comparison waits this many times as long as it took. */
const REST_FACTOR = 4;
const REST_LIMIT_MS = 1000;

export type Compare = (presented: string, slowHash: string) => Promise<boolean>;

export const slowHashOf = (text: string): Promise<string> => Bun.password.hash(text, COST);

/** A hash that cannot be read matches nothing. */
export const compareSlowly: Compare = (presented, slowHash) =>
  Bun.password.verify(presented, slowHash).catch(() => false);

export class SlowQueue {
  readonly #tooMany: string;
  readonly #waitingOf = new Map<string, number>();
  readonly #queue = new Mailbox();
  #restsUntil = 0;

  /** `tooMany` is what those are told for whom there is no place. */
  constructor(tooMany: string) {
    this.#tooMany = tooMany;
  }

  /** Rejects with `rate_limited` at once when too many wait, or too many of this source. Null is what was wrong. */
  compare<T>(source: string, task: () => Promise<T | null>): Promise<T | null> {
    const waiting = this.#waitingOf.get(source) ?? 0;
    if (waiting >= QUEUE_LIMIT_PER_SOURCE || this.#queue.pendingCount >= QUEUE_LIMIT) {
      const fault = new Fault('rate_limited', this.#tooMany, {
        hint: 'Try again in a moment.',
        details: { retryAfterSeconds: 1 },
      });
      return Promise.reject(fault);
    }
    this.#waitingOf.set(source, waiting + 1);
    return this.#queue
      .send(() => this.#rested(task))
      .finally(() => {
        const left = (this.#waitingOf.get(source) ?? 1) - 1;
        if (left === 0) this.#waitingOf.delete(source);
        else this.#waitingOf.set(source, left);
      });
  }

  async #rested<T>(task: () => Promise<T | null>): Promise<T | null> {
    const restMs = this.#restsUntil - performance.now();
    if (restMs > 0) await pause(restMs);
    const startedAt = performance.now();
    const found = await task();
    if (found !== null) return found;
    const endedAt = performance.now();
    this.#restsUntil = endedAt + Math.min(REST_LIMIT_MS, (endedAt - startedAt) * REST_FACTOR);
    return null;
  }
}
