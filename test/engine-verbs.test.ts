// `drover engine …` on the compiled executable, with the real engine.
import { expect, test } from 'bun:test';
import { cpSync, existsSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { cleanEnvironment, cli, startDrover, temporaryFolder } from './fixtures/drover.ts';
import { testEngine } from './fixtures/engine.ts';
import { tinyLlama } from './fixtures/tiny-models.ts';

interface Listed {
  readonly id: string;
  readonly isCurrent: boolean;
  readonly backend: string;
  readonly proof: { readonly isGood: boolean; readonly tokensPerSecond: number | null } | null;
}

test('install from a folder, prove, use, roll back; a broken archive harms nothing', async () => {
  using data = temporaryFolder('engine-verbs');
  using other = temporaryFolder('second engine');
  const env = cleanEnvironment(data.path);
  const { folder } = await testEngine();
  const engine = async (...words: string[]) => cli(['engine', ...words, '--json', '--offline'], env);
  const list = async (): Promise<Listed[]> => JSON.parse((await engine('ls')).stdout) as Listed[];

  expect(await list()).toEqual([]);
  const first = await engine('install', folder);
  expect(first.stderr).not.toContain('"error"');
  expect(first.exitCode).toBe(0);
  const [installed] = await list();
  expect(installed?.isCurrent).toBe(true);
  expect(installed?.proof?.isGood).toBe(true);
  expect(installed?.proof?.tokensPerSecond ?? 0).toBeGreaterThan(0);

  // A folder without an engine, and an archive that is none.
  const empty = await engine('install', other.path);
  expect(empty.exitCode).not.toBe(0);
  const broken = join(other.path, 'llama.tar.gz');
  writeFileSync(broken, Buffer.from('this is no archive'));
  const refused = await engine('install', broken);
  expect(refused.exitCode).not.toBe(0);
  expect(JSON.parse(refused.stderr.trim().split('\n').at(-1) ?? '').error.message.length).toBeGreaterThan(10);
  expect((await list()).filter((build) => build.isCurrent).map((build) => build.id)).toEqual([installed?.id ?? '']);

  expect((await engine('rollback')).exitCode).toBe(3);
  expect((await engine('use', 'nothing-like-it')).exitCode).toBe(3);
  expect((await engine('use', installed?.id ?? '')).exitCode).toBe(0);
  expect((await engine('frobnicate')).exitCode).toBe(2);
});

test('with no engine to be had: one clear reason, exit code 6, and a server that says so and takes one up later', async () => {
  using models = temporaryFolder('engine-models');
  writeFileSync(join(models.path, 'tiny-a.gguf'), tinyLlama({ name: 'Tiny A' }));
  using data = temporaryFolder('no-engine');
  const env = cleanEnvironment(data.path);
  const install = await cli(['engine', 'install', '--offline'], env);
  expect(install.exitCode).toBe(6);
  expect(install.stderr).toContain('drover engine install FILE');

  await using drover = await startDrover({
    engine: null,
    dataFolder: data.path,
    modelsFolders: [models.path],
    args: ['--offline'],
  });
  await drover.waitForLine(/No engine is installed/);
  const ask = (): Promise<Response> =>
    drover.request('/v1/chat/completions', {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ model: 'tiny-a', messages: [{ role: 'user', content: 'the water' }], max_tokens: 4 }),
    });
  const refused = await ask();
  expect(refused.status).toBe(503);
  expect(((await refused.json()) as { error: { message: string } }).error.message).toContain('engine');

  expect((await cli(['engine', 'install', (await testEngine()).folder, '--offline'], env)).exitCode).toBe(0);
  const answer = await ask();
  expect(await answer.text()).toContain('"choices"');
  expect(answer.status).toBe(200);
});

test('the current engine vanishes: the server says so and does not pretend', async () => {
  using data = temporaryFolder('vanished');
  using copy = temporaryFolder('engine-copy');
  const env = cleanEnvironment(data.path);
  cpSync((await testEngine()).folder, join(copy.path, 'engine'), { recursive: true, verbatimSymlinks: true });
  expect((await cli(['engine', 'install', join(copy.path, 'engine'), '--offline'], env)).exitCode).toBe(0);
  const [build] = JSON.parse((await cli(['engine', 'ls', '--json'], env)).stdout) as Listed[];
  const folder = join(data.path, 'engines', build?.id ?? '');
  expect(existsSync(folder)).toBe(true);
  rmSync(folder, { recursive: true });
  expect(JSON.parse((await cli(['engine', 'ls', '--json'], env)).stdout)).toEqual([]);
  const doctor = await cli(['doctor'], env);
  expect(doctor.stdout).toContain('No engine is installed');
});
