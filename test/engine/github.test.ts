import { afterAll, beforeAll, beforeEach, expect, test } from 'bun:test';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createGithubSource, type GithubOptions } from '../../src/engine/sources/github.ts';
import type { BuildRequest, FetchProgress } from '../../src/engine/sources/source.ts';
import { type PackedArchive, packedEngine, packedLibraries } from '../fixtures/github/packed-engine.ts';
import { type FakeGithub, type FakeRelease, nightly, stable, startGithub } from '../fixtures/github/server.ts';

let root = '';
let cacheFolder = '';
let engine: PackedArchive;
let libraries: PackedArchive;
beforeAll(async () => {
  root = mkdtempSync(join(tmpdir(), 'drover-github-'));
  engine = await packedEngine('llama-b11669');
  libraries = await packedLibraries(root, 'cudart-llama-b11669', ['libcudart.so.12', 'libcublas.so.12.8.4']);
});
afterAll(() => rmSync(root, { recursive: true }));
beforeEach(() => {
  cacheFolder = mkdtempSync(join(root, 'cache-'));
});

const CPU: BuildRequest = { platform: 'linux', arch: 'x64', backend: 'cpu', cudaMajors: [], version: null };
const CUDA: BuildRequest = { ...CPU, backend: 'cuda', cudaMajors: [12] };
const sourceFor = (github: FakeGithub, more: Partial<GithubOptions> = {}) =>
  createGithubSource({ api: github.url, downloads: github.url, retryDelayMs: 1, ...more });
const withEngine = (tag: string, lacks: readonly string[] = []): FakeRelease =>
  nightly(
    tag,
    {
      [`llama-${tag}-bin-ubuntu-x64.tar.gz`]: engine,
      [`llama-${tag}-bin-ubuntu-cuda-12.8-x64.tar.gz`]: engine,
      [`cudart-llama-${tag}-bin-ubuntu-cuda-12.8-x64.tar.gz`]: libraries,
    },
    lacks,
  );
const newFolder = (): string => mkdtempSync(join(root, 'build-'));
const failureOf = (work: Promise<unknown>): Promise<unknown> =>
  work.then(
    () => null,
    (thrown: unknown) => thrown,
  );

test('stable: the latest release names the build that carries the files', async () => {
  await using github = await startGithub([withEngine('b11700'), stable('v0.8.0', 'b11669'), withEngine('b11669')]);
  const found = await sourceFor(github).find(CPU, { cacheFolder });
  expect(found).toMatchObject({ id: 'b11669-cpu', version: 'b11669', backend: 'cpu', source: 'github' });
  expect(found?.files).toEqual([
    {
      name: 'llama-b11669-bin-ubuntu-x64.tar.gz',
      url: `${github.url}/ggml-org/llama.cpp/releases/download/b11669/llama-b11669-bin-ubuntu-x64.tar.gz`,
      sizeBytes: engine.sizeBytes,
      sha256: engine.sha256,
    },
  ]);
});

test('a latest release that carries the files itself, as it was until August 2026', async () => {
  await using github = await startGithub([{ ...withEngine('b11800'), isPrerelease: false }]);
  expect((await sourceFor(github).find(CPU, { cacheFolder }))?.id).toBe('b11800-cpu');
});

test('fallback: the newest build that is whole; half-uploaded ones, drafts and old ones are passed over', async () => {
  const lacking = withEngine('b11702', ['llama-b11702-bin-ubuntu-x64.tar.gz']);
  const uploading = withEngine('b11701');
  await using github = await startGithub([
    { ...withEngine('b11703'), isDraft: true },
    lacking,
    { ...uploading, assets: uploading.assets.map((asset) => ({ ...asset, state: 'starter' })) },
    stable('v0.9.0', 'b11702'),
    withEngine('b11690'),
    withEngine('b11699'),
    withEngine('b9000'),
  ]);
  expect((await sourceFor(github).find(CPU, { cacheFolder }))?.id).toBe('b11699-cpu');
  github.releases = [stable('v0.1.0', 'b9000'), withEngine('b9000')];
  expect(await sourceFor(github).find(CPU, { cacheFolder: mkdtempSync(join(root, 'c-')) })).toBeNull();
});

test('an exact build by either name; an unknown one is none; one with known holes is refused', async () => {
  await using github = await startGithub([
    withEngine('b11700'),
    stable('v0.8.0', 'b11669'),
    withEngine('b11669'),
    withEngine('b9000'),
  ]);
  const source = sourceFor(github);
  for (const version of ['b11669', '11669', 'v0.8.0', '0.8.0']) {
    expect((await source.find({ ...CPU, version }, { cacheFolder }))?.id).toBe('b11669-cpu');
  }
  for (const version of ['b1', '../../../x', 'v9.9.9']) {
    expect(await source.find({ ...CPU, version }, { cacheFolder })).toBeNull();
  }
  expect(await failureOf(source.find({ ...CPU, version: 'b9000' }, { cacheFolder }))).toMatchObject({
    kind: 'forbidden',
  });
});

test('no release at all, a system without builds, a repository that is gone', async () => {
  await using github = await startGithub([]);
  expect(await sourceFor(github).find(CPU, { cacheFolder })).toBeNull();
  github.releases = [withEngine('b11700')];
  expect(await sourceFor(github).find({ ...CPU, arch: 'arm64', backend: 'rocm' }, { cacheFolder })).toBeNull();
});

test('unchanged answers cost nothing; a rate limit is bridged by what is known, else told with its end', async () => {
  await using github = await startGithub([stable('v0.8.0', 'b11669'), withEngine('b11669')]);
  github.isRateLimited = true;
  const refused = await failureOf(sourceFor(github).find(CPU, { cacheFolder }));
  expect(refused).toMatchObject({
    kind: 'rate_limited',
    blame: 'remote',
    hint: expect.stringContaining('engine install FILE'),
  });
  const { details } = refused as { details: { resetAt: number } };
  expect(details.resetAt - Date.now()).toBeGreaterThan(1_700_000);
  expect(details.resetAt - Date.now()).toBeLessThanOrEqual(1_800_000);

  github.isRateLimited = false;
  const first = await sourceFor(github).find(CPU, { cacheFolder });
  expect(github.notModifiedCount()).toBe(0);
  expect(await sourceFor(github).find(CPU, { cacheFolder })).toEqual(first);
  expect(github.notModifiedCount()).toBe(2);

  github.isRateLimited = true;
  expect(await sourceFor(github).find(CPU, { cacheFolder })).toEqual(first);
  for (const name of readdirSync(cacheFolder)) writeFileSync(join(cacheFolder, name), '{"url":"x","releases":[{}]}');
  expect(await failureOf(sourceFor(github).find(CPU, { cacheFolder }))).toMatchObject({ kind: 'rate_limited' });
});

test('an address where nobody listens is offline; a signal ends the wait', async () => {
  const github = await startGithub([]);
  await github[Symbol.asyncDispose]();
  expect(await failureOf(sourceFor(github).find(CPU, { cacheFolder }))).toMatchObject({ kind: 'offline' });
  const gone = AbortSignal.abort();
  expect(await failureOf(sourceFor(github).find(CPU, { cacheFolder, signal: gone }))).not.toBeNull();
});

test('what GitHub publishes no digest of is not taken', async () => {
  const release = withEngine('b11669');
  const bare = { ...release, assets: release.assets.map((asset) => ({ ...asset, digest: null })) };
  await using github = await startGithub([bare]);
  expect(await failureOf(sourceFor(github).find(CPU, { cacheFolder }))).toMatchObject({
    kind: 'bad_gateway',
    message: expect.stringContaining('no digest of llama-b11669-bin-ubuntu-x64.tar.gz'),
  });
  github.releases = [bare, withEngine('b11600')];
  expect((await sourceFor(github).find(CPU, { cacheFolder }))?.id).toBe('b11600-cpu');
});

test('a tag file with another content than published, and one that names no build', async () => {
  const named = {
    ...stable('v0.8.0', 'b11669'),
    assets: [{ name: 'nightly-tag.txt', text: 'b11669', digest: `sha256:${'0'.repeat(64)}` }],
  };
  await using github = await startGithub([named, withEngine('b11669')]);
  expect(await failureOf(sourceFor(github).find(CPU, { cacheFolder }))).toMatchObject({ kind: 'bad_gateway' });
  github.releases = [stable('v0.8.0', '../../evil'), withEngine('b11668')];
  expect((await sourceFor(github).find(CPU, { cacheFolder }))?.id).toBe('b11668-cpu');
});

test('a build arrives flat, with its links and permissions, over a redirect and after a cut', async () => {
  await using github = await startGithub([withEngine('b11669')]);
  github.redirect = (path) => `${github.url}${path}`;
  github.cutCount = 1;
  const source = sourceFor(github);
  const found = await source.find(CPU, { cacheFolder });
  if (found === null) throw new Error('not found');
  const folder = newFolder();
  const stages: FetchProgress[] = [];
  const recipe = await source.fetch(found, folder, { cacheFolder, onProgress: (progress) => stages.push(progress) });
  expect(recipe.launch.at(-1)).toBe(join(folder, 'llama-server'));
  const names = readdirSync(folder);
  expect(names).toContain('libllama.so.0');
  expect(names.filter((name) => name.startsWith('.') || name.startsWith('llama-b'))).toEqual([]);
  const version = Bun.spawnSync([...recipe.launch, '--version'], { env: {} });
  expect(version.stderr.toString()).toMatch(/^version: /);
  expect(github.downloads).toHaveLength(2);
  expect(github.downloads[1]).toMatch(/ bytes=\d+-$/);
  expect(new Set(stages.map((progress) => progress.stage))).toEqual(new Set(['download', 'unpack']));
  expect(stages.findLast((progress) => progress.stage === 'download')).toMatchObject({
    doneBytes: engine.sizeBytes,
    totalBytes: engine.sizeBytes,
  });
  // The archive has done its duty.
  expect(readdirSync(cacheFolder).filter((name) => name.includes('llama-'))).toEqual([]);
});

test('CUDA’s libraries lie beside the engine, and their archive is kept for the next build', async () => {
  await using github = await startGithub([withEngine('b11669')]);
  const source = sourceFor(github);
  const found = await source.find(CUDA, { cacheFolder });
  expect(found?.id).toBe('b11669-cuda');
  expect(found?.files.map((file) => file.name)).toEqual([
    'llama-b11669-bin-ubuntu-cuda-12.8-x64.tar.gz',
    'cudart-llama-b11669-bin-ubuntu-cuda-12.8-x64.tar.gz',
  ]);
  if (found === null) return;
  for (const round of [1, 2]) {
    const folder = newFolder();
    await source.fetch(found, folder, { cacheFolder });
    for (const name of ['llama-server', 'libcudart.so.12', 'libcublas.so.12.8.4']) {
      expect(existsSync(join(folder, name))).toBe(true);
    }
    expect(github.downloads.filter((name) => name.startsWith('cudart-'))).toHaveLength(1);
    expect(github.downloads.filter((name) => name.startsWith('llama-'))).toHaveLength(round);
  }
});

test('bytes that differ from the digest leave nothing behind', async () => {
  const release = withEngine('b11669');
  const wrong = {
    ...release,
    assets: release.assets.map((asset) => ({ ...asset, digest: `sha256:${'1'.repeat(64)}` })),
  };
  await using github = await startGithub([wrong]);
  const source = sourceFor(github);
  const found = await source.find(CPU, { cacheFolder });
  if (found === null) throw new Error('not found');
  const folder = newFolder();
  expect(await failureOf(source.fetch(found, folder, { cacheFolder }))).toMatchObject({
    kind: 'bad_gateway',
    message: expect.stringContaining('another content'),
  });
  expect(readdirSync(folder)).toEqual([]);
  expect(readdirSync(cacheFolder).filter((name) => !name.startsWith('github-'))).toEqual([]);
});

test('a redirect to a host that nobody allowed is not followed', async () => {
  await using github = await startGithub([withEngine('b11669')]);
  github.redirect = () => 'https://evil.example/llama.tar.gz';
  const source = sourceFor(github);
  const found = await source.find(CPU, { cacheFolder });
  if (found === null) throw new Error('not found');
  expect(await failureOf(source.fetch(found, newFolder(), { cacheFolder }))).toMatchObject({ kind: 'forbidden' });
});

test('an archive without a server is told as such', async () => {
  const tag = 'b11669';
  await using github = await startGithub([nightly(tag, { [`llama-${tag}-bin-ubuntu-x64.tar.gz`]: libraries })]);
  const source = sourceFor(github);
  const found = await source.find(CPU, { cacheFolder });
  if (found === null) throw new Error('not found');
  mkdirSync(join(root, 'unused'), { recursive: true });
  expect(await failureOf(source.fetch(found, newFolder(), { cacheFolder }))).toMatchObject({
    kind: 'unprocessable',
    message: expect.stringContaining('no llama-server'),
  });
});
