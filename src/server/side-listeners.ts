// Listeners beside the main one: another port for a dialect's own clients, or the port that a model was given. All of them
// lead into the same server, past the same guard. They must never listen for other machines where the main one does not.
import type { AnyElysia } from 'elysia';
import { Fault } from '../base/fault.ts';
import { INFERENCE_LIMIT_BYTES } from '../dialects/intake.ts';
import { DIALECT_IDS, type DialectId, isDialect } from '../dialects/resolve.ts';
import { arrived } from './arrivals.ts';
import { drained, listenFault } from './listen.ts';

export interface SideListenerOptions {
  readonly app: AnyElysia;
  readonly host: string;
  /** 0: any free one. */
  readonly port: number;
  /** Who speaks where several could; null: nobody in particular. */
  readonly dialect: DialectId | null;
  /** Put before each path, such as `/upstream/my-model`; empty: nothing. */
  readonly pathPrefix?: string;
}

export interface SideListener {
  readonly port: number;
  /** Requests that are being answered. */
  readonly pendingCount: number;
  /** Accepts nothing more; waits for running answers up to `drainMs` (default 0), then ends them. */
  close(options?: { readonly drainMs?: number }): Promise<void>;
}

/** `8080=llamactl`: a port, and who speaks there. Throws `config_invalid`. */
export function parseSide(text: string): { readonly port: number; readonly dialect: DialectId } {
  const [, digits = '', id = ''] = /^\s*(\d{1,5})\s*=\s*([\w-]+)\s*$/.exec(text) ?? [];
  const port = Number(digits);
  if (isDialect(id) && digits !== '' && port <= 65_535) return { port, dialect: id };
  throw new Fault('config_invalid', `alsoListen: "${text}" is not PORT=DIALECT.`, {
    hint: `Write 8080=llamactl, say; dialects are ${DIALECT_IDS.join(', ')}.`,
  });
}

/** Throws `port_taken` with the holder's name. */
export async function listenAside(options: SideListenerOptions): Promise<SideListener> {
  const { app, host, port, dialect, pathPrefix = '' } = options;
  try {
    const server = Bun.serve({
      hostname: host,
      port,
      reusePort: false,
      idleTimeout: 0,
      development: false,
      maxRequestBodySize: INFERENCE_LIMIT_BYTES + 1024 * 1024,
      fetch: (request, own) => app.fetch(arrived(request, { server: own, dialect, pathPrefix })),
      websocket: SOCKETS,
    });
    if (server.port === undefined) throw new Fault('internal', 'The listener has no port.');
    return {
      port: server.port,
      get pendingCount() {
        return server.pendingRequests;
      },
      close: ({ drainMs = 0 } = {}) => drained(server, drainMs),
    };
  } catch (thrown) {
    throw thrown instanceof Fault ? thrown : await listenFault(thrown, host, port);
  }
}

/** What `upgrade` hands over with a socket acts for it, as it does on the main listener. */
interface SocketData {
  open?(socket: object): void;
  message?(socket: object, message: string | Buffer): void;
  close?(socket: object): void;
}

const SOCKETS: Bun.WebSocketHandler<SocketData> = {
  open: (socket) => socket.data.open?.(socket),
  message: (socket, message) => socket.data.message?.(socket, message),
  close: (socket) => socket.data.close?.(socket),
};
