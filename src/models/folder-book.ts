// The folders that somebody told us to track, kept in the store beside those that the configuration names. It must never
// look into a folder: the library does.
import { toFault } from '../base/fault.ts';
import type { Migration, Store } from '../base/store.ts';
import type { LibraryFolder } from './folders.ts';

export const FOLDER_MIGRATION: Migration = {
  name: 'models/folders',
  sql: `CREATE TABLE model_folder (
    path TEXT PRIMARY KEY,
    added_at INTEGER NOT NULL,
    scanned_at INTEGER,
    model_count INTEGER NOT NULL,
    is_recursive INTEGER NOT NULL,
    is_enabled INTEGER NOT NULL
  ) STRICT, WITHOUT ROWID`,
};

export interface TrackedFolder {
  /** Absolute. */
  readonly path: string;
  /** Epoch milliseconds. */
  readonly addedAt: number;
  /** Epoch milliseconds; null until the first scan that saw it. */
  readonly scannedAt: number | null;
  /** Models that were listed from it at the last scan. */
  readonly modelCount: number;
  readonly isRecursive: boolean;
  /** False: kept in the list, but not scanned. */
  readonly isEnabled: boolean;
}

interface Row {
  readonly path: string;
  readonly added_at: number;
  readonly scanned_at: number | null;
  readonly model_count: number;
  readonly is_recursive: number;
  readonly is_enabled: number;
}

export class FolderBook {
  constructor(
    private readonly store: Store,
    private readonly now: () => number = Date.now,
  ) {}

  /** In the order in which they were added. */
  list(): TrackedFolder[] {
    return this.store.database
      .query<Row, []>('SELECT * FROM model_folder ORDER BY added_at, path')
      .all()
      .map((row) => ({
        path: row.path,
        addedAt: row.added_at,
        scannedAt: row.scanned_at,
        modelCount: row.model_count,
        isRecursive: row.is_recursive === 1,
        isEnabled: row.is_enabled === 1,
      }));
  }

  /** What the library is to scan. */
  libraryFolders(): LibraryFolder[] {
    return this.list()
      .filter((folder) => folder.isEnabled)
      .map(({ path, isRecursive }) => ({ path, origin: 'folder', isRecursive }));
  }

  /** Tracks absolute paths; one that is tracked already takes the new `isRecursive` and is enabled again. */
  add(
    folders: readonly { readonly path: string; readonly isRecursive: boolean; readonly isEnabled?: boolean }[],
  ): void {
    const insert = this.store.database.query(
      `INSERT INTO model_folder VALUES (?1, ?2, NULL, 0, ?3, ?4)
       ON CONFLICT (path) DO UPDATE SET is_recursive = ?3, is_enabled = ?4`,
    );
    this.#change(() => {
      for (const { path, isRecursive, isEnabled = true } of folders) {
        insert.run(path, this.now(), isRecursive ? 1 : 0, isEnabled ? 1 : 0);
      }
    });
  }

  /** The paths among the given ones that were tracked, and are no longer. */
  remove(paths: readonly string[]): string[] {
    const remove = this.store.database.query('DELETE FROM model_folder WHERE path = ?');
    const removed: string[] = [];
    this.#change(() => {
      for (const path of paths) if (remove.run(path).changes > 0) removed.push(path);
    });
    return removed;
  }

  /** Notes what a scan found, by path; others stay as they are. */
  noteScan(counts: ReadonlyMap<string, number>): void {
    const update = this.store.database.query(
      'UPDATE model_folder SET scanned_at = ?2, model_count = ?3 WHERE path = ?1 AND is_enabled = 1',
    );
    this.#change(() => {
      for (const [path, count] of counts) update.run(path, this.now(), count);
    });
  }

  #change(work: () => void): void {
    try {
      this.store.database.transaction(work).immediate();
    } catch (thrown) {
      throw toFault(thrown, 'not_writable');
    }
  }
}
