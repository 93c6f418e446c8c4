// Who fetches what: a file cut into segments for several connections, the lowest missing bytes first, so that whoever
// reads the file from its start can follow closely. It must never hand out a byte twice at the same time.
import type { ByteRanges } from './byte-ranges.ts';

const MIB = 1024 * 1024;
/** Before anything is known about speed. */
const FIRST_SEGMENT_BYTES = 16 * MIB;
const SEGMENT_MIN_BYTES = 8 * MIB;
const SEGMENT_MAX_BYTES = 128 * MIB;
/** Towards the end segments get smaller, down to this, so that all connections finish together. */
const LAST_SEGMENT_BYTES = 4 * MIB;
/** What suffices for a connection where answers come at once; it keeps the reader behind close. */
const NEAR_SEGMENT_BYTES = 32 * MIB;
const NEAR_SEGMENT_MS = 4000;
/** A segment lasts so many times as long as the wait for its first byte: 2.5 % of the time is lost to waiting. */
const WAITS_PER_SEGMENT = 40;
/** No segment begins farther than this above the lowest missing byte while the segment there can be shared. */
const WINDOW_BYTES = 1024 * MIB;

/** A piece of the file that one connection fetches. */
export interface Segment {
  start: number;
  /** Exclusive; it shrinks when another connection takes over the rest. */
  end: number;
  /** The first byte that has not come yet; kept by the connection. */
  receivedTo: number;
}

export class SegmentPlan {
  readonly #totalBytes: number;
  readonly #connections: number;
  readonly #done: ByteRanges;
  readonly #busy = new Set<Segment>();
  #usualBytes = FIRST_SEGMENT_BYTES;

  /** `done` is read whenever something is handed out, and kept by whoever writes; `begun` is being fetched already. */
  constructor(totalBytes: number, connections: number, done: ByteRanges, begun: Segment | null = null) {
    this.#totalBytes = totalBytes;
    this.#connections = connections;
    this.#done = done;
    if (begun !== null) this.#busy.add(begun);
  }

  /** The next piece to fetch; null when everything is there or being fetched. */
  take(): Segment | null {
    const gap = this.#done.with(this.#busy).lowestGap(this.#totalBytes);
    if (gap === null) return this.#shareOf(this.#longest());
    if (gap.start - this.#done.frontierBytes > WINDOW_BYTES) {
      const share = this.#shareOf(this.#lowest());
      if (share !== null) return share;
    }
    return this.#assign(gap.start, Math.min(gap.end, gap.start + this.#nextBytes()));
  }

  /** Ends the work on a segment; what is not in `done` is missing again. */
  release(segment: Segment): void {
    this.#busy.delete(segment);
  }

  /** Learns from a connection: bytes that came in `spentMs` after a wait of `waitedMs` for the first of them. */
  learn(bytes: number, spentMs: number, waitedMs: number): void {
    if (bytes < LAST_SEGMENT_BYTES) return;
    const bytesPerMs = bytes / Math.max(1, spentMs);
    const far = bytesPerMs * waitedMs * WAITS_PER_SEGMENT;
    const near = Math.min(NEAR_SEGMENT_BYTES, bytesPerMs * NEAR_SEGMENT_MS);
    this.#usualBytes = Math.min(SEGMENT_MAX_BYTES, Math.max(SEGMENT_MIN_BYTES, Math.ceil(far), Math.ceil(near)));
  }

  #nextBytes(): number {
    const busyBytes = [...this.#busy].reduce((sum, segment) => sum + segment.end - segment.receivedTo, 0);
    const leftBytes = this.#totalBytes - this.#done.totalBytes - busyBytes;
    const fairBytes = Math.ceil(leftBytes / (2 * this.#connections));
    return Math.max(LAST_SEGMENT_BYTES, Math.min(this.#usualBytes, fairBytes));
  }

  #assign(start: number, end: number): Segment {
    const segment = { start, end, receivedTo: start };
    this.#busy.add(segment);
    return segment;
  }

  /** The upper half of what another connection has left, if that is worth a request. */
  #shareOf(segment: Segment | null): Segment | null {
    if (segment === null) return null;
    const leftBytes = segment.end - segment.receivedTo;
    if (leftBytes < 2 * LAST_SEGMENT_BYTES) return null;
    const { end } = segment;
    segment.end = segment.receivedTo + Math.ceil(leftBytes / 2);
    return this.#assign(segment.end, end);
  }

  #longest(): Segment | null {
    return [...this.#busy].reduce<Segment | null>(
      (best, each) => (best === null || each.end - each.receivedTo > best.end - best.receivedTo ? each : best),
      null,
    );
  }

  #lowest(): Segment | null {
    return [...this.#busy].reduce<Segment | null>(
      (best, each) => (best === null || each.start < best.start ? each : best),
      null,
    );
  }
}
