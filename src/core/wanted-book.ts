// Which models somebody has started by name, so that they are started again with us. It must never start one.
import type { Migration, Store } from '../base/store.ts';

export const WANTED_MIGRATION: Migration = {
  name: 'core/wanted-models',
  sql: 'CREATE TABLE wanted_model (name TEXT PRIMARY KEY) STRICT',
};

export class WantedBook {
  readonly #store: Store;

  constructor(store: Store) {
    this.#store = store;
  }

  /** In the order in which they were asked for. */
  all(): readonly string[] {
    const query = this.#store.database.query<{ name: string }, []>('SELECT name FROM wanted_model ORDER BY rowid');
    return query.all().map(({ name }) => name);
  }

  has(name: string): boolean {
    return this.#store.database.query('SELECT 1 FROM wanted_model WHERE name = ?').get(name) !== null;
  }

  set(name: string, isWanted: boolean): void {
    const sql = isWanted
      ? 'INSERT INTO wanted_model VALUES (?) ON CONFLICT DO NOTHING'
      : 'DELETE FROM wanted_model WHERE name = ?';
    this.#store.database.query(sql).run(name);
  }
}
