// Finds the control groups of this process, innermost first, in both versions and the mixed layout. It must never
// assume /sys/fs/cgroup: mounts and paths come from /proc/self. Format: cgroups(7), proc_pid_mountinfo(5).
import { type Mount, parseMounts } from './mounts.ts';
import type { System } from './system.ts';

export interface CgroupLevels {
  /** Folders of the unified hierarchy, innermost first; empty where none is mounted. */
  readonly unified: readonly string[];
  /** Folders of a version 1 controller (`memory`, `cpu`), innermost first. */
  legacy(controller: string): readonly string[];
}

export async function readCgroupLevels(system: System): Promise<CgroupLevels> {
  const [membership, mountinfo] = await Promise.all([
    system.readText('/proc/self/cgroup'),
    system.readText('/proc/self/mountinfo'),
  ]);
  const mounts = parseMounts(mountinfo ?? '');
  const paths = parseMembership(membership ?? '');
  const unifiedMount = mounts.find((mount) => mount.type === 'cgroup2');
  const unifiedPath = paths.get('');
  return {
    unified: unifiedMount === undefined || unifiedPath === undefined ? [] : levelsOf(unifiedMount, unifiedPath),
    legacy(controller) {
      const mount = mounts.find(({ type, options }) => type === 'cgroup' && options.includes(controller));
      const path = paths.get(controller);
      return mount === undefined || path === undefined ? [] : levelsOf(mount, path);
    },
  };
}

/** Controller → path; `4:cpu,cpuacct:/user.slice`, and `0::/user.slice` under an empty name; a path may hold colons. */
export function parseMembership(text: string): Map<string, string> {
  const paths = new Map<string, string>();
  for (const line of text.split('\n')) {
    const match = /^\d+:([^:]*):(.*)$/.exec(line);
    if (match === null) continue;
    for (const controller of (match[1] ?? '').split(',')) paths.set(controller, match[2] ?? '/');
  }
  return paths;
}

// A container without a cgroup namespace sees the host's path, of which the mount's root is the beginning.
function levelsOf(mount: Mount, path: string): string[] {
  const root = mount.root === '/' ? '' : mount.root;
  const isBelow = path === root || path.startsWith(`${root}/`);
  const parts = (isBelow ? path.slice(root.length) : '').split('/').filter((part) => part !== '');
  if (parts.includes('..')) return [mount.point];
  const levels: string[] = [];
  for (let depth = parts.length; depth >= 0; depth -= 1) {
    levels.push([mount.point, ...parts.slice(0, depth)].join('/'));
  }
  return levels;
}
