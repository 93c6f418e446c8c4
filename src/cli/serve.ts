// `drover serve`: takes the data directory, listens, then settles the engine and the models in the background; by a hard
// restart it gives all that to a successor. It must never leave a child behind.
import { watch } from 'node:fs';
import { basename, dirname } from 'node:path';
import { toFault } from '../base/fault.ts';
import { formatLogLine, type LogSink } from '../base/log.ts';
import { Latch, pause } from '../base/sync.ts';
import { environment } from '../config/load.ts';
import type { ReloadOptions } from '../core/drover.ts';
import { attend, isAwaited } from '../service/attendant.ts';
import { hasTerminal } from '../service/keeper.ts';
import { openNotifier } from '../service/notify.ts';
import { ownArgv } from '../service/successor.ts';
import { Takeover } from '../service/takeover.ts';
import { announce, warnWithoutModels } from './announce.ts';
import type { OpenedCore } from './assembly.ts';
import { ServerClient } from './client.ts';
import type { Call, Run } from './command-line.ts';
import { Handover } from './serve-handover.ts';
import { handleSignals } from './serve-signals.ts';
import { type Running, startServer } from './serve-start.ts';
import { readServerFile } from './server-file.ts';
import { tell } from './terminal.ts';

export const serve: Run = async (given) => {
  // A configuration that cannot be read ends it here, before a server that wants to go has rested anything for us.
  const call: Call = { ...given, config: given.config };
  const stderrSink: LogSink = (line) => tell(formatLogLine(line));
  const argv = ownArgv(process.argv, process.execPath, process.execArgv);
  const takeover = Takeover.join(environment());
  const running = await startServer(call, stderrSink, takeover);
  const { core, listener } = running;
  const { drover } = core;
  const ended = new Latch();
  let isAttending = false;
  // A successor is not whom the manager watches.
  const notifier = takeover === null ? openNotifier(environment()) : null;
  const isInTerminal = hasTerminal();
  // Asked at the start: who becomes an orphan later is nobody's concern. A successor's line has its attendant, or needs none.
  const isOursToAttend = takeover === null && isAwaited(environment(), isInTerminal);
  const attendantPid = (): number | null => takeover?.attendantPid ?? (isOursToAttend ? process.pid : null);
  const handover = new Handover({
    running,
    listenText: running.listenText,
    start: () => ({
      argv,
      environment: environment(),
      mark: String(attendantPid() ?? 0),
    }),
    isAlone: () => takeover === null || takeover.isGone,
    onOver: () => ended.open(),
    onShutDown: (why) => stop(why),
  });
  const stop = (why: string): void => {
    core.log.debug('asked to end', { why });
    notifier?.stopping();
    // Once a successor serves, the drain is under way already and ends by itself.
    void handover.abort().then((isLeaving) => {
      if (!isLeaving) ended.open();
    });
  };
  drover.lifecycle.install(handover);
  // Two that look at the folders would both write down what they found.
  drover.lifecycle.exclusive({ pause: () => core.library.unwatch(), resume: () => core.library.watch() });
  if (core.desks !== null) {
    const { downloads, configuration, tests, instances } = core.desks;
    // Two that download would write into the same files.
    drover.lifecycle.exclusive({ pause: () => downloads.rest(), resume: () => downloads.goOn() });
    // Two that measure would measure each other; the successor goes on with what waits.
    drover.lifecycle.exclusive({ pause: () => tests.rest(), resume: () => tests.goOn() });
    // The successor reads the configuration once it has the word.
    drover.lifecycle.exclusive({ pause: () => configuration.settled(), resume: () => undefined });
    // Two that start what is wanted would both want its memory.
    drover.lifecycle.exclusive({ pause: () => instances.rest(), resume: () => instances.goOn() });
  }
  handleSignals({
    log: core.log,
    hasTerminal: isInTerminal,
    hasForwarder: () => takeover !== null && (!takeover.isGone || takeover.attendantPid !== null),
    onStop: stop,
    onForce: () => {
      handover.forceEnd();
      void drover.stopAll({ force: true }).finally(() => process.exit(130));
    },
    onHangUp: () => void reload(core, 'SIGHUP'),
    isAttending: () => isAttending,
    heir: () => (handover.isLeaving ? (readServerFile(core.paths.serverFile)?.pid ?? null) : null),
  });
  // Not before signals end us in good order: the server before us may hand one on at once.
  takeover?.listening(running.server.url);
  const stopWatching = watchConfig(core, () => !handover.isLeaving);
  announce(core, listener.urls);
  notifier?.ready();
  // What can wait has waited until now, and waits for whoever is at the door already.
  await pause(0);
  const { firstRun } = running;
  void settle(core).then(async () => {
    if (firstRun !== null) await (await import('./first-run.ts')).endFirstRun(core, firstRun, listener.urls);
  });
  // It may have changed since we have read it, and nobody watched.
  if (takeover !== null) void reload(core, 'another server served before', { isForNews: true });
  await ended.promise;
  stopWatching();
  await running[Symbol.asyncDispose]();
  const { successor } = handover;
  if (successor === null) return 0;
  successor.hangUp();
  if (attendantPid() !== process.pid) return 0;
  isAttending = true;
  return attend({ successor, servingPid: () => readServerFile(core.paths.serverFile)?.pid ?? null });
};

/** A server for the time of one command: on a free port of loopback, its log in the file only. */
export async function startQuietly(call: Call): Promise<{ readonly client: ServerClient } & AsyncDisposable> {
  const quiet: Call = {
    ...call,
    config: { ...call.config, settings: { ...call.config.settings, listen: '127.0.0.1:0', alsoListen: [] } },
  };
  const running: Running = await startServer(quiet, null, null);
  void running.core.drover.settleEngine().catch(() => undefined);
  await running.core.drover.rescan();
  return {
    client: new ServerClient(running.server),
    [Symbol.asyncDispose]: () => running[Symbol.asyncDispose](),
  };
}

async function settle(core: OpenedCore): Promise<void> {
  const scanned = core.drover
    .rescan()
    .catch((thrown: unknown) => core.log.error(`the models could not be scanned: ${toFault(thrown).message}`));
  const settled = core.drover.settleEngine().catch(() => null);
  await scanned;
  core.library.watch();
  await settled;
  warnWithoutModels(core);
  core.drover.preload();
  core.desks?.instances.resume();
}

async function reload(core: OpenedCore, why: string, options: ReloadOptions = {}): Promise<void> {
  try {
    const touched = await core.drover.reload(options);
    core.log.info('configuration read again', { why, touched });
  } catch (thrown) {
    const fault = toFault(thrown);
    core.log.error(fault.message, { hint: fault.hint });
  }
}

/** Takes an edited configuration file up. The folder is watched, since editors replace the file. */
function watchConfig(core: OpenedCore, mayReload: () => boolean): () => void {
  const file = core.paths.configFile;
  let timer: ReturnType<typeof setTimeout> | null = null;
  try {
    const watcher = watch(dirname(file), (_, name) => {
      if (name !== null && name !== basename(file)) return;
      if (timer !== null) clearTimeout(timer);
      timer = setTimeout(() => {
        if (mayReload()) void reload(core, 'the file changed', { isForNews: true });
      }, 100);
    });
    watcher.on('error', () => watcher.close());
    return () => watcher.close();
  } catch (thrown) {
    core.log.warn(`${file} is not watched: ${String(thrown)}`, { hint: 'Send SIGHUP after a change.' });
    return () => undefined;
  }
}
