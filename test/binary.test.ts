// Drives the compiled executable as a user does: much breaks only there.
import { afterAll, beforeAll, describe, expect, test } from 'bun:test';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  cleanEnvironment,
  cli,
  processesWith,
  type RunningDrover,
  startDrover,
  temporaryFolder,
} from './fixtures/drover.ts';
import { tinyBert, tinyLlama } from './fixtures/tiny-models.ts';

interface Completion {
  readonly model: string;
  readonly choices: readonly { readonly message: { readonly content: string }; readonly finish_reason: string }[];
  readonly usage: { readonly completion_tokens: number };
  readonly timings?: { readonly predicted_n: number };
}

const chatWith = (model: string | undefined, more: Record<string, unknown> = {}) => ({
  ...(model === undefined ? {} : { model }),
  messages: [{ role: 'user', content: 'the water' }],
  max_tokens: 8,
  ...more,
});

const models = temporaryFolder('models ünï #1');
let drover: RunningDrover;

beforeAll(async () => {
  writeFileSync(join(models.path, 'tiny-a.gguf'), tinyLlama({ name: 'Tiny A' }));
  mkdirSync(join(models.path, 'sub folder'));
  writeFileSync(join(models.path, 'sub folder', 'Tïny "B".gguf'), tinyLlama({ name: 'Tiny B', blockCount: 3 }));
  writeFileSync(join(models.path, 'embed.gguf'), tinyBert({ name: 'Tiny Embed' }));
  writeFileSync(join(models.path, 'broken.gguf'), tinyLlama({ name: 'Broken' }).subarray(0, 9000));
  drover = await startDrover({ modelsFolders: [models.path] });
  await drover.waitForLine(/engine ready/);
});
afterAll(async () => {
  await drover[Symbol.asyncDispose]();
  models[Symbol.dispose]();
});

interface ListedModel {
  readonly id: string;
  readonly path: string | null;
  readonly failure: string | null;
  readonly instance: {
    readonly state: string;
    readonly pid: number | null;
    readonly verdict: { readonly outcome: string } | null;
  } | null;
}
const listed = async (): Promise<readonly ListedModel[]> =>
  (await drover.json<{ models: ListedModel[] }>('/drover/models')).models;
const idOf = async (file: string): Promise<string> => {
  const model = (await listed()).find((entry) => entry.path?.endsWith(file));
  if (model === undefined) throw new Error(`${file} is not listed`);
  return model.id;
};

describe('serving', () => {
  test('two models in a folder both answer, really from llama-server', async () => {
    for (const file of ['tiny-a.gguf', 'Tïny "B".gguf']) {
      const id = await idOf(file);
      const answer = await drover.json<Completion>('/v1/chat/completions', chatWith(id));
      expect(answer.choices[0]?.message.content.length).toBeGreaterThan(0);
      expect(answer.timings?.predicted_n).toBe(answer.usage.completion_tokens);
      const pid = (await listed()).find((model) => model.id === id)?.instance?.pid ?? 0;
      expect(readFileSync(`/proc/${pid}/cmdline`, 'utf8')).toContain('llama-server');
    }
  });

  test('a stream comes as server-sent events and ends with [DONE]', async () => {
    const response = await drover.request('/v1/chat/completions', {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(chatWith(await idOf('tiny-a.gguf'), { stream: true, max_tokens: 20, ignore_eos: true })),
    });
    expect(response.headers.get('content-type')).toContain('text/event-stream');
    const frames = (await response.text()).split('\n\n').filter((frame) => frame !== '');
    expect(frames.every((frame) => frame.startsWith('data: '))).toBe(true);
    expect(frames.at(-1)).toBe('data: [DONE]');
    expect(frames.length).toBeGreaterThan(10);
  });

  test('embeddings come from an embedding model', async () => {
    const answer = await drover.json<{ data: { embedding: number[] }[] }>('/v1/embeddings', {
      model: await idOf('embed.gguf'),
      input: ['the water', 'a house'],
    });
    expect(answer.data.map((row) => row.embedding.length)).toEqual([64, 64]);
  });

  test('a load ends in a verdict, in the list and in `drover ps`', async () => {
    const id = await idOf('tiny-a.gguf');
    await drover.json('/drover/models/load', { model: id });
    const model = (await listed()).find((entry) => entry.id === id);
    expect(model?.instance?.verdict?.outcome).toBe('as_planned');
    const { stdout, exitCode } = await drover.cli('ps');
    expect(exitCode).toBe(0);
    expect(stdout).toContain(id);
    expect(stdout).toContain('as planned');
  });

  test('a broken file is listed with its error and refused with 422', async () => {
    const model = (await listed()).find((entry) => entry.path?.endsWith('broken.gguf'));
    expect(model?.failure).toMatch(/cut|ends|bytes/);
    const response = await drover.request('/v1/chat/completions', {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(chatWith(model?.id)),
    });
    expect(response.status).toBe(422);
  });

  test('an unknown model is 404 with near names; broken JSON is 400', async () => {
    const send = (body: string) =>
      drover.request('/v1/chat/completions', { method: 'POST', headers: { 'content-type': 'application/json' }, body });
    const unknown = await send(JSON.stringify(chatWith('tiny-aa')));
    expect(unknown.status).toBe(404);
    const { error } = (await unknown.json()) as { error: { message: string; code: string } };
    expect(error.code).toBe('model_not_found');
    expect(error.message).toContain(await idOf('tiny-a.gguf'));
    expect((await send('{"model": ')).status).toBe(400);
  });

  test('the page is at /ui/, and everything that stands for it leads there', async () => {
    for (const path of ['/', '/ui']) {
      const answer = await drover.request(path, { redirect: 'manual' });
      expect([answer.status, answer.headers.get('location')]).toEqual([302, '/ui/']);
    }
    const page = await drover.request('/ui/', { redirect: 'manual' });
    expect(page.status).toBe(200);
    expect(await page.text()).toContain('<title>Drover</title>');
    expect(((await (await drover.request('/docs/json')).json()) as { paths: object }).paths).toHaveProperty(
      '/v1/chat/completions',
    );
  });

  test('a web page elsewhere may not change anything', async () => {
    const response = await drover.request('/v1/chat/completions', {
      method: 'POST',
      headers: { 'content-type': 'application/json', origin: 'https://example.org' },
      body: JSON.stringify(chatWith(await idOf('tiny-a.gguf'))),
    });
    expect(response.status).toBe(403);
    const rebound = await drover.request('/v1/models', { headers: { host: 'evil.example' } });
    expect(rebound.status).toBe(403);
  });

  test('`drover run` answers from words and from stdin', async () => {
    const id = await idOf('tiny-a.gguf');
    const words = await drover.cli('run', id, 'the', 'water', '--max-tokens', '6');
    expect(words.exitCode).toBe(0);
    expect(words.stdout.trim().length).toBeGreaterThan(0);
    const piped = await cli(
      ['run', id, '--max-tokens', '6', '--json'],
      cleanEnvironment(drover.dataFolder),
      'the water',
    );
    expect(piped.stderr).toBe('');
    expect((JSON.parse(piped.stdout) as Completion).choices.length).toBe(1);
  });
});

describe('starting and ending', () => {
  test('a bunfig.toml and a .env in the current folder are left alone', async () => {
    using hostile = temporaryFolder('hostile');
    const trace = join(hostile.path, 'it-ran');
    writeFileSync(join(hostile.path, 'evil.ts'), `require('node:fs').writeFileSync(${JSON.stringify(trace)}, '1');`);
    writeFileSync(join(hostile.path, 'bunfig.toml'), 'preload = ["./evil.ts"]\n');
    writeFileSync(join(hostile.path, '.env'), 'DROVER_LISTEN=127.0.0.1:1\nDROVER_LOG_LEVEL=debug\n');
    await using other = await startDrover({ modelsFolders: [models.path], workingFolder: hostile.path });
    expect((await other.request('/health')).status).toBe(200);
    expect(existsSync(trace)).toBe(false);
  });

  test('a second one on the same data directory leaves with one clear line', async () => {
    const second = await drover.cli('serve', '--listen', '127.0.0.1:0');
    expect(second.exitCode).toBe(9);
    expect(second.stderr).toContain(`Another Drover (process ${drover.pid}`);
    expect(second.stderr).toContain('--data-dir');
  });

  test('a taken port is told with its holder', async () => {
    using data = temporaryFolder('taken');
    const { port } = new URL(drover.url);
    const second = await cli(['serve', '--listen', `127.0.0.1:${port}`, '--offline'], cleanEnvironment(data.path));
    expect(second.exitCode).toBe(8);
    expect(second.stderr).toContain(port);
    expect(second.stderr).toContain(String(drover.pid));
  });

  test('after SIGKILL no child lives for 2 s', async () => {
    using data = temporaryFolder('killed');
    const other = await startDrover({ modelsFolders: [models.path], dataFolder: data.path });
    const { models: found } = await other.json<{ models: ListedModel[] }>('/drover/models');
    const id = found.find((model) => model.path?.endsWith('tiny-a.gguf'))?.id;
    await other.json('/v1/chat/completions', chatWith(id));
    const { instances } = await other.json<{ instances: { pid: number | null }[] }>('/drover/instances');
    const pids = instances.map((instance) => instance.pid).filter((pid) => pid !== null);
    expect(pids.length).toBe(1);
    const at = performance.now();
    other.kill('SIGKILL');
    await other.exited;
    while (pids.some((pid) => isAlive(pid)) && performance.now() - at < 5000) await Bun.sleep(5);
    expect(pids.filter(isAlive)).toEqual([]);
    expect(performance.now() - at).toBeLessThan(2000);
    await other[Symbol.asyncDispose]();
  });

  test('SIGTERM lets a stream finish, stops the children and leaves with 0', async () => {
    using data = temporaryFolder('term');
    const other = await startDrover({ modelsFolders: [models.path], dataFolder: data.path, oneThread: ['tiny-a-f32'] });
    const { models: found } = await other.json<{ models: ListedModel[] }>('/drover/models');
    const id = found.find((model) => model.path?.endsWith('tiny-a.gguf'))?.id;
    const response = await other.request('/v1/chat/completions', {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(chatWith(id, { stream: true, max_tokens: 3000, ignore_eos: true })),
    });
    const reader = response.body?.getReader();
    await reader?.read();
    other.kill('SIGTERM');
    let text = '';
    const decoder = new TextDecoder();
    for (;;) {
      const part = await reader?.read();
      if (part === undefined || part.done) break;
      text += decoder.decode(part.value, { stream: true });
    }
    expect(text).toContain('data: [DONE]');
    expect(await other.exited).toBe(0);
    expect(processesWith(data.path)).toEqual([]);
    await other[Symbol.asyncDispose]();
  });

  test('a data directory that cannot be made is one line and exit code 9', async () => {
    const run = await cli(
      ['serve', '--data-dir', '/proc/drover'],
      cleanEnvironment('/proc/drover', { DROVER_DATA_DIR: '/proc/drover' }),
    );
    expect(run.exitCode).toBe(9);
    expect(run.stderr).toContain('/proc/drover');
    expect(run.stderr.trim().split('\n').length).toBeLessThanOrEqual(2);
  });

  test('no model anywhere: the probe is served, with a line on how to get a real one', async () => {
    await using other = await startDrover();
    await other.waitForLine(/drover-probe/);
    const answer = await other.json<Completion>('/v1/chat/completions', chatWith('drover-probe'));
    expect(answer.choices[0]?.message.content.length).toBeGreaterThan(0);
    expect(other.log()).toContain('--models-folder');
  });
});

describe('keys', () => {
  test('with requireApiKey a key is made, shown once, and needed by everybody but this machine’s command line', async () => {
    using data = temporaryFolder('auth');
    const environment = { DROVER_REQUIRE_API_KEY: 'true' };
    await using other = await startDrover({ environment, dataFolder: data.path });
    const key = /dk-[\w-]{20,}/.exec(other.log())?.[0] ?? '';
    expect(key).not.toBe('');
    const statusWith = async (path: string, headers: Record<string, string> = {}): Promise<number> =>
      (await other.request(path, { headers })).status;
    expect(await statusWith('/health')).toBe(200);
    expect(await statusWith('/v1/models')).toBe(401);
    expect(await statusWith('/v1/models', { authorization: `Bearer ${key}x` })).toBe(401);
    expect(await statusWith('/v1/models', { authorization: `Bearer ${key}` })).toBe(200);
    expect(await statusWith('/v1/models', { 'x-api-key': key })).toBe(200);
    expect(await statusWith(`/v1/models?api_key=${key}`)).toBe(200);
    expect((await other.cli('ps', '--json')).exitCode).toBe(0);
    const logged = await Bun.file(join(data.path, 'logs', 'drover.log')).text();
    expect(logged).not.toContain(key);
    expect((await Bun.file(join(data.path, 'server.json')).stat()).mode & 0o077).toBe(0);
  });
});

describe('configuration', () => {
  test('an edit is taken up, an unchanged model keeps its process and its stream; a wrong edit changes nothing', async () => {
    using data = temporaryFolder('reload');
    const file = join(data.path, 'config.yaml');
    const entry = (name: string, more = '') =>
      `  ${name}:\n    file: ${JSON.stringify(join(models.path, 'tiny-a.gguf'))}\n${more}`;
    const second = `  second:\n    file: ${JSON.stringify(join(models.path, 'sub folder', 'Tïny "B".gguf'))}\n`;
    writeFileSync(file, `# mine\nmodels:\n${entry('first')}${second}`);
    await using other = await startDrover({ dataFolder: data.path });
    await other.json('/v1/chat/completions', chatWith('first'));
    await other.json('/v1/chat/completions', chatWith('second'));
    const pids = async (): Promise<Record<string, number | null>> => {
      const { instances } = await other.json<{ instances: { modelId: string; pid: number | null }[] }>(
        '/drover/instances',
      );
      return Object.fromEntries(instances.map((instance) => [instance.modelId, instance.pid]));
    };
    const before = await pids();
    const response = await other.request('/v1/chat/completions', {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(chatWith('first', { stream: true, max_tokens: 3000, ignore_eos: true })),
    });
    writeFileSync(file, `# mine\nmodels:\n${entry('first')}${second}    contextSize: 2048\n`);
    await other.waitForLine(/configuration read again.*second/);
    expect(await response.text()).toContain('data: [DONE]');
    // Whoever asks for the changed one after the reload gets a new process.
    await other.json('/v1/chat/completions', chatWith('second'));
    const after = await pids();
    expect(after.first).toBe(before.first ?? -1);
    expect(after.second ?? -1).not.toBe(before.second ?? -1);
    expect(after.second).toBeNumber();
    writeFileSync(file, 'models:\n  first: 5\n');
    await other.waitForLine(/config\.yaml:2:3: models\.first: expected object/);
    expect((await pids()).first).toBe(before.first ?? -1);
    await other.json('/v1/chat/completions', chatWith('first'));
  });
});

describe('command line', () => {
  test('help, version and completion answer without a data directory', async () => {
    using data = temporaryFolder('cli');
    for (const words of [
      ['--help'],
      ['serve', '--help'],
      ['version'],
      ['completion', 'bash'],
      ['completion', 'fish'],
    ]) {
      const run = await cli(words, cleanEnvironment(join(data.path, 'never')));
      expect(run.exitCode).toBe(0);
      expect(run.stdout.length).toBeGreaterThan(10);
    }
    expect(existsSync(join(data.path, 'never'))).toBe(false);
    const script = (await cli(['completion', 'bash'], cleanEnvironment(data.path))).stdout;
    const checked = Bun.spawnSync(['bash', '-n'], { stdin: Buffer.from(script) });
    expect(checked.exitCode).toBe(0);
  });

  test('wrong words are exit code 2, an unknown model 3', async () => {
    expect((await drover.cli('sevre')).exitCode).toBe(2);
    expect((await drover.cli('serve', '--vram', 'lots')).exitCode).toBe(10);
    expect((await drover.cli('load', 'nothing-like-it')).exitCode).toBe(3);
  });

  test('list, show, fit, status, doctor print JSON for programs', async () => {
    const id = await idOf('tiny-a.gguf');
    for (const words of [
      ['list'],
      ['show', id],
      ['fit', id],
      ['status'],
      ['ps'],
      ['doctor'],
      ['engine', 'ls'],
      ['config', 'get'],
    ]) {
      const run = await drover.cli(...words, '--json');
      expect(() => JSON.parse(run.stdout)).not.toThrow();
      expect(run.exitCode).toBe(0);
    }
  });

  test('config set keeps comments and is checked', async () => {
    using data = temporaryFolder('config');
    const env = cleanEnvironment(data.path);
    writeFileSync(join(data.path, 'config.yaml'), '# keep me\nttl: 5 # seconds\n');
    expect((await cli(['config', 'set', 'ttl', '9'], env)).exitCode).toBe(0);
    expect(readFileSync(join(data.path, 'config.yaml'), 'utf8')).toBe('# keep me\nttl: 9 # seconds\n');
    expect((await cli(['config', 'set', 'ttl', 'soon'], env)).exitCode).toBe(10);
    expect((await cli(['config', 'get', 'ttl'], env)).stdout.trim()).toBe('9');
    // Dots within a name are told from those between names.
    const dotted = 'models."qwen2.5-7b".ttl';
    expect((await cli(['config', 'set', dotted, '7'], env)).exitCode).toBe(0);
    expect((await cli(['config', 'get', dotted], env)).stdout).toBe('7\n');
    expect((await cli(['config', 'unset', dotted], env)).exitCode).toBe(0);
  });
});

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.[0] !== 'Z';
  } catch {
    return false;
  }
}
