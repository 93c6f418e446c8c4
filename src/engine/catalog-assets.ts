// Which files of a llama.cpp release make a build, by their names: names drift, so they are taken apart, not listed.
// Pure. It must never pick a file whose name it does not understand to the end.
import type { Backend } from './build.ts';
import { compareVersions, cudaMajorsFor, cudaVerdictForAll } from './catalog.ts';
import type { BuildRequest, RemoteFile } from './sources/source.ts';

/** A release as GitHub's API tells it, reduced to what matters. */
export interface Release {
  readonly tag: string;
  readonly isDraft: boolean;
  readonly assets: readonly ReleaseAsset[];
}

export interface ReleaseAsset {
  readonly name: string;
  readonly url: string;
  readonly sizeBytes: number | null;
  /** Lower-case hex; null where GitHub tells none. */
  readonly sha256: string | null;
  /** False while it is being uploaded. */
  readonly isUploaded: boolean;
}

/** What an asset's name says. */
export interface AssetName {
  /** `engine`, or CUDA's own libraries that belong beside it. */
  readonly kind: 'engine' | 'cudart';
  /** Null in names that carry none (`cudart-llama-bin-win-…`). */
  readonly tag: string | null;
  readonly platform: 'linux' | 'darwin' | 'win32';
  readonly arch: 'x64' | 'arm64';
  readonly backends: readonly Backend[];
  /** Of the toolkit: `12.8`; null where none is named. */
  readonly toolkit: string | null;
}

const PLATFORMS: Readonly<Record<string, AssetName['platform']>> = {
  ubuntu: 'linux',
  linux: 'linux',
  win: 'win32',
  windows: 'win32',
  macos: 'darwin',
};
const ARCHES: Readonly<Record<string, AssetName['arch']>> = {
  x64: 'x64',
  x86_64: 'x64',
  amd64: 'x64',
  arm64: 'arm64',
  aarch64: 'arm64',
};

/**
 * Takes a name apart: `llama-b11541-bin-ubuntu-cuda-12.8-x64.tar.gz`, `cudart-llama-bin-win-cuda-12.4-x64.zip`.
 * Null for everything that we cannot use: other systems, other accelerators, phones, sources.
 * Seen over time: .zip became .tar.gz (December 2025), `win-hip-radeon` became `win-rocm-10.0` (August 2026), CUDA's and
 * ROCm's numbers change with every toolkit, `cudart` names its release on Linux and does not on Windows.
 */
export function parseAssetName(name: string): AssetName | null {
  const match = /^(cudart-)?llama-(?:(b\d+|v\d[\d.]*)-)?bin-(.+?)\.(?:tar\.gz|tgz|tar\.xz|tar\.zst|zip)$/.exec(name);
  if (match?.[3] === undefined) return null;
  const [first = '', ...others] = match[3].split('-');
  const platform = PLATFORMS[first];
  const arch = others.map((word) => ARCHES[word]).find((found) => found !== undefined);
  if (platform === undefined || arch === undefined) return null;
  const words = others.filter((word) => ARCHES[word] === undefined);
  const what = backendsOf(words, platform, arch);
  if (what === null) return null;
  const kind = match[1] === undefined ? 'engine' : 'cudart';
  if (kind === 'cudart' && what.backends[0] !== 'cuda') return null;
  return { kind, tag: match[2] ?? null, platform, arch, ...what };
}

function backendsOf(
  words: readonly string[],
  platform: AssetName['platform'],
  arch: AssetName['arch'],
): Pick<AssetName, 'backends' | 'toolkit'> | null {
  const text = words.join('-');
  if (text === '' || text === 'cpu') {
    return { backends: platform === 'darwin' && arch === 'arm64' ? ['metal', 'cpu'] : ['cpu'], toolkit: null };
  }
  if (text === 'vulkan') return { backends: ['vulkan'], toolkit: null };
  const cuda = /^(?:cuda-?)?(?:cu)?(\d+(?:\.\d+)*)$/.exec(text);
  if (cuda?.[1] !== undefined) return { backends: ['cuda'], toolkit: cuda[1] };
  const rocm = /^(?:rocm|hip)(?:-radeon)?(?:-(\d+(?:\.\d+)*))?$/.exec(text);
  if (rocm !== null) return { backends: ['rocm'], toolkit: rocm[1] ?? null };
  if (/^sycl(-fp(16|32))?$/.test(text)) return { backends: ['sycl'], toolkit: null };
  return null;
}

/** The number of a `b11541`; null for every other tag. */
export function buildNumberOf(tag: string): number | null {
  const number = /^b(\d{1,9})$/.exec(tag)?.[1];
  return number === undefined ? null : Number(number);
}

/** Releases that carry a build number, newest build first; drafts are left out. */
export const newestFirst = (releases: readonly Release[]): Release[] =>
  releases
    .filter((release) => !release.isDraft && buildNumberOf(release.tag) !== null)
    .sort((left, right) => (buildNumberOf(right.tag) ?? 0) - (buildNumberOf(left.tag) ?? 0));

/**
 * All files of the build that a request wants, llama-server's archive first, or null where the release does not have
 * them, or not yet: assets appear one by one after their release.
 */
export function assetsFor(release: Release, request: BuildRequest): RemoteFile[] | null {
  const named = release.assets
    .filter((asset) => asset.isUploaded)
    .map((asset) => ({ asset, about: parseAssetName(asset.name) }))
    .filter((entry): entry is { asset: ReleaseAsset; about: AssetName } => entry.about !== null)
    .filter(({ about }) => about.platform === request.platform && about.arch === request.arch)
    .filter(({ about }) => about.tag === null || about.tag === release.tag);
  const engines = named.filter(({ about }) => about.kind === 'engine' && about.backends.includes(request.backend));
  const best = request.backend === 'cuda' ? bestCuda(engines, request) : newestToolkit(engines);
  if (best === undefined) return null;
  if (request.backend !== 'cuda') return [remoteFile(best.asset)];
  const libraries = named.find(({ about }) => about.kind === 'cudart' && about.toolkit === best.about.toolkit);
  return libraries === undefined ? null : [remoteFile(best.asset), remoteFile(libraries.asset)];
}

interface Named {
  readonly asset: ReleaseAsset;
  readonly about: AssetName;
}

const newestToolkit = (engines: readonly Named[]): Named | undefined =>
  [...engines].sort((left, right) => compareVersions(right.about.toolkit ?? '0', left.about.toolkit ?? '0'))[0];

/** What surely runs goes before what perhaps runs; among equals the request's order of majors, then the newest. */
function bestCuda(engines: readonly Named[], request: BuildRequest): Named | undefined {
  const gpus = request.gpus ?? [];
  const platform = request.platform === 'win32' ? 'win32' : 'linux';
  // Where no CUDA suits by our judgement, somebody asked for it by name: then the proof decides.
  const isJudged = cudaMajorsFor({ platform, arch: request.arch, gpus }).length > 0;
  const rank = (entry: Named): number => {
    const toolkit = entry.about.toolkit ?? '';
    const preference = request.cudaMajors.indexOf(Number.parseInt(toolkit, 10));
    if (preference < 0) return -1;
    if (!isJudged) return 100 - preference;
    const { answer } = cudaVerdictForAll(toolkit, gpus, platform);
    return answer === 'no' ? -1 : (answer === 'yes' ? 100 : 50) - preference;
  };
  return engines
    .filter((entry) => rank(entry) >= 0)
    .sort(
      (left, right) => rank(right) - rank(left) || compareVersions(right.about.toolkit ?? '', left.about.toolkit ?? ''),
    )[0];
}

const remoteFile = (asset: ReleaseAsset): RemoteFile => ({
  name: asset.name,
  url: asset.url,
  sizeBytes: asset.sizeBytes,
  sha256: asset.sha256,
});

/** Reads a release of GitHub's REST API; null for what is none. https://docs.github.com/en/rest/releases/releases */
export function parseRelease(value: unknown): Release | null {
  if (!isRecord(value) || typeof value.tag_name !== 'string' || !/^[A-Za-z0-9._-]{1,60}$/.test(value.tag_name))
    return null;
  const assets = Array.isArray(value.assets) ? value.assets : [];
  return {
    tag: value.tag_name,
    isDraft: value.draft === true,
    assets: assets.map(parseAsset).filter((asset) => asset !== null),
  };
}

function parseAsset(value: unknown): ReleaseAsset | null {
  if (!isRecord(value) || typeof value.name !== 'string' || typeof value.browser_download_url !== 'string') return null;
  // A name becomes a file's name on this disk.
  if (!/^[A-Za-z0-9][A-Za-z0-9._+-]{0,199}$/.test(value.name)) return null;
  const digest = typeof value.digest === 'string' ? /^sha256:([0-9a-f]{64})$/i.exec(value.digest)?.[1] : undefined;
  const size = value.size;
  return {
    name: value.name,
    url: value.browser_download_url,
    sizeBytes: typeof size === 'number' && Number.isSafeInteger(size) && size > 0 ? size : null,
    sha256: digest?.toLowerCase() ?? null,
    isUploaded: value.state === undefined || value.state === 'uploaded',
  };
}

const isRecord = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
