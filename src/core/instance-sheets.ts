// What is written down of each instance: its port, options and times, and the verbs that change that: create, update,
// remove. Each model has such a sheet, whoever made it. It must never change a model without telling the core, nor leave
// half a change behind.
import { Fault } from '../base/fault.ts';
import { firstFreePort } from '../base/port.ts';
import type { ModelEntry, Settings } from '../config/schema.ts';
import type { Configuration } from './configuration.ts';
import type { Drover, ModelView } from './drover.ts';
import { heldPorts, LEAST_PORT, requireName, requirePath, requirePort } from './instance-names.ts';
import { entryOf, type InstanceOptions, mergedOptions, optionsOf } from './instance-options.ts';
import { type BookedModel, type ModelBook, saysWhatItIs } from './model-book.ts';

export interface InstanceSheet {
  /** Its own, or the server's, where it is asked for by its name. */
  readonly port: number;
  readonly isOwnPort: boolean;
  readonly options: InstanceOptions;
  /** Epoch milliseconds. */
  readonly createdAt: number;
  readonly updatedAt: number;
}

export interface NewInstance {
  readonly name: string;
  readonly modelPath: string;
  readonly port?: number | undefined;
  readonly options?: Readonly<Record<string, unknown>> | undefined;
}

export type InstanceChange = Partial<Omit<NewInstance, 'name'>>;

export interface InstanceSheetsOptions {
  readonly drover: Pick<Drover, 'models' | 'model' | 'reload' | 'status' | 'instances'>;
  readonly book: ModelBook;
  readonly configuration: Pick<Configuration, 'set' | 'remove'>;
  /** As they are now, the book's entries among them. */
  readonly settings: () => Settings;
  /** The models of the file alone. */
  readonly configured: () => Settings['models'];
}

/** In the book, models that were made here. */
const OWNER = 'llamactl';

export class InstanceSheets {
  readonly #options: InstanceSheetsOptions;
  #port = 0;

  constructor(options: InstanceSheetsOptions) {
    this.#options = options;
  }

  of(id: string, known?: ModelView): InstanceSheet {
    const booked = this.#booked(id);
    const { port, options } = booked?.document ?? {};
    const isOwnPort = typeof port === 'number';
    const createdAt = booked?.createdAt ?? (known ?? this.#options.drover.model(id)).createdAt;
    return {
      port: isOwnPort ? port : this.#serverPort(),
      isOwnPort,
      options: (options as InstanceOptions | undefined) ?? optionsOf(this.#entry(id)),
      createdAt,
      updatedAt: booked?.updatedAt ?? createdAt,
    };
  }

  /** The port that an instance has for itself; null: none. */
  ownPort(id: string): number | null {
    const { port } = this.#booked(id)?.document ?? {};
    return typeof port === 'number' ? port : null;
  }

  /** Faults: `bad_request`, `conflict`, `port_taken`. Nothing is kept then. */
  async create(made: NewInstance): Promise<void> {
    const { book, drover } = this.#options;
    const { name, modelPath } = made;
    requireName(name);
    requirePath(modelPath);
    const options = mergedOptions({}, made.options ?? {});
    const isTaken = (id: string): boolean => id.toLowerCase() === name.toLowerCase();
    if ([...drover.models().map(({ id }) => id), ...book.all().map((other) => other.name)].some(isTaken)) {
      throw new Fault('conflict', `There is an instance called "${name}" already.`, { details: { name } });
    }
    const port = this.#portFor(name, made.port);
    book.add(name, OWNER, entryOf(modelPath, options), { port, options });
    try {
      await drover.reload({ keepsRunning: true });
    } catch (thrown) {
      book.remove(name);
      throw thrown;
    }
  }

  /** True: it runs with what was before, until it is started again. Faults as `create`, and `forbidden`. */
  async update(id: string, change: InstanceChange): Promise<boolean> {
    const { book } = this.#options;
    if (change.modelPath !== undefined) requirePath(change.modelPath);
    const before = this.of(id);
    const options = mergedOptions(before.options, change.options ?? {});
    const isPortNew = change.port !== undefined && !(before.isOwnPort && before.port === change.port);
    const port = isPortNew ? this.#portFor(id, change.port) : this.ownPort(id);
    if (this.#isConfigured(id)) return this.#edit(id, options, change);
    const file = change.modelPath ?? this.#entry(id).file ?? this.#options.drover.model(id).path;
    if (file === null) throw ownCommand(id);
    const booked = book.get(id);
    const entry = { ...bare(booked?.entry ?? {}), ...entryOf(file, options) };
    const document = { ...booked?.document, port, options };
    if (booked === null) book.add(id, OWNER, entry, { ...document, isFound: true });
    else book.update(id, { entry, document });
    try {
      const isConcerned = await this.#reload(id);
      return isConcerned || (isPortNew && this.#isRunning(id));
    } catch (thrown) {
      if (booked === null) book.remove(id);
      else book.update(id, booked);
      throw thrown;
    }
  }

  /** Its file stays. Throws `conflict` for one that is there because its file is. */
  async remove(id: string): Promise<void> {
    const { book, configuration, drover } = this.#options;
    if (this.#isConfigured(id)) {
      await configuration.remove(id, false);
      return;
    }
    if (book.get(id) === null) {
      throw new Fault('conflict', `"${id}" was not created: it is there because its file was found.`, {
        hint: `To be rid of it, take the file away: DELETE /drover/models/${encodeURIComponent(id)}?file=true`,
      });
    }
    book.remove(id);
    await drover.reload({ keepsRunning: true });
  }

  #portFor(name: string, wanted: number | undefined): number {
    const held = heldPorts(this.#options.book.all());
    if (wanted !== undefined) {
      requirePort(wanted, held, name);
      return wanted;
    }
    const port = this.freePort();
    if (port === null) throw new Fault('port_taken', 'No port is free.', { hint: 'Set startPort lower.' });
    return port;
  }

  /** The one that the next instance gets; null: none is left. */
  freePort(): number | null {
    const from = Math.max(LEAST_PORT, this.#options.settings().startPort);
    const { book, drover } = this.#options;
    // An engine that is starting does not listen yet.
    const given = drover.instances().flatMap(({ portNumber }) => portNumber ?? []);
    return firstFreePort(from, new Set([...heldPorts(book.all()).keys(), ...given]));
  }

  /** A model of the configuration file: what it says is written there. */
  async #edit(id: string, options: InstanceOptions, change: InstanceChange): Promise<boolean> {
    const before = this.#entry(id);
    if (before.cmd !== undefined) throw ownCommand(id);
    if (
      change.port !== undefined ||
      ['auto_restart', 'max_restarts', 'restart_delay'].some((name) => name in options)
    ) {
      throw new Fault(
        'bad_request',
        `"${id}" stands in the configuration file: it has no port or restarts of its own.`,
        {
          hint: 'Create an instance of its file under another name.',
        },
      );
    }
    const { modelPath } = change;
    const after = entryOf(modelPath ?? '', options);
    const edits = FIELDS.map((field) => ({ path: ['models', id, field], value: after[field] as unknown }));
    if (modelPath !== undefined) edits.push({ path: ['models', id, 'file'], value: modelPath });
    const { affected } = await this.#options.configuration.set(edits);
    return affected.includes(id);
  }

  async #reload(id: string): Promise<boolean> {
    return (await this.#options.drover.reload({ keepsRunning: true })).includes(id);
  }

  #isRunning(id: string): boolean {
    return this.#options.drover.model(id).instance?.state === 'ready';
  }

  #booked(id: string): BookedModel | null {
    // The file has the last word.
    return this.#isConfigured(id) ? null : this.#options.book.get(id);
  }

  /** The file says what it is; or how it is run, and nobody has registered it. */
  #isConfigured(id: string): boolean {
    const configured = this.#options.configured();
    const entry = Object.hasOwn(configured, id) ? configured[id] : undefined;
    return entry !== undefined && (saysWhatItIs(entry) || this.#options.book.get(id) === null);
  }

  #entry(id: string): ModelEntry {
    const { models } = this.#options.settings();
    return (Object.hasOwn(models, id) ? models[id] : undefined) ?? {};
  }

  /** It never changes while the server runs, and a long list asks for it often. */
  #serverPort(): number {
    const [url] = this.#port === 0 ? this.#options.drover.status().urls : [];
    if (url !== undefined) this.#port = Number(new URL(url).port) || 80;
    return this.#port;
  }
}

/** Fields of an entry that options speak for. */
const FIELDS = ['threads', 'contextSize', 'batchSize', 'gpuLayers', 'flags'] as const;

const bare = (entry: ModelEntry): ModelEntry =>
  Object.fromEntries(Object.entries(entry).filter(([field]) => !(FIELDS as readonly string[]).includes(field)));

const ownCommand = (id: string): Fault =>
  new Fault('bad_request', `"${id}" is a command of its own: its options are not ours to change.`, {
    hint: `Edit models.${id} in the configuration file.`,
  });
