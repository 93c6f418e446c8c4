import { expect, test } from 'bun:test';
import { busyRatioOf } from '../../src/hardware/cpu-times.ts';
import { parseNetDev, readNetwork } from '../../src/hardware/network.ts';
import { type System, thisSystem } from '../../src/hardware/system.ts';
import { SystemLoadReader } from '../../src/hardware/system-load.ts';
import { fixtureSystem } from '../fixtures/hardware/fixture-system.ts';

test('this machine’s load, the first time over a window', async () => {
  const reader = new SystemLoadReader({ path: import.meta.dir });
  const load = await reader.read();
  expect(load.cpuBusyRatio === null || (load.cpuBusyRatio >= 0 && load.cpuBusyRatio <= 1)).toBe(true);
  expect(load.memory?.totalBytes).toBeGreaterThan(64 * 2 ** 20);
  expect(load.memory?.availableBytes).toBeGreaterThan(0);
  expect(load.disk.totalBytes).toBeGreaterThan(load.disk.freeBytes ?? 0);
  expect(load.uptimeMs).toBeGreaterThan(1000);
});

const statOf = (busy: number, idle: number): string => `cpu  ${busy} 0 0 ${idle} 0 0 0 0 0 0\n`;

function steppedSystem(...readings: readonly string[]): { readonly system: System; count: number } {
  const base = fixtureSystem('linux-guest.machine', { files: { '/proc/uptime': '2100.56 1932.07\n' } });
  const state = {
    count: 0,
    system: {
      ...base,
      readTextSync(path: string) {
        if (path !== '/proc/stat') return base.readTextSync(path);
        state.count += 1;
        return readings[Math.min(state.count, readings.length) - 1] ?? null;
      },
    },
  };
  return state;
}

test('two readings of a question; the next one takes up where the last ended', async () => {
  const state = steppedSystem(statOf(100, 100), statOf(130, 110), statOf(140, 140));
  const reader = new SystemLoadReader({ path: '/', windowMs: 1, system: state.system });
  expect(await reader.read()).toEqual({
    cpuBusyRatio: 0.75,
    memory: expect.objectContaining({
      totalBytes: 24684092 * 1024,
      availableBytes: 23930584 * 1024,
      swapTotalBytes: 0,
    }),
    disk: { totalBytes: 1e12, freeBytes: 4e11 },
    uptimeMs: 2_100_560,
  });
  expect(state.count).toBe(2);
  await Bun.sleep(30);
  expect((await reader.read()).cpuBusyRatio).toBe(0.25);
  expect(state.count).toBe(3);
});

test('a disk that does not answer keeps nobody waiting', async () => {
  const { system } = steppedSystem(statOf(1, 1), statOf(2, 2));
  const reader = new SystemLoadReader({
    path: '/mnt/dead',
    windowMs: 20,
    system: { ...system, diskSpace: () => new Promise(() => undefined) },
  });
  const load = await reader.read();
  expect(load.disk).toEqual({ totalBytes: null, freeBytes: null });
  expect(load.memory?.totalBytes).toBeGreaterThan(0);
});

test('no times, no share', () => {
  expect(busyRatioOf(null, { busy: 1, idle: 1 })).toBeNull();
  expect(busyRatioOf({ busy: 1, idle: 1 }, { busy: 1, idle: 1 })).toBeNull();
  expect(busyRatioOf({ busy: 5, idle: 1 }, { busy: 1, idle: 9 })).toBeNull();
});

test('traffic: real interfaces only, each byte once', async () => {
  expect(await readNetwork(fixtureSystem('desktop-nvme.machine'))).toEqual({
    receivedBytes: 675003783 + 1000,
    sentBytes: 1058108 + 2000,
  });
});

test('traffic of a container: the virtual way out is the only one', async () => {
  expect(await readNetwork(fixtureSystem('container-overlay.machine'))).toEqual({
    receivedBytes: 1234,
    sentBytes: 567,
  });
});

test('no word of interfaces is null, not zero', async () => {
  expect(await readNetwork(fixtureSystem('linux-guest.machine'))).toBeNull();
  expect(await readNetwork(fixtureSystem('apple-m3-max.machine'))).toBeNull();
  expect(parseNetDev('garbage\n a: 1 2 3\n')).toEqual([]);
});

test('traffic of a Mac by its survey, without its tunnels', async () => {
  const system: System = {
    ...fixtureSystem('apple-m3-max.machine'),
    surveyTraffic: async () => [
      { name: 'lo0', receivedBytes: 5, sentBytes: 5 },
      { name: 'en0', receivedBytes: 7, sentBytes: 9 },
      { name: 'utun3', receivedBytes: 6, sentBytes: 6 },
    ],
  };
  expect(await readNetwork(system)).toEqual({ receivedBytes: 7, sentBytes: 9 });
});

test.skipIf(process.platform !== 'linux')('this machine’s traffic starts no program', async () => {
  const forbidden = (): never => {
    throw new Error('no program');
  };
  const traffic = await readNetwork({ ...thisSystem, run: forbidden, surveyTraffic: forbidden });
  if (traffic !== null) expect(traffic.receivedBytes + traffic.sentBytes).toBeGreaterThanOrEqual(0);
});
