// Passes one request to an engine and its answer back, bytes untouched. Whoever leaves first ends both sides; an answer
// that breaks off never looks complete. It must never forward the caller's credentials, nor the engine's own CORS.
import { Fault, toFault } from './fault.ts';
import type { Exchange, Upstream, UpstreamBody } from './upstream.ts';
import type { ResponseHead } from './upstream-parser.ts';

export interface RelayTarget {
  readonly baseUrl: string;
  /** Headers that the engine wants (its key). */
  readonly headers: Readonly<Record<string, string>>;
  /** Aborts when the engine dies or is stopped, with a Fault as its reason. */
  readonly signal: AbortSignal;
}

export interface RelayRequest {
  readonly method: string;
  /** Path and query. */
  readonly target: string;
  /** The caller's headers; what must not pass is left out here. */
  readonly headers: Headers;
  readonly body: UpstreamBody | null;
  /** Aborts when the caller leaves. */
  readonly signal: AbortSignal;
}

export interface RelayOutcome {
  readonly status: number;
  /** Empty: the answer named none, or none came. */
  readonly contentType: string;
  /** From the send to the head of the answer; null: none came. */
  readonly firstByteMs: number | null;
  readonly bytesOut: number;
  /** The last bytes of the body, at least as many as were asked for if there were so many. */
  readonly tail: readonly Uint8Array[];
  readonly fault: Fault | null;
}

/** `isMidFrame`: the bytes so far do not end with an empty line. */
export type LastFrame = (fault: Fault, contentType: string, isMidFrame: boolean) => Uint8Array | null;

export interface RelayOptions {
  readonly tailBytes: number;
  /** What a stream of this content type gets when the engine breaks off, or null: the connection is then cut. */
  readonly lastFrame: LastFrame;
  /** Once, when all is over, however it ended. */
  readonly onEnd: (outcome: RelayOutcome) => void;
}

/** Answers up to this size are collected and sent in one write. */
const WHOLE_LIMIT = 256 * 1024;
/** A broken connection waits this long for the supervisor to say why. */
const REASON_WAIT_MS = 150;

// RFC 9110 7.6.1, credentials, what identifies a browser, and what we set ourselves. Encodings too: on loopback they
// only cost time, and the counts could not be read.
const NOT_UPSTREAM = new Set(
  'connection keep-alive proxy-connection te trailer transfer-encoding upgrade host content-length expect authorization proxy-authorization x-api-key cookie accept-encoding origin referer forwarded x-forwarded-for x-forwarded-host x-forwarded-proto x-real-ip'.split(
    ' ',
  ),
);
const NOT_DOWNSTREAM = new Set(
  'connection keep-alive proxy-connection proxy-authenticate te trailer transfer-encoding upgrade content-length server date set-cookie'.split(
    ' ',
  ),
);

/** Resolves with the answer once its head is there; rejects with a Fault when none comes. `onEnd` is called in any case. */
export function relay(
  upstream: Upstream,
  target: RelayTarget,
  request: RelayRequest,
  options: RelayOptions,
): Promise<Response> {
  return new Promise((resolve, reject) => {
    const running = new Relay(upstream, target, request, options, resolve, reject);
    try {
      running.start();
    } catch (thrown) {
      running.break(toFault(thrown));
    }
  });
}

/** The caller's headers that may pass, then the engine's own. */
export function headersUpstream(headers: Headers, own: Readonly<Record<string, string>>): [string, string][] {
  const pairs: [string, string][] = [];
  const dropped = headers.get('connection')?.toLowerCase();
  headers.forEach((value, name) => {
    if (NOT_UPSTREAM.has(name) || name.startsWith('sec-') || name.startsWith('access-control-')) return;
    if (dropped?.includes(name) === true) return;
    pairs.push([name, value]);
  });
  for (const name in own) pairs.push([name, own[name] ?? '']);
  return pairs;
}

class Relay {
  readonly #upstream: Upstream;
  readonly #target: RelayTarget;
  readonly #request: RelayRequest;
  readonly #options: RelayOptions;
  readonly #resolve: (response: Response) => void;
  readonly #reject: (fault: Fault) => void;
  readonly #startedAt = performance.now();
  #exchange: Exchange | null = null;
  #head: ResponseHead | null = null;
  #firstByteMs: number | null = null;
  #bytesOut = 0;
  #whole: Uint8Array[] | null = null;
  #controller: ReadableStreamDefaultController<Uint8Array> | null = null;
  #tail: Uint8Array[] = [];
  #tailBytes = 0;
  #isOver = false;

  constructor(
    upstream: Upstream,
    target: RelayTarget,
    request: RelayRequest,
    options: RelayOptions,
    resolve: (response: Response) => void,
    reject: (fault: Fault) => void,
  ) {
    this.#upstream = upstream;
    this.#target = target;
    this.#request = request;
    this.#options = options;
    this.#resolve = resolve;
    this.#reject = reject;
  }

  start(): void {
    const { signal } = this.#request;
    if (signal.aborted || this.#target.signal.aborted) {
      if (signal.aborted) this.#onCallerLeft();
      else this.break(this.#reason());
      return;
    }
    signal.addEventListener('abort', this.#onCallerLeft);
    this.#target.signal.addEventListener('abort', this.#onEngineGone);
    this.#exchange = this.#upstream.send(
      {
        baseUrl: this.#target.baseUrl,
        method: this.#request.method,
        target: this.#request.target,
        headers: headersUpstream(this.#request.headers, this.#target.headers),
        body: this.#request.body,
      },
      {
        head: (head) => this.#onHead(head),
        data: (bytes) => this.#onData(bytes),
        end: () => this.#onEnd(),
        fail: (fault) => this.#onFail(fault),
      },
    );
  }

  readonly #onCallerLeft = (): void => {
    if (this.#isOver) return;
    const fault = new Fault('cancelled', 'The caller left.');
    this.#exchange?.abort();
    // A stream whose reader has gone is closed already; closing it again throws.
    try {
      this.#controller?.close();
    } catch {}
    this.#settle(fault);
    this.#reject(fault);
  };

  readonly #onEngineGone = (): void => {
    if (this.#isOver) return;
    this.#exchange?.abort();
    this.break(this.#reason());
  };

  #reason(): Fault {
    const { reason } = this.#target.signal;
    return reason instanceof Fault
      ? reason
      : new Fault('bad_gateway', 'The engine was stopped.', { cause: reason, hint: 'Send the request again.' });
  }

  #onHead(head: ResponseHead): void {
    this.#head = head;
    this.#firstByteMs = performance.now() - this.#startedAt;
    if (head.lengthBytes !== null && head.lengthBytes <= WHOLE_LIMIT) {
      this.#whole = [];
      return;
    }
    const body = new ReadableStream<Uint8Array>(
      {
        start: (controller) => {
          this.#controller = controller;
        },
        pull: () => this.#exchange?.resume(),
        cancel: () => this.#onCallerLeft(),
      },
      { highWaterMark: 16 },
    );
    this.#resolve(responseOf(head, body));
  }

  #onData(bytes: Uint8Array): void {
    this.#bytesOut += bytes.byteLength;
    this.#keepTail(bytes);
    if (this.#whole !== null) {
      this.#whole.push(bytes);
      return;
    }
    const controller = this.#controller;
    if (controller === null) return;
    controller.enqueue(bytes);
    if ((controller.desiredSize ?? 0) <= 0) this.#exchange?.pause();
  }

  #onEnd(): void {
    if (this.#isOver) return;
    const head = this.#head;
    if (this.#whole !== null && head !== null) {
      const [first, ...more] = this.#whole;
      this.#resolve(
        responseOf(head, first === undefined ? null : more.length === 0 ? first : Buffer.concat(this.#whole)),
      );
    } else this.#controller?.close();
    this.#settle(null);
  }

  /** The supervisor sees its child die a moment after the socket does, and knows why. */
  #onFail(fault: Fault): void {
    if (this.#isOver) return;
    setTimeout(() => this.break(fault), REASON_WAIT_MS);
  }

  /** Ends what the caller has so that it cannot be taken for complete. */
  break(fault: Fault): void {
    if (this.#isOver) return;
    const controller = this.#controller;
    if (controller !== null) {
      const contentType = this.#head === null ? '' : headerOf(this.#head, 'content-type');
      const frame =
        this.#head?.lengthBytes === null ? this.#options.lastFrame(fault, contentType, this.#isMidFrame()) : null;
      if (frame === null) controller.error(fault);
      else {
        controller.enqueue(frame);
        controller.close();
      }
    }
    this.#settle(fault);
    this.#reject(fault);
  }

  #isMidFrame(): boolean {
    const end = Buffer.concat(this.#tail.slice(-4)).subarray(-4).toString('latin1');
    return end !== '' && !end.endsWith('\n\n') && !end.endsWith('\r\n\r\n');
  }

  #keepTail(bytes: Uint8Array): void {
    this.#tail.push(bytes);
    this.#tailBytes += bytes.byteLength;
    for (
      let first = this.#tail[0];
      first !== undefined && this.#tailBytes - first.byteLength >= this.#options.tailBytes;
      first = this.#tail[0]
    ) {
      this.#tail.shift();
      this.#tailBytes -= first.byteLength;
    }
  }

  #settle(fault: Fault | null): void {
    this.#isOver = true;
    this.#request.signal.removeEventListener('abort', this.#onCallerLeft);
    this.#target.signal.removeEventListener('abort', this.#onEngineGone);
    this.#options.onEnd({
      status: this.#head?.status ?? 0,
      contentType: this.#head === null ? '' : headerOf(this.#head, 'content-type'),
      firstByteMs: this.#firstByteMs,
      bytesOut: this.#bytesOut,
      tail: this.#tail,
      fault,
    });
  }
}

const headerOf = (head: ResponseHead, name: string): string =>
  head.headers.find(([candidate]) => candidate === name)?.[1] ?? '';

/** A fresh Response: passing an upstream's own through would re-encode it (elysia#1357). */
function responseOf(head: ResponseHead, body: ReadableStream<Uint8Array> | Uint8Array | null): Response {
  const headers: [string, string][] = [];
  for (const [name, value] of head.headers) {
    if (NOT_DOWNSTREAM.has(name) || name.startsWith('access-control-')) continue;
    headers.push([name, value]);
  }
  return new Response(body, { status: head.status, headers });
}
