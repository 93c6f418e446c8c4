// Our own routes about benchmarks, for people. Only words and schemas.
import { Type } from '@sinclair/typebox';
import { type Operation, streamedText } from '../described.ts';
import { BenchBody, measuredAnswer } from './schema-bench.ts';

export const BENCH: Operation = {
  summary: 'Measure a model now',
  description:
    'Loads it if need be; loading is in no figure, and the prompt is processed anew each time. One benchmark runs at a time; one whose caller leaves ends. With ?stream=true the progress comes as lines of JSON, and the last line is the result or the error.',
  parameters: [{ name: 'stream', in: 'query', description: 'Tell the progress.', schema: Type.Boolean() }],
  body: { schema: BenchBody },
  answer: measuredAnswer,
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
