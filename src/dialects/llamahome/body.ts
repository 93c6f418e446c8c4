// LlamaHome's bodies taken in: what is missing or no JSON is 400, what is there and wrong is 422. It must never read more
// than its limit.
import type { Static, TSchema } from '@sinclair/typebox';
import { Fault } from '../../base/fault.ts';
import { scanObject } from '../../base/json-scan.ts';
import { wrongValue } from '../../base/wrong-value.ts';
import { readBytes, requireJson } from '../intake.ts';

type Fields = Readonly<Record<string, unknown>>;

const MIB = 1024 * 1024;
const DRAINED_MIB = 64;

/** A JSON object as a value, without what is null in it; an empty body is an empty object. Throws 400, 413 and 415. */
export async function fieldsOf(request: Request, limitMib: number): Promise<Fields> {
  const bytes = await readBytes(request, limitMib * MIB).catch(async (thrown: unknown) => {
    await drained(request);
    throw thrown;
  });
  if (bytes.byteLength === 0) return {};
  requireJson(request);
  scanObject(bytes, []);
  return withoutNulls(JSON.parse(new TextDecoder().decode(bytes)) as Fields);
}

/** A body that nobody reads keeps its connection, and with it the end of the server, waiting. */
async function drained(request: Request): Promise<void> {
  if (request.bodyUsed || request.body === null) return;
  let left = DRAINED_MIB * MIB;
  for await (const piece of request.body) {
    left -= piece.byteLength;
    if (left < 0) return;
  }
}

/** A body of this shape. */
export const bodyOf = async <S extends TSchema>(request: Request, schema: S, limitMib: number): Promise<Static<S>> =>
  checked(schema, await fieldsOf(request, limitMib));

/** Throws `bad_request` for what is missing, `unprocessable` for what is wrong; both name the field. */
export function checked<S extends TSchema>(schema: S, fields: Fields): Static<S> {
  const wrong = wrongValue(schema, fields);
  if (wrong === null) return fields as Static<S>;
  const field = wrong.path.join('.');
  if (wrong.isMissing) throw new Fault('bad_request', `${field} is required`, { details: { field } });
  throw new Fault('unprocessable', `"${field}" is not right: ${wrong.message}.`, { details: { field } });
}

/** Clients write null for "not given". */
const withoutNulls = (fields: Fields): Fields =>
  Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== null));
