// Bytes that are served as they are: typed, with an ETag, compressed once for whoever takes that, and read when somebody
// asks for the first time. It must never compress per request.
import { promisify } from 'node:util';
import { constants, gzip } from 'node:zlib';

/** Below this, compression gains nothing. */
const COMPRESSED_FROM_BYTES = 1024;
const compress = promisify(gzip);

interface Kept {
  readonly etag: string;
  /** Null where it would not be smaller. */
  readonly gzipped: Uint8Array<ArrayBuffer> | null;
}

export interface ServedOptions {
  readonly contentType: string;
  readonly read: () => Promise<Uint8Array<ArrayBuffer>>;
  /** The same bytes as gzip, where they were compressed before; absent: they are compressed here. */
  readonly gzipped?: Uint8Array<ArrayBuffer>;
  readonly headers?: Readonly<Record<string, string>>;
  /** True: other bytes would have another name, so that nobody needs to ask again. */
  readonly isImmutable?: boolean;
}

export class Served {
  readonly #options: ServedOptions;
  #kept: Promise<Kept> | null = null;

  constructor(options: ServedOptions) {
    this.#options = options;
  }

  /** 200 with the bytes, or 304 for who has them already. Rejects when they cannot be read. */
  async answer(request: Request): Promise<Response> {
    this.#kept ??= this.#keep();
    const { etag, gzipped } = await this.#kept;
    const headers = new Headers({
      ...this.#options.headers,
      'content-type': this.#options.contentType,
      'cache-control': this.#options.isImmutable === true ? 'private, max-age=31536000, immutable' : 'no-cache',
      etag,
      vary: 'Accept-Encoding',
      'x-content-type-options': 'nosniff',
      'referrer-policy': 'no-referrer',
    });
    if (hasTag(request.headers.get('if-none-match'), etag)) return new Response(null, { status: 304, headers });
    if (gzipped === null || !takesGzip(request.headers.get('accept-encoding'))) {
      return new Response(await this.#options.read(), { headers });
    }
    headers.set('content-encoding', 'gzip');
    return new Response(gzipped, { headers });
  }

  async #keep(): Promise<Kept> {
    const { gzipped: given } = this.#options;
    if (given !== undefined) return { etag: etagOf(given), gzipped: given };
    try {
      const bytes = await this.#options.read();
      const etag = etagOf(bytes);
      if (bytes.byteLength < COMPRESSED_FROM_BYTES) return { etag, gzipped: null };
      const gzipped = await compress(bytes, { level: constants.Z_BEST_COMPRESSION });
      return { etag, gzipped: gzipped.byteLength < bytes.byteLength ? new Uint8Array(gzipped) : null };
    } catch (thrown) {
      // The next one may have more luck.
      this.#kept = null;
      throw thrown;
    }
  }
}

/** Weak: the same for the bytes and their compressed form. */
const etagOf = (bytes: Uint8Array): string =>
  `W/"${new Bun.CryptoHasher('sha256').update(bytes).digest('hex').slice(0, 24)}"`;

/** RFC 9110 13.1.2: weak comparison, `*` is any. */
export function hasTag(header: string | null, etag: string): boolean {
  if (header === null) return false;
  const bare = etag.replace(/^W\//, '');
  return header.split(',').some((tag) => {
    const trimmed = tag.trim();
    return trimmed === '*' || trimmed.replace(/^W\//, '') === bare;
  });
}

/** RFC 9110 12.5.3: named or by `*`, and not with a weight of 0. */
export function takesGzip(header: string | null): boolean {
  const weights = new Map<string, number>();
  for (const item of (header ?? '').toLowerCase().split(',')) {
    const [coding = '', ...parameters] = item.split(';').map((part) => part.trim());
    const weight = parameters.find((parameter) => parameter.startsWith('q='));
    weights.set(coding, weight === undefined ? 1 : Number(weight.slice(2)) || 0);
  }
  return (weights.get('gzip') ?? weights.get('x-gzip') ?? weights.get('*') ?? 0) > 0;
}
