// Logging in and staying so: a password for a token, a token for a later one. How often somebody may try is not decided
// here. It must never say whether a name or a password was wrong, nor take a key for a token.
import { Fault } from '../base/fault.ts';
import { type IssuedToken, isTokenShaped, type Tokens } from './tokens.ts';
import type { UserBook } from './users.ts';

export class Logins {
  readonly #users: Pick<UserBook, 'verify'>;
  readonly #tokens: Tokens;

  constructor(users: Pick<UserBook, 'verify'>, tokens: Tokens) {
    this.#users = users;
    this.#tokens = tokens;
  }

  /** Throws `unauthorized`, and `rate_limited` when too many wait. `source` tells who asks. */
  async login(name: string, password: string, source: string): Promise<IssuedToken> {
    const user = await this.#users.verify(name, password, source);
    if (user !== null) return this.#tokens.issue(user);
    throw new Fault('unauthorized', 'The user name or the password is wrong.', {
      hint: 'Users are made with "drover users add NAME".',
    });
  }

  /** A new token for one that still counts, whichever of these it is. Throws `unauthorized`. */
  async refresh(presented: readonly string[]): Promise<IssuedToken> {
    for (const text of presented) {
      const found = await this.#tokens.check(text);
      if (typeof found !== 'string') return this.#tokens.issue(found);
    }
    throw new Fault('unauthorized', refusalOf(presented), {
      hint: 'POST /api/auth/login with "username" and "password" gives a token.',
    });
  }
}

function refusalOf(presented: readonly string[]): string {
  if (presented.length === 0) return 'A token is needed.';
  if (presented.some(isTokenShaped)) return 'The token is not valid, or not any more.';
  return 'A key is no token: it needs no refresh, and cannot have one.';
}
