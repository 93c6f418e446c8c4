// An entry to be written with the comments that somebody gave it in ClaraCore's file. Pure.
import { isDeepStrictEqual } from 'node:util';
import { isAlias, isMap, isNode, isScalar, type Node, Pair, Scalar, visit, YAMLMap } from 'yaml';
import type { ClaraConfig } from './claracore-files.ts';
import type { ModelEntry } from './schema.ts';
import { findPair, isMerge, keyText, nodeAt } from './yaml-tree.ts';

/**
 * The entry as a node: fields that are as they were keep their quotes and comments, the comment above the entry and those
 * inside of its command go in front. An entry that refers to others is written plain.
 */
export function entryNode(config: ClaraConfig, id: string, entry: ModelEntry): Node {
  const { document, source } = config;
  const plain = document.createNode(entry) as Node;
  const models = nodeAt(document, ['models']);
  const pair = isMap(models) ? findPair(models, id) : null;
  if (!isMap(plain) || pair === null || !isMap(pair.value) || refersElsewhere(pair.value)) return plain;
  const before = pair.value;
  const map = new YAMLMap();
  for (const { key, value } of plain.items) {
    const old = findPair(before, keyText(key));
    map.items.push(old === null ? new Pair(key, value) : kept(old, value));
  }
  const comments = [
    ...linesAbove(source, isNode(pair.key) ? (pair.key.range?.[0] ?? 0) : 0),
    ...(before.commentBefore?.split('\n') ?? []),
    ...(entry.cmd === undefined ? commentsIn(before) : []),
  ];
  const [first] = map.items;
  if (comments.length > 0 && first !== undefined && isScalar(first.key)) {
    const own = first.key.commentBefore ?? null;
    first.key.commentBefore = [...comments, ...(own === null ? [] : [own])].join('\n');
  }
  return map;
}

/** The old pair where its value has not changed, the old way of writing where it has. */
function kept(old: Pair, value: unknown): Pair {
  const copy = old.clone() as Pair;
  if (isScalar(copy.key)) delete copy.key.spaceBefore;
  const isAlike = isNode(copy.value) && isNode(value) && isDeepStrictEqual(copy.value.toJSON(), value.toJSON());
  if (isScalar(copy.value) && isScalar(value)) {
    copy.value.value = value.value;
    if (copy.value.type === 'BLOCK_FOLDED') copy.value.type = 'BLOCK_LITERAL';
  } else if (!isAlike) copy.value = value;
  // The library takes a comment above the next entry for one at the end of this.
  visit(isNode(copy.value) ? copy.value : new Scalar(null), {
    Collection: (_, node) => {
      node.comment = null;
    },
  });
  if (isScalar(copy.value) && copy.value.comment?.includes('\n') === true) {
    copy.value.comment = copy.value.comment.split('\n')[0] ?? null;
  }
  return copy;
}

/**
 * The values with folded commands and macros as the lines that somebody wrote, where they mean the same: they are split at
 * blanks and line ends alike.
 */
export function withLines(config: ClaraConfig): Readonly<Record<string, unknown>> {
  const { document, values } = config;
  const lines = (path: readonly string[], value: unknown): unknown => {
    const node = nodeAt(document, path);
    if (!isScalar(node) || node.type !== 'BLOCK_FOLDED' || !node.range) return value;
    const block = config.source.slice(node.range[0], node.range[1]).split(/\r?\n/).slice(1);
    const indent = /^ */.exec(block[0] ?? '')?.[0].length ?? 0;
    const text = block.map((line) => line.slice(indent)).join('\n');
    return /^\s*#|\\\s*$/m.test(text) ? value : text;
  };
  const each = (section: unknown, change: (key: string, value: unknown) => unknown): unknown =>
    typeof section !== 'object' || section === null || Array.isArray(section)
      ? section
      : Object.fromEntries(Object.entries(section).map(([key, value]) => [key, change(key, value)]));
  return {
    ...values,
    macros: each(values.macros, (name, value) => lines(['macros', name], value)),
    models: each(values.models, (id, entry) =>
      each(entry, (name, value) => (name === 'cmd' ? lines(['models', id, name], value) : value)),
    ),
  };
}

function refersElsewhere(map: YAMLMap): boolean {
  let found = map.items.some(isMerge);
  visit(map, {
    Node: (_, node) => {
      if (isAlias(node) || ('anchor' in node && node.anchor !== undefined)) found = true;
      return found ? visit.BREAK : undefined;
    },
  });
  return found;
}

/** Comment lines right above an entry, without the sign. */
function linesAbove(source: string, offset: number): string[] {
  const start = source.lastIndexOf('\n', offset - 1) + 1;
  const column = offset - start;
  const lines: string[] = [];
  for (const line of source.slice(0, start).split('\n').slice(0, -1).reverse()) {
    const comment = /^([ \t]*)#(.*?)\r?$/.exec(line);
    if (comment === null || comment[1]?.length !== column) break;
    lines.unshift(comment[2] ?? '');
  }
  return lines;
}

/** Comment lines of a command that is no command any more. */
function commentsIn(map: YAMLMap): string[] {
  const cmd = findPair(map, 'cmd')?.value;
  const text = isScalar(cmd) && typeof cmd.value === 'string' ? cmd.value : '';
  return [...text.matchAll(/^[ \t]*#(.*)$/gm)].map(([, comment = '']) => comment);
}
