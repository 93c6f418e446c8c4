// One model in detail, and its entry in the configuration: what its file says of it, what somebody has set, and the change
// of that. It must never change what decides which program is run.
import { statSync } from 'node:fs';
import { Fault } from '../base/fault.ts';
import type { CacheType } from '../engine/command.ts';
import type { ModelFacts } from '../gguf/facts.ts';
import type { Library, LibraryModel } from '../models/library.ts';
import type { Configuration, ConfigWrite } from './configuration.ts';
import type { Drover, ModelView } from './drover.ts';

/** What a person may set of a model; null: not set, so automatic. */
export interface EntrySettings {
  readonly name: string | null;
  readonly description: string | null;
  readonly aliases: readonly string[] | null;
  readonly unlisted: boolean | null;
  readonly contextSize: number | null;
  readonly gpuLayers: number | null;
  readonly cacheType: CacheType | null;
  readonly parallel: number | null;
  readonly batchSize: number | null;
  readonly threads: number | null;
  readonly ttl: number | null;
  readonly pin: boolean | null;
}

export type EntryChange = { readonly [Name in keyof EntrySettings]?: EntrySettings[Name] | undefined };

export interface EntryView {
  readonly id: string;
  /** The configuration names it. */
  readonly isInFile: boolean;
  /** Null: it may be changed here; else why not. */
  readonly lockedBy: string | null;
  readonly settings: EntrySettings;
}

export interface EntryWrite {
  readonly entry: EntryView;
  /** Models that run with older settings. */
  readonly affected: readonly string[];
  readonly backupPath: string | null;
}

export interface ModelFile {
  readonly path: string;
  /** Null: it is not there any more. */
  readonly sizeBytes: number | null;
}

export interface ModelDetails {
  readonly model: ModelView;
  /** All parts of it, in order; its projector last. */
  readonly files: readonly ModelFile[];
  readonly projectorPath: string | null;
  /** Where it was found: a folder of ours, or another program's. */
  readonly origin: string | null;
  /** Null where there is no file that could be read. */
  readonly facts: FactsView | null;
}

type Shown =
  | ('architecture' | 'parameterCount' | 'blockCount' | 'embeddingLength' | 'feedForwardLength' | 'vocabularySize')
  | ('headCount' | 'headCountKv' | 'keyLength' | 'valueLength' | 'contextTokens' | 'slidingWindowTokens')
  | ('expertCount' | 'expertUsedCount' | 'isRecurrent' | 'isMla' | 'quantization' | 'isQuantizationDerived')
  | ('weightBytes' | 'tensorCount' | 'chatTemplate' | 'canUseTools' | 'canReason' | 'canInfill' | 'name')
  | ('provenance' | 'tensorMix');

/** Of what the header says, what people ask for. */
export type FactsView = Pick<ModelFacts, Shown> & {
  readonly sampling: Readonly<Record<string, number>>;
};

const FACTS: readonly Shown[] = [
  ...(['architecture', 'parameterCount', 'blockCount', 'embeddingLength', 'feedForwardLength'] as const),
  ...(['vocabularySize', 'headCount', 'headCountKv', 'keyLength', 'valueLength', 'contextTokens'] as const),
  ...(['slidingWindowTokens', 'expertCount', 'expertUsedCount', 'isRecurrent', 'isMla', 'quantization'] as const),
  ...(['isQuantizationDerived', 'weightBytes', 'tensorCount', 'chatTemplate', 'canUseTools', 'canReason'] as const),
  ...(['canInfill', 'name', 'provenance', 'tensorMix'] as const),
];

const SETTINGS: readonly (keyof EntrySettings)[] = [
  ...(['name', 'description', 'aliases', 'unlisted', 'contextSize', 'gpuLayers', 'cacheType'] as const),
  ...(['parallel', 'batchSize', 'threads', 'ttl', 'pin'] as const),
];

export interface ModelDeskOptions {
  readonly drover: Pick<Drover, 'model' | 'facts'>;
  readonly library: Pick<Library, 'models'>;
  readonly configuration: Pick<Configuration, 'view' | 'set'>;
}

export class ModelDesk {
  readonly #options: ModelDeskOptions;

  constructor(options: ModelDeskOptions) {
    this.#options = options;
  }

  /** Throws `not_found`. */
  details(name: string): ModelDetails {
    const { drover, library } = this.#options;
    const model = drover.model(name);
    const file = library.models().find(({ path }) => path === model.path) ?? null;
    const facts = drover.facts(model.id);
    return {
      model,
      files: file === null ? [] : filesOf(file),
      projectorPath: file?.projectorPath ?? null,
      origin: file?.origin ?? null,
      facts: facts === null ? null : viewOf(facts),
    };
  }

  /** Throws `not_found`. */
  entry(name: string): EntryView {
    const { id, isCustom } = this.#options.drover.model(name);
    const { values } = this.#options.configuration.view();
    const entry = values.models?.[id];
    const settings = Object.fromEntries(SETTINGS.map((key) => [key, entry?.[key] ?? null])) as unknown as EntrySettings;
    const lockedBy = isCustom ? 'Its entry has a command of its own: only the file can change it.' : null;
    return { id, isInFile: entry !== undefined, lockedBy, settings };
  }

  /**
   * Sets what is given; null takes a setting out. Comments and what else stands in the file stay. Throws `not_found`,
   * `forbidden` for an entry with a command, `conflict` for a name that is another model's, `config_invalid`.
   */
  async change(name: string, change: EntryChange): Promise<EntryWrite> {
    const before = this.entry(name);
    if (before.lockedBy !== null) throw new Fault('forbidden', before.lockedBy, { hint: 'See "drover config edit".' });
    for (const alias of change.aliases ?? []) this.#requireFree(alias, before);
    const edits = SETTINGS.flatMap((key) => {
      const value = change[key];
      if (value === undefined || isSame(value, before.settings[key])) return [];
      return [{ path: ['models', before.id, key], value: value === null ? undefined : value }];
    });
    const written: Pick<ConfigWrite, 'affected' | 'backupPath'> =
      edits.length === 0 ? { affected: [], backupPath: null } : await this.#options.configuration.set(edits);
    return { entry: this.entry(before.id), affected: written.affected, backupPath: written.backupPath };
  }

  /** A name that it has already is not judged: the file may say what it likes. */
  #requireFree(alias: string, { id, settings }: EntryView): void {
    if (settings.aliases?.includes(alias) === true) return;
    const holder = this.#holderOf(alias);
    if (holder === null || holder.id === id || (holder.id !== alias && !holder.aliases.includes(alias))) return;
    throw new Fault('conflict', `Another model is called "${alias}" already.`, {
      hint: 'Choose another name, or take it from that model first.',
      details: { field: 'settings.aliases', existingModelId: holder.id },
    });
  }

  #holderOf(name: string): ModelView | null {
    try {
      return this.#options.drover.model(name);
    } catch {
      return null;
    }
  }
}

const isSame = (left: unknown, right: unknown): boolean => JSON.stringify(left) === JSON.stringify(right);

const viewOf = (facts: ModelFacts): FactsView => ({
  ...(Object.fromEntries(FACTS.map((name) => [name, facts[name]])) as unknown as Pick<ModelFacts, Shown>),
  sampling: facts.sampling,
});

const filesOf = ({ files, projectorPath }: LibraryModel): readonly ModelFile[] =>
  [...files, ...(projectorPath === null ? [] : [projectorPath])].map((path) => ({ path, sizeBytes: sizeOf(path) }));

function sizeOf(path: string): number | null {
  try {
    return statSync(path).size;
  } catch {
    return null;
  }
}
