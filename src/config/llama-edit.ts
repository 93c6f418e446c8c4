// Changes options of a llama-server command in its text: of all other bytes (line breaks, quotes, comments, macros) none
// is touched. Pure.
import { Fault } from '../base/fault.ts';
import { type CommandWord, scanCommand } from './expand.ts';
import { programEnd, readOptions, serverAt } from './llama-options.ts';

/** What is absent stays as it is. */
export interface CommandChanges {
  readonly contextSize?: number | undefined;
  /** As `-ngl` counts: 0 none, 999 all. */
  readonly layers?: number | undefined;
  /** Of keys and values alike. */
  readonly cacheType?: string | undefined;
  readonly batchSize?: number | undefined;
}

interface Splice {
  readonly start: number;
  readonly end: number;
  readonly text: string;
}

/**
 * The command with other values. An option that is given several times is changed everywhere; one that is missing is
 * appended on a line of its own, or to the only line there is. An option that a macro brings is overruled by that, as the
 * last one counts. Throws `bad_request` for a value that is none and `unprocessable` where no llama-server is started.
 */
export function editLlamaCommand(cmd: string, changes: CommandChanges, isWindows = false): string {
  const wanted = wantedOptions(changes);
  const words = scanCommand(cmd, isWindows);
  const argv = words.map((word) => word.value);
  const splices: Splice[] = [];
  const missing = new Map(wanted);
  for (const { option, spelling, at, valueAt } of readOptions(argv, optionsAt(argv))) {
    const value = option === null ? undefined : wanted.get(option.name);
    const word = words[valueAt ?? at];
    if (value === undefined || word === undefined || option === null) continue;
    missing.delete(option.name);
    if (valueAt === null) splices.push({ start: word.end, end: word.end, text: ` ${value}` });
    else splices.push({ ...word, text: valueAt === at ? `${spelling}=${value}` : value });
  }
  const additions = [...missing].map(([name, value]) => `${SPELLINGS[name] ?? `--${name}`} ${value}`);
  if (additions.length > 0) splices.push(...appended(cmd, words, additions));
  return splices
    .sort((left, right) => right.start - left.start)
    .reduce((text, splice) => text.slice(0, splice.start) + splice.text + text.slice(splice.end), cmd);
}

/** Spelt as people know it. */
const SPELLINGS: Readonly<Record<string, string>> = { 'gpu-layers': '-ngl' };

function wantedOptions(changes: CommandChanges): Map<string, string> {
  const wanted = new Map<string, string>();
  const count = (name: string, value: number | undefined, least: number): void => {
    if (value === undefined) return;
    if (!Number.isInteger(value) || value < least || value > 100_000_000)
      throw new Fault('bad_request', `--${name} takes a whole number from ${least}, not ${value}.`);
    wanted.set(name, String(value));
  };
  count('ctx-size', changes.contextSize, 0);
  count('gpu-layers', changes.layers, -1);
  if (changes.cacheType !== undefined) {
    if (!/^[a-z][a-z0-9_]{1,15}$/.test(changes.cacheType))
      throw new Fault('bad_request', `There is no cache type ${JSON.stringify(changes.cacheType)}.`);
    wanted.set('cache-type-k', changes.cacheType);
    wanted.set('cache-type-v', changes.cacheType);
  }
  count('batch-size', changes.batchSize, 1);
  return wanted;
}

/** Where llama-server's own options begin: behind it, behind its image, or behind the macro that stands for it. */
function optionsAt(argv: readonly string[]): number {
  const program = argv.findIndex((word) => !/^(env|[A-Za-z_]\w*=.*)$/.test(word));
  const own = programEnd(argv.slice(program, program + 2));
  if (program !== -1 && own !== null) return program + own;
  const server = serverAt(argv);
  if (server !== null) return server;
  const image = argv.findIndex((word) => /(^|\/)llama[.-]?cpp[\w./-]*(:[\w.-]+|@sha256:\w+)$/i.test(word));
  if (image !== -1) return image + 1;
  if (program !== -1 && argv[program]?.includes('${') === true) return program + 1;
  throw new Fault('unprocessable', 'The command does not start llama-server, so its options are not known.', {
    hint: 'Edit the command itself.',
  });
}

/** New options behind the last word, in the manner of the lines there are. */
function appended(cmd: string, words: readonly CommandWord[], additions: readonly string[]): Splice[] {
  const last = words.at(-1)?.end ?? 0;
  const hasLines = cmd.slice(0, last).includes('\n');
  if (!hasLines) return [{ start: last, end: last, text: additions.map((text) => ` ${text}`).join('') }];
  const newline = cmd.includes('\r\n') ? '\r\n' : '\n';
  const lineStart = cmd.lastIndexOf('\n', last - 1) + 1;
  const indent = /^[ \t]*/.exec(cmd.slice(lineStart, last))?.[0] ?? '';
  // The last line may go on already; and where all others do, this one has to as well.
  const tail = /^[ \t]*\\[ \t]*(?=\r?\n|$)/.exec(cmd.slice(last))?.[0] ?? '';
  const before = /([ \t]*\\)[ \t]*\r?\n$/.exec(cmd.slice(0, lineStart))?.[1] ?? '';
  const joint = tail === '' ? before : '';
  const between = tail === '' ? before : tail.trimEnd();
  const at = last + tail.length;
  const lines = additions.join(`${between}${newline}${indent}`);
  return [{ start: at, end: at, text: `${joint}${newline}${indent}${lines}${tail.trimEnd()}` }];
}
