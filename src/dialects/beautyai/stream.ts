// Frames of a streamed chat: `{"delta"}` for each piece, then the whole answer, or the error that ended it. Pure.
import { sseText } from '../../base/frames.ts';

const frame = (value: unknown): string => sseText({ data: JSON.stringify(value) });

/** One piece of the answer. */
export const stepFrame = (text: string): string => frame({ delta: text });

/** One piece of what the model thinks before it answers. */
export const reasoningFrame = (text: string): string => frame({ reasoning_delta: text });

/** The answer as it would have come in one. */
export const finishFrame = (answer: object): string => frame(answer);

export const failFrame = (error: object): string => frame(error);
