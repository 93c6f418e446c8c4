// What a line of an engine's log says of itself: its level, and its words without what comes before them. Pure. It must never
// let a secret through that can be known by its form.
import type { LogLevel } from '../base/log.ts';

export interface EngineLine {
  readonly level: LogLevel;
  readonly message: string;
}

// llama-server with prefix and timestamps: minutes.seconds.milliseconds.microseconds, then a letter.
const ENGINE = /^\d+\.\d+\.\d+\.\d+ ([DIWE]) (.*)$/s;
const LETTERS: Readonly<Record<string, LogLevel>> = { D: 'debug', I: 'info', W: 'warn', E: 'error' };
// Other servers: a word at the beginning, after a time perhaps.
const WORD =
  /^(?:[\d\-T:.,Z/+ ]{8,32} ?)?\[?(trace|debug|info|notice|warn|warning|error|err|fatal|critical)\]?(?=[\s:\]|-])/i;
const WORDS: Readonly<Record<string, LogLevel>> = {
  trace: 'debug',
  debug: 'debug',
  warn: 'warn',
  warning: 'warn',
  error: 'error',
  err: 'error',
  fatal: 'error',
  critical: 'error',
};

export function engineLine(text: string): EngineLine {
  const [, letter, words] = ENGINE.exec(text) ?? [];
  if (letter !== undefined && words !== undefined) {
    return { level: LETTERS[letter] ?? 'info', message: withoutSecrets(words.trim()) };
  }
  const word = WORD.exec(text)?.[1]?.toLowerCase();
  return { level: (word === undefined ? undefined : WORDS[word]) ?? 'info', message: withoutSecrets(text.trimEnd()) };
}

const HINTS = /bearer|hf_|key|token|password|secret/i;
const SECRETS: readonly (readonly [RegExp, string])[] = [
  [/\b(bearer\s+)[\w.~+/=-]{8,}/gi, '$1…'],
  [/\bhf_\w{8,}/g, 'hf_…'],
  [/((?:api[-_ ]?key|password|secret|access[-_ ]?token)["']?\s*[=:]\s*["']?)[^\s"',;]{6,}/gi, '$1…'],
];

function withoutSecrets(text: string): string {
  if (!HINTS.test(text)) return text;
  return SECRETS.reduce((line, [shape, mark]) => line.replace(shape, mark), text);
}
