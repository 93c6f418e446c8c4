import { expect, test } from 'bun:test';
import { readdirSync } from 'node:fs';
import { Bus } from '../../src/base/bus.ts';
import { InstanceLogs, type LogEntry } from '../../src/core/instance-logs.ts';
import type { DroverEvent } from '../../src/core/vocabulary.ts';
import { temporaryFolder } from '../fixtures/drover.ts';

const ALL = { count: 1000, level: null };

function place() {
  const folder = temporaryFolder('instance-logs');
  const bus = new Bus<DroverEvent>();
  const logs = new InstanceLogs({ bus, folder: folder.path });
  const say = (message: string, level: LogEntry['level'] = 'info'): void => logs.add('a', { at: 1, level, message });
  const words = async (query: Parameters<InstanceLogs['recent']>[1] = ALL): Promise<string[]> =>
    (await logs.recent('a', query)).map(({ message }) => message);
  // What is still to be written would make the folder anew.
  const end = async (): Promise<void> => {
    await logs.flush();
    folder[Symbol.dispose]();
  };
  return { folder, bus, logs, say, words, [Symbol.asyncDispose]: end };
}

test('the last so many, that bad or worse, oldest first; what engines say among them', async () => {
  await using here = place();
  here.say('one');
  here.say('two', 'error');
  here.bus.emit({ type: 'engine.output', modelId: 'a', line: '0.00.000.001 W srv  careful' });
  here.bus.emit({ type: 'engine.output', modelId: 'b', line: 'of another' });
  here.bus.emit({ type: 'engine.output', modelId: 'a', line: '  ' });
  expect(await here.words()).toEqual(['one', 'two', 'srv  careful']);
  expect(await here.words({ count: 2, level: null })).toEqual(['two', 'srv  careful']);
  expect(await here.words({ count: 9, level: 'warn' })).toEqual(['two', 'srv  careful']);
  expect(await here.words({ count: 1, level: 'warn' })).toEqual(['srv  careful']);
  expect(await here.words({ count: 9, level: 'error' })).toEqual(['two']);
});

test('followed while lines come and are written: each once, none is missed', async () => {
  await using here = place();
  for (let index = 0; index < 50; index += 1) here.say(`${index}`);
  const left = new AbortController();
  const followed = here.logs.follow('a', ALL, left.signal);
  const seen: string[] = [];
  const first = followed.next();
  // While the history is being written and read.
  for (let index = 50; index < 60; index += 1) {
    here.say(`${index}`);
    await Promise.resolve();
  }
  const { value } = await first;
  if (value !== undefined) seen.push(value.message);
  for (let index = 60; index < 70; index += 1) here.say(`${index}`);
  while (seen.length < 70) {
    const next = await followed.next();
    if (next.done === true) break;
    seen.push(next.value.message);
  }
  expect(seen).toEqual(Array.from({ length: 70 }, (_, index) => `${index}`));
  const last = followed.next();
  left.abort();
  expect((await last).done).toBe(true);
});

test('ends with the server and with the instance; who does not read keeps a bound of it', async () => {
  await using here = place();
  here.say('one');
  const never = new AbortController().signal;
  const ofServer = here.logs.follow('a', ALL, never);
  const ofInstance = here.logs.follow('a', ALL, never);
  await Promise.all([ofServer.next(), ofInstance.next()]);
  for (let index = 0; index < 5000; index += 1) here.say(`${index}`);
  here.bus.emit({ type: 'server.stopping' });
  let count = 0;
  for await (const _ of ofServer) count += 1;
  expect(count).toBe(2000);
  await here.logs.remove('a');
  for await (const _ of ofInstance) count += 1;
  expect(readdirSync(here.folder.path)).toEqual([]);
  expect(await here.words()).toEqual([]);
});

test('names that look alike, or are no names of files, have files of their own', async () => {
  await using here = place();
  const names = ['a/b', 'a_b', '../a', 'ü'.repeat(200), 'CON', 'a'];
  for (const name of names) here.logs.add(name, { at: 1, level: 'info', message: name });
  await here.logs.flush();
  expect(readdirSync(here.folder.path).length).toBe(names.length);
  for (const name of names) expect((await here.logs.recent(name, ALL)).map(({ message }) => message)).toEqual([name]);
});
