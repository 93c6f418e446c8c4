// Which settings only a new start can take up. Pure.
import type { SettingName, Settings } from '../config/schema.ts';

const NAMES: readonly SettingName[] = [
  ...(['listen', 'alsoListen', 'hostNames', 'corsOrigins', 'engine', 'backend', 'preferredBackend'] as const),
  ...(['offline', 'insecure', 'queueTimeout', 'downloadHosts', 'githubApi', 'githubDownloads'] as const),
  'debianArchive',
];

export const countsLater = (name: SettingName): boolean => NAMES.includes(name);

/** Those that have changed. */
export const settingsForLater = (before: Settings, after: Settings): readonly SettingName[] =>
  NAMES.filter((name) => JSON.stringify(before[name]) !== JSON.stringify(after[name]));
