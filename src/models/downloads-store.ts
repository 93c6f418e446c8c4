// Download jobs in the store: one row each, written as a whole. It must never be given a token; a row that makes no sense is
// left out with a line in the log, and stops nothing.
import type { Log } from '../base/log.ts';
import type { Migration, Store } from '../base/store.ts';
import type { JobRecord } from './downloads-record.ts';

/** Raised when a record's shape changes; older rows are then not understood. */
const FORMAT = 1;

export const DOWNLOADS_MIGRATION: Migration = {
  name: 'models/downloads',
  sql: `
    CREATE TABLE download_job (
      id TEXT PRIMARY KEY, format INTEGER NOT NULL, position INTEGER NOT NULL, record TEXT NOT NULL
    ) STRICT, WITHOUT ROWID;
  `,
};

export class DownloadsStore {
  #hasComplained = false;

  constructor(
    private readonly store: Store,
    private readonly log: Log,
  ) {}

  /** In order of the queue. */
  load(): JobRecord[] {
    const rows = this.store.database
      .query<{ id: string; record: string }, [number]>(
        'SELECT id, record FROM download_job WHERE format = ? ORDER BY position',
      )
      .all(FORMAT);
    return rows.flatMap((row) => {
      const record = parseRecord(row.record);
      if (record?.id === row.id) return [record];
      this.log.warn('a download in the store makes no sense and is left out', { id: row.id });
      return [];
    });
  }

  /** Throws nothing: a store that cannot be written costs what a restart would remember, not the download. */
  save(job: JobRecord): void {
    this.#write(() => {
      this.store.database
        .query('INSERT OR REPLACE INTO download_job VALUES (?, ?, ?, ?)')
        .run(job.id, FORMAT, job.position, JSON.stringify(job));
    });
  }

  remove(id: string): void {
    this.#write(() => {
      this.store.database.query('DELETE FROM download_job WHERE id = ?').run(id);
    });
  }

  #write(work: () => void): void {
    try {
      work();
      this.#hasComplained = false;
    } catch (thrown) {
      if (this.#hasComplained) return;
      this.#hasComplained = true;
      this.log.warn('downloads cannot be remembered; after a restart they would begin anew', {
        reason: String(thrown),
      });
    }
  }
}

/** A row of ours, as far as what would break us goes; null for anything else. */
function parseRecord(text: string): JobRecord | null {
  try {
    const record = JSON.parse(text) as JobRecord;
    const isSound =
      /^dl_[a-z2-7]{16}$/.test(record.id) &&
      Number.isFinite(record.position) &&
      Array.isArray(record.createdFolders) &&
      Array.isArray(record.files) &&
      record.files.length > 0 &&
      record.files.every(
        (file) =>
          URL.canParse(file.url) &&
          typeof file.path === 'string' &&
          typeof file.target.root === 'string' &&
          typeof file.asked === 'object' &&
          Array.isArray(file.target.segments) &&
          file.target.segments.length > 0,
      );
    return isSound ? record : null;
  } catch {
    return null;
  }
}
