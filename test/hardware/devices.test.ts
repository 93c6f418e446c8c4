import { expect, test } from 'bun:test';
import { type ListedDevice, reconcile } from '../../src/hardware/devices.ts';
import type { Gpu, GpuVendor } from '../../src/hardware/probe.ts';

const GIB = 2 ** 30;

const gpu = (vendor: GpuVendor, index: number, name: string, totalGib: number | null, isUnified = false): Gpu => ({
  index,
  vendor,
  name,
  totalBytes: totalGib === null ? null : totalGib * GIB,
  freeBytes: null,
  isUnified,
  driverVersion: null,
  computeCapability: null,
  gfxTarget: null,
  pciAddress: `0000:0${index}:00.0`,
  uuid: null,
  source: 'fixture',
});
const device = (id: string, name: string, totalGib: number | null): ListedDevice => ({
  id,
  name,
  totalBytes: totalGib === null ? null : totalGib * GIB,
  freeBytes: totalGib === null ? null : (totalGib - 1) * GIB,
});
const partners = (gpus: readonly Gpu[], devices: readonly ListedDevice[]): (string | null)[] =>
  reconcile({ gpus }, devices).devices.map((entry) => entry.gpu?.pciAddress ?? null);

test('the engine’s figures win; the GPU’s stand in where it says nothing', () => {
  const card = { ...gpu('nvidia', 1, 'NVIDIA GeForce RTX 4070', 12), freeBytes: 11 * GIB };
  const told = reconcile({ gpus: [card] }, [device('CUDA0', 'NVIDIA GeForce RTX 4070', 11.5)]);
  expect(told).toEqual({
    devices: [
      {
        deviceId: 'CUDA0',
        gpu: card,
        name: 'NVIDIA GeForce RTX 4070',
        totalBytes: 11.5 * GIB,
        freeBytes: 10.5 * GIB,
        isUnified: false,
      },
    ],
    unseen: [],
  });
  const silent = { id: 'CUDA0', name: 'NVIDIA GeForce RTX 4070', totalBytes: 0, freeBytes: 0 };
  expect(reconcile({ gpus: [card] }, [silent]).devices[0]).toMatchObject({ totalBytes: 12 * GIB, freeBytes: 11 * GIB });
});

test('by name, whatever the order', () => {
  const gpus = [gpu('nvidia', 1, 'NVIDIA GeForce RTX 3060', 12), gpu('nvidia', 2, 'NVIDIA GeForce RTX 3090', 24)];
  const devices = [device('CUDA0', 'NVIDIA GeForce RTX 3090', 23.6), device('CUDA1', 'NVIDIA GeForce RTX 3060', 11.6)];
  expect(partners(gpus, devices)).toEqual(['0000:02:00.0', '0000:01:00.0']);
});

test('equal cards in the drivers’ order; a third that the engine does not see is reported', () => {
  const gpus = [1, 2, 3].map((index) => gpu('nvidia', index, 'NVIDIA H200', 140));
  const { devices, unseen } = reconcile({ gpus }, [
    device('CUDA0', 'NVIDIA H200', 140),
    device('CUDA1', 'NVIDIA H200', 140),
  ]);
  expect(devices.map((entry) => entry.gpu?.index)).toEqual([1, 2]);
  expect(unseen).toEqual(gpus.slice(2));
});

test('one card under two backends', () => {
  const gpus = [gpu('nvidia', 1, 'NVIDIA GeForce RTX 4070', 12)];
  const devices = [
    device('CUDA0', 'NVIDIA GeForce RTX 4070', 11.5),
    device('Vulkan0', 'NVIDIA GeForce RTX 4070', 12.2),
  ];
  expect(partners(gpus, devices)).toEqual(['0000:01:00.0', '0000:01:00.0']);
});

test('Vulkan’s names against those of sysfs', () => {
  const gpus = [
    gpu('amd', 1, 'AMD GPU [1002:164e]', 32, true),
    gpu('amd', 2, 'AMD Navi 31 [Radeon RX 7900 XT/7900 XTX/7900 GRE/7900M]', 24),
    gpu('intel', 3, 'Intel DG2 [Arc A770]', 16),
    gpu('intel', 4, 'Intel GPU [8086:4680]', null, true),
  ];
  const devices = [
    device('Vulkan0', 'AMD Radeon RX 7900 XTX (RADV NAVI31)', 24),
    device('Vulkan1', 'Intel(R) Arc(tm) A770 Graphics (DG2)', 15.9),
    device('Vulkan2', 'AMD Radeon Graphics (RADV RAPHAEL_MENDOCINO)', 31),
    device('Vulkan3', 'Intel(R) UHD Graphics 770 (ADL-S GT1)', 23),
  ];
  expect(partners(gpus, devices)).toEqual(['0000:02:00.0', '0000:03:00.0', '0000:01:00.0', '0000:04:00.0']);
});

test('Metal, ROCm and SYCL name their vendors', () => {
  const gpus = [
    gpu('apple', 1, 'Apple M3 Max', null, true),
    gpu('amd', 2, 'AMD GPU [1002:1586]', 100, true),
    gpu('intel', 3, 'Intel GPU [8086:56a0]', 16),
  ];
  const devices = [
    device('MTL0', 'Apple M3 Max', 96),
    device('ROCm0', 'Radeon 8060S Graphics', 96),
    device('SYCL0', 'Intel(R) Arc(TM) A770 Graphics', 15.9),
  ];
  const { devices: joined, unseen } = reconcile({ gpus }, devices);
  expect(joined.map((entry) => entry.gpu?.vendor)).toEqual(['apple', 'amd', 'intel']);
  expect(joined.map((entry) => entry.isUnified)).toEqual([true, true, false]);
  expect(unseen).toEqual([]);
});

test('a device that only might be the card is nobody’s', () => {
  const gpus = [gpu('amd', 1, 'AMD Radeon RX 7900 XTX', 24), gpu('amd', 2, 'AMD GPU [1002:164e]', 31, true)];
  // One of two is listed, of another size and another name than the card.
  expect(partners(gpus, [device('Vulkan0', 'AMD Radeon Graphics (RADV RAPHAEL_MENDOCINO)', 16)])).toEqual([null]);
  expect(partners(gpus.slice(0, 1), [device('Vulkan0', 'AMD Radeon Graphics (RADV RAPHAEL_MENDOCINO)', 2)])).toEqual([
    null,
  ]);
  // The same with one GPU in the machine, whose size is the backend's opinion.
  expect(partners(gpus.slice(1), [device('Vulkan0', 'AMD Radeon Graphics (RADV RAPHAEL_MENDOCINO)', 16)])).toEqual([
    '0000:02:00.0',
  ]);
  const twins = [gpu('intel', 1, 'Intel GPU [8086:56a0]', null), gpu('intel', 2, 'Intel GPU [8086:4680]', null, true)];
  expect(partners(twins, [device('Vulkan0', 'Intel(R) Graphics', 16)])).toEqual([null]);
  const nvidia = [gpu('nvidia', 1, 'NVIDIA GeForce RTX 3060', 12), gpu('nvidia', 2, 'NVIDIA GeForce RTX 3090', 24)];
  expect(partners(nvidia, [device('CUDA0', 'NVIDIA GeForce RTX 3070', 8)])).toEqual([null]);
});

test('a renderer on the CPU and a device at the end of a wire are no GPU of this machine', () => {
  const gpus = [gpu('nvidia', 1, 'NVIDIA GeForce RTX 4070', 12)];
  const devices = [
    device('Vulkan0', 'llvmpipe (LLVM 15.0.6, 256 bits)', 24),
    device('RPC0', '10.0.0.7:50052 NVIDIA GeForce RTX 4070', 12),
    device('Vulkan1', 'something unheard of', null),
  ];
  const { devices: joined, unseen } = reconcile({ gpus }, devices);
  expect(joined.map((entry) => entry.gpu)).toEqual([null, null, null]);
  expect(joined[2]).toMatchObject({ totalBytes: null, freeBytes: null, isUnified: null });
  expect(unseen).toEqual(gpus);
});

test('no GPUs, no devices', () => {
  expect(reconcile({ gpus: [] }, [])).toEqual({ devices: [], unseen: [] });
});
