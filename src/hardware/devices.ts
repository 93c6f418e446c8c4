// Puts the engine's devices and the machine's GPUs together. The engine's word wins: what it lists exists, what it does
// not list cannot be used. It must never join two things that only might be the same: without a sign, the GPU is null.
import type { Gpu, GpuVendor, Snapshot } from './probe.ts';

/** One line of the engine's `--list-devices`. */
export interface ListedDevice {
  /** `CUDA0`, `Vulkan1`, `ROCm0`, `MTL0`, `SYCL0`, `RPC0`, … */
  readonly id: string;
  readonly name: string;
  readonly totalBytes: number | null;
  readonly freeBytes: number | null;
}

export interface ReconciledDevice {
  readonly deviceId: string;
  readonly gpu: Gpu | null;
  readonly name: string;
  readonly totalBytes: number | null;
  readonly freeBytes: number | null;
  readonly isUnified: boolean | null;
}

export interface Reconciliation {
  /** In the engine's order. */
  readonly devices: readonly ReconciledDevice[];
  /** GPUs that no device of the engine stands for: for `doctor`. */
  readonly unseen: readonly Gpu[];
}

export function reconcile(snapshot: Pick<Snapshot, 'gpus'>, engineDevices: readonly ListedDevice[]): Reconciliation {
  const partners = new Map<ListedDevice, Gpu>();
  // One card may be listed by several backends (CUDA0 and Vulkan0), but only once by each.
  for (const devices of groupBy(engineDevices, (device) => backendOf(device.id)).values()) {
    for (const [device, gpu] of matchOf(devices, snapshot.gpus)) partners.set(device, gpu);
  }
  const devices = engineDevices.map((device): ReconciledDevice => {
    const gpu = partners.get(device) ?? null;
    // The engine prints 0 where a backend cannot say.
    return {
      deviceId: device.id,
      gpu,
      name: device.name,
      totalBytes: device.totalBytes || (gpu?.totalBytes ?? null),
      freeBytes: device.totalBytes ? device.freeBytes : (gpu?.freeBytes ?? null),
      isUnified: gpu?.isUnified ?? null,
    };
  });
  const seen = new Set(partners.values());
  return { devices, unseen: snapshot.gpus.filter((gpu) => !seen.has(gpu)) };
}

interface Pair {
  readonly device: ListedDevice;
  readonly gpu: Gpu;
  readonly score: number;
}

// Best pairs first; equal ones in the drivers' own order, which is the engine's too.
function matchOf(devices: readonly ListedDevice[], gpus: readonly Gpu[]): Map<ListedDevice, Gpu> {
  const pairs: Pair[] = [];
  for (const device of devices) {
    for (const gpu of gpus) pairs.push({ device, gpu, score: likeness(device, gpu) });
  }
  pairs.sort((a, b) => b.score - a.score);
  const matched = new Map<ListedDevice, Gpu>();
  const taken = new Set<Gpu>();
  for (const { device, gpu, score } of pairs) {
    if (score === 0 || matched.has(device) || taken.has(gpu)) continue;
    matched.set(device, gpu);
    taken.add(gpu);
  }
  // What nothing tells apart is joined by vendor alone, where as many are left on either side.
  for (const vendor of new Set(gpus.map((gpu) => gpu.vendor))) {
    const [left, free] = [
      devices.filter((device) => !matched.has(device) && vendorOf(device) === vendor),
      gpus.filter((gpu) => !taken.has(gpu) && gpu.vendor === vendor),
    ];
    if (left.length !== free.length) continue;
    left.forEach((device, at) => {
      const gpu = free[at];
      if (gpu !== undefined && !isOfOtherSize(device, gpu)) matched.set(device, gpu);
    });
  }
  return matched;
}

/** 0: nothing says that they are the same; more: by memory (2), by words of the name (4 each, 64 for all). */
function likeness(device: ListedDevice, gpu: Gpu): number {
  if (vendorOf(device) !== gpu.vendor) return 0;
  const [ours, theirs] = [wordsOf(gpu.name), wordsOf(device.name)];
  const shared = theirs.filter((word) => ours.includes(word)).length;
  const isWhole = shared > 0 && (shared === theirs.length || shared === ours.length);
  if (!isWhole && isOfOtherSize(device, gpu)) return 0;
  return (isOfSameSize(device, gpu) ? 2 : 0) + shared * 4 + (isWhole ? 64 : 0);
}

// Backends leave out what the driver keeps for itself, some a few percent.
const isOfSameSize = (device: ListedDevice, gpu: Gpu): boolean => {
  const ratio = sizeRatio(device, gpu);
  return ratio !== null && ratio > 0.85 && ratio < 1.15;
};

// How much of the host's memory an integrated GPU may take is each backend's own opinion: it proves nothing.
const isOfOtherSize = (device: ListedDevice, gpu: Gpu): boolean => {
  const ratio = sizeRatio(device, gpu);
  return ratio !== null && gpu.isUnified === false && (ratio < 0.7 || ratio > 1.3);
};

const sizeRatio = (device: ListedDevice, gpu: Gpu): number | null =>
  device.totalBytes && gpu.totalBytes ? device.totalBytes / gpu.totalBytes : null;

const backendOf = (id: string): string => /^[A-Za-z]+/.exec(id)?.[0]?.toUpperCase() ?? id;

function vendorOf(device: ListedDevice): GpuVendor | null {
  // A device at the other end of RPC is not in this machine, whatever its name; neither is a renderer on the CPU.
  const backend = backendOf(device.id);
  if (backend === 'RPC' || /llvmpipe|lavapipe|swiftshader/i.test(device.name)) return null;
  if (backend === 'CUDA') return 'nvidia';
  if (backend === 'ROCM' || backend === 'HIP') return 'amd';
  if (backend === 'MTL' || backend === 'METAL') return 'apple';
  if (/nvidia|geforce|quadro|tesla|\brtx\b|\bgtx\b/i.test(device.name)) return 'nvidia';
  if (/\bamd\b|radeon|instinct|\bradv\b/i.test(device.name)) return 'amd';
  if (/intel|\barc\b/i.test(device.name)) return 'intel';
  return /apple/i.test(device.name) ? 'apple' : null;
}

const NOISE = new Set(
  'nvidia amd ati intel apple corporation inc radeon geforce graphics gpu rtx gtx rx arc r tm with the'.split(' '),
);

// `AMD Radeon RX 7900 XTX (RADV NAVI31)` → 7900 xtx navi31; `Navi 31` and `NAVI31` are one word.
const wordsOf = (name: string): string[] => [
  ...new Set(
    name
      .toLowerCase()
      .replace(/\((r|tm|c)\)|[™®]/g, ' ')
      .replace(/\b(navi|vega) (\d+)/g, '$1$2')
      .replace(/\b(radv|llvm|anv|dg\d|rev)\b/g, ' ')
      .split(/[^a-z0-9.]+/)
      .filter((word) => word !== '' && !NOISE.has(word)),
  ),
];

function groupBy<T>(items: readonly T[], keyOf: (item: T) => string): Map<string, T[]> {
  const groups = new Map<string, T[]>();
  for (const item of items) {
    const key = keyOf(item);
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [item]);
    else group.push(item);
  }
  return groups;
}
