// The port of an instance on the compiled executable: it leads to that one model while it runs, past the same guard as all.
import { afterAll, beforeAll, expect, test } from 'bun:test';
import { isOpenPort } from '../../src/base/port.ts';
import type { RunningDrover } from '../fixtures/drover.ts';
import { type Client, type Json, startLlamactl, testModels } from './server.ts';

const models = testModels('llamactl-door');
let drover: RunningDrover;
let client: Client;
let port = 0;

beforeAll(async () => {
  ({ drover, client } = await startLlamactl());
  await client.create('door', models.file('door'));
  await client.create('other', models.file('other'));
  ({ port } = (await client.ask('GET', '/api/instances/door')).body);
});
afterAll(async () => {
  await drover?.[Symbol.asyncDispose]();
  models[Symbol.dispose]();
});

/** Looks by connecting: to bind it would be in its owner's way. */
async function untilPort(number: number, isOpen: boolean): Promise<void> {
  for (const since = performance.now(); performance.now() - since < 20_000; await Bun.sleep(3)) {
    if ((await isOpenPort(number)) === isOpen) return;
  }
  throw new Error(`port ${number} is ${isOpen ? 'closed' : 'open'}`);
}

const at = (path: string, init: RequestInit = {}): Promise<Response> =>
  fetch(`http://127.0.0.1:${port}${path}`, { keepalive: false, ...init });
const chat = (headers: Record<string, string> = {}): Promise<Response> =>
  at('/v1/chat/completions', {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: JSON.stringify({ messages: [{ role: 'user', content: 'the water' }], max_tokens: 2 }),
  });

test('is given automatically, another one for each, and is closed until it runs', async () => {
  const other = (await client.ask('GET', '/api/instances/other')).body;
  expect(port).toBeGreaterThanOrEqual(8100);
  expect(other.port).not.toBe(port);
  expect(await isOpenPort(port)).toBe(false);
});

test('answers for its model without being told its name, and for nothing else', async () => {
  await client.verb('door', 'start');
  await client.until('door', 'running');
  await untilPort(port, true);
  const answer = await chat();
  expect(answer.status).toBe(200);
  expect(((await answer.json()) as Json).choices.length).toBe(1);
  const { data } = (await (await at('/v1/models')).json()) as Json;
  expect(data.map((model: Json) => model.id)).toEqual(['door']);
  expect((await at('/health')).status).toBe(200);
  // The server's own routes are not behind this door.
  expect((await at('/api/instances')).status).toBe(404);
  expect((await at('/../../api/instances')).status).toBe(404);
});

test('is guarded: another Host, another site’s page', async () => {
  expect((await at('/v1/models', { headers: { host: 'evil.example' } })).status).toBe(403);
  expect((await chat({ origin: 'http://evil.example' })).status).toBe(403);
  expect((await at('/v1/models', { headers: { origin: 'null' } })).status).toBe(403);
});

test('closes with it; a port that somebody else has taken meanwhile is told at the start', async () => {
  await client.verb('door', 'stop');
  await client.until('door', 'stopped');
  await untilPort(port, false);
  const taker = Bun.serve({ hostname: '127.0.0.1', port, fetch: () => new Response('') });
  const refused = await client.verb('door', 'start');
  expect(refused).toMatchObject({ status: 409, body: { code: 'PORT_TAKEN' } });
  expect(await client.status('door')).toBe('stopped');
  await taker.stop(true);
  await client.verb('door', 'start');
  await client.until('door', 'running');
});

test('another one is taken with the next start', async () => {
  const free = (await client.ask('GET', '/api/instances/other')).body.port as number;
  await client.ask('DELETE', '/api/instances/other');
  const changed = await client.ask('PUT', '/api/instances/door', { port: free });
  expect(changed).toMatchObject({ status: 200, body: { requires_restart: true, instance: { port: free } } });
  await client.verb('door', 'restart');
  const before = port;
  port = free;
  await untilPort(free, true);
  await untilPort(before, false);
  expect((await chat()).status).toBe(200);
});

test('needs a key as soon as there is one', async () => {
  const made = await drover.cli('keys', 'add', 'tester', '--scopes', 'chat', '--json');
  const { key } = JSON.parse(made.stdout) as { key: string };
  // The door asks the same guard as all others: it knows when that does.
  while ((await drover.request('/v1/models')).status === 200) await Bun.sleep(3);
  expect((await chat()).status).toBe(401);
  expect((await chat({ authorization: `Bearer ${key}` })).status).toBe(200);
});
