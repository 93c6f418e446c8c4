// Where the secrets of a configuration file stand in its bytes: by its structure, and its comments by their lines.
// Pure.
import {
  type Alias,
  type Document,
  isAlias,
  isMap,
  isNode,
  isPair,
  isScalar,
  isSeq,
  LineCounter,
  type Node,
  parseDocument,
  type Scalar,
} from 'yaml';
import { lineSpans } from './secret-lines.ts';
import { HOLDS_IDS, isSecretName, LONE, MASK, type Span, valueSpans } from './secret-rules.ts';

export type Style = 'plain' | 'single' | 'double' | 'block' | 'line';

export interface Place {
  /** Offsets in the source. */
  readonly start: number;
  readonly end: number;
  /** What stands there; `raw` as it is written. */
  readonly value: string;
  readonly raw: string;
  readonly style: Style;
  /** The column of a block's lines. */
  readonly indent: number;
  /** A plain scalar that is secret from its first letter: it needs quotes when masked. */
  readonly isBare: boolean;
  /** Offsets of the whole scalar, quotes included. */
  readonly scalar: readonly [number, number];
  readonly label: string;
  /** The same secret has the same key in another version of the file. */
  readonly key: string;
}

export interface Places {
  /** In order of offsets. */
  readonly places: readonly Place[];
  /** Null where it is YAML. */
  readonly error: { readonly message: string; readonly offset: number } | null;
  readonly lines: LineCounter;
}

/** Empty, with the reason, where the source is not YAML. */
export function findPlaces(source: string): Places {
  const lines = new LineCounter();
  const document = parseDocument(source, { lineCounter: lines, prettyErrors: false, uniqueKeys: false });
  const [error] = document.errors;
  if (error === undefined) return { places: new Walk(source, document).places, error: null, lines };
  return { places: [], error: { message: error.message, offset: error.pos[0] }, lines };
}

class Walk {
  readonly places: Place[] = [];
  readonly #scalars: (readonly [number, number])[] = [];
  /** Scalars that a reference puts where only a secret stands. */
  readonly #forced = new Map<Node, string>();

  constructor(
    private readonly source: string,
    private readonly document: Document,
  ) {
    this.#walk(document.contents, [], null, { isIds: false, isItem: false, isRehearsal: true });
    this.#walk(document.contents, [], null, { isIds: false, isItem: false, isRehearsal: false });
    this.#comments();
    this.places.sort((left, right) => left.start - right.start);
  }

  #walk(node: unknown, path: readonly string[], name: string | null, at: Situation): void {
    if (isMap(node)) {
      for (const { key, value } of node.items) {
        const text = keyText(key);
        if (isScalar(key) && !at.isRehearsal) this.#cover(key);
        const secret = name ?? (!at.isIds && isSecretName(text) ? text : null);
        const isIds = !at.isIds && HOLDS_IDS.has(text);
        this.#walk(value, [...path, text], secret, { ...at, isIds, isItem: false });
      }
    } else if (isSeq(node)) {
      for (const item of node.items)
        this.#walk(item, [...path, itemLabel(item, name)], name, { ...at, isIds: false, isItem: true });
    } else if (isAlias(node)) this.#alias(node, path, name, at);
    else if (isScalar(node) && !at.isRehearsal) this.#scalar(node, path, this.#forced.get(node) ?? name, at);
  }

  #alias(node: Alias, path: readonly string[], name: string | null, at: Situation): void {
    const [start = 0, end = 0] = node.range ?? [];
    // A mask without quotes reads as a reference to `*******`.
    if (`*${node.source}` === MASK && !at.isRehearsal) {
      this.#add({ start, end, label: name ?? LONE }, MASK, path, 'plain', 0, true, [start, end]);
      return;
    }
    if (name === null || !at.isRehearsal) return;
    const target = node.resolve(this.document);
    if (isScalar(target)) this.#forced.set(target, name);
    else if (isMap(target) || isSeq(target)) this.#force(target, name);
  }

  #force(node: unknown, name: string): void {
    if (isScalar(node)) this.#forced.set(node, name);
    else if (isMap(node) || isSeq(node))
      for (const item of node.items) this.#force(isPair(item) ? item.value : item, name);
  }

  #cover(node: Scalar): void {
    if (node.range) this.#scalars.push([contentStart(this.source, node), node.range[1]]);
  }

  #scalar(node: Scalar, path: readonly string[], name: string | null, at: Situation): void {
    this.#cover(node);
    if (typeof node.value !== 'string' || !node.range) return;
    const text = node.value;
    const spans = valueSpans(text, name, at.isItem);
    const style = styleOf(node);
    const from = contentStart(this.source, node);
    const range = [node.range[0], node.range[1]] as const;
    const map = spans.length === 0 ? null : mapLetters(this.source, from, node, style, text);
    for (const span of spans) {
      // What cannot be found again letter by letter is hidden whole.
      const [start, found] = map?.(span.start, span.end) ?? [from, contentEnd(this.source, node, style)];
      const isBare = style === 'plain' && start === range[0];
      const end = isBare ? range[1] : found;
      const value = text.slice(span.start, span.end);
      this.#add({ ...span, start, end }, value, path, style, columnOf(this.source, from), isBare, range);
    }
  }

  #comments(): void {
    const covered = this.#scalars.sort((left, right) => left[0] - right[0]);
    let next = 0;
    for (const match of this.source.matchAll(/(?<=^|[ \t])#[^\r\n]*/gm)) {
      while (next < covered.length && (covered[next]?.[1] ?? 0) <= match.index) next += 1;
      if ((covered[next]?.[0] ?? Number.POSITIVE_INFINITY) <= match.index) continue;
      if (this.places.some((place) => place.start <= match.index && match.index < place.end)) continue;
      const comment = match[0];
      const spans = lineSpans(comment);
      const shape = shapeOf(comment, spans);
      for (const span of spans) {
        const [start, end] = [match.index + span.start, match.index + span.end];
        this.#add(
          { start, end, label: span.label },
          comment.slice(span.start, span.end),
          ['#', shape],
          'line',
          0,
          false,
          [start, end],
        );
      }
    }
  }

  #add(
    span: Span,
    value: string,
    path: readonly string[],
    style: Style,
    indent: number,
    isBare: boolean,
    scalar: readonly [number, number],
  ): void {
    const { start, end, label } = span;
    const raw = this.source.slice(start, end);
    this.places.push({ start, end, value, raw, style, indent, isBare, scalar, label, key: keyOf(path, label) });
  }
}

interface Situation {
  readonly isIds: boolean;
  readonly isItem: boolean;
  /** Looks only where references put values under secret names. */
  readonly isRehearsal: boolean;
}

const keyOf = (path: readonly string[], label: string): string => JSON.stringify([...path, label]);

function keyText(key: unknown): string {
  if (!isScalar(key)) return isNode(key) ? String(key) : '';
  return key.value === null ? '' : String(key.value);
}

/** A list's item by what it says when masked, a variable by its name: so it is found again wherever it moves. */
function itemLabel(item: unknown, name: string | null): string {
  if (name !== null && !isMap(item)) return '';
  if (isScalar(item) && typeof item.value === 'string') {
    const variable = /^\s*([A-Za-z_]\w*)=/.exec(item.value)?.[1];
    return variable === undefined ? shapeOf(item.value, valueSpans(item.value, null, true)) : `${variable}=`;
  }
  if (isMap(item)) return item.items.map(({ key }) => keyText(key)).join(',');
  return isAlias(item) && `*${item.source}` === MASK ? MASK : '';
}

const styleOf = (node: Scalar): Style => {
  if (node.type === 'QUOTE_SINGLE') return 'single';
  if (node.type === 'QUOTE_DOUBLE') return 'double';
  return node.type === 'BLOCK_FOLDED' || node.type === 'BLOCK_LITERAL' ? 'block' : 'plain';
};

/** Where a scalar's letters begin: behind its quote, or on the line below a block's header. */
function contentStart(source: string, node: Scalar): number {
  const start = node.range?.[0] ?? 0;
  const style = styleOf(node);
  if (style === 'single' || style === 'double') return start + 1;
  if (style === 'plain') return start;
  const newline = source.indexOf('\n', start);
  return newline === -1 ? (node.range?.[1] ?? start) : newline + 1;
}

const columnOf = (source: string, lineStart: number): number =>
  /^ */.exec(source.slice(lineStart, lineStart + 200))?.[0].length ?? 0;

/** Where they end; in front of a block's last line break. */
function contentEnd(source: string, node: Scalar, style: Style): number {
  const end = node.range?.[1] ?? 0;
  if (style === 'single' || style === 'double') return end - 1;
  return source.slice(0, end).trimEnd().length;
}

/**
 * From offsets in a scalar's value to offsets in the source. Whatever YAML folds, indents and quotes, the letters that
 * are no blanks stay and keep their order; so these are counted. Null where they do not agree.
 */
function mapLetters(source: string, from: number, node: Scalar, style: Style, value: string) {
  const end = (node.range?.[1] ?? from) - (style === 'single' || style === 'double' ? 1 : 0);
  const starts: number[] = [];
  const ends: number[] = [];
  let letters = '';
  const note = (meant: string, at: number, length: number): void => {
    for (const unit of meant.split('')) {
      if (/\s/.test(unit)) continue;
      letters += unit;
      starts.push(at);
      ends.push(at + length);
    }
  };
  for (let at = from; at < end; ) {
    const special = style === 'double' ? /\\(x..|u....|U.{8}|\r?\n|.)/sy : style === 'single' ? /''/y : null;
    if (special !== null) special.lastIndex = at;
    const found = special?.exec(source) ?? null;
    const match = found !== null && at + found[0].length <= end ? found : null;
    if (match === null) note(source[at] ?? '', at, 1);
    else note(style === 'single' ? "'" : decoded(match[1] ?? ''), at, match[0].length);
    at += match?.[0].length ?? 1;
  }
  const places: number[] = [];
  let count = 0;
  for (const unit of value.split('')) {
    places.push(count);
    if (!/\s/.test(unit)) count += 1;
  }
  places.push(count);
  if (letters !== value.replaceAll(/\s/g, '')) return null;
  return (start: number, stop: number): [number, number] | null => {
    const first = starts[places[start] ?? -1];
    const last = ends[(places[stop] ?? 0) - 1];
    return first === undefined || last === undefined || last <= first ? null : [first, last];
  };
}

const ESCAPES: Readonly<Record<string, string>> = { '0': '\0', a: '\x07', b: '\b', e: '\x1b', f: '\f', v: '\v' };

function decoded(code: string): string {
  if (/^[xuU]/.test(code)) {
    const point = Number.parseInt(code.slice(1), 16);
    return point <= 0x10ffff ? String.fromCodePoint(point) : '';
  }
  if (code === 'N') return '\x85';
  if (/^([ntr _LP]|\r?\n)$/.test(code)) return ' ';
  return ESCAPES[code] ?? code;
}

/** The text with masks in the places of its secrets. */
function shapeOf(text: string, spans: readonly Span[]): string {
  return spans.reduceRight((masked, { start, end }) => masked.slice(0, start) + MASK + masked.slice(end), text);
}
