// The command line's way to a running server: address and local key from the data directory, our native API over HTTP.
// It must never start one; who needs a server without one is told so.
import { existsSync, readFileSync } from 'node:fs';
import { FAULT_KINDS, Fault, type FaultKind, toFault } from '../base/fault.ts';
import type { Paths } from '../config/paths.ts';

/** What a running server leaves in its data directory, readable by its owner only. */
export interface ServerFile {
  readonly pid: number;
  readonly url: string;
  /** A key that this boot of the server accepts from its own machine's owner. */
  readonly key: string;
  readonly version: string;
}

export class ServerClient {
  constructor(readonly server: ServerFile) {}

  /** Sends, and turns an error answer into its Fault. */
  async send(method: string, path: string, body?: unknown, signal?: AbortSignal): Promise<Response> {
    let response: Response;
    try {
      response = await fetch(`${this.server.url}${path}`, {
        method,
        headers: {
          authorization: `Bearer ${this.server.key}`,
          ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
        ...(signal === undefined ? {} : { signal }),
        // A cold load of a large model is silent for minutes.
        timeout: false,
        // An HTTP_PROXY of the user's is not for our own server.
        proxy: false,
      } as RequestInit);
    } catch (thrown) {
      if (signal?.aborted === true) throw toFault(thrown);
      throw new Fault('unavailable', `The server at ${this.server.url} does not answer: ${String(thrown)}`, {
        cause: thrown,
        hint: 'Start it with "drover serve".',
      });
    }
    if (!response.ok) throw await faultOf(response);
    return response;
  }

  async get<T>(path: string): Promise<T> {
    return (await (await this.send('GET', path)).json()) as T;
  }

  async post<T>(path: string, body: unknown = {}, signal?: AbortSignal): Promise<T> {
    return (await (await this.send('POST', path, body, signal)).json()) as T;
  }
}

/** The server of this data directory, or null where none runs. */
export async function findServer(paths: Paths): Promise<ServerClient | null> {
  if (!existsSync(paths.serverFile)) return null;
  try {
    const server = JSON.parse(readFileSync(paths.serverFile, 'utf8')) as ServerFile;
    const answer = await fetch(`${server.url}/health`, { signal: AbortSignal.timeout(2000), proxy: false });
    await answer.arrayBuffer();
    return answer.ok ? new ServerClient(server) : null;
  } catch {
    return null;
  }
}

/** The same, but its absence is an error that says what to do. */
export async function requireServer(paths: Paths): Promise<ServerClient> {
  const client = await findServer(paths);
  if (client !== null) return client;
  throw new Fault('unavailable', `No Drover runs on ${paths.data}.`, { hint: 'Start it with "drover serve".' });
}

/** An error as our native API writes it. */
export interface WireError {
  readonly code?: string;
  readonly message: string;
  readonly hint?: string | null;
  readonly details?: Record<string, unknown>;
}

export function faultOfError(error: WireError, fallback: FaultKind): Fault {
  const kind = KNOWN_KINDS.has(error.code ?? '') ? (error.code as FaultKind) : fallback;
  return new Fault(kind, error.message, { hint: error.hint ?? undefined, details: error.details });
}

async function faultOf(response: Response): Promise<Fault> {
  const text = await response.text();
  try {
    const { error } = JSON.parse(text) as { error: WireError };
    return faultOfError(error, kindOf(response.status));
  } catch {
    return new Fault(kindOf(response.status), `The server answered ${response.status}: ${text.slice(0, 200)}`);
  }
}

const KNOWN_KINDS: ReadonlySet<string> = new Set(FAULT_KINDS);

const kindOf = (status: number): FaultKind => {
  if (status === 401) return 'unauthorized';
  if (status === 403) return 'forbidden';
  if (status === 404) return 'not_found';
  if (status === 507) return 'does_not_fit';
  if (status === 502) return 'bad_gateway';
  if (status === 503) return 'unavailable';
  return status < 500 ? 'bad_request' : 'internal';
};

/** Lines of an NDJSON answer as they come. */
export async function* jsonLines<T>(response: Response): AsyncGenerator<T> {
  const decoder = new TextDecoder();
  let rest = '';
  for await (const chunk of response.body ?? []) {
    const lines = (rest + decoder.decode(chunk, { stream: true })).split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines) if (line.trim() !== '') yield JSON.parse(line) as T;
  }
}

/** Data lines of an SSE answer as they come, parsed; ends at `[DONE]`. */
export async function* sseData<T>(response: Response): AsyncGenerator<T> {
  const decoder = new TextDecoder();
  let rest = '';
  for await (const chunk of response.body ?? []) {
    const lines = (rest + decoder.decode(chunk, { stream: true })).split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines) {
      if (!line.startsWith('data:')) continue;
      const data = line.slice(5).trim();
      if (data === '[DONE]') return;
      yield JSON.parse(data) as T;
    }
  }
}
