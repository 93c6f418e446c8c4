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
}

/** What downloads and editors write beside models. */
const NOISE =
  /\.(part|partial|incomplete|tmp|temp|lock|log|json|jsonl|md|txt|png|jpg|crdownload|download|aria2|sqlite(-wal|-shm)?)$|-partial(-\d+)?$|~$/i;

/** True for names whose change may be about models: GGUF files, folders and the extensionless names of blobs, manifests and refs. */
export const isWorthALook = (name: string): boolean => !NOISE.test(name) && !basename(name).startsWith('._');

export class FolderWatch implements Disposable {
  readonly #watchers = new Map<string, FSWatcher>();
  readonly #blind = new Set<string>();

  constructor(private readonly options: FolderWatchOptions) {}

  /** Watches exactly these; what is watched already stays so. */
  set(folders: readonly WatchedFolder[]): void {
    const wanted = new Map(folders.map((folder) => [keyOf(folder), folder]));
    for (const [key, watcher] of this.#watchers) {
      if (wanted.has(key)) continue;
      watcher.close();
      this.#watchers.delete(key);
    }
    for (const [key, folder] of wanted) if (!this.#watchers.has(key)) this.#add(key, folder);
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
      const watcher = watch(path, { recursive: folder.isThere, persistent: false }, (_, fileName) => {
        // Its own removal comes without a name: the next scan finds out.
        if (fileName === null || fileName === undefined || fileName === '') {
          this.#drop(key);
          this.options.onTouched(null);
          return;
        }
        if (awaited !== null ? fileName === awaited : isWorthALook(fileName)) {
          this.options.onTouched(join(path, fileName));
        }
      });
      watcher.on('error', (thrown) => {
        this.#drop(key);
        this.#tell(folder, thrown);
      });
      this.#watchers.set(key, watcher);
      this.#blind.delete(folder.path);
    } catch (thrown) {
      // Without its parent a missing folder simply stays missing until the next scan.
      if (folder.isThere) this.#tell(folder, thrown);
    }
  }

  #tell(folder: WatchedFolder, thrown: unknown): void {
    if (this.#blind.has(folder.path)) return;
    this.#blind.add(folder.path);
    this.options.onBlind(folder.path, thrown instanceof Error ? thrown.message : String(thrown));
  }

  [Symbol.dispose](): void {
    for (const watcher of this.#watchers.values()) watcher.close();
    this.#watchers.clear();
  }
}

const keyOf = (folder: WatchedFolder): string => `${folder.isThere ? 'in' : 'for'}\n${folder.path}`;
