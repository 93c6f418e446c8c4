// Models as requests register them: what somebody calls a model, where it comes from and which engine runs it. What is
// registered is a model like any other; what the library finds is listed beside it. One change at a time. It must never
// touch the configuration's file, nor a model's own.
import type { Bus } from '../base/bus.ts';
import { Fault, toFault } from '../base/fault.ts';
import type { Log } from '../base/log.ts';
import { Mailbox } from '../base/sync.ts';
import type { ModelEntry, Settings } from '../config/schema.ts';
import { sampleProcess } from '../hardware/process-sample.ts';
import type { Library } from '../models/library.ts';
import { requireUsableId } from './config-rules.ts';
import type { Configuration } from './configuration.ts';
import type { AcquireOptions, Drover, ModelView } from './drover.ts';
import { type BookedModel, type ModelBook, requireUnreserved, saysWhatItIs } from './model-book.ts';
import { entryFor, isUnsettled, type Registration, resolveModel } from './model-resolution.ts';
import type { ModelStorage } from './model-storage.ts';
import type { DroverEvent } from './vocabulary.ts';

export interface RegisteredView {
  readonly name: string;
  /** Null: it is registered, but not on this machine. */
  readonly model: ModelView | null;
  /** Null: nobody registered it; the library or the configuration has it. */
  readonly document: Readonly<Record<string, unknown>> | null;
  /** `llama.cpp`, `vllm`, `transformers`; `custom`: a command of the configuration. */
  readonly engine: string;
  readonly isLoaded: boolean;
  /** Of the running process; 0 where none runs, null where the system does not tell. */
  readonly residentBytes: number | null;
  /** Milliseconds that the last load took; null: it is not loaded. */
  readonly loadMs: number | null;
  /** Epoch milliseconds of the registration; null: none. */
  readonly registeredAt: number | null;
}

export interface ModelRegistrationsOptions {
  readonly book: ModelBook;
  readonly drover: Pick<Drover, 'models' | 'model' | 'load' | 'stop' | 'reload' | 'verdicts'>;
  readonly library: Pick<Library, 'resolve' | 'nearNames'>;
  readonly configuration: Pick<Configuration, 'preview'>;
  readonly storage: Pick<ModelStorage, 'requireDeletable' | 'deleteFiles'>;
  readonly bus: Bus<DroverEvent>;
  readonly log: Log;
  /** As they are now. */
  readonly settings: () => Pick<Settings, 'models'>;
  /** Whose these registrations are in the book. */
  readonly owner: string;
}

export class ModelRegistrations {
  readonly #options: ModelRegistrationsOptions;
  readonly #mailbox = new Mailbox();

  constructor(options: ModelRegistrationsOptions) {
    this.#options = options;
    options.bus.subscribe(({ event }) => {
      if (event.type === 'library.changed' && event.added.length > 0) this.#settle();
    });
  }

  /** What is registered first, then the others. */
  list(): readonly RegisteredView[] {
    const { book, drover } = this.#options;
    const models = new Map(drover.models().map((model) => [model.id, model]));
    const booked = book.all().map((entry) => this.#view(entry.name, models.get(entry.name) ?? null, entry));
    const names = new Set(booked.map(({ name }) => name));
    const others = [...models.values()].filter((model) => model.isListed && !names.has(model.id));
    return [...booked, ...others.map((model) => this.#view(model.id, model, null))];
  }

  /** By name or alias. Throws `not_found` with near names. */
  get(name: string): RegisteredView {
    const { book, drover } = this.#options;
    const booked = book.get(name);
    const model = this.#modelOf(name);
    if (model !== null) return this.#view(model.id, model, book.get(model.id));
    if (booked !== null) return this.#view(name, null, booked);
    // It says itself that there is none.
    return this.#view(name, drover.model(name), null);
  }

  /** The same; `unprocessable` where it is registered and not on this machine. */
  usable(name: string): RegisteredView {
    const view = this.get(name);
    if (this.#isLost(view)) throw this.#notHere(view.name);
    return view;
  }

  /** Null: nobody has chosen one. */
  get defaultName(): string | null {
    return this.#options.book.defaultModel;
  }

  /**
   * Registers models, all of them or none. Faults: `bad_request` for a name that cannot be one or a model that makes no
   * sense, `conflict` where there is a model of that name already.
   */
  add(registrations: readonly Registration[], defaultName: string | null): Promise<readonly RegisteredView[]> {
    const { book, owner, log } = this.#options;
    return this.#mailbox.send(async () => {
      const made: { readonly registration: Registration; readonly entry: ModelEntry }[] = [];
      for (const registration of registrations) {
        this.#requireFree(registration.name);
        made.push({ registration, entry: await entryFor(registration, null, this.#options) });
      }
      requireDistinct(registrations);
      if (defaultName !== null && !registrations.some(({ name }) => name === defaultName)) this.get(defaultName);
      for (const { entry, registration } of made) await this.#letGo(registration.name, entry);
      const added: string[] = [];
      const chosenBefore = book.defaultModel;
      try {
        for (const { entry, registration } of made) {
          book.add(registration.name, owner, entry, registration.document);
          added.push(registration.name);
        }
        if (defaultName !== null) book.setDefault(defaultName);
        await this.#options.drover.reload({ keepsRunning: true });
      } catch (thrown) {
        for (const name of added) book.remove(name);
        book.setDefault(chosenBefore);
        throw thrown;
      }
      log.info('registered models', { models: added });
      return added.map((name) => this.get(name));
    });
  }

  /**
   * Changes what is registered, or registers what was only found. `change` gets the words as they are and gives back the
   * whole. Faults: `not_found`, `bad_request`.
   */
  update(
    name: string,
    change: ((view: RegisteredView) => Registration) | null,
    isDefault: boolean | null,
  ): Promise<RegisteredView> {
    const { book, drover, owner } = this.#options;
    return this.#mailbox.send(async () => {
      const before = this.get(name);
      const id = before.name;
      if (change !== null) {
        this.#requireNotConfigured(id);
        const registration = change(before);
        const entry = await entryFor(registration, book.get(id)?.entry ?? null, this.#options);
        const booked = book.get(id);
        if (booked === null) book.add(id, owner, entry, registration.document);
        else book.update(id, { entry, document: registration.document });
        try {
          await drover.reload({ keepsRunning: true });
        } catch (thrown) {
          if (booked === null) book.remove(id);
          else book.update(id, booked);
          throw thrown;
        }
      }
      if (isDefault === true) book.setDefault(id);
      if (isDefault === false && book.defaultModel === id) book.setDefault(null);
      return this.get(id);
    });
  }

  /**
   * Takes a registration back; a model that runs is stopped. `withFiles` deletes what was downloaded for it. Faults:
   * `not_found`; `conflict` for a model of the configuration, one that was only found, and files that are not ours.
   */
  remove(
    name: string,
    withFiles: boolean,
  ): Promise<{ readonly name: string; readonly deletedFiles: readonly string[] }> {
    const { book, drover, storage, library } = this.#options;
    return this.#mailbox.send(async () => {
      const { name: id, model } = this.get(name);
      const path = model?.path ?? null;
      const files = withFiles && path !== null ? (library.resolve(id)?.files ?? [path]) : [];
      storage.requireDeletable(files);
      const isBooked = book.get(id) !== null;
      this.#requireNotConfigured(id);
      if (!isBooked && !withFiles) {
        throw new Fault('conflict', `${id} was found in a folder, not registered: there is nothing to take back.`, {
          hint: 'If Drover downloaded it, its file can be deleted instead.',
          details: { model: id },
        });
      }
      if (model !== null && isActive(model)) await drover.stop(id);
      if (isBooked) {
        book.remove(id);
        await drover.reload({ keepsRunning: true });
      }
      if (book.defaultModel === id) book.setDefault(null);
      if (files.length > 0) await storage.deleteFiles(id, files);
      return { name: id, deletedFiles: files };
    });
  }

  /** Loads it, unless it is loaded; `force`: in a new process. Faults as `Drover.load`; `unprocessable` where it is not here. */
  async load(name: string, options: AcquireOptions & { readonly force: boolean }): Promise<RegisteredView> {
    const { drover } = this.#options;
    const view = this.get(name);
    if (this.#isLost(view)) {
      await this.#mailbox.send(() => this.#resettle());
      if (this.#isLost(this.get(view.name))) throw this.#notHere(view.name);
    }
    if (options.force && view.model !== null && isActive(view.model)) await drover.stop(view.name);
    await drover.load(view.name, options);
    return this.get(view.name);
  }

  /** Throws `bad_request` where it is not loaded. */
  async unload(name: string): Promise<RegisteredView> {
    const view = this.get(name);
    if (view.model === null || !isActive(view.model)) {
      throw new Fault('bad_request', `${view.name} is not loaded.`, { details: { model: view.name } });
    }
    await this.#options.drover.stop(view.name);
    return this.get(view.name);
  }

  /** What would keep a model from being loaded; empty: nothing. Starts nothing. */
  problems(name: string): readonly Fault[] {
    const view = this.get(name);
    if (this.#isLost(view) || view.model === null) return [this.#notHere(view.name)];
    if (view.model.failure === null) return [];
    return [new Fault('unprocessable', view.model.failure)];
  }

  setDefault(name: string): RegisteredView {
    const view = this.get(name);
    this.#options.book.setDefault(view.name);
    return view;
  }

  #view(name: string, model: ModelView | null, booked: BookedModel | null): RegisteredView {
    const instance = model?.instance ?? null;
    const isLoaded = instance?.state === 'ready';
    const pid = instance?.pid ?? null;
    const verdict = instance?.verdict ?? null;
    return {
      name,
      model,
      document: booked?.document ?? null,
      engine: this.#engineOf(name, booked),
      isLoaded,
      residentBytes: pid === null ? 0 : (sampleProcess(pid)?.residentBytes ?? null),
      loadMs: isLoaded ? (verdict?.loadMs ?? null) : null,
      registeredAt: booked?.createdAt ?? null,
    };
  }

  #engineOf(name: string, booked: BookedModel | null): string {
    const { models } = this.#options.settings();
    const entry = Object.hasOwn(models, name) ? models[name] : booked?.entry;
    return entry?.cmd === undefined ? (entry?.engine ?? 'llama.cpp') : 'custom';
  }

  #modelOf(name: string): ModelView | null {
    try {
      return this.#options.drover.model(name);
    } catch (thrown) {
      if (toFault(thrown).kind === 'not_found') return null;
      throw thrown;
    }
  }

  #requireFree(name: string): void {
    requireUsableId(name);
    requireUnreserved(name);
    if (/^\.{1,2}$/.test(name)) throw new Fault('bad_request', `"${name}" cannot be a model's name.`);
    const wanted = name.toLowerCase();
    const names = [
      ...this.#options.book.all().map((booked) => booked.name),
      ...this.#options.drover.models().map(({ id }) => id),
    ];
    const holder = names.find((known) => known.toLowerCase() === wanted);
    if (holder === undefined) return;
    throw new Fault('conflict', `There is a model called "${holder}" already.`, {
      hint: 'Choose another name, or change that one.',
      details: { name: holder },
    });
  }

  /** A file that was running under the name that it was found by gets another: that process would be nobody's. */
  async #letGo(name: string, entry: ModelEntry): Promise<void> {
    if (entry.file === undefined) return;
    const { drover, library } = this.#options;
    const found = library.resolve(entry.file);
    if (found === null || found.id === name || found.origin === 'config') return;
    const model = this.#modelOf(found.id);
    if (model !== null && isActive(model)) await drover.stop(found.id);
  }

  /** What stands in the file is for the file to say. */
  #requireNotConfigured(id: string): void {
    const { models } = this.#options.settings();
    const entry = Object.hasOwn(models, id) ? models[id] : undefined;
    if (entry === undefined) return;
    const booked = this.#options.book.get(id);
    if (booked === null ? !saysWhatItIs(entry) : isSameModel(entry, booked.entry)) return;
    throw new Fault('conflict', `${id} has an entry in the configuration: it was not registered by a request.`, {
      hint: 'Change or delete that entry.',
      details: { model: id },
    });
  }

  #notHere(name: string): Fault {
    const booked = this.#options.book.get(name);
    const model = booked?.entry.model ?? name;
    return new Fault('unprocessable', `${name} is registered, but ${model} is not on this machine.`, {
      hint: `Bring it with "drover pull ${model}", then load it.`,
      blame: 'machine',
      details: { model: name },
    });
  }

  /** It is registered, and there is nothing to load. */
  #isLost({ name, model }: RegisteredView): boolean {
    const booked = this.#options.book.get(name);
    return model === null || (booked !== null && isUnsettled(booked.entry));
  }

  /** What was not here when it was registered may have come. */
  #settle(): void {
    if (this.#unsettled().length === 0) return;
    void this.#mailbox
      .send(() => this.#resettle())
      .catch((thrown: unknown) =>
        this.#options.log.warn(`a registered model was not taken up: ${toFault(thrown).message}`),
      );
  }

  #unsettled(): readonly BookedModel[] {
    const { book, owner } = this.#options;
    return book.all().filter((booked) => booked.owner === owner && isUnsettled(booked.entry));
  }

  async #resettle(): Promise<void> {
    const { book, drover } = this.#options;
    let isNews = false;
    for (const { name, entry } of this.#unsettled()) {
      const found =
        entry.model === undefined ? null : resolveModel(this.#options.library, entry.model, entry.quantization ?? null);
      if (found === null) continue;
      book.update(name, { entry: { ...entry, file: found.path } });
      isNews = true;
    }
    if (isNews) await drover.reload({ keepsRunning: true });
  }
}

/** Whatever else the configuration says of it. */
const isSameModel = (left: ModelEntry, right: ModelEntry): boolean =>
  left.file === right.file && left.cmd === right.cmd && left.engine === right.engine && left.model === right.model;

const isActive = ({ instance }: ModelView): boolean =>
  instance !== null && (instance.state === 'ready' || instance.state === 'starting' || instance.state === 'stopping');

function requireDistinct(registrations: readonly Registration[]): void {
  const names = registrations.map(({ name }) => name.toLowerCase());
  const twice = names.find((name, index) => names.indexOf(name) !== index);
  if (twice !== undefined) throw new Fault('bad_request', `"${twice}" stands there twice.`);
}
