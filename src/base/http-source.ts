// Where the bytes of one download come from: asks for ranges, remembers where redirects led, and reads what an answer
// claims to be. It must never take an answer for a range that was not asked for.
import { Fault } from './fault.ts';
import { bareAddress } from './http-hosts.ts';
import {
  discard,
  faultOfStatus,
  firstHop,
  type Hop,
  type OpenedUrl,
  openHop,
  type RequestOptions,
} from './http-request.ts';
import { Latch, untilAborted } from './sync.ts';

/** What is asked for: from `start` on, up to and without `end`, or to the end of the file where that is null. */
export interface Asked {
  readonly start: number;
  readonly end: number | null;
}

/** A body, and what it is a piece of. */
export interface Answer {
  readonly response: Response;
  readonly url: URL;
  /** The whole file whatever was asked, or the range. */
  readonly status: 200 | 206;
  /** Exclusive; null where nobody says how long the body is. */
  readonly end: number | null;
  readonly totalBytes: number | null;
  readonly etag: string | null;
  /** A strong ETag, else the date of the last change: what `If-Range` may name. */
  readonly validator: string | null;
}

/** `past_end`: there is no such range. `lied`: a range was sent that was not asked for. The body is dropped already. */
export type Answered = Answer | { readonly status: 'past_end' | 'lied'; readonly url: URL; readonly fault: Fault };

/** Addresses that a redirect led to are asked anew from the first one so often before their refusal counts. */
const RENEWALS_MAX = 3;

export class HttpSource {
  readonly #options: RequestOptions;
  readonly #first: Hop;
  /** Where the last answer came from. */
  #known: Hop | null = null;
  #finding: Latch | null = null;

  /** `options.signal` is not used: each question brings its own. Throws `bad_request` when `address` is none. */
  constructor(address: string, options: RequestOptions) {
    this.#options = options;
    this.#first = firstHop(address, options.headers);
  }

  get url(): URL {
    return this.#first.url;
  }

  /** Forgets where redirects led: the next question takes the whole way again. */
  renew(): void {
    this.#known = null;
  }

  /**
   * Asks for a range, or for everything when `asked` is null; a range only of what has this validator still, unless that
   * is null. Throws the Faults of `openUrl` and of `faultOfStatus`. An
   * address that a redirect led to may have expired: then it is looked up again before its refusal counts.
   */
  async ask(asked: Asked | null, validator: string | null, signal: AbortSignal): Promise<Answered> {
    const more = headersFor(asked, validator);
    for (let renewals = 0; ; renewals += 1) {
      const known = this.#known;
      const { response, url } = known === null ? await this.#find(more, signal) : await this.#open(known, more, signal);
      const { status } = response;
      if (status === 200 || status === 206) return read(response, url, asked);
      const isRefusal = status >= 400 && status < 500 && status !== 408 && status !== 416 && status !== 429;
      if (isRefusal && known !== null && known !== this.#first && renewals < RENEWALS_MAX) {
        await discard(response);
        if (this.#known === known) this.#known = null;
        continue;
      }
      const fault = await faultOfStatus(response, url);
      if (status === 416 && asked !== null) return { status: 'past_end', url, fault };
      throw fault;
    }
  }

  #open(hop: Hop, more: Readonly<Record<string, string>>, signal: AbortSignal): Promise<OpenedUrl> {
    return openHop(hop, { ...this.#options, signal }, more);
  }

  /** Takes the whole way; whoever asks meanwhile waits to hear where it leads. */
  async #find(more: Readonly<Record<string, string>>, signal: AbortSignal): Promise<OpenedUrl> {
    while (this.#finding !== null) {
      await untilAborted(this.#finding.promise, signal);
      if (this.#known !== null) return this.#open(this.#known, more, signal);
    }
    const finding = new Latch();
    this.#finding = finding;
    try {
      const opened = await this.#open(this.#first, more, signal);
      if (opened.response.ok) this.#known = opened.url.href === this.#first.url.href ? this.#first : opened.hop;
      return opened;
    } finally {
      this.#finding = null;
      finding.open();
    }
  }
}

function headersFor(asked: Asked | null, validator: string | null): Record<string, string> {
  if (asked === null) return {};
  const range = `bytes=${asked.start}-${asked.end === null ? '' : asked.end - 1}`;
  return { range, ...(validator === null ? {} : { 'if-range': validator }) };
}

async function read(response: Response, url: URL, asked: Asked | null): Promise<Answered> {
  const { headers } = response;
  const etag = headers.get('etag');
  const isStrong = etag !== null && !etag.startsWith('W/');
  const validator = isStrong ? etag : headers.get('last-modified');
  const lengthText = headers.get('content-length');
  const length = lengthText === null ? null : Number(lengthText);
  const common = { response, url, etag, validator };
  if (response.status === 200) return { ...common, status: 200, end: length, totalBytes: length };
  const range = /^bytes (\d+)-(\d+)\/(\d+|\*)$/.exec(headers.get('content-range') ?? '');
  const [start, last, total] = [Number(range?.[1]), Number(range?.[2]), Number(range?.[3])];
  const isTrue =
    range !== null &&
    asked !== null &&
    start === asked.start &&
    last >= start &&
    (length ?? last - start + 1) === last - start + 1;
  if (isTrue && !(last >= total)) {
    return { ...common, status: 206, end: last + 1, totalBytes: Number.isNaN(total) ? null : total };
  }
  await discard(response);
  const fault = new Fault('offline', `${url.host} sent another part of ${bareAddress(url)} than was asked for.`, {
    blame: 'remote',
    details: { host: url.host },
  });
  return { status: 'lied', url, fault };
}
