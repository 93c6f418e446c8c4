// The options of each verb as data, with their words taken apart: the command line, completion and the manual read it.
import { SETTINGS, type SettingName } from '../config/schema.ts';
import type { Verb } from './verbs.ts';

/** Of every verb. */
export const COMMON_OPTIONS: readonly (readonly [flags: string, help: string])[] = [
  ['--data-dir <dir>', 'where Drover keeps its things'],
  ['--config <file>', 'configuration file (default: config.yaml in the data directory)'],
  ['--json', 'print JSON'],
];
export const HELP_OPTION = ['-h, --help', 'print help'] as const;
export const VERSION_OPTION = ['-V, --version', 'print the version'] as const;
/** Of `drover` without a verb, beside the settings. */
export const FIRST_RUN_OPTION = ['-y, --yes', 'do not ask before the first download'] as const;

export interface OptionFacts {
  /** `--data-dir`. */
  readonly long: string;
  /** `-y`. */
  readonly short: string | null;
  /** What it takes, in a word: `dir`; null: it is a switch. */
  readonly value: string | null;
  readonly isRepeatable: boolean;
  readonly help: string;
  readonly setting: SettingName | null;
}

export function optionFacts(flags: string, help: string, setting: SettingName | null = null): OptionFacts {
  const value = /[<[]([^>\]]+)[>\]]/.exec(flags)?.[1] ?? null;
  return {
    long: /--[a-z][a-z-]*/.exec(flags)?.[0] ?? flags,
    short: /(?:^|[\s,])(-[A-Za-z])(?=[\s,]|$)/.exec(flags)?.[1] ?? null,
    value: value === null ? null : value.replace(/\.\.\.$/, ''),
    isRepeatable: value?.endsWith('...') === true,
    help,
    setting,
  };
}

/** The settings that the command line can say, as options. */
export const settingOptions = (): readonly OptionFacts[] =>
  (Object.keys(SETTINGS) as SettingName[]).flatMap((name) => {
    const { flag, help } = SETTINGS[name];
    return flag === null ? [] : [optionFacts(flag, help, name)];
  });

/** All that a verb takes, its own first; null is `drover` alone. */
export function optionsOf(verb: Verb | null): readonly OptionFacts[] {
  const own = verb === null ? [FIRST_RUN_OPTION, VERSION_OPTION] : (verb.options ?? []);
  return [
    ...own.map(([flags, help]) => optionFacts(flags, help)),
    ...[...COMMON_OPTIONS, HELP_OPTION].map(([flags, help]) => optionFacts(flags, help)),
    ...(verb === null || verb.takesSettings === true ? settingOptions() : []),
  ];
}
