// Our own routes about callers and keys, for people. Only words and schemas.
import { Type } from '@sinclair/typebox';
import type { Operation } from '../described.ts';
import * as answer from './schema-access.ts';
import { KeyBody } from './schema-access.ts';

export const ME: Operation = {
  summary: 'Who is asking, and what they may do',
  description: 'Any key or token that counts is enough.',
  answer: answer.callerAnswer,
};

export const KEYS: Operation = { summary: 'All keys, by name; never the keys themselves', answer: answer.keysAnswer };

export const MAKE_KEY: Operation = {
  summary: 'Make a key',
  description: 'From the first one on every caller needs one.',
  body: { schema: KeyBody },
  answer: answer.madeKeyAnswer,
  errors: [409],
};

export const REMOVE_KEY: Operation = {
  summary: 'Remove a key',
  parameters: [
    { name: 'name', in: 'path', description: 'Its name.', example: 'editor' },
    {
      name: 'force',
      in: 'query',
      description: 'The last one that may do everything, too.',
      schema: Type.Boolean({ default: false }),
    },
  ],
  answer: answer.removedKeyAnswer,
  errors: [404, 409],
  exampleStatus: 404,
};
