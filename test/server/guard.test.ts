import { afterAll, describe, expect, test } from 'bun:test';
import { connect } from 'node:net';
import { createApp } from '../../src/server/app.ts';
import type { GuardOptions } from '../../src/server/guard.ts';
import { listen } from '../../src/server/listen.ts';
import { startEcho } from '../fixtures/echo-engine.ts';
import { OPEN_OPTIONS, SmallCore } from '../fixtures/real-child.ts';

const echo = startEcho();
afterAll(() => echo[Symbol.asyncDispose]());
const core = new SmallCore([{ id: 'm', baseUrl: echo.baseUrl }]);
const appWith = (options: Partial<GuardOptions> = {}) => createApp(core.drover, { ...OPEN_OPTIONS, ...options });

type Headers = Record<string, string>;
interface Asked {
  readonly method?: string;
  readonly path?: string;
  readonly headers?: Headers;
}

async function ask(
  app: ReturnType<typeof appWith>,
  { method = 'GET', path = '/health', headers = {} }: Asked,
): Promise<Response> {
  const hasBody = method !== 'GET' && method !== 'HEAD' && method !== 'OPTIONS';
  return app.handle(
    new Request(`http://localhost${path}`, {
      method,
      headers: { host: '127.0.0.1:5800', ...(hasBody ? { 'content-type': 'application/json' } : {}), ...headers },
      ...(hasBody ? { body: '{"model":"m"}' } : {}),
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

describe('keys', () => {
  const locked = appWith({ requiresKey: () => true, acceptsKey: (presented) => presented === 'good' });
  // Every route that the server knows, so that a new one cannot be forgotten.
  const routes = locked.routes
    .filter((route) => route.method !== 'WS')
    .map((route) => ({ method: route.method === 'ALL' ? 'GET' : route.method, path: route.path.replace('*', 'm') }));
  const open = new Set(['GET /', 'GET /docs', 'GET /health', 'GET /ui', 'GET /ui/']);

  test('every route wants one, but the few open ones', async () => {
    expect(routes.length).toBeGreaterThan(50);
    for (const { method, path } of [
      ...routes,
      { method: 'GET', path: '/nope' },
      { method: 'PATCH', path: '/v1/models' },
    ]) {
      const isOpen = open.has(`${method} ${path}`);
      for (const presented of [
        {},
        { authorization: 'Bearer bad' },
        { 'x-api-key': 'bad' },
        { authorization: 'Basic good' },
        { authorization: 'good' },
      ]) {
        const status = await statusOf(locked, { method, path, headers: presented });
        expect({ method, path, presented, isRefused: status === 401 }).toEqual({
          method,
          path,
          presented,
          isRefused: !isOpen,
        });
      }
      expect(await statusOf(locked, { method, path: `${path}?api_key=bad` })).toBe(
        isOpen ? await statusOf(locked, { method, path }) : 401,
      );
    }
  });

  test('every transport is as good as the other', async () => {
    const paths = ['/v1/models', '/drover/status', '/metrics', '/docs/json'];
    for (const path of paths) {
      expect(await statusOf(locked, { path, headers: { authorization: 'Bearer good' } })).toBe(200);
      expect(await statusOf(locked, { path, headers: { authorization: 'bearer  good ' } })).toBe(200);
      expect(await statusOf(locked, { path, headers: { 'x-api-key': 'good' } })).toBe(200);
      expect(await statusOf(locked, { path: `${path}?x=1&api_key=good` })).toBe(200);
      expect(await statusOf(locked, { path, headers: { authorization: 'Bearer bad', 'x-api-key': 'good' } })).toBe(200);
    }
  });

  test('a refusal speaks in the envelope of the path, and tells nothing', async () => {
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
