// What the wire shapes of llamactl's API are made of, and its error. Bodies are open: what a client sends beside is ignored;
// what we read is checked.
import { Type } from '@sinclair/typebox';

export const open = { additionalProperties: true } as const;
export const text = Type.String();
export const time = Type.String({ description: 'ISO 8601, UTC, with a Z.' });

export const ErrorSchema = () =>
  Type.Object(
    {
      error: text,
      code: Type.String({ description: 'What happened, in a word: NOT_FOUND, CONFLICT, RATE_LIMITED, …' }),
      details: Type.String({ description: 'The next step, or more of the reason; empty where there is none.' }),
    },
    { ...open, examples: [{ error: 'username is required', code: 'BAD_REQUEST', details: '' }] },
  );
