// Requests to this server, with the key where there is one. Every failure is an ApiError that says what happened and the
// next step; a refused key is told to whoever shows the login. It must never speak to another host.
import { EventSourceParserStream } from 'eventsource-parser/stream';
import { texts } from '../texts/index.ts';
import { keptKey } from './key.ts';

export interface ApiErrorParts {
  /** 0: no answer came. */
  readonly status: number;
  /** The server's word for the kind of fault, `offline` when no answer came. */
  readonly code: string;
  readonly hint: string | null;
  readonly details: Readonly<Record<string, unknown>>;
}

export class ApiError extends Error implements ApiErrorParts {
  readonly status: number;
  readonly code: string;
  readonly hint: string | null;
  readonly details: Readonly<Record<string, unknown>>;

  constructor(message: string, { status, code, hint, details }: ApiErrorParts) {
    super(message);
    this.name = 'ApiError';
    this.status = status;
    this.code = code;
    this.hint = hint;
    this.details = details;
  }

  get isOffline(): boolean {
    return this.status === 0;
  }
}

export interface AskOptions {
  readonly signal?: AbortSignal | undefined;
  /** Of the address; null and undefined ones are left out. */
  readonly query?: Readonly<Record<string, string | number | boolean | null | undefined>> | undefined;
  readonly headers?: Readonly<Record<string, string>> | undefined;
  /** To try a key before it is kept; null: without one. */
  readonly key?: string | null | undefined;
}

type Refused = (error: ApiError) => void;
let refused: Refused = () => undefined;
/** Who is told when the kept key, or none, is not enough to be known at all. */
export const onRefused = (listener: Refused): void => {
  refused = listener;
};

export const get = <T>(path: string, options?: AskOptions): Promise<T> => ask('GET', path, undefined, options);
export const post = <T>(path: string, body?: unknown, options?: AskOptions): Promise<T> =>
  ask('POST', path, body, options);
export const put = <T>(path: string, body: unknown, options?: AskOptions): Promise<T> =>
  ask('PUT', path, body, options);
export const patch = <T>(path: string, body: unknown, options?: AskOptions): Promise<T> =>
  ask('PATCH', path, body, options);
export const remove = <T>(path: string, options?: AskOptions): Promise<T> => ask('DELETE', path, undefined, options);

/** The answer as it comes, with a good status; throws ApiError. `body` is sent as JSON. */
export async function open(method: string, path: string, body?: unknown, options: AskOptions = {}): Promise<Response> {
  const headers = new Headers(options.headers);
  const key = options.key === undefined ? keptKey() : options.key;
  if (key !== null) headers.set('authorization', `Bearer ${key}`);
  if (body !== undefined) headers.set('content-type', 'application/json');
  let response: Response;
  try {
    response = await fetch(addressOf(path, options.query), {
      method,
      headers,
      cache: 'no-store',
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      ...(options.signal === undefined ? {} : { signal: options.signal }),
    });
  } catch (thrown) {
    throw lost(thrown);
  }
  if (response.ok) return response;
  const error = await errorOf(response);
  // A hub's refusal comes with its address, and concerns a key for the hub.
  if (error.status === 401 && options.key === undefined && error.details.url === undefined) refused(error);
  throw error;
}

/** The values of an NDJSON answer, one by one; empty lines are heartbeats. A line `{"error": …}` is thrown. */
export async function* lines<T>(
  method: string,
  path: string,
  body?: unknown,
  options: AskOptions = {},
): AsyncGenerator<T, void, void> {
  const response = await open(method, path, body, options);
  let rest = '';
  for await (const chunk of texted(response, options.signal)) {
    const parts = (rest + chunk).split('\n');
    rest = parts.pop() ?? '';
    for (const part of parts) {
      if (part === '') continue;
      const value: unknown = JSON.parse(part);
      if (isErrorBody(value)) throw errorFrom(value, response.status);
      yield value as T;
    }
  }
}

export interface ServerFrame {
  readonly id: string | undefined;
  readonly event: string | undefined;
  readonly data: string;
}

/** The events of an SSE answer (WHATWG HTML 9.2), one by one; a GET unless there is a body. */
export async function* frames(
  path: string,
  options: AskOptions & { readonly body?: unknown; readonly onOpen?: () => void } = {},
): AsyncGenerator<ServerFrame, void, void> {
  const response = await open(options.body === undefined ? 'GET' : 'POST', path, options.body, options);
  options.onOpen?.();
  if (response.body === null) return;
  const reader = response.body
    .pipeThrough(new TextDecoderStream() as ReadableWritablePair<string, Uint8Array<ArrayBuffer>>)
    .pipeThrough(new EventSourceParserStream())
    .getReader();
  try {
    for (;;) {
      const { done, value } = await reader.read().catch((thrown: unknown) => {
        throw lost(thrown);
      });
      if (done) return;
      yield { id: value.id, event: value.event, data: value.data };
    }
  } finally {
    await reader.cancel().catch(() => undefined);
  }
}

async function* texted(response: Response, signal: AbortSignal | undefined): AsyncGenerator<string, void, void> {
  if (response.body === null) return;
  const reader = response.body
    .pipeThrough(new TextDecoderStream() as ReadableWritablePair<string, Uint8Array<ArrayBuffer>>)
    .getReader();
  try {
    for (;;) {
      const { done, value } = await reader.read().catch((thrown: unknown) => {
        if (signal?.aborted === true) throw thrown;
        throw lost(thrown);
      });
      if (done) return;
      yield value;
    }
  } finally {
    await reader.cancel().catch(() => undefined);
  }
}

async function ask<T>(method: string, path: string, body: unknown, options?: AskOptions): Promise<T> {
  const response = await open(method, path, body, options);
  const text = await response.text().catch((thrown: unknown) => {
    throw lost(thrown);
  });
  return (text === '' ? undefined : JSON.parse(text)) as T;
}

function addressOf(path: string, query: AskOptions['query']): string {
  const entries = Object.entries(query ?? {}).flatMap(([name, value]) =>
    value === null || value === undefined ? [] : [[name, String(value)]],
  );
  return entries.length === 0 ? path : `${path}?${new URLSearchParams(entries)}`;
}

/** An aborted request is no fault; it goes up as it is. */
function lost(thrown: unknown): unknown {
  if (thrown instanceof ApiError || (thrown instanceof DOMException && thrown.name === 'AbortError')) return thrown;
  const { message, hint } = texts.app.offline;
  return new ApiError(message, { status: 0, code: 'offline', hint, details: {} });
}

async function errorOf(response: Response): Promise<ApiError> {
  const text = await response.text().catch(() => '');
  try {
    const body: unknown = JSON.parse(text);
    if (isErrorBody(body)) return errorFrom(body, response.status);
  } catch {
    // A proxy's page, say.
  }
  return new ApiError(texts.app.badAnswer(response.status), {
    status: response.status,
    code: 'unknown',
    hint: null,
    details: {},
  });
}

interface ErrorBody {
  readonly error: Readonly<Record<string, unknown>>;
}

const isErrorBody = (value: unknown): value is ErrorBody => {
  if (typeof value !== 'object' || value === null || !('error' in value)) return false;
  return typeof value.error === 'object' && value.error !== null && 'message' in value.error;
};

function errorFrom({ error }: ErrorBody, status: number): ApiError {
  const { message, code, type, hint, details } = error;
  return new ApiError(String(message), {
    status,
    code: typeof code === 'string' ? code : typeof type === 'string' ? type : 'unknown',
    hint: typeof hint === 'string' && hint !== '' ? hint : null,
    details: typeof details === 'object' && details !== null ? { ...details } : {},
  });
}

export const isApiError = (thrown: unknown): thrown is ApiError => thrown instanceof ApiError;
