// A TCP port that nobody listens on, for servers that cannot choose one themselves.
// It must never be used where a program can be given port 0: between our look and its bind somebody else may take it.

/** The first free loopback port from `from` on that is not in `taken`; null where there is none up to 65535. */
export function firstFreePort(from: number, taken: ReadonlySet<number>): number | null {
  for (let port = from; port <= 65_535; port += 1) {
    if (!taken.has(port) && isFreePort(port)) return port;
  }
  return null;
}

/** True where nobody listens on that loopback port, as far as it can be seen now. */
export function isFreePort(port: number): boolean {
  try {
    Bun.listen({ hostname: '127.0.0.1', port, exclusive: true, socket: { data: () => undefined } }).stop(true);
    return true;
  } catch {
    // Taken, or not ours to take.
    return false;
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
