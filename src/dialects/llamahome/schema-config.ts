// LlamaHome's wire shapes of its configuration: what requests leave out, and what the server allows them.
import { Type } from '@sinclair/typebox';
import { open, orNull, samplingFields, text, whole } from './schema.ts';
import { effectiveFields } from './schema-models.ts';

const closed = { additionalProperties: false } as const;
const perMinute = (description: string) => Type.Optional(Type.Integer({ minimum: 0, maximum: 1_000_000, description }));

export const LOG_LEVEL_WORDS = ['debug', 'info', 'warn', 'error'] as const;
const logLevel = Type.Union(LOG_LEVEL_WORDS.map((word) => Type.Literal(word)));

/** What may be changed. Closed: a name that is written wrongly must not be taken for a change. */
export const ConfigBody = Type.Object(
  {
    model_settings: Type.Optional(
      Type.Object(
        {
          default_model: Type.Optional(orNull(Type.String({ minLength: 1, description: 'What `llama3.3` means.' }))),
          ...samplingFields,
          models: Type.Optional(
            Type.Record(Type.String(), Type.Object(samplingFields, closed), { description: 'The same for one model.' }),
          ),
        },
        closed,
      ),
    ),
    system_settings: Type.Optional(
      Type.Object(
        {
          request_timeout: Type.Optional(
            Type.Number({ minimum: 0.001, maximum: 2_000_000, description: 'Seconds that a request may take.' }),
          ),
          max_body_mib: Type.Optional(Type.Integer({ minimum: 1, maximum: 256 })),
          max_requests_per_minute: perMinute('0: no limit.'),
          max_batches_per_minute: perMinute('Requests with `prompts`; 0: no limit.'),
          max_concurrent_streams: Type.Optional(
            Type.Integer({ minimum: 0, maximum: 100_000, description: '0: no limit.' }),
          ),
          log_level: Type.Optional(logLevel),
        },
        // What cannot be changed may come back as it was read.
        open,
      ),
    ),
  },
  open,
);

export const configExamples = {
  'Read it': {},
  'Change it': { model_settings: { temperature: 0.7 }, system_settings: { request_timeout: 300 } },
};

const example = {
  model_settings: {
    default_model: 'llama-3.3-8b-q4_k_m',
    temperature: 0.7,
    max_tokens: 100,
    top_p: 0.9,
    frequency_penalty: 0,
    presence_penalty: 0,
    models: { 'llama-3.3-8b-q4_k_m': { temperature: 0.5 } },
  },
  system_settings: {
    request_timeout: 300,
    max_body_mib: 10,
    max_requests_per_minute: 60,
    max_batches_per_minute: 5,
    max_concurrent_streams: 10,
    log_level: 'info',
    load_timeout: 300,
    queue_timeout: 600,
    drain_timeout: 30,
    model_ttl: 0,
    offline: false,
    version: '0.1.0',
  },
};

const configFields = () => ({
  model_settings: Type.Object(
    {
      default_model: orNull(text),
      ...effectiveFields,
      models: Type.Record(Type.String(), Type.Object(samplingFields, open)),
    },
    open,
  ),
  system_settings: Type.Object(
    {
      request_timeout: Type.Number(),
      max_body_mib: whole,
      max_requests_per_minute: whole,
      max_batches_per_minute: whole,
      max_concurrent_streams: whole,
      log_level: text,
      load_timeout: Type.Number({ description: 'Seconds, as the following; none of these can be changed here.' }),
      queue_timeout: Type.Number(),
      drain_timeout: Type.Number(),
      model_ttl: Type.Number({ description: '0: a model stays until its memory is needed.' }),
      offline: Type.Boolean(),
      version: text,
    },
    open,
  ),
});

export const ConfigSchema = () => Type.Object(configFields(), { ...open, examples: [example] });

export const ResetSchema = () =>
  Type.Object(
    { status: Type.Literal('success'), message: text, ...configFields() },
    { ...open, examples: [{ status: 'success', message: 'All is as built in, until it is saved.', ...example }] },
  );

export const SavedSchema = () =>
  Type.Object(
    {
      status: Type.Literal('success'),
      message: text,
      backup: orNull(Type.String({ description: 'Where the old file lies.' })),
    },
    {
      ...open,
      examples: [
        { status: 'success', message: 'Saved to /data/config.yaml.', backup: '/data/backups/config.yaml.2026' },
      ],
    },
  );
