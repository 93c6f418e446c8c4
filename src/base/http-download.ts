// Large files from the internet: into `<path>.part` over several connections, resumed after a cut or a restart, hashed on
// the way, verified, then renamed. Nothing unverified is ever seen under `path`, and a part with a wrong digest does not
// survive.
import { mkdir, statfs } from 'node:fs/promises';
import { basename, dirname } from 'node:path';
import { Fault, toFault } from './fault.ts';
import { FileDigest } from './file-digest.ts';
import { bareAddress } from './http-hosts.ts';
import { type DownloadProgress, Meter } from './http-meter.ts';
import { Part } from './http-part.ts';
import { abortFault, type RequestOptions } from './http-request.ts';
import { HttpSource } from './http-source.ts';
import { type Outcome, SMALL_BYTES, Transfer } from './http-transfer.ts';
import { sizeText } from './size.ts';

export interface DownloadOptions extends RequestOptions {
  /** Lower-case hex. Null or absent: nobody published one, and only the size is checked. */
  readonly sha256?: string | null | undefined;
  readonly sizeBytes?: number | null | undefined;
  /** Most connections at once; 4 unless told. A small file, and one from a server without ranges, takes one. */
  readonly connections?: number | undefined;
  /** Bytes of the same disk that others still need; they count as taken when the room is checked. */
  readonly reservedBytes?: (() => number) | undefined;
  /** At most about ten a second, and once at the end. */
  readonly onProgress?: ((progress: DownloadProgress) => void) | undefined;
  /** No byte on a connection for this long is a cut; 30 000 unless told. */
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

const CONNECTIONS = 4;
const CONNECTIONS_MAX = 32;
const STALL_TIMEOUT_MS = 30_000;
const RETRIES = 4;
const RETRY_DELAY_MS = 500;
/** Left free on the disk beside the file itself. */
const SPARE_BYTES = 32 * 1024 * 1024;
/** A file that changes more often while it is being fetched is given up. */
const CHANGES_MAX = 2;

const active = new Set<string>();

/**
 * Downloads to `path`, replacing it. Throws a Fault: `bad_gateway` (wrong size or digest, or a file that keeps changing; the
 * part is gone), `disk_full`, `not_writable`, `offline` (the part stays for the next try), `cancelled` (likewise),
 * `forbidden`, `unauthorized`, `not_found`, `rate_limited` (see `faultOfStatus`), `conflict` (this path is being written
 * already). Nothing is written any more once it has settled.
 */
export async function downloadFile(address: string, path: string, options: DownloadOptions): Promise<Downloaded> {
  if (active.has(path)) throw new Fault('conflict', `${path} is being downloaded already.`);
  active.add(path);
  try {
    const source = new HttpSource(address, options);
    await mkdir(dirname(path), { recursive: true });
    return await new Download(address, path, source, options).run();
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
  readonly #source: HttpSource;
  readonly #options: DownloadOptions;
  readonly #sha256: string | null;
  readonly #meter: Meter;
  #isRangeless = false;
  #changeCount = 0;

  constructor(address: string, path: string, source: HttpSource, options: DownloadOptions) {
    this.#address = address;
    this.#path = path;
    this.#source = source;
    this.#options = options;
    this.#sha256 = options.sha256?.toLowerCase() ?? null;
    this.#meter = new Meter(options.onProgress);
  }

  async run(): Promise<Downloaded> {
    const { sizeBytes = null } = this.#options;
    for (;;) {
      const part = new Part(this.#path, { url: this.#address, sha256: this.#sha256, sizeBytes });
      const sha256 = await this.#fetch(part);
      if (sha256 === null) continue;
      this.#meter.tell(part.done.totalBytes, part.totalBytes, true);
      await part.publish();
      return { path: this.#path, sizeBytes: part.done.totalBytes, sha256, etag: part.etag };
    }
  }

  /** The digest of the part, which is whole, right and closed then; null when it is worth a new try from the start. */
  async #fetch(part: Part): Promise<string | null> {
    await using digest = new FileDigest(part.file);
    try {
      digest.advance(part.done.frontierBytes);
      const outcome = await this.#transfer(part, digest).run();
      if (outcome !== 'complete') return this.#beginAgain(part, outcome);
      const synced = part.sync();
      // Heard of below; until then it must not count as unheard.
      synced.catch(() => undefined);
      const sha256 = await digest.finish(part.done.totalBytes, this.#options.signal).finally(() => synced);
      return this.#isRight(part, sha256) ? sha256 : null;
    } finally {
      await part.close();
    }
  }

  #transfer(part: Part, digest: FileDigest): Transfer {
    const { connections = CONNECTIONS, sizeBytes, signal } = this.#options;
    const { stallTimeoutMs = STALL_TIMEOUT_MS, retries = RETRIES, retryDelayMs = RETRY_DELAY_MS } = this.#options;
    const { done, totalBytes } = part;
    const isContiguous = done.totalBytes === done.frontierBytes;
    const isOne = connections <= 1 || (totalBytes !== null && totalBytes <= SMALL_BYTES);
    return new Transfer({
      source: this.#source,
      part,
      digest,
      connections: Math.max(1, Math.min(CONNECTIONS_MAX, Math.floor(connections))),
      isOneBody: this.#isRangeless || (isOne && isContiguous),
      wantedBytes: sizeBytes ?? null,
      isVerifiable: this.#sha256 !== null,
      signal,
      stallTimeoutMs,
      retries,
      retryDelayMs,
      requireSpace: (neededBytes) => this.#requireSpace(neededBytes + SPARE_BYTES),
      onProgress: () => this.#meter.tell(part.done.totalBytes, part.totalBytes),
    });
  }

  #beginAgain(part: Part, outcome: Exclude<Outcome, 'complete'>): null {
    part.condemn();
    if (outcome === 'rangeless') {
      this.#isRangeless = true;
      return null;
    }
    this.#changeCount += 1;
    if (this.#changeCount <= CHANGES_MAX) return null;
    const url = new URL(this.#address);
    throw new Fault('bad_gateway', `${bareAddress(url)} changes again and again while it is being downloaded.`, {
      blame: 'remote',
      hint: 'Try again later; somebody may be uploading it now.',
      details: { host: url.host },
    });
  }

  async #requireSpace(neededBytes: number): Promise<void> {
    const reservedBytes = this.#options.reservedBytes?.() ?? 0;
    const { bavail, bsize } = await statfs(dirname(this.#path));
    const freeBytes = bavail * bsize;
    if (freeBytes >= neededBytes + reservedBytes) return;
    const others = reservedBytes > 0 ? `, of which other downloads need ${sizeText(reservedBytes)}` : '';
    throw new Fault(
      'disk_full',
      `${basename(this.#path)} needs ${sizeText(neededBytes)} more, and ${sizeText(freeBytes)} are free${others}.`,
      {
        hint: `Free some space on the disk of ${dirname(this.#path)}, then try again.`,
        details: { neededBytes, freeBytes, reservedBytes },
      },
    );
  }

  /** True when the digest is right; false when it is worth one more try from the start. */
  #isRight(part: Part, got: string): boolean {
    const wanted = this.#sha256;
    if (wanted === null || got === wanted) return true;
    part.condemn();
    // Bytes of an earlier run may have been lost with the power; a part of this run's own gets no second chance.
    if (part.hasResumed) return false;
    throw new Fault('bad_gateway', `${basename(this.#path)} arrived with another content than was published.`, {
      blame: 'remote',
      hint: 'The partial file was deleted. If it happens again, the source or something on the way alters it.',
      details: { wanted, got, url: bareAddress(new URL(this.#address)) },
    });
  }
}
