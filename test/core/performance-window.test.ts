import { expect, test } from 'bun:test';
import { LONGEST_WINDOW_MINUTES, PerformanceWindow } from '../../src/core/performance-window.ts';

const MINUTE = 60_000;

function windowAt(startMs: number) {
  const clock = { now: startMs, samples: 0 };
  const window = new PerformanceWindow(
    () => {
      clock.samples += 1;
      return Promise.resolve({ memoryRatio: clock.samples / 10, gpuRatio: null });
    },
    () => clock.now,
  );
  return { clock, window };
}

test('counts what ended within the window, by the minute', async () => {
  const { clock, window } = windowAt(100 * MINUTE);
  window.note({ durationMs: 100, status: 200 });
  window.note({ durationMs: 300, status: 500 });
  clock.now += 30 * MINUTE;
  window.note({ durationMs: 50, status: 499 });
  await Promise.resolve();
  expect(window.over(60)).toEqual({
    minutes: 60,
    requestCount: 3,
    failedCount: 2,
    meanDurationMs: 150,
    meanMemoryRatio: expect.closeTo(0.15, 5),
    meanGpuRatio: null,
  });
  expect(window.over(30)).toMatchObject({ requestCount: 1, meanDurationMs: 50 });
  expect(window.over(31)).toMatchObject({ requestCount: 3 });
  clock.now += 61 * MINUTE;
  expect(window.over(60)).toMatchObject({ requestCount: 0, meanDurationMs: null, meanMemoryRatio: null });
});

test('measures once a minute, and only while there are requests', () => {
  const { clock, window } = windowAt(0);
  for (let count = 0; count < 100; count += 1) window.note({ durationMs: 1, status: 200 });
  expect(clock.samples).toBe(1);
  clock.now += MINUTE;
  window.over(1);
  expect(clock.samples).toBe(1);
  window.note({ durationMs: 1, status: 200 });
  expect(clock.samples).toBe(2);
});

test('keeps a day, and a clock that is set back counts on', () => {
  const { clock, window } = windowAt(0);
  for (let minute = 0; minute < LONGEST_WINDOW_MINUTES + 100; minute += 1) {
    clock.now = minute * MINUTE;
    window.note({ durationMs: 1, status: 200 });
  }
  expect(window.over(LONGEST_WINDOW_MINUTES * 2).requestCount).toBe(LONGEST_WINDOW_MINUTES);
  const before = window.over(LONGEST_WINDOW_MINUTES).requestCount;
  clock.now -= 10 * MINUTE;
  window.note({ durationMs: 1, status: 200 });
  expect(window.over(LONGEST_WINDOW_MINUTES).requestCount).toBe(before + 1);
});

test('a measurement that fails costs nothing but itself', async () => {
  const window = new PerformanceWindow(() => Promise.reject(new Error('no')));
  window.note({ durationMs: 1, status: 200 });
  await Promise.resolve();
  expect(window.over(1)).toMatchObject({ requestCount: 1, meanMemoryRatio: null });
});
