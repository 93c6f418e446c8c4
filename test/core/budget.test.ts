// The sum of memory on paper: free plus held, once each, within the caps.
import { describe, expect, test } from 'bun:test';
import { type BudgetInput, budgetOf, type Held, heldBy, pooled, sumBytes } from '../../src/core/budget.ts';
import { type DeviceTake, HOST } from '../../src/core/placement.ts';
import type { EngineDevice } from '../../src/engine/build.ts';
import type { Gpu } from '../../src/hardware/probe.ts';

const GB = 1e9;
const NOTHING: Held = { sure: {}, perhaps: {} };

const device = (id: string, totalGb: number | null, freeGb: number | null): EngineDevice => ({
  id,
  name: id,
  totalBytes: totalGb === null ? null : totalGb * GB,
  freeBytes: freeGb === null ? null : freeGb * GB,
});
const gpu = (totalGb: number | null, freeGb: number | null, isUnified = false): Gpu => ({
  index: 0,
  vendor: 'nvidia',
  name: 'paper',
  totalBytes: totalGb === null ? null : totalGb * GB,
  freeBytes: freeGb === null ? null : freeGb * GB,
  isUnified,
  driverVersion: null,
  computeCapability: null,
  gfxTarget: null,
  pciAddress: null,
  uuid: null,
  source: 'nvml',
});
const input = (more: Partial<BudgetInput> & { readonly availableGb?: number }): BudgetInput => ({
  build: { backend: 'cuda', devices: [] },
  snapshot: {
    gpus: [],
    memory: {
      totalBytes: 32 * GB,
      availableBytes: (more.availableGb ?? 20) * GB,
      limitBytes: null,
      swapTotalBytes: null,
      swapFreeBytes: null,
    },
  },
  gpuOf: () => null,
  held: NOTHING,
  previous: null,
  vram: null,
  ram: null,
  ...more,
});
const take = (name: string, gb: { weight?: number; kv?: number; compute?: number; overhead?: number }): DeviceTake => {
  const [weightBytes, kvBytes, computeBytes, overheadBytes] = [gb.weight, gb.kv, gb.compute, gb.overhead].map(
    (amount) => (amount ?? 0) * GB,
  ) as [number, number, number, number];
  const totalBytes = weightBytes + kvBytes + computeBytes + overheadBytes;
  return { device: name, weightBytes, kvBytes, computeBytes, overheadBytes, totalBytes };
};

describe('what there is to share', () => {
  test('free plus what our children hold; the rest is nobody’s to give', () => {
    const budget = budgetOf(
      input({
        build: { backend: 'cuda', devices: [device('CUDA0', 24, 23)] },
        gpuOf: () => gpu(24, 10),
        held: { sure: { CUDA0: 12 * GB, [HOST]: 1 * GB }, perhaps: {} },
      }),
    );
    expect(budget.devices[0]).toMatchObject({ budgetBytes: 22 * GB, openBytes: 22 * GB, totalBytes: 24 * GB });
    expect(budget.host).toEqual({ totalBytes: 32 * GB, openBytes: 21 * GB, budgetBytes: 21 * GB });
  });

  test('caps cap, and never add', () => {
    const two = { backend: 'cuda', devices: [device('CUDA0', 24, 18), device('CUDA1', 24, 6)] } as const;
    const capped = budgetOf(input({ build: two, vram: 8, ram: 4 }));
    expect(capped.devices.map((entry) => entry.budgetBytes)).toEqual([6 * GB, 2 * GB]);
    expect(capped.host.budgetBytes).toBe(4 * GB);
    const wide = budgetOf(input({ build: two, vram: 100, ram: 100 }));
    expect(wide.devices.map((entry) => entry.budgetBytes)).toEqual([18 * GB, 6 * GB]);
    expect(wide.host.budgetBytes).toBe(20 * GB);
    expect(budgetOf(input({ build: two, vram: 0 })).devices.map((entry) => entry.budgetBytes)).toEqual([0, 0]);
  });

  test('a device that nobody but the engine knows: its listing; one of which the engine cannot say: the probe', () => {
    const listed = (entry: EngineDevice, known: Gpu | null): number | undefined =>
      budgetOf(input({ build: { backend: 'vulkan', devices: [entry] }, gpuOf: () => known })).devices[0]?.budgetBytes;
    expect(listed(device('Vulkan0', 24, 23), null)).toBe(23 * GB);
    expect(listed(device('Vulkan0', 24, null), null)).toBe(24 * GB);
    // The engine prints 0 where a backend does not tell.
    expect(listed(device('Vulkan0', 0, 0), gpu(16, null))).toBe(16 * GB);
    expect(listed(device('Vulkan0', 0, 0), gpu(16, 9))).toBe(9 * GB);
    expect(listed(device('Vulkan0', null, null), null)).toBe(0);
  });

  test('while a child loads, the measurement counts only as far as it cannot be that child', () => {
    const before = budgetOf(input({ availableGb: 20 }));
    // It will hold 8 GB; 3 are gone so far, and nobody can tell whose they are.
    const held: Held = { sure: {}, perhaps: { [HOST]: 8 * GB } };
    expect(budgetOf(input({ availableGb: 17, held, previous: before })).host.budgetBytes).toBe(20 * GB);
    expect(budgetOf(input({ availableGb: 12, held, previous: before })).host.budgetBytes).toBe(20 * GB);
    // More is gone than it can be.
    expect(budgetOf(input({ availableGb: 5, held, previous: before })).host.budgetBytes).toBe(13 * GB);
    // Others gave some back.
    expect(budgetOf(input({ availableGb: 25, held, previous: before })).host.budgetBytes).toBe(25 * GB);
    // Without an earlier look: what is surely there.
    expect(budgetOf(input({ availableGb: 12, held })).host.budgetBytes).toBe(12 * GB);
  });

  test('a cap does not become the memory of the next look', () => {
    const build = { backend: 'cuda', devices: [device('CUDA0', 24, 24)] } as const;
    const gpuOf = () => gpu(24, 20);
    const capped = budgetOf(input({ build, gpuOf, ram: 1, vram: 1 }));
    const held: Held = { sure: {}, perhaps: { [HOST]: 30 * GB, CUDA0: 30 * GB } };
    const open = budgetOf(input({ build, gpuOf, held, previous: capped }));
    expect([open.host.budgetBytes, open.devices[0]?.budgetBytes]).toEqual([20 * GB, 20 * GB]);
  });

  test('a GPU that borrows the host’s memory is one pool with it', () => {
    const build = { backend: 'metal', devices: [device('MTL0', 24, 24)] } as const;
    const held: Held = { sure: { MTL0: 6 * GB, [HOST]: 1 * GB }, perhaps: {} };
    const budget = budgetOf(input({ build, gpuOf: () => gpu(24, 12, true), held, availableGb: 13 }));
    expect(budget.devices[0]).toMatchObject({ isUnified: true, budgetBytes: 18 * GB });
    expect(budget.host.budgetBytes).toBe(20 * GB);
    // And what is reserved there is reserved of the host.
    expect(pooled(budget.devices, { MTL0: 6 * GB, [HOST]: 1 * GB }, HOST)).toBe(7 * GB);
    expect(pooled(budget.devices, { MTL0: 6 * GB, [HOST]: 1 * GB }, 'MTL0')).toBe(6 * GB);
  });
});

describe('what children hold', () => {
  const host = take(HOST, { weight: 5, kv: 2, compute: 1, overhead: 1 });
  const onGpu = take('CUDA0', { weight: 10, kv: 1, compute: 1, overhead: 0.5 });

  test('what the system says of a process beats what was planned; mapped weights are page cache and count for nobody', () => {
    expect(heldBy([{ isAtRest: true, takes: [host, onGpu], privateBytes: 2.5 * GB }])).toEqual({
      sure: { [HOST]: 2.5 * GB, CUDA0: 12.5 * GB },
      perhaps: {},
    });
    expect(heldBy([{ isAtRest: true, takes: [host], privateBytes: null }]).sure).toEqual({ [HOST]: 3 * GB });
  });

  test('a child that took more than it may does not make room for others', () => {
    expect(heldBy([{ isAtRest: true, takes: [host], privateBytes: 40 * GB }]).sure).toEqual({ [HOST]: 9 * GB });
  });

  test('of one that loads or leaves, only what the system tells is sure', () => {
    expect(heldBy([{ isAtRest: false, takes: [host, onGpu], privateBytes: 1 * GB }])).toEqual({
      sure: { [HOST]: 1 * GB },
      perhaps: { CUDA0: 12.5 * GB },
    });
    expect(heldBy([{ isAtRest: false, takes: [host, onGpu], privateBytes: null }])).toEqual({
      sure: {},
      perhaps: { [HOST]: 3 * GB, CUDA0: 12.5 * GB },
    });
  });

  test('several add up', () => {
    expect(sumBytes([{ a: 1 }, {}, { a: 2, b: 3 }])).toEqual({ a: 3, b: 3 });
  });
});
