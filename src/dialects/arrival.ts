// How a request came in, where that matters: by which listener, with which dialect asked for by listener, prefix or header.
// It must never be asked whose path it is; that is `resolve`.
import type { DialectId } from './resolve.ts';

/** What a socket is upgraded by. */
export interface SocketServer {
  upgrade(request: Request, options: { readonly data: object }): boolean;
  requestIP(request: Request): { readonly address: string } | null;
}

export interface Arrival {
  /** As it came, before its path was rewritten. */
  readonly original: Request;
  /** Null: the main listener's. */
  readonly server: SocketServer | null;
  /** Asked for, not guessed; null: nobody asked. */
  readonly dialect: DialectId | null;
}

const arrivals = new WeakMap<Request, Arrival>();

export const noteArrival = (request: Request, arrival: Arrival): void => void arrivals.set(request, arrival);

/** Null for a plain request on the main listener. */
export const arrivalOf = (request: Request): Arrival | null => arrivals.get(request) ?? null;

/** Whom a request turned out to speak to, so that failures are told in the same words. */
export function noteSpeaker(request: Request, dialect: DialectId): void {
  const { original, server } = arrivalOf(request) ?? { original: request, server: null };
  noteArrival(request, { original, server, dialect });
}
