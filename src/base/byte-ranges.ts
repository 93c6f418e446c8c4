// Which bytes of a file are there: disjoint, ascending, half-open ranges. Arithmetic only; it must never know a disk.

/** From `start` up to, and without, `end`. */
export interface ByteRange {
  readonly start: number;
  readonly end: number;
}

export class ByteRanges {
  #ranges: ByteRange[] = [];

  constructor(ranges: readonly ByteRange[] = []) {
    for (const { start, end } of ranges) this.add(start, end);
  }

  /** What `toJSON` wrote; null for anything else. */
  static parse(value: unknown): ByteRanges | null {
    if (!Array.isArray(value)) return null;
    const found = new ByteRanges();
    for (const pair of value as readonly unknown[]) {
      if (!Array.isArray(pair) || pair.length !== 2) return null;
      const [start, end] = pair as readonly unknown[];
      if (!Number.isSafeInteger(start) || !Number.isSafeInteger(end)) return null;
      if (typeof start !== 'number' || typeof end !== 'number' || start < 0 || end < start) return null;
      found.add(start, end);
    }
    return found;
  }

  /** Adds a range; it may touch or overlap others. */
  add(start: number, end: number): void {
    if (end <= start) return;
    let from = this.#ranges.findIndex((range) => range.end >= start);
    if (from === -1) from = this.#ranges.length;
    let to = from;
    let merged: ByteRange = { start, end };
    for (let range = this.#ranges[to]; range !== undefined && range.start <= end; range = this.#ranges[to]) {
      merged = { start: Math.min(merged.start, range.start), end: Math.max(merged.end, range.end) };
      to += 1;
    }
    this.#ranges.splice(from, to - from, merged);
  }

  clear(): void {
    this.#ranges = [];
  }

  get totalBytes(): number {
    return this.#ranges.reduce((sum, { start, end }) => sum + end - start, 0);
  }

  /** How many bytes are there from the first one on without a gap. */
  get frontierBytes(): number {
    const first = this.#ranges[0];
    return first === undefined || first.start > 0 ? 0 : first.end;
  }

  /** Where the last range ends; 0 when there is none. */
  get endBytes(): number {
    return this.#ranges.at(-1)?.end ?? 0;
  }

  /** The lowest gap below `limit`, or null when there is none. */
  lowestGap(limit: number): ByteRange | null {
    let start = 0;
    for (const range of this.#ranges) {
      if (range.start > start) break;
      start = range.end;
    }
    if (start >= limit) return null;
    const next = this.#ranges.find((range) => range.start > start);
    return { start, end: Math.min(limit, next?.start ?? limit) };
  }

  /** A copy that also has `ranges`. */
  with(ranges: Iterable<ByteRange>): ByteRanges {
    return new ByteRanges([...this.#ranges, ...ranges]);
  }

  /** `[[start, end], …]`. */
  toJSON(): readonly (readonly [number, number])[] {
    return this.#ranges.map(({ start, end }) => [start, end] as const);
  }
}
