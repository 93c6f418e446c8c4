// Which model is meant where nobody says which, in an API that knows one active model: the one that was loaded last by
// name or path, else the default, else the only one. It must never open what is no regular file, nor keep a file in the
// book whose model could not be loaded.
import { stat } from 'node:fs/promises';
import { basename, isAbsolute, normalize, win32 } from 'node:path';
import { errorCode, Fault } from '../base/fault.ts';
import { expandHome } from '../base/file.ts';
import { isGgufName } from '../models/found-file.ts';
import { readModelFacts } from '../models/gguf-file.ts';
import type { Library } from '../models/library.ts';
import { idOf, idVariants, nameOf, parseFileName } from '../models/names.ts';
import type { Drover, ModelView } from './drover.ts';
import type { ModelBook } from './model-book.ts';
import type { Instance } from './vocabulary.ts';

/** The name by which clients mean the active model. */
export const ACTIVE_NAME = 'llama3.3';

export interface ActiveModelOptions {
  readonly drover: Pick<Drover, 'models' | 'model' | 'load' | 'stop' | 'reload' | 'rescan'>;
  readonly library: Pick<Library, 'resolve' | 'summary'>;
  readonly book: Pick<ModelBook, 'get' | 'add' | 'remove' | 'choice' | 'choose'>;
  /** Who is noted down as the owner of files that are registered here. */
  readonly owner: string;
  /** Chosen by configuration; null: nobody has. */
  readonly chosen: () => string | null;
}

export interface LoadOptions {
  readonly signal: AbortSignal;
  /** False: only models that are known may be loaded. */
  readonly mayRegister: boolean;
}

export class ActiveModel {
  readonly #options: ActiveModelOptions;
  /** Undefined: not looked up yet. A restart keeps it. */
  #chosen: string | null | undefined;

  constructor(options: ActiveModelOptions) {
    this.#options = options;
  }

  /** Null: none was loaded here, or it is gone. */
  get id(): string | null {
    this.#chosen ??= this.#options.book.choice('active');
    return this.#chosen === null ? null : (this.#known(this.#chosen)?.id ?? null);
  }

  /** The model of that name; null and the name of the active one: whichever is meant. Throws `not_found`. */
  meant(name: string | null): ModelView {
    const { drover, chosen } = this.#options;
    if (name !== null && name.toLowerCase() !== ACTIVE_NAME) return drover.model(name);
    const active = this.id ?? (name === null ? null : this.#known(name)?.id) ?? chosen();
    if (active !== null) return drover.model(active);
    try {
      return drover.model(null);
    } catch (thrown) {
      if (!(thrown instanceof Fault) || thrown.kind !== 'bad_request') throw thrown;
      const usable = drover.models().filter((view) => view.failure === null && view.kind === 'text');
      const [only] = usable;
      if (only !== undefined && usable.length === 1) return only;
      throw new Fault('not_found', 'No model is active, and there is none that could be meant.', {
        hint: thrown.hint,
        details: { model: name ?? ACTIVE_NAME, nearNames: usable.slice(0, 8).map((view) => view.id) },
      });
    }
  }

  /** The same, or null where none is meant. */
  meantOrNull(): ModelView | null {
    try {
      return this.meant(null);
    } catch {
      return null;
    }
  }

  /**
   * Loads a model by name or by the path of its file, and makes it the active one. A file that nobody knows is registered.
   * Faults: `not_found`, `unprocessable` (a path that is refused), `forbidden` (may not register), those of `Drover.load`.
   */
  async load(nameOrPath: string, options: LoadOptions): Promise<Instance> {
    const { drover, book } = this.#options;
    const { id, isNew } = await this.#find(nameOrPath, options);
    try {
      const instance = await drover.load(id, { signal: options.signal });
      this.#choose(id);
      return instance;
    } catch (thrown) {
      if (isNew) {
        book.remove(id);
        await drover.reload({ keepsRunning: true });
      }
      throw thrown;
    }
  }

  /** Unloads the active model, else the one that is meant or the only one that is loaded. Throws `not_found` where none is. */
  async unload(): Promise<string> {
    const { drover } = this.#options;
    const loaded = drover.models().filter(isLoaded);
    const active = this.id;
    const meant = active ?? this.meantOrNull()?.id ?? null;
    const wanted = loaded.find(({ id }) => id === meant) ?? (active === null && loaded.length === 1 ? loaded[0] : null);
    if (wanted == null) {
      throw new Fault('not_found', 'No model is loaded.', { hint: 'Load one with load_model.' });
    }
    if (active === wanted.id) this.#choose(null);
    await drover.stop(wanted.id);
    return wanted.id;
  }

  #choose(id: string | null): void {
    this.#chosen = id;
    this.#options.book.choose('active', id);
  }

  #known(name: string): ModelView | null {
    try {
      return this.#options.drover.model(name);
    } catch (thrown) {
      if (thrown instanceof Fault && thrown.kind === 'not_found') return null;
      throw thrown;
    }
  }

  async #find(nameOrPath: string, { mayRegister }: LoadOptions): Promise<{ readonly id: string; isNew: boolean }> {
    requireSpeakable(nameOrPath);
    const known = this.#known(nameOrPath);
    if (known !== null) return { id: known.id, isNew: false };
    if (nameOrPath.toLowerCase() === ACTIVE_NAME) return { id: this.meant(null).id, isNew: false };
    const path = normalize(expandHome(nameOrPath));
    if (!isAbsolute(path)) throw notFound(nameOrPath, nearNamesOf(this.#options.drover, nameOrPath));
    const byPath = this.#known(path) ?? (await this.#rescanned(path)) ?? (await this.#sameFile(path));
    if (byPath !== null) return { id: byPath.id, isNew: false };
    if (!mayRegister) {
      throw new Fault('forbidden', 'This key may not load files that are no known models.', {
        hint: 'It needs the scope "model_write".',
        details: { scope: 'model_write' },
      });
    }
    await requireModelFile(path);
    return { id: await this.#register(path), isNew: true };
  }

  /** A file in a folder that is looked at may be too new for the last look. */
  async #rescanned(path: string): Promise<ModelView | null> {
    const { library, drover } = this.#options;
    const folders = library.summary()?.folders ?? [];
    if (!folders.some((folder) => path.startsWith(folder.path))) return null;
    await drover.rescan();
    return this.#known(path);
  }

  /** The model whose file this is by another path: registered as well, it would take that model's name away. */
  async #sameFile(path: string): Promise<ModelView | null> {
    const status = await stat(path).catch(() => null);
    if (status === null || !status.isFile()) return null;
    for (const view of this.#options.drover.models()) {
      if (view.path === null) continue;
      const own = await stat(view.path).catch(() => null);
      if (own !== null && own.ino === status.ino && own.dev === status.dev && own.size === status.size) return view;
    }
    return null;
  }

  async #register(path: string): Promise<string> {
    const { book, owner, drover } = this.#options;
    const { stem } = parseFileName(basename(path));
    const { name, quantization } = nameOf({ stem, quantization: null, fallbacks: [] });
    const isFree = (id: string): boolean => book.get(id) === null && this.#known(id)?.id !== id;
    let id = idOf(name, quantization);
    for (const variant of idVariants(id, '', path)) {
      id = variant;
      if (isFree(variant)) break;
    }
    book.add(id, owner, { file: path });
    await drover.reload({ keepsRunning: true });
    return id;
  }
}

const isLoaded = ({ instance }: ModelView): boolean => instance?.state === 'ready' || instance?.state === 'starting';

const refused = (message: string, hint?: string): Fault =>
  new Fault('unprocessable', message, { hint, details: { field: 'model_path' } });

/** Names of devices and shares do something as soon as they are looked at. */
function requireSpeakable(nameOrPath: string): void {
  if (/\p{Cc}/u.test(nameOrPath)) throw refused('A path holds no control characters.');
  if (/^(?:\\\\|\/\/)/.test(nameOrPath)) throw refused('Paths of shares and devices are not opened.');
}

const notFound = (path: string, nearNames: readonly string[] = []): Fault =>
  new Fault('not_found', `Model file not found: ${path}`, {
    hint: win32.isAbsolute(path)
      ? 'Give a path of this machine, or the name of a known model.'
      : 'Give the whole path of a GGUF file, or the name of a known model.',
    ...(nearNames.length === 0 ? {} : { details: { nearNames } }),
  });

function nearNamesOf(drover: Pick<Drover, 'model'>, name: string): readonly string[] {
  try {
    drover.model(name);
    return [];
  } catch (thrown) {
    const near = thrown instanceof Fault ? thrown.details.nearNames : undefined;
    return Array.isArray(near) ? near.map(String) : [];
  }
}

/** Throws `not_found`, and `unprocessable` for what is no model: looked at before it is opened. */
async function requireModelFile(path: string): Promise<void> {
  try {
    const status = await stat(path);
    if (!status.isFile()) throw refused(`${path} is not a file.`, 'Give the path of a GGUF file.');
  } catch (thrown) {
    if (thrown instanceof Fault) throw thrown;
    const code = errorCode(thrown);
    if (code === 'ENOENT' || code === 'ENOTDIR' || code === 'ENAMETOOLONG') throw notFound(path);
    throw refused(`${path} cannot be read (${code ?? String(thrown)}).`);
  }
  if (!isGgufName(basename(path))) throw refused(`${path} is no GGUF file by its name.`);
  try {
    const { kind } = readModelFacts(path);
    if (kind === 'text' || kind === 'embedding' || kind === 'reranker') return;
    throw refused(`${path} is no model that answers (${kind}).`);
  } catch (thrown) {
    const { message } = thrown instanceof Fault ? thrown : new Error('it is no GGUF');
    throw refused(message, 'Give the path of a GGUF file.');
  }
}
