// Each judgement of the doctor, by what was seen: true ones are told with their evidence, and nothing is told without.
import { describe, expect, test } from 'bun:test';
import { chmodSync, existsSync, mkdirSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { defaultSettings } from '../../src/config/schema.ts';
import type { ModelView } from '../../src/core/drover.ts';
import { byWeight, FINDING_IDS, type Finding, finding } from '../../src/core/finding.ts';
import { engineFindings, missingIn } from '../../src/core/findings-engine.ts';
import { type FolderFacts, folderFindings, mendFolder } from '../../src/core/findings-folder.ts';
import { deviceFindings, gpuFindings, hardwareFindings } from '../../src/core/findings-hardware.ts';
import { alteredFindings, modelFindings } from '../../src/core/findings-models.ts';
import {
  clockFindings,
  configurationFindings,
  exposureFindings,
  proxyFindings,
} from '../../src/core/findings-server.ts';
import type { EngineBuild } from '../../src/engine/build.ts';
import type { Rung } from '../../src/engine/catalog.ts';
import { modeText } from '../../src/hardware/device-access.ts';
import type { Gpu, Snapshot } from '../../src/hardware/probe.ts';
import { clockCommand, endCommand, unproxiedCommand } from '../../src/hardware/system-commands.ts';
import { installCommand, isWanted, type Wanted } from '../../src/hardware/system-packages.ts';
import { temporaryFolder } from '../fixtures/drover.ts';

const gpu = { vendor: 'amd', name: 'Radeon', driverVersion: 'amdgpu 6.10', totalBytes: 1, freeBytes: 1 } as Gpu;
const rung = (backend: Rung['backend'], isOffered: boolean, reason: string): Rung => ({
  backend,
  isOffered,
  reason,
  request: null,
  machineKey: '',
});
const build = (more: Partial<EngineBuild>): EngineBuild =>
  ({ id: 'b1-cpu', version: '1', backend: 'cpu', source: 'github', folder: '/e', proof: null, ...more }) as EngineBuild;
const ids = (found: Iterable<Finding>): string[] => [...found].map(({ id }) => id);

describe('who may reach the server', () => {
  const settings = defaultSettings();
  const judge = (more: object, isLoopback = false, isAnybodyKnown = false) => [
    ...exposureFindings({ settings: { ...settings, ...more }, isLoopback, isAnybodyKnown }),
  ];
  const rows: readonly (readonly [string, object, boolean, readonly string[]])[] = [
    ['loopback', { insecure: true }, true, []],
    ['the network, with a key', {}, false, []],
    ['the network without a key', { insecure: true }, false, ['exposed error']],
    ['the same, locked', { insecure: true, auth: true }, false, []],
    ['every page, on loopback', { corsOrigins: ['*'] }, true, ['origins-open warning']],
    ['every page, on the network', { corsOrigins: ['*'] }, false, ['origins-open error']],
    ['one page', { corsOrigins: ['https://chat.example.org'] }, false, []],
  ];
  test.each(rows.map((row) => [...row]))('%s', (_, more, isLoopback, expected) => {
    const found = judge(more, isLoopback);
    expect(found.map(({ id, severity }) => `${id} ${severity}`)).toEqual([...expected]);
    for (const { evidence, command } of found) expect([evidence.length > 0, command !== null]).toEqual([true, true]);
  });
});

test('a proxy is told without its password, and what to spare', () => {
  const [told] = [...proxyFindings({ https_proxy: 'http://ada:secret@proxy:3128', NO_PROXY: 'example.org' })];
  expect(told).toMatchObject({ id: 'proxy-set', severity: 'note', command: unproxiedCommand() });
  expect(told?.evidence).toEqual(['HTTPS_PROXY=http://…@proxy:3128', 'NO_PROXY=example.org']);
  expect([...proxyFindings({ HTTP_PROXY: 'http://p', no_proxy: 'a,localhost' })][0]?.severity).toBe('ok');
  expect([...proxyFindings({ NO_PROXY: 'localhost' })]).toEqual([]);
});

test('a clock that is behind what has passed is told, one that is a little off is not', () => {
  const now = Date.UTC(2026, 0, 1);
  const at = (days: number) => [...clockFindings(now, [{ what: 'the source', at: now + days * 86_400_000 }])];
  expect(at(0.5)).toEqual([]);
  expect(at(40)[0]).toMatchObject({ id: 'clock-wrong', severity: 'error', command: clockCommand() });
  expect(at(40)[0]?.evidence).toEqual(['now: 2026-01-01T00:00:00.000Z', 'the source: 2026-02-10T00:00:00.000Z']);
});

test('each system has its own words for the clock, the proxy and the end of a process', () => {
  const words = (['linux', 'darwin', 'win32'] as const).map((platform) =>
    [clockCommand(platform), unproxiedCommand(platform), endCommand(7, platform)].map(
      (command) => command.split(' ')[0],
    ),
  );
  expect(words).toEqual([
    ['sudo', 'export', 'kill'],
    ['sudo', 'export', 'kill'],
    ['w32tm', 'setx', 'taskkill'],
  ]);
});

test('the configuration: well, or line by line', () => {
  expect(ids(configurationFindings({ path: '/c', warnings: [] }))).toEqual(['config-good']);
  const [told] = [...configurationFindings({ path: '/c', warnings: [{ line: 3, column: 1, message: 'what?' }] })];
  expect(told).toMatchObject({ id: 'config-questionable', message: '/c:3:1: what?', command: 'drover config edit' });
});

describe('devices', () => {
  const node = { path: '/dev/dri/renderD128', mayOpen: false, mode: 'crw-rw----', group: 'render' };
  test('one that this user may not open is told with the group that may', () => {
    expect([...deviceFindings([{ ...node, mayOpen: true }], 'ada')]).toEqual([]);
    expect([...deviceFindings([node], 'ada')][0]).toMatchObject({
      id: 'device-forbidden',
      evidence: ['crw-rw---- render /dev/dri/renderD128'],
      command: 'sudo usermod -aG render ada',
    });
    expect([...deviceFindings([{ ...node, mode: 'crw-------', group: 'root' }], 'ada')][0]?.command).toBeNull();
  });

  test('modes are written as ls does', () => {
    expect([0o660, 0o600, 0o777, 0o004].map(modeText)).toEqual([
      'crw-rw----',
      'crw-------',
      'crwxrwxrwx',
      'c------r--',
    ]);
  });
});

describe('a GPU that nobody uses', () => {
  const use = { gpus: [gpu], ladder: [], vulkan: null, vulkanCommand: null, build: build({}) };
  const rows: readonly (readonly [string, object, readonly string[]])[] = [
    ['no GPU', { gpus: [] }, []],
    ['an engine for it', { build: build({ backend: 'vulkan' }) }, []],
    ['an engine for the processor', {}, ['gpu-unused']],
    ['no engine yet', { build: null }, []],
    [
      'Vulkan without a loader and drivers',
      { ladder: [rung('vulkan', true, 'it could')], vulkan: { hasLoader: false, drivers: [] }, build: null },
      ['vulkan-incomplete'],
    ],
    [
      'Vulkan as it should be',
      { ladder: [rung('vulkan', true, 'it can')], vulkan: { hasLoader: true, drivers: ['/icd.json'] }, build: null },
      [],
    ],
  ];
  test.each(rows.map((row) => [...row]))('%s', (_, more, expected) => {
    expect(ids(gpuFindings({ ...use, ...more }))).toEqual([...expected]);
  });

  test('is told with driver and reasons', () => {
    const ladder = [
      rung('cuda', false, 'driver 470 is older than 525, which CUDA 12 needs'),
      rung('cpu', true, 'always'),
    ];
    const [told] = [...gpuFindings({ ...use, ladder })];
    expect(told?.evidence).toEqual([
      'Radeon, driver amdgpu 6.10',
      'cuda: driver 470 is older than 525, which CUDA 12 needs',
    ]);
    expect(told?.command).toBeNull();
    const [offered] = [...gpuFindings({ ...use, ladder: [rung('vulkan', true, 'it could')] })];
    expect(offered?.command).toBe('drover engine update');
  });
});

describe('engines', () => {
  const judge = async (current: EngineBuild | null, ladder: readonly Rung[], reason: string | null = null) =>
    Array.fromAsync(
      engineFindings({
        choice: { build: null, request: async () => ({ ladder }) as never },
        engines: {
          current: () => current,
          ladderStatus: () =>
            reason === null
              ? []
              : [{ rung: rung('vulkan', true, ''), failures: [{ id: 'b1-vulkan', reason }] } as never],
        },
        install: async (wanted) => `install ${wanted.join(' ')}`,
        isKnownLibrary: isWanted,
      }),
    );
  const good = { at: 0, isGood: true, bufferDevices: ['CPU'], tokensPerSecond: 1, reason: null };

  test('none, good, second best, one that failed its proof', async () => {
    const ladder = [rung('vulkan', true, 'it could'), rung('cpu', true, 'always')];
    expect((await judge(null, []))[0]).toMatchObject({ id: 'engine-none', command: 'drover engine install' });
    expect((await judge(build({ proof: good }), [rung('cpu', true, '')]))[0]?.id).toBe('engine-good');
    expect((await judge(build({ proof: good }), ladder))[0]).toMatchObject({ id: 'engine-second-best' });
    const failed = { ...good, isGood: false, reason: 'it ran on the CPU' };
    expect((await judge(build({ proof: failed }), ladder))[0]).toMatchObject({ id: 'engine-unproved' });
  });

  test('what a build failed of: a library that can be brought, a C library that is too old, something else', async () => {
    const reasons = [
      'llama-server: error while loading shared libraries: libgomp.so.1: cannot open shared object file',
      "/lib/x86_64-linux-gnu/libc.so.6: version `GLIBC_2.38' not found (required by llama-server)",
      'the GPU is gone',
    ];
    const found = await Promise.all(reasons.map(async (reason) => (await judge(null, [], reason))[1]));
    expect(found.map((one) => [one?.id, one?.command])).toEqual([
      ['library-missing', 'install libgomp.so.1'],
      ['library-missing', null],
      ['engine-failed', null],
    ]);
    for (const [index, one] of found.entries()) expect(one?.evidence).toEqual([reasons[index] ?? '']);
    expect(missingIn('Error loading shared library libstdc++.so.6: No such file')?.name).toBe('libstdc++.so.6');
  });
});

test('libraries are brought by the system’s own command', () => {
  const on = (fields: Record<string, string>, ...wanted: Wanted[]) =>
    installCommand(new Map(Object.entries(fields)), wanted);
  expect(on({ ID: 'ubuntu', ID_LIKE: 'debian' }, 'libvulkan.so.1', 'vulkan-driver')).toBe(
    'sudo apt-get install libvulkan1 mesa-vulkan-drivers',
  );
  expect(on({ ID: 'rocky', ID_LIKE: 'rhel centos fedora' }, 'libgomp.so.1')).toBe('sudo dnf install libgomp');
  expect(on({ ID: 'opensuse-tumbleweed' }, 'libgomp.so.1')).toBe('sudo zypper install libgomp1');
  expect(on({ ID: 'alpine' }, 'libstdc++.so.6')).toBe('sudo apk add libstdc++');
  expect(on({ ID: 'plan9' }, 'libgomp.so.1')).toBeNull();
});

test('hardware: a line each, what could not be read, disks that are nearly full', () => {
  const snapshot = {
    cpu: { name: 'Ryzen', usableThreads: 8 },
    memory: { totalBytes: 2 ** 34, availableBytes: 2 ** 33 },
    gpus: [],
    notes: ['NVML does not answer.'],
    disks: [
      { path: '/full', totalBytes: 2 ** 40, freeBytes: 2 ** 30 },
      { path: '/roomy', totalBytes: 2 ** 40, freeBytes: 2 ** 39 },
      { path: '/unknown', totalBytes: null, freeBytes: null },
    ],
  } as unknown as Snapshot;
  const found = [...hardwareFindings(snapshot)];
  expect(found.filter(({ severity }) => severity !== 'ok').map(({ id, subject }) => [id, subject])).toEqual([
    ['hardware-unread', null],
    ['disk-low', '/full'],
  ]);
  expect(found.at(-1)?.evidence).toEqual(['1.0 GiB free of 1.0 TiB']);
});

describe('models', () => {
  const model = (id: string, more: Partial<ModelView> = {}): ModelView =>
    ({ id, path: null, sizeBytes: null, failure: null, instance: null, ...more }) as ModelView;
  const judge = (
    models: readonly ModelView[],
    folders: readonly object[] = [],
    rescan = async () => undefined as never,
  ) =>
    Array.fromAsync(
      modelFindings({ drover: { rescan, models: () => models }, library: { summary: () => ({ folders }) as never } }),
    );

  test('none, broken ones, folders that cannot be read, a scan that fails', async () => {
    const found = await judge(
      [model('bad', { failure: 'it is cut', path: '/m/bad.gguf', sizeBytes: 1024 })],
      [{ path: '/secret', status: 'unreadable', error: 'EACCES' }],
    );
    expect(found.map(({ id, subject, evidence }) => [id, subject, evidence])).toEqual([
      ['folder-unreadable', '/secret', ['EACCES']],
      ['models-none', null, []],
      ['model-broken', 'bad', ['/m/bad.gguf', '1.0 KiB']],
    ]);
    const failed = await judge([model('good')], [], () => Promise.reject(new Error('no disk')));
    expect(failed.map(({ id }) => id)).toEqual(['models-unread', 'models-usable']);
  });

  test('a load that came out otherwise than planned', async () => {
    const verdict = { outcome: 'degraded', findings: [{ message: 'It runs on the CPU.', hint: 'Mend the driver.' }] };
    const found = await judge([model('slow', { instance: { verdict } as never })]);
    expect(found[1]).toMatchObject({
      id: 'model-degraded',
      evidence: ['It runs on the CPU.'],
      hint: 'Mend the driver.',
    });
    const planned = await judge([
      model('fast', { instance: { verdict: { outcome: 'as_planned', findings: [] } } as never }),
    ]);
    expect(planned.map(({ id }) => id)).toEqual(['models-usable']);
  });

  test('the same file at two places, not two files of one size', async () => {
    using folder = temporaryFolder('findings-twice');
    const at = (name: string, fill: number): ModelView => {
      const path = join(folder.path, name);
      writeFileSync(path, Buffer.alloc(600_000, fill));
      return model(name, { path, sizeBytes: 600_000 });
    };
    const found = await judge([at('one', 1), at('other', 2), at('again', 1)]);
    expect(found.filter(({ id }) => id === 'model-twice').map(({ evidence }) => evidence)).toEqual([
      [join(folder.path, 'one'), join(folder.path, 'again')],
    ]);
  });
});

test('a download that is not what was published: by its size at once, by its digest when it is read', async () => {
  using folder = temporaryFolder('findings-altered');
  const path = join(folder.path, 'model.gguf');
  writeFileSync(path, 'abc');
  const sha256 = 'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad';
  const judge = (file: object, isDeep: boolean) =>
    Array.fromAsync(alteredFindings([{ path, sizeBytes: 3, sha256, ...file }], isDeep));
  expect(await judge({}, true)).toEqual([]);
  expect(await judge({ sha256: 'f'.repeat(64) }, false)).toEqual([]);
  expect((await judge({ sha256: 'f'.repeat(64) }, true))[0]?.evidence).toEqual([
    `SHA-256 ${sha256}`,
    `${'f'.repeat(64)} was published`,
  ]);
  expect((await judge({ sizeBytes: 4 }, false))[0]).toMatchObject({ id: 'model-altered', severity: 'error' });
  expect(await judge({ path: `${path}.gone` }, true)).toEqual([]);
});

describe('the data folder', () => {
  const make = () => {
    const folder = temporaryFolder('findings-folder');
    const at = (name: string): string => join(folder.path, name);
    chmodSync(folder.path, 0o755);
    const facts: FolderFacts = {
      dataFolder: folder.path,
      secrets: [at('secret'), at('absent')],
      hasModes: true,
      now: Date.now(),
    };
    return { at, facts, [Symbol.dispose]: () => folder[Symbol.dispose]() };
  };
  const HOUR_AGO = new Date(Date.now() - 2 * 3_600_000);

  test('unfinished files of ours are told once they are old, and removed; nobody else’s are', () => {
    using it = make();
    const [ours, young, others] = ['.config.yaml.0123456789ab.tmp', '.x.ba9876543210.tmp', 'notes.tmp'].map(it.at);
    for (const path of [ours, young, others]) writeFileSync(path ?? '', 'half');
    mkdirSync(it.at('engines'));
    const unpacking = it.at('engines/.b1.0123456789ab.unpacking');
    mkdirSync(unpacking);
    for (const path of [ours, others, unpacking]) utimesSync(path ?? '', HOUR_AGO, HOUR_AGO);
    const [told, ...rest] = [...folderFindings(it.facts)];
    expect([told?.id, told?.fix, rest]).toEqual(['leftovers', 'remove', []]);
    expect(told?.evidence.map((line) => line.split(' ')[0])).toEqual([ours ?? '', unpacking]);
    expect(mendFolder(it.facts)).toEqual([`Removed ${ours}.`, `Removed ${unpacking}.`]);
    expect([ours, young, others, unpacking].map((path) => existsSync(path ?? ''))).toEqual([false, true, true, false]);
    expect(mendFolder(it.facts)).toEqual([]);
  });

  test('a secret that others can read is told, and is its owner’s alone after that', () => {
    using it = make();
    writeFileSync(it.at('secret'), 'hf_x', { mode: 0o644 });
    const [told] = [...folderFindings(it.facts)];
    expect(told).toMatchObject({
      id: 'secret-readable',
      fix: 'restrict',
      evidence: ['mode 0644, where 0600 is enough'],
    });
    expect([...folderFindings({ ...it.facts, hasModes: false })]).toEqual([]);
    expect(mendFolder(it.facts)).toHaveLength(1);
    expect(statSync(it.at('secret')).mode & 0o777).toBe(0o600);
    expect([...folderFindings(it.facts)]).toEqual([]);
    // Nobody else comes into the folder.
    chmodSync(it.at('secret'), 0o644);
    chmodSync(it.facts.dataFolder, 0o700);
    expect([...folderFindings(it.facts)]).toEqual([]);
  });
});

test('the worst comes first, and ids are told apart', () => {
  const of = (severity: Finding['severity']) => finding(severity, 'hardware', '', '');
  expect(byWeight([of('ok'), of('error'), of('note'), of('warning')]).map(({ severity }) => severity)).toEqual([
    'error',
    'warning',
    'note',
    'ok',
  ]);
  expect(new Set(FINDING_IDS).size).toBe(FINDING_IDS.length);
});
