// Our own routes about downloads, repositories and the making of a configuration, for people. Only words and schemas.
import { Type } from '@sinclair/typebox';
import { SEARCH_ORDERS } from '../../models/hub-search.ts';
import { type Operation, type Parameter, streamedText } from '../described.ts';
import * as answer from './schema-desks.ts';
import { GenerateBody, PullBody } from './schema-desks.ts';
import { oneOf } from './schema-words.ts';

const REMOTE_ERRORS = [400, 401, 403, 404, 429, 502, 503];
const id = (example: string): Parameter => ({ name: 'id', in: 'path', description: 'Of the download.', example });

export const OFFER: Operation = {
  summary: 'What a repository offers, and how each of it would do on this machine',
  parameters: [
    {
      name: 'repository',
      in: 'query',
      description: '`owner/name` on Hugging Face.',
      isRequired: true,
      example: '{{repository}}',
    },
  ],
  answer: answer.offerAnswer,
  errors: REMOTE_ERRORS,
};

export const SEARCH: Operation = {
  summary: 'Search Hugging Face for models in GGUF',
  description: 'Each with what the hub says of it: size, context, architecture, purpose, licence.',
  parameters: [
    { name: 'query', in: 'query', description: 'Words.', example: 'gemma' },
    {
      name: 'sort',
      in: 'query',
      description: 'What comes first: the most of it, or the newest; `downloads` unless told.',
      schema: oneOf(SEARCH_ORDERS),
      example: 'likes',
    },
    {
      name: 'limit',
      in: 'query',
      description: 'So many.',
      schema: Type.Integer({ minimum: 1, maximum: 100, default: 20 }),
    },
  ],
  answer: answer.hitsAnswer,
  errors: REMOTE_ERRORS,
};

export const DESTINATIONS: Operation = {
  summary: 'Where a download may go, and the room there',
  description:
    'POST /drover/downloads takes one of these as `folder`, or a folder within; what lies outside the models folders is refused.',
  answer: answer.destinationsAnswer,
};

export const LOG_HISTORY: Operation = {
  summary: 'Older lines of the log and of the engines’, from their files',
  description:
    'The next page is what came before the oldest line’s time. What was said just now may not have come as far as the files: see GET /drover/logs.',
  parameters: [
    {
      name: 'before',
      in: 'query',
      description: 'Epoch milliseconds, not included; absent: the latest.',
      schema: Type.Integer({ minimum: 0 }),
    },
    {
      name: 'limit',
      in: 'query',
      description: 'So many of the latest, and what else has the same time as the oldest of them.',
      schema: Type.Integer({ minimum: 1, maximum: 5000, default: 1000 }),
    },
    { name: 'model', in: 'query', description: 'Only what this model and its engine said.' },
  ],
  answer: answer.logHistoryAnswer,
  errors: [400, 404],
};

export const DOWNLOADS: Operation = { summary: 'All downloads, oldest first', answer: answer.downloadsAnswer };

export const PULL: Operation = {
  summary: 'Download a model: of a repository alone the quantization that suits this machine',
  description: 'It goes into the folder for downloads, or into another one of GET /drover/destinations.',
  body: { schema: PullBody },
  answer: answer.downloadAnswer,
  errors: [...REMOTE_ERRORS, 409, 507],
};

export const PAUSE: Operation = {
  summary: 'Pause a download',
  parameters: [id('{{runningDownload}}')],
  answer: answer.downloadAnswer,
  errors: [404, 409],
};
export const RESUME: Operation = {
  summary: 'Go on with a paused or failed download',
  parameters: [id('{{runningDownload}}')],
  answer: answer.downloadAnswer,
  errors: [404, 409],
};
export const CANCEL: Operation = {
  summary: 'Cancel a download; what has come is removed',
  parameters: [id('{{runningDownload}}')],
  answer: answer.downloadAnswer,
  errors: [404, 409],
};
export const FORGET: Operation = {
  summary: 'Take an ended download off the list; its file stays',
  parameters: [id('{{endedDownload}}')],
  answer: answer.removedAnswer,
  errors: [404, 409],
};

export const REMOVE_MODEL: Operation = {
  summary: 'Take a model’s entry out of the configuration, and with ?file=true delete its file',
  parameters: [
    { name: 'model', in: 'path', description: 'Id or alias; it may hold slashes.', example: '{{configuredModel}}' },
    { name: 'file', in: 'query', description: 'Delete the file too.', schema: Type.Boolean() },
  ],
  answer: answer.removedModelAnswer,
  errors: [404, 409],
};

export const GENERATE: Operation = {
  summary: 'Make entries in the configuration for the models of a folder, or of all tracked ones',
  description: 'What was written by hand stays. With ?stream=true the progress comes as lines of JSON first.',
  parameters: [{ name: 'stream', in: 'query', description: 'Tell the progress.', schema: Type.Boolean() }],
  body: { schema: GenerateBody },
  answer: answer.generatedAnswer,
  alternatives: {
    'application/x-ndjson': () => streamedText('With ?stream=true: {"setup"}…, then {"generated"} or {"error"}.'),
  },
  errors: [404, 409],
};
