import { describe, expect, test } from 'bun:test';
import {
  type NoFit,
  type Placement,
  type PlacementDevice,
  type PlacementInput,
  place,
} from '../../src/core/placement.ts';
import { CACHE_TYPE_BYTES, cacheBytesByLayer, kvBytes } from '../../src/core/placement-memory.ts';
import { paperModel } from '../fixtures/paper-models.ts';

const MIB = 1024 * 1024;
const GIB = 1024 * MIB;

const gpu = (gib: number, id = 'CUDA0', more: Partial<PlacementDevice> = {}): PlacementDevice => ({
  id,
  budgetBytes: gib * GIB,
  isUnified: false,
  backend: 'cuda',
  ...more,
});

const ask = (more: Partial<PlacementInput> = {}): PlacementInput => ({
  facts: paperModel(),
  projector: null,
  devices: [gpu(24)],
  host: { budgetBytes: 32 * GIB },
  settings: {},
  correction: null,
  ...more,
});

function placed(input: PlacementInput): Placement {
  const answer = place(input);
  if (answer.fit === 'does_not_fit') throw new Error(answer.reasons.join(' '));
  return answer;
}

describe('KV cache, as llama.cpp allocates it', () => {
  const shape = {
    contextTokens: 8192,
    slotCount: 4,
    isUnified: true,
    cacheTypeK: 'f16',
    cacheTypeV: 'f16',
    microBatchTokens: 512,
  } as const;
  const widths = 8 * 128;

  test('full attention: cells × (K + V), context padded to 256', () => {
    const facts = paperModel();
    expect(kvBytes(facts, shape)).toBe(32 * 8192 * widths * 2 * 2);
    expect(kvBytes(facts, { ...shape, contextTokens: 8000 })).toBe(32 * 8192 * widths * 2 * 2);
    expect(kvBytes(facts, { ...shape, contextTokens: 1 })).toBe(32 * 256 * widths * 2 * 2);
  });

  test('slots with a cache of their own share the context, each share padded', () => {
    const facts = paperModel();
    expect(kvBytes(facts, { ...shape, isUnified: false })).toBe(32 * 4 * 2048 * widths * 4);
    expect(kvBytes(facts, { ...shape, isUnified: false, contextTokens: 1000, slotCount: 3 })).toBe(
      32 * 3 * 512 * widths * 4,
    );
  });

  test('every cache type has its block size', () => {
    const sizes = { f32: 4, f16: 2, bf16: 2, q8_0: 34 / 32, q5_1: 0.75, q5_0: 22 / 32, q4_1: 20 / 32, q4_0: 18 / 32 };
    for (const [type, bytes] of Object.entries(sizes)) expect(CACHE_TYPE_BYTES[type as 'f16']).toBe(bytes);
    const mixed = { ...shape, cacheTypeK: 'q8_0', cacheTypeV: 'q4_0' } as const;
    expect(kvBytes(paperModel(), mixed)).toBe(32 * 8192 * widths * (34 / 32 + 18 / 32));
  });

  test('sliding-window layers hold the windows of all slots and one micro-batch', () => {
    const facts = paperModel({ blockCount: 6, slidingWindow: 1024 });
    const window = 1024 * 4 + 512;
    expect(cacheBytesByLayer(facts, shape)).toEqual([
      ...Array.from({ length: 5 }, () => window * widths * 4),
      8192 * widths * 4,
    ]);
    // Never more than the context.
    const small = cacheBytesByLayer(facts, { ...shape, contextTokens: 1024 });
    expect(small).toEqual(Array.from({ length: 6 }, () => 1024 * widths * 4));
    const alone = cacheBytesByLayer(facts, { ...shape, isUnified: false, slotCount: 2 });
    expect(alone[0]).toBe(2 * (1024 + 512) * widths * 4);
  });

  test('MLA keeps K only, an indexer adds its own, shared layers keep nothing', () => {
    const facts = paperModel({
      blockCount: 3,
      layer: (index) =>
        index === 0
          ? { keyElements: 576, valueElements: 0 }
          : index === 1
            ? { keyElements: 576, valueElements: 0, indexerElements: 128 }
            : { keyElements: 0, valueElements: 0 },
    });
    expect(cacheBytesByLayer(facts, shape)).toEqual([8192 * 576 * 2, 8192 * (576 + 128) * 2, 0]);
  });

  test('recurrent state is F32 per slot, whatever the context', () => {
    const facts = paperModel({
      blockCount: 4,
      layer: (index) =>
        index === 3 ? {} : { keyElements: 0, valueElements: 0, headCountKv: 0, recurrentElements: 1_000_000 },
    });
    for (const contextTokens of [512, 65_536]) {
      expect(cacheBytesByLayer(facts, { ...shape, contextTokens }).slice(0, 3)).toEqual([16e6, 16e6, 16e6]);
    }
  });

  test('blocks for multi-token prediction keep none', () => {
    const facts = paperModel({ blockCount: 5, facts: { nextnLayerCount: 1 } });
    expect(cacheBytesByLayer(facts, shape)[4]).toBe(0);
    expect(cacheBytesByLayer(facts, shape)[3]).toBeGreaterThan(0);
  });
});

describe('the order of sacrifice', () => {
  const on = (gib: number, facts = paperModel()): Placement => placed(ask({ facts, devices: [gpu(gib)] }));

  test('plenty: everything on the GPU, the whole context, f16, four slots', () => {
    const { plan, fit } = on(80);
    expect(fit).toBe('fits');
    expect(plan).toMatchObject({
      gpuLayers: 33,
      contextTokens: 131_072,
      cacheTypeK: 'f16',
      slotCount: 4,
      devices: ['CUDA0'],
    });
  });

  test('less: first the context', () => {
    const { plan, reasons } = on(10);
    expect(plan).toMatchObject({ gpuLayers: 33, cacheTypeK: 'f16' });
    expect(plan.contextTokens).toBeLessThan(131_072);
    expect(plan.contextTokens).toBeGreaterThanOrEqual(16_384);
    expect(plan.contextTokens % 256).toBe(0);
    expect(reasons.join(' ')).toContain('as large as fits');
  });

  test('then the cache type', () => {
    const { plan, reasons } = on(6.5);
    expect(plan).toMatchObject({ gpuLayers: 33, cacheTypeK: 'q8_0', cacheTypeV: 'q8_0' });
    expect(plan.contextTokens).toBeGreaterThanOrEqual(16_384);
    expect(reasons.join(' ')).toContain('q8_0');
  });

  test('not where heads or MLA forbid it', () => {
    const facts = paperModel({ headLength: 80 });
    expect(on(6.3, facts).plan.cacheTypeK).toBe('f16');
  });

  test('then layers', () => {
    const answer = on(4);
    expect(answer.fit).toBe('fits_partly');
    expect(answer.plan.gpuLayers).toBeGreaterThan(5);
    expect(answer.plan.gpuLayers).toBeLessThan(33);
    expect(answer.reasons[0]).toContain('of 33 layers');
  });

  test('experts before layers', () => {
    const facts = paperModel({
      blockCount: 48,
      width: 2048,
      headCountKv: 4,
      feedForward: 6144,
      blockBytes: 20 * MIB,
      expertBytes: 330 * MIB,
    });
    const answer = on(12, facts);
    expect(answer.fit).toBe('fits_partly');
    expect(answer.plan.gpuLayers).toBe(49);
    expect(answer.plan.cpuExpertLayers).toBeGreaterThan(10);
    expect(answer.plan.cpuExpertLayers).toBeLessThan(48);
    expect(answer.reasons.join(' ')).toContain('experts');
    // One block's experts more on the GPU would not fit.
    const host = answer.takes.find((take) => take.device === 'Host');
    expect(host?.weightBytes).toBeGreaterThan(answer.plan.cpuExpertLayers * 330 * MIB);
  });

  test('at last the CPU alone', () => {
    const answer = on(0.5);
    expect(answer.plan).toMatchObject({ gpuLayers: 0, devices: [], cpuExpertLayers: 0, contextTokens: 32_768 });
    expect(answer.fit).toBe('fits_partly');
    expect(answer.takes.map((take) => take.device)).toEqual(['Host']);
    expect(placed(ask({ devices: [] })).fit).toBe('fits');
  });

  test('a preferred context is held longer than the cache type', () => {
    const input = ask({ devices: [gpu(8)], settings: { preferredContextTokens: 40_000 } });
    const { plan } = placed(input);
    expect(plan).toMatchObject({ contextTokens: 40_000, cacheTypeK: 'q8_0' });
    const rich = placed(ask({ devices: [gpu(80)], settings: { preferredContextTokens: 40_000 } }));
    expect(rich.plan).toMatchObject({ contextTokens: 40_000, cacheTypeK: 'f16' });
  });

  test('context first: layers leave the GPU before the context shrinks; else the other way round', () => {
    const settings = { preferredContextTokens: 65_536, minContextTokens: 4096 };
    const question = (isContextFirst: boolean) => ask({ devices: [gpu(7)], settings: { ...settings, isContextFirst } });
    const quick = placed(question(false)).plan;
    expect(quick.gpuLayers).toBe(33);
    expect(quick.contextTokens).toBeLessThan(65_536);
    const roomy = placed(question(true)).plan;
    expect(roomy.contextTokens).toBe(65_536);
    expect(roomy.gpuLayers).toBeLessThan(33);
    expect(roomy.gpuLayers).toBeGreaterThan(10);
    // Where both can be had, there is nothing to choose.
    const both = (isContextFirst: boolean) =>
      placed(ask({ devices: [gpu(80)], settings: { ...settings, isContextFirst } })).plan;
    expect(both(true)).toEqual(both(false));
  });

  test('a least context is kept: fewer layers, and in the end none of the model', () => {
    const least = (gib: number) => place(ask({ devices: [gpu(gib)], settings: { minContextTokens: 32_768 } }));
    expect(placed(ask({ devices: [gpu(5.6)] })).plan.contextTokens).toBeLessThan(32_768);
    const kept = least(5.6);
    expect(kept.fit !== 'does_not_fit' && kept.plan.contextTokens).toBeGreaterThanOrEqual(32_768);
    const tiny = place(ask({ devices: [], host: { budgetBytes: 7 * GIB }, settings: { minContextTokens: 131_072 } }));
    expect(tiny.fit).toBe('does_not_fit');
  });
});

describe('several devices', () => {
  test('one is enough: the largest alone', () => {
    const { plan } = placed(ask({ devices: [gpu(24), gpu(48, 'CUDA1')], settings: { contextTokens: 8192 } }));
    expect(plan).toMatchObject({ devices: ['CUDA1'], tensorSplit: null });
  });

  test('two share by what they have, in whole layers', () => {
    const facts = paperModel({ blockCount: 80, blockBytes: 450 * MIB });
    const { plan, takes } = placed(
      ask({ facts, devices: [gpu(24), gpu(24, 'CUDA1')], settings: { contextTokens: 8192 } }),
    );
    expect(plan.devices).toEqual(['CUDA0', 'CUDA1']);
    expect(plan.tensorSplit?.reduce((sum, count) => sum + count, 0)).toBe(81);
    const [first, second] = takes;
    expect(Math.abs((first?.totalBytes ?? 0) - (second?.totalBytes ?? 0))).toBeLessThan(2 * 480 * MIB);
    const uneven = placed(ask({ facts, devices: [gpu(12), gpu(36, 'CUDA1')], settings: { contextTokens: 8192 } }));
    expect(uneven.plan.tensorSplit?.[0]).toBeLessThan(uneven.plan.tensorSplit?.[1] ?? 0);
  });

  test('a device that borrows the host’s memory is left out beside one with its own', () => {
    const { plan } = placed(
      ask({
        devices: [gpu(28, 'Vulkan0', { isUnified: true }), gpu(12, 'Vulkan1')],
        settings: { contextTokens: 8192 },
      }),
    );
    expect(plan.devices).toEqual(['Vulkan1']);
  });

  test('unified memory is one pool', () => {
    const metal = (gib: number, host: number) =>
      ask({ devices: [gpu(gib, 'MTL0', { isUnified: true, backend: 'metal' })], host: { budgetBytes: host * GIB } });
    const { takes, plan } = placed(metal(12, 12));
    expect(plan.devices).toEqual(['MTL0']);
    expect(takes.reduce((sum, take) => sum + take.totalBytes, 0)).toBeLessThanOrEqual(12 * GIB);
  });
});

describe('forced settings are honoured or refused', () => {
  test('honoured', () => {
    const settings = {
      contextTokens: 12_345,
      gpuLayers: 7,
      cacheType: 'q4_0',
      slotCount: 2,
      batchTokens: 300,
      microBatchTokens: 64,
      threads: 3,
    } as const;
    expect(placed(ask({ settings })).plan).toMatchObject({
      contextTokens: 12_345,
      gpuLayers: 7,
      cacheTypeK: 'q4_0',
      cacheTypeV: 'q4_0',
      slotCount: 2,
      batchTokens: 300,
      microBatchTokens: 64,
      threads: 3,
    });
    expect(placed(ask({ settings: { gpuLayers: 999 } })).plan.gpuLayers).toBe(33);
    expect(placed(ask({ settings: { gpuLayers: 0 } })).plan).toMatchObject({ gpuLayers: 0, devices: [] });
    expect(placed(ask({ settings: { contextTokens: 0 } })).plan.contextTokens).toBe(131_072);
  });

  test('refused, with what would fit', () => {
    const large = place(
      ask({ devices: [gpu(8)], host: { budgetBytes: 4 * GIB }, settings: { contextTokens: 131_072 } }),
    ) as NoFit;
    expect(large.fit).toBe('does_not_fit');
    expect(large.wouldFit?.contextTokens).toBeGreaterThan(4096);
    expect(large.wouldFit?.contextTokens).toBeLessThan(131_072);
    expect(large.reasons.join(' ')).toContain('It would fit with a context of');
    const layers = place(ask({ devices: [gpu(4)], settings: { gpuLayers: 33, contextTokens: 4096 } })) as NoFit;
    expect(layers.wouldFit).toEqual({ gpuLayers: expect.any(Number) });
    expect(layers.wouldFit?.gpuLayers).toBeLessThan(33);
    const heads = place(ask({ facts: paperModel({ headLength: 80 }), settings: { cacheType: 'q8_0' } })) as NoFit;
    expect(heads.reasons[0]).toContain('multiple of 32');
    expect(heads.wouldFit).toEqual({ cacheType: 'f16' });
  });

  test('what would fit does fit', () => {
    const input = ask({
      devices: [gpu(5)],
      host: { budgetBytes: 2 * GIB },
      settings: { contextTokens: 100_000, cacheType: 'f16' },
    });
    const { wouldFit } = place(input) as NoFit;
    expect(wouldFit).not.toBeNull();
    const { contextTokens, gpuLayers, cacheType, slotCount } = wouldFit ?? {};
    const settings = {
      ...input.settings,
      ...(contextTokens === undefined ? {} : { contextTokens }),
      ...(gpuLayers === undefined ? {} : { gpuLayers }),
      ...(cacheType === undefined ? {} : { cacheType }),
      ...(slotCount === undefined ? {} : { slotCount }),
    };
    expect(place({ ...input, settings }).fit).not.toBe('does_not_fit');
  });

  test('nothing fits: said so, with what it takes', () => {
    const answer = place(ask({ devices: [], host: { budgetBytes: GIB } })) as NoFit;
    expect(answer).toMatchObject({ fit: 'does_not_fit', wouldFit: null });
    expect(answer.neededBytes).toBeGreaterThan(4 * GIB);
    expect(answer.reasons[0]).toMatch(/at least \d+\.\d GiB/);
  });
});

describe('main memory', () => {
  test('the prompt cache is an eighth of the budget, 8 GiB at most, and only of what is left', () => {
    const cacheOf = (gib: number): number => placed(ask({ host: { budgetBytes: gib * GIB } })).plan.promptCacheBytes;
    expect(cacheOf(16)).toBe(2 * GIB);
    expect(cacheOf(256)).toBe(8 * GIB);
    expect(cacheOf(0.75)).toBeLessThan(0.75 * GIB - 300 * MIB);
    expect(place(ask({ host: { budgetBytes: 0.2 * GIB } })).fit).toBe('does_not_fit');
  });

  test('saved states of sliding windows are bounded, and counted', () => {
    const facts = paperModel({ slidingWindow: 4096 });
    const { plan, takes } = placed(ask({ facts, devices: [gpu(80)] }));
    expect(plan.contextCheckpoints).toBeGreaterThanOrEqual(0);
    expect(plan.contextCheckpoints).toBeLessThan(32);
    expect(takes.at(-1)?.overheadBytes).toBeGreaterThanOrEqual(plan.promptCacheBytes);
    expect(placed(ask()).plan.contextCheckpoints).toBeNull();
  });

  test('embedders read an input in one pass and keep no prompt cache', () => {
    const facts = paperModel({
      blockCount: 24,
      width: 1024,
      headCount: 16,
      contextTokens: 8192,
      layer: () => ({ keyElements: 0, valueElements: 0, headCountKv: 0 }),
      facts: { kind: 'embedding', architecture: 'bert', isCausal: false, poolingType: 1 },
    });
    const { plan, takes } = placed(ask({ facts }));
    expect(plan).toMatchObject({ contextTokens: 8192, batchTokens: 8192, microBatchTokens: 8192, promptCacheBytes: 0 });
    expect(takes.every((take) => take.kvBytes === 0)).toBe(true);
  });
});

describe('corrections', () => {
  const correction = {
    devices: [{ device: 'CUDA0', weightRatio: 1, kvRatio: 1, computeRatio: 1.5, extraBytes: GIB }],
  };

  test('raise what is taken and lower the context', () => {
    const plain = placed(ask({ devices: [gpu(12)] }));
    const corrected = placed(ask({ devices: [gpu(12)], correction }));
    expect(corrected.plan.contextTokens).toBeLessThan(plain.plan.contextTokens);
    expect(corrected.takes[0]?.totalBytes).toBeLessThanOrEqual(12 * GIB);
    expect(corrected.reasons.join(' ')).toContain('earlier loads');
  });
});
