// Brings a server up: data directory, core, keys, listener; a successor waits in between for the word of the server before
// it. It must never listen for other machines without a key.
import { toFault } from '../base/fault.ts';
import type { LogSink } from '../base/log.ts';
import { environment, loadConfig } from '../config/load.ts';
import type { Settings } from '../config/schema.ts';
import { createApp } from '../server/app.ts';
import { Diversion } from '../server/diversion.ts';
import { InstanceDoors } from '../server/instance-doors.ts';
import { Limiter } from '../server/limiter.ts';
import {
  isLoopback,
  type Listener,
  type ListenOptions,
  listen,
  parseAddress,
  requireFreeAddress,
} from '../server/listen.ts';
import { ownKeeper } from '../service/keeper.ts';
import type { Takeover } from '../service/takeover.ts';
import { isFirstRun } from './announce.ts';
import { type OpenedCore, openCore } from './assembly.ts';
import type { ServerFile } from './client.ts';
import type { Call } from './command-line.ts';
import { makeFirstCredentials } from './first-credentials.ts';
import type { FirstRun } from './first-run.ts';
import { Sides, type SidesOptions } from './serve-sides.ts';
import { predecessorOf, takeAddress, warmUp } from './serve-takeover.ts';
import { removeServerFile, writeServerFile } from './server-file.ts';
import { VERSION } from './version.ts';

export class Running implements AsyncDisposable {
  readonly #app: ListenOptions['app'];
  readonly #drainMs: number;
  readonly #sides: Sides;
  readonly #doors: InstanceDoors;
  /** The setting `listen`, as it was read at the start. */
  readonly listenText: string;
  readonly firstRun: FirstRun | null;
  #listener: Listener;
  /** Closed for a successor that did not come up; what they had begun may still run. */
  readonly #former: Listener[] = [];
  /** When the drain began, by `performance.now`. */
  #leavingAt: number | null = null;

  constructor(
    readonly core: OpenedCore,
    readonly diversion: Diversion,
    readonly server: ServerFile,
    how: {
      readonly app: ListenOptions['app'];
      readonly listener: Listener;
      readonly sides: Sides;
      readonly doors: InstanceDoors;
      readonly settings: Settings;
      readonly firstRun: FirstRun | null;
    },
  ) {
    this.firstRun = how.firstRun;
    this.#app = how.app;
    this.#sides = how.sides;
    this.#doors = how.doors;
    this.#listener = how.listener;
    this.#drainMs = how.settings.drainTimeout * 1000;
    this.listenText = how.settings.listen;
  }

  get listener(): Listener {
    return this.#listener;
  }

  /** Requests that are being answered. */
  get pendingCount(): number {
    return [this.#listener, this.#sides, this.#doors, ...this.#former].reduce(
      (sum, listener) => sum + listener.pendingCount,
      0,
    );
  }

  /** How long requests in flight still have, in milliseconds; the clock runs from the first question. */
  leftMs(): number {
    this.#leavingAt ??= performance.now();
    return Math.max(0, this.#drainMs - (performance.now() - this.#leavingAt));
  }

  /** We stay: the next drain has all its time. */
  stay(): void {
    this.#leavingAt = null;
  }

  /** Binds the address again after the listener was closed for a successor. Throws `port_taken`. */
  async listenAgain(): Promise<void> {
    const { hostname } = new URL(this.#listener.urls[0] ?? '');
    const host = hostname.replace(/^\[|\]$/g, '');
    const listener = await listen({ app: this.#app, host, port: this.#listener.port });
    this.#former.push(this.#listener);
    this.#listener = listener;
  }

  writeServerFile(): void {
    writeServerFile(this.core.paths.serverFile, this.server);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const { core } = this;
    removeServerFile(core.paths.serverFile, this.server.pid);
    const drainMs = this.leftMs();
    const listeners = [this.#listener, ...this.#former];
    const closing = [...listeners, this.#sides, this.#doors].map((listener) => listener.close({ drainMs }));
    await Promise.all([...closing, core.drover.close({ drainMs })]);
    await core[Symbol.asyncDispose]();
  }
}

/** `sink`: where the log goes beside its file; null: it is the quiet server of one command. */
export async function startServer(call: Call, sink: LogSink | null, takeover: Takeover | null): Promise<Running> {
  try {
    return await start(call, sink, takeover);
  } catch (thrown) {
    takeover?.failed(toFault(thrown));
    throw thrown;
  }
}

async function start(call: Call, sink: LogSink | null, takeover: Takeover | null): Promise<Running> {
  const before = takeover === null ? null : await predecessorOf(takeover);
  // The server before us may have changed it until the word came.
  const current = before === null ? call : { ...call, config: loadConfig(call.options) };
  const { settings } = current.config;
  const address = parseAddress(settings.listen);
  const core = await openCore(current, {
    holdsLock: true,
    sink,
    keeper: ownKeeper(environment(), takeover?.attendantPid ?? null),
    ...(before === null ? {} : { predecessor: before.predecessor, startsAfter: before.sequence }),
  });
  try {
    const { keys, users, log, drover } = core;
    before?.follow(core);
    const isFirst = takeover === null && sink !== null && isFirstRun(call);
    // Before somebody is asked for anything.
    if (isFirst) await requireFreeAddress(address.host, address.port);
    const firstRun = isFirst ? await (await import('./first-run.ts')).planFirstRun(call, core) : null;
    const isOpenToOthers = !isLoopback(address.host);
    const isLocked = (): boolean => core.settings().auth || core.settings().requireApiKey;
    if (isOpenToOthers && settings.insecure && !isLocked()) {
      log.warn('INSECURE: other machines may use this server without a key');
    } else if (isOpenToOthers || isLocked()) {
      await makeFirstCredentials(core, { isOpenToOthers, listenText: settings.listen });
    }
    const isAnybodyKnown = (): boolean => keys.count > 0 || users.count > 0;
    // Off loopback the last key's removal opens nothing.
    const requiresKey = (): boolean => isLocked() || (isOpenToOthers ? !settings.insecure : isAnybodyKnown());
    core.bus.subscribe(({ event }) => {
      if (event.type !== 'config.changed' || !isLocked() || isAnybodyKnown()) return;
      log.warn('a key is needed now, and there is none', {
        hint: 'Make one with "drover keys add NAME", or a user with "drover users add NAME".',
      });
    });
    const diversion = new Diversion();
    const app = createApp(drover, {
      hostNames: settings.hostNames,
      listenHost: address.host,
      corsOrigins: settings.corsOrigins,
      requiresKey,
      identify: (presented, source) => core.callers.identify(presented, source),
      ...(core.desks === null ? {} : { desks: core.desks, limiter: new Limiter(core.desks.rates) }),
      readyWhen: drover.scanned(),
      engineTargets: () => drover.engineTargets(),
      diversion,
    });
    const doors = new InstanceDoors({
      app,
      drover,
      portOf: (modelId) => core.desks?.instances.ownPort(modelId) ?? null,
      log: log.as('instances'),
    });
    if (before !== null) await warmUp(core);
    const listener =
      takeover === null || before === null
        ? await listen({ app, host: address.host, port: address.port })
        : await takeAddress({ takeover, before, app, address, listenText: settings.listen, log });
    const sides = await openSides({
      app,
      host: address.host,
      texts: settings.alsoListen,
      isSuccessor: before !== null,
      log,
      listener,
    });
    drover.lifecycle.exclusive(sides);
    const server: ServerFile = {
      pid: process.pid,
      url: localUrl(listener),
      key: keys.createTransient(before?.key ?? undefined),
      version: VERSION,
    };
    const running = new Running(core, diversion, server, { app, listener, sides, doors, settings, firstRun });
    running.writeServerFile();
    drover.setUrls(listener.urls);
    log.info('listening', { url: listener.urls[0] ?? '' });
    return running;
  } catch (thrown) {
    await core[Symbol.asyncDispose]();
    throw thrown;
  }
}

/** Where one cannot be opened, the main one is closed too. */
async function openSides({ listener, ...options }: SidesOptions & { readonly listener: Listener }): Promise<Sides> {
  try {
    return await Sides.open(options);
  } catch (thrown) {
    await listener.close();
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
