import { afterAll, expect, test } from 'bun:test';
import { listDxgiAdapters } from '../../src/hardware/dxgi.ts';
import { readNvidiaGpus } from '../../src/hardware/gpu-nvidia.ts';
import { openGpuWatch } from '../../src/hardware/gpu-watch.ts';
import { readWindowsGpus } from '../../src/hardware/gpu-windows.ts';
import { openNativeLibrary } from '../../src/hardware/native.ts';
import { openNvml, shortPciAddress } from '../../src/hardware/nvml.ts';
import { readLibc } from '../../src/hardware/operating-system.ts';
import { thisSystem } from '../../src/hardware/system.ts';
import { canCompile, LibraryFolder } from '../fixtures/hardware/c-library.ts';
import { fixtureSystem } from '../fixtures/hardware/fixture-system.ts';

const folder = new LibraryFolder();
afterAll(() => folder[Symbol.dispose]());
const MIB = 2 ** 20;

const withNvml = (path: string): ReturnType<typeof fixtureSystem> =>
  fixtureSystem('cgroup-nested.machine', { libraries: { 'libnvidia-ml.so.1': path } });

test.skipIf(!canCompile)('NVML is called as its header says, and shut down after', async () => {
  const path = await folder.compile('fake-nvml.c');
  const counter = openNativeLibrary([path], { fake_balance: { args: [], returns: 'i32' } }).library;
  const { value, notes } = await readNvidiaGpus(withNvml(path));
  expect(value).toHaveLength(3);
  expect(value[0]).toEqual({
    index: 0,
    vendor: 'nvidia',
    name: 'NVIDIA GeForce RTX 4070',
    totalBytes: 12282 * MIB,
    freeBytes: (12282 - 1024) * MIB,
    isUnified: false,
    driverVersion: '580.95.05',
    cudaVersion: '13.1',
    computeCapability: '8.9',
    gfxTarget: null,
    pciAddress: '0000:0a:00.0',
    uuid: 'GPU-00000000-0000-0000-0000-000000000000',
    source: 'nvml',
  });
  expect(value[1]).toMatchObject({ name: 'NVIDIA GB10', totalBytes: null, freeBytes: null, isUnified: true });
  expect(value[2]).toMatchObject({ index: 3, totalBytes: 143771 * MIB, computeCapability: '9.0' });
  expect(notes).toEqual([
    'NVIDIA GPU 2 does not answer: the GPU fell off the bus or cannot be reached; restart the machine.',
  ]);
  expect(counter?.call('fake_balance')).toBe(0);

  const watch = openGpuWatch(withNvml(path), value);
  expect(counter?.call('fake_balance')).toBe(1);
  expect(
    (await watch.read()).map(({ index, busyRatio, usedBytes, temperatureC }) => [
      index,
      busyRatio,
      usedBytes,
      temperatureC,
    ]),
  ).toEqual([
    [0, 0.42, 1024 * MIB, 61],
    [1, 0, null, null],
    [3, 0, 1024 * MIB, 61],
  ]);
  // 3 GiB on the first card, named in both lists; 1 GiB on the last; a process of unknown share is left out.
  expect(watch.processBytes()).toEqual(new Map([[process.pid, 4096 * MIB]]));
  watch[Symbol.dispose]();
  watch[Symbol.dispose]();
  expect(counter?.call('fake_balance')).toBe(0);
  // A sample that was under way when the last listener left must not call into the closed library.
  expect((await watch.read())[0]).toMatchObject({ index: 0, busyRatio: null, freeBytes: null, temperatureC: null });
  expect(watch.processBytes()).toBeNull();
  counter?.close();
});

test.skipIf(!canCompile)('an NVML that refuses to start says why, and nvidia-smi is not asked the same', async () => {
  const path = await folder.compile('fake-nvml.c', '-DINIT_CODE=18');
  const system = withNvml(path);
  const { value, notes } = await readNvidiaGpus(system);
  expect(value).toEqual([]);
  expect(notes[0]).toContain('Driver/library version mismatch');
  expect(notes[0]).toContain('restart the machine');
  expect(system.asked).toEqual([]);
});

test.skipIf(!canCompile)('an NVML without a needed function is a note, without an unneeded one it works', async () => {
  const [crippled, old] = await Promise.all([
    folder.compile('fake-nvml.c', '-DWITHOUT_COUNT'),
    folder.compile('fake-nvml.c', '-DWITHOUT_RATES'),
  ]);
  const { notes } = await readNvidiaGpus(withNvml(crippled));
  expect(notes).toEqual([`NVIDIA’s library NVML: ${crippled} lacks nvmlDeviceGetCount_v2.`]);
  const opening = openNvml(withNvml(old));
  if (opening.outcome !== 'initialised') throw new Error(opening.outcome);
  using session = opening.session;
  expect(session.use(0)).toMatchObject({ busyRatio: null, totalBytes: 12282 * MIB });
  expect(session.use(2)).toBeNull();
  expect(session.use(99)).toBeNull();
});

test('a file that is no library is a note', async () => {
  const { value, notes } = await readNvidiaGpus(withNvml(import.meta.path));
  expect(value).toEqual([]);
  expect(notes).toHaveLength(1);
  expect(notes[0]).toStartWith('NVIDIA’s library NVML: cannot be loaded (');
});

test.skipIf(!canCompile)('DXGI is called through its tables; every interface is released', async () => {
  const path = await folder.compile('fake-dxgi.c');
  const counter = openNativeLibrary([path], { fake_alive: { args: [], returns: 'i32' } }).library;
  const system = fixtureSystem('windows-hybrid.machine', { libraries: { 'dxgi.dll': path } });
  const { value, notes } = await readWindowsGpus(system);
  expect(notes).toEqual([]);
  expect(value).toHaveLength(3);
  expect(value[0]).toMatchObject({
    vendor: 'nvidia',
    name: 'NVIDIA GeForce RTX 4070',
    totalBytes: 12099 * MIB,
    freeBytes: 10 * 1024 * MIB,
    isUnified: false,
    driverVersion: '581.42',
    source: 'dxgi',
  });
  expect(value[1]).toMatchObject({
    vendor: 'intel',
    name: 'Intel(R) Iris(R) Xe Graphics',
    totalBytes: (16 * 1024 + 128) * MIB,
    isUnified: true,
    driverVersion: '32.0.101.6877',
  });
  expect(value[2]).toMatchObject({ vendor: 'amd', totalBytes: 2048 * MIB, freeBytes: null });
  expect(counter?.call('fake_alive')).toBe(0);
  counter?.close();
});

test('without dxgi.dll there is no list', () => {
  expect(listDxgiAdapters(fixtureSystem('windows-hybrid.machine'))).toBeNull();
});

test('an absent library is no failure, a foreign one is', () => {
  const signatures = { anything: { args: [], returns: 'i32' } } as const;
  expect(openNativeLibrary(['libdrover-does-not-exist.so.1', '/nowhere/at/all.so'], signatures)).toEqual({
    library: null,
    failures: [],
  });
  const foreign = openNativeLibrary([import.meta.path], signatures);
  expect(foreign.library).toBeNull();
  expect(foreign.failures).toHaveLength(1);
});

test.skipIf(process.platform !== 'linux')('the C library tells its version; musl is known by its loader', async () => {
  expect(await readLibc(thisSystem)).toMatch(/^(glibc \d+\.\d+|musl)$/);
  const alpine = fixtureSystem('cgroup-nested.machine', { files: { '/lib/ld-musl-x86_64.so.1': '' } });
  expect(await readLibc(alpine)).toBe('musl');
  expect(await readLibc(fixtureSystem('cgroup-nested.machine'))).toBeNull();
});

test.each([
  ['00000000:01:00.0', '0000:01:00.0'],
  ['0000000F:0A:00.0', '000f:0a:00.0'],
  ['[N/A]', null],
  ['', null],
])('the PCI address %p is %p', (text, address) => expect(shortPciAddress(text)).toBe(address));
