// Paths of a ClaraCore folder: it runs with that folder as its working one, we do not, so relative ones become absolute.
// Windows paths stay as they are. Pure.
import { isAbsolute, resolve, sep } from 'node:path';
import { scanCommand } from './expand.ts';
import { readOptions, serverAt } from './llama-options.ts';

export const isWindowsPath = (path: string): boolean => /^([A-Za-z]:[\\/]|\\\\)/.test(path);

/** Absolute where it was relative to the folder; nothing else is changed. */
export const resolveIn = (folder: string, path: string): string =>
  isAbsolute(path) || isWindowsPath(path) || path.startsWith('~') ? path : resolve(folder, path);

/** A command written on Windows has to be split as there, wherever it is read. */
export const looksLikeWindows = (command: string): boolean =>
  /(^|[\s"'=])([A-Za-z]:\\|\.{1,2}\\|\\\\[\w.])/.test(command);

const PATH_OPTIONS = new Set(
  'model mmproj spec-draft-model lora control-vector grammar-file json-schema-file chat-template-file'.split(' '),
);

/**
 * A command's text with its relative paths made absolute: the program, the values of llama-server's options for files,
 * whatever begins with `./`, and words that name something that is there. All other bytes stay.
 */
export function absoluteCommand(
  text: string,
  folder: string,
  isWindows: boolean,
  isThere: (path: string) => boolean,
): string {
  const words = scanCommand(text, isWindows);
  const argv = words.map((word) => word.value);
  const files = new Set(
    readOptions(argv, serverAt(argv) ?? 0).flatMap(({ option, valueAt }) =>
      option !== null && PATH_OPTIONS.has(option.name) && valueAt !== null ? [valueAt] : [],
    ),
  );
  let result = text;
  for (const [index, word] of [...words.entries()].reverse()) {
    const [, before = '', path = ''] = /^(--?[\w-]+=)?(.*)$/s.exec(word.value) ?? [];
    if (path === '' || /^-|\$\{|^[a-z][a-z0-9+.-]+:\/\//i.test(path)) continue;
    // Paths of the other system cannot be resolved here.
    if (path.includes('\\') && sep === '/') continue;
    const isPath = /[/\\]/.test(path);
    const isMeant =
      files.has(index) ||
      /^\.{1,2}[/\\]/.test(path) ||
      (isPath && ((index === 0 && before === '') || isThere(resolve(folder, path))));
    const absolute = isMeant ? resolveIn(folder, path) : path;
    if (absolute === path) continue;
    result = result.slice(0, word.start) + quoted(before + absolute, isWindows) + result.slice(word.end);
  }
  return result;
}

/** One word again, whatever is in it. */
export function quoted(word: string, isWindows: boolean): string {
  if (!/[\s"'\\#]/.test(word) || (isWindows && !/[\s"']/.test(word))) return word;
  return `"${isWindows ? word.replaceAll('"', '\\"') : word.replaceAll(/["\\]/g, '\\$&')}"`;
}
