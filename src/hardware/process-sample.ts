// What one process takes now: memory, processor time, threads. Read from /proc, libproc or kernel32, never by starting
// a program. It must never count a file that is mapped by many as if it were this process's alone without saying so.
import { type System, thisSystem } from './system.ts';

export interface ProcessSample {
  readonly pid: number;
  /** All resident pages, mapped files and shared memory included. */
  readonly residentBytes: number;
  /** The most that was resident at once since it started. */
  readonly peakResidentBytes: number | null;
  /** Address space, used or not; null where the system does not tell. */
  readonly virtualBytes: number | null;
  /** Resident pages that are this process's own; null where the system does not tell. */
  readonly privateBytes: number | null;
  /** Resident pages of mapped files: a model that is mapped, for one. */
  readonly fileBytes: number | null;
  /** Resident shared memory. */
  readonly sharedBytes: number | null;
  /** User and system time since it started. */
  readonly cpuMs: number | null;
  readonly threadCount: number | null;
}

/** A sample of the process, or null when there is none of that pid or it is not ours to see. */
export function sampleProcess(pid: number, system: System = thisSystem): ProcessSample | null {
  if (!Number.isSafeInteger(pid) || pid <= 0) return null;
  if (system.platform === 'linux') return sampleLinux(system, pid);
  if (system.platform === 'darwin') return sampleDarwin(system, pid);
  return system.platform === 'win32' ? sampleWindows(system, pid) : null;
}

// Linux counts these in hundredths of a second for all programs, whatever its own clock (USER_HZ).
const TICK_MS = 10;

function sampleLinux(system: System, pid: number): ProcessSample | null {
  const status = system.readTextSync(`/proc/${pid}/status`);
  const stat = system.readTextSync(`/proc/${pid}/stat`);
  if (status === null || stat === null) return null;
  const kib = (name: string): number | null => {
    const value = new RegExp(`^${name}:\\s+(\\d+) kB$`, 'm').exec(status)?.[1];
    return value === undefined ? null : Number(value) * 1024;
  };
  // The name stands in brackets and may hold anything: count fields from the last one (proc_pid_stat(5)).
  const fields = stat
    .slice(stat.lastIndexOf(')') + 2)
    .split(' ')
    .map(Number);
  const [state] = stat.slice(stat.lastIndexOf(')') + 2);
  // A zombie has ended; it takes nothing.
  if (state === 'Z' || state === 'X') return null;
  const [user, kernel, threads] = [fields[11], fields[12], fields[17]];
  return {
    pid,
    residentBytes: kib('VmRSS') ?? 0,
    peakResidentBytes: kib('VmHWM'),
    virtualBytes: kib('VmSize'),
    privateBytes: kib('RssAnon'),
    fileBytes: kib('RssFile'),
    sharedBytes: kib('RssShmem'),
    cpuMs: user === undefined || kernel === undefined ? null : (user + kernel) * TICK_MS,
    threadCount: threads ?? null,
  };
}

// libproc.h: proc_pidinfo(pid, PROC_PIDTASKINFO = 4, 0, struct proc_taskinfo, 96); times are in Mach units.
function sampleDarwin(system: System, pid: number): ProcessSample | null {
  const { library } = system.openLibrary(['/usr/lib/libSystem.B.dylib', 'libSystem.B.dylib'], {
    proc_pidinfo: { args: ['i32', 'i32', 'u64', 'ptr', 'i32'], returns: 'i32' },
    mach_timebase_info: { args: ['ptr'], returns: 'i32' },
  });
  if (library === null) return null;
  try {
    const info = new Uint8Array(96);
    if (library.call('proc_pidinfo', pid, 4, 0, info, info.byteLength) !== info.byteLength) return null;
    const view = new DataView(info.buffer);
    const base = new Uint32Array(2);
    const isTimed = library.call('mach_timebase_info', base) === 0 && (base[1] ?? 0) > 0;
    const units = Number(view.getBigUint64(16, true) + view.getBigUint64(24, true));
    return {
      pid,
      residentBytes: Number(view.getBigUint64(8, true)),
      peakResidentBytes: null,
      virtualBytes: Number(view.getBigUint64(0, true)),
      privateBytes: null,
      fileBytes: null,
      sharedBytes: null,
      cpuMs: isTimed ? (units * (base[0] ?? 1)) / (base[1] ?? 1) / 1e6 : null,
      threadCount: view.getInt32(84, true),
    };
  } finally {
    library.close();
  }
}

// psapi.h: PROCESS_MEMORY_COUNTERS_EX, 80 bytes: PeakWorkingSetSize at 8, WorkingSetSize at 16, PrivateUsage at 72. Times are in 100 ns.
function sampleWindows(system: System, pid: number): ProcessSample | null {
  const { library } = system.openLibrary(['kernel32.dll'], {
    OpenProcess: { args: ['u32', 'i32', 'u32'], returns: 'u64' },
    K32GetProcessMemoryInfo: { args: ['u64', 'ptr', 'u32'], returns: 'i32' },
    GetProcessTimes: { args: ['u64', 'ptr', 'ptr', 'ptr', 'ptr'], returns: 'i32' },
    CloseHandle: { args: ['u64'], returns: 'i32' },
  });
  if (library === null) return null;
  const PROCESS_QUERY_LIMITED_INFORMATION = 0x1000;
  const handle = library.call('OpenProcess', PROCESS_QUERY_LIMITED_INFORMATION, 0, pid) ?? 0;
  try {
    if (Number(handle) === 0) return null;
    const counters = new Uint8Array(80);
    if (library.call('K32GetProcessMemoryInfo', handle, counters, counters.byteLength) !== 1) return null;
    const view = new DataView(counters.buffer);
    const times = [0, 1, 2, 3].map(() => new BigUint64Array(1));
    const [made, ended, kernel, user] = times;
    const isTimed =
      made !== undefined && ended !== undefined && kernel !== undefined && user !== undefined
        ? library.call('GetProcessTimes', handle, made, ended, kernel, user) === 1
        : false;
    return {
      pid,
      residentBytes: Number(view.getBigUint64(16, true)),
      peakResidentBytes: Number(view.getBigUint64(8, true)),
      virtualBytes: null,
      privateBytes: Number(view.getBigUint64(72, true)),
      fileBytes: null,
      sharedBytes: null,
      cpuMs: isTimed ? Number((kernel?.[0] ?? 0n) + (user?.[0] ?? 0n)) / 10_000 : null,
      threadCount: null,
    };
  } finally {
    if (Number(handle) !== 0) library.call('CloseHandle', handle);
    library.close();
  }
}
