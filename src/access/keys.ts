// The keys that callers may present: stored hashed, compared in constant time, shown once when made.
// It must never keep, log or return a plain key after that.
import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';
import { Fault, toFault } from '../base/fault.ts';
import type { Migration, Store } from '../base/store.ts';

export const KEY_MIGRATIONS: readonly Migration[] = [
  {
    name: 'access/keys',
    sql: `CREATE TABLE access_key (
      name TEXT PRIMARY KEY,
      hash BLOB NOT NULL UNIQUE,
      scopes TEXT NOT NULL,
      created_at INTEGER NOT NULL
    ) STRICT`,
  },
];

/** Keys are 256 random bits, so one round of SHA-256 is enough: there is no weak secret to slow down for. */
const hashOf = (key: string): Buffer => createHash('sha256').update(key).digest();

export class KeyRing {
  readonly #store: Store;
  /** Keys that live as long as this process, such as the command line's own. */
  readonly #transient: Buffer[] = [];

  constructor(store: Store) {
    this.#store = store;
  }

  get count(): number {
    return this.#store.database.query<{ n: number }, []>('SELECT count(*) AS n FROM access_key').get()?.n ?? 0;
  }

  names(): string[] {
    return this.#store.database
      .query<{ name: string }, []>('SELECT name FROM access_key ORDER BY name')
      .all()
      .map((row) => row.name);
  }

  /** Makes a key and returns it, this once. */
  create(name: string, scopes: readonly string[]): string {
    const key = `dk-${randomBytes(32).toString('base64url')}`;
    try {
      this.#store.database
        .query('INSERT INTO access_key VALUES (?, ?, ?, ?)')
        .run(name, hashOf(key), JSON.stringify(scopes), Date.now());
    } catch (thrown) {
      if (!/UNIQUE|PRIMARY/i.test(String(thrown))) throw toFault(thrown);
      throw new Fault('conflict', `There is a key called "${name}" already.`, { cause: thrown });
    }
    return key;
  }

  /** A key that dies with this process and counts in no list; `key`: that of the process before us. */
  createTransient(key = `dl-${randomBytes(32).toString('base64url')}`): string {
    this.#transient.push(hashOf(key));
    return key;
  }

  /** True for any known key. A lookup by hash: what an attacker can time is a digest that they cannot choose. */
  accepts(presented: string): boolean {
    const hash = hashOf(presented);
    for (const known of this.#transient) if (timingSafeEqual(known, hash)) return true;
    const row = this.#store.database
      .query<{ hash: Uint8Array }, [Buffer]>('SELECT hash FROM access_key WHERE hash = ?')
      .get(hash);
    return row !== null && timingSafeEqual(row.hash, hash);
  }
}
