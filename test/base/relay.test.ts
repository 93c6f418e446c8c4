import { afterAll, describe, expect, test } from 'bun:test';
import type { Socket } from 'bun';
import { Fault } from '../../src/base/fault.ts';
import {
  headersUpstream,
  type RelayOptions,
  type RelayOutcome,
  type RelayRequest,
  relay,
} from '../../src/base/relay.ts';
import { Latch } from '../../src/base/sync.ts';
import { type Exchange, Upstream } from '../../src/base/upstream.ts';

// Engines that misbehave in ways that a real one cannot be made to show: scripts on a plain socket.
type Script = (socket: Socket<{ text: string; requestCount: number }>, request: string) => void;

interface Fake {
  readonly baseUrl: string;
  connectionCount: number;
  readonly closed: Latch;
  readonly requests: string[];
}

const servers: { stop(force: boolean): void }[] = [];
afterAll(() => {
  for (const server of servers) server.stop(true);
});

function fakeEngine(script: Script): Fake {
  const closed = new Latch();
  const fake: Fake = { baseUrl: '', connectionCount: 0, closed, requests: [] };
  const server = Bun.listen<{ text: string; requestCount: number }>({
    hostname: '127.0.0.1',
    port: 0,
    socket: {
      open: (socket) => {
        socket.data = { text: '', requestCount: 0 };
        fake.connectionCount += 1;
      },
      data: (socket, bytes) => {
        socket.data.text += bytes.toString('latin1');
        const at = socket.data.text.indexOf('\r\n\r\n');
        if (at === -1) return;
        const length = Number(/content-length: (\d+)/i.exec(socket.data.text)?.[1] ?? 0);
        if (socket.data.text.length < at + 4 + length) return;
        const request = socket.data.text;
        socket.data.text = '';
        socket.data.requestCount += 1;
        fake.requests.push(request);
        script(socket, request);
      },
      close: () => closed.open(),
    },
  });
  servers.push(server);
  return Object.assign(fake, { baseUrl: `http://127.0.0.1:${server.port}` });
}

const SSE = 'HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n';
const chunk = (text: string): string => `${Buffer.byteLength(text).toString(16)}\r\n${text}\r\n`;

interface Call {
  readonly request?: Partial<RelayRequest>;
  readonly gone?: AbortSignal;
  readonly lastFrame?: RelayOptions['lastFrame'];
  readonly upstream?: Upstream;
}

function call(fake: Fake, options: Call = {}): { response: Promise<Response>; outcome: Promise<RelayOutcome> } {
  const ended = new Latch<RelayOutcome>();
  const response = relay(
    options.upstream ?? new Upstream(),
    { baseUrl: fake.baseUrl, headers: {}, signal: options.gone ?? new AbortController().signal },
    {
      method: 'POST',
      target: '/v1/chat/completions?x=1',
      headers: new Headers({ 'content-type': 'application/json' }),
      body: { chunks: [Buffer.from('{"a":1}')], rest: null, lengthBytes: 7 },
      signal: new AbortController().signal,
      ...options.request,
    },
    {
      tailBytes: 64,
      lastFrame:
        options.lastFrame ??
        ((fault, type, isMid) =>
          type === 'text/event-stream' ? Buffer.from(`${isMid ? '|' : ''}[${fault.message}]`) : null),
      onEnd: (outcome) => {
        if (ended.isSettled) throw new Error('ended twice');
        ended.open(outcome);
      },
    },
  );
  response.catch(() => undefined);
  return { response, outcome: ended.promise };
}

describe('an answer', () => {
  test('comes back byte by byte, with its status and headers but the hop-by-hop ones', async () => {
    const body = Buffer.from([0xff, 0, 0xfe, 0x80]);
    const fake = fakeEngine((socket) => {
      socket.write(
        'HTTP/1.1 418 Teapot\r\nContent-Type: a/b\r\nX-Own: 1\r\nServer: llama.cpp\r\nAccess-Control-Allow-Origin: *\r\nSet-Cookie: a=b\r\nKeep-Alive: timeout=5\r\nContent-Length: 4\r\n\r\n',
      );
      socket.write(body);
    });
    const { response, outcome } = call(fake);
    const answer = await response;
    expect(answer.status).toBe(418);
    expect([...answer.headers.keys()].sort()).toEqual(['content-type', 'x-own']);
    expect([...(await answer.bytes())]).toEqual([...body]);
    expect(fake.requests[0]).toStartWith('POST /v1/chat/completions?x=1 HTTP/1.1\r\nHost: 127.0.0.1:');
    expect(fake.requests[0]).toEndWith('Content-Length: 7\r\n\r\n{"a":1}');
    const { status, bytesOut, fault, firstByteMs } = await outcome;
    expect({ status, bytesOut, fault }).toEqual({
      status: 418,
      bytesOut: 4,
      fault: null,
    });
    expect(firstByteMs).toBeGreaterThan(0);
  });

  test('keeps characters that are cut between reads', async () => {
    const text = Buffer.from('data: "häß 😀"\n\n');
    const fake = fakeEngine(async (socket) => {
      socket.write(SSE);
      for (const byte of text) {
        socket.write(Buffer.concat([Buffer.from('1\r\n'), Buffer.from([byte]), Buffer.from('\r\n')]));
        socket.flush();
        await new Promise((resolve) => setImmediate(resolve));
      }
      socket.write('0\r\n\r\n');
    });
    expect(Buffer.from(await (await call(fake).response).arrayBuffer()).equals(text)).toBe(true);
  });

  test('its tail is kept, and no more of it', async () => {
    const fake = fakeEngine((socket) => {
      const body = Buffer.alloc(400_000, 'x');
      body.write('END', body.length - 3);
      socket.write(`HTTP/1.1 200 OK\r\nContent-Length: ${body.length}\r\n\r\n`);
      socket.write(body);
    });
    const { response, outcome } = call(fake);
    expect((await (await response).bytes()).length).toBe(400_000);
    const tail = Buffer.concat([...(await outcome).tail]);
    expect(tail.length).toBeLessThan(300_000);
    expect(tail.toString()).toEndWith('END');
  });
});

describe('the caller', () => {
  test("its credentials, cookies and hop-by-hop headers stay here; the engine's key goes", () => {
    const headers = new Headers({
      authorization: 'Bearer secret',
      'x-api-key': 'secret',
      cookie: 'a=b',
      host: 'evil',
      connection: 'close, x-hop',
      'x-hop': '1',
      'sec-fetch-site': 'none',
      origin: 'http://localhost',
      'accept-encoding': 'gzip',
      'content-type': 'application/json',
      'x-conversation-id': '7',
    });
    expect(headersUpstream(headers, { authorization: 'Bearer child' }).sort()).toEqual([
      ['authorization', 'Bearer child'],
      ['content-type', 'application/json'],
      ['x-conversation-id', '7'],
    ]);
  });

  test('leaving before an answer ends the connection to the engine', async () => {
    const reached = new Latch();
    const fake = fakeEngine(() => reached.open());
    const left = new AbortController();
    const { response, outcome } = call(fake, { request: { signal: left.signal } });
    await reached.promise;
    left.abort();
    expect(response).rejects.toMatchObject({ kind: 'cancelled' });
    await fake.closed.promise;
    expect((await outcome).fault?.kind).toBe('cancelled');
  });

  test('leaving in the middle of a stream ends the connection to the engine', async () => {
    const fake = fakeEngine((socket) => void socket.write(SSE + chunk('data: 1\n\n')));
    const { response, outcome } = call(fake);
    const reader = (await response).body?.getReader();
    expect(Buffer.from((await reader?.read())?.value ?? []).toString()).toBe('data: 1\n\n');
    await reader?.cancel();
    await fake.closed.promise;
    expect((await outcome).fault?.kind).toBe('cancelled');
  });

  test('a slow one slows the engine, not our memory', async () => {
    const piece = Buffer.alloc(1024 * 1024, 'y');
    let sent = 0;
    const total = 64;
    const fake = fakeEngine((socket) => {
      socket.write(`HTTP/1.1 200 OK\r\nContent-Length: ${piece.length * total}\r\n\r\n`);
      feed(socket);
    });
    let offset = 0;
    function feed(socket: Parameters<Script>[0]): void {
      while (sent < total) {
        const written = socket.write(piece, offset, piece.length - offset);
        offset += Math.max(0, written);
        if (offset < piece.length) {
          setTimeout(feed, 1, socket);
          return;
        }
        offset = 0;
        sent += 1;
      }
    }
    const answer = await call(fake).response;
    const reader = answer.body?.getReader();
    await reader?.read();
    // The engine stalls once every buffer between it and the reader is full; wait until it stops moving.
    for (let before = -1; before !== sent * piece.length + offset; ) {
      before = sent * piece.length + offset;
      await Bun.sleep(30);
    }
    expect(sent).toBeLessThan(24);
    let length = 0;
    for (;;) {
      const next = await reader?.read();
      if (next === undefined || next.done) break;
      length += next.value.length;
    }
    expect(length).toBeGreaterThan(piece.length * (total - 1));
  });
});

describe('the engine', () => {
  test('dying in a stream leaves an error in it, never a clean end', async () => {
    const fake = fakeEngine((socket) => {
      socket.write(SSE + chunk('data: 1\n\n'));
      socket.flush();
      setTimeout(() => socket.terminate(), 5);
    });
    const { response, outcome } = call(fake);
    expect(await (await response).text()).toBe('data: 1\n\n[The engine stopped in the middle of its answer.]');
    expect((await outcome).fault?.kind).toBe('bad_gateway');
  });

  test('cut in the middle of a frame, the error still stands on its own', async () => {
    const fake = fakeEngine((socket) => {
      socket.write(SSE + chunk('data: {"hal'));
      socket.flush();
      setTimeout(() => socket.terminate(), 5);
    });
    expect(await (await call(fake).response).text()).toBe(
      'data: {"hal|[The engine stopped in the middle of its answer.]',
    );
  });

  test('dying in a long answer cuts it', async () => {
    const fake = fakeEngine((socket) => {
      socket.write('HTTP/1.1 200 OK\r\nContent-Length: 9000000\r\n\r\nabc');
      socket.flush();
      setTimeout(() => socket.terminate(), 5);
    });
    const { response } = call(fake);
    expect((await response).text()).rejects.toThrow();
  });

  test('dying in a short answer is an error with a status of its own', async () => {
    const fake = fakeEngine((socket) => {
      socket.write('HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nabc');
      socket.flush();
      setTimeout(() => socket.terminate(), 5);
    });
    expect(call(fake).response).rejects.toMatchObject({
      kind: 'bad_gateway',
      message: 'The engine stopped in the middle of its answer.',
    });
  });

  test('when its supervisor knows why, that is what is told', async () => {
    const gone = new AbortController();
    const fake = fakeEngine((socket) => {
      socket.write(SSE + chunk('data: 1\n\n'));
      socket.flush();
      setTimeout(() => {
        socket.terminate();
        setTimeout(() => gone.abort(new Fault('bad_gateway', 'out of memory')), 10);
      }, 5);
    });
    expect(await (await call(fake, { gone: gone.signal }).response).text()).toBe('data: 1\n\n[out of memory]');
  });

  test('stopped by force, its streams are told at once', async () => {
    const gone = new AbortController();
    const fake = fakeEngine((socket) => void socket.write(SSE + chunk('data: 1\n\n')));
    const answer = await call(fake, { gone: gone.signal }).response;
    gone.abort(new Fault('unavailable', 'stopped'));
    expect(await answer.text()).toBe('data: 1\n\n[stopped]');
    await fake.closed.promise;
  });

  test('that is not there is an error that says so', async () => {
    const fake = fakeEngine(() => undefined);
    servers.pop()?.stop(true);
    expect(call(fake).response).rejects.toMatchObject({
      kind: 'bad_gateway',
      message: 'The engine does not accept connections.',
    });
  });
});

describe('connections', () => {
  const good = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok';

  test('are kept and used again', async () => {
    const upstream = new Upstream();
    const fake = fakeEngine((socket) => void socket.write(good));
    for (let count = 0; count < 5; count += 1)
      expect(await (await call(fake, { upstream }).response).text()).toBe('ok');
    expect(fake.connectionCount).toBe(1);
    upstream.close();
  });

  test('that the engine closed meanwhile are not used: the request is asked again', async () => {
    const upstream = new Upstream();
    const fake = fakeEngine((socket) => {
      // The second request on a connection meets its end, as when the idle time runs out at that very moment.
      if (socket.data.requestCount > 1) socket.terminate();
      else socket.write(good);
    });
    await (await call(fake, { upstream }).response).text();
    expect(await (await call(fake, { upstream }).response).text()).toBe('ok');
    expect(fake.connectionCount).toBe(2);
    upstream.close();
  });

  test('a fresh one that ends without an answer is not tried again', async () => {
    const fake = fakeEngine((socket) => socket.terminate());
    expect(call(fake).response).rejects.toMatchObject({
      message: 'The engine closed the connection without an answer.',
    });
    await fake.closed.promise;
    expect(fake.connectionCount).toBe(1);
  });

  test('after an answer that came before all of the request was sent are not used again', async () => {
    const upstream = new Upstream();
    const fake = fakeEngine((socket) => void socket.write(good));
    const never = new ReadableStream<Uint8Array>({ pull: () => new Promise(() => undefined) });
    // The fake answers once the announced length of the first part is there.
    const first = call(fake, {
      upstream,
      request: {
        body: { chunks: [Buffer.from('abc')], rest: never, lengthBytes: null },
        headers: new Headers({ 'x-content-length': '3', 'content-type': 'a/b' }),
      },
    });
    expect(await (await first.response).text()).toBe('ok');
    await (await call(fake, { upstream }).response).text();
    expect(fake.connectionCount).toBe(2);
    upstream.close();
  });

  test('are not let run by the exchange that had them before', async () => {
    const upstream = new Upstream();
    const held: Socket<{ text: string; requestCount: number }>[] = [];
    const fake = fakeEngine((socket, request) => {
      if (request.startsWith('GET /late')) {
        held.push(socket);
        socket.write('HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nab');
        return;
      }
      // By the time this answer comes, the rest of the held one has been readable for a while.
      if (request.startsWith('GET /other')) held.shift()?.write('cd');
      socket.write(good);
    });
    const send = (target: string, onData: (exchange: Exchange, bytes: Uint8Array) => void) => {
      const ended = new Latch();
      const exchange: Exchange = upstream.send(
        { baseUrl: fake.baseUrl, method: 'GET', target, headers: [], body: null },
        {
          head: () => undefined,
          data: (bytes) => onData(exchange, bytes),
          end: () => ended.open(),
          fail: (fault) => ended.fail(fault),
        },
      );
      return { exchange, ended: ended.promise };
    };
    const first = send('/first', (exchange) => exchange.pause());
    await first.ended;
    let seen = '';
    const paused = new Latch();
    const second = send('/late', (exchange, bytes) => {
      seen += Buffer.from(bytes).toString();
      if (seen !== 'ab') return;
      exchange.pause();
      paused.open();
    });
    await paused.promise;
    expect(fake.connectionCount).toBe(1);
    first.exchange.resume();
    for (let count = 0; count < 3; count += 1) await send('/other', () => undefined).ended;
    expect(seen).toBe('ab');
    second.exchange.resume();
    await second.ended;
    expect(seen).toBe('abcd');
    upstream.close();
  });

  test('carry a large body and one of unknown length', async () => {
    let received = 0;
    const server = Bun.serve({
      hostname: '127.0.0.1',
      port: 0,
      async fetch(request) {
        received = (await request.bytes()).length;
        return new Response(request.headers.get('transfer-encoding') ?? 'length');
      },
    });
    servers.push({ stop: () => void server.stop(true) });
    const fake = { baseUrl: `http://127.0.0.1:${server.port}`, connectionCount: 0, closed: new Latch(), requests: [] };
    const large = Buffer.alloc(10 * 1024 * 1024, 'z');
    const whole = call(fake, { request: { body: { chunks: [large], rest: null, lengthBytes: large.length } } });
    expect(await (await whole.response).text()).toBe('length');
    expect(received).toBe(large.length);
    const rest = new ReadableStream<Uint8Array>({
      start(controller) {
        for (let count = 0; count < 40; count += 1) controller.enqueue(large.subarray(0, 100_000));
        controller.close();
      },
    });
    const streamed = call(fake, { request: { body: { chunks: [Buffer.from('ab')], rest, lengthBytes: null } } });
    expect(await (await streamed.response).text()).toBe('chunked');
    expect(received).toBe(4_000_002);
  });
});
