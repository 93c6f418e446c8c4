// BeautyAI's wire shapes of benchmarks, with examples.
import { type Static, Type } from '@sinclair/typebox';
import { count, enveloped, name, open, optional, orNull, percent, text, time } from './schema.ts';

export const BENCHMARK_TYPES = ['latency', 'throughput', 'comprehensive'] as const;

export const BenchmarkBody = Type.Object(
  {
    model_name: optional(orNull(name)),
    benchmark_type: optional(
      orNull(
        Type.Union(
          BENCHMARK_TYPES.map((type) => Type.Literal(type)),
          { description: 'Default: latency.' },
        ),
      ),
    ),
    config: optional(
      orNull(
        Type.Object(
          {
            num_runs: optional(orNull(Type.Integer({ minimum: 1, maximum: 1000, description: 'Default 5.' }))),
            prompt: optional(
              orNull(
                Type.String({
                  minLength: 1,
                  maxLength: 8 * 1024 * 1024,
                  description: 'Default: plain text of 128 tokens. A comprehensive benchmark has prompts of its own.',
                }),
              ),
            ),
            max_tokens: optional(orNull(Type.Integer({ minimum: 1, maximum: 100_000, description: 'Default 50.' }))),
            temperature: optional(orNull(Type.Number({ minimum: 0, maximum: 5, description: 'Default 0.' }))),
            duration_seconds: optional(
              orNull(
                Type.Number({ minimum: 0.1, maximum: 3600, description: 'Of a throughput benchmark; default 60.' }),
              ),
            ),
            concurrency: optional(
              orNull(
                Type.Integer({
                  minimum: 1,
                  maximum: 64,
                  description: 'Of a throughput benchmark; default: as many as the engine takes at the same time.',
                }),
              ),
            ),
          },
          open,
        ),
      ),
    ),
  },
  open,
);
export type BenchmarkWords = Static<typeof BenchmarkBody>;

export const benchmarkExamples = {
  Latency: { model_name: '{{model}}', benchmark_type: 'latency', config: { num_runs: 2, max_tokens: 8 } },
  Throughput: {
    model_name: '{{model}}',
    benchmark_type: 'throughput',
    config: { duration_seconds: 0.2, max_tokens: 4, concurrency: 1 },
  },
  Comprehensive: { model_name: '{{model}}', benchmark_type: 'comprehensive', config: { num_runs: 1, max_tokens: 4 } },
};

const figure = Type.Number();
const figures = (unit: string) =>
  orNull(
    Type.Object(
      { avg: figure, min: figure, max: figure, std: orNull(figure), p50: figure, p95: figure },
      { ...open, description: unit },
    ),
  );

const run = Type.Object(
  {
    run: count,
    latency_ms: figure,
    time_to_first_token_ms: orNull(figure),
    prompt_tokens: orNull(count),
    tokens_generated: orNull(count),
    tokens_per_second: orNull(figure),
    prompt_tokens_per_second: orNull(figure),
  },
  open,
);

const measured = {
  input_tokens: orNull(count),
  max_tokens: count,
  concurrency: count,
  latency_ms: figures('Of a request, from the question to its end; loading and waiting are not in it.'),
  time_to_first_token_ms: figures('From the question to the first piece.'),
  tokens_per_second: figures('Generated tokens by the time for them, as the engine counted both.'),
  prompt_tokens_per_second: figures('The same of the prompt.'),
  peak_memory_mb: orNull(figure),
  peak_vram_mb: orNull(figure),
  cpu_percent: orNull(percent),
  gpu_percent: orNull(percent),
};

/** Which of them there are is a matter of the type. */
const results = () =>
  Type.Object(
    {
      ...Object.fromEntries(Object.entries(measured).map(([key, schema]) => [key, optional(schema)])),
      runs: optional(Type.Array(run)),
      duration_seconds: optional(figure),
      total_requests: optional(count),
      total_tokens: optional(orNull(count)),
      total_tokens_per_second: optional(orNull(figure)),
      requests_per_second: optional(orNull(figure)),
      tests: optional(Type.Array(Type.Object({ ...measured, runs: Type.Array(run) }, open))),
      skipped: optional(Type.Array(Type.Object({ input_tokens: orNull(count), reason: text }, open))),
    },
    open,
  );

export const BenchmarkSchema = () =>
  enveloped(
    {
      model_name: text,
      benchmark_type: text,
      benchmark_id: optional(text),
      status: Type.Unsafe<string>({ type: 'string', enum: ['running', 'completed', 'error'] }),
      progress: percent,
      started_at: optional(time),
      error_message: optional(text),
      results: results(),
      summary: Type.Object({}, { ...open, description: 'The figures that matter most, empty until there are any.' }),
    },
    {
      model_name: '{{model}}',
      benchmark_type: 'latency',
      status: 'completed',
      progress: 100,
      results: {},
      summary: { avg_latency_ms: 212.5, p95_latency_ms: 230.1, avg_tokens_per_second: 61.3 },
    },
  );
