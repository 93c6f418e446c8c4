// How long all processors together were busy and idle, and the share between two such readings. It must never take
// waiting for a disk for work.
import type { System } from './system.ts';

export interface CpuTimes {
  readonly busy: number;
  readonly idle: number;
}

// `cpu  user nice system idle iowait irq softirq steal …` in ticks (proc_stat(5)); waiting for a disk is idle.
export function readCpuTimes(system: System): CpuTimes | null {
  if (system.platform === 'linux') {
    const line = /^cpu +(.*)$/m.exec(system.readTextSync('/proc/stat') ?? '')?.[1];
    if (line === undefined) return null;
    const [user = 0, nice = 0, kernel = 0, idle = 0, wait = 0, irq = 0, soft = 0, steal = 0] = line
      .split(' ')
      .map(Number);
    return { busy: user + nice + kernel + irq + soft + steal, idle: idle + wait };
  }
  let [busy, idle] = [0, 0];
  for (const processor of system.processors()) {
    busy += processor.busyMs;
    idle += processor.idleMs;
  }
  return busy + idle > 0 ? { busy, idle } : null;
}

/** 0–1; null where no time has passed between the two. */
export function busyRatioOf(before: CpuTimes | null, after: CpuTimes | null): number | null {
  if (before === null || after === null) return null;
  const [busy, idle] = [after.busy - before.busy, after.idle - before.idle];
  return busy >= 0 && idle >= 0 && busy + idle > 0 ? busy / (busy + idle) : null;
}
