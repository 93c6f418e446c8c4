// Amounts as people write them.
import { expect, test } from 'bun:test';
import { context, countOf, relative } from '../../../src/ui/format.ts';

test('a count is read as it is written, and as it is shown', () => {
  const READ: readonly (readonly [string, number | null])[] = [
    ['8192', 8192],
    [' 8k ', 8192],
    ['1.5K', 1536],
    ['2 M', 2_097_152],
    ['12,000', 12_000],
    ['0', 0],
    ['', null],
    ['many', null],
    ['-1', null],
    ['1.5', null],
    ['8 kB', null],
    ['99999999999999999999', null],
  ];
  for (const [text, value] of READ) expect([text, countOf(text)]).toEqual([text, value]);
  for (const tokens of [512, 1000, 4096, 131_072, 1_048_576]) expect(countOf(context(tokens))).toBe(tokens);
});

// Amounts and times for people.

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
