// A command line that is being typed → what may stand where the cursor is. Pure; names that only the data directory or the
// server knows are asked for by their kind.
import { SCOPES } from '../access/scopes.ts';
import type { SettingName } from '../config/schema.ts';
import { type OptionFacts, optionsOf } from './option-table.ts';
import { settingCatalog } from './setting-catalog.ts';
import { VERBS, type Verb, type WordKind } from './verbs.ts';

export interface Candidate {
  readonly word: string;
  readonly help: string;
}

export interface Wanted {
  /** Stands before every candidate: `--backend=`, or the part of a list that is there. */
  readonly before: string;
  /** What the rest begins with. */
  readonly typed: string;
  readonly words: readonly Candidate[];
  readonly kinds: readonly WordKind[];
  /** More may follow without a space, as in a list. */
  readonly goesOn: boolean;
  /** Of the command line so far: where to look names up. */
  readonly given: { readonly dataDir?: string; readonly config?: string };
}

type Answer = Partial<Pick<Wanted, 'before' | 'typed' | 'words' | 'kinds' | 'goesOn'>>;

const wordsOnly = (words: readonly string[]): readonly Candidate[] => words.map((word) => ({ word, help: '' }));
const shownVerbs = VERBS.filter(({ isHidden }) => isHidden !== true);
const verbCandidates = (): readonly Candidate[] => [
  ...shownVerbs.flatMap(({ name, aliases, help }) => [name, ...(aliases ?? [])].map((word) => ({ word, help }))),
  { word: 'help', help: 'print help for a command' },
];

/** `words` follow the program's name and stand before the word at the cursor. */
export function wantedAt(words: readonly string[], current: string): Wanted {
  const line = readLine(words);
  const { dataDir, config } = line.values;
  const given = { ...(dataDir === undefined ? {} : { dataDir }), ...(config === undefined ? {} : { config }) };
  return { before: '', typed: current, words: [], kinds: [], goesOn: false, ...answerAt(line, current), given };
}

interface Line {
  readonly verb: Verb | null;
  /** A verb is there, known or not. */
  readonly hasVerb: boolean;
  /** The verb's words so far. */
  readonly operands: readonly string[];
  readonly isHelp: boolean;
  /** The option whose value comes next. */
  readonly open: OptionFacts | null;
  readonly seen: ReadonlySet<string>;
  readonly isPastDashes: boolean;
  readonly values: { dataDir?: string; config?: string };
}

function readLine(words: readonly string[]): Line {
  let verb: Verb | null = null;
  let hasVerb = false;
  let isHelp = false;
  let isPastDashes = false;
  let open: OptionFacts | null = null;
  const operands: string[] = [];
  const seen = new Set<string>();
  const values: Line['values'] = {};
  const keep = (option: OptionFacts, value: string): void => {
    if (option.long === '--data-dir') values.dataDir = value;
    if (option.long === '--config') values.config = value;
  };
  for (const word of words) {
    if (open !== null) {
      keep(open, word);
      open = null;
    } else if (word === '--' && !isPastDashes) isPastDashes = true;
    else if (word.startsWith('-') && word.length > 1 && !isPastDashes) {
      const [name = '', ...rest] = word.split('=');
      const option = optionsOf(verb).find(({ long, short }) => long === name || short === name);
      if (option === undefined) continue;
      seen.add(option.long);
      if (option.value !== null && rest.length > 0) keep(option, rest.join('='));
      else if (option.value !== null) open = option;
    } else if (!hasVerb) {
      hasVerb = true;
      isHelp = word === 'help';
      verb = VERBS.find(({ name, aliases }) => name === word || aliases?.includes(word) === true) ?? null;
    } else operands.push(word);
  }
  return { verb, hasVerb, operands, isHelp, open, seen, isPastDashes, values };
}

function answerAt(line: Line, current: string): Answer {
  if (line.open !== null) return valueAnswer(line.open, current);
  if (current.startsWith('-') && !line.isPastDashes) {
    const cut = current.indexOf('=');
    if (cut < 0) return { words: optionWords(line) };
    const option = optionsOf(line.verb).find(({ long }) => long === current.slice(0, cut));
    if (option === undefined || option.value === null) return {};
    const answer = valueAnswer(option, current.slice(cut + 1));
    return { ...answer, before: current.slice(0, cut + 1) + (answer.before ?? '') };
  }
  if (line.isHelp) return { words: line.operands.length === 0 ? verbCandidates() : [] };
  if (!line.hasVerb) return { words: verbCandidates() };
  return line.verb === null ? {} : operandOf(line.verb, line.operands);
}

const optionWords = ({ verb, seen }: Line): readonly Candidate[] =>
  optionsOf(verb)
    .filter(({ long, isRepeatable }) => isRepeatable || !seen.has(long))
    .map(({ long, help }) => ({ word: long, help }));

function operandOf(verb: Verb, operands: readonly string[]): Answer {
  const [first, ...rest] = operands;
  if (first === undefined) {
    if (verb.actions !== undefined) return { words: wordsOnly(verb.actions) };
    return verb.takesModel === true ? { kinds: ['model'] } : {};
  }
  const kind = verb.wordsAfter?.[first]?.[rest.length];
  if (kind === undefined) return {};
  if (kind !== 'setting-value') return kind === 'setting' ? { words: settingWords() } : { kinds: [kind] };
  return { words: wordsOnly(choicesOf(operands.at(-1) ?? '')) };
}

const settingWords = (): readonly Candidate[] => settingCatalog().map(({ name, help }) => ({ word: name, help }));

function choicesOf(name: string): readonly string[] {
  const setting = settingCatalog().find((one) => one.name === (name as SettingName));
  if (setting === undefined) return [];
  return setting.kind === 'boolean' ? ['true', 'false'] : setting.choices;
}

function valueAnswer(option: OptionFacts, typed: string): Answer {
  const { value, setting, long } = option;
  if (long === '--scopes') {
    const cut = typed.lastIndexOf(',') + 1;
    const there = typed.slice(0, cut).split(',');
    const words = wordsOnly(SCOPES.filter((scope) => !there.includes(scope)));
    return { before: typed.slice(0, cut), typed: typed.slice(cut), words, goesOn: true };
  }
  const choices = setting === null ? [] : choicesOf(setting);
  if (choices.length > 0) return { typed, words: wordsOnly(choices) };
  if (value === 'dir' || value === 'folder') return { typed, kinds: ['directory'] };
  if (value === 'model') return { typed, kinds: ['model'] };
  const words = (value ?? '').split('|');
  if (!words.some((word) => word === 'path' || word === 'file')) return { typed };
  return { typed, words: wordsOnly(words.filter((word) => word !== 'path' && word !== 'file')), kinds: ['file'] };
}
