// The configuration as requests may read and change it: checked first, backed up, replaced whole, taken up at once; what
// runs goes on as it is until it is stopped or restarted. One change at a time. It must never lose a comment or an entry
// that it was not asked to touch.
import { createHash } from 'node:crypto';
import { realpathSync, rmSync, statSync } from 'node:fs';
import { dirname, isAbsolute, win32 } from 'node:path';
import { errorCode, Fault } from '../base/fault.ts';
import type { Log } from '../base/log.ts';
import { Mailbox } from '../base/sync.ts';
import type { ModelEntry, Settings } from '../config/schema.ts';
import type { LibraryFolder } from '../models/folders.ts';
import { foreignOwnerOf } from '../models/foreign-folders.ts';
import type { Library, LibraryModel, ModelOrigin } from '../models/library.ts';
import type { CommandChanges, ConfigEdit, ConfigFile, ConfigSummary } from './config-file.ts';
import { entryOf, keptSettings, requireHarmless, requireUsableId } from './config-rules.ts';
import type { Drover } from './drover.ts';
import { type EntryContext, type EntryWishes, type MadeEntry, makeEntry } from './model-entries.ts';

export interface ConfigView {
  readonly path: string;
  readonly text: string;
  /** Tells one text of the file from another, secrets and all. */
  readonly revision: string;
  readonly values: Partial<Settings>;
  readonly summary: ConfigSummary;
}

/** What came of a change. */
export interface ConfigWrite {
  /** Where the old text lies; null where there was none or nothing changed. */
  readonly backupPath: string | null;
  /** Models that run with settings which have changed: they keep them until they are stopped or restarted. */
  readonly affected: readonly string[];
}

export interface AppendedModel extends ConfigWrite, MadeEntry {
  readonly id: string;
  readonly model: LibraryModel;
}

export interface RemovedModel extends ConfigWrite {
  readonly id: string;
  readonly deletedFiles: readonly string[];
}

export interface ConfigurationOptions {
  readonly file: ConfigFile;
  readonly log: Log;
  readonly drover: Pick<Drover, 'model' | 'reload'>;
  readonly library: Pick<Library, 'resolve' | 'survey'>;
  /** Where other programs keep their models. */
  readonly otherFolders: readonly LibraryFolder[];
  /** Measures what plans for entries need; resolves with what they are made from. */
  readonly entryContext: (wishes: EntryWishes) => Promise<EntryContext>;
}

/** Files of these are another program's: it would miss them, or keep the space. */
const FOREIGN_ORIGINS: readonly ModelOrigin[] = ['huggingface', 'ollama', 'lmstudio', 'llama.cpp', 'probe'];

export class Configuration {
  readonly #options: ConfigurationOptions;
  readonly #mailbox = new Mailbox();

  constructor(options: ConfigurationOptions) {
    this.#options = options;
  }

  get path(): string {
    return this.#options.file.path;
  }

  /** The text without its secrets, and what it says. */
  view(): ConfigView {
    const { file } = this.#options;
    const current = file.read();
    const text = file.mask(current);
    const { path } = this;
    return { path, text, revision: revisionOf(current), values: file.parse(text), summary: file.summary(text) };
  }

  /** Throws `config_invalid` with line and column. */
  check(text: string): ConfigSummary {
    return this.#options.file.summary(text);
  }

  /** The same of what stands in the file. */
  checkCurrent(): ConfigSummary {
    return this.check(this.#options.file.read());
  }

  /** What in a text is odd, but no error. Throws `config_invalid`. */
  warnings(text: string): ReturnType<ConfigFile['warnings']> {
    return this.#options.file.warnings(text);
  }

  /** Whether a person may replace the text by this one. Throws what `replace` would, and writes nothing. */
  checkChange(text: string): void {
    this.#changed(text, this.#options.file.read());
  }

  /**
   * Replaces the whole text, as a person edited it. Where a revision is given, throws `conflict` unless the file is as it
   * was then.
   */
  replace(text: string, revision: string | null = null): Promise<ConfigWrite> {
    const { file } = this.#options;
    return this.#mailbox.send(() => {
      const current = file.read();
      if (revision !== null && revisionOf(current) !== revision) {
        throw new Fault('conflict', 'The configuration file was changed meanwhile.', {
          hint: 'Look at what stands there now, and decide again.',
          details: { revision: revisionOf(current) },
        });
      }
      return this.#write(current, this.#changed(text, current));
    });
  }

  /** What would be written for a text that was shown masked. Throws `config_invalid`, `forbidden`. */
  #changed(text: string, current: string): string {
    const { file } = this.#options;
    const before = file.parse(current);
    const unmasked = file.unmask(text, current);
    const kept = keptSettings(before, file.parse(unmasked));
    const whole = kept.length === 0 ? unmasked : file.edit(unmasked, kept);
    requireHarmless(before, file.parse(whole));
    return whole;
  }

  /** Settings by their path, from somebody who may change them. */
  set(edits: readonly ConfigEdit[]): Promise<ConfigWrite> {
    return this.change((text) => ({ text: this.#options.file.edit(text, edits), result: null }));
  }

  /** Any change of the text by us. `rewrite` gets what stands there now; the same text back writes nothing. */
  change<T>(
    rewrite: (text: string, values: Partial<Settings>) => { readonly text: string; readonly result: T },
  ): Promise<ConfigWrite & { readonly result: T }> {
    const { file } = this.#options;
    return this.#mailbox.send(async () => {
      const current = file.read();
      const { text, result } = rewrite(current, file.parse(current));
      return { result, ...(await this.#write(current, text)) };
    });
  }

  /** Changes only the figures that are given. Throws `not_found` for a model that nobody knows. */
  setModel(name: string, changes: CommandChanges): Promise<ConfigWrite & { readonly id: string }> {
    const { file } = this.#options;
    return this.#mailbox.send(async () => {
      const current = file.read();
      const values = file.parse(current);
      const id = this.#idOf(values, name);
      const entry = entryOf(values, id) ?? {};
      const edits = entry.cmd === undefined ? structuredEdits(id, changes) : [this.#commandEdit(id, entry, changes)];
      return { id, ...(await this.#write(current, file.edit(current, edits))) };
    });
  }

  /** What an entry for this file would be; writes nothing. */
  async preview(path: string, wishes: EntryWishes): Promise<MadeEntry & { readonly model: LibraryModel }> {
    const model = await this.#modelAt(path);
    return { model, ...makeEntry(model, wishes, await this.#options.entryContext(wishes)) };
  }

  /** Resolves when every change that was begun is written. */
  async settled(): Promise<void> {
    await this.#mailbox.send(() => undefined);
  }

  /**
   * Gives a file an entry of its own. Faults: `not_found` (no such file), `unprocessable` (no usable model), `conflict`
   * with `existingModelId` and `filePath` where it has one.
   */
  async append(path: string, wishes: EntryWishes, wantedId: string | null = null): Promise<AppendedModel> {
    const { file } = this.#options;
    if (wantedId !== null) requireUsableId(wantedId);
    const { model, entry, notes } = await this.preview(path, wishes);
    return this.#mailbox.send(async () => {
      const current = file.read();
      const values = file.parse(current);
      const holder = this.#holderOf(values, model);
      if (holder !== null) throw alreadyThere(holder, path);
      const id = wantedId === null ? freeId(values, model.id) : this.#requireFree(values, wantedId, model);
      const text = file.edit(current, [{ path: ['models', id], value: entry }]);
      return { id, model, entry, notes, ...(await this.#write(current, text)) };
    });
  }

  /** A name that was asked for must not be another model's. */
  #requireFree(values: Partial<Settings>, id: string, model: LibraryModel): string {
    const named = this.#options.library.resolve(id);
    if (entryOf(values, id) === null && (named === null || named.path === model.path)) return id;
    throw alreadyThere(named?.id ?? id, named?.path ?? null);
  }

  /** Takes an entry out, and its files where that is asked. Throws `not_found`; `conflict` where files are in use. */
  remove(name: string, withFiles: boolean): Promise<RemovedModel> {
    const { file } = this.#options;
    return this.#mailbox.send(async () => {
      const current = file.read();
      const values = file.parse(current);
      const id = this.#idOf(values, name);
      const hasEntry = entryOf(values, id) !== null;
      if (!hasEntry && !withFiles) {
        throw new Fault('not_found', `The configuration has no entry for ${id}: it was found in a folder.`, {
          hint: 'Ask for its file to be deleted too, or take its folder out.',
        });
      }
      const files = withFiles ? this.#deletableFiles(id) : [];
      const write = hasEntry ? await this.#write(current, file.removeModels(current, [id])) : NOTHING_WRITTEN;
      for (const path of files) rmSync(path, { force: true });
      if (files.length > 0) this.#options.log.info('deleted a model', { model: id, files });
      return { id, deletedFiles: files, ...write };
    });
  }

  /** Takes out the entries whose file is not there any more. */
  removeMissing(): Promise<ConfigWrite & { readonly removed: readonly { id: string; path: string }[] }> {
    const { file } = this.#options;
    return this.#mailbox.send(async () => {
      const current = file.read();
      const removed = this.#filesOf(file.parse(current)).filter(({ path }) => isMissing(path));
      if (removed.length === 0) return { removed, ...NOTHING_WRITTEN };
      const ids = removed.map(({ id }) => id);
      return { removed, ...(await this.#write(current, file.removeModels(current, ids))) };
    });
  }

  /** Of entries for one and the same file, the first stays. */
  removeDuplicates(): Promise<ConfigWrite & { readonly removed: readonly string[]; readonly kept: readonly string[] }> {
    const { file } = this.#options;
    return this.#mailbox.send(async () => {
      const current = file.read();
      const byFile = Map.groupBy(this.#filesOf(file.parse(current)), ({ path }) => identityOf(path));
      const groups = [...byFile.values()].filter((group) => group.length > 1).map((group) => group.map(({ id }) => id));
      const removed = groups.flatMap((ids) => ids.slice(1));
      const kept = groups.flatMap((ids) => ids.slice(0, 1));
      if (removed.length === 0) return { removed, kept, ...NOTHING_WRITTEN };
      return { removed, kept, ...(await this.#write(current, file.removeModels(current, removed))) };
    });
  }

  async #write(current: string, text: string): Promise<ConfigWrite> {
    if (text === current) return NOTHING_WRITTEN;
    const backupPath = this.#options.file.write(text);
    const affected = await this.#options.drover.reload({ keepsRunning: true });
    return { backupPath, affected };
  }

  /** The id of an entry, or of a model that has none yet. */
  #idOf(values: Partial<Settings>, name: string): string {
    return entryOf(values, name) === null ? this.#options.drover.model(name).id : name;
  }

  #commandEdit(id: string, entry: ModelEntry, changes: CommandChanges): ConfigEdit {
    const cmd = this.#options.file.editCommand(id, entry, changes);
    if (cmd !== null) return { path: ['models', id, 'cmd'], value: cmd };
    throw new Fault('bad_request', `${id} is a command of your own: its parameters are not ours to change.`, {
      hint: `Edit models.${id}.cmd in ${this.path}.`,
    });
  }

  #filesOf(values: Partial<Settings>): { readonly id: string; readonly path: string }[] {
    return Object.entries(values.models ?? {}).flatMap(([id, entry]) => {
      const path = this.#options.file.fileOf(id, entry);
      return path === null ? [] : [{ id, path }];
    });
  }

  #holderOf(values: Partial<Settings>, model: LibraryModel): string | null {
    const own = new Set(model.files.map(identityOf));
    return this.#filesOf(values).find(({ path }) => own.has(identityOf(path)))?.id ?? null;
  }

  async #modelAt(path: string): Promise<LibraryModel> {
    const { library } = this.#options;
    requireAbsolute(path, 'filePath');
    if (isMissing(path)) throw notFound(path);
    const known = library.resolve(path);
    const model = known ?? (await this.#surveyed(path));
    if (model === null || model.fault !== null) {
      throw new Fault('unprocessable', `${path} is no model that can be used: ${model?.fault?.message ?? 'no GGUF'}`, {
        hint: model?.fault?.hint ?? 'Give the path of a GGUF file.',
      });
    }
    return model;
  }

  async #surveyed(path: string): Promise<LibraryModel | null> {
    const folder = { path: dirname(path), origin: 'folder', isRecursive: false } as const;
    const { models } = await this.#options.library.survey([folder]);
    return models.find((model) => model.files.includes(path)) ?? null;
  }

  #deletableFiles(id: string): readonly string[] {
    const { drover, library } = this.#options;
    const state = drover.model(id).instance?.state ?? 'stopped';
    if (state !== 'stopped' && state !== 'failed') {
      throw new Fault('conflict', `${id} is ${state}: its file is in use.`, { hint: 'Unload it first.' });
    }
    const model = library.resolve(id);
    if (model === null) throw new Fault('not_found', `${id} has no file that is known here.`);
    const { otherFolders } = this.#options;
    const owners = model.files.flatMap((path) => foreignOwnerOf(path, otherFolders) ?? []);
    const [owner] = FOREIGN_ORIGINS.includes(model.origin) ? [model.origin] : owners;
    if (owner === undefined) return model.files;
    throw new Fault('conflict', `${model.path} belongs to another program (${owner}).`, {
      hint: 'Delete it with that program.',
    });
  }
}

/** Throws `bad_request` for a relative path, `not_found` for one of another system. */
export function requireAbsolute(path: string, field: string): void {
  if (isAbsolute(path)) return;
  if (win32.isAbsolute(path)) throw notFound(path, 'It is a path of Windows, which this machine does not run.');
  throw new Fault('bad_request', `"${path}" is no absolute path.`, {
    hint: 'Give the whole path.',
    details: { field },
  });
}

const notFound = (path: string, hint?: string): Fault =>
  new Fault('not_found', `Model file not found: ${path}`, { hint });

const NOTHING_WRITTEN: ConfigWrite = { backupPath: null, affected: [] };

function structuredEdits(id: string, changes: CommandChanges): ConfigEdit[] {
  const fields = {
    contextSize: changes.contextSize,
    gpuLayers: changes.layers,
    cacheType: changes.cacheType,
    batchSize: changes.batchSize,
  };
  return Object.entries(fields).flatMap(([field, value]) =>
    value === undefined ? [] : [{ path: ['models', id, field], value }],
  );
}

const alreadyThere = (id: string, filePath: string | null): Fault =>
  new Fault('conflict', `Model already exists in config with ID: ${id}`, {
    details: { existingModelId: id, filePath },
  });

function freeId(values: Partial<Settings>, wanted: string): string {
  if (entryOf(values, wanted) === null) return wanted;
  for (let count = 2; ; count += 1) {
    const id = `${wanted}-${count}`;
    if (entryOf(values, id) === null) return id;
  }
}

/** Really gone; a folder that may not be read is no proof. */
export function isMissing(path: string): boolean {
  try {
    statSync(path);
    return false;
  } catch (thrown) {
    const code = errorCode(thrown);
    return code === 'ENOENT' || code === 'ENOTDIR';
  }
}

/** The same for two paths to one file. */
function identityOf(path: string): string {
  try {
    return realpathSync(path);
  } catch {
    return path;
  }
}

const revisionOf = (text: string): string => createHash('sha256').update(text).digest('hex').slice(0, 24);
