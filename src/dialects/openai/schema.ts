// OpenAI's wire shapes as documentation: open, because what the engine understands is the engine's to say. They must
// never be used to check a relayed body: unknown fields survive.
import { type TSchema, Type } from '@sinclair/typebox';

const open = { additionalProperties: true } as const;
const model = Type.Optional(
  Type.String({
    description: 'Id or alias. Without it: the only model, or the default.',
    examples: ['qwen3-4b-q4_k_m'],
  }),
);
const stream = Type.Optional(Type.Boolean({ description: 'Server-sent events instead of one answer.' }));

export const ChatSchema = Type.Object(
  {
    model,
    messages: Type.Array(Type.Object({ role: Type.String(), content: Type.Unknown() }, open)),
    max_tokens: Type.Optional(Type.Integer()),
    temperature: Type.Optional(Type.Number()),
    stream,
  },
  {
    ...open,
    examples: [{ model: 'qwen3-4b-q4_k_m', messages: [{ role: 'user', content: 'Say hello.' }], max_tokens: 64 }],
  },
);

export const CompletionSchema = Type.Object(
  { model, prompt: Type.Unknown(), max_tokens: Type.Optional(Type.Integer()), stream },
  { ...open, examples: [{ model: 'qwen3-4b-q4_k_m', prompt: 'Once upon a time', max_tokens: 64 }] },
);

export const EmbeddingSchema = Type.Object(
  { model, input: Type.Unknown() },
  { ...open, examples: [{ model: 'nomic-embed-text-v1.5', input: 'hello' }] },
);

export const RerankSchema = Type.Object(
  { model, query: Type.String(), documents: Type.Array(Type.String()) },
  { ...open, examples: [{ model: 'bge-reranker-v2-m3', query: 'ship', documents: ['a boat', 'a tree'] }] },
);

export const AnySchema = Type.Object(
  { model },
  { ...open, examples: [{ model: 'qwen3-4b-q4_k_m', content: 'hello' }] },
);

export const ErrorSchema = Type.Object(
  {
    error: Type.Object({
      message: Type.String(),
      type: Type.String(),
      param: Type.Union([Type.String(), Type.Null()]),
      code: Type.Union([Type.String(), Type.Null()]),
    }),
  },
  {
    examples: [
      {
        error: {
          message: 'There is no model "qwen". Near names: qwen3-4b-q4_k_m.',
          type: 'invalid_request_error',
          param: 'model',
          code: 'model_not_found',
        },
      },
    ],
  },
);

const nullable = (schema: TSchema): TSchema => Type.Union([schema, Type.Null()]);

export const ModelSchema = Type.Object(
  {
    id: Type.String(),
    object: Type.Literal('model'),
    created: Type.Integer({ description: 'Unix seconds.' }),
    owned_by: Type.Literal('claracore'),
    permission: Type.Array(Type.Unknown()),
    root: Type.String(),
    parent: nullable(Type.String()),
    meta: Type.Object(
      {
        n_ctx_train: nullable(Type.Integer()),
        n_params: nullable(Type.Number()),
        size: nullable(Type.Number({ description: 'Bytes on disk.' })),
      },
      open,
    ),
    status: Type.Object({
      value: Type.String({ description: 'loaded, loading, unloaded or failed.' }),
    }),
  },
  {
    ...open,
    examples: [
      {
        id: 'qwen3-4b-q4_k_m',
        object: 'model',
        created: 1765000000,
        owned_by: 'claracore',
        permission: [],
        root: 'qwen3-4b-q4_k_m',
        parent: null,
        meta: { n_ctx_train: 40960, n_params: 4022468096, size: 2497280256 },
        status: { value: 'loaded' },
      },
    ],
  },
);

export const ModelListSchema = Type.Object({ object: Type.Literal('list'), data: Type.Array(ModelSchema) });

export const RunningSchema = Type.Object({
  running: Type.Array(Type.Object({ model: Type.String(), state: Type.String() }, open)),
});
