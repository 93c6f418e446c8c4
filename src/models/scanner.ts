// The library at work: walks the folders, reads what is new, lists, compares with the last time and tells. One scan at a time; a scan
// that finds everything as it was costs the looking only.
import { resolve, sep } from 'node:path';
import type { Fault } from '../base/fault.ts';
import { Mailbox, untilAborted } from '../base/sync.ts';
import { NameIndex } from './aliases.ts';
import { type ConfiguredSighting, findConfigured } from './configured.ts';
import { FactsCache } from './facts-cache.ts';
import { groupFiles, type ReadSet, readSets } from './file-sets.ts';
import type { LibraryFolder } from './folders.ts';
import { type FoundFile, findFile, plainContext } from './found-file.ts';
import { IdBook } from './id-book.ts';
import type {
  ConfiguredModel,
  FolderSummary,
  Library,
  LibraryChange,
  LibraryModel,
  LibraryOptions,
  ScanSummary,
} from './library.ts';
import { type ConfiguredFiles, type Listing, listModels } from './listing.ts';
import { nearestIds } from './near-names.ts';
import { Settling } from './settling.ts';
import { type Survey, survey } from './survey.ts';
import { type FolderWalk, walkFolder } from './walk.ts';
import { FolderWatch, type WatchedFolder } from './watch.ts';

const GATHER_MS = 300;
const SETTLE_MS = 1500;
const NO_CHANGE: LibraryChange = { added: [], removed: [], changed: [] };

interface WalkedFolder {
  readonly folder: LibraryFolder;
  readonly walk: FolderWalk;
  readonly isDuplicate: boolean;
}

export class DiskLibrary implements Library {
  readonly #options: LibraryOptions;
  readonly #facts: FactsCache;
  readonly #ids: IdBook;
  readonly #mailbox = new Mailbox();
  readonly #closing = new AbortController();
  readonly #settling: Settling;
  readonly #gatherMs: number;
  readonly #settleMs: number;
  readonly #broken = new Map<string, { fingerprint: string; fault: Fault }>();
  #folders: readonly LibraryFolder[];
  #configured: readonly ConfiguredModel[];
  #published: ReadonlyMap<string, FoundFile> = new Map();
  #signature: string | null = null;
  #listing: Listing = { models: [], index: new NameIndex([]) };
  #modelsById: ReadonlyMap<string, LibraryModel> = new Map();
  #summary: ScanSummary | null = null;
  #watch: FolderWatch | null = null;
  #watchable: readonly WatchedFolder[] = [];
  readonly #timers = new Map<'gather' | 'settle', ReturnType<typeof setTimeout>>();

  constructor(options: LibraryOptions) {
    this.#options = options;
    this.#gatherMs = options.gatherMs ?? GATHER_MS;
    this.#settleMs = options.settleMs ?? SETTLE_MS;
    this.#settling = new Settling(this.#settleMs);
    this.#facts = new FactsCache(options.store, options.log);
    this.#ids = new IdBook(options.store, options.log);
    this.#folders = options.folders.map(absolute);
    this.#configured = options.configured;
  }

  models(): readonly LibraryModel[] {
    return this.#listing.models;
  }

  resolve(name: string): LibraryModel | null {
    const id = this.#listing.index.resolve(name);
    return id === null ? null : (this.#modelsById.get(id) ?? null);
  }

  nearNames(name: string, limit: number): string[] {
    return nearestIds(name, this.#listing.index.names(), limit);
  }

  summary(): ScanSummary | null {
    return this.#summary;
  }

  scan(signal?: AbortSignal): Promise<ScanSummary> {
    return this.#send(false, signal);
  }

  update(settings: Parameters<Library['update']>[0]): Promise<ScanSummary> {
    if (settings.folders !== undefined) this.#folders = settings.folders.map(absolute);
    if (settings.configured !== undefined) this.#configured = settings.configured;
    this.#signature = null;
    return this.#send(false, undefined);
  }

  survey(folders: readonly LibraryFolder[], options: Parameters<Library['survey']>[1] = {}): Promise<Survey> {
    const listed = this.#listing.models;
    return survey({ ...options, folders: folders.map(absolute), facts: this.#facts, broken: this.#broken, listed });
  }

  watch(): void {
    if (this.#watch !== null || this.#closing.signal.aborted) return;
    this.#watch = new FolderWatch({
      onTouched: (path) => {
        // A file that grows is looked at by the clock, not at each write.
        if (path !== null && this.#settling.isPending(path)) return;
        // Where looking takes long, it is done less often: at most a tenth of the time.
        const delayMs = Math.max(this.#gatherMs, (this.#summary?.durationMs ?? 0) * 9);
        this.#schedule('gather', delayMs, () => this.#lookAgain());
      },
      onBlind: (folder, reason) => {
        this.#options.log.warn('a folder cannot be watched: changes in it are seen at the next scan only', {
          folder,
          reason,
        });
      },
    });
    this.#watch.set(this.#watchable);
    // What happened between the last scan and now.
    this.#schedule('gather', 0, () => this.#lookAgain());
  }

  unwatch(): void {
    this.#watch?.[Symbol.dispose]();
    this.#watch = null;
    for (const timer of this.#timers.values()) clearTimeout(timer);
    this.#timers.clear();
  }

  close(): void {
    this.#closing.abort();
    this.unwatch();
  }

  #send(isPatient: boolean, signal: AbortSignal | undefined): Promise<ScanSummary> {
    const either = signal === undefined ? this.#closing.signal : AbortSignal.any([signal, this.#closing.signal]);
    return untilAborted(
      this.#mailbox.send(() => {
        either.throwIfAborted();
        return this.#scan(isPatient, either);
      }),
      either,
    );
  }

  /** An appointment that is made already stands: a busy folder must not put the look off for ever. */
  #schedule(name: 'gather' | 'settle', delayMs: number, work: () => Promise<unknown>): void {
    if (this.#timers.has(name) || this.#closing.signal.aborted) return;
    const timer = setTimeout(() => {
      this.#timers.delete(name);
      work().catch((thrown: unknown) => {
        if (this.#closing.signal.aborted) return;
        this.#options.log.error('a scan of the model folders failed', { reason: String(thrown) });
      });
    }, delayMs);
    timer.unref();
    this.#timers.set(name, timer);
  }

  async #lookAgain(): Promise<void> {
    await this.#send(true, undefined);
    if (this.#settling.paths.length > 0) this.#schedule('settle', this.#settleMs, () => this.#settle());
  }

  /** Looks only at the files that are kept back, and scans when one of them holds still. */
  async #settle(): Promise<void> {
    const looks = await Promise.all(
      this.#settling.paths.map((path) =>
        findFile(path, plainContext(path, 'folder')).then(
          (file) => this.#settling.look(path, file?.fingerprint ?? null),
          () => true,
        ),
      ),
    );
    if (looks.some((isSettled) => isSettled)) return this.#lookAgain();
    this.#schedule('settle', this.#settleMs, () => this.#settle());
  }

  async #scan(isPatient: boolean, signal: AbortSignal): Promise<ScanSummary> {
    const startedAt = performance.now();
    const walked = await this.#walkAll(signal);
    const all = walked.flatMap(({ walk }) => walk.files);
    const found = this.#settling.sift(all, this.#published, isPatient);
    const sightings = await this.#findConfigured(found);
    const folders = walked.map(({ folder, walk, isDuplicate }): FolderSummary => {
      const status = isDuplicate ? 'duplicate' : walk.status;
      return { ...folder, status, modelCount: 0, error: walk.error, notes: walk.notes };
    });
    const signature = signatureOf(found, sightings, folders);
    const change = signature === this.#signature ? NO_CHANGE : await this.#relist(found, sightings, folders, signal);
    this.#signature = signature;
    this.#published = new Map(found.map((file) => [file.path, file]));
    const { models } = this.#listing;
    const summary: ScanSummary = {
      at: Date.now(),
      folders: withCounts(folders, walked, models),
      modelCount: models.length,
      faultCount: models.filter((model) => model.fault !== null).length,
      durationMs: performance.now() - startedAt,
      change,
    };
    this.#summary = summary;
    this.#watchable = walked.flatMap(watchableOf);
    this.#watch?.set(this.#watchable);
    this.#options.onScanned?.(summary);
    if (change !== NO_CHANGE) this.#options.onChange?.(change);
    return summary;
  }

  /** One after the other: folders are often on one disk, and a walk lists many folders at once already. */
  async #walkAll(signal: AbortSignal): Promise<WalkedFolder[]> {
    const walked: WalkedFolder[] = [];
    const seen = new Set<string>();
    for (const folder of this.#folders) {
      const walk = await walkFolder(folder, { signal });
      const isDuplicate = walk.realPath !== null && seen.has(walk.realPath);
      if (walk.realPath !== null) seen.add(walk.realPath);
      walked.push({ folder, walk: isDuplicate ? { ...walk, files: [], notes: [] } : walk, isDuplicate });
    }
    return walked;
  }

  #findConfigured(found: readonly FoundFile[]): Promise<ConfiguredSighting[]> {
    const known = new Map(found.map((file) => [file.path, file]));
    return Promise.all(
      this.#configured.map((entry) => {
        const { mmproj = null } = entry;
        const projectorPath = mmproj === null || mmproj === 'none' ? null : resolve(mmproj);
        return findConfigured(entry, resolve(entry.file), projectorPath, known);
      }),
    );
  }

  async #relist(
    found: readonly FoundFile[],
    sightings: readonly ConfiguredSighting[],
    folders: readonly FolderSummary[],
    signal: AbortSignal,
  ): Promise<LibraryChange> {
    const extra = sightings.flatMap((sighting) => sighting.found);
    const sets = await readSets(groupFiles([...found, ...extra]), this.#facts, this.#broken, signal);
    const probe = await this.#readProbe(signal);
    signal.throwIfAborted();
    const present = new Set(
      sets.flatMap((set) => [...set.files.map((file) => file.path), ...set.sightings.map(({ path }) => path)]),
    );
    // What lies in a folder that is away now is not gone.
    const away = folders
      .filter((folder) => folder.status === 'missing' || folder.status === 'unreadable')
      .map((folder) => (folder.path.endsWith(sep) ? folder.path : folder.path + sep));
    const isGone = (path: string): boolean => !present.has(path) && !away.some((folder) => path.startsWith(folder));
    const listing = listModels({
      sets,
      configured: joinConfigured(sightings, sets),
      probe,
      ids: this.#ids,
      isGone,
    });
    this.#facts.save();
    this.#facts.forget((path) => isGone(path) && path !== probe?.first.path);
    for (const path of this.#broken.keys()) if (isGone(path)) this.#broken.delete(path);
    const change = changeBetween(this.#listing.models, listing.models);
    this.#listing = listing;
    this.#modelsById = new Map(listing.models.map((model) => [model.id, model]));
    return change;
  }

  async #readProbe(signal: AbortSignal): Promise<ReadSet | null> {
    const path = this.#options.probe?.path ?? null;
    if (path === null) return null;
    const file = await findFile(path, plainContext(path, 'probe')).catch(() => null);
    if (file === null) return null;
    const [set] = await readSets(groupFiles([file]), this.#facts, this.#broken, signal);
    return set ?? null;
  }
}

const absolute = (folder: LibraryFolder): LibraryFolder => ({ ...folder, path: resolve(folder.path) });

/** A folder that is there with what its links lead to, or one that may come. */
function watchableOf({ folder, walk, isDuplicate }: WalkedFolder): WatchedFolder[] {
  if (isDuplicate || walk.status === 'unreadable') return [];
  const linked = walk.linkedFolders.map((path) => ({ path, isThere: true, isRecursive: true }));
  const isRecursive = folder.isRecursive !== false;
  return [{ path: folder.path, isThere: walk.status === 'scanned', isRecursive }, ...linked];
}

/** Equal for two scans that would list the same. */
function signatureOf(
  found: readonly FoundFile[],
  sightings: readonly ConfiguredSighting[],
  folders: readonly FolderSummary[],
): string {
  const lineOf = (file: FoundFile): string =>
    `${file.path}\n${file.fingerprint}\n${file.projectorPath ?? ''}\n${file.repository ?? ''}\n${file.givenNames.join('\n')}`;
  const parts = [
    ...found.map(lineOf),
    ...sightings.map(({ entry, found: files, fault }) =>
      [JSON.stringify(entry), fault?.message ?? '', ...files.map(lineOf)].join('\n'),
    ),
    ...folders.map((folder) => folder.status),
  ];
  return parts.join('\n\n');
}

function joinConfigured(sightings: readonly ConfiguredSighting[], sets: readonly ReadSet[]): ConfiguredFiles[] {
  const setByIdentity = new Map(sets.flatMap((set) => set.files.map((file) => [file.identity, set] as const)));
  const setOf = (file: FoundFile | null): ReadSet | null =>
    file === null ? null : (setByIdentity.get(file.identity) ?? null);
  return sightings.map(({ entry, path, file, projector, fault }) => {
    const named = setOf(projector);
    return {
      entry,
      path,
      set: setOf(file),
      fault: fault ?? named?.fault ?? null,
      projector: entry.mmproj === undefined || entry.mmproj === null ? 'automatic' : named,
    };
  });
}

function withCounts(
  folders: readonly FolderSummary[],
  walked: readonly WalkedFolder[],
  models: readonly LibraryModel[],
): FolderSummary[] {
  const firstFolder = new Map<string, number>();
  walked.forEach(({ walk }, index) => {
    for (const file of walk.files) if (!firstFolder.has(file.path)) firstFolder.set(file.path, index);
  });
  const counts = folders.map(() => 0);
  for (const model of models) {
    const index = firstFolder.get(model.path);
    if (index !== undefined) counts[index] = (counts[index] ?? 0) + 1;
  }
  return folders.map((folder, index) => ({ ...folder, modelCount: counts[index] ?? 0 }));
}

function changeBetween(before: readonly LibraryModel[], after: readonly LibraryModel[]): LibraryChange {
  const known = new Map(before.map((model) => [model.id, model]));
  const stays = new Set(after.map((model) => model.id));
  const added = after.filter((model) => !known.has(model.id)).map((model) => model.id);
  const removed = before.filter((model) => !stays.has(model.id)).map((model) => model.id);
  const changed = after
    .filter((model) => {
      const old = known.get(model.id);
      return old !== undefined && outlineOf(old) !== outlineOf(model);
    })
    .map((model) => model.id);
  return added.length + removed.length + changed.length === 0 ? NO_CHANGE : { added, removed, changed };
}

/** What others see of a model, without its facts: these follow from the files' sizes and times. */
const outlineOf = ({ facts: _, projectorFacts: __, fault, ...model }: LibraryModel): string =>
  JSON.stringify([model, fault?.message ?? null]);
