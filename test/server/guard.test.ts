import { afterAll, beforeAll, describe, expect, test } from 'bun:test';
import { connect } from 'node:net';
import { type Identity, identityOf, LOCAL_CALLER } from '../../src/access/identity.ts';
import { KEY_MIGRATIONS, KeyRing } from '../../src/access/keys.ts';
import { SCOPES, type Scope, scopeOf } from '../../src/access/scopes.ts';
import { openStore } from '../../src/base/store.ts';
import { createApp } from '../../src/server/app.ts';
import { Guard, type GuardOptions } from '../../src/server/guard.ts';
import { type Listener, listen } from '../../src/server/listen.ts';
import { type Echoed, startEcho } from '../fixtures/echo-engine.ts';
import { OPEN_OPTIONS, SmallCore } from '../fixtures/real-child.ts';
import { routesOf, samplesOf } from '../fixtures/routes.ts';

const echo = startEcho();
afterAll(() => echo[Symbol.asyncDispose]());
const core = new SmallCore([{ id: 'm', baseUrl: echo.baseUrl }]);
const appWith = (options: Partial<GuardOptions> = {}) => createApp(core.drover, { ...OPEN_OPTIONS, ...options });

type Headers = Record<string, string>;
interface Asked {
  readonly method?: string;
  readonly path?: string;
  readonly headers?: Headers;
  readonly signal?: AbortSignal;
}

async function ask(
  app: ReturnType<typeof appWith>,
  { method = 'GET', path = '/health', headers = {}, signal }: Asked,
): Promise<Response> {
  const hasBody = method !== 'GET' && method !== 'HEAD' && method !== 'OPTIONS';
  return app.handle(
    new Request(`http://localhost${path}`, {
      method,
      headers: { host: '127.0.0.1:5800', ...(hasBody ? { 'content-type': 'application/json' } : {}), ...headers },
      ...(hasBody ? { body: '{"model":"m"}' } : {}),
      ...(signal === undefined ? {} : { signal }),
    }),
  );
}
const statusOf = async (app: ReturnType<typeof appWith>, asked: Asked): Promise<number> =>
  (await ask(app, asked)).status;

describe('Host', () => {
  const loopback = appWith();
  const named = appWith({ hostNames: ['Box.Lan'], listenHost: '192.168.1.5' });
  const wide = appWith({ listenHost: '0.0.0.0' });
  const cases: [string, boolean, boolean, boolean][] = [
    // host, on loopback, on an address with a name, on all addresses
    ['localhost', true, true, true],
    ['LOCALHOST:5800', true, true, true],
    ['localhost.:5800', true, true, true],
    ['drover.localhost', true, true, true],
    ['127.0.0.1:5800', true, true, true],
    ['127.8.8.8', true, true, true],
    ['[::1]:5800', true, true, true],
    ['192.168.1.5:5800', false, true, true],
    ['10.0.0.7', false, true, true],
    ['box.lan:80', false, true, false],
    ['evil.example', false, false, false],
    ['evil.example:5800', false, false, false],
    ['127.0.0.1.evil.example', false, false, false],
    ['localhost.evil.example', false, false, false],
    ['notlocalhost', false, false, false],
    ['0x7f000001', false, false, false],
    ['127.0.0.1@evil.example', false, false, false],
    ['evil.example/127.0.0.1', false, false, false],
    ['[::1', false, false, false],
    ['a?b.localhost', false, false, false],
    ['a#b.localhost', false, false, false],
    ['%zz.localhost', false, false, false],
    ['', false, false, false],
  ];
  test.each(cases)('%p', async (host, onLoopback, onName, onAll) => {
    for (const [app, isOurs] of [
      [loopback, onLoopback],
      [named, onName],
      [wide, onAll],
    ] as const) {
      for (const asked of [
        {},
        { path: '/nope' },
        { method: 'POST', path: '/v1/chat/completions' },
        { path: '/ui/' },
        { path: '/docs/json' },
      ]) {
        const status = await statusOf(app, { ...asked, headers: { host } });
        expect({ host, ...asked, isRefused: status === 403 }).toEqual({ host, ...asked, isRefused: !isOurs });
      }
    }
  });
});

describe('pages of other sites', () => {
  const app = appWith();
  const acting: Asked[] = [
    { method: 'POST', path: '/v1/chat/completions' },
    { method: 'POST', path: '/drover/models/stop' },
    { method: 'DELETE', path: '/v1/models' },
    { method: 'PUT', path: '/upstream/m/x' },
    { method: 'POST', path: '/nope' },
    { path: '/unload' },
    { path: '/upstream/m/health' },
    { path: '/props' },
    { path: '/drover/fit?model=m' },
    { path: '/drover/events', headers: { upgrade: 'websocket', connection: 'upgrade' } },
  ];
  const reading: Asked[] = [{ path: '/v1/models' }, { path: '/health' }, { path: '/drover/status' }];
  const visitors: [string, Headers, boolean][] = [
    ['a program', {}, true],
    ['our own page', { origin: 'http://127.0.0.1:5800', 'sec-fetch-site': 'same-origin' }, true],
    ['an address typed by hand', { 'sec-fetch-site': 'none' }, true],
    ['a foreign origin', { origin: 'https://evil.example', 'sec-fetch-site': 'cross-site' }, false],
    ['another port of this machine', { origin: 'http://127.0.0.1:3000', 'sec-fetch-site': 'same-site' }, false],
    ['the null origin', { origin: 'null', 'sec-fetch-site': 'cross-site' }, false],
    ['an image tag elsewhere', { 'sec-fetch-site': 'cross-site' }, false],
    ['an image tag on another port', { 'sec-fetch-site': 'same-site' }, false],
    ['an origin that starts like ours', { origin: 'http://127.0.0.1:5800.evil.example' }, false],
    ['an origin of another kind', { origin: 'chrome-extension://abc' }, false],
  ];
  test.each(visitors)('%s', async (_, headers, mayAct) => {
    for (const asked of acting) {
      const status = await statusOf(app, { ...asked, headers: { ...asked.headers, ...headers } });
      expect({ asked, isRefused: status === 403 }).toEqual({ asked, isRefused: !mayAct });
    }
    for (const asked of reading) {
      const answer = await ask(app, { ...asked, headers });
      expect(answer.status).toBe(200);
      expect(answer.headers.has('access-control-allow-origin')).toBe(false);
    }
  });

  test('a configured origin may act, read and ask first; no other learns of it', async () => {
    const open = appWith({ corsOrigins: ['https://app.example/'] });
    const origin = 'https://app.example';
    const preflight = await ask(open, {
      method: 'OPTIONS',
      path: '/v1/chat/completions',
      headers: {
        origin,
        'access-control-request-method': 'POST',
        'access-control-request-headers': 'authorization,content-type',
      },
    });
    expect(preflight.status).toBe(204);
    expect(preflight.headers.get('access-control-allow-origin')).toBe(origin);
    expect(preflight.headers.get('access-control-allow-headers')).toBe('authorization,content-type');
    const answer = await ask(open, {
      method: 'POST',
      path: '/v1/chat/completions',
      headers: { origin, 'sec-fetch-site': 'cross-site' },
    });
    expect([answer.status, answer.headers.get('access-control-allow-origin'), answer.headers.get('vary')]).toEqual([
      200,
      origin,
      'Origin',
    ]);
    const foreign = await ask(open, { headers: { origin: 'https://app.example.evil' } });
    expect(foreign.headers.has('access-control-allow-origin')).toBe(false);
    expect(foreign.headers.get('vary')).toBe('Origin');
    expect(
      await statusOf(open, {
        method: 'OPTIONS',
        path: '/v1/models',
        headers: { origin: 'https://evil.example', 'access-control-request-method': 'POST' },
      }),
    ).not.toBe(204);
  });
});

const store = openStore(':memory:', KEY_MIGRATIONS);
afterAll(() => store[Symbol.dispose]());
const ring = new KeyRing(store);
const good = ring.create('good', ['admin']);
const locked = appWith({ requiresKey: () => true, identify: (presented, source) => ring.identify(presented, source) });
/** For each scope a key that has only it, and one that has all but it. */
const keyWith = new Map<Scope, string>();
const keyWithout = new Map<Scope, string>();
for (const scope of SCOPES) {
  keyWith.set(scope, ring.create(`with ${scope}`, [scope]));
  const others = SCOPES.filter((other) => other !== scope && other !== 'admin');
  keyWithout.set(scope, ring.create(`without ${scope}`, others));
}

type Transport = (path: string, key: string) => { readonly path: string; readonly headers: Headers };
const transports: readonly [string, Transport][] = [
  ['Authorization', (path, key) => ({ path, headers: { authorization: `Bearer ${key}` } })],
  ['X-API-Key', (path, key) => ({ path, headers: { 'x-api-key': key } })],
  [
    '?api_key=',
    (path, key) => ({
      path: `${path}${path.includes('?') ? '&' : '?'}api_key=${encodeURIComponent(key)}`,
      headers: {},
    }),
  ],
];

describe('keys', () => {
  // Every route that the server knows, so that a new one cannot be forgotten, and paths that it does not know.
  const asked = [
    ...routesOf(locked).flatMap(({ method, path }) => samplesOf(path).map((sample) => ({ method, path: sample }))),
    { method: 'PATCH', path: '/upstream/m/x' },
    { method: 'GET', path: '/nope' },
    { method: 'POST', path: '/nope/at/all' },
    { method: 'PATCH', path: '/v1/models' },
    { method: 'GET', path: '/api/nope' },
  ].flatMap(({ method, path }) =>
    method === 'GET' ? ['GET', 'HEAD', 'OPTIONS'].map((each) => ({ method: each, path })) : [{ method, path }],
  );
  const open = new Set(['/', '/health', '/ui', '/ui/']);
  // Said before anybody asks for a key: nothing is unloaded by it.
  const isRefusedAnyway = (method: string, path: string): boolean => method === 'HEAD' && path === '/unload';

  /** What becomes of it; no stream is waited for, not even by the framework, which counts a HEAD's bytes. */
  const statusOfAnswer = async (method: string, path: string, headers: Headers): Promise<number> => {
    const gone = method === 'HEAD' ? { signal: AbortSignal.abort() } : {};
    const answer = await ask(locked, { method, path, headers, ...gone });
    await answer.body?.cancel();
    return answer.status;
  };

  test('the list of routes is the server’s own', () => {
    expect(asked.length).toBeGreaterThan(100);
    expect(asked.filter(({ method, path }) => method === 'GET' && scopeOf(method, path) === 'open').length).toBe(12);
  });

  test.each(transports)('by %s: none, wrong, too narrow, right, for every route', async (_, carry) => {
    const wrong: string[] = [];
    const expectStatus = async (
      what: string,
      method: string,
      { path, headers }: ReturnType<Transport>,
      isRight: (status: number) => boolean,
    ): Promise<void> => {
      const status = await statusOfAnswer(method, path, headers);
      if (!isRight(status)) wrong.push(`${what}: ${method} ${path} is ${status}`);
    };
    for (const { method, path } of asked) {
      if (isRefusedAnyway(method, path)) continue;
      const isOpen = open.has(path) || /^\/(?:ui\/|docs(?!\/json$))/.test(path);
      expect(scopeOf(method, path) === 'open').toBe(isOpen);
      const refused = (status: number) => (status === 401) === !isOpen;
      await expectStatus('none', method, { path, headers: {} }, refused);
      await expectStatus('wrong', method, carry(path, `${good}x`), refused);
      if (isOpen) continue;
      const access = scopeOf(method, path) ?? 'admin';
      // Whatever the key may do is enough there.
      const isForAll = access === 'known';
      const needed = access === 'open' || access === 'known' ? 'admin' : access;
      const narrow = keyWithout.get(needed) ?? '';
      const right = keyWith.get(needed) ?? '';
      await expectStatus('too narrow', method, carry(path, narrow), (status) => (status === 403) === !isForAll);
      await expectStatus('right', method, carry(path, right), (status) => status !== 401 && status !== 403);
    }
    expect(wrong).toEqual([]);
  });

  test('what is no credential is none, and any good one counts', async () => {
    const cases: [Headers, string, number][] = [
      [{ authorization: `Basic ${good}` }, '', 401],
      [{ authorization: good }, '', 401],
      [{ authorization: 'Bearer' }, '', 401],
      [{ authorization: 'Bearer ' }, '', 401],
      [{ authorization: `bearer  ${good} ` }, '', 200],
      [{ authorization: `BEARER ${good}` }, '', 200],
      [{ authorization: 'Bearer bad', 'x-api-key': good }, '', 200],
      [{ authorization: `Bearer ${good}`, 'x-api-key': 'bad' }, 'api_key=bad', 200],
      [{ 'x-api-key': 'bad' }, `x=1&api_key=${good}`, 200],
      [{}, `x=1&api_key=${good}&y=2`, 200],
      [{}, `xapi_key=${good}`, 401],
      [{}, `API_KEY=${good}`, 401],
      // What would pass on to an engine must not count here.
      [{}, `api%5fkey=${good}`, 401],
      [{}, `api%5Fkey=${good}&x=api_key=`, 401],
      [{}, `x=api_key=${good}`, 401],
      [{}, `api_key=&api_key=${good}`, 401],
      [{}, 'api_key=%zz', 401],
      [{ 'x-api-key': 'x'.repeat(5000) }, '', 401],
      [{ cookie: `api_key=${good}`, 'proxy-authorization': `Bearer ${good}` }, '', 401],
    ];
    for (const [headers, query, status] of cases) {
      const found = await statusOf(locked, { path: `/v1/models?${query}`, headers });
      expect({ headers, query, status: found }).toEqual({ headers, query, status });
    }
  });

  test('a refusal speaks in the envelope of the path, and tells nothing but the scope', async () => {
    const refused = await ask(locked, { path: '/v1/models', headers: { authorization: 'Bearer bad' } });
    expect(refused.headers.get('www-authenticate')).toBe('Bearer');
    expect(await refused.json()).toMatchObject({ error: { type: 'authentication_error' } });
    expect(await (await ask(locked, { path: '/drover/status' })).json()).toMatchObject({
      error: { code: 'unauthorized', blame: 'caller' },
    });
    expect(await (await ask(locked, { method: 'POST', path: '/v1/messages' })).json()).toMatchObject({
      type: 'error',
      error: { type: 'authentication_error' },
    });
    const narrow = keyWith.get('chat') ?? '';
    const forbidden = await ask(locked, { path: `/v1/models?api_key=${narrow}`, headers: { 'x-api-key': narrow } });
    expect(forbidden.status).toBe(403);
    const text = await forbidden.text();
    expect(JSON.parse(text)).toMatchObject({ error: { type: 'permission_error', code: 'forbidden' } });
    expect(text).toContain('model_read');
    expect(text).not.toContain(narrow.slice(3));
    expect([...forbidden.headers].join()).not.toContain(narrow.slice(3));
  });

  test('a path that nobody serves is a 404 for an admin only', async () => {
    expect(await statusOf(locked, { path: '/nope', headers: { 'x-api-key': good } })).toBe(404);
    expect(await statusOf(locked, { path: '/nope', headers: { 'x-api-key': keyWith.get('chat') ?? '' } })).toBe(403);
  });

  test('no key goes on to an engine, nor into the log', async () => {
    for (const [, carry] of transports) {
      const { path, headers } = carry('/upstream/m/x?a=1', good);
      const answer = await ask(locked, {
        path,
        headers: { ...headers, referer: `http://127.0.0.1:5800/ui/?api_key=${good}` },
      });
      const text = await answer.text();
      expect((JSON.parse(text) as Echoed).target).toBe('/x?a=1');
      expect(text).not.toContain(good.slice(3));
      await ask(locked, { path: path.replace('/upstream/m/x', '/nope'), headers });
    }
    expect(JSON.stringify(core.log.recent())).not.toContain(good.slice(3));
  });

  test('a chosen key that this boot has not seen yet is looked into, and then judged like any other', async () => {
    for (const [path, scope, status] of [
      ['/v1/models', 'model_read', 200],
      ['/v1/models', 'chat', 403],
      ['/v1/chat/completions', 'chat', 200],
      ['/nope', 'chat', 403],
      ['/nope', 'admin', 404],
    ] as const) {
      await ring.adopt('chosen', 'your-secret-key', [scope]);
      const fresh = new KeyRing(store);
      const app = appWith({ requiresKey: () => true, identify: (presented) => fresh.identify(presented) });
      const method = path === '/v1/chat/completions' ? 'POST' : 'GET';
      for (const key of ['your-secret-key', 'your-secret-key', 'wrong', 'wrong']) {
        const answer = await ask(app, { method, path, headers: { 'x-api-key': key } });
        const expected = key === 'wrong' ? 401 : status;
        expect({ path, scope, key, status: answer.status }).toEqual({ path, scope, key, status: expected });
        expect(answer.headers.get('x-request-id')).not.toBeNull();
      }
    }
    ring.remove('chosen');
  });

  test('while none is needed nobody is asked, and the caller is this machine’s own', async () => {
    let asked = 0;
    const seen: (Identity | null)[] = [];
    const guard = (requiresKey: boolean) =>
      new Guard({
        ...OPEN_OPTIONS,
        requiresKey: () => requiresKey,
        identify: (presented) => {
          asked += 1;
          return ring.identify(presented);
        },
      }).wrap(
        (request) => {
          seen.push(identityOf(request));
          return new Response('OK');
        },
        (thrown) => Response.json(String(thrown), { status: 500 }),
      );
    const request = (path: string): Request =>
      new Request(`http://localhost${path}`, { headers: { host: 'localhost', 'x-api-key': good } });
    // The warm path makes no promise.
    expect(guard(false)(request('/v1/models'))).toBeInstanceOf(Response);
    expect(asked).toBe(0);
    expect(guard(true)(request('/v1/models'))).toBeInstanceOf(Response);
    expect(asked).toBe(1);
    expect(guard(true)(request('/health'))).toBeInstanceOf(Response);
    expect(asked).toBe(1);
    expect(seen).toEqual([LOCAL_CALLER, { name: 'good', kind: 'key', scopes: ['admin'] }, null]);
  });
});

describe('over a socket', () => {
  let listener: Listener;
  beforeAll(async () => {
    listener = await listen({ app: locked, host: '127.0.0.1', port: 0 });
  });
  afterAll(() => listener.close());

  /** The bytes as they are: nothing is tidied on the way. */
  const send = (text: string): Promise<string> =>
    new Promise((resolve) => {
      const socket = connect(listener.port, '127.0.0.1');
      let answer = '';
      socket.on('data', (bytes) => {
        answer += bytes.toString('latin1');
      });
      socket.on('close', () => resolve(answer));
      socket.write(text);
    });
  /** 0 where nobody answered. */
  const statusIn = (answer: string): number => Number(/^HTTP\/1\.1 (\d{3})/.exec(answer)?.[1] ?? 0);
  const statusOfLine = async (line: string, host = 'localhost', headers = ''): Promise<number> => {
    return statusIn(await send(`${line} HTTP/1.1\r\nHost: ${host}\r\n${headers}Connection: close\r\n\r\n`));
  };

  test('no spelling of a path gets past the key', async () => {
    const stops = core.stopped.length;
    const lines = [
      '/unload',
      '/unload/',
      '//unload',
      '/unload//',
      '///unload',
      '/UNLOAD',
      '/%75nload',
      '/unload%2F',
      '/unload;x',
      '/unload#/health',
      '/./unload',
      '/health/../unload',
      '/health/%2e%2e/unload',
      '/health/..%2funload',
      '/ui/../unload',
      '/ui/..;/unload',
      '/ui/.%2e/unload',
      '/ui\\..\\unload',
      '\\unload',
      '/\\unload',
      '/docs/../unload',
      'http://localhost/unload',
      'http://health/unload',
      'https://unload/',
      'https://unload/health',
      'http://localhost?x/unload',
      'http://localhost#/unload',
      'http://localhost/health?/../unload',
      '/v1//models',
      '//v1/models',
      '/v1/%6dodels',
      '/V1/models',
      '/v1/models/',
      '/ui/../v1/models',
    ];
    const wrong: string[] = [];
    for (const line of lines) {
      for (const method of ['GET', 'POST', 'HEAD', 'OPTIONS', 'PURGE']) {
        const answer = await send(`${method} ${line} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n`);
        const status = statusIn(answer);
        // The open ones among them lead to the page, to OK, or nowhere.
        const isShell = status === 302 || (status === 200 && /\r\n\r\n(?:OK|<!doctype html>)/.test(answer));
        const isHead = method === 'HEAD' && /health(?:\?|$)/.test(line);
        if (!isShell && !isHead && ![0, 400, 401, 404, 405, 505].includes(status))
          wrong.push(`${method} ${line} is ${status}`);
      }
    }
    expect(wrong).toEqual([]);
    expect(core.stopped.length).toBe(stops);
    // With the key the very same way is open.
    expect(await statusOfLine('GET /unload/', 'localhost', `X-API-Key: ${good}\r\n`)).toBe(200);
    expect(core.stopped.length).toBe(stops + 1);
  });

  test('a Host that makes no address opens no door', async () => {
    // The runtime then gives a bare path, in which router and guard would look for the beginning at different places.
    const stops = core.stopped.length;
    for (const host of ['a"b.localhost', 'a{b.localhost', 'ü.localhost', 'a`b.localhost', 'a\u007fb.localhost']) {
      for (const path of ['/x/ui/ab/unload', '/v1/ui/x/v1/models', '/ui/v1/models', '/health', '/x/health/unload']) {
        expect({ host, path, status: await statusOfLine(`GET ${path}`, host) }).toEqual({ host, path, status: 400 });
      }
    }
    expect(await statusOfLine('CONNECT localhost:80')).toBe(400);
    expect(core.stopped.length).toBe(stops);
  });

  test('a key with letters of any script works by every transport', async () => {
    const chosen = 'Schlüssel €1+1=2 ключ';
    await ring.adopt('chosen', chosen, ['model_read']);
    const bytes = Buffer.from(chosen).toString('latin1');
    const sendBytes = (text: string): Promise<string> =>
      new Promise((resolve) => {
        const socket = connect(listener.port, '127.0.0.1');
        let answer = '';
        socket.on('data', (part) => {
          answer += part.toString('latin1');
        });
        socket.on('close', () => resolve(answer));
        socket.write(Buffer.from(text, 'latin1'));
      });
    const head = 'Host: localhost\r\nConnection: close\r\n';
    const requests = [
      `GET /v1/models HTTP/1.1\r\n${head}Authorization: Bearer ${bytes}\r\n\r\n`,
      `GET /v1/models HTTP/1.1\r\n${head}X-API-Key: ${bytes}\r\n\r\n`,
      `GET /v1/models?api_key=${encodeURIComponent(chosen)} HTTP/1.1\r\n${head}\r\n`,
      // As a client sends it that pastes the key into the address, and one that writes a form.
      `GET /v1/models?api_key=${encodeURI(chosen).replaceAll('=', '%3D')} HTTP/1.1\r\n${head}\r\n`,
      `GET /v1/models?${new URLSearchParams({ api_key: chosen })} HTTP/1.1\r\n${head}\r\n`,
    ];
    for (const request of requests) expect(await sendBytes(request)).toStartWith('HTTP/1.1 200');
    expect(await sendBytes(requests[1]?.replace('1+1', '1+2') ?? '')).toMatch(/^HTTP\/1\.1 401/);
    ring.remove('chosen');
    expect(await sendBytes(requests[0] ?? '')).toMatch(/^HTTP\/1\.1 401/);
  });

  test('a flood from one address leaves room for a key from another that was never seen', async () => {
    // Other systems have one loopback address.
    if (process.platform !== 'linux') return;
    await ring.adopt('chosen', 'your-secret-key', ['model_read']);
    const fresh = new KeyRing(store);
    const app = appWith({
      requiresKey: () => true,
      identify: (presented, source) => fresh.identify(presented, source),
    });
    const other = await listen({ app, host: '127.0.0.1', port: 0 });
    const askFrom = (localAddress: string, key: string): Promise<number> =>
      new Promise((resolve) => {
        const socket = connect({ port: other.port, host: '127.0.0.1', localAddress });
        let answer = '';
        socket.on('data', (bytes) => {
          answer += bytes.toString('latin1');
        });
        socket.on('close', () => resolve(statusIn(answer)));
        socket.write(`GET /v1/models HTTP/1.1\r\nHost: localhost\r\nX-API-Key: ${key}\r\nConnection: close\r\n\r\n`);
      });
    const flood = Array.from({ length: 20 }, (_, index) => askFrom('127.0.0.2', `wrong-${index}`));
    // When the first has been sent away, all places of that address are taken.
    expect(await Promise.race(flood)).toBe(429);
    expect(await askFrom('127.0.0.3', 'your-secret-key')).toBe(200);
    expect(new Set(await Promise.all(flood))).toEqual(new Set([401, 429]));
    await other.close();
    ring.remove('chosen');
  });

  test('two thousand wrong keys keep nobody waiting, and most are not looked into', async () => {
    await ring.adopt('chosen', 'your-secret-key', ['model_read']);
    const statuses: number[] = [];
    const waits: number[] = [];
    const get = async (headers: Headers): Promise<Response> => {
      const answer = await fetch(`http://127.0.0.1:${listener.port}/v1/models`, { headers });
      await answer.arrayBuffer();
      return answer;
    };
    const flood: Promise<void>[] = [];
    for (let round = 0; round < 40; round += 1) {
      for (let index = 0; index < 50; index += 1) {
        const wrong = get({ 'x-api-key': `wrong-${round}-${index}` });
        flood.push(
          wrong.then((answer) => {
            statuses.push(answer.status);
            expect(answer.headers.get('retry-after')).toBe(answer.status === 429 ? '1' : null);
          }),
        );
      }
      for (const key of [good, 'your-secret-key']) {
        const at = performance.now();
        expect((await get({ authorization: `Bearer ${key}` })).status).toBe(200);
        waits.push(performance.now() - at);
      }
    }
    await Promise.all(flood);
    const count = (status: number): number => statuses.filter((each) => each === status).length;
    expect(count(401) + count(429)).toBe(2000);
    // Two at a time, a fifth of a second each: a few more where the machine is slow.
    expect(count(401)).toBeLessThan(100);
    expect(Math.max(...waits)).toBeLessThan(500);
    ring.remove('chosen');
  });
});

test('the router and the guard read the same path, however short the name of the host', async () => {
  const locked = appWith({ hostNames: ['x', 'pi', 'nas'], requiresKey: () => true });
  const open = appWith({ hostNames: ['x', 'pi', 'nas'] });
  const stops = core.stopped.length;
  for (const host of ['x', 'pi', 'nas', 'nas:80']) {
    const get = (app: typeof open, path: string, headers: Headers = {}): Promise<Response> =>
      app.handle(new Request(`http://${host}${path}`, { headers: { host, ...headers } }));
    // `/ui/…` is open to all; what follows it must not be taken for the path.
    for (const path of ['/ui/v1/models', '/ui/unload', '/ui/drover/status']) {
      expect((await get(locked, path)).status).toBe(404);
    }
    expect((await get(open, '/x/unload', { 'sec-fetch-site': 'cross-site' })).status).toBe(404);
    expect((await get(open, '/v1/models')).status).toBe(200);
  }
  expect(core.stopped.length).toBe(stops);
});

test('to look at /unload unloads nothing, with or without a last slash', async () => {
  const stops = core.stopped.length;
  for (const path of ['/unload', '/unload/', '/unload?model=m']) {
    expect(await statusOf(appWith(), { method: 'HEAD', path })).toBe(405);
  }
  expect(core.stopped.length).toBe(stops);
});

test('each answer has an id: the caller’s if it is a decent one', async () => {
  const app = appWith();
  expect((await ask(app, { headers: { 'x-request-id': 'abc-1' } })).headers.get('x-request-id')).toBe('abc-1');
  const made = await Promise.all(
    [1, 2].map(async () => (await ask(app, { headers: { 'x-request-id': 'a b' } })).headers.get('x-request-id')),
  );
  expect(new Set(made).size).toBe(2);
});

test('what breaks inside is told to the log, not to the caller', async () => {
  const broken = new SmallCore([]);
  const { drover } = broken;
  const app = createApp(
    {
      ...drover,
      models: () => {
        throw new TypeError('secret path /home/me');
      },
    },
    OPEN_OPTIONS,
  );
  const answer = await ask(app, { path: '/v1/models' });
  expect(answer.status).toBe(500);
  expect(await answer.text()).not.toContain('secret');
  expect(broken.log.recent().at(-1)).toMatchObject({ level: 'error', message: 'secret path /home/me' });
});

test('what breaks in the guard itself is told to the log, too', async () => {
  const watched = new SmallCore([]);
  const app = createApp(watched.drover, {
    ...OPEN_OPTIONS,
    requiresKey: () => {
      throw new Error('secret path /home/me');
    },
  });
  const answer = await ask(app, { path: '/v1/models' });
  expect(answer.status).toBe(500);
  expect(answer.headers.has('x-request-id')).toBe(true);
  expect(await answer.text()).not.toContain('secret');
  expect(watched.log.recent().at(-1)).toMatchObject({ level: 'error', message: 'secret path /home/me' });
});

test('a request line with another host than the Host header, or without one, gets no further', async () => {
  const listener = await listen({ app: appWith(), host: '127.0.0.1', port: 0 });
  for (const request of [
    'GET http://localhost/v1/models HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n',
    'GET /v1/models HTTP/1.0\r\n\r\n',
  ]) {
    const answer = await new Promise<string>((resolve) => {
      const socket = connect(listener.port, '127.0.0.1');
      let text = '';
      socket.on('data', (bytes) => {
        text += bytes.toString();
        socket.end();
      });
      socket.on('close', () => resolve(text));
      socket.write(request);
    });
    expect(answer).toMatch(/^HTTP\/1.1 (403|400)/);
  }
  await listener.close();
});
