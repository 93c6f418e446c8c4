// A TCP port that nobody listens on, for servers that cannot choose one themselves.
// It must never be used where a program can be given port 0: between our look and its bind somebody else may take it.
import { errorCode } from './fault.ts';

const LOOPBACK: readonly string[] = ['127.0.0.1'];
/** What a system says of an address that is none of its own, or of a kind that it does not know: there nobody listens. */
const NOT_HERE = new Set(['EADDRNOTAVAIL', 'EAFNOSUPPORT']);

/** The first port from `from` on that is not in `taken` and free at each of `hosts`; null where there is none up to 65535. */
export function firstFreePort(from: number, taken: ReadonlySet<number>, hosts = LOOPBACK): number | null {
  for (let port = from; port <= 65_535; port += 1) {
    if (!taken.has(port) && isFreePort(port, hosts)) return port;
  }
  return null;
}

/**
 * True where nobody listens on that port, as far as it can be seen now. `hosts` are literal addresses; a wildcard is
 * taken as soon as one address of it is (measured on Linux; `SO_REUSEPORT` of the holder changes nothing, since the
 * runtime does not set it here).
 */
export const isFreePort = (port: number, hosts = LOOPBACK): boolean => hosts.every((host) => isFreeAt(host, port));

function isFreeAt(hostname: string, port: number): boolean {
  try {
    Bun.listen({ hostname, port, exclusive: true, socket: { data: () => undefined } }).stop(true);
    return true;
  } catch (thrown) {
    // Else it is taken, or not ours to take.
    return NOT_HERE.has(errorCode(thrown) ?? '');
  }
}

/** True where somebody accepts connections on that loopback port. */
export async function isOpenPort(port: number): Promise<boolean> {
  try {
    const socket = await Bun.connect({ hostname: '127.0.0.1', port, socket: { data: () => undefined } });
    socket.end();
    return true;
  } catch {
    return false;
  }
}
