// The lives of instances on the compiled executable with the real engine: options that reach it, crashes and restarts, stops
// with and without force, requests that race, and restarts of the server itself.
import { afterAll, beforeAll, describe, expect, test } from 'bun:test';
import { readFileSync, rmSync, unlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type RunningDrover, startDrover, temporaryFolder } from '../fixtures/drover.ts';
import { endProcess, eventually, startLine, untilGone } from '../fixtures/restarts.ts';
import { type Client, clientOf, type Json, startLlamactl, testModels } from './server.ts';

const models = testModels('llamactl-lifecycle');
let drover: RunningDrover;
let client: Client;

beforeAll(async () => {
  ({ drover, client } = await startLlamactl());
});
afterAll(async () => {
  await drover?.[Symbol.asyncDispose]();
  models[Symbol.dispose]();
});

const argvOf = (pid: number): readonly string[] => readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0');
const after = (argv: readonly string[], ...names: string[]): string | undefined =>
  names.map((name) => argv[argv.indexOf(name) + 1 || argv.length]).find((value) => value !== undefined);

async function running(name: string, more: object = {}): Promise<Json> {
  expect((await client.create(name, models.file(name), more)).status).toBe(201);
  expect((await client.verb(name, 'start')).body.status).toBe('starting');
  return client.until(name, 'running');
}

async function gone(name: string): Promise<void> {
  await client.verb(name, 'stop', { force: true });
  expect((await client.ask('DELETE', `/api/instances/${name}`)).status).toBe(200);
}

describe('options', () => {
  test('reach the engine: its own names, llama-server’s, and zero layers', async () => {
    const { pid } = await running('optional', {
      options: { threads: 1, context_size: 128, gpu_layers: 0, batch_size: 64, no_mmap: true, temp: 0.25 },
    });
    const argv = argvOf(pid);
    expect(after(argv, '--threads', '-t')).toBe('1');
    expect(after(argv, '--ctx-size', '-c')).toBe('128');
    expect(after(argv, '--batch-size', '-b')).toBe('64');
    expect(after(argv, '--temp')).toBe('0.25');
    expect(argv.join(' ')).toMatch(/--no-mmap|--load-mode none/);
    await gone('optional');
  });

  test('a change is merged, null takes one away, and what runs goes on until it is started again', async () => {
    const before = await running('changing', { options: { threads: 1, context_size: 128 } });
    const changed = await client.ask('PUT', '/api/instances/changing', {
      options: { context_size: 64, threads: null },
    });
    expect(changed).toMatchObject({
      status: 200,
      body: { requires_restart: true, instance: { status: 'running', options: { context_size: 64 } } },
    });
    expect(changed.body.instance.options).toEqual({ context_size: 64 });
    expect((await client.until('changing', 'running')).pid).toBe(before.pid);
    expect((await client.verb('changing', 'restart')).status).toBe(200);
    const now = await client.untilAnother('changing', before.pid);
    expect(after(argvOf(now.pid), '--ctx-size', '-c')).toBe('64');
    expect((await client.ask('PUT', '/api/instances/changing', { options: {} })).body.requires_restart).toBe(false);
    await gone('changing');
    const down = await client.create('changing', models.file('changing'));
    expect(down.body.instance.options).toEqual({});
    expect((await client.ask('PUT', '/api/instances/changing', { options: { threads: 1 } })).body).toMatchObject({
      requires_restart: false,
    });
    await gone('changing');
  });
});

describe('start and stop', () => {
  test('answer at once, say so again, and make one child', async () => {
    await client.create('single', models.file('single'));
    const starts = await Promise.all(Array.from({ length: 8 }, () => client.verb('single', 'start')));
    for (const { status, body } of starts) {
      expect(status).toBe(200);
      expect(['starting', 'running']).toContain(body.status);
    }
    const { pid } = await client.until('single', 'running');
    expect((await client.verb('single', 'start')).body).toEqual({
      message: 'Instance is running already',
      status: 'running',
    });
    expect((await client.until('single', 'running')).pid).toBe(pid);
    const { instances } = await drover.json<Json>('/drover/instances');
    expect(instances.filter((each: Json) => each.modelId === 'single').length).toBe(1);
    const stops = await Promise.all(Array.from({ length: 4 }, () => client.verb('single', 'stop')));
    for (const { status, body } of stops) {
      expect(status).toBe(200);
      expect(['stopping', 'stopped']).toContain(body.status);
    }
    await client.until('single', 'stopped');
    await untilGone(pid);
    expect((await client.verb('single', 'stop')).body.status).toBe('stopped');
    await gone('single');
  });

  test('a missing file is an error with its reason, and none once the file is there', async () => {
    const file = models.file('late');
    unlinkSync(file);
    expect((await client.create('late', file)).status).toBe(201);
    expect((await client.verb('late', 'start')).body.status).toBe('starting');
    expect((await client.until('late', 'error')).error).toContain('does not exist');
    expect((await client.ask('GET', '/api/instances/late/health')).body).toMatchObject({
      status: 'unhealthy',
      checks: { process: 'error', port: 'closed', response: 'none' },
    });
    models.file('late');
    await client.verb('late', 'start');
    const health = await client.until('late', 'running').then(() => client.ask('GET', '/api/instances/late/health'));
    expect(health.body).toMatchObject({ status: 'healthy' });
    await gone('late');
  });

  test('what does not fit is an error with its reason', async () => {
    await client.create('huge', models.file('huge'), { options: { context_size: 99_000_000 } });
    await client.verb('huge', 'start');
    expect((await client.until('huge', 'error')).error.length).toBeGreaterThan(10);
    await gone('huge');
  });

  test('a stop waits for requests as long as it is told, and force does not', async () => {
    const { pid } = await running('busy');
    const answering = (): Promise<Response> =>
      drover.request('/v1/completions', {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ model: 'busy', prompt: 'the', max_tokens: 200_000, ignore_eos: true, stream: true }),
      });
    const stream = await answering();
    const reading = stream.text().catch(() => '');
    expect((await client.verb('busy', 'stop', { timeout: 600 })).body.status).toBe('stopping');
    expect(await client.status('busy')).toBe('stopping');
    expect((await client.verb('busy', 'stop', { force: true })).body.status).toBe('stopping');
    await untilGone(pid, 5000);
    await client.until('busy', 'stopped');
    await reading;
    await client.verb('busy', 'start');
    const again = await client.until('busy', 'running');
    const second = (await answering()).text().catch(() => '');
    await client.verb('busy', 'stop', { timeout: 0.5 });
    // Its port is its own while it leaves, and no reason not to start it again.
    expect(await client.verb('busy', 'start')).toMatchObject({ status: 200, body: { status: 'starting' } });
    await client.untilAnother('busy', again.pid);
    await untilGone(again.pid, 10_000);
    await second;
    await gone('busy');
  });

  test('a delete right after a stop waits for its end', async () => {
    const { pid } = await running('leaving');
    await client.verb('leaving', 'stop');
    expect((await client.ask('DELETE', '/api/instances/leaving')).status).toBe(200);
    await untilGone(pid, 1000);
    expect((await client.ask('GET', '/api/instances/leaving')).status).toBe(404);
  });
});

test('a model that was found becomes the instance of its file; what ran of it leaves, and comes back with the delete', async () => {
  const found = testModels('llamactl-found');
  const file = found.file('finding');
  const own = await startLlamactl({ modelsFolders: [found.path] });
  await own.client.verb('finding-f32', 'start');
  const { pid } = await own.client.until('finding-f32', 'running');
  expect((await own.client.create('finding', file)).status).toBe(201);
  await untilGone(pid);
  const names = async (): Promise<string[]> =>
    (await own.client.ask('GET', '/api/instances')).body.instances.map((each: Json) => each.name);
  expect(await names()).toEqual(['finding']);
  // The old name leads to it wherever names may be aliases.
  expect((await own.drover.json<Json>('/v1/models/finding-f32')).id).toBe('finding');
  expect((await own.client.ask('DELETE', '/api/instances/finding')).status).toBe(200);
  expect(await names()).toEqual(['finding-f32']);
  await own.client.until('finding-f32', 'stopped');
  await own.drover[Symbol.asyncDispose]();
  found[Symbol.dispose]();
});

test('options of a model that was found, of one that the file names, and of one that it only tunes', async () => {
  const found = testModels('llamactl-options');
  const data = temporaryFolder('llamactl-options-data');
  found.file('finding');
  found.file('tuned', 4);
  const fixed = found.file('fixed', 3);
  writeFileSync(
    join(data.path, 'config.yaml'),
    `models:\n  fixed: # by hand\n    file: ${fixed}\n    contextSize: 128\n  tuned-f32:\n    threads: 1\n`,
  );
  const own = await startLlamactl({ modelsFolders: [found.path], dataFolder: data.path });
  const options = { context_size: 64 };
  for (const name of ['finding-f32', 'fixed', 'tuned-f32']) {
    const changed = await own.client.ask('PUT', `/api/instances/${name}`, { options });
    expect({ name, ...changed }).toMatchObject({ name, status: 200, body: { instance: { options } } });
    await own.client.verb(name, 'start');
    const { pid } = await own.client.until(name, 'running');
    expect(after(argvOf(pid), '--ctx-size', '-c')).toBe('64');
  }
  expect(readFileSync(join(data.path, 'config.yaml'), 'utf8')).toMatch(/fixed: # by hand[\s\S]*contextSize: 64/);
  await own.client.verb('fixed', 'stop');
  expect((await own.client.ask('DELETE', '/api/instances/fixed')).status).toBe(200);
  expect(readFileSync(join(data.path, 'config.yaml'), 'utf8')).toBe(
    'models:\n  tuned-f32:\n    threads: 1\n    contextSize: 64\n',
  );
  await own.drover[Symbol.asyncDispose]();
  for (const folder of [found, data]) folder[Symbol.dispose]();
});

describe('two at once', () => {
  test('of two creates of one name one wins', async () => {
    const file = models.file('twin');
    const answers = await Promise.all(Array.from({ length: 5 }, () => client.create('twin', file)));
    expect(answers.map(({ status }) => status).sort()).toEqual([201, 409, 409, 409, 409]);
    await gone('twin');
  });

  test('of two creates of one port one wins', async () => {
    const answers = await Promise.all(
      ['left', 'right'].map((name) => client.create(name, models.file(name), { port: 18_322 })),
    );
    expect(answers.map(({ status }) => status).sort()).toEqual([201, 409]);
    for (const { body } of answers) if (body.instance !== undefined) await gone(body.instance.name);
  });

  test('a start and a delete: either it is gone, or it runs', async () => {
    for (let round = 0; round < 6; round += 1) {
      await client.create('torn', models.file('torn'));
      const [started, deleted] = await Promise.all([
        client.verb('torn', 'start'),
        client.ask('DELETE', '/api/instances/torn'),
      ]);
      if (deleted.status === 200) {
        expect(started.status).toBe(404);
        expect((await client.ask('GET', '/api/instances/torn')).status).toBe(404);
      } else {
        expect([started.status, deleted.status]).toEqual([200, 409]);
        await client.until('torn', 'running');
        await gone('torn');
      }
    }
    expect((await drover.json<Json>('/drover/instances')).instances).toEqual([]);
  });

  test('starts and stops in any order end in what was asked last', async () => {
    await client.create('fickle', models.file('fickle'));
    for (const verbs of [
      ['start', 'stop'],
      ['start', 'stop', 'start'],
      ['restart', 'start', 'restart'],
      ['stop', 'start', 'stop'],
    ]) {
      for (const verb of verbs) expect((await client.verb('fickle', verb)).status).toBe(200);
      await client.until('fickle', verbs.at(-1) === 'stop' ? 'stopped' : 'running');
    }
    await gone('fickle');
  });

  test('all are started and stopped, and one that cannot does not keep the others', async () => {
    await client.create('good', models.file('good'));
    await client.create('bad', '/nowhere/bad.gguf');
    const started = await client.ask('POST', '/api/instances/start-all');
    expect(started.status).toBe(200);
    expect(started.body.results.map((each: Json) => each.name).sort()).toContain('good');
    await client.until('good', 'running');
    expect((await client.until('bad', 'error')).error).toContain('bad.gguf');
    const stopped = await client.ask('POST', '/api/instances/stop-all');
    expect(stopped.body.results).toContainEqual({ name: 'good', status: 'stopping' });
    await client.until('good', 'stopped');
    await gone('good');
    await gone('bad');
  });
});

describe('an engine that is killed', () => {
  test('is an error with its reason, and started again after its delay', async () => {
    const { pid } = await running('mortal', { options: { restart_delay: 1 } });
    endProcess(pid, 'SIGKILL');
    expect((await client.until('mortal', 'error')).error).toContain('killed');
    const again = await client.until('mortal', 'running');
    expect(again.pid).not.toBe(pid);
    await gone('mortal');
  });

  test('is not started again more often than it may, nor where it may not', async () => {
    const first = await running('frail', { options: { restart_delay: 0, max_restarts: 1 } });
    endProcess(first.pid, 'SIGKILL');
    const second = await client.untilAnother('frail', first.pid);
    endProcess(second.pid, 'SIGKILL');
    await drover.waitForLine(/frail stays down after 1 restarts/);
    await client.until('frail', 'error');
    await gone('frail');
    const only = await running('stubborn', { options: { auto_restart: false, restart_delay: 0 } });
    endProcess(only.pid, 'SIGKILL');
    await drover.waitForLine(/stubborn stays down after 0 restarts/);
    expect(await client.status('stubborn')).toBe('error');
    await gone('stubborn');
  });

  test('is not started again once somebody has stopped it', async () => {
    const { pid } = await running('unwanted', { options: { restart_delay: 1 } });
    const other = await running('wanted', { options: { restart_delay: 1.5 } });
    endProcess(pid, 'SIGKILL');
    endProcess(other.pid, 'SIGKILL');
    await client.until('unwanted', 'error');
    await client.until('wanted', 'error');
    expect((await client.verb('unwanted', 'stop')).body.status).toBe('stopped');
    // The longer of the two delays is over then.
    await client.until('wanted', 'running');
    expect(await client.until('unwanted', 'stopped')).toMatchObject({ pid: null });
    for (const name of ['wanted', 'unwanted']) await gone(name);
  });
});

describe('a restart of the server', () => {
  test('by SIGKILL: instances are there, those that were wanted run again, the others do not', async () => {
    const data = temporaryFolder('llamactl-killed');
    const first = await startLlamactl({ dataFolder: data.path });
    const at = (server: RunningDrover): Client => clientOf(() => server.url);
    await first.client.create('wanted', models.file('wanted'), { options: { threads: 1 } });
    await first.client.create('idle', models.file('idle'));
    await first.client.create('stopped', models.file('stopped'));
    for (const name of ['wanted', 'stopped']) {
      await first.client.verb(name, 'start');
      await first.client.until(name, 'running');
    }
    await first.client.verb('stopped', 'stop');
    await first.client.until('stopped', 'stopped');
    const before = await first.client.until('wanted', 'running');
    first.drover.kill('SIGKILL');
    await first.drover.exited;
    await untilGone(before.pid);
    await using second = await startDrover({ dataFolder: data.path });
    const now = await at(second).until('wanted', 'running');
    expect(now).toMatchObject({
      port: before.port,
      created_at: before.created_at,
      options: { threads: 1 },
      model_path: before.model_path,
    });
    expect(now.pid).not.toBe(before.pid);
    expect(await at(second).status('idle')).toBe('stopped');
    expect(await at(second).status('stopped')).toBe('stopped');
    await second[Symbol.asyncDispose]();
    await first.drover[Symbol.asyncDispose]();
    rmSync(data.path, { recursive: true, force: true });
  });

  test('soft: what runs goes on; what has other options by now is started anew with them', async () => {
    const { pid } = await running('steady');
    const changed = await running('altered', { options: { context_size: 128 } });
    await client.ask('PUT', '/api/instances/altered', { options: { context_size: 64 } });
    await drover.json('/api/server/restart', {});
    const now = await client.untilAnother('altered', changed.pid);
    expect(after(argvOf(now.pid), '--ctx-size', '-c')).toBe('64');
    expect((await client.until('steady', 'running')).pid).toBe(pid);
    for (const name of ['steady', 'altered']) await gone(name);
  });

  test('hard: the successor starts what is wanted, on the same port', async () => {
    await using line = await startLine();
    await line.first.waitForLine(/engine ready/);
    const there = clientOf(() => line.first.url);
    await there.create('lasting', models.file('lasting'));
    await there.verb('lasting', 'start');
    const before = await there.until('lasting', 'running');
    await line.restart();
    await line.alone();
    const now = await there.until('lasting', 'running');
    expect(now.pid).not.toBe(before.pid);
    expect(now.port).toBe(before.port);
    await untilGone(before.pid);
    const answer = async (): Promise<number> =>
      fetch(`http://127.0.0.1:${before.port}/health`, { keepalive: false }).then(
        ({ status }) => status,
        () => 0,
      );
    let status = 0;
    await eventually(
      () => {
        void answer().then((found) => {
          status = found;
        });
        return status === 200;
      },
      () => `the port answers ${status}`,
    );
    await there.verb('lasting', 'stop', { force: true });
    await there.until('lasting', 'stopped');
  });
});
