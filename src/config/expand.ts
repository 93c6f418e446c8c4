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

/** One word of a command: what it says, and where it stands in the text, quotes included. */
export interface CommandWord {
  readonly value: string;
  readonly start: number;
  readonly end: number;
}

/**
 * Splits a command into argv: blanks separate, single and double quotes group, a backslash escapes on POSIX (on Windows
 * only before a quote, so that paths stay whole), a backslash at a line's end joins lines, a `#` line is a comment.
 */
export const splitCommand = (command: string, isWindows: boolean): string[] =>
  scanCommand(command, isWindows).map((word) => word.value);

/** The same with places, for edits of the text. Throws `config_invalid` where a quote is not closed. */
export function scanCommand(command: string, isWindows: boolean): CommandWord[] {
  const { text, offsets } = withoutComments(command);
  const words: CommandWord[] = [];
  let word: string | null = null;
  let start = 0;
  let quote: '"' | "'" | null = null;
  const begin = (index: number): string => {
    if (word === null) start = offsets[index] ?? 0;
    return word ?? '';
  };
  const finish = (index: number): void => {
    if (word !== null) words.push({ value: word, start, end: (offsets[index - 1] ?? 0) + 1 });
    word = null;
  };
  for (let index = 0; index < text.length; index += 1) {
    const letter = text[index] ?? '';
    const next = text[index + 1];
    if (quote !== null) {
      if (letter === quote) quote = null;
      else if (letter === '\\' && quote === '"' && (next === '"' || (!isWindows && next === '\\'))) {
        word = begin(index) + next;
        index += 1;
      } else word = begin(index) + letter;
    } else if (letter === '"' || letter === "'") {
      word = begin(index);
      quote = letter;
    } else if (letter === '\\' && next !== undefined && (!isWindows || next === '"')) {
      word = begin(index) + next;
      index += 1;
    } else if (/\s/.test(letter)) finish(index);
    else word = begin(index) + letter;
  }
  if (quote !== null)
    throw new Fault('config_invalid', `A quote is not closed in ${JSON.stringify(command.slice(0, 80))}.`);
  finish(text.length);
  return words;
}

/** Comment lines gone, joined lines joined by one blank; and of each letter its place in the command. */
function withoutComments(command: string): { readonly text: string; readonly offsets: readonly number[] } {
  let text = '';
  const offsets: number[] = [];
  const keep = (from: number, to: number): void => {
    text += command.slice(from, to);
    for (let offset = from; offset < to; offset += 1) offsets.push(offset);
  };
  let from = 0;
  while (from <= command.length) {
    const newline = command.indexOf('\n', from);
    const next = newline === -1 ? command.length + 1 : newline + 1;
    const end = newline > from && command[newline - 1] === '\r' ? newline - 1 : next - 1;
    if (!/^\s*#/.test(command.slice(from, end))) {
      if (text !== '' && from > 0) {
        // The newline before this line, wherever the last line that counts has ended.
        const joint = /\\[ \t]*$/.exec(text);
        if (joint !== null) {
          text = text.slice(0, joint.index);
          offsets.length = joint.index;
        }
        text += joint === null ? '\n' : ' ';
        offsets.push(from - 1);
      }
      keep(from, end);
    }
    from = next;
  }
  return { text, offsets };
}

const unknownName = (whole: string, reason: string): Fault =>
  new Fault('config_invalid', `${whole} is not known in the configuration; ${reason}.`, {
    hint: 'Define it under `macros:`.',
  });
