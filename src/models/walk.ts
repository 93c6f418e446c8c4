// Finds the GGUF files under one folder, whatever layout it has, within bounds: depth, number of entries, links that lead in circles.
// It only lists and looks; a folder that may not be read is noted, and the rest goes on.
import type { Dirent } from 'node:fs';
import { readdir, realpath, stat } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { errorCode } from '../base/fault.ts';
import type { LibraryFolder } from './folders.ts';
import { type FileContext, type FoundFile, findFile, isGgufName } from './found-file.ts';
import { flatCacheNames, hubRepository, hubSnapshots } from './hub-cache.ts';
import { isOllamaFolder, readOllamaFolder } from './ollama.ts';

export interface WalkLimits {
  readonly depth: number;
  readonly folders: number;
  /** Entries of all folders together. */
  readonly entries: number;
  readonly files: number;
  readonly notes: number;
}

export const WALK_LIMITS: WalkLimits = { depth: 12, folders: 20_000, entries: 500_000, files: 20_000, notes: 50 };

export interface FolderWalk {
  /** `missing`: it does not exist (now); `unreadable`: `error` says why. */
  readonly status: 'scanned' | 'missing' | 'unreadable';
  readonly error: string | null;
  /** Resolved; null unless scanned. */
  readonly realPath: string | null;
  readonly files: readonly FoundFile[];
  /** Resolved folders elsewhere that links lead to. */
  readonly linkedFolders: readonly string[];
  /** What was left out and why, in sentences. */
  readonly notes: readonly string[];
}

/** Folders that hold no models and may hold very much else. */
const IGNORED_FOLDERS = /^(\..*|node_modules|\$RECYCLE\.BIN|System Volume Information|__pycache__)$/i;
/** Folders that are listed at once. */
const BATCH_SIZE = 32;

interface Visit {
  readonly path: string;
  /** Resolved. */
  readonly real: string;
  /** Folder names from the root to here. */
  readonly segments: readonly string[];
  /** Set inside a repository of a hub's cache. */
  readonly repository: { readonly name: string; readonly group: string } | null;
}

/** Walks one folder. Throws only when the signal aborts. */
export async function walkFolder(
  folder: LibraryFolder,
  options: { readonly signal?: AbortSignal | undefined; readonly limits?: WalkLimits } = {},
): Promise<FolderWalk> {
  try {
    const realPath = await realpath(folder.path);
    if (!(await stat(realPath)).isDirectory()) return failed('unreadable', `${folder.path} is not a folder.`);
    const walk = new Walk(folder, options.limits ?? WALK_LIMITS, options.signal, folder.isRecursive !== false);
    await walk.run({ path: folder.path, real: realPath, segments: [], repository: null });
    if (walk.rootError !== null) return failed('unreadable', walk.rootError);
    const { files, linkedFolders, notes } = walk;
    return { status: 'scanned', error: null, realPath, files, linkedFolders, notes };
  } catch (thrown) {
    options.signal?.throwIfAborted();
    const code = errorCode(thrown);
    if (code === 'ENOENT' || code === 'ENOTDIR') return failed('missing', null);
    return failed('unreadable', reasonOf(thrown));
  }
}

const failed = (status: 'missing' | 'unreadable', error: string | null): FolderWalk => ({
  status,
  error,
  realPath: null,
  files: [],
  linkedFolders: [],
  notes: [],
});

class Walk {
  readonly files: FoundFile[] = [];
  readonly linkedFolders: string[] = [];
  readonly notes: string[] = [];
  rootError: string | null = null;
  readonly #visited = new Set<string>();
  readonly #said = new Set<string>();
  #folderCount = 0;
  #entryCount = 0;

  constructor(
    private readonly folder: LibraryFolder,
    private readonly limits: WalkLimits,
    private readonly signal: AbortSignal | undefined,
    private readonly isRecursive = true,
  ) {}

  async run(root: Visit): Promise<void> {
    let level = [root];
    while (level.length > 0) {
      const next: Visit[] = [];
      for (let index = 0; index < level.length; index += BATCH_SIZE) {
        this.signal?.throwIfAborted();
        const batch = level.slice(index, index + BATCH_SIZE).filter((visit) => this.#enter(visit));
        const found = await Promise.all(batch.map((visit) => this.#visit(visit)));
        for (const { files, folders } of found) {
          // Not spread: a folder may hold more files than a call takes arguments.
          for (const file of files) this.files.push(file);
          for (const visit of folders) next.push(visit);
        }
        if (this.files.length > this.limits.files) {
          this.files.length = this.limits.files;
          this.#noteOnce(`more than ${this.limits.files} files`);
          return;
        }
      }
      level = next;
    }
  }

  #enter(visit: Visit): boolean {
    if (this.#visited.has(visit.real)) return false;
    if (visit.segments.length > this.limits.depth) {
      this.#noteOnce(`folders deeper than ${this.limits.depth}`);
      return false;
    }
    if (this.#folderCount >= this.limits.folders || this.#entryCount >= this.limits.entries) {
      this.#noteOnce(`more than ${this.limits.folders} folders or ${this.limits.entries} entries`);
      return false;
    }
    this.#visited.add(visit.real);
    this.#folderCount += 1;
    return true;
  }

  async #visit(visit: Visit): Promise<{ files: FoundFile[]; folders: Visit[] }> {
    let entries: Dirent[];
    try {
      entries = await readdir(visit.path, { withFileTypes: true });
    } catch (thrown) {
      if (visit.segments.length === 0) this.rootError = reasonOf(thrown);
      else this.#note(`${visit.path} cannot be listed: ${reasonOf(thrown)}`);
      return { files: [], folders: [] };
    }
    this.#entryCount += entries.length;
    // The order of a listing differs between systems and moments.
    entries.sort((left, right) => (left.name < right.name ? -1 : 1));
    const names = new Set(entries.map((entry) => entry.name));
    if (isOllamaFolder(names)) {
      const found = await readOllamaFolder(visit.path, this.signal);
      for (const note of found.notes) this.#note(note);
      return { files: [...found.files], folders: [] };
    }
    const repository = hubRepository(basename(visit.path));
    if (repository !== null && names.has('snapshots')) return this.#visitRepository(visit, repository);
    return this.#visitEntries(visit, entries);
  }

  async #visitEntries(visit: Visit, entries: readonly Dirent[]): Promise<{ files: FoundFile[]; folders: Visit[] }> {
    const folders: Visit[] = [];
    const wanted: Promise<FoundFile | null>[] = [];
    const flatName = this.folder.origin === 'llama.cpp' ? flatCacheNames(entries.map((entry) => entry.name)) : null;
    for (const entry of entries) {
      const { name } = entry;
      const path = join(visit.path, name);
      if (entry.isFile()) {
        if (isGgufName(name)) wanted.push(this.#look(path, this.#contextOf(visit, name, flatName), visit.real));
      } else if (entry.isDirectory()) {
        if (this.#isEntered(name)) folders.push(this.#below(visit, name, join(visit.real, name)));
      } else if (entry.isSymbolicLink()) {
        if (isGgufName(name)) wanted.push(this.#look(path, this.#contextOf(visit, name, flatName), null));
        else if (this.#isEntered(name)) await this.#addLinkedFolder(folders, visit, name);
      } else if (!entry.isFIFO() && !entry.isSocket() && !entry.isBlockDevice() && !entry.isCharacterDevice()) {
        // Some network file systems do not say what an entry is.
        if (isGgufName(name)) wanted.push(this.#look(path, this.#contextOf(visit, name, flatName), null));
        else if (this.#isEntered(name)) await this.#addLinkedFolder(folders, visit, name);
      }
    }
    const files = (await Promise.all(wanted)).filter((file) => file !== null);
    return { files, folders };
  }

  #isEntered(name: string): boolean {
    return this.isRecursive && !IGNORED_FOLDERS.test(name);
  }

  async #addLinkedFolder(folders: Visit[], visit: Visit, name: string): Promise<void> {
    try {
      const real = await realpath(join(visit.path, name));
      if (this.#visited.has(real) || !(await stat(real)).isDirectory()) return;
      folders.push(this.#below(visit, name, real));
      this.linkedFolders.push(real);
    } catch {
      // A link that leads nowhere, or not to a folder, is not about models.
    }
  }

  #below(visit: Visit, name: string, real: string): Visit {
    return {
      path: join(visit.path, name),
      real,
      segments: [...visit.segments, name],
      repository: visit.repository,
    };
  }

  /** Only one revision counts: the current one, or the newest where that holds no model (yet). */
  async #visitRepository(visit: Visit, name: string): Promise<{ files: FoundFile[]; folders: Visit[] }> {
    for (const snapshot of await hubSnapshots(visit.path)) {
      const inside = new Walk(this.folder, { ...this.limits, depth: 6 }, this.signal);
      const real = await realpath(snapshot);
      await inside.run({ path: snapshot, real, segments: [], repository: { name, group: visit.path } });
      for (const note of inside.notes) this.#note(note);
      this.#folderCount += inside.#folderCount;
      this.#entryCount += inside.#entryCount;
      if (inside.files.length > 0) return { files: inside.files, folders: [] };
    }
    return { files: [], folders: [] };
  }

  #contextOf(visit: Visit, name: string, flatName: ReturnType<typeof flatCacheNames> | null): FileContext {
    if (visit.repository !== null) {
      return { origin: 'huggingface', group: visit.repository.group, repository: visit.repository.name };
    }
    const { origin } = this.folder;
    const flat = flatName?.(name) ?? null;
    if (flat !== null) {
      return { origin, group: join(visit.path, flat.repository), repository: flat.repository, name: flat.name };
    }
    const { segments } = visit;
    if (origin === 'lmstudio' && segments.length >= 2) {
      const [publisher = '', repository = ''] = segments;
      return { origin, group: join(this.folder.path, publisher, repository), repository: `${publisher}/${repository}` };
    }
    // `owner/name-GGUF/file.gguf` is what a download of a whole repository leaves.
    const [owner, last] = segments.slice(-2);
    const isRepository = owner !== undefined && last !== undefined && /gguf$/i.test(last);
    return { origin, group: visit.path, repository: isRepository ? `${owner}/${last}` : null };
  }

  async #look(path: string, context: FileContext, realFolder: string | null): Promise<FoundFile | null> {
    try {
      return await findFile(path, context, realFolder);
    } catch (thrown) {
      const code = errorCode(thrown);
      // Gone between listing and looking, a dangling link, or a name that is no text.
      this.#note(code === 'ENOENT' ? `${path} leads nowhere.` : `${path} cannot be looked at: ${reasonOf(thrown)}`);
      return null;
    }
  }

  #note(note: string): void {
    if (this.notes.length < this.limits.notes) this.notes.push(note);
  }

  #noteOnce(what: string): void {
    if (this.#said.has(what)) return;
    this.#said.add(what);
    this.#note(`${this.folder.path} has ${what}; what is beyond was left out.`);
  }
}

function reasonOf(thrown: unknown): string {
  const code = errorCode(thrown);
  if (code === 'EACCES' || code === 'EPERM') return 'Drover may not read it.';
  if (code === 'ELOOP') return 'its links lead in a circle.';
  return thrown instanceof Error ? thrown.message : String(thrown);
}
