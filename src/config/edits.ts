// Several edits as one change of a document's tree: what is set, removed, taken out of lists, by path. References and
// merged maps are respected: an edit changes what its path says and nothing else.
import {
  type Document,
  isAlias,
  isCollection,
  isMap,
  isNode,
  isScalar,
  isSeq,
  type Node,
  Pair,
  Scalar,
  visit,
  YAMLMap,
  type YAMLSeq,
} from 'yaml';
import { Fault } from '../base/fault.ts';
import { findPair, isMerge, keyText } from './yaml-tree.ts';

export interface Edit {
  /** Keys from the top, never split: an id may hold dots. */
  readonly path: readonly string[];
  /** Plain data or a node of the `yaml` library, whose comments then come along; `undefined` removes. */
  readonly value: unknown;
}

export type Change =
  | Setting
  | { readonly kind: 'remove' }
  /** Takes these texts out of a list. */
  | { readonly kind: 'without'; readonly texts: ReadonlySet<string> }
  | Inside;

export interface Setting {
  readonly kind: 'set';
  /** Data, or a node with its comments. */
  readonly value: unknown;
  readonly plain: unknown;
}

export interface Inside {
  readonly kind: 'inside';
  readonly children: Map<string, Change>;
}

export const inside = (): Inside => ({ kind: 'inside', children: new Map() });

/** Adds an edit to those before it; the later one counts. */
export function addEdit(root: Inside, { path, value }: Edit, document: Document): void {
  if (value === undefined) {
    addChange(root, path, { kind: 'remove' });
    return;
  }
  // As the library sees it: fields that are undefined are not there.
  const node = isNode(value) ? value : document.createNode(value, { aliasDuplicateObjects: false });
  addChange(root, path, { kind: 'set', value, plain: node.toJS(document) });
}

export function addChange(root: Inside, path: readonly string[], change: Change): void {
  const [key, ...rest] = path;
  if (key === undefined) throw new Fault('bad_request', 'An edit needs a path.');
  if (rest.length === 0) {
    root.children.set(key, change);
    return;
  }
  const before = root.children.get(key);
  if (before?.kind === 'inside') addChange(before, rest, change);
  else {
    const below = inside();
    addChange(below, rest, change);
    // Below what this very batch has set: that is not in the document yet.
    root.children.set(key, before === undefined || before.kind === 'without' ? below : onTop(before, below));
  }
}

function onTop(before: Change, below: Inside): Change {
  const plain = changed(before.kind === 'set' ? before.plain : undefined, below);
  return plain === undefined ? { kind: 'remove' } : { kind: 'set', value: plain, plain };
}

/** The change made to plain data; `undefined` where nothing is left or nothing came to be. The data itself stays. */
export function changed(value: unknown, change: Change): unknown {
  switch (change.kind) {
    case 'set':
      return change.plain;
    case 'remove':
      return undefined;
    case 'without':
      return Array.isArray(value) ? value.filter((item) => !change.texts.has(String(item))) : value;
    default: {
      const isList = Array.isArray(value);
      if (value !== undefined && value !== null && typeof value !== 'object') throw notAMapping(change);
      const entries = new Map<string, unknown>(Object.entries((value ?? {}) as object));
      for (const [key, child] of change.children) {
        if (Array.isArray(value)) requireItem(key, value.length);
        const next = changed(entries.get(key), child);
        if (next === undefined) entries.delete(key);
        else entries.set(key, next);
      }
      if (isList) return [...entries.values()];
      return entries.size === 0 && (value === undefined || value === null) ? value : Object.fromEntries(entries);
    }
  }
}

/** The same on the tree. */
export function applyInside(document: Document, map: YAMLMap, change: Inside): void {
  if (map.items.length === 0) map.flow = false;
  for (const [key, child] of change.children) applyTo(document, map, key, child);
}

function applyTo(document: Document, map: YAMLMap, key: string, change: Change): void {
  const own = findPair(map, key);
  if (change.kind === 'remove') {
    if (own !== null) removePair(document, map, own);
    if (mergedValue(document, map, key) === null) return;
    spreadMerges(document, map);
    const spread = findPair(map, key);
    if (spread !== null) removePair(document, map, spread);
    return;
  }
  if (change.kind === 'set') {
    if (own === null) map.items.push(new Pair(newKey(map, key), nodeOf(document, change)));
    else {
      const node = nodeOf(document, change);
      // The node stays, and with it the comment behind it.
      if (isScalar(own.value) && own.value.anchor === undefined && isScalar(node)) own.value.value = node.value;
      else {
        keepAnchors(document, own.value);
        own.value = node;
      }
    }
    return;
  }
  const merged = own === null ? mergedValue(document, map, key) : null;
  if (own === null && merged === null) {
    const node = builtNode(document, change);
    if (node !== null) map.items.push(new Pair(newKey(map, key), node));
    return;
  }
  const pair = own ?? new Pair(newKey(map, key), detached(document, merged));
  if (own === null) map.items.push(pair);
  if (isAlias(pair.value)) pair.value = detached(document, pair.value.resolve(document) ?? null);
  else if (isCollection(pair.value)) keepAnchors(document, pair.value, false);
  applyToValue(document, pair, change);
}

/** What stands at a key is to be changed within. */
function applyToValue(
  document: Document,
  pair: Pair,
  change: Exclude<Change, Setting | { readonly kind: 'remove' }>,
): void {
  const { value } = pair;
  if (change.kind === 'without') {
    if (isSeq(value))
      value.items = value.items.filter((item) => !isScalar(item) || !change.texts.has(String(item.value)));
  } else if (isMap(value)) applyInside(document, value, change);
  else if (isSeq(value)) applyToItems(document, value, change);
  else if (value === null || (isScalar(value) && value.value === null)) {
    pair.value = builtNode(document, change) ?? value;
  } else throw notAMapping(change);
}

function applyToItems(document: Document, list: YAMLSeq, change: Inside): void {
  const removed = new Set<unknown>();
  for (const [key, child] of change.children) {
    requireItem(key, list.items.length);
    const index = Number(key);
    const item = list.items[index];
    if (child.kind === 'remove') removed.add(item);
    else if (child.kind === 'set') list.items[index] = nodeOf(document, child);
    else if (isMap(item) && child.kind === 'inside') applyInside(document, item, child);
    else throw notAMapping(change);
  }
  list.items = list.items.filter((item) => !removed.has(item));
}

/** An item that is there, or the next one. */
function requireItem(key: string, length: number): void {
  if (!/^(0|[1-9]\d*)$/.test(key) || Number(key) > length)
    throw new Fault('bad_request', `A list has no item ${JSON.stringify(key)}.`);
}

export const nodeOf = (document: Document, change: Setting): Node =>
  isNode(change.value) ? change.value : (document.createNode(change.plain, { aliasDuplicateObjects: false }) as Node);

/** What a change makes where nothing is, nodes with their comments; null where it makes nothing. */
export function builtNode(document: Document, change: Change): Node | null {
  if (change.kind === 'set') return nodeOf(document, change);
  if (change.kind !== 'inside') return null;
  const map = new YAMLMap();
  for (const [key, child] of change.children) {
    const node = builtNode(document, child);
    if (node !== null) map.items.push(new Pair(newKey(map, key), node));
  }
  return map.items.length === 0 ? null : map;
}

/** A new key looks like the one before it. */
export function newKey(map: YAMLMap, key: string): Scalar<string> {
  const scalar = new Scalar(key);
  // Without quotes it would merge.
  if (key === '<<') scalar.type = 'QUOTE_DOUBLE';
  const before = map.items.at(-1)?.key;
  if (isScalar(before) && (before.type === 'QUOTE_DOUBLE' || before.type === 'QUOTE_SINGLE')) scalar.type = before.type;
  return scalar;
}

function removePair(document: Document, map: YAMLMap, pair: Pair): void {
  map.items.splice(map.items.indexOf(pair), 1);
  keepAnchors(document, pair.value);
}

/**
 * What is about to go (or, not deep, to change) may be referred to elsewhere: the first reference becomes the thing itself
 * as it was, with the name that further ones use.
 */
function keepAnchors(document: Document, going: unknown, isDeep = true): void {
  if (!isNode(going)) return;
  const anchored = new Map<string, Node>();
  visit(going, {
    Node: (_, node) => {
      if ('anchor' in node && typeof node.anchor === 'string') anchored.set(node.anchor, node as Node);
      return isDeep ? undefined : visit.BREAK;
    },
  });
  if (anchored.size === 0) return;
  const before = anchored.size;
  visit(document, {
    Node: (_, node) => (node === going ? visit.SKIP : undefined),
    Alias: (_, alias) => {
      const node = anchored.get(alias.source);
      if (node === undefined) return undefined;
      anchored.delete(alias.source);
      return node.clone() as Node;
    },
  });
  if (!isDeep && anchored.size < before && 'anchor' in going) delete (going as { anchor?: string }).anchor;
}

/** A copy without anchors, so that nothing else refers to it. */
function detached(document: Document, node: unknown): Node {
  const copy = isNode(node) ? (node.clone() as Node) : (document.createNode(node) as Node);
  visit(copy, {
    Node: (_, inner) => {
      if ('anchor' in inner) delete (inner as { anchor?: string }).anchor;
    },
  });
  return copy;
}

/** The maps that `<<` brings, nearest first. */
function mergedMaps(document: Document, map: YAMLMap): YAMLMap[] {
  return map.items.filter(isMerge).flatMap(({ value }) =>
    (isSeq(value) ? value.items : [value]).flatMap((source) => {
      const resolved = isAlias(source) ? source.resolve(document) : source;
      return isMap(resolved) ? [resolved, ...mergedMaps(document, resolved)] : [];
    }),
  );
}

function mergedValue(document: Document, map: YAMLMap, key: string): unknown {
  for (const source of mergedMaps(document, map)) {
    const pair = findPair(source, key);
    if (pair !== null) return pair.value;
  }
  return null;
}

/** Merged pairs as the map's own, so that one of them can go. */
function spreadMerges(document: Document, map: YAMLMap): void {
  const sources = mergedMaps(document, map);
  map.items = map.items.filter((pair) => !isMerge(pair));
  for (const source of sources) {
    for (const pair of source.items) {
      const key = keyText(pair.key);
      if (isMerge(pair) || findPair(map, key) !== null) continue;
      map.items.push(new Pair(newKey(map, key), isAlias(pair.value) ? pair.value : detached(document, pair.value)));
    }
  }
}

function notAMapping(change: Change): Fault {
  const key = change.kind === 'inside' ? ([...change.children.keys()][0] ?? '') : '';
  return new Fault('bad_request', `What stands there is no mapping, so it can hold no ${JSON.stringify(key)}.`);
}

export const isEmptyNode = (node: unknown): boolean =>
  node === null ||
  node === undefined ||
  (isScalar(node) ? node.value === null : isCollection(node) && node.items.length === 0);
