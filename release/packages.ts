// The packages that are inside the executable: what the lockfile says that `dependencies` reach, by whatever way. It must never
// count what only builds and tests need.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

export interface Package {
  /** Where the lockfile has it: `name`, or `parent/name` where two versions are needed. */
  readonly path: string;
  readonly name: string;
  readonly version: string;
  /** As package.json has it: an identifier or an expression of SPDX; null: it says nothing. */
  readonly licence: string | null;
  /** SHA-512 of its archive, hex; null: the lockfile has none. */
  readonly sha512: string | null;
  /** Drover names it itself, whoever else needs it too. */
  readonly isDirect: boolean;
  /** Paths. */
  readonly needs: readonly string[];
  /** Where it is installed. */
  readonly folder: string;
}

interface Needs {
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly optionalDependencies?: Readonly<Record<string, string>>;
  readonly peerDependencies?: Readonly<Record<string, string>>;
  /** Peers that need not be there. */
  readonly optionalPeers?: readonly string[];
}

interface Lockfile {
  readonly workspaces: Readonly<Record<string, Needs>>;
  /** `name@version`, where from, what it needs, integrity. */
  readonly packages: Readonly<Record<string, readonly [string, string, Needs, string]>>;
}

/** Sorted by path. Format: Bun's text lockfile, JSON with comments and trailing commas. */
export function bundledPackages(root: string): readonly Package[] {
  const lock = Bun.JSONC.parse(readFileSync(join(root, 'bun.lock'), 'utf8')) as Lockfile;
  const found = new Map<string, Package>();
  const visit = (path: string): void => {
    if (found.has(path)) return;
    const made = readPackage(root, lock, path);
    found.set(path, made);
    for (const need of made.needs) visit(need);
  };
  for (const name of Object.keys(lock.workspaces['']?.dependencies ?? {})) visit(name);
  return [...found.values()].toSorted((left, right) => (left.path < right.path ? -1 : 1));
}

function readPackage(root: string, lock: Lockfile, path: string): Package {
  const entry = lock.packages[path];
  if (entry === undefined) throw new Error(`bun.lock knows no ${path}`);
  const [id, , needs, integrity] = entry;
  const at = id.lastIndexOf('@');
  const folder = join(root, 'node_modules', namesIn(path).join('/node_modules/'));
  const names = [needs.dependencies, needs.optionalDependencies, needs.peerDependencies]
    .flatMap((some) => Object.keys(some ?? {}))
    .filter((name) => needs.optionalPeers?.includes(name) !== true);
  return {
    path,
    name: id.slice(0, at),
    version: id.slice(at + 1),
    licence: licenceOf(folder),
    sha512: integrity?.startsWith('sha512-') ? Buffer.from(integrity.slice(7), 'base64').toString('hex') : null,
    isDirect: path in (lock.workspaces['']?.dependencies ?? {}),
    // What is optional may not be for this machine.
    needs: names.map((name) => resolve(lock, path, name)).filter((need) => need !== null),
    folder,
  };
}

/** `a/@b/c` are two: `a` and, in it, `@b/c`. */
const namesIn = (path: string): string[] => path.match(/@[^/]+\/[^/]+|[^/]+/g) ?? [];

/** As Node looks for a package: in the one that needs it, then in whatever that lies in. */
function resolve(lock: Lockfile, from: string, name: string): string | null {
  const parts = namesIn(from);
  for (let depth = parts.length; depth >= 0; depth -= 1) {
    const path = [...parts.slice(0, depth), name].join('/');
    if (path in lock.packages) return path;
  }
  return null;
}

function licenceOf(folder: string): string | null {
  const file = join(folder, 'package.json');
  if (!existsSync(file)) return null;
  const { license } = JSON.parse(readFileSync(file, 'utf8')) as { license?: string | { type?: string } };
  return (typeof license === 'string' ? license : license?.type) ?? null;
}

/**
 * Its licences and notices, as they lie in its folder; among them what a bundler put beside a file (`…js.LICENSE.txt`), where
 * the packages inside that file are named.
 */
export function licenceTexts({ folder }: Package): readonly { readonly name: string; readonly text: string }[] {
  if (!existsSync(folder)) return [];
  return readdirSync(folder)
    .filter((name) => /^(licen[cs]e|copying|notice)|\.licen[cs]e\.txt$/i.test(name) && !/\.(js|ts|json)$/i.test(name))
    .toSorted()
    .map((name) => ({ name, text: readFileSync(join(folder, name), 'utf8').replaceAll('\r\n', '\n').trim() }));
}
