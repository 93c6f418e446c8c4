// The outermost door, in front of every route and of what is no route: whose Host is it, may this page ask, may this key
// do that, did it ask too often, is the body too large? It must never let a request through that it has not looked at, nor
// say why a key was wrong.
import { credentialsOf } from '../access/credentials.ts';
import { type Caller, type Identity, LOCAL_CALLER, noteCaller, noteIdentity } from '../access/identity.ts';
import { grants, type Scope, scopeOf } from '../access/scopes.ts';
import { Fault } from '../base/fault.ts';
import { announcedLength, INFERENCE_LIMIT_BYTES, MANAGEMENT_LIMIT_BYTES, pathOf } from '../dialects/intake.ts';
import { changesState, takesLargeBody } from '../dialects/resolve.ts';
import { isIpLiteral, isLoopback, splitAuthority } from './address.ts';
import { type Limiter, rateOf } from './limiter.ts';

export interface GuardOptions {
  /** Where we listen: `127.0.0.1`, `0.0.0.0`, a name. */
  readonly listenHost: string;
  /** Further names that are ours. */
  readonly hostNames: readonly string[];
  /** Web origins that may call us from a browser, exactly as browsers send them. */
  readonly corsOrigins: readonly string[];
  /** Asked on every request: a key made meanwhile counts at once. */
  readonly requiresKey: (path: string) => boolean;
  /** Whose key is among these. A promise only where that takes work; `source` tells who asks. */
  readonly identify: (presented: readonly string[], source: () => string) => Identity | null | Promise<Identity | null>;
  /** The address that the request came from; absent: unknown. */
  readonly addressOf?: (request: Request) => string;
  /** Counts what some dialects count; absent: nothing is. */
  readonly limiter?: Limiter;
  /** True when clients should come back on a new connection: a successor listens. Absent: never. */
  readonly isLeaving?: () => boolean;
}

/** No answer at all is a request that became a WebSocket. */
type Answer = Response | undefined;
type Handler = (request: Request, server?: unknown) => Answer | Promise<Answer>;
type Failure = (thrown: unknown, request: Request) => Response;

const HOST_CACHE_SIZE = 256;
const EXPOSED = 'x-request-id, retry-after, x-ratelimit-limit, x-ratelimit-remaining, x-ratelimit-reset';
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
  wrap(handler: Handler, failure: Failure): Handler {
    const go = (request: Request, server: unknown, refusal: Response | null): Answer | Promise<Answer> => {
      if (refusal !== null) return this.#sealed(request, refusal);
      const answer = handler(request, server);
      if (!(answer instanceof Promise)) return this.#sealed(request, answer);
      return answer.then(
        (response) => this.#sealed(request, response),
        (thrown: unknown) => this.#sealed(request, failure(thrown, request)),
      );
    };
    return (request, server) => {
      let refusal: Response | null | Promise<Response | null>;
      try {
        refusal = this.#refusal(request);
      } catch (thrown) {
        refusal = failure(thrown, request);
      }
      if (!(refusal instanceof Promise)) return go(request, server, refusal);
      return refusal.catch((thrown: unknown) => failure(thrown, request)).then((answer) => go(request, server, answer));
    };
  }

  /** Why not, as an answer or thrown; null: go on. A promise only while a key is looked into. */
  #refusal(request: Request): Response | null | Promise<null> {
    // A Host that makes no address leaves a bare path, which the router reads otherwise than we: an open door.
    if (!request.url.startsWith('http://')) throw new Fault('bad_request', 'Host and path make no address.');
    const path = pathOf(request);
    const { method, headers } = request;
    const host = headers.get('host') ?? new URL(request.url).host;
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
    const access = scopeOf(method, path);
    if (access === 'open') return this.#admit(request, path, null);
    if (!this.#options.requiresKey(path)) return this.#admit(request, path, LOCAL_CALLER);
    // What has no row is nobody's but an admin's, be there a route or not.
    const needed = access ?? 'admin';
    const found = this.#options.identify(credentialsOf(request), () => this.#addressOf(request));
    if (!(found instanceof Promise)) return this.#admitKnown(request, path, found, needed);
    return found.then((identity) => this.#admitKnown(request, path, identity, needed));
  }

  /** Who may not is counted as well. */
  #admitKnown(request: Request, path: string, identity: Identity | null, needed: Scope | 'known'): null {
    this.#count(request, path, identity);
    return admit(request, permitted(identity, needed));
  }

  #admit(request: Request, path: string, identity: Identity | null): null {
    this.#count(request, path, identity);
    return admit(request, identity);
  }

  /** Throws `rate_limited`. */
  #count(request: Request, path: string, identity: Identity | null): void {
    const { limiter } = this.#options;
    const rate = limiter === undefined ? null : rateOf(request.method, path);
    if (limiter === undefined || rate === null) return;
    const caller = this.#callerOf(request, path, identity, rate === 'llamactlLoginRate');
    noteCaller(request, caller);
    limiter.count(request, rate, caller);
  }

  /** A key's or a user's requests are counted together, wherever they come from; others by their address. */
  #callerOf(request: Request, path: string, identity: Identity | null, isLogin: boolean): Caller {
    const address = this.#addressOf(request);
    if (isLogin) return { key: address, isLimited: true };
    const kind = identity?.kind ?? (this.#options.requiresKey(path) ? null : 'local');
    if (identity !== null && kind !== 'local') {
      return { key: `${kind} ${identity.name}`, isLimited: kind !== 'transient' };
    }
    return { key: address, isLimited: kind !== 'local' || !isLoopback(address) };
  }

  readonly #addressOf = (request: Request): string => this.#options.addressOf?.(request) ?? '';

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

  /** What every answer carries: its id, and the permission of a configured origin to read it. */
  #sealed<A extends Answer>(request: Request, response: A): A {
    if (response === undefined) return response;
    const { headers } = response;
    headers.set('x-request-id', this.#requestId(request));
    if (this.#options.isLeaving?.() === true || hasUnreadBody(request)) headers.set('connection', 'close');
    this.#stamp(request, headers);
    if (this.#origins.size > 0) {
      headers.append('vary', 'Origin');
      const origin = request.headers.get('origin');
      if (origin !== null && this.#origins.has(origin.toLowerCase())) {
        headers.set('access-control-allow-origin', origin);
        headers.set('access-control-expose-headers', EXPOSED);
      }
    }
    return response;
  }

  #stamp(request: Request, headers: Headers): void {
    const { limiter } = this.#options;
    if (limiter === undefined) return;
    const path = pathOf(request);
    const rate = rateOf(request.method, path);
    if (rate === null) return;
    // Who was refused before anybody looked at keys.
    const stranger = (): Caller => ({ key: this.#addressOf(request), isLimited: true });
    limiter.stamp(request, rate, stranger, headers);
  }

  #requestId(request: Request): string {
    const given = request.headers.get('x-request-id');
    if (given !== null && /^[\w.:-]{1,64}$/.test(given)) return given;
    this.#requestCount += 1;
    return `${this.#requestPrefix}-${this.#requestCount.toString(36)}`;
  }
}

/** Throws `unauthorized` for nobody's key, `forbidden` for one that may less than is needed. */
function permitted(identity: Identity | null, needed: Scope | 'known'): Identity {
  if (identity === null) {
    throw new Fault('unauthorized', 'A valid API key is needed.', {
      hint: 'Send "Authorization: Bearer KEY"; make one with "drover keys add NAME".',
    });
  }
  if (needed === 'known' || grants(identity.scopes, needed)) return identity;
  const who = identity.kind === 'user' ? 'user' : 'key';
  throw new Fault('forbidden', `This ${who} lacks the scope "${needed}".`, {
    hint: `A key that has it is made by "drover keys add NAME --scopes ${needed}".`,
    details: { scope: needed },
  });
}

/** An answer before the body has come leaves a connection on which the runtime waits for the rest, and with it our end. */
const hasUnreadBody = (request: Request): boolean =>
  !request.bodyUsed && request.method !== 'GET' && request.method !== 'HEAD' && request.body !== null;

/** The last look, and the note who it is. Throws `too_large`. */
function admit(request: Request, identity: Identity | null): null {
  const { method } = request;
  if (method !== 'GET' && method !== 'HEAD') {
    announcedLength(request, takesLargeBody(pathOf(request)) ? INFERENCE_LIMIT_BYTES : MANAGEMENT_LIMIT_BYTES);
  }
  if (identity !== null) noteIdentity(request, identity);
  return null;
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
