// `drover man`: the manual page as roff, made of the tables that the program itself goes by. One build prints one text: it
// must never hold a date but the build's.
import { pathsIn } from '../config/paths.ts';
import { SETTINGS, type SettingName } from '../config/schema.ts';
import type { Run } from './command-line.ts';
import { ENVIRONMENT, EXAMPLES, EXIT_CODES, PATH_HELP } from './manual-facts.ts';
import {
  COMMON_OPTIONS,
  FIRST_RUN_OPTION,
  HELP_OPTION,
  type OptionFacts,
  optionFacts,
  optionsOf,
  VERSION_OPTION,
} from './option-table.ts';
import { bold, escaped, example, filled, italic, operands, paragraphs, section, tagged } from './roff.ts';
import { settingCatalog } from './setting-catalog.ts';
import { print } from './terminal.ts';
import { VERBS, type Verb } from './verbs.ts';
import { BUILT_AT, VERSION } from './version.ts';

const LINUX_DATA = '~/.local/share/drover';

/** `builtAt` is epoch milliseconds, or null where it is not known: then no date stands in it. */
export function manualPage({
  version,
  builtAt,
}: {
  readonly version: string;
  readonly builtAt: number | null;
}): string {
  const day = builtAt === null ? '' : new Date(builtAt).toISOString().slice(0, 10);
  return [
    `.TH DROVER 1 "${day}" "Drover ${escaped(version)}" "User Commands"`,
    section('NAME', 'drover \\- make a machine serve language models'),
    section('SYNOPSIS', synopsis()),
    section('DESCRIPTION', description()),
    section('VERBS', ...VERBS.filter(({ isHidden }) => isHidden !== true).map(verbPart)),
    section('OPTIONS', ...optionParts()),
    section('SETTINGS', settingsIntroduction(), ...(Object.keys(SETTINGS) as SettingName[]).map(settingPart)),
    section('FILES', filesIntroduction(), ...fileParts()),
    section('ENVIRONMENT', filled('Beside those of the settings:'), ...ENVIRONMENT.map(plainPart)),
    section('EXIT STATUS', ...EXIT_CODES.map(([code, meaning]) => plainPart([String(code), meaning]))),
    section('EXAMPLES', ...EXAMPLES.map(examplePart)),
    section('SEE ALSO', seeAlso()),
  ].join('\n');
}

function synopsis(): string {
  const verb = `${bold('drover')} ${italic('verb')} [${italic('word')} ...] [${italic('option')} ...]`;
  return `${bold('drover')} [${italic('option')} ...]\n.br\n${verb}`;
}

const description = (): string =>
  paragraphs(
    escaped(
      'Drover looks at the hardware, fetches the build of llama.cpp that fits, proves that it works on this machine, finds the GGUF files that are there, and serves them with the API of OpenAI and those of other tools on one port. Models start when they are asked for, share the memory that there is, and leave when others need it.',
    ),
    `${escaped('Without a verb, it shows what it would do, asks, and serves as')} ${bold('serve')} ${escaped('does.')}`,
    escaped(
      'Data goes to the standard output, everything else to the standard error; with --json a verb that reads prints JSON. Nothing is asked where the standard input is no terminal.',
    ),
  );

function verbPart(verb: Verb): string {
  const names = [verb.name, ...(verb.aliases ?? [])].map(bold).join(', ');
  const settings = verb.takesSettings === true ? ' Takes the settings that have an option, too.' : '';
  const own = (verb.options ?? []).map(([flags, help]) => optionPart(optionFacts(flags, help)));
  return [
    tagged(`${names} ${operands(verb.words)}`.trim(), escaped(`${sentence(verb.help)}${settings}`)),
    ...(own.length === 0 ? [] : ['.RS', ...own, '.RE']),
  ].join('\n');
}

function optionParts(): readonly string[] {
  const parts = (options: readonly (readonly [string, string])[]): readonly string[] =>
    options.map(([flags, help]) => optionPart(optionFacts(flags, help)));
  return [
    filled('Every verb takes these:'),
    ...parts([...COMMON_OPTIONS, HELP_OPTION]),
    '.PP',
    filled('Without a verb there are, beside the settings:'),
    ...parts([FIRST_RUN_OPTION, VERSION_OPTION]),
  ];
}

function optionTag({ short, long, value }: OptionFacts): string {
  const names = [short, long].filter((name) => name !== null).map(bold);
  return `${names.join(', ')}${value === null ? '' : ` ${italic(value)}`}`;
}

const optionPart = (option: OptionFacts): string => tagged(optionTag(option), escaped(sentence(option.help)));

const settingsIntroduction = (): string =>
  paragraphs(
    escaped(
      'Each is a key of the configuration file; most are environment variables and many are options too. A default gives way to the file, the file to the environment, the environment to an option. Lists are separated by commas in the environment; as options they are repeated.',
    ),
    `${bold('drover config get')} ${escaped('shows what counts now, and where it comes from.')}`,
  );

function settingPart(name: SettingName): string {
  const { help, env, default: fallback } = SETTINGS[name];
  const option = optionsOf(null).find(({ setting }) => setting === name);
  const choices = settingCatalog().find((one) => one.name === name)?.choices ?? [];
  const isSaid = choices.every((choice) => help.includes(choice));
  const places = [
    option === undefined ? null : `Option${option.isRepeatable ? ' (repeatable)' : ''}: ${optionTag(option)}.`,
    env === null ? null : `Environment: ${bold(env)}.`,
    isSaid ? null : escaped(`One of: ${choices.join(', ')}.`),
    isPlain(fallback) ? `Default: ${bold(String(fallback))}.` : null,
  ].filter((place) => place !== null);
  return tagged(bold(name), [escaped(sentence(help)), ...places].join(' '));
}

/** What can be said in a word; what is empty says nothing. */
const isPlain = (value: unknown): boolean =>
  typeof value === 'boolean' || typeof value === 'number' || (typeof value === 'string' && value !== '');

const filesIntroduction = (): string =>
  filled(
    escaped(
      `Everything lies in the data directory: ${LINUX_DATA} on Linux, ~/Library/Application Support/drover on macOS, %LOCALAPPDATA%\\drover on Windows, or what --data-dir names. In it:`,
    ),
  );

function fileParts(): readonly string[] {
  const paths = pathsIn('.');
  return (Object.keys(PATH_HELP) as (keyof typeof PATH_HELP)[]).map((name) =>
    plainPart([paths[name].replaceAll('\\', '/'), PATH_HELP[name]]),
  );
}

const plainPart = ([name, help]: readonly [string, string]): string => tagged(bold(name), escaped(sentence(help)));

const examplePart = ([what, line]: readonly [string, string], index: number): string =>
  `${what === '' ? '' : `${index === 0 ? '' : '.PP\n'}${filled(escaped(what))}\n`}${example(line)}`;

const seeAlso = (): string =>
  paragraphs(
    `${bold('systemctl')}(1), ${bold('journalctl')}(1)`,
    escaped('While it serves, the page is at /ui/ and the description of every API at /docs of its address.'),
  );

/** Help is written for a table: it ends without a stop. */
const sentence = (help: string): string => (/[.!?]$/.test(help) ? help : `${help}.`);

export const man: Run = async () => {
  print(manualPage({ version: VERSION, builtAt: BUILT_AT }));
  return 0;
};
