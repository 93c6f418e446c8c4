// What prompts leave out, and how much they may ask for: built-in figures, below those for all models, below those for one.
// Changes count at once and last until the end, unless they are saved into the configuration. It must never write before
// it is told to.
import { Fault } from '../base/fault.ts';
import type { Log } from '../base/log.ts';
import type { Settings } from '../config/schema.ts';
import type { ConfigEdit } from './config-file.ts';
import type { Configuration, ConfigWrite } from './configuration.ts';

/** All of them are sent to the engine, whether a request names them or not. */
export interface SamplingDefaults {
  readonly temperature: number;
  readonly maxTokens: number;
  readonly topP: number;
  readonly frequencyPenalty: number;
  readonly presencePenalty: number;
}

/** What is absent comes from the level below. */
export type SamplingChoice = { readonly [Name in keyof SamplingDefaults]?: SamplingDefaults[Name] | undefined };

export const BUILT_IN_SAMPLING: SamplingDefaults = {
  temperature: 0.7,
  maxTokens: 100,
  topP: 0.9,
  frequencyPenalty: 0,
  presencePenalty: 0,
};
const NAMES = Object.keys(BUILT_IN_SAMPLING) as readonly (keyof SamplingDefaults)[];

/** Settings of the server that count here, under their names in the configuration. */
export const SYSTEM_NAMES = [
  ...(['llamahomeTimeout', 'llamahomeBodyLimit', 'llamahomeRate', 'llamahomeBatchRate'] as const),
  ...(['llamahomeStreams', 'logLevel'] as const),
] as const;
export type SystemName = (typeof SYSTEM_NAMES)[number];
export type SystemValues = Pick<Settings, SystemName>;

/** As the configuration holds it. */
type Held = Settings['llamahomeDefaults'];

export interface GenerationView {
  /** Null: nobody has chosen one here. */
  readonly defaultModel: string | null;
  readonly sampling: SamplingDefaults;
  readonly models: Readonly<Record<string, SamplingChoice>>;
  readonly system: SystemValues;
}

export interface GenerationChange {
  readonly defaultModel?: string | null | undefined;
  readonly sampling?: SamplingChoice | undefined;
  /** By id. */
  readonly models?: Readonly<Record<string, SamplingChoice>> | undefined;
  readonly system?: Partial<SystemValues> | undefined;
}

export interface GenerationDefaultsOptions {
  /** As the configuration says it now. */
  readonly settings: () => Settings;
  /** Without any configuration. */
  readonly builtIn: SystemValues;
  readonly configuration: Pick<Configuration, 'set'>;
  readonly log: Log;
}

interface Working {
  readonly held: Held;
  readonly system: SystemValues;
}

export class GenerationDefaults {
  readonly #options: GenerationDefaultsOptions;
  /** Null: as the configuration says it. */
  #working: Working | null = null;
  /** What the configuration said when the working copy was made. */
  #basis = '';
  #isSaving = false;

  constructor(options: GenerationDefaultsOptions) {
    this.#options = options;
  }

  get system(): SystemValues {
    return this.#now().system;
  }

  /** Settings with what was changed here and is not saved yet. */
  over<S extends SystemValues>(settings: S): S {
    return this.#working === null ? settings : { ...settings, ...this.#working.system };
  }

  view(): GenerationView {
    const { held, system } = this.#now();
    return {
      defaultModel: held.model ?? null,
      sampling: { ...BUILT_IN_SAMPLING, ...choiceOf(held) },
      models: held.models ?? {},
      system,
    };
  }

  /** What counts for a model where a request says nothing. */
  samplingOf(modelId: string): SamplingDefaults {
    const { held } = this.#now();
    const { models = {} } = held;
    const own = Object.hasOwn(models, modelId) ? models[modelId] : undefined;
    return { ...BUILT_IN_SAMPLING, ...choiceOf(held), ...choiceOf(own ?? {}) };
  }

  change(change: GenerationChange): void {
    const { held, system } = this.#now();
    const models = Object.fromEntries(
      Object.entries(change.models ?? {}).map(([id, choice]) => [
        id,
        choiceOf({ ...(Object.hasOwn(held.models ?? {}, id) ? held.models?.[id] : {}), ...choiceOf(choice) }),
      ]),
    );
    const { model, ...rest } = held;
    const wanted = change.defaultModel === undefined ? model : (change.defaultModel ?? undefined);
    this.#take({
      held: {
        ...rest,
        ...(wanted === undefined ? {} : { model: wanted }),
        ...choiceOf(change.sampling ?? {}),
        models: { ...held.models, ...models },
      },
      system: { ...system, ...change.system },
    });
  }

  /** As if nothing had ever been configured; the file stays as it is. */
  reset(): void {
    this.#take({ held: {}, system: this.#options.builtIn });
  }

  /** Writes what counts now into the configuration, and nothing else. */
  async save(): Promise<ConfigWrite> {
    this.#isSaving = true;
    try {
      return await this.#options.configuration.set(this.#edits());
    } catch (thrown) {
      if (thrown instanceof Fault && thrown.kind === 'config_invalid') {
        throw new Fault('not_writable', `The configuration was not saved: ${thrown.message}`, {
          cause: thrown,
          hint: thrown.hint,
          blame: 'machine',
        });
      }
      throw thrown;
    } finally {
      this.#isSaving = false;
      this.#basis = this.#said();
      this.#apply();
    }
  }

  /** The configuration was read again: what it says anew counts more than what was changed here before. */
  takeUp(): void {
    if (this.#working === null || this.#isSaving) return;
    if (this.#said() !== this.#basis) this.#working = null;
    this.#apply();
  }

  #now(): Working {
    if (this.#working !== null) return this.#working;
    const settings = this.#options.settings();
    return { held: settings.llamahomeDefaults, system: systemOf(settings) };
  }

  #take(working: Working): void {
    if (this.#working === null) this.#basis = this.#said();
    this.#working = working;
    this.#apply();
  }

  #apply(): void {
    this.#options.log.level = this.#now().system.logLevel;
  }

  #said(): string {
    const settings = this.#options.settings();
    return JSON.stringify([settings.llamahomeDefaults, systemOf(settings)]);
  }

  /** What differs from the configuration; what is as built in is taken out of it. */
  #edits(): readonly ConfigEdit[] {
    const { held, system } = this.#now();
    const { settings, builtIn } = this.#options;
    const before = settings();
    const edits: ConfigEdit[] = SYSTEM_NAMES.filter((name) => system[name] !== before[name]).map((name) => ({
      path: [name],
      value: system[name] === builtIn[name] ? undefined : system[name],
    }));
    const old = before.llamahomeDefaults;
    const at = ['llamahomeDefaults'];
    if (isEmpty(held)) return isEmpty(old) ? edits : [...edits, { path: at, value: undefined }];
    edits.push(...differences(at, choiceOf(old), choiceOf(held)));
    if (held.model !== old.model) edits.push({ path: [...at, 'model'], value: held.model });
    const [was, is] = [old.models ?? {}, held.models ?? {}];
    for (const id of new Set([...Object.keys(was), ...Object.keys(is)])) {
      const own = Object.hasOwn(is, id) ? choiceOf(is[id] ?? {}) : {};
      const former = Object.hasOwn(was, id) ? choiceOf(was[id] ?? {}) : {};
      if (Object.keys(own).length > 0) edits.push(...differences([...at, 'models', id], former, own));
      else if (Object.hasOwn(was, id)) edits.push({ path: [...at, 'models', id], value: undefined });
    }
    return edits;
  }
}

const isEmpty = (held: Held): boolean =>
  held.model === undefined &&
  Object.keys(choiceOf(held)).length === 0 &&
  Object.values(held.models ?? {}).every((choice) => Object.keys(choiceOf(choice)).length === 0);

const differences = (at: readonly string[], was: SamplingChoice, is: SamplingChoice): ConfigEdit[] =>
  NAMES.filter((name) => was[name] !== is[name]).map((name) => ({ path: [...at, name], value: is[name] }));

/** Only what is said, and only what we know. */
export const choiceOf = (choice: SamplingChoice): Partial<SamplingDefaults> =>
  Object.fromEntries(NAMES.flatMap((name) => (choice[name] === undefined ? [] : [[name, choice[name]]])));

const systemOf = (settings: Settings): SystemValues =>
  Object.fromEntries(SYSTEM_NAMES.map((name) => [name, settings[name]])) as unknown as SystemValues;
