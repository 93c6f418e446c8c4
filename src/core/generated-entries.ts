// Which entries of the configuration are still as we wrote them: those may be written anew, all others are somebody's
// own. It must never call an entry ours that it does not know.
import { createHash } from 'node:crypto';
import type { Migration, Store } from '../base/store.ts';
import type { ModelEntry } from '../config/schema.ts';

export const GENERATED_MIGRATION: Migration = {
  name: 'core/generated-entry',
  sql: 'CREATE TABLE generated_entry (id TEXT PRIMARY KEY, digest TEXT NOT NULL) STRICT, WITHOUT ROWID',
};

export class GeneratedEntries {
  constructor(private readonly store: Store) {}

  /** True where the entry is the very one that was written under this id. */
  isOurs(id: string, entry: ModelEntry): boolean {
    const row = this.store.database
      .query<{ digest: string }, [string]>('SELECT digest FROM generated_entry WHERE id = ?')
      .get(id);
    return row !== null && row.digest === digestOf(entry);
  }

  /** Remembers what was written, and forgets what was taken out. */
  note(written: ReadonlyMap<string, ModelEntry>, removed: readonly string[]): void {
    const { database } = this.store;
    const put = database.query('INSERT OR REPLACE INTO generated_entry VALUES (?, ?)');
    const drop = database.query('DELETE FROM generated_entry WHERE id = ?');
    database
      .transaction(() => {
        for (const id of removed) drop.run(id);
        for (const [id, entry] of written) put.run(id, digestOf(entry));
      })
      .immediate();
  }
}

/** Of what an entry says, whatever the order of its fields. */
function digestOf(entry: ModelEntry): string {
  const sorted = (value: unknown): unknown => {
    if (Array.isArray(value)) return value.map(sorted);
    if (typeof value !== 'object' || value === null) return value;
    return Object.fromEntries(
      Object.entries(value)
        .map(([name, inner]): [string, unknown] => [name, sorted(inner)])
        .sort(([left], [right]) => (left < right ? -1 : 1)),
    );
  };
  return createHash('sha256')
    .update(JSON.stringify(sorted(entry)))
    .digest('base64url');
}
