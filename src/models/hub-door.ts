// The one way from here to a hub: a `fetch` for its client library that goes through our own requests, and the look at one
// file. It must never leave the endpoint's host with a token, follow a redirect to another host for an API answer, or
// keep a body without a limit.
import { Fault } from '../base/fault.ts';
import { openUrl, type RequestOptions } from '../base/http.ts';
import { abortFault, discard, unreachable } from '../base/http-request.ts';
import { openUnfollowed } from '../base/http-unfollowed.ts';
import { untilAborted } from '../base/sync.ts';
import { hubFault } from './hub-faults.ts';
import { HUB_ENDPOINT, hubHosts, isOnHub, resolvedParts, resolveUrl } from './hub-reference.ts';

export interface HubAccess {
  /** Base address without a slash at its end. */
  readonly endpoint: string;
  /** Sent to the endpoint's host alone. */
  readonly token: string | null;
  /** Patterns of further hosts that files may come from; the hub's own and its stores are allowed anyway. */
  readonly allowedHosts: readonly string[];
  readonly signal?: AbortSignal | undefined;
  /** Until an answer's headers are there; 30 000 unless told. */
  readonly timeoutMs?: number | undefined;
}

/** What is known of a file without having it. */
export interface RemoteFile {
  /** Where to download it: of a hub's file the address at the commit that was found, so that it stays the same file. */
  readonly url: string;
  /** Null where the server does not say. */
  readonly sizeBytes: number | null;
  /** Lower-case hex; null where nobody published one. */
  readonly sha256: string | null;
  /** The commit, or null. */
  readonly revision: string | null;
}

const API_BYTES_MAX = 16 * 1024 * 1024;
/** Pages of one listing; at 1000 files each no repository needs more, and a server that turns in circles does. */
const API_PAGES_MAX = 100;
const API_TIMEOUT_MS = 30_000;
const SAME_HOST_HOPS_MAX = 5;

/** Options of a request for a file: the token goes with it only where the address lies on the hub. */
export function fileRequest(address: string, access: HubAccess): RequestOptions {
  const { endpoint, token, signal, timeoutMs } = access;
  const host = new URL(endpoint).host;
  const isOurs = token !== null && isOnHub(address, endpoint);
  return {
    allowedHosts: [...hubHosts(endpoint), ...access.allowedHosts],
    headersForHost: (asked) => (isOurs && asked === host ? { authorization: `Bearer ${token}` } : {}),
    signal,
    timeoutMs,
  };
}

/** A `fetch` for the hub's client library. It throws Faults, so the library never sees an answer that is no success. */
export function hubFetch(access: HubAccess, repository: string | null): typeof fetch {
  const { endpoint, token, signal, timeoutMs = API_TIMEOUT_MS } = access;
  const { origin } = new URL(endpoint);
  let pageCount = 0;
  const guarded = async (input: string | URL | Request): Promise<Response> => {
    pageCount += 1;
    if (pageCount > API_PAGES_MAX) {
      throw new Fault('too_large', `${new URL(endpoint).host} sends a list without end.`, { blame: 'remote' });
    }
    const deadline = AbortSignal.timeout(timeoutMs * 2);
    const ends = signal === undefined ? deadline : AbortSignal.any([signal, deadline]);
    const { response, url } = await openUrl(ownAddress(input, endpoint), {
      allowedHosts: [origin],
      headers: { accept: 'application/json', ...(token === null ? {} : { authorization: `Bearer ${token}` }) },
      signal: ends,
      timeoutMs,
    });
    if (!response.ok) throw await hubFault(response, url, { endpoint, repository, hasToken: token !== null });
    return readApi(response, url, ends);
  };
  return Object.assign(guarded, { preconnect: () => undefined });
}

/**
 * Size, digest and commit of a file, by a request for one byte of it. On a hub they stand on the first redirect that leaves
 * its host (`X-Linked-Size`, `X-Linked-ETag`, `X-Repo-Commit`). Throws a Fault: `unprocessable` where a page comes instead of a file, and as
 * `hubFault` and `openUrl` do.
 */
export async function inspectFile(address: string, access: HubAccess): Promise<RemoteFile> {
  const request = { ...fileRequest(address, access), headers: { range: 'bytes=0-0' } };
  if (!isOnHub(address, access.endpoint)) return inspectPlain(address, request, access);
  const { origin } = new URL(access.endpoint);
  let next = address;
  for (let hop = 0; hop < SAME_HOST_HOPS_MAX; hop += 1) {
    const { response, url } = await openUnfollowed(next, request);
    const location = response.headers.get('location');
    const isRedirect = response.status >= 300 && response.status < 400 && location !== null;
    if (!isRedirect && !response.ok && response.status !== 416) {
      throw await faultAt(response, url, address, access);
    }
    await discard(response);
    const file = linkedFile(response.headers, address, access.endpoint);
    if (file.sizeBytes !== null || !isRedirect) {
      refusePage(response, url);
      return { ...file, sizeBytes: file.sizeBytes ?? sizeOf(response) };
    }
    const target = URL.canParse(location, url.href) ? new URL(location, url) : null;
    // Renamed repositories lead elsewhere on the same host; anything else is followed with every check.
    if (target === null || target.origin !== origin) return { ...file, ...(await followed(address, request, access)) };
    next = target.href;
  }
  throw new Fault('bad_gateway', `${new URL(address).host} redirects without end.`, { blame: 'remote' });
}

/** `X-Linked-ETag` of a file in LFS is its SHA-256; of any other file it is git's own hash, which is no digest of the content. */
function linkedFile(headers: Headers, address: string, endpoint: string): RemoteFile {
  const etag = /^(?:W\/)?"?([0-9a-f]{64})"?$/i.exec(headers.get('x-linked-etag') ?? '')?.[1]?.toLowerCase() ?? null;
  const size = /^\d{1,15}$/.exec(headers.get('x-linked-size') ?? '')?.[0];
  const revision = /^[0-9a-f]{40}$/.exec(headers.get('x-repo-commit') ?? '')?.[0] ?? null;
  const url = revision === null ? address : pinned(address, endpoint, revision);
  return { url, sizeBytes: size === undefined ? null : Number(size), sha256: etag, revision };
}

function pinned(address: string, endpoint: string, revision: string): string {
  const parts = resolvedParts(address, endpoint);
  return parts === null ? address : resolveUrl(endpoint, parts.repository, revision, parts.path);
}

/** The Fault of an answer about the file at `address`. */
export const faultAt = (response: Response, url: URL, address: string, access: HubAccess): Promise<Fault> => {
  const { endpoint, token } = access;
  const repository = resolvedParts(address, endpoint)?.repository ?? null;
  return hubFault(response, url, { endpoint, repository, hasToken: token !== null });
};

async function inspectPlain(address: string, request: RequestOptions, access: HubAccess): Promise<RemoteFile> {
  return { url: address, sha256: null, revision: null, ...(await followed(address, request, access)) };
}

async function followed(
  address: string,
  request: RequestOptions,
  access: HubAccess,
): Promise<{ readonly sizeBytes: number | null }> {
  const { response, url } = await openUrl(address, request);
  if (!response.ok && response.status !== 416) {
    throw await faultAt(response, url, address, access);
  }
  await discard(response);
  refusePage(response, url);
  return { sizeBytes: sizeOf(response) };
}

function refusePage(response: Response, url: URL): void {
  const type = response.headers.get('content-type') ?? '';
  if (!response.ok || !/^text\/html\b/i.test(type)) return;
  throw new Fault('unprocessable', `${url.host} answers with a web page instead of a file.`, {
    blame: 'remote',
    hint: 'Use the address of the file itself; on the hub it has /resolve/ in it.',
  });
}

/** Of a whole answer its length, of a part the number behind the slash, of an empty file 0. */
function sizeOf(response: Response): number | null {
  const { headers, status } = response;
  const text =
    status === 200
      ? headers.get('content-length')
      : /^bytes (?:\d+-\d+|\*)\/(\d{1,15})$/.exec(headers.get('content-range') ?? '')?.[1];
  return text !== undefined && text !== null && /^\d{1,15}$/.test(text) ? Number(text) : null;
}

/** A mirror hands on the hub's own addresses for further pages: they are asked of the mirror. */
function ownAddress(input: string | URL | Request, endpoint: string): string {
  const address = input instanceof Request ? input.url : String(input);
  const isForeign = endpoint !== HUB_ENDPOINT && address.startsWith(`${HUB_ENDPOINT}/`);
  return isForeign ? endpoint + address.slice(HUB_ENDPOINT.length) : address;
}

async function readApi(response: Response, url: URL, signal: AbortSignal): Promise<Response> {
  const encoding = response.headers.get('content-encoding') ?? 'identity';
  let body = limited(response.body, url);
  // Some servers compress whatever is asked; the limit holds for what comes out as well.
  if (encoding === 'gzip' || encoding === 'deflate') {
    body = limited(body.pipeThrough(new DecompressionStream(encoding)), url);
  }
  try {
    const bytes = await untilAborted(new Response(body).bytes(), signal);
    const headers = new Headers(response.headers);
    headers.delete('content-encoding');
    headers.delete('content-length');
    return new Response(bytes, { status: response.status, headers });
  } catch (thrown) {
    if (signal.aborted) throw abortFault(signal, url);
    throw thrown instanceof Fault ? thrown : unreachable(url, thrown);
  }
}

function limited(body: ReadableStream<Uint8Array> | null, url: URL): ReadableStream<Uint8Array<ArrayBuffer>> {
  let size = 0;
  const counter = new TransformStream<Uint8Array, Uint8Array<ArrayBuffer>>({
    transform(chunk, controller) {
      size += chunk.length;
      if (size > API_BYTES_MAX) {
        const message = `${url.host} answered with more than the ${API_BYTES_MAX} bytes that are read.`;
        controller.error(new Fault('too_large', message, { blame: 'remote' }));
      } else controller.enqueue(new Uint8Array(chunk));
    },
  });
  return (body ?? new Blob([]).stream()).pipeThrough(counter);
}
