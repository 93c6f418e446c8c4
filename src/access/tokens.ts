// What a user gets for a password: a signed text (JWT, HS256) that is a credential for a day. One that has been checked is
// remembered by its digest, so that it costs a look-up afterwards; whether its user is still there is asked every time. It
// must never take an algorithm from a token, nor keep or log one.
import { createHash, randomUUID } from 'node:crypto';
import { errorCode } from '../base/fault.ts';
import type { Identity } from './identity.ts';
import type { TokenSecret } from './token-secret.ts';
import type { User } from './users.ts';

export const TOKEN_LIFETIME_MS = 24 * 3600 * 1000;
const ISSUER = 'drover';
/** The longest that we make has a name of 64 characters in it. */
const LENGTH_LIMIT = 2048;
const REMEMBERED_LIMIT = 4096;
const SHAPE = /^eyJ[\w-]*\.[\w-]+\.[\w-]*$/;

export interface IssuedToken {
  readonly token: string;
  /** Epoch milliseconds, whole seconds. */
  readonly expiresAtMs: number;
}

export interface TokensOptions {
  readonly secret: Pick<TokenSecret, 'get' | 'obtain'>;
  /** The user of a name, as of now. */
  readonly find: (name: string) => User | null;
  /** Epoch milliseconds; absent: the clock. */
  readonly now?: () => number;
}

interface Remembered {
  readonly name: string;
  readonly generation: string;
  readonly expiresAtMs: number;
}

/** What is found wrong after the signature was right. */
const SIGNED_CODES = new Set(['ERR_JWT_EXPIRED', 'ERR_JWT_CLAIM_VALIDATION_FAILED']);

/** Ours: whose it is. Dead: ours, but no more. Foreign: nothing that we have made, so perhaps a key. */
export type TokenCheck = User | 'dead' | 'foreign';

/** True for what looks like a token; told without work. */
export const isTokenShaped = (text: string): boolean =>
  text.startsWith('eyJ') && text.length <= LENGTH_LIMIT && SHAPE.test(text);

const digestOf = (text: string): string => createHash('sha256').update(text).digest('latin1');

export class Tokens {
  readonly #options: TokensOptions;
  readonly #now: () => number;
  /** By digest, oldest first. */
  readonly #remembered = new Map<string, Remembered>();

  constructor(options: TokensOptions) {
    this.#options = options;
    this.#now = options.now ?? Date.now;
  }

  /** Throws `not_writable` where there can be no secret. */
  async issue(user: User): Promise<IssuedToken> {
    const issuedAt = Math.floor(this.#now() / 1000);
    const expiresAt = issuedAt + TOKEN_LIFETIME_MS / 1000;
    const secret = this.#options.secret.obtain();
    // Whoever never logs in never loads it.
    const { SignJWT } = await import('jose/jwt/sign');
    const token = await new SignJWT({ gen: user.generation })
      .setProtectedHeader({ alg: 'HS256', typ: 'JWT' })
      .setIssuer(ISSUER)
      .setSubject(user.identity.name)
      .setJti(randomUUID())
      .setIssuedAt(issuedAt)
      .setExpirationTime(expiresAt)
      .sign(secret);
    return { token, expiresAtMs: expiresAt * 1000 };
  }

  /** Whose token this is, as far as it is known without work; undefined: only `check` can tell. */
  recall(text: string): Identity | undefined {
    const known = this.#remembered.get(digestOf(text));
    if (known === undefined || known.expiresAtMs <= this.#now()) return undefined;
    return this.#userOf(known)?.identity;
  }

  async check(text: string): Promise<TokenCheck> {
    if (!isTokenShaped(text)) return 'foreign';
    const digest = digestOf(text);
    const known = this.#remembered.get(digest) ?? (await this.#verified(text));
    if (typeof known === 'string') return known;
    const user = known.expiresAtMs > this.#now() ? this.#userOf(known) : null;
    if (user === null) {
      this.#remembered.delete(digest);
      return 'dead';
    }
    this.#remember(digest, known);
    return user;
  }

  async #verified(text: string): Promise<Remembered | 'dead' | 'foreign'> {
    const secret = this.#options.secret.get();
    if (secret === null) return 'foreign';
    const { jwtVerify } = await import('jose/jwt/verify');
    try {
      const { payload } = await jwtVerify<{ gen?: unknown }>(text, secret, {
        algorithms: ['HS256'],
        typ: 'JWT',
        issuer: ISSUER,
        requiredClaims: ['sub', 'iat', 'exp', 'jti', 'gen'],
        // Refuses what was issued later than now.
        maxTokenAge: TOKEN_LIFETIME_MS / 1000,
        currentDate: new Date(this.#now()),
      });
      const { sub, gen, exp } = payload;
      if (typeof sub !== 'string' || typeof gen !== 'string' || typeof exp !== 'number') return 'dead';
      return { name: sub, generation: gen, expiresAtMs: exp * 1000 };
    } catch (thrown) {
      return SIGNED_CODES.has(errorCode(thrown) ?? '') ? 'dead' : 'foreign';
    }
  }

  #userOf({ name, generation }: Remembered): User | null {
    const user = this.#options.find(name);
    return user?.generation === generation ? user : null;
  }

  #remember(digest: string, known: Remembered): void {
    this.#remembered.set(digest, known);
    if (this.#remembered.size <= REMEMBERED_LIMIT) return;
    for (const oldest of this.#remembered.keys()) {
      this.#remembered.delete(oldest);
      return;
    }
  }
}
