// The progress socket and its slow readers: what comes between may be lost, how a test ended never within the bound.
import { expect, test } from 'bun:test';
import { Bus } from '../../src/base/bus.ts';
import type { TestSession } from '../../src/core/test-records.ts';
import type { DroverEvent } from '../../src/core/vocabulary.ts';
import { progressHandlers } from '../../src/dialects/obt/feed.ts';
import type { Peer } from '../../src/dialects/socket.ts';

/** A peer that reads when it is told to; the bound is that of the socket. */
class SlowPeer implements Peer {
  readonly got: { type: string; progress: number }[] = [];
  readonly #left = new AbortController();
  readonly signal = this.#left.signal;
  owedBytes = 0;
  closed: { readonly code: number } | null = null;

  send(text: string, backlogBytes = 1024 * 1024): boolean {
    if (this.closed !== null || this.owedBytes > backlogBytes) return false;
    this.owedBytes += text.length;
    this.got.push(JSON.parse(text) as { type: string; progress: number });
    return true;
  }

  close(code: number): void {
    this.closed = { code };
    this.leave();
  }

  leave(): void {
    this.#left.abort();
  }
}

const about = { sessionId: 's', modelId: 'm', kind: 'chat' };
const metrics = {
  inferenceMs: 1,
  tokensPerSecond: null,
  peakResidentBytes: null,
  peakVideoBytes: null,
  cpuRatio: null,
  gpuRatio: null,
};
const progress = (ratio: number): DroverEvent => ({ type: 'test.progress', ...about, ratio });
const ended: DroverEvent = { type: 'test.ended', ...about, ratio: 1, metrics, failure: null };
const none = {
  get: (): TestSession => {
    throw new Error('nobody asked');
  },
};

function connected(sessionId: string | null = null) {
  const bus = new Bus<DroverEvent>();
  const peer = new SlowPeer();
  progressHandlers({ bus, tests: none }, sessionId).open(peer);
  return { bus, peer };
}

test('who does not read loses progress first, and is told of every end', () => {
  const { bus, peer } = connected();
  for (let count = 0; count < 2000; count += 1) bus.emit(progress(0.5));
  const kept = peer.got.length;
  expect(kept).toBeLessThan(2000);
  for (let count = 0; count < 500; count += 1) {
    bus.emit(progress(0.6));
    bus.emit(ended);
  }
  expect(peer.got.length).toBe(kept + 500);
  expect(peer.got.slice(kept).every(({ type }) => type === 'complete')).toBe(true);
  expect(peer.closed).toBeNull();
});

test('who owes more than the bound is sent away rather than left in the dark', () => {
  const { bus, peer } = connected();
  for (let count = 0; count < 20_000 && peer.closed === null; count += 1) bus.emit(ended);
  expect(peer.closed).toEqual({ code: 1013 });
  expect(bus.listenerCount).toBe(0);
});

test('who leaves is forgotten', () => {
  const { bus, peer } = connected();
  expect(bus.listenerCount).toBe(1);
  peer.leave();
  expect(bus.listenerCount).toBe(0);
});

test('the end of the server is the end of the socket', () => {
  const { bus, peer } = connected();
  bus.emit({ type: 'server.stopping' });
  expect(peer.closed).toEqual({ code: 1001 });
});
