// GitHub's releases API, asked sparingly: answers are kept with their ETag, and what has not changed costs nothing of the
// 60 requests an hour that an address without a token has. It must never send a token.
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Fault } from '../../base/fault.ts';
import { writeFileAtomically } from '../../base/file.ts';
import { fetchJson, fetchText } from '../../base/http.ts';
import { buildNumberOf, parseRelease, type Release } from '../catalog-assets.ts';
import type { FetchOptions } from './source.ts';

export interface GithubApiOptions {
  readonly api: string;
  readonly downloads: string;
  readonly repository: string;
  readonly allowedHosts: readonly string[];
}

interface Kept {
  readonly url: string;
  readonly etag: string | null;
  /** Epoch milliseconds. */
  readonly at: number;
  readonly releases: readonly Release[];
}

const GITHUB = 'https://github.com';
const LIST_LENGTH = 30;
/** How old an answer may be to stand in while GitHub refuses to answer. */
const STAND_IN_MS = 7 * 24 * 3600_000;

export class GithubApi {
  readonly #options: GithubApiOptions;

  constructor(options: GithubApiOptions) {
    this.#options = options;
  }

  /** The release that is marked as latest; null where there is none. */
  async latest(how: FetchOptions): Promise<Release | null> {
    return (await this.#ask('releases/latest', how))[0] ?? null;
  }

  async byTag(tag: string, how: FetchOptions): Promise<Release | null> {
    return (await this.#ask(`releases/tags/${encodeURIComponent(tag)}`, how))[0] ?? null;
  }

  /** The newest releases of both kinds, in GitHub's order. */
  list(how: FetchOptions): Promise<readonly Release[]> {
    return this.#ask(`releases?per_page=${LIST_LENGTH}`, how);
  }

  /** The tag that a release's `nightly-tag.txt` names (`b11541`), or null where it has no such file or another content. */
  async nightlyTag(release: Release, how: FetchOptions): Promise<string | null> {
    const asset = release.assets.find((entry) => entry.name === 'nightly-tag.txt' && entry.isUploaded);
    if (asset === undefined) return null;
    const { allowedHosts } = this.#options;
    const { value } = await fetchText(asset.url, { allowedHosts, signal: how.signal, maxBytes: 1024 });
    const text = value ?? '';
    if (asset.sha256 !== null && createHash('sha256').update(text).digest('hex') !== asset.sha256) {
      throw new Fault(
        'bad_gateway',
        `${asset.name} of ${release.tag} arrived with another content than was published.`,
        {
          blame: 'remote',
        },
      );
    }
    const tag = text.trim();
    return buildNumberOf(tag) === null ? null : tag;
  }

  async #ask(what: string, how: FetchOptions): Promise<readonly Release[]> {
    const url = `${this.#options.api.replace(/\/+$/, '')}/repos/${this.#options.repository}/${what}`;
    const file = join(how.cacheFolder, `github-${createHash('sha256').update(url).digest('hex').slice(0, 16)}.json`);
    const kept = readKept(file, url);
    try {
      const { value, etag } = await fetchJson(url, {
        allowedHosts: this.#options.allowedHosts,
        headers: { accept: 'application/vnd.github+json', 'x-github-api-version': '2022-11-28' },
        signal: how.signal,
        etag: kept?.etag ?? null,
      });
      if (value === null && kept !== null) return kept.releases.map((release) => this.#mirrored(release));
      const releases = (Array.isArray(value) ? value : [value]).map(parseRelease).filter((release) => release !== null);
      const answer: Kept = { url, etag, at: Date.now(), releases };
      writeFileAtomically(file, JSON.stringify(answer));
      return releases.map((release) => this.#mirrored(release));
    } catch (thrown) {
      if (!(thrown instanceof Fault)) throw thrown;
      if (thrown.kind === 'not_found') return [];
      if (thrown.kind !== 'rate_limited') throw thrown;
      if (kept !== null && Date.now() - kept.at < STAND_IN_MS)
        return kept.releases.map((release) => this.#mirrored(release));
      throw new Fault('rate_limited', thrown.message, {
        cause: thrown,
        blame: 'remote',
        hint: 'Try again later, set githubApi and githubDownloads to a mirror, or install a downloaded archive: `drover engine install FILE`.',
        details: thrown.details,
      });
    }
  }

  #mirrored(release: Release): Release {
    const base = this.#options.downloads.replace(/\/+$/, '');
    if (base === GITHUB) return release;
    const moved = (url: string): string => (url.startsWith(`${GITHUB}/`) ? base + url.slice(GITHUB.length) : url);
    return { ...release, assets: release.assets.map((asset) => ({ ...asset, url: moved(asset.url) })) };
  }
}

/** What was kept of an earlier answer; null where nothing usable is there. */
function readKept(file: string, url: string): Kept | null {
  try {
    const value = JSON.parse(readFileSync(file, 'utf8')) as Kept;
    const isOurs =
      value.url === url && Number.isFinite(value.at) && (value.etag === null || typeof value.etag === 'string');
    if (!isOurs || !Array.isArray(value.releases)) return null;
    return { ...value, releases: value.releases.filter(isRelease) };
  } catch {
    return null;
  }
}

const isRelease = (value: unknown): value is Release => {
  const release = value as Partial<Release> | null;
  return (
    typeof release?.tag === 'string' &&
    Array.isArray(release.assets) &&
    release.assets.every((asset) => typeof asset.name === 'string' && typeof asset.url === 'string')
  );
};
