// Turns a model's `flags` into arguments, or refuses them by name. Each value is one argument of its own and of its
// option's type, so nothing can be smuggled in. Pure.
import type { CacheType } from './command.ts';
import {
  FLAG_RULES,
  type FlagRule,
  flagFault,
  PLANNED_NAMES,
  type PlannedFlags,
  REFUSED_FLAGS,
} from './flags-table.ts';

export interface CheckedFlags {
  /** For `argvFor`, each option followed by its value. */
  readonly argv: readonly string[];
  /** For placement: what the engine is told by the plan. */
  readonly planned: PlannedFlags;
  /** Options that change the plan behind placement's back, for the verdict's words. */
  readonly touching: readonly string[];
}

export type FlagValue = string | number | boolean;

/** `file`: the configuration on disk. `network`: anything that came over HTTP. */
export type FlagOrigin = 'file' | 'network';

const RULES = new Map<string, FlagRule>(FLAG_RULES.flatMap((rule) => rule.names.map((name) => [name, rule] as const)));

/** `n_predict`, `--n-predict` and `N-Predict` are one name. */
const plainName = (name: string): string =>
  name
    .trim()
    .replace(/^-{1,2}/, '')
    .replaceAll('_', '-')
    .toLowerCase();

/**
 * Checks names and values. Throws a Fault (`config_invalid` from the file, `bad_request` from the network) that names the
 * option, says why, and lists near names in `details.nearNames`.
 *
 * @param known Options of the build at hand, dashes included: an older spelling is used where it knows only that.
 */
export function checkFlags(
  flags: Readonly<Record<string, FlagValue>>,
  origin: FlagOrigin,
  known: ReadonlySet<string> = new Set(),
): CheckedFlags {
  const argv: string[] = [];
  const plannedFlags: { -readonly [Name in keyof PlannedFlags]: PlannedFlags[Name] } = {};
  const touching: string[] = [];
  const cacheTypes = new Map<string, string>();
  const seen = new Set<string>();
  for (const [written, value] of Object.entries(flags)) {
    const name = plainName(written);
    const setting = Object.hasOwn(PLANNED_NAMES, name) ? PLANNED_NAMES[name] : undefined;
    const rule = RULES.get(name);
    const canonical = setting ?? rule?.names[0] ?? name;
    if (seen.has(canonical))
      throw flagFault(origin, written, `The option "${name}" is set twice.`, 'Keep one of them.');
    seen.add(canonical);
    if (setting !== undefined) {
      const count = plannedValue(origin, name, value);
      if (count !== null) plannedFlags[setting] = count;
      continue;
    }
    if (rule === undefined) throw unknownFlag(origin, written, name);
    const words = wordsOf(origin, rule, name, value, known);
    if (canonical === 'cache-type-k' || canonical === 'cache-type-v') cacheTypes.set(canonical, words[1] ?? '');
    else argv.push(...words);
    if (rule.touchesPlan) touching.push(canonical);
  }
  const [typeK, typeV] = [cacheTypes.get('cache-type-k'), cacheTypes.get('cache-type-v')];
  if (typeK !== undefined && typeK === typeV) {
    plannedFlags.cacheType = typeK as CacheType;
  } else {
    for (const [name, type] of cacheTypes) argv.push(`--${name}`, type);
  }
  const isPlanned = (name: string): boolean => plannedFlags.cacheType !== undefined && name.startsWith('cache-type-');
  return { argv: oneLoadMode(argv), planned: plannedFlags, touching: touching.filter((name) => !isPlanned(name)) };
}

function plannedValue(origin: FlagOrigin, name: string, value: FlagValue): number | null {
  if (name.endsWith('layers') || name === 'ngl') {
    if (value === 'auto' || value === -1 || value === '-1') return null;
    if (value === 'all') return 100_000;
  }
  const count = numberOf(value);
  if (count === null || !Number.isInteger(count) || count < 0 || count > 100_000_000) {
    throw wrongValue(origin, name, value, 'a whole number, 0 or more');
  }
  return count;
}

function wordsOf(
  origin: FlagOrigin,
  rule: FlagRule,
  name: string,
  value: FlagValue,
  known: ReadonlySet<string>,
): string[] {
  const type = rule.value;
  if (type.type === 'bool') {
    const isOn = booleanOf(value);
    if (isOn === null) throw wrongValue(origin, name, value, 'true or false');
    if (isOn) return modern(rule.names[0], known) ?? [`--${spell(origin, rule.names, known)}`];
    if (type.off === null) return [];
    return modern(type.off, known) ?? [`--${spell(origin, [type.off], known)}`];
  }
  return [`--${spell(origin, rule.names, known)}`, textOf(origin, rule, name, value)];
}

/** `--mmap` and `--mlock` became values of `--load-mode` in July 2026. */
function modern(name: string, known: ReadonlySet<string>): string[] | null {
  if (!known.has('--load-mode') || known.has(`--${name}`)) return null;
  const mode = { mmap: 'mmap', 'no-mmap': 'none', mlock: 'mmap+mlock' }[name];
  return mode === undefined ? null : ['--load-mode', mode];
}

/** Of two modes the engine takes the last, and `mlock` together with `mmap` or without it is one mode. */
function oneLoadMode(argv: readonly string[]): readonly string[] {
  const isMode = (index: number): boolean => argv[index] === '--load-mode';
  const modes = argv.filter((_, index) => isMode(index - 1));
  if (modes.length !== 2 || !modes.includes('mmap+mlock')) return argv;
  const mode = modes.includes('none') ? 'mlock' : 'mmap+mlock';
  return [...argv.filter((_, index) => !isMode(index) && !isMode(index - 1)), '--load-mode', mode];
}

function spell(origin: FlagOrigin, names: readonly string[], known: ReadonlySet<string>): string {
  const first = names[0] ?? '';
  if (known.size === 0) return first;
  const name = names.find((candidate) => known.has(`--${candidate}`));
  if (name !== undefined) return name;
  throw flagFault(
    origin,
    first,
    `This build of the engine does not know the option "${first}".`,
    'Remove it, or choose another build: drover engine ls.',
  );
}

function textOf(origin: FlagOrigin, rule: FlagRule, name: string, value: FlagValue): string {
  const type = rule.value;
  if (type.type === 'int' || type.type === 'float') {
    const number = numberOf(value);
    const isWhole = type.type === 'float' || Number.isInteger(number);
    if (number === null || !isWhole || number < type.min || number > type.max) {
      const what = type.type === 'int' ? 'a whole number' : 'a number';
      throw wrongValue(origin, name, value, `${what} from ${type.min} to ${type.max}`);
    }
    return String(number);
  }
  if (type.type === 'enum') {
    const word = value === true ? 'on' : value === false ? 'off' : String(value);
    if (!type.values.includes(word)) throw wrongValue(origin, name, value, `one of ${type.values.join(', ')}`);
    return word;
  }
  const word = String(value);
  // A value that looks like an option is one at best by mistake.
  if (word.includes('\0') || /^-{1,2}[A-Za-z]/.test(word))
    throw wrongValue(origin, name, value, 'a text that is no option');
  if (type.type === 'path') {
    if (origin === 'network') {
      throw flagFault(
        origin,
        name,
        `The option "${name}" takes a path, which only the configuration file may give.`,
        'Set it in config.yaml on the machine itself.',
      );
    }
    if (!/^(\/|[A-Za-z]:[\\/]|\\\\)/.test(word) || /[,\n\r]/.test(word))
      throw wrongValue(origin, name, value, 'an absolute path without commas');
    return word;
  }
  if (type.type === 'json') {
    if (word.length > type.maxLength || !isJsonObject(word))
      throw wrongValue(origin, name, value, `a JSON object of at most ${type.maxLength} characters`);
    return word;
  }
  if (type.type === 'string') {
    if (word.length > type.maxLength) throw wrongValue(origin, name, value, `at most ${type.maxLength} characters`);
    if (type.pattern !== null && !type.pattern.test(word))
      throw wrongValue(origin, name, value, `of the form ${type.pattern.source}`);
  }
  return word;
}

function unknownFlag(origin: FlagOrigin, written: string, name: string): Error {
  const refused = REFUSED_FLAGS.find(([pattern]) => pattern.test(name) || pattern.test(name.split('=')[0] ?? ''));
  if (refused !== undefined && !name.includes('=')) {
    return flagFault(origin, written, `The option "${name}" is not allowed: ${refused[1]}.`, 'Remove it from `flags`.');
  }
  const nearNames = nearest(name);
  return flagFault(
    origin,
    written,
    name.includes('=')
      ? `"${written}" is one name and no option: name and value are two things.`
      : `The option "${name}" is not among those that may be set.`,
    nearNames.length === 0 ? 'Remove it from `flags`.' : `Did you mean ${nearNames.join(' or ')}?`,
    nearNames,
  );
}

const wrongValue = (origin: FlagOrigin, name: string, value: FlagValue, wanted: string): Error =>
  flagFault(
    origin,
    name,
    `The option "${name}" must be ${wanted}, not ${JSON.stringify(String(value)).slice(0, 120)}.`,
    'Correct it in `flags`.',
  );

function numberOf(value: FlagValue): number | null {
  if (typeof value === 'number') return Number.isFinite(value) ? value : null;
  if (typeof value !== 'string' || !/^\s*[+-]?(\d+(\.\d*)?|\.\d+)(e[+-]?\d+)?\s*$/i.test(value)) return null;
  const number = Number(value);
  return Number.isFinite(number) ? number : null;
}

function booleanOf(value: FlagValue): boolean | null {
  if (typeof value === 'boolean') return value;
  if (value === 1 || /^(true|on|yes|1)$/i.test(String(value))) return true;
  if (value === 0 || /^(false|off|no|0)$/i.test(String(value))) return false;
  return null;
}

function isJsonObject(word: string): boolean {
  try {
    const value: unknown = JSON.parse(word);
    return typeof value === 'object' && value !== null && !Array.isArray(value);
  } catch {
    return false;
  }
}

/** Up to three allowed names within a third of the letters. */
function nearest(name: string): string[] {
  const limit = Math.max(1, Math.floor(name.length / 3));
  return [...RULES.keys(), ...Object.keys(PLANNED_NAMES)]
    .map((candidate) => ({ candidate, distance: distance(name.slice(0, 60), candidate) }))
    .filter((entry) => entry.distance <= limit)
    .sort((left, right) => left.distance - right.distance)
    .slice(0, 3)
    .map((entry) => entry.candidate);
}

/** Levenshtein. */
function distance(left: string, right: string): number {
  let row = Array.from({ length: right.length + 1 }, (_, index) => index);
  for (let i = 1; i <= left.length; i += 1) {
    const next = [i];
    for (let j = 1; j <= right.length; j += 1) {
      const swap = (row[j - 1] ?? 0) + (left[i - 1] === right[j - 1] ? 0 : 1);
      next.push(Math.min(swap, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1));
    }
    row = next;
  }
  return row[right.length] ?? 0;
}
