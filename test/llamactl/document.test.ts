// LlamaCtl's API document against the compiled executable and the real engine: its example script as it stands, and every
// field of every answer that it shows.
import { afterAll, beforeAll, expect, test } from 'bun:test';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { isFreePort } from '../../src/base/port.ts';
import type { RunningDrover } from '../fixtures/drover.ts';
import { differences } from '../fixtures/shape.ts';
import { type Client, eventually, type Json, startLlamactl, testModels } from './server.ts';

const SCRIPT = readFileSync(join(import.meta.dir, 'lifecycle.sh'), 'utf8');
const DOCUMENTED: Json = JSON.parse(readFileSync(join(import.meta.dir, 'documented-answers.json'), 'utf8'));

const models = testModels('llamactl-document');
const found = testModels('llamactl-document-found');
let drover: RunningDrover;
let client: Client;

beforeAll(async () => {
  found.file('found');
  ({ drover, client } = await startLlamactl({ modelsFolders: [found.path] }));
});
afterAll(async () => {
  await drover?.[Symbol.asyncDispose]();
  for (const folder of [models, found]) folder[Symbol.dispose]();
});

/** The answers of a script's curls, in order. */
async function run(script: string): Promise<readonly Json[]> {
  const shell = Bun.spawn(['bash', '-c', script.replaceAll(/^curl/gm, "curl -sS -w '\\n'")], {
    stdin: 'ignore',
    stdout: 'pipe',
    stderr: 'pipe',
  });
  const [out, error] = await Promise.all([new Response(shell.stdout).text(), new Response(shell.stderr).text()]);
  expect(error).toBe('');
  return out
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Json);
}

test('the lifecycle of its example, line by line', async () => {
  let script = SCRIPT.replaceAll('http://localhost:8080', drover.url).replaceAll(
    '/models/example.gguf',
    models.file('example'),
  );
  // Whoever else has the port on this machine is not what is tested.
  if (!isFreePort(8081)) script = script.replace('8081', '18081');
  const [created, started, read, stopped, deleted, ...more] = await run(script);
  expect(more).toEqual([]);
  expect(created).toMatchObject({
    message: 'Instance created successfully',
    instance: { name: 'example', status: 'stopped' },
  });
  expect(started).toEqual({ message: 'Instance start initiated', status: 'starting' });
  expect(['starting', 'running']).toContain(read.status);
  expect(stopped).toEqual({ message: 'Instance stop initiated', status: 'stopping' });
  expect(deleted).toEqual({ message: 'Instance deleted successfully' });
  expect((await client.ask('GET', '/api/instances/example')).status).toBe(404);
});

const expectDocumented = (title: string, { status, body }: { status: number; body: Json }, wanted = 200): void => {
  expect({ title, status, differences: differences(body, DOCUMENTED[title], []) }).toEqual({
    title,
    status: wanted,
    differences: [],
  });
};

test('every documented answer has every documented field', async () => {
  const body = { threads: 2, context_size: 256, gpu_layers: 0 };
  expectDocumented('Create Instance', await client.create('my-instance', models.file('mine'), { options: body }), 201);
  expectDocumented('Start Instance', await client.verb('my-instance', 'start'));
  await client.until('my-instance', 'running');
  expectDocumented('List All Instances', await client.ask('GET', '/api/instances'));
  const details = await client.ask('GET', '/api/instances/my-instance');
  expectDocumented('Get Instance Details', details);
  expect(details.body.options).toEqual(body);
  expect(details.body.stats.memory_usage).toBeGreaterThan(1_000_000);
  const health = await client.ask('GET', '/api/instances/my-instance/health');
  expectDocumented('Get Instance Health', health);
  expect(health.body).toMatchObject({
    status: 'healthy',
    checks: { process: 'running', port: 'open', response: 'ok' },
  });
  expectDocumented('Get Instance Logs', await client.ask('GET', '/api/instances/my-instance/logs'));
  const status = await client.ask('GET', '/api/system/status');
  expectDocumented('Get System Status', status);
  // Nothing but what is documented, here.
  expect(Object.keys(status.body)).toEqual(Object.keys(DOCUMENTED['Get System Status']));
  expect(status.body.instances).toEqual({ total: 2, running: 1, stopped: 1 });
  const info = await client.ask('GET', '/api/system/info');
  expectDocumented('Get System Information', info);
  expect(Object.keys(info.body)).toEqual(Object.keys(DOCUMENTED['Get System Information']));
  expect(info.body).toMatchObject({ os: 'linux', arch: process.arch === 'arm64' ? 'arm64' : 'amd64' });
  expectDocumented('Stop Instance', await client.verb('my-instance', 'stop', { force: false, timeout: 30 }));
  expectDocumented('Delete Instance', await client.ask('DELETE', '/api/instances/my-instance'));
  expectDocumented('Error', await client.ask('GET', '/api/instances/my-instance'), 404);
});

test('times are UTC with a Z, ports are numbers, lists are lists', async () => {
  await client.create('timely', models.file('timely'));
  const { body } = await client.ask('GET', '/api/instances');
  for (const instance of body.instances) {
    expect(instance.created_at).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/);
    expect(instance.port).toBeInteger();
    expect(instance.port).toBeGreaterThan(0);
  }
  expect((await client.ask('DELETE', '/api/instances/timely')).status).toBe(200);
});

test('every model is an instance, in every list, and what is started here is loaded everywhere', async () => {
  await client.verb('found-f32', 'start');
  await client.until('found-f32', 'running');
  const { data } = await drover.json<Json>('/v1/models');
  expect(data.find((model: Json) => model.id === 'found-f32').status.value).toBe('loaded');
  const { instances } = await drover.json<Json>('/drover/instances');
  expect(instances).toMatchObject([{ modelId: 'found-f32', state: 'ready', isPinned: true }]);
  // Stopped by another API, it is stopped here, and nobody starts it again.
  await drover.json('/api/models/unload/found-f32', {});
  expect(await client.until('found-f32', 'stopped')).toMatchObject({ pid: null });
  expect((await drover.json<Json>('/drover/instances')).instances).toEqual([]);
});

test('settings are shown to ClaraCore’s users as soon as they are changed here', async () => {
  const changed = await client.ask('PUT', '/api/config', { logging: { level: 'debug' } });
  expect(changed).toMatchObject({ status: 200, body: { requires_restart: false } });
  expect((await drover.json<Json>('/api/config')).config.logLevel).toBe('debug');
  const later = await client.ask('PUT', '/api/config', { instances: { queue_timeout: 77 } });
  expect(later).toMatchObject({ status: 200, body: { requires_restart: true } });
  expect((await drover.json<Json>('/api/config')).yaml).toContain('queueTimeout: 77');
});

test('the same on a port of its own, by the prefix of the dialect, and its WebSocket there', async () => {
  const probe = Bun.serve({ port: 0, hostname: '127.0.0.1', fetch: () => new Response('') });
  const side = probe.port ?? 0;
  await probe.stop(true);
  const own = await startLlamactl({ args: ['--also-listen', `${side}=llamactl`] });
  const socket = new WebSocket(`ws://127.0.0.1:${side}/api/ws`);
  const told: Json[] = [];
  socket.onmessage = ({ data }) => void told.push(JSON.parse(String(data)));
  await new Promise((resolve, reject) => {
    socket.onopen = resolve;
    socket.onerror = reject;
  });
  const file = models.file('aside');
  const script = SCRIPT.replaceAll('http://localhost:8080', `http://127.0.0.1:${side}`)
    .replaceAll('/models/example.gguf', file)
    .replace('8081', '18082');
  const answers = await run(script);
  expect(answers.map(({ message }) => message)).toEqual([
    'Instance created successfully',
    'Instance start initiated',
    undefined,
    'Instance stop initiated',
    'Instance deleted successfully',
  ]);
  const prefixed = await own.drover.request('/dialect/llamactl/api/instances');
  // Where there is nothing else, a tiny model of our own stands in.
  expect(((await prefixed.json()) as Json).instances.map(({ name }: Json) => name)).toEqual(['drover-probe']);
  await eventually(
    () => told.length >= 2,
    () => JSON.stringify(told),
  );
  expect(told[0]).toMatchObject({ type: 'instance_status_changed', data: { name: 'example', status: 'starting' } });
  socket.close();
  await own.drover[Symbol.asyncDispose]();
});
