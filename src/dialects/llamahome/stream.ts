// LlamaHome's streams as frames: a line of JSON each, or a server-sent event where the caller asked for those. Pure.
import { Fault, toFault } from '../../base/fault.ts';
import { ndjsonText, sseText } from '../../base/frames.ts';
import type { PromptAnswer } from '../../core/prompting.ts';
import { errorBody, processedToWire } from './shape.ts';

/** How values become frames. */
export interface Framing {
  readonly frame: (value: unknown) => string;
  readonly heartbeat: string;
  readonly contentType: 'application/x-ndjson' | 'text/event-stream';
}

export const NDJSON: Framing = { frame: ndjsonText, heartbeat: '\n', contentType: 'application/x-ndjson' };
export const SSE: Framing = {
  frame: (value) => sseText({ data: JSON.stringify(value) }),
  heartbeat: ': still here\n\n',
  contentType: 'text/event-stream',
};

export const chunkToWire = (chunk: string, index: number) => ({ chunk, index });

export function doneToWire(answer: PromptAnswer) {
  const { usage, model, finish_reason, processing_time } = processedToWire(answer);
  return { done: true, usage, model, finish_reason, processing_time };
}

/** What broke inside is for the log; a caller gets no insides of ours. */
export function failToWire(thrown: unknown) {
  const fault = toFault(thrown);
  return errorBody(fault.kind === 'internal' ? new Fault('internal', 'Something broke inside Drover.') : fault);
}
