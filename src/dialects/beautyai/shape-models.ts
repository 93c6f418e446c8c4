// Between BeautyAI's words about models and ours: what a registry's entry means, and what a model looks like there. Pure.
import { Fault } from '../../base/fault.ts';
import { wrongValue } from '../../base/wrong-value.ts';
import type { RegisteredView } from '../../core/model-registrations.ts';
import type { Registration } from '../../core/model-resolution.ts';
import { splitQuantization } from '../../models/names.ts';
import { ModelConfig, type ModelConfigWords } from './schema-models.ts';
import { samplingOf } from './shape-sampling.ts';

type Words = Readonly<Record<string, unknown>>;
type Engine = Registration['engine'];

const ENGINES: readonly Engine[] = ['llama.cpp', 'transformers', 'vllm'];
const ARCHITECTURES: Readonly<Record<Engine, readonly string[] | null>> = {
  'llama.cpp': null,
  transformers: ['causal_lm', 'seq2seq_lm'],
  vllm: ['causal_lm'],
};
const QUANTIZATIONS: Readonly<Record<Exclude<Engine, 'llama.cpp'>, readonly string[]>> = {
  transformers: ['4bit', '8bit', 'none'],
  vllm: ['awq', 'squeezellm', 'none'],
};
const DTYPES = ['auto', 'half', 'float16', 'bfloat16', 'float', 'float32'];

/** Two names of one field, the first one ours. */
const SPELLINGS = [
  ['engine', 'engine_type'],
  ['architecture', 'model_architecture'],
] as const;

/** What an entry says. Throws `bad_request` that names the field. */
export function toRegistration(name: string, words: Words, place = 'model_config'): Registration {
  const config = checked(words, place);
  const engine = engineOf(config, place);
  const architecture = spelt(config, 'architecture', 'model_architecture', place) ?? 'causal_lm';
  const allowed = ARCHITECTURES[engine];
  if (allowed !== null && !allowed.includes(architecture)) {
    throw wrong(place, 'architecture', `${engine} knows ${allowed.join(' and ')}, not "${architecture}"`);
  }
  samplingOf(config.custom_generation_params ?? {}, `${place}.custom_generation_params`);
  return {
    name,
    engine,
    model: config.model_id.trim(),
    quantization: quantizationOf(engine, config, place),
    dtype: dtypeOf(engine, config, place),
    description: config.description ?? null,
    document: words,
  };
}

/** A whole registry's entries and its default. */
export function toRegistrations(models: Readonly<Record<string, Words>>): readonly Registration[] {
  const entries = Object.entries(models);
  if (entries.length === 0) throw new Fault('bad_request', '"models" is empty.', { details: { field: 'models' } });
  return entries.map(([name, words]) => toRegistration(name, words, `models.${name}`));
}

/** The words of an entry after a change: a field keeps the spelling that it had. */
export function changedWords(before: Words, updates: Words): Words {
  const after: Record<string, unknown> = { ...before };
  for (const [field, value] of Object.entries(updates)) {
    const spellings = SPELLINGS.find((names) => names.some((spelling) => spelling === field));
    const known = spellings?.find((spelling) => Object.hasOwn(before, spelling));
    after[known ?? field] = value;
  }
  return after;
}

function checked(words: Words, place: string): ModelConfigWords {
  const found = wrongValue(ModelConfig, words);
  if (found === null) return words as ModelConfigWords;
  const field = [place, ...found.path].join('.');
  const message = found.isMissing ? `${field} is required` : `"${field}" is not right: ${found.message}.`;
  throw new Fault('bad_request', message, { details: { field } });
}

function engineOf(config: ModelConfigWords, place: string): Engine {
  const said = spelt(config, 'engine', 'engine_type', place);
  if (said === undefined) {
    const field = `${place}.engine`;
    throw new Fault('bad_request', `${field} is required`, { details: { field } });
  }
  const engine = ENGINES.find((known) => known === said.toLowerCase());
  if (engine === undefined) throw wrong(place, 'engine', `it is one of ${ENGINES.join(', ')}, not "${said}"`);
  return engine;
}

function spelt(
  config: ModelConfigWords,
  first: 'engine' | 'architecture',
  second: 'engine_type' | 'model_architecture',
  place: string,
): string | undefined {
  const [one, other] = [config[first], config[second]];
  if (one !== undefined && other !== undefined && one !== other) {
    throw wrong(place, first, `it says "${one}" where ${second} says "${other}"`);
  }
  return one ?? other;
}

function quantizationOf(engine: Engine, config: ModelConfigWords, place: string): string | null {
  const said = config.quantization ?? 'none';
  const none = said.toLowerCase() === 'none' || said === '';
  if (engine === 'llama.cpp') {
    if (none) return null;
    const { quantization } = splitQuantization(`x-${said}`);
    if (quantization !== null) return quantization;
    throw wrong(place, 'quantization', `"${said}" is none of GGUF's; they are written like Q4_K_M`);
  }
  // Both spellings are in use.
  const meant = none ? 'none' : said.toLowerCase().replace(/^squeezelm$/, 'squeezellm');
  if (QUANTIZATIONS[engine].includes(meant)) return meant === 'none' ? null : meant;
  throw wrong(place, 'quantization', `${engine} knows ${QUANTIZATIONS[engine].join(', ')}, not "${said}"`);
}

function dtypeOf(engine: Engine, config: ModelConfigWords, place: string): string | null {
  const said = config.dtype ?? null;
  // A GGUF file says itself in which numbers it is written.
  if (said === null || engine === 'llama.cpp') return null;
  if (DTYPES.includes(said)) return said;
  throw wrong(place, 'dtype', `it is one of ${DTYPES.join(', ')}, not "${said}"`);
}

const wrong = (place: string, field: string, message: string): Fault =>
  new Fault('bad_request', `"${place}.${field}" is not right: ${message}.`, {
    details: { field: `${place}.${field}` },
  });

/** The words of a model: those that it was registered with, else what the library knows in the same words. */
export function configOf({ document, model, name, engine }: RegisteredView): Words {
  if (document !== null) return document;
  const quantization = model?.quantization ?? null;
  return {
    model_id: model?.aliases.find((alias) => alias.includes('/')) ?? name,
    engine,
    architecture: model === null || model.kind === 'text' ? 'causal_lm' : model.kind,
    quantization: quantization ?? 'none',
    parameters: model?.parameterCount == null ? {} : { parameter_count: model.parameterCount },
    ...(model?.description == null ? {} : { description: model.description }),
  };
}

const wordOf = (words: Words, ...names: readonly string[]): string => {
  const said = names.map((name) => words[name]).find((value) => typeof value === 'string');
  return typeof said === 'string' ? said : '';
};

const MB = 1024 * 1024;
const round = (value: number, digits: number): number => Number(value.toFixed(digits));

export const memoryMb = (view: RegisteredView): number | null =>
  view.residentBytes === null ? null : round(view.residentBytes / MB, 2);

export const loadSeconds = (view: RegisteredView): number | null =>
  view.loadMs === null ? null : round(view.loadMs / 1000, 3);

const statusOf = (view: RegisteredView): 'loaded' | 'unloaded' => (view.isLoaded ? 'loaded' : 'unloaded');

export function listedToWire(view: RegisteredView) {
  const words = configOf(view);
  return {
    model_name: view.name,
    model_id: wordOf(words, 'model_id'),
    architecture: wordOf(words, 'architecture', 'model_architecture') || 'causal_lm',
    engine: wordOf(words, 'engine', 'engine_type'),
    status: statusOf(view),
    memory_usage_mb: memoryMb(view),
  };
}

export const listToWire = (views: readonly RegisteredView[], limit: number | null, offset: number) => ({
  models: views.slice(offset, limit === null ? undefined : offset + limit).map(listedToWire),
  total_count: views.length,
});

/** What was registered, as one registry. */
export const registryToWire = (views: readonly RegisteredView[], defaultName: string | null) => ({
  default_model: defaultName,
  models: Object.fromEntries(views.flatMap(({ name, document }) => (document === null ? [] : [[name, document]]))),
});

export const addedToWire = (views: readonly RegisteredView[], defaultName: string | null) => {
  const names = views.map(({ name }) => name);
  const [first = ''] = names;
  if (names.length === 1) return { model_name: first, message: `${first} is registered.` };
  return {
    model_name: defaultName ?? first,
    message: `${names.length} models are registered.`,
    model_names: names,
  };
};

export const detailsToWire = (view: RegisteredView, defaultName: string | null) => ({
  data: {
    model_name: view.name,
    model_config: configOf(view),
    status: statusOf(view),
    memory_usage_mb: memoryMb(view),
    load_time_seconds: loadSeconds(view),
    is_default: view.name === defaultName,
  },
});

export function statusToWire(view: RegisteredView) {
  const instance = view.model?.instance ?? null;
  return {
    data: {
      model_name: view.name,
      status: statusOf(view),
      state: instance?.state ?? 'stopped',
      memory_usage_mb: memoryMb(view),
      load_time_seconds: loadSeconds(view),
      requests_in_flight: instance?.requestsInFlight ?? 0,
      requests_queued: instance?.requestsQueued ?? 0,
      loaded_at: view.isLoaded && instance !== null ? new Date(instance.since).toISOString() : null,
      failure: instance?.failure ?? view.model?.failure ?? null,
    },
  };
}

export const loadedToWire = (view: RegisteredView) => ({
  model_name: view.name,
  model_id: wordOf(configOf(view), 'model_id'),
  memory_usage_mb: memoryMb(view),
  load_time_seconds: loadSeconds(view),
  message: `${view.name} is loaded.`,
});

export const doneToWire = (name: string, what: string) => ({ data: { model_name: name, message: `${name} ${what}.` } });

export const removedToWire = (removed: { readonly name: string; readonly deletedFiles: readonly string[] }) => ({
  data: {
    model_name: removed.name,
    message: `${removed.name} is removed.`,
    deleted_files: [...removed.deletedFiles],
  },
});

export function validationToWire(view: RegisteredView, problems: readonly Fault[]) {
  const errors = problems.map(({ message, hint }) => (hint === undefined ? message : `${message} ${hint}`));
  const warnings: string[] = [];
  const words = configOf(view);
  if (view.document !== null) {
    try {
      toRegistration(view.name, words);
    } catch (thrown) {
      if (!(thrown instanceof Fault)) throw thrown;
      errors.push(thrown.message);
    }
  }
  if (view.engine === 'transformers' && wordOf(words, 'architecture', 'model_architecture') === 'seq2seq_lm') {
    warnings.push('"transformers serve" answers chats with causal models; this one may not answer them.');
  }
  if (wordOf(words, 'quantization').toLowerCase().startsWith('squeeze')) {
    warnings.push('Newer versions of vLLM have left squeezellm out.');
  }
  return { data: { model_name: view.name, valid: errors.length === 0, errors, warnings } };
}
