// Who listens on the port that a child was given: the child, or one that it started, or a stranger. Read from /proc, so only
// Linux tells, and of other users' processes nothing. It must never fail: not to know is an answer.
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';

const LISTENING = '0A';
/** A tree of processes that is larger is not a server's. */
const MOST_PROCESSES = 64;

/** True: somebody of the child's family listens there. False: nobody of it, but somebody. Null: it cannot be told. */
export function ownsPort(pid: number, port: number): boolean | null {
  if (process.platform !== 'linux') return null;
  const sockets = listeningSockets(port);
  if (sockets.size === 0) return null;
  const family = [pid];
  for (let index = 0; index < family.length && index < MOST_PROCESSES; index += 1) {
    const member = family[index] ?? pid;
    if (holdsAny(member, sockets)) return true;
    family.push(...childrenOf(member));
  }
  return false;
}

/** What their descriptors lead to: proc(5), `/proc/net/tcp`: local address, state, …, inode. */
function listeningSockets(port: number): ReadonlySet<string> {
  const ending = `:${port.toString(16).toUpperCase().padStart(4, '0')}`;
  const found = new Set<string>();
  for (const table of ['/proc/net/tcp', '/proc/net/tcp6']) {
    for (const line of readQuietly(table).split('\n').slice(1)) {
      const [, local, , state, , , , , , inode] = line.trim().split(/\s+/);
      if (local?.endsWith(ending) === true && state === LISTENING) found.add(`socket:[${inode}]`);
    }
  }
  return found;
}

function holdsAny(pid: number, sockets: ReadonlySet<string>): boolean {
  const folder = `/proc/${pid}/fd`;
  return listQuietly(folder).some((descriptor) => {
    try {
      return sockets.has(readlinkSync(`${folder}/${descriptor}`));
    } catch {
      return false;
    }
  });
}

const childrenOf = (pid: number): number[] =>
  listQuietly(`/proc/${pid}/task`).flatMap((thread) =>
    readQuietly(`/proc/${pid}/task/${thread}/children`).split(' ').filter(Boolean).map(Number),
  );

function listQuietly(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}

function readQuietly(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}
