// How long the machine and a process have been up. It must never guess an age from the clock of the wall on Linux, where
// both are told on the machine's own.
import { type System, thisSystem } from './system.ts';

/** Of the machine; in a container it may be the container's. */
export function readUptimeMs(system: System = thisSystem): number {
  const told =
    system.platform === 'linux' ? /^\d+\.\d+/.exec(system.readTextSync('/proc/uptime') ?? '')?.[0] : undefined;
  return told === undefined ? system.uptimeMs() : Math.round(Number(told) * 1000);
}

// Linux counts in hundredths of a second (USER_HZ).
const TICK_MS = 10;

/** How long ago the process started; null where it is gone or nobody tells. */
export function readProcessAgeMs(pid: number, system: System = thisSystem): number | null {
  if (system.platform === 'linux') {
    const stat = system.readTextSync(`/proc/${pid}/stat`);
    // Field 22 of proc_pid_stat(5), counted behind the name.
    const ticks = Number(stat?.slice(stat.lastIndexOf(')') + 2).split(' ')[19] ?? Number.NaN);
    // A container that fakes its uptime (lxcfs) is younger than its processes: then the age is not known.
    return positive(readUptimeMs(system) - ticks * TICK_MS);
  }
  const startedAt = system.platform === 'darwin' ? darwinStart(pid, system) : windowsStart(pid, system);
  return startedAt === null ? null : positive(Date.now() - startedAt);
}

const positive = (ms: number): number | null => (Number.isFinite(ms) && ms >= 0 ? ms : null);

// libproc.h: PROC_PIDTBSDINFO = 3, struct proc_bsdinfo, 136 bytes: seconds at 120, microseconds at 128.
function darwinStart(pid: number, system: System): number | null {
  const { library } = system.openLibrary(['/usr/lib/libSystem.B.dylib', 'libSystem.B.dylib'], {
    proc_pidinfo: { args: ['i32', 'i32', 'u64', 'ptr', 'i32'], returns: 'i32' },
  });
  if (library === null) return null;
  try {
    const info = new Uint8Array(136);
    if (library.call('proc_pidinfo', pid, 3, 0, info, info.byteLength) !== info.byteLength) return null;
    const view = new DataView(info.buffer);
    return Number(view.getBigUint64(120, true)) * 1000 + Number(view.getBigUint64(128, true)) / 1000;
  } finally {
    library.close();
  }
}

// processthreadsapi.h: FILETIME counts 100 ns from 1601.
function windowsStart(pid: number, system: System): number | null {
  if (system.platform !== 'win32') return null;
  const { library } = system.openLibrary(['kernel32.dll'], {
    OpenProcess: { args: ['u32', 'i32', 'u32'], returns: 'u64' },
    GetProcessTimes: { args: ['u64', 'ptr', 'ptr', 'ptr', 'ptr'], returns: 'i32' },
    CloseHandle: { args: ['u64'], returns: 'i32' },
  });
  if (library === null) return null;
  const PROCESS_QUERY_LIMITED_INFORMATION = 0x1000;
  const handle = library.call('OpenProcess', PROCESS_QUERY_LIMITED_INFORMATION, 0, pid) ?? 0;
  try {
    const [made, ended, kernel, user] = [0, 1, 2, 3].map(() => new BigUint64Array(1));
    if (Number(handle) === 0 || !made || !ended || !kernel || !user) return null;
    if (library.call('GetProcessTimes', handle, made, ended, kernel, user) !== 1) return null;
    const FROM_1601_MS = 11_644_473_600_000;
    return Number(made[0] ?? 0n) / 10_000 - FROM_1601_MS;
  } finally {
    if (Number(handle) !== 0) library.call('CloseHandle', handle);
    library.close();
  }
}
