// How much memory this process may use, and how much of it can be had now. It must never count what a control group
// forbids, nor count the page cache as taken: mapped model files live there.
import { readCgroupLevels } from './cgroup.ts';
import type { Snapshot } from './probe.ts';
import { readSysctl } from './sysctl.ts';
import type { Reading, System } from './system.ts';

type Memory = Snapshot['memory'];

export async function readMemory(system: System): Promise<Reading<Memory>> {
  if (system.platform === 'linux') return readLinuxMemory(system);
  if (system.platform === 'darwin') return readDarwinMemory(system);
  const { totalBytes, freeBytes } = system.hostMemory();
  return {
    value: { totalBytes, availableBytes: freeBytes, limitBytes: null, swapTotalBytes: null, swapFreeBytes: null },
    notes: [],
  };
}

async function readLinuxMemory(system: System): Promise<Reading<Memory>> {
  const info = parseMeminfo((await system.readText('/proc/meminfo')) ?? '');
  const host = system.hostMemory();
  const notes: string[] = [];
  const machineBytes = info.get('MemTotal') ?? host.totalBytes;
  // Kernels before 3.14 have no MemAvailable.
  const machineAvailable = info.get('MemAvailable') ?? info.get('MemFree') ?? host.freeBytes;
  if (!info.has('MemTotal')) notes.push('/proc/meminfo cannot be read, so memory figures are the runtime’s own.');
  const group = await readGroupMemory(system, machineBytes);
  const totalBytes = Math.min(machineBytes, group.limitBytes ?? machineBytes);
  return {
    value: {
      totalBytes,
      availableBytes: Math.max(0, Math.min(machineAvailable, group.availableBytes ?? machineAvailable, totalBytes)),
      limitBytes: group.limitBytes,
      swapTotalBytes: info.get('SwapTotal') ?? null,
      swapFreeBytes: info.get('SwapFree') ?? null,
    },
    notes,
  };
}

/** `/proc/meminfo` in bytes by key; its unit is KiB whatever it prints (proc_meminfo(5)). */
export function parseMeminfo(text: string): Map<string, number> {
  const values = new Map<string, number>();
  for (const match of text.matchAll(/^(\w+(?:\(\w+\))?):\s+(\d+)(?: kB)?$/gm)) {
    values.set(match[1] ?? '', Number(match[2]) * 1024);
  }
  return values;
}

interface GroupMemory {
  readonly limitBytes: number | null;
  readonly availableBytes: number | null;
}

// Every level of the path limits us, and a sibling may have used up a parent's share: the least of each counts.
async function readGroupMemory(system: System, machineBytes: number): Promise<GroupMemory> {
  const levels = await readCgroupLevels(system);
  const readings = await Promise.all([
    ...levels.unified.map((folder) => readUnifiedLevel(system, folder)),
    ...levels.legacy('memory').map((folder) => readLegacyLevel(system, folder)),
  ]);
  let limitBytes: number | null = null;
  let availableBytes: number | null = null;
  for (const level of readings) {
    // "Unlimited" in version 1 is a huge number; a limit above the machine's memory limits nothing.
    if (level === null || level.limitBytes >= machineBytes) continue;
    limitBytes = Math.min(limitBytes ?? level.limitBytes, level.limitBytes);
    if (level.usedBytes === null) continue;
    const free = Math.max(0, level.limitBytes - level.usedBytes);
    availableBytes = Math.min(availableBytes ?? free, free);
  }
  return { limitBytes, availableBytes };
}

interface Level {
  readonly limitBytes: number;
  /** Charged memory that the kernel cannot simply drop; null where unknown. */
  readonly usedBytes: number | null;
}

async function readUnifiedLevel(system: System, folder: string): Promise<Level | null> {
  const [max, high, current, stat] = await readAll(system, folder, [
    'memory.max',
    'memory.high',
    'memory.current',
    'memory.stat',
  ]);
  // Above memory.high the kernel throttles and reclaims until nothing moves: as good as a limit.
  const limits = [numberOf(max), numberOf(high)].filter((value) => value !== null);
  if (limits.length === 0) return null;
  const used = numberOf(current);
  const reclaimable = sumOfStat(stat, ['active_file', 'inactive_file', 'slab_reclaimable']);
  return { limitBytes: Math.min(...limits), usedBytes: used === null ? null : used - reclaimable };
}

async function readLegacyLevel(system: System, folder: string): Promise<Level | null> {
  const [limit, usage, stat] = await readAll(system, folder, [
    'memory.limit_in_bytes',
    'memory.usage_in_bytes',
    'memory.stat',
  ]);
  const limitBytes = numberOf(limit);
  if (limitBytes === null) return null;
  const used = numberOf(usage);
  const reclaimable = sumOfStat(stat, ['total_active_file', 'total_inactive_file']);
  return { limitBytes, usedBytes: used === null ? null : used - reclaimable };
}

const readAll = (system: System, folder: string, names: readonly string[]): Promise<(string | null)[]> =>
  Promise.all(names.map((name) => system.readText(`${folder}/${name}`)));

const numberOf = (text: string | null | undefined): number | null => {
  const trimmed = text?.trim() ?? '';
  return /^\d+$/.test(trimmed) ? Number(trimmed) : null;
};

function sumOfStat(text: string | null | undefined, keys: readonly string[]): number {
  let sum = 0;
  for (const match of (text ?? '').matchAll(/^(\w+) (\d+)$/gm))
    if (keys.includes(match[1] ?? '')) sum += Number(match[2]);
  return sum;
}

async function readDarwinMemory(system: System): Promise<Reading<Memory>> {
  const host = system.hostMemory();
  const [values, pages] = await Promise.all([
    readSysctl(system, ['hw.memsize', 'vm.swapusage']),
    system.run(['/usr/bin/vm_stat'], { timeoutMs: 2000 }),
  ]);
  const totalBytes = Number(values.get('hw.memsize') ?? host.totalBytes);
  const availableBytes = parseVmStat(pages.stdout);
  const swap = parseSwapUsage(values.get('vm.swapusage') ?? '');
  return {
    value: {
      totalBytes,
      availableBytes: Math.min(totalBytes, availableBytes ?? host.freeBytes),
      limitBytes: null,
      swapTotalBytes: swap?.totalBytes ?? null,
      swapFreeBytes: swap?.freeBytes ?? null,
    },
    notes: availableBytes === null ? ['vm_stat did not answer, so available memory counts free pages only.'] : [],
  };
}

/** Free, speculative and inactive pages of `vm_stat`: what macOS gives without swapping. Purgeable pages are among these. */
export function parseVmStat(text: string): number | null {
  const pageBytes = Number(/page size of (\d+) bytes/.exec(text)?.[1]);
  if (!Number.isFinite(pageBytes)) return null;
  const count = (name: string): number => Number(new RegExp(`^Pages ${name}:\\s+(\\d+)`, 'm').exec(text)?.[1] ?? 0);
  return (count('free') + count('speculative') + count('inactive')) * pageBytes;
}

// `total = 2048.00M  used = 1012.25M  free = 1035.75M  (encrypted)`
function parseSwapUsage(text: string): { readonly totalBytes: number; readonly freeBytes: number } | null {
  const total = /total = ([\d.]+)M/.exec(text)?.[1];
  const free = /free = ([\d.]+)M/.exec(text)?.[1];
  if (total === undefined || free === undefined) return null;
  return { totalBytes: Math.round(Number(total) * 2 ** 20), freeBytes: Math.round(Number(free) * 2 ** 20) };
}
