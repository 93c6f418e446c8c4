// What a key or a token costs: the guard alone around an empty answer, with and without keys, and whole requests over a
// socket; and what counting costs a path that is counted. All in one run, the ways taking turns.
import type { KeyRing } from '../../src/access/keys.ts';
import { Rates } from '../../src/access/rates.ts';
import { defaultSettings } from '../../src/config/schema.ts';
import { createApp } from '../../src/server/app.ts';
import { Guard } from '../../src/server/guard.ts';
import { Limiter } from '../../src/server/limiter.ts';
import { listen } from '../../src/server/listen.ts';
import { TestAccess } from '../fixtures/access.ts';
import { temporaryFolder } from '../fixtures/drover.ts';
import { OPEN_OPTIONS, SmallCore } from '../fixtures/real-child.ts';
import { type Figure, median } from './measure.ts';

const ROUNDS = 60;
const PER_ROUND = 2000;
const ASKED = 1500;
const PATH = '/v1/models/owner/name';

export async function benchAccess(): Promise<readonly Figure[]> {
  using folder = temporaryFolder('bench-access');
  using access = new TestAccess(folder.path);
  const ring = access.keys;
  for (let index = 0; index < 100; index += 1) ring.create(`key ${index}`, ['chat']);
  const key = ring.create('laptop', ['model_read']);
  await ring.adopt('chosen', 'your-secret-key', ['model_read']);
  for (let index = 0; index < 20; index += 1) await access.users.create(`user ${index}`, 'x', ['model_read']);
  const token = await access.tokenOf('user 7');
  await access.callers.identify([token], () => '');

  const empty = new Response(null);
  const rates = new Rates({ settings: () => ({ ...defaultSettings(), llamactlRate: 1e9 }) });
  const guarded = (requiresKey: boolean) =>
    new Guard({
      ...OPEN_OPTIONS,
      requiresKey: () => requiresKey,
      identify: (presented, source) => access.callers.identify(presented, source),
      limiter: new Limiter(rates),
    }).wrap(
      () => empty,
      () => Response.error(),
    );
  const open = guarded(false);
  const locked = guarded(true);
  const ways = {
    none: { handler: open, headers: { host: 'localhost' }, query: '' },
    bearer: { handler: locked, headers: { host: 'localhost', authorization: `Bearer ${key}` }, query: '' },
    chosen: { handler: locked, headers: { host: 'localhost', 'x-api-key': 'your-secret-key' }, query: '' },
    query: { handler: locked, headers: { host: 'localhost' }, query: `?api_key=${key}` },
    token: { handler: locked, headers: { host: 'localhost', authorization: `Bearer ${token}` }, query: '' },
  };
  const microseconds: Record<keyof typeof ways, number[]> = { none: [], bearer: [], chosen: [], query: [], token: [] };
  for (let round = 0; round < ROUNDS; round += 1) {
    for (const [name, { handler, headers, query }] of Object.entries(ways)) {
      const requests = Array.from(
        { length: PER_ROUND },
        () => new Request(`http://localhost${PATH}${query}`, { headers }),
      );
      const at = performance.now();
      for (const request of requests) handler(request);
      // The first rounds are the compiler's.
      if (round >= 10) microseconds[name as keyof typeof ways].push(((performance.now() - at) * 1000) / PER_ROUND);
    }
  }
  const cost = Object.fromEntries(Object.entries(microseconds).map(([name, values]) => [name, median(values)]));
  const none = cost.none ?? Number.NaN;
  const added = (name: keyof typeof ways): Figure => {
    const total = cost[name] ?? Number.NaN;
    return {
      name: `a warm key adds, ${name}`,
      value: total - none,
      unit: 'µs',
      target: 50,
      note: `${total.toFixed(2)} with, ${none.toFixed(2)} without, ${(total / none).toFixed(2)} times`,
    };
  };
  return [
    added('bearer'),
    added('chosen'),
    added('query'),
    added('token'),
    counting(),
    await firstLook(access),
    ...(await overSocket(ring, key)),
  ];
}

function counting(): Figure {
  const rates = new Rates({ settings: () => ({ ...defaultSettings(), llamactlRate: 1e9 }) });
  const handlers = [undefined, new Limiter(rates)].map((limiter) =>
    new Guard({ ...OPEN_OPTIONS, addressOf: () => '10.0.0.1', ...(limiter === undefined ? {} : { limiter }) }).wrap(
      () => new Response(null),
      () => Response.error(),
    ),
  );
  const times = handlers.map((): number[] => []);
  for (let round = 0; round < ROUNDS; round += 1) {
    for (const [index, handler] of handlers.entries()) {
      const requests = Array.from(
        { length: PER_ROUND },
        () => new Request('http://localhost/api/instances', { headers: { host: 'localhost' } }),
      );
      const at = performance.now();
      for (const request of requests) handler(request);
      if (round >= 10) times[index]?.push(((performance.now() - at) * 1000) / PER_ROUND);
    }
  }
  const [without = Number.NaN, counted = Number.NaN] = times.map(median);
  const note = `${counted.toFixed(2)} with, ${without.toFixed(2)} without; a path that is not counted looks into a table`;
  return { name: 'counting a request and saying so', value: counted - without, unit: 'µs', target: 50, note };
}

/** Of a token that this process has not seen yet. */
async function firstLook(access: TestAccess): Promise<Figure> {
  const times: number[] = [];
  for (let index = 0; index < 500; index += 1) {
    const token = await access.tokenOf('user 7');
    const at = performance.now();
    await access.callers.identify([token], () => '');
    times.push((performance.now() - at) * 1000);
  }
  return {
    name: 'the first look at a token',
    value: median(times),
    unit: 'µs',
    target: 1000,
    note: 'signature, claims, user',
  };
}

async function overSocket(ring: KeyRing, key: string): Promise<readonly Figure[]> {
  const { drover } = new SmallCore([{ id: 'owner/name', baseUrl: 'http://127.0.0.1:1' }]);
  let isLocked = false;
  const app = createApp(drover, {
    ...OPEN_OPTIONS,
    requiresKey: () => isLocked,
    identify: (presented, source) => ring.identify(presented, source),
  });
  const listener = await listen({ app, host: '127.0.0.1', port: 0 });
  const url = `${listener.urls[0]}${PATH}`;
  const times: Record<'open' | 'locked', number[]> = { open: [], locked: [] };
  for (let index = 0; index < ASKED * 2; index += 1) {
    isLocked = index % 2 === 1;
    const at = performance.now();
    const answer = await fetch(url, { headers: { authorization: `Bearer ${key}` } });
    await answer.arrayBuffer();
    if (!answer.ok) throw new Error(`${url}: ${answer.status}`);
    if (index > 200) times[isLocked ? 'locked' : 'open'].push((performance.now() - at) * 1000);
  }
  await listener.close();
  const [withKey, without] = [median(times.locked), median(times.open)];
  return [
    {
      name: 'a whole request takes longer with a key',
      value: withKey - without,
      unit: 'µs',
      target: 50,
      note: `${withKey.toFixed(0)} with, ${without.toFixed(0)} without, ${(withKey / without).toFixed(3)} times`,
    },
  ];
}
