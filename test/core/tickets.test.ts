import { expect, test } from 'bun:test';
import { Fault } from '../../src/base/fault.ts';
import type { Plan } from '../../src/core/scheduler-policy.ts';
import { Tickets, type TicketsOptions } from '../../src/core/tickets.ts';

interface Shell {
  readonly tickets: Tickets<string>;
  readonly acts: string[];
}

function shell(options: Partial<TicketsOptions<string>> = {}): Shell {
  const acts: string[] = [];
  const tickets = new Tickets<string>({
    queueTimeoutMs: 60_000,
    plan: (_, reserved): Plan<string> =>
      reserved.size === 0
        ? { kind: 'fits', reserve: { Host: 1 }, isIdeal: true, launch: 'here' }
        : { kind: 'no_room', neededBytes: 1 },
    rule: () => ({ ttlMs: null, concurrencyLimit: null, group: null, estimatedLoadMs: 100 }),
    acts: {
      start: (id) => acts.push(`start ${id}`),
      stop: (id, { force }) => acts.push(`stop ${id}${force ? ' by force' : ''}`),
    },
    ...options,
  });
  return { tickets, acts };
}

test('a grant comes when the model is ready, and is given back once', async () => {
  const { tickets, acts } = shell();
  const stages: string[] = [];
  const first = tickets.acquire('a', { onProgress: (stage) => stages.push(stage) });
  const second = tickets.acquire('a');
  expect(acts).toEqual(['start a']);
  tickets.started('a', { loadMs: 5 });
  const [one, two] = await Promise.all([first, second]);
  expect(stages).toEqual(['starting']);
  expect(tickets.view('a').requestsInFlight).toBe(2);
  one.release();
  one.release();
  expect(tickets.view('a').requestsInFlight).toBe(1);
  two.release();
  expect(tickets.view('a').requestsInFlight).toBe(0);
});

test('a ready model grants at once; a refusal at once rejects', async () => {
  const fault = new Fault('does_not_fit', 'too large');
  const { tickets } = shell({
    plan: (id) => (id === 'huge' ? { kind: 'never', fault } : { kind: 'fits', reserve: {}, isIdeal: true, launch: '' }),
  });
  const loading = tickets.load('a');
  tickets.started('a', { loadMs: 5 });
  await loading;
  expect(tickets.view('a').requestsInFlight).toBe(0);
  (await tickets.acquire('a')).release();
  await expect(tickets.acquire('huge')).rejects.toBe(fault);
});

test('an abort takes the ticket out of the line, and gives back what was granted in the same moment', async () => {
  const { tickets, acts } = shell();
  const keeping = tickets.acquire('a');
  tickets.started('a', { loadMs: 5 });
  const grant = await keeping;
  const leaving = new AbortController();
  const progress: string[] = [];
  const waiting = tickets.acquire('b', {
    signal: leaving.signal,
    onProgress: (stage, detail) => progress.push(`${stage} ${detail}`),
  });
  expect(progress).toEqual(['queued 1, for a']);
  leaving.abort(new Error('gone'));
  await expect(waiting).rejects.toThrow('gone');
  grant.release();
  expect(acts).toEqual(['start a']);
  expect(tickets.view('b').requestsQueued).toBe(0);

  const crossing = new AbortController();
  const crossed = tickets.acquire('a', { signal: crossing.signal });
  crossing.abort(new Error('crossed'));
  await expect(crossed).rejects.toThrow('crossed');
  expect(tickets.view('a').requestsInFlight).toBe(0);
  await expect(tickets.acquire('a', { signal: crossing.signal })).rejects.toThrow('crossed');
});

test('the deadline comes by the timer', async () => {
  const { tickets } = shell({ queueTimeoutMs: 20 });
  const fault = await tickets.acquire('a').then(
    () => null,
    (thrown: unknown) => thrown,
  );
  expect(fault).toBeInstanceOf(Fault);
  expect(fault instanceof Fault ? [fault.kind, fault.details.retryAfterSeconds] : null).toEqual(['unavailable', 1]);
});

test('a start that throws is a failed start', async () => {
  const { tickets } = shell({
    acts: {
      start: () => {
        throw new Fault('internal', 'no engine');
      },
      stop: () => undefined,
    },
  });
  await expect(tickets.acquire('a')).rejects.toThrow('no engine');
  expect(tickets.view('a').state).toBe('failed');
});

test('unload and close resolve when nothing holds memory any more', async () => {
  const { tickets, acts } = shell({
    plan: () => ({ kind: 'fits', reserve: {}, isIdeal: true, launch: '' }),
  });
  await tickets.unload('a', { drainMs: 0 });
  for (const id of ['a', 'b', 'c']) {
    const loading = tickets.load(id);
    tickets.started(id, { loadMs: 1 });
    await loading;
  }
  acts.length = 0;
  let isGone = false;
  const unloading = tickets.unload('a', { drainMs: 0 }).then(() => {
    isGone = true;
  });
  await Promise.resolve();
  expect(isGone).toBe(false);
  tickets.stopped('a');
  await unloading;
  const busy = await tickets.acquire('b');
  const closing = tickets.close({ drainMs: 60_000 });
  await expect(tickets.acquire('c')).rejects.toThrow('stopping');
  expect(acts).toEqual(['stop a', 'stop c']);
  tickets.stopped('c');
  busy.release();
  expect(acts).toEqual(['stop a', 'stop c', 'stop b']);
  tickets.stopped('b');
  await closing;
});
