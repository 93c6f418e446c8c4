// Our own routes for people: what each takes, answers, and what may go wrong. Only words and schemas.
import { type TSchema, Type } from '@sinclair/typebox';
import { describer, type Operation, type Parameter, streamedText } from '../described.ts';
import { errorAnswer, LoadBody, PinBody, pinExamples, RestartBody, StopBody, stopExamples } from './schema.ts';
import * as answer from './schema-answers.ts';
import { oneOf } from './schema-words.ts';

export const described = describer({ tag: 'Drover', error: errorAnswer });

const NDJSON = 'application/x-ndjson';
const LOAD_ERRORS = [422, 502, 503, 507];

const query = (name: string, description: string, more: Partial<Parameter> = {}): Parameter => ({
  name,
  in: 'query',
  description,
  ...more,
});
const limit = (description: string, most: number, usual: number): Parameter =>
  query('limit', description, { schema: Type.Integer({ minimum: 0, maximum: most, default: usual }) });

export const STATUS: Operation = { summary: 'How the server is', answer: answer.statusAnswer };

export const MODELS: Operation = {
  summary: 'All models',
  description: 'Also those that cannot be used, with the reason.',
  answer: answer.modelsAnswer,
};

export const MODEL: Operation = {
  summary: 'One model',
  parameters: [{ name: 'model', in: 'path', description: 'Id or alias; it may hold slashes.', example: '{{model}}' }],
  answer: answer.modelAnswer,
  errors: [404],
};

export const LOAD: Operation = {
  summary: 'Load a model',
  description:
    'Waits until it is ready. With ?stream=true the progress comes as lines of JSON, and the last line is the instance or the error.',
  parameters: [query('stream', 'Tell the progress.', { schema: Type.Boolean() })],
  body: { schema: LoadBody },
  answer: answer.instanceAnswer,
  alternatives: {
    [NDJSON]: () => streamedText('With ?stream=true: {"stage", "detail"}…, then {"instance"} or {"error"}.'),
  },
  errors: [404, ...LOAD_ERRORS],
};

export const STOP: Operation = {
  summary: 'Stop a model, or all',
  description: 'Requests that run may end first, unless forced. To stop what is stopped is no error.',
  body: { schema: StopBody, examples: stopExamples },
  answer: answer.instancesAnswer,
  errors: [404],
};

export const PIN: Operation = {
  summary: 'Keep a model loaded, or let it go',
  body: { schema: PinBody, examples: pinExamples },
  answer: answer.modelAnswer,
  errors: [404],
};

const orAutomatic = (schema: TSchema): TSchema => Type.Union([schema, Type.Literal('auto')]);

export const FIT: Operation = {
  summary: 'What a model would take, without loading it',
  description:
    'What is not asked for is as its entry in the configuration has it; `auto` is as if that did not set it.',
  parameters: [
    query('model', 'Id or alias. Without it: the only model, or the default.', { example: '{{model}}' }),
    query('context', 'Tokens of context. Without it: as large as fits.', {
      schema: orAutomatic(Type.Integer({ minimum: 1, maximum: 100_000_000 })),
    }),
    query('gpuLayers', 'Blocks on the GPU, and the output layer. Without it: as many as fit.', {
      schema: orAutomatic(Type.Integer({ minimum: 0, maximum: 100_000 })),
    }),
    query('cacheType', 'Of the KV cache.', { schema: () => oneOf([...answer.CACHE_TYPES, 'auto']) }),
    query('slots', 'Requests at the same time.', {
      schema: orAutomatic(Type.Integer({ minimum: 1, maximum: 1024 })),
    }),
  ],
  answer: answer.fitAnswer,
  errors: [400, 404, 422, 503],
};

export const INSTANCES: Operation = { summary: 'The processes of models', answer: answer.instancesAnswer };

export const VERDICTS: Operation = { summary: 'What each load really did', answer: answer.verdictsAnswer };

export const EVENTS: Operation = {
  summary: 'All events, as they happen',
  description: [
    'An endless stream of server-sent events: `event` is the type, `id` the sequence, `data` a JSON object with `sequence`, `at`, `type` and the fields of the type:',
    'instance.changed, instance.progress, instance.verdict, instance.pinned, instance.unwanted, request.queued, request.finished, library.changed, config.changed, config.refused, engine.changed, engine.progress, engine.output, setup.progress, folders.changed, download.changed, test.progress, test.ended, restart.started, restart.failed, log, server.stopping.',
    'Lines of logs (log, engine.output) are sent to admins only.',
    'With ?samples the figures of the machine come among them as `machine.sample`: `at`, `cpuRatio`, `memory`, `gpus`, `instances`; they have no sequence and are not repeated.',
  ].join(' '),
  parameters: [
    query('after', 'Repeats what came after this sequence first.', { schema: Type.Integer({ minimum: 0 }) }),
    query('lines', 'false: no lines of logs.', { schema: Type.Boolean({ default: true }) }),
    query('samples', 'Figures of the machine, this often in milliseconds; 1: every two seconds.', {
      schema: Type.Integer({ minimum: 1, maximum: 60_000 }),
    }),
    {
      name: 'Last-Event-ID',
      in: 'header',
      description: 'The same; browsers send it when they connect again.',
      schema: Type.Integer({ minimum: 0 }),
    },
  ],
  answer: () => streamedText('Server-sent events.'),
  answerType: 'text/event-stream',
};

export const LOGS: Operation = {
  summary: 'The log, and the engines’',
  description: 'A JSON object a line: `at` (epoch milliseconds), `level`, `source`, `message`, `fields`.',
  parameters: [
    limit('So many of the latest lines.', 100_000, 100),
    query('model', 'Only what this model and its engine said.'),
    query('follow', 'Further lines as they come, without end.', { schema: Type.Boolean() }),
  ],
  answer: () => streamedText('Lines of JSON.'),
  answerType: NDJSON,
  errors: [400, 404],
};

export const HARDWARE: Operation = { summary: 'The machine', answer: answer.hardwareAnswer };

export const USAGE: Operation = {
  summary: 'Sums per model, and the latest requests',
  parameters: [limit('So many of the latest requests.', 10_000, 50)],
  answer: answer.usageAnswer,
  errors: [400],
};

export const RELOAD: Operation = {
  summary: 'Read the configuration again',
  description: 'Models that did not change keep their processes. A wrong file changes nothing.',
  answer: answer.reloadAnswer,
  errors: [400],
};

export const RESTART: Operation = {
  summary: 'Restart: read the configuration again, or let a new process take over',
  description:
    'Answered before anything happens. Soft: models that are configured as before keep running. Hard: a new process takes the address over without a gap, requests in flight end in the old one, and if the new one does not come up, the old one serves on; the event feed tells (`restart.failed`).',
  body: { schema: RestartBody, isOptional: true },
  answer: answer.restartAnswer,
  errors: [409],
};

export const RESCAN: Operation = { summary: 'Look for models again', answer: answer.modelsAnswer };
