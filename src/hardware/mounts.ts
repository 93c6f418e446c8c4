// What is mounted where, as /proc/self/mountinfo tells this process (proc_pid_mountinfo(5)). It must never touch a
// mount itself: a dead network mount would hold whoever asks.

export interface Mount {
  /** `8:1`; its first number is 0 where no block device is behind it, or where the file system hides it (btrfs). */
  readonly device: string;
  readonly root: string;
  readonly point: string;
  readonly type: string;
  readonly source: string;
  readonly options: readonly string[];
}

/** In the order of mounting. */
export function parseMounts(text: string): Mount[] {
  const mounts: Mount[] = [];
  for (const line of text.split('\n')) {
    const [left, right] = line.split(' - ');
    const fields = left?.split(' ') ?? [];
    const [type, source, options] = right?.split(' ') ?? [];
    const [device, root, point] = [fields[2], fields[3], fields[4]];
    if (device === undefined || root === undefined || point === undefined || type === undefined) continue;
    mounts.push({
      device,
      root: unescapeMount(root),
      point: unescapeMount(point),
      type,
      source: unescapeMount(source ?? ''),
      options: options?.split(',') ?? [],
    });
  }
  return mounts;
}

/** The mount that holds a path without links: the longest point above it, and of equals the last, which hides the others. */
export function mountOf(mounts: readonly Mount[], path: string): Mount | null {
  let best: Mount | null = null;
  for (const mount of mounts) {
    const isAbove = mount.point === '/' || path === mount.point || path.startsWith(`${mount.point}/`);
    if (isAbove && mount.point.length >= (best?.point.length ?? 0)) best = mount;
  }
  return best;
}

const unescapeMount = (text: string): string =>
  text.replace(/\\([0-7]{3})/g, (_, octal: string) => String.fromCharCode(Number.parseInt(octal, 8)));
