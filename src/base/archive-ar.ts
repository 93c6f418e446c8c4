// Debian's outer wrapping: an `ar` archive of a few members (deb(5), ar(5)). Only the table of members is read.
import { open } from 'node:fs/promises';
import { badArchive } from './archive-intake.ts';
import type { Compression } from './archive-streams.ts';

export interface ArMember {
  readonly name: string;
  /** Of the content, from the beginning of the file. */
  readonly offset: number;
  readonly sizeBytes: number;
}

const MAGIC = '!<arch>\n';
const HEADER_BYTES = 60;
const MEMBERS_MAX = 64;

/** Members in their order; throws a Fault where the table is damaged or reaches beyond the file. */
export async function arMembers(path: string): Promise<readonly ArMember[]> {
  const handle = await open(path, 'r');
  try {
    const { size } = await handle.stat();
    const read = async (length: number, at: number): Promise<string> => {
      const buffer = Buffer.alloc(length);
      const { bytesRead } = await handle.read(buffer, 0, length, at);
      return buffer.toString('latin1', 0, bytesRead);
    };
    if ((await read(MAGIC.length, 0)) !== MAGIC) throw badArchive('This is not a Debian package.');
    const members: ArMember[] = [];
    let at = MAGIC.length;
    while (at < size) {
      const header = await read(HEADER_BYTES, at);
      const sizeText = header.slice(48, 58).trim();
      if (header.length < HEADER_BYTES || header.slice(58) !== '`\n' || !/^\d+$/.test(sizeText)) {
        throw badArchive('The Debian package is damaged or cut.');
      }
      const member = {
        name: header.slice(0, 16).trim().replace(/\/$/, ''),
        offset: at + HEADER_BYTES,
        sizeBytes: Number(sizeText),
      };
      if (member.offset + member.sizeBytes > size) throw badArchive('The Debian package is cut.');
      if (members.length >= MEMBERS_MAX) throw badArchive('The Debian package has too many members.');
      members.push(member);
      at = member.offset + member.sizeBytes + (member.sizeBytes % 2);
    }
    return members;
  } finally {
    await handle.close();
  }
}

const COMPRESSIONS: Readonly<Record<string, Compression>> = {
  'data.tar': 'none',
  'data.tar.gz': 'gzip',
  'data.tar.xz': 'xz',
  'data.tar.zst': 'zstd',
};

/** Where the files of a Debian package lie in it, and how they are compressed. */
export async function debianData(path: string): Promise<ArMember & { readonly compression: Compression }> {
  const members = await arMembers(path);
  if (members[0]?.name !== 'debian-binary') throw badArchive('This is not a Debian package.');
  for (const member of members) {
    const compression = COMPRESSIONS[member.name];
    if (compression !== undefined) return { ...member, compression };
  }
  throw badArchive('The Debian package has no data that can be read.');
}
