// A successor's way in: the word of the server before it, its address, its memory while that still holds some. It must
// never end a child of a server that lives, nor bind the address anew while that is still answered.
import { Fault, toFault } from '../base/fault.ts';
import type { Log } from '../base/log.ts';
import { pause, untilAborted } from '../base/sync.ts';
import { Predecessor } from '../core/predecessor.ts';
import type { Address } from '../server/address.ts';
import { type Listener, type ListenOptions, listen } from '../server/listen.ts';
import { discardSocket, keepFromChildren, listeningPort } from '../server/listening-socket.ts';
import { SOCKET_DESCRIPTOR } from '../service/handover-messages.ts';
import type { Takeover } from '../service/takeover.ts';
import type { OpenedCore } from './assembly.ts';

/** How long models and engine are looked at before we listen; meanwhile the server before us serves. */
const WARM_UP_MS = 10_000;
/** How long the address may stay taken after the server before us has closed its listener. */
const BIND_MS = 5000;
const BIND_POLL_MS = 10;
/** How long what the server before us has left behind may take to end. */
const REAP_MS = 5000;

/** What a successor knows of the server before it. */
export interface Before {
  readonly predecessor: Predecessor;
  readonly sequence: number;
  /** Null where it died before it could say. */
  readonly listen: string | null;
  readonly port: number | null;
  readonly key: string | null;
  /** From now on what it still holds is known to the core, and what it leaves behind is ended. */
  follow(core: OpenedCore): void;
}

/** Says that we could serve, and waits for the word. */
export async function predecessorOf(takeover: Takeover): Promise<Before> {
  keepFromChildren(SOCKET_DESCRIPTOR);
  const go = await takeover.prepared();
  const predecessor = new Predecessor(go?.holdings);
  takeover.onHoldings((holdings) => predecessor.hold(holdings));
  return {
    predecessor,
    sequence: go?.sequence ?? 0,
    listen: go?.listen ?? null,
    port: go?.port ?? null,
    key: go?.key ?? null,
    follow: (core) => {
      void takeover.gone.then(async () => {
        await core.records?.reapFully(REAP_MS);
        predecessor.leave();
        core.log.info('the server before this one has ended');
      });
    },
  };
}

/** So that the first requests wait for nothing that can be done before; what fails or takes long goes on by itself. */
export async function warmUp(core: OpenedCore): Promise<void> {
  const { drover } = core;
  const looked = Promise.allSettled([drover.rescan(), drover.settleEngine()]);
  await untilAborted(looked, AbortSignal.timeout(WARM_UP_MS)).catch(() => undefined);
}

interface AddressOptions {
  readonly takeover: Takeover;
  readonly before: Pick<Before, 'listen' | 'port'>;
  readonly app: ListenOptions['app'];
  readonly address: Address;
  /** The setting as it is written. */
  readonly listenText: string;
  readonly log: Log;
}

/**
 * Listens: on the very socket of the server before us where it gave us that (no gap at all), else on the address, for
 * which that server closes its listener first. Then callers may be refused for some milliseconds: so it is on systems other
 * than Linux, and where the new configuration names another host at the same port.
 */
export async function takeAddress(options: AddressOptions): Promise<Listener> {
  const { takeover, before, app, address, listenText, log } = options;
  const { host } = address;
  const given = listeningPort(SOCKET_DESCRIPTOR);
  // Where the server before us has died without a word, the port has to tell.
  const isSame = before.listen === null ? given === address.port || address.port === 0 : before.listen === listenText;
  if (!isSame) discardSocket(SOCKET_DESCRIPTOR);
  else if (given !== null) {
    try {
      return await listen({ app, host, port: address.port, inherited: SOCKET_DESCRIPTOR });
    } catch (thrown) {
      log.warn(toFault(thrown).message, { hint: 'The address is bound anew.' });
    }
  }
  const port = isSame && address.port === 0 ? (before.port ?? 0) : address.port;
  try {
    return await listen({ app, host, port });
  } catch (thrown) {
    if (!isTaken(thrown) || port !== before.port) throw thrown;
  }
  await takeover.wantPort();
  return listenSoon(() => listen({ app, host, port }));
}

/** Tries for a while: a listener that was closed may take a moment to be gone. */
export async function listenSoon<T>(attempt: () => Promise<T>): Promise<T> {
  const until = performance.now() + BIND_MS;
  for (;;) {
    try {
      return await attempt();
    } catch (thrown) {
      if (!isTaken(thrown) || performance.now() >= until) throw thrown;
      await pause(BIND_POLL_MS);
    }
  }
}

const isTaken = (thrown: unknown): boolean => thrown instanceof Fault && thrown.kind === 'port_taken';
