// A streaming request whose model loads for long: after some silence the client gets its headers and a comment now and
// then, so that no proxy or client gives up. Before that, a failure still has its true status.
import { toFault } from '../../base/fault.ts';
import { SSE_HEADERS, sseComment } from '../../base/frames.ts';
import type { Lease } from '../../core/drover.ts';
import { failText } from './stream.ts';

export interface ColdStreamOptions {
  readonly path: string;
  readonly signal: AbortSignal;
  /** Milliseconds of silence before the status is committed. */
  readonly silenceMs: number;
  readonly acquire: (signal: AbortSignal) => Promise<Lease>;
  readonly send: (lease: Lease) => Promise<Response>;
}

const COMMENT_MS = 10_000;
const encoder = new TextEncoder();

export async function answerWhileLoading(options: ColdStreamOptions): Promise<Response> {
  const left = new AbortController();
  const onAbort = (): void => left.abort(options.signal.reason);
  options.signal.addEventListener('abort', onAbort, { once: true });
  const acquired = options.acquire(left.signal);
  let timer: ReturnType<typeof setTimeout> | undefined;
  const silence = new Promise<null>((resolve) => {
    timer = setTimeout(() => resolve(null), options.silenceMs);
  });
  const lease = await Promise.race([acquired, silence]).finally(() => clearTimeout(timer));
  if (lease !== null) {
    options.signal.removeEventListener('abort', onAbort);
    return options.send(lease);
  }
  return new Response(commented(options, acquired, left), { headers: SSE_HEADERS });
}

function commented(
  options: ColdStreamOptions,
  acquired: Promise<Lease>,
  left: AbortController,
): ReadableStream<Uint8Array> {
  let reader: ReturnType<typeof readerOf> | null = null;
  let isTaken = false;
  let timer: ReturnType<typeof setInterval> | undefined;
  // A lease that came at the very moment when the client left is nobody's.
  const giveBack = (lease: Lease): PromiseLike<void> | undefined => {
    if (isTaken) return undefined;
    isTaken = true;
    return lease[Symbol.asyncDispose]();
  };
  return new ReadableStream<Uint8Array>({
    start(controller) {
      const comment = encoder.encode(sseComment('loading'));
      controller.enqueue(comment);
      timer = setInterval(() => {
        if (reader === null) controller.enqueue(comment);
      }, COMMENT_MS);
    },
    async pull(controller) {
      try {
        if (reader === null) {
          const lease = await acquired;
          if (left.signal.aborted) {
            clearInterval(timer);
            await giveBack(lease);
            return;
          }
          isTaken = true;
          const response = await options.send(lease);
          if (response.status !== 200) {
            clearInterval(timer);
            // Too late for its status: the engine's own error becomes the stream's.
            controller.enqueue(encoder.encode(`data: ${(await response.text()).replace(/[\r\n]+/g, ' ')}\n\n`));
            controller.close();
            return;
          }
          clearInterval(timer);
          reader = readerOf(response);
        }
        const { done, value } = await reader.read();
        if (done) controller.close();
        else controller.enqueue(value);
      } catch (thrown) {
        clearInterval(timer);
        if (left.signal.aborted) return;
        controller.enqueue(encoder.encode(failText(toFault(thrown), options.path)));
        controller.close();
      }
    },
    cancel(reason) {
      clearInterval(timer);
      left.abort(new DOMException('the client left', 'AbortError'));
      acquired.then(giveBack).catch(() => undefined);
      return reader?.cancel(reason);
    },
  });
}

/** A 200 without a body is an empty stream. */
const bodyOf = (response: Response): ReadableStream<Uint8Array> =>
  response.body ?? new ReadableStream<Uint8Array>({ start: (controller) => controller.close() });
const readerOf = (response: Response) => bodyOf(response).getReader();
