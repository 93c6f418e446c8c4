// Which requests are counted under which limit, as data, and what their answers say about it. A path that is not named here
// costs a look into a table and is never counted. It must never read a body.
import type { Caller } from '../access/identity.ts';
import type { Allowance } from '../access/limits.ts';
import type { RateName, Rates } from '../access/rates.ts';
import { LLAMAHOME_NAMES } from '../dialects/resolve.ts';

type RatesByMethod = Readonly<Record<string, RateName>>;

const rows = (paths: readonly string[], byMethod: RatesByMethod): (readonly [string, RatesByMethod])[] =>
  paths.map((path) => [path, byMethod]);

/** To end the server is never too much. */
const LLAMAHOME = LLAMAHOME_NAMES.filter((name) => name !== 'shutdown').flatMap((name) => [
  `/api/${name}`,
  `/v1/${name}`,
]);

/** Without a last slash. */
const EXACT: ReadonlyMap<string, RatesByMethod> = new Map([
  ...rows(['/api/instances'], { POST: 'llamactlHeavyRate', any: 'llamactlRate' }),
  ...rows(['/api/instances/start-all', '/api/instances/stop-all'], {
    POST: 'llamactlHeavyRate',
    any: 'llamactlRate',
  }),
  ...rows(['/api/system/status', '/api/system/info', '/api/ws'], { any: 'llamactlRate' }),
  // Its other methods are also ClaraCore's.
  ...rows(['/api/config'], { PUT: 'llamactlHeavyRate' }),
  ...rows(['/api/auth/login'], { POST: 'llamactlLoginRate', any: 'llamactlRate' }),
  ...rows([...LLAMAHOME, '/v1/ws'], { any: 'llamahomeRate' }),
  ...rows(['/api/models'], { GET: 'llamahomeRate', HEAD: 'llamahomeRate' }),
]);
const STARTING = /^\/api\/instances\/[^/]+\/(?:start|restart)$/;

/** The limit of a request; null where there is none. */
export function rateOf(method: string, path: string): RateName | null {
  if (!path.startsWith('/api/') && !path.startsWith('/v1/')) return null;
  const plain = path.endsWith('/') ? path.slice(0, -1) : path;
  const byMethod = EXACT.get(plain);
  if (byMethod !== undefined) return (Object.hasOwn(byMethod, method) ? byMethod[method] : byMethod.any) ?? null;
  if (plain.startsWith('/api/instances/')) {
    return method === 'POST' && STARTING.test(plain) ? 'llamactlHeavyRate' : 'llamactlRate';
  }
  return plain.startsWith('/api/auth/') ? 'llamactlRate' : null;
}

export class Limiter {
  readonly #rates: Rates;
  readonly #found = new WeakMap<Request, Allowance>();

  constructor(rates: Rates) {
    this.#rates = rates;
  }

  /** Counts a request. Throws `rate_limited`. */
  count(request: Request, name: RateName, caller: Caller): void {
    const allowance = this.#rates.take(name, caller);
    if (allowance === null) return;
    this.#found.set(request, allowance);
    if (!allowance.isAllowed) throw this.#rates.refusal(allowance);
  }

  /** Says on an answer how much is left, where the dialect says so; `caller` for a request that was not counted. */
  stamp(request: Request, name: RateName, caller: () => Caller, headers: Headers): void {
    if (!name.startsWith('llamactl')) return;
    const allowance = this.#found.get(request) ?? this.#rates.peek(name, caller());
    if (allowance === null) return;
    headers.set('x-ratelimit-limit', String(allowance.limit));
    headers.set('x-ratelimit-remaining', String(allowance.remaining));
    headers.set('x-ratelimit-reset', String(Math.ceil(allowance.resetAtMs / 1000)));
  }
}
