// Strict unpacking: into a hidden folder beside the goal, then one rename. Nothing is left behind when it fails, and
// nothing in an archive decides where it lands. Which names, kinds and sizes pass: archive-intake.
import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, open, readdir, rename, rm, rmdir, stat } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { debianData } from './archive-ar.ts';
import { ARCHIVE_LIMITS, type ArchiveLimits, badArchive, Intake, type Select } from './archive-intake.ts';
import { type Compression, decompress, readRange } from './archive-streams.ts';
import { readTar } from './archive-tar.ts';
import { readZip } from './archive-zip.ts';
import { Fault, toFault } from './fault.ts';
import { syncFolder } from './file.ts';

export { ARCHIVE_LIMITS, type ArchiveLimits } from './archive-intake.ts';

export type ArchiveFormat = 'tar' | 'tar.gz' | 'tar.xz' | 'tar.zst' | 'zip' | 'deb';

export interface ExtractOptions {
  /** Told by the first bytes unless given. */
  readonly format?: ArchiveFormat | undefined;
  readonly limits?: Partial<ArchiveLimits> | undefined;
  /** Maps an entry's name to its place in the folder, or to null to leave it out. Links follow what they lead to. */
  readonly select?: Select | undefined;
  /** True: add to what is in the folder, never replacing a file. Else the folder must be empty or absent. */
  readonly isMerged?: boolean | undefined;
  readonly signal?: AbortSignal | undefined;
  /** Bytes of the archive that have been read, of its size. */
  readonly onProgress?: ((doneBytes: number, totalBytes: number) => void) | undefined;
}

/** Folders with this ending beside a goal are unfinished work; whoever finds one at a start may remove it. */
export const UNPACKING_SUFFIX = '.unpacking';

/**
 * Unpacks into `folder` and returns the files and links in it, relative, with `/` between parts.
 * Throws a Fault: `unprocessable` (damaged, hostile, unknown format), `conflict` (something is in the folder),
 * `disk_full`, `not_writable`, `cancelled`, `not_found` (no such archive).
 */
export async function extractArchive(
  archivePath: string,
  folder: string,
  options: ExtractOptions = {},
): Promise<readonly string[]> {
  const goal = resolve(folder);
  const parent = dirname(goal);
  const hidden = basename(goal).replace(/^\.?/, '.');
  const staging = join(parent, `${hidden}.${randomBytes(6).toString('hex')}${UNPACKING_SUFFIX}`);
  try {
    const { size } = await stat(archivePath).catch(() => {
      throw new Fault('not_found', `There is no archive at ${archivePath}.`);
    });
    const format = options.format ?? (await formatOf(archivePath));
    await mkdir(parent, { recursive: true });
    await mkdir(staging);
    const intake = new Intake({
      root: staging,
      archiveBytes: size,
      limits: { ...ARCHIVE_LIMITS, ...options.limits },
      select: options.select,
      signal: options.signal,
      isCaseBlind: existsSync(join(parent, basename(staging).toUpperCase())),
    });
    await readInto(intake, archivePath, format, size, options);
    const names = await intake.finish();
    intake.checkAbort();
    if (options.isMerged === true && existsSync(goal)) await mergeInto(staging, goal, names);
    else await replaceEmpty(staging, goal);
    syncFolder(parent);
    return names;
  } catch (thrown) {
    throw toFault(thrown);
  } finally {
    await rm(staging, { recursive: true, force: true });
  }
}

async function readInto(
  intake: Intake,
  path: string,
  format: ArchiveFormat,
  size: number,
  options: ExtractOptions,
): Promise<void> {
  let doneBytes = 0;
  const advance = (bytes: number): void => {
    doneBytes += bytes;
    options.onProgress?.(Math.min(doneBytes, size), size);
  };
  if (format === 'zip') {
    await readZip(path, intake, advance);
    options.onProgress?.(size, size);
    return;
  }
  const part =
    format === 'deb' ? await debianData(path) : { offset: 0, sizeBytes: size, compression: COMPRESSION_OF[format] };
  async function* measured(): AsyncGenerator<Uint8Array> {
    for await (const chunk of readRange(path, part.offset, part.offset + part.sizeBytes)) {
      intake.checkAbort();
      advance(chunk.length);
      yield chunk;
    }
  }
  await readTar(decompress(measured(), part.compression), intake);
}

const COMPRESSION_OF: Readonly<Record<'tar' | 'tar.gz' | 'tar.xz' | 'tar.zst', Compression>> = {
  tar: 'none',
  'tar.gz': 'gzip',
  'tar.xz': 'xz',
  'tar.zst': 'zstd',
};

/** The format by the file's first bytes, not by its name. */
export async function formatOf(path: string): Promise<ArchiveFormat> {
  const handle = await open(path, 'r');
  try {
    const head = Buffer.alloc(512);
    const { bytesRead } = await handle.read(head, 0, head.length, 0);
    const starts = (hex: string): boolean => head.subarray(0, hex.length / 2).toString('hex') === hex;
    if (starts('1f8b')) return 'tar.gz';
    if (starts('fd377a585a00')) return 'tar.xz';
    if (starts('28b52ffd')) return 'tar.zst';
    if (starts('504b0304') || starts('504b0506')) return 'zip';
    if (head.toString('latin1', 0, 8) === '!<arch>\n') return 'deb';
    if (bytesRead === 512 && head.toString('latin1', 257, 262) === 'ustar') return 'tar';
  } finally {
    await handle.close();
  }
  throw badArchive(
    `${basename(path)} is not an archive that can be unpacked (zip, tar, tar.gz, tar.xz, tar.zst, deb).`,
  );
}

async function replaceEmpty(staging: string, goal: string): Promise<void> {
  if (existsSync(goal)) {
    if ((await readdir(goal)).length > 0) throw new Fault('conflict', `There is something in ${goal} already.`);
    await rmdir(goal);
  }
  await rename(staging, goal);
}

async function mergeInto(staging: string, goal: string, names: readonly string[]): Promise<void> {
  for (const name of names) {
    if (existsSync(join(goal, name))) throw new Fault('conflict', `${name} is in ${goal} already.`);
  }
  for (const name of names) {
    await mkdir(dirname(join(goal, name)), { recursive: true });
    await rename(join(staging, name), join(goal, name));
  }
  syncFolder(goal);
}
