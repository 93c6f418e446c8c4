// What several files need of the tree that the `yaml` library makes: keys as texts, pairs by such a key. Pure.
import { type Document, isAlias, isMap, isNode, isScalar, isSeq, type Node, type Pair, type YAMLMap } from 'yaml';

/** A key as it stands in what is parsed: `7` and `null` are texts there. */
export function keyText(key: unknown): string {
  if (!isScalar(key)) return isNode(key) ? String(key) : String(key ?? '');
  if (typeof key.value === 'symbol') return key.value.description ?? '';
  return key.value === null ? '' : String(key.value);
}

/** The map's own pair of that key; what it merges in (`<<`) is not its own. */
export const findPair = (map: YAMLMap, key: string): Pair | null =>
  map.items.find((pair) => keyText(pair.key) === key) ?? null;

/** True for `<<: *other`, with `merge: true`. */
export const isMerge = (pair: Pair): boolean => isScalar(pair.key) && typeof pair.key.value === 'symbol';

/** The node at a path, references followed; null where there is none. */
export function nodeAt(document: Document, path: readonly string[]): Node | null {
  let node: unknown = document.contents;
  for (const part of path) {
    if (isAlias(node)) node = node.resolve(document);
    if (isMap(node)) node = findPair(node, part)?.value;
    else node = isSeq(node) && /^\d+$/.test(part) ? node.items[Number(part)] : null;
  }
  if (isAlias(node)) node = node.resolve(document);
  return isNode(node) ? node : null;
}

/** Where a path's last key (or item) stands, or its nearest parent that exists; null for the top. */
export function offsetOf(document: Document, path: readonly string[]): number | null {
  for (let depth = path.length; depth > 0; depth -= 1) {
    const key = path[depth - 1] ?? '';
    const parent = nodeAt(document, path.slice(0, depth - 1));
    const item = isMap(parent)
      ? findPair(parent, key)?.key
      : isSeq(parent) && /^\d+$/.test(key)
        ? parent.items[Number(key)]
        : null;
    const offset = isNode(item) ? item.range?.[0] : undefined;
    if (offset !== undefined) return offset;
  }
  return null;
}
