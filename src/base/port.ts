// A TCP port that nobody listens on, for servers that cannot choose one themselves.
// It must never be used where a program can be given port 0: between our look and its bind somebody else may take it.

/** The first free loopback port from `from` on that is not in `taken`; null where there is none up to 65535. */
export function firstFreePort(from: number, taken: ReadonlySet<number>): number | null {
  for (let port = from; port <= 65_535; port += 1) {
    if (taken.has(port)) continue;
    try {
      Bun.listen({ hostname: '127.0.0.1', port, exclusive: true, socket: { data: () => undefined } }).stop(true);
      return port;
    } catch {
      // Taken, or not ours to take.
    }
  }
  return null;
}
