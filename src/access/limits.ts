// Counters behind every limit: how often in a minute, and how many at once, each under a key that the caller of this names.
// A minute begins with its first request. It must never sweep, nor grow without a bound, whoever comes.

export interface Allowance {
  readonly isAllowed: boolean;
  /** Per minute. */
  readonly limit: number;
  readonly remaining: number;
  /** Epoch milliseconds. */
  readonly resetAtMs: number;
}

export const WINDOW_MS = 60_000;
/** Some 10 MB; past it the oldest minute is forgotten. */
const CAPACITY = 65_536;
/** Two old ones go for each that comes, so that they are gone before there are many. */
const DROPPED_AT_ONCE = 2;

interface Window {
  readonly startedAt: number;
  count: number;
}

export class Limits {
  readonly #now: () => number;
  readonly #capacity: number;
  /** By key, in the order in which they began, which is that in which they end. */
  readonly #windows = new Map<string, Window>();
  readonly #holds = new Map<string, number>();

  /** `now`: epoch milliseconds. */
  constructor(now: () => number = Date.now, capacity = CAPACITY) {
    this.#now = now;
    this.#capacity = capacity;
  }

  /** How many minutes are remembered. */
  get size(): number {
    return this.#windows.size;
  }

  /** Counts one request, unless it is one too many. */
  take(key: string, limit: number): Allowance {
    const now = this.#now();
    this.#dropOld(now);
    const window = this.#live(key, now) ?? this.#begin(key, now);
    const isAllowed = window.count < limit;
    if (isAllowed) window.count += 1;
    return allowance(isAllowed, limit, window);
  }

  /** What another request would find, without counting one. */
  peek(key: string, limit: number): Allowance {
    const now = this.#now();
    const window = this.#live(key, now) ?? { startedAt: now, count: 0 };
    return allowance(window.count < limit, limit, window);
  }

  /** One of `limit` places until it is disposed of; null where all are taken. */
  enter(key: string, limit: number): Disposable | null {
    const count = this.#holds.get(key) ?? 0;
    if (count >= limit) return null;
    this.#holds.set(key, count + 1);
    let isHeld = true;
    return {
      [Symbol.dispose]: () => {
        if (!isHeld) return;
        isHeld = false;
        const left = (this.#holds.get(key) ?? 1) - 1;
        if (left === 0) this.#holds.delete(key);
        else this.#holds.set(key, left);
      },
    };
  }

  #live(key: string, now: number): Window | null {
    const window = this.#windows.get(key);
    return window !== undefined && isLive(window, now) ? window : null;
  }

  #begin(key: string, now: number): Window {
    const window = { startedAt: now, count: 0 };
    // What is set anew goes to the end only if it was not there.
    this.#windows.delete(key);
    this.#windows.set(key, window);
    if (this.#windows.size > this.#capacity) {
      for (const oldest of this.#windows.keys()) {
        this.#windows.delete(oldest);
        break;
      }
    }
    return window;
  }

  #dropOld(now: number): void {
    let dropped = 0;
    for (const [key, window] of this.#windows) {
      if (dropped === DROPPED_AT_ONCE || isLive(window, now)) return;
      this.#windows.delete(key);
      dropped += 1;
    }
  }
}

/** A clock that was set back ends it too: otherwise it might last for days. */
const isLive = ({ startedAt }: Window, now: number): boolean => now >= startedAt && now < startedAt + WINDOW_MS;

const allowance = (isAllowed: boolean, limit: number, { startedAt, count }: Window): Allowance => ({
  isAllowed,
  limit,
  remaining: Math.max(0, limit - count),
  resetAtMs: startedAt + WINDOW_MS,
});
