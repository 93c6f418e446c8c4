// The shapes of our own API about benchmarks: the body that is checked, the answer field by field.
import { Type } from '@sinclair/typebox';
import { epochMs, list, number, oneOf, orNull, text, whole, yes } from './schema-words.ts';

const several = (minimum: number, maximum: number, description: string) =>
  Type.Optional(Type.Array(Type.Integer({ minimum, maximum }), { minItems: 1, maxItems: 16, description }));

export const BenchBody = Type.Object(
  {
    model: Type.String({ minLength: 1, maxLength: 512, description: 'Id or alias.' }),
    promptLengths: several(1, 1_000_000, 'Tokens; default 128, 512, 2048.'),
    concurrencies: several(1, 64, 'Requests at the same time; default 1, 4.'),
    tokens: Type.Optional(Type.Integer({ minimum: 1, maximum: 100_000, description: 'To generate; default 64.' })),
    runs: Type.Optional(Type.Integer({ minimum: 1, maximum: 1000, description: 'Of each; default 3.' })),
    background: Type.Optional(Type.Boolean({ description: 'Answer at once; it goes on without its caller.' })),
    save: Type.Optional(
      Type.String({
        minLength: 1,
        maxLength: 100,
        // It stands in an address, and in a terminal.
        pattern: '^[^\\x00-\\x1f\\x7f/\\\\]*$',
        description: 'Keep it under this name.',
      }),
    ),
  },
  {
    additionalProperties: true,
    examples: [{ model: '{{model}}', promptLengths: [16], concurrencies: [1], tokens: 4, runs: 1 }],
  },
);

const statistics = () =>
  Type.Object(
    {
      count: whole(),
      average: number(),
      least: number(),
      most: number(),
      deviation: orNull(number('Of the sample; null of a single value.')),
      p50: number(),
      p95: number(),
    },
    { $id: 'Statistics' },
  );

const sampleAnswer = () =>
  Type.Object(
    {
      promptTokens: orNull(whole()),
      generatedTokens: orNull(whole()),
      promptMs: orNull(number()),
      generationMs: orNull(number()),
      firstPieceMs: orNull(number('Until the first piece of the answer.')),
      engineMs: number('From the question to the end.'),
      tokensPerSecond: orNull(number()),
      promptTokensPerSecond: orNull(number()),
    },
    { $id: 'BenchSample', description: 'One request, as the engine counted it.' },
  );

const cellAnswer = () =>
  Type.Object(
    {
      promptLength: orNull(whole('Tokens.')),
      maxTokens: whole(),
      concurrency: whole('Requests at the same time.'),
      samples: list(sampleAnswer(), { description: 'The first thousand.' }),
      generatedTokens: orNull(whole('Of all together.')),
      elapsedMs: number(),
      engineMs: orNull(statistics()),
      firstPieceMs: orNull(statistics()),
      tokensPerSecond: orNull(statistics()),
      promptTokensPerSecond: orNull(statistics()),
      totalTokensPerSecond: orNull(number('All that run at the same time together.')),
      requestsPerSecond: orNull(number()),
      use: Type.Object({
        peakResidentBytes: orNull(number()),
        peakVideoBytes: orNull(number()),
        cpuRatio: orNull(number('0–1, of all threads.')),
        gpuRatio: orNull(number('0–1.')),
      }),
    },
    { $id: 'BenchCell' },
  );

const reportAnswer = () =>
  Type.Object(
    {
      modelId: text(),
      at: epochMs(),
      loadMs: orNull(number('From the start of its process to its first healthy answer.')),
      wasLoaded: yes('Before the benchmark.'),
      contextTokens: orNull(whole('Of one request.')),
      slotCount: orNull(whole()),
      cells: list(cellAnswer()),
      skipped: list(Type.Object({ promptLength: orNull(whole()), reason: text() })),
    },
    { $id: 'BenchReport' },
  );

export const measuredAnswer = () =>
  Type.Object({ runId: orNull(text('Null: it was not kept.')), report: reportAnswer() }, { $id: 'Measured' });

export const benchedAnswer = () =>
  Type.Object({ runId: orNull(text('Null: it was not kept.')), report: orNull(reportAnswer()) });

const run = () =>
  Type.Object(
    {
      id: text(),
      name: orNull(text()),
      owner: text('Whose API asked for it.'),
      models: list(text()),
      kinds: list(text()),
      state: oneOf(['queued', 'running', 'completed', 'failed']),
      failure: orNull(text()),
      ratio: number('How far it has come, 0–1.'),
      createdAt: epochMs(),
      finishedAt: orNull(epochMs()),
      machine: text('On which it was measured.'),
      report: orNull(reportAnswer()),
    },
    { $id: 'BenchRun' },
  );

export const runsAnswer = () => Type.Object({ runs: list(run(), { description: 'Newest first.' }) });
export const runAnswer = run;
export const removedRunAnswer = () => Type.Object({ removed: yes() });
