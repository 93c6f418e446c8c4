// Where a download may lie: names that are safe on every system, folders that were allowed, links that do not lead out of them.
// It must never make a folder outside an allowed one nor write through a link that leaves it.
import { lstatSync, mkdirSync, realpathSync, statSync } from 'node:fs';
import { basename, dirname, isAbsolute, join, relative, resolve, sep } from 'node:path';
import { errorCode, Fault, toFault } from '../base/fault.ts';

/**
 * File systems take 255 bytes. While a file is being downloaded there are others beside it with up to 28 bytes more: `NAME.part`, and what is
 * known of that part, written to a temporary file first.
 */
const NAME_BYTES_MAX = 255 - 28;
const PATH_BYTES_MAX = 900;
const DEPTH_MAX = 8;
/** Devices of Windows whatever follows the first dot: https://learn.microsoft.com/windows/win32/fileio/naming-a-file */
const DEVICE = /^(con|prn|aux|nul|conin\$|conout\$|(com|lpt)[0-9¹²³])\s*(\.|$)/i;
/** Reserved on Windows, and separators. */
const FORBIDDEN = /[<>:"|?*\\\p{Cc}]/u;
/** Marks that turn the direction of text: `exe.fugg` would read as another name than it is. */
const DIRECTION = /[\u200e\u200f\u202a-\u202e\u2066-\u2069]/u;

/** A path below a folder as safe names, composed (NFC). Only `.gguf` files are downloaded: nothing else is a model here. */
export function parseTarget(text: string): readonly string[] {
  const refuse = (reason: string): never => {
    const shown = text.slice(0, 120).replace(/[\p{Cc}\u200e\u200f\u202a-\u202e\u2066-\u2069]/gu, '?');
    throw new Fault('bad_request', `A download cannot be called "${shown}": ${reason}.`, {
      hint: 'Give a plain file name that ends in .gguf.',
    });
  };
  if (!text.isWellFormed()) refuse('it is not valid text');
  const path = text.normalize('NFC');
  if (Buffer.byteLength(path) > PATH_BYTES_MAX) refuse('it is too long');
  if (path.startsWith('/')) refuse('it is an absolute path');
  const segments = path.split('/');
  if (segments.length > DEPTH_MAX) refuse(`it has more than ${DEPTH_MAX} parts`);
  for (const segment of segments) {
    if (segment === '') refuse('a part of it is empty');
    if (segment === '.' || segment === '..') refuse('it leads to another folder');
    if (FORBIDDEN.test(segment) || DIRECTION.test(segment))
      refuse('it has characters that names cannot have everywhere');
    if (segment.startsWith('.')) refuse('a name with a dot in front is hidden');
    if (/^\s|[\s.]$/u.test(segment)) refuse('it begins or ends with a space, or ends with a dot');
    if (DEVICE.test(segment)) refuse('Windows takes it for a device');
    if (Buffer.byteLength(segment) > NAME_BYTES_MAX) refuse(`a name of more than ${NAME_BYTES_MAX} bytes is too long`);
  }
  if (!/.\.gguf$/i.test(segments.at(-1) ?? '')) refuse('it does not end in .gguf');
  return segments;
}

export interface Target {
  /** The allowed folder, as it was allowed. */
  readonly root: string;
  /** Names below it, the file's last. */
  readonly segments: readonly string[];
}

/** `folder` as names below one of the allowed folders. Throws a Fault `forbidden` for any other. */
export function allowedFolder(folder: string, allowed: readonly string[]): Target {
  if (folder.includes('\0')) throw new Fault('bad_request', 'A folder has no such characters.');
  const roots = allowed.filter(isAbsolute);
  if (isAbsolute(folder)) {
    for (const view of [resolve, real]) {
      const wanted = view(folder);
      for (const root of roots) {
        const base = wanted === null ? null : view(root);
        const names = wanted === null || base === null ? null : namesBelow(base, wanted);
        if (names !== null) return { root, segments: names };
      }
    }
  }
  throw new Fault('forbidden', `Downloads may not go to ${folder.slice(0, 300).replace(/\p{Cc}/gu, '?')}.`, {
    hint: 'Choose one of the folders for models, or add this one to them in the configuration.',
    details: { allowed: roots },
  });
}

export interface OpenedPlace {
  /** The file's path, its folder resolved. */
  readonly path: string;
  /** Folders that were made for it, outermost first. */
  readonly created: readonly string[];
}

/**
 * Makes what is missing between the root and the file, and checks that nothing on the way leads out of the root. With `canMakeRoot` the
 * root is made as well; else a missing one is a Fault `not_found`: a disk that is not there must not turn into a folder.
 */
export function openPlace(target: Target, canMakeRoot: boolean): OpenedPlace {
  const created: string[] = [];
  try {
    if (canMakeRoot) mkdirSync(target.root, { recursive: true });
    const root = realpathSync(target.root);
    let folder = root;
    for (const segment of target.segments.slice(0, -1)) {
      const next = join(folder, segment);
      if (makeFolder(next)) created.push(next);
      folder = realpathSync(next);
      if (namesBelow(root, folder) === null) throw leavesRoot(next, target.root);
      if (!statSync(folder).isDirectory()) {
        throw new Fault('conflict', `${next} is a file, where a folder is needed.`);
      }
    }
    const path = join(folder, target.segments.at(-1) ?? '');
    if (isLink(`${path}.part`)) throw leavesRoot(`${path}.part`, target.root);
    return { path, created };
  } catch (thrown) {
    if (errorCode(thrown) === 'ENOENT') {
      throw new Fault('not_found', `The folder ${target.root} is not there.`, {
        blame: 'machine',
        hint: 'If it is on another disk, connect that disk; else choose another folder.',
        cause: thrown,
      });
    }
    throw toFault(thrown);
  }
}

/** Where the file will be: what is there of its folder is resolved, nothing is made. */
export function expectedPath(target: Target): string {
  const path = join(resolve(target.root), ...target.segments);
  const missing = [basename(path)];
  for (let folder = dirname(path); ; folder = dirname(folder)) {
    const found = real(folder);
    if (found !== null) return join(found, ...missing);
    if (folder === dirname(folder)) return path;
    missing.unshift(basename(folder));
  }
}

function namesBelow(root: string, path: string): string[] | null {
  const way = relative(root, path);
  if (way === '') return [];
  const names = way.split(sep);
  return isAbsolute(way) || names[0] === '..' ? null : names;
}

function real(path: string): string | null {
  try {
    return realpathSync(path);
  } catch {
    return null;
  }
}

function makeFolder(path: string): boolean {
  try {
    mkdirSync(path);
    return true;
  } catch (thrown) {
    if (errorCode(thrown) === 'EEXIST') return false;
    throw thrown;
  }
}

function isLink(path: string): boolean {
  try {
    return lstatSync(path).isSymbolicLink();
  } catch {
    return false;
  }
}

const leavesRoot = (path: string, root: string): Fault =>
  new Fault('forbidden', `${path} is a link that leads out of ${root}.`, { hint: 'Remove the link.' });
