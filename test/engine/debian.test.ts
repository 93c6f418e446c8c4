import { afterAll, beforeAll, describe, expect, test } from 'bun:test';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, readlinkSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Fault } from '../../src/base/fault.ts';
import { createDebianSource, type DebianOptions } from '../../src/engine/sources/debian.ts';
import {
  type Closure,
  type PackageTable,
  resolveClosure,
  type Stanza,
} from '../../src/engine/sources/debian-closure.ts';
import { RELEASE_GRACE_MS } from '../../src/engine/sources/debian-release.ts';
import { compareVersions } from '../../src/engine/sources/debian-version.ts';
import type { BuildRequest, FetchProgress } from '../../src/engine/sources/source.ts';
import {
  type FakePackage,
  type FakeSuite,
  fakeArchive,
  type SigningKey,
  signingKey,
} from '../fixtures/debian-mirror.ts';
import { faultOf } from '../fixtures/fault-of.ts';
import { rawServer, reply } from '../fixtures/raw-server.ts';

const DAY = 86_400_000;
const NOW = Date.UTC(2026, 10, 1);

let root = '';
let key: SigningKey;
let foreignKey: SigningKey;
beforeAll(async () => {
  root = mkdtempSync(join(tmpdir(), 'drover-debian-'));
  key = await signingKey(NOW - 400 * DAY);
  foreignKey = await signingKey(NOW - 400 * DAY);
});
afterAll(() => rmSync(root, { recursive: true, force: true }));

const LIB = 'usr/lib/x86_64-linux-gnu';
const packages: readonly FakePackage[] = [
  {
    name: 'llama.cpp-tools',
    version: '1:0.7.0+dfsg-2',
    depends: 'libllama0 (= 1:0.7.0+dfsg-2), debconf, wget | curl, debconf (>= 0.5) | debconf-2.0, libc6 (>= 2.43)',
    entries: [
      { name: './usr/bin/llama-server', content: 'server', mode: 0o755 },
      { name: './usr/bin/unrelated', content: 'no' },
      { name: `./${LIB}/llama/libllama-server-impl.so`, content: 'impl' },
      { name: './usr/share/doc/llama.cpp-tools/copyright', content: 'MIT' },
      { name: './usr/share/doc/llama.cpp-tools/changelog.gz', content: 'no' },
    ],
  },
  { name: 'llama.cpp-tools-extra', version: '1:0.7.0+dfsg-2', depends: 'llama.cpp-tools (= 1:0.7.0+dfsg-2)' },
  {
    name: 'libllama0',
    version: '1:0.7.0+dfsg-2',
    depends: 'libggml0 (>= 0.27.0)',
    entries: [
      { name: `./${LIB}/libllama.so.0`, type: '2', link: 'libllama.so.0.7.0' },
      { name: `./${LIB}/libllama.so.0.7.0`, content: 'library' },
    ],
  },
  {
    name: 'libggml0',
    version: '0.27.0-1',
    entries: [{ name: `./${LIB}/ggml/backends0/libggml-cpu-x64.so`, content: 'plugin' }],
  },
  { name: 'libggml0-backend-rpc', version: '0.27.0-1', depends: 'libggml0 (= 0.27.0-1)' },
  {
    name: 'libc6',
    version: '2.43-7',
    depends: 'libgcc-s1, libc-gconv-modules-extra (= 2.43-7)',
    entries: [{ name: `./${LIB}/ld-linux-x86-64.so.2`, content: 'loader', mode: 0o755 }],
  },
  { name: 'libgcc-s1', version: '16.2.0-4' },
];
const forky: FakeSuite = { suite: 'forky', packages, madeAt: NOW - DAY };

interface Setting {
  readonly suites?: readonly FakeSuite[];
  /** Changes what the server holds after all was signed. */
  readonly tamper?: (files: Map<string, Uint8Array>) => void | Promise<void>;
  readonly options?: DebianOptions;
  readonly request?: Partial<BuildRequest>;
}

/** A source on a server of its own; the server notes what was asked. */
async function archive(setting: Setting = {}) {
  const files = await fakeArchive(setting.suites ?? [forky], key);
  await setting.tamper?.(files);
  const server = await rawServer((request, socket) => {
    const bytes = files.get(decodeURIComponent(request.path).slice('/debian/'.length));
    if (bytes === undefined) reply(socket, 404);
    else reply(socket, 200, bytes);
  });
  const home = mkdtempSync(join(root, 'try-'));
  const cacheFolder = join(home, 'cache');
  const folder = join(home, 'engine');
  mkdirSync(cacheFolder);
  mkdirSync(folder);
  const archiveUrl = `${server.url}/debian`;
  const source = createDebianSource({
    archiveUrl,
    suites: ['forky'],
    keys: key.keyring,
    now: () => NOW,
    ...setting.options,
  });
  const request: BuildRequest = {
    platform: 'linux',
    arch: 'x64',
    backend: 'cpu',
    cudaMajors: [],
    version: null,
    ...setting.request,
  };
  return {
    server,
    cacheFolder,
    folder,
    find: () => source.find(request, { cacheFolder }),
    install: async (signal?: AbortSignal, onProgress?: (progress: FetchProgress) => void) => {
      const build = await source.find(request, { cacheFolder });
      if (build === null) throw new Error('nothing found');
      return source.fetch(build, folder, { cacheFolder, signal, onProgress });
    },
    [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
  };
}

const replaceIn = (files: Map<string, Uint8Array>, path: RegExp, change: (bytes: Buffer) => Uint8Array): void => {
  for (const [name, bytes] of files) if (path.test(name)) files.set(name, change(Buffer.from(bytes)));
};
const text = (change: (text: string) => string) => (bytes: Buffer) => Buffer.from(change(bytes.toString()));

describe('an archive as it should be', () => {
  test('is found: id, version, the closure with sizes and digests, nothing that a folder does not need', async () => {
    await using it = await archive();
    const build = await it.find();
    expect(build).toMatchObject({ id: '0.7.0-dfsg-2-cpu', version: '0.7.0', backend: 'cpu', source: 'debian' });
    expect(build?.files.map((file) => file.name)).toEqual([
      'libc6_2.43-7_amd64.deb',
      'libgcc-s1_16.2.0-4_amd64.deb',
      'libggml0_0.27.0-1_amd64.deb',
      'libggml0-backend-rpc_0.27.0-1_amd64.deb',
      'libllama0_0.7.0+dfsg-2_amd64.deb',
      'llama.cpp-tools_0.7.0+dfsg-2_amd64.deb',
      'llama.cpp-tools-extra_0.7.0+dfsg-2_amd64.deb',
    ]);
    for (const file of build?.files ?? []) expect(file.sha256).toMatch(/^[0-9a-f]{64}$/);
  });

  test('is unpacked flat, with links, modes and licences, and started through its own loader', async () => {
    await using it = await archive();
    const seen: FetchProgress[] = [];
    expect(await it.install(undefined, (progress) => seen.push(progress))).toEqual({
      launch: [join(it.folder, 'ld-linux-x86-64.so.2'), '--library-path', it.folder, join(it.folder, 'llama-server')],
      environment: {},
    });
    expect(readdirSync(it.folder).sort()).toEqual([
      'ld-linux-x86-64.so.2',
      'libggml-cpu-x64.so',
      'libllama-server-impl.so',
      'libllama.so.0',
      'libllama.so.0.7.0',
      'licenses',
      'llama-server',
    ]);
    expect(readlinkSync(join(it.folder, 'libllama.so.0'))).toBe('libllama.so.0.7.0');
    expect(readFileSync(join(it.folder, 'licenses/llama.cpp-tools'), 'utf8')).toBe('MIT');
    expect(seen.at(-1)).toMatchObject({ stage: 'unpack', doneBytes: seen.at(-1)?.totalBytes ?? -1 });
    // Packages are dropped once they are unpacked; what was read of the index stays.
    expect(readdirSync(it.cacheFolder)).toEqual([expect.stringMatching(/^debian-[0-9a-f]{32}\.json$/)]);
  });

  test('is read once: the second time only InRelease is asked for', async () => {
    await using it = await archive();
    const first = await it.find();
    const before = it.server.requests.length;
    expect(await it.find()).toEqual(first);
    expect(it.server.requests.slice(before).map((request) => request.path)).toEqual(['/debian/dists/forky/InRelease']);
  });

  test('without by-hash is read by name; without the suite the next is asked', async () => {
    await using it = await archive({
      suites: [{ ...forky, suite: 'sid' }],
      options: { suites: ['forky', 'sid'] },
      tamper: (files) => {
        for (const name of files.keys()) if (name.includes('by-hash')) files.delete(name);
      },
    });
    expect((await it.find())?.id).toBe('0.7.0-dfsg-2-cpu');
    expect(it.server.requests.map(({ path }) => path.replace(/[0-9a-f]{64}/, '…'))).toEqual([
      '/debian/dists/forky/InRelease',
      '/debian/dists/sid/InRelease',
      '/debian/dists/sid/main/binary-amd64/by-hash/SHA256/…',
      '/debian/dists/sid/main/binary-amd64/Packages.xz',
    ]);
  });

  test('has nothing for other systems, other versions, ROCm, or a suite whose packages do not fit together', async () => {
    for (const request of [
      { platform: 'darwin' },
      { platform: 'win32' },
      { version: '0.6.0' },
      { backend: 'rocm' },
      { backend: 'metal' },
      { backend: 'vulkan' },
      { arch: 'arm64' },
      { backend: 'cuda', cudaMajors: [13] },
      { backend: 'cuda', cudaMajors: [12] },
    ] as const) {
      await using it = await archive({ request });
      expect(await it.find()).toBeNull();
    }
    for (const version of ['0.7.0', '0.7.0+dfsg', '1:0.7.0+dfsg-2']) {
      await using it = await archive({ request: { version } });
      expect((await it.find())?.version).toBe('0.7.0');
    }
    const torn = packages.map((each) => (each.name === 'libllama0' ? { ...each, version: '1:0.8.0+dfsg-1' } : each));
    await using it = await archive({ suites: [{ ...forky, packages: torn }] });
    expect(await it.find()).toBeNull();
  });
});

describe('an archive that somebody has altered', () => {
  const refusals: readonly (readonly [string, Setting, string])[] = [
    [
      'a digest in InRelease replaced',
      {
        tamper: (files) =>
          replaceIn(
            files,
            /InRelease/,
            text((all) => all.replace(/ [0-9a-f]{64} /g, ` ${'0'.repeat(64)} `)),
          ),
      },
      'not signed by Debian',
    ],
    [
      'InRelease signed by another key',
      {
        tamper: async (files) => {
          const other = await fakeArchive([forky], foreignKey);
          files.set('dists/forky/InRelease', other.get('dists/forky/InRelease') ?? Buffer.alloc(0));
        },
      },
      'not signed by Debian',
    ],
    [
      'InRelease without a signature',
      {
        tamper: (files) =>
          replaceIn(
            files,
            /InRelease/,
            text((all) => all.replace(/-----BEGIN PGP SIGNATURE[\s\S]*/, '')),
          ),
      },
      'not signed by Debian',
    ],
    [
      'InRelease that is a web page',
      { tamper: (files) => replaceIn(files, /InRelease/, () => Buffer.from('<html>')) },
      'not signed',
    ],
    [
      'InRelease of another suite, well signed',
      {
        suites: [forky, { ...forky, suite: 'trixie' }],
        tamper: (files) =>
          void files.set('dists/forky/InRelease', files.get('dists/trixie/InRelease') ?? Buffer.alloc(0)),
      },
      'is one of trixie',
    ],
    [
      'Packages with other bytes',
      { tamper: (files) => replaceIn(files, /Packages\.xz|by-hash/, (bytes) => bytes.fill(1, 200, 300)) },
      'another content',
    ],
    [
      'Packages with other bytes at the end',
      {
        tamper: (files) =>
          replaceIn(files, /Packages\.xz|by-hash/, (bytes) => Buffer.concat([bytes, Buffer.from('x')])),
      },
      'instead of',
    ],
    [
      'an index that has expired for long',
      { options: { now: () => NOW + 6 * DAY + RELEASE_GRACE_MS + DAY } },
      'expired',
    ],
    ['an expired index where none is taken', { options: { now: () => NOW + 7 * DAY, graceMs: 0 } }, 'expired'],
    ['an index from the future', { options: { now: () => NOW - 3 * DAY } }, 'future'],
    [
      'a path that climbs out of the pool',
      {
        suites: [
          {
            ...forky,
            packages: packages.map((each) =>
              each.name === 'libgcc-s1' ? { ...each, path: 'pool/../../etc/x.deb' } : each,
            ),
          },
        ],
      },
      'strange path',
    ],
    [
      'a path on another host',
      {
        suites: [
          {
            ...forky,
            packages: packages.map((each) =>
              each.name === 'libgcc-s1' ? { ...each, path: 'https://evil.example/x.deb' } : each,
            ),
          },
        ],
      },
      'strange path',
    ],
  ];
  test.each(refusals)('%s', async (_, setting, said) => {
    await using it = await archive(setting);
    const fault = await faultOf(it.find());
    expect(fault.message).toContain(said);
    expect(fault.kind).toBe('bad_gateway');
    expect(readdirSync(it.cacheFolder)).toEqual([]);
  });

  test('what stands around the signed text is not read', async () => {
    const forged = `Date: ${new Date(NOW).toUTCString()}\nSHA256:\n ${'0'.repeat(64)} 5 main/binary-amd64/Packages.xz\n\n`;
    await using it = await archive({
      tamper: (files) =>
        replaceIn(
          files,
          /InRelease/,
          text((all) => `${forged}${all}\n${forged}`),
        ),
    });
    const outcome = await it.find().then(
      (build) => build?.id ?? 'null',
      (thrown: unknown) => (thrown instanceof Fault ? thrown.message : 'broken'),
    );
    // Either the signed part alone counts, or the whole is refused.
    expect(outcome).toMatch(/^0\.7\.0-dfsg-2-cpu$|not signed by Debian/);
  });

  test('a package with other bytes: nothing is unpacked, nothing stays', async () => {
    await using it = await archive({
      tamper: (files) => replaceIn(files, /libllama0_/, (bytes) => bytes.fill(0x41, 400, 420)),
    });
    const fault = await faultOf(it.install());
    expect(fault).toMatchObject({ kind: 'bad_gateway', blame: 'remote' });
    expect(fault.message).toContain('another content');
    expect(readdirSync(it.folder)).toEqual([]);
    expect(readdirSync(it.cacheFolder).filter((name) => name.includes('libllama0_'))).toEqual([]);
    // What had come well is not asked for again.
    const before = it.server.requests.length;
    await faultOf(it.install());
    const again = it.server.requests.slice(before).map((request) => request.path.split('/').at(-1) ?? '');
    expect(again).toContain('libllama0_0.7.0+dfsg-2_amd64.deb');
    expect(again).not.toContain('libc6_2.43-7_amd64.deb');
  });

  test('a well signed package with a hostile entry', async () => {
    const hostile = packages.map((each) =>
      each.name === 'libgcc-s1' ? { ...each, entries: [{ name: `${LIB}/../../../../evil.so`, content: 'x' }] } : each,
    );
    await using it = await archive({ suites: [{ ...forky, packages: hostile }] });
    expect((await faultOf(it.install())).message).toContain('climbs out');
    expect(existsSync(join(root, 'evil.so'))).toBe(false);
  });

  test('an index a few weeks after its end is still taken: mirrors lag', async () => {
    await using it = await archive({ options: { now: () => NOW + 40 * DAY } });
    expect((await it.find())?.id).toBe('0.7.0-dfsg-2-cpu');
  });
});

describe('an archive that cannot be had', () => {
  test('is offline; with a wrong address it is the configuration', async () => {
    const it = await archive();
    await it[Symbol.asyncDispose]();
    expect((await faultOf(it.find())).kind).toBe('offline');
    expect(() => createDebianSource({ archiveUrl: 'not an address' })).toThrow(Fault);
  });

  test('leaves when told to, and goes on next time', async () => {
    await using it = await archive();
    const leaving = new AbortController();
    const fault = await faultOf(
      it.install(leaving.signal, (progress) => progress.stage === 'unpack' && leaving.abort()),
    );
    expect(fault.kind).toBe('cancelled');
    rmSync(it.folder, { recursive: true });
    mkdirSync(it.folder);
    expect((await it.install()).launch).toHaveLength(4);
  });

  test('a redirect to a host that nobody named is not followed', async () => {
    await using foreign = await rawServer((_, socket) => reply(socket, 200, 'x'));
    await using server = await rawServer((_, socket) => reply(socket, 302, '', { location: foreign.url }));
    const source = createDebianSource({ archiveUrl: server.url, keys: key.keyring });
    const request = { platform: 'linux', arch: 'x64', backend: 'cpu', cudaMajors: [], version: null } as const;
    expect((await faultOf(source.find(request, { cacheFolder: root }))).kind).toBe('forbidden');
    expect(foreign.requests).toHaveLength(0);
  });
});

describe('versions compare as dpkg does', () => {
  test.each([
    ['1.0', '1.0', 0],
    ['1.0-1', '1.0-2', -1],
    ['1:0.7.0', '2.0', 1],
    ['0.7.0~rc1', '0.7.0', -1],
    ['0.7.0~~', '0.7.0~', -1],
    ['1.10', '1.9', 1],
    ['1.0+dfsg', '1.0', 1],
    ['1.0a', '1.0+', -1],
    ['007', '7', 0],
    ['1.0-1+b1', '1.0-1', 1],
    ['2.43-7', '2.43', 1],
    ['1.3.dfsg+really1.3.2-4', '1.3.dfsg-1', 1],
  ])('%s and %s: %d', (left, right, order) => {
    expect(Math.sign(compareVersions(left, right))).toBe(order);
    expect(Math.sign(compareVersions(right, left))).toBe(order === 0 ? 0 : -order);
  });
});

describe('closures', () => {
  const table = (list: readonly Partial<Stanza>[]): PackageTable => {
    const all = list.map((each) => ({
      name: '',
      version: '1',
      depends: '',
      provides: '',
      path: '',
      sizeBytes: 0,
      sha256: '',
      ...each,
    }));
    return {
      named: (name) => all.filter((each) => each.name === name),
      providing: (name) => all.filter((each) => each.provides.split(/[\s,(]+/).includes(name)),
    };
  };
  const names = (closure: Closure): readonly string[] | string =>
    'missing' in closure ? closure.missing : closure.packages.map((each) => `${each.name} ${each.version}`);

  test.each<[string, readonly Partial<Stanza>[], readonly string[] | string]>([
    [
      'a cycle ends',
      [
        { name: 'a', depends: 'b' },
        { name: 'b', depends: 'a' },
      ],
      ['a 1', 'b 1'],
    ],
    ['an alternative that is there', [{ name: 'a', depends: 'x | b' }, { name: 'b' }], ['a 1', 'b 1']],
    [
      'the newest of two',
      [{ name: 'a', depends: 'b' }, { name: 'b' }, { name: 'b', version: '1.5' }],
      ['a 1', 'b 1.5'],
    ],
    [
      'an exact one of two',
      [{ name: 'a', depends: 'b (= 1)' }, { name: 'b', version: '2' }, { name: 'b' }],
      ['a 1', 'b 1'],
    ],
    ['any architecture', [{ name: 'a', depends: 'b:any (>= 1)' }, { name: 'b' }], ['a 1', 'b 1']],
    [
      'a virtual package',
      [
        { name: 'a', depends: 'v' },
        { name: 'b', provides: 'u, v' },
      ],
      ['a 1', 'b 1'],
    ],
    [
      'a virtual one by version',
      [
        { name: 'a', depends: 'v (>= 3)' },
        { name: 'b', provides: 'v (= 3.1)' },
      ],
      ['a 1', 'b 1'],
    ],
    [
      'a virtual one without its version',
      [
        { name: 'a', depends: 'v (>= 3)' },
        { name: 'b', provides: 'v' },
      ],
      'v (>= 3) (for a)',
    ],
    ['too old', [{ name: 'a', depends: 'b (>> 1)' }, { name: 'b' }], 'b (>> 1) (for a)'],
    ['missing', [{ name: 'a', depends: 'b, c | d' }, { name: 'b' }], 'c | d (for a)'],
    ['left out', [{ name: 'a', depends: 'libcuda1 (>= 440) | libcuda.so.1 (>= 440), wget | curl' }], ['a 1']],
    [
      'two versions of one',
      [{ name: 'a', depends: 'c, b' }, { name: 'b', depends: 'c (= 1)' }, { name: 'c' }, { name: 'c', version: '2' }],
      'one version of c for all',
    ],
  ])('%s', (_, list, wanted) => {
    expect(names(resolveClosure(['a'], table(list)))).toEqual(wanted as string);
  });
});
