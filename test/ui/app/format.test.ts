// Amounts as people write them.
import { expect, test } from 'bun:test';
import { context, countOf } from '../../../src/ui/format.ts';

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
