// LlamaHome's pure parts: statuses, names of versions and sizes, questions about the log, events.
import { describe, expect, test } from 'bun:test';
import { FAULT_KINDS, Fault } from '../../src/base/fault.ts';
import { finding as found } from '../../src/core/finding.ts';
import type { DroverEvent, Instance } from '../../src/core/vocabulary.ts';
import { toLogSearch } from '../../src/dialects/llamahome/log-entries.ts';
import { errorBody, statusFor } from '../../src/dialects/llamahome/shape.ts';
import { eventToWire } from '../../src/dialects/llamahome/shape-events.ts';
import { parametersText, versionIn } from '../../src/dialects/llamahome/shape-models.ts';
import { findingsToWire } from '../../src/dialects/llamahome/shape-system.ts';
import { failToWire } from '../../src/dialects/llamahome/stream.ts';

test('every failure has a status that the document knows', () => {
  const documented = [400, 401, 403, 404, 405, 408, 409, 413, 415, 422, 429, 499, 500, 503, 507];
  expect(FAULT_KINDS.filter((kind) => !documented.includes(statusFor(kind)))).toEqual([]);
  expect(statusFor('bad_gateway')).toBe(500);
  expect(statusFor('not_supported')).toBe(422);
});

test('the envelope: a code, a message, details where there are any; nothing of what broke inside', () => {
  expect(errorBody(new Fault('not_found', 'None.'))).toEqual({ error: { code: 'not_found', message: 'None.' } });
  expect(
    errorBody(new Fault('rate_limited', 'Too many.', { hint: 'Wait.', details: { retryAfterSeconds: 7, limit: 10 } })),
  ).toEqual({
    error: { code: 'rate_limit_exceeded', message: 'Too many.', details: { hint: 'Wait.', retry_after: 7, limit: 10 } },
  });
  expect(JSON.stringify(failToWire(new TypeError('x.y is undefined')))).not.toContain('undefined');
});

test.each([
  ['Llama 3.3 70B Instruct', '3.3'],
  ['Meta-Llama-3.1-8B', '3.1'],
  ['Talker 3.3 8B', '3.3'],
  ['Qwen2.5 Coder 1.5B', '2.5'],
  ['Phi v3.5 mini', '3.5'],
  ['SmolLM 1.7B', 'unknown'],
  ['Tiny Llama', 'unknown'],
  ['Mistral 7B Instruct v0.3', '0.3'],
])('%s is of version %s', (title, version) => expect(versionIn(title)).toBe(version));

test.each<[number | null, string]>([
  [8_030_261_248, '8B'],
  [70_553_706_496, '71B'],
  [494_032_768, '494M'],
  [630_167_424, '0.6B'],
  [260_032, '260K'],
  [1_543_714_304, '1.5B'],
  [null, 'unknown'],
  [0, 'unknown'],
])('%p parameters are %s', (count, text) => expect(parametersText(count)).toBe(text));

describe('questions about the log', () => {
  const search = (query: string, isFollowed = false) => toLogSearch(new URLSearchParams(query), isFollowed);

  test('what is left out is open', () => {
    expect(search('')).toEqual({ level: null, limit: 100, fromMs: null, untilMs: null, isFollowed: false });
    expect(search('level=&limit=&start_time=')).toEqual(search(''));
  });

  test.each([
    ['2026-01-02', Date.UTC(2026, 0, 2)],
    ['2026-01-02T03:04', Date.UTC(2026, 0, 2, 3, 4)],
    ['2026-01-02T03:04:05', Date.UTC(2026, 0, 2, 3, 4, 5)],
    ['2026-01-02 03:04:05', Date.UTC(2026, 0, 2, 3, 4, 5)],
    ['2026-01-02T03:04:05.678Z', Date.UTC(2026, 0, 2, 3, 4, 5, 678)],
    ['2026-01-02T03:04:05%2B01:00', Date.UTC(2026, 0, 2, 2, 4, 5)],
    ['2026-01-02T03:04:05+01:00', Date.UTC(2026, 0, 2, 2, 4, 5)],
    ['2026-01-02T03:04:05-0130', Date.UTC(2026, 0, 2, 4, 34, 5)],
  ])('%s', (text, epochMs) => expect(search(`start_time=${text}`).fromMs).toBe(epochMs));

  test.each(['soon', '2026', '2026-02-30T00:00:00Z0', '12:00', '2026-01-02T', '2026-01-02T25:00:00Z', '-1'])(
    '%s is no time',
    (text) => expect(() => search(`start_time=${text}`)).toThrow('start_time'),
  );
});

test('findings amount to an error where one is an error', () => {
  const finding = found('error', 'engine-none', 'a', 'b');
  expect(findingsToWire([finding], 0)).toMatchObject({ status: 'error', message: '1 finding, 1 error' });
  expect(findingsToWire([{ ...finding, severity: 'warning' }], 0)).toMatchObject({ status: 'success' });
});

test('events: a type, a time, the data; lines of the log for admins only', () => {
  const told = (event: DroverEvent, isAdmin = false) => eventToWire({ sequence: 1, at: 0, event }, isAdmin);
  const instance = { modelId: 'm', state: 'ready', failure: null } as Instance;
  expect(told({ type: 'instance.changed', instance, previous: 'starting' })).toEqual({
    type: 'model_status',
    timestamp: '1970-01-01T00:00:00.000Z',
    data: { model: 'm', status: 'ready', previous_status: 'starting', loaded: true },
  });
  const log: DroverEvent = { type: 'log', line: { at: 0, level: 'info', source: 's', message: 'm', fields: {} } };
  expect(told(log)).toBeNull();
  expect(told(log, true)).toMatchObject({ type: 'log', data: { level: 'info' } });
  expect(told({ type: 'engine.output', modelId: 'm', line: 'secret' }, true)).toBeNull();
});
