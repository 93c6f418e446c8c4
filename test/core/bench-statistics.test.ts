// Figures with answers that are known from elsewhere: NumPy's `percentile`, `std(ddof=1)` and `mean`.
import { expect, test } from 'bun:test';
import { statisticsOf } from '../../src/core/bench-statistics.ts';

test('of nothing there is nothing', () => {
  expect(statisticsOf([])).toBeNull();
  expect(statisticsOf([null, null])).toBeNull();
});

test('one value has no spread', () => {
  expect(statisticsOf([7])).toEqual({ count: 1, average: 7, least: 7, most: 7, deviation: null, p50: 7, p95: 7 });
});

test('in any order, what was not measured left out', () => {
  const { deviation, p95, ...rest } = statisticsOf([4, null, 2, 8, 5, 7, 4, 4, 5, 9]) ?? { deviation: 0, p95: 0 };
  expect(rest).toEqual({ count: 9, average: 48 / 9, least: 2, most: 9, p50: 5 } as typeof rest);
  expect(deviation).toBeCloseTo(2.23606797749979, 12);
  expect(p95).toBeCloseTo(8.6, 12);
});

test('percentiles lie between ranks', () => {
  expect(statisticsOf([10, 20])).toMatchObject({ p50: 15, p95: 19.5 });
  const four = statisticsOf([1, 2, 3, 4]);
  expect(four).toMatchObject({ p50: 2.5, deviation: Math.sqrt(5 / 3) });
  expect(four?.p95).toBeCloseTo(3.85, 12);
});

test('its values are not changed', () => {
  const values = [3, 1, 2];
  statisticsOf(values);
  expect(values).toEqual([3, 1, 2]);
});
