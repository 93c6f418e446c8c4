// The limits of the dialects that promise some, by name: how many requests a minute, how many streams at once, for each
// caller. The settings give the numbers, as they are now. It must never limit who calls from this machine while nobody needs
// a key.
import { Fault } from '../base/fault.ts';
import { type Caller, callerOf } from './identity.ts';
import { type Allowance, Limits, WINDOW_MS } from './limits.ts';

/** A minute's limits; 0: there is none. The names are those of the settings. */
export const RATE_NAMES = [
  'llamactlRate',
  'llamactlHeavyRate',
  'llamactlLoginRate',
  'llamahomeRate',
  'llamahomeBatchRate',
] as const;
export type RateName = (typeof RATE_NAMES)[number];

export type RateSettings = Readonly<Record<RateName | 'llamahomeStreams', number>>;

export interface RatesOptions {
  /** As they are now. */
  readonly settings: () => RateSettings;
  /** Epoch milliseconds; absent: the clock. */
  readonly now?: () => number;
}

const FREE_PLACE: Disposable = { [Symbol.dispose]: () => undefined };

export class Rates {
  readonly #settings: () => RateSettings;
  readonly #now: () => number;
  readonly #limits: Limits;

  constructor({ settings, now = Date.now }: RatesOptions) {
    this.#settings = settings;
    this.#now = now;
    this.#limits = new Limits(now);
  }

  /** Counts a request of this caller; null where there is no limit. */
  take(name: RateName, caller: Caller): Allowance | null {
    return this.#ask(name, caller, (key, limit) => this.#limits.take(key, limit));
  }

  /** The same without counting. */
  peek(name: RateName, caller: Caller): Allowance | null {
    return this.#ask(name, caller, (key, limit) => this.#limits.peek(key, limit));
  }

  /** Counts a request once more, under a limit that only its route knows to apply. Throws `rate_limited`. */
  require(name: RateName, request: Request): void {
    const caller = callerOf(request);
    const allowance = caller === null ? null : this.take(name, caller);
    if (allowance !== null && !allowance.isAllowed) throw this.refusal(allowance);
  }

  /** One of the places that this caller has for streams, until it is disposed of. Throws `rate_limited`. */
  holdStream(request: Request): Disposable {
    const limit = this.#settings().llamahomeStreams;
    const caller = callerOf(request);
    if (limit === 0 || caller?.isLimited !== true) return FREE_PLACE;
    const place = this.#limits.enter(`llamahomeStreams ${caller.key}`, limit);
    if (place !== null) return place;
    throw new Fault('rate_limited', `There are ${limit} streams of yours already.`, {
      hint: 'Let one end first.',
      details: { retryAfterSeconds: 1, limit },
    });
  }

  refusal({ limit, resetAtMs }: Allowance): Fault {
    const retryAfterSeconds = Math.max(1, Math.ceil((resetAtMs - this.#now()) / 1000));
    return new Fault('rate_limited', `More than ${limit} requests in a minute.`, {
      hint: `Try again in ${retryAfterSeconds} s.`,
      details: { retryAfterSeconds, limit },
    });
  }

  #ask(name: RateName, caller: Caller, ask: (key: string, limit: number) => Allowance): Allowance | null {
    const limit = this.#settings()[name];
    if (limit === 0) return null;
    if (caller.isLimited) return ask(`${name} ${caller.key}`, limit);
    return { isAllowed: true, limit, remaining: limit, resetAtMs: this.#now() + WINDOW_MS };
  }
}
