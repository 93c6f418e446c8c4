// The in-band error of streams that the engine speaks: what a client gets when an answer breaks off after its first
// byte. Pure; it must never end a broken stream as if it were complete.
import type { Fault } from '../../base/fault.ts';
import { sseText } from '../../base/frames.ts';
import { errorBody, isAnthropic } from './shape.ts';

const encoder = new TextEncoder();

/** SSE text of a failure, without `[DONE]`. */
export function failText(fault: Fault, path: string): string {
  const body = errorBody(fault, path);
  if (isAnthropic(path)) return sseText({ event: 'error', data: JSON.stringify(body) });
  if (path.endsWith('/responses')) {
    return sseText({ event: 'error', data: JSON.stringify({ type: 'error', ...(body.error as object) }) });
  }
  return sseText({ data: JSON.stringify(body) });
}

/** The last frame of an SSE body; null for other bodies, which cannot hold one. */
export const failFrame =
  (path: string) =>
  (fault: Fault, contentType: string, isMidFrame: boolean): Uint8Array | null =>
    contentType.startsWith('text/event-stream')
      ? encoder.encode(`${isMidFrame ? '\n\n' : ''}${failText(fault, path)}`)
      : null;
