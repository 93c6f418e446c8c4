// Live use of the GPUs, read again and again: NVML for NVIDIA, sysfs for AMD and, of Intel’s, the temperature. It must never start a program, and never
// wake a card that sleeps only to hear that it is idle.
import { readAmdMemory, readAmdUsedBytes } from './gpu-amd.ts';
import { type NvmlSession, openNvml } from './nvml.ts';
import type { Gpu, GpuVendor } from './probe.ts';
import { type System, thisSystem } from './system.ts';

export interface GpuUse {
  readonly vendor: GpuVendor;
  /** As in the snapshot. */
  readonly index: number;
  readonly pciAddress: string | null;
  /** 0–1; null where the driver does not tell. */
  readonly busyRatio: number | null;
  readonly totalBytes: number | null;
  readonly freeBytes: number | null;
  readonly usedBytes: number | null;
  /** Of the chip. */
  readonly temperatureC: number | null;
  /** Of the whole card, now or over the last moments. */
  readonly powerWatts: number | null;
}

export interface GpuWatch extends Disposable {
  read(): Promise<GpuUse[]>;
  /** Bytes that a process holds on all GPUs together, by pid; null where no driver tells. Pids are those of the host. */
  processBytes(): ReadonlyMap<number, number> | null;
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
    processBytes() {
      const told = nvidia.map((gpu) => session?.processBytes(gpu.index) ?? null).filter((bytes) => bytes !== null);
      if (told.length === 0) return null;
      const sums = new Map<number, number>();
      for (const bytes of told) for (const [pid, used] of bytes) sums.set(pid, used + (sums.get(pid) ?? 0));
      return sums;
    },
    [Symbol.dispose]: () => session?.[Symbol.dispose](),
  };
}

/** One look at the GPUs, for who asks now and then: a driver that is opened for it is let go again. */
export async function readGpuUse(gpus: readonly Gpu[], system: System = thisSystem): Promise<GpuUse[]> {
  using watch = openGpuWatch(system, gpus);
  return await watch.read();
}

const silent = ({ vendor, index, pciAddress, totalBytes }: Gpu): GpuUse => ({
  vendor,
  index,
  pciAddress,
  busyRatio: null,
  totalBytes,
  freeBytes: null,
  usedBytes: null,
  temperatureC: null,
  powerWatts: null,
});

function readNvidia(session: NvmlSession | null, gpu: Gpu): GpuUse {
  const use = session?.use(gpu.index) ?? null;
  if (use === null) return silent(gpu);
  const { busyRatio, totalBytes, freeBytes, temperatureC, powerWatts } = use;
  const usedBytes = totalBytes === null || freeBytes === null ? null : totalBytes - freeBytes;
  return { ...silent(gpu), busyRatio, freeBytes, usedBytes, temperatureC, powerWatts };
}

async function readOther(system: System, gpu: Gpu): Promise<GpuUse> {
  if (gpu.source !== 'sysfs' || gpu.pciAddress === null) return silent(gpu);
  const folder = `/sys/bus/pci/devices/${gpu.pciAddress}`;
  const status = (await system.readText(`${folder}/power/runtime_status`))?.trim();
  if (status === 'suspended') {
    return gpu.vendor === 'amd'
      ? { ...silent(gpu), busyRatio: 0, freeBytes: gpu.totalBytes, usedBytes: 0 }
      : silent(gpu);
  }
  if (gpu.vendor !== 'amd') return { ...silent(gpu), temperatureC: await readTemperature(system, folder) };
  const [percent, memory, usedBytes, temperatureC, powerWatts] = await Promise.all([
    system.readText(`${folder}/gpu_busy_percent`),
    readAmdMemory(system, folder, gpu.isUnified),
    readAmdUsedBytes(system, folder, gpu.isUnified),
    readTemperature(system, folder),
    readPower(system, folder),
  ]);
  const busy = percent === null || percent.trim() === '' ? Number.NaN : Number(percent);
  const busyRatio = Number.isFinite(busy) ? busy / 100 : null;
  return { ...silent(gpu), busyRatio, freeBytes: memory.freeBytes, usedBytes, temperatureC, powerWatts };
}

// The first sensor of the card's own (Documentation/hwmon/sysfs-interface): amdgpu's is the chip's edge, xe begins with
// its second. In thousandths of a degree.
async function readTemperature(system: System, folder: string): Promise<number | null> {
  for (const monitor of await system.listFolder(`${folder}/hwmon`)) {
    for (const name of ['temp1_input', 'temp2_input']) {
      const text = (await system.readText(`${folder}/hwmon/${monitor}/${name}`))?.trim() ?? '';
      if (/^-?\d+$/.test(text)) return Number(text) / 1000;
    }
  }
  return null;
}

// amdgpu's own figure, in millionths of a watt: an average where the card keeps one, else what it draws now.
async function readPower(system: System, folder: string): Promise<number | null> {
  for (const monitor of await system.listFolder(`${folder}/hwmon`)) {
    for (const name of ['power1_average', 'power1_input']) {
      const text = (await system.readText(`${folder}/hwmon/${monitor}/${name}`))?.trim() ?? '';
      if (/^\d+$/.test(text)) return Number(text) / 1e6;
    }
  }
  return null;
}
