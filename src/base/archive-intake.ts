// What an archive may put on disk: names, kinds, sizes and links of entries are judged here, whatever the format.
// It must never write outside its root, through a link, or past its limits.
import { copyFile, mkdir, open, symlink } from 'node:fs/promises';
import { join, posix } from 'node:path';
import { Fault, toFault } from './fault.ts';
import { syncFolder } from './file.ts';

export interface ArchiveLimits {
  readonly entries: number;
  /** Of what comes out, skipped entries included. */
  readonly bytes: number;
  /** Bytes out per byte of the archive; not asked of the first 64 MiB. */
  readonly ratio: number;
}

export const ARCHIVE_LIMITS: ArchiveLimits = { entries: 10_000, bytes: 16 * 1024 ** 3, ratio: 200 };

const RATIO_FREE_BYTES = 64 * 1024 * 1024;
const NAME_BYTES_MAX = 255;
const PATH_BYTES_MAX = 1024;
const LINK_DEPTH_MAX = 40;

/** Where an entry goes below the root (`/` between parts), or null to leave it out. */
export type Select = (entryName: string) => string | null;

export interface IntakeOptions {
  readonly root: string;
  readonly archiveBytes: number;
  readonly limits: ArchiveLimits;
  readonly select: Select | undefined;
  readonly signal: AbortSignal | undefined;
  /** True where the file system takes `A` and `a` for one name. */
  readonly isCaseBlind: boolean;
}

/** The Fault of an archive that is damaged, hostile or not understood. */
export const badArchive = (message: string, entry?: string, cause?: unknown): Fault =>
  new Fault('unprocessable', message, {
    hint: 'Nothing was unpacked. Fetch the archive again from its original source.',
    cause,
    details: entry === undefined ? {} : { entry: entry.slice(0, 200) },
  });

/** What went wrong while an archive was read: the disk's own trouble is none of the archive. */
export function readingFault(thrown: unknown): Fault {
  const fault = toFault(thrown);
  if (thrown instanceof Fault || fault.kind === 'disk_full' || fault.kind === 'not_writable') return fault;
  return badArchive(`The archive is damaged or cut (${fault.message}).`, undefined, thrown);
}

const show = (name: string): string => JSON.stringify(name.length > 120 ? `${name.slice(0, 120)}…` : name);

/** The parts of an entry's name, `.` and doubled slashes removed; throws on whatever could leave the root. */
export function entryParts(name: string): readonly string[] {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is looked for
  if (/[\u0000-\u001f\u007f]/.test(name)) throw badArchive(`An entry has control characters in its name.`, name);
  if (name.includes('\\')) throw badArchive(`The entry ${show(name)} has a backslash in its name.`, name);
  if (name.startsWith('/')) throw badArchive(`The entry ${show(name)} has an absolute path.`, name);
  if (/^[a-z]:/i.test(name)) throw badArchive(`The entry ${show(name)} names a drive.`, name);
  if (Buffer.byteLength(name) > PATH_BYTES_MAX) throw badArchive(`The entry ${show(name)} is too long.`, name);
  const parts = name.split('/').filter((part) => part !== '' && part !== '.');
  if (parts.includes('..')) throw badArchive(`The entry ${show(name)} climbs out of its folder.`, name);
  if (parts.some((part) => Buffer.byteLength(part) > NAME_BYTES_MAX)) {
    throw badArchive(`The entry ${show(name)} is too long.`, name);
  }
  return parts;
}

// Names that Windows gives to devices, streams or other files; refused everywhere, so that a build is a build everywhere.
const UNPORTABLE = /[<>:"|?*]|[. ]$|^(con|prn|aux|nul|com[0-9¹²³]|lpt[0-9¹²³]|conin\$|conout\$)(\.|$)/i;

type Kind = 'file' | 'folder' | 'link';

export class Intake {
  readonly #options: IntakeOptions;
  readonly #taken = new Map<string, Kind>();
  readonly #links = new Map<string, string>();
  readonly #written: string[] = [];
  readonly #folders = new Set<string>();
  #entryCount = 0;
  #byteCount = 0;

  constructor(options: IntakeOptions) {
    this.#options = options;
  }

  /** Call for every stretch of bytes that comes out of the archive. */
  count(bytes: number): void {
    this.checkAbort();
    const { limits, archiveBytes } = this.#options;
    this.#byteCount += bytes;
    if (this.#byteCount > limits.bytes) {
      throw badArchive(`The archive holds more than ${limits.bytes} bytes; this is taken for an attack.`);
    }
    if (this.#byteCount > RATIO_FREE_BYTES && this.#byteCount > limits.ratio * archiveBytes) {
      throw badArchive(`The archive grows more than ${limits.ratio} times; this is taken for an attack.`);
    }
  }

  checkAbort(): void {
    if (this.#options.signal?.aborted !== true) return;
    const reason: unknown = this.#options.signal.reason;
    throw reason instanceof Fault ? reason : new Fault('cancelled', 'Unpacking was cancelled.', { cause: reason });
  }

  /** Counts and judges an entry; the path below the root, or null when it is left out. Call once per entry. */
  admit(name: string): string | null {
    this.checkAbort();
    this.#entryCount += 1;
    if (this.#entryCount > this.#options.limits.entries) {
      throw badArchive(
        `The archive has more than ${this.#options.limits.entries} entries; this is taken for an attack.`,
      );
    }
    const raw = entryParts(name).join('/');
    return raw === '' ? null : this.#place(raw);
  }

  /** Throws for an entry that is neither file, folder nor link. */
  refuse(name: string, kind: string): never {
    throw badArchive(`The entry ${show(name)} is a ${kind}, which is never unpacked.`, name);
  }

  async folder(target: string): Promise<void> {
    if (this.#taken.get(this.#fold(target)) === 'folder') return;
    this.#claim(target, 'folder');
    await this.#makeFolder(target);
  }

  /** `mode`: only whether it may be run is kept. */
  async file(target: string, mode: number, declaredBytes: number, body: AsyncIterable<Uint8Array>): Promise<void> {
    this.#claim(target, 'file');
    await this.#makeFolder(posix.dirname(target));
    const handle = await open(join(this.#options.root, target), 'wx', (mode & 0o111) === 0 ? 0o644 : 0o755);
    let size = 0;
    try {
      for await (const chunk of body) {
        this.checkAbort();
        size += chunk.length;
        if (size > declaredBytes) break;
        let written = 0;
        while (written < chunk.length) written += (await handle.write(chunk, written)).bytesWritten;
      }
      await handle.sync();
    } finally {
      await handle.close();
    }
    if (size !== declaredBytes) throw badArchive(`The entry ${show(target)} is not as long as it says.`, target);
    this.#written.push(target);
  }

  /** Notes a symbolic link; links are made last, so that nothing is ever written through one. */
  link(name: string, target: string, pointsTo: string): void {
    const outside = () => badArchive(`The link ${show(name)} leads outside: ${show(pointsTo)}.`, name);
    if (pointsTo === '' || posix.isAbsolute(pointsTo) || /^[a-z]:/i.test(pointsTo)) throw outside();
    // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is looked for
    if (/[\\\u0000-\u001f\u007f]/.test(pointsTo)) throw outside();
    // `..` only at the front: behind a name that is a link itself it would start elsewhere.
    const steps = pointsTo.split('/').filter((step) => step !== '' && step !== '.');
    const firstNamed = steps.findIndex((step) => step !== '..');
    if (firstNamed >= 0 && steps.includes('..', firstNamed)) throw outside();
    const raw = entryParts(name).join('/');
    const resolved = posix.normalize(posix.join(posix.dirname(raw), pointsTo));
    if (resolved === '..' || resolved.startsWith('../') || resolved === '.') throw outside();
    const selected = this.#options.select === undefined ? resolved : this.#place(resolved.replace(/\/$/, ''));
    // A link to something that is left out would dangle.
    if (selected === null) return;
    this.#claim(target, 'link');
    this.#links.set(target, posix.relative(posix.dirname(target), selected));
  }

  /** Makes the links and flushes the folders. Returns files and links, relative to the root. */
  async finish(): Promise<readonly string[]> {
    const { root } = this.#options;
    for (const [target, pointsTo] of this.#links) {
      await this.#makeFolder(posix.dirname(target));
      try {
        await symlink(pointsTo, join(root, target));
      } catch (thrown) {
        // Windows grants links to few; a copy of what it leads to serves as well.
        const source = this.#follow(target);
        if (source === null) throw thrown;
        await copyFile(join(root, source), join(root, target));
      }
      this.#written.push(target);
    }
    for (const folder of this.#folders) syncFolder(join(root, folder));
    syncFolder(root);
    return this.#written;
  }

  #place(raw: string): string | null {
    const { select } = this.#options;
    const chosen = select === undefined ? raw : select(raw);
    if (chosen === null) return null;
    const parts = entryParts(chosen);
    if (parts.length === 0) return null;
    const odd = parts.find((part) => UNPORTABLE.test(part));
    if (odd !== undefined) throw badArchive(`The entry ${show(raw)} has a name that is not a file's everywhere.`, raw);
    return parts.join('/');
  }

  /** Registers a path and its parents; throws where something else has it. */
  #claim(target: string, kind: Kind): void {
    for (let parent = posix.dirname(target); parent !== '.'; parent = posix.dirname(parent)) {
      const held = this.#taken.get(this.#fold(parent));
      if (held !== undefined && held !== 'folder') {
        throw badArchive(`The entry ${show(target)} lies below ${show(parent)}, which is a ${held}.`, target);
      }
      this.#taken.set(this.#fold(parent), 'folder');
    }
    const key = this.#fold(target);
    if (this.#taken.has(key)) throw badArchive(`The entry ${show(target)} is there twice.`, target);
    this.#taken.set(key, kind);
  }

  #fold(target: string): string {
    return this.#options.isCaseBlind ? target.normalize('NFC').toLowerCase() : target;
  }

  async #makeFolder(target: string): Promise<void> {
    if (target === '.' || this.#folders.has(target)) return;
    await mkdir(join(this.#options.root, target), { recursive: true });
    for (let folder = target; folder !== '.'; folder = posix.dirname(folder)) this.#folders.add(folder);
  }

  /** The file that a chain of links ends at, or null. */
  #follow(target: string): string | null {
    let at = target;
    for (let depth = 0; depth < LINK_DEPTH_MAX; depth += 1) {
      const pointsTo = this.#links.get(at);
      if (pointsTo === undefined) return this.#taken.get(this.#fold(at)) === 'file' ? at : null;
      at = posix.normalize(posix.join(posix.dirname(at), pointsTo));
    }
    return null;
  }
}
