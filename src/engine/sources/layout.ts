// Where llama-server lies in a folder, whatever the archive or package looked like, and how it is started from there.
// It looks and moves files; it must never start anything.
import { lstatSync, readdirSync, renameSync, rmSync, statSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { Fault } from '../../base/fault.ts';
import type { LaunchRecipe } from './source.ts';

const MAX_DEPTH = 5;
const MAX_ENTRIES = 20_000;

export const serverName = (platform: NodeJS.Platform = process.platform): string =>
  platform === 'win32' ? 'llama-server.exe' : 'llama-server';

/** The first file of that name below `root`, nearest first; null where there is none. Links to folders are not followed. */
export function findFile(root: string, name: string): string | null {
  let level = [root];
  let seenCount = 0;
  for (let depth = 0; depth <= MAX_DEPTH && level.length > 0; depth += 1) {
    const next: string[] = [];
    for (const folder of level) {
      for (const entry of safeEntries(folder)) {
        seenCount += 1;
        if (seenCount > MAX_ENTRIES) return null;
        const path = join(folder, entry.name);
        if (entry.isDirectory()) next.push(path);
        else if (entry.name === name && isFile(path)) return path;
      }
    }
    level = next.sort();
  }
  return null;
}

/** Folders below `root`, itself included, that directly hold a file matching `pattern`. */
export function foldersWith(root: string, pattern: RegExp, depth = 0): string[] {
  if (depth > MAX_DEPTH) return [];
  const entries = safeEntries(root);
  const own = entries.some((entry) => !entry.isDirectory() && pattern.test(entry.name)) ? [root] : [];
  const below = entries.filter((entry) => entry.isDirectory()).map((entry) => join(root, entry.name));
  return [...own, ...below.flatMap((folder) => foldersWith(folder, pattern, depth + 1))];
}

/**
 * How a llama-server is started. Where its folder holds its own dynamic loader (a closure of packages), the loader starts
 * it: it then runs on any distribution, and finds its plugins beside the loader.
 */
export function recipeFor(executable: string): LaunchRecipe {
  const folder = dirname(executable);
  const loader = process.platform === 'linux' ? safeEntries(folder).find((entry) => isLoader(entry.name)) : undefined;
  const launch =
    loader === undefined ? [executable] : [join(folder, loader.name), '--library-path', folder, executable];
  return { launch, environment: {} };
}

const isLoader = (name: string): boolean =>
  /^ld-linux-[a-z0-9-]+\.so\.\d+$/.test(name) && name.includes(process.arch === 'arm64' ? 'aarch64' : 'x86-64');

/** Moves everything in `from` into `to`, which stays flat. A file that is already there is left: the first one wins. */
export function moveContents(from: string, to: string): void {
  for (const entry of safeEntries(from)) {
    const target = join(to, entry.name);
    if (!exists(target)) renameSync(join(from, entry.name), target);
  }
}

/**
 * Brings the files around the llama-server below `unpacked` into `folder`, flat; archives have one top folder or none.
 * Throws a Fault where there is no llama-server.
 */
export function flattenServer(unpacked: string, folder: string): LaunchRecipe {
  const executable = findFile(unpacked, serverName());
  if (executable === null) {
    throw new Fault('unprocessable', `There is no ${serverName()} in ${basename(unpacked)}.`, {
      blame: 'remote',
      hint: 'Give an archive of llama.cpp’s releases for this system, or a folder that holds llama-server.',
    });
  }
  moveContents(dirname(executable), folder);
  rmSync(unpacked, { recursive: true, force: true });
  return recipeFor(join(folder, basename(executable)));
}

const safeEntries = (folder: string) => {
  try {
    return readdirSync(folder, { withFileTypes: true });
  } catch {
    return [];
  }
};

export function isFile(path: string): boolean {
  try {
    return statSync(path).isFile();
  } catch {
    return false;
  }
}

export function isFolder(path: string): boolean {
  try {
    return statSync(path).isDirectory();
  } catch {
    return false;
  }
}

function exists(path: string): boolean {
  try {
    lstatSync(path);
    return true;
  } catch {
    return false;
  }
}
