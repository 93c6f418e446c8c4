// Live figures for those who look: one sampler for all of them, nothing without them, unknown as null.
import { expect, test } from 'bun:test';
import { Latch } from '../../src/base/sync.ts';
import { type MachineFigures, MachineSamples } from '../../src/core/machine-samples.ts';
import { createSampler } from '../../src/hardware/sampler.ts';
import { paperInstance } from '../fixtures/paper-instance.ts';

const drover = {
  instances: () => [
    paperInstance('busy', { pid: process.pid }),
    paperInstance('gone', { pid: 2 ** 31 - 1 }),
    paperInstance('stopped', { pid: null }),
  ],
  usage: () => [
    {
      modelId: 'busy',
      requestCount: 1,
      failedCount: 0,
      promptTokens: 1,
      generatedTokens: 2,
      promptMs: 1,
      generationMs: 1,
      durationMs: 1,
      lastAt: 1,
      lastTokensPerSecond: 41.5,
    },
  ],
};

function following(samples: MachineSamples, count: number, intervalMs = 500) {
  const heard: MachineFigures[] = [];
  const latch = new Latch<readonly MachineFigures[]>();
  const leave = samples.subscribe(intervalMs, (figures) => {
    heard.push(figures);
    if (heard.length === count) latch.open(heard);
  });
  return { heard, reached: latch.promise, leave };
}

test('two readers share one look, and with the last of them it stops', async () => {
  let openings = 0;
  const samples = new MachineSamples({
    drover,
    gpus: async () => {
      openings += 1;
      return [];
    },
  });
  expect(samples.isRunning).toBe(false);
  const first = following(samples, 1);
  const [told] = await first.reached;
  const second = following(samples, 1);
  const [same] = await second.reached;
  expect(same?.at).toBe(told?.at ?? -1);
  expect(openings).toBe(1);
  first.leave();
  expect(samples.isRunning).toBe(true);
  second.leave();
  expect(samples.isRunning).toBe(false);
});

test('the most eager sets the pace; who wants less hears less', async () => {
  let looks = 0;
  using sampler = createSampler({
    pids: () => {
      looks += 1;
      return [];
    },
  });
  const samples = new MachineSamples({ drover, gpus: async () => [], sampler });
  const patient = following(samples, 1, 60_000);
  await patient.reached;
  const eager = following(samples, 3, 100);
  await eager.reached;
  expect(looks).toBeGreaterThanOrEqual(3);
  expect(patient.heard.length).toBe(1);
  patient.leave();
  eager.leave();
});

test('figures of processes that are there, speeds that were measured, and null for the rest', async () => {
  const samples = new MachineSamples({ drover, gpus: async () => [] });
  const reader = following(samples, 1);
  const [figures] = await reader.reached;
  reader.leave();
  expect(figures?.cpuRatio).toBeNull();
  expect(figures?.memory.totalBytes).toBeGreaterThan(0);
  expect(figures?.instances).toEqual([
    { modelId: 'busy', tokensPerSecond: 41.5, residentBytes: expect.any(Number) },
    { modelId: 'gone', tokensPerSecond: null, residentBytes: null },
  ]);
});
