// Who started the server and keeps it running: a service manager, a container, a terminal. Told to people, decides nothing.
// Sources: systemd.exec(5) for INVOCATION_ID and SYSTEMD_EXEC_PID, cgroups(7), launchd.plist(5), supervisord's and pm2's
// documentation of what they set for their children.
import { readFileSync } from 'node:fs';
import { isatty } from 'node:tty';
import type { Keeper } from '../core/drover.ts';
import { parseMembership } from '../hardware/cgroup.ts';

type Environment = Readonly<Record<string, string | undefined>>;

export interface KeeperSigns {
  readonly environment: Environment;
  /** Our process, and whose successors we are: a manager knows the first of them. */
  readonly pids: readonly number[];
  readonly parentPid: number;
  readonly hasTerminal: boolean;
  /** `/proc/self/cgroup`; null where there is none. */
  readonly membership: string | null;
}

/** Null: nothing says so. Pure. */
export function keeperOf({ environment, pids, parentPid, hasTerminal, membership }: KeeperSigns): Keeper | null {
  const said = (name: string): string => environment[name] ?? '';
  const unit = unitOf(membership ?? '');
  // Whatever a unit starts inherits its variables, the shell in a terminal too: the process that it knows is the one.
  const isUnitsOwn = said('SYSTEMD_EXEC_PID') === '' || pids.includes(Number(said('SYSTEMD_EXEC_PID')));
  if (said('INVOCATION_ID') !== '' && unit !== null && isUnitsOwn) return { kind: 'systemd', ...unit };
  const job = said('XPC_SERVICE_NAME');
  if (job !== '' && job !== '0' && parentPid === 1) return { kind: 'launchd', name: job, isOfUser: null };
  if (said('SUPERVISOR_ENABLED') !== '') {
    return { kind: 'supervisord', name: said('SUPERVISOR_PROCESS_NAME') || null, isOfUser: null };
  }
  if (said('pm_id') !== '') return { kind: 'pm2', name: said('name') || null, isOfUser: null };
  if (pids.includes(1)) return { kind: 'container', name: null, isOfUser: null };
  return hasTerminal ? { kind: 'terminal', name: null, isOfUser: null } : null;
}

/** The innermost unit, where that is a service; of a user where the manager is a user's own. */
function unitOf(membership: string): { readonly name: string; readonly isOfUser: boolean } | null {
  const paths = parseMembership(membership);
  // The hierarchy of systemd's own, where both are mounted, and the unified one.
  for (const path of [paths.get('name=systemd') ?? '', paths.get('') ?? '']) {
    const units = path.split('/').filter((part) => /\.(service|scope|slice)$/.test(part));
    const name = units.at(-1) ?? '';
    const isManager = /^user@.*\.service$/.test(name);
    if (!name.endsWith('.service') || isManager) continue;
    return { name, isOfUser: units.some((part) => /^user@.*\.service$/.test(part)) };
  }
  return null;
}

export const hasTerminal = (): boolean => isatty(0) || isatty(2);

/** Of this process. `attendantPid`: who waits for its end in its stead; null: nobody. */
export function ownKeeper(environment: Environment, attendantPid: number | null): Keeper | null {
  return keeperOf({
    environment,
    pids: attendantPid === null ? [process.pid] : [process.pid, attendantPid],
    parentPid: process.ppid,
    hasTerminal: hasTerminal(),
    membership: readMembership(),
  });
}

/** Null where there is no such file: not Linux. */
function readMembership(): string | null {
  try {
    return readFileSync('/proc/self/cgroup', 'utf8');
  } catch {
    return null;
  }
}
