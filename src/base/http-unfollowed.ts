// One GET whose redirect is returned instead of followed: for facts that stand on the redirect itself, such as the digest
// of a file that lies on another host. It must never follow anything.
import { Fault } from './fault.ts';
import { requireAllowed } from './http-hosts.ts';
import { abortFault, REQUEST_TIMEOUT_MS, type RequestOptions, unreachable } from './http-request.ts';

export interface Unfollowed {
  /** Whatever came, redirects too; its body is not read. */
  readonly response: Response;
  readonly url: URL;
}

/**
 * Sends a GET and returns whatever comes, redirects too; the body is for the caller to read or to cancel.
 * Throws a Fault: `forbidden` (host), `offline`, `cancelled`, `bad_request` (not an address).
 */
export async function openUnfollowed(address: string, options: RequestOptions): Promise<Unfollowed> {
  const url = parseAddress(address);
  const { signal, timeoutMs = REQUEST_TIMEOUT_MS } = options;
  // Also over the body, which is short or dropped.
  const deadline = AbortSignal.timeout(timeoutMs);
  const ends = signal === undefined ? deadline : AbortSignal.any([signal, deadline]);
  try {
    await requireAllowed(url, options.allowedHosts, null, ends);
    const headers = { ...options.headers, ...options.headersForHost?.(url.host) };
    const response = await fetch(url, {
      headers: { 'user-agent': 'drover', 'accept-encoding': 'identity', ...headers },
      redirect: 'manual',
      decompress: false,
      signal: ends,
    });
    return { response, url };
  } catch (thrown) {
    if (ends.aborted) throw abortFault(ends, url);
    throw thrown instanceof Fault ? thrown : unreachable(url, thrown);
  }
}

function parseAddress(address: string): URL {
  try {
    return new URL(address);
  } catch (cause) {
    throw new Fault('bad_request', 'This is not an address: it must begin with https://.', { cause });
  }
}
