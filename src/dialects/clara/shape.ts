// Between ClaraCore's wire and our words, as far as all of it is concerned: errors, sizes and times. Its GB are 2^30
// bytes, its times are texts. Pure.
import { type Fault, type FaultKind, statusOf } from '../../base/fault.ts';
import { codedError } from '../coded-error.ts';

export const GIB = 1024 ** 3;

/** One decimal, as its clients show it. */
export const gigabytes = (bytes: number): number => Math.round((bytes / GIB) * 10) / 10;
export const isoTime = (epochMs: number): string => new Date(epochMs).toISOString();
export const isoOrNull = (epochMs: number | null): string | null => (epochMs === null ? null : isoTime(epochMs));

/** `2.1GB`, `512MB`: of 10^9 and 10^6 bytes. */
export function sizeText(bytes: number): string {
  if (bytes >= 1e9) return `${(bytes / 1e9).toFixed(1)}GB`;
  return bytes >= 1e6 ? `${Math.round(bytes / 1e6)}MB` : `${Math.max(1, Math.round(bytes / 1e3))}KB`;
}

/** 0 says "not set" in its clients. */
export const unlessZero = (value: number | undefined): number | undefined => (value === 0 ? undefined : value);

/** Its clients know 400, 401, 404, 409 and 500. */
export const statusFor = (kind: FaultKind): number => (kind === 'unprocessable' ? 400 : statusOf(kind));

/** Its clients look for these words. */
const UNAUTHORIZED = 'API key required or invalid';

export function errorBody(fault: Fault): Record<string, unknown> {
  const { existingModelId, filePath, line, column } = fault.details;
  const { error, code, details } = codedError(fault);
  return {
    error: fault.kind === 'unauthorized' ? UNAUTHORIZED : error,
    code,
    ...(details === null ? {} : { details }),
    ...(typeof existingModelId === 'string' ? { existingModelId } : {}),
    ...(typeof filePath === 'string' ? { filePath } : {}),
    ...(typeof line === 'number' ? { line, column } : {}),
  };
}
