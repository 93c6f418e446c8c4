// Our own routes about one model, for people. Only words and schemas.
import type { Operation, Parameter } from '../described.ts';
import * as answer from './schema-models.ts';

const model: Parameter = {
  name: 'model',
  in: 'query',
  description: 'Id or alias.',
  isRequired: true,
  example: '{{model}}',
};

export const DETAILS: Operation = {
  summary: 'What a model’s file says of it',
  parameters: [model],
  answer: answer.detailsAnswer,
  errors: [400, 404],
};

export const ENTRY: Operation = {
  summary: 'What the configuration sets of a model',
  parameters: [model],
  answer: answer.entryAnswer,
  errors: [400, 404],
};

export const CHANGE_ENTRY: Operation = {
  summary: 'Set something of a model in the configuration',
  description: 'Comments stay. What runs goes on with its settings until it is loaded again.',
  body: { schema: answer.EntryBody },
  answer: answer.entryWriteAnswer,
  errors: [403, 404, 409],
};
