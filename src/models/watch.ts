// Tells that something under a folder was touched. The system tells us; nothing here looks around by itself, and a folder that cannot
// be watched is said once and left to the next scan. Measured on Bun 1.4.5: recursive watching sees new subfolders on Linux too.
import { type FSWatcher, watch } from 'node:fs';
import { basename, dirname, join } from 'node:path';

export interface FolderWatchOptions {
  /** Told synchronously, once per event, with the path where it is known. */
  readonly onTouched: (path: string | null) => void;
  /** Told once per folder that cannot be watched (any more). */
  readonly onBlind: (folder: string, reason: string) => void;
}

export interface WatchedFolder {
  readonly path: string;
  /** False: it does not exist now; its parent is watched for its coming. */
  readonly isThere: boolean;
  /** False: what lies below its folders is not about us. */
  readonly isRecursive: boolean;
}

/** What downloads and editors write beside models. */
const NOISE =
  /\.(part|partial|incomplete|tmp|temp|lock|log|json|jsonl|md|txt|png|jpg|crdownload|download|aria2|sqlite(-wal|-shm)?)$|-partial(-\d+)?$|~$/i;

/**
 * True where an event may be about models: GGUF files, folders, and the names without extension of blobs, manifests and refs. `change`
 * is a write into a file that is there; `rename` also tells of new folders, which may have dots in their names.
 */
export function isWorthALook(event: string, name: string): boolean {
  const last = basename(name);
  if (NOISE.test(last) || last.startsWith('._')) return false;
  return event !== 'change' || /\.gguf$/i.test(last) || !last.includes('.');
}

export class FolderWatch implements Disposable {
  readonly #watchers = new Map<string, FSWatcher>();
  /** Keys of folders whose watching failed; tried again when they were away in between. */
  readonly #failed = new Set<string>();
  readonly #told = new Set<string>();

  constructor(private readonly options: FolderWatchOptions) {}

  /** Watches exactly these; what is watched already stays so. */
  set(folders: readonly WatchedFolder[]): void {
    const wanted = new Map(folders.map((folder) => [keyOf(folder), folder]));
    for (const [key, watcher] of this.#watchers) {
      if (wanted.has(key)) continue;
      watcher.close();
      this.#watchers.delete(key);
    }
    for (const key of this.#failed) if (!wanted.has(key)) this.#failed.delete(key);
    for (const [key, folder] of wanted) if (!this.#watchers.has(key) && !this.#failed.has(key)) this.#add(key, folder);
  }

  /** Forgets a folder whose watcher lost it (it was removed), so that the next `set` watches it anew. */
  #drop(key: string): void {
    this.#watchers.get(key)?.close();
    this.#watchers.delete(key);
  }

  #add(key: string, folder: WatchedFolder): void {
    const path = folder.isThere ? folder.path : dirname(folder.path);
    const awaited = folder.isThere ? null : basename(folder.path);
    try {
      const watcher = watch(
        path,
        { recursive: folder.isThere && folder.isRecursive, persistent: false },
        (event, fileName) => {
          // Its own removal or renaming comes without a name: the next scan finds out.
          if (fileName === null || fileName === undefined || fileName === '') {
            this.#drop(key);
            this.options.onTouched(null);
            return;
          }
          if (awaited !== null ? fileName === awaited : isWorthALook(event, fileName)) {
            this.options.onTouched(join(path, fileName));
          }
        },
      );
      watcher.on('error', (thrown) => {
        // One folder below that may not be watched leaves the others watched.
        const isBelow = 'path' in thrown && typeof thrown.path === 'string' && thrown.path !== path;
        this.#tell(isBelow ? String(thrown.path) : folder.path, thrown);
        if (isBelow) return;
        this.#drop(key);
        this.#failed.add(key);
        this.options.onTouched(null);
      });
      this.#watchers.set(key, watcher);
    } catch (thrown) {
      // Without its parent a missing folder simply stays missing until the next scan.
      if (!folder.isThere) return;
      this.#failed.add(key);
      this.#tell(folder.path, thrown);
    }
  }

  #tell(folder: string, thrown: unknown): void {
    if (this.#told.has(folder)) return;
    this.#told.add(folder);
    this.options.onBlind(folder, thrown instanceof Error ? thrown.message : String(thrown));
  }

  [Symbol.dispose](): void {
    for (const watcher of this.#watchers.values()) watcher.close();
    this.#watchers.clear();
  }
}

const keyOf = (folder: WatchedFolder): string =>
  `${folder.isThere ? (folder.isRecursive ? 'below' : 'in') : 'for'}\n${folder.path}`;
