// Which packages a flat folder needs: the closure of `Depends`, less what a folder has no use for. Pure.
import { compareVersions, meets, type Relation } from './debian-version.ts';

/** What is kept of a package's paragraph in `Packages`. */
export interface Stanza {
  readonly name: string;
  readonly version: string;
  /** `Pre-Depends` and `Depends`, as written. */
  readonly depends: string;
  readonly provides: string;
  /** Below the archive's address. */
  readonly path: string;
  readonly sizeBytes: number;
  /** Lower-case hex. */
  readonly sha256: string;
}

/** Finds packages by their own name and by what they provide. */
export interface PackageTable {
  named(name: string): readonly Stanza[];
  providing(name: string): readonly Stanza[];
}

interface Wish {
  readonly name: string;
  readonly relation: Relation | null;
  readonly version: string;
}

/** Packages that an installed system needs and a folder does not, with the reason. */
export const LEFT_OUT: Readonly<Record<string, string>> = {
  debconf: 'asks questions at installation',
  wget: 'is for a script that downloads a web page',
  curl: 'is for a script that downloads a web page',
  'openssl-provider-legacy': 'holds ciphers that nothing here uses',
  'libc-gconv-modules-extra': 'converts character sets; ours is UTF-8',
  libcuda1: "comes with the host's own NVIDIA driver and must match its kernel module",
  'libcuda.so.1': "comes with the host's own NVIDIA driver and must match its kernel module",
};

export type Closure = { readonly packages: readonly Stanza[] } | { readonly missing: string };

/** The packages that `roots` need, each in its newest version, sorted by name; or the first wish that nobody meets. */
export function resolveClosure(
  roots: readonly string[],
  table: PackageTable,
  leftOut: Readonly<Record<string, string>> = LEFT_OUT,
): Closure {
  const chosen = new Map<string, Stanza>();
  const waiting: { wish: readonly Wish[]; by: string }[] = roots.map((root) => ({ wish: parseWish(root), by: 'us' }));
  for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
    if (next.wish.some((wish) => wish.name in leftOut)) continue;
    const held = next.wish.some((wish) => [...chosen.values()].some((stanza) => satisfies(stanza, wish)));
    if (held) continue;
    const found = next.wish.map((wish) => bestFor(wish, table)).find((stanza) => stanza !== null) ?? null;
    if (found === null) return { missing: `${next.wish.map(show).join(' | ')} (for ${next.by})` };
    if (chosen.has(found.name)) return { missing: `one version of ${found.name} for all` };
    chosen.set(found.name, found);
    for (const wish of parseDepends(found.depends)) waiting.push({ wish, by: found.name });
  }
  return { packages: [...chosen.values()].sort((a, b) => (a.name < b.name ? -1 : 1)) };
}

function bestFor(wish: Wish, table: PackageTable): Stanza | null {
  const real = table.named(wish.name).filter((stanza) => satisfies(stanza, wish));
  const candidates = real.length > 0 ? real : table.providing(wish.name).filter((stanza) => satisfies(stanza, wish));
  return candidates.reduce<Stanza | null>(
    (best, stanza) =>
      best === null || (stanza.name === best.name && compareVersions(stanza.version, best.version) > 0) ? stanza : best,
    null,
  );
}

function satisfies(stanza: Stanza, wish: Wish): boolean {
  if (stanza.name === wish.name) return wish.relation === null || meets(stanza.version, wish.relation, wish.version);
  return parseDepends(stanza.provides)
    .flat()
    .some((provided) => {
      if (provided.name !== wish.name) return false;
      if (wish.relation === null) return true;
      // Only a versioned provision meets a versioned wish (Debian Policy 7.5).
      return provided.relation === '=' && meets(provided.version, wish.relation, wish.version);
    });
}

/** `a (>= 1) | b, c` → [[a, b], [c]]. */
const parseDepends = (text: string): Wish[][] =>
  text
    .split(',')
    .map((group) => group.trim())
    .filter((group) => group !== '')
    .map(parseWish);

function parseWish(group: string): Wish[] {
  const wishes: Wish[] = [];
  for (const part of group.split('|')) {
    const match = /^\s*([a-z0-9][a-z0-9+.-]*)(?::[a-z0-9-]+)?\s*(?:\(\s*(<<|<=|=|>=|>>)\s*([^\s)]+)\s*\))?\s*$/.exec(
      part,
    );
    if (match === null) continue;
    wishes.push({
      name: match[1] ?? '',
      relation: (match[2] as Relation | undefined) ?? null,
      version: match[3] ?? '',
    });
  }
  return wishes;
}

const show = (wish: Wish): string =>
  wish.relation === null ? wish.name : `${wish.name} (${wish.relation} ${wish.version})`;
