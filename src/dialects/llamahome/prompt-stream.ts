// A prompt whose answer goes out piece by piece. Until the first piece, or for some seconds, the answer waits, so that what
// fails soon has its true status; after that a failure is the last frame. It must never generate for a caller who has left.
import { frameStream, NDJSON_HEADERS, SSE_HEADERS } from '../../base/frames.ts';
import { Latch } from '../../base/sync.ts';
import type { Prompt, Prompting } from '../../core/prompting.ts';
import { isSpoken } from './shape.ts';
import { chunkToWire, doneToWire, type Framing, failToWire, NDJSON, SSE } from './stream.ts';

export interface PromptStreamOptions {
  readonly prompting: Pick<Prompting, 'pieces'>;
  readonly prompt: Prompt;
  readonly signal: AbortSignal;
  readonly framing: Framing;
  /** Given back when the stream has ended, however. */
  readonly place: Disposable;
  readonly silenceMs: number;
}

/** Server-sent events where the caller asks for them, else lines. */
export const framingFor = (request: Request): Framing =>
  (request.headers.get('accept') ?? '').includes(SSE.contentType) ? SSE : NDJSON;

export const headersFor = (framing: Framing): Readonly<Record<string, string>> =>
  framing === SSE ? SSE_HEADERS : NDJSON_HEADERS;

/** The frames of an answer as values, the last one its end. */
export async function* answerFrames(
  prompting: Pick<Prompting, 'pieces'>,
  prompt: Prompt,
  signal: AbortSignal,
): AsyncGenerator<object, void, void> {
  const pieces = prompting.pieces(prompt, signal);
  let index = 0;
  try {
    for (;;) {
      const { done, value } = await pieces.next();
      if (done === true) {
        yield doneToWire(value);
        return;
      }
      if (!isSpoken(value)) continue;
      yield chunkToWire(value.text, index);
      index += 1;
    }
  } finally {
    await pieces.return(undefined as never);
  }
}

export async function streamPrompt(options: PromptStreamOptions): Promise<Response> {
  const { framing, place } = options;
  const left = new AbortController();
  const leave = (): void => left.abort(new DOMException('the reader left', 'AbortError'));
  options.signal.addEventListener('abort', leave, { once: true });
  const source = answerFrames(options.prompting, options.prompt, left.signal);
  left.signal.addEventListener(
    'abort',
    () => {
      place[Symbol.dispose]();
      // Between two pieces it would wait for ever for somebody to ask for the next, and hold the engine.
      source.return().catch(() => undefined);
    },
    { once: true },
  );
  if (options.signal.aborted) leave();
  const first = source.next();
  try {
    await soon(first, options.silenceMs);
  } catch (thrown) {
    place[Symbol.dispose]();
    throw thrown;
  }
  const frames = async function* (signal: AbortSignal): AsyncGenerator<string, void, void> {
    signal.addEventListener('abort', leave, { once: true });
    if (signal.aborted) leave();
    try {
      for (let step = await first; step.done !== true; step = await source.next()) yield framing.frame(step.value);
    } finally {
      place[Symbol.dispose]();
      leave();
    }
  };
  return new Response(
    frameStream(frames, {
      signal: options.signal,
      heartbeat: framing.heartbeat,
      onError: (thrown) => framing.frame(failToWire(thrown)),
    }),
    { headers: headersFor(framing) },
  );
}

/** Resolves when the work has, or after a while; rejects as the work does. */
async function soon(work: Promise<unknown>, withinMs: number): Promise<void> {
  const late = new Latch();
  const timer = setTimeout(() => late.open(), withinMs);
  // Whoever reads the stream hears of it later.
  work.catch(() => undefined);
  try {
    await Promise.race([work, late.promise]);
  } finally {
    clearTimeout(timer);
  }
}
