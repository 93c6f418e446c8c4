import { expect, test } from 'bun:test';
import { Fault } from '../../src/base/fault.ts';
import { type FailedTry, Patience } from '../../src/base/http-patience.ts';

const offline = new Fault('offline', 'gone');
const limited = (retryAfterMs: number | null): Fault => new Fault('rate_limited', 'no', { details: { retryAfterMs } });
const patience = (connections = 4, retries = 2): Patience =>
  new Patience({ connections, retries, retryDelayMs: 1000, doneBytes: 0 });
const failed = (more: Partial<FailedTry> = {}): FailedTry => ({
  startedAt: performance.now(),
  receivedBytes: 0,
  others: 0,
  doneBytes: 0,
  ...more,
});

test('waits longer each time, as long as nothing comes, and then it is enough', () => {
  const lone = patience();
  expect(lone.waitMs).toBe(0);
  expect(lone.bears(offline, failed())).toBe(true);
  expect(lone.waitMs).toBeGreaterThan(740);
  expect(lone.waitMs).toBeLessThanOrEqual(1250);
  expect(lone.bears(offline, failed())).toBe(true);
  expect(lone.waitMs).toBeGreaterThan(1490);
  expect(lone.bears(offline, failed())).toBe(false);
});

test('what has come since gives new courage, but only what is more than ever', () => {
  const lone = patience();
  for (let bytes = 1; bytes < 20; bytes += 1) expect(lone.bears(offline, failed({ doneBytes: bytes }))).toBe(true);
  expect(lone.bears(offline, failed({ doneBytes: 19 }))).toBe(true);
  expect(lone.bears(offline, failed({ doneBytes: 5 }))).toBe(false);
});

test('connections that fail together are one failure; while nothing comes, one tries for all', () => {
  const many = patience();
  const startedAt = performance.now() - 5;
  for (const others of [3, 2, 1, 0]) {
    expect(many.bears(offline, failed({ startedAt, others, receivedBytes: 10, doneBytes: 40 }))).toBe(true);
  }
  expect(many.allowed(40)).toBe(1);
  expect(many.allowed(41)).toBe(4);
  expect(many.bears(offline, failed({ doneBytes: 40 }))).toBe(true);
  expect(many.bears(offline, failed({ doneBytes: 40 }))).toBe(false);
});

test('one that brings nothing while others do is one too many, until another has come through', () => {
  const many = patience();
  expect(many.bears(offline, failed({ others: 3, doneBytes: 10 }))).toBe(true);
  expect(many.allowed(20)).toBe(3);
  many.onSuccess();
  expect(many.allowed(20)).toBe(4);
  many.onSuccess();
  expect(many.allowed(20)).toBe(4);
});

test('a limit is heeded: half the connections from then on, and not before the time that was said', () => {
  const many = patience(6);
  expect(many.bears(limited(7000), failed({ others: 5, doneBytes: 10 }))).toBe(true);
  expect(many.waitMs).toBeGreaterThan(6900);
  expect(many.allowed(20)).toBe(3);
  many.onSuccess();
  expect(many.allowed(20)).toBe(3);
});

test.each([
  ['without a time', limited(null)],
  ['for an hour', limited(3_600_000)],
  ['as a server says that is down for an hour', new Fault('offline', 'no', { details: { retryAfterMs: 3_600_000 } })],
])('a refusal %s is final for one alone; where others go on, they suffice', (_, fault) => {
  expect(patience().bears(fault, failed())).toBe(false);
  const many = patience();
  expect(many.bears(fault, failed({ others: 2, doneBytes: 5 }))).toBe(true);
  expect(many.allowed(10)).toBe(2);
  expect(many.waitMs).toBe(0);
  many.onSuccess();
  expect(many.allowed(10)).toBe(2);
});

test.each(['forbidden', 'not_found', 'bad_gateway', 'disk_full', 'internal', 'cancelled'] as const)(
  '%s is nothing to wait for',
  (kind) => {
    expect(patience().bears(new Fault(kind, 'no'), failed({ others: 3, doneBytes: 5 }))).toBe(false);
  },
);
