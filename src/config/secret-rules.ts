// What counts as a secret: names that mean one, and the places in a text where one stands. Pure; when in doubt, it is one.

export const MASK = '********';
export const PEM = 'pem';
/** What a secret is called that shows by itself that it is one. */
export const LONE = 'key';

/** A secret in a text, by offsets. */
export interface Span {
  readonly start: number;
  readonly end: number;
  /** What it is, the same before and after masking: `--api-key`, `HF_TOKEN=`, `url`. */
  readonly label: string;
}

/** Names of sections whose keys are ids, not names of settings. */
export const HOLDS_IDS = new Set(['models', 'groups', 'peers', 'profiles']);

const SECRET_WORDS = new Set(
  (
    'key keys token secret secrets password passwords passwd passphrase pass pwd credential credentials cred creds ' +
    'apikey apikeys authorization bearer jwt cookie cookies pat'
  ).split(' '),
);
/** One word that somebody wrote two as. */
const SECRET_ENDINGS =
  /^(.+(token|secret|password|passwd|passphrase|credentials?)|(api|access|auth|private|secret|hf|master|signing|encryption)(keys?|tokens?|pass))$/;
/** Before `tokens`, where it is not a number of words. */
const TOKEN_OWNERS = new Set(['api', 'auth', 'access', 'hf', 'bearer', 'refresh', 'id', 'session']);
/** Before `token` and `key`, where it is nothing to hide. */
const OPEN_OWNERS = new Set(
  'public bos eos pad unk sep cls eot eog stop special prompt image audio chat add primary foreign sort cache'.split(
    ' ',
  ),
);
/** Behind it, where it is about a secret and is none. */
const ABOUT = new Set(
  'file path dir folder name type kind count limit size length header required enabled expiry ttl prefix format'.split(
    ' ',
  ),
);
/** One-word names that a machine sets and everybody may see. */
const OPEN_NAMES = new Set(['pwd', 'oldpwd']);

const wordsOf = (name: string): string[] =>
  name
    .replaceAll(/([a-z0-9])([A-Z])/g, '$1 $2')
    .replaceAll(/([A-Z])([A-Z][a-z])/g, '$1 $2')
    .toLowerCase()
    .split(/[^a-z0-9]+/)
    .map((word) => word.replace(/\d+$/, ''))
    .filter((word) => word !== '');

/** True for `apiKey`, `HF_TOKEN`, `X-API-Key`; false for `keep`, `keyboard`, `max_tokens`, `apiKeyFile`. */
export function isSecretName(name: string): boolean {
  const words = wordsOf(name);
  if (words.length === 0 || (words.length === 1 && OPEN_NAMES.has(words[0] ?? ''))) return false;
  if (words.length > 1 && ABOUT.has(words.at(-1) ?? '')) return false;
  return words.some((word, index) => {
    const owner = words[index - 1] ?? '';
    if (word === 'tokens') return TOKEN_OWNERS.has(owner);
    if (word === 'token' || word === 'key' || word === 'keys') return !OPEN_OWNERS.has(owner);
    return SECRET_WORDS.has(word) || SECRET_ENDINGS.test(word);
  });
}

/** Values that say yes or no, or nothing: no secret under any name. */
const isOpenValue = (value: string): boolean =>
  value.trim() === '' || /^(true|false|yes|no|on|off|0|1|null|~|none)$/i.test(value.trim());

/** A placeholder for something that is kept elsewhere: a macro, a variable. */
const isReference = (value: string): boolean => /^\$\{[\w.-]+\}$|^\$[A-Za-z_]\w*$|^%\w+%$/.test(value);

interface Rule {
  /** With the indices of groups; `value` is what is hidden. */
  readonly pattern: RegExp;
  /** Null: these words are none. */
  readonly label: (groups: Readonly<Record<string, string | undefined>>) => string | null;
}

const named =
  (suffix: string) =>
  ({ name = '', value = '' }: Readonly<Record<string, string | undefined>>): string | null =>
    isSecretName(name) && !isOpenValue(value) ? `${name}${suffix}` : null;

/** Words of prose that a colon may follow: `Key: how to set it`. */
const isPlainWord = (name: string): boolean => /^(keys?|pass|pat|creds?|cookies?|bearer|authorization)$/i.test(name);

// A value in quotes, or up to the next blank. Quotes may be escaped: the text may be part of a larger quoted one.
const VALUE = String.raw`(?:\\?"(?<value>[^"\\]+)\\?"|\\?'(?<value>[^'\\]+)\\?'|(?<value>[^\s"'#\\,;&|<>(){}\[\]][^\s"'\\,;&|<>]*))`;
/** The value of an option may hold anything but blanks. */
const WORD = String.raw`(?:\\?"(?<value>[^"]*?)\\?"|\\?'(?<value>[^']*?)\\?'|(?<value>[^\s"']+))`;

const RULES: readonly Rule[] = [
  {
    pattern: /(?<value>-----BEGIN [A-Z ]*PRIVATE KEY-----(?:(?!-----BEGIN)[\s\S])*?-----END [A-Z ]*PRIVATE KEY-----)/dg,
    label: () => PEM,
  },
  // Options that take one under any circumstances, even where it begins with a dash.
  {
    pattern: new RegExp(String.raw`(?<![\w-])(?<name>--api[-_]key|--hf[-_]token|-hft)(?:\s*=\s*|\s+)${WORD}`, 'gd'),
    label: ({ name }) => name ?? '',
  },
  {
    pattern: new RegExp(String.raw`(?<![\w-])(?<name>--?[A-Za-z][\w-]*)(?:=|\s+(?!-))${WORD}`, 'gd'),
    label: named(''),
  },
  {
    pattern: new RegExp(
      String.raw`(?<!\w)authorization\\?["']?\s*[:=]\s*\\?["']?(?:(?:bearer|basic|token|digest)\s+)?${VALUE}`,
      'gid',
    ),
    label: () => 'authorization',
  },
  {
    pattern: /(?<!\w)bearer\s+(?<value>\*{8}|(?=[^\s"']*\d|[^\s"']{20})[\w.~+/=-]{8,})/dgi,
    label: () => 'bearer',
  },
  { pattern: /\b[a-z][a-z0-9+.-]{1,20}:\/\/(?<value>[^\s/?#"'@]+(?:@[^\s/?#"'@]+)*)@/dgi, label: () => 'url' },
  { pattern: /[?&](?<name>[\w.-]+)=(?<value>[^\s&#"'\\]+)/dg, label: named('=') },
  // NAME=value, also behind `-e` and `--env=`.
  {
    pattern: new RegExp(String.raw`(?:(?<![\w.-])|(?<=(?:^|\s)-e))(?<name>[A-Za-z_]\w*)=${WORD}`, 'gd'),
    label: named('='),
  },
  // JSON and headers inside of a text.
  {
    pattern: new RegExp(String.raw`(?<![\w-])(?<name>[A-Za-z][\w-]{1,60})\\?["']?\s*:\s*${VALUE}`, 'gd'),
    label: (groups) => (isPlainWord(groups.name ?? '') ? null : named(':')(groups)),
  },
  // Keys that show by themselves what they are, and what was masked already.
  {
    pattern:
      /(?<![\w*-])(?<value>\*{8}|hf_[A-Za-z0-9]{16,}|sk-[\w-]{16,}|d[kl]-[\w-]{32,}|gh[pousr]_[A-Za-z0-9]{20,}|github_pat_\w{20,}|glpat-[\w-]{16,}|xox[abprs]-[\w-]{10,}|AKIA[0-9A-Z]{16}|eyJ[\w-]{8,}\.[\w-]{8,}\.[\w-]*)(?![\w-])/dg,
    label: () => LONE,
  },
];

/** Where secrets stand in a text, in order, none inside another. */
export function secretSpans(text: string): Span[] {
  const found: Span[] = [];
  for (const { pattern, label } of RULES) {
    for (const match of text.matchAll(pattern)) {
      const place = match.indices?.groups?.value;
      const name = label(match.groups ?? {});
      if (place === undefined || name === null || place[0] === place[1]) continue;
      const value = text.slice(place[0], place[1]);
      const start = place[0] + value.search(/\S|$/);
      if (value.trim() === '' || isReference(value.trim())) continue;
      found.push({ start, end: start + value.trim().length, label: name });
    }
  }
  return apart(found);
}

/**
 * The secrets of one value: all of it where its name says so, all behind `NAME=` of a secret variable, else what stands
 * in its text. A text that begins with a secret is hidden whole: YAML would take a leading mask for a reference.
 */
export function valueSpans(text: string, name: string | null, isListItem: boolean): Span[] {
  if (name !== null) {
    const whole = wholeSpan(text, name);
    return whole === null ? [] : [whole];
  }
  const variable = isListItem ? variableSpan(text) : null;
  const spans = variable === null ? secretSpans(text) : [variable];
  const [first] = spans;
  if (first === undefined || first.start > text.search(/\S/)) return spans;
  return [{ ...first, end: text.trimEnd().length }];
}

/** The whole of a value that is secret by its name; null where it is empty or says yes or no. */
function wholeSpan(value: string, label: string): Span | null {
  const start = value.search(/\S/);
  if (start === -1 || isOpenValue(value) || isReference(value.trim())) return null;
  return { start, end: value.trimEnd().length, label };
}

/** Earlier rules win where two meet. */
function apart(spans: readonly Span[]): Span[] {
  const byPlace = spans.map((span, rank) => ({ span, rank })).sort((a, b) => a.span.start - b.span.start);
  const kept: { readonly span: Span; readonly rank: number }[] = [];
  for (const item of byPlace) {
    const last = kept.at(-1);
    if (last === undefined || last.span.end <= item.span.start) kept.push(item);
    else if (item.rank < last.rank) kept[kept.length - 1] = item;
  }
  return kept.map(({ span }) => span);
}

export function maskSpans(text: string, spans: readonly Span[]): string {
  let masked = '';
  let from = 0;
  for (const { start, end } of spans) {
    masked += text.slice(from, start) + MASK;
    from = end;
  }
  return masked + text.slice(from);
}

/** `HF_TOKEN=abc` is secret by its name; null where it is no variable. */
function variableSpan(text: string): Span | null {
  const match = /^\s*([A-Za-z_]\w*)=/.exec(text);
  if (match === null || !isSecretName(match[1] ?? '')) return null;
  const span = wholeSpan(text.slice(match[0].length), `${match[1]}=`);
  return span === null ? null : { ...span, start: span.start + match[0].length, end: span.end + match[0].length };
}
