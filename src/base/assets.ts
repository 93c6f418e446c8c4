// The bytes that ship inside the executable (and lie beside the source in a checkout), by name.
// It must never read anything else: names are checked against what is there.
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/** In the executable a folder lies beside the code; in a checkout, where it is kept or was built. */
const folderOf = (name: string, inCheckout: string): string => {
  const shipped = join(import.meta.dir, name);
  return existsSync(shipped) ? shipped : join(import.meta.dir, '../..', inCheckout);
};

function bytesIn(folder: string, name: string): Uint8Array<ArrayBuffer> {
  if (!/^[A-Za-z0-9._-]+(\/[A-Za-z0-9._-]+)*$/.test(name) || name.split('/').includes('..')) {
    throw new Error(`no such asset: ${name}`);
  }
  return readFileSync(join(folder, name));
}

/** Bytes of `assets/<name>`; throws for a name that does not ship. */
export const assetBytes = (name: string): Uint8Array => bytesIn(folderOf('assets', 'assets'), name);

/** A file of the page, compressed by gzip; null where there is none of that name. */
export function pageBytes(name: string): Uint8Array<ArrayBuffer> | null {
  if (!/^[\w-][\w.-]{0,200}$/.test(name)) return null;
  const folder = folderOf('page', 'dist/page');
  return existsSync(join(folder, `${name}.gz`)) ? bytesIn(folder, `${name}.gz`) : null;
}
