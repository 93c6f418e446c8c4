// The machine and this server in llamactl's words: Go's names of systems and processors, seconds, bytes, percent. Pure.
import type { MachineInfo, MachineStatus } from '../../core/machine-desk.ts';
import type { NamedInstance } from '../../core/named-instances.ts';
import { isoSeconds } from './shape.ts';

const tenths = (value: number): number => Math.round(value * 10) / 10;
const GO_OS: Readonly<Record<string, string>> = { win32: 'windows' };
const GO_ARCH: Readonly<Record<string, string>> = { x64: 'amd64', ia32: '386' };

/** What starts or stops just now is neither running nor stopped; what failed is down. */
export function statusToWire({ version, uptimeMs, load }: MachineStatus, instances: readonly NamedInstance[]) {
  const { cpuBusyRatio, memory, disk } = load;
  const count = (...words: readonly NamedInstance['status'][]): number =>
    instances.filter(({ status }) => words.includes(status)).length;
  const used = memory?.availableBytes == null ? null : memory.totalBytes - memory.availableBytes;
  const isDiskKnown = disk.totalBytes !== null && disk.freeBytes !== null && disk.totalBytes > 0;
  return {
    version,
    uptime: Math.floor(uptimeMs / 1000),
    instances: { total: instances.length, running: count('running'), stopped: count('stopped', 'error') },
    resources: {
      cpu_usage: cpuBusyRatio === null ? null : tenths(cpuBusyRatio * 100),
      memory_usage: used,
      memory_total: memory?.totalBytes ?? null,
      disk_usage: isDiskKnown ? tenths((1 - (disk.freeBytes ?? 0) / (disk.totalBytes ?? 1)) * 100) : null,
    },
  };
}

export const infoToWire = (info: MachineInfo) => ({
  hostname: info.hostname,
  os: GO_OS[info.platform] ?? info.platform,
  arch: GO_ARCH[info.arch] ?? info.arch,
  cpu_count: info.processorCount,
  memory_total: info.memoryBytes,
  version: info.version,
  build_time: info.builtAt === null ? null : isoSeconds(info.builtAt),
});
