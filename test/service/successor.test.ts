import { expect, test } from 'bun:test';
import { join } from 'node:path';
import { isAwaited } from '../../src/service/attendant.ts';
import { readFromPredecessor, readFromSuccessor } from '../../src/service/handover-messages.ts';
import { ownArgv, Successor } from '../../src/service/successor.ts';
import { Takeover } from '../../src/service/takeover.ts';

const never = new AbortController().signal;
const fake = (step: string): Successor =>
  Successor.start({
    argv: [process.execPath, join(import.meta.dir, '../fixtures/fake-successor.ts'), step],
    environment: { PATH: process.env.PATH },
    mark: '0',
    descriptor: null,
  });

test('a program starts itself again with its own words, compiled or not', () => {
  expect(ownArgv(['bun', '/$bunfs/root/drover', 'serve', '--x'], '/opt/drover', [])).toEqual([
    '/opt/drover',
    'serve',
    '--x',
  ]);
  expect(ownArgv(['bun', 'B:\\~BUN\\root\\drover.exe', 'serve'], 'C:\\drover.exe', [])).toEqual([
    'C:\\drover.exe',
    'serve',
  ]);
  expect(ownArgv(['/usr/bin/bun', '/src/main.ts', 'serve'], '/usr/bin/bun', ['--smol'])).toEqual([
    '/usr/bin/bun',
    '--smol',
    '/src/main.ts',
    'serve',
  ]);
  expect(ownArgv(['bun', '/$bunfs/root/drover'], '/opt/drover (deleted)', [])).toEqual(['/opt/drover']);
});

test('what it says comes in order, and its end is told with how it ended', async () => {
  const successor = fake('dies-prepared');
  expect(await successor.next(10_000, never)).toEqual({ type: 'prepared' });
  await expect(successor.next(10_000, never)).rejects.toMatchObject({ message: 'The successor ended by SIGKILL.' });
  expect(await successor.exited).toEqual({ code: null, signal: 'SIGKILL' });
  // Nobody listens any more, and that is no error.
  successor.send({ type: 'port-free' });
  await successor.end();
  const other = fake('ends-at-once');
  await expect(other.next(10_000, never)).rejects.toMatchObject({ message: 'The successor ended with code 3.' });
  expect(await other.exited).toEqual({ code: 3, signal: null });
});

test('one that says nothing is not waited for without end, and one that does not leave is ended by force', async () => {
  const successor = fake('hangs');
  await expect(successor.next(50, never)).rejects.toMatchObject({
    message: expect.stringContaining('not ready within'),
  });
  const stopped = new AbortController();
  const waiting = successor.next(60_000, stopped.signal);
  stopped.abort(new Error('we stop'));
  await expect(waiting).rejects.toThrow('we stop');
  await successor.end();
  expect((await successor.exited).signal).not.toBeNull();
});

test('a program that is not there is told as what it is', () => {
  const argv = ['/nowhere/drover'];
  expect(() => Successor.start({ argv, environment: {}, mark: '0', descriptor: null })).toThrow(
    'The successor could not be started',
  );
});

test('who is waited for: at a terminal, by a service manager', () => {
  expect(isAwaited({}, true)).toBe(true);
  expect(isAwaited({ INVOCATION_ID: 'f00d' }, false)).toBe(true);
  expect(isAwaited({ SUPERVISOR_ENABLED: '1' }, false)).toBe(true);
  // Our parent is the one that runs the tests.
  if (process.ppid !== 1 && process.pid !== 1) expect(isAwaited({ INVOCATION_ID: '' }, false)).toBe(false);
});

test('what is not understood is left out', () => {
  const go = { type: 'go', listen: 'x', port: 1, key: '0123456789abcdef', sequence: 0, holdings: [] };
  expect(readFromPredecessor(go)).toEqual(go as never);
  // A later version may say more.
  expect(readFromPredecessor({ ...go, more: 1 })).not.toBeNull();
  for (const wrong of [null, 'go', { type: 'go' }, { ...go, port: 0 }, { ...go, key: '' }, { type: 'gone' }]) {
    expect(readFromPredecessor(wrong)).toBeNull();
  }
  expect(readFromSuccessor({ type: 'listening' })).toBeNull();
  expect(readFromSuccessor({ type: 'prepared' })).toEqual({ type: 'prepared' });
});

test('without the mark, or without the channel, a process is nobody’s successor', () => {
  expect(Takeover.join({})).toBeNull();
  expect(Takeover.join({ DROVER_SUCCESSOR: '0' })).toBeNull();
});
