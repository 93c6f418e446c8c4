// Between OBT's wire and our words. Pure.
import { type Fault, statusOf } from '../../base/fault.ts';

export interface WireError {
  readonly status: number;
  readonly message: string;
  readonly details?: Readonly<Record<string, unknown>>;
}

export function errorBody(fault: Fault): WireError {
  const details = { ...(fault.hint === undefined ? {} : { hint: fault.hint }), ...fault.details };
  return {
    status: statusOf(fault.kind),
    message: fault.message,
    ...(Object.keys(details).length === 0 ? {} : { details }),
  };
}
