// Who calls, by key or by token: the one place where both are asked. Keys go straight to their ring; only what looks like a
// token is looked at as one. It must never ask the slow hashes about a token of ours, live or dead.
import type { Identity } from './identity.ts';
import type { KeyRing } from './keys.ts';
import { isTokenShaped, type Tokens } from './tokens.ts';

export class Callers {
  readonly #keys: Pick<KeyRing, 'identify'>;
  readonly #tokens: Pick<Tokens, 'recall' | 'check'>;

  constructor(keys: Pick<KeyRing, 'identify'>, tokens: Pick<Tokens, 'recall' | 'check'>) {
    this.#keys = keys;
    this.#tokens = tokens;
  }

  /** Whose key or token is among these. A promise only where that takes work; `source` tells who asks. */
  identify(presented: readonly string[], source: () => string): Identity | null | Promise<Identity | null> {
    if (!presented.some(isTokenShaped)) return this.#keys.identify(presented, source);
    for (const text of presented) {
      const known = isTokenShaped(text) ? this.#tokens.recall(text) : undefined;
      if (known !== undefined) return known;
    }
    return this.#check(presented, source);
  }

  async #check(presented: readonly string[], source: () => string): Promise<Identity | null> {
    const others: string[] = [];
    for (const text of presented) {
      const found = await this.#tokens.check(text);
      if (typeof found !== 'string') return found.identity;
      if (found === 'foreign') others.push(text);
    }
    return this.#keys.identify(others, source);
  }
}
