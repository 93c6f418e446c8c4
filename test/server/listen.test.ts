import { expect, test } from 'bun:test';
import { connect } from 'node:net';
import { Elysia } from 'elysia';
import { Latch } from '../../src/base/sync.ts';
import { createApp } from '../../src/server/app.ts';
import { isLoopback, listen, parseAddress } from '../../src/server/listen.ts';
import { OPEN_OPTIONS, SmallCore } from '../fixtures/real-child.ts';

const app = () => createApp(new SmallCore([]).drover, OPEN_OPTIONS);

test('addresses', () => {
  expect(parseAddress('127.0.0.1:5800')).toEqual({ host: '127.0.0.1', port: 5800 });
  expect(parseAddress(':8080')).toEqual({ host: '127.0.0.1', port: 8080 });
  expect(parseAddress('8080')).toEqual({ host: '127.0.0.1', port: 8080 });
  expect(parseAddress('0.0.0.0')).toEqual({ host: '0.0.0.0', port: 5800 });
  expect(parseAddress('*:1')).toEqual({ host: '0.0.0.0', port: 1 });
  expect(parseAddress('[::1]:0')).toEqual({ host: '::1', port: 0 });
  expect(parseAddress('::')).toEqual({ host: '::', port: 5800 });
  expect(parseAddress('My.Host:80')).toEqual({ host: 'my.host', port: 80 });
  for (const wrong of ['', 'a:b', 'host:99999', '70000', 'http://x', '[zz]:1', 'a b:1'])
    expect(() => parseAddress(wrong)).toThrow('no address');
  expect(['localhost', '::1', '[::1]', '127.3.2.1', '::ffff:127.0.0.1'].map(isLoopback)).not.toContain(false);
  expect(['0.0.0.0', '::', '192.168.0.1', '127.0.0.1.example', 'example'].map(isLoopback)).not.toContain(true);
});

test('a taken port is refused, and its holder named', async () => {
  const first = await listen({ app: app(), host: '127.0.0.1', port: 0 });
  try {
    await listen({ app: app(), host: '127.0.0.1', port: first.port });
    throw new Error('two servers share a port');
  } catch (thrown) {
    expect(thrown).toMatchObject({ kind: 'port_taken', details: { port: first.port } });
    if (process.platform === 'linux') expect(thrown).toMatchObject({ details: { pid: process.pid } });
  }
  await first.close();
});

test('a host that is not ours is refused', async () => {
  expect(listen({ app: app(), host: '203.0.113.7', port: 0 })).rejects.toMatchObject({ kind: 'bad_request' });
});

const streaming = (gate: Latch) =>
  new Elysia({ systemRouter: false }).get('/', () => {
    const encoder = new TextEncoder();
    return new Response(
      new ReadableStream({
        async start(controller) {
          controller.enqueue(encoder.encode('first '));
          await gate.promise;
          controller.enqueue(encoder.encode('last'));
          controller.close();
        },
      }),
    );
  });

test('a drain lets a running answer end, and takes no new one', async () => {
  const gate = new Latch();
  const listener = await listen({ app: streaming(gate), host: '127.0.0.1', port: 0 });
  const url = listener.urls[0] ?? '';
  const answer = await fetch(url);
  const closing = listener.close({ drainMs: 5000 });
  expect(fetch(url, { keepalive: false })).rejects.toThrow();
  gate.open();
  expect(await answer.text()).toBe('first last');
  await closing;
});

test('a drain has an end', async () => {
  const gate = new Latch();
  const listener = await listen({ app: streaming(gate), host: '127.0.0.1', port: 0 });
  const answer = await fetch(listener.urls[0] ?? '');
  const reading = answer.text();
  reading.catch(() => undefined);
  const before = performance.now();
  await listener.close({ drainMs: 50 });
  expect(performance.now() - before).toBeLessThan(2000);
  expect(reading).rejects.toThrow();
});

test('a kept connection on which nothing runs holds up no drain', async () => {
  const listener = await listen({ app: app(), host: '127.0.0.1', port: 0 });
  const answered = new Latch();
  const closed = new Latch();
  const socket = connect(listener.port, '127.0.0.1');
  socket.on('data', () => answered.open());
  socket.on('close', () => closed.open());
  socket.on('error', () => closed.open());
  socket.write('GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n');
  await answered.promise;
  const before = performance.now();
  await listener.close({ drainMs: 4000 });
  expect(performance.now() - before).toBeLessThan(1000);
  socket.destroy();
  await closed.promise;
});
