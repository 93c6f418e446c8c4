import { expect, test } from 'bun:test';
import { readCgroupLevels } from '../../src/hardware/cgroup.ts';
import { countOfList, readCpu } from '../../src/hardware/cpu.ts';
import { parseMeminfo, parseVmStat, readMemory } from '../../src/hardware/memory.ts';
import { fixtureSystem } from '../fixtures/hardware/fixture-system.ts';

const GIB = 2 ** 30;
const SLICE = '/sys/fs/cgroup/drover.slice';

test('version 2: the smallest limit on the path counts, and what siblings left of it', async () => {
  const { value, notes } = await readMemory(fixtureSystem('cgroup-nested.machine'));
  expect(notes).toEqual([]);
  expect(value).toEqual({
    totalBytes: 8 * GIB,
    // 8 GiB less the 6 in use, of which one is page cache.
    availableBytes: 3 * GIB,
    limitBytes: 8 * GIB,
    swapTotalBytes: 2 * GIB,
    swapFreeBytes: GIB,
  });
});

test('version 2: memory.high limits as well as memory.max', async () => {
  const files = { [`${SLICE}/drover.service/memory.high`]: `${2 * GIB}\n` };
  const { value } = await readMemory(fixtureSystem('cgroup-nested.machine', { files }));
  expect(value).toMatchObject({ limitBytes: 2 * GIB, totalBytes: 2 * GIB, availableBytes: 1.5 * GIB });
});

test('version 2: without limits, the machine’s own figures', async () => {
  const files = { [`${SLICE}/memory.max`]: 'max\n', [`${SLICE}/drover.service/memory.max`]: 'max\n' };
  const { value } = await readMemory(fixtureSystem('cgroup-nested.machine', { files }));
  expect(value).toMatchObject({ limitBytes: null, totalBytes: 32 * GIB, availableBytes: 24 * GIB });
});

test('version 2: a limit above the machine’s memory limits nothing', async () => {
  const files = { [`${SLICE}/memory.max`]: `${64 * GIB}`, [`${SLICE}/drover.service/memory.max`]: `${99 * GIB}` };
  const { value } = await readMemory(fixtureSystem('cgroup-nested.machine', { files }));
  expect(value).toMatchObject({ limitBytes: null, totalBytes: 32 * GIB });
});

test('version 1 in a container that sees the host’s path', async () => {
  const { value } = await readMemory(fixtureSystem('cgroup-docker-v1.machine'));
  expect(value).toMatchObject({ limitBytes: 4 * GIB, totalBytes: 4 * GIB, availableBytes: 2.5 * GIB });
});

test('both versions at once, unlimited', async () => {
  const system = fixtureSystem('linux-guest.machine');
  const levels = await readCgroupLevels(system);
  expect(levels.unified).toEqual(['/sys/fs/cgroup/unified']);
  expect(levels.legacy('memory')).toEqual([
    '/sys/fs/cgroup/memory/jobs/one',
    '/sys/fs/cgroup/memory/jobs',
    '/sys/fs/cgroup/memory',
  ]);
  expect((await readMemory(system)).value).toMatchObject({ limitBytes: null, totalBytes: 24684092 * 1024 });
});

test('group paths: colons, escaped mount points, paths outside the mount', async () => {
  const levelsOf = async (cgroup: string, mountinfo: string): Promise<readonly string[]> =>
    (
      await readCgroupLevels(
        fixtureSystem('cgroup-nested.machine', {
          files: { '/proc/self/cgroup': cgroup, '/proc/self/mountinfo': mountinfo },
        }),
      )
    ).unified;
  const mount = (root: string, point: string): string => `1 2 0:30 ${root} ${point} rw - cgroup2 cgroup2 rw\n`;
  expect(await levelsOf('0::/a:b/c\n', mount('/', '/my\\040groups'))).toEqual([
    '/my groups/a:b/c',
    '/my groups/a:b',
    '/my groups',
  ]);
  expect(await levelsOf('0::/elsewhere\n', mount('/docker/x', '/g'))).toEqual(['/g']);
  expect(await levelsOf('0::/docker/xyz\n', mount('/docker/x', '/g'))).toEqual(['/g']);
  expect(await levelsOf('0::/../../etc\n', mount('/', '/g'))).toEqual(['/g']);
  expect(await levelsOf('garbage', 'garbage')).toEqual([]);
  expect(await levelsOf('', mount('/', '/g'))).toEqual([]);
});

test('without /proc/meminfo the runtime’s figures stand in, and it is said', async () => {
  const { value, notes } = await readMemory(fixtureSystem('wsl.machine'));
  expect(value).toMatchObject({ totalBytes: 32 * GIB, availableBytes: 20 * GIB, swapTotalBytes: null });
  expect(notes).toHaveLength(1);
});

test('meminfo is in KiB; lines of other shapes are left out', () => {
  const values = parseMeminfo('MemTotal:       1024 kB\nActive(anon):  2 kB\nHugePages_Total:   4\nnonsense\n');
  expect([values.get('MemTotal'), values.get('Active(anon)'), values.has('nonsense')]).toEqual([2 ** 20, 2048, false]);
  expect(parseVmStat('vm_stat: not permitted')).toBeNull();
});

test('threads: the processors that we may use, less what a quota takes, never none', async () => {
  const threads = async (file: string, files: Record<string, string | null> = {}): Promise<number> =>
    (await readCpu(fixtureSystem(file, { files }))).value.usableThreads;
  // 0-5 and 8-9 are eight; the slice’s quota is 3.5.
  expect(await threads('cgroup-nested.machine')).toBe(3);
  expect(await threads('cgroup-nested.machine', { [`${SLICE}/cpu.max`]: 'max 100000\n' })).toBe(8);
  expect(await threads('cgroup-nested.machine', { [`${SLICE}/cpu.max`]: '10000 100000\n' })).toBe(1);
  expect(await threads('cgroup-nested.machine', { [`${SLICE}/cpu.max`]: '\n' })).toBe(8);
  expect(await threads('cgroup-docker-v1.machine')).toBe(1);
  expect(await threads('linux-guest.machine')).toBe(2);
  expect(await threads('wsl.machine')).toBe(16);
});

test('the processor of a recorded machine', async () => {
  const { value } = await readCpu(fixtureSystem('linux-guest.machine'));
  expect(value).toMatchObject({ name: 'AMD EPYC', physicalCores: 2, maxHz: null });
  expect(value.features).toContain('avx512_vnni');
  expect(value.features).not.toContain('amx_int8');
});

test.each([
  ['0', 1],
  ['0-3', 4],
  ['0-3,8,10-11', 7],
  ['', null],
  ['abc', null],
  [undefined, null],
])('the list %p holds %p', (list, count) => expect(countOfList(list)).toBe(count));
