// Debian's own archive, as it is today: its signature, its packages, and what becomes of its bytes when somebody
// between it and us alters them. What was fetched once is kept in the tests' cache.
import { afterAll, beforeAll, describe, expect, test } from 'bun:test';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { Fault } from '../../src/base/fault.ts';
import { fetchBytes } from '../../src/base/http.ts';
import { createDebianSource } from '../../src/engine/sources/debian.ts';
import { parseRelease } from '../../src/engine/sources/debian-release.ts';
import { debianKeys, verifiedText } from '../../src/engine/sources/debian-signature.ts';
import type { BuildRequest } from '../../src/engine/sources/source.ts';
import { testCacheFolder, testEngine } from '../fixtures/engine.ts';
import { ensureTestEngine, llvmpipeEnvironment } from '../fixtures/engine-setup.ts';
import { rawServer, reply } from '../fixtures/raw-server.ts';

const ARCHIVE = 'https://deb.debian.org/debian';
const DAY = 86_400_000;
const isLinux = process.platform === 'linux';
const arch = process.arch === 'arm64' ? 'arm64' : 'x64';
const request: BuildRequest = { platform: 'linux', arch, backend: 'cpu', cudaMajors: [], version: null };

let root = '';
const indices = join(testCacheFolder(), 'debian');
const recordings = join(testCacheFolder(), 'recorded');
beforeAll(() => {
  root = mkdtempSync(join(tmpdir(), 'drover-debian-real-'));
  mkdirSync(indices, { recursive: true });
});
afterAll(() => rmSync(root, { recursive: true, force: true }));

const run = (argv: readonly string[], environment: Readonly<Record<string, string>> = {}) => {
  const child = Bun.spawnSync([...argv], { env: { PATH: '/usr/bin', ...environment }, timeout: 120_000 });
  return `${child.stdout.toString()}${child.stderr.toString()}`;
};

describe('the real archive', () => {
  test('its InRelease is signed by the keys that ship, and by nobody else’s', async () => {
    const { value } = await fetchBytes(`${ARCHIVE}/dists/forky/InRelease`, { allowedHosts: ['deb.debian.org'] });
    const text = Buffer.from(value ?? []).toString();
    const release = parseRelease(await verifiedText(text, debianKeys(), Date.now()));
    expect(release).toMatchObject({ codename: 'forky', isByHash: true });
    expect(release.files.get('main/binary-amd64/Packages.xz')?.sizeBytes).toBeGreaterThan(1_000_000);
    for (const altered of [
      text.replace('Codename: forky', 'Codename: sidky'),
      text.replace('Valid-Until: ', 'Valid-Until:  '),
    ]) {
      await expect(verifiedText(altered, debianKeys(), Date.now())).rejects.toMatchObject({ kind: 'bad_gateway' });
    }
    // The ring of one key only: the other signature is not missed.
    await expect(verifiedText(text, new Uint8Array(), Date.now())).rejects.toBeInstanceOf(Fault);
  });

  test.if(isLinux)('a build for the processor is found, fetched, unpacked and runs from its own folder', async () => {
    const source = createDebianSource();
    const build = await source.find(request, { cacheFolder: indices });
    expect(build?.id).toMatch(/^\d+\.\d+\.\d+.*-cpu$/);
    const folder = join(root, 'engine with ünïcode and spaces');
    mkdirSync(folder);
    if (build === null) return;
    const recipe = await source.fetch(build, folder, { cacheFolder: join(root, 'cache') });
    expect(run([...recipe.launch, '--version'])).toContain(`version: ${build.version} (build `);
    expect(run([...recipe.launch, '--list-devices'])).toContain('(none)');
    expect(readdirSync(join(folder, 'licenses'))).toContain('libllama0');
    expect(readdirSync(folder).filter((name) => /^libggml-cpu/.test(name)).length).toBeGreaterThan(1);
    expect(readdirSync(join(root, 'cache'))).toEqual([]);
  });

  test('CUDA comes from sid, with its libraries and without a driver, which is the host’s', async () => {
    const cuda = await createDebianSource().find(
      { ...request, arch: 'x64', backend: 'cuda', cudaMajors: [13, 12] },
      { cacheFolder: indices },
    );
    const names = (cuda?.files ?? []).map((file) => file.name.split('_')[0]);
    expect(names).toContain('libggml0-backend-cuda');
    expect(names).toContain('libcublaslt12');
    expect(names).toContain('libcudart12');
    expect(names.filter((name) => /nvidia|libcuda1/.test(name ?? ''))).toEqual([]);
  });

  test.if(isLinux)(
    'the engine of the tests has its tools, and sees llvmpipe as a Vulkan device only when asked to',
    async () => {
      const folder = await ensureTestEngine();
      const engine = await testEngine();
      expect(engine.folder).toBe(folder);
      for (const name of ['llama-fit-params', 'llama-quantize', 'llama-gguf-split', 'llama-bench']) {
        expect(existsSync(join(folder, name))).toBe(true);
      }
      expect(run([...engine.launch, '--list-devices'])).toContain('(none)');
      expect(run([...engine.launch, '--list-devices'], llvmpipeEnvironment())).toContain('Vulkan0: llvmpipe');
      const argv = engine.tool('llama-bench');
      const probe = join(import.meta.dir, '../../assets/probe.gguf');
      const report = run([...argv, '-m', probe, '-ngl', '99', '-p', '8', '-n', '0', '-r', '1'], llvmpipeEnvironment());
      expect(report).toMatch(/Vulkan\s*\|\s*99\s*\|\s*pp8/);
    },
  );

  test.if(isLinux)('two setups at once end with one engine', async () => {
    const folders = await Promise.all([ensureTestEngine(), ensureTestEngine()]);
    expect(folders[0]).toBe(folders[1] ?? '');
  });
});

/** Serves the archive's real bytes, recorded once, and lets a test alter them on the way. */
async function between(alter: (path: string, bytes: Buffer) => Uint8Array) {
  const load = async (path: string): Promise<Buffer> => {
    const file = join(recordings, path);
    if (!existsSync(file)) {
      const { value } = await fetchBytes(`${ARCHIVE}/${path}`, {
        allowedHosts: ['deb.debian.org'],
        maxBytes: 64 << 20,
      });
      mkdirSync(dirname(file), { recursive: true });
      await Bun.write(file, value ?? '');
    }
    return readFileSync(file);
  };
  const server = await rawServer((asked, socket) => {
    const path = decodeURIComponent(asked.path).slice(1);
    load(path).then(
      (bytes) => reply(socket, 200, alter(path, bytes)),
      () => reply(socket, 404),
    );
  });
  const text = (await load('dists/forky/InRelease')).toString();
  const { madeAt } = parseRelease(await verifiedText(text, debianKeys(), Date.now()));
  return { server, madeAt, [Symbol.asyncDispose]: () => server[Symbol.asyncDispose]() };
}

describe('the real bytes, altered on the way', () => {
  // Packages vanish from the archive when they are renewed: an index of another day is recorded anew.
  beforeAll(async () => {
    const { value } = await fetchBytes(`${ARCHIVE}/dists/forky/InRelease`, { allowedHosts: ['deb.debian.org'] });
    const file = join(recordings, 'dists/forky/InRelease');
    if (existsSync(file) && readFileSync(file).equals(value ?? Buffer.alloc(0))) return;
    rmSync(join(recordings, 'dists'), { recursive: true, force: true });
  });
  const ask = async (
    alter: (path: string, bytes: Buffer) => Uint8Array,
    now?: (madeAt: number) => number,
    cacheFolder = join(mkdtempSync(join(root, 'cache-')), 'cache'),
  ) => {
    await using proxy = await between(alter);
    const at = now?.(proxy.madeAt) ?? proxy.madeAt + DAY;
    const source = createDebianSource({ archiveUrl: proxy.server.url, suites: ['forky'], now: () => at });
    const home = mkdtempSync(join(root, 'altered-'));
    const folder = join(home, 'engine');
    mkdirSync(folder);
    const build = await source.find(request, { cacheFolder });
    if (build !== null) await source.fetch(build, folder, { cacheFolder });
    return build?.id ?? null;
  };
  const flip = (bytes: Buffer): Buffer => {
    bytes[bytes.length >> 1] = (bytes[bytes.length >> 1] ?? 0) ^ 1;
    return bytes;
  };
  const untouched = (_: string, bytes: Buffer): Uint8Array => bytes;

  test('untouched they pass', async () => {
    expect(await ask(untouched, undefined, join(root, 'shared'))).toMatch(/-cpu$/);
  });
  test('one bit of InRelease', async () => {
    const alter = (path: string, bytes: Buffer): Uint8Array => (path.endsWith('InRelease') ? flip(bytes) : bytes);
    await expect(ask(alter)).rejects.toMatchObject({
      kind: 'bad_gateway',
      message: expect.stringContaining('not signed'),
    });
  });
  test('one bit of Packages', async () => {
    const alter = (path: string, bytes: Buffer): Uint8Array => (path.includes('binary-') ? flip(bytes) : bytes);
    await expect(ask(alter)).rejects.toMatchObject({
      kind: 'bad_gateway',
      message: expect.stringContaining('another content'),
    });
  });
  test('one bit of a package', async () => {
    const alter = (path: string, bytes: Buffer): Uint8Array => (path.includes('libllama0_') ? flip(bytes) : bytes);
    await expect(ask(alter, undefined, join(root, 'shared'))).rejects.toMatchObject({
      kind: 'bad_gateway',
      message: expect.stringContaining('another content'),
    });
  });
  test('kept back until they had expired', async () => {
    await expect(ask(untouched, (madeAt) => madeAt + 200 * DAY)).rejects.toMatchObject({
      kind: 'bad_gateway',
      message: expect.stringContaining('expired'),
    });
  });
});
