// One GGUF file as a walk sees it, before anybody reads it, and what makes two sightings the same. It must never open the file.
import { realpath, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import type { ModelOrigin } from './library.ts';

/** What a layout knows of a file beyond its path. */
export interface FileContext {
  readonly origin: ModelOrigin;
  /** Folder whose files belong together: a repository, else the file's own folder. */
  readonly group: string;
  /** `owner/name` on a hub, where the layout says so. */
  readonly repository: string | null;
  /** The name to judge it by, where that is not the file's own. */
  readonly name?: string;
  /** What another program calls it: `llama3.2:3b`. */
  readonly givenNames?: readonly string[];
  /** Where another program says which projector belongs to it. */
  readonly projectorPath?: string | null;
}

export interface FoundFile {
  readonly path: string;
  /** File name without folders, or what stands for it. */
  readonly name: string;
  /** The same for two paths that lead to one file. */
  readonly identity: string;
  /** Changes when the file is written or replaced. */
  readonly fingerprint: string;
  readonly sizeBytes: number;
  /** Epoch milliseconds. */
  readonly modifiedAt: number;
  readonly origin: ModelOrigin;
  readonly group: string;
  readonly repository: string | null;
  readonly givenNames: readonly string[];
  readonly projectorPath: string | null;
}

export const isGgufName = (name: string): boolean => /\.gguf$/i.test(name) && !name.startsWith('.');

/**
 * Looks at one path, following links; null where it is no regular file. `realFolder` is the resolved folder where it is known and
 * the path is no link itself: it saves a call. Throws what the system throws.
 */
export async function findFile(
  path: string,
  context: FileContext,
  realFolder: string | null = null,
): Promise<FoundFile | null> {
  const status = await stat(path);
  if (!status.isFile()) return null;
  const real = realFolder === null ? await realpath(path) : join(realFolder, basename(path));
  return {
    path,
    name: context.name ?? basename(path),
    // Two hard links have two real paths; number and size keep Windows' rounded file numbers honest.
    identity: status.nlink > 1 ? `${status.dev}:${status.ino}:${status.size}:${status.mtimeMs}` : real,
    fingerprint: `${status.size}:${status.mtimeMs}:${status.ino}`,
    sizeBytes: status.size,
    modifiedAt: Math.trunc(status.mtimeMs),
    origin: context.origin,
    group: context.group,
    repository: context.repository,
    givenNames: context.givenNames ?? [],
    projectorPath: context.projectorPath ?? null,
  };
}

/** The context of a file about which nothing is known but where it lies. */
export const plainContext = (path: string, origin: ModelOrigin): FileContext => ({
  origin,
  group: dirname(path),
  repository: null,
});
