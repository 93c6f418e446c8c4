// Large files from the internet: into `<path>.part`, resumed after a cut or a restart, hashed on the way, verified,
// then renamed. Nothing unverified is ever seen under `path`, and a part with a wrong digest does not survive.
import { createHash, type Hash } from 'node:crypto';
import { createReadStream, existsSync, statSync } from 'node:fs';
import { type FileHandle, mkdir, open, rename, rm, stat, statfs } from 'node:fs/promises';
import { basename, dirname } from 'node:path';
import { Fault, toFault } from './fault.ts';
import { syncFolder } from './file.ts';
import { bareAddress } from './http-hosts.ts';
import { type DownloadProgress, Meter } from './http-meter.ts';
import { dropPart, type PartFacts, readPartFacts, writePartFacts } from './http-part.ts';
import { abortFault, discard, faultOfStatus, openUrl, type RequestOptions, unreachable } from './http-request.ts';
import { pause } from './sync.ts';

export interface DownloadOptions extends RequestOptions {
  /** Lower-case hex. Null or absent: nobody published one, and only the size is checked. */
  readonly sha256?: string | null | undefined;
  readonly sizeBytes?: number | null | undefined;
  /** At most about ten a second, and once at the end. */
  readonly onProgress?: ((progress: DownloadProgress) => void) | undefined;
  /** No byte for this long is a cut; 30 000 unless told. */
  readonly stallTimeoutMs?: number | undefined;
  /** Tries after the first one that brought nothing new; 4 unless told. */
  readonly retries?: number | undefined;
  /** The first pause between tries, doubled each time up to 30 s; 500 unless told. */
  readonly retryDelayMs?: number | undefined;
}

export interface Downloaded {
  readonly path: string;
  readonly sizeBytes: number;
  /** Lower-case hex of what lies on disk now. */
  readonly sha256: string;
  readonly etag: string | null;
}

const STALL_TIMEOUT_MS = 30_000;
const RETRIES = 4;
const RETRY_DELAY_MS = 500;
const RETRY_DELAY_MAX_MS = 30_000;
/** A longer `Retry-After` is the caller's to wait for. */
const RETRY_AFTER_MAX_MS = 20_000;
/** Left free on the disk beside the file itself. */
const SPARE_BYTES = 32 * 1024 * 1024;

const active = new Set<string>();

/**
 * Downloads to `path`, replacing it. Throws a Fault: `bad_gateway` (wrong size or digest; the part is gone),
 * `disk_full`, `not_writable`, `offline` (the part stays for the next try), `cancelled` (likewise), `forbidden`,
 * `unauthorized`, `not_found`, `rate_limited` (see `faultOfStatus`), `conflict` (this path is being written already).
 */
export async function downloadFile(address: string, path: string, options: DownloadOptions): Promise<Downloaded> {
  if (active.has(path)) throw new Fault('conflict', `${path} is being downloaded already.`);
  active.add(path);
  try {
    await mkdir(dirname(path), { recursive: true });
    return await new Download(address, path, options).run();
  } catch (thrown) {
    if (options.signal?.aborted === true && !(thrown instanceof Fault)) {
      throw abortFault(options.signal, new URL(address));
    }
    throw toFault(thrown);
  } finally {
    active.delete(path);
  }
}

class Download {
  readonly #address: string;
  readonly #path: string;
  readonly #part: string;
  readonly #options: DownloadOptions;
  #hash: Hash = createHash('sha256');
  #doneBytes = 0;
  #totalBytes: number | null;
  #etag: string | null = null;
  #hasResumed = false;
  readonly #meter: Meter;

  constructor(address: string, path: string, options: DownloadOptions) {
    this.#address = address;
    this.#path = path;
    this.#part = `${path}.part`;
    this.#options = options;
    this.#totalBytes = options.sizeBytes ?? null;
    this.#meter = new Meter(options.onProgress);
  }

  async run(): Promise<Downloaded> {
    const { signal, retries = RETRIES, retryDelayMs = RETRY_DELAY_MS } = this.#options;
    let failures = 0;
    for (;;) {
      const before = this.#doneBytes;
      try {
        await this.#attempt();
        const isWhole = await this.#isVerified();
        if (isWhole) return await this.#finish();
      } catch (thrown) {
        const fault = toFault(thrown);
        const waitMs = waitBefore(fault, failures, retryDelayMs);
        if (waitMs === null || signal?.aborted === true) throw thrown;
        failures = this.#doneBytes > before ? 1 : failures + 1;
        if (failures > retries) throw thrown;
        await pause(waitMs, signal);
      }
    }
  }

  async #attempt(): Promise<void> {
    const facts = readPartFacts(this.#path);
    this.#doneBytes = await this.#recover(facts);
    if (this.#totalBytes !== null && this.#doneBytes === this.#totalBytes && this.#doneBytes > 0) return;
    const resumeHeaders: Record<string, string> =
      this.#doneBytes === 0
        ? {}
        : { range: `bytes=${this.#doneBytes}-`, ...(facts?.validator ? { 'if-range': facts.validator } : {}) };
    const headers = { ...this.#options.headers, ...resumeHeaders };
    const { response, url } = await openUrl(this.#address, { ...this.#options, headers });
    if (response.status === 416 && this.#doneBytes > 0) {
      // What lies here is longer than what is there now: begin again.
      await discard(response);
      this.#forget();
      throw new Fault('offline', `${url.host} does not know the rest of ${basename(this.#path)} any more.`, {
        details: { status: 416 },
      });
    }
    if (response.status !== 200 && response.status !== 206) throw await faultOfStatus(response, url);
    const reader = response.body?.getReader();
    try {
      this.#accept(response, url);
      await this.#requireSpace();
      await this.#stream(reader, url);
    } finally {
      await reader?.cancel().catch(() => undefined);
    }
  }

  /** Settles where the body goes: behind what is there, or from the start. */
  #accept(response: Response, url: URL): void {
    const { headers, status } = response;
    const encoding = headers.get('content-encoding') ?? 'identity';
    if (encoding !== 'identity' && encoding !== '' && !this.#options.sha256) {
      throw wrong(`${url.host} sends ${bareAddress(url)} encoded as ${encoding}, so its bytes cannot be trusted.`);
    }
    const lengthText = headers.get('content-length');
    let total = lengthText === null ? null : Number(lengthText);
    if (status === 206) {
      const range = /^bytes (\d+)-\d+\/(\d+|\*)$/.exec(headers.get('content-range') ?? '');
      if (range === null || Number(range[1]) !== this.#doneBytes || this.#doneBytes === 0) {
        this.#forget();
        throw new Fault('offline', `${url.host} sent another part of the file than was asked for.`, {
          blame: 'remote',
        });
      }
      total = range[2] === '*' ? null : Number(range[2]);
    } else if (this.#doneBytes > 0) {
      this.#forget();
    }
    const wanted = this.#options.sizeBytes ?? null;
    if (wanted !== null && total !== null && total !== wanted) {
      this.#forget();
      throw wrong(`${bareAddress(url)} is ${total} bytes long instead of ${wanted}.`);
    }
    this.#totalBytes = wanted ?? total;
    this.#etag = headers.get('etag');
    const isStrong = this.#etag !== null && !this.#etag.startsWith('W/');
    const validator = isStrong ? this.#etag : headers.get('last-modified');
    const facts: PartFacts = { url: this.#address, validator, sizeBytes: this.#totalBytes };
    writePartFacts(this.#path, facts);
  }

  async #stream(reader: ChunkReader | undefined, url: URL): Promise<void> {
    const { signal, stallTimeoutMs = STALL_TIMEOUT_MS } = this.#options;
    const file = await open(this.#part, this.#doneBytes === 0 ? 'w' : 'a');
    try {
      for (;;) {
        const next = await nextChunk(reader, signal, stallTimeoutMs, url);
        if (next === null) break;
        if (this.#totalBytes !== null && this.#doneBytes + next.length > this.#totalBytes) {
          this.#forget();
          throw wrong(`${bareAddress(url)} is longer than the ${this.#totalBytes} bytes that were announced.`);
        }
        await writeAll(file, next);
        this.#hash.update(next);
        this.#doneBytes += next.length;
        this.#meter.tell(this.#doneBytes, this.#totalBytes);
      }
      await file.sync();
    } finally {
      await file.close();
    }
    if (this.#totalBytes !== null && this.#doneBytes < this.#totalBytes) {
      throw unreachable(url, `the connection ended after ${this.#doneBytes} of ${this.#totalBytes} bytes`);
    }
  }

  /** Bytes of the part that may be kept, hashed again; 0 when there is none or it cannot be trusted. */
  async #recover(facts: PartFacts | null): Promise<number> {
    const size = existsSync(this.#part) ? statSync(this.#part).size : 0;
    const { sha256, sizeBytes } = this.#options;
    // Without a validator only a digest can tell that old and new bytes belong together.
    const isUsable =
      size > 0 &&
      facts?.url === this.#address &&
      (facts.validator !== null || (sha256 ?? null) !== null) &&
      (sizeBytes == null || (size <= sizeBytes && (facts.sizeBytes ?? sizeBytes) === sizeBytes));
    if (!isUsable) {
      this.#forget();
      return 0;
    }
    if (size === this.#doneBytes) return size;
    this.#hash = createHash('sha256');
    for await (const chunk of createReadStream(this.#part, { highWaterMark: 1 << 20 })) {
      this.#hash.update(chunk as Buffer);
      if (this.#options.signal?.aborted === true) throw abortFault(this.#options.signal, new URL(this.#address));
    }
    this.#hasResumed = true;
    this.#totalBytes ??= facts.sizeBytes;
    return size;
  }

  async #requireSpace(): Promise<void> {
    if (this.#totalBytes === null) return;
    const needed = this.#totalBytes - this.#doneBytes + SPARE_BYTES;
    const { bavail, bsize } = await statfs(dirname(this.#path));
    const free = bavail * bsize;
    if (free >= needed) return;
    throw new Fault('disk_full', `${basename(this.#path)} needs ${mib(needed)} MiB more, and ${mib(free)} are free.`, {
      hint: `Free some space on the disk of ${dirname(this.#path)}, then try again.`,
      details: { neededBytes: needed, freeBytes: free },
    });
  }

  /** True when digest and size are right; false when it is worth one more try from the start. */
  async #isVerified(): Promise<boolean> {
    const wanted = this.#options.sha256?.toLowerCase() ?? null;
    if (wanted === null || this.#hash.copy().digest('hex') === wanted) return true;
    const got = this.#hash.copy().digest('hex');
    const wasResumed = this.#hasResumed;
    this.#forget();
    // Bytes of an earlier run may have been lost with the power; a part of this run's own gets no second chance.
    if (wasResumed) return false;
    throw new Fault('bad_gateway', `${basename(this.#path)} arrived with another content than was published.`, {
      blame: 'remote',
      hint: 'The partial file was deleted. If it happens again, the source or something on the way alters it.',
      details: { wanted, got, url: bareAddress(new URL(this.#address)) },
    });
  }

  async #finish(): Promise<Downloaded> {
    const { size } = await stat(this.#part);
    this.#meter.tell(this.#doneBytes, this.#totalBytes, true);
    await rename(this.#part, this.#path);
    syncFolder(dirname(this.#path));
    await rm(`${this.#part}.json`, { force: true });
    return { path: this.#path, sizeBytes: size, sha256: this.#hash.digest('hex'), etag: this.#etag };
  }

  #forget(): void {
    dropPart(this.#path);
    this.#hash = createHash('sha256');
    this.#doneBytes = 0;
    this.#hasResumed = false;
  }
}

const mib = (bytes: number): number => Math.round(bytes / 1024 / 1024);
const wrong = (message: string): Fault => new Fault('bad_gateway', message, { blame: 'remote' });

/** Milliseconds to wait before another try, or null where another try is of no use. */
function waitBefore(fault: Fault, failures: number, baseMs: number): number | null {
  const asked = typeof fault.details.retryAfterMs === 'number' ? fault.details.retryAfterMs : null;
  if (fault.kind !== 'offline' && fault.kind !== 'rate_limited') return null;
  if (fault.kind === 'rate_limited' && asked === null) return null;
  if (asked !== null) return asked <= RETRY_AFTER_MAX_MS ? asked : null;
  return Math.min(baseMs * 2 ** failures, RETRY_DELAY_MAX_MS) * (0.75 + Math.random() / 2);
}

interface ChunkReader {
  read(): Promise<{ readonly done: boolean; readonly value?: Uint8Array | undefined }>;
}

async function nextChunk(
  reader: ChunkReader | undefined,
  signal: AbortSignal | undefined,
  stallTimeoutMs: number,
  url: URL,
): Promise<Uint8Array | null> {
  if (reader === undefined) return null;
  let timer: ReturnType<typeof setTimeout> | undefined;
  let onAbort: (() => void) | undefined;
  const interrupted = new Promise<never>((_, reject) => {
    timer = setTimeout(
      () => reject(unreachable(url, `nothing came for ${Math.round(stallTimeoutMs / 1000)} s`)),
      stallTimeoutMs,
    );
    onAbort = () => signal !== undefined && reject(abortFault(signal, url));
    signal?.addEventListener('abort', onAbort, { once: true });
    if (signal?.aborted === true) onAbort();
  });
  interrupted.catch(() => undefined);
  try {
    const { done, value } = await Promise.race([reader.read(), interrupted]);
    return done ? null : (value ?? null);
  } catch (thrown) {
    throw thrown instanceof Fault ? thrown : unreachable(url, thrown);
  } finally {
    clearTimeout(timer);
    if (onAbort !== undefined) signal?.removeEventListener('abort', onAbort);
  }
}

async function writeAll(file: FileHandle, bytes: Uint8Array): Promise<void> {
  let written = 0;
  while (written < bytes.length) written += (await file.write(bytes, written)).bytesWritten;
}
