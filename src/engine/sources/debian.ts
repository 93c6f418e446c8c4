// Engines from Debian's archive: packages unpacked into one flat folder with their own loader, so that they run on any
// Linux without root or dpkg. What vouches for a file is Debian's signature, never the way it came by.
import { createHash } from 'node:crypto';
import { existsSync, readdirSync, rmSync, statSync } from 'node:fs';
import { cpus } from 'node:os';
import { join } from 'node:path';
import { extractArchive } from '../../base/archive.ts';
import { readRange } from '../../base/archive-streams.ts';
import { Fault } from '../../base/fault.ts';
import { downloadFile } from '../../base/http.ts';
import type { Backend } from '../build.ts';
import type { Stanza } from './debian-closure.ts';
import { type DebianArchive, fetchClosure, fetchRelease, poolUrl } from './debian-index.ts';
import { RELEASE_GRACE_MS } from './debian-release.ts';
import { debianKeys } from './debian-signature.ts';
import { parseVersion } from './debian-version.ts';
import type { BuildRequest, FetchOptions, LaunchRecipe, RemoteBuild, SourceDriver } from './source.ts';

export interface DebianOptions {
  /** Default `https://deb.debian.org/debian`; signatures vouch for what comes, and TLS for its being the newest. */
  readonly archiveUrl?: string | undefined;
  /** In the order in which they are asked. Default forky, then sid (which alone has CUDA). */
  readonly suites?: readonly string[] | undefined;
  /** A binary OpenPGP keyring. Default: the one that ships. */
  readonly keys?: Uint8Array | undefined;
  /** Epoch milliseconds. */
  readonly now?: (() => number) | undefined;
  /** How long after its end an index is still taken. */
  readonly graceMs?: number | undefined;
}

const DEFAULT_URL = 'https://deb.debian.org/debian';
const DEFAULT_SUITES = ['forky', 'sid'];
const CORE_PACKAGES = ['llama.cpp-tools', 'llama.cpp-tools-extra', 'libggml0-backend-rpc'];

interface Recipe {
  readonly components: readonly string[];
  readonly packages: readonly string[];
}

// No ROCm: its closure is 465 MB to fetch and 4.5 GB on disk, and rocBLAS looks for its kernels at a fixed place that a
// flat folder does not have. Vulkan drives the same cards.
const RECIPES: Partial<Record<Backend, Recipe>> = {
  cpu: { components: ['main'], packages: [] },
  vulkan: { components: ['main'], packages: ['libggml0-backend-vulkan'] },
  cuda: { components: ['main', 'contrib', 'non-free'], packages: ['libggml0-backend-cuda'] },
};
/** Debian's CUDA is 12: any driver from 525 on runs it. */
const CUDA_MAJOR = 12;

interface Machine {
  /** Debian's name of the architecture. */
  readonly arch: string;
  readonly triplet: string;
  readonly loader: string;
}

const MACHINES: Readonly<Record<BuildRequest['arch'], Machine>> = {
  x64: { arch: 'amd64', triplet: 'x86_64-linux-gnu', loader: 'ld-linux-x86-64.so.2' },
  arm64: { arch: 'arm64', triplet: 'aarch64-linux-gnu', loader: 'ld-linux-aarch64.so.1' },
};

/**
 * Where the host's own driver may lie. Our loader reads the host's /etc/ld.so.cache too, which names it nearly always;
 * these are for where it does not (WSL, NixOS, containers without ldconfig). They come after our folder, so that
 * nothing of the closure is ever taken from the host: of what is here only libcuda.so.1 and what it loads are ours to
 * use, and those are bound to the host's kernel module.
 */
const driverFolders = (triplet: string): readonly string[] => [
  '/usr/lib/wsl/lib',
  '/run/opengl-driver/lib',
  '/usr/local/nvidia/lib64',
  `/usr/lib/${triplet}`,
  '/usr/lib64',
];

const PARALLEL_DOWNLOADS = Math.min(4, Math.max(2, cpus().length));

const CACHE_MS = 14 * 24 * 60 * 60 * 1000;

/** Builds of Debian testing and unstable, for Linux on x64 and arm64. */
export function createDebianSource(options: DebianOptions = {}): SourceDriver {
  const archive = debianArchive(options);
  const suites = options.suites ?? DEFAULT_SUITES;
  return {
    source: 'debian',
    async find(request, fetching) {
      const recipe = RECIPES[request.backend];
      if (request.platform !== 'linux' || recipe === undefined) return null;
      if (request.backend === 'cuda' && !request.cudaMajors.includes(CUDA_MAJOR)) return null;
      const { arch } = MACHINES[request.arch];
      for (const suite of suites) {
        const release = await fetchRelease(archive, suite, fetching);
        if (release === null) continue;
        const roots = [...CORE_PACKAGES, ...recipe.packages];
        const closure = await fetchClosure(
          archive,
          release,
          { suite, arch, roots, components: recipe.components },
          fetching,
        );
        if ('missing' in closure) continue;
        const build = describe(archive, closure.packages, request);
        if (build !== null) return build;
      }
      return null;
    },
    fetch: async (build, folder, fetching) => {
      const machine = Object.values(MACHINES).find(({ arch }) =>
        build.files.some(({ name }) => name.endsWith(`_${arch}.deb`)),
      );
      if (machine === undefined) throw new Fault('internal', `The build ${build.id} is for no machine that is known.`);
      await fetchPackages(archive, build.files, folder, (name) => flatName(name, machine.triplet), fetching);
      return recipeFor(folder, build.backend, machine);
    },
  };
}

export function debianArchive(options: DebianOptions = {}): DebianArchive {
  const url = (options.archiveUrl ?? DEFAULT_URL).replace(/\/+$/, '');
  return {
    url,
    // The mirror that was asked for, also over http and in the own network, and Debian's own hosts.
    allowedHosts: [hostOf(url), 'http://deb.debian.org', 'http://*.debian.org'],
    keys: options.keys ?? debianKeys(),
    now: options.now ?? Date.now,
    graceMs: options.graceMs ?? RELEASE_GRACE_MS,
  };
}

/** Downloads packages, checks their digests and unpacks what `select` maps into `folder`. */
export async function fetchPackages(
  archive: DebianArchive,
  files: RemoteBuild['files'],
  folder: string,
  select: (name: string) => string | null,
  options: FetchOptions,
): Promise<void> {
  const { signal, onProgress } = options;
  const totalBytes = files.reduce((sum, file) => sum + (file.sizeBytes ?? 0), 0);
  const done = new Map<string, number>();
  const pathOf = (file: RemoteBuild['files'][number]): string =>
    join(options.cacheFolder, `${file.sha256?.slice(0, 16) ?? 'unknown'}-${file.name}`);
  const waiting = [...files];
  const failed = new AbortController();
  const worker = async (): Promise<void> => {
    for (let file = waiting.shift(); file !== undefined; file = waiting.shift()) {
      const { name, url, sizeBytes, sha256 } = file;
      if (sha256 === null) throw new Fault('internal', `The package ${name} has no digest.`);
      if (await holds(pathOf(file), sha256)) {
        done.set(name, sizeBytes ?? 0);
        continue;
      }
      await downloadFile(url, pathOf(file), {
        sha256,
        sizeBytes,
        allowedHosts: archive.allowedHosts,
        signal: signal === undefined ? failed.signal : AbortSignal.any([signal, failed.signal]),
        onProgress: ({ doneBytes }) => {
          done.set(name, doneBytes);
          const sum = [...done.values()].reduce((left, right) => left + right, 0);
          onProgress?.({ stage: 'download', name, doneBytes: sum, totalBytes });
        },
      });
    }
  };
  try {
    const workers = Array.from({ length: PARALLEL_DOWNLOADS }, worker);
    try {
      await Promise.all(workers);
    } catch (thrown) {
      failed.abort();
      await Promise.allSettled(workers);
      throw thrown;
    }
    let unpackedBytes = 0;
    for (const file of files) {
      onProgress?.({ stage: 'unpack', name: file.name, doneBytes: unpackedBytes, totalBytes });
      await extractArchive(pathOf(file), folder, { format: 'deb', select, isMerged: true, signal });
      unpackedBytes += file.sizeBytes ?? 0;
    }
    onProgress?.({ stage: 'unpack', name: '', doneBytes: totalBytes, totalBytes });
  } finally {
    sweepPackages(options.cacheFolder);
  }
  // After a failure they stay, so that the next try has only the rest to fetch.
  for (const file of files) rmSync(pathOf(file), { force: true });
}

async function holds(path: string, sha256: string): Promise<boolean> {
  if (!existsSync(path)) return false;
  const hash = createHash('sha256');
  for await (const chunk of readRange(path, 0, statSync(path).size)) hash.update(chunk);
  return hash.digest('hex') === sha256;
}

/** Drops what earlier tries left and nobody came back for. */
function sweepPackages(cacheFolder: string): void {
  if (!existsSync(cacheFolder)) return;
  for (const name of readdirSync(cacheFolder)) {
    if (!/^(debian-[0-9a-f]{32}\.|[0-9a-f]{16}-.+\.deb)/.test(name)) continue;
    const path = join(cacheFolder, name);
    const info = statSync(path, { throwIfNoEntry: false });
    if (info !== undefined && Date.now() - info.mtimeMs > CACHE_MS) rmSync(path, { force: true });
  }
}

/** The files of a closure as a source offers them. */
export const filesOf = (archive: DebianArchive, packages: readonly Stanza[]): RemoteBuild['files'] =>
  packages.map((stanza) => ({
    name: stanza.path.slice(stanza.path.lastIndexOf('/') + 1),
    url: poolUrl(archive, stanza),
    sizeBytes: stanza.sizeBytes,
    sha256: stanza.sha256,
  }));

function describe(archive: DebianArchive, packages: readonly Stanza[], request: BuildRequest): RemoteBuild | null {
  const full = packages.find((stanza) => stanza.name === CORE_PACKAGES[0])?.version ?? '';
  const { upstream, revision } = parseVersion(full);
  const plain = upstream.replace(/\+dfsg.*$/, '');
  if (request.version !== null && ![plain, upstream, full].includes(request.version)) return null;
  const id = `${upstream}-${revision}-${request.backend}`.replace(/[^A-Za-z0-9.-]+/g, '-');
  return { id, version: plain, backend: request.backend, source: 'debian', files: filesOf(archive, packages) };
}

/** One flat folder: libraries, plugins and tools side by side, and the licences of all below `licenses/`. */
export function flatName(name: string, triplet: string): string | null {
  const copyright = /^usr\/share\/doc\/([^/]+)\/copyright$/.exec(name);
  if (copyright !== null) return `licenses/${copyright[1]}`;
  const tool = /^usr\/bin\/((?:llama|ggml|rpc)-?[A-Za-z0-9-]*)$/.exec(name);
  if (tool !== null) return tool[1] ?? null;
  const inside = new RegExp(`^(?:usr/)?lib/${triplet}/(?:llama/|ggml/backends\\d+/)?([^/]+)$`).exec(name)?.[1];
  return inside !== undefined && /\.so(\.[0-9][0-9A-Za-z.]*)?$/.test(inside) ? inside : null;
}

/** The loader is the program, and llama.cpp looks for its plugins beside the program: that is why all is one folder. */
function recipeFor(folder: string, backend: Backend, machine: Machine): LaunchRecipe {
  const paths = [folder, ...(backend === 'cuda' ? driverFolders(machine.triplet) : [])];
  const launch = [join(folder, machine.loader), '--library-path', paths.join(':'), join(folder, 'llama-server')];
  return { launch, environment: {} };
}

function hostOf(url: string): string {
  try {
    const { protocol, host } = new URL(url);
    return `${protocol}//${host}`;
  } catch (cause) {
    throw new Fault('config_invalid', `debianArchive is not an address: ${url}`, { cause });
  }
}
