// Has running servers go over to the executable that lies in place now: each starts its successor, which takes the port and ends
// what it does not know. It must never end a server itself.

import { Fault, toFault } from '../base/fault.ts';
import { pause } from '../base/sync.ts';
import { type Paths, pathsIn } from '../config/paths.ts';
import { STATE_FOLDER } from '../service/systemd-unit.ts';
import { findServer, type ServerClient, sseData } from './client.ts';
import { readServerFile } from './server-file.ts';

export interface Restarted {
  readonly url: string;
  /** What it runs now. */
  readonly version: string;
}

/** Reading its configuration, resting, listening: see the handover's own limits. */
const RESTART_MS = 120_000;
const POLL_MS = 50;
const BUSY_MS = 250;

/**
 * Those of this data directory and, for who may look there, of the machine's service. Throws `unavailable` with what the
 * server said when one stays with its version. It cannot be interrupted: half of it would leave a server with a version that does
 * not lie in place.
 */
export async function restartServers(paths: Paths, version: string): Promise<readonly Restarted[]> {
  const all = [paths, pathsIn(STATE_FOLDER)].filter((one, index) => index === 0 || one.data !== paths.data);
  const restarted: Restarted[] = [];
  for (const one of all) {
    const client = await findServer(one);
    if (client === null || client.server.version === version) continue;
    restarted.push(await restart(client, one));
  }
  return restarted;
}

async function restart(client: ServerClient, paths: Paths): Promise<Restarted> {
  const over = new AbortController();
  const until = AbortSignal.any([over.signal, AbortSignal.timeout(RESTART_MS)]);
  const feed = await client.send('GET', '/drover/events', undefined, until);
  try {
    await begin(client, until);
    return await Promise.race([refusal(feed), arrival(client, paths, until)]);
  } catch (thrown) {
    if (!until.aborted) throw thrown;
    throw new Fault('unavailable', `The server at ${client.server.url} did not restart within ${RESTART_MS / 1000} s.`);
  } finally {
    over.abort();
  }
}

/** One that has just taken over goes over itself only when the server before it has ended its last request. */
async function begin(client: ServerClient, until: AbortSignal): Promise<void> {
  for (;;) {
    try {
      await client.post('/drover/restart', { hard: true }, until);
      return;
    } catch (thrown) {
      if (toFault(thrown).kind !== 'conflict') throw thrown;
      until.throwIfAborted();
    }
    await pause(BUSY_MS);
  }
}

/** Rejects when it says that no successor came up. A feed that ends says nothing. */
async function refusal(feed: Response): Promise<never> {
  try {
    for await (const event of sseData<{ readonly type?: string; readonly message?: string }>(feed)) {
      if (event.type === 'restart.failed') throw new Fault('unavailable', event.message ?? 'The restart failed.');
    }
  } catch (thrown) {
    if (thrown instanceof Fault) throw thrown;
  }
  return new Promise<never>(() => undefined);
}

/** Another process says that it serves. */
async function arrival(client: ServerClient, paths: Paths, until: AbortSignal): Promise<Restarted> {
  for (;;) {
    until.throwIfAborted();
    const now = readServerFile(paths.serverFile);
    if (now !== null && now.pid !== client.server.pid && (await findServer(paths)) !== null) {
      return { url: now.url, version: now.version };
    }
    await pause(POLL_MS);
  }
}
