// The bytes that ship inside the executable (and lie beside the source in a checkout), by name.
// It must never read anything else: names are checked against what is there.
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

const FOLDERS = [join(import.meta.dir, 'assets'), join(import.meta.dir, '../../assets')];
const folder = FOLDERS.find((candidate) => existsSync(candidate)) ?? FOLDERS[0] ?? '';

/** Bytes of `assets/<name>`; throws for a name that does not ship. */
export function assetBytes(name: string): Uint8Array {
  if (!/^[A-Za-z0-9._-]+(\/[A-Za-z0-9._-]+)*$/.test(name) || name.split('/').includes('..')) {
    throw new Error(`no such asset: ${name}`);
  }
  return readFileSync(join(folder, name));
}
