// BeautyAI's wire shapes of models, with examples.
import { type Static, Type } from '@sinclair/typebox';
import { count, enveloped, name, open, optional, orNull, text, time, withData } from './schema.ts';

const word = Type.String({ maxLength: 256 });

/** A registry's entry, in either spelling; whatever else stands there is kept. */
export const ModelConfig = Type.Object(
  {
    model_id: Type.String({ minLength: 1, maxLength: 1024 }),
    engine: optional(word),
    engine_type: optional(word),
    architecture: optional(word),
    model_architecture: optional(word),
    quantization: optional(orNull(word)),
    dtype: optional(orNull(word)),
    max_new_tokens: optional(orNull(Type.Integer({ minimum: 1, maximum: 10_000_000 }))),
    description: optional(orNull(Type.String({ maxLength: 10_000 }))),
    parameters: optional(orNull(Type.Object({}, open))),
    custom_generation_params: optional(orNull(Type.Object({}, open))),
  },
  open,
);
export type ModelConfigWords = Static<typeof ModelConfig>;

const addExample = {
  model_name: 'my-registered-model',
  model_config: {
    model_id: 'Qwen/Qwen2.5-7B-Instruct-AWQ',
    engine: 'vllm',
    architecture: 'causal_lm',
    quantization: 'awq',
    parameters: {},
  },
  set_as_default: false,
};

export const AddBody = Type.Object(
  { model_name: name, model_config: ModelConfig, set_as_default: optional(Type.Boolean()) },
  { ...open, examples: [addExample] },
);

/** A whole registry. */
export const RegistryBody = Type.Object(
  { default_model: optional(orNull(name)), models: Type.Record(Type.String(), ModelConfig) },
  open,
);

export const AddOrRegistryBody = Type.Union([AddBody, RegistryBody], { examples: [addExample] });

export const UpdateBody = Type.Object(
  { updates: optional(Type.Object({}, open)), set_as_default: optional(Type.Boolean()) },
  { ...open, examples: [{ updates: { description: 'A model of mine' }, set_as_default: false }] },
);

export const LoadBody = Type.Object(
  { force_reload: optional(Type.Boolean()) },
  { ...open, examples: [{ force_reload: false }] },
);

const status = Type.Union([Type.Literal('loaded'), Type.Literal('unloaded')]);
const memory = orNull(Type.Number({ description: 'Of 2^20 bytes, of the running process; null where nobody tells.' }));

const listed = {
  model_name: text,
  model_id: text,
  architecture: text,
  engine: text,
  status,
  memory_usage_mb: memory,
};
const listedExample = {
  model_name: '{{model}}',
  model_id: '{{model}}',
  architecture: 'causal_lm',
  engine: 'llama.cpp',
  status: 'loaded',
  memory_usage_mb: 812.5,
};

export const ListSchema = () =>
  enveloped(
    { models: Type.Array(Type.Object(listed, open)), total_count: count },
    { models: [listedExample], total_count: 1 },
  );

export const AddedSchema = () =>
  enveloped(
    { model_name: text, message: text },
    { model_name: 'my-registered-model', message: 'my-registered-model is registered.' },
  );

const details = {
  model_name: text,
  model_config: Type.Object({}, open),
  status,
  memory_usage_mb: memory,
  load_time_seconds: orNull(Type.Number({ description: 'Of the last load; null while it is not loaded.' })),
  is_default: Type.Boolean(),
};
const detailsExample = {
  model_name: '{{model}}',
  model_config: { model_id: '{{model}}', engine: 'llama.cpp', architecture: 'causal_lm', quantization: 'Q4_K_M' },
  status: 'loaded',
  memory_usage_mb: 812.5,
  load_time_seconds: 0.8,
  is_default: false,
};

export const DetailsSchema = () => withData(details, detailsExample);

export const StatusSchema = () =>
  withData(
    {
      model_name: text,
      status,
      state: Type.String({ description: 'stopped, starting, ready, stopping or failed.' }),
      memory_usage_mb: memory,
      load_time_seconds: details.load_time_seconds,
      requests_in_flight: count,
      requests_queued: count,
      loaded_at: orNull(time),
      failure: orNull(text),
    },
    {
      model_name: '{{model}}',
      status: 'loaded',
      state: 'ready',
      memory_usage_mb: 812.5,
      load_time_seconds: 0.8,
      requests_in_flight: 0,
      requests_queued: 0,
      loaded_at: '2026-01-02T03:04:05.678Z',
      failure: null,
    },
  );

export const LoadedSchema = () =>
  enveloped(
    {
      model_name: text,
      model_id: text,
      memory_usage_mb: memory,
      load_time_seconds: details.load_time_seconds,
      message: text,
    },
    {
      model_name: '{{model}}',
      model_id: '{{model}}',
      memory_usage_mb: 812.5,
      load_time_seconds: 0.8,
      message: '{{model}} is loaded.',
    },
  );

export const DoneSchema = () =>
  withData({ model_name: text, message: text }, { model_name: '{{model}}', message: '{{model}} is unloaded.' });

export const RemovedSchema = () =>
  withData(
    { model_name: text, message: text, deleted_files: Type.Array(text) },
    { model_name: 'my-registered-model', message: 'my-registered-model is removed.', deleted_files: [] },
  );

export const ValidationSchema = () =>
  withData(
    { model_name: text, valid: Type.Boolean(), errors: Type.Array(text), warnings: Type.Array(text) },
    { model_name: '{{model}}', valid: true, errors: [], warnings: [] },
  );
