import { expect, test } from 'bun:test';
import { gfxTargetOf, readAmdGpus } from '../../src/hardware/gpu-amd.ts';
import { readAppleGpus } from '../../src/hardware/gpu-apple.ts';
import { readIntelGpus } from '../../src/hardware/gpu-intel.ts';
import { parseNvidiaSmi, readNvidiaGpus } from '../../src/hardware/gpu-nvidia.ts';
import { openGpuWatch, readGpuUse } from '../../src/hardware/gpu-watch.ts';
import { driverVersionOf, parseCim, readWindowsGpus } from '../../src/hardware/gpu-windows.ts';
import { findPciName } from '../../src/hardware/pci.ts';
import { fixtureSystem } from '../fixtures/hardware/fixture-system.ts';

const GIB = 2 ** 30;
const MIB = 2 ** 20;

test('nvidia-smi: cards, one whose memory may not be read, one that is lost', async () => {
  const system = fixtureSystem('nvidia-smi-cards.machine');
  const { value, notes } = await readNvidiaGpus(system);
  expect(notes).toEqual([]);
  expect(value).toHaveLength(4);
  expect(value[0]).toEqual({
    index: 0,
    vendor: 'nvidia',
    name: 'NVIDIA H200',
    totalBytes: 143771 * MIB,
    freeBytes: 143236 * MIB,
    isUnified: false,
    driverVersion: '580.95.05',
    computeCapability: '9.0',
    gfxTarget: null,
    pciAddress: '0000:19:00.0',
    uuid: 'GPU-11111111-2222-3333-4444-555555555555',
    source: 'nvidia-smi',
  });
  expect(value[1]).toMatchObject({
    name: 'NVIDIA GeForce RTX 4070',
    pciAddress: '0000:3b:00.0',
    computeCapability: '8.9',
  });
  // No figure is not a figure of zero, and no proof of unified memory.
  expect(value[2]).toMatchObject({ name: 'NVIDIA A100-SXM4-80GB', totalBytes: null, freeBytes: null, isUnified: null });
  expect(value[3]).toMatchObject({ name: 'NVIDIA GPU 3', totalBytes: null, uuid: null, computeCapability: null });
  expect(system.asked[0]?.[1]).toBe(
    '--query-gpu=index,uuid,pci.bus_id,driver_version,memory.total,memory.free,compute_cap,name',
  );
});

test.each([
  ['nvidia-gb10.machine', 'NVIDIA GB10', '12.1'],
  ['nvidia-jetson.machine', 'Orin (nvgpu)', null],
])('%s: unified memory, of which the driver tells no figure', async (file, name, computeCapability) => {
  const { value } = await readNvidiaGpus(fixtureSystem(file));
  expect(value).toHaveLength(1);
  expect(value[0]).toMatchObject({ name, computeCapability, isUnified: true, totalBytes: null, freeBytes: null });
});

test('nvidia-h200.machine: what a real driver says is read to the byte that its library tells', async () => {
  const { value, notes } = await readNvidiaGpus(fixtureSystem('nvidia-h200.machine'));
  expect(notes).toEqual([]);
  expect(value).toMatchObject([
    {
      name: 'NVIDIA H200',
      totalBytes: 150_754_820_096,
      isUnified: false,
      driverVersion: '580.159.04',
      computeCapability: '9.0',
      pciAddress: '0000:00:06.0',
      uuid: 'GPU-d3c23986-30a8-19e9-abad-4e7ec9d34ba6',
    },
  ]);
});

test('a driver that does not match its module is a note with nvidia-smi’s words, and the card is still listed', async () => {
  const { value, notes } = await readNvidiaGpus(fixtureSystem('nvidia-mismatch.machine'));
  expect(notes).toEqual(['nvidia-smi: Failed to initialize NVML: Driver/library version mismatch']);
  expect(value).toHaveLength(1);
  expect(value[0]).toMatchObject({
    name: 'NVIDIA AD104 [GeForce RTX 4070]',
    totalBytes: null,
    driverVersion: null,
    pciAddress: '0000:01:00.0',
    source: 'sysfs',
  });
});

test.each([
  ['nouveau', 'the driver nouveau holds it; install NVIDIA’s own driver.'],
  ['nvidia', 'its libraries are not here'],
  ['vfio-pci', 'virtual machine'],
])('a card that %s holds, without NVIDIA’s tools, says why it cannot run CUDA', async (driver, words) => {
  const uevent = `DRIVER=${driver}\nPCI_CLASS=30000\nPCI_ID=10DE:2786\n`;
  const system = fixtureSystem('wsl.machine', { files: { '/sys/bus/pci/devices/0000:01:00.0/uevent': uevent } });
  const { value, notes } = await readNvidiaGpus({ ...system, findTool: () => null });
  expect(value).toHaveLength(1);
  expect(value[0]?.name).toBe('NVIDIA GPU [10de:2786]');
  expect(notes).toHaveLength(1);
  expect(notes[0]).toContain(words);
});

test('a driver that does not know compute_cap is asked again without it', async () => {
  const system = fixtureSystem('nvidia-smi-cards.machine', {
    tool: async (argv) =>
      argv[1]?.includes('compute_cap')
        ? {
            outcome: 'exited',
            exitCode: 2,
            stdout: 'Field "compute_cap" is not a valid field to query.\n',
            stderr: '',
          }
        : {
            outcome: 'exited',
            exitCode: 0,
            stdout: '0, GPU-1, 00000000:01:00.0, 470.256.02, 11178, 11000, NVIDIA GeForce GTX 1080 Ti\n',
            stderr: '',
          },
  });
  const { value, notes } = await readNvidiaGpus(system);
  expect(notes).toEqual([]);
  expect(value[0]).toMatchObject({
    name: 'NVIDIA GeForce GTX 1080 Ti',
    computeCapability: null,
    totalBytes: 11178 * MIB,
  });
});

test('a tool that hangs is a note', async () => {
  const system = fixtureSystem('nvidia-smi-cards.machine', {
    tool: async (_, { timeoutMs }) => ({
      outcome: 'timeout',
      exitCode: null,
      stdout: '',
      stderr: `no answer within ${timeoutMs} ms`,
    }),
  });
  expect(await readNvidiaGpus(system)).toEqual({ value: [], notes: ['nvidia-smi: no answer within 8000 ms'] });
});

test.each(['', '\n\n', 'No devices were found\n', 'x, y, z\n', '\u0000'.repeat(100), ',,,,,,,\n'])(
  'nvidia-smi’s output %j holds no GPU',
  (text) => expect(parseNvidiaSmi(text)).toEqual([]),
);

test('WSL shows NVIDIA’s card by the tool of Windows’ driver', async () => {
  const { value, notes } = await readNvidiaGpus(fixtureSystem('wsl.machine'));
  expect(notes).toEqual([]);
  expect(value[0]).toMatchObject({ name: 'NVIDIA GeForce RTX 4080', totalBytes: 16376 * MIB, driverVersion: '581.42' });
});

test('amdgpu: a card and an integrated GPU, by bus, compute topology and libdrm’s names', async () => {
  const { value, notes } = await readAmdGpus(fixtureSystem('amd-rx-7900-xtx.machine'));
  expect(notes).toEqual([]);
  expect(value).toHaveLength(2);
  expect(value[0]).toEqual({
    index: 0,
    vendor: 'amd',
    name: 'AMD Radeon RX 7900 XTX',
    totalBytes: 25753026560,
    freeBytes: 25753026560 - GIB,
    isUnified: false,
    driverVersion: 'amdgpu 6.10.5',
    computeCapability: null,
    gfxTarget: 'gfx1100',
    pciAddress: '0000:03:00.0',
    uuid: 'GPU-8b2d4c6f10e3a597',
    source: 'sysfs',
  });
  // No table knows this one: its ids are its name.
  expect(value[1]).toMatchObject({ name: 'AMD GPU [1002:164e]', gfxTarget: 'gfx1036', isUnified: true });
});

test('Strix Halo: carve-out and GTT together, free no more than the host has', async () => {
  const { value, notes } = await readAmdGpus(fixtureSystem('amd-strix-halo.machine'));
  expect(notes).toEqual([]);
  expect(value).toHaveLength(1);
  expect(value[0]).toMatchObject({
    gfxTarget: 'gfx1151',
    isUnified: true,
    totalBytes: 100 * GIB,
    freeBytes: 4 * GIB - 256 * MIB + 60 * GIB,
    driverVersion: 'amdgpu in Linux 7.1.0',
  });
});

test('an AMD card that a virtual machine holds is listed, with the reason why it cannot be used', async () => {
  const folder = '/sys/bus/pci/devices/0000:c3:00.0';
  const files = {
    [`${folder}/uevent`]: 'DRIVER=vfio-pci\nPCI_CLASS=38000\nPCI_ID=1002:1586\n',
    [`${folder}/mem_info_vram_total`]: null,
    '/sys/class/kfd/kfd/topology/nodes/1/properties': null,
  };
  const { value, notes } = await readAmdGpus(fixtureSystem('amd-strix-halo.machine', { files }));
  expect(value[0]).toMatchObject({ totalBytes: null, freeBytes: null, isUnified: null, gfxTarget: null });
  expect(notes[0]).toContain('vfio-pci');
});

test.each([
  [110000, 'gfx1100'],
  [110501, 'gfx1151'],
  [90010, 'gfx90a'],
  [90402, 'gfx942'],
  [90012, 'gfx90c'],
  [120001, 'gfx1201'],
  [0, null],
  [Number.NaN, null],
])('gfx_target_version %p is %p', (version, target) => expect(gfxTargetOf(version)).toBe(target));

test('Arc with xe: memory by tile, name by pci.ids', async () => {
  const { value, notes } = await readIntelGpus(fixtureSystem('intel-arc-a770-xe.machine'));
  expect(notes).toEqual([]);
  expect(value).toHaveLength(1);
  expect(value[0]).toMatchObject({
    name: 'Intel DG2 [Arc A770]',
    totalBytes: 16 * GIB,
    freeBytes: null,
    isUnified: false,
    driverVersion: 'xe in Linux 6.17.0-8-generic',
  });
});

test('Arc with i915 beside integrated graphics', async () => {
  const { value, notes } = await readIntelGpus(fixtureSystem('intel-arc-a770-i915.machine'));
  expect(notes).toEqual([]);
  expect(value.map(({ name, isUnified, totalBytes }) => ({ name, isUnified, totalBytes }))).toEqual([
    { name: 'Intel GPU [8086:4680]', isUnified: true, totalBytes: null },
    { name: 'Intel GPU [8086:56a0]', isUnified: false, totalBytes: 16 * GIB },
  ]);
  expect(value[1]?.driverVersion).toBe('i915 1.24.4.12');
});

test('Arc with the kernel’s own i915: the size is unknown, and said to be', async () => {
  const files = { '/sys/bus/pci/devices/0000:03:00.0/drm/card1/lmem_total_bytes': null };
  const { value, notes } = await readIntelGpus(fixtureSystem('intel-arc-a770-i915.machine', { files }));
  expect(value[1]).toMatchObject({ isUnified: false, totalBytes: null });
  expect(notes).toEqual(['The driver i915 does not tell how much memory Intel GPU [8086:56a0] has; the engine will.']);
});

test('Apple silicon: the limit that the owner set, else unknown', async () => {
  const { value } = await readAppleGpus(fixtureSystem('apple-m3-max.machine'));
  expect(value[0]).toMatchObject({ vendor: 'apple', name: 'Apple M3 Max', isUnified: true, totalBytes: 96 * GIB });
  const unset = fixtureSystem('apple-m3-max.machine', {
    tool: async () => ({
      outcome: 'exited',
      exitCode: 0,
      stdout: 'machdep.cpu.brand_string: Apple M1\niogpu.wired_limit_mb: 0\n',
      stderr: '',
    }),
  });
  expect((await readAppleGpus(unset)).value[0]).toMatchObject({ name: 'Apple M1', isUnified: true, totalBytes: null });
});

test('Windows by CIM: sizes of the registry, never AdapterRAM; virtual displays left out', async () => {
  const { value, notes } = await readWindowsGpus(fixtureSystem('windows-hybrid.machine'));
  expect(notes).toHaveLength(1);
  expect(value.map(({ vendor, totalBytes, driverVersion }) => ({ vendor, totalBytes, driverVersion }))).toEqual([
    { vendor: 'intel', totalBytes: null, driverVersion: '32.0.101.6877' },
    { vendor: 'nvidia', totalBytes: 16 * GIB, driverVersion: '581.42' },
  ]);
  const single = '\uFEFF{"Name":"A","PNPDeviceID":"PCI\\\\VEN_1002&DEV_744C"}';
  expect(parseCim(single)).toMatchObject([{ vendor: 'amd', name: 'A', totalBytes: null, driverVersion: null }]);
  expect(parseCim('Get-CimInstance: access denied')).toBeNull();
  expect(parseCim('[1,null,"x"]')).toEqual([]);
});

test.each([
  ['32.0.15.8142', '581.42'],
  ['31.0.15.5161', '551.61'],
  ['27.21.14.5671', '456.71'],
  ['10', '10'],
])('Windows’ version %p of NVIDIA’s driver is %p', (windows, own) =>
  expect(driverVersionOf('nvidia', windows)).toBe(own),
);

test('pci.ids: the device of its own vendor only, first and last vendors too', () => {
  const text =
    '1002  AMD\n\t744c  Navi 31 [Radeon]\n\t\t1002 0e3b  board\n8086  Intel\n\t744c  another\n\t56a0  DG2 [Arc A770]\n';
  expect(findPciName(text, '1002', '744c')).toBe('Navi 31 [Radeon]');
  expect(findPciName(text, '8086', '744c')).toBe('another');
  expect(findPciName(text, '1002', '56a0')).toBeNull();
  expect(findPciName(text, '10de', '2786')).toBeNull();
  expect(findPciName('', '1002', '744c')).toBeNull();
});

test('what AMD’s cards hold and how warm they are', async () => {
  const system = fixtureSystem('amd-rx-7900-xtx.machine');
  const uses = await readGpuUse((await readAmdGpus(system)).value, system);
  expect(uses.map(({ usedBytes, temperatureC }) => [usedBytes, temperatureC])).toEqual([
    [GIB, 54],
    [0, null],
  ]);
  // What is borrowed from the host counts too.
  const unified = fixtureSystem('amd-strix-halo.machine');
  const [use] = await readGpuUse((await readAmdGpus(unified)).value, unified);
  const bytesOf = (name: string): number =>
    Number(unified.readTextSync(`/sys/bus/pci/devices/${use?.pciAddress}/mem_info_${name}`));
  expect(use?.usedBytes).toBe(bytesOf('vram_used') + bytesOf('gtt_used'));
  expect(use?.usedBytes).toBeGreaterThan(bytesOf('vram_used'));
});

test('live use of AMD’s cards; one that sleeps is not asked', async () => {
  const system = fixtureSystem('amd-rx-7900-xtx.machine');
  const { value } = await readAmdGpus(system);
  const read: string[] = [];
  const readText = (path: string): Promise<string | null> => {
    read.push(path);
    return system.readText(path);
  };
  using watch = openGpuWatch({ ...system, readText }, value);
  const uses = await watch.read();
  expect(uses.map(({ busyRatio, freeBytes }) => ({ busyRatio, freeBytes }))).toEqual([
    { busyRatio: 0.37, freeBytes: 25753026560 - GIB },
    { busyRatio: 0, freeBytes: value[1]?.totalBytes ?? null },
  ]);
  expect(read.filter((path) => path.includes('7b:00.0'))).toEqual([
    '/sys/bus/pci/devices/0000:7b:00.0/power/runtime_status',
  ]);
});
