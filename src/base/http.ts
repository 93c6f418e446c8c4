// The one door to the internet: small fetches with a limit, and (from its neighbours) requests and downloads.
// It must never keep a body without a limit.
import { Fault } from './fault.ts';
import { bareAddress } from './http-hosts.ts';
import {
  abortFault,
  faultOfStatus,
  openUrl,
  REQUEST_TIMEOUT_MS,
  type RequestOptions,
  unreachable,
} from './http-request.ts';
import { untilAborted } from './sync.ts';

export { type Downloaded, type DownloadOptions, downloadFile } from './http-download.ts';
export type { DownloadProgress } from './http-meter.ts';
export { dropPart } from './http-part.ts';
export { faultOfStatus, type OpenedUrl, openUrl, type RequestOptions } from './http-request.ts';

export interface SmallFetchOptions extends RequestOptions {
  /** 16 MiB unless told. A longer body is a Fault. */
  readonly maxBytes?: number | undefined;
  /** From an earlier answer: when nothing has changed, `value` is null. */
  readonly etag?: string | null | undefined;
}

export interface Fetched<T> {
  /** Null only when the `etag` that was passed in still holds. */
  readonly value: T | null;
  readonly etag: string | null;
  /** Where the answer came from after redirects. */
  readonly url: string;
  readonly headers: Headers;
}

const DEFAULT_MAX_BYTES = 16 * 1024 * 1024;

export async function fetchBytes(address: string, options: SmallFetchOptions): Promise<Fetched<Uint8Array>> {
  const conditional = options.etag ? { 'if-none-match': options.etag } : {};
  const deadline = AbortSignal.timeout((options.timeoutMs ?? REQUEST_TIMEOUT_MS) * 2);
  const signal = options.signal === undefined ? deadline : AbortSignal.any([options.signal, deadline]);
  const opened = await openUrl(address, { ...options, signal, headers: { ...options.headers, ...conditional } });
  const { response, url } = opened;
  const etag = response.headers.get('etag');
  if (response.status === 304 && options.etag) {
    return { value: null, etag: etag ?? options.etag, url: url.href, headers: response.headers };
  }
  if (!response.ok) throw await faultOfStatus(response, url);
  const value = await readAll(response, url, options.maxBytes ?? DEFAULT_MAX_BYTES, signal);
  return { value, etag, url: url.href, headers: response.headers };
}

/** Like `fetchBytes`, as UTF-8. */
export async function fetchText(address: string, options: SmallFetchOptions): Promise<Fetched<string>> {
  const fetched = await fetchBytes(address, options);
  return { ...fetched, value: fetched.value === null ? null : new TextDecoder().decode(fetched.value) };
}

/** Like `fetchBytes`, parsed; what it means is for the caller to check. Throws `bad_gateway` when it is not JSON. */
export async function fetchJson(address: string, options: SmallFetchOptions): Promise<Fetched<unknown>> {
  const headers = { accept: 'application/json', ...options.headers };
  const fetched = await fetchText(address, { ...options, headers });
  if (fetched.value === null) return { ...fetched, value: null };
  try {
    return { ...fetched, value: JSON.parse(fetched.value) as unknown };
  } catch (cause) {
    const where = bareAddress(new URL(fetched.url));
    throw new Fault('bad_gateway', `${where} answered something that is not JSON.`, { blame: 'remote', cause });
  }
}

async function readAll(response: Response, url: URL, maxBytes: number, signal: AbortSignal): Promise<Uint8Array> {
  const tooLong = () =>
    new Fault('too_large', `${bareAddress(url)} is longer than the ${maxBytes} bytes allowed.`, { blame: 'remote' });
  const chunks: Uint8Array[] = [];
  let size = 0;
  const reader = response.body?.getReader();
  try {
    if (Number(response.headers.get('content-length') ?? 0) > maxBytes) throw tooLong();
    while (reader !== undefined) {
      const { done, value } = await untilAborted(reader.read(), signal);
      if (done) break;
      size += value.length;
      if (size > maxBytes) throw tooLong();
      chunks.push(value);
    }
  } catch (thrown) {
    await reader?.cancel().catch(() => undefined);
    if (signal.aborted) throw abortFault(signal, url);
    throw thrown instanceof Fault ? thrown : unreachable(url, thrown);
  }
  const encoding = response.headers.get('content-encoding') ?? 'identity';
  const bytes = Buffer.concat(chunks);
  if (encoding === 'identity' || encoding === '') return bytes;
  return decode(bytes, encoding, url, maxBytes);
}

// Some servers compress whatever is asked; the limit holds for what comes out as well.
async function decode(bytes: Uint8Array<ArrayBuffer>, encoding: string, url: URL, maxBytes: number) {
  if (encoding !== 'gzip' && encoding !== 'deflate') {
    throw new Fault('bad_gateway', `${url.host} sends the encoding ${encoding}, which was not asked for.`, {
      blame: 'remote',
    });
  }
  const plain = new Blob([bytes]).stream().pipeThrough(new DecompressionStream(encoding));
  return readAll(new Response(plain), url, maxBytes, AbortSignal.timeout(REQUEST_TIMEOUT_MS));
}
