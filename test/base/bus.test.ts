import { expect, test } from 'bun:test';
import { Bus } from '../../src/base/bus.ts';

type Event = { readonly type: 'line' | 'news'; readonly n: number };
const chatty = (): Bus<Event> =>
  new Bus({ historySize: 3, queueSize: 4, isDroppable: (event) => event.type === 'line' });

test('a chatty log pushes no news out of the replay, and the order is that of the telling', () => {
  const bus = chatty();
  bus.emit({ type: 'news', n: 1 });
  for (let n = 2; n < 40; n += 1) bus.emit({ type: 'line', n });
  bus.emit({ type: 'news', n: 40 });
  expect(bus.recent().map((told) => told.event.n)).toEqual([1, 37, 38, 39, 40]);
  expect(bus.recent(38).map((told) => told.sequence)).toEqual([39, 40]);
});

test('a slow reader loses its oldest droppable events, never news', async () => {
  const bus = chatty();
  const stop = new AbortController();
  const reader = bus.stream({ signal: stop.signal });
  const first = reader.next();
  bus.emit({ type: 'news', n: 0 });
  expect((await first).value?.event.n).toBe(0);
  bus.emit({ type: 'news', n: 1 });
  for (let n = 2; n < 10; n += 1) bus.emit({ type: 'line', n });
  bus.emit({ type: 'news', n: 10 });
  const seen: number[] = [];
  for (let count = 0; count < 4; count += 1) seen.push((await reader.next()).value?.event.n ?? -1);
  expect(seen).toEqual([1, 8, 9, 10]);
  stop.abort();
  await reader.return();
  expect(bus.listenerCount).toBe(0);
});

test('a reader that comes back gets what it missed, then what comes', async () => {
  const bus = chatty();
  const { sequence } = bus.emit({ type: 'news', n: 1 });
  bus.emit({ type: 'news', n: 2 });
  const reader = bus.stream({ after: sequence });
  expect((await reader.next()).value?.event.n).toBe(2);
  const next = reader.next();
  bus.emit({ type: 'news', n: 3 });
  expect((await next).value?.event.n).toBe(3);
  await reader.return();
});
