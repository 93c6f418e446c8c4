// Which id each file has, kept over restarts: a model keeps its id whatever else is added. An id is given to another file only when
// its own is really gone, never when its disk is merely away.
import type { Log } from '../base/log.ts';
import type { Migration, Store } from '../base/store.ts';
import { idVariants, nameKey } from './names.ts';

export const IDS_MIGRATION: Migration = {
  name: 'models/ids',
  sql: 'CREATE TABLE library_id (path TEXT PRIMARY KEY, id TEXT NOT NULL UNIQUE, natural_id TEXT NOT NULL) STRICT, WITHOUT ROWID',
};

export interface IdRequest {
  readonly path: string;
  /** Other paths to the same file. */
  readonly otherPaths: readonly string[];
  /** The id that it would have if it were alone, and those that its other names would give. */
  readonly naturalId: string;
  readonly otherNaturalIds: readonly string[];
  readonly folderName: string;
  /** An id that the configuration gives to this very file: it may be its own. */
  readonly configuredId: string | null;
}

interface Held {
  readonly id: string;
  readonly naturalId: string;
}

export class IdBook {
  readonly #byPath = new Map<string, Held>();
  readonly #pathById = new Map<string, string>();
  #hasComplained = false;

  constructor(
    private readonly store: Store,
    private readonly log: Log,
  ) {
    try {
      const rows = store.database
        .query<{ path: string; id: string; naturalId: string }, []>(
          'SELECT path, id, natural_id AS naturalId FROM library_id',
        )
        .all();
      for (const { path, id, naturalId } of rows) this.#hold(path, { id, naturalId });
    } catch (thrown) {
      this.#complain(thrown);
    }
  }

  /**
   * An id for each request, in their order. `taken`: ids (as name keys) that the configuration uses. `isGone`: true for a path that is
   * surely no longer there. A file whose natural id changed (it became another model) gets a new one.
   */
  assign(
    requests: readonly IdRequest[],
    taken: ReadonlySet<string>,
    isGone: (path: string) => boolean,
  ): Map<string, string> {
    const used = new Set<string>();
    const ids = new Map<string, string>();
    const isFree = (id: string, request: IdRequest): boolean => {
      const key = nameKey(id);
      if (used.has(key)) return false;
      return !taken.has(key) || (request.configuredId !== null && nameKey(request.configuredId) === key);
    };
    for (const request of requests) {
      const held = this.#heldBy(request);
      if (held === null || !isFree(held.id, request)) continue;
      used.add(nameKey(held.id));
      ids.set(request.path, held.id);
    }
    const changes: { readonly path: string; readonly held: Held }[] = [];
    for (const request of requests) {
      if (ids.has(request.path)) continue;
      for (const id of idVariants(request.naturalId, request.folderName, request.path)) {
        const holder = this.#pathById.get(id);
        if (!isFree(id, request) || (holder !== undefined && holder !== request.path && !isGone(holder))) continue;
        used.add(nameKey(id));
        ids.set(request.path, id);
        changes.push({ path: request.path, held: { id, naturalId: request.naturalId } });
        break;
      }
    }
    if (changes.length > 0) this.#save(changes);
    return ids;
  }

  /** A further link or tag that happens to come first must not rename what it leads to. */
  #heldBy(request: IdRequest): Held | null {
    for (const path of [request.path, ...request.otherPaths]) {
      const held = this.#byPath.get(path);
      if (held === undefined) continue;
      if (held.naturalId === request.naturalId || request.otherNaturalIds.includes(held.naturalId)) return held;
    }
    return null;
  }

  #save(changes: readonly { readonly path: string; readonly held: Held }[]): void {
    for (const { held } of changes) {
      const holder = this.#pathById.get(held.id);
      if (holder !== undefined) this.#byPath.delete(holder);
    }
    for (const { path, held } of changes) this.#hold(path, held);
    try {
      const { database } = this.store;
      database
        .transaction(() => {
          const free = database.query('DELETE FROM library_id WHERE path = ? OR id = ?');
          const add = database.query('INSERT INTO library_id VALUES (?, ?, ?)');
          for (const { path, held } of changes) free.run(path, held.id);
          for (const { path, held } of changes) add.run(path, held.id, held.naturalId);
        })
        .immediate();
    } catch (thrown) {
      this.#complain(thrown);
    }
  }

  #hold(path: string, held: Held): void {
    const before = this.#byPath.get(path);
    if (before !== undefined && this.#pathById.get(before.id) === path) this.#pathById.delete(before.id);
    this.#byPath.set(path, held);
    this.#pathById.set(held.id, path);
  }

  #complain(thrown: unknown): void {
    if (this.#hasComplained) return;
    this.#hasComplained = true;
    this.log.warn('the names of models cannot be remembered', { reason: String(thrown) });
  }
}
