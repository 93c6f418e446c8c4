// A file of lines that grows at its end and is bounded by being turned over: written in batches, read from its end without
// reading the whole. It must never make its writer wait, nor fail loudly: a full disk costs lines.
import { closeSync, fstatSync, openSync, readSync, rmSync } from 'node:fs';
import { appendFile, mkdir, rename, stat } from 'node:fs/promises';
import { dirname } from 'node:path';

export interface LineFileOptions {
  /** Past this it is turned over: `x.log` becomes `x.log.1`. */
  readonly maxBytes: number;
  /** How many turned-over files stay. */
  readonly keep: number;
  /** Lines of so long a time are written together. */
  readonly batchMs: number;
}

const CHUNK_BYTES = 64 * 1024;
/** Lines that wait for a disk that does not take them; then the oldest go. */
const WAITING_LINES = 20_000;
const NEWLINE = 0x0a;

export class LineFile {
  readonly #path: string;
  readonly #options: LineFileOptions;
  #waiting: string[] = [];
  #addedCount = 0;
  #settledCount = 0;
  #writing: Promise<void> | null = null;
  #timer: ReturnType<typeof setTimeout> | null = null;

  constructor(path: string, options: LineFileOptions) {
    this.#path = path;
    this.#options = options;
  }

  /** Lines that were added since this was made. */
  get addedCount(): number {
    return this.#addedCount;
  }

  /** How many of those have come as far as the file, or were lost on the way. */
  get settledCount(): number {
    return this.#settledCount;
  }

  /** `line` without its end. */
  add(line: string): void {
    this.#addedCount += 1;
    this.#waiting.push(line);
    const excess = this.#waiting.length - WAITING_LINES;
    if (excess > 0) {
      this.#waiting.splice(0, excess);
      this.#settledCount += excess;
    }
    if (this.#timer !== null || this.#writing !== null) return;
    this.#timer = setTimeout(() => void this.flush(), this.#options.batchMs);
    this.#timer.unref();
  }

  /** Resolves when all that was added before is in the file, or is lost. */
  async flush(): Promise<void> {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
    this.#writing ??= this.#write().finally(() => {
      this.#writing = null;
    });
    await this.#writing;
  }

  /** The lines, newest first, over turned-over files too; it reads only as far as it is asked, and `limitBytes` at most. */
  *backwards(limitBytes: number): Generator<string, void, void> {
    let left = limitBytes;
    const read = new Set<number>();
    for (const path of this.#files()) {
      for (const { line, bytes } of linesBackwards(path, read)) {
        left -= bytes;
        if (left < 0) return;
        if (line !== '') yield line;
      }
    }
  }

  /** All of it goes. */
  async remove(): Promise<void> {
    await this.flush();
    for (const path of this.#files()) rmSync(path, { force: true });
  }

  /** Newest first. */
  #files(): string[] {
    return [this.#path, ...Array.from({ length: this.#options.keep }, (_, index) => `${this.#path}.${index + 1}`)];
  }

  async #write(): Promise<void> {
    try {
      if (this.#waiting.length > 0) await mkdir(dirname(this.#path), { recursive: true });
      while (this.#waiting.length > 0) {
        const lines = this.#waiting;
        this.#waiting = [];
        await appendFile(this.#path, `${lines.join('\n')}\n`, { mode: 0o600 }).finally(() => {
          this.#settledCount += lines.length;
        });
        if ((await stat(this.#path)).size >= this.#options.maxBytes) await this.#turnOver();
      }
    } catch {
      this.#settledCount += this.#waiting.length;
      this.#waiting = [];
    }
  }

  async #turnOver(): Promise<void> {
    const [, ...turned] = this.#files();
    for (let index = turned.length - 1; index >= 1; index -= 1) {
      await rename(turned[index - 1] ?? '', turned[index] ?? '').catch(() => undefined);
    }
    const [first] = turned;
    if (first !== undefined) await rename(this.#path, first);
  }
}

/**
 * The lines of a file, the last one first, read as far as it is asked; none where there is no file. `read`: files that were read
 * already, by inode: one that is turned over meanwhile has another name then.
 */
export function* linesBackwards(
  path: string,
  read: Set<number>,
): Generator<{ readonly line: string; readonly bytes: number }, void, void> {
  let descriptor: number;
  try {
    descriptor = openSync(path, 'r');
  } catch {
    // There is none yet.
    return;
  }
  try {
    const { size, ino } = fstatSync(descriptor);
    if (read.has(ino)) return;
    read.add(ino);
    let end = size;
    /** The pieces of a line whose beginning has not been read, in order. */
    let rest: Buffer[] = [];
    while (end > 0) {
      const length = Math.min(CHUNK_BYTES, end);
      const chunk = Buffer.alloc(length);
      const count = readSync(descriptor, chunk, 0, length, end - length);
      end -= length;
      let to = count;
      for (
        let at = chunk.lastIndexOf(NEWLINE, to - 1);
        at !== -1;
        at = at === 0 ? -1 : chunk.lastIndexOf(NEWLINE, at - 1)
      ) {
        yield lineOf([chunk.subarray(at + 1, to), ...rest]);
        rest = [];
        to = at;
      }
      rest = [chunk.subarray(0, to), ...rest];
    }
    yield lineOf(rest);
  } finally {
    closeSync(descriptor);
  }
}

function lineOf(pieces: readonly Buffer[]): { readonly line: string; readonly bytes: number } {
  const bytes = Buffer.concat(pieces);
  return { line: bytes.toString('utf8'), bytes: bytes.byteLength + 1 };
}
