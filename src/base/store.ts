// The one database of a data directory: bun:sqlite in WAL mode, with migrations that run once, in order, each in a
// transaction. It must never hold a model's bytes nor a plain secret.
import { Database } from 'bun:sqlite';
import { Fault } from './fault.ts';

export interface Migration {
  /** `room/what`, unique, never renamed once released. */
  readonly name: string;
  readonly sql: string;
}

export interface Store extends Disposable {
  readonly database: Database;
}

/**
 * Opens (or makes) the database at `path` and applies what is missing of `migrations`, in the order given.
 * `path` may be `:memory:`. Throws a Fault that names the file when it cannot be opened or is not a database.
 */
export function openStore(path: string, migrations: readonly Migration[]): Store {
  let database: Database;
  try {
    database = new Database(path, { create: true, strict: true });
    database.exec('PRAGMA journal_mode = WAL');
    database.exec('PRAGMA synchronous = NORMAL');
    database.exec('PRAGMA busy_timeout = 5000');
    database.exec('PRAGMA foreign_keys = ON');
    database.exec('CREATE TABLE IF NOT EXISTS migration (name TEXT PRIMARY KEY, applied_at INTEGER NOT NULL) STRICT');
  } catch (thrown) {
    throw new Fault('not_writable', `The store ${path} cannot be opened: ${String(thrown)}`, {
      cause: thrown,
      hint: 'Check the rights of the data directory, or move a damaged drover.sqlite away: models and settings are not in it.',
    });
  }
  const isApplied = database.query<{ name: string }, [string]>('SELECT name FROM migration WHERE name = ?');
  for (const migration of migrations) {
    database
      .transaction(() => {
        if (isApplied.get(migration.name) !== null) return;
        database.exec(migration.sql);
        database.query('INSERT INTO migration VALUES (?, ?)').run(migration.name, Date.now());
      })
      .immediate();
  }
  return { database, [Symbol.dispose]: () => database.close() };
}
