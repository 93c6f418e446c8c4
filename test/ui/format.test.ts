// Amounts and times for people.
import { expect, test } from 'bun:test';
import { relative } from '../../src/ui/format.ts';

const MINUTE = 60_000;
const NOW = Date.parse('2026-06-01T12:00:00Z');

test.each([
  [2000, 'just now'],
  [3 * MINUTE + 20_000, '3 min ago'],
  [125 * MINUTE, '2 h ago'],
  [(328 * 24 + 13) * 60 * MINUTE, '328 d ago'],
])('%i ms before now is %s', (away, text) => {
  expect(relative(NOW - away, NOW)).toBe(text);
});
