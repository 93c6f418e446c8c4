// Between BeautyAI's wire and our words. Pure.
import { type Fault, statusOf } from '../../base/fault.ts';

export interface WireError {
  readonly success: false;
  readonly error_code: string;
  readonly error_message: string;
  readonly error_details: Readonly<Record<string, unknown>> | null;
}

/** It knows six statuses only. */
export function statusFor(fault: Fault): number {
  const status = statusOf(fault.kind);
  if (status === 401 || status === 403 || status === 404) return status;
  return status < 500 && status !== 408 ? 400 : 500;
}

export function errorBody(fault: Fault): WireError {
  const details = { ...(fault.hint === undefined ? {} : { hint: fault.hint }), ...fault.details };
  return {
    success: false,
    error_code: codeOf(fault),
    error_message: fault.message,
    error_details: Object.keys(details).length === 0 ? null : details,
  };
}

function codeOf(fault: Fault): string {
  const status = statusFor(fault);
  if (fault.kind === 'not_found' && 'nearNames' in fault.details) return 'ModelNotFoundError';
  if (status === 404) return 'NotFoundError';
  if (status === 401) return 'AuthenticationError';
  if (status === 403) return 'PermissionError';
  if (status === 400) return 'ValidationError';
  return fault.blame === 'engine' || fault.kind === 'does_not_fit' ? 'ModelLoadError' : 'SystemError';
}
