// `drover update` and `drover rollback`: the newest release in place of this executable, or the one before; a running server
// goes over to it without a gap. Never unasked.
import { join } from 'node:path';
import { Fault } from '../base/fault.ts';
import { environment } from '../config/load.ts';
import type { Paths } from '../config/paths.ts';
import { refreshExtras } from '../upgrade/extras.ts';
import { type Installation, installationOf } from '../upgrade/installation.ts';
import { type Looked, look, type RolledBack, rollBack, update as updateInPlace } from '../upgrade/update.ts';
import type { Call, Run } from './command-line.ts';
import { originOf, thisExecutable } from './release-origin.ts';
import { bytesText, dim, green, print, printJson, progressLine, tell } from './terminal.ts';
import { type Restarted, restartServers } from './update-restart.ts';
import { VERSION } from './version.ts';

export const update: Run = async (call) => {
  const { target, source } = originOf(call.config.settings, call.signal);
  const about = { ...source, target, version: VERSION };
  if (call.options.check === true) return tellLooked(call, await look(about));
  const installation = ownInstallation();
  const bar = progressLine(call.isJson);
  const servers = new Servers(call);
  const looked = await updateInPlace({
    ...about,
    installation,
    environment: environment(),
    goOver: (version) => servers.goOver(version),
    configWords: configWords(call.config.paths),
    cacheFolder: join(call.config.paths.cache, 'updates'),
    onStep: (step) => {
      if (step === 'unpacked') bar.update('trying it out', 0, null);
    },
    onProgress: (what, doneBytes, totalBytes) => bar.update(`download ${what}`, doneBytes, totalBytes),
  }).finally(() => bar.stop());
  if (!looked.isNewer) return tellLooked(call, looked);
  return finish(call, installation, { from: looked.current, to: looked.newest }, servers);
};

export const rollback: Run = async (call) => {
  const installation = ownInstallation();
  const servers = new Servers(call);
  const done = await rollBack({
    installation,
    version: VERSION,
    environment: environment(),
    goOver: (version) => servers.goOver(version),
    signal: call.signal,
  });
  return finish(call, installation, done, servers);
};

/** Those that run the executable, and which of them went over to the version in place. */
class Servers {
  readonly #call: Call;
  restarted: readonly Restarted[] = [];

  constructor(call: Call) {
    this.#call = call;
  }

  async goOver(version: string): Promise<void> {
    const { config, options } = this.#call;
    if (options.restart !== false) this.restarted = await restartServers(config.paths, version);
  }
}

/** Another version is in place: what lies beside it follows. */
async function finish(call: Call, installation: Installation, done: RolledBack, servers: Servers): Promise<number> {
  const stale = await refreshExtras(installation.program, { environment: environment(), signal: call.signal });
  for (const path of stale) tell(`  ${path} stays as it was.`);
  return tellDone(call, done, servers.restarted);
}

/** Throws `not_supported` where somebody else looks after the executable. */
function ownInstallation(): Installation {
  const { program, manager } = thisExecutable();
  if (manager === null) return installationOf(program);
  throw new Fault('not_supported', `${manager.name} looks after ${program}.`, { hint: manager.hint });
}

/** The new version must be able to read what is configured. */
const configWords = ({ data, configFile }: Paths): string[] => [
  '--data-dir',
  data,
  ...(configFile === join(data, 'config.yaml') ? [] : ['--config', configFile]),
];

function tellLooked(call: Call, looked: Looked): number {
  if (call.isJson) printJson(looked);
  else if (looked.isNewer) {
    const { sourceSeconds } = looked;
    const day = sourceSeconds === null ? '' : ` of ${new Date(sourceSeconds * 1000).toISOString().slice(0, 10)}`;
    print(`${looked.newest}${day} is there (${bytesText(looked.sizeBytes)}); this is ${looked.current}.`);
    tell('"drover update" brings it.');
  } else
    print(
      `${looked.current} is the newest version${looked.newest === looked.current ? '' : ` (${looked.newest} is released)`}.`,
    );
  return 0;
}

function tellDone(call: Call, { from, to }: RolledBack, restarted: readonly Restarted[]): number {
  if (call.isJson) {
    printJson({ from, to, restarted });
    return 0;
  }
  print(`${green('✓')} ${from} → ${to}`);
  for (const { url, version } of restarted) {
    tell(
      version === to
        ? `  The server at ${url} runs it now.`
        : `  The server at ${url} runs ${version}, from another executable.`,
    );
  }
  tell(dim('  "drover rollback" goes back.', process.stderr));
  return 0;
}
