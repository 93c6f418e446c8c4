// One GET to the internet, its redirects followed by hand and checked hop by hop, its failures in plain words.
// It must never follow a redirect unseen or send a token to a second host.
import { Fault } from './fault.ts';
import { bareAddress, requireAllowed } from './http-hosts.ts';
import { untilAborted } from './sync.ts';

export interface RequestOptions {
  /** Patterns: `host`, `host:port`, `*.suffix`, optionally behind `http://`; see `requireAllowed`. */
  readonly allowedHosts: readonly string[];
  /** Sent to the first host; `Authorization` and `Cookie` do not follow a redirect to another one. */
  readonly headers?: Readonly<Record<string, string>> | undefined;
  /** More headers for one host (`huggingface.co`, `localhost:8080`), asked at every hop: a token for where it belongs. */
  readonly headersForHost?: ((host: string) => Readonly<Record<string, string>>) | undefined;
  readonly signal?: AbortSignal | undefined;
  /** Until the answer's headers are there; 30 000 unless told. */
  readonly timeoutMs?: number | undefined;
}

/** An address on the way to an answer, with what the way there has left of the caller's headers. */
export interface Hop {
  readonly url: URL;
  readonly previous: URL | null;
  readonly headers: Readonly<Record<string, string>>;
}

export interface OpenedUrl {
  readonly response: Response;
  readonly url: URL;
  /** Where the answer came from, to be asked again without the way there. */
  readonly hop: Hop;
}

const HOPS_MAX = 10;
export const REQUEST_TIMEOUT_MS = 30_000;
const SECRETS = /^(authorization|cookie|proxy-authorization|x-api-key)$/i;

/**
 * Sends a GET and follows redirects by hand, each hop checked. The body is as on the wire: identity is asked for and
 * nothing is decompressed. Any status but a redirect is returned as it is.
 * Throws a Fault: `forbidden` (host), `offline`, `timeout`, `cancelled`, `bad_request` (not an address).
 */
export const openUrl = async (address: string, options: RequestOptions): Promise<OpenedUrl> =>
  openHop(firstHop(address, options.headers), options);

/** The beginning of the way. Throws `bad_request` when it is no address. */
export const firstHop = (address: string, headers: RequestOptions['headers']): Hop => ({
  url: parseAddress(address, null),
  previous: null,
  headers: { ...headers },
});

/**
 * Like `openUrl`, from any point of the way on, which is checked like every other. `more` are headers of this request
 * alone and go to every hop, so they must not be secrets; `options.headers` are not looked at.
 */
export async function openHop(
  start: Hop,
  options: RequestOptions,
  more: Readonly<Record<string, string>> = {},
): Promise<OpenedUrl> {
  let { url, previous, headers } = start;
  for (let count = 0; count <= HOPS_MAX; count += 1) {
    try {
      await requireAllowed(url, options.allowedHosts, previous, options.signal);
    } catch (thrown) {
      throw options.signal?.aborted === true ? abortFault(options.signal, url) : thrown;
    }
    if (previous !== null && previous.origin !== url.origin) {
      headers = Object.fromEntries(Object.entries(headers).filter(([name]) => !SECRETS.test(name)));
    }
    const response = await send(url, { ...headers, ...more, ...options.headersForHost?.(url.host) }, options);
    const location = response.headers.get('location');
    if (![301, 302, 303, 307, 308].includes(response.status) || location === null) {
      return { response, url, hop: { url, previous, headers } };
    }
    await discard(response);
    previous = url;
    url = parseAddress(location, url);
  }
  throw new Fault('bad_gateway', `${url.host} redirects without end.`, {
    blame: 'remote',
    details: { host: url.host },
  });
}

/**
 * A status that is no success, as a Fault with `status`, `url` and, for limits, `resetAt` (epoch ms) and
 * `retryAfterMs` in its details. Reads and drops the body.
 */
export async function faultOfStatus(response: Response, url: URL): Promise<Fault> {
  const { status } = response;
  const address = bareAddress(url);
  const said = await firstLine(response);
  const retryAfterMs = retryAfterOf(response.headers);
  const resetAt = resetTimeOf(response.headers, retryAfterMs);
  const details = { status, url: address, host: url.host, resetAt, retryAfterMs, said };
  const isOutOfRate = response.headers.get('x-ratelimit-remaining') === '0' || retryAfterMs !== null;
  if (status === 429 || (status === 403 && isOutOfRate)) {
    const when = resetAt === null ? '' : ` until ${new Date(resetAt).toISOString()}`;
    const hint = 'Wait, or give a token for this host in the configuration.';
    return new Fault('rate_limited', `${url.host} answers no more requests of ours${when}.`, {
      blame: 'remote',
      hint,
      details,
    });
  }
  if (status === 401) {
    const hint = 'A token for this host is missing or wrong.';
    return new Fault('unauthorized', `${url.host} wants a token for ${url.pathname}.`, { hint, details });
  }
  if (status === 403) {
    const hint = 'The token may lack the right, or a licence has to be accepted on the web page first.';
    return new Fault('forbidden', `${url.host} refuses ${url.pathname}.`, { hint, details });
  }
  if (status === 404 || status === 410) {
    return new Fault('not_found', `${url.host} has no ${url.pathname}.`, { blame: 'remote', details });
  }
  if (status >= 500 || status === 408) {
    return new Fault('offline', `${url.host} cannot answer now (status ${status}).`, { blame: 'remote', details });
  }
  return new Fault('bad_gateway', `${url.host} answered ${address} with status ${status}.`, {
    blame: 'remote',
    details,
  });
}

function parseAddress(address: string, base: URL | null): URL {
  try {
    return base === null ? new URL(address) : new URL(address, base);
  } catch (cause) {
    if (base === null)
      throw new Fault('bad_request', 'This is not an address: it must begin with https://.', { cause });
    throw new Fault('bad_gateway', `${base.host} redirects to something that is not an address.`, {
      blame: 'remote',
      cause,
    });
  }
}

async function send(url: URL, headers: Record<string, string>, options: RequestOptions): Promise<Response> {
  const { signal } = options;
  const timeoutMs = options.timeoutMs ?? REQUEST_TIMEOUT_MS;
  const clock = new AbortController();
  const timer = setTimeout(() => clock.abort(), timeoutMs);
  try {
    return await fetch(url, {
      headers: { 'user-agent': 'drover', 'accept-encoding': 'identity', ...headers },
      redirect: 'manual',
      decompress: false,
      signal: signal === undefined ? clock.signal : AbortSignal.any([signal, clock.signal]),
    });
  } catch (cause) {
    if (signal?.aborted === true) throw abortFault(signal, url);
    if (clock.signal.aborted) {
      throw new Fault('offline', `${url.host} did not answer within ${Math.round(timeoutMs / 1000)} s.`, {
        cause,
        details: { host: url.host },
      });
    }
    throw unreachable(url, cause);
  } finally {
    clearTimeout(timer);
  }
}

/** The Fault of a connection that failed or broke. */
export function unreachable(url: URL, cause: unknown): Fault {
  const reason = cause instanceof Error ? cause.message : String(cause);
  return new Fault('offline', `${url.host} cannot be reached: ${reason}`, {
    cause,
    hint: 'Check the network and the proxy settings (HTTPS_PROXY).',
    details: { host: url.host },
  });
}

/** `cancelled` when somebody left, `offline` when a deadline passed. */
export function abortFault(signal: AbortSignal, url: URL): Fault {
  const reason: unknown = signal.reason;
  if (reason instanceof Fault) return reason;
  if (reason instanceof Error && reason.name === 'TimeoutError') {
    return new Fault('offline', `${url.host} took too long.`, { cause: reason, details: { host: url.host } });
  }
  return new Fault('cancelled', `The request to ${url.host} was cancelled.`, { cause: reason });
}

/** Ends a body that nobody will read, so that its connection is free or closed. */
export const discard = async (response: Response): Promise<void> => {
  await response.body?.cancel().catch(() => undefined);
};

async function firstLine(response: Response): Promise<string | null> {
  const reader = response.body?.getReader();
  if (reader === undefined) return null;
  try {
    const { value } = await untilAborted(reader.read(), AbortSignal.timeout(2000));
    const text = new TextDecoder().decode(value?.subarray(0, 400)).trim();
    return text === '' || text.startsWith('<') ? null : (text.split('\n')[0] ?? null);
  } catch {
    return null;
  } finally {
    await reader.cancel().catch(() => undefined);
  }
}

/** `Retry-After` (seconds or a date, RFC 9110 §10.2.3) in milliseconds from now; null where absent or malformed. */
function retryAfterOf(headers: Headers): number | null {
  const text = headers.get('retry-after')?.trim();
  if (text === undefined || text === '') return null;
  if (/^\d+$/.test(text)) return Number(text) * 1000;
  const at = Date.parse(text);
  return Number.isNaN(at) ? null : Math.max(0, at - Date.now());
}

/** `x-ratelimit-reset` of GitHub's API: epoch seconds. */
function resetTimeOf(headers: Headers, retryAfterMs: number | null): number | null {
  const seconds = Number(headers.get('x-ratelimit-reset') ?? Number.NaN);
  if (Number.isFinite(seconds) && seconds > 0) return seconds * 1000;
  return retryAfterMs === null ? null : Date.now() + retryAfterMs;
}
