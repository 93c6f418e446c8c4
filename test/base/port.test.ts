import { expect, test } from 'bun:test';
import { firstFreePort, isFreePort } from '../../src/base/port.ts';

const hold = (
  hostname: string,
  options: { reusePort?: boolean; port?: number } = {},
): Disposable & { port: number } => {
  const server = Bun.serve({ hostname, port: 0, reusePort: false, ...options, fetch: () => new Response('mine') });
  return { port: server.port ?? 0, [Symbol.dispose]: () => void server.stop(true) };
};

test.each(['127.0.0.1', '0.0.0.0', '::'])('a port that somebody holds on %s is not free on loopback', (host) => {
  using held = hold(host);
  expect(isFreePort(held.port)).toBe(false);
});

test.each(['127.0.0.1', '0.0.0.0', '::'])('nor one that he would share (SO_REUSEPORT) on %s', (host) => {
  using held = hold(host, { reusePort: true });
  expect(isFreePort(held.port)).toBe(false);
});

test('a look takes nothing: the port is free for the next one, and shared by nobody', () => {
  const port = (() => {
    using held = hold('127.0.0.1');
    return held.port;
  })();
  expect([isFreePort(port), isFreePort(port)]).toEqual([true, true]);
  using held = hold('127.0.0.1', { port });
  expect(held.port).toBe(port);
});

test.skipIf(process.platform !== 'linux')('a wildcard is taken where one address of it is', () => {
  using held = hold('127.0.0.2');
  expect(isFreePort(held.port)).toBe(true);
  expect(isFreePort(held.port, ['127.0.0.1', '0.0.0.0'])).toBe(false);
  expect(isFreePort(held.port, ['::'])).toBe(false);
});

test('an address of another machine says nothing of a port', () => {
  using held = hold('127.0.0.1');
  // For documentation (RFC 5737, RFC 3849): nobody has them.
  expect(isFreePort(held.port, ['192.0.2.1', '2001:db8::1'])).toBe(true);
});

test('the next one where it is held or given away; none beyond the last', () => {
  using held = hold('127.0.0.1');
  const next = firstFreePort(held.port, new Set([held.port + 1])) ?? 0;
  expect(next).toBeGreaterThan(held.port + 1);
  expect(firstFreePort(65_535, new Set([65_535]))).toBeNull();
});
