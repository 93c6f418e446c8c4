// Progress of tests for one reader of a WebSocket. Who reads slowly loses what comes between, never how a test ended: who
// owes us too much for that is sent away.
import type { Bus } from '../../base/bus.ts';
import type { TestSessions } from '../../core/test-sessions.ts';
import type { DroverEvent } from '../../core/vocabulary.ts';
import type { Peer, SocketHandlers } from '../socket.ts';
import { endFrame, pastFrame, progressFrame } from './stream.ts';

/** What may wait for a reader before progress is dropped; ends of tests may take what the socket allows. */
const PROGRESS_BYTES = 64 * 1024;

/** `sessionId`: of this session only, and first what has ended of it before; null: of all, from now on. */
export function progressHandlers(
  { bus, tests }: { readonly bus: Bus<DroverEvent>; readonly tests: Pick<TestSessions, 'get'> },
  sessionId: string | null,
): SocketHandlers {
  return {
    open: (peer) => {
      const end = (frame: string): void => void (peer.send(frame) || sendAway(peer));
      // Nothing can happen between the two: whatever has not ended here will be told below.
      if (sessionId !== null) {
        for (const test of tests.get(sessionId).tests) {
          const frame = pastFrame(sessionId, test);
          if (frame !== null) end(frame);
        }
      }
      const unsubscribe = bus.subscribe(({ event }) => {
        if (event.type === 'server.stopping') peer.close(1001, 'The server is going down.');
        if (event.type !== 'test.progress' && event.type !== 'test.ended') return;
        if (sessionId !== null && event.sessionId !== sessionId) return;
        if (event.type === 'test.ended') end(endFrame(event));
        else peer.send(progressFrame(event), PROGRESS_BYTES);
      });
      peer.signal.addEventListener('abort', unsubscribe, { once: true });
    },
  };
}

const sendAway = (peer: Peer): void => peer.close(1013, 'You read too slowly; ask GET /api/v1/test-sessions instead.');
