// Requests that come in on kept connections after a successor has taken over: they are passed on to it, and the answer asks
// the client to come back on a new connection. It must never answer one by itself: what it changed here would be lost. For
// the same reason what changes something waits at the door while it is open who will serve.
import { scopeOf } from '../access/scopes.ts';
import { Fault } from '../base/fault.ts';
import { relay } from '../base/relay.ts';
import { Latch } from '../base/sync.ts';
import { Upstream } from '../base/upstream.ts';
import { arrivalOf } from '../dialects/arrival.ts';
import { announcedLength, INFERENCE_LIMIT_BYTES, pathOf, targetOf } from '../dialects/intake.ts';

/** What a relay to an engine leaves out and a server like us wants to see. Host and origin have been judged here. */
const PASSED = ['authorization', 'x-api-key', 'cookie', 'referer', 'forwarded', 'x-forwarded-for', 'x-real-ip'];

interface Open {
  /** `http://127.0.0.1:5800`, no trailing slash. */
  readonly url: string;
  readonly gone: AbortController;
}

export class Diversion {
  readonly #upstream = new Upstream();
  #open: Open | null = null;
  #lastAt = 0;
  /** Set while it is not decided who will serve. */
  #undecided: Latch | null = null;

  get isOpen(): boolean {
    return this.#open !== null;
  }

  /** Milliseconds since a request was passed on, or since it was opened. */
  get quietMs(): number {
    return performance.now() - this.#lastAt;
  }

  /** From now on what changes something waits, until `open` or `release`. */
  hold(): void {
    this.#undecided ??= new Latch();
  }

  /** It is us who serve on. */
  release(): void {
    this.#undecided?.open();
    this.#undecided = null;
  }

  /** What a request has to wait for, if anything. Answers of models change nothing. */
  decision(request: Request): Promise<void> | null {
    if (this.#undecided === null || request.method === 'GET' || request.method === 'HEAD') return null;
    return scopeOf(request.method, pathOf(request)) === 'chat' ? null : this.#undecided.promise;
  }

  open(url: string): void {
    this.#lastAt = performance.now();
    this.#open = { url, gone: new AbortController() };
    this.release();
  }

  /** The successor has gone: what is under way breaks off. */
  close(): void {
    this.#open?.gone.abort(
      new Fault('unavailable', 'The server has just been restarted in vain.', { hint: 'Try again.' }),
    );
    this.#open = null;
    this.#upstream.close();
  }

  /** Rejects with a Fault when no answer comes. */
  answer(request: Request): Promise<Response> {
    const open = this.#open;
    if (open === null) return Promise.reject(new Fault('internal', 'There is no successor to pass this on to.'));
    this.#lastAt = performance.now();
    const headers: Record<string, string> = {};
    for (const name of PASSED) {
      const value = request.headers.get(name);
      if (value !== null) headers[name] = value;
    }
    // Its path is plain by now; who was asked for must not be lost.
    const dialect = arrivalOf(request)?.dialect ?? null;
    if (dialect !== null) headers['x-api-dialect'] = dialect;
    const { method, body } = request;
    return relay(
      this.#upstream,
      { baseUrl: open.url, headers, signal: open.gone.signal },
      {
        method,
        target: targetOf(request),
        headers: request.headers,
        body:
          body === null
            ? null
            : { chunks: [], rest: body, lengthBytes: announcedLength(request, INFERENCE_LIMIT_BYTES) },
        signal: request.signal,
      },
      { tailBytes: 0, lastFrame: () => null, onEnd: () => undefined },
    );
  }
}
