// Listens and drains; takes a listening socket over from a predecessor and leaves it to a successor. A port that is taken is an
// error that names its holder; a stop lets running answers finish, up to a deadline. It must never share a port silently, nor
// cut a silent answer by an idle timer.
import type { AnyElysia } from 'elysia';
import { errorCode, Fault } from '../base/fault.ts';
import { INFERENCE_LIMIT_BYTES } from '../dialects/intake.ts';
import { authorityOf } from './address.ts';
import { discardSocket, listeningDescriptor, pauseAccepting, takePlace } from './listening-socket.ts';
import { portHolder } from './port-holder.ts';

export { isLoopback, parseAddress } from './address.ts';

export interface ListenOptions {
  readonly app: AnyElysia;
  /** `127.0.0.1`, `::1`, `0.0.0.0`, a name. */
  readonly host: string;
  /** 0: any free one. */
  readonly port: number;
  /** A listening socket of that address that this process was given, by its descriptor; taken over, or closed. */
  readonly inherited?: number | undefined;
}

export interface Listener {
  readonly port: number;
  /** `http://127.0.0.1:5800`, the first one for people. */
  readonly urls: readonly string[];
  /** Requests that are being answered. */
  readonly pendingCount: number;
  /** The socket itself, for a successor; null where it cannot be handed over. */
  descriptor(): number | null;
  /**
   * Leaves new connections to the other process that holds the socket; kept ones are still served. Returns the way back
   * (false: it failed), or null where it cannot be done.
   */
  pause(): (() => boolean) | null;
  /** Accepts nothing more, waits for running answers up to `drainMs` (default 0), then ends them. */
  close(options?: { readonly drainMs?: number }): Promise<void>;
}

/** Throws `port_taken`, `bad_request` when the host is none of this machine's, `not_supported` when the inherited socket cannot be taken over. */
export async function listen(options: ListenOptions): Promise<Listener> {
  const { app, host, port, inherited } = options;
  try {
    app.listen({
      // Only a place to put the inherited socket in.
      hostname: inherited === undefined ? host : '127.0.0.1',
      port: inherited === undefined ? port : 0,
      reusePort: false,
      idleTimeout: 0,
      development: false,
      // A little above our own limit, so that whoever passes it gets our answer, not a cut connection.
      maxRequestBodySize: INFERENCE_LIMIT_BYTES + 1024 * 1024,
    });
  } catch (thrown) {
    if (inherited !== undefined) discardSocket(inherited);
    throw await listenFault(thrown, host, port);
  }
  const { server } = app;
  if (server === null) throw new Fault('internal', 'The server did not start.');
  if (inherited !== undefined && !takePlace(inherited, server.port ?? 0)) {
    await server.stop(true);
    throw new Fault('not_supported', 'The listening socket could not be taken over.');
  }
  const boundPort = server.port ?? port;
  return {
    port: boundPort,
    urls: [`http://${authorityOf({ host, port: boundPort })}`],
    get pendingCount() {
      return server.pendingRequests;
    },
    descriptor: () => listeningDescriptor(boundPort),
    pause: () => {
      const descriptor = listeningDescriptor(boundPort);
      return descriptor === null ? null : pauseAccepting(descriptor);
    },
    close: ({ drainMs = 0 } = {}) => drained(server, drainMs),
  };
}

/** Throws `port_taken` or `bad_request` where nobody could listen there now, before somebody is asked for anything. */
export async function requireFreeAddress(host: string, port: number): Promise<void> {
  if (port === 0) return;
  try {
    Bun.listen({ hostname: host, port, exclusive: true, socket: { data: () => undefined } }).stop(true);
  } catch (thrown) {
    throw await listenFault(thrown, host, port);
  }
}

/** Accepts nothing more, waits for running answers up to `drainMs`, then ends them. */
export async function drained(server: { stop(isForced: boolean): Promise<void> }, drainMs: number): Promise<void> {
  const stopped = server.stop(drainMs <= 0);
  if (drainMs <= 0) return stopped;
  let timer: ReturnType<typeof setTimeout> | undefined;
  const deadline = new Promise<'late'>((resolve) => {
    timer = setTimeout(() => resolve('late'), drainMs);
  });
  const outcome = await Promise.race([stopped, deadline]).finally(() => clearTimeout(timer));
  if (outcome === 'late') await server.stop(true);
}

/** Why an address could not be taken, in words; a taken port names its holder. */
export async function listenFault(thrown: unknown, host: string, port: number): Promise<Fault> {
  const code = errorCode(thrown);
  if (code === 'EADDRINUSE') {
    const holder = await portHolder(port);
    return new Fault(
      'port_taken',
      `Port ${port} is taken${holder === null ? '' : ` by ${holder.name} (process ${holder.pid})`}.`,
      {
        cause: thrown,
        hint: `Stop it, or listen elsewhere: drover serve --listen ${authorityOf({ host, port: port === 65_535 ? 5801 : port + 1 })} (or :0, any free port)`,
        details: { port, ...(holder === null ? {} : { pid: holder.pid, name: holder.name }) },
      },
    );
  }
  if (code === 'EACCES') {
    return new Fault('port_taken', `Port ${port} needs more rights than this process has.`, {
      cause: thrown,
      hint: 'Take a port above 1023.',
      details: { port },
    });
  }
  return new Fault('bad_request', `Cannot listen on ${host}:${port}: ${String(thrown)}`, { cause: thrown });
}
