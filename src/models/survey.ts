// A look at folders whose models nobody lists (yet): what is there and what each would be called. It must never change
// the list, give an id away or remember a folder.
import type { FactsCache } from './facts-cache.ts';
import { groupFiles, readSets } from './file-sets.ts';
import type { LibraryFolder } from './folders.ts';
import type { IdRequest } from './id-book.ts';
import type { FolderSummary, LibraryModel } from './library.ts';
import { type IdGiver, listModels } from './listing.ts';
import { idVariants, nameKey } from './names.ts';
import { type FolderWalk, walkFolder } from './walk.ts';

export interface Survey {
  /** In the order of the folders; what lies in two of them counts for the first. */
  readonly folders: readonly FolderSummary[];
  readonly models: readonly LibraryModel[];
}

export interface SurveyOptions {
  readonly folders: readonly LibraryFolder[];
  readonly facts: FactsCache;
  readonly broken: Parameters<typeof readSets>[2];
  /** What is listed already keeps its id. */
  readonly listed: readonly LibraryModel[];
  readonly signal?: AbortSignal | undefined;
  /** Told before each folder is walked, and after each model that was read. */
  readonly onProgress?: ((folder: string, readCount: number, setCount: number) => void) | undefined;
}

/** Throws only when the signal aborts; folders that cannot be read say so in their summary. */
export async function survey(options: SurveyOptions): Promise<Survey> {
  const { folders, signal } = options;
  const ids = new SurveyIds(options.listed);
  const models: LibraryModel[] = [];
  const summaries: FolderSummary[] = [];
  const seen = new Set<string>();
  for (const folder of folders) {
    options.onProgress?.(folder.path, 0, 0);
    const walk = await walkFolder(folder, { signal });
    const isDuplicate = walk.realPath !== null && seen.has(walk.realPath);
    if (walk.realPath !== null) seen.add(walk.realPath);
    const fresh = isDuplicate ? [] : walk.files.filter((file) => !seen.has(file.identity));
    const sets = groupFiles(fresh);
    const read = await readSets(sets, options.facts, options.broken, signal, (count) =>
      options.onProgress?.(folder.path, count, sets.length),
    );
    for (const { identity } of fresh) seen.add(identity);
    const found = listModels({ sets: read, configured: [], probe: null, ids, isGone: () => false }).models;
    models.push(...found);
    summaries.push(summaryOf(folder, walk, isDuplicate, found.length));
  }
  options.facts.save();
  return { folders: summaries, models };
}

const summaryOf = (
  folder: LibraryFolder,
  walk: FolderWalk,
  isDuplicate: boolean,
  modelCount: number,
): FolderSummary => ({
  path: folder.path,
  origin: folder.origin,
  status: isDuplicate ? 'duplicate' : walk.status,
  modelCount,
  error: walk.error,
  notes: walk.notes,
});

/** The id that a model has, or the one that it would get beside those. */
class SurveyIds implements IdGiver {
  readonly #idByPath: ReadonlyMap<string, string>;
  readonly #used: Set<string>;

  constructor(listed: readonly LibraryModel[]) {
    this.#idByPath = new Map(listed.map((model) => [model.path, model.id]));
    this.#used = new Set(listed.map((model) => nameKey(model.id)));
  }

  assign(requests: readonly IdRequest[]): ReadonlyMap<string, string> {
    return new Map(requests.map((request) => [request.path, this.#idOf(request)]));
  }

  #idOf(request: IdRequest): string {
    for (const path of [request.path, ...request.otherPaths]) {
      const known = this.#idByPath.get(path);
      if (known !== undefined) return known;
    }
    for (const id of idVariants(request.naturalId, request.folderName, request.path)) {
      if (this.#used.has(nameKey(id))) continue;
      this.#used.add(nameKey(id));
      return id;
    }
    return request.naturalId;
  }
}
