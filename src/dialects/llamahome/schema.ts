// What LlamaHome's wire shapes are made of, and those of prompts and their answers. Bodies are open: what a client sends
// beside is ignored; what we read is checked.
import { type TSchema, Type } from '@sinclair/typebox';

export const open = { additionalProperties: true } as const;
export const text = Type.String();
export const time = Type.String({ description: 'ISO 8601, UTC, with a Z.' });
export const whole = Type.Integer();
export const orNull = <S extends TSchema>(schema: S) => Type.Union([schema, Type.Null()]);

export const ErrorSchema = () =>
  Type.Object(
    {
      error: Type.Object(
        {
          code: Type.String({
            description: 'What happened, in a word: not_found, unprocessable, rate_limit_exceeded, …',
          }),
          message: text,
          details: Type.Optional(Type.Object({}, open)),
        },
        open,
      ),
    },
    {
      ...open,
      examples: [{ error: { code: 'bad_request', message: 'prompt is required', details: { field: 'prompt' } } }],
    },
  );

const temperature = Type.Number({ minimum: 0, maximum: 2, description: '0: always the likeliest token.' });
const maxTokens = Type.Integer({ minimum: 1, maximum: 1_000_000, description: 'Tokens to generate at most.' });
const topP = Type.Number({ minimum: 0, maximum: 1, description: 'Only the likeliest tokens up to this sum.' });
const penalty = (description: string) => Type.Number({ minimum: -2, maximum: 2, description });

/** How tokens are picked. */
export const samplingFields = {
  temperature: Type.Optional(temperature),
  max_tokens: Type.Optional(maxTokens),
  top_p: Type.Optional(topP),
  frequency_penalty: Type.Optional(penalty('Above 0: rather what was said less.')),
  presence_penalty: Type.Optional(penalty('Above 0: rather what was not said yet.')),
};

const prompt = Type.String({ minLength: 1, description: 'What the model is asked.' });
const model = Type.Optional(
  Type.String({ minLength: 1, description: 'Id or alias. `llama3.3` or none: the active model, else the default.' }),
);

const promptFields = {
  model,
  ...samplingFields,
  seed: Type.Optional(
    Type.Integer({ minimum: -1, maximum: 4_294_967_295, description: 'The same seed, the same answer.' }),
  ),
  top_k: Type.Optional(Type.Integer({ minimum: 0, maximum: 1_000_000 })),
  stop: Type.Optional(
    Type.Union([Type.String({ minLength: 1 }), Type.Array(Type.String({ minLength: 1 }), { maxItems: 64 })], {
      description: 'Texts that end the answer.',
    }),
  ),
};

const promptExample = { prompt: 'Say hello.', model: '{{model}}', temperature: 0.7, max_tokens: 16 };

export const PromptBody = Type.Object({ prompt, ...promptFields }, { ...open, examples: [promptExample] });

export const ProcessBody = Type.Object(
  {
    prompt: Type.Optional(prompt),
    prompts: Type.Optional(
      Type.Array(prompt, { minItems: 1, maxItems: 1000, description: 'Several at once, instead of one.' }),
    ),
    stream: Type.Optional(Type.Boolean({ description: 'Pieces as they come, as /api/stream has them.' })),
    ...promptFields,
  },
  open,
);
export const processExamples = {
  'One prompt': promptExample,
  'Several prompts': { prompts: ['Say hello.', 'Say goodbye.'], model: '{{model}}', max_tokens: 8 },
};

export type PromptFields = Readonly<typeof PromptBody.static>;

const usage = Type.Object(
  { prompt_tokens: orNull(whole), completion_tokens: orNull(whole), total_tokens: orNull(whole) },
  open,
);

const answerFields = {
  response: text,
  tokens_used: orNull(
    Type.Integer({ description: 'Of the prompt and the answer; null where the engine does not count.' }),
  ),
  processing_time: Type.Number({ description: 'Seconds, waiting for the model included.' }),
  model_used: text,
};

const answerExample = { response: 'Hello!', tokens_used: 21, processing_time: 0.84, model_used: 'llama-3.3-8b-q4_k_m' };

export const AnswerSchema = () => Type.Object(answerFields, { ...open, examples: [answerExample] });

const processed = {
  ...answerFields,
  text,
  usage,
  model: text,
  created: time,
  finish_reason: orNull(Type.String({ description: 'stop or length.' })),
};

export const ProcessedSchema = () =>
  Type.Union(
    [
      Type.Object(processed, open),
      Type.Object(
        {
          results: Type.Array(
            Type.Object(
              { index: whole, error: Type.Optional(Type.Object({ code: text, message: text }, open)) },
              { ...open, description: 'An answer as of one prompt, or what went wrong with it.' },
            ),
          ),
          tokens_used: orNull(whole),
          processing_time: Type.Number(),
        },
        open,
      ),
    ],
    {
      examples: [
        {
          ...answerExample,
          text: 'Hello!',
          usage: { prompt_tokens: 12, completion_tokens: 9, total_tokens: 21 },
          model: 'llama-3.3-8b-q4_k_m',
          created: '2026-01-02T03:04:05.000Z',
          finish_reason: 'stop',
        },
      ],
    },
  );
