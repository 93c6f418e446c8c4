// The effective settings: default < file < environment < flags. The only reader of the environment.
// It must never keep a value of the environment that no setting asks for.
import { existsSync } from 'node:fs';
import { Value } from '@sinclair/typebox/value';
import { Fault } from '../base/fault.ts';
import { readConfig, type Warning } from './document.ts';
import { dataFolder, type Environment, type Paths, pathsIn } from './paths.ts';
import { defaultSettings, SETTINGS, type SettingName, type Settings } from './schema.ts';

/** What the command line said, by setting; absent where it said nothing. */
export type FlagValues = Readonly<Record<string, unknown>>;

export interface LoadedConfig {
  readonly settings: Settings;
  readonly paths: Paths;
  readonly warnings: readonly Warning[];
  /** Who had the last word on each setting. */
  readonly origins: Readonly<Record<SettingName, 'default' | 'file' | 'environment' | 'flag'>>;
}

export const environment = (): Environment => process.env;

export function loadConfig(flags: FlagValues = {}, env: Environment = environment()): LoadedConfig {
  const given = (name: string): string | null => (typeof flags[name] === 'string' ? flags[name] : null);
  const named = given('config') ?? env.DROVER_CONFIG ?? null;
  const paths = pathsIn(dataFolder(env, given('dataDir')), named);
  if (named !== null && !existsSync(paths.configFile)) {
    throw new Fault('config_invalid', `There is no configuration file ${paths.configFile}.`, {
      hint: 'Mend the name, or leave --config away to use the data directory’s own.',
    });
  }
  const { parsed } = readConfig(paths.configFile);
  const settings: Record<string, unknown> = { ...defaultSettings() };
  const origins: Record<string, string> = {};
  for (const [name, entry] of Object.entries(SETTINGS)) {
    origins[name] = 'default';
    const fromFile = (parsed.values as Record<string, unknown>)[name];
    if (fromFile !== undefined) {
      settings[name] = fromFile;
      origins[name] = 'file';
    }
    const fromEnvironment = entry.env === null ? undefined : env[entry.env];
    if (fromEnvironment !== undefined && fromEnvironment !== '') {
      settings[name] = read(entry.schema, fromEnvironment, entry.env ?? name);
      origins[name] = 'environment';
    }
    const fromFlag = flags[name];
    if (fromFlag !== undefined && !(entry.flag?.startsWith('--no-') === true && fromFlag === true)) {
      settings[name] = read(entry.schema, fromFlag, entry.flag ?? name);
      origins[name] = 'flag';
    }
  }
  return {
    settings: settings as unknown as Settings,
    paths,
    warnings: parsed.warnings,
    origins: origins as LoadedConfig['origins'],
  };
}

/** Turns words of the environment or the command line into the setting's type. */
function read(schema: (typeof SETTINGS)[SettingName]['schema'], given: unknown, name: string): unknown {
  const isList = (schema as { type?: string }).type === 'array';
  const value = isList && typeof given === 'string' ? splitList(given) : given;
  for (const candidate of [value, ...literalReadings(value)]) if (Value.Check(schema, candidate)) return candidate;
  const error = Value.Errors(schema, value).First();
  throw new Fault(
    'config_invalid',
    `${name}: ${JSON.stringify(given)} is not usable: ${error?.message ?? 'wrong type'}`,
    {
      hint: 'See "drover serve --help" for what it takes.',
    },
  );
}

function literalReadings(value: unknown): unknown[] {
  if (typeof value !== 'string') return [];
  const readings: unknown[] = [];
  if (/^-?\d+(\.\d+)?$/.test(value.trim())) readings.push(Number(value));
  if (/^(1|true|yes|on)$/i.test(value)) readings.push(true);
  if (/^(0|false|no|off)$/i.test(value)) readings.push(false);
  return readings;
}

// A comma or the platform's own list separator; a Windows drive keeps its colon.
const splitList = (value: string): string[] =>
  value
    .split(/[,;\n]/)
    .map((part) => part.trim())
    .filter((part) => part !== '');
