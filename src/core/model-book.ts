// Models that were registered by requests rather than found or configured: kept in the store, with the words of whoever
// registered them. It must never hold more than an entry of the configuration could say, nor speak louder than that file.
import { Fault } from '../base/fault.ts';
import type { Migration, Store } from '../base/store.ts';
import type { ModelEntry, Settings } from '../config/schema.ts';

export const MODEL_BOOK_MIGRATION: Migration = {
  name: 'core/model-book',
  sql: `CREATE TABLE model_book (
    name TEXT PRIMARY KEY,
    owner TEXT NOT NULL,
    entry TEXT NOT NULL,
    document TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL
  ) STRICT;
  CREATE TABLE model_choice (what TEXT PRIMARY KEY, name TEXT NOT NULL) STRICT;`,
};

export interface BookedModel {
  /** Its id everywhere. */
  readonly name: string;
  /** Who registered it, such as a dialect's id. */
  readonly owner: string;
  /** What it is to the core. */
  readonly entry: ModelEntry;
  /** What its owner wants to find again, as JSON. */
  readonly document: Readonly<Record<string, unknown>>;
  /** Epoch milliseconds, as the following. */
  readonly createdAt: number;
  readonly updatedAt: number;
}

interface Row {
  readonly name: string;
  readonly owner: string;
  readonly entry: string;
  readonly document: string;
  readonly created_at: number;
  readonly updated_at: number;
}

/** Names that stand for routes in some API. */
const RESERVED: ReadonlySet<string> = new Set([
  ...['start-all', 'stop-all', 'default', 'loaded', 'load', 'unload', 'validate', 'status'],
]);

export class ModelBook {
  readonly #store: Store;
  #all: readonly BookedModel[] | null = null;

  constructor(store: Store) {
    this.#store = store;
  }

  /** Oldest first. */
  all(): readonly BookedModel[] {
    this.#all ??= this.#store.database.query<Row, []>('SELECT * FROM model_book ORDER BY rowid').all().map(bookedOf);
    return this.#all;
  }

  get(name: string): BookedModel | null {
    return this.all().find((booked) => booked.name === name) ?? null;
  }

  /** Throws `conflict` for a name that is in the book, `bad_request` for one that would hide a route. */
  add(name: string, owner: string, entry: ModelEntry, document: BookedModel['document'] = {}): BookedModel {
    requireUnreserved(name);
    const now = Date.now();
    const { changes } = this.#store.database
      .query('INSERT INTO model_book VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING')
      .run(name, owner, JSON.stringify(entry), JSON.stringify(document), now, now);
    this.#all = null;
    if (changes === 0) throw new Fault('conflict', `There is a model called "${name}" already.`, { details: { name } });
    return { name, owner, entry, document, createdAt: now, updatedAt: now };
  }

  /** Throws `not_found`. */
  update(name: string, changes: Partial<Pick<BookedModel, 'entry' | 'document'>>): BookedModel {
    const before = this.#need(name);
    const after = { ...before, ...changes, updatedAt: Math.max(Date.now(), before.updatedAt + 1) };
    this.#store.database
      .query('UPDATE model_book SET entry = ?, document = ?, updated_at = ? WHERE name = ?')
      .run(JSON.stringify(after.entry), JSON.stringify(after.document), after.updatedAt, name);
    this.#all = null;
    return after;
  }

  /** Throws `not_found`. */
  remove(name: string): void {
    this.#need(name);
    const { database } = this.#store;
    database.transaction(() => {
      database.query('DELETE FROM model_book WHERE name = ?').run(name);
      database.query('DELETE FROM model_choice WHERE name = ?').run(name);
    })();
    this.#all = null;
  }

  /** The model that is meant where a request names none; null: nobody has chosen one. */
  get defaultModel(): string | null {
    return this.choice('default');
  }

  /** Null: none any more. */
  setDefault(name: string | null): void {
    this.choose('default', name);
  }

  /** `active`: the one that was loaded last, in an API that knows one at a time. */
  choice(what: 'default' | 'active'): string | null {
    const { database } = this.#store;
    const query = database.query<{ name: string }, [string]>('SELECT name FROM model_choice WHERE what = ?');
    return query.get(what)?.name ?? null;
  }

  choose(what: 'default' | 'active', name: string | null): void {
    const { database } = this.#store;
    if (name === null) database.query('DELETE FROM model_choice WHERE what = ?').run(what);
    else database.query('INSERT OR REPLACE INTO model_choice VALUES (?, ?)').run(what, name);
  }

  /**
   * Settings with the book's entries below those of the file: an entry of the file that says what a model is stands alone,
   * one that only says how it is run adds to the book's.
   */
  under<S extends Pick<Settings, 'models'>>(settings: S): S {
    const booked = this.all();
    if (booked.length === 0) return settings;
    const entries = booked.map(({ name, entry }) => {
      const own = Object.hasOwn(settings.models, name) ? settings.models[name] : undefined;
      return [name, own === undefined || saysWhatItIs(own) ? entry : { ...entry, ...own }] as const;
    });
    const alone = Object.entries(settings.models).filter(([, entry]) => saysWhatItIs(entry));
    return {
      ...settings,
      models: { ...settings.models, ...Object.fromEntries(entries), ...Object.fromEntries(alone) },
    };
  }

  #need(name: string): BookedModel {
    const booked = this.get(name);
    if (booked !== null) return booked;
    throw new Fault('not_found', `"${name}" was not registered by a request.`, { details: { model: name } });
  }
}

/** True where an entry says what is run, not only how. */
export const saysWhatItIs = (entry: ModelEntry): boolean =>
  [entry.file, entry.cmd, entry.engine, entry.model].some((said) => said !== undefined);

/** Throws `bad_request` for a name that would hide a route. */
export function requireUnreserved(name: string): void {
  if (!RESERVED.has(name.toLowerCase())) return;
  throw new Fault('bad_request', `"${name}" cannot be a name: it stands for something else in the API.`);
}

const bookedOf = (row: Row): BookedModel => ({
  name: row.name,
  owner: row.owner,
  entry: JSON.parse(row.entry) as ModelEntry,
  document: JSON.parse(row.document) as BookedModel['document'],
  createdAt: row.created_at,
  updatedAt: row.updated_at,
});
