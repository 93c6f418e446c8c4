// A server of the compiled executable with tiny models, asked as BeautyAI's clients ask it.
import { expect } from 'bun:test';
import { type RunningDrover, type StartOptions, startDrover } from '../fixtures/drover.ts';

export interface Asked {
  readonly status: number;
  // The shapes are what is tested.
  // biome-ignore lint/suspicious/noExplicitAny: each route has an answer of its own
  readonly json: any;
}

export interface BeautyServer extends AsyncDisposable {
  readonly drover: RunningDrover;
  /** Every answer is checked for what all of them carry. */
  ask(method: string, path: string, body?: unknown): Promise<Asked>;
  /** The same, and it must go well. */
  well(method: string, path: string, body?: unknown): Promise<Asked['json']>;
}

export async function startBeauty(options: StartOptions): Promise<BeautyServer> {
  const drover = await startDrover(options);
  const ask = async (method: string, path: string, body?: unknown): Promise<Asked> => {
    const init: RequestInit = { method, redirect: 'manual' };
    if (body !== undefined) {
      init.headers = { 'content-type': 'application/json' };
      init.body = typeof body === 'string' ? body : JSON.stringify(body);
    }
    const answer = await drover.request(path, init);
    const json = (await answer.json()) as Asked['json'];
    requireEnvelope(answer.status, json);
    return { status: answer.status, json };
  };
  return {
    drover,
    ask,
    well: async (method, path, body) => {
      const { status, json } = await ask(method, path, body);
      expect({ path, status, json }).toMatchObject({ status: 200 });
      return json;
    },
    [Symbol.asyncDispose]: () => drover[Symbol.asyncDispose](),
  };
}

const ISO = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/;

export function requireEnvelope(status: number, json: Record<string, unknown>): void {
  expect([200, 400, 401, 403, 404, 500]).toContain(status);
  expect(json.success).toBe(status === 200);
  expect(json.timestamp).toMatch(ISO);
  if (status === 200) {
    expect(json.execution_time_ms).toBeNumber();
    expect(json.execution_time_ms).toBeGreaterThanOrEqual(0);
    return;
  }
  expect(Object.keys(json).sort()).toEqual(
    ['error_code', 'error_details', 'error_message', 'execution_time_ms', 'success', 'timestamp'].sort(),
  );
  expect(json.error_message).toBeString();
  expect(String(json.error_message).length).toBeGreaterThan(5);
}

/** Asks again until it is so. */
export async function until(isSo: () => Promise<boolean>, what: string): Promise<void> {
  const deadline = performance.now() + 20_000;
  while (!(await isSo())) {
    if (performance.now() > deadline) throw new Error(`it did not come to pass: ${what}`);
    await Bun.sleep(5);
  }
}
