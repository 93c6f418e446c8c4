// Measurements on a real engine: what is asked is what is measured, figures are the engine's own, loading is in none of them,
// and whoever leaves is left with nothing running.
import { afterAll, beforeAll, expect, test } from 'bun:test';
import { join } from 'node:path';
import type { Bench, BenchProgress } from '../../src/core/bench.ts';
import { comprehensivePlan, latencyPlan, tablePlan, testPlan, throughputPlan } from '../../src/core/bench-plans.ts';
import type { Usage } from '../../src/core/vocabulary.ts';
import { faultOf } from '../fixtures/fault-of.ts';
import { openHouse, type TestHouse } from '../fixtures/house.ts';
import { tinyBert, tinyLlama } from '../fixtures/tiny-models.ts';

const UNCOUNTING = join(import.meta.dir, '..', 'fixtures', 'uncounting-server.ts');

let house: TestHouse;
let bench: Bench;
const { signal } = new AbortController();
beforeAll(async () => {
  house = await openHouse({
    models: {
      'talker.gguf': tinyLlama({ name: 'Talker', blockCount: 4 }),
      'small.gguf': tinyLlama({ name: 'Small', contextTokens: 256 }),
      'vectors.gguf': tinyBert(),
    },
    config: `startPort: 18300\nmodels:\n  uncounting:\n    cmd: ${JSON.stringify(`"${process.execPath}" "${UNCOUNTING}" \${PORT}`)}\n`,
  });
  if (house.core.desks === null) throw new Error('no desks');
  ({ bench } = house.core.desks);
});
afterAll(() => house[Symbol.asyncDispose]());

/** All requests that finish while the work goes on, as the engine counted them. */
async function usagesOf<T>(work: () => Promise<T>): Promise<[T, Usage[]]> {
  const before = house.events.length;
  const result = await work();
  return [
    result,
    house.events.slice(before).flatMap((event) => (event.type === 'request.finished' ? [event.usage] : [])),
  ];
}

test('latency: so many runs of so many tokens, one warm-up beside them, each figure the engine’s own', async () => {
  const steps: BenchProgress[] = [];
  const plan = latencyPlan('talker-f32', { runs: 3, maxTokens: 12 });
  const [report, usages] = await usagesOf(() => bench.run(plan, { signal, onProgress: (step) => steps.push(step) }));
  const [cell] = report.cells;
  expect(report).toMatchObject({ modelId: 'talker-f32', wasLoaded: false, skipped: [] });
  expect(report.loadMs).toBeGreaterThan(0);
  expect(usages.length).toBe(4);
  const [warm, ...counted] = usages;
  expect(warm?.generatedTokens).toBe(8);
  expect(cell?.samples.length).toBe(3);
  for (const [index, sample] of (cell?.samples ?? []).entries()) {
    const usage = counted[index];
    expect(sample).toMatchObject({ promptTokens: 128, generatedTokens: 12 });
    expect(sample.generationMs).toBe(usage?.generationMs ?? Number.NaN);
    expect(sample.promptMs).toBe(usage?.promptMs ?? Number.NaN);
    expect(usage?.cachedTokens ?? 0).toBe(0);
    expect(sample.tokensPerSecond).toBeCloseTo(12_000 / (usage?.generationMs ?? 0), 6);
    expect(sample.promptTokensPerSecond).toBeCloseTo(128_000 / (usage?.promptMs ?? 0), 6);
    expect(sample.firstPieceMs).toBeLessThanOrEqual(sample.engineMs);
  }
  expect(cell?.engineMs?.count).toBe(3);
  expect(cell?.use.peakResidentBytes).toBeGreaterThan(1_000_000);
  const ratios = steps.map(({ ratio }) => ratio);
  expect(ratios).toEqual([...ratios].sort((left, right) => left - right));
  expect([ratios[0], ratios.at(-1)]).toEqual([0, 1]);
});

test('lengths are true, and what no context holds is left out with the reason', async () => {
  const report = await bench.run(comprehensivePlan('small-f32', { runs: 1, maxTokens: 4 }), { signal });
  expect(report.cells.map(({ samples }) => samples[0]?.promptTokens)).toEqual([10, 100]);
  expect(report.skipped).toEqual([
    { promptLength: 1000, reason: expect.stringMatching(/1000 tokens.*context of 256/) },
  ]);
  const nothing = tablePlan('small-f32', { promptLengths: [5000], runs: 1 });
  const fault = await faultOf(bench.run(nothing, { signal }));
  expect([fault.kind, fault.message]).toEqual(['bad_request', expect.stringContaining('context of 256')]);
});

test('several at the same time: each counts, and all together by our clock', async () => {
  const plan = tablePlan('talker-f32', { promptLengths: [32], concurrencies: [1, 3], tokens: 16, runs: 2 });
  const report = await bench.run(plan, { signal });
  expect(report.cells.map(({ concurrency, samples }) => [concurrency, samples.length])).toEqual([
    [1, 2],
    [3, 6],
  ]);
  for (const cell of report.cells) {
    const tokens = cell.samples.length * 16;
    expect(cell.totalTokensPerSecond).toBeCloseTo((tokens * 1000) / cell.elapsedMs, 6);
    expect(cell.requestsPerSecond).toBeCloseTo((cell.samples.length * 1000) / cell.elapsedMs, 6);
  }
});

test('for so long: what has begun is measured to its end', async () => {
  const plan = throughputPlan('talker-f32', { durationMs: 200, maxTokens: 4, concurrency: 2 });
  const [report, usages] = await usagesOf(() => bench.run(plan, { signal }));
  const [cell] = report.cells;
  expect(cell?.elapsedMs).toBeGreaterThanOrEqual(200);
  expect(cell?.engineMs?.count).toBe(usages.length - 1);
  expect(usages.every(({ status }) => status === 200)).toBe(true);
});

test('an embedding has no generation, and no figure of one', async () => {
  const report = await bench.run(testPlan('vectors-f32', 'embedding', 2), { signal });
  const [cell] = report.cells;
  expect(cell?.samples.length).toBe(2);
  expect(cell?.samples[0]?.promptTokens).toBe(128);
  expect(cell).toMatchObject({ tokensPerSecond: null, firstPieceMs: null, totalTokensPerSecond: null });
  const fault = await faultOf(bench.run(testPlan('talker-f32', 'embedding', 1), { signal }));
  expect(fault.kind).toBe('not_supported');
});

test('of a server that counts nothing no figure is made up', async () => {
  const report = await bench.run(latencyPlan('uncounting', { runs: 2 }), { signal });
  const [cell] = report.cells;
  expect(report).toMatchObject({ contextTokens: null, slotCount: null });
  expect(cell).toMatchObject({
    tokensPerSecond: null,
    promptTokensPerSecond: null,
    totalTokensPerSecond: null,
    generatedTokens: null,
    engineMs: { count: 2 },
    firstPieceMs: { count: 2 },
  });
  expect(cell?.samples[0]).toMatchObject({ promptTokens: null, generatedTokens: null, tokensPerSecond: null });
});

test('one at a time, in order; who leaves the line lets the others go on', async () => {
  const order: string[] = [];
  const left = new AbortController();
  const run = (name: string, its: AbortSignal) =>
    bench
      .run(latencyPlan('talker-f32', { runs: 1, maxTokens: 2 }), {
        signal: its,
        onProgress: ({ stage, ratio }) => {
          if (stage === 'loading') order.push(`${name} begins`);
          if (ratio === 1) order.push(`${name} ends`);
        },
      })
      .catch(() => order.push(`${name} leaves`));
  const all = [run('one', signal), run('two', left.signal), run('three', signal)];
  left.abort(new DOMException('gone', 'AbortError'));
  await Promise.all(all);
  expect(order.filter((line) => !line.startsWith('two'))).toEqual([
    'one begins',
    'one ends',
    'three begins',
    'three ends',
  ]);
  expect(order).toContain('two leaves');
});

test('who leaves in the middle leaves nothing running', async () => {
  const left = new AbortController();
  const plan = latencyPlan('talker-f32', { runs: 5, maxTokens: 3000 });
  const run = bench.run(plan, {
    signal: left.signal,
    onProgress: ({ stage }) => {
      if (stage === 'measuring') setTimeout(() => left.abort(new DOMException('gone', 'AbortError')), 30);
    },
  });
  expect(await run.catch((thrown: unknown) => (thrown as Error).name)).toBe('AbortError');
  expect(house.instance('talker-f32')?.requestsInFlight).toBe(0);
});

test('a model that is stopped in between is measured anew, and loading is in no figure', async () => {
  const notes: string[] = [];
  let isStopped = false;
  const report = await bench.run(latencyPlan('talker-f32', { runs: 3, maxTokens: 4 }), {
    signal,
    onNote: (note) => {
      notes.push(note);
      if (isStopped || !note.startsWith('Run 1')) return;
      isStopped = true;
      void house.drover.stop('talker-f32');
    },
  });
  expect(notes.filter((note) => note.includes('loaded anew')).length).toBe(1);
  expect(report.cells[0]?.samples.length).toBe(3);
  expect(notes.filter((note) => note.startsWith('Run')).length).toBeGreaterThan(3);
});

test('an engine that dies in the middle is a failure', async () => {
  const plan = latencyPlan('talker-f32', { runs: 2, maxTokens: 3000 });
  const fault = await faultOf(
    bench.run(plan, {
      signal,
      onProgress: ({ stage, ratio }) => {
        if (stage === 'measuring' && ratio < 0.1)
          setTimeout(() => process.kill(house.pid('talker-f32'), 'SIGKILL'), 30);
      },
    }),
  );
  expect(fault.kind).toBe('bad_gateway');
});
