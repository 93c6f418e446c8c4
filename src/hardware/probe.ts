// One snapshot of the machine. What cannot be known is null, never a guess.

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
  readonly driverVersion: string | null;
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
