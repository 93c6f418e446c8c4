// What the program knows of itself and of what is around it, for who looks for what is wrong. It only looks.
import { readFileSync, statSync } from 'node:fs';
import { userInfo } from 'node:os';
import type { KeyRing } from '../access/keys.ts';
import type { UserBook } from '../access/users.ts';
import type { Environment, Paths } from '../config/paths.ts';
import type { Settings } from '../config/schema.ts';
import { maskSecrets } from '../config/secrets.ts';
import type { Surroundings } from '../core/findings.ts';
import { isLoopback, parseAddress } from '../server/address.ts';
import { configurationWarnings } from './config-file.ts';
import { BUILT_AT } from './version.ts';

export interface SurroundingsOptions {
  readonly paths: Paths;
  readonly settings: () => Settings;
  readonly environment: Environment;
  readonly keys: Pick<KeyRing, 'count'>;
  readonly users: Pick<UserBook, 'count'>;
}

export function surroundingsOf(options: SurroundingsOptions): Surroundings {
  const { paths, settings, environment, keys, users } = options;
  return {
    configWarnings: () => configurationWarnings(paths.configFile),
    settings,
    isLoopback: (listen) => isLoopback(parseAddress(listen).host),
    isAnybodyKnown: () => keys.count > 0 || users.count > 0,
    environment,
    userName: userInfo().username,
    folder: () => ({
      dataFolder: paths.data,
      secrets: [paths.tokenSecret, paths.hubToken, paths.serverFile, paths.store, ...secretConfig(paths.configFile)],
      hasModes: process.getuid !== undefined,
      now: Date.now(),
    }),
    knownAt: () => [
      ...(BUILT_AT === null ? [] : [{ what: 'this program was made from its source of', at: BUILT_AT }]),
      ...changedAt('the store was last changed', paths.store),
    ],
  };
}

/** The file of the configuration where a secret stands in it. */
function secretConfig(path: string): readonly string[] {
  try {
    const text = readFileSync(path, 'utf8');
    return maskSecrets(text) === text ? [] : [path];
  } catch {
    return [];
  }
}

function changedAt(what: string, path: string): readonly { readonly what: string; readonly at: number }[] {
  const found = statSync(path, { throwIfNoEntry: false });
  return found === undefined ? [] : [{ what, at: found.mtimeMs }];
}
