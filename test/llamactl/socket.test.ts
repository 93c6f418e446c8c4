// LlamaCtl's WebSocket on the compiled executable: every change of a status, figures of what runs, alarms, for clients that
// read and one that does not; its end with the server's.
import { afterAll, beforeAll, expect, test } from 'bun:test';
import { connect } from 'node:net';
import type { RunningDrover } from '../fixtures/drover.ts';
import { eventually } from '../fixtures/restarts.ts';
import { type Client, type Json, startLlamactl, testModels } from './server.ts';

const models = testModels('llamactl-socket');
let drover: RunningDrover;
let client: Client;

beforeAll(async () => {
  ({ drover, client } = await startLlamactl());
});
afterAll(async () => {
  await drover?.[Symbol.asyncDispose]();
  models[Symbol.dispose]();
});

interface Listening {
  readonly messages: Json[];
  readonly closed: Promise<CloseEvent>;
  readonly of: (type: string) => Json[];
  readonly close: () => void;
}

async function listen(url = drover.url): Promise<Listening> {
  const socket = new WebSocket(`${url.replace('http', 'ws')}/api/ws`);
  const messages: Json[] = [];
  socket.onmessage = ({ data }) => void messages.push(JSON.parse(String(data)));
  const closed = new Promise<CloseEvent>((resolve) => {
    socket.onclose = resolve;
  });
  await new Promise((resolve, reject) => {
    socket.onopen = resolve;
    socket.onerror = reject;
  });
  return {
    messages,
    closed,
    of: (type) => messages.filter((message) => message.type === type).map(({ data }) => data),
    close: () => socket.close(),
  };
}

/** A handshake, and then nobody reads. */
function deaf(): Promise<{ readonly close: () => void }> {
  const { hostname, port, host } = new URL(drover.url);
  return new Promise((resolve, reject) => {
    const socket = connect({ host: hostname, port: Number(port) });
    socket.once('error', reject);
    socket.once('data', () => {
      socket.pause();
      resolve({ close: () => socket.destroy() });
    });
    socket.write(
      `GET /api/ws HTTP/1.1\r\nHost: ${host}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n`,
    );
  });
}

test('three clients and one that does not read: every status in order, figures, and the alarm of a crash', async () => {
  const listeners = [await listen(), await listen(), await listen()];
  const silent = await deaf();
  await client.create('loud', models.file('loud'), { options: { restart_delay: 0.1 } });
  await client.verb('loud', 'start');
  const { pid } = await client.until('loud', 'running');
  const [first] = listeners;
  await eventually(
    () => (first?.of('instance_stats_updated').length ?? 0) >= 2,
    () => JSON.stringify(first?.messages),
    15_000,
  );
  process.kill(pid, 'SIGKILL');
  await client.untilAnother('loud', pid);
  await client.verb('loud', 'stop');
  await client.until('loud', 'stopped');
  const expected = ['starting', 'running', 'error', 'starting', 'running', 'stopping', 'stopped'];
  for (const listener of listeners) {
    await eventually(
      () => listener.of('instance_status_changed').length >= expected.length,
      () => JSON.stringify(listener.messages),
    );
    const changes = listener.of('instance_status_changed');
    expect(changes.map(({ status }: Json) => status)).toEqual(expected);
    expect(changes.map(({ old_status }: Json) => old_status)).toEqual(['stopped', ...expected.slice(0, -1)]);
    for (const { name } of changes) expect(name).toBe('loud');
    expect(listener.of('system_alert')).toMatchObject([{ level: 'error', code: 'INSTANCE_CRASHED' }]);
    expect(listener.of('system_alert')[0].message).toContain('loud');
    for (const { name, stats } of listener.of('instance_stats_updated')) {
      expect(name).toBe('loud');
      expect(Object.keys(stats)).toEqual(['memory_usage', 'cpu_usage', 'uptime']);
      expect(stats.memory_usage).toBeGreaterThan(1_000_000);
    }
    for (const message of listener.messages) {
      expect(Object.keys(message)).toEqual(['type', 'timestamp', 'data']);
      expect(message.timestamp).toMatch(/^\d{4}-.*Z$/);
      expect(['instance_status_changed', 'instance_stats_updated', 'system_alert']).toContain(message.type);
    }
    listener.close();
  }
  silent.close();
}, 40_000);

test('what others start and stop is told too, and 200 may listen', async () => {
  const listeners = await Promise.all(Array.from({ length: 200 }, () => listen()));
  await drover.json('/drover/models/load', { model: 'loud' });
  await drover.json('/drover/models/stop', { model: 'loud' });
  for (const listener of listeners) {
    await eventually(
      () => listener.of('instance_status_changed').length >= 4,
      () => JSON.stringify(listener.messages),
    );
    expect(listener.of('instance_status_changed').map(({ status }: Json) => status)).toEqual([
      'starting',
      'running',
      'stopping',
      'stopped',
    ]);
    listener.close();
  }
});

test('a page of another site cannot listen', async () => {
  const { host } = new URL(drover.url);
  const headers = {
    upgrade: 'websocket',
    connection: 'Upgrade',
    'sec-websocket-version': '13',
    'sec-websocket-key': 'dGhlIHNhbXBsZSBub25jZQ==',
  };
  const foreign = await drover.request('/api/ws', { headers: { ...headers, host, origin: 'http://evil.example' } });
  expect(foreign.status).toBe(403);
});

test('the server’s end is told: 1001', async () => {
  const own = await startLlamactl();
  const listener = await listen(own.drover.url);
  own.drover.kill('SIGTERM');
  expect((await listener.closed).code).toBe(1001);
  await own.drover[Symbol.asyncDispose]();
});
