// The people who may log in: a name, a slow hash of a password, scopes, and a mark that is drawn anew with every password,
// so that tokens die with what they were given for. All rows are held in memory, and read again when another process has
// changed the store. It must never keep, log or return a password, nor tell by an answer or its time which names there are.
import { randomBytes } from 'node:crypto';
import { Fault, toFault } from '../base/fault.ts';
import type { Migration, Store } from '../base/store.ts';
import { requireName, requireSecret } from './choices.ts';
import type { Identity } from './identity.ts';
import { type Scope, storedScopes } from './scopes.ts';
import { type Compare, compareSlowly, SlowQueue, slowHashOf } from './slow-hash.ts';
import { StoreWatch } from './store-watch.ts';

export const USER_MIGRATION: Migration = {
  name: 'access/users',
  sql: `CREATE TABLE access_user (
    name TEXT PRIMARY KEY,
    password_hash TEXT NOT NULL,
    scopes TEXT NOT NULL,
    generation TEXT NOT NULL,
    created_at INTEGER NOT NULL
  ) STRICT`,
};

export interface UserEntry {
  readonly name: string;
  readonly scopes: readonly Scope[];
  /** Epoch milliseconds. */
  readonly createdAt: number;
}

/** As tokens need it. */
export interface User {
  readonly identity: Identity;
  /** Another one after every change of the password, and for another user of the same name. */
  readonly generation: string;
}

interface Row {
  readonly name: string;
  readonly password_hash: string;
  readonly scopes: string;
  readonly generation: string;
  readonly created_at: number;
}

interface Known extends User {
  readonly passwordHash: string;
}

/** Compared where there is no such user, so that this takes its time too. Of random bytes that nobody has kept. */
export const DECOY_HASH =
  '$argon2id$v=19$m=19456,t=2,p=1$qjqW6LlILz0LWGA8u97PmxOdDpD742wD/o/jGLndxks$rgkTB2tpAq/pUiQv4HDkK1uNAS+KG4pqVteLtl6JpPI';

const newGeneration = (): string => randomBytes(16).toString('base64url');

export class UserBook {
  readonly #store: Store;
  readonly #isMatch: Compare;
  readonly #watch: StoreWatch;
  readonly #queue = new SlowQueue('Too many logins at once.');
  #users: ReadonlyMap<string, Known> = new Map();

  constructor(store: Store, isMatch: Compare = compareSlowly) {
    this.#store = store;
    this.#isMatch = isMatch;
    this.#watch = new StoreWatch(store, () => this.#load());
    this.#watch.refresh();
  }

  /** At most 100 ms old where another process changes it. */
  get count(): number {
    this.#watch.refresh();
    return this.#users.size;
  }

  list(): readonly UserEntry[] {
    return this.#rows().map((row) => ({
      name: row.name,
      scopes: storedScopes(row.scopes),
      createdAt: row.created_at,
    }));
  }

  /** Null where there is none of that name; at most 100 ms old. */
  find(name: string): User | null {
    this.#watch.refresh();
    return this.#users.get(name) ?? null;
  }

  /** Throws `bad_request` for what can be no name or password, `conflict` for a name that is taken. */
  async create(given: string, password: string, scopes: readonly Scope[] = ['admin']): Promise<void> {
    const name = given.normalize('NFC');
    requireName('user', name);
    requireSecret('password', password);
    if (this.#rows().some((row) => row.name === name)) throw nameTaken(name);
    const hash = await slowHashOf(password.normalize('NFC'));
    try {
      this.#store.database
        .query('INSERT INTO access_user (name, password_hash, scopes, generation, created_at) VALUES (?, ?, ?, ?, ?)')
        .run(name, hash, JSON.stringify(scopes), newGeneration(), Date.now());
    } catch (thrown) {
      if (!/UNIQUE|PRIMARY/i.test(String(thrown))) throw toFault(thrown);
      throw nameTaken(name, thrown);
    }
    this.#load();
  }

  /** Ends the user's tokens. Throws `not_found`, and `bad_request` for what can be no password. */
  async setPassword(given: string, password: string): Promise<void> {
    const name = given.normalize('NFC');
    requireSecret('password', password);
    if (!this.#rows().some((row) => row.name === name)) throw noSuchUser(name);
    const hash = await slowHashOf(password.normalize('NFC'));
    const { changes } = this.#store.database
      .query('UPDATE access_user SET password_hash = ?, generation = ? WHERE name = ?')
      .run(hash, newGeneration(), name);
    if (changes === 0) throw noSuchUser(name);
    this.#load();
  }

  /** Ends the user's tokens. Throws `not_found`. */
  remove(given: string): void {
    const name = given.normalize('NFC');
    const { changes } = this.#store.database.query('DELETE FROM access_user WHERE name = ?').run(name);
    if (changes === 0) throw noSuchUser(name);
    this.#load();
  }

  /**
   * The user of this name and password; null: there is none such, and nobody learns which of both was wrong. Logins are
   * looked into one at a time; rejects with `rate_limited` when too many wait. `source` tells who asks.
   */
  verify(given: string, password: string, source: string): Promise<User | null> {
    const name = given.normalize('NFC');
    return this.#queue.compare(source, async () => {
      // Whoever was made a moment ago may log in.
      this.#watch.look();
      const user = this.#users.get(name) ?? null;
      const isMatch = await this.#isMatch(password.normalize('NFC'), user?.passwordHash ?? DECOY_HASH);
      if (!isMatch || user === null) return null;
      this.#watch.look();
      // It may have been removed, or have got another password, meanwhile.
      const now = this.#users.get(name);
      return now?.generation === user.generation ? now : null;
    });
  }

  #load(): void {
    this.#users = new Map(
      this.#rows().map((row) => [
        row.name,
        {
          identity: { name: row.name, kind: 'user', scopes: storedScopes(row.scopes) },
          generation: row.generation,
          passwordHash: row.password_hash,
        },
      ]),
    );
  }

  #rows(): Row[] {
    return this.#store.database.query<Row, []>('SELECT * FROM access_user ORDER BY name').all();
  }
}

const nameTaken = (name: string, cause?: unknown): Fault =>
  new Fault('conflict', `There is a user called "${name}" already.`, {
    cause,
    hint: `"drover users passwd ${name}" gives a new password, "drover users rm ${name}" removes the user.`,
  });

const noSuchUser = (name: string): Fault =>
  new Fault('not_found', `There is no user called "${name}".`, { hint: '"drover users ls" shows them.' });
