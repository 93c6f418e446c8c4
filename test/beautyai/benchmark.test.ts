// BeautyAI's benchmark on the compiled executable with the real engine: each type field by field, in the background by its
// id, and ended when its caller leaves.
import { afterAll, beforeAll, expect, test } from 'bun:test';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type RunningDrover, startDrover, temporaryFolder } from '../fixtures/drover.ts';
import { tinyLlama } from '../fixtures/tiny-models.ts';
import { ends, follow } from '../obt/testbed.ts';

const root = temporaryFolder('beautyai-benchmark');
let drover: RunningDrover;
beforeAll(async () => {
  const models = join(root.path, 'models');
  mkdirSync(models);
  writeFileSync(join(models, 'talker.gguf'), tinyLlama({ name: 'Talker' }));
  writeFileSync(join(models, 'small.gguf'), tinyLlama({ name: 'Small', contextTokens: 512 }));
  drover = await startDrover({ modelsFolders: [models], oneThread: ['talker-f32', 'small-f32'] });
});
afterAll(async () => {
  await drover?.[Symbol.asyncDispose]();
  root[Symbol.dispose]();
});

const number = expect.any(Number);
const STATISTICS = { avg: number, min: number, max: number, std: number, p50: number, p95: number };
const ENVELOPE = {
  success: true,
  timestamp: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/),
  execution_time_ms: number,
};
const MEASURED = {
  input_tokens: number,
  max_tokens: number,
  concurrency: 1,
  latency_ms: STATISTICS,
  time_to_first_token_ms: STATISTICS,
  tokens_per_second: STATISTICS,
  prompt_tokens_per_second: STATISTICS,
  peak_memory_mb: number,
  peak_vram_mb: null,
  // Null where a run is too short for the kernel's clock.
  cpu_percent: expect.any(Number),
  gpu_percent: null,
};

interface Run {
  readonly run: number;
  readonly latency_ms: number;
  readonly time_to_first_token_ms: number;
  readonly prompt_tokens: number;
  readonly tokens_generated: number;
  readonly tokens_per_second: number;
}
interface Answer {
  readonly benchmark_id?: string;
  readonly status: string;
  readonly progress: number;
  readonly error_message?: string;
  readonly results: {
    readonly runs?: Run[];
    readonly tests?: { readonly input_tokens: number; readonly runs: Run[] }[];
  } & Record<string, unknown>;
  readonly summary: Readonly<Record<string, unknown>>;
}
/** Of a run that is too short for the kernel's clock nobody can tell the processor's share. */
const told = (answer: Answer): Answer => ({
  ...answer,
  results: { ...answer.results, ...(answer.results.cpu_percent === null ? { cpu_percent: 0 } : {}) },
});
const benchmark = (body: object, query = ''): Promise<Answer> =>
  drover.json<Answer>(`/inference/benchmark${query}`, body);

test('latency: five runs of fifty tokens unless told; the summary is of the runs', async () => {
  const answer = await benchmark({ model_name: 'talker-f32', benchmark_type: 'latency' });
  expect(told(answer) as unknown).toEqual({
    ...ENVELOPE,
    model_name: 'talker-f32',
    benchmark_type: 'latency',
    status: 'completed',
    progress: 100,
    results: { ...MEASURED, runs: expect.any(Array) },
    summary: {
      num_runs: 5,
      avg_latency_ms: number,
      min_latency_ms: number,
      max_latency_ms: number,
      std_latency_ms: number,
      p50_latency_ms: number,
      p95_latency_ms: number,
      avg_time_to_first_token_ms: number,
      avg_tokens_per_second: number,
      load_time_ms: number,
      was_loaded: false,
      peak_memory_mb: number,
    },
  });
  const { runs = [] } = answer.results;
  expect(runs.map(({ run, prompt_tokens, tokens_generated }) => [run, prompt_tokens, tokens_generated])).toEqual(
    [1, 2, 3, 4, 5].map((run) => [run, 128, 50]),
  );
  const latencies = runs.map(({ latency_ms }) => latency_ms).sort((left, right) => left - right);
  expect(answer.summary.avg_latency_ms).toBeCloseTo(latencies.reduce((sum, value) => sum + value, 0) / 5, 2);
  expect(answer.summary.p50_latency_ms).toBe(latencies[2] ?? 0);
  expect([answer.summary.min_latency_ms, answer.summary.max_latency_ms]).toEqual([latencies[0], latencies[4]]);
  const { requests } = await drover.json<{ requests: { generatedTokens: number; generationMs: number }[] }>(
    '/drover/usage?limit=5',
  );
  for (const [index, { tokens_per_second }] of runs.entries()) {
    const usage = requests[index];
    expect(tokens_per_second).toBeCloseTo(((usage?.generatedTokens ?? 0) * 1000) / (usage?.generationMs ?? 1), 2);
  }
});

test('what is asked for is what is sent; a path of the document with a last slash is the same', async () => {
  const config = { num_runs: 2, prompt: 'the water of the river', max_tokens: 7, temperature: 1.5 };
  const response = await drover.request('/inference/benchmark/', {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ model_name: 'talker', config }),
  });
  const { results, summary } = (await response.json()) as Answer;
  expect(summary).toMatchObject({ num_runs: 2, was_loaded: true });
  expect(results.runs?.map(({ tokens_generated }) => tokens_generated)).toEqual([7, 7]);
  expect(results.runs?.[0]?.prompt_tokens).toBeLessThan(30);
});

test('throughput: for so long, all together', async () => {
  const config = { duration_seconds: 0.3, max_tokens: 5, concurrency: 2 };
  const answer = await benchmark({ model_name: 'talker-f32', benchmark_type: 'throughput', config });
  expect(told(answer).results as unknown).toEqual({
    ...MEASURED,
    concurrency: 2,
    duration_seconds: number,
    total_requests: number,
    total_tokens: number,
    total_tokens_per_second: number,
    requests_per_second: number,
  });
  const {
    duration_seconds: seconds,
    total_requests: requests,
    total_tokens: tokens,
  } = answer.results as Record<string, number>;
  expect(seconds).toBeGreaterThanOrEqual(0.3);
  expect(tokens).toBe((requests ?? 0) * 5);
  expect(answer.results.total_tokens_per_second).toBeCloseTo((tokens ?? 0) / (seconds ?? 1), -1);
  expect(answer.summary).toMatchObject({
    total_requests: requests ?? 0,
    tokens_per_second: number,
    requests_per_second: number,
  });
});

test('comprehensive: over the length of prompts, what no context holds left out with the reason', async () => {
  const answer = await benchmark({
    model_name: 'small-f32',
    benchmark_type: 'comprehensive',
    config: { num_runs: 2, max_tokens: 4 },
  });
  expect(
    answer.results.tests?.map(({ input_tokens, runs }) => [
      input_tokens,
      runs.map(({ prompt_tokens }) => prompt_tokens),
    ]),
  ).toEqual([
    [10, [10, 10]],
    [100, [100, 100]],
  ]);
  expect(answer.results.skipped).toEqual([{ input_tokens: 1000, reason: expect.stringContaining('context of 512') }]);
  expect(answer.summary).toMatchObject({ input_lengths: [10, 100], avg_latency_ms: { '10': number, '100': number } });
});

test('in the background: its id at once, then how it stands, then the same as in the foreground', async () => {
  using follower = await follow(drover);
  const config = { num_runs: 3, max_tokens: 6 };
  const begun = await benchmark({ model_name: 'talker-f32', config }, '?background=true');
  expect(begun as unknown).toEqual({
    ...ENVELOPE,
    benchmark_id: expect.stringMatching(/^run-/),
    model_name: 'talker-f32',
    benchmark_type: 'latency',
    status: 'running',
    progress: 0,
    started_at: expect.any(String),
    results: {},
    summary: {},
  });
  await follower.until((all) => ends(all).some(({ sessionId }) => sessionId === begun.benchmark_id));
  const done = await drover.json<Answer>(`/inference/benchmark/${begun.benchmark_id}`);
  expect(told(done)).toMatchObject({ status: 'completed', progress: 100, results: MEASURED, summary: { num_runs: 3 } });
  expect(done.results.runs?.map(({ tokens_generated }) => tokens_generated)).toEqual([6, 6, 6]);
  // It is a session like any other.
  const detail = await drover.json<unknown>(`/api/v1/test-sessions/${begun.benchmark_id}`);
  expect(detail).toMatchObject({ status: 'completed', models: [{ name: 'talker-f32', tests: [{ type: 'latency' }] }] });
});

test('one that fails in the background says why', async () => {
  using follower = await follow(drover);
  const prompt = 'word '.repeat(3000);
  const begun = await benchmark({ model_name: 'small-f32', config: { prompt } }, '?background=1');
  await follower.until((all) => ends(all).some(({ sessionId }) => sessionId === begun.benchmark_id));
  const failed = await drover.json<Answer>(`/inference/benchmark/${begun.benchmark_id}`);
  expect(failed).toMatchObject({
    status: 'error',
    results: {},
    summary: {},
    error_message: expect.stringMatching(/context/i),
  });
});

test('who leaves in the foreground ends it', async () => {
  const left = new AbortController();
  const body = JSON.stringify({
    model_name: 'talker-f32',
    benchmark_type: 'throughput',
    config: { duration_seconds: 3600 },
  });
  const asked = drover
    .request('/inference/benchmark', {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body,
      signal: left.signal,
    })
    .catch(() => null);
  const busy = async (): Promise<boolean> =>
    (await drover.json<{ instances: { requestsInFlight: number }[] }>('/drover/instances')).instances.some(
      ({ requestsInFlight }) => requestsInFlight > 0,
    );
  while (!(await busy())) await Bun.sleep(2);
  left.abort();
  await asked;
  // The next one does not wait for an hour.
  const next = await benchmark({ model_name: 'talker-f32', config: { num_runs: 1, max_tokens: 2 } });
  expect(next.status).toBe('completed');
  expect(await busy()).toBe(false);
});
