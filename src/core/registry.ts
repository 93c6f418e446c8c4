// Which models there are: what the library found, what the configuration says of them, and entries that only it knows.
// It must never touch a process or a file; it only joins and resolves names.
import { Fault } from '../base/fault.ts';
import type { ModelEntry, Settings } from '../config/schema.ts';
import type { Library, LibraryModel } from '../models/library.ts';
import type { ModelView } from './drover.ts';
import { hasOwnServer } from './foreign-engines.ts';
import type { Instance } from './vocabulary.ts';

export interface RegisteredModel {
  readonly id: string;
  readonly aliases: readonly string[];
  readonly entry: ModelEntry;
  /** Null for an entry with a server of its own. */
  readonly file: LibraryModel | null;
}

/** Spellings that are remembered; more than anybody uses. */
const REMEMBERED = 1000;

export class Registry {
  #listing: readonly LibraryModel[] | null = null;
  readonly #found = new Map<string, RegisteredModel>();

  constructor(
    private readonly library: Library,
    private settings: Pick<Settings, 'models'>,
    private readonly startedAt: number,
  ) {}

  /** Takes new settings; the library is told by whoever owns it. */
  update(settings: Pick<Settings, 'models'>): void {
    this.settings = settings;
    this.#found.clear();
  }

  all(): readonly RegisteredModel[] {
    const custom = Object.entries(this.settings.models)
      .filter(([, entry]) => hasOwnServer(entry))
      .map(([id, entry]): RegisteredModel => ({ id, aliases: entry.aliases ?? [], entry, file: null }));
    const customIds = new Set(custom.map((model) => model.id));
    const found = this.library
      .models()
      .filter((file) => !customIds.has(file.id))
      .map((file) => this.#joined(file));
    return [...custom, ...found];
  }

  /** By id, alias or file name; null where nothing is called so. What was found is remembered until something changes. */
  find(name: string): RegisteredModel | null {
    const listing = this.library.models();
    if (this.#listing !== listing) {
      this.#listing = listing;
      this.#found.clear();
    }
    const known = this.#found.get(name);
    if (known !== undefined) return known;
    const model = this.#look(name);
    if (model !== null && this.#found.size < REMEMBERED) this.#found.set(name, model);
    return model;
  }

  #look(name: string): RegisteredModel | null {
    const wanted = name.toLowerCase();
    for (const [id, entry] of Object.entries(this.settings.models)) {
      if (!hasOwnServer(entry)) continue;
      if (id.toLowerCase() === wanted || (entry.aliases ?? []).some((alias) => alias.toLowerCase() === wanted)) {
        return { id, aliases: entry.aliases ?? [], entry, file: null };
      }
    }
    const file = this.#calledBySomebody(wanted) ?? this.library.resolve(name);
    return file === null ? null : this.#joined(file);
  }

  /** The model that an entry without a file of its own gives another name; a model's id is nobody else's name. */
  #calledBySomebody(wanted: string): LibraryModel | null {
    const named = Object.entries(this.settings.models).find(
      ([, entry]) => !hasOwnServer(entry) && entry.aliases?.some((alias) => alias.toLowerCase() === wanted) === true,
    );
    if (named === undefined || this.library.models().some(({ id }) => id.toLowerCase() === wanted)) return null;
    return this.library.resolve(named[0]);
  }

  /** The same, or `not_found` with near names; a null name means the only model or the one that is preloaded first. */
  get(name: string | null, preload: readonly string[] = []): RegisteredModel {
    if (name === null || name === '') return this.#only(preload);
    const found = this.find(name);
    if (found !== null) return found;
    const nearNames = [...new Set([...this.#nearCustom(name), ...this.library.nearNames(name, 5)])].slice(0, 5);
    throw new Fault('not_found', `There is no model called "${name}".`, {
      hint:
        nearNames.length > 0
          ? `Did you mean ${nearNames.map((near) => `"${near}"`).join(' or ')}?`
          : 'List the models with GET /v1/models or "drover list".',
      details: { model: name, nearNames },
    });
  }

  view(model: RegisteredModel, instance: Instance | null): ModelView {
    const { file, entry } = model;
    return {
      id: model.id,
      aliases: model.aliases,
      title: entry.name ?? file?.title ?? model.id,
      description: entry.description ?? null,
      isListed: entry.unlisted !== true,
      kind: file?.facts?.kind ?? (file === null ? 'text' : 'unknown'),
      createdAt: file?.modifiedAt ?? this.startedAt,
      path: file?.path ?? null,
      sizeBytes: file?.sizeBytes ?? null,
      quantization: file?.facts?.quantization ?? null,
      parameterCount: file?.facts?.parameterCount ?? null,
      contextTokens: file?.facts?.contextTokens ?? null,
      hasVision: file?.projectorFacts?.projector?.hasVision === true,
      canUseTools: file?.facts?.canUseTools === true,
      isCustom: file === null,
      failure: file?.fault?.message ?? null,
      instance,
    };
  }

  #joined(file: LibraryModel): RegisteredModel {
    // A file may be called `constructor`.
    const { models } = this.settings;
    const entry = (Object.hasOwn(models, file.id) ? models[file.id] : undefined) ?? {};
    return { id: file.id, aliases: [...new Set([...(entry.aliases ?? []), ...file.aliases])], entry, file };
  }

  #only(preload: readonly string[]): RegisteredModel {
    const [first] = preload;
    if (first !== undefined) return this.get(first);
    const usable = this.all().filter((model) => model.file === null || model.file.fault === null);
    const [only] = usable;
    if (only !== undefined && usable.length === 1) return only;
    const names = usable.slice(0, 8).map((model) => model.id);
    throw new Fault('bad_request', 'The request names no model.', {
      hint:
        names.length === 0
          ? 'There is no model yet; put a GGUF file into a models folder.'
          : `Say which: ${names.join(', ')}.`,
      details: { param: 'model', nearNames: names },
    });
  }

  #nearCustom(name: string): string[] {
    const wanted = name.toLowerCase();
    return Object.entries(this.settings.models)
      .filter(
        ([id, entry]) =>
          hasOwnServer(entry) && (id.toLowerCase().includes(wanted) || wanted.includes(id.toLowerCase())),
      )
      .map(([id]) => id);
  }
}
