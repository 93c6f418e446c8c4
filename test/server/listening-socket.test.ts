import { expect, test } from 'bun:test';
import { connect } from 'node:net';
import { Latch } from '../../src/base/sync.ts';
import {
  discardSocket,
  epollEvent,
  listeningDescriptor,
  listeningPort,
  pauseAccepting,
  portOf,
  takePlace,
  watchingOf,
} from '../../src/server/listening-socket.ts';

const serve = (): { readonly port: number; stop(): Promise<void> } => {
  const server = Bun.serve({ hostname: '127.0.0.1', port: 0, reusePort: false, fetch: () => new Response('served') });
  return { port: server.port ?? 0, stop: () => server.stop(true) };
};

const FDINFO = `pos:	0
flags:	02000002
mnt_id:	17
ino:	1038
tfd:        4 events: 80000019 data:      3db32d90400  pos:0 ino:40e sdev:10
tfd:       14 events:       19 data:      3db32df49c0  pos:0 ino:85b4 sdev:9
tfd:       15 events:       19 data: ffffffff00000001  pos:0 ino:85b5 sdev:9
tfd:       16 events:       19 data:                1  pos:0 ino:85b6 sdev:9
tfd:       16 events:       19 data:                2  pos:0 ino:85b7 sdev:9
`;

test('how epoll watches a descriptor is read from what the kernel says; what is not sure is nothing', () => {
  expect(watchingOf(FDINFO, 4)).toEqual({ events: 0x80000019, data: 0x3db32d90400n });
  expect(watchingOf(FDINFO, 14)).toEqual({ events: 0x19, data: 0x3db32df49c0n });
  expect(watchingOf(FDINFO, 15)?.data).toBe(0xffffffff00000001n);
  for (const absent of [1, 5, 16, 144]) expect(watchingOf(FDINFO, absent)).toBeNull();
  expect(watchingOf('', 4)).toBeNull();
});

test('an epoll event is packed on x86-64 only', () => {
  const watching = { events: 0x80000019, data: 0x0102030405060708n };
  expect([...epollEvent(watching, true)]).toEqual([0x19, 0, 0, 0x80, 8, 7, 6, 5, 4, 3, 2, 1]);
  expect([...epollEvent(watching, false)]).toEqual([0x19, 0, 0, 0x80, 0, 0, 0, 0, 8, 7, 6, 5, 4, 3, 2, 1]);
});

test('the port of an address, whatever its family says', () => {
  expect(portOf(Uint8Array.of(2, 0, 0x16, 0xa8, 127, 0, 0, 1))).toBe(5800);
  expect(portOf(Uint8Array.of(10, 0, 0x16, 0xa8, 0, 0, 0, 0))).toBe(5800);
  expect(portOf(Uint8Array.of(1, 0, 0x16, 0xa8, 0, 0, 0, 0))).toBeNull();
  expect(portOf(Uint8Array.of(9, 9, 2, 0, 0x16, 0xa8, 0, 0).subarray(2))).toBe(5800);
});

test.if(process.platform === 'linux')('a listening socket is found by its port, and known from all else', async () => {
  const server = serve();
  const descriptor = listeningDescriptor(server.port);
  expect(descriptor).toBeNumber();
  expect(listeningPort(descriptor ?? -1)).toBe(server.port);
  expect(listeningPort(0)).toBeNull();
  expect(listeningPort(100_000)).toBeNull();
  // Nothing that is no listening socket is closed.
  discardSocket(2);
  process.stderr.write('');
  await server.stop();
  expect(listeningDescriptor(server.port)).toBeNull();
});

test.if(process.platform === 'linux')(
  'what is no listening socket takes no place, and the server goes on',
  async () => {
    const server = serve();
    expect(takePlace(100_000, server.port)).toBe(false);
    expect(await (await fetch(`http://127.0.0.1:${server.port}`)).text()).toBe('served');
    await server.stop();
  },
);

test.if(process.platform === 'linux')(
  'a pause leaves connections in the queue, and the way back takes them',
  async () => {
    const server = serve();
    const resume = pauseAccepting(listeningDescriptor(server.port) ?? -1);
    expect(resume).toBeFunction();
    let text = '';
    const answered = new Latch();
    const connected = new Latch();
    const socket = connect(server.port, '127.0.0.1', () => {
      socket.write('GET / HTTP/1.1\r\nHost: localhost\r\n\r\n');
      connected.open();
    });
    socket.on('data', (bytes) => {
      text += bytes.toString();
      answered.open();
    });
    await connected.promise;
    // The loop has turned many times by then.
    for (let turn = 0; turn < 50; turn += 1) await new Promise((resolve) => setImmediate(resolve));
    expect(text).toBe('');
    // Not watched any more, so there is nothing to pause.
    expect(pauseAccepting(listeningDescriptor(server.port) ?? -1)).toBeNull();
    expect(resume?.()).toBe(true);
    await answered.promise;
    expect(text).toEndWith('served');
    socket.destroy();
    await server.stop();
  },
);
