// How much memory there is to share: per GPU device and on the host, what is free now plus what our own children hold,
// capped by the settings. Pure: measurements are passed in. It must never count one byte twice.
import type { Backend, EngineBuild, EngineDevice } from '../engine/build.ts';
import type { Gpu, Snapshot } from '../hardware/probe.ts';
import { type DeviceTake, HOST } from './placement.ts';

/** Bytes by device; `Host` is RAM. */
type Bytes = Readonly<Record<string, number>>;

export interface DeviceBudget {
  readonly id: string;
  readonly backend: Backend;
  /** True: the same memory as the host's. */
  readonly isUnified: boolean;
  readonly totalBytes: number | null;
  /** What our children could hold in total if no setting limited them. */
  readonly openBytes: number;
  /** What our children may hold in total. */
  readonly budgetBytes: number;
}

export interface Budget {
  /** GPU devices in the engine's order; empty: CPU only. */
  readonly devices: readonly DeviceBudget[];
  readonly host: { readonly totalBytes: number; readonly openBytes: number; readonly budgetBytes: number };
}

/** What our children hold, as far as it is missing from what is free. */
export interface Held {
  readonly sure: Bytes;
  /** What those that load or leave may hold beside: nobody can tell how far they have come. */
  readonly perhaps: Bytes;
}

/** Bytes of one device that a child was planned to take. */
export type HeldTake = Pick<DeviceTake, 'device' | 'kvBytes' | 'computeBytes' | 'totalBytes'>;

/** A child as the sum sees it. */
export interface Holder {
  readonly isAtRest: boolean;
  readonly takes: readonly HeldTake[];
  /** Main memory of its own, mapped files left out; null where the system does not tell. */
  readonly privateBytes: number | null;
}

export interface BudgetInput {
  readonly build: Pick<EngineBuild, 'devices' | 'backend'>;
  readonly snapshot: Pick<Snapshot, 'gpus' | 'memory'>;
  /** Finds the GPU behind a device; null where the hardware probe does not know it. */
  readonly gpuOf: (device: EngineDevice) => Gpu | null;
  readonly held: Held;
  /** The last budget: it decides where a child that loads or leaves makes the measurement ambiguous. */
  readonly previous: Budget | null;
  /** GB of 10^9 bytes; null: no cap. */
  readonly vram: number | null;
  readonly ram: number | null;
}

const GB = 1e9;

export function budgetOf(input: BudgetInput): Budget {
  const { build, snapshot, held, previous } = input;
  const devices = build.devices.map((device): DeviceBudget => {
    const gpu = input.gpuOf(device);
    const before = previous?.devices.find((known) => known.id === device.id)?.openBytes ?? null;
    // What the driver says now; else what the engine listed when nothing of ours was loaded, where it could say (0: not).
    const openBytes =
      gpu?.freeBytes == null
        ? ((device.totalBytes ? device.freeBytes : null) ?? (device.totalBytes || gpu?.totalBytes) ?? 0)
        : settled(gpu.freeBytes, held.sure[device.id] ?? 0, held.perhaps[device.id] ?? 0, before);
    return {
      id: device.id,
      backend: build.backend,
      isUnified: gpu?.isUnified ?? false,
      totalBytes: (device.totalBytes || gpu?.totalBytes) ?? null,
      openBytes,
      budgetBytes: openBytes,
    };
  });
  const { availableBytes, totalBytes } = snapshot.memory;
  const onHost = (bytes: Bytes): number => pooled(devices, bytes, HOST);
  const openBytes = settled(availableBytes, onHost(held.sure), onHost(held.perhaps), previous?.host.openBytes ?? null);
  return {
    devices: input.vram === null ? devices : capped(devices, input.vram * GB),
    host: {
      totalBytes,
      openBytes,
      budgetBytes: input.ram === null ? openBytes : Math.min(openBytes, input.ram * GB),
    },
  };
}

/** The same memory, but no more of it than this (GB of 10^9 bytes; null: no cap). */
export function cappedBudget(budget: Budget, vram: number | null, ram: number | null): Budget {
  const { host } = budget;
  return {
    devices: vram === null ? budget.devices : capped(budget.devices, vram * GB),
    host: ram === null ? host : { ...host, budgetBytes: Math.min(host.budgetBytes, ram * GB) },
  };
}

/** Free plus held; where it is not known how much is held, as near as possible to what it was before. */
function settled(free: number, sure: number, perhaps: number, before: number | null): number {
  const least = free + sure;
  return before === null ? least : Math.min(Math.max(before, least), least + perhaps);
}

/** What of `bytes` lies in a device's memory; devices that borrow the host's count as the host too. */
export const pooled = (devices: readonly Pick<DeviceBudget, 'id' | 'isUnified'>[], bytes: Bytes, id: string): number =>
  (bytes[id] ?? 0) +
  (id === HOST ? devices.reduce((sum, device) => sum + (device.isUnified ? (bytes[device.id] ?? 0) : 0), 0) : 0);

/** Shares one cap among devices by what each has; with one device it is simply that device's. */
function capped(devices: readonly DeviceBudget[], capBytes: number): DeviceBudget[] {
  const sum = devices.reduce((total, device) => total + device.budgetBytes, 0);
  if (sum <= capBytes) return [...devices];
  return devices.map((device) => ({ ...device, budgetBytes: Math.floor((device.budgetBytes * capBytes) / sum) }));
}

/**
 * What the children hold. Mapped weights are page cache, which counts as free. What a child has above its reservation is
 * not ours to give away, so it does not count.
 */
export function heldBy(holders: Iterable<Holder>): Held {
  const sure: Record<string, number>[] = [];
  const perhaps: Record<string, number>[] = [];
  for (const { isAtRest, takes, privateBytes } of holders) {
    for (const take of takes) {
      if (take.device === HOST && privateBytes !== null) {
        sure.push({ [HOST]: Math.min(privateBytes, take.totalBytes) });
        continue;
      }
      const bytes = take.device === HOST ? take.kvBytes + take.computeBytes : take.totalBytes;
      (isAtRest ? sure : perhaps).push({ [take.device]: bytes });
    }
  }
  return { sure: sumBytes(sure), perhaps: sumBytes(perhaps) };
}

/** Adds up what several loads hold, by device. */
export function sumBytes(parts: Iterable<Bytes>): Record<string, number> {
  const sum: Record<string, number> = {};
  for (const part of parts)
    for (const [device, bytes] of Object.entries(part)) sum[device] = (sum[device] ?? 0) + bytes;
  return sum;
}
