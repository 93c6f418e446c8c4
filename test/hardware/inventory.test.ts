import { expect, test } from 'bun:test';
import { readDrive } from '../../src/hardware/drive.ts';
import { readInventory } from '../../src/hardware/inventory.ts';
import { mountOf, parseMounts } from '../../src/hardware/mounts.ts';
import { firmwareDate, firmwareText, parseFirmwareTable } from '../../src/hardware/smbios.ts';
import { type System, thisSystem } from '../../src/hardware/system.ts';
import { canCompile, LibraryFolder } from '../fixtures/hardware/c-library.ts';
import { fixtureSystem } from '../fixtures/hardware/fixture-system.ts';

const SECTOR = 512;
const UNKNOWN = { kind: null, sizeBytes: null };

test('a desktop with NVMe: everything without root', async () => {
  const inventory = await readInventory({ system: fixtureSystem('desktop-nvme.machine') });
  expect(inventory).toEqual({
    cpu: {
      model: 'AMD Ryzen 9 5950X 16-Core Processor',
      physicalCores: 1,
      threads: 32,
      maxHz: 5_083_396_000,
      microcode: '0xa201210',
    },
    // Rated for more than it runs at.
    ram: { totalBytes: 65701408 * 1024, type: 'DDR4', hz: 3_200_000_000 },
    storage: { kind: 'nvme', sizeBytes: 1953525168 * SECTOR },
    os: { name: 'Ubuntu', version: '24.04', kernel: '6.8.0-60-generic' },
    bios: { vendor: 'American Megatrends International, LLC.', version: '1.90', date: '2024-03-27' },
    gpus: [],
  });
});

test.each<[machine: string, path: string, drive: Awaited<ReturnType<typeof readDrive>>]>([
  ['desktop-nvme', '/srv/with blank/models', { kind: 'hdd', sizeBytes: 15628053168 * SECTOR }],
  ['desktop-nvme', '/srv/without', { kind: 'nvme', sizeBytes: 1953525168 * SECTOR }],
  ['desktop-nvme', '/mnt/share/models', UNKNOWN],
  ['desktop-nvme', '/home/me', { kind: 'nvme', sizeBytes: 1953525168 * SECTOR }],
  ['server-lvm', '/', { kind: 'ssd', sizeBytes: 1875385008 * SECTOR }],
  ['server-lvm', '/srv', { kind: 'ssd', sizeBytes: 3750000000 * SECTOR }],
  ['server-lvm', '/mirror', { kind: null, sizeBytes: 7813772288 * SECTOR }],
  ['server-lvm', '/pool/a', { kind: 'hdd', sizeBytes: 7814037168 * SECTOR }],
  ['server-lvm', '/tank', UNKNOWN],
  ['container-overlay', '/', UNKNOWN],
  ['container-overlay', '/scratch', UNKNOWN],
  ['container-overlay', '/models', { kind: 'nvme', sizeBytes: 1000215216 * SECTOR }],
  ['cloud-virtio', '/', { kind: null, sizeBytes: 41943040 * SECTOR }],
  ['cloud-virtio', '/data', { kind: null, sizeBytes: 209715200 * SECTOR }],
  ['raspberry-pi', '/home/pi', { kind: 'flash', sizeBytes: 124735488 * SECTOR }],
  ['raspberry-pi', '/media/stick', { kind: null, sizeBytes: 61440000 * SECTOR }],
  ['cgroup-nested', '/', UNKNOWN],
])('%s: the drive of %s', async (machine, path, drive) => {
  expect(await readDrive(fixtureSystem(`${machine}.machine`), path)).toEqual(drive);
});

test('a link is followed before the mount is sought', async () => {
  const system = fixtureSystem('desktop-nvme.machine', { links: { '/home/models': '/srv/with blank/models' } });
  expect((await readDrive(system, '/home/models')).kind).toBe('hdd');
});

test('slaves that stand on each other end', async () => {
  const system = fixtureSystem('server-lvm.machine', { files: { '/sys/class/block/sda3/slaves/dm-1/uevent': '' } });
  expect(await readDrive(system, '/')).toEqual(UNKNOWN);
});

test('files that are missing or broken are unknown, not zero', async () => {
  for (const size of [null, '', '0', '-5', 'many', '12 34']) {
    const system = fixtureSystem('desktop-nvme.machine', {
      files: { '/sys/class/block/nvme0n1/size': size, '/proc/self/mountinfo': '1 2\n\n30 1 259:2 / / rw - ext4\n' },
    });
    expect(await readDrive(system, '/')).toEqual({ kind: 'nvme', sizeBytes: null });
  }
});

test('a server with LVM: fillers of the firmware are nothing, memory by its error correction', async () => {
  const { cpu, ram, bios, os } = await readInventory({ system: fixtureSystem('server-lvm.machine') });
  expect(cpu.microcode).toBe('0xd0003f5');
  expect(ram).toMatchObject({ type: 'DDR4', hz: null });
  expect(bios).toEqual({ vendor: null, version: null, date: null });
  expect(os).toEqual({ name: 'Debian GNU/Linux', version: '12', kernel: '6.1.0-35-amd64' });
});

test('modules of two types are not one type; the slowest sets the pace', async () => {
  const files = {
    '/run/udev/data/+dmi:id':
      'E:MEMORY_DEVICE_0_TYPE=DDR4\nE:MEMORY_DEVICE_0_SPEED_MTS=3200\nE:MEMORY_DEVICE_1_TYPE=DDR5\nE:MEMORY_DEVICE_1_SPEED_MTS=4800\n',
  };
  const { ram } = await readInventory({ system: fixtureSystem('server-lvm.machine', { files }) });
  expect(ram).toMatchObject({ type: null, hz: 3_200_000_000 });
});

test('a container: the host’s secrets stay unknown', async () => {
  const { cpu, ram, bios, os, storage } = await readInventory({ system: fixtureSystem('container-overlay.machine') });
  expect(cpu).toMatchObject({ model: 'Intel(R) Core(TM) i7-10700 CPU @ 2.90GHz', microcode: null, maxHz: null });
  expect(ram).toMatchObject({ type: null, hz: null });
  expect(bios).toEqual({ vendor: null, version: null, date: null });
  expect(os).toEqual({ name: 'Alpine Linux', version: '3.22.1', kernel: '6.8.0-60-generic' });
  expect(storage).toEqual(UNKNOWN);
});

test('a virtual machine of a cloud: its firmware is told, the type of its memory is none', async () => {
  const { bios, ram, os, cpu } = await readInventory({ system: fixtureSystem('cloud-virtio.machine') });
  expect(bios).toEqual({ vendor: 'SeaBIOS', version: '1.16.3-debian-1.16.3-2', date: '2014-04-01' });
  expect(ram).toMatchObject({ type: null, hz: null });
  expect(os.version).toBe('rolling');
  expect(cpu.microcode).toBe('0x1');
});

test('a Raspberry Pi: no firmware of that kind, no microcode', async () => {
  const { cpu, ram, bios } = await readInventory({ system: fixtureSystem('raspberry-pi.machine') });
  expect(cpu).toMatchObject({
    model: 'Raspberry Pi 5 Model B Rev 1.0',
    threads: 4,
    maxHz: 2_400_000_000,
    microcode: null,
  });
  expect(ram).toEqual({ totalBytes: 8255568 * 1024, type: null, hz: null });
  expect(bios).toEqual({ vendor: null, version: null, date: null });
});

/** A table after DSP0134: a BIOS, a full slot, an empty one, the end. */
function firmwareTable(): Uint8Array {
  const structure = (type: number, length: number, fill: (view: DataView) => void, strings: string[]): Uint8Array => {
    const body = new DataView(new ArrayBuffer(length));
    body.setUint8(0, type);
    body.setUint8(1, length);
    fill(body);
    const text = strings.length === 0 ? '\0\0' : `${strings.join('\0')}\0\0`;
    return Uint8Array.from([...new Uint8Array(body.buffer), ...Buffer.from(text, 'latin1')]);
  };
  const bios = structure(
    0,
    0x18,
    (view) => {
      view.setUint8(4, 1);
      view.setUint8(5, 2);
      view.setUint8(8, 3);
    },
    ['LENOVO', 'N2IET98W', '05/12/2021'],
  );
  const full = structure(
    17,
    0x5c,
    (view) => {
      view.setUint16(0x0c, 0x7fff, true);
      view.setUint8(0x12, 0x22);
      view.setUint16(0x15, 5600, true);
      view.setUint16(0x20, 0xffff, true);
      view.setUint32(0x58, 5200, true);
    },
    ['DIMM 0'],
  );
  const empty = structure(17, 0x28, (view) => view.setUint8(0x12, 0x02), []);
  const end = structure(127, 4, () => undefined, []);
  return Uint8Array.from([...bios, ...full, ...empty, ...end, 1, 2, 3]);
}

test('where the firmware’s table needs root it is unknown; with root it is read', async () => {
  const closed = fixtureSystem('desktop-nvme.machine', { files: { '/run/udev/data/+dmi:id': null } });
  const inventory = await readInventory({ system: closed });
  expect(inventory.ram).toMatchObject({ type: null, hz: null });
  expect(inventory.bios.version).toBe('1.90');
  const open = fixtureSystem('desktop-nvme.machine', {
    files: { '/run/udev/data/+dmi:id': null },
    bytes: { '/sys/firmware/dmi/tables/DMI': firmwareTable() },
  });
  expect((await readInventory({ system: open })).ram).toMatchObject({ type: 'DDR5', hz: 5_200_000_000 });
});

test('a firmware’s table that is cut anywhere, or garbage, is no failure', () => {
  const table = firmwareTable();
  expect(parseFirmwareTable(table)).toEqual({
    bios: { vendor: 'LENOVO', version: 'N2IET98W', date: '2021-05-12' },
    modules: [{ type: 'DDR5', megaTransfers: 5200 }],
  });
  for (let end = 0; end < table.length; end += 1) {
    expect(parseFirmwareTable(table.subarray(0, end)).modules.length).toBeLessThanOrEqual(1);
  }
  for (const byte of [0, 1, 17, 255]) {
    const { bios, modules } = parseFirmwareTable(new Uint8Array(500).fill(byte));
    expect([bios.vendor, modules.length]).toEqual([null, 0]);
  }
});

test.each([
  ['To Be Filled By O.E.M.', null],
  ['Default string', null],
  ['Not Specified', null],
  ['System Version', null],
  ['  ', null],
  ['0.0.0', null],
  ['xxxxxxxx', null],
  [undefined, null],
  ['F16\n', 'F16'],
  ['Phoenix  Technologies\0', 'Phoenix Technologies'],
])('of the firmware’s text %p remains %p', (text, left) => expect(firmwareText(text)).toBe(left));

test.each([
  ['04/01/2014', '2014-04-01'],
  ['12/31/99', '1999-12-31'],
  ['13/01/2014', null],
  ['2024-03-27', '2024-03-27'],
  [null, null],
])('the firmware’s date %p is %p', (text, date) => expect(firmwareDate(text)).toBe(date));

test('the mount that holds a path: the longest, of equals the last', () => {
  const mounts = parseMounts(
    '1 0 8:1 / / rw - ext4 a rw\n2 1 8:2 / /data rw - ext4 b rw\n3 1 8:3 / /data rw - ext4 c rw\n',
  );
  expect(mountOf(mounts, '/data/x')?.source).toBe('c');
  expect(mountOf(mounts, '/database')?.source).toBe('a');
  expect(mountOf([], '/')).toBeNull();
});

const told = (system: System): System => ({
  ...system,
  surveyHost: async () => ({
    bios: { vendor: 'Apple Inc.', version: '11881.140.96', releaseDate: '' },
    modules: [{ type: 'LPDDR5', clockSpeed: 0 }],
    drives: [{ type: 'NVMe', interfaceType: 'PCIe', size: 1_000_555_581_440 }],
  }),
});

test('a Mac: what its own programs tell, asked once', async () => {
  const mac = told(fixtureSystem('apple-m3-max.machine'));
  let questions = 0;
  const system = {
    ...mac,
    surveyHost: () => {
      questions += 1;
      return mac.surveyHost();
    },
  };
  expect(await readInventory({ system })).toMatchObject({
    cpu: { model: 'Apple M3 Max', physicalCores: 16, microcode: null },
    ram: { type: 'LPDDR5', hz: null },
    storage: { kind: 'nvme', sizeBytes: 1_000_555_581_440 },
    os: { name: 'macOS', version: '15.6' },
    bios: { vendor: 'Apple Inc.', version: '11881.140.96', date: null },
  });
  expect(questions).toBe(1);
});

test('of several drives none is taken for the one that holds the path', async () => {
  const drive = { type: 'SSD', interfaceType: 'SATA', size: 5 };
  const host = await told(thisSystem).surveyHost();
  const withDrives = (drives: (typeof drive)[]): System => ({
    ...fixtureSystem('windows-hybrid.machine'),
    surveyHost: async () => (host === null ? null : { ...host, drives }),
  });
  expect(await readDrive(withDrives([drive]), 'C:\\')).toEqual({ kind: 'ssd', sizeBytes: 5 });
  expect(await readDrive(withDrives([drive, drive]), 'C:\\')).toEqual(UNKNOWN);
  expect(await readDrive(withDrives([]), 'C:\\')).toEqual(UNKNOWN);
});

test.skipIf(!canCompile)('Windows hands out the firmware’s table without a program', async () => {
  using folder = new LibraryFolder();
  const path = await folder.compile('fake-firmware.c');
  const system: System = {
    ...fixtureSystem('windows-hybrid.machine', { libraries: { 'kernel32.dll': path } }),
    surveyHost: () => Promise.reject(new Error('no program is needed for this')),
  };
  const { bios, ram } = await readInventory({ system });
  expect(bios).toEqual({ vendor: 'Dell Inc.', version: '1.32.0', date: '2023-09-28' });
  expect(ram).toMatchObject({ type: 'DDR4', hz: 2_933_000_000 });
});

test('this machine: every field has its type, and what is told twice agrees', async () => {
  const inventory = await readInventory({ path: import.meta.dir });
  const isText = (value: unknown): boolean => value === null || (typeof value === 'string' && value.trim() !== '');
  const isCount = (value: unknown): boolean => value === null || (typeof value === 'number' && value > 0);
  const { cpu, ram, storage, os, bios, gpus } = inventory;
  for (const text of [cpu.model, cpu.microcode, ram.type, os.name, os.version, os.kernel])
    expect(isText(text)).toBe(true);
  for (const text of [bios.vendor, bios.version, bios.date]) expect(isText(text)).toBe(true);
  for (const count of [cpu.physicalCores, cpu.maxHz, ram.hz, storage.sizeBytes]) expect(isCount(count)).toBe(true);
  expect(cpu.threads).toBeGreaterThanOrEqual(cpu.physicalCores ?? 1);
  expect(ram.totalBytes).toBeGreaterThan(64 * 2 ** 20);
  expect([null, 'ssd', 'hdd', 'nvme', 'flash']).toContain(storage.kind);
  for (const gpu of gpus) expect(isText(gpu.name) && isCount(gpu.totalBytes)).toBe(true);
  const space = await thisSystem.diskSpace(import.meta.dir);
  if (storage.sizeBytes !== null) expect(storage.sizeBytes).toBeGreaterThanOrEqual(space?.totalBytes ?? 0);
  expect(JSON.parse(JSON.stringify(inventory))).toEqual(inventory);
});

test.skipIf(process.platform !== 'linux')('on Linux nothing is started for it', async () => {
  const forbidden = (): never => {
    throw new Error('no program');
  };
  const snapshot = { cpu: CPU, gpus: [], system: SYSTEM };
  const system = { ...thisSystem, run: forbidden, openLibrary: forbidden, surveyHost: forbidden };
  expect((await readInventory({ system, snapshot })).cpu.model).toBe('Any');
});

const CPU = { name: 'Any', physicalCores: 1, usableThreads: 1, maxHz: null, features: [] };
const SYSTEM = { platform: 'linux', arch: 'x64', kernel: '6.1', name: null, libc: null } as const;

test('a path that is not there yet is where its nearest parent is', async () => {
  const here = await thisSystem.realPath(import.meta.dir);
  expect(await thisSystem.realPath(`${import.meta.dir}/not/yet/made`)).toBe(here);
  expect(await thisSystem.realPath(`${import.meta.path}/below a file`)).toBe(
    await thisSystem.realPath(import.meta.path),
  );
  expect(await thisSystem.diskSpace(`${import.meta.dir}/not/yet/made`)).not.toBeNull();
});
