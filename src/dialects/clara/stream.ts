// The frames of ClaraCore's event stream: an envelope of a type and a text that holds JSON once more, as its clients
// read it. Pure.
import { sseText } from '../../base/frames.ts';

export type EventType = 'modelStatus' | 'logData' | 'metrics' | 'downloadProgress' | 'configProgress';

export const eventFrame = (type: EventType, data: unknown): string =>
  sseText({ event: 'message', data: JSON.stringify({ type, data: JSON.stringify(data) }) });

/** `proxy` is us, `upstream` an engine. The text ends with a line's end. */
export const logFrame = (source: 'proxy' | 'upstream', text: string): string =>
  eventFrame('logData', { source, data: text });
