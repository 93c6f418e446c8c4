// Between BeautyAI's wire and our words. Pure.
import { Fault, statusOf } from '../../base/fault.ts';

export interface WireError {
  readonly success: false;
  readonly error_code: string;
  readonly error_message: string;
  readonly error_details: Readonly<Record<string, unknown>> | null;
  /** ISO-8601, UTC. */
  readonly timestamp: string;
  /** Of a refusal nobody takes the time. */
  readonly execution_time_ms: null;
}

/** It knows six statuses only. */
export function statusFor(fault: Fault): number {
  if (isLoadFault(fault)) return 500;
  const status = statusOf(fault.kind);
  if (status === 401 || status === 403 || status === 404) return status;
  return status < 500 && status !== 408 ? 400 : 500;
}

/** `nowMs`: epoch milliseconds. */
export function errorBody(fault: Fault, nowMs: number): WireError {
  const details = { ...(fault.hint === undefined ? {} : { hint: fault.hint }), ...fault.details };
  return {
    success: false,
    error_code: codeOf(fault),
    error_message: fault.message,
    error_details: Object.keys(details).length === 0 ? null : details,
    timestamp: new Date(nowMs).toISOString(),
    execution_time_ms: null,
  };
}

function codeOf(fault: Fault): string {
  const status = statusFor(fault);
  if (fault.kind === 'not_found' && 'nearNames' in fault.details) return 'ModelNotFoundError';
  if (status === 404) return 'NotFoundError';
  if (status === 401) return 'AuthenticationError';
  if (status === 403) return 'PermissionError';
  if (status === 400) return 'ValidationError';
  return isLoadFault(fault) ? 'ModelLoadError' : 'SystemError';
}

/** An engine that dies while it starts leaves its last lines. */
const isLoadFault = ({ kind, details, blame }: Fault): boolean =>
  LOAD_KINDS.has(kind) ||
  (kind === 'bad_gateway' && Array.isArray(details.logLines)) ||
  (kind === 'unprocessable' && blame === 'machine');

const LOAD_KINDS: ReadonlySet<Fault['kind']> = new Set(['does_not_fit', 'engine_unobtainable']);

/** What keeps a model from being loaded, whoever is to blame for it elsewhere, is one error here. */
export function asLoadFault(fault: Fault): Fault {
  const { kind, message, hint, details, blame } = fault;
  const isCallers = blame === 'caller' || kind === 'bad_request';
  if (isCallers || isLoadFault(fault)) return fault;
  return new Fault('engine_unobtainable', message, { hint, details, blame, cause: fault });
}
