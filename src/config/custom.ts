// A `cmd` entry made ready to start: macros, port and model id filled in, text split into argv without a shell.
import { Fault } from '../base/fault.ts';
import { expandMacros, splitCommand } from './expand.ts';
import type { Environment } from './paths.ts';
import type { ModelEntry, Settings } from './schema.ts';

export interface CustomCommand {
  readonly argv: readonly string[];
  /** Base address of the started server, no trailing slash. */
  readonly baseUrl: string;
  /** Path that answers 200 when ready; null: ready as soon as it runs. */
  readonly healthPath: string | null;
  /** Variables that the entry adds. */
  readonly environment: Readonly<Record<string, string>>;
  /** argv that stops it gracefully, `${PID}` filled in; null: SIGTERM. */
  readonly stopArgv: (pid: number) => readonly string[] | null;
}

/** True where the entry wants a port from us. */
export const wantsPort = (entry: ModelEntry): boolean =>
  [entry.cmd, entry.proxy].some((text) => text?.includes('${PORT}') === true) || entry.proxy === undefined;

/** Defaults as llama-swap documents them: `proxy: http://localhost:${PORT}`, `checkEndpoint: /health`, `none` to skip. */
export function customCommand(
  settings: Pick<Settings, 'macros'>,
  id: string,
  entry: ModelEntry,
  portNumber: number,
  env: Environment,
  isWindows: boolean,
): CustomCommand {
  const macros = { ...settings.macros, ...entry.macros, PORT: portNumber, MODEL_ID: id };
  const expand = (text: string, extra: Record<string, string | number> = {}): string =>
    expandMacros(text, { ...macros, ...extra }, env);
  const argv = splitCommand(expand(entry.cmd ?? ''), isWindows);
  if (argv.length === 0) throw new Fault('config_invalid', `models.${id}: \`cmd\` is empty.`);
  const check = entry.checkEndpoint ?? '/health';
  const variables = (entry.env ?? [])
    .map((pair) => expand(pair))
    .map((pair) => [pair.split('=', 1)[0] ?? '', pair] as const);
  return {
    argv,
    baseUrl: expand(entry.proxy ?? 'http://127.0.0.1:${PORT}')
      .replace(/\/+$/, '')
      .replace('//localhost', '//127.0.0.1'),
    healthPath: check === 'none' ? null : check,
    environment: Object.fromEntries(variables.map(([name, pair]) => [name, pair.slice(name.length + 1)])),
    stopArgv: (pid) =>
      entry.cmdStop === undefined ? null : splitCommand(expand(entry.cmdStop, { PID: pid }), isWindows),
  };
}
