// A WebSocket as a dialect sees it: text in, text out, and what to do with a reader who does not read. It must never keep more
// for a slow reader than a bound.
import { Fault } from '../base/fault.ts';
import { arrivalOf, type SocketServer } from './arrival.ts';

/** The peer. */
export interface Peer {
  /** False: it owes us too much already, and did not get this one. `backlogBytes`: how much that is, where it is less than usual. */
  send(text: string, backlogBytes?: number): boolean;
  /** Bytes that it has not taken yet. */
  readonly owedBytes: number;
  close(code: number, reason: string): void;
  /** Aborts when it has left. */
  readonly signal: AbortSignal;
}

export interface SocketHandlers {
  open(peer: Peer): void;
  /** A message of the peer's; absent: what it says is ignored. */
  message?(peer: Peer, text: string): void;
}

/** What Bun hands to us. */
interface RawSocket {
  readonly data: { readonly peer?: Peer };
  sendText(text: string): number;
  getBufferedAmount(): number;
  close(code: number, reason: string): void;
}

/** Bytes that may wait for one reader. */
const BACKLOG_BYTES = 1024 * 1024;

/**
 * Makes the request a WebSocket. Throws `bad_request` where it is no upgrade. `main` is the server of the main listener, as
 * the framework tells it.
 */
export function upgrade(request: Request, main: SocketServer | null, handlers: SocketHandlers): undefined {
  const arrival = arrivalOf(request);
  const server = arrival?.server ?? main;
  const original = arrival?.original ?? request;
  if (request.headers.get('upgrade')?.toLowerCase() !== 'websocket' || server === null) {
    throw new Fault('bad_request', 'This address speaks WebSocket only.', {
      hint: 'Connect with ws:// and an upgrade.',
    });
  }
  const left = new AbortController();
  const peers = new WeakMap<RawSocket, Peer>();
  const isUpgraded = server.upgrade(original, {
    data: {
      open: (socket: RawSocket) => {
        const peer = peerOf(socket, left.signal);
        peers.set(socket, peer);
        handlers.open(peer);
      },
      message: (socket: RawSocket, message: string | Uint8Array) => {
        const peer = peers.get(socket);
        if (peer === undefined) return;
        if (typeof message === 'string') handlers.message?.(peer, message);
        else socket.close(1003, 'Only text is understood.');
      },
      close: () => left.abort(new DOMException('the peer left', 'AbortError')),
    },
  });
  if (!isUpgraded) throw new Fault('bad_request', 'The WebSocket handshake is not right.');
  return undefined;
}

const peerOf = (socket: RawSocket, signal: AbortSignal): Peer => ({
  signal,
  send: (text, backlogBytes = BACKLOG_BYTES) => {
    if (signal.aborted || socket.getBufferedAmount() > backlogBytes) return false;
    // 0: dropped, -1: it waits in the buffer, which counts above.
    return socket.sendText(text) !== 0;
  },
  get owedBytes() {
    return socket.getBufferedAmount();
  },
  close: (code, reason) => socket.close(code, reason),
});
