// `drover import claracore …` on the compiled executable: from a folder as ClaraCore leaves it to models that answer.
import { expect, test } from 'bun:test';
import { mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { parse } from 'yaml';
import { type CliResult, cleanEnvironment, cli, startDrover, temporaryFolder } from './fixtures/drover.ts';
import { tinyBert, tinyLlama } from './fixtures/tiny-models.ts';

const FIXTURE = join(import.meta.dir, 'fixtures/claracore');
const FILES = ['config.yaml', 'settings.json', 'model_folders.json'];
const KEY = 'fixture-clara-key-1234567890';
const SECRETS = ['fixture-clara-key', 'hf_FixtureFixture', 'fixture-child-key'];

interface Place extends Disposable {
  /** ClaraCore's folder. */
  readonly clara: string;
  readonly data: string;
  readonly run: (...words: string[]) => Promise<CliResult>;
}

/** The fixture with models that are there: `/srv/models` is a folder of the test. */
function place(): Place {
  const root = temporaryFolder('import-ünï');
  const [clara, models, data] = ['clara core', 'models', 'data'].map((name) => join(root.path, name)) as [
    string,
    string,
    string,
  ];
  const put = (path: string, bytes: string | Uint8Array): void => {
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, bytes);
  };
  for (const name of FILES)
    put(join(clara, name), readFileSync(join(FIXTURE, name), 'utf8').replaceAll('/srv/models', models));
  put(join(models, 'Qwen/Qwen3-30B-A3B-Instruct-Q5_K_M.gguf'), tinyLlama({ name: 'A' }));
  put(join(models, 'Qwen/Qwen2.5-Coder-7B-Instruct-Q6_K.gguf'), tinyLlama({ name: 'Coder' }));
  put(join(models, 'T7 Shield/Modèles/gemma-3-4b-it-Q4_K_M.gguf'), tinyLlama({ name: 'G' }));
  put(join(clara, 'downloads/nomic-embed-text-v1.5.f16.gguf'), tinyBert({}));
  put(join(clara, 'downloads/agent.gguf'), tinyLlama({ name: 'Agent' }));
  put(join(data, 'config.yaml'), '# mine\nlisten: 127.0.0.1:0 # any\nscanKnownFolders: false\n');
  const env = cleanEnvironment(data);
  return {
    clara,
    data,
    run: (...words) => cli(words, env),
    [Symbol.dispose]: () => root[Symbol.dispose](),
  };
}

/** Every file below a folder and its bytes. */
function bytesBelow(folder: string): Record<string, string> {
  const files = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((name) =>
    statSync(join(folder, name)).isFile(),
  );
  return Object.fromEntries(
    files.toSorted().map((name) => [name, readFileSync(join(folder, name)).toString('base64')]),
  );
}

const withoutSecrets = ({ stdout, stderr }: CliResult): void => {
  for (const secret of SECRETS) expect(stdout + stderr).not.toContain(secret);
};

test('the plan is shown, and nothing is written', async () => {
  using at = place();
  const before = [bytesBelow(at.data), bytesBelow(at.clara)];
  const shown = await at.run('import', 'claracore', at.clara);
  expect(shown.stderr).toContain(`Nothing was written. To do it: drover import claracore '${at.clara}' --yes`);
  expect(shown.exitCode).toBe(0);
  expect(shown.stdout).toMatch(/model +coder +comes\n/);
  expect(shown.stdout).toMatch(/model +in-the-cellar +comes as a command +it starts docker/);
  expect(shown.stdout).toMatch(/model +gone-3b +left out +its file .*Gone-3B-Q4_K_M\.gguf is not there/);
  expect(shown.stdout).toMatch(/setting +vram: 24 +comes/);
  expect(shown.stdout).toMatch(/API key +\*{8}/);
  expect(shown.stdout).toContain('10 models: 4 as entries of ours, 4 as commands, 0 here already, 2 left out.');
  withoutSecrets(shown);

  const asJson = await at.run('import', 'claracore', at.clara, '--json');
  const plan = JSON.parse(asJson.stdout) as {
    isDone: boolean;
    isChange: boolean;
    models: { id: string; outcome: string; entry: unknown }[];
  };
  expect([plan.isChange, plan.isDone]).toEqual([true, false]);
  expect(plan.models.map(({ id }) => id)).toContain('win-llama-31-8b-8b');
  expect(plan.models.find(({ id }) => id === 'in-the-cellar')?.entry).toMatchObject({ env: ['HF_TOKEN=********'] });
  withoutSecrets(asJson);
  expect([bytesBelow(at.data), bytesBelow(at.clara)]).toEqual(before);
});

test('with --yes it is done, the old file is kept, and the second time nothing changes', async () => {
  using at = place();
  const claraBefore = bytesBelow(at.clara);
  const own = readFileSync(join(at.data, 'config.yaml'), 'utf8');
  const done = await at.run('import', 'claracore', at.clara, '--yes');
  expect(done.stderr).toContain('Wrote ');
  expect(done.exitCode).toBe(0);
  withoutSecrets(done);
  const file = readFileSync(join(at.data, 'config.yaml'), 'utf8');
  expect(file).toStartWith(own);
  expect(file).toContain('# Do not touch without asking Ana.');
  expect(statSync(join(at.data, 'config.yaml')).mode & 0o777).toBe(0o600);
  const [backup = ''] = readdirSync(join(at.data, 'backups'));
  expect(readFileSync(join(at.data, 'backups', backup), 'utf8')).toBe(own);
  expect(parse(file).modelsFolders).toBeUndefined();

  const check = await at.run('config', 'check');
  expect(check.stderr).toContain('is well formed');
  expect(check.stderr).not.toContain('unknown setting');
  const listed = JSON.parse((await at.run('list', '--json')).stdout) as { id: string; failure: string | null }[];
  const broken = listed.filter(({ failure }) => failure !== null);
  expect(broken).toEqual([]);
  const ids = listed.map(({ id }) => id);
  for (const id of [
    'qwen3-30b-a3b-instruct-30b',
    'gemma-3-4b-it-4b',
    'nomic-embed-text-v15',
    'coder',
    'in-the-cellar',
    'voice',
  ])
    expect(ids).toContain(id);
  expect(ids).not.toContain('gone-3b');

  const config = (): [string, string[]] => [
    readFileSync(join(at.data, 'config.yaml'), 'utf8'),
    readdirSync(join(at.data, 'backups')),
  ];
  const after = config();
  const again = await at.run('import', 'claracore', at.clara, '--yes');
  expect(again.stderr).toContain('It is all here already.');
  expect(again.stdout).toContain('10 models: 0 as entries of ours, 0 as commands, 8 here already, 2 left out.');
  expect(again.exitCode).toBe(0);
  expect(config()).toEqual(after);
  expect(bytesBelow(at.clara)).toEqual(claraBefore);
});

test('what was brought over answers, to whom has ClaraCore’s key', async () => {
  using at = place();
  expect((await at.run('import', 'claracore', at.clara, '--yes', '--json')).exitCode).toBe(0);
  expect((await at.run('config', 'unset', 'preload')).exitCode).toBe(0);
  // The heads of the test's tiny model are too small for a quantized cache.
  expect((await at.run('config', 'unset', 'models.coder.cacheType')).exitCode).toBe(0);
  await using drover = await startDrover({ dataFolder: at.data });
  expect(drover.log()).not.toContain('admin key');
  const ask = async <T>(path: string, body?: unknown): Promise<T> => {
    const answer = await drover.request(path, {
      headers: { 'x-api-key': KEY, 'content-type': 'application/json' },
      ...(body === undefined ? {} : { method: 'POST', body: JSON.stringify(body) }),
    });
    expect({ path, status: answer.status }).toEqual({ path, status: 200 });
    return (await answer.json()) as T;
  };
  expect((await drover.request('/v1/models')).status).toBe(401);
  for (const model of ['gpt-4o', 'gemma-3-4b-it-4b']) {
    const messages = [{ role: 'user', content: 'the water' }];
    const chat = await ask<{ choices: unknown[] }>('/v1/chat/completions', { model, messages, max_tokens: 4 });
    expect(chat.choices.length).toBe(1);
  }
  const embedded = await ask<{ data: { embedding: number[] }[] }>('/v1/embeddings', {
    model: 'nomic-embed-text-v15',
    input: 'the water',
  });
  expect(embedded.data[0]?.embedding.length).toBeGreaterThan(1);
  const { instances } = await ask<{ instances: { modelId: string; state: string }[] }>('/drover/instances');
  expect(instances.filter(({ state }) => state === 'ready').map(({ modelId }) => modelId)).toContain(
    'nomic-embed-text-v15',
  );
  const { folders } = await ask<{ folders: { path: string; recursive: boolean; enabled: boolean }[] }>(
    '/api/config/folders',
  );
  const models = resolve(at.clara, '../models');
  expect(folders.map(({ path, recursive, enabled }) => [path, recursive, enabled]).toSorted()).toEqual([
    [join(at.clara, 'downloads'), true, true],
    [join(models, 'Qwen'), true, true],
    [join(models, 'T7 Shield/Modèles'), false, true],
    [join(models, 'old'), true, false],
  ]);
});

test('a server that runs takes it up', async () => {
  using at = place();
  await using drover = await startDrover({ dataFolder: at.data });
  expect((await at.run('import', 'claracore', at.clara, '--yes')).exitCode).toBe(0);
  expect((await drover.request('/v1/models')).status).toBe(401);
  const listed = await drover.request('/v1/models', { headers: { authorization: `Bearer ${KEY}` } });
  expect(JSON.stringify(await listed.json())).toContain('"gemma-3-4b-it-4b"');
});

test('what cannot be is told in one sentence, with an exit code, and nothing is written', async () => {
  using at = place();
  const before = bytesBelow(at.data);
  const failure = async (words: string[], exitCode: number, expected: RegExp): Promise<void> => {
    const run = await at.run('import', ...words);
    expect(run.stderr).toMatch(expected);
    expect(run.exitCode).toBe(exitCode);
    expect(run.stdout).toBe('');
    expect(bytesBelow(at.data)).toEqual(before);
  };
  await failure(['claracore', join(at.clara, 'nowhere'), '--yes'], 3, /There is no folder .*nowhere/);
  await failure(['claracore', join(at.clara, 'config.yaml'), '--yes'], 3, /config\.yaml is no folder/);
  await failure(['claracore', join(at.clara, 'downloads'), '--yes'], 3, /is no ClaraCore folder/);
  await failure(['ollama', at.clara], 2, /drover import knows claracore, not "ollama"/);

  const settings = join(at.clara, 'settings.json');
  const good = readFileSync(settings, 'utf8');
  writeFileSync(settings, good.replace('"ramGB"', 'ramGB'));
  await failure(['claracore', at.clara, '--yes'], 10, /settings\.json:5:3: not valid JSON: "ramGB:" cannot stand here/);
  writeFileSync(settings, good);
  const config = join(at.clara, 'config.yaml');
  writeFileSync(config, `${readFileSync(config, 'utf8')}  broken: [\n`);
  await failure(['claracore', at.clara, '--yes', '--json'], 10, /config\.yaml:\d+:\d+: not valid YAML/);
});

test('a broken file of ours stays as it is', async () => {
  using at = place();
  writeFileSync(join(at.data, 'config.yaml'), 'models: [\n');
  const run = await at.run('import', 'claracore', at.clara, '--yes');
  expect(run.exitCode).toBe(10);
  expect(readFileSync(join(at.data, 'config.yaml'), 'utf8')).toBe('models: [\n');
});

// The kernel lets nobody make a folder there, root included.
test.skipIf(process.platform !== 'linux')('a data directory that cannot be written is told', async () => {
  using at = place();
  const run = await cli(['import', 'claracore', at.clara, '--yes'], cleanEnvironment('/sys/drover-import'));
  expect(run.exitCode).toBe(9);
  expect(run.stderr).toContain('/sys/drover-import');
});
