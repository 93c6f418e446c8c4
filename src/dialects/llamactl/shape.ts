// Between llamactl's wire and our words, as far as all of it is concerned: errors and times. Pure.
import { type Fault, type FaultKind, statusOf } from '../../base/fault.ts';
import { codedError } from '../coded-error.ts';

/** Its Go clients read whole seconds and a Z. */
export const isoSeconds = (epochMs: number): string => new Date(epochMs).toISOString().replace(/\.\d{3}Z$/, 'Z');

/** Its clients know 400, 401, 403, 404, 409 and 500. */
export const statusFor = (kind: FaultKind): number => (kind === 'unprocessable' ? 400 : statusOf(kind));

/** All three fields are always there. */
export function errorBody(fault: Fault): Record<string, unknown> {
  const { error, code, details } = codedError(fault);
  return { error, code, details: details ?? '' };
}
