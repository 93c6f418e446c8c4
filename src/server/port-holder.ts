// Which process listens on a port: read from /proc, so only Linux answers, and only for processes that we may look into.
// It must never fail: not to know is an answer.
import { readdir, readFile, readlink } from 'node:fs/promises';

export interface PortHolder {
  readonly pid: number;
  readonly name: string;
}

const LISTENING = '0A';

export async function portHolder(port: number): Promise<PortHolder | null> {
  try {
    const inodes = await listeningInodes(port);
    if (inodes.size === 0) return null;
    for (const entry of await readdir('/proc')) {
      if (!/^\d+$/.test(entry) || !(await holdsAny(entry, inodes))) continue;
      const name = (await readFile(`/proc/${entry}/comm`, 'utf8')).trim();
      return { pid: Number(entry), name };
    }
  } catch {
    // No /proc.
  }
  return null;
}

/** Socket inodes that listen on the port (proc(5), `/proc/net/tcp`: local address, state, …, inode). */
async function listeningInodes(port: number): Promise<ReadonlySet<string>> {
  const wanted = `:${port.toString(16).toUpperCase().padStart(4, '0')}`;
  const found = new Set<string>();
  for (const table of ['/proc/net/tcp', '/proc/net/tcp6']) {
    const text = await readFile(table, 'utf8').catch(() => '');
    for (const line of text.split('\n').slice(1)) {
      const [, local, , state, , , , , , inode] = line.trim().split(/\s+/);
      if (local?.endsWith(wanted) === true && state === LISTENING && inode !== undefined) found.add(inode);
    }
  }
  return found;
}

async function holdsAny(pid: string, inodes: ReadonlySet<string>): Promise<boolean> {
  const folder = `/proc/${pid}/fd`;
  const descriptors = await readdir(folder).catch(() => []);
  for (const descriptor of descriptors) {
    const target = await readlink(`${folder}/${descriptor}`).catch(() => '');
    const inode = /^socket:\[(\d+)\]$/.exec(target)?.[1];
    if (inode !== undefined && inodes.has(inode)) return true;
  }
  return false;
}
