// Listens and drains. A port that is taken is an error that names its holder; a stop lets running answers finish, up to
// a deadline. It must never share a port silently (scar: reusePort), nor cut a silent answer by an idle timer.
import type { AnyElysia } from 'elysia';
import { errorCode, Fault } from '../base/fault.ts';
import { INFERENCE_LIMIT_BYTES } from '../dialects/intake.ts';
import { portHolder } from './port-holder.ts';

export { isLoopback, parseAddress } from './address.ts';

export interface ListenOptions {
  readonly app: AnyElysia;
  /** `127.0.0.1`, `::1`, `0.0.0.0`, a name. */
  readonly host: string;
  /** 0: any free one. */
  readonly port: number;
}

export interface Listener {
  readonly port: number;
  /** `http://127.0.0.1:5800`, the first one for people. */
  readonly urls: readonly string[];
  /** Accepts nothing more, waits for running answers up to `drainMs` (default 0), then ends them. */
  close(options?: { readonly drainMs?: number }): Promise<void>;
}

/** Throws `port_taken`, or `bad_request` when the host is none of this machine's. */
export async function listen(options: ListenOptions): Promise<Listener> {
  const { app, host, port } = options;
  try {
    app.listen({
      hostname: host,
      port,
      reusePort: false,
      idleTimeout: 0,
      development: false,
      // A little above our own limit, so that whoever passes it gets our answer, not a cut connection.
      maxRequestBodySize: INFERENCE_LIMIT_BYTES + 1024 * 1024,
    });
  } catch (thrown) {
    throw await listenFault(thrown, host, port);
  }
  const { server } = app;
  if (server === null) throw new Fault('internal', 'The server did not start.');
  const boundPort = server.port ?? port;
  return {
    port: boundPort,
    urls: [`http://${bracketed(host)}:${boundPort}`],
    close: async ({ drainMs = 0 } = {}) => {
      const stopped = server.stop(drainMs <= 0);
      if (drainMs <= 0) return stopped;
      let timer: ReturnType<typeof setTimeout> | undefined;
      const deadline = new Promise<'late'>((resolve) => {
        timer = setTimeout(() => resolve('late'), drainMs);
      });
      const outcome = await Promise.race([stopped, deadline]).finally(() => clearTimeout(timer));
      if (outcome === 'late') await server.stop(true);
    },
  };
}

const bracketed = (host: string): string => (host.includes(':') ? `[${host}]` : host);

async function listenFault(thrown: unknown, host: string, port: number): Promise<Fault> {
  const code = errorCode(thrown);
  if (code === 'EADDRINUSE') {
    const holder = await portHolder(port);
    return new Fault(
      'port_taken',
      `Port ${port} is taken${holder === null ? '' : ` by ${holder.name} (process ${holder.pid})`}.`,
      {
        cause: thrown,
        hint: `Stop it, or listen elsewhere: drover serve --listen ${bracketed(host)}:${port === 65_535 ? 5801 : port + 1}`,
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
