// From an archive's address to paragraphs of packages that Debian vouches for: InRelease, then `Packages` by its digest.
// Nothing is believed before its signature or digest was right; what was read is kept by digest.
import { createHash } from 'node:crypto';
import { existsSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { decompress, readRange } from '../../base/archive-streams.ts';
import { Fault } from '../../base/fault.ts';
import { writeFileAtomically } from '../../base/file.ts';
import { downloadFile, fetchText } from '../../base/http.ts';
import { type Closure, type PackageTable, resolveClosure, type Stanza } from './debian-closure.ts';
import { parseRelease, type Release, requireCurrent } from './debian-release.ts';
import { verifiedText } from './debian-signature.ts';
import type { FetchOptions } from './source.ts';

export interface DebianArchive {
  /** Without a slash at the end. */
  readonly url: string;
  readonly allowedHosts: readonly string[];
  readonly keys: Uint8Array;
  /** Epoch milliseconds. */
  readonly now: () => number;
  readonly graceMs: number;
}

const RELEASE_BYTES_MAX = 8 * 1024 * 1024;
const PARAGRAPH_BYTES_MAX = 4 * 1024 * 1024;
const CACHE_FORMAT = 1;

/** The signed index of a suite, or null where the archive has no such suite. */
export async function fetchRelease(
  archive: DebianArchive,
  suite: string,
  options: FetchOptions,
): Promise<Release | null> {
  const name = `${suite}/InRelease`;
  options.onProgress?.({ stage: 'index', name, doneBytes: 0, totalBytes: null });
  try {
    const { value } = await fetchText(`${archive.url}/dists/${name}`, {
      allowedHosts: archive.allowedHosts,
      signal: options.signal,
      maxBytes: RELEASE_BYTES_MAX,
    });
    const release = parseRelease(await verifiedText(value ?? '', archive.keys, archive.now()));
    requireCurrent(release, suite, archive.now(), archive.graceMs);
    return release;
  } catch (thrown) {
    if (thrown instanceof Fault && thrown.kind === 'not_found') return null;
    throw thrown;
  }
}

/** The closure of `roots` in some components of a suite; kept in the cache folder by the digests it came from. */
export async function fetchClosure(
  archive: DebianArchive,
  release: Release,
  wanted: {
    readonly suite: string;
    readonly components: readonly string[];
    readonly arch: string;
    readonly roots: readonly string[];
  },
  options: FetchOptions,
): Promise<Closure> {
  const indices: { path: string; plainBytes: number; sizeBytes: number; sha256: string }[] = [];
  for (const component of wanted.components) {
    const path = `${component}/binary-${wanted.arch}/Packages`;
    const file = release.files.get(`${path}.xz`);
    if (file === undefined) return { missing: `${component} of ${wanted.suite} for ${wanted.arch}` };
    indices.push({ path: `${path}.xz`, plainBytes: release.files.get(path)?.sizeBytes ?? 0, ...file });
  }
  const key = createHash('sha256')
    .update(JSON.stringify([CACHE_FORMAT, wanted.roots, indices.map((index) => index.sha256)]))
    .digest('hex');
  const cached = join(options.cacheFolder, `debian-${key.slice(0, 32)}.json`);
  const known = readCached(cached);
  if (known !== null) return known;
  const table = new CompactTable();
  for (const index of indices) {
    const file = join(options.cacheFolder, `debian-${index.sha256.slice(0, 32)}.xz`);
    await downloadIndex(archive, release, wanted.suite, index, file, options);
    await readIndex(file, index.sizeBytes, index.plainBytes, table);
    rmSync(file, { force: true });
  }
  const closure = resolveClosure(wanted.roots, table);
  if ('packages' in closure) for (const stanza of closure.packages) poolUrl(archive, stanza);
  writeFileAtomically(cached, JSON.stringify(closure));
  return closure;
}

/** Where a package's path leads; throws for a path that does not stay in the archive's pool. */
export function poolUrl(archive: DebianArchive, stanza: Stanza): string {
  const isPlain = /^pool\/[A-Za-z0-9+._~/-]+\.deb$/.test(stanza.path) && !stanza.path.split('/').includes('..');
  if (!isPlain) throw new Fault('bad_gateway', `The package ${stanza.name} has a strange path.`, { blame: 'remote' });
  return `${archive.url}/${stanza.path}`;
}

async function downloadIndex(
  archive: DebianArchive,
  release: Release,
  suite: string,
  index: { readonly path: string; readonly sizeBytes: number; readonly sha256: string },
  file: string,
  options: FetchOptions,
): Promise<void> {
  const name = `${suite}/${index.path}`;
  const plain = `${archive.url}/dists/${name}`;
  // By its digest it is there even while the archive is being renewed.
  const byHash = `${plain.slice(0, plain.lastIndexOf('/'))}/by-hash/SHA256/${index.sha256}`;
  const download = (url: string) =>
    downloadFile(url, file, {
      sha256: index.sha256,
      sizeBytes: index.sizeBytes,
      allowedHosts: archive.allowedHosts,
      signal: options.signal,
      onProgress: ({ doneBytes, totalBytes }) => options.onProgress?.({ stage: 'index', name, doneBytes, totalBytes }),
    });
  try {
    await download(release.isByHash ? byHash : plain);
  } catch (thrown) {
    if (!release.isByHash || !(thrown instanceof Fault) || thrown.kind !== 'not_found') throw thrown;
    await download(plain);
  }
}

async function readIndex(file: string, sizeBytes: number, plainBytes: number, table: CompactTable): Promise<void> {
  const decoder = new TextDecoder();
  let rest = '';
  let total = 0;
  for await (const chunk of decompress(readRange(file, 0, sizeBytes), 'xz')) {
    total += chunk.length;
    if (total > plainBytes)
      throw new Fault('bad_gateway', "Debian's index is longer than it says.", { blame: 'remote' });
    rest += decoder.decode(chunk, { stream: true });
    const end = rest.lastIndexOf('\n\n');
    if (end < 0) {
      if (rest.length > PARAGRAPH_BYTES_MAX) throw new Fault('bad_gateway', "Debian's index has no end.");
      continue;
    }
    table.add(rest.slice(0, end));
    rest = rest.slice(end + 2);
  }
  table.add(rest);
}

const FIELDS = /^(Package|Version|Depends|Pre-Depends|Provides|Filename|Size|SHA256): (.*)$/gm;
const SEPARATOR = '\u001f';

/** All packages of an index in a few megabytes: one line each in blocks, found by name. */
class CompactTable implements PackageTable {
  readonly #named = new Map<string, string[]>();
  readonly #providing = new Map<string, string[]>();

  /** Whole paragraphs, an empty line between them. */
  add(text: string): void {
    const lines: string[] = [];
    for (const paragraph of text.split('\n\n')) {
      const fields: Record<string, string> = {};
      for (const match of paragraph.matchAll(FIELDS)) fields[match[1] ?? ''] = match[2] ?? '';
      const { Package: name, Provides: provides = '', Depends: depends = '' } = fields;
      if (name === undefined) continue;
      const allDepends = [fields['Pre-Depends'] ?? '', depends].filter((part) => part !== '').join(', ');
      const { Version: version, Filename: path, Size: size, SHA256: sha256 } = fields;
      lines.push([name, version, allDepends, provides, path, size, sha256].join(SEPARATOR));
    }
    // A part of a string keeps the whole alive: what is kept must be cut from this block, not from the index's 60 MB.
    for (const line of Buffer.from(lines.join('\n')).toString().split('\n')) {
      const stanza = parseLine(line);
      push(this.#named, stanza.name, line);
      for (const part of stanza.provides.split(',')) {
        const provided = part.trim().split(/[\s:(]/)[0] ?? '';
        if (provided !== '') push(this.#providing, provided, line);
      }
    }
  }

  named(name: string): readonly Stanza[] {
    return (this.#named.get(name) ?? []).map(parseLine);
  }

  providing(name: string): readonly Stanza[] {
    return (this.#providing.get(name) ?? []).map(parseLine);
  }
}

function push(map: Map<string, string[]>, key: string, line: string): void {
  const held = map.get(key);
  if (held === undefined) map.set(key, [line]);
  else held.push(line);
}

function parseLine(line: string): Stanza {
  const [name = '', version = '', depends = '', provides = '', path = '', size = '', sha256 = ''] =
    line.split(SEPARATOR);
  return { name, version, depends, provides, path, sizeBytes: Number(size), sha256 };
}

function readCached(path: string): Closure | null {
  if (!existsSync(path)) return null;
  try {
    const value = JSON.parse(readFileSync(path, 'utf8')) as Closure;
    if ('missing' in value) return typeof value.missing === 'string' ? value : null;
    return Array.isArray(value.packages) && value.packages.every(isStanza) ? value : null;
  } catch {
    return null;
  }
}

function isStanza(value: unknown): value is Stanza {
  if (typeof value !== 'object' || value === null) return false;
  const { name, version, path, sizeBytes, sha256 } = value as Record<string, unknown>;
  return (
    [name, version, path].every((field) => typeof field === 'string') &&
    Number.isSafeInteger(sizeBytes) &&
    typeof sha256 === 'string' &&
    /^[0-9a-f]{64}$/.test(sha256)
  );
}
