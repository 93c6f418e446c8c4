// The secrets of a text that is no YAML (a broken file, a comment), by its lines alone; and back by the lines that hold the
// masks. Pure.
import { HOLDS_IDS, isSecretName, MASK, PEM, type Span, secretSpans, valueSpans } from './secret-rules.ts';

interface LineSecret {
  readonly start: number;
  readonly end: number;
  /** Without quotes: once the text is YAML again, its mask needs some. */
  readonly isBare: boolean;
}

/** `NAME=` and what is behind it up to the line's end, also where a quote is never closed; `name:` and its value. */
const VARIABLE_LINE =
  /^\s*(?:- +)?(?:(["'])(?<name>[A-Za-z_]\w*)=(?<value>(?:(?!\1).)*)\1?|(?<name>[A-Za-z_]\w*)=(?<value>.*?))\s*$/d;
const SETTING_LINE =
  /^[\s#]*(?:-\s+)?(["']?)(?<name>[\w.-]+)\1\s*:\s+(?![|>][-+0-9]*\s*$)(?:"(?<value>(?:[^"\\]|\\.)*)"|'(?<value>(?:[^']|'')*)'|(?<value>[^\s#][^#]*?))\s*(?:#.*)?$/d;

/** The secrets of one line that is not read as YAML: all behind a secret name, else those of its text. */
export function lineSpans(given: string): Span[] {
  // Escaped line breaks of a quoted text.
  const line = given.replaceAll(/\\[nrt]/g, '  ');
  const variable = VARIABLE_LINE.exec(line);
  const match = variable ?? SETTING_LINE.exec(line);
  const place = match?.indices?.groups?.value;
  const name = match?.groups?.name ?? '';
  if (place === undefined || !isSecretName(name)) return textSpans(line);
  const value = line.slice(...place);
  if (variable === null && /^-?\d+(\.\d+)?$/.test(value)) return [];
  const label = variable === null ? name : `${name}=`;
  return valueSpans(value, label, false).map(({ start, end }) => ({
    start: start + place[0],
    end: end + place[0],
    label,
  }));
}

/** With variables in quotes taken up to the closing one. */
function textSpans(line: string): Span[] {
  const quoted = [...line.matchAll(/(["'])([A-Za-z_]\w*)=((?:(?!\1).)+)\1/dg)].flatMap(
    ({ 2: name = '', 3: value = '', indices }) =>
      isSecretName(name)
        ? valueSpans(value, `${name}=`, false).map((span) => ({
            ...span,
            start: span.start + (indices?.[3]?.[0] ?? 0),
            end: span.end + (indices?.[3]?.[0] ?? 0),
          }))
        : [],
  );
  return withoutOverlaps([...quoted, ...secretSpans(line)]);
}

/** A section whose keys are ids, and the column of these. */
interface Section {
  readonly indent: number;
  readonly column: number | null;
}

/** By lines alone: more is hidden than has to be, never less. */
function lineSecrets(source: string): LineSecret[] {
  const spans = secretSpans(source).filter(({ label }) => label === PEM);
  let below: { readonly indent: number; readonly name: string } | null = null;
  let ids: Section | null = null;
  let valueDue: string | null = null;
  for (const match of source.matchAll(/^.*$/gm)) {
    const line = match[0];
    const add = (found: readonly Span[]): void => {
      for (const { start, end, label } of found)
        spans.push({ start: match.index + start, end: match.index + end, label });
    };
    const indent = line.search(/\S/);
    if (indent === -1) continue;
    if (below !== null && (indent > below.indent || (indent === below.indent && /^\s*- /.test(line)))) {
      // A block or a list below a secret name.
      const place = /^\s*(?:- +)?(?:"(.*)"|'(.*)'|(.*?))\s*$/d.exec(line)?.indices;
      const [start, end] = place?.[1] ?? place?.[2] ?? place?.[3] ?? [0, 0];
      if (start < end) add([{ start, end, label: below.name }]);
      continue;
    }
    const heading = /^\s*(?:- +)?["']?([\w.-]+)["']?\s*:\s*([|>][-+0-9]*)?\s*(?:#.*)?$/.exec(line);
    const name = heading?.[1] ?? '';
    if (ids !== null && indent <= ids.indent) ids = null;
    const isId: boolean = ids !== null && (ids.column ?? indent) === indent;
    if (ids !== null) ids = { indent: ids.indent, column: ids.column ?? indent };
    else if (HOLDS_IDS.has(name)) ids = { indent, column: null };
    below = !isId && isSecretName(name) ? { indent, name } : null;
    if (valueDue !== null) {
      const word = /^\s*["']?([^\s"']+)/d.exec(line)?.indices?.[1];
      if (word !== undefined) add([{ start: word[0], end: word[1], label: valueDue }]);
    }
    add(lineSpans(line));
    // The option's value stands on the next line.
    const last = /(?<!\S)(--?[A-Za-z][\w-]*)\s*\\?\s*$/.exec(line)?.[1] ?? '';
    valueDue = isSecretName(last) || last === '-hft' ? last : null;
  }
  return withoutOverlaps(spans).map(({ start, end }) => {
    const near = source.slice(Math.max(0, start - 2000), start);
    const before = near.slice(near.lastIndexOf('\n') + 1);
    return { start, end, isBare: /(^|[:[{,-])\s+$/.test(before) && !/(^|\s)#/.test(before) };
  });
}

const maskOf = (secret: LineSecret): string => (secret.isBare ? `"${MASK}"` : MASK);

/** Puts the secrets of `currentText` back by the lines that hold their masks; `refuse` is told what cannot be. */
export function unmaskLines(
  newText: string,
  currentText: string,
  refuse: (offset: number, reason: string) => Error,
): string {
  const known = maskedLines(currentText);
  const byText = Map.groupBy(known, (line) => line.masked);
  const byLetters = Map.groupBy(known, (line) => lettersOf(line.masked));
  const given = linesOf(newText).filter(({ line }) => line.includes(MASK));
  const counts = new Map<string, number>();
  const totals = Map.groupBy(given, ({ line }) => line);
  let restored = '';
  let from = 0;
  for (const { line, start } of given) {
    const alike = byText.get(line) ?? [];
    const count = counts.get(line) ?? 0;
    counts.set(line, count + 1);
    let put: string | null = null;
    if (alike.length > 0) {
      const isChoice = new Set(alike.map(({ original }) => original)).size > 1;
      if (isChoice && alike.length !== totals.get(line)?.length)
        throw refuse(start, 'it cannot be told which of several secrets the mask stands for');
      put = (isChoice ? alike[count] : alike[0])?.original ?? null;
    } else put = restoredLine(line, byLetters.get(lettersOf(line)) ?? []);
    if (put === null) {
      throw refuse(start + line.indexOf(MASK), 'the mask stands for no secret of the current file');
    }
    restored += newText.slice(from, start) + put;
    from = start + line.length;
  }
  return restored + newText.slice(from);
}

interface MaskedLine {
  readonly masked: string;
  readonly original: string;
  readonly secrets: readonly { readonly raw: string; readonly isBare: boolean }[];
}

export function maskLines(source: string): string {
  return maskedLines(source)
    .map((line) => line.masked + line.newline)
    .join('');
}

/** Lines as they are shown, each with what it stands for; a secret of several lines makes one of them. */
function maskedLines(source: string): (MaskedLine & { readonly newline: string })[] {
  const secrets = lineSecrets(source);
  const lines: (MaskedLine & { readonly newline: string })[] = [];
  let next = 0;
  for (let start = 0; start < source.length || lines.length === 0; ) {
    let masked = '';
    let from = start;
    const own: { raw: string; isBare: boolean }[] = [];
    let end = lineEnd(source, start);
    for (let secret = secrets[next]; secret !== undefined && secret.start < end; secret = secrets[next]) {
      own.push({ raw: source.slice(secret.start, secret.end), isBare: secret.isBare });
      masked += source.slice(from, secret.start) + maskOf(secret);
      from = secret.end;
      end = lineEnd(source, Math.max(from, end));
      next += 1;
    }
    masked += source.slice(from, end);
    const newline = /^\r?\n/.exec(source.slice(end, end + 2))?.[0] ?? '';
    lines.push({ masked, original: source.slice(start, end), secrets: own, newline });
    start = end + newline.length;
    if (newline === '') break;
  }
  return lines;
}

function linesOf(text: string): { readonly line: string; readonly start: number }[] {
  const lines: { line: string; start: number }[] = [];
  for (let start = 0; start < text.length; ) {
    const end = lineEnd(text, start);
    lines.push({ line: text.slice(start, end), start });
    start = text.indexOf('\n', end) + 1;
    if (start === 0) break;
  }
  return lines;
}

function lineEnd(source: string, from: number): number {
  const newline = source.indexOf('\n', from);
  if (newline === -1) return source.length;
  return newline > from && source[newline - 1] === '\r' ? newline - 1 : newline;
}

/** A line that was mended: quotes, brackets and blanks may have changed. */
const lettersOf = (line: string): string => line.replaceAll(/[\s"'`,:[\]{}-]/g, '');

function restoredLine(line: string, candidates: readonly MaskedLine[]): string | null {
  const [first] = candidates;
  if (first === undefined || candidates.some(({ original }) => lettersOf(original) !== lettersOf(first.original)))
    return null;
  const masks = [...line.matchAll(/\*{8}/g)];
  if (masks.length !== first.secrets.length) return null;
  let restored = '';
  let from = 0;
  for (const [index, { index: at }] of masks.entries()) {
    const secret = first.secrets[index];
    const quote = line[at - 1] ?? '';
    const isQuoted = secret?.isBare === true && /["']/.test(quote) && line[at + MASK.length] === quote;
    restored += line.slice(from, isQuoted ? at - 1 : at) + (secret?.raw ?? MASK);
    from = at + MASK.length + (isQuoted ? 1 : 0);
  }
  return restored + line.slice(from);
}

function withoutOverlaps(spans: readonly Span[]): Span[] {
  const sorted = [...spans].sort((left, right) => left.start - right.start || right.end - left.end);
  const kept: Span[] = [];
  for (const span of sorted) {
    const last = kept.at(-1);
    if (last !== undefined && span.start < last.end) {
      // Both are hidden, as one.
      if (span.end > last.end) kept[kept.length - 1] = { ...last, end: span.end };
    } else kept.push(span);
  }
  return kept;
}
