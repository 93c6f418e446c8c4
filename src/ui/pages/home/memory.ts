// Who holds the memory of each device, and which GPU is behind it: what the bars of Home draw. Pure.
import type { Instance, MachineSample, Status } from '../../api/answers.ts';

/** The name of main memory among the devices of a budget. */
export const HOST = 'Host';

export interface Holding {
  readonly modelId: string;
  readonly bytes: number;
  /** 1–8: the model's colour, the same on every device. */
  readonly series: number;
}

export interface DeviceMemory {
  readonly device: string;
  /** What the whole bar stands for. */
  readonly totalBytes: number;
  readonly budgetBytes: number;
  readonly holdings: readonly Holding[];
  readonly othersBytes: number;
  readonly freeBytes: number;
}

export type GpuSample = MachineSample['gpus'][number];

const SERIES_COUNT = 8;

/** Colours stay with a model as long as it is among the instances, whatever else comes and goes after it. */
export function seriesOf(instances: readonly Pick<Instance, 'modelId'>[]): ReadonlyMap<string, number> {
  return new Map(instances.map(({ modelId }, index) => [modelId, (index % SERIES_COUNT) + 1]));
}

export function memoryOf(
  budget: Status['budget'],
  all: readonly Pick<Instance, 'modelId' | 'reservedBytes' | 'state'>[],
): DeviceMemory[] {
  const series = seriesOf(all);
  const instances = all.filter(({ state }) => state !== 'stopped' && state !== 'failed');
  const known = new Set(budget.map(({ device }) => device));
  return budget.map(({ device, totalBytes, budgetBytes, reservedBytes }) => {
    const holdings = instances.flatMap(({ modelId, reservedBytes: own }): Holding[] => {
      // Of a device that is not listed nobody could see where it went: it is main memory's.
      const strays = device === HOST ? Object.keys(own).filter((name) => !known.has(name)) : [];
      const bytes = [device, ...strays].reduce((sum, name) => sum + (own[name] ?? 0), 0);
      return bytes > 0 ? [{ modelId, bytes, series: series.get(modelId) ?? 1 }] : [];
    });
    const heldBytes = Math.max(
      reservedBytes,
      holdings.reduce((sum, { bytes }) => sum + bytes, 0),
    );
    const whole = Math.max(totalBytes ?? 0, budgetBytes, heldBytes);
    return {
      device,
      totalBytes: whole,
      budgetBytes,
      holdings,
      othersBytes: Math.max(0, whole - Math.max(budgetBytes, heldBytes)),
      freeBytes: Math.max(0, budgetBytes - heldBytes),
    };
  });
}

/** What is in use of what models may take, where it is scarcest: on the GPUs, else in main memory. */
export function usedOf(budget: Status['budget']): { readonly usedBytes: number; readonly budgetBytes: number } {
  const gpus = budget.filter(({ device }) => device !== HOST);
  const lines = gpus.length > 0 ? gpus : budget;
  return {
    usedBytes: lines.reduce((sum, { reservedBytes }) => sum + reservedBytes, 0),
    budgetBytes: lines.reduce((sum, { budgetBytes }) => sum + budgetBytes, 0),
  };
}

/** The GPU that an engine's device is, by its name and its place among those of the same name; null: nobody can tell. */
export function gpuOf(
  device: string,
  devices: readonly { readonly id: string; readonly name: string }[],
  gpus: readonly GpuSample[],
): GpuSample | null {
  const own = devices.find(({ id }) => id === device);
  if (own === undefined) return null;
  const isSame = (gpu: GpuSample): boolean => own.name.includes(gpu.name) || gpu.name.includes(own.name);
  const twins = devices.filter(({ name }) => name === own.name);
  const found = gpus.filter(isSame)[twins.indexOf(own)];
  if (found !== undefined) return found;
  const [only, ...others] = gpus;
  return only !== undefined && others.length === 0 && devices.length === 1 ? only : null;
}
