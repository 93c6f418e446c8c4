// The keys that callers may present: made by us (random, one fast hash) or chosen by a person (slow hash), each with its
// scopes. All hashes are held in memory, and read again when another process has changed the store. It must never keep,
// log or return a plain key but the one that it has just made.
import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';
import { Fault, toFault } from '../base/fault.ts';
import type { Migration, Store } from '../base/store.ts';
import { requireName, requireSecret, SECRET_LENGTH_LIMIT } from './choices.ts';
import { type ChosenKey, ChosenKeys } from './chosen-keys.ts';
import type { Identity } from './identity.ts';
import { grants, type Scope, storedScopes } from './scopes.ts';
import { slowHashOf } from './slow-hash.ts';
import { StoreWatch } from './store-watch.ts';

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
  {
    name: 'access/chosen-keys',
    sql: `CREATE TABLE access_key_next (
      name TEXT PRIMARY KEY,
      hash BLOB UNIQUE,
      slow_hash TEXT UNIQUE,
      scopes TEXT NOT NULL,
      created_at INTEGER NOT NULL,
      CHECK ((hash IS NULL) <> (slow_hash IS NULL))
    ) STRICT;
    INSERT INTO access_key_next SELECT name, hash, NULL, scopes, created_at FROM access_key;
    DROP TABLE access_key;
    ALTER TABLE access_key_next RENAME TO access_key;`,
  },
];

export interface KeyEntry {
  readonly name: string;
  readonly scopes: readonly Scope[];
  /** Epoch milliseconds. */
  readonly createdAt: number;
  /** A person's own choice, not ours. */
  readonly isChosen: boolean;
}

interface Row {
  readonly name: string;
  readonly hash: Uint8Array | null;
  readonly slow_hash: string | null;
  readonly scopes: string;
  readonly created_at: number;
}

interface RandomKey {
  readonly hash: Buffer;
  readonly identity: Identity;
}

/** Each costs a slow hash for every unknown text. */
const CHOSEN_LIMIT = 8;

/** What we make ourselves: 256 random bits, so one round of SHA-256 is enough. */
const RANDOM_SHAPE = /^d[kl]-[\w-]{43}$/;
const randomKey = (prefix: 'dk' | 'dl'): string => `${prefix}-${randomBytes(32).toString('base64url')}`;
const hashOf = (key: string): Buffer => createHash('sha256').update(key).digest();
const digestOf = (hash: Buffer): string => hash.toString('latin1');

export class KeyRing {
  readonly #store: Store;
  /** By digest. An attacker cannot choose a digest, so a look-up by it tells nothing by its time. */
  #random: ReadonlyMap<string, RandomKey> = new Map();
  /** Keys that live as long as this process, such as the command line's own. */
  readonly #transient = new Map<string, RandomKey>();
  readonly #chosen = new ChosenKeys();
  #count = 0;
  readonly #watch: StoreWatch;

  constructor(store: Store) {
    this.#store = store;
    this.#watch = new StoreWatch(store, () => this.#load());
    this.#watch.refresh();
  }

  /** How many keys the store holds; at most 100 ms old where another process changes it. */
  get count(): number {
    this.#watch.refresh();
    return this.#count;
  }

  list(): readonly KeyEntry[] {
    return this.#rows().map((row) => ({
      name: row.name,
      scopes: storedScopes(row.scopes),
      createdAt: row.created_at,
      isChosen: row.slow_hash !== null,
    }));
  }

  has(name: string): boolean {
    return this.#rows().some((row) => row.name === name);
  }

  /** Makes a key and returns it, this once. Throws `conflict` for a name that is taken. */
  create(name: string, scopes: readonly Scope[]): string {
    requireName('key', name);
    const key = randomKey('dk');
    try {
      this.#store.database
        .query('INSERT INTO access_key (name, hash, scopes, created_at) VALUES (?, ?, ?, ?)')
        .run(name, hashOf(key), JSON.stringify(scopes), Date.now());
    } catch (thrown) {
      if (!/UNIQUE|PRIMARY/i.test(String(thrown))) throw toFault(thrown);
      throw nameTaken(name, thrown);
    }
    this.#load();
    return key;
  }

  /**
   * Stores a key that a person chose, in place of the one that was chosen under this name before; an admin's unless scopes
   * are named. Throws `bad_request` for what can be no key, `conflict` for the name of a key of ours, or when there are
   * too many.
   */
  async adopt(name: string, key: string, scopes: readonly Scope[] = ['admin']): Promise<void> {
    requireName('key', name);
    requireSecret('key', key);
    const chosen = key.normalize('NFC');
    const digest = digestOf(hashOf(chosen));
    if (RANDOM_SHAPE.test(chosen)) {
      // One of ours, given back to us: it is stored already.
      const known = this.#random.get(digest)?.identity ?? null;
      if (known !== null && scopes.every((scope) => grants(known.scopes, scope))) return;
      throw new Fault('bad_request', 'A key of this shape is only made by "drover keys add".');
    }
    const slowHash = await slowHashOf(chosen);
    const { database } = this.#store;
    database
      .transaction(() => {
        const before = this.#rows();
        if (before.some((row) => row.name === name && row.slow_hash === null)) throw nameTaken(name);
        if (before.filter((row) => row.slow_hash !== null && row.name !== name).length >= CHOSEN_LIMIT) {
          throw new Fault('conflict', `There are ${CHOSEN_LIMIT} keys of people's choice already.`, {
            hint: 'Remove one with "drover keys rm NAME", or let "drover keys add NAME" make a key.',
          });
        }
        database
          .query('INSERT OR REPLACE INTO access_key (name, slow_hash, scopes, created_at) VALUES (?, ?, ?, ?)')
          .run(name, slowHash, JSON.stringify(scopes), Date.now());
      })
      .immediate();
    this.#chosen.remember(digest, slowHash);
    this.#load();
  }

  /** Throws `not_found`. */
  remove(name: string): void {
    const { changes } = this.#store.database.query('DELETE FROM access_key WHERE name = ?').run(name);
    if (changes === 0) {
      throw new Fault('not_found', `There is no key called "${name}".`, { hint: '"drover keys ls" shows them.' });
    }
    this.#load();
  }

  /** An admin's key that dies with this process and counts in no list; `key`: that of the process before us. */
  createTransient(key = randomKey('dl')): string {
    const hash = hashOf(key);
    const identity: Identity = { name: 'command line', kind: 'transient', scopes: ['admin'] };
    this.#transient.set(digestOf(hash), { hash, identity });
    return key;
  }

  /**
   * Whose key is among these. A promise only where an unknown text has to be compared with chosen keys; it rejects with
   * `rate_limited` when too many wait for that. `source` tells who asks, so that nobody takes all places.
   */
  identify(presented: readonly string[], source: () => string = () => ''): Identity | null | Promise<Identity | null> {
    this.#watch.refresh();
    const unknown: [key: string, digest: string][] = [];
    for (const text of presented) {
      if (text === '' || text.length > SECRET_LENGTH_LIMIT || hasControl(text)) continue;
      const key = isAscii(text) ? text : text.normalize('NFC');
      const hash = hashOf(key);
      const digest = digestOf(hash);
      const known = this.#random.get(digest) ?? this.#transient.get(digest);
      if (known !== undefined && timingSafeEqual(known.hash, hash)) return known.identity;
      if (RANDOM_SHAPE.test(key)) continue;
      const chosen = this.#chosen.recall(digest);
      if (chosen === undefined) unknown.push([key, digest]);
      else if (chosen !== null) return chosen;
    }
    return unknown.length === 0 ? null : this.#compare(unknown, source());
  }

  async #compare(unknown: readonly (readonly [string, string])[], source: string): Promise<Identity | null> {
    for (const [key, digest] of unknown) {
      const identity = await this.#chosen.verify(key, digest, source);
      if (identity !== null) return identity;
    }
    return null;
  }

  #load(): void {
    const rows = this.#rows();
    const random = new Map<string, RandomKey>();
    const chosen: ChosenKey[] = [];
    for (const row of rows) {
      const identity: Identity = { name: row.name, kind: 'key', scopes: storedScopes(row.scopes) };
      if (row.slow_hash !== null) chosen.push({ identity, slowHash: row.slow_hash });
      else if (row.hash !== null) {
        const hash = Buffer.from(row.hash);
        random.set(digestOf(hash), { hash, identity });
      }
    }
    this.#random = random;
    this.#chosen.update(chosen);
    this.#count = rows.length;
  }

  #rows(): Row[] {
    return this.#store.database.query<Row, []>('SELECT * FROM access_key ORDER BY name').all();
  }
}

const nameTaken = (name: string, cause?: unknown): Fault =>
  new Fault('conflict', `There is a key called "${name}" already.`, {
    cause,
    hint: `Take another name, or remove it first: drover keys rm ${name}`,
  });

// C1 is not among them: in a header it may be a byte of UTF-8.
const hasControl = (text: string): boolean => {
  for (let index = 0; index < text.length; index += 1) {
    const code = text.charCodeAt(index);
    if (code < 0x20 || code === 0x7f) return true;
  }
  return false;
};
const isAscii = (text: string): boolean => {
  for (let index = 0; index < text.length; index += 1) if (text.charCodeAt(index) > 0x7f) return false;
  return true;
};
