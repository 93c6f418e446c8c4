// A child's two streams as lines: bounded in length, in number and in the work that they cause, tolerant of any bytes.
// It must never stop reading while the child lives: a full pipe would stop the child.

export type OutputStream = 'stdout' | 'stderr';

/** Longer lines are cut here; the rest of the line is read and dropped. */
export const LINE_LIMIT_BYTES = 8192;
/** A burst of this many lines is read whole (a load at `-lv 4` prints some hundreds at once) … */
const BURST_LINES = 20_000;
/** … and beyond it this many per second; what exceeds that is skipped but for its end. */
const LINES_PER_SECOND = 5000;
/** A flood is over when this many lines are allowed again. */
const RESUME_LINES = 500;
const FLOOD_TAIL_BYTES = 4096;
const NEWLINE = 0x0a;
const RETURN = 0x0d;

/** Cuts bytes into lines. Invalid UTF-8 becomes U+FFFD, colours and control characters go. */
export class LineSplitter {
  readonly #decoder = new TextDecoder('utf-8');
  #pending: Uint8Array[] = [];
  #pendingBytes = 0;
  #isCut = false;
  #allowance = BURST_LINES;
  #refilledAt = Number.NEGATIVE_INFINITY;
  #skippedBytes = 0;
  /** The end of what was skipped last; not null while a flood is on. */
  #floodTail: Uint8Array | null = null;

  constructor(readonly onLine: (line: string) => void) {}

  /** `now` in milliseconds, of any steady clock. */
  feed(chunk: Uint8Array, now: number): void {
    this.#refill(now);
    if (this.#allowance < (this.#floodTail === null ? 1 : RESUME_LINES)) {
      this.#skippedBytes += chunk.length;
      this.#floodTail = chunk.slice(-FLOOD_TAIL_BYTES);
      return;
    }
    this.#endFlood();
    this.#split(chunk);
  }

  /** Gives out an unfinished last line. */
  end(): void {
    this.#endFlood();
    if (this.#pendingBytes > 0) this.#flush();
  }

  #endFlood(): void {
    const tail = this.#floodTail;
    if (tail === null) return;
    this.#floodTail = null;
    if (this.#pendingBytes > 0) this.#flush();
    this.onLine(`… ${this.#skippedBytes} bytes of log skipped`);
    this.#skippedBytes = 0;
    this.#split(tail);
  }

  #split(chunk: Uint8Array): void {
    let start = 0;
    while (start < chunk.length) {
      const end = chunk.indexOf(NEWLINE, start);
      if (end === -1) {
        this.#keep(chunk.subarray(start));
        return;
      }
      this.#keep(chunk.subarray(start, end));
      this.#flush();
      start = end + 1;
    }
  }

  #refill(now: number): void {
    const elapsedMs = Math.max(0, now - this.#refilledAt);
    this.#refilledAt = now;
    this.#allowance = Math.min(BURST_LINES, this.#allowance + (elapsedMs * LINES_PER_SECOND) / 1000);
  }

  #keep(bytes: Uint8Array): void {
    const room = LINE_LIMIT_BYTES - this.#pendingBytes;
    if (bytes.length > room) this.#isCut = true;
    if (room <= 0 || bytes.length === 0) return;
    // A copy: the chunk's memory belongs to the stream.
    this.#pending.push(bytes.slice(0, room));
    this.#pendingBytes += Math.min(bytes.length, room);
  }

  #flush(): void {
    this.#allowance -= 1;
    let bytes = this.#pending.length === 1 ? (this.#pending[0] ?? new Uint8Array()) : Buffer.concat(this.#pending);
    if (bytes.at(-1) === RETURN) bytes = bytes.subarray(0, -1);
    const text = cleanLine(this.#decoder.decode(bytes));
    this.onLine(this.#isCut ? `${text}…` : text);
    this.#pending = [];
    this.#pendingBytes = 0;
    this.#isCut = false;
  }
}

function cleanLine(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is to go
  if (!/[\u0000-\u0008\u000b-\u001f\u007f]/.test(text)) return text;
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is to go
  return Bun.stripANSI(text).replace(/[\u0000-\u0008\u000b-\u001f\u007f]/g, '');
}

/** The last lines, oldest first. */
export class LineRing {
  readonly #lines: string[] = [];

  constructor(readonly size = 500) {}

  add(line: string): void {
    this.#lines.push(line);
    if (this.#lines.length >= this.size * 2) this.#lines.splice(0, this.#lines.length - this.size);
  }

  recent(count = this.size): readonly string[] {
    return this.#lines.slice(-Math.max(1, Math.min(count, this.size)));
  }
}

/**
 * Reads a pipe to its end. Resolves when it ends or `signal` aborts; never rejects.
 * `restMs` says how long to rest between two reads, so that the lines of a log that nobody waits for come several at
 * once. It must be short: a child's stdio is a socket pair, full after some 200 unread lines, and a full one stops the
 * child (measured: 10 ms of rest cost every tenth request 20 ms, 2 ms cost none).
 */
export async function readLines(
  pipe: ReadableStream<Uint8Array>,
  onLine: (line: string) => void,
  signal: AbortSignal,
  restMs: () => number = () => 0,
): Promise<void> {
  const splitter = new LineSplitter(onLine);
  const reader = pipe.getReader();
  const stop = (): void => {
    reader.cancel().catch(() => undefined);
  };
  signal.addEventListener('abort', stop, { once: true });
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) break;
      splitter.feed(value, performance.now());
      const rest = restMs();
      if (rest > 0) await Bun.sleep(rest);
    }
  } catch {
    // A pipe that breaks has ended.
  } finally {
    signal.removeEventListener('abort', stop);
    splitter.end();
  }
}
