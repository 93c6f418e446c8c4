// Where dialects meet: an error in the envelope of the path's owner, paths that nobody serves, and methods that a path
// does not know. It must never guess from a body whose a path is; that is `resolve`.
import { NotFoundError, ParseError, ValidationError } from 'elysia';
import { Fault, statusOf, toFault } from '../base/fault.ts';
import { errorBody as beautyaiError, statusFor as beautyaiStatus } from './beautyai/shape.ts';
import { errorBody as claraError, statusFor as claraStatus } from './clara/shape.ts';
import { errorBody as droverError } from './drover/shape.ts';
import { pathOf } from './intake.ts';
import { errorBody as llamactlError, statusFor as llamactlStatus } from './llamactl/shape.ts';
import { errorBody as llamahomeError, statusFor as llamahomeStatus } from './llamahome/shape.ts';
import { errorBody as obtError } from './obt/shape.ts';
import { errorBody as openaiError } from './openai/shape.ts';
import { type DialectId, ownerOf } from './resolve.ts';

/** The answer to a fault, in the envelope of whoever speaks there; absent: of the path's owner. */
export function faultResponse(fault: Fault, path: string, speaker: DialectId = ownerOf(path)): Response {
  const { status, body } = ENVELOPES[speaker](fault, path);
  const answer = new Headers();
  const { retryAfterSeconds, allow } = fault.details;
  if (fault.kind === 'unavailable' || fault.kind === 'rate_limited') {
    answer.set('retry-after', String(typeof retryAfterSeconds === 'number' ? Math.ceil(retryAfterSeconds) : 5));
  }
  if (fault.kind === 'method_not_allowed' && typeof allow === 'string') answer.set('allow', allow);
  if (fault.kind === 'unauthorized') answer.set('www-authenticate', 'Bearer');
  return Response.json(body, { status, headers: answer });
}

interface Envelope {
  readonly status: number;
  readonly body: unknown;
}

/** How each dialect says that something failed. */
const ENVELOPES: Readonly<Record<DialectId, (fault: Fault, path: string) => Envelope>> = {
  openai: (fault, path) => ({ status: statusOf(fault.kind), body: openaiError(fault, path) }),
  clara: (fault) => ({ status: claraStatus(fault.kind), body: claraError(fault) }),
  llamactl: (fault) => ({ status: llamactlStatus(fault.kind), body: llamactlError(fault) }),
  beautyai: (fault) => ({ status: beautyaiStatus(fault), body: beautyaiError(fault, Date.now()) }),
  llamahome: (fault) => ({ status: llamahomeStatus(fault.kind), body: llamahomeError(fault) }),
  obt: (fault) => ({ status: statusOf(fault.kind), body: obtError(fault) }),
  drover: (fault) => ({ status: statusOf(fault.kind), body: droverError(fault) }),
};

export interface KnownRoute {
  readonly method: string;
  readonly path: string;
}

/** Turns whatever a route threw into a Fault; an unknown path becomes 404, or 405 where other methods are known. */
export function faultOfThrown(thrown: unknown, request: Request, routes: readonly KnownRoute[]): Fault {
  if (thrown instanceof Fault) return thrown;
  if (thrown instanceof NotFoundError) return unmatched(request, routes);
  if (thrown instanceof ParseError) return new Fault('bad_request', 'The body is not valid.', { cause: thrown });
  if (thrown instanceof ValidationError) return new Fault('bad_request', thrown.message, { cause: thrown });
  return toFault(thrown);
}

function unmatched(request: Request, routes: readonly KnownRoute[]): Fault {
  const path = pathOf(request);
  const allowed = new Set(routes.filter((route) => matches(route.path, path)).map((route) => route.method));
  if (allowed.size === 0) {
    return new Fault('not_found', `There is nothing at ${path.slice(0, 200)}.`, {
      hint: 'See /docs/json for all routes.',
    });
  }
  if (allowed.has('GET')) allowed.add('HEAD');
  const allow = [...allowed].sort().join(', ');
  return new Fault('method_not_allowed', `${path.slice(0, 200)} does not know ${request.method}; it knows ${allow}.`, {
    details: { allow },
  });
}

function matches(pattern: string, path: string): boolean {
  if (pattern === path) return true;
  if (pattern.endsWith('/*')) return path.startsWith(pattern.slice(0, -1)) && path.length >= pattern.length;
  if (!pattern.includes(':')) return false;
  const wanted = pattern.split('/');
  const given = path.split('/');
  return wanted.length === given.length && wanted.every((part, index) => part.startsWith(':') || part === given[index]);
}
