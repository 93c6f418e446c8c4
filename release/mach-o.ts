// Code signatures of executables for macOS. What the runtime's makers have signed is something else once our code is in it: a
// Mac kills a program whose signature does not hold, yet one for Intel may have none. Sources: Apple's <mach-o/loader.h> and
// <kern/cs_blobs.h>; 64-bit little-endian files, as all of today's are.
import { createHash } from 'node:crypto';

const MAGIC_64 = 0xfeedfacf;
const HEADER_BYTES = 32;
const LC_SEGMENT_64 = 0x19;
const LC_CODE_SIGNATURE = 0x1d;
const CODE_DIRECTORY = 0xfade0c02;
const HASH_SHA256 = 2;

interface Command {
  readonly kind: number;
  readonly offset: number;
  readonly sizeBytes: number;
}

function commandsOf(bytes: Buffer): Command[] {
  if (bytes.readUInt32LE(0) !== MAGIC_64) throw new Error('no 64-bit Mach-O executable');
  const count = bytes.readUInt32LE(16);
  const commands: Command[] = [];
  for (let index = 0, offset = HEADER_BYTES; index < count; index += 1) {
    const sizeBytes = bytes.readUInt32LE(offset + 4);
    commands.push({ kind: bytes.readUInt32LE(offset), offset, sizeBytes });
    offset += sizeBytes;
  }
  return commands;
}

/** `good`: every page is what was signed. `stale`: one is not. Certificates are not looked at. */
export function signatureState(bytes: Buffer): 'good' | 'stale' | 'none' {
  const command = commandsOf(bytes).find(({ kind }) => kind === LC_CODE_SIGNATURE);
  if (command === undefined) return 'none';
  const blob = bytes.readUInt32LE(command.offset + 8);
  const count = bytes.readUInt32BE(blob + 8);
  for (let index = 0; index < count; index += 1) {
    const at = blob + bytes.readUInt32BE(blob + 12 + 8 * index + 4);
    if (bytes.readUInt32BE(at) === CODE_DIRECTORY) return arePagesGood(bytes, at, blob) ? 'good' : 'stale';
  }
  return 'stale';
}

/** All that lies before the signature must be hashed in it, page by page. */
function arePagesGood(bytes: Buffer, directory: number, signature: number): boolean {
  const word = (offset: number): number => bytes.readUInt32BE(directory + offset);
  const [hashes, pageCount, codeBytes] = [word(16), word(28), word(32)];
  const hashBytes = bytes.readUInt8(directory + 36);
  const pageBytes = 1 << bytes.readUInt8(directory + 39);
  if (bytes.readUInt8(directory + 37) !== HASH_SHA256 || codeBytes !== signature) return false;
  if (pageCount !== Math.ceil(codeBytes / pageBytes)) return false;
  for (let page = 0; page < pageCount; page += 1) {
    const code = bytes.subarray(page * pageBytes, Math.min((page + 1) * pageBytes, codeBytes));
    const at = directory + hashes + page * hashBytes;
    const hash = createHash('sha256').update(code).digest().subarray(0, hashBytes);
    if (!hash.equals(bytes.subarray(at, at + hashBytes))) return false;
  }
  return true;
}

/** As `codesign --remove-signature` leaves it. The signature must be the last command, and end the file. */
export function withoutSignature(bytes: Buffer): Buffer {
  const commands = commandsOf(bytes);
  const command = commands.at(-1);
  const linkEdit = commands.find(
    ({ kind, offset }) =>
      kind === LC_SEGMENT_64 && bytes.toString('latin1', offset + 8, offset + 24).startsWith('__LINKEDIT\0'),
  );
  if (command?.kind !== LC_CODE_SIGNATURE || linkEdit === undefined) throw new Error('an unusual Mach-O executable');
  const [start, sizeBytes] = [bytes.readUInt32LE(command.offset + 8), bytes.readUInt32LE(command.offset + 12)];
  if (start + sizeBytes !== bytes.length) throw new Error('something lies behind the signature');
  const made = Buffer.from(bytes.subarray(0, start));
  made.writeUInt32LE(commands.length - 1, 16);
  made.writeUInt32LE(made.readUInt32LE(20) - command.sizeBytes, 20);
  made.fill(0, command.offset, command.offset + command.sizeBytes);
  const fileBytes = made.readBigUInt64LE(linkEdit.offset + 48) - BigInt(sizeBytes);
  made.writeBigUInt64LE(fileBytes, linkEdit.offset + 48);
  // Memory is taken by pages of 16 KiB.
  made.writeBigUInt64LE(((fileBytes + 0x3fffn) / 0x4000n) * 0x4000n, linkEdit.offset + 32);
  return made;
}
