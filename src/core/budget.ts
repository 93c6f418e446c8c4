// How much memory there is to share: per GPU device and on the host, what is free now plus what our own children hold,
// capped by the settings. Pure: measurements are passed in.
import type { Backend, EngineBuild, EngineDevice } from '../engine/build.ts';
import type { Gpu, Snapshot } from '../hardware/probe.ts';
import { HOST } from './placement.ts';

export interface DeviceBudget {
  readonly id: string;
  readonly backend: Backend;
  /** True: the same memory as the host's. */
  readonly isUnified: boolean;
  readonly totalBytes: number | null;
  /** What our children may hold in total. */
  readonly budgetBytes: number;
}

export interface Budget {
  /** GPU devices in the engine's order; empty: CPU only. */
  readonly devices: readonly DeviceBudget[];
  readonly host: { readonly totalBytes: number; readonly budgetBytes: number };
}

export interface BudgetInput {
  readonly build: Pick<EngineBuild, 'devices' | 'backend'>;
  readonly snapshot: Pick<Snapshot, 'gpus' | 'memory'>;
  /** Finds the GPU behind a device; null where the hardware probe does not know it. */
  readonly gpuOf: (device: EngineDevice) => Gpu | null;
  /** What our children hold by device, `Host` included. */
  readonly heldBytes: Readonly<Record<string, number>>;
  /** GB of 10^9 bytes; null: no cap. */
  readonly vram: number | null;
  readonly ram: number | null;
}

const GB = 1e9;

export function budgetOf(input: BudgetInput): Budget {
  const { build, snapshot, heldBytes } = input;
  const held = (id: string): number => heldBytes[id] ?? 0;
  const open = build.devices.map((device): DeviceBudget => {
    const gpu = input.gpuOf(device);
    // What the driver says now; else what the engine listed when nothing of ours was loaded.
    const fresh = gpu?.freeBytes === null || gpu?.freeBytes === undefined ? null : gpu.freeBytes + held(device.id);
    return {
      id: device.id,
      backend: build.backend,
      isUnified: gpu?.isUnified ?? false,
      totalBytes: device.totalBytes ?? gpu?.totalBytes ?? null,
      budgetBytes: fresh ?? device.freeBytes ?? device.totalBytes ?? 0,
    };
  });
  const hostFree = snapshot.memory.availableBytes + held(HOST);
  const hostBytes = input.ram === null ? hostFree : Math.min(hostFree, input.ram * GB);
  return {
    devices: input.vram === null ? open : capped(open, input.vram * GB),
    host: { totalBytes: snapshot.memory.totalBytes, budgetBytes: hostBytes },
  };
}

/** Shares one cap among devices by what each has; with one device it is simply that device's. */
function capped(devices: readonly DeviceBudget[], capBytes: number): DeviceBudget[] {
  const sum = devices.reduce((total, device) => total + device.budgetBytes, 0);
  if (sum <= capBytes) return [...devices];
  return devices.map((device) => ({ ...device, budgetBytes: Math.floor((device.budgetBytes * capBytes) / sum) }));
}

/** Adds up what several loads hold, by device. */
export function sumBytes(parts: Iterable<Readonly<Record<string, number>>>): Record<string, number> {
  const sum: Record<string, number> = {};
  for (const part of parts)
    for (const [device, bytes] of Object.entries(part)) sum[device] = (sum[device] ?? 0) + bytes;
  return sum;
}
