// Every kind of fault in every dialect's envelope: its status, its fields, and that nothing of it is lost or too much.
import { describe, expect, test } from 'bun:test';
import { FAULT_KINDS, Fault, type FaultKind } from '../../src/base/fault.ts';
import { faultResponse } from '../../src/dialects/crossroads.ts';
import { DIALECT_IDS, type DialectId } from '../../src/dialects/resolve.ts';

const HINT = 'Do this instead.';
const fault = (kind: FaultKind): Fault =>
  new Fault(kind, `It was ${kind}.`, {
    hint: HINT,
    details: { allow: 'GET, HEAD', retryAfterSeconds: 7, model: 'nobody', nearNames: ['somebody'] },
  });
const answer = async (kind: FaultKind, speaker: DialectId) => {
  const response = faultResponse(fault(kind), '/somewhere', speaker);
  return { response, body: (await response.json()) as Record<string, unknown> };
};

/** Statuses where they are not those of the kind itself. */
const STATUSES: Readonly<Record<FaultKind, number>> = {
  bad_request: 400,
  unauthorized: 401,
  forbidden: 403,
  not_found: 404,
  method_not_allowed: 405,
  timeout: 408,
  conflict: 409,
  too_large: 413,
  unsupported_media_type: 415,
  unprocessable: 422,
  rate_limited: 429,
  cancelled: 499,
  internal: 500,
  not_supported: 501,
  bad_gateway: 502,
  unavailable: 503,
  does_not_fit: 507,
  disk_full: 507,
  not_writable: 500,
  offline: 503,
  port_taken: 409,
  already_running: 409,
  config_invalid: 400,
  engine_unobtainable: 503,
};
/** It knows no 501, 502 and 507. */
const HOME_STATUSES: Partial<Record<FaultKind, number>> = { not_supported: 422, bad_gateway: 500, does_not_fit: 503 };
/** It knows 200, 400, 401, 403, 404 and 500. */
const beautyStatus = (status: number): number =>
  [401, 403, 404].includes(status) ? status : status < 500 && status !== 408 ? 400 : 500;

test('the table names every kind', () => {
  expect(Object.keys(STATUSES).sort()).toEqual([...FAULT_KINDS].sort());
});

describe.each(DIALECT_IDS)('%s', (speaker) => {
  test.each(FAULT_KINDS)('%s', async (kind) => {
    const { response, body } = await answer(kind, speaker);
    const status = STATUSES[kind];
    const own = speaker === 'beautyai' ? beautyStatus(status) : status;
    const homely = speaker === 'llamahome' ? (HOME_STATUSES[kind] ?? own) : own;
    const wanted = (speaker === 'clara' || speaker === 'llamactl') && kind === 'unprocessable' ? 400 : homely;
    expect(response.status).toBe(wanted);
    expect(response.headers.get('content-type')).toContain('application/json');
    if (kind === 'unavailable' || kind === 'rate_limited') expect(response.headers.get('retry-after')).toBe('7');
    if (kind === 'method_not_allowed') expect(response.headers.get('allow')).toBe('GET, HEAD');
    if (kind === 'unauthorized') expect(response.headers.get('www-authenticate')).toBe('Bearer');
    const text = JSON.stringify(body);
    // ClaraCore's clients look for words of their own.
    if (kind !== 'unauthorized') expect(text).toContain(`It was ${kind}.`);
    expect(text).toContain(HINT);
    check[speaker](body, kind, response.status);
  });
});

type Check = (body: Record<string, unknown>, kind: FaultKind, status: number) => void;
const coded: Check = (body, kind) => {
  expect(Object.keys(body).sort()).toEqual(['code', 'details', 'error']);
  expect(body.code).toBe(kind.toUpperCase());
  expect(typeof body.error).toBe('string');
  expect(typeof body.details).toBe('string');
};
const check: Readonly<Record<DialectId, Check>> = {
  openai: ({ error }, kind) => {
    expect(Object.keys(error as object).sort()).toEqual(['code', 'message', 'param', 'type']);
    expect(error).toMatchObject({ code: kind === 'not_found' ? 'model_not_found' : kind });
  },
  clara: coded,
  llamactl: coded,
  llamahome: ({ error }, kind) => {
    expect(Object.keys(error as object).sort()).toEqual(['code', 'details', 'message']);
    expect(error).toMatchObject({
      code: kind === 'rate_limited' ? 'rate_limit_exceeded' : kind,
      details: { retry_after: 7, hint: HINT },
    });
  },
  beautyai: (body) => {
    expect(body.success).toBe(false);
    expect(body.error_code).toMatch(/^[A-Z][A-Za-z]+Error$/);
    expect(typeof body.error_message).toBe('string');
    expect(body.error_details).toMatchObject({ hint: HINT });
  },
  obt: (body, _, status) => {
    expect(Object.keys(body).sort()).toEqual(['details', 'message', 'status']);
    expect(body.status).toBe(status);
  },
  drover: ({ error }, kind) => {
    expect(Object.keys(error as object).sort()).toEqual(['blame', 'code', 'details', 'hint', 'message']);
    expect(error).toMatchObject({ code: kind, hint: HINT });
  },
};
