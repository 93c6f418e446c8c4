// Packs a release's archive: one folder, its files sorted, one time and no owner in it, so that the same files make the same
// bytes on every machine.
import { createWriteStream, readFileSync } from 'node:fs';
import { pipeline } from 'node:stream/promises';
import { createGzip } from 'node:zlib';
import { pack as packTar } from 'tar-stream';
import { ZipFile } from 'yazl';

export interface Packed {
  /** Below the archive's folder, with `/`. */
  readonly name: string;
  /** Where it lies, or what it is. */
  readonly content: { readonly path: string } | { readonly text: string };
  readonly isProgram: boolean;
}

export interface ArchiveOptions {
  /** The one at the top. */
  readonly folder: string;
  readonly files: readonly Packed[];
  /** Epoch seconds, of all files. */
  readonly seconds: number;
}

const bytesOf = ({ content }: Packed): Buffer =>
  'path' in content ? readFileSync(content.path) : Buffer.from(content.text);
const modeOf = ({ isProgram }: Packed): number => (isProgram ? 0o755 : 0o644);
const sorted = (files: readonly Packed[]): Packed[] =>
  files.toSorted((left, right) => (left.name < right.name ? -1 : 1));

export async function writeTarGz(path: string, { folder, files, seconds }: ArchiveOptions): Promise<void> {
  const tar = packTar();
  const mtime = new Date(seconds * 1000);
  const written = pipeline(tar, createGzip({ level: 9 }), createWriteStream(path));
  for (const file of sorted(files)) {
    const bytes = bytesOf(file);
    const header = { name: `${folder}/${file.name}`, mode: modeOf(file), mtime, uid: 0, gid: 0, size: bytes.length };
    await new Promise<void>((resolve, reject) => {
      tar.entry(header, bytes, (error) => (error ? reject(error) : resolve()));
    });
  }
  tar.finalize();
  await written;
}

/** Times in zip files are local ones, of two seconds: they are given as if this machine's clock were set to UTC. */
export async function writeZip(path: string, { folder, files, seconds }: ArchiveOptions): Promise<void> {
  const zip = new ZipFile();
  const utc = new Date(seconds * 1000);
  const mtime = new Date(utc.getTime() + utc.getTimezoneOffset() * 60_000);
  for (const file of sorted(files)) {
    zip.addBuffer(bytesOf(file), `${folder}/${file.name}`, {
      mtime,
      mode: modeOf(file) | 0o100000,
      compress: true,
      compressionLevel: 9,
      forceDosTimestamp: true,
    });
  }
  const written = pipeline(zip.outputStream, createWriteStream(path));
  zip.end();
  await written;
}
