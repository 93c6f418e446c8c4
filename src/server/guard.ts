// The outermost door, in front of every route and of what is no route: whose Host is it, may this page ask, is there a key,
// is the body too large? It must never let a request through that it has not looked at, nor say why a key was wrong.
import { Fault } from '../base/fault.ts';
import { announcedLength, INFERENCE_LIMIT_BYTES, MANAGEMENT_LIMIT_BYTES, pathOf } from '../dialects/intake.ts';
import { changesState, isOpen, takesLargeBody } from '../dialects/resolve.ts';
import { isIpLiteral, isLoopback, splitAuthority } from './address.ts';

export interface GuardOptions {
  /** Where we listen: `127.0.0.1`, `0.0.0.0`, a name. */
  readonly listenHost: string;
  /** Further names that are ours. */
  readonly hostNames: readonly string[];
  /** Web origins that may call us from a browser, exactly as browsers send them. */
  readonly corsOrigins: readonly string[];
  /** Asked on every request: a key made meanwhile counts at once. */
  readonly requiresKey: () => boolean;
  readonly acceptsKey: (presented: string) => boolean;
  /** True when clients should come back on a new connection: a successor listens. Absent: never. */
  readonly isLeaving?: () => boolean;
}

/** No answer at all is a request that became a WebSocket. */
type Answer = Response | undefined;
type Handler = (request: Request, server?: unknown) => Answer | Promise<Answer>;

const HOST_CACHE_SIZE = 256;
const WILDCARDS = new Set(['0.0.0.0', '::', '']);

export class Guard {
  readonly #options: GuardOptions;
  readonly #ownNames: ReadonlySet<string>;
  readonly #origins: ReadonlySet<string>;
  readonly #isOpenToOthers: boolean;
  readonly #knownHosts = new Map<string, boolean>();
  #requestCount = 0;
  readonly #requestPrefix = crypto.randomUUID().slice(0, 8);

  constructor(options: GuardOptions) {
    this.#options = options;
    this.#isOpenToOthers = !isLoopback(options.listenHost);
    const names = ['localhost', ...options.hostNames.map((name) => name.toLowerCase())];
    if (!WILDCARDS.has(options.listenHost)) names.push(options.listenHost.toLowerCase());
    this.#ownNames = new Set(names);
    this.#origins = new Set(options.corsOrigins.map((origin) => origin.toLowerCase().replace(/\/+$/, '')));
  }

  /** Wraps what answers requests. `failure` answers for whatever was thrown, here or there. */
  wrap(handler: Handler, failure: (thrown: unknown, request: Request) => Response): Handler {
    return (request, server) => {
      let refusal: Response | null;
      try {
        refusal = this.#refusal(request);
      } catch (thrown) {
        refusal = failure(thrown, request);
      }
      if (refusal !== null) return this.#sealed(request, refusal);
      const answer = handler(request, server);
      if (!(answer instanceof Promise)) return this.#sealed(request, answer);
      return answer.then(
        (response) => this.#sealed(request, response),
        (thrown: unknown) => this.#sealed(request, failure(thrown, request)),
      );
    };
  }

  /** Why not, as an answer; null: go on. */
  #refusal(request: Request): Response | null {
    const path = pathOf(request);
    const { method, headers } = request;
    const host = headers.get('host') ?? (URL.canParse(request.url) ? new URL(request.url).host : null);
    if (host === null) throw new Fault('bad_request', 'The request names no Host.');
    if (!this.#isOurs(host)) {
      throw new Fault('forbidden', 'This Host is not one of ours.', {
        hint: 'Use localhost or the address, or name the host in "hostNames".',
      });
    }
    // A HEAD would run the GET.
    if (method === 'HEAD' && /^\/unload\/?$/.test(path)) {
      throw new Fault('method_not_allowed', '/unload does not know HEAD.', { details: { allow: 'GET, POST' } });
    }
    const origin = headers.get('origin');
    const isAllowedOrigin = origin !== null && this.#origins.has(origin.toLowerCase());
    if (method === 'OPTIONS' && isAllowedOrigin && headers.has('access-control-request-method'))
      return preflight(request);
    if (!isAllowedOrigin && (changesState(method, path) || headers.get('upgrade') !== null)) {
      refuseForeign(origin, headers.get('sec-fetch-site'), host);
    }
    if (!isOpen(method, path) && this.#options.requiresKey() && !this.#hasKey(request)) {
      throw new Fault('unauthorized', 'A valid API key is needed.', {
        hint: 'Send "Authorization: Bearer KEY"; make one with "drover keys add NAME".',
      });
    }
    if (method !== 'GET' && method !== 'HEAD') {
      announcedLength(request, takesLargeBody(path) ? INFERENCE_LIMIT_BYTES : MANAGEMENT_LIMIT_BYTES);
    }
    return null;
  }

  #isOurs(authority: string): boolean {
    const known = this.#knownHosts.get(authority);
    if (known !== undefined) return known;
    const isOurs = this.#judgeHost(authority);
    if (this.#knownHosts.size >= HOST_CACHE_SIZE) this.#knownHosts.clear();
    this.#knownHosts.set(authority, isOurs);
    return isOurs;
  }

  #judgeHost(authority: string): boolean {
    const host = splitAuthority(authority)?.host;
    if (host === undefined) return false;
    if (isLoopback(host) || this.#ownNames.has(host) || host.endsWith('.localhost')) return true;
    // A page can bind its own name to our address, but never an address: those are safe where others may call at all.
    return this.#isOpenToOthers && isIpLiteral(host);
  }

  /** Authorization, X-API-Key and ?api_key= are one and the same; any good one counts. */
  #hasKey(request: Request): boolean {
    const bearer = /^Bearer\s+(\S+)\s*$/i.exec(request.headers.get('authorization') ?? '')?.[1];
    const presented = [bearer, request.headers.get('x-api-key')];
    if (request.url.includes('api_key=')) presented.push(new URL(request.url).searchParams.get('api_key'));
    return presented.some((key) => typeof key === 'string' && key !== '' && this.#options.acceptsKey(key));
  }

  /** What every answer carries: its id, and the permission of a configured origin to read it. */
  #sealed<A extends Answer>(request: Request, response: A): A {
    if (response === undefined) return response;
    const { headers } = response;
    headers.set('x-request-id', this.#requestId(request));
    if (this.#options.isLeaving?.() === true) headers.set('connection', 'close');
    if (this.#origins.size > 0) {
      headers.append('vary', 'Origin');
      const origin = request.headers.get('origin');
      if (origin !== null && this.#origins.has(origin.toLowerCase())) {
        headers.set('access-control-allow-origin', origin);
        headers.set('access-control-expose-headers', 'x-request-id, retry-after');
      }
    }
    return response;
  }

  #requestId(request: Request): string {
    const given = request.headers.get('x-request-id');
    if (given !== null && /^[\w.:-]{1,64}$/.test(given)) return given;
    this.#requestCount += 1;
    return `${this.#requestPrefix}-${this.#requestCount.toString(36)}`;
  }
}

/** Throws `forbidden` for a page of another site, or of no site at all. */
function refuseForeign(origin: string | null, site: string | null, host: string): void {
  const isForeign =
    origin === null ? site === 'cross-site' || site === 'same-site' : authorityOf(origin) !== host.toLowerCase();
  if (!isForeign) return;
  throw new Fault('forbidden', 'A page of another site may not do this.', {
    hint: 'Name its origin in "corsOrigins" to allow it.',
  });
}

/** `http://host:port` → `host:port`; null for `null` and whatever is no web origin. */
const authorityOf = (origin: string): string | null =>
  /^https?:\/\/([^/?#]+)$/i.exec(origin)?.[1]?.toLowerCase() ?? null;

function preflight(request: Request): Response {
  const { headers } = request;
  const answer = new Headers({
    'access-control-allow-methods': 'GET, HEAD, POST, PUT, PATCH, DELETE',
    'access-control-allow-headers': headers.get('access-control-request-headers') ?? '*',
    'access-control-max-age': '600',
  });
  if (headers.get('access-control-request-private-network') === 'true') {
    answer.set('access-control-allow-private-network', 'true');
  }
  return new Response(null, { status: 204, headers: answer });
}
