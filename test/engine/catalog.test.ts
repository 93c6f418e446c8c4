import { describe, expect, test } from 'bun:test';
import type { Backend } from '../../src/engine/build.ts';
import {
  compareVersions,
  cudaVerdict,
  type GpuFacts,
  isSafeBuild,
  ladderFor,
  type MachineFacts,
  machineKeyOf,
} from '../../src/engine/catalog.ts';
import { assetsFor, newestFirst, parseAssetName, parseRelease, type Release } from '../../src/engine/catalog-assets.ts';
import type { BuildRequest } from '../../src/engine/sources/source.ts';
import { ASSET_NAMES } from '../fixtures/github/server.ts';

const gpu = (facts: Partial<GpuFacts>): GpuFacts => ({
  vendor: 'other',
  driverVersion: null,
  computeCapability: null,
  gfxTarget: null,
  ...facts,
});
const nvidia = (driverVersion: string | null, computeCapability: string | null): GpuFacts =>
  gpu({ vendor: 'nvidia', driverVersion, computeCapability });
const machine = (
  platform: MachineFacts['platform'],
  arch: MachineFacts['arch'],
  ...gpus: GpuFacts[]
): MachineFacts => ({
  platform,
  arch,
  gpus,
});
const offered = (facts: MachineFacts, setting: Backend | 'auto' = 'auto'): string =>
  ladderFor(facts, setting)
    .filter((rung) => rung.isOffered)
    .map((rung) => [rung.backend, ...(rung.request?.cudaMajors ?? [])].join(' '))
    .join(' → ');

describe('the ladder', () => {
  const rows: readonly (readonly [string, MachineFacts, string])[] = [
    ['no GPU', machine('linux', 'x64'), 'cpu'],
    ['a new NVIDIA card and driver', machine('linux', 'x64', nvidia('580.95.05', '8.9')), 'cuda 13 12 → vulkan → cpu'],
    ['an older driver', machine('linux', 'x64', nvidia('570.86.15', '8.9')), 'cuda 12 → vulkan → cpu'],
    ['Pascal on a new driver', machine('linux', 'x64', nvidia('580.95.05', '6.1')), 'cuda 12 → vulkan → cpu'],
    [
      'Pascal beside Ada: one build for both',
      machine('linux', 'x64', nvidia('580.95.05', '8.9'), nvidia('580.95.05', '6.1')),
      'cuda 12 → vulkan → cpu',
    ],
    ['a driver before CUDA 12', machine('linux', 'x64', nvidia('470.256.02', '8.6')), 'vulkan → cpu'],
    ['nouveau', machine('linux', 'x64', nvidia(null, null)), 'vulkan → cpu'],
    [
      'an unknown capability: CUDA 12 knows more cards',
      machine('linux', 'x64', nvidia('580.95.05', null)),
      'cuda 12 13 → vulkan → cpu',
    ],
    [
      'Windows writes the driver in its own way',
      machine('win32', 'x64', nvidia('32.0.15.6094', '8.9')),
      'cuda 12 → vulkan → cpu',
    ],
    ['Grace Hopper', machine('linux', 'arm64', nvidia('590.44', '9.0')), 'cuda 13 12 → vulkan → cpu'],
    [
      'AMD with a known target',
      machine('linux', 'x64', gpu({ vendor: 'amd', gfxTarget: 'gfx1100' })),
      'rocm → vulkan → cpu',
    ],
    [
      'AMD with a target that only Windows builds have',
      machine('linux', 'x64', gpu({ vendor: 'amd', gfxTarget: 'gfx1103' })),
      'vulkan → cpu',
    ],
    ['AMD with an unknown target', machine('win32', 'x64', gpu({ vendor: 'amd' })), 'vulkan → cpu'],
    ['Intel: SYCL only by name', machine('linux', 'x64', gpu({ vendor: 'intel' })), 'vulkan → cpu'],
    ['a server’s video chip', machine('linux', 'x64', gpu({ vendor: 'other' })), 'cpu'],
    ['Apple silicon', machine('darwin', 'arm64', gpu({ vendor: 'apple' })), 'metal → cpu'],
    ['an Intel Mac', machine('darwin', 'x64', gpu({ vendor: 'amd', gfxTarget: 'gfx1010' })), 'cpu'],
    ['an unknown system', machine('other', 'x64'), ''],
  ];
  for (const [what, facts, expected] of rows) {
    test(what, () => {
      const rungs = ladderFor(facts, 'auto');
      expect(offered(facts)).toBe(expected);
      expect(rungs).toHaveLength(6);
      for (const rung of rungs) expect(rung.reason.length).toBeGreaterThan(5);
    });
  }

  test('a backend asked for by name is the only rung, whatever we think of it', () => {
    expect(offered(machine('linux', 'x64'), 'cuda')).toBe('cuda 13 12');
    expect(offered(machine('linux', 'x64', nvidia('580.95.05', '8.9')), 'cpu')).toBe('cpu');
    expect(offered(machine('linux', 'x64', gpu({ vendor: 'intel' })), 'sycl')).toBe('sycl');
  });

  test('reasons name what is in the way', () => {
    const rungs = ladderFor(machine('linux', 'x64', nvidia('470.256.02', '8.6')), 'auto');
    expect(rungs.find((rung) => rung.backend === 'cuda')?.reason).toContain('driver 470.256.02 is older than 525');
  });

  test('the key of a machine changes with a driver and with a GPU', () => {
    const keys = [
      machine('linux', 'x64'),
      machine('linux', 'x64', nvidia('580.1', '8.9')),
      machine('linux', 'x64', nvidia('580.2', '8.9')),
      machine('linux', 'x64', nvidia('580.2', '8.9'), nvidia('580.2', '8.9')),
    ].map(machineKeyOf);
    expect(new Set(keys).size).toBe(4);
  });
});

describe('CUDA: what a driver compiles must not be newer than the driver', () => {
  const rows: readonly (readonly [string, string, string, 'linux' | 'win32', string])[] = [
    ['12.8', '535.183.01', '8.6', 'linux', 'yes'],
    ['12.8', '535.183.01', '6.1', 'linux', 'no'],
    ['12.8', '570.26', '6.1', 'linux', 'yes'],
    ['12.8', '580.65', '9.0', 'linux', 'yes'],
    ['12.4', '551.61', '7.5', 'win32', 'yes'],
    ['12.4', '546.33', '7.5', 'win32', 'no'],
    ['12.4', '546.33', '8.9', 'win32', 'yes'],
    ['13.4', '580.65', '8.9', 'linux', 'yes'],
    ['13.4', '580.65', '7.5', 'linux', 'no'],
    ['13.4', '610.10', '7.5', 'linux', 'perhaps'],
    ['13.4', '580.65', '12.0', 'linux', 'yes'],
    ['12.4', '560.1', '12.0', 'win32', 'yes'],
    ['13.4', '579.99', '8.9', 'linux', 'no'],
    ['13.4', '600.1', '7.0', 'linux', 'no'],
    ['12.8', '600.1', '3.5', 'linux', 'no'],
  ];
  for (const [toolkit, driver, capability, platform, answer] of rows) {
    test(`${toolkit} on ${driver} with ${capability}: ${answer}`, () => {
      expect(cudaVerdict(toolkit, nvidia(driver, capability), platform).answer).toBe(answer as 'yes');
    });
  }
});

const release = (tag: string, names: readonly string[] = ASSET_NAMES): Release => ({
  tag,
  isDraft: false,
  assets: names.map((name) => ({
    name: name.replaceAll('TAG', tag),
    url: `https://github.com/x/${name}`,
    sizeBytes: 1,
    sha256: 'a'.repeat(64),
    isUploaded: true,
  })),
});
const request = (
  platform: BuildRequest['platform'],
  arch: BuildRequest['arch'],
  backend: Backend,
  more: Partial<BuildRequest> = {},
): BuildRequest => ({
  platform,
  arch,
  backend,
  cudaMajors: backend === 'cuda' ? [13, 12] : [],
  version: null,
  ...more,
});
const chosen = (from: Release, wanted: BuildRequest): string | null =>
  assetsFor(from, wanted)
    ?.map((file) => file.name.replaceAll(from.tag, 'TAG'))
    .join(' + ') ?? null;

describe('files of a release', () => {
  const all = release('b11541');
  const rows: readonly (readonly [BuildRequest, string | null])[] = [
    [request('linux', 'x64', 'cpu'), 'llama-TAG-bin-ubuntu-x64.tar.gz'],
    [request('linux', 'arm64', 'cpu'), 'llama-TAG-bin-ubuntu-arm64.tar.gz'],
    [request('linux', 'x64', 'vulkan'), 'llama-TAG-bin-ubuntu-vulkan-x64.tar.gz'],
    [request('linux', 'arm64', 'vulkan'), 'llama-TAG-bin-ubuntu-vulkan-arm64.tar.gz'],
    [request('linux', 'x64', 'rocm'), 'llama-TAG-bin-ubuntu-rocm-10.0-x64.tar.gz'],
    [request('linux', 'arm64', 'rocm'), null],
    [request('linux', 'x64', 'sycl'), 'llama-TAG-bin-ubuntu-sycl-fp16-x64.tar.gz'],
    [
      request('linux', 'x64', 'cuda'),
      'llama-TAG-bin-ubuntu-cuda-13.4-x64.tar.gz + cudart-llama-TAG-bin-ubuntu-cuda-13.4-x64.tar.gz',
    ],
    [
      request('linux', 'x64', 'cuda', { cudaMajors: [12] }),
      'llama-TAG-bin-ubuntu-cuda-12.8-x64.tar.gz + cudart-llama-TAG-bin-ubuntu-cuda-12.8-x64.tar.gz',
    ],
    [
      request('linux', 'arm64', 'cuda'),
      'llama-TAG-bin-ubuntu-cuda-13.4-arm64.tar.gz + cudart-llama-TAG-bin-ubuntu-cuda-13.4-arm64.tar.gz',
    ],
    [request('linux', 'arm64', 'cuda', { cudaMajors: [12] }), null],
    [request('linux', 'x64', 'metal'), null],
    [request('win32', 'x64', 'cpu'), 'llama-TAG-bin-win-cpu-x64.zip'],
    [request('win32', 'arm64', 'cpu'), 'llama-TAG-bin-win-cpu-arm64.zip'],
    [request('win32', 'x64', 'rocm'), 'llama-TAG-bin-win-rocm-10.0-x64.zip'],
    [
      request('win32', 'x64', 'cuda', { cudaMajors: [12] }),
      'llama-TAG-bin-win-cuda-12.4-x64.zip + cudart-llama-bin-win-cuda-12.4-x64.zip',
    ],
    [request('darwin', 'arm64', 'metal'), 'llama-TAG-bin-macos-arm64.tar.gz'],
    [request('darwin', 'arm64', 'cpu'), 'llama-TAG-bin-macos-arm64.tar.gz'],
    [request('darwin', 'x64', 'cpu'), 'llama-TAG-bin-macos-x64.tar.gz'],
    [request('darwin', 'x64', 'metal'), null],
  ];
  for (const [wanted, expected] of rows) {
    test(`${wanted.platform} ${wanted.arch} ${wanted.backend} ${wanted.cudaMajors.join(' ')}`, () => {
      expect(chosen(all, wanted)).toBe(expected);
    });
  }

  test('a card without code of its own gets the CUDA that its driver compiles, not the newest', () => {
    const hopper = request('linux', 'x64', 'cuda', { gpus: [nvidia('580.95.05', '9.0')] });
    expect(chosen(all, hopper)).toContain('cuda-12.8');
    const ada = request('linux', 'x64', 'cuda', { gpus: [nvidia('580.95.05', '8.9')] });
    expect(chosen(all, ada)).toContain('cuda-13.4');
    const pascal = request('linux', 'x64', 'cuda', { cudaMajors: [12], gpus: [nvidia('535.183.01', '6.1')] });
    expect(chosen(all, pascal)).toBeNull();
    const forced = request('linux', 'x64', 'cuda', { gpus: [] });
    expect(chosen(all, forced)).toContain('cuda-13.4');
  });

  test('names of other times', () => {
    const rows: readonly (readonly [string, BuildRequest])[] = [
      ['llama-TAG-bin-ubuntu-x64.zip', request('linux', 'x64', 'cpu')],
      ['llama-TAG-bin-win-hip-radeon-x64.zip', request('win32', 'x64', 'rocm')],
      ['llama-TAG-bin-ubuntu-rocm-7.2-x64.tar.gz', request('linux', 'x64', 'rocm')],
      ['llama-TAG-bin-linux-x64.tar.zst', request('linux', 'x64', 'cpu')],
      ['llama-TAG-bin-ubuntu-cpu-x86_64.tar.xz', request('linux', 'x64', 'cpu')],
    ];
    for (const [name, wanted] of rows) expect(chosen(release('b11000', [name]), wanted)).toBe(name);
    const old = release('b11000', ['llama-TAG-bin-win-cuda-cu12.4-x64.zip', 'cudart-llama-bin-win-cu12.4-x64.zip']);
    expect(chosen(old, request('win32', 'x64', 'cuda'))).toBe(
      'llama-TAG-bin-win-cuda-cu12.4-x64.zip + cudart-llama-bin-win-cu12.4-x64.zip',
    );
  });

  test('what is being uploaded, what lacks its libraries and what belongs to another release is not there yet', () => {
    const names = ASSET_NAMES.filter((name) => !name.startsWith('cudart-'));
    expect(chosen(release('b11541', names), request('linux', 'x64', 'cuda'))).toBeNull();
    const uploading: Release = { ...all, assets: all.assets.map((asset) => ({ ...asset, isUploaded: false })) };
    expect(chosen(uploading, request('linux', 'x64', 'cpu'))).toBeNull();
    expect(chosen({ ...all, tag: 'b11542' }, request('linux', 'x64', 'cpu'))).toBeNull();
  });

  test('names that are not ours to understand', () => {
    for (const name of [
      'llama-b1-bin-android-arm64.tar.gz',
      'llama-b1-bin-linux-arm64-snapdragon.tar.gz',
      'llama-b1-bin-ubuntu-s390x.tar.gz',
      'llama-b1-bin-ubuntu-openvino-2026.4.1-x64.tar.gz',
      'llama-b1-bin-win-opencl-adreno-arm64.zip',
      'llama-b1-bin-macos-arm64-kleidiai.tar.gz',
      'llama-b1-xcframework.zip',
      'llama-b1-ui.tar.gz',
      'cudart-llama-bin-win-vulkan-x64.zip',
      'llama-b1-bin-ubuntu-x64.tar.gz.sig',
      'nightly-tag.txt',
    ])
      expect(parseAssetName(name)).toBeNull();
  });

  test('the newest by build number, drafts and versions left out', () => {
    const tags = ['b9999', 'v0.8.0', 'b11541', 'b11540', 'master-1', 'b100000'];
    const sorted = newestFirst(tags.map((tag) => ({ ...release(tag), isDraft: tag === 'b11541' })));
    expect(sorted.map((entry) => entry.tag)).toEqual(['b100000', 'b11540', 'b9999']);
  });

  test('hostile and malformed releases are read as what is usable in them', () => {
    expect(parseRelease(null)).toBeNull();
    expect(parseRelease({ tag_name: '../../x', assets: [] })).toBeNull();
    const asset = { name: 'a.tar.gz', browser_download_url: 'https://github.com/a', size: -1, digest: 'md5:1' };
    const parsed = parseRelease({
      tag_name: 'b1',
      assets: [asset, { ...asset, name: '../a.tar.gz' }, { ...asset, name: 'a/b' }, 7, { name: 'x' }],
    });
    expect(parsed?.assets).toEqual([
      { name: 'a.tar.gz', url: 'https://github.com/a', sizeBytes: null, sha256: null, isUploaded: true },
    ]);
  });
});

test('versions compare by their numbers', () => {
  expect(compareVersions('580.65.06', '580.65')).toBeGreaterThan(0);
  expect(compareVersions('9', '10')).toBeLessThan(0);
  expect(compareVersions('12.10', '12.9')).toBeGreaterThan(0);
  expect(compareVersions('13', '13.0')).toBe(0);
});

test('builds with known holes are told apart; unnumbered ones are not judged', () => {
  expect([isSafeBuild(9999), isSafeBuild(10_000), isSafeBuild(null)]).toEqual([false, true, true]);
});
