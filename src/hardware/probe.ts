// One snapshot of the machine. What cannot be known is null, never a guess.
import { untilAborted } from '../base/sync.ts';
import { readCpu } from './cpu.ts';
import { within } from './deadline.ts';
import { readDisks } from './disk.ts';
import { readAmdGpus } from './gpu-amd.ts';
import { readAppleGpus } from './gpu-apple.ts';
import { readIntelGpus } from './gpu-intel.ts';
import { readNvidiaGpus } from './gpu-nvidia.ts';
import { readWindowsGpus } from './gpu-windows.ts';
import { readMemory } from './memory.ts';
import { isWsl, readOperatingSystem } from './operating-system.ts';
import { type System, thisSystem } from './system.ts';

export type GpuVendor = 'nvidia' | 'amd' | 'intel' | 'apple' | 'other';

export interface Gpu {
  /** Position in the driver's own order, from 0. */
  readonly index: number;
  readonly vendor: GpuVendor;
  readonly name: string;
  readonly totalBytes: number | null;
  readonly freeBytes: number | null;
  /** True where the GPU shares the host's memory (Apple silicon, APUs, iGPUs); null where that is not known. */
  readonly isUnified: boolean | null;
  /** `580.159.03`, `amdgpu 6.10.5`, `xe in Linux 6.17.0`. */
  readonly driverVersion: string | null;
  /** NVIDIA: the highest CUDA version that the driver runs, such as `13.0`; absent where nobody told. */
  readonly cudaVersion?: string | null;
  /** NVIDIA, such as `8.9`. */
  readonly computeCapability: string | null;
  /** AMD, such as `gfx1100`. */
  readonly gfxTarget: string | null;
  /** `0000:01:00.0`, lower case. */
  readonly pciAddress: string | null;
  readonly uuid: string | null;
  /** Which source told: `nvml`, `nvidia-smi`, `sysfs`, `sysctl`, `dxgi`, `cim`, `systeminformation`. */
  readonly source: string;
}

export interface Disk {
  /** The folder that was asked about, or the mount point. */
  readonly path: string;
  readonly totalBytes: number | null;
  readonly freeBytes: number | null;
}

export interface Snapshot {
  /** Epoch milliseconds. */
  readonly takenAt: number;
  readonly system: {
    readonly platform: 'linux' | 'darwin' | 'win32' | 'other';
    readonly arch: 'x64' | 'arm64' | 'other';
    /** Such as `Debian GNU/Linux 12 (bookworm)`; null where unknown. */
    readonly name: string | null;
    readonly kernel: string | null;
    /** `glibc 2.36`, `musl`; null elsewhere. */
    readonly libc: string | null;
  };
  readonly cpu: {
    readonly name: string | null;
    readonly physicalCores: number | null;
    /** Threads that this process may use (affinity and cgroup quota honoured). */
    readonly usableThreads: number;
    readonly maxHz: number | null;
    /** Instruction sets that matter to ggml: `avx2 avx512f avx512_vnni amx_int8 neon sve …`. */
    readonly features: readonly string[];
  };
  readonly memory: {
    /** What this process may use at most: the machine's RAM or the cgroup's limit, whichever is less. */
    readonly totalBytes: number;
    /** What can be had now without swapping, within the same limit. */
    readonly availableBytes: number;
    /** The cgroup's limit where one is set. */
    readonly limitBytes: number | null;
    readonly swapTotalBytes: number | null;
    readonly swapFreeBytes: number | null;
  };
  readonly disks: readonly Disk[];
  readonly gpus: readonly Gpu[];
  /** What could not be read and why, in sentences for `doctor`. */
  readonly notes: readonly string[];
}

export interface ProbeOptions {
  /** Folders whose file systems are measured; default: the root, or the system drive. */
  readonly diskPaths?: readonly string[];
  readonly signal?: AbortSignal;
  /** Another machine than this one, for tests. */
  readonly system?: System;
}

const FILES_TIMEOUT_MS = 2000;
// amdgpu wakes a sleeping card before it answers, nvidia-smi every card.
const TOOLS_TIMEOUT_MS = 10_000;

/**
 * Reads the machine once, every reader by itself and all at the same time. What fails is a sentence in `notes`; the
 * only thing that it throws is the signal's reason.
 */
export async function probeHardware(options: ProbeOptions = {}): Promise<Snapshot> {
  const { system = thisSystem, signal } = options;
  signal?.throwIfAborted();
  const diskPaths = options.diskPaths ?? [system.platform === 'win32' ? 'C:\\' : '/'];
  const host = system.hostMemory();
  const unknownGpus: Gpu[] = [];
  const files = { timeoutMs: FILES_TIMEOUT_MS, signal };
  const tools = { timeoutMs: TOOLS_TIMEOUT_MS, signal };
  const reading = Promise.all([
    within('the operating system', files, bareSystem(system), () => readOperatingSystem(system)),
    within('the processor', files, bareCpu(system), () => readCpu(system)),
    within('the memory', files, bareMemory(host), () => readMemory(system)),
    within('the disks', files, diskPaths.map(unknownDisk), () => readDisks(system, diskPaths)),
    within('NVIDIA’s GPUs', tools, unknownGpus, () => readNvidiaGpus(system, signal)),
    within('AMD’s GPUs', tools, unknownGpus, () => readAmdGpus(system)),
    within('Intel’s GPUs', files, unknownGpus, () => readIntelGpus(system)),
    within('Apple’s GPU', files, unknownGpus, () => readAppleGpus(system)),
    within('Windows’ GPUs', tools, unknownGpus, () => readWindowsGpus(system, signal)),
  ]);
  const readings = await untilAborted(reading, signal);
  const [operatingSystem, cpu, memory, disks, nvidia, amd, intel, apple, windows] = readings;
  // NVML knows more of NVIDIA's cards than Windows does.
  const others = windows.value.filter((gpu) => gpu.vendor !== 'nvidia' || nvidia.value.length === 0);
  const gpus = [...nvidia.value, ...amd.value, ...intel.value, ...apple.value, ...others];
  const notes = readings.flatMap((entry) => entry.notes);
  if (isWsl(system.kernel) && nvidia.value.length === 0) {
    notes.push(
      'This is WSL: GPUs of other vendors than NVIDIA are not visible here; run on Windows itself to use them.',
    );
  }
  return {
    takenAt: Date.now(),
    system: operatingSystem.value,
    cpu: cpu.value,
    memory: memory.value,
    disks: disks.value,
    gpus,
    notes,
  };
}

const bareSystem = ({ platform, arch, kernel }: System): Snapshot['system'] => ({
  platform,
  arch,
  kernel,
  name: null,
  libc: null,
});

const bareCpu = (system: System): Snapshot['cpu'] => ({
  name: null,
  physicalCores: null,
  usableThreads: system.availableThreads(),
  maxHz: null,
  features: [],
});

const bareMemory = (host: { readonly totalBytes: number; readonly freeBytes: number }): Snapshot['memory'] => ({
  totalBytes: host.totalBytes,
  availableBytes: host.freeBytes,
  limitBytes: null,
  swapTotalBytes: null,
  swapFreeBytes: null,
});

const unknownDisk = (path: string): Disk => ({ path, totalBytes: null, freeBytes: null });
