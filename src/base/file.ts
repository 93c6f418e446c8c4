// Files that are either the old one or the new one, never half: temporary file, fsync, rename, fsync of the folder.
import { randomBytes } from 'node:crypto';
import { closeSync, fsyncSync, mkdirSync, openSync, realpathSync, renameSync, unlinkSync, writeSync } from 'node:fs';
import { homedir } from 'node:os';
import { basename, dirname, join } from 'node:path';

/** `~` and `~/x` become the home folder; everything else stays. */
export const expandHome = (path: string): string =>
  path === '~' ? homedir() : path.replace(/^~(?=[/\\])/, () => homedir());

export interface WriteOptions {
  /** POSIX permission bits; 0o600 for anything with a secret in it. */
  readonly mode?: number;
}

/** Replaces `path` with `content` atomically and durably. Leaves nothing behind when it throws. */
export function writeFileAtomically(path: string, content: string | Uint8Array, options: WriteOptions = {}): void {
  const folder = dirname(path);
  mkdirSync(folder, { recursive: true });
  const temporary = join(folder, `.${basename(path)}.${randomBytes(6).toString('hex')}.tmp`);
  const bytes = typeof content === 'string' ? Buffer.from(content) : content;
  try {
    const descriptor = openSync(temporary, 'wx', options.mode ?? 0o644);
    try {
      let written = 0;
      while (written < bytes.length) written += writeSync(descriptor, bytes, written);
      fsyncSync(descriptor);
    } finally {
      closeSync(descriptor);
    }
    renameSync(temporary, path);
  } catch (thrown) {
    try {
      unlinkSync(temporary);
    } catch {
      // It was never made, or was renamed already.
    }
    throw thrown;
  }
  syncFolder(folder);
}

/** Makes a rename in `folder` durable; a system that cannot open folders (Windows) does so by itself. */
export function syncFolder(folder: string): void {
  try {
    const descriptor = openSync(folder, 'r');
    try {
      fsyncSync(descriptor);
    } finally {
      closeSync(descriptor);
    }
  } catch {
    // Windows refuses to open a folder.
  }
}

/** Where a path really leads; null where it leads nowhere. */
export function realPathOf(path: string): string | null {
  try {
    return realpathSync(path);
  } catch {
    return null;
  }
}
