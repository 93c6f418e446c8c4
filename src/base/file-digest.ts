// The SHA-256 of a file that is still being written: a worker follows what is on disk and reads it back while it is in
// the page cache, so that the main thread is free. It must never outlive its owner, and never hash a byte unannounced.
import { closeSync, openSync } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { Fault } from './fault.ts';
import { Latch, untilAborted } from './sync.ts';

/** To the worker: hash up to `untilBytes` of an open file; the last order asks for the digest. */
export interface DigestOrder {
  readonly descriptor: number;
  readonly untilBytes: number;
  readonly isLast: boolean;
}

/** From the worker, once per order. */
export interface DigestReport {
  readonly doneBytes: number;
  readonly sha256: string | null;
}

/** A smaller file is hashed at its end in this thread: 16 MiB take about 15 ms, less than a worker needs to start. */
const WORKER_FROM_BYTES = 16 * 1024 * 1024;
/** At most so much at once, so that a worker that is to end does so within some 30 ms. */
const ORDER_BYTES = 32 * 1024 * 1024;
const SLICE_BYTES = 1024 * 1024;

interface Thread {
  readonly worker: Worker;
  /** Of the file, open for reading until the thread has ended: a worker that is ended cannot close what it opened. */
  readonly descriptor: number;
  readonly ended: Latch;
}

export class FileDigest implements AsyncDisposable {
  readonly #path: string;
  #thread: Thread | null = null;
  /** No worker could be had, or it died: the digest is made in this thread at the end. */
  #hasFailed = false;
  #isOrdered = false;
  #frontierBytes = 0;
  #hashedBytes = 0;
  #finalBytes: number | null = null;
  /** Opens with the digest, or with null when the worker cannot give one. */
  #result = new Latch<string | null>();

  constructor(path: string) {
    this.#path = path;
  }

  /** Says that so many bytes from the start are on disk and will not change. */
  advance(frontierBytes: number): void {
    this.#frontierBytes = frontierBytes;
    if (this.#thread !== null) this.#order();
    else if (frontierBytes >= WORKER_FROM_BYTES && !this.#hasFailed) this.#start();
  }

  /**
   * Lower-case hex of the first `sizeBytes`, all of which are on disk. Throws the signal's reason when it aborts first, and
   * a Fault when the file is shorter or cannot be read.
   */
  async finish(sizeBytes: number, signal?: AbortSignal): Promise<string> {
    if (this.#thread !== null) {
      this.#frontierBytes = sizeBytes;
      this.#finalBytes = sizeBytes;
      this.#order();
      const sha256 = await untilAborted(this.#result.promise, signal);
      if (sha256 !== null) return sha256;
    }
    return digestOf(this.#path, sizeBytes, signal);
  }

  /** Forgets everything: the file begins anew. */
  async restart(): Promise<void> {
    await this[Symbol.asyncDispose]();
    this.#hasFailed = false;
    this.#isOrdered = false;
    this.#frontierBytes = 0;
    this.#hashedBytes = 0;
    this.#finalBytes = null;
    this.#result = new Latch();
  }

  /** Resolves when no thread is left and the file is closed. */
  async [Symbol.asyncDispose](): Promise<void> {
    const thread = this.#thread;
    this.#thread = null;
    this.#hasFailed = true;
    thread?.worker.terminate();
    await thread?.ended.promise;
  }

  #start(): void {
    let descriptor: number | null = null;
    try {
      descriptor = openSync(this.#path, 'r');
      const worker = new Worker(new URL('./digest-worker.ts', import.meta.url).href, { smol: true, ref: false });
      const thread = { worker, descriptor, ended: new Latch() };
      this.#thread = thread;
      worker.onmessage = ({ data }: MessageEvent<DigestReport>) => this.#hear(data);
      worker.addEventListener('error', (event) => {
        event.preventDefault();
        this.#giveUp(thread);
      });
      worker.addEventListener('close', () => {
        closeSync(thread.descriptor);
        thread.ended.open();
        this.#giveUp(thread);
      });
    } catch {
      if (descriptor !== null) closeSync(descriptor);
      this.#hasFailed = true;
      return;
    }
    this.#order();
  }

  #order(): void {
    if (this.#isOrdered || this.#thread === null) return;
    const untilBytes = Math.min(this.#frontierBytes, this.#hashedBytes + ORDER_BYTES);
    const isLast = untilBytes === this.#finalBytes;
    if (untilBytes === this.#hashedBytes && !isLast) return;
    this.#isOrdered = true;
    const { worker, descriptor } = this.#thread;
    const order: DigestOrder = { descriptor, untilBytes, isLast };
    worker.postMessage(order);
  }

  #hear({ doneBytes, sha256 }: DigestReport): void {
    this.#isOrdered = false;
    this.#hashedBytes = doneBytes;
    if (sha256 === null) this.#order();
    else this.#result.open(sha256);
  }

  #giveUp(thread: Thread): void {
    if (this.#thread !== thread) return;
    this.#hasFailed = true;
    this.#result.open(null);
  }
}

/** Hashes in this thread, a slice at a time with a pause for others after each. */
async function digestOf(path: string, sizeBytes: number, signal: AbortSignal | undefined): Promise<string> {
  const hash = new Bun.CryptoHasher('sha256');
  const slice = new Uint8Array(Math.min(SLICE_BYTES, sizeBytes));
  const file: FileHandle = await open(path, 'r');
  try {
    for (let at = 0; at < sizeBytes; ) {
      signal?.throwIfAborted();
      const { bytesRead } = await file.read(slice, 0, Math.min(slice.length, sizeBytes - at), at);
      if (bytesRead === 0) throw new Fault('internal', `${path} ends after ${at} of ${sizeBytes} bytes.`);
      hash.update(slice.subarray(0, bytesRead));
      at += bytesRead;
    }
  } finally {
    await file.close();
  }
  return hash.digest('hex');
}
