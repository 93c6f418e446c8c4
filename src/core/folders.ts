// The folders that are tracked, as requests may list, add, take out and look into them. A folder is never made, moved or
// emptied here.
import { stat } from 'node:fs/promises';
import { isAbsolute, resolve, win32 } from 'node:path';
import type { Bus } from '../base/bus.ts';
import { errorCode, Fault } from '../base/fault.ts';
import { expandHome } from '../base/file.ts';
import type { FolderBook, TrackedFolder } from '../models/folder-book.ts';
import type { LibraryFolder } from '../models/folders.ts';
import type { Library, LibraryModel } from '../models/library.ts';
import { type DestinationRoom, type DownloadDestination, type ReadFreeBytes, roomsOf } from './destinations.ts';
import type { Drover } from './drover.ts';
import type { EntryWishes } from './model-entries.ts';
import type { FolderFinding, Regenerated, Regeneration } from './regeneration.ts';
import type { SetupProgress, SetupState } from './setup-progress.ts';
import type { DroverEvent } from './vocabulary.ts';

/** A folder that counts, and whether it is the configuration that names it. */
export interface FolderView extends TrackedFolder {
  readonly isFromSettings: boolean;
}

export interface FolderOverview {
  readonly folders: readonly FolderView[];
  /** Where downloads go unless they are told otherwise, absolute. */
  readonly downloadFolder: string;
}

export interface FolderScan {
  readonly folders: readonly FolderFinding[];
  readonly models: readonly LibraryModel[];
}

export interface AddedFolders {
  readonly added: readonly string[];
  /** Why the others were not, in sentences. */
  readonly errors: readonly string[];
}

export interface FoldersOptions {
  readonly book: FolderBook;
  readonly library: Pick<Library, 'survey' | 'summary'>;
  readonly drover: Pick<Drover, 'reload'>;
  readonly bus: Bus<DroverEvent>;
  readonly regeneration: Regeneration;
  readonly progress: SetupProgress;
  /** `modelsFolders` of the settings, absolute. */
  readonly settingsFolders: () => readonly string[];
  /** Where downloads go unless told otherwise, absolute. */
  readonly downloadFolder: () => string;
  readonly freeBytes: ReadFreeBytes;
  readonly startedAt: number;
}

export class Folders {
  readonly #options: FoldersOptions;

  constructor(options: FoldersOptions) {
    this.#options = options;
  }

  get setup(): SetupState {
    return this.#options.progress.state;
  }

  list(): readonly FolderView[] {
    const { book, startedAt } = this.#options;
    const tracked = book.list().map((folder) => ({ ...folder, isFromSettings: false }));
    const known = new Set(tracked.map((folder) => folder.path));
    const named = this.#options
      .settingsFolders()
      .filter((path) => !known.has(path))
      .map((path): FolderView => {
        const found = this.#found(path);
        return { path, addedAt: startedAt, ...found, isRecursive: true, isEnabled: true, isFromSettings: true };
      });
    return [...named, ...tracked];
  }

  overview(): FolderOverview {
    return { folders: this.list(), downloadFolder: this.#options.downloadFolder() };
  }

  /** Tracks folders that are there. Throws `bad_request` where none of them can be tracked. */
  async add(paths: readonly string[], isRecursive: boolean): Promise<AddedFolders> {
    const { folders, errors } = await checkedFolders(paths);
    if (folders.length === 0) {
      throw new Fault('bad_request', 'No valid folders found', { details: { field: 'folderPaths', reasons: errors } });
    }
    this.#options.book.add(folders.map((path) => ({ path, isRecursive })));
    await this.#takeUp();
    return { added: folders, errors };
  }

  async remove(paths: readonly string[]): Promise<{ readonly removed: readonly string[]; readonly leftCount: number }> {
    const removed = this.#options.book.remove(paths.map(normal));
    if (removed.length > 0) await this.#takeUp();
    return { removed, leftCount: this.list().length };
  }

  /** Takes out one; throws `not_found` where it is not tracked. */
  async drop(path: string): Promise<void> {
    const { removed } = await this.remove([path]);
    if (removed.length > 0) return;
    throw new Fault('not_found', `${path.slice(0, 200)} is not tracked.`, {
      hint: 'A folder that the configuration names is taken out there.',
      details: { field: 'path' },
    });
  }

  /** Looks into folders; `isTracked` adds them to the list as well. Folders that are not there say so in their finding. */
  async scan(paths: readonly string[], isRecursive: boolean, isTracked: boolean): Promise<FolderScan> {
    const { folders, failures } = await checkedFolders(paths);
    const { models, folders: summaries } = await this.#options.library.survey(
      folders.map((path) => ({ path, origin: 'folder', isRecursive })),
    );
    if (isTracked && folders.length > 0) {
      this.#options.book.add(folders.map((path) => ({ path, isRecursive })));
      this.#options.book.noteScan(new Map(summaries.map(({ path, modelCount }) => [path, modelCount])));
      await this.#takeUp();
    }
    const found = new Map(summaries.map((summary) => [summary.path, summary]));
    return {
      models: models.filter((model) => model.fault === null),
      folders: paths.map((path): FolderFinding => {
        const summary = found.get(normal(path));
        const failure = failures.get(path) ?? summary?.error ?? null;
        return { path, modelCount: summary?.modelCount ?? 0, failure };
      }),
    };
  }

  /** Of one folder, or (null) of all tracked ones. */
  make(path: string | null, wishes: EntryWishes): Promise<Regenerated> {
    return path === null ? this.regenerate(wishes) : this.generate(path, wishes);
  }

  /** Makes entries for the models of all tracked folders. Throws `bad_request` where none is tracked. */
  regenerate(wishes: EntryWishes): Promise<Regenerated> {
    const folders = this.list().filter((folder) => folder.isEnabled);
    if (folders.length === 0) {
      const message = 'No folders in database. Add folders first using /api/config/folders';
      return Promise.reject(new Fault('bad_request', message));
    }
    return this.#options.regeneration.run(folders.map(asLibraryFolder), wishes, true);
  }

  /** The same for one folder, which is tracked from then on. */
  async generate(path: string, wishes: EntryWishes): Promise<Regenerated> {
    const { folders, errors } = await checkedFolders([path]);
    const [folder] = folders;
    if (folder === undefined) {
      throw new Fault('bad_request', errors[0] ?? 'No such folder.', { details: { field: 'folderPath' } });
    }
    this.#options.book.add([{ path: folder, isRecursive: true }]);
    await this.#takeUp();
    return this.#options.regeneration.run([{ path: folder, origin: 'folder', isRecursive: true }], wishes, false);
  }

  /** Where a download may go, and nowhere else: the default first. */
  destinations(): readonly DownloadDestination[] {
    const home = this.#options.downloadFolder();
    const others = this.list().filter((folder) => folder.isEnabled && folder.path !== home);
    return [
      { path: home, isDefault: true, isRecursive: true, ...this.#found(home) },
      ...others.map(({ path, isRecursive, modelCount, scannedAt }) => ({
        path,
        isDefault: false,
        isRecursive,
        modelCount,
        scannedAt,
      })),
    ];
  }

  /** Those of them that are there, with the room on their disks. */
  rooms(): Promise<readonly DestinationRoom[]> {
    return roomsOf(this.destinations(), this.#options.freeBytes);
  }

  /** What the last scan of the library says of a folder. */
  #found(path: string): { readonly modelCount: number; readonly scannedAt: number | null } {
    const summary = this.#options.library.summary();
    const folder = summary?.folders.find((candidate) => candidate.path === path);
    return { modelCount: folder?.modelCount ?? 0, scannedAt: folder === undefined ? null : (summary?.at ?? null) };
  }

  async #takeUp(): Promise<void> {
    await this.#options.drover.reload({ keepsRunning: true });
    this.#options.bus.emit({ type: 'folders.changed' });
  }
}

const asLibraryFolder = ({ path, isRecursive }: TrackedFolder): LibraryFolder => ({
  path,
  origin: 'folder',
  isRecursive,
});

/** Absolute and without `..` and doubled separators; `~` is the home folder. */
const normal = (path: string): string => resolve(expandHome(path));

/** Those that are folders on this machine, each once, and why the others are not, by the path as it was given. */
async function checkedFolders(paths: readonly string[]): Promise<{
  readonly folders: readonly string[];
  readonly failures: ReadonlyMap<string, string>;
  readonly errors: readonly string[];
}> {
  const folders = new Set<string>();
  const failures = new Map<string, string>();
  for (const path of paths) {
    const failure = await failureOf(path);
    if (failure === null) folders.add(normal(path));
    else failures.set(path, failure);
  }
  return { folders: [...folders], failures, errors: [...failures.values()] };
}

async function failureOf(path: string): Promise<string | null> {
  if (path.includes('\0')) return 'A path holds no NUL.';
  if (!isAbsolute(path) && !/^~(?=$|[/\\])/.test(path)) {
    return win32.isAbsolute(path)
      ? `Folder does not exist: ${path} (a path of Windows, which this machine does not run)`
      : `Not an absolute path: ${path}`;
  }
  try {
    return (await stat(normal(path))).isDirectory() ? null : `Not a folder: ${path}`;
  } catch (thrown) {
    const code = errorCode(thrown);
    if (code === 'ENOENT' || code === 'ENOTDIR') return `Folder does not exist: ${path}`;
    if (code === 'EACCES' || code === 'EPERM') return `Drover may not read it: ${path}`;
    return `Cannot be read: ${path} (${code ?? String(thrown)})`;
  }
}
