// LlamaHome's streams as frames: a line of JSON each, or a server-sent event where the caller asked for those. Pure.
import { toFault } from '../../base/fault.ts';
import { ndjsonText, sseText } from '../../base/frames.ts';
import type { PromptAnswer } from '../../core/prompting.ts';
import { processedToWire, toldBody } from './shape.ts';

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

export const failToWire = (thrown: unknown) => toldBody(toFault(thrown));
