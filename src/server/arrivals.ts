// Takes the dialect that a request asks for out of it: by its listener, a prefix of its path or a header. Everything behind
// this sees plain paths. It must never let a request choose anything but who speaks.
import { Fault } from '../base/fault.ts';
import { noteArrival, type SocketServer } from '../dialects/arrival.ts';
import { pathOf } from '../dialects/intake.ts';
import { DIALECT_IDS, type DialectId, isDialect, splitPrefix } from '../dialects/resolve.ts';

/** Of a listener beside the main one. */
export interface SideDoor {
  readonly server: SocketServer;
  readonly dialect: DialectId | null;
  /** Put before the path of each request, such as `/upstream/my-model`. */
  readonly pathPrefix: string;
}

const HEADER = 'x-api-dialect';

/** The request as everybody behind sees it; the very same where it asks for nothing. */
export function arrived(request: Request, door: SideDoor | null): Request {
  const path = pathOf(request);
  const split = path.startsWith('/dialect/') ? splitPrefix(path) : null;
  const named = request.headers.get(HEADER);
  if (split === null && door === null && named === null) return request;
  const header = named !== null && isDialect(named) ? named : null;
  const rest = split?.rest ?? path;
  const pathPrefix = door?.pathPrefix ?? '';
  const seen = split === null && pathPrefix === '' ? request : rewritten(request, path, pathPrefix + rest);
  noteArrival(seen, {
    original: request,
    server: door?.server ?? null,
    dialect: split?.dialect ?? header ?? door?.dialect ?? null,
  });
  return seen;
}

/** Why not: the header names a dialect that we do not speak. */
export function unknownDialect(request: Request): Fault | null {
  const named = request.headers.get(HEADER);
  if (named === null || isDialect(named)) return null;
  return new Fault('bad_request', `There is no dialect "${named.slice(0, 40)}".`, {
    hint: `X-API-Dialect may be ${DIALECT_IDS.join(', ')}.`,
  });
}

function rewritten(request: Request, from: string, to: string): Request {
  const { url } = request;
  const start = url.indexOf('/', url.indexOf('//') + 2);
  return new Request(url.slice(0, start) + to + url.slice(start + from.length), request);
}
