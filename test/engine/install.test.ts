import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'bun:test';
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Fault } from '../../src/base/fault.ts';
import { Log } from '../../src/base/log.ts';
import { type GpuFacts, ladderFor, type Rung } from '../../src/engine/catalog.ts';
import { type Engines, type EnginesOptions, openEngines } from '../../src/engine/install.ts';
import { createGithubSource } from '../../src/engine/sources/github.ts';
import { testEngine } from '../fixtures/engine.ts';
import { llvmpipeEnvironment } from '../fixtures/engine-setup.ts';
import { type PackedArchive, packedEngine, packedFile } from '../fixtures/github/packed-engine.ts';
import { type FakeGithub, type FakeRelease, nightly, stable, startGithub } from '../fixtures/github/server.ts';
import { PROBE_FILE, probeBytes } from '../fixtures/write-probe.ts';

let root = '';
let data = '';
let engine: PackedArchive;
beforeAll(async () => {
  root = mkdtempSync(join(tmpdir(), 'drover-install-'));
  engine = await packedEngine('llama-b11669');
});
afterAll(() => rmSync(root, { recursive: true }));
beforeEach(() => {
  data = mkdtempSync(join(root, 'dätä '));
});

const gpu = (vendor: GpuFacts['vendor'], driverVersion: string | null = null): GpuFacts => ({
  vendor,
  driverVersion,
  computeCapability: null,
  gfxTarget: null,
});
const ladder = (...gpus: GpuFacts[]): Rung[] => ladderFor({ platform: 'linux', arch: 'x64', gpus }, 'auto');
const CPU = ladder();
const VULKAN = ladder(gpu('intel'));

const withEngine = (tag: string): FakeRelease =>
  nightly(tag, {
    [`llama-${tag}-bin-ubuntu-x64.tar.gz`]: engine,
    // The same files: a build for Vulkan whose plugin finds no device behaves just so.
    [`llama-${tag}-bin-ubuntu-vulkan-x64.tar.gz`]: engine,
  });
function enginesWith(github: FakeGithub | null, more: Partial<EnginesOptions> = {}): Engines {
  const sources =
    github === null ? [] : [createGithubSource({ api: github.url, downloads: github.url, retryDelayMs: 1 })];
  return openEngines({
    folder: join(data, 'engines'),
    cacheFolder: join(data, 'cache'),
    sources,
    log: new Log(),
    probeModel: PROBE_FILE,
    environment: { PATH: process.env.PATH },
    ...more,
  });
}
const failureOf = async (work: Promise<unknown>): Promise<Fault> => {
  const thrown = await work.then(
    () => null,
    (reason: unknown) => reason,
  );
  if (!(thrown instanceof Fault)) throw new Error(`no Fault, but ${String(thrown)}`);
  return thrown;
};
const files = (): string[] => readdirSync(join(data, 'engines'));
const leftovers = (): string[] => files().filter((name) => /^\.(new|old)-/.test(name));
const archivesFetched = (github: FakeGithub): string[] =>
  github.downloads.filter((name) => !name.startsWith('nightly-tag'));

test('the probe model that ships is the one that the fixture writes', () => {
  expect(Buffer.compare(readFileSync(PROBE_FILE), probeBytes())).toBe(0);
});

describe('from nothing to a proven engine', () => {
  test('the first start fetches, proves and remembers; the second starts nothing', async () => {
    await using github = await startGithub([stable('v0.8.0', 'b11669'), withEngine('b11669')]);
    const stages = new Set<string>();
    const build = await enginesWith(github).ensure({
      ladder: CPU,
      onProgress: (progress) => stages.add(progress.stage),
    });
    expect(build).toMatchObject({
      id: 'b11669-cpu',
      backend: 'cpu',
      source: 'github',
      buildNumber: 11669,
      folder: join(data, 'engines/b11669-cpu'),
    });
    expect(build.proof).toMatchObject({ isGood: true, reason: null, bufferDevices: ['CPU'] });
    expect(build.proof?.tokensPerSecond).toBeGreaterThan(1);
    expect([...stages]).toEqual(['index', 'download', 'unpack', 'prove']);
    expect(leftovers()).toEqual([]);

    const { length } = github.requests;
    const again = enginesWith(github);
    expect(again.current()).toEqual(build);
    // A proof made anew would have other figures.
    expect(await again.ensure({ ladder: CPU })).toEqual(build);
    expect(github.requests).toHaveLength(length);
  });

  test('a build for a GPU that runs on the CPU has failed; the next rung serves, and the reason is kept until a driver changes', async () => {
    await using github = await startGithub([withEngine('b11669')]);
    const engines = enginesWith(github);
    const build = await engines.ensure({ ladder: VULKAN });
    expect(build.id).toBe('b11669-cpu');
    expect(engines.list().map((entry) => entry.id)).toEqual(['b11669-cpu']);
    const failure = engines.ladderStatus(VULKAN).find((status) => status.rung.backend === 'vulkan')?.failures[0];
    expect(failure).toMatchObject({
      id: 'b11669-vulkan',
      source: 'github',
      reason: expect.stringContaining("CPU's memory"),
    });
    expect(leftovers()).toEqual([]);
    expect(archivesFetched(github)).toHaveLength(2);

    // Known to fail here: not fetched again.
    expect(engines.rungToRetry(VULKAN)).toBeNull();
    expect((await engines.update({ ladder: VULKAN })).id).toBe('b11669-cpu');
    expect(archivesFetched(github)).toHaveLength(2);
    // Another driver: worth another try.
    const changed = ladder(gpu('intel', '26.1'));
    expect(engines.rungToRetry(changed)?.backend).toBe('vulkan');
    expect((await engines.update({ ladder: changed })).id).toBe('b11669-cpu');
    expect(archivesFetched(github)).toHaveLength(3);
    expect(engines.rungToRetry(changed)).toBeNull();
    // A newer build, too.
    github.releases = [withEngine('b11670'), ...github.releases];
    expect((await engines.update({ ladder: changed })).id).toBe('b11670-cpu');
    expect(archivesFetched(github).at(-2)).toBe('llama-b11670-bin-ubuntu-vulkan-x64.tar.gz');
  });

  test('asked for Vulkan by name, nobody gets a CPU', async () => {
    await using github = await startGithub([withEngine('b11669')]);
    const engines = enginesWith(github);
    const only = ladderFor({ platform: 'linux', arch: 'x64', gpus: [] }, 'vulkan');
    const fault = await failureOf(engines.ensure({ ladder: only }));
    expect(fault.kind).toBe('engine_unobtainable');
    expect(fault.message).toContain("vulkan from github: The model lay in the CPU's memory");
    expect(fault.hint).toContain('drover engine install FILE');
    expect(engines.current()).toBeNull();
  });

  test('the sources are asked in order; what each said is told', async () => {
    await using empty = await startGithub([]);
    await using limited = await startGithub([]);
    limited.isRateLimited = true;
    await using github = await startGithub([withEngine('b11669')]);
    const gone = await startGithub([]);
    await gone[Symbol.asyncDispose]();
    const sources = [gone, limited, empty, github].map((server, index) => ({
      ...createGithubSource({ api: server.url, downloads: server.url, retryDelayMs: 1 }),
      source: (['github', 'github', 'github', 'debian'] as const)[index] ?? 'github',
    }));
    const fault = await failureOf(enginesWith(null, { sources: sources.slice(0, 3) }).ensure({ ladder: CPU }));
    expect(fault.message).toMatch(/cannot be reached.*\n.*answers no more requests.*\n.*no build for this machine/);
    const build = await enginesWith(null, { sources }).ensure({ ladder: CPU });
    expect(build.source).toBe('debian');
  });
});

describe('what works is never harmed', () => {
  test('offline and unreachable sources leave the engine in use', async () => {
    const github = await startGithub([withEngine('b11669')]);
    const engines = enginesWith(github);
    const build = await engines.ensure({ ladder: CPU });
    await github[Symbol.asyncDispose]();
    expect(await engines.ensure({ ladder: CPU })).toEqual(build);
    const fault = await failureOf(engines.update({ ladder: CPU }));
    expect(fault.kind).toBe('engine_unobtainable');
    expect(engines.current()).toEqual(build);
    expect((await failureOf(engines.install({ ladder: CPU, isOffline: true }))).message).toContain('offline');
    expect(engines.current()).toEqual(build);
  });

  test('offline with nothing installed asks nobody and says how to go on', async () => {
    await using github = await startGithub([withEngine('b11669')]);
    const fault = await failureOf(enginesWith(github).ensure({ ladder: CPU, isOffline: true }));
    expect(fault).toMatchObject({ kind: 'engine_unobtainable', blame: 'caller' });
    expect(fault.hint).toContain('drover engine install FILE');
    expect(github.requests).toEqual([]);
  });

  test('a newer build that does not prove itself does not take over, nor does a lower rung', async () => {
    await using github = await startGithub([withEngine('b11669')]);
    const engines = enginesWith(github);
    const build = await engines.ensure({ ladder: CPU });
    const broken = join(root, 'broken.tar.gz');
    const folder = mkdtempSync(join(root, 'broken-'));
    mkdirSync(join(folder, 'llama-b11700'));
    writeFileSync(
      join(folder, 'llama-b11700/llama-server'),
      '#!/bin/sh\necho "$0: /lib/libc.so.6: version \\`GLIBC_2.99\' not found" >&2; exit 1\n',
    );
    expect(Bun.spawnSync(['tar', '-C', folder, '-czf', broken, '.']).exitCode).toBe(0);
    github.releases = [
      nightly('b11700', { 'llama-b11700-bin-ubuntu-x64.tar.gz': await packedFile(broken) }),
      ...github.releases,
    ];
    const fault = await failureOf(engines.update({ ladder: VULKAN }));
    expect(fault.message).toContain('This system is too old for it: it needs GLIBC_2.99.');
    expect(engines.current()).toEqual(build);
    expect(leftovers()).toEqual([]);
  });

  test('update, rollback, use, remove: the previous build stays until the next one has served', async () => {
    await using github = await startGithub([withEngine('b11669')]);
    const engines = enginesWith(github);
    await engines.ensure({ ladder: CPU });
    engines.markServed();
    for (const tag of ['b11670', 'b11671']) {
      github.releases = [withEngine(tag), ...github.releases];
      expect((await engines.update({ ladder: CPU })).id).toBe(`${tag}-cpu`);
    }
    expect((await engines.update({ ladder: CPU })).id).toBe('b11671-cpu');
    expect(engines.list().map((build) => build.id)).toEqual(['b11671-cpu', 'b11670-cpu', 'b11669-cpu']);
    expect(engines.previous()?.id).toBe('b11670-cpu');
    engines.markServed();
    engines.markServed();
    expect(engines.list().map((build) => build.id)).toEqual(['b11671-cpu', 'b11670-cpu']);

    expect((await engines.rollback()).id).toBe('b11670-cpu');
    // Another process sees it at once.
    expect(enginesWith(null).current()?.id).toBe('b11670-cpu');
    expect((await engines.rollback()).id).toBe('b11671-cpu');
    expect((await engines.use('b11670-cpu')).id).toBe('b11670-cpu');
    expect(await failureOf(engines.remove('b11670-cpu'))).toMatchObject({ kind: 'conflict' });
    await engines.remove('b11671-cpu');
    expect(await failureOf(engines.rollback())).toMatchObject({ kind: 'not_found' });
    for (const id of ['b11671-cpu', '../engines', '..', '.probe', '']) {
      expect(await failureOf(engines.use(id))).toMatchObject({ kind: 'not_found' });
      expect(await failureOf(engines.remove(id))).toMatchObject({ kind: 'not_found' });
    }
    expect(leftovers()).toEqual([]);
  });

  test('a current build whose folder has vanished: the previous one stands in, then the next is fetched', async () => {
    await using github = await startGithub([withEngine('b11669')]);
    const engines = enginesWith(github);
    await engines.ensure({ ladder: CPU });
    github.releases = [withEngine('b11670')];
    await engines.update({ ladder: CPU });
    rmSync(join(data, 'engines/b11670-cpu/llama-server'));
    expect(engines.current()?.id).toBe('b11669-cpu');
    expect((await engines.ensure({ ladder: CPU })).id).toBe('b11669-cpu');
    rmSync(join(data, 'engines/b11669-cpu'), { recursive: true });
    expect(engines.current()).toBeNull();
    expect((await engines.ensure({ ladder: CPU })).id).toBe('b11670-cpu');
    expect(engines.current()?.id).toBe('b11670-cpu');
  });

  test('broken records and pointers count as absent', async () => {
    mkdirSync(join(data, 'engines/b1-cpu'), { recursive: true });
    mkdirSync(join(data, 'engines/b2-cpu'));
    writeFileSync(join(data, 'engines/b1-cpu/build.json'), '{"format":1');
    writeFileSync(join(data, 'engines/b2-cpu/build.json'), '{"format":1,"id":7}');
    for (const pointer of ['', 'null', '{"id":"../../etc"}', '{"id":"b1-cpu","previousId":"b2-cpu","isServed":true}']) {
      writeFileSync(join(data, 'engines/current.json'), pointer);
      writeFileSync(join(data, 'engines/rungs.json'), pointer);
      const engines = enginesWith(null);
      expect([engines.current(), engines.previous(), engines.list(), engines.rungToRetry(CPU)]).toEqual([
        null,
        null,
        [],
        null,
      ]);
    }
  });
});

describe('several at once, and deaths in the middle', () => {
  test('two installations share one download', async () => {
    await using github = await startGithub([withEngine('b11669')]);
    const stages: string[] = [];
    const [one, other] = await Promise.all([
      enginesWith(github).ensure({ ladder: CPU, onProgress: (progress) => stages.push(progress.stage) }),
      enginesWith(github).ensure({ ladder: CPU, onProgress: (progress) => stages.push(progress.stage) }),
    ]);
    expect(other).toEqual(one);
    expect(archivesFetched(github)).toHaveLength(1);
    expect(stages).toContain('waiting');
  });

  for (const stage of ['download', 'unpack', 'prove']) {
    test(`killed at ${stage}: nothing half is seen, and the next run cleans up`, async () => {
      await using github = await startGithub([withEngine('b11669')]);
      const child = Bun.spawn(
        [process.execPath, join(import.meta.dir, '../fixtures/github/installing-child.ts'), data, github.url, stage],
        {
          stdout: 'pipe',
          stderr: 'inherit',
        },
      );
      try {
        const reader = child.stdout.getReader();
        expect(new TextDecoder().decode((await reader.read()).value)).toBe(`at ${stage}\n`);
      } finally {
        child.kill('SIGKILL');
        await child.exited;
      }
      expect(leftovers()).toHaveLength(1);
      const engines = enginesWith(github);
      expect(engines.list()).toEqual([]);
      expect(engines.current()).toBeNull();
      expect((await engines.ensure({ ladder: CPU })).id).toBe('b11669-cpu');
      expect(leftovers()).toEqual([]);
      expect(readdirSync(join(data, 'cache')).filter((name) => name.includes('llama-'))).toEqual([]);
    });
  }

  test('an abort in the middle leaves nothing but what a later try resumes', async () => {
    await using github = await startGithub([withEngine('b11669')]);
    const abort = new AbortController();
    const engines = enginesWith(github);
    const work = engines.ensure({
      ladder: CPU,
      signal: abort.signal,
      onProgress: (progress) => progress.stage === 'unpack' && abort.abort(new Fault('cancelled', 'left')),
    });
    expect((await failureOf(work)).kind).toBe('cancelled');
    expect(leftovers()).toEqual([]);
    expect((await engines.ensure({ ladder: CPU })).id).toBe('b11669-cpu');
    expect(archivesFetched(github)).toHaveLength(1);
  });
});

describe('engines of the user’s own', () => {
  test('a given one is used where it lies, inspected once, and not proved', async () => {
    const own = await testEngine();
    const engines = enginesWith(null);
    const build = await engines.ensure({ ladder: CPU, given: own.folder, isOffline: true });
    expect(build).toMatchObject({
      id: 'given',
      source: 'given',
      folder: own.folder,
      backend: 'cpu',
      proof: null,
      launch: [...own.launch],
    });
    expect(engines.current()).toBe(build);
    expect(files().sort()).toEqual(['given.json']);
    const writtenAt = (): number => statSync(join(data, 'engines', 'given.json')).mtimeMs;
    const before = writtenAt();
    expect(await enginesWith(null).ensure({ ladder: CPU, given: join(own.folder, 'llama-server') })).toEqual(build);
    expect(writtenAt()).toBe(before);
    expect((await engines.prove(build)).isGood).toBe(true);
  });

  test('a given one that does not run, and one that is not there', async () => {
    const bad = join(root, 'bad-server');
    writeFileSync(bad, '#!/bin/sh\nexit 7\n');
    chmodSync(bad, 0o755);
    const engines = enginesWith(null);
    const fault = await failureOf(engines.ensure({ ladder: CPU, given: bad }));
    expect(fault).toMatchObject({ kind: 'engine_unobtainable', blame: 'engine' });
    expect(fault.message).toContain('It ended with code 7');
    expect(await failureOf(engines.ensure({ ladder: CPU, given: join(root, 'absent') }))).toMatchObject({
      kind: 'not_found',
    });
  });

  test('one on PATH serves the rung that it proves itself for, and no other', async () => {
    const own = await testEngine();
    await using github = await startGithub([]);
    const build = await enginesWith(github).ensure({ ladder: CPU, pathVariable: own.folder });
    expect(build).toMatchObject({ id: 'path', source: 'given', backend: 'cpu', proof: { isGood: true } });
    expect(github.requests).toEqual([]);
    data = mkdtempSync(join(root, 'other-'));
    const only = ladderFor({ platform: 'linux', arch: 'x64', gpus: [] }, 'vulkan');
    expect((await failureOf(enginesWith(github).ensure({ ladder: only, pathVariable: own.folder }))).message).toContain(
      'it is a build for cpu',
    );
    const tooOld = enginesWith(github, { oldestBuild: 1_000_000 });
    expect((await failureOf(tooOld.ensure({ ladder: CPU, pathVariable: own.folder }))).message).toContain(
      'older than b1000000',
    );
  });

  test('an archive and a folder are installed offline; a broken one is not', async () => {
    const engines = enginesWith(null);
    const build = await engines.installFrom(engine.path);
    expect(build).toMatchObject({ id: 'b11669-cpu-local', source: 'archive', proof: { isGood: true } });
    const ensured = await engines.ensure({ ladder: CPU, isOffline: true });
    expect([ensured.id, ensured.proof?.at]).toEqual([build.id, build.proof?.at]);
    const folder = join(root, 'copied');
    cpSync(build.folder, folder, { recursive: true, verbatimSymlinks: true });
    expect((await engines.installFrom(folder)).id).toBe(build.id);
    expect(existsSync(join(folder, 'llama-server'))).toBe(true);
    writeFileSync(join(root, 'junk.tar.gz'), 'junk');
    for (const path of [join(root, 'junk.tar.gz'), join(root, 'nowhere')]) {
      expect((await failureOf(engines.installFrom(path))).kind).toMatch(/unprocessable|not_found/);
    }
    expect(engines.current()?.id).toBe(build.id);
    expect(leftovers()).toEqual([]);
  });
});

describe('the machine changes', () => {
  const changed = ladder({ ...gpu('other'), driverVersion: '600' });

  test('a new driver has the engine in use proved again, an unchanged one starts nothing', async () => {
    await using github = await startGithub([withEngine('b11669')]);
    const engines = enginesWith(github);
    const build = await engines.ensure({ ladder: CPU });
    expect(await engines.refresh(CPU)).toEqual(build);
    const refreshed = await engines.ensure({ ladder: changed });
    expect(refreshed.proof?.isGood).toBe(true);
    expect(refreshed.proof?.at).toBeGreaterThan(build.proof?.at ?? Number.POSITIVE_INFINITY);
    expect(await engines.ensure({ ladder: changed })).toEqual(refreshed);
    expect(archivesFetched(github)).toHaveLength(1);
  });

  test('an engine that no longer works is replaced; where nothing else is to be had, it stays and says so', async () => {
    await using github = await startGithub([withEngine('b11669')]);
    const engines = enginesWith(github);
    const build = await engines.ensure({ ladder: CPU });
    writeFileSync(join(build.folder, 'llama-server'), 'no program');
    const same = await engines.ensure({ ladder: changed, isOffline: true });
    expect(same).toMatchObject({
      id: build.id,
      proof: { isGood: false, reason: expect.stringContaining('probe model failed') },
    });
    github.releases = [withEngine('b11670')];
    const next = ladder({ ...gpu('other'), driverVersion: '601' });
    expect((await engines.ensure({ ladder: next })).id).toBe('b11670-cpu');
    expect(engines.previous()?.id).toBe('b11669-cpu');
  });

  test('a better build that lies ready takes over, unless a person chose the other', async () => {
    await using github = await startGithub([withEngine('b11669')]);
    const engines = enginesWith(github);
    await engines.ensure({ ladder: CPU });
    // A build for Vulkan that has proved itself here, as far as its record goes.
    const home = join(data, 'engines/b11669-vulkan');
    cpSync(join(data, 'engines/b11669-cpu'), home, { recursive: true, verbatimSymlinks: true });
    const record = JSON.parse(readFileSync(join(home, 'build.json'), 'utf8'));
    const keys = {
      machineKey: VULKAN[0]?.machineKey,
      executable: { ...record.executable, modifiedAt: Math.round(statSync(join(home, 'llama-server')).mtimeMs) },
    };
    writeFileSync(
      join(home, 'build.json'),
      JSON.stringify({ ...record, ...keys, id: 'b11669-vulkan', backend: 'vulkan' }),
    );
    expect((await engines.ensure({ ladder: CPU })).id).toBe('b11669-cpu');
    expect((await engines.ensure({ ladder: VULKAN })).id).toBe('b11669-vulkan');
    expect((await engines.ensure({ ladder: CPU })).id).toBe('b11669-cpu');
    await engines.use('b11669-cpu');
    expect((await engines.ensure({ ladder: VULKAN })).id).toBe('b11669-cpu');
  });
});

test('a real offload: the same engine with a Vulkan device, hidden and shown', async () => {
  const own = await testEngine();
  const only = ladderFor({ platform: 'linux', arch: 'x64', gpus: [] }, 'vulkan');
  const hidden = enginesWith(null).ensure({ ladder: only, pathVariable: own.folder });
  expect((await failureOf(hidden)).message).toContain('it is a build for cpu');
  const environment = { PATH: process.env.PATH, ...llvmpipeEnvironment() };
  const build = await enginesWith(null, { environment }).ensure({ ladder: only, pathVariable: own.folder });
  expect(build).toMatchObject({ id: 'path', backend: 'vulkan', proof: { isGood: true, reason: null } });
  expect(build.devices[0]).toMatchObject({ id: 'Vulkan0', name: expect.stringContaining('llvmpipe') });
  expect(build.proof?.bufferDevices).toContain('Vulkan0');
});
