import { expect, test } from 'bun:test';
import { alertOf, DiskAlarm } from '../../src/core/alerts.ts';

const change = (status: 'error' | 'running', previous: 'running' | 'starting', failure: string | null) =>
  alertOf({ name: 'a', status, previous, failure });

test('a crash, a failed start and missing memory are told apart; all else is no alarm', () => {
  expect(change('running', 'starting', null)).toBeNull();
  expect(change('error', 'running', 'it was killed')).toEqual({
    level: 'error',
    code: 'INSTANCE_CRASHED',
    message: 'a: it was killed',
  });
  expect(change('error', 'starting', 'no such file')?.code).toBe('INSTANCE_FAILED');
  expect(change('error', 'running', 'cudaMalloc: out of memory')?.code).toBe('OUT_OF_MEMORY');
  expect(change('error', 'starting', 'a does not fit into this machine’s memory')?.code).toBe('OUT_OF_MEMORY');
  expect(change('error', 'running', null)?.message).toContain('no reason');
});

test('a full disk is told once, and again after there was room; one that is not known is not', () => {
  const alarm = new DiskAlarm();
  const look = (freeBytes: number | null, totalBytes: number | null = 1e12) => alarm.look({ totalBytes, freeBytes });
  expect(look(null)).toBeNull();
  expect(look(5e11)).toBeNull();
  expect(look(1e9)).toMatchObject({ level: 'warn', code: 'LOW_DISK' });
  expect(look(1e9)).toBeNull();
  expect(look(5e11)).toBeNull();
  expect(look(1e9)?.code).toBe('LOW_DISK');
  // A small disk is not full because it is small.
  expect(new DiskAlarm().look({ totalBytes: 4e9, freeBytes: 1.5e9 })).toBeNull();
});
