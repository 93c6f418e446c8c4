import { expect, test } from 'bun:test';
import { InstanceRestarts } from '../../src/core/instance-restarts.ts';

const POLICY = { isAutomatic: true, maxRestarts: 2, delayMs: 1 };

test('so often and no more, one at a time, and anew once somebody has decided', async () => {
  const restarts = new InstanceRestarts();
  const again = (): Promise<boolean> =>
    new Promise((resolve) => {
      if (!restarts.plan('a', POLICY, () => resolve(true))) resolve(false);
    });
  expect([await again(), await again(), await again()]).toEqual([true, true, false]);
  expect(restarts.countOf('a')).toBe(2);
  restarts.forget('a');
  expect(await again()).toBe(true);
});

test('is not started where it may not be, nor once nobody wants it', async () => {
  const restarts = new InstanceRestarts();
  const started: string[] = [];
  expect(restarts.plan('off', { ...POLICY, isAutomatic: false }, () => void started.push('off'))).toBe(false);
  expect(restarts.plan('none', { ...POLICY, maxRestarts: 0 }, () => void started.push('none'))).toBe(false);
  restarts.plan('a', POLICY, () => void started.push('a'));
  expect(restarts.isPlanned('a')).toBe(true);
  restarts.forget('a');
  restarts.plan('b', POLICY, () => void started.push('b'));
  restarts.rest();
  const last = Promise.withResolvers<void>();
  restarts.plan('c', { ...POLICY, delayMs: 5 }, () => last.resolve());
  await last.promise;
  expect(started).toEqual([]);
});
