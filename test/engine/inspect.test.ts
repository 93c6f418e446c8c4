import { afterAll, beforeAll, describe, expect, test } from 'bun:test';
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  backendOf,
  explainExit,
  inspectBuild,
  inspectDevices,
  parseDevices,
  parseFlags,
  parseVersion,
} from '../../src/engine/inspect.ts';
import { modelBufferDevice } from '../../src/engine/proof.ts';
import { testEngine } from '../fixtures/engine.ts';

let folder = '';
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'drover-inspect-'));
});
afterAll(() => rmSync(folder, { recursive: true }));

const script = (name: string, body: string): { launch: string[]; environment: Record<string, string> } => {
  const path = join(folder, name);
  writeFileSync(path, `#!/bin/sh\n${body}\n`);
  chmodSync(path, 0o755);
  return { launch: [path], environment: {} };
};
const environment = { PATH: process.env.PATH ?? '', HF_TOKEN: 'hf_secret', LLAMA_ARG_PORT: '1', BUN_OPTIONS: '--x' };

test('the real engine tells its version, flags and devices', async () => {
  const engine = await testEngine();
  const found = await inspectBuild(engine, { environment });
  expect(found.version).toMatch(/^\d+\.\d+\.\d+ \(build \d+/);
  expect(found.buildNumber).toBeGreaterThan(10_000);
  for (const flag of ['--port', '-m', '--model', '-ngl', '--no-ui', '-lv', '--cache-ram', '-kvu', '-dev']) {
    expect(found.flags.has(flag)).toBe(true);
  }
  expect(found.flags.has('--draft-max')).toBe(false);
  expect(found.flags.size).toBeGreaterThan(200);
});

test('children get no secrets, no foreign settings, and the build’s own folder as theirs', async () => {
  const spy = script('spy', 'env > "$0.env"; pwd > "$0.cwd"; echo "Available devices:"');
  expect(await inspectDevices(spy, { environment })).toEqual([]);
  const seen = await Bun.file(join(folder, 'spy.env')).text();
  expect(seen).not.toMatch(/hf_secret|LLAMA_ARG|BUN_/);
  expect(seen).toContain('GGML_NO_BACKTRACE=1');
  expect((await Bun.file(join(folder, 'spy.cwd')).text()).trim()).toBe(folder);
});

describe('what does not run says why', () => {
  const rows: readonly (readonly [string, string, RegExp])[] = [
    [
      'glibc',
      'echo "$0: /lib/libc.so.6: version \\`GLIBC_2.39\' not found (required by $0)" >&2; exit 1',
      /needs GLIBC_2\.39/,
    ],
    [
      'library',
      'echo "$0: error while loading shared libraries: libssl.so.3: cannot open" >&2; exit 127',
      /missing: libssl\.so\.3/,
    ],
    ['illegal', 'kill -ILL $$', /illegal instruction/],
    ['other', 'echo something else; exit 0', /prints no version/],
    ['silent', 'exit 3', /ended with code 3/],
    ['liar', 'echo "version: 1.0 (build 20000)"', /not as llama-server does/],
  ];
  for (const [name, body, reason] of rows) {
    test(name, async () => {
      const failure = await inspectBuild(script(name, body), { environment }).catch((thrown: unknown) => thrown);
      expect(failure).toMatchObject({ kind: 'bad_gateway', message: expect.stringMatching(reason) });
    });
  }

  test('one that hangs is ended', async () => {
    const hanging = script('hanging', 'echo $$ > "$0.pid"; exec sleep 1000');
    const failure = await inspectBuild(hanging, { environment, timeoutMs: 150 }).catch((thrown: unknown) => thrown);
    expect(failure).toMatchObject({ kind: 'bad_gateway', message: expect.stringContaining('in time') });
    const pid = Number(await Bun.file(join(folder, 'hanging.pid')).text());
    expect(() => process.kill(pid, 0)).toThrow();
  });

  test('an abort ends it and is passed on as it is', async () => {
    const abort = new AbortController();
    const work = inspectBuild(script('slow', 'exec sleep 1000'), { environment, signal: abort.signal });
    abort.abort(new Error('left'));
    await expect(work).rejects.toThrow('left');
  });

  test('a file that is no program, and none at all', async () => {
    const plain = join(folder, 'plain');
    writeFileSync(plain, 'text');
    for (const path of [plain, join(folder, 'absent')]) {
      const failure = await inspectBuild({ launch: [path], environment: {} }, { environment }).catch(
        (thrown: unknown) => thrown,
      );
      expect(failure).toMatchObject({ kind: 'bad_gateway', message: expect.stringContaining('cannot be started') });
    }
  });
});

test('versions of all times', () => {
  expect(parseVersion('version: 0.3.0-dev (build 10621, commit c1d0e7a00)\nbuilt with x')).toEqual({
    version: '0.3.0-dev (build 10621, commit c1d0e7a00)',
    buildNumber: 10621,
  });
  expect(parseVersion('noise\nversion: 6940 (c5023daf6)\r\n').buildNumber).toBe(6940);
  expect(parseVersion('version: b6940-c5023daf6').buildNumber).toBe(6940);
  expect(parseVersion('version: 1.2').buildNumber).toBeNull();
  expect(() => parseVersion('usage: x')).toThrow('no version');
});

test('flags: long lists, arguments, wrapped descriptions, removed ones', () => {
  const help = [
    '----- common params -----',
    '',
    '-h,    --help, --usage                  print usage and exit',
    '-t,    --threads N                      number (use --not-a-flag)',
    '                                        -1 = auto, see --neither',
    '--spec-draft-type-k, -ctkd, --cache-type-k-draft TYPE',
    '                                        KV cache data type',
    '--draft, --draft-n N                    the argument has been removed. use --spec-draft-n-max or',
    '--perf, --no-perf                       whether',
  ].join('\n');
  expect([...parseFlags(help)]).toEqual([
    '-h',
    '--help',
    '--usage',
    '-t',
    '--threads',
    '--spec-draft-type-k',
    '-ctkd',
    '--cache-type-k-draft',
    '--perf',
    '--no-perf',
  ]);
});

test('devices', () => {
  const output = [
    'ggml_vulkan: Found 1 Vulkan devices:',
    'Available devices:',
    '  CUDA0: NVIDIA H200 (143167 MiB, 142600 MiB free)',
    '  Vulkan0: llvmpipe (LLVM 21.1.0, 256 bits) (24105 MiB, 23569 MiB free)',
    '  MTL0: Apple M4 (12123 MiB)',
    '  (none)',
  ].join('\n');
  const mib = 1024 * 1024;
  expect(parseDevices(output)).toEqual([
    { id: 'CUDA0', name: 'NVIDIA H200', totalBytes: 143167 * mib, freeBytes: 142600 * mib },
    { id: 'Vulkan0', name: 'llvmpipe (LLVM 21.1.0, 256 bits)', totalBytes: 24105 * mib, freeBytes: 23569 * mib },
    { id: 'MTL0', name: 'Apple M4', totalBytes: 12123 * mib, freeBytes: null },
  ]);
  expect(backendOf(['Vulkan0', 'CUDA0'])).toBe('cuda');
  expect(backendOf(['MTL0'])).toBe('metal');
  expect(backendOf(['CPU', 'BLAS', 'RPC0'])).toBe('cpu');
});

test('where a model lies is read from its buffers, never from the count of layers', () => {
  expect(modelBufferDevice('load_tensors: offloaded 3/3 layers to GPU')).toBeNull();
  expect(modelBufferDevice('0.00.014.721 I load_tensors:   CPU_Mapped model buffer size =     0.55 MiB')).toBe('CPU');
  expect(modelBufferDevice('load_tensors:      Vulkan0 model buffer size =     0.42 MiB')).toBe('Vulkan0');
  expect(modelBufferDevice('load_tensors:  Vulkan_Host model buffer size =     0.13 MiB')).toBe('CPU');
  expect(modelBufferDevice('load_tensors: MTL0_Mapped model buffer size =     0.13 MiB')).toBe('MTL0');
  expect(modelBufferDevice('load_tensors:        CUDA0 model buffer size =     0.00 MiB')).toBeNull();
  expect(modelBufferDevice('llama_kv_cache:      CUDA0 KV buffer size =     0.12 MiB')).toBeNull();
});

test('exit codes of Windows', () => {
  expect(explainExit(0xc0000135, null, '')).toContain('DLL');
  expect(explainExit(-1073741795, null, '')).toContain('CPU lacks');
});
