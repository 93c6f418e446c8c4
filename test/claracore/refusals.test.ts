// What ClaraCore's routes refuse, and how: each handler with what is missing, mistyped, out of range, unknown or hostile,
// against the compiled executable. After each refusal all is as it was.
import { afterAll, beforeAll, expect, test } from 'bun:test';
import { existsSync, mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type RunningDrover, startDrover, temporaryFolder } from '../fixtures/drover.ts';
import { type FakeHub, startHub } from '../fixtures/hub/server.ts';
import { tinyLlama } from '../fixtures/tiny-models.ts';

const root = temporaryFolder('claracore-refusals');
const models = join(root.path, 'models');
const outside = join(root.path, 'outside');
const data = join(root.path, 'data');
let drover: RunningDrover;
let hub: FakeHub;

beforeAll(async () => {
  for (const folder of [models, outside, data]) mkdirSync(folder);
  writeFileSync(join(models, 'known.gguf'), tinyLlama({ name: 'Known' }));
  writeFileSync(join(models, 'unlisted.gguf'), tinyLlama({ name: 'Unlisted' }));
  writeFileSync(join(models, 'broken.gguf'), 'GGUF but not really');
  writeFileSync(join(outside, 'secret.txt'), 'secret');
  symlinkSync(join(outside, 'secret.txt'), join(models, 'link.gguf'));
  writeFileSync(
    join(data, 'config.yaml'),
    `# by hand\nmodels:\n  known:\n    file: ${join(models, 'known.gguf')}\n  other:\n    cmd: program --port \${PORT}\n`,
  );
  hub = await startHub({
    repositories: [
      {
        id: 'owner/open',
        files: [
          { path: 'a.gguf', content: tinyLlama() },
          { path: 'notes.txt', content: Buffer.from('x') },
        ],
      },
      { id: 'owner/gated', gate: 'manual', files: [{ path: 'a.gguf', content: tinyLlama() }] },
    ],
  });
  drover = await startDrover({
    dataFolder: data,
    modelsFolders: [models],
    environment: { HF_ENDPOINT: hub.url, DROVER_DOWNLOAD_HOSTS: hub.hosts.map((host) => `http://${host}`).join(',') },
  });
});
afterAll(async () => {
  await drover?.[Symbol.asyncDispose]();
  await hub?.[Symbol.asyncDispose]();
  root[Symbol.dispose]();
});

interface Row {
  readonly what: string;
  readonly ask: string;
  readonly body?: unknown;
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

const deep = (levels: number): string => '['.repeat(levels) + ']'.repeat(levels);
/** Places stand in braces until the servers run. */
const filled = (text: string): string =>
  text
    .replaceAll('{models}', models)
    .replaceAll('{outside}', outside)
    .replaceAll('{root}', root.path)
    .replaceAll('{hub}', hub.resolve('owner/open', '').slice(0, -1));

const ROWS: readonly Row[] = [
  // The configuration.
  row('missing', 'POST /api/config', { text: 'models: {}' }, 400, /^yaml is required$/),
  row('empty', 'POST /api/config', { yaml: ' \n' }, 400, /^yaml is required$/),
  row('mistyped', 'POST /api/config', { yaml: 5 }, 400, /"yaml"/),
  row('no JSON', 'POST /api/config', '{"yaml": "a', 400, /JSON/),
  row('not an object', 'POST /api/config', '[1]', 400, /object/),
  row('invalid YAML', 'POST /api/config', { yaml: 'models:\n  a: [' }, 400, /line 2|flow|]/i),
  row('out of range', 'POST /api/config', { yaml: 'ttl: -7\n' }, 400, /ttl/),
  row('mistyped inside', 'POST /api/config', { yaml: 'models: 5\n' }, 400, /models/),
  row('deep', 'POST /api/config', { yaml: `a: ${deep(20_000)}` }, 400, /./),
  row('a lock', 'POST /api/config', { yaml: 'requireApiKey: false\nlisten: 0.0.0.0:1\n' }, 403, /requireApiKey/),
  row('a program', 'POST /api/config', { yaml: 'models:\n  x:\n    cmd: sh -c id\n' }, 403, /models\.x\.cmd/),
  row('an alias bomb', 'POST /api/config', { yaml: bomb() }, 400, /./),
  row('mistyped', 'POST /api/config/validate', { yaml: [] }, 400, /"yaml"/),
  row('missing', 'POST /api/config/validate', {}, 400, /^yaml is required$/),
  row('invalid', 'POST /api/config/validate', { yaml: 'ttl: soon\n' }, 400, /ttl/),
  // One model's entry.
  row('nothing', 'POST /api/config/model/known', {}, 400, /Nothing to change/),
  row('unknown id', 'POST /api/config/model/nobody', { contextSize: 512 }, 404, /nobody/),
  row('hostile id', 'POST /api/config/model/..%2f..%2fetc', { contextSize: 512 }, 404, /etc/),
  row('prototype', 'POST /api/config/model/__proto__', { contextSize: 512 }, 404, /__proto__/),
  row('mistyped', 'POST /api/config/model/known', { contextSize: '512' }, 400, /"contextSize"/),
  row('fraction', 'POST /api/config/model/known', { layers: 1.5 }, 400, /"layers"/),
  row('out of range', 'POST /api/config/model/known', { layers: -1 }, 400, /"layers"/),
  row('out of range', 'POST /api/config/model/known', { batchSize: 0 }, 400, /"batchSize"/),
  row('unknown type', 'POST /api/config/model/known', { cacheType: 'q9' }, 400, /"cacheType"/),
  row('a command of its own', 'POST /api/config/model/other', { contextSize: 512 }, 400, /cmd|command/),
  row('unknown id', 'DELETE /api/config/models/nobody', undefined, 404, /nobody/),
  row('hostile id', 'DELETE /api/config/models/%2e%2e%2fconfig.yaml', undefined, 404, /config\.yaml/),
  // New entries.
  row('missing', 'POST /api/config/append-model', {}, 400, /^filePath is required$/),
  row('mistyped', 'POST /api/config/append-model', { filePath: ['a'] }, 400, /"filePath"/),
  row('empty', 'POST /api/config/append-model', { filePath: '' }, 400, /filePath/),
  row('no file', 'POST /api/config/append-model', { filePath: '{models}/no.gguf' }, 404, /^Model file not found: /),
  row('relative', 'POST /api/config/append-model', { filePath: 'known.gguf' }, 400, /absolute|whole/),
  row('zero byte', 'POST /api/config/append-model', { filePath: '/tmp/a\0.gguf' }, 400, /./),
  row('no model', 'POST /api/config/append-model', { filePath: '{outside}/secret.txt' }, 400, /./),
  row('a link to no model', 'POST /api/config/append-model', { filePath: '{models}/link.gguf' }, 400, /./),
  row('broken', 'POST /api/config/append-model', { filePath: '{models}/broken.gguf' }, 400, /./),
  row('a folder', 'POST /api/config/append-model', { filePath: '{models}' }, 400, /./),
  row(
    'there already',
    'POST /api/config/append-model',
    { filePath: '{models}/known.gguf' },
    409,
    /^Model already exists in config with ID: known$/,
  ),
  row(
    'a taken id',
    'POST /api/config/append-model',
    { filePath: '{models}/unlisted.gguf', modelId: 'known' },
    409,
    /known/,
  ),
  row(
    'a bad id',
    'POST /api/config/append-model',
    { filePath: '{models}/unlisted.gguf', modelId: 'start-all' },
    400,
    /start-all/,
  ),
  row(
    'options',
    'POST /api/config/append-model',
    { filePath: '{models}/unlisted.gguf', options: { minContext: 'big' } },
    400,
    /options\.minContext/,
  ),
  row(
    'options',
    'POST /api/config/append-model',
    { filePath: '{models}/unlisted.gguf', options: { forceVRAM: -1 } },
    400,
    /options\.forceVRAM/,
  ),
  row(
    'options',
    'POST /api/config/append-model',
    { filePath: '{models}/unlisted.gguf', options: { forceBackend: 'abacus' } },
    400,
    /options\.forceBackend/,
  ),
  row('missing', 'POST /api/config/add-model', {}, 400, /^filePath is required$/),
  row('no file', 'POST /api/config/add-model', { filePath: '{models}/no.gguf' }, 404, /^Model file not found: /),
  // Folders.
  row('missing', 'POST /api/config/folders', {}, 400, /^folderPaths is required$/),
  row('empty', 'POST /api/config/folders', { folderPaths: [] }, 400, /^folderPaths is required$/),
  row('mistyped', 'POST /api/config/folders', { folderPaths: '/tmp' }, 400, /"folderPaths"/),
  row('mistyped', 'POST /api/config/folders', { folderPaths: [5] }, 400, /"folderPaths\.0"/),
  row('mistyped', 'POST /api/config/folders', { folderPaths: ['/tmp'], recursive: 'yes' }, 400, /"recursive"/),
  row('missing', 'DELETE /api/config/folders', {}, 400, /^folderPaths is required$/),
  row('mistyped', 'DELETE /api/config/folders', { folderPaths: { a: 1 } }, 400, /"folderPaths"/),
  row('missing', 'POST /api/config/scan-folder', {}, 400, /^folderPath or folderPaths is required$/),
  row('mistyped', 'POST /api/config/scan-folder', { folderPath: 5 }, 400, /"folderPath"/),
  row('mistyped', 'POST /api/config/scan-folder', { folderPath: '/tmp', addToDatabase: 1 }, 400, /"addToDatabase"/),
  // Making a configuration.
  row('mistyped', 'POST /api/config/regenerate-from-db', { options: 'fast' }, 400, /"options"/),
  row(
    'out of range',
    'POST /api/config/regenerate-from-db',
    { options: { preferredContext: -5 } },
    400,
    /options\.preferredContext/,
  ),
  row('missing', 'POST /api/config/generate-all', {}, 400, /^folderPath is required$/),
  row('mistyped', 'POST /api/config/generate-all', { folderPath: true }, 400, /"folderPath"/),
  row('no folder', 'POST /api/config/generate-all', { folderPath: '{root}/no' }, 400, /^Folder does not exist: /),
  row('a file', 'POST /api/config/generate-all', { folderPath: '{models}/known.gguf' }, 400, /folder/),
  // Settings.
  row('mistyped', 'POST /api/settings/system', { vramGB: '12' }, 400, /"vramGB"/),
  row('out of range', 'POST /api/settings/system', { ramGB: -1 }, 400, /"ramGB"/),
  row('unknown', 'POST /api/settings/system', { backend: 'abacus' }, 400, /"backend"/),
  row('hostile', 'POST /api/settings/system', { gpuType: 'a\nlisten: 0.0.0.0' }, 400, /"gpuType"/),
  row('a lock without a key', 'POST /api/settings/system', { requireApiKey: true }, 400, /apiKey/),
  row('a hostile key', 'POST /api/settings/system', { requireApiKey: true, apiKey: 'a b\nc' }, 400, /key/),
  row('missing', 'POST /api/settings/hf-api-key', {}, 400, /^apiKey is required$/),
  row('mistyped', 'POST /api/settings/hf-api-key', { apiKey: 7 }, 400, /"apiKey"/),
  row('hostile', 'POST /api/settings/hf-api-key', { apiKey: 'hf_a\r\nX: y' }, 400, /./),
  // Downloads.
  row('missing', 'POST /api/models/download', {}, 400, /^URL is required$/),
  row('mistyped', 'POST /api/models/download', { url: 5 }, 400, /"url"/),
  row('no address', 'POST /api/models/download', { url: 'not an address' }, 400, /./),
  row('another scheme', 'POST /api/models/download', { url: 'file:///etc/passwd' }, 400, /./),
  row('another host', 'POST /api/models/download', { url: 'https://example.com/a.gguf' }, 403, /example\.com/),
  row('this machine', 'POST /api/models/download', { url: 'http://127.0.0.1:1/a.gguf' }, 403, /127\.0\.0\.1/),
  row('a cloud’s own address', 'POST /api/models/download', { url: 'http://169.254.169.254/a.gguf' }, 403, /169\.254/),
  row('no GGUF', 'POST /api/models/download', { url: '{hub}/notes.txt' }, 400, /gguf/i),
  row(
    'a path as a name',
    'POST /api/models/download',
    { url: '{hub}/a.gguf', filename: '../../a.gguf' },
    400,
    /another folder/,
  ),
  row(
    'a folder elsewhere',
    'POST /api/models/download',
    { url: '{hub}/a.gguf', destinationPath: '{outside}' },
    403,
    /may not go to/,
  ),
  row(
    'a relative folder',
    'POST /api/models/download',
    { url: '{hub}/a.gguf', destinationPath: '../..' },
    403,
    /may not go to/,
  ),
  row('missing', 'POST /api/models/download/cancel', {}, 400, /^downloadId is required$/),
  row('unknown id', 'POST /api/models/download/cancel', { downloadId: 'nobody' }, 404, /nobody/),
  row('unknown id', 'GET /api/models/downloads/nobody', undefined, 404, /nobody/),
  row('unknown id', 'POST /api/models/downloads/nobody/pause', undefined, 404, /nobody/),
  row('unknown id', 'POST /api/models/downloads/nobody/resume', undefined, 404, /nobody/),
  row('hostile id', 'GET /api/models/downloads/%2e%2e%2f%2e%2e', undefined, 404, /./),
  // Models, logs, the engine.
  row('unknown id', 'POST /api/models/unload/nobody', undefined, 404, /nobody/),
  row('unknown source', 'GET /logs/stream/nobody', undefined, 404, /nobody/),
  row('a given engine', 'POST /api/binary/update', undefined, 409, /engine/),
  row('a given engine', 'POST /api/binary/update/force', undefined, 409, /engine/),
  row('unknown path', 'GET /api/nothing', undefined, 404, /\/api\/nothing/),
  row('another method', 'PUT /api/config/folders', {}, 405, /./),
  row('another type', 'POST /api/config/folders', new Blob(['folderPaths=a'], { type: 'text/plain' }), 415, /JSON/),
  row('too large', 'POST /api/config/folders', `{"folderPaths":["${'a'.repeat(20_000_000)}"]}`, 413, /./),
];

function bomb(): string {
  const levels = Array.from({ length: 30 }, (_, level) =>
    level === 0 ? 'a0: &a0 [x,x,x,x,x,x,x,x,x]' : `a${level}: &a${level} [${`*a${level - 1},`.repeat(9)}]`,
  );
  return `${levels.join('\n')}\n`;
}

const everything = async (): Promise<unknown> => ({
  file: readFileSync(join(data, 'config.yaml'), 'utf8'),
  files: readdirSync(data).filter((name) => !/log|db/.test(name)),
  models: readdirSync(models).sort(),
  outside: readdirSync(outside),
  downloads: existsSync(join(data, 'downloads')) ? readdirSync(join(data, 'downloads'), { recursive: true }) : [],
  jobs: await drover.json('/api/models/downloads'),
  folders: ((await drover.json('/api/config/folders')) as { folders: { path: string }[] }).folders.map(
    ({ path }) => path,
  ),
  settings: await drover.json('/api/settings/system'),
  token: await drover.json('/api/settings/hf-api-key'),
  keys: (await drover.cli('keys', 'ls', '--json')).stdout,
});

let before: unknown;
beforeAll(async () => {
  before = await everything();
});

for (const [index, { what, ask, body, status, error }] of ROWS.entries()) {
  test(`${index + 1}. ${ask}: ${what}`, async () => {
    const [method = '', path = ''] = ask.split(' ');
    const text = typeof body === 'string' || body === undefined || body instanceof Blob ? body : JSON.stringify(body);
    const answer = await drover.request(path, {
      method,
      ...(text === undefined ? {} : { body: typeof text === 'string' ? filled(text) : text }),
      headers: body instanceof Blob ? {} : { 'content-type': 'application/json' },
    });
    const said = (await answer.json()) as { readonly error: string };
    expect({ ask, status: answer.status, said }).toMatchObject({ ask, status, said: { code: expect.any(String) } });
    expect(said.error).toMatch(error);
    expect(await everything()).toEqual(before);
  });
}
