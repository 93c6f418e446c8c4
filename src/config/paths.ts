// Where things lie on each system: data, cache and logs. Pure but for the platform; the environment is passed in.
import { homedir } from 'node:os';
import { join, resolve } from 'node:path';
import { expandHome } from '../base/file.ts';

export type Environment = Readonly<Record<string, string | undefined>>;

export interface Paths {
  readonly data: string;
  readonly configFile: string;
  readonly store: string;
  readonly lock: string;
  /** Address, pid and local key of the running server; readable by its owner only. */
  readonly serverFile: string;
  readonly engines: string;
  readonly models: string;
  /** What can be fetched again: indices, partial engine downloads. */
  readonly cache: string;
  readonly children: string;
  readonly logs: string;
  readonly logFile: string;
  /** What users' tokens are signed with; readable by its owner only. */
  readonly tokenSecret: string;
  /** Chat sessions that were saved as files. */
  readonly sessions: string;
  /** The saved token for Hugging Face; readable by its owner only. */
  readonly hubToken: string;
}

/** The data directory: the given one, else `DROVER_DATA_DIR`, else the platform's own. */
export function dataFolder(
  environment: Environment,
  given: string | null = null,
  platform: NodeJS.Platform = process.platform,
): string {
  const asked = given ?? environment.DROVER_DATA_DIR ?? null;
  if (asked !== null && asked !== '') return resolve(expandHome(asked));
  const home = homedir();
  if (platform === 'win32') return join(environment.LOCALAPPDATA ?? join(home, 'AppData', 'Local'), 'drover');
  if (platform === 'darwin') return join(home, 'Library', 'Application Support', 'drover');
  return join(environment.XDG_DATA_HOME ?? join(home, '.local', 'share'), 'drover');
}

export function pathsIn(data: string, configFile: string | null = null): Paths {
  return {
    data,
    configFile: configFile === null ? join(data, 'config.yaml') : resolve(expandHome(configFile)),
    store: join(data, 'drover.sqlite'),
    lock: join(data, 'drover.lock'),
    serverFile: join(data, 'server.json'),
    engines: join(data, 'engines'),
    models: join(data, 'models'),
    cache: join(data, 'cache'),
    children: join(data, 'children'),
    logs: join(data, 'logs'),
    logFile: join(data, 'logs', 'drover.log'),
    tokenSecret: join(data, 'token-secret'),
    sessions: join(data, 'sessions'),
    hubToken: join(data, 'hf-token'),
  };
}
