import { expect, test } from 'bun:test';
import { connect } from 'node:net';
import { createApp } from '../../src/server/app.ts';
import { Diversion } from '../../src/server/diversion.ts';
import { type Listener, listen } from '../../src/server/listen.ts';
import { type Echoed, startEcho } from '../fixtures/echo-engine.ts';
import { OPEN_OPTIONS, SmallCore } from '../fixtures/real-child.ts';

interface Old extends AsyncDisposable {
  readonly url: string;
  readonly diversion: Diversion;
  readonly listener: Listener;
}

async function startOld(): Promise<Old> {
  const diversion = new Diversion();
  const core = new SmallCore([{ id: 'a', baseUrl: 'http://127.0.0.1:1' }]);
  const app = createApp(core.drover, { ...OPEN_OPTIONS, diversion, corsOrigins: ['http://page.example'] });
  const listener = await listen({ app, host: '127.0.0.1', port: 0 });
  return {
    url: listener.urls[0] ?? '',
    diversion,
    listener,
    [Symbol.asyncDispose]: async () => {
      diversion.close();
      await listener.close();
    },
  };
}

test('once it is open, every request goes to the successor as it came, and the connection ends with its answer', async () => {
  await using successor = startEcho();
  await using old = await startOld();
  const before = await fetch(`${old.url}/health`);
  expect(before.headers.get('connection')).not.toBe('close');
  old.diversion.open(successor.baseUrl);
  const body = JSON.stringify({ text: 'ünï\n'.repeat(50_000) });
  const answer = await fetch(`${old.url}/drover/models/load?x=%20y`, {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      authorization: 'Bearer a-key',
      'x-api-key': 'another',
      cookie: 'session=1',
      'x-custom': 'kept',
      origin: 'http://page.example',
    },
    body,
  });
  expect(answer.status).toBe(200);
  expect(answer.headers.get('connection')).toBe('close');
  expect(answer.headers.get('access-control-allow-origin')).toBe('http://page.example');
  const echoed = (await answer.json()) as Echoed;
  expect(echoed).toMatchObject({ method: 'POST', target: '/drover/models/load?x=%20y' });
  expect(echoed.headers).toMatchObject({
    authorization: 'Bearer a-key',
    'x-api-key': 'another',
    cookie: 'session=1',
    'x-custom': 'kept',
    'content-type': 'application/json',
  });
  // Judged here; for the successor the host is another, and the page's origin would look foreign.
  expect(echoed.headers.origin).toBeUndefined();
  expect(echoed.body).toBe(Buffer.from(body).toString('latin1'));
  expect(((await (await fetch(`${old.url}/health`)).json()) as Echoed).target).toBe('/health');
});

test('what the door refuses is refused here, and a successor that has gone is told', async () => {
  await using old = await startOld();
  old.diversion.open('http://127.0.0.1:1');
  const foreign = await fetch(`${old.url}/unload`, { method: 'POST', headers: { origin: 'http://evil.example' } });
  expect(foreign.status).toBe(403);
  expect((await fetch(`${old.url}/health`)).status).toBe(502);
  old.diversion.close();
  expect((await fetch(`${old.url}/health`)).status).toBe(200);
});

test('a kept connection is asked to come back', async () => {
  await using successor = startEcho();
  await using old = await startOld();
  const { port } = old.listener;
  const text = await new Promise<string>((resolve, reject) => {
    let heard = '';
    const socket = connect(port, '127.0.0.1', () => socket.write('GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n'));
    socket.on('data', (bytes) => {
      if (heard === '') {
        old.diversion.open(successor.baseUrl);
        socket.write('GET /v1/models HTTP/1.1\r\nHost: localhost\r\n\r\n');
      }
      heard += bytes.toString();
    });
    // The server closes, not we.
    socket.on('close', () => resolve(heard));
    socket.on('error', reject);
  });
  const [first = '', second = ''] = text.split(/(?=HTTP\/1\.1 )/);
  expect(first).not.toMatch(/connection: close/i);
  expect(second).toMatch(/connection: close/i);
  expect(second).toContain('"target":"/v1/models"');
});

test('while it is open who will serve, what changes something waits; what does not, does not', async () => {
  await using successor = startEcho();
  await using old = await startOld();
  const post = (path: string, body: unknown): Promise<Response> =>
    fetch(`${old.url}${path}`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(body),
    });
  old.diversion.hold();
  let isAnswered = false;
  const held = post('/drover/rescan', {}).finally(() => {
    isAnswered = true;
  });
  expect((await fetch(`${old.url}/drover/status`)).status).toBe(200);
  // Its model is not there, which only the one who serves can say.
  expect((await post('/v1/chat/completions', { model: 'nobody', messages: [] })).status).toBe(404);
  expect(isAnswered).toBe(false);
  old.diversion.open(successor.baseUrl);
  expect(((await (await held).json()) as Echoed).target).toBe('/drover/rescan');

  old.diversion.close();
  old.diversion.hold();
  const again = post('/drover/rescan', {});
  expect((await fetch(`${old.url}/health`)).status).toBe(200);
  old.diversion.release();
  const answer = await again;
  expect([answer.status, answer.headers.get('connection') === 'close']).toEqual([200, false]);
});
