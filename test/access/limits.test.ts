import { describe, expect, test } from 'bun:test';
import { type Caller, noteCaller } from '../../src/access/identity.ts';
import { Limits, WINDOW_MS } from '../../src/access/limits.ts';
import { RATE_NAMES, type RateSettings, Rates } from '../../src/access/rates.ts';
import { defaultSettings } from '../../src/config/schema.ts';
import { thrownBy } from '../fixtures/fault-of.ts';

describe('a minute', () => {
  test('begins with its first request, and the last one of it is refused', () => {
    let now = 1_000_000;
    const limits = new Limits(() => now);
    expect(limits.peek('a', 2)).toEqual({ isAllowed: true, limit: 2, remaining: 2, resetAtMs: now + WINDOW_MS });
    expect(limits.size).toBe(0);
    const resetAtMs = now + WINDOW_MS;
    expect(limits.take('a', 2)).toEqual({ isAllowed: true, limit: 2, remaining: 1, resetAtMs });
    now += 30_000;
    expect(limits.take('a', 2)).toEqual({ isAllowed: true, limit: 2, remaining: 0, resetAtMs });
    now += 29_999;
    expect(limits.take('a', 2)).toEqual({ isAllowed: false, limit: 2, remaining: 0, resetAtMs });
    expect(limits.peek('a', 2)).toEqual({ isAllowed: false, limit: 2, remaining: 0, resetAtMs });
    expect(limits.take('b', 2).isAllowed).toBe(true);
    now += 1;
    expect(limits.take('a', 2)).toEqual({ isAllowed: true, limit: 2, remaining: 1, resetAtMs: now + WINDOW_MS });
  });

  test('does not last for days where the clock is set back', () => {
    let now = 1_000_000_000;
    const limits = new Limits(() => now);
    limits.take('a', 1);
    now -= 86_400_000;
    expect(limits.take('a', 1).isAllowed).toBe(true);
    expect(limits.take('a', 1).isAllowed).toBe(false);
  });

  test('a lower limit counts at once, a higher one too', () => {
    const limits = new Limits(() => 0);
    for (let index = 0; index < 5; index += 1) limits.take('a', 10);
    expect(limits.take('a', 3)).toMatchObject({ isAllowed: false, remaining: 0 });
    expect(limits.take('a', 6)).toMatchObject({ isAllowed: true, remaining: 0 });
  });

  test('those that are over go as others come, and there are never more than fit', () => {
    let now = 0;
    const limits = new Limits(() => now, 1000);
    for (let index = 0; index < 5000; index += 1) limits.take(`first ${index}`, 1);
    expect(limits.size).toBe(1000);
    // Who is still in sight is still counted.
    expect(limits.take('first 4999', 1).isAllowed).toBe(false);
    now += WINDOW_MS;
    for (let index = 0; index < 500; index += 1) limits.take(`second ${index}`, 1);
    expect(limits.size).toBe(500);
    // One that begins anew is as young as it is: it keeps nothing old behind it, and is not dropped for its first time.
    now += WINDOW_MS;
    limits.take('second 250', 2);
    for (let index = 0; index < 300; index += 1) limits.take(`third ${index}`, 1);
    expect(limits.size).toBe(301);
    expect(limits.take('second 250', 2)).toMatchObject({ isAllowed: true, remaining: 0 });
  });
});

test('so many places, each free again once, when it is left', () => {
  const limits = new Limits();
  const places = [limits.enter('a', 2), limits.enter('a', 2)];
  expect([places.includes(null), limits.enter('a', 2), limits.enter('b', 2) === null]).toEqual([false, null, false]);
  places[0]?.[Symbol.dispose]();
  places[0]?.[Symbol.dispose]();
  expect([limits.enter('a', 2) === null, limits.enter('a', 2)]).toEqual([false, null]);
});

describe('the dialects’ limits', () => {
  let settings: RateSettings = defaultSettings();
  let now = 5_000_000;
  const ratesNow = (): Rates => {
    settings = defaultSettings();
    return new Rates({ settings: () => settings, now: () => now });
  };
  const laptop: Caller = { key: 'key laptop', isLimited: true };
  const local: Caller = { key: '127.0.0.1', isLimited: false };
  const from = (caller: Caller): Request => {
    const request = new Request('http://localhost/api/process');
    noteCaller(request, caller);
    return request;
  };

  test('are those of the documents', () => {
    expect(RATE_NAMES.map((name) => settings[name])).toEqual([100, 10, 5, 60, 5]);
    expect(settings.llamahomeStreams).toBe(10);
  });

  test('are counted apart, by name and by caller', () => {
    const rates = ratesNow();
    for (let index = 0; index < 10; index += 1) expect(rates.take('llamactlHeavyRate', laptop)?.isAllowed).toBe(true);
    expect(rates.take('llamactlHeavyRate', laptop)).toMatchObject({ isAllowed: false, limit: 10, remaining: 0 });
    expect(rates.take('llamactlRate', laptop)).toMatchObject({ isAllowed: true, limit: 100, remaining: 99 });
    expect(rates.take('llamactlHeavyRate', { ...laptop, key: 'user laptop' })?.isAllowed).toBe(true);
  });

  test('leave alone who is not limited, and say what there would be', () => {
    const rates = ratesNow();
    for (let index = 0; index < 200; index += 1) {
      expect(rates.take('llamactlRate', local)).toEqual({
        isAllowed: true,
        limit: 100,
        remaining: 100,
        resetAtMs: now + WINDOW_MS,
      });
      rates.require('llamahomeBatchRate', from(local));
      rates.holdStream(from(local));
    }
  });

  test('are none where they are set to 0, from now on', () => {
    const rates = ratesNow();
    settings = { ...settings, llamahomeBatchRate: 0, llamahomeStreams: 0 };
    expect(rates.take('llamahomeBatchRate', laptop)).toBeNull();
    for (let index = 0; index < 50; index += 1) {
      rates.require('llamahomeBatchRate', from(laptop));
      rates.holdStream(from(laptop));
    }
    settings = { ...settings, llamahomeBatchRate: 1 };
    rates.require('llamahomeBatchRate', from(laptop));
    expect(thrownBy(() => rates.require('llamahomeBatchRate', from(laptop))).kind).toBe('rate_limited');
  });

  test('say when to come again', () => {
    const rates = ratesNow();
    for (let index = 0; index < 5; index += 1) rates.require('llamahomeBatchRate', from(laptop));
    now += 12_500;
    expect(thrownBy(() => rates.require('llamahomeBatchRate', from(laptop)))).toMatchObject({
      kind: 'rate_limited',
      details: { retryAfterSeconds: 48, limit: 5 },
    });
    const held = Array.from({ length: 10 }, () => rates.holdStream(from(laptop)));
    expect(thrownBy(() => rates.holdStream(from(laptop))).kind).toBe('rate_limited');
    held[3]?.[Symbol.dispose]();
    rates.holdStream(from(laptop))[Symbol.dispose]();
  });
});
