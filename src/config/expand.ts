// Foreign commands made runnable: macros and ${…} replaced, text split into argv without any shell. Pure.
import { Fault } from '../base/fault.ts';

const LONGEST_TEXT = 256 * 1024;

export type MacroTable = Readonly<Record<string, string | number | boolean>>;

/**
 * Replaces `${name}` by its macro, later ones may use earlier ones; `${env.NAME}` by the environment. Unknown names are
 * a Fault that lists what there is. Source of the rules: llama-swap's documented configuration.
 */
export function expandMacros(
  text: string,
  macros: MacroTable,
  env: Readonly<Record<string, string | undefined>>,
): string {
  let result = text;
  for (let round = 0; round < 20; round += 1) {
    const next = result.replaceAll(/\$\{([A-Za-z0-9_.-]+)\}/g, (whole, name: string) => {
      if (name.startsWith('env.')) {
        const value = env[name.slice(4)];
        // `constructor` and the like come from the prototype.
        if (typeof value !== 'string') throw unknownName(whole, 'the environment has no such name');
        return value;
      }
      const value = Object.hasOwn(macros, name) ? macros[name] : undefined;
      if (value === undefined) throw unknownName(whole, `known: ${Object.keys(macros).join(', ')}`);
      return String(value);
    });
    if (next === result) return result;
    // Macros that name each other several times grow without measure long before the rounds are over.
    if (next.length > LONGEST_TEXT) break;
    result = next;
  }
  throw new Fault(
    'config_invalid',
    `The macros in ${JSON.stringify(text.slice(0, 80))} refer to each other without end.`,
  );
}

/**
 * Splits a command into argv: blanks separate, single and double quotes group, a backslash escapes on POSIX (on Windows
 * only before a quote, so that paths stay whole), a backslash at a line's end joins lines, a `#` line is a comment.
 */
export function splitCommand(command: string, isWindows: boolean): string[] {
  const text = command
    .split(/\r?\n/)
    .filter((line) => !/^\s*#/.test(line))
    .join('\n')
    .replaceAll(/\\[ \t]*\n/g, ' ');
  const words: string[] = [];
  let word: string | null = null;
  let quote: '"' | "'" | null = null;
  for (let index = 0; index < text.length; index += 1) {
    const letter = text[index] ?? '';
    const next = text[index + 1];
    if (quote !== null) {
      if (letter === quote) quote = null;
      else if (letter === '\\' && quote === '"' && (next === '"' || (!isWindows && next === '\\'))) {
        word = (word ?? '') + next;
        index += 1;
      } else word = (word ?? '') + letter;
    } else if (letter === '"' || letter === "'") {
      quote = letter;
      word ??= '';
    } else if (letter === '\\' && next !== undefined && (!isWindows || next === '"')) {
      word = (word ?? '') + next;
      index += 1;
    } else if (/\s/.test(letter)) {
      if (word !== null) words.push(word);
      word = null;
    } else word = (word ?? '') + letter;
  }
  if (quote !== null)
    throw new Fault('config_invalid', `A quote is not closed in ${JSON.stringify(command.slice(0, 80))}.`);
  if (word !== null) words.push(word);
  return words;
}

const unknownName = (whole: string, reason: string): Fault =>
  new Fault('config_invalid', `${whole} is not known in the configuration; ${reason}.`, {
    hint: 'Define it under `macros:`.',
  });
