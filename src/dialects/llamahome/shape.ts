// Between LlamaHome's wire and our words. Pure.
import type { Fault } from '../../base/fault.ts';

export interface WireError {
  readonly error: {
    readonly code: string;
    readonly message: string;
    readonly details?: Readonly<Record<string, unknown>>;
  };
}

export function errorBody(fault: Fault): WireError {
  const { retryAfterSeconds, ...rest } = fault.details;
  const details = {
    ...(fault.hint === undefined ? {} : { hint: fault.hint }),
    ...(retryAfterSeconds === undefined ? {} : { retry_after: retryAfterSeconds }),
    ...rest,
  };
  const code = fault.kind === 'rate_limited' ? 'rate_limit_exceeded' : fault.kind;
  return { error: { code, message: fault.message, ...(Object.keys(details).length === 0 ? {} : { details }) } };
}
