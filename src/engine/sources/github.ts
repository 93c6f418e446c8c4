// llama.cpp's releases on GitHub: finds the newest build that has all wanted files, downloads them, verifies each against
// the digest that GitHub publishes, and lays them into one folder. It needs no token and must never run what it fetched.
import { chmodSync, existsSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { extractArchive } from '../../base/archive.ts';
import { Fault } from '../../base/fault.ts';
import { sha256OfFile } from '../../base/file-sha256.ts';
import { downloadFile } from '../../base/http-download.ts';
import { OLDEST_SAFE_BUILD } from '../catalog.ts';
import { assetsFor, buildNumberOf, newestFirst, type Release } from '../catalog-assets.ts';
import { GithubApi } from './github-api.ts';
import { flattenServer, foldersWith, moveContents } from './layout.ts';
import type { BuildRequest, FetchOptions, LaunchRecipe, RemoteBuild, RemoteFile, SourceDriver } from './source.ts';

export interface GithubOptions {
  /** Base address of the API or a mirror of it: `https://api.github.com`. */
  readonly api: string;
  /** Replaces `https://github.com` in the addresses of assets. */
  readonly downloads: string;
  /** Further hosts that downloads may come from; those of GitHub and of the two bases are allowed anyway. */
  readonly allowedHosts?: readonly string[] | undefined;
  /** Default `ggml-org/llama.cpp`. */
  readonly repository?: string | undefined;
  /** The oldest build that is taken. Default `OLDEST_SAFE_BUILD`. */
  readonly oldestBuild?: number | undefined;
  /** The pause before the first retry of a cut download, for tests. */
  readonly retryDelayMs?: number | undefined;
}

const OWN_HOSTS = [
  'api.github.com',
  'github.com',
  'objects.githubusercontent.com',
  'release-assets.githubusercontent.com',
];

export function createGithubSource(options: GithubOptions): SourceDriver {
  const oldestBuild = options.oldestBuild ?? OLDEST_SAFE_BUILD;
  const allowedHosts = [
    ...OWN_HOSTS,
    ...[options.api, options.downloads].map((address) => new URL(address).host),
    ...(options.allowedHosts ?? []),
  ];
  const api = new GithubApi({
    api: options.api,
    downloads: options.downloads,
    repository: options.repository ?? 'ggml-org/llama.cpp',
    allowedHosts,
  });

  const find = async (request: BuildRequest, how: FetchOptions): Promise<RemoteBuild | null> => {
    how.onProgress?.({ stage: 'index', name: 'GitHub', doneBytes: 0, totalBytes: null });
    const candidates = request.version === null ? newest(api, how) : exact(api, request.version, how);
    let undigested: string | null = null;
    for await (const release of candidates) {
      const buildNumber = buildNumberOf(release.tag);
      if (buildNumber !== null && buildNumber < oldestBuild) {
        if (request.version === null) continue;
        throw new Fault('forbidden', `${release.tag} is older than b${oldestBuild}: its server has known holes.`, {
          hint: 'Take a newer one. What you must have can be installed from a file: `drover engine install FILE`.',
        });
      }
      const files = assetsFor(release, request);
      if (files === null) continue;
      const bare = files.find((file) => file.sha256 === null);
      if (bare === undefined) return buildOf(release, request, files);
      undigested ??= bare.name;
    }
    if (undigested === null) return null;
    throw new Fault('bad_gateway', `GitHub publishes no digest of ${undigested}, so it cannot be verified.`, {
      blame: 'remote',
      hint: 'A mirror may leave digests out; set githubApi to one that passes them on.',
    });
  };

  const fetchBuild = async (build: RemoteBuild, folder: string, how: FetchOptions): Promise<LaunchRecipe> => {
    const totalBytes = build.files.reduce((sum, file) => sum + (file.sizeBytes ?? 0), 0);
    const archives: string[] = [];
    let doneBefore = 0;
    for (const file of build.files) {
      const path = join(how.cacheFolder, `${(file.sha256 ?? '').slice(0, 16)}-${file.name}`);
      if (!(await isHere(path, file))) {
        await downloadFile(file.url, path, {
          allowedHosts,
          sha256: file.sha256,
          sizeBytes: file.sizeBytes,
          signal: how.signal,
          ...(options.retryDelayMs === undefined ? {} : { retryDelayMs: options.retryDelayMs }),
          onProgress: (progress) =>
            how.onProgress?.({
              stage: 'download',
              name: file.name,
              doneBytes: doneBefore + progress.doneBytes,
              totalBytes: totalBytes === 0 ? null : totalBytes,
            }),
        });
      }
      doneBefore += file.sizeBytes ?? 0;
      archives.push(path);
    }
    const recipe = await unpack(archives, folder, how);
    tidy(how.cacheFolder, archives);
    return recipe;
  };

  return { source: 'github', find, fetch: fetchBuild };
}

/**
 * Stable first: the latest release, which carries the binaries itself or names the `b…` release that does (since August
 * 2026, in `nightly-tag.txt`). Where that one lacks what is wanted, the newest `b…` releases, one after the other.
 */
async function* newest(api: GithubApi, how: FetchOptions): AsyncGenerator<Release> {
  const latest = await api.latest(how);
  if (latest !== null) {
    yield latest;
    const tag = await api.nightlyTag(latest, how);
    const nightly = tag === null ? null : await api.byTag(tag, how);
    if (nightly !== null) yield nightly;
  }
  yield* newestFirst(await api.list(how));
}

async function* exact(api: GithubApi, version: string, how: FetchOptions): AsyncGenerator<Release> {
  if (!/^[A-Za-z0-9][A-Za-z0-9.-]{0,40}$/.test(version)) return;
  const tag = /^\d+\.\d/.test(version) ? `v${version}` : /^\d+$/.test(version) ? `b${version}` : version;
  const release = await api.byTag(tag, how);
  if (release === null) return;
  yield release;
  const nightly = await api.nightlyTag(release, how);
  const named = nightly === null ? null : await api.byTag(nightly, how);
  if (named !== null) yield named;
}

const buildOf = (release: Release, request: BuildRequest, files: readonly RemoteFile[]): RemoteBuild => ({
  id: `${release.tag}-${request.backend}`,
  version: release.tag,
  backend: request.backend,
  source: 'github',
  files,
});

/** A file of an earlier try with the right digest; CUDA's libraries are the same in many releases. */
async function isHere(path: string, file: RemoteFile): Promise<boolean> {
  if (!existsSync(path) || file.sha256 === null) return false;
  if ((await sha256OfFile(path)) === file.sha256) return true;
  rmSync(path, { force: true });
  return false;
}

/** The first archive holds llama-server; the files of the others go beside it, where its plugins look for them. */
async function unpack(archives: readonly string[], folder: string, how: FetchOptions): Promise<LaunchRecipe> {
  let recipe: LaunchRecipe | null = null;
  for (const [index, archive] of archives.entries()) {
    const unpacked = join(folder, `.unpacked-${index}`);
    const name = archive.split(/[/\\]/).at(-1) ?? archive;
    await extractArchive(archive, unpacked, {
      signal: how.signal,
      onProgress: (doneBytes, totalBytes) => how.onProgress?.({ stage: 'unpack', name, doneBytes, totalBytes }),
    });
    if (recipe === null) recipe = flattenServer(unpacked, folder);
    else for (const libraries of foldersWith(unpacked, /\.(so[\d.]*|dll)$/i)) moveContents(libraries, folder);
    rmSync(unpacked, { recursive: true, force: true });
  }
  if (recipe === null) throw new Fault('internal', 'A build without files was to be fetched.');
  // Zip archives carry no permissions.
  if (process.platform !== 'win32') chmodSync(recipe.launch.at(-1) ?? '', 0o755);
  return recipe;
}

/** Keeps CUDA's libraries of the last build, which the next one often shares, and nothing else. */
function tidy(cacheFolder: string, used: readonly string[]): void {
  const kept = used.filter((path) => /[/\\][0-9a-f]{16}-cudart-[^/\\]+$/.test(path));
  for (const name of readdirSync(cacheFolder)) {
    const path = join(cacheFolder, name);
    if (/^[0-9a-f]{16}-(cudart-)?llama-/.test(name) && !kept.includes(path)) rmSync(path, { force: true });
  }
}
