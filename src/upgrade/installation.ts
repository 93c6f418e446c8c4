// Where the executable lies, and how another one takes its place: beside it a hidden folder keeps the one before and the
// one that comes. Whenever this is killed, what lies at the executable's path runs.
import {
  chmodSync,
  chownSync,
  copyFileSync,
  existsSync,
  linkSync,
  mkdirSync,
  renameSync,
  rmSync,
  statSync,
} from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { errorCode, Fault, toFault } from '../base/fault.ts';
import { syncFolder } from '../base/file.ts';
import { FileLock } from '../base/sync.ts';

/** All absolute. */
export interface Installation {
  readonly program: string;
  readonly folder: string;
  /** The one before, under its own name, so that it can be run. */
  readonly previous: string;
  /** Where the one that comes is unpacked and tried. */
  readonly next: string;
  readonly lock: string;
  /** The one before that, until it is seen that the new one serves. */
  readonly older: string;
  /** Only while two change places. */
  readonly aside: string;
}

export function installationOf(program: string): Installation {
  const name = basename(program);
  const folder = join(dirname(program), `.${name.replace(/\.exe$/i, '')}-versions`);
  return {
    program,
    folder,
    previous: join(folder, 'previous', name),
    next: join(folder, 'next', name),
    lock: join(folder, 'lock'),
    older: join(folder, 'older', name),
    aside: join(folder, 'aside', name),
  };
}

/**
 * Takes the installation for this process and clears away what a killed one has left. Throws `conflict` while another one
 * changes it, `not_writable` where the folder cannot be written to.
 */
export function openInstallation(installation: Installation): Disposable {
  const { folder, lock, next } = installation;
  let held: FileLock | null;
  try {
    mkdirSync(folder, { recursive: true });
    held = FileLock.tryTake(lock);
  } catch (thrown) {
    throw notOurs(installation, toFault(thrown));
  }
  if (held === null) {
    throw new Fault('conflict', `Another process is changing ${installation.program}.`, {
      hint: 'Wait until it has ended.',
    });
  }
  rmSync(dirname(next), { recursive: true, force: true });
  finishExchange(installation);
  dropOlder(installation);
  return held;
}

function notOurs({ program }: Installation, fault: Fault): Fault {
  if (fault.kind !== 'not_writable') return fault;
  return new Fault('not_writable', `${dirname(program)} cannot be written to by you.`, {
    cause: fault,
    hint:
      process.platform === 'win32'
        ? 'Open a terminal as administrator and try again.'
        : 'Try it as who owns it: sudo drover update',
  });
}

/**
 * `next` takes the place of the program, which stays as `previous`; what was that stays as `older` until `dropOlder`. `onStep`
 * hears when each of the two has happened.
 */
export function putNext(installation: Installation, onStep: (step: 'kept' | 'replaced') => void): void {
  const { program, previous, older, next } = installation;
  likeBefore(program, next);
  mkdirSync(dirname(previous), { recursive: true });
  if (existsSync(previous)) {
    mkdirSync(dirname(older), { recursive: true });
    renameSync(previous, older);
  }
  takePlace(program, next, previous, () => onStep('kept'));
  syncFolder(dirname(program));
  onStep('replaced');
  rmSync(dirname(next), { recursive: true, force: true });
}

/** The new one is gone from its place, and all is as it was before `putNext`. */
export function putBack(installation: Installation): void {
  const { program, previous, next } = installation;
  if (process.platform === 'win32') {
    mkdirSync(dirname(next), { recursive: true });
    renameSync(program, next);
  }
  renameSync(previous, program);
  syncFolder(dirname(program));
  dropOlder(installation);
}

/** What is not needed any more; where nothing else is left to go back to, it is kept. */
export function dropOlder({ previous, older }: Installation): void {
  if (!existsSync(previous) && existsSync(older)) renameSync(older, previous);
  rmSync(dirname(older), { recursive: true, force: true });
}

/** The program and the one before change places, so that a second time undoes it. */
export function exchange(installation: Installation): void {
  const { program, previous, aside } = installation;
  mkdirSync(dirname(aside), { recursive: true });
  takePlace(program, previous, aside);
  syncFolder(dirname(program));
  finishExchange(installation);
}

/** What stands aside is the one before, where there is none; else the exchange had not begun. */
function finishExchange({ previous, aside }: Installation): void {
  if (!existsSync(previous) && existsSync(aside)) {
    mkdirSync(dirname(previous), { recursive: true });
    renameSync(aside, previous);
    syncFolder(dirname(previous));
  }
  rmSync(dirname(aside), { recursive: true, force: true });
}

/** `from` takes the program's place; what was there lies at `kept` from before that on, in the place of what was there. */
function takePlace(program: string, from: string, kept: string, onKept: () => void = () => undefined): void {
  if (process.platform !== 'win32') {
    alsoAt(program, kept);
    onKept();
    renameSync(from, program);
    return;
  }
  // A program that runs can be renamed there, not replaced.
  makeRoom(kept);
  renameSync(program, kept);
  onKept();
  try {
    renameSync(from, program);
  } catch (thrown) {
    renameSync(kept, program);
    throw thrown;
  }
}

/** The same file under a second name, replacing what was there; a copy where the disk knows no such thing. */
function alsoAt(path: string, copy: string): void {
  const temporary = `${copy}.tmp`;
  rmSync(temporary, { force: true });
  try {
    linkSync(path, temporary);
  } catch (thrown) {
    if (!['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'EMLINK', 'ENOSYS'].includes(errorCode(thrown) ?? '')) throw thrown;
    copyFileSync(path, temporary);
  }
  renameSync(temporary, copy);
  syncFolder(dirname(copy));
}

/** Rights and owner stay as they were. */
function likeBefore(program: string, next: string): void {
  const { mode, uid, gid } = statSync(program);
  chmodSync(next, (mode & 0o777) | 0o500);
  const made = statSync(next);
  if (process.platform === 'win32' || (made.uid === uid && made.gid === gid)) return;
  try {
    chownSync(next, uid, gid);
  } catch (thrown) {
    throw new Fault('not_writable', `${program} belongs to another user.`, {
      cause: thrown,
      hint: 'Try it as who owns it: sudo drover update',
    });
  }
}

/** One that still runs cannot be deleted on Windows, but renamed. */
function makeRoom(path: string): void {
  try {
    rmSync(path, { force: true });
  } catch {
    renameSync(path, `${path}.${Date.now()}.old`);
  }
}
