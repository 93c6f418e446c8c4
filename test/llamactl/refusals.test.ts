// What LlamaCtl's routes refuse, and how: each with what is missing, mistyped, out of range, unknown or hostile, against the
// compiled executable. After each refusal all is as it was.
import { afterAll, beforeAll, expect, test } from 'bun:test';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { RunningDrover } from '../fixtures/drover.ts';
import { temporaryFolder } from '../fixtures/drover.ts';
import { type Client, startLlamactl, testModels } from './server.ts';

const models = testModels('llamactl-refusals');
const data = temporaryFolder('llamactl-refusals-data');
let drover: RunningDrover;
let client: Client;
let listener: { readonly port: number; stop(isForced: boolean): void };
let before: unknown;

beforeAll(async () => {
  models.file('found');
  writeFileSync(
    join(data.path, 'config.yaml'),
    `# by hand\nmodels:\n  fixed:\n    file: ${models.file('fixed', 3)}\n  other:\n    cmd: program --port \${PORT}\n`,
  );
  listener = Bun.serve({ port: 0, hostname: '127.0.0.1', fetch: () => new Response('') }) as typeof listener;
  ({ drover, client } = await startLlamactl({ modelsFolders: [models.path], dataFolder: data.path }));
  await client.create('known', models.file('known', 4), { port: 18_211 });
  await client.create('busy', models.file('busy', 5));
  await client.verb('busy', 'start');
  await client.until('busy', 'running');
  before = await everything();
});
afterAll(async () => {
  listener?.stop(true);
  await drover?.[Symbol.asyncDispose]();
  for (const folder of [models, data]) folder[Symbol.dispose]();
});

const everything = async (): Promise<unknown> => ({
  file: readFileSync(join(data.path, 'config.yaml'), 'utf8'),
  files: readdirSync(data.path).filter((name) => !/log|sqlite|drover\./.test(name)),
  list: (await client.ask('GET', '/api/instances')).body,
  known: (await client.ask('GET', '/api/instances/known')).body,
  fixed: (await client.ask('GET', '/api/instances/fixed')).body,
});

interface Row {
  readonly what: string;
  readonly ask: string;
  readonly body: unknown;
  readonly status: number;
  readonly error: RegExp;
}
const row = (what: string, ask: string, body: unknown, status: number, error: RegExp): Row => ({
  what,
  ask,
  body,
  status,
  error,
});

const CREATE = 'POST /api/instances';
const made = (more: object): object => ({ name: 'new', model_path: '/models/new.gguf', ...more });
const options = (given: object): object => made({ options: given });

const ROWS: readonly Row[] = [
  row('nothing', CREATE, {}, 400, /^name is required$/),
  row('no path', CREATE, { name: 'new' }, 400, /^model_path is required$/),
  row('no JSON', CREATE, '{"name": "a', 400, /JSON/),
  row('a list', CREATE, '[1]', 400, /object/),
  row('mistyped name', CREATE, made({ name: 5 }), 400, /"name"/),
  row('empty name', CREATE, made({ name: '' }), 400, /name/),
  row('blank in it', CREATE, made({ name: 'a b' }), 400, /name/),
  row('slash in it', CREATE, made({ name: 'a/b' }), 400, /name/),
  row('steps', CREATE, made({ name: '..' }), 400, /name/),
  row('letters of elsewhere', CREATE, made({ name: 'ünï' }), 400, /name/),
  row('line end', CREATE, made({ name: 'a\n' }), 400, /name/),
  row('markup', CREATE, made({ name: '<script>' }), 400, /name/),
  row('51 letters', CREATE, made({ name: 'a'.repeat(51) }), 400, /name/),
  row('a route', CREATE, made({ name: 'start-all' }), 400, /start-all/),
  row('another route', CREATE, made({ name: 'Status' }), 400, /Status/),
  row('there already', CREATE, made({ name: 'known' }), 409, /known/),
  row('in other letters', CREATE, made({ name: 'KNOWN' }), 409, /KNOWN/),
  row('a model found', CREATE, made({ name: 'found-f32' }), 409, /found-f32/),
  row('a model of the file', CREATE, made({ name: 'fixed' }), 409, /fixed/),
  row('mistyped path', CREATE, made({ model_path: ['a'] }), 400, /"model_path"/),
  row('relative path', CREATE, made({ model_path: 'models/a.gguf' }), 400, /absolute/),
  row('zero byte', CREATE, made({ model_path: '/models/a\0.gguf' }), 400, /absolute/),
  row('mistyped port', CREATE, made({ port: '8081' }), 400, /"port"/),
  row('port of the system', CREATE, made({ port: 80 }), 400, /"port"/),
  row('port too high', CREATE, made({ port: 65_536 }), 400, /"port"/),
  row('half a port', CREATE, made({ port: 8081.5 }), 400, /"port"/),
  row('another’s port', CREATE, made({ port: 18_211 }), 409, /known/),
  row('a port in use', CREATE, made({ port: '{taken}' }), 409, /taken/),
  row('our own port', CREATE, made({ port: '{own}' }), 409, /taken/),
  row('mistyped options', CREATE, made({ options: [] }), 400, /"options"/),
  row('unknown option', CREATE, options({ speed: 5 }), 400, /"speed"/),
  row('forbidden option', CREATE, options({ log_file: '/etc/x' }), 400, /"log-file"|"log_file"/),
  row('forbidden host', CREATE, options({ host: '0.0.0.0' }), 400, /"host"/),
  row('forbidden key', CREATE, options({ api_key: 'x' }), 400, /"api-key"/),
  row('an option with dashes', CREATE, options({ '--threads': 4 }), 400, /--threads/),
  row('an option with a value', CREATE, options({ 'threads=4': true }), 400, /threads=4/),
  row('prototype', CREATE, '{"name":"new","model_path":"/m.gguf","options":{"__proto__":{"a":1}}}', 400, /__proto__/),
  row('mistyped threads', CREATE, options({ threads: '4' }), 400, /"threads"/),
  row('no threads', CREATE, options({ threads: 0 }), 400, /"threads"/),
  row('half a context', CREATE, options({ context_size: 0.5 }), 400, /"context_size"/),
  row('negative batch', CREATE, options({ batch_size: -1 }), 400, /"batch_size"/),
  row('mistyped layers', CREATE, options({ gpu_layers: 'many' }), 400, /"gpu_layers"/),
  row('mistyped lock', CREATE, options({ memory_lock: 1 }), 400, /"memory_lock"/),
  row('mistyped mmap', CREATE, options({ no_mmap: 'yes' }), 400, /"no_mmap"/),
  row('negative rope', CREATE, options({ rope_freq_base: -1 }), 400, /"rope_freq_base"/),
  row('smuggled option', CREATE, options({ reverse_prompt: '--log-file=x' }), 400, /reverse-prompt/),
  row('a path', CREATE, options({ lora: '/etc/passwd' }), 400, /lora/),
  row('an object', CREATE, options({ temp: { a: 1 } }), 400, /"temp"/),
  row('twice', CREATE, options({ context_size: 512, ctx_size: 512 }), 400, /"ctx_size"/),
  row('restarts', CREATE, options({ max_restarts: -1 }), 400, /"max_restarts"/),
  row('delay', CREATE, options({ restart_delay: '5' }), 400, /"restart_delay"/),
  row('another type', CREATE, new Blob(['name=a'], { type: 'text/plain' }), 415, /JSON/),
  row('too large', CREATE, `{"name":"${'a'.repeat(20_000_000)}"}`, 413, /./),

  ...['GET /api/instances/nobody', 'GET /api/instances/nobody/health', 'GET /api/instances/nobody/logs'].map((ask) =>
    row('unknown name', ask, undefined, 404, /nobody/),
  ),
  ...['start', 'stop', 'restart'].map((verb) =>
    row('unknown name', `POST /api/instances/nobody/${verb}`, undefined, 404, /nobody/),
  ),
  row('unknown name', 'PUT /api/instances/nobody', { options: {} }, 404, /nobody/),
  row('unknown name', 'DELETE /api/instances/nobody', undefined, 404, /nobody/),
  row('an alias', 'GET /api/instances/found', undefined, 404, /found/),
  row('hostile name', 'GET /api/instances/..%2f..%2fetc%2fpasswd', undefined, 404, /passwd/),
  row('broken encoding', 'GET /api/instances/%E0%A4%A', undefined, 404, /./),
  row('prototype', 'DELETE /api/instances/__proto__', undefined, 404, /__proto__/),
  row('no name', 'GET /api/instances/%00', undefined, 404, /./),

  row('mistyped options', 'PUT /api/instances/known', { options: 5 }, 400, /"options"/),
  row('unknown option', 'PUT /api/instances/known', { options: { speed: 1 } }, 400, /speed/),
  row('out of range', 'PUT /api/instances/known', { options: { threads: 5000 } }, 400, /"threads"/),
  row('relative path', 'PUT /api/instances/known', { model_path: 'a.gguf' }, 400, /absolute/),
  row('a port in use', 'PUT /api/instances/known', { port: '{taken}' }, 409, /taken/),
  row('a command', 'PUT /api/instances/other', { options: { threads: 1 } }, 400, /command/),
  row('restarts of a fixed one', 'PUT /api/instances/fixed', { options: { max_restarts: 1 } }, 400, /configuration/),
  row('another type', 'PUT /api/instances/known', new Blob(['a=1'], { type: 'text/plain' }), 415, /JSON/),

  row('it runs', 'DELETE /api/instances/busy', undefined, 409, /running/),
  row('it was found', 'DELETE /api/instances/found-f32', undefined, 409, /found/),

  row('mistyped force', 'POST /api/instances/known/stop', { force: 'yes' }, 400, /"force"/),
  row('mistyped timeout', 'POST /api/instances/known/stop', { timeout: '30' }, 400, /"timeout"/),
  row('negative timeout', 'POST /api/instances/busy/stop', { timeout: -1 }, 400, /"timeout"/),
  row('no JSON', 'POST /api/instances/busy/stop', '{', 400, /JSON/),
  row('mistyped timeout', 'POST /api/instances/busy/restart', { timeout: [] }, 400, /"timeout"/),

  ...['0', '-1', '10001', 'many', '1.5'].map((lines) =>
    row('lines', `GET /api/instances/known/logs?lines=${lines}`, undefined, 400, /"lines"/),
  ),
  row('level', 'GET /api/instances/known/logs?level=loud', undefined, 400, /"level"/),
  row('follow', 'GET /api/instances/known/logs?follow=perhaps', undefined, 400, /"follow"/),

  row('no upgrade', 'GET /api/ws', undefined, 400, /WebSocket/),
  row('another method', 'PATCH /api/instances/known', {}, 405, /PATCH/),
  row('another method', 'GET /api/instances/start-all/start', undefined, 405, /GET/),
  row('unknown path', 'GET /api/instances/known/nothing', undefined, 404, /nothing/),

  row('unknown key', 'PUT /api/config', { nothing: 1 }, 400, /nothing/),
  row('unknown key inside', 'PUT /api/config', { instances: { nothing: 1 } }, 400, /instances\.nothing/),
  row('mistyped section', 'PUT /api/config', { instances: 5 }, 400, /"instances"/),
  row('mistyped value', 'PUT /api/config', { logging: { level: 'loud' } }, 400, /logLevel/),
  row('out of range', 'PUT /api/config', { instances: { stop_timeout: -1 } }, 400, /drainTimeout/),
  row('a lock', 'PUT /api/config', { auth: { enabled: true } }, 403, /auth\.enabled/),
  row('an address', 'PUT /api/config', { server: { host: '0.0.0.0' } }, 403, /server\.host/),
  row('a program', 'PUT /api/config', { backend: { engine: '/bin/sh' } }, 403, /backend\.engine/),
];

const filled = (text: string): string =>
  text.replaceAll('"{taken}"', String(listener.port)).replaceAll('"{own}"', new URL(drover.url).port);

for (const [index, { what, ask, body, status, error }] of ROWS.entries()) {
  test(`${index + 1}. ${ask}: ${what}`, async () => {
    const [method = '', path = ''] = ask.split(' ');
    const text = typeof body === 'string' || body === undefined || body instanceof Blob ? body : JSON.stringify(body);
    const answer = await drover.request(path, {
      method,
      ...(text === undefined ? {} : { body: typeof text === 'string' ? filled(text) : text }),
      headers: body instanceof Blob ? {} : { 'content-type': 'application/json' },
    });
    const said = (await answer.json()) as { readonly error: string; readonly code: string };
    expect({ ask, status: answer.status, said }).toEqual({ ask, status, said });
    expect(said.error).toMatch(error);
    expect(said.code).toMatch(/^[A-Z_]+$/);
    expect(await everything()).toEqual(before);
  });
}
