// Our own routes about benchmarks, for people. Only words and schemas.
import { Type } from '@sinclair/typebox';
import { type Operation, streamedText } from '../described.ts';
import { BenchBody, benchedAnswer, measuredAnswer, removedRunAnswer, runAnswer, runsAnswer } from './schema-bench.ts';

export const BENCH: Operation = {
  summary: 'Measure a model now',
  description:
    'Loads it if need be; loading is in no figure, and the prompt is processed anew each time. One benchmark runs at a time; one whose caller leaves ends, but for one in the background, which is answered at once with `runId` and no report. With ?stream=true the progress comes as lines of JSON, and the last line is the result or the error.',
  parameters: [{ name: 'stream', in: 'query', description: 'Tell the progress.', schema: Type.Boolean() }],
  body: { schema: BenchBody },
  answer: benchedAnswer,
  alternatives: {
    'application/x-ndjson': () =>
      streamedText('With ?stream=true: {"stage", "ratio"}…, then {"measured"} or {"error"}.'),
  },
  errors: [404, 409, 422, 502, 503, 507],
};

export const MEASURED: Operation = {
  summary: 'What a run has measured',
  description: 'Of a session of tests: the first that is completed.',
  parameters: [
    { name: 'id', in: 'path', description: 'Its id, or the name it was kept under.', example: '{{savedBench}}' },
  ],
  answer: measuredAnswer,
  errors: [404],
};

export const RUNS: Operation = {
  summary: 'The latest runs, kept and under way, with what they measured',
  parameters: [
    {
      name: 'limit',
      in: 'query',
      description: 'So many.',
      schema: Type.Integer({ minimum: 1, maximum: 500, default: 50 }),
    },
  ],
  answer: runsAnswer,
};

const run = { name: 'id', in: 'path', description: 'Of the run.', example: '{{savedBench}}' } as const;

export const CANCEL_RUN: Operation = {
  summary: 'End a run that waits or is under way',
  parameters: [run],
  answer: runAnswer,
  errors: [404],
};

export const REMOVE_RUN: Operation = {
  summary: 'Forget a run; one that is under way is ended',
  parameters: [run],
  answer: removedRunAnswer,
  errors: [404],
};
