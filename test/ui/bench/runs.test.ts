// Runs of the page "Benchmarks": series over prompt lengths, factors, and files that are not what they seem.
import { expect, test } from 'bun:test';
import { type Run, rowsOf, runIn, seriesOf } from '../../../src/ui/pages/bench/runs.ts';

const statistics = (average: number) => ({ count: 1, average, least: 0, most: 0, deviation: null, p50: 0, p95: 0 });
const cell = (promptLength: number, concurrency: number, speed: number | null) => ({
  promptLength,
  concurrency,
  tokensPerSecond: speed === null ? null : statistics(speed),
  promptTokensPerSecond: null,
  firstPieceMs: null,
  use: {},
});
const run = (id: string, cells: readonly object[]): Run =>
  ({ id, name: id, models: ['m'], createdAt: 0, report: { cells, skipped: [] } }) as unknown as Run;

test('series have a gap where nothing was measured', () => {
  const { xs, series } = seriesOf(
    [run('a', [cell(512, 1, 20), cell(128, 1, 30)]), run('b', [cell(128, 4, 90)])],
    'tokensPerSecond',
  );
  expect(xs).toEqual([128, 512]);
  expect(series).toEqual([
    { label: 'a, 1 at a time', values: [30, 20] },
    { label: 'b, 4 at a time', values: [90, null] },
  ]);
});

test('a factor is against the first run’s answer to the same question, or there is none', () => {
  const rows = rowsOf([
    run('a', [cell(128, 1, 20)]),
    run('b', [cell(128, 1, 30), cell(512, 1, 9), cell(128, 2, null)]),
  ]);
  expect(rows.map(({ ratio }) => ratio)).toEqual([null, 1.5, null, null]);
});

test('a file is a run, or nothing', () => {
  const text = JSON.stringify(run('a', [cell(128, 1, 20)]));
  expect(runIn(text)?.id).toBe('file a');
  for (const wrong of [
    '',
    '[]',
    '{}',
    '{"id":"x","models":[],"report":{"cells":[{}],"skipped":[]}}',
    'null',
    text.replace('128', '"x"'),
  ]) {
    expect(runIn(wrong)).toBeNull();
  }
});
