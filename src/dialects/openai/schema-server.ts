// What our own routes beside OpenAI's answer: the list of models, health, what runs. These say every field that there
// is. Functions, made when somebody reads the document.
import { type TSchema, Type } from '@sinclair/typebox';

const optional = Type.Optional;
const orNull = (schema: TSchema): TSchema => Type.Union([schema, Type.Null()]);

export const modelAnswer = (): TSchema =>
  Type.Object(
    {
      id: Type.String(),
      object: Type.Literal('model'),
      created: Type.Integer({ description: 'Unix seconds.' }),
      owned_by: Type.Literal('claracore'),
      permission: Type.Array(Type.Unknown(), { description: 'Always empty.' }),
      root: Type.String({ description: 'The id again.' }),
      parent: Type.Null(),
      aliases: optional(Type.Array(Type.String())),
      description: optional(Type.String()),
      name: Type.String({ description: 'For people.' }),
      meta: Type.Object({
        n_ctx_train: orNull(Type.Integer({ description: 'Tokens of context that it was trained for.' })),
        n_params: orNull(Type.Number({ description: 'Weights.' })),
        size: orNull(Type.Number({ description: 'Bytes on disk.' })),
        ftype: orNull(Type.String({ description: 'The quantization.' })),
        kind: Type.String({ description: 'text, embedding, reranker, …' }),
      }),
      status: Type.Object({ value: Type.String({ description: 'loaded, loading, unloaded or failed.' }) }),
    },
    {
      $id: 'OpenaiModel',
      examples: [
        {
          id: '{{model}}',
          object: 'model',
          created: 1765000000,
          owned_by: 'claracore',
          permission: [],
          root: '{{model}}',
          parent: null,
          name: 'Qwen3 4B',
          meta: { n_ctx_train: 40960, n_params: 4022468096, size: 2497280256, ftype: 'Q4_K_M', kind: 'text' },
          status: { value: 'loaded' },
        },
      ],
    },
  );

export const modelsAnswer = (): TSchema =>
  Type.Object({ object: Type.Literal('list'), data: Type.Array(modelAnswer()) }, { $id: 'OpenaiModels' });

const runningModel = () =>
  Type.Object(
    {
      model: Type.String(),
      state: Type.String({ description: 'starting, ready or stopping.' }),
      name: Type.String(),
      description: Type.String(),
      proxy: Type.String({ description: 'Where its engine listens; empty until it does.' }),
      ttl: Type.Integer({ description: 'Seconds of idleness after which it stops; 0: never.' }),
    },
    { $id: 'RunningModel' },
  );

export const runningAnswer = (): TSchema => Type.Object({ running: Type.Array(runningModel()) });

export const okText = (): TSchema => Type.Literal('OK');
export const healthAnswer = (): TSchema => Type.Object({ status: Type.Literal('ok') });

export const infoAnswer = (): TSchema =>
  Type.Object({
    name: Type.Literal('drover'),
    version: Type.String(),
    started_at: Type.String({ format: 'date-time' }),
    engine: orNull(Type.Object({ version: Type.String(), backend: Type.String() })),
    model_count: Type.Integer(),
    running: Type.Array(runningModel()),
  });

export const metricsAnswer = (): TSchema => Type.String({ description: 'Prometheus’ text format, version 0.0.4.' });
