// `drover serve`: takes the data directory, listens, then settles the engine and the models in the background.
// It must never leave a child behind, and never listen for other machines without a key.
import { unlinkSync, watch } from 'node:fs';
import { basename, dirname } from 'node:path';
import { toFault } from '../base/fault.ts';
import { writeFileAtomically } from '../base/file.ts';
import { formatLogLine, type LogSink } from '../base/log.ts';
import { Latch } from '../base/sync.ts';
import type { ReloadOptions } from '../core/drover.ts';
import { createApp } from '../server/app.ts';
import { isLoopback, type Listener, listen, parseAddress } from '../server/listen.ts';
import { type OpenedCore, openCore } from './assembly.ts';
import { ServerClient, type ServerFile } from './client.ts';
import type { Call, Run } from './command-line.ts';
import { announce, isFirstRun, planFirstRun, warnWithoutModels } from './first-run.ts';
import { tell } from './terminal.ts';
import { VERSION } from './version.ts';

interface Running extends AsyncDisposable {
  readonly core: OpenedCore;
  readonly listener: Listener;
  readonly server: ServerFile;
}

export const serve: Run = async (call) => {
  const stderrSink: LogSink = (line) => tell(formatLogLine(line));
  const running = await start(call, stderrSink);
  const { core, listener } = running;
  const ended = new Latch<number>();
  handleSignals(running, ended);
  const stopWatching = watchConfig(core);
  announce(core, listener.urls);
  // What can wait has waited until now: the first request may already be here.
  void settle(core);
  const exitCode = await ended.promise;
  stopWatching();
  await running[Symbol.asyncDispose]();
  return exitCode;
};

/** A server for the time of one command: on a free port of loopback, its log in the file only. */
export async function startQuietly(call: Call): Promise<{ readonly client: ServerClient } & AsyncDisposable> {
  const quiet: Call = {
    ...call,
    config: { ...call.config, settings: { ...call.config.settings, listen: '127.0.0.1:0' } },
  };
  const running = await start(quiet, null);
  void running.core.drover.settleEngine().catch(() => undefined);
  await running.core.drover.rescan();
  return {
    client: new ServerClient(running.server),
    [Symbol.asyncDispose]: () => running[Symbol.asyncDispose](),
  };
}

async function start(call: Call, sink: LogSink | null): Promise<Running> {
  const { settings, paths } = call.config;
  const address = parseAddress(settings.listen);
  const core = await openCore(call, { holdsLock: true, sink });
  try {
    const { keys, log } = core;
    if (sink !== null && isFirstRun(call)) await planFirstRun(call, core);
    const isOpenToOthers = !isLoopback(address.host);
    const isLocked = (): boolean => core.settings().auth || core.settings().requireApiKey;
    if (isOpenToOthers && settings.insecure && !isLocked()) {
      log.warn('INSECURE: other machines may use this server without a key');
    } else if ((isOpenToOthers || isLocked()) && keys.count === 0) {
      const why = isOpenToOthers ? `Other machines can reach ${settings.listen}` : 'You asked for it';
      tell(`\n  ${why}, so a key is needed. This is it, shown only now:\n\n    ${keys.create('admin', ['admin'])}\n`);
    }
    // Off loopback the last key's removal opens nothing.
    const requiresKey = (): boolean => isLocked() || (isOpenToOthers ? !settings.insecure : keys.count > 0);
    core.bus.subscribe(({ event }) => {
      if (event.type !== 'config.changed' || !isLocked() || keys.count > 0) return;
      log.warn('a key is needed now, and there is none', { hint: 'Make one with "drover keys add NAME".' });
    });
    const app = createApp(core.drover, {
      hostNames: settings.hostNames,
      listenHost: address.host,
      corsOrigins: settings.corsOrigins,
      requiresKey,
      identify: (presented, source) => keys.identify(presented, source),
      ...(core.desks === null ? {} : { desks: core.desks }),
      readyWhen: core.drover.scanned(),
      engineTargets: () => core.drover.engineTargets(),
    });
    const listener = await listen({ app, host: address.host, port: address.port });
    const server: ServerFile = {
      pid: process.pid,
      url: localUrl(listener),
      key: keys.createTransient(),
      version: VERSION,
    };
    writeFileAtomically(paths.serverFile, `${JSON.stringify(server)}\n`, { mode: 0o600 });
    core.drover.setUrls(listener.urls);
    log.info('listening', { url: listener.urls[0] ?? '' });
    return {
      core,
      listener,
      server,
      [Symbol.asyncDispose]: async () => {
        try {
          unlinkSync(paths.serverFile);
        } catch {
          // Somebody tidied up already.
        }
        const drainMs = settings.drainTimeout * 1000;
        await Promise.all([listener.close({ drainMs }), core.drover.close({ drainMs })]);
        await core[Symbol.asyncDispose]();
      },
    };
  } catch (thrown) {
    await core[Symbol.asyncDispose]();
    throw thrown;
  }
}

/** The address that our own machine uses: a wildcard is no address. */
function localUrl(listener: Listener): string {
  const url = new URL(listener.urls[0] ?? 'http://127.0.0.1');
  if (url.hostname === '0.0.0.0') url.hostname = '127.0.0.1';
  if (url.hostname === '[::]') url.hostname = '[::1]';
  return url.origin;
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
}

/** The first signal drains, the second forces. */
function handleSignals(running: Running, ended: Latch<number>): void {
  const { log, drover } = running.core;
  // A mistake of ours in one place must not cut everybody's streams: it is told, and the server goes on.
  const survive = (thrown: unknown): void =>
    log.error('an error that nobody caught; please report it', {
      error: thrown instanceof Error ? (thrown.stack ?? thrown.message) : String(thrown),
    });
  process.on('uncaughtException', survive);
  process.on('unhandledRejection', survive);
  let isStopping = false;
  const stop = (signal: string): void => {
    if (isStopping) {
      log.warn('stopping at once', { signal });
      void drover.stopAll({ force: true }).finally(() => process.exit(130));
      return;
    }
    isStopping = true;
    log.info('stopping', { signal });
    ended.open(0);
  };
  process.on('SIGINT', () => stop('SIGINT'));
  process.on('SIGTERM', () => stop('SIGTERM'));
  // On a terminal a hang-up says that the window was closed; a service is told by it to read its configuration again.
  const hasTerminal = process.stdin.isTTY === true || process.stderr.isTTY === true;
  process.on('SIGHUP', () => (hasTerminal ? stop('SIGHUP') : void reload(running.core, 'SIGHUP')));
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
function watchConfig(core: OpenedCore): () => void {
  const file = core.paths.configFile;
  let timer: ReturnType<typeof setTimeout> | null = null;
  try {
    const watcher = watch(dirname(file), (_, name) => {
      if (name !== null && name !== basename(file)) return;
      if (timer !== null) clearTimeout(timer);
      timer = setTimeout(() => void reload(core, 'the file changed', { isForNews: true }), 100);
    });
    watcher.on('error', () => watcher.close());
    return () => watcher.close();
  } catch (thrown) {
    core.log.warn(`${file} is not watched: ${String(thrown)}`, { hint: 'Send SIGHUP after a change.' });
    return () => undefined;
  }
}
