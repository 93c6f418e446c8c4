// argv → one verb. The table of verbs is data; each verb's code is loaded only when it is asked for.
// It must never do a verb's work itself.
import { Command, CommanderError, Option } from 'commander';
import { exitCodeOf, toFault } from '../base/fault.ts';
import { type LoadedConfig, loadConfig } from '../config/load.ts';
import { SETTINGS } from '../config/schema.ts';
import { COMMON_OPTIONS, FIRST_RUN_OPTION, HELP_OPTION, VERSION_OPTION } from './option-table.ts';
import { red, tell } from './terminal.ts';
import { VERBS, type Verb } from './verbs.ts';
import { VERSION } from './version.ts';

/** What every verb is given. */
export interface Call {
  readonly config: LoadedConfig;
  readonly words: readonly (string | readonly string[] | undefined)[];
  readonly options: Readonly<Record<string, unknown>>;
  readonly isJson: boolean;
  /** Aborts on the first interrupt. */
  readonly signal: AbortSignal;
}

/** Returns the process exit code. */
export type Run = (call: Call) => Promise<number>;

export function makeProgram(
  onVerb: (verb: Verb, words: Call['words'], options: Record<string, unknown>) => Promise<void>,
): Command {
  const program = new Command('drover')
    .description('Makes this machine serve language models.')
    .version(VERSION, ...VERSION_OPTION)
    .helpOption(...HELP_OPTION)
    .helpCommand('help [command]', 'print help for a command')
    .showHelpAfterError('(drover --help tells more)')
    .enablePositionalOptions()
    .exitOverride();
  for (const verb of VERBS) {
    const command = program
      .command(`${verb.name} ${verb.words}`.trim(), { hidden: verb.isHidden === true })
      .description(verb.help)
      .exitOverride();
    for (const alias of verb.aliases ?? []) command.alias(alias);
    addCommonOptions(command);
    if (verb.takesSettings === true) addSettings(command);
    for (const [flags, help] of verb.options ?? []) command.option(flags, help);
    command.action(async (...given: unknown[]) => {
      const words = given.slice(0, -2) as Call['words'];
      await onVerb(verb, words, bySettingName(command.optsWithGlobals()));
    });
  }
  // `drover` alone is the first run: plan, confirm, serve.
  addCommonOptions(program);
  addSettings(program);
  program.option(...FIRST_RUN_OPTION);
  program.action(async () => {
    const serve = VERBS.find((verb) => verb.name === 'serve');
    if (serve !== undefined) await onVerb(serve, [], bySettingName(program.opts()));
  });
  return program;
}

export async function runCommandLine(argv: readonly string[]): Promise<void> {
  const controller = new AbortController();
  let exitCode = 0;
  const program = makeProgram(async (verb, words, options) => {
    // `serve` ends itself in good order; every other verb is simply cut off.
    if (verb.name !== 'serve')
      process.once('SIGINT', () => controller.abort(new DOMException('interrupted', 'AbortError')));
    const run = await verb.load();
    let config: LoadedConfig | null = null;
    exitCode = await run({
      // Read where it is asked for: a wrong file is no matter of `version`, `man` and `completion`.
      get config() {
        config ??= loadConfig(options);
        return config;
      },
      words,
      options,
      isJson: options.json === true,
      signal: controller.signal,
    });
  });
  try {
    await program.parseAsync(argv, { from: 'user' });
  } catch (thrown) {
    if (thrown instanceof CommanderError) {
      // Help and version are no errors; commander has printed what was wrong otherwise.
      process.exit(thrown.exitCode === 0 ? 0 : 2);
    }
    const fault = toFault(thrown);
    if (argv.includes('--json')) {
      process.stderr.write(
        `${JSON.stringify({ error: { code: fault.kind, message: fault.message, hint: fault.hint ?? null } })}\n`,
      );
    } else {
      tell(`${red('drover:', process.stderr)} ${fault.message}`);
      if (fault.hint !== undefined) tell(`  ${fault.hint}`);
      if (fault.kind === 'internal' && fault.cause instanceof Error) tell(fault.cause.stack ?? '');
    }
    process.exit(exitCodeOf(fault));
  }
  // Pipes are written to their end before the process goes.
  await new Promise<void>((resolve) => process.stdout.write('', () => resolve()));
  process.exit(exitCode);
}

function addCommonOptions(command: Command): void {
  for (const [flags, help] of COMMON_OPTIONS) command.option(flags, help);
}

function addSettings(command: Command): void {
  for (const setting of Object.values(SETTINGS)) {
    if (setting.flag === null) continue;
    const isList = setting.flag.endsWith('...>');
    const option = new Option(
      setting.flag.replace('...>', '>'),
      isList ? `${setting.help} (repeatable)` : setting.help,
    );
    // Not commander's variadic options: those swallow the words that follow.
    if (isList) option.argParser((word: string, before: string[] | undefined) => [...(before ?? []), word]);
    if (setting.env !== null)
      option.helpGroup('Settings (each also a key of config.yaml and an environment variable DROVER_…):');
    command.addOption(option);
  }
}

/** `--models-folder` is the setting `modelsFolders`: options get the names that the configuration has. */
function bySettingName(options: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const named: Record<string, unknown> = { ...options };
  for (const [name, setting] of Object.entries(SETTINGS)) {
    if (setting.flag === null) continue;
    const attribute = new Option(setting.flag).attributeName();
    if (attribute === name || !(attribute in named)) continue;
    named[name] = named[attribute];
    delete named[attribute];
  }
  return named;
}
