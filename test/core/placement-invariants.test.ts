import { expect, test } from 'bun:test';
import { type Placement, type PlacementInput, place } from '../../src/core/placement.ts';
import { contextRange } from '../../src/core/placement-search.ts';
import type { Backend } from '../../src/engine/build.ts';
import type { ModelFacts } from '../../src/gguf/facts.ts';
import { paperModel } from '../fixtures/paper-models.ts';

const MIB = 1024 * 1024;
const GIB = 1024 * MIB;
const ROUNDS = 300;

/** mulberry32: the same seed, the same questions. */
function dice(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
  };
}

const pick = <T>(random: () => number, ...values: readonly [T, ...T[]]): T =>
  values[Math.floor(random() * values.length)] ?? values[0];

function anyModel(random: () => number): ModelFacts {
  const isMoe = random() < 0.3;
  const isRecurrent = random() < 0.2;
  const isEncoder = random() < 0.1;
  const headLength = pick(random, 64, 80, 128, 256);
  const quiet = { keyElements: 0, valueElements: 0, headCountKv: 0 };
  return paperModel({
    blockCount: pick(random, 1, 12, 32, 80),
    width: pick(random, 512, 2048, 4096, 8192),
    headCount: pick(random, 8, 32, 64),
    headCountKv: pick(random, 1, 4, 8),
    headLength,
    feedForward: pick(random, 1024, 8192, 28_672),
    contextTokens: pick(random, null, 512, 4096, 32_768, 1_000_000),
    blockBytes: pick(random, 1, 40, 200, 900) * MIB,
    ...(isMoe ? { expertBytes: pick(random, 100, 400, 1200) * MIB } : {}),
    ...(random() < 0.3 ? { slidingWindow: pick(random, 128, 1024, 4096) } : {}),
    layer: (index) =>
      isEncoder ? quiet : isRecurrent && index % 4 !== 3 ? { ...quiet, recurrentElements: 500_000 } : {},
    facts: isEncoder
      ? { kind: pick(random, 'embedding', 'reranker'), architecture: 'bert', isCausal: false, poolingType: 1 }
      : random() < 0.3
        ? { outputBytes: 0 }
        : {},
  });
}

function anyQuestion(random: () => number): PlacementInput {
  const isUnified = random() < 0.15;
  const budgetBytes = (): number => Math.floor(random() ** 3 * 100 * GIB);
  const devices = Array.from({ length: pick(random, 0, 1, 1, 2, 3) }, (_, index) => ({
    id: `GPU${index}`,
    budgetBytes: budgetBytes(),
    isUnified,
    backend: pick<Backend>(random, 'cuda', 'vulkan', 'metal', 'rocm'),
  }));
  return {
    facts: anyModel(random),
    projector:
      random() < 0.1 ? paperModel({ blockCount: 2, facts: { kind: 'projector', weightBytes: 600 * MIB } }) : null,
    draft: random() < 0.1 ? paperModel({ blockCount: 8, blockBytes: 20 * MIB }) : null,
    devices,
    host: { budgetBytes: budgetBytes() },
    settings: {
      ...(random() < 0.2 ? { contextTokens: pick(random, 300, 8192, 100_000) } : {}),
      ...(random() < 0.2 ? { preferredContextTokens: pick(random, 2048, 50_000) } : {}),
      ...(random() < 0.1 ? { minContextTokens: pick(random, 512, 20_000) } : {}),
      ...(random() < 0.15 ? { gpuLayers: pick(random, 0, 5, 999) } : {}),
      ...(random() < 0.15 ? { cacheType: pick(random, 'f16', 'q8_0', 'q4_0') } : {}),
      ...(random() < 0.2 ? { slotCount: pick(random, 1, 2, 16) } : {}),
    },
    correction:
      random() < 0.2
        ? { devices: [{ device: 'GPU0', weightRatio: 1.1, kvRatio: 1, computeRatio: 2, extraBytes: 50 * MIB }] }
        : null,
  };
}

/** The order of sacrifice: larger is better, place by place. */
function worth(input: PlacementInput, answer: Placement): number[] {
  const { plan } = answer;
  const hasAllLayers = plan.gpuLayers > input.facts.blockCount;
  const isComfortable = plan.contextTokens >= contextRange(input).comfort;
  const isQuantized = plan.cacheTypeK !== 'f16' && plan.cacheTypeK !== 'f32';
  return [
    plan.devices.length > 0 ? 1 : 0,
    hasAllLayers && plan.cpuExpertLayers === 0 ? 1 : 0,
    hasAllLayers ? 1 : 0,
    isComfortable ? 1 : 0,
    plan.gpuLayers,
    -plan.cpuExpertLayers,
    isQuantized ? 0 : 1,
  ];
}

const compare = (left: readonly number[], right: readonly number[]): number => {
  for (const [index, value] of left.entries()) {
    const other = right[index] ?? 0;
    if (value !== other) return value - other;
  }
  return 0;
};

test('a plan never exceeds a budget, and its figures add up', () => {
  const random = dice(1);
  let placedCount = 0;
  for (let round = 0; round < ROUNDS; round += 1) {
    const input = anyQuestion(random);
    const answer = place(input);
    if (answer.fit === 'does_not_fit') {
      expect(answer.neededBytes).toBeGreaterThan(0);
      expect(answer.reasons.length).toBeGreaterThan(0);
      continue;
    }
    placedCount += 1;
    const host = answer.takes.find((take) => take.device === 'Host');
    expect(host?.totalBytes).toBeLessThanOrEqual(input.host.budgetBytes);
    let pool = host?.totalBytes ?? 0;
    for (const take of answer.takes) {
      expect(take.totalBytes).toBe(take.weightBytes + take.kvBytes + take.computeBytes + take.overheadBytes);
      for (const bytes of Object.values(take))
        if (typeof bytes === 'number') expect(Number.isSafeInteger(bytes) && bytes >= 0).toBe(true);
      const device = input.devices.find((candidate) => candidate.id === take.device);
      if (device === undefined) continue;
      expect(take.totalBytes).toBeLessThanOrEqual(device.budgetBytes);
      if (device.isUnified) pool += take.totalBytes;
    }
    expect(pool).toBeLessThanOrEqual(input.host.budgetBytes);
    const { plan } = answer;
    expect(answer.takes.map((take) => take.device)).toEqual([...plan.devices, 'Host']);
    if (plan.tensorSplit !== null) expect(plan.tensorSplit.reduce((sum, count) => sum + count, 0)).toBe(plan.gpuLayers);
    expect(plan.microBatchTokens).toBeLessThanOrEqual(plan.batchTokens);
    expect(plan.contextTokens).toBeGreaterThan(0);
  }
  expect(placedCount).toBeGreaterThan(ROUNDS / 3);
});

test('forced settings are honoured in every plan', () => {
  const random = dice(2);
  for (let round = 0; round < ROUNDS; round += 1) {
    const input = anyQuestion(random);
    const answer = place(input);
    if (answer.fit === 'does_not_fit') continue;
    const { plan } = answer;
    const { contextTokens, gpuLayers, cacheType, slotCount } = input.settings;
    if (contextTokens !== undefined) expect(plan.contextTokens).toBe(contextTokens);
    if (cacheType !== undefined) expect(plan.cacheTypeK).toBe(cacheType);
    if (slotCount !== undefined) expect(plan.slotCount).toBe(slotCount);
    if (gpuLayers !== undefined && input.devices.length > 0)
      expect(plan.gpuLayers).toBe(Math.min(gpuLayers, input.facts.blockCount + 1));
    if (contextTokens === undefined)
      expect(plan.contextTokens).toBeLessThanOrEqual(Math.max(input.facts.contextTokens ?? 4096, 1));
  }
});

test('more memory never makes a plan worse', () => {
  const random = dice(3);
  for (let round = 0; round < ROUNDS; round += 1) {
    const input = anyQuestion(random);
    const before = place(input);
    if (before.fit === 'does_not_fit') continue;
    const grow = 1 + random();
    const more: PlacementInput = {
      ...input,
      devices: input.devices.map((device) => ({ ...device, budgetBytes: Math.floor(device.budgetBytes * grow) })),
      host: { budgetBytes: Math.floor(input.host.budgetBytes * grow) },
    };
    const after = place(more);
    if (after.fit === 'does_not_fit') throw new Error(`does not fit with more memory: ${JSON.stringify(before.plan)}`);
    const verdict = compare(worth(more, after), worth(input, before));
    if (verdict < 0) throw new Error(`${JSON.stringify(after.plan)} is worse than ${JSON.stringify(before.plan)}`);
    // With all else equal the context is no smaller.
    if (
      verdict === 0 &&
      after.plan.slotCount === before.plan.slotCount &&
      after.plan.devices.length === before.plan.devices.length
    )
      expect(after.plan.contextTokens).toBeGreaterThanOrEqual(before.plan.contextTokens);
  }
});

test('the same question gives the same answer, however large it is', () => {
  const random = dice(4);
  const questions = Array.from({ length: 50 }, () => anyQuestion(random));
  for (const question of questions) expect(place(question)).toEqual(place(question));
  const large: PlacementInput = {
    facts: paperModel({ blockCount: 1000, blockBytes: 60 * MIB, expertBytes: 300 * MIB, contextTokens: 10_000_000 }),
    projector: null,
    devices: [0, 1, 2, 3].map((index) => ({
      id: `CUDA${index}`,
      budgetBytes: 20 * GIB,
      isUnified: false,
      backend: 'cuda',
    })),
    host: { budgetBytes: 400 * GIB },
    settings: {},
    correction: null,
  };
  expect(place(large)).toEqual(place(large));
});
