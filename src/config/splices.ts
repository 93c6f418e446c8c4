// The same edits on the text: only the lines that change are written anew, every other byte stays, whatever the library's
// printer would make of it. What it cannot do in that way it refuses, and the tree is printed instead.
import {
  Document,
  isAlias,
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
import { applyInside, builtNode, type Change, type Inside, isEmptyNode, newKey, nodeOf } from './edits.ts';
import { isMerge, keyText } from './yaml-tree.ts';

interface Splice {
  readonly start: number;
  readonly end: number;
  readonly text: string;
}

/** Thrown inside of this file only. */
class TooHard extends Error {}

/** The edited text, or null where only the whole tree can be printed. The caller compares what it says with what it should. */
export function spliceText(source: string, document: Document, change: Inside): string | null {
  const text = new Splicer(source, document);
  try {
    return text.edit(change);
  } catch (thrown) {
    // The library refuses references into what is not there.
    if (thrown instanceof TooHard || thrown instanceof ReferenceError) return null;
    throw thrown;
  }
}

class Splicer {
  readonly #splices: Splice[] = [];
  readonly #additions: { readonly at: number; readonly text: string }[] = [];
  readonly #newline: string;
  readonly #printer: Document = new Document();

  constructor(
    private readonly source: string,
    private readonly document: Document,
  ) {
    this.#newline = source.includes('\r\n') ? '\r\n' : '\n';
  }

  edit(change: Inside): string {
    const root = this.document.contents;
    if (isMap(root) && root.flow !== true && root.items.length > 0) this.#map(root, change, null);
    else if (isEmptyNode(root) && !isMap(root)) this.#append(new YAMLMap(), change.children, this.source.length, 0);
    else throw new TooHard();
    for (const { at, text } of this.#additions) this.#add(at, text);
    let text = '';
    let from = 0;
    for (const { start, end, text: put } of this.#splices.sort((a, b) => a.start - b.start || a.end - b.end)) {
      if (start < from) throw new TooHard();
      text += this.source.slice(from, start) + put;
      from = end;
    }
    return text + this.source.slice(from);
  }

  /** Whole lines behind the line that ends at `at`, or in place of those that go there. */
  #add(at: number, text: string): void {
    const gone = this.#splices.find(({ start, end, text: put }) => put === '' && start <= at && at < end);
    const isLineStart = at === 0 || this.source[at - 1] === '\n';
    const isLast = at === this.source.length;
    if (gone !== undefined) this.#put(gone.end, gone.end, text);
    else this.#put(at, at, isLineStart && isLast ? text : `\n${text.replace(/\n$/, isLast ? '\n' : '')}`);
  }

  #map(map: YAMLMap, change: Inside, owner: Pair | null): void {
    const byKey = new Map(map.items.map((pair, index) => [keyText(pair.key), index]));
    const isMerging = map.items.some(isMerge);
    const added = new Map<string, Change>();
    const removed = new Set<number>();
    for (const [key, child] of change.children) {
      const index = byKey.get(key);
      const pair = index === undefined ? undefined : map.items[index];
      if (isMerging && (pair === undefined || child.kind === 'remove')) throw new TooHard();
      if (index === undefined || pair === undefined) added.set(key, child);
      else if (child.kind === 'remove') removed.add(index);
      else this.#pair(pair, child);
    }
    const column = this.#columnOf(map.items[0]?.key);
    this.#removeAll(map.items, [...removed], column);
    const left = map.items.length - removed.size;
    const isAdded = this.#append(map, added, this.#lineEnd(this.#endOf(map.items.at(-1)), column), column);
    if (left === 0 && !isAdded && owner !== null) this.#insertEmpty(owner, '{}');
  }

  #pair(pair: Pair, child: Exclude<Change, { readonly kind: 'remove' }>): void {
    const { value } = pair;
    if (child.kind === 'set') this.#setValue(pair, nodeOf(this.document, child));
    else if (isEmptyNode(value)) {
      const node = isSeq(value) ? null : builtNode(this.document, child);
      if (node !== null) this.#setValue(pair, node);
    } else if (child.kind === 'without') this.#takeOut(pair, child.texts);
    else if (isMap(value) && value.flow !== true) this.#map(value, child, pair);
    else this.#rewrite(pair, child);
  }

  /** Lists and flow mappings are changed as a tree and printed, but only they. */
  #rewrite(pair: Pair, child: Inside): void {
    const value = isAlias(pair.value) ? pair.value.resolve(this.document) : pair.value;
    if (!isNode(value)) throw new TooHard();
    const copy = unattached(value.clone() as Node);
    const box = new YAMLMap();
    box.items.push(new Pair(new Scalar('box'), copy));
    applyInside(this.document, box, { kind: 'inside', children: new Map([['box', child]]) });
    this.#setValue(pair, box.items[0]?.value);
  }

  #takeOut(pair: Pair, texts: ReadonlySet<string>): void {
    const list = isAlias(pair.value) ? pair.value.resolve(this.document) : pair.value;
    if (!isSeq(list)) return;
    const isGone = (item: unknown): boolean => isScalar(item) && texts.has(String(item.value));
    const gone = list.items.flatMap((item, index) => (isGone(item) ? [index] : []));
    if (gone.length === 0) return;
    if (list.flow === true || list !== pair.value) {
      const copy = unattached(list.clone() as YAMLSeq);
      copy.items = copy.items.filter((item) => !isGone(item));
      this.#setValue(pair, copy);
    } else {
      const column = this.#columnOf(list.items[0]) - 2;
      this.#removeAll(list.items, gone, column);
      if (gone.length === list.items.length) this.#insertEmpty(pair, '[]');
    }
  }

  #setValue(pair: Pair, node: unknown): void {
    const { value } = pair;
    const start = this.#colonOf(pair);
    if (isScalar(value) && isScalar(node) && isNode(node)) {
      const isFlow = value.type !== 'BLOCK_LITERAL' && value.type !== 'BLOCK_FOLDED';
      if (typeof node.value === 'string' && value.type !== undefined) node.type = value.type;
      const text = this.#printValue(node).slice(1).replace(/\n$/, '');
      if (isFlow && !text.includes('\n') && value.range && value.range[1] > value.range[0]) {
        this.#put(value.range[0], value.range[1], text);
        return;
      }
    }
    const column = this.#columnOf(pair.key);
    const text = indented(this.#printValue(node), column).replace(/\n$/, '');
    const isBlock = (isMap(value) || isSeq(value)) && value.flow !== true && value.items.length > 0;
    const isBelow = isBlock && text.startsWith('\n');
    // The comment behind the key stays where both are blocks.
    const from = isBelow ? this.source.indexOf('\n', start) : start;
    const before = isBelow && this.source[from - 1] === '\r' ? from - 1 : from;
    const end = isBlock ? this.#newlineAt(this.#endOf(pair)) : this.#endOf(pair);
    this.#put(before, Math.max(before, end), text);
  }

  /** Appends new pairs behind `at`; tells whether there were any. */
  #append(map: YAMLMap, children: ReadonlyMap<string, Change>, at: number, column: number): boolean {
    const pairs = [...children].flatMap(([key, child]) => {
      const node = builtNode(this.document, child);
      return node === null ? [] : [new Pair(newKey(map, key), node)];
    });
    if (pairs.length === 0) return false;
    // Entries that stand apart by blank lines go on doing so.
    if (this.#isSpaced(map)) for (const { key } of pairs) key.spaceBefore = true;
    const text = indented(this.#print(pairs), column, true);
    this.#additions.push({ at, text });
    return true;
  }

  /** Pairs as the library prints them, lines never folded. */
  #print(pairs: readonly Pair[]): string {
    const map = new YAMLMap();
    map.items = [...pairs];
    this.#printer.contents = map;
    return this.#printer.toString({ lineWidth: 0 });
  }

  /** What stands behind `key:`. */
  #printValue(value: unknown): string {
    return this.#print([new Pair(new Scalar('k'), value)]).slice('k:'.length);
  }

  #isSpaced(map: YAMLMap): boolean {
    const [before, last] = map.items.slice(-2);
    if (before === undefined || last === undefined || !isNode(last.key) || !last.key.range) return false;
    return /\n[ \t]*\r?\n/.test(this.source.slice(this.#endOf(before), last.key.range[0]));
  }

  #removeAll(items: readonly unknown[], indices: readonly number[], column: number): void {
    let from = 0;
    for (const index of indices.toSorted((left, right) => left - right))
      from = this.#remove(items, index, column, from);
  }

  /**
   * Takes an item of a block out, with the comments right above it, those deeper below it, and the blank lines that would
   * stand twice. Nothing before `from` is touched any more; gives the end of what went.
   */
  #remove(items: readonly unknown[], index: number, column: number, from: number): number {
    const item = items[index];
    const first = item instanceof Pair ? item.key : item;
    const at = isNode(first) ? (first.range?.[0] ?? -1) : -1;
    let start = this.source.lastIndexOf('\n', at - 1) + 1;
    if (at === -1 || !/^[ \t]*(- )?$/.test(this.source.slice(start, at))) throw new TooHard();
    const isTop = column === 0 && index === 0;
    while (!isTop && start > 0 && new RegExp(`^[ \\t]{${column}}#`).test(this.#lineBefore(start)))
      start -= this.#lineBefore(start).length;
    let end = this.#lineEnd(this.#endOf(item), column);
    end = end < this.source.length ? this.source.indexOf('\n', end) + 1 : end;
    const isApart = this.#lineBefore(start).trim() === '';
    const blank = /^(?:[ \t]*\r?\n)*/.exec(this.source.slice(end))?.[0].length ?? 0;
    const isFollowed = /^[ \t]*#/.test(this.source.slice(end, end + 200));
    if (isApart && blank === 0 && !isFollowed && index === items.length - 1) {
      while (start > from && this.#lineBefore(start).trim() === '') start -= this.#lineBefore(start).length;
    } else if (index === 0 || isApart) end += blank;
    this.#put(start, end, '');
    return end;
  }

  /** The line that ends at `start`, its own end included; empty at the top. */
  #lineBefore(start: number): string {
    return start === 0 ? '' : this.source.slice(this.source.lastIndexOf('\n', start - 2) + 1, start);
  }

  /** `models:` that lost its last entry. */
  #insertEmpty(pair: Pair, text: string): void {
    const at = this.#colonOf(pair);
    const rest = /^(.*?)[ \t]*(?:[ \t]#.*)?\r?$/m.exec(this.source.slice(at))?.[1] ?? '';
    this.#put(at + rest.length, at + rest.length, ` ${text}`);
  }

  #put(start: number, end: number, text: string): void {
    this.#splices.push({ start, end, text: this.#newline === '\n' ? text : text.replaceAll('\n', this.#newline) });
  }

  /** Behind the colon of `key:`. */
  #colonOf(pair: Pair): number {
    const end = isNode(pair.key) ? pair.key.range?.[1] : undefined;
    const colon = end === undefined ? null : /^\s*:/.exec(this.source.slice(end, end + 80));
    if (end === undefined || colon === null) throw new TooHard();
    return end + colon[0].length;
  }

  #columnOf(node: unknown): number {
    const at = isNode(node) ? node.range?.[0] : undefined;
    if (at === undefined) throw new TooHard();
    return at - (this.source.lastIndexOf('\n', at - 1) + 1);
  }

  /** Where an item's own letters end, without the line's end. */
  #endOf(item: unknown): number {
    if (item instanceof Pair)
      return isEmptyNode(item.value) && !hasLetters(item.value) ? this.#colonOf(item) : this.#endOf(item.value);
    if (!isNode(item)) throw new TooHard();
    if ((isMap(item) || isSeq(item)) && item.flow !== true && item.items.length > 0)
      return this.#endOf(item.items.at(-1));
    const end = item.range?.[1];
    if (end === undefined) throw new TooHard();
    const isBlock = isScalar(item) && (item.type === 'BLOCK_LITERAL' || item.type === 'BLOCK_FOLDED');
    if (!isBlock) return end;
    return this.source[end - 1] === '\n' ? end - (this.source[end - 2] === '\r' ? 2 : 1) : end;
  }

  /** The end of that line, and of the comment lines right below it that are indented deeper than `column`. */
  #lineEnd(from: number, column: number): number {
    let end = this.#newlineAt(from);
    for (;;) {
      const next = /^\r?\n([ \t]*)#.*/.exec(this.source.slice(end, end + 4096));
      if (next === null || (next[1]?.length ?? 0) <= column) return end;
      end = this.#newlineAt(end + (next[0].startsWith('\r') ? 2 : 1));
    }
  }

  #newlineAt(from: number): number {
    const newline = this.source.indexOf('\n', from);
    if (newline === -1) return this.source.length;
    return this.source[newline - 1] === '\r' && newline > from ? newline - 1 : newline;
  }
}

const hasLetters = (node: unknown): boolean => isNode(node) && node.range != null && node.range[1] > node.range[0];

/** All lines but the first (or that too) moved right; blank ones stay blank. */
const indented = (text: string, columns: number, isFirstToo = false): string =>
  text.replaceAll(/^(?=.)/gm, (_, at: number) => (at === 0 && !isFirstToo ? '' : ' '.repeat(columns)));

/** Without anchors, and without the comment behind it: that stays where it is in the text. */
function unattached<T extends Node>(node: T): T {
  node.comment = null;
  visit(node, {
    Node: (_, inner) => {
      if ('anchor' in inner) delete (inner as { anchor?: string }).anchor;
    },
  });
  return node;
}
