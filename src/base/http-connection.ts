// One connection of a download: takes the bytes of a body and writes them to their place in the part, a batch at a time.
// It must never write beyond its segment, and never after it has ended.
import type { Fault } from './fault.ts';
import type { Part } from './http-part.ts';
import { unreachable } from './http-request.ts';
import type { Segment } from './http-segments.ts';

/** Chunks come with 16 to 256 KiB; a write costs a hop to another thread, which larger ones share. */
const BATCH_BYTES = 256 * 1024;
/** Below what systems take in one call (IOV_MAX is 1024). */
const BATCH_CHUNKS = 512;

interface ChunkReader {
  read(): Promise<{ readonly done: boolean; readonly value?: Uint8Array | undefined }>;
  cancel(): Promise<void>;
}

export class Connection {
  readonly segment: Segment;
  /** Of `performance.now()`. */
  readonly startedAt = performance.now();
  /** Settles when nothing of this connection is left, and never rejects; set by its owner. */
  ended: Promise<void> = Promise.resolve();
  /** When the body began to come, of `performance.now()`. */
  answeredAt: number | null = null;
  readonly #part: Part;
  readonly #onWritten: () => void;
  readonly #controller = new AbortController();
  #reader: ChunkReader | null = null;
  #stopFault: Fault | null = null;
  /** Since when a chunk is awaited; null while none is. */
  #waitsSince: number | null = null;
  #batch: Uint8Array[] = [];
  #batchBytes = 0;
  #batchStart = 0;
  #writing: Promise<void> = Promise.resolve();
  #writeFailure: unknown = null;

  /** `onWritten` is called whenever more bytes of this connection are in the part. */
  constructor(segment: Segment, part: Part, onWritten: () => void) {
    this.segment = segment;
    this.#part = part;
    this.#onWritten = onWritten;
  }

  /** Aborted by `stop`. */
  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  get receivedBytes(): number {
    return this.segment.receivedTo - this.segment.start;
  }

  /** Ends the connection with this Fault; what has come is still written. */
  stop(fault: Fault): void {
    this.#stopFault ??= fault;
    this.#controller.abort(fault);
    void this.#reader?.cancel().catch(() => undefined);
  }

  /** Stops the connection when it has waited for a chunk since before `latest`, of `performance.now()`. */
  stopIfSilentSince(latest: number, fault: () => Fault): void {
    if (this.#waitsSince !== null && this.#waitsSince < latest) this.stop(fault());
  }

  /**
   * Writes the body up to the segment's end, wherever that is by then, and no more. Returns how the body ended:
   * `more_came` when it goes on behind `bodyEnd`, which it must not. Throws the Fault it was stopped with, `offline` for a
   * connection that broke, and what writing throws. Whatever happens, all writing is over then.
   */
  async receive(response: Response, url: URL, bodyEnd: number | null): Promise<'ended' | 'more_came'> {
    this.#reader = response.body?.getReader() ?? null;
    this.answeredAt = performance.now();
    this.#batchStart = this.segment.receivedTo;
    let how: 'ended' | 'more_came' = 'ended';
    let failure: unknown = null;
    try {
      if (this.#reader !== null) how = await this.#pump(this.#reader, url, bodyEnd);
    } catch (thrown) {
      failure = thrown;
    }
    // The rest of a body that nobody wants closes its connection; one that was read to its end is kept for the next.
    await this.#reader?.cancel().catch(() => undefined);
    this.flush();
    await this.#writing;
    failure = this.#writeFailure ?? failure;
    if (failure !== null) throw failure;
    return how;
  }

  /** Begins to write what has come and not been written. */
  flush(): void {
    if (this.#batch.length === 0) return;
    const [batch, start] = [this.#batch, this.#batchStart];
    this.#batch = [];
    this.#batchStart += this.#batchBytes;
    this.#batchBytes = 0;
    this.#writing = this.#writing.then(() => this.#write(batch, start));
  }

  async #pump(reader: ChunkReader, url: URL, bodyEnd: number | null): Promise<'ended' | 'more_came'> {
    const { segment } = this;
    for (;;) {
      const chunk = await this.#next(reader, url);
      if (chunk === null) return 'ended';
      const isShared = bodyEnd === null || segment.end < bodyEnd;
      const room = (isShared ? segment.end : bodyEnd) - segment.receivedTo;
      const taken = chunk.length > room ? chunk.subarray(0, room) : chunk;
      if (taken.length > 0) this.#gather(taken);
      if (this.#batchBytes >= BATCH_BYTES || this.#batch.length >= BATCH_CHUNKS) {
        this.flush();
        await this.#writing;
      }
      if (this.#writeFailure !== null) return 'ended';
      // A body that should end with the segment is read to its end, so that its connection can be used again.
      if (isShared && chunk.length >= room) return 'ended';
      if (chunk.length > room) return 'more_came';
    }
  }

  async #next(reader: ChunkReader, url: URL): Promise<Uint8Array | null> {
    this.#waitsSince = performance.now();
    try {
      const { done, value } = await reader.read();
      // A reader that is cancelled says that all is done.
      if (this.#stopFault !== null) throw this.#stopFault;
      return done ? null : (value ?? null);
    } catch (thrown) {
      throw this.#stopFault ?? unreachable(url, thrown);
    } finally {
      this.#waitsSince = null;
    }
  }

  #gather(chunk: Uint8Array): void {
    this.#batch.push(chunk);
    this.#batchBytes += chunk.length;
    this.segment.receivedTo += chunk.length;
  }

  async #write(batch: readonly Uint8Array[], start: number): Promise<void> {
    if (this.#writeFailure !== null) return;
    try {
      await this.#part.write(batch, start);
      for (const chunk of batch) release(chunk);
      this.#onWritten();
    } catch (thrown) {
      this.#writeFailure = thrown;
    }
  }
}

/** Gives the memory of a chunk back at once: left to the collector, it piles up at a gigabyte per second. */
function release(chunk: Uint8Array): void {
  const { buffer } = chunk;
  if (buffer instanceof ArrayBuffer && chunk.byteLength === buffer.byteLength) buffer.transfer(0);
}
