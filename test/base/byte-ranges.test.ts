import { describe, expect, test } from 'bun:test';
import { ByteRanges } from '../../src/base/byte-ranges.ts';
import { type Segment, SegmentPlan } from '../../src/base/http-segments.ts';
import { seeded } from '../fixtures/seeded.ts';

const MIB = 1024 * 1024;

describe('ranges of bytes', () => {
  test('are what a plain set of bytes would be, whatever is added in whatever order', () => {
    const random = seeded(7);
    for (let round = 0; round < 300; round += 1) {
      const ranges = new ByteRanges();
      const plain = new Set<number>();
      for (let step = 0; step < 12; step += 1) {
        const start = random(60);
        const end = start + random(12);
        ranges.add(start, end);
        for (let at = start; at < end; at += 1) plain.add(at);
        let frontier = 0;
        while (plain.has(frontier)) frontier += 1;
        let gapEnd = frontier;
        while (!plain.has(gapEnd) && gapEnd < 72) gapEnd += 1;
        expect(ranges.totalBytes).toBe(plain.size);
        expect(ranges.frontierBytes).toBe(frontier);
        expect(ranges.endBytes).toBe(plain.size === 0 ? 0 : Math.max(...plain) + 1);
        expect(ranges.lowestGap(72)).toEqual(frontier === 72 ? null : { start: frontier, end: gapEnd });
      }
      const pairs = ranges.toJSON();
      for (const [index, [start, end]] of pairs.entries()) {
        expect(end).toBeGreaterThan(start);
        expect(start).toBeGreaterThan(pairs[index - 1]?.[1] ?? -1);
      }
      expect(ByteRanges.parse(JSON.parse(JSON.stringify(ranges)))?.toJSON()).toEqual(pairs);
    }
  });

  test.each([
    [null],
    ['x'],
    [{}],
    [[1, 2]],
    [[[1]]],
    [[[2, 1]]],
    [[[-1, 2]]],
    [[[0, 1.5]]],
    [[['0', 2]]],
    [[[0, 1, 2]]],
  ])('%p is none', (value) => expect(ByteRanges.parse(value)).toBeNull());
});

describe('who fetches what', () => {
  /** Connections of random speeds; some give up in the middle. Returns the segments in the order they were handed out. */
  function simulate(totalBytes: number, connections: number, seed: number, failEvery: number): Segment[] {
    const random = seeded(seed);
    const done = new ByteRanges();
    const plan = new SegmentPlan(totalBytes, connections, done);
    const given: Segment[] = [];
    const busy: { segment: Segment; bytesPerTurn: number }[] = [];
    for (let turn = 0; done.totalBytes < totalBytes; turn += 1) {
      expect(turn).toBeLessThan(200_000);
      while (busy.length < connections) {
        const segment = plan.take();
        if (segment === null) break;
        given.push({ ...segment });
        busy.push({ segment, bytesPerTurn: (1 + random(8)) * 300_000 });
      }
      expect(busy.length).toBeGreaterThan(0);
      const index = random(busy.length);
      const { segment, bytesPerTurn } = busy[index] ?? {
        segment: { start: 0, end: 0, receivedTo: 0 },
        bytesPerTurn: 0,
      };
      const next = Math.min(segment.end, segment.receivedTo + bytesPerTurn);
      // Nobody has brought these bytes before.
      const before = done.totalBytes;
      done.add(segment.receivedTo, next);
      expect(done.totalBytes - before).toBe(next - segment.receivedTo);
      segment.receivedTo = next;
      const hasFailed = failEvery > 0 && random(failEvery) === 0;
      if (segment.receivedTo < segment.end && !hasFailed) continue;
      plan.release(segment);
      if (!hasFailed) plan.learn(segment.end - segment.start, 100, 1 + random(100));
      busy.splice(index, 1);
    }
    expect(done.toJSON()).toEqual([[0, totalBytes]]);
    return given;
  }

  test.each([
    [100 * MIB + 17, 1, 0],
    [100 * MIB + 17, 4, 0],
    [3000 * MIB, 8, 0],
    [500 * MIB + 1, 4, 20],
    [500 * MIB + 1, 3, 3],
  ])(
    '%d bytes over %d connections (one turn in %d fails): every byte once, and all of them',
    (total, count, failing) => {
      for (let seed = 1; seed <= 10; seed += 1) simulate(total, count, seed, failing);
    },
  );

  test('the lowest missing bytes come first, and the requests are few', () => {
    const given = simulate(4000 * MIB, 4, 3, 0);
    expect(given.slice(0, 4).map(({ start }) => start)).toEqual([0, 16, 32, 48].map((at) => at * MIB));
    expect(given.length).toBeLessThan(200);
    expect(given.length).toBeGreaterThan(30);
  });

  test('where each answer takes long to come, segments grow, but not without end', () => {
    const done = new ByteRanges();
    const plan = new SegmentPlan(400_000 * MIB, 4, done);
    // 30 MiB/s a connection and 100 ms until the first byte.
    plan.learn(30 * MIB, 1000, 100);
    const far = plan.take();
    expect((far?.end ?? 0) - (far?.start ?? 0)).toBe(120 * MIB);
    plan.learn(300 * MIB, 1000, 500);
    const farthest = plan.take();
    expect((farthest?.end ?? 0) - (farthest?.start ?? 0)).toBe(128 * MIB);
    // 1 MiB/s: a segment still lasts for some seconds.
    plan.learn(8 * MIB, 8000, 20);
    const slow = plan.take();
    expect((slow?.end ?? 0) - (slow?.start ?? 0)).toBe(8 * MIB);
  });

  test('nobody runs farther ahead than a gigabyte while the lowest segment can be shared', () => {
    const done = new ByteRanges();
    const plan = new SegmentPlan(100_000 * MIB, 2, done);
    plan.learn(128 * MIB, 400, 400);
    const slow = plan.take();
    expect(slow?.end).toBe(128 * MIB);
    let ahead = plan.take();
    for (let count = 0; ahead !== null && ahead.start >= 128 * MIB; count += 1) {
      expect(count).toBeLessThan(20);
      done.add(ahead.start, ahead.end);
      plan.release(ahead);
      ahead = plan.take();
    }
    expect(done.endBytes).toBeGreaterThan(900 * MIB);
    expect(done.endBytes).toBeLessThanOrEqual(1200 * MIB);
    // It has taken the upper half of what the slow one had left.
    expect(ahead?.start).toBe(slow?.end);
    expect(ahead?.start).toBe(64 * MIB);
    expect(ahead?.end).toBe(128 * MIB);
  });
});
