// What the engine's own routes answer, as llama-server really does: open objects, since builds differ. Functions, made
// when somebody reads the document.
import { type TSchema, Type } from '@sinclair/typebox';
import { named, timings } from './schema-answers.ts';

const open = { additionalProperties: true } as const;
const optional = Type.Optional;

const nativeCompletion = () =>
  Type.Object(
    {
      index: Type.Integer(),
      content: Type.String(),
      tokens: Type.Array(Type.Integer()),
      stop: Type.Boolean(),
      id_slot: Type.Integer(),
      model: Type.String(),
      tokens_predicted: Type.Integer(),
      tokens_evaluated: Type.Integer(),
      tokens_cached: Type.Integer(),
      generation_settings: Type.Object({}, { ...open, description: 'All settings that were in force.' }),
      prompt: Type.String(),
      truncated: Type.Boolean(),
      stop_type: Type.String({ description: 'eos, limit, word or none.' }),
      stopping_word: Type.String(),
      timings: timings(),
    },
    named('NativeCompletion', {
      index: 0,
      content: ' there was a ship.',
      tokens: [],
      stop: true,
      id_slot: 0,
      model: '{{model}}',
      tokens_predicted: 5,
      tokens_evaluated: 17,
      tokens_cached: 22,
      generation_settings: { temperature: 0.8, top_k: 40 },
      prompt: 'Once upon a time',
      truncated: false,
      stop_type: 'eos',
      stopping_word: '',
      timings: {
        cache_n: 0,
        prompt_n: 17,
        prompt_ms: 12.5,
        prompt_per_second: 1360,
        predicted_n: 5,
        predicted_ms: 50,
        predicted_per_second: 100,
      },
    }),
  );

export const nativeCompletionAnswer = (): TSchema =>
  Type.Union([nativeCompletion(), Type.Array(nativeCompletion())], {
    description: 'A list where several prompts were sent.',
  });
export const infillAnswer = (): TSchema => nativeCompletion();

export const nativeEmbeddingAnswer = (): TSchema =>
  Type.Array(
    Type.Object(
      {
        index: Type.Integer(),
        embedding: Type.Array(Type.Array(Type.Number()), { description: 'One row, or one per token without pooling.' }),
      },
      open,
    ),
    { $id: 'NativeEmbeddings', examples: [[{ index: 0, embedding: [[0.1176, 0.0181, -0.1964]] }]] },
  );

export const controlAnswer = (): TSchema =>
  Type.Object(
    {
      success: Type.Boolean({ description: 'False where no such completion runs.' }),
      message: optional(Type.String()),
    },
    { ...open, examples: [{ success: false, message: 'no active completion for this id' }] },
  );

export const tokenizeAnswer = (): TSchema =>
  Type.Object(
    {
      tokens: Type.Array(
        Type.Union([
          Type.Integer(),
          Type.Object(
            { id: Type.Integer(), piece: Type.Union([Type.String(), Type.Array(Type.Integer())]) },
            { ...open, description: 'With pieces; bytes where they are no UTF-8.' },
          ),
        ]),
      ),
    },
    { ...open, examples: [{ tokens: [9906, 11, 1917, 0] }] },
  );
export const detokenizeAnswer = (): TSchema =>
  Type.Object({ content: Type.String() }, { ...open, examples: [{ content: 'Hello, world!' }] });
export const templateAnswer = (): TSchema =>
  Type.Object({ prompt: Type.String() }, { ...open, examples: [{ prompt: 'user: Say hello.</s>assistant: ' }] });

export const propsAnswer = (): TSchema =>
  Type.Object(
    {
      default_generation_settings: Type.Object({}, open),
      total_slots: Type.Integer(),
      model_path: Type.String(),
      chat_template: Type.String(),
      modalities: optional(Type.Object({}, open)),
      build_info: optional(Type.String()),
    },
    open,
  );
export const slotsAnswer = (): TSchema =>
  Type.Array(Type.Object({ id: Type.Integer(), n_ctx: Type.Integer(), is_processing: Type.Boolean() }, open));
export const lorasAnswer = (): TSchema =>
  Type.Array(Type.Object({ id: Type.Integer(), path: Type.String(), scale: Type.Number() }, open));

export const upstreamAnswer = (): TSchema => Type.Unknown({ description: 'Whatever the engine answers.' });
