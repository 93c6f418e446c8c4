// How soon a model that failed may be tried again: 1 s, 2 s, 4 s …, and after too many failures in a window not before
// a pause. Pure: the clock comes in. It must never count what was not the engine's failure.
import { Fault } from '../base/fault.ts';

export interface BreakerOptions {
  readonly firstMs: number;
  readonly longestMs: number;
  /** This many failures … */
  readonly limit: number;
  /** … within this time open it … */
  readonly windowMs: number;
  /** … for so long. */
  readonly openMs: number;
}

export const BREAKER: BreakerOptions = {
  firstMs: 1000,
  longestMs: 30_000,
  limit: 5,
  windowMs: 300_000,
  openMs: 120_000,
};

export class Breaker {
  readonly #options: BreakerOptions;
  #failedAt: number[] = [];
  #retryAt = 0;
  #isOpen = false;
  #last: Fault | null = null;

  constructor(options: BreakerOptions = BREAKER) {
    this.#options = options;
  }

  /** The last failure; null after a reset. */
  get last(): Fault | null {
    return this.#last;
  }

  /** Epoch milliseconds before which it is not tried again. */
  get retryAt(): number {
    return this.#retryAt;
  }

  fail(fault: Fault, now: number): void {
    const { firstMs, longestMs, limit, windowMs, openMs } = this.#options;
    this.#last = fault;
    if (fault.kind !== 'bad_gateway' && fault.kind !== 'internal') return;
    this.#failedAt = [...this.#failedAt.filter((at) => at > now - windowMs), now].slice(-limit);
    const count = this.#failedAt.length;
    this.#isOpen = count >= limit;
    this.#retryAt = now + (this.#isOpen ? openMs : Math.min(longestMs, firstMs * 2 ** (count - 1)));
  }

  /** It works again: nothing is wrong with it now, but the count stays. */
  forgive(): void {
    this.#last = null;
  }

  /** Somebody who knows asks for it: a clean slate. */
  reset(): void {
    this.#failedAt = [];
    this.#retryAt = 0;
    this.#isOpen = false;
    this.#last = null;
  }

  /** The Fault to answer at once while it is open; null: try, but not before `retryAt`. */
  refusal(modelId: string, now: number): Fault | null {
    if (!this.#isOpen || now >= this.#retryAt) return null;
    const seconds = Math.ceil((this.#retryAt - now) / 1000);
    return new Fault(
      'bad_gateway',
      `${modelId} failed ${this.#failedAt.length} times in a row and is tried again in ${seconds} s: ${this.#last?.message ?? ''}`,
      {
        cause: this.#last,
        hint: `Mend what its log complains about, then: drover load ${modelId}`,
        details: { ...this.#last?.details, retryAfterSeconds: seconds, retryAt: this.#retryAt },
      },
    );
  }
}
