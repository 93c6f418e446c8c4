// BeautyAI's wire shapes of chats, tests and sessions, with examples.
import { type Static, Type } from '@sinclair/typebox';
import { count, enveloped, name, open, optional, orNull, text, time, withData } from './schema.ts';

const role = Type.Union([Type.Literal('user'), Type.Literal('assistant'), Type.Literal('system')]);
const said = Type.String({ maxLength: 8 * 1024 * 1024 });
// Its fields are read where they are understood.
const config = optional(orNull(Type.Object({}, open)));

export const ChatBody = Type.Object(
  {
    model_name: optional(orNull(name)),
    message: said,
    session_id: optional(orNull(Type.String({ minLength: 1, maxLength: 256 }))),
    chat_history: optional(orNull(Type.Array(Type.Object({ role, content: said }, open), { maxItems: 10_000 }))),
    generation_config: config,
    stream: optional(orNull(Type.Boolean())),
  },
  {
    ...open,
    examples: [
      {
        model_name: '{{model}}',
        message: 'Hello, how are you?',
        generation_config: { max_tokens: 16, temperature: 0.7 },
      },
    ],
  },
);
export type ChatWords = Static<typeof ChatBody>;

const words = Type.Array(Type.String({ minLength: 1, maxLength: 10_000 }), { maxItems: 1000 });
const length = Type.Integer({ minimum: 0, maximum: 100_000_000 });

export const Criteria = Type.Object(
  {
    min_length: optional(orNull(length)),
    max_length: optional(orNull(length)),
    required_keywords: optional(orNull(words)),
    forbidden_content: optional(orNull(words)),
    check_coherence: optional(orNull(Type.Boolean())),
  },
  open,
);
export type CriteriaWords = Static<typeof Criteria>;

export const TestBody = Type.Object(
  {
    model_name: optional(orNull(name)),
    prompt: said,
    generation_config: config,
    validation_criteria: optional(orNull(Criteria)),
  },
  {
    ...open,
    examples: [
      {
        model_name: '{{model}}',
        prompt: 'Say hello.',
        generation_config: { max_tokens: 16 },
        validation_criteria: { min_length: 1, max_length: 10_000 },
      },
    ],
  },
);

const stats = Type.Object(
  {
    tokens_generated: orNull(Type.Integer({ minimum: 0, description: 'By the engine’s own count.' })),
    inference_time_ms: Type.Number({ description: 'Of the engine: the prompt and the answer, without loading.' }),
    tokens_per_second: orNull(Type.Number({ description: 'Tokens of the answer by the time that they took.' })),
    prompt_tokens: orNull(count),
    time_to_first_token_ms: orNull(Type.Number()),
    finish_reason: orNull(text),
  },
  open,
);
const statsExample = {
  tokens_generated: 16,
  inference_time_ms: 41.5,
  tokens_per_second: 452.1,
  prompt_tokens: 12,
  time_to_first_token_ms: 6.1,
  finish_reason: 'length',
};

export const ChatSchema = () =>
  enveloped(
    { response: text, session_id: text, model_name: text, generation_stats: stats },
    { response: 'Hello!', session_id: 'd2719e2c', model_name: '{{model}}', generation_stats: statsExample },
  );

export const TestSchema = () =>
  enveloped(
    {
      model_name: text,
      prompt: text,
      response: text,
      generation_stats: stats,
      validation_result: orNull(
        Type.Object(
          {
            valid: Type.Boolean(),
            checks: Type.Object(
              {
                length: Type.Integer({ minimum: 0, description: 'In characters.' }),
                keywords_found: Type.Array(text),
                forbidden_content_found: Type.Array(text),
                sentence_count: count,
              },
              open,
            ),
            errors: Type.Array(text),
          },
          open,
        ),
      ),
    },
    {
      model_name: '{{model}}',
      prompt: 'Say hello.',
      response: 'Hello!',
      generation_stats: statsExample,
      validation_result: {
        valid: true,
        checks: { length: 6, keywords_found: [], forbidden_content_found: [], sentence_count: 1 },
        errors: [],
      },
    },
  );

const id = Type.String({ minLength: 1, maxLength: 256 });
const file = Type.String({ minLength: 1, maxLength: 4096 });

export const SaveBody = Type.Object(
  { session_id: id, session_data: optional(orNull(Type.Object({}, open))), output_file: optional(orNull(file)) },
  {
    ...open,
    examples: [
      {
        session_id: 'an-example',
        session_data: { messages: [{ role: 'user', content: 'Hello' }] },
        output_file: null,
      },
    ],
  },
);
export const SavedSchema = () =>
  enveloped(
    { session_id: text, file_path: text, file_size_bytes: count },
    { session_id: 'an-example', file_path: 'beautyai_session_an-example.json', file_size_bytes: 213 },
  );

export const LoadSessionBody = Type.Object(
  { input_file: file },
  { ...open, examples: [{ input_file: '{{sessionFile}}' }] },
);
export const LoadedSessionSchema = () =>
  enveloped(
    { session_data: Type.Object({}, open), session_id: text, message_count: count },
    {
      session_data: { messages: [{ role: 'user', content: 'Hello' }] },
      session_id: 'an-example',
      message_count: 1,
    },
  );

const sessionExample = {
  session_id: 'an-example',
  session_name: 'an-example',
  model_name: '{{model}}',
  message_count: 2,
  file_path: 'beautyai_session_an-example.json',
  file_size_bytes: 213,
  created_at: '2026-01-02T03:04:05.678Z',
  updated_at: '2026-01-02T03:05:05.678Z',
};
export const SessionsSchema = () =>
  withData(
    {
      sessions: Type.Array(
        Type.Object(
          {
            session_id: text,
            session_name: text,
            model_name: orNull(text),
            message_count: orNull(count),
            file_path: orNull(text),
            file_size_bytes: orNull(count),
            created_at: time,
            updated_at: time,
          },
          open,
        ),
      ),
      total_count: count,
    },
    { sessions: [sessionExample], total_count: 1 },
  );

export const SessionDeletedSchema = () =>
  withData({ session_id: text, message: text }, { session_id: 'an-example', message: 'an-example is deleted.' });
