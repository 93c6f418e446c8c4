// Where the bytes of one download come from: asks for ranges, and remembers where redirects led.
// It must never go on asking an address that refuses, nor take a way that was not checked.
import { type Answer, type Asked, type NoBody, readAnswer } from './http-answer.ts';
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
  async ask(asked: Asked | null, validator: string | null, signal: AbortSignal): Promise<Answer | NoBody> {
    const more = headersFor(asked, validator);
    for (let renewals = 0; ; renewals += 1) {
      const known = this.#known;
      const { response, url } = known === null ? await this.#find(more, signal) : await this.#open(known, more, signal);
      const { status } = response;
      if (status === 200 || status === 206) return readAnswer(response, url, asked);
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
