// Which processes run, when each started and which of them carry our mark: `/proc` on Linux, `ps` on macOS. Windows
// needs neither: there our children are in a job that ends with us.
// It must never tell two processes apart by their number alone: numbers are given out again.
import { readdirSync, readFileSync } from 'node:fs';
import { errorCode } from '../base/fault.ts';

/** The environment variable that marks every child of ours, and what they fork. */
export const MARKER_NAME = 'DROVER_CHILD';

/**
 * A text that two processes with the same number do not share: boot and start tick on Linux, the start time on macOS.
 * Null: no such process, or it cannot be seen.
 */
export function startKeyOf(pid: number): string | null {
  if (process.platform === 'linux') return startKeyOnLinux(pid);
  if (process.platform === 'win32') return null;
  try {
    const argv = ['ps', '-o', 'lstart=', '-p', String(pid)];
    const { stdout } = Bun.spawnSync(argv, { stdio: ['ignore', 'pipe', 'ignore'], timeout: 10_000 });
    const text = stdout.toString().trim();
    return text === '' ? null : text;
  } catch {
    return null;
  }
}

/** On Linux the remains of a process count as none. */
export function isRunning(pid: number): boolean {
  if (process.platform === 'linux') return startKeyOf(pid) !== null;
  try {
    process.kill(pid, 0);
    return true;
  } catch (thrown) {
    // It is there, and somebody else's.
    return errorCode(thrown) === 'EPERM';
  }
}

let bootId: string | null = null;

function startKeyOnLinux(pid: number): string | null {
  try {
    bootId ??= readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
    const fields = statFields(pid);
    // A zombie is gone; it only waits to be counted. Field 22 of proc(5) is the start in ticks since boot.
    if (fields === null || fields[0] === 'Z' || fields[0] === 'X') return null;
    return `${bootId}:${fields[19]}`;
  } catch {
    return null;
  }
}

/** What follows the command's name, which may hold blanks and brackets itself. */
function statFields(pid: number): string[] | null {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'utf8');
    return text.slice(text.lastIndexOf(')') + 2).split(' ');
  } catch {
    return null;
  }
}

/** The processes whose environment carries the mark with this start, ourselves left out. Linux only; elsewhere none. */
export function markedProcesses(markPrefix: string): readonly number[] {
  if (process.platform !== 'linux') return [];
  const wanted = Buffer.from(`${MARKER_NAME}=${markPrefix}`);
  const found: number[] = [];
  for (const name of readdirSync('/proc')) {
    const pid = Number(name);
    if (!Number.isInteger(pid) || pid === process.pid) continue;
    try {
      const environment = readFileSync(`/proc/${pid}/environ`);
      const at = environment.indexOf(wanted);
      if (at === 0 || (at > 0 && environment[at - 1] === 0)) found.push(pid);
    } catch {
      // Another user's, or gone meanwhile.
    }
  }
  return found;
}

/** SIGKILL, to the group where it leads one. */
export function killProcess(pid: number): void {
  for (const target of [-pid, pid]) {
    try {
      process.kill(target, 'SIGKILL');
    } catch {
      // It leads no group, or is gone.
    }
  }
}
