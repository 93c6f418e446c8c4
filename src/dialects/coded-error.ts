// The error envelope that ClaraCore and llamactl share: a sentence, a word in capitals, and what more there is to say. Pure.
import type { Fault } from '../base/fault.ts';

export interface CodedError {
  readonly error: string;
  readonly code: string;
  /** Null where there is nothing more to say. */
  readonly details: string | null;
}

export function codedError(fault: Fault): CodedError {
  const { reasons, nearNames } = fault.details;
  const near = Array.isArray(nearNames) && nearNames.length > 0 ? `Near names: ${nearNames.join(', ')}.` : null;
  const more = Array.isArray(reasons) ? reasons.map(String) : [near, fault.hint].filter((part) => part != null);
  return {
    error: fault.message,
    code: fault.kind.toUpperCase(),
    details: more.length === 0 ? null : more.join(' '),
  };
}
