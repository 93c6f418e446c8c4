// Models, their defaults and the configuration as LlamaHome's clients know them. Pure.
import { Fault } from '../../base/fault.ts';
import type { Settings } from '../../config/schema.ts';
import type { ModelView } from '../../core/drover.ts';
import type {
  GenerationChange,
  GenerationView,
  SamplingChoice,
  SamplingDefaults,
  SystemName,
} from '../../core/generation-defaults.ts';
import { toSampling } from './shape.ts';

const UNKNOWN = 'unknown';

export const modelsToWire = (views: readonly ModelView[], activeId: string | null) => ({
  models: views.filter((view) => view.isListed).map((view) => modelToWire(view, activeId)),
});

export const modelToWire = (view: ModelView, activeId: string | null) => ({
  id: view.id,
  name: view.title,
  version: versionIn(view.title),
  parameters: parametersText(view.parameterCount),
  context_length: view.contextTokens,
  loaded: view.instance?.state === 'ready',
  active: view.id === activeId,
  ...(view.failure === null ? {} : { error: view.failure }),
});

/** `Llama 3.3 70B Instruct` → `3.3`; a size is none. */
export function versionIn(title: string): string {
  const [, version] = /(?:^|[^\d.])v?(\d{1,3}(?:\.\d{1,3}){1,2})(?![\d.]*\s?[BMK]\b)(?!\d)/i.exec(title) ?? [];
  return version ?? UNKNOWN;
}

/** `8B`, `0.5B`, `135M`, `260K`: two digits that count. */
export function parametersText(count: number | null): string {
  if (count === null || count <= 0) return UNKNOWN;
  const [unit, size] = count >= 5e8 ? ['B', 1e9] : count >= 1e6 ? ['M', 1e6] : ['K', 1e3];
  const value = count / Number(size);
  return `${value >= 10 ? Math.round(value) : Number(value.toFixed(1))}${unit}`;
}

export const loadedToWire = (message: string) => ({ status: 'success', message });

const samplingToWire = (sampling: SamplingDefaults) => ({
  temperature: sampling.temperature,
  max_tokens: sampling.maxTokens,
  top_p: sampling.topP,
  frequency_penalty: sampling.frequencyPenalty,
  presence_penalty: sampling.presencePenalty,
});

/** Only what is said. */
const choiceToWire = (choice: SamplingChoice) =>
  Object.fromEntries(
    Object.entries(samplingToWire(choice as SamplingDefaults)).filter(([, value]) => value !== undefined),
  );

export const configuredToWire = (model: string, sampling: SamplingDefaults) => ({
  status: 'success',
  message: `Updated the defaults of ${model}.`,
  model,
  updated_params: samplingToWire(sampling),
});

/** Settings that are shown and can be changed. */
const SYSTEM_WORDS: Readonly<Record<SystemName, string>> = {
  llamahomeTimeout: 'request_timeout',
  llamahomeBodyLimit: 'max_body_mib',
  llamahomeRate: 'max_requests_per_minute',
  llamahomeBatchRate: 'max_batches_per_minute',
  llamahomeStreams: 'max_concurrent_streams',
  logLevel: 'log_level',
};

type Shown = Pick<Settings, 'healthCheckTimeout' | 'queueTimeout' | 'drainTimeout' | 'ttl' | 'offline'>;

export interface ConfigParts {
  readonly view: GenerationView;
  readonly meant: string | null;
  readonly settings: Shown;
  readonly version: string;
}

export function configToWire({ view, meant, settings, version }: ConfigParts) {
  return {
    model_settings: {
      default_model: view.defaultModel ?? meant,
      ...samplingToWire(view.sampling),
      models: Object.fromEntries(
        Object.entries(view.models)
          .map(([id, choice]) => [id, choiceToWire(choice)] as const)
          .filter(([, choice]) => Object.keys(choice).length > 0),
      ),
    },
    system_settings: {
      ...Object.fromEntries(
        Object.entries(SYSTEM_WORDS).map(([name, word]) => [word, view.system[name as SystemName]]),
      ),
      load_timeout: settings.healthCheckTimeout,
      queue_timeout: settings.queueTimeout,
      drain_timeout: settings.drainTimeout,
      model_ttl: settings.ttl,
      offline: settings.offline,
      version,
    },
  };
}

interface WireConfig {
  readonly model_settings?: {
    readonly default_model?: string | null;
    readonly models?: Readonly<Record<string, Parameters<typeof toSampling>[0]>>;
  } & Parameters<typeof toSampling>[0];
  readonly system_settings?: Readonly<Record<string, unknown>>;
}

/** `idOf` throws where there is no such model; `now` is what stands there already and may be sent back. */
export function toChange(
  { model_settings: models, system_settings: system }: WireConfig,
  now: ReturnType<typeof configToWire>,
  idOf: (name: string) => string,
): GenerationChange {
  const wanted = models?.default_model;
  const isSame = wanted === now.model_settings.default_model;
  return {
    ...(wanted === undefined || isSame ? {} : { defaultModel: wanted === null ? null : idOf(wanted) }),
    sampling: toSampling(models ?? {}),
    models: Object.fromEntries(
      Object.entries(models?.models ?? {}).map(([name, choice]) => [idOf(name), toSampling(choice)]),
    ),
    system: toSystem(system ?? {}, now.system_settings),
  };
}

function toSystem(wire: Readonly<Record<string, unknown>>, now: Readonly<Record<string, unknown>>) {
  const names = new Map(Object.entries(SYSTEM_WORDS).map(([name, word]) => [word, name]));
  const changes: Record<string, unknown> = {};
  for (const [word, value] of Object.entries(wire)) {
    const name = names.get(word);
    if (name !== undefined) changes[name] = value;
    else if (!Object.hasOwn(now, word) || now[word] !== value) throw notChangeable(word, Object.hasOwn(now, word));
  }
  return changes as GenerationChange['system'];
}

const notChangeable = (word: string, isKnown: boolean): Fault =>
  new Fault(
    'unprocessable',
    isKnown ? `"system_settings.${word}" cannot be changed here.` : `There is no setting "system_settings.${word}".`,
    { hint: `These can be: ${Object.values(SYSTEM_WORDS).join(', ')}.`, details: { field: `system_settings.${word}` } },
  );
