// What LlamaHome promises of limits, as its routes need it: whoever counts is passed in. It must never limit who calls from
// this machine while nobody needs a key.
import { identityOf } from '../../access/identity.ts';
import { Fault } from '../../base/fault.ts';

export interface LlamaHomeLimits {
  /** Counts a request once more, under a limit that only its route knows to apply. Throws `rate_limited`. */
  require(name: 'llamahomeRate' | 'llamahomeBatchRate', request: Request): void;
  /** One of the places that this caller has for streams, until it is disposed of. Throws `rate_limited`. */
  holdStream(request: Request): Disposable;
}

const FREE_PLACE: Disposable = { [Symbol.dispose]: () => undefined };

/** Counts streams only. */
export class StreamLimits implements LlamaHomeLimits {
  readonly #counts = new Map<string, number>();

  constructor(private readonly limit: () => number) {}

  require(): void {
    // How often in a minute is counted elsewhere.
  }

  holdStream(request: Request): Disposable {
    const limit = this.limit();
    const identity = identityOf(request);
    if (limit === 0 || identity === null || identity.kind === 'local') return FREE_PLACE;
    const count = this.#counts.get(identity.name) ?? 0;
    if (count >= limit) {
      throw new Fault('rate_limited', `There are ${limit} streams of yours already.`, {
        hint: 'Let one end first.',
        details: { retryAfterSeconds: 1, limit },
      });
    }
    this.#counts.set(identity.name, count + 1);
    let isHeld = true;
    return {
      [Symbol.dispose]: () => {
        if (!isHeld) return;
        isHeld = false;
        this.#counts.set(identity.name, (this.#counts.get(identity.name) ?? 1) - 1);
      },
    };
  }
}
