// Whether this user may open the devices that GPUs are used through: Linux's render nodes and AMD's compute. It opens none:
// rights are asked for, so that no GPU wakes.
import { accessSync, constants, readFileSync, statSync } from 'node:fs';
import { thisSystem } from './system.ts';

export interface DeviceNode {
  /** `/dev/dri/renderD128`, `/dev/kfd`. */
  readonly path: string;
  readonly mayOpen: boolean;
  /** As `ls` shows it: `crw-rw----`. */
  readonly mode: string;
  /** Null: the number has no name here. */
  readonly group: string | null;
}

/** Empty on other systems, and where there are none. */
export function deviceNodes(): readonly DeviceNode[] {
  if (thisSystem.platform !== 'linux') return [];
  const nodes = thisSystem.listFolderSync('/dev/dri').filter((name) => name.startsWith('renderD'));
  return [...nodes.map((name) => `/dev/dri/${name}`), '/dev/kfd'].flatMap(nodeAt);
}

function nodeAt(path: string): DeviceNode[] {
  try {
    const { mode, gid } = statSync(path);
    return [{ path, mayOpen: mayOpen(path), mode: modeText(mode), group: groupName(gid) }];
  } catch {
    // It is not there.
    return [];
  }
}

function mayOpen(path: string): boolean {
  try {
    accessSync(path, constants.R_OK | constants.W_OK);
    return true;
  } catch {
    return false;
  }
}

export const modeText = (mode: number): string =>
  `c${[6, 3, 0].map((shift) => ['r', 'w', 'x'].map((letter, bit) => (((mode >> shift) & (4 >> bit)) === 0 ? '-' : letter)).join('')).join('')}`;

function groupName(gid: number): string | null {
  try {
    const lines = readFileSync('/etc/group', 'utf8').split('\n');
    return lines.map((line) => line.split(':')).find(([, , id]) => id === String(gid))?.[0] ?? null;
  } catch {
    return null;
  }
}
