// Live use of the GPUs, read again and again: NVML for NVIDIA, sysfs for AMD. It must never start a program, and never
// wake a card that sleeps only to hear that it is idle.
import { readAmdMemory } from './gpu-amd.ts';
import { type NvmlSession, openNvml } from './nvml.ts';
import type { Gpu, GpuVendor } from './probe.ts';
import type { System } from './system.ts';

export interface GpuUse {
  readonly vendor: GpuVendor;
  /** As in the snapshot. */
  readonly index: number;
  readonly pciAddress: string | null;
  /** 0–1; null where the driver does not tell. */
  readonly busyRatio: number | null;
  readonly totalBytes: number | null;
  readonly freeBytes: number | null;
}

export interface GpuWatch extends Disposable {
  read(): Promise<GpuUse[]>;
}

/** Opens what the given GPUs need; dispose it to let them sleep. */
export function openGpuWatch(system: System, gpus: readonly Gpu[]): GpuWatch {
  const nvidia = gpus.filter((gpu) => gpu.vendor === 'nvidia');
  const opening = nvidia.length > 0 ? openNvml(system) : null;
  const session = opening?.outcome === 'initialised' ? opening.session : null;
  const others = gpus.filter((gpu) => gpu.vendor !== 'nvidia');
  return {
    async read() {
      const rest = await Promise.all(others.map((gpu) => readOther(system, gpu)));
      return [...nvidia.map((gpu) => readNvidia(session, gpu)), ...rest];
    },
    [Symbol.dispose]: () => session?.[Symbol.dispose](),
  };
}

const silent = ({ vendor, index, pciAddress, totalBytes }: Gpu): GpuUse => ({
  vendor,
  index,
  pciAddress,
  busyRatio: null,
  totalBytes,
  freeBytes: null,
});

function readNvidia(session: NvmlSession | null, gpu: Gpu): GpuUse {
  const use = session?.use(gpu.index) ?? null;
  if (use === null) return silent(gpu);
  return { ...silent(gpu), busyRatio: use.busyRatio, freeBytes: use.freeBytes };
}

async function readOther(system: System, gpu: Gpu): Promise<GpuUse> {
  if (gpu.vendor !== 'amd' || gpu.source !== 'sysfs' || gpu.pciAddress === null) return silent(gpu);
  const folder = `/sys/bus/pci/devices/${gpu.pciAddress}`;
  const status = (await system.readText(`${folder}/power/runtime_status`))?.trim();
  if (status === 'suspended') return { ...silent(gpu), busyRatio: 0, freeBytes: gpu.totalBytes };
  const [percent, memory] = await Promise.all([
    system.readText(`${folder}/gpu_busy_percent`),
    readAmdMemory(system, folder, gpu.isUnified),
  ]);
  const busy = percent === null || percent.trim() === '' ? Number.NaN : Number(percent);
  return { ...silent(gpu), busyRatio: Number.isFinite(busy) ? busy / 100 : null, freeBytes: memory.freeBytes };
}
