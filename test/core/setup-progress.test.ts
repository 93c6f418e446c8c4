import { expect, test } from 'bun:test';
import { Bus } from '../../src/base/bus.ts';
import { Fault } from '../../src/base/fault.ts';
import { Latch } from '../../src/base/sync.ts';
import { SetupProgress, type SetupState } from '../../src/core/setup-progress.ts';
import type { DroverEvent } from '../../src/core/vocabulary.ts';

function watched() {
  const bus = new Bus<DroverEvent>();
  const told: SetupState[] = [];
  bus.subscribe(({ event }) => {
    if (event.type === 'setup.progress') told.push(event.setup);
  });
  return { progress: new SetupProgress(bus), told };
}

test('one job at a time; each stage is told, the last one always', async () => {
  const { progress, told } = watched();
  expect(progress.state).toMatchObject({ stage: 'idle', startedAt: null });
  const gate = new Latch();
  const job = progress.run(async (advance) => {
    for (let count = 1; count <= 100; count += 1) advance({ doneCount: count, ratio: count / 200 });
    advance({ stage: 'generating', step: 'Making entries' });
    await gate.promise;
    return 'done';
  });
  const second = await progress.run(async () => 'never').catch((thrown: unknown) => thrown);
  expect((second as Fault).kind).toBe('conflict');
  expect(progress.state).toMatchObject({ stage: 'generating', doneCount: 100, failure: null });
  gate.open();
  expect(await job).toBe('done');
  expect(progress.state).toMatchObject({ stage: 'finished', ratio: 1 });
  expect(told.at(-1)?.stage).toBe('finished');
  expect(told.map((state) => state.stage)).toContain('generating');
  // A hundred steps in a moment are no hundred events.
  expect(told.length).toBeLessThan(20);
  expect(await progress.run(async () => 'again')).toBe('again');
});

test('a failure is kept for who asks later, and thrown to who waits', async () => {
  const { progress, told } = watched();
  const failing = progress.run(async () => {
    throw new Fault('not_found', 'No models found.');
  });
  await expect(failing).rejects.toThrow('No models found.');
  expect(progress.state).toMatchObject({ stage: 'failed', failure: 'No models found.' });
  expect(told.at(-1)?.stage).toBe('failed');
});
