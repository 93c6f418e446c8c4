// What OpenAI's and Anthropic's routes answer, as llama-server really does: open objects, since builds differ and other
// servers may stand behind a model. Functions, made when somebody reads the document.
import { type TSchema, Type } from '@sinclair/typebox';

const open = { additionalProperties: true } as const;
const optional = Type.Optional;
const orNull = (schema: TSchema): TSchema => Type.Union([schema, Type.Null()]);
/** Of a schema with a name: open, and with one example. */
export const named = ($id: string, example: unknown) => ({ ...open, $id, examples: [example] });
const MADE_AT = 1_765_000_000;
const USED = { prompt_tokens: 30, completion_tokens: 12, total_tokens: 42 };
const unixSeconds = () => Type.Integer({ description: 'Unix seconds.' });

export const errorAnswer = (): TSchema =>
  Type.Object(
    {
      error: Type.Object(
        {
          message: Type.String({ description: 'What happened, and what to do.' }),
          type: Type.String(),
          param: optional(orNull(Type.String({ description: 'The field that is meant.' }))),
          code: Type.Union([Type.String(), Type.Integer(), Type.Null()], {
            description: 'Ours is a word. An error of the engine’s own has its status here; X-Drover-Blame says so.',
          }),
          engine_log: optional(Type.Array(Type.String(), { description: 'The engine’s last lines, where it failed.' })),
        },
        open,
      ),
    },
    {
      $id: 'OpenaiError',
      examples: [
        {
          error: {
            message: 'There is no model called "qwen". Did you mean "{{model}}"?',
            type: 'invalid_request_error',
            param: 'model',
            code: 'model_not_found',
          },
        },
      ],
    },
  );

export const anthropicError = (): TSchema =>
  Type.Object(
    {
      type: optional(Type.Literal('error')),
      error: Type.Object({ type: Type.String(), message: Type.String() }, open),
    },
    { ...open, $id: 'AnthropicError' },
  );

const usage = () =>
  Type.Object(
    {
      prompt_tokens: Type.Integer(),
      completion_tokens: optional(Type.Integer()),
      total_tokens: Type.Integer(),
      prompt_tokens_details: optional(Type.Object({ cached_tokens: Type.Integer() }, open)),
    },
    { ...open, $id: 'TokenUsage' },
  );

/** The engine's own stop-watch. */
export const timings = () =>
  Type.Object(
    {
      cache_n: Type.Integer({ description: 'Tokens of the prompt that were known already.' }),
      prompt_n: Type.Integer({ description: 'Tokens of the prompt that were computed.' }),
      prompt_ms: Type.Number(),
      prompt_per_second: orNull(Type.Number()),
      predicted_n: Type.Integer({ description: 'Tokens generated.' }),
      predicted_ms: Type.Number(),
      predicted_per_second: orNull(Type.Number()),
    },
    { ...open, $id: 'EngineTimings' },
  );

const completionOf = (object: string, choice: Record<string, TSchema>, $id: string, example: object): TSchema =>
  Type.Object(
    {
      id: Type.String(),
      object: Type.Literal(object),
      created: unixSeconds(),
      model: Type.String(),
      choices: Type.Array(
        Type.Object({ index: Type.Integer(), ...choice, finish_reason: orNull(Type.String()) }, open),
      ),
      usage: optional(usage()),
      timings: optional(timings()),
    },
    named($id, {
      id: 'chatcmpl-5c0qti38D0sw',
      object,
      created: MADE_AT,
      model: '{{model}}',
      choices: [{ index: 0, ...example, finish_reason: 'stop' }],
      usage: USED,
    }),
  );

export const chatAnswer = (): TSchema =>
  completionOf(
    'chat.completion',
    {
      message: Type.Object(
        {
          role: Type.Literal('assistant'),
          content: optional(orNull(Type.String())),
          reasoning_content: optional(orNull(Type.String({ description: 'What the model thought.' }))),
          tool_calls: optional(Type.Array(Type.Object({ id: Type.String(), type: Type.String() }, open))),
        },
        open,
      ),
    },
    'ChatCompletion',
    { message: { role: 'assistant', content: 'Hello! How can I help?' } },
  );

export const completionAnswer = (): TSchema =>
  completionOf('text_completion', { text: Type.String(), logprobs: optional(Type.Unknown()) }, 'Completion', {
    text: ' there was a ship.',
  });

export const embeddingAnswer = (): TSchema =>
  Type.Object(
    {
      object: Type.Literal('list'),
      model: Type.String(),
      data: Type.Array(
        Type.Object(
          {
            object: Type.Literal('embedding'),
            index: Type.Integer(),
            embedding: Type.Union([
              Type.Array(Type.Number()),
              Type.String({ description: 'base64, where asked for.' }),
            ]),
          },
          open,
        ),
      ),
      usage: optional(usage()),
    },
    named('EmbeddingList', {
      object: 'list',
      model: '{{embeddingModel}}',
      data: [{ object: 'embedding', index: 0, embedding: [0.1176, 0.0181, -0.1964] }],
      usage: { prompt_tokens: 6, total_tokens: 6 },
    }),
  );

export const rerankAnswer = (): TSchema =>
  Type.Union(
    [
      Type.Object(
        {
          object: Type.Literal('list'),
          model: Type.String(),
          results: Type.Array(Type.Object({ index: Type.Integer(), relevance_score: Type.Number() }, open), {
            description: 'The best first; index counts from 0 in the order that was sent.',
          }),
          data: optional(
            Type.Array(Type.Object({ index: Type.Integer(), relevance_score: Type.Number() }, open), {
              description: 'The same with `document`, as it was sent; below /v1/ only.',
            }),
          ),
          usage: optional(usage()),
        },
        open,
      ),
      Type.Array(Type.Object({ index: Type.Integer(), score: Type.Number() }, open), {
        description: 'Where texts were sent.',
      }),
    ],
    {
      $id: 'Ranking',
      examples: [
        {
          object: 'list',
          model: '{{rerankModel}}',
          results: [
            { index: 0, relevance_score: 0.98 },
            { index: 1, relevance_score: 0.02 },
          ],
          usage: { prompt_tokens: 22, total_tokens: 22 },
        },
      ],
    },
  );

export const responsesAnswer = (): TSchema =>
  Type.Object(
    {
      id: Type.String(),
      object: Type.Literal('response'),
      created_at: unixSeconds(),
      model: Type.String(),
      status: Type.String(),
      output: Type.Array(Type.Object({ type: Type.String() }, open)),
      usage: optional(
        Type.Object(
          { input_tokens: Type.Integer(), output_tokens: Type.Integer(), total_tokens: Type.Integer() },
          open,
        ),
      ),
    },
    named('Response', {
      id: 'resp_KHm70wj50J19',
      object: 'response',
      created_at: MADE_AT,
      model: '{{model}}',
      status: 'completed',
      output: [
        {
          type: 'message',
          role: 'assistant',
          status: 'completed',
          content: [{ type: 'output_text', text: 'Hello!', annotations: [] }],
        },
      ],
      usage: { input_tokens: 30, output_tokens: 12, total_tokens: 42 },
    }),
  );

export const messagesAnswer = (): TSchema =>
  Type.Object(
    {
      id: Type.String(),
      type: Type.Literal('message'),
      role: Type.Literal('assistant'),
      model: Type.String(),
      content: Type.Array(Type.Object({ type: Type.String() }, open)),
      stop_reason: orNull(Type.String()),
      stop_sequence: orNull(Type.String()),
      usage: Type.Object({ input_tokens: Type.Integer(), output_tokens: Type.Integer() }, open),
    },
    named('Message', {
      id: 'chatcmpl-ThFZtgxNmbgm',
      type: 'message',
      role: 'assistant',
      model: '{{model}}',
      content: [{ type: 'text', text: 'Hello!' }],
      stop_reason: 'end_turn',
      stop_sequence: null,
      usage: { input_tokens: 30, output_tokens: 12 },
    }),
  );

export const tokenCount = (): TSchema =>
  Type.Object({ input_tokens: Type.Integer() }, named('TokenCount', { input_tokens: 30 }));

export const transcriptionAnswer = (): TSchema =>
  Type.Object({ text: Type.String() }, { ...open, examples: [{ text: 'Good day.' }] });
export const sound = (): TSchema => Type.Unsafe<Blob>({ type: 'string', format: 'binary', description: 'The sound.' });
