// Who started the server may go by its process: a shell that gives its terminal back when the job's first process ends, a
// service manager that then calls the service stopped, a container that ends with its process 1. There the old server,
// once it has ended all its work, stays as an attendant: it waits for the successor, and for the successor's successors,
// hands signals on to whoever serves and leaves with its exit code. It must never serve again.
import { isRunning } from '../engine/process-table.ts';
import type { Successor, SuccessorExit } from './successor.ts';

type Environment = Readonly<Record<string, string | undefined>>;

/** Set by service managers for what they start: systemd, supervisord, pm2. */
const MANAGERS = ['INVOCATION_ID', 'SUPERVISOR_ENABLED', 'pm_id'];
const POLL_MS = 250;

/** True where somebody takes the end of this process for the end of the server. */
export function isAwaited(environment: Environment, hasTerminal: boolean): boolean {
  // Process 1 of a container, or the child of its init; launchd's jobs are such children too.
  if (hasTerminal || process.pid === 1 || process.ppid === 1) return true;
  return MANAGERS.some((name) => (environment[name] ?? '') !== '');
}

export interface AttendOptions {
  readonly successor: Successor;
  /** Who serves now, by the data directory's own word; null: nobody says so. */
  readonly servingPid: () => number | null;
}

/**
 * Waits until nobody of the line serves any more. Resolves with the exit code: the successor's own; of a later one, which
 * is not our child, only whether it left in good order.
 */
export async function attend({ successor, servingPid }: AttendOptions): Promise<number> {
  const exit = await successor.exited;
  let pid = successor.pid;
  for (;;) {
    const next = servingPid();
    if (next === null) return pid === successor.pid ? codeOf(exit) : 0;
    // Who dies without a word leaves its name behind.
    if (next === pid) return pid === successor.pid ? codeOf(exit) : 1;
    pid = next;
    while (isRunning(pid)) await Bun.sleep(POLL_MS);
  }
}

/** As shells have it. */
const codeOf = ({ code, signal }: SuccessorExit): number => code ?? 128 + (SIGNALS[signal ?? ''] ?? 1);
const SIGNALS: Readonly<Record<string, number>> = { SIGHUP: 1, SIGINT: 2, SIGQUIT: 3, SIGKILL: 9, SIGTERM: 15 };
