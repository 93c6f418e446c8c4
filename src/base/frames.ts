// Frames of event streams: SSE (WHATWG HTML 9.2) and NDJSON. A stream made here ends exactly once, sends something every
// ten seconds so that nobody takes it for dead, and stops its source when its reader leaves.

const encoder = new TextEncoder();

export interface SseFrame {
  readonly event?: string | undefined;
  readonly id?: string | number | undefined;
  /** Lines of it become lines of `data:`. */
  readonly data: string;
}

/** One SSE event. Line breaks in `event` and `id` would forge fields; they are dropped. */
export function sseText(frame: SseFrame): string {
  let text = '';
  if (frame.event !== undefined) text += `event: ${oneLine(frame.event)}\n`;
  if (frame.id !== undefined) text += `id: ${oneLine(String(frame.id))}\n`;
  for (const line of frame.data.split(/\r\n|\r|\n/)) text += `data: ${line}\n`;
  return `${text}\n`;
}

/** An SSE comment; readers ignore it. */
export const sseComment = (text: string): string => `: ${oneLine(text)}\n\n`;

/** One line of NDJSON. */
export const ndjsonText = (value: unknown): string => `${JSON.stringify(value)}\n`;

const oneLine = (text: string): string => text.replace(/[\r\n\0]+/g, ' ');

export interface FrameStreamOptions {
  /** Ends the stream; the source sees the signal that `frames` is called with. */
  readonly signal: AbortSignal;
  /** Sent when nothing else was for `heartbeatMs` (default 10 000); null: nothing. */
  readonly heartbeat: string | null;
  readonly heartbeatMs?: number;
  /** The last frame of a source that failed; null: the stream is cut, so that it does not look complete. */
  readonly onError: (thrown: unknown) => string | null;
}

/** A body from a source of frames. It is read one frame ahead at most, so a slow reader slows the source, not our memory. */
export function frameStream(
  frames: (signal: AbortSignal) => AsyncGenerator<string, void, void>,
  options: FrameStreamOptions,
): ReadableStream<Uint8Array> {
  const left = new AbortController();
  const source = frames(left.signal);
  const leave = (): void => {
    left.abort(new DOMException('the reader left', 'AbortError'));
    // Where nobody asks for the next frame any more, it would wait for ever with what it holds.
    source.return().catch(() => undefined);
  };
  if (options.signal.aborted) leave();
  else options.signal.addEventListener('abort', leave, { once: true });
  let timer: ReturnType<typeof setInterval> | null = null;
  const finish = (): void => {
    if (timer !== null) clearInterval(timer);
    timer = null;
    options.signal.removeEventListener('abort', leave);
  };
  return new ReadableStream<Uint8Array>(
    {
      start(controller) {
        const { heartbeat } = options;
        if (heartbeat === null) return;
        timer = setInterval(() => {
          if ((controller.desiredSize ?? 0) > 0) controller.enqueue(encoder.encode(heartbeat));
        }, options.heartbeatMs ?? 10_000);
        timer.unref();
      },
      async pull(controller) {
        try {
          const { done, value } = await source.next();
          if (left.signal.aborted || done === true) {
            finish();
            controller.close();
            return;
          }
          controller.enqueue(encoder.encode(value));
        } catch (thrown) {
          finish();
          const last = left.signal.aborted ? '' : options.onError(thrown);
          if (last === null) controller.error(thrown);
          else {
            if (last !== '') controller.enqueue(encoder.encode(last));
            controller.close();
          }
        }
      },
      async cancel() {
        finish();
        leave();
        await source.return();
      },
    },
    { highWaterMark: 1 },
  );
}

export const SSE_HEADERS: Readonly<Record<string, string>> = {
  'content-type': 'text/event-stream; charset=utf-8',
  'cache-control': 'no-cache, no-transform',
  'x-accel-buffering': 'no',
};

export const NDJSON_HEADERS: Readonly<Record<string, string>> = {
  'content-type': 'application/x-ndjson; charset=utf-8',
  'cache-control': 'no-cache, no-transform',
  'x-accel-buffering': 'no',
};
