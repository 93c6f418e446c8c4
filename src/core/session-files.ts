// Chat sessions as files that people keep and carry: JSON in one folder. It must never read, write or delete anything
// outside that folder, whatever a name says.
import { closeSync, constants, fstatSync, lstatSync, openSync, readdirSync, readSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { errorCode, Fault, toFault } from '../base/fault.ts';
import { writeFileAtomically } from '../base/file.ts';

export interface SessionFile {
  readonly fileName: string;
  readonly sizeBytes: number;
  /** Epoch milliseconds, as the following. */
  readonly createdAt: number;
  readonly modifiedAt: number;
}

const EXTENSION = '.json';
const LONGEST_NAME_BYTES = 200;
export const LARGEST_FILE_BYTES = 16 * 1024 * 1024;
/** More than anybody looks through. */
const LISTED = 1000;

export class SessionFiles {
  readonly folder: string;

  constructor(folder: string) {
    this.folder = folder;
  }

  /** Newest first. */
  list(): readonly SessionFile[] {
    return this.#names()
      .flatMap((fileName) => this.#look(fileName) ?? [])
      .sort((left, right) => right.modifiedAt - left.modifiedAt || (left.fileName < right.fileName ? -1 : 1))
      .slice(0, LISTED);
  }

  /** Null where there is no such file. Throws `bad_request` for a name that is none. */
  find(name: string): SessionFile | null {
    const fileName = sessionFileName(name);
    this.#requireNoLink(fileName);
    return this.#look(fileName);
  }

  write(name: string, document: unknown): SessionFile {
    const fileName = sessionFileName(name);
    this.#requireNoLink(fileName);
    const text = `${JSON.stringify(document, null, 2)}\n`;
    if (Buffer.byteLength(text) > LARGEST_FILE_BYTES) {
      throw new Fault('too_large', `A session of more than ${LARGEST_FILE_BYTES / 1024 / 1024} MiB is not kept.`);
    }
    writeFileAtomically(join(this.folder, fileName), text, { mode: 0o600 });
    const written = this.#look(fileName);
    if (written === null) throw new Fault('internal', `${fileName} is gone as soon as it was written.`);
    return written;
  }

  /** Throws `not_found`; `bad_request` for a name or a content that is none. */
  read(name: string): { readonly file: SessionFile; readonly document: Readonly<Record<string, unknown>> } {
    const fileName = sessionFileName(name);
    this.#requireNoLink(fileName);
    const file = this.#look(fileName);
    if (file === null) throw noSuchFile(fileName);
    return { file, document: parsed(fileName, this.#text(fileName)) };
  }

  /** False where there was none. */
  remove(name: string): boolean {
    const fileName = sessionFileName(name);
    this.#requireNoLink(fileName);
    if (this.#look(fileName) === null) return false;
    rmSync(join(this.folder, fileName), { force: true });
    return true;
  }

  #names(): string[] {
    try {
      return readdirSync(this.folder).filter((name) => name.endsWith(EXTENSION) && !name.startsWith('.'));
    } catch (thrown) {
      if (errorCode(thrown) === 'ENOENT') return [];
      throw toFault(thrown);
    }
  }

  /** A link could lead anywhere. */
  #requireNoLink(fileName: string): void {
    const status = lstatSync(join(this.folder, fileName), { throwIfNoEntry: false });
    if (status === undefined || status.isFile()) return;
    throw new Fault('bad_request', `${fileName} is no plain file.`, { hint: 'Choose another name.' });
  }

  #look(fileName: string): SessionFile | null {
    const status = lstatSync(join(this.folder, fileName), { throwIfNoEntry: false });
    if (status?.isFile() !== true) return null;
    const modifiedAt = Math.round(status.mtimeMs);
    const createdAt = status.birthtimeMs > 0 ? Math.min(Math.round(status.birthtimeMs), modifiedAt) : modifiedAt;
    return { fileName, sizeBytes: status.size, createdAt, modifiedAt };
  }

  #text(fileName: string): string {
    let descriptor: number;
    try {
      // Windows has no such flag, and no unprivileged links either.
      descriptor = openSync(join(this.folder, fileName), constants.O_RDONLY | (constants.O_NOFOLLOW ?? 0));
    } catch (thrown) {
      if (errorCode(thrown) === 'ENOENT') throw noSuchFile(fileName);
      throw toFault(thrown);
    }
    try {
      const { size } = fstatSync(descriptor);
      if (size > LARGEST_FILE_BYTES) throw new Fault('bad_request', `${fileName} is too large to be a session.`);
      const bytes = Buffer.alloc(size);
      return bytes.subarray(0, readSync(descriptor, bytes, 0, size, 0)).toString('utf8');
    } finally {
      closeSync(descriptor);
    }
  }
}

const WINDOWS_DEVICE = /^(?:con|prn|aux|nul|conin\$|conout\$|(?:com|lpt)[0-9¹²³])(?:\.|$)/i;

/** A name in the folder, with its extension. Throws `bad_request` for whatever could mean another place, on any system. */
export function sessionFileName(name: string): string {
  const fileName = name.endsWith(EXTENSION) ? name : `${name}${EXTENSION}`;
  const isPlain =
    name !== '' &&
    name !== EXTENSION &&
    !name.startsWith('.') &&
    !/[\p{Cc}/\\:*?"<>|]/u.test(name) &&
    name.isWellFormed() &&
    name.trim() === name &&
    !/[. ](?:\.json)?$/.test(name) &&
    !WINDOWS_DEVICE.test(name) &&
    Buffer.byteLength(fileName) <= LONGEST_NAME_BYTES;
  if (isPlain) return fileName;
  throw new Fault('bad_request', `${JSON.stringify(name.slice(0, 100))} is no name of a session's file.`, {
    hint: 'A plain file name is wanted, without folders: sessions lie in one folder of the data directory.',
    details: { field: 'file' },
  });
}

const noSuchFile = (fileName: string): Fault =>
  new Fault('not_found', `There is no saved session "${fileName}".`, {
    hint: 'List the sessions to see which there are.',
  });

function parsed(fileName: string, text: string): Readonly<Record<string, unknown>> {
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Record<string, unknown>;
  } catch {
    // Told below.
  }
  throw new Fault('bad_request', `${fileName} holds no session: it is no JSON object.`);
}
