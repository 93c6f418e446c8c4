// Whether a file lies where another program keeps its models: it would miss the file, or keep the space. It must never go by
// what a file was found as: an entry of the configuration may name any file.
import { sep } from 'node:path';
import { realPathOf } from '../base/file.ts';
import type { LibraryFolder } from './folders.ts';
import type { ModelOrigin } from './library.ts';

/** Whose folder it lies in, by its path or by what that leads to; null: nobody else's. */
export function foreignOwnerOf(path: string, folders: readonly LibraryFolder[]): ModelOrigin | null {
  const places = [path, realPathOf(path) ?? path];
  const owner = folders.find(({ path: folder, origin }) => {
    if (origin === 'folder') return false;
    return [folder, realPathOf(folder) ?? folder].some((root) => places.some((place) => place.startsWith(root + sep)));
  });
  return owner?.origin ?? null;
}
