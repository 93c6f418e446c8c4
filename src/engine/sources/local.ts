// A llama-server that is already on this machine: the one given by path, or one on PATH. Its files stay where they are.
import { realpathSync } from 'node:fs';
import { delimiter, dirname, isAbsolute, join, resolve } from 'node:path';
import { Fault } from '../../base/fault.ts';
import { findFile, isFile, isFolder, recipeFor, serverName } from './layout.ts';
import type { LaunchRecipe } from './source.ts';

/**
 * How the llama-server at `path` is started: the file itself, or the one in that folder or below it.
 * Faults: `not_found` where nothing is there, `unprocessable` where there is something, but no llama-server.
 */
export function localRecipe(path: string): LaunchRecipe {
  const full = resolve(path);
  if (isFolder(full)) {
    const executable = findFile(full, serverName());
    if (executable !== null) return recipeFor(executable);
    throw new Fault('unprocessable', `There is no ${serverName()} in ${full}.`, {
      blame: 'caller',
      hint: 'Give the folder of a llama.cpp build, or the path of its llama-server.',
    });
  }
  if (isFile(full)) return recipeFor(full);
  throw new Fault('not_found', `The engine ${full} does not exist.`, {
    hint: 'Give the path of llama-server or of its folder, or `--engine auto`.',
  });
}

/**
 * The llama-server that a PATH names first, or null. Relative entries are passed over: what they mean depends on where
 * we were started, and that folder may be anybody's.
 */
export function findOnPath(pathVariable: string): string | null {
  for (const folder of pathVariable.split(delimiter)) {
    if (!isAbsolute(folder)) continue;
    const candidate = join(folder, serverName());
    if (isFile(candidate)) return realPath(candidate);
  }
  return null;
}

// Package managers link into PATH; the plugins and libraries lie beside the real file.
function realPath(path: string): string {
  try {
    return realpathSync(path);
  } catch {
    return path;
  }
}

/** The folder of a recipe's executable. */
export const folderOf = (recipe: LaunchRecipe): string => dirname(recipe.launch.at(-1) ?? '');
