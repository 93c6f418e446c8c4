// Takes a request's body in: content type and size before any work, then bytes. It must never trust a Content-Length,
// nor parse what only the engine needs.
import type { Static, TSchema } from '@sinclair/typebox';
import { Fault } from '../base/fault.ts';
import { type ScannedObject, scanObject } from '../base/json-scan.ts';
import { wrongValue } from '../base/wrong-value.ts';

const MIB = 1024 * 1024;
/** Bodies that go to an engine. */
export const INFERENCE_LIMIT_BYTES = 256 * MIB;
/** All other bodies. */
export const MANAGEMENT_LIMIT_BYTES = 10 * MIB;

export const tooLarge = (limitBytes: number): Fault =>
  new Fault('too_large', `The body is larger than ${Math.round(limitBytes / MIB)} MiB.`, {
    details: { limitBytes },
  });

/** The length that the request announces, or null. Throws `too_large` before anything is read. */
export function announcedLength(request: Request, limitBytes: number): number | null {
  const text = request.headers.get('content-length');
  if (text === null) return null;
  const length = Number(text);
  if (!Number.isSafeInteger(length) || length < 0) throw new Fault('bad_request', 'Content-Length is no length.');
  if (length > limitBytes) throw tooLarge(limitBytes);
  return length;
}

/** Above this, a body is put together here, piece by piece: the runtime's own way takes twice its size. */
const WHOLE_BYTES = MIB;

const SWEEP_BYTES = 2 * 1024 * 1024;

/** All bytes of the body. Throws `too_large`. */
export async function readBytes(request: Request, limitBytes: number): Promise<Uint8Array> {
  const announced = announcedLength(request, limitBytes);
  if (announced !== null && announced <= WHOLE_BYTES) return new Uint8Array(await request.arrayBuffer());
  if (request.body === null) return new Uint8Array(0);
  // Pages of it are taken when bytes arrive, not when a length is claimed.
  let bytes = new Uint8Array(announced ?? 64 * 1024);
  let length = 0;
  let unswept = 0;
  for await (const piece of request.body) {
    const needed = length + piece.byteLength;
    if (needed > limitBytes) throw tooLarge(limitBytes);
    if (needed > bytes.byteLength) {
      const grown = new Uint8Array(Math.min(limitBytes, Math.max(needed, bytes.byteLength * 2)));
      grown.set(bytes.subarray(0, length));
      bytes = grown;
    }
    bytes.set(piece, length);
    length = needed;
    unswept += piece.byteLength;
    if (unswept < SWEEP_BYTES) continue;
    unswept = 0;
    // The pieces are garbage, and unasked the collector lets them grow as large as the body itself.
    Bun.gc(false);
  }
  return length === bytes.byteLength ? bytes : bytes.subarray(0, length);
}

const JSON_TYPE = /^application\/(?:[\w.+-]+\+)?json\s*(?:;|$)/i;

/** Throws `unsupported_media_type` unless the request says that it carries JSON. */
export function requireJson(request: Request): void {
  const type = request.headers.get('content-type') ?? '';
  if (type === 'application/json' || JSON_TYPE.test(type)) return;
  throw new Fault('unsupported_media_type', 'The body must be JSON.', {
    hint: 'Send "Content-Type: application/json".',
  });
}

/** A JSON object of which only some top-level fields matter here. Throws 400, 413 and 415. */
export async function readObject(
  request: Request,
  wanted: readonly string[],
  limitBytes: number,
): Promise<ScannedObject> {
  requireJson(request);
  return scanObject(await readBytes(request, limitBytes), wanted);
}

/** A small JSON object as a value; an empty body is an empty object. Throws 400, 413 and 415. */
export async function readFields(
  request: Request,
  limitBytes = MANAGEMENT_LIMIT_BYTES,
): Promise<Readonly<Record<string, unknown>>> {
  const bytes = await readBytes(request, limitBytes);
  if (bytes.byteLength === 0) return {};
  requireJson(request);
  scanObject(bytes, []);
  return JSON.parse(new TextDecoder().decode(bytes)) as Record<string, unknown>;
}

/** A body of this shape, a small one unless a limit is named. Throws `bad_request` that names the field. */
export const bodyOf = async <S extends TSchema>(request: Request, schema: S, limitBytes?: number): Promise<Static<S>> =>
  shapedFields(await readFields(request, limitBytes), schema);

/** The same of a body that was read already. */
export function shapedFields<S extends TSchema>(fields: Readonly<Record<string, unknown>>, schema: S): Static<S> {
  const wrong = wrongValue(schema, fields);
  if (wrong === null) return fields as Static<S>;
  const field = wrong.path.join('.') || 'body';
  const message = wrong.isMissing ? `${field} is required` : `"${field}" is not right: ${wrong.message}.`;
  throw new Fault('bad_request', message, { details: { field } });
}

export const queryOf = (request: Request): URLSearchParams => new URL(request.url).searchParams;

/** `true`, `1` or a bare name in a query. */
export const isTrue = (value: string | null): boolean => value !== null && /^(?:true|1|)$/i.test(value);

/** A whole number in a range. Throws `bad_request`. */
export function countIn(query: URLSearchParams, name: string, fallback: number, least: number, most: number): number {
  const text = query.get(name);
  if (text === null || text === '') return fallback;
  const value = Number(text);
  if (/^\d+$/.test(text) && value >= least && value <= most) return value;
  throw new Fault('bad_request', `"${name}" must be a whole number from ${least} to ${most}.`, {
    details: { field: name },
  });
}

/** One of some words. Throws `bad_request`. */
export function wordIn<W extends string>(query: URLSearchParams, name: string, words: readonly W[], fallback: W): W {
  const text = query.get(name);
  if (text === null || text === '') return fallback;
  const word = words.find((candidate) => candidate === text);
  if (word !== undefined) return word;
  throw new Fault('bad_request', `"${name}" must be one of ${words.join(', ')}.`, { details: { field: name } });
}

/** The path of a request, as it was sent. */
export function pathOf(request: Request): string {
  const { url } = request;
  const start = url.indexOf('/', url.indexOf('//') + 2);
  const query = url.indexOf('?', start);
  return query === -1 ? url.slice(start) : url.slice(start, query);
}

/** Path and query of a request. */
export const targetOf = (request: Request): string => {
  const { url } = request;
  return url.slice(url.indexOf('/', url.indexOf('//') + 2));
};

/** What follows `prefix` in the path, percent-decoded. Throws `bad_request`. */
export function restOf(path: string, prefix: string): string {
  try {
    return decodeURIComponent(path.slice(prefix.length));
  } catch {
    throw new Fault('bad_request', 'The path is not valid percent-encoding.');
  }
}
