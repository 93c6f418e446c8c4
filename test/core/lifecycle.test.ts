import { expect, test } from 'bun:test';
import { Bus } from '../../src/base/bus.ts';
import { Fault } from '../../src/base/fault.ts';
import { Log } from '../../src/base/log.ts';
import { Latch } from '../../src/base/sync.ts';
import { Lifecycle } from '../../src/core/lifecycle.ts';
import type { DroverEvent } from '../../src/core/vocabulary.ts';

function setUp(how: { check?: () => void; reload?: () => Promise<readonly string[]> } = {}) {
  const bus = new Bus<DroverEvent>();
  const log = new Log();
  const lifecycle = new Lifecycle({
    bus,
    log,
    check: how.check ?? (() => undefined),
    reload: how.reload ?? (async () => ['a']),
  });
  return { bus, log, lifecycle };
}

const invalid = (): never => {
  throw new Fault('config_invalid', 'config.yaml:1:1: no');
};

test('a soft restart is a reload, told with what it touched', async () => {
  expect(await setUp().lifecycle.restart()).toEqual({ touched: ['a'] });
});

test('where nothing serves there is nothing to restart or to end', async () => {
  const { lifecycle } = setUp();
  await expect(lifecycle.restartHard()).rejects.toMatchObject({ kind: 'not_supported' });
  await expect(lifecycle.begin({ isHard: true })).rejects.toMatchObject({ kind: 'not_supported' });
  expect(() => lifecycle.shutDown('x')).toThrow('no server');
});

test('a configuration that cannot be read starts no successor', async () => {
  const { lifecycle } = setUp({ check: invalid });
  let count = 0;
  lifecycle.install({
    handOver: async () => {
      count += 1;
    },
    shutDown: () => undefined,
  });
  await expect(lifecycle.restartHard()).rejects.toMatchObject({ kind: 'config_invalid' });
  await expect(lifecycle.begin({ isHard: false })).rejects.toMatchObject({ kind: 'config_invalid' });
  await Promise.resolve();
  expect(count).toBe(0);
});

test('a soft one that was begun answers at once, and what goes wrong later is told', async () => {
  const gate = new Latch();
  const { lifecycle, bus, log } = setUp({
    reload: async () => {
      await gate.promise;
      return invalid();
    },
  });
  await lifecycle.begin({ isHard: false });
  const told = bus.waitFor((event) => event.type === 'config.refused');
  gate.open();
  expect(await told).toEqual({ type: 'config.refused', message: 'config.yaml:1:1: no' });
  expect(log.recent().at(-1)?.message).toBe('config.yaml:1:1: no');
});

test('work that only one may do rests before a successor begins, and comes back', async () => {
  const { lifecycle } = setUp();
  const told: string[] = [];
  const gate = new Latch();
  const work = (name: string, pause: () => Promise<void> | void) =>
    lifecycle.exclusive({ pause, resume: () => void told.push(`${name} goes on`) });
  work('a', async () => {
    await gate.promise;
    told.push('a rests');
  });
  const forget = work('b', () => void told.push('b rests'));
  const paused = lifecycle.pauseExclusives().then(() => told.push('all rest'));
  expect(told).toEqual(['b rests']);
  gate.open();
  await paused;
  expect(told).toEqual(['b rests', 'a rests', 'all rest']);
  forget();
  lifecycle.resumeExclusives();
  expect(told.slice(3)).toEqual(['a goes on']);
});
