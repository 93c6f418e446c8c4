// What lies on disk of an unfinished download: `<path>.part` with the bytes that have come, `<path>.part.json` with what
// they are a part of. It must never let a byte count as there before it is written, nor trust a part without its facts.
import { existsSync, readFileSync, rmSync, statSync } from 'node:fs';
import { type FileHandle, open, rename } from 'node:fs/promises';
import { dirname } from 'node:path';
import { ByteRanges } from './byte-ranges.ts';
import { Fault } from './fault.ts';

/** What the part is a part of. */
export interface PartFacts {
  readonly url: string;
  /** A strong ETag or a Last-Modified date: what `If-Range` may name. */
  readonly validator: string | null;
  readonly sizeBytes: number | null;
  /** Null: the bytes were written in their order, so the size of the part tells what is there. */
  readonly done: ByteRanges | null;
}

/** What is to be downloaded, as its caller knows it. */
export interface PartOf {
  readonly url: string;
  readonly sha256: string | null;
  readonly sizeBytes: number | null;
}

const factsPath = (path: string): string => `${path}.part.json`;

/** Removes what an unfinished download of `path` left. */
export function dropPart(path: string): void {
  rmSync(`${path}.part`, { force: true });
  rmSync(factsPath(path), { force: true });
  rmSync(`${factsPath(path)}.new`, { force: true });
}

/** Null where there are none that can be understood. */
export function readPartFacts(path: string): PartFacts | null {
  try {
    const value = JSON.parse(readFileSync(factsPath(path), 'utf8')) as Record<string, unknown>;
    const { url, validator, sizeBytes } = value;
    const done = value.done === undefined ? null : ByteRanges.parse(value.done);
    if (typeof url !== 'string' || (done === null && value.done !== undefined)) return null;
    return {
      url,
      validator: typeof validator === 'string' ? validator : null,
      sizeBytes: typeof sizeBytes === 'number' ? sizeBytes : null,
      done,
    };
  } catch {
    return null;
  }
}

export class Part {
  readonly file: string;
  readonly done: ByteRanges;
  /** Whether bytes of an earlier run are among those that are there. */
  hasResumed: boolean;
  validator: string | null;
  /** As the last answer gave it. */
  etag: string | null;
  /** Null while nobody knows it. */
  totalBytes: number | null;
  readonly #path: string;
  readonly #of: PartOf;
  /** Open since `begin`. */
  #handle: FileHandle | null = null;
  #isSequential = true;
  #isWorthless = false;
  #saving: Promise<void> = Promise.resolve();
  #savedBytes = 0;

  /** Takes up what lies there if it may be continued, else removes it. */
  constructor(path: string, of: PartOf) {
    const facts = usableFacts(path, of);
    if (facts === null) dropPart(path);
    this.#path = path;
    this.#of = of;
    this.file = `${path}.part`;
    this.done = facts?.done ?? new ByteRanges();
    this.hasResumed = facts !== null;
    this.validator = facts?.validator ?? null;
    this.etag = this.validator?.startsWith('"') === true ? this.validator : null;
    this.totalBytes = of.sizeBytes ?? facts?.sizeBytes ?? null;
  }

  get isWhole(): boolean {
    return this.totalBytes !== null && this.done.totalBytes === this.totalBytes;
  }

  /** Whether more may be put to what is there: only a digest or a validator can tell that both belong together. */
  get isTrusted(): boolean {
    return this.#of.sha256 !== null || this.validator !== null;
  }

  /**
   * Opens the part and records what its bytes are a part of, before the first of them is written. `isSequential` promises
   * that they will come in their order.
   */
  async begin(validator: string | null, totalBytes: number | null, isSequential: boolean): Promise<void> {
    this.validator = validator;
    this.totalBytes = totalBytes;
    this.#isSequential = isSequential;
    this.#handle ??= await open(this.file, this.done.totalBytes === 0 ? 'w' : 'r+');
    await this.#writeFacts();
    await syncFolderOf(this.#path);
  }

  /** Writes all of `views` at `position`; they count as there when it resolves. */
  async write(views: readonly Uint8Array[], position: number): Promise<void> {
    const handle = this.#opened();
    let left = views;
    let at = position;
    while (left.length > 0) {
      const { bytesWritten } = await handle.writev(left, at);
      at += bytesWritten;
      left = behind(left, bytesWritten);
    }
    this.done.add(position, at);
  }

  /** Records which bytes are there, if that cannot be seen from the part itself; what is recorded is on the disk. */
  save(): Promise<void> {
    const run = this.#saving
      .catch(() => undefined)
      .then(async () => {
        if (this.#isSequential || this.#savedBytes === this.done.totalBytes) return;
        await this.#writeFacts();
      });
    this.#saving = run;
    return run;
  }

  /** Begins with nothing again. */
  async reset(): Promise<void> {
    if (this.#handle !== null) await this.#handle.truncate(0);
    else dropPart(this.#path);
    this.done.clear();
    this.hasResumed = false;
  }

  /** Makes the bytes durable. */
  async sync(): Promise<void> {
    this.#handle ??= await open(this.file, 'r+');
    await this.#handle.sync();
  }

  /** Says that nothing of what is there is worth keeping: it is removed when the part is closed. */
  condemn(): void {
    this.#isWorthless = true;
  }

  /** Ends all work on the part. What lies there stays, unless it is worthless. */
  async close(): Promise<void> {
    await this.#saving.catch(() => undefined);
    const handle = this.#handle;
    this.#handle = null;
    await handle?.close();
    if (this.#isWorthless) dropPart(this.#path);
  }

  /** Puts the whole part, closed and verified, in its place. */
  async publish(): Promise<void> {
    await rename(this.file, this.#path);
    await syncFolderOf(this.#path);
    dropPart(this.#path);
  }

  #opened(): FileHandle {
    if (this.#handle === null) throw new Fault('internal', `${this.file} is not open.`);
    return this.#handle;
  }

  async #writeFacts(): Promise<void> {
    const bytes = this.done.totalBytes;
    const facts = { url: this.#of.url, validator: this.validator, sizeBytes: this.totalBytes };
    const text = JSON.stringify(this.#isSequential ? facts : { ...facts, done: this.done });
    // After a loss of power the facts must not claim what the disk never got.
    if (!this.#isSequential && bytes > 0) await this.#opened().datasync();
    const temporary = `${factsPath(this.#path)}.new`;
    const file = await open(temporary, 'w');
    try {
      await file.writeFile(text);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(temporary, factsPath(this.#path));
    this.#savedBytes = bytes;
  }
}

/** The facts of a part that may be continued, with the bytes that are there; null where it must begin again. */
function usableFacts(path: string, of: PartOf): PartFacts | null {
  const facts = readPartFacts(path);
  const size = existsSync(`${path}.part`) ? statSync(`${path}.part`).size : 0;
  if (facts === null || size === 0 || facts.url !== of.url) return null;
  if (facts.validator === null && of.sha256 === null) return null;
  if (of.sizeBytes !== null && (facts.sizeBytes ?? of.sizeBytes) !== of.sizeBytes) return null;
  const done = facts.done ?? new ByteRanges([{ start: 0, end: size }]);
  const limit = of.sizeBytes ?? facts.sizeBytes ?? Number.MAX_SAFE_INTEGER;
  if (done.endBytes > Math.min(size, limit)) return null;
  return { ...facts, done };
}

/** Makes a rename beside `path` durable without holding up the thread; Windows does so by itself, and opens no folder. */
async function syncFolderOf(path: string): Promise<void> {
  try {
    const folder = await open(dirname(path), 'r');
    await folder.sync().finally(() => folder.close());
  } catch {
    // Not every system can.
  }
}

/** What is left of `views` after `bytes` of them. */
function behind(views: readonly Uint8Array[], bytes: number): readonly Uint8Array[] {
  let skip = bytes;
  for (const [index, view] of views.entries()) {
    if (skip < view.length) return [view.subarray(skip), ...views.slice(index + 1)];
    skip -= view.length;
  }
  return [];
}
