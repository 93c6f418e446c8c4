// One way to load a model, weighed: what it takes on each device and in main memory, and whether the budgets bear it.
// Pure. It must never choose: that is the search's part.
import type { CacheType } from '../engine/command.ts';
import type { PlannedTake } from '../engine/verdict.ts';
import type { ModelFacts } from '../gguf/facts.ts';
import type { PlacementInput } from './placement.ts';
import { deviceComputeBytes, hostComputeBytes } from './placement-compute.ts';
import {
  type CacheShape,
  cacheBytesByLayer,
  checkpointBytes,
  DEVICE_OVERHEAD_BYTES,
  HOST_OVERHEAD_BYTES,
  kvBytes,
  needsCheckpoints,
} from './placement-memory.ts';

/** What a load takes on one device, or in main memory as `Host`. */
export type DeviceTake = PlannedTake;

/** What earlier loads took on one device as a ratio to what was predicted; 1 means as predicted. */
export interface DeviceCorrection {
  readonly device: string;
  readonly weightRatio: number;
  readonly kvRatio: number;
  readonly computeRatio: number;
  /** Bytes that were taken where nothing had been predicted. */
  readonly extraBytes: number;
}

export interface Correction {
  readonly devices: readonly DeviceCorrection[];
}

/** One way to load it. */
export interface Candidate {
  /** Into `input.devices`, in the engine's order; empty: CPU only. */
  readonly deviceIndexes: readonly number[];
  /** As `-ngl` counts: the last blocks and the output layer. */
  readonly gpuLayers: number;
  readonly contextTokens: number;
  readonly slotCount: number;
  readonly cacheType: CacheType;
  readonly batchTokens: number;
  readonly microBatchTokens: number;
  /** Experts of the first N blocks in RAM. */
  readonly cpuExpertLayers: number;
  readonly isProjectorOffloaded: boolean;
  /** Rows of logits per pass; a server asks for one per slot, which is the default. */
  readonly outputTokens?: number;
}

export interface Layout {
  readonly takes: readonly DeviceTake[];
  /** Blocks (and the output layer) per device, first device first. */
  readonly layersPerDevice: readonly number[];
}

/** What lies on a device before any layer does, and what one layer adds. */
interface Part {
  weight: number;
  kv: number;
}

const EMPTY: Part = { weight: 0, kv: 0 };

export function cacheShapeOf(candidate: Candidate): CacheShape {
  return {
    contextTokens: candidate.contextTokens,
    slotCount: candidate.slotCount,
    isUnified: true,
    cacheTypeK: candidate.cacheType,
    cacheTypeV: candidate.cacheType,
    microBatchTokens: candidate.microBatchTokens,
  };
}

/** Weights of the output layer: its own, or a second copy of the token embedding where the two are tied. */
export const outputWeightBytes = (facts: ModelFacts): number =>
  facts.outputBytes > 0 ? facts.outputBytes : facts.isCausal ? facts.tokenEmbeddingBytes : 0;

/** Types that the CPU backend uses as they lie in the file; others it may copy into an order of its own. */
const UNPACKED = /^(F32|F16|BF16)$/;

/** The output layer in main memory: a tied one lies in the token embedding, unless it is copied for speed. */
const hostOutputBytes = (facts: ModelFacts): number =>
  facts.outputBytes === 0 && UNPACKED.test(facts.quantization) ? 0 : outputWeightBytes(facts);

/** Lays the candidate out over its devices; null where a budget does not bear it. */
export function layOut(input: PlacementInput, candidate: Candidate): Layout | null {
  const devices = candidate.deviceIndexes.flatMap((index) => input.devices[index] ?? []);
  const parts = unitsOf(input.facts, candidate);
  const host = hostTake(input, candidate, parts.host);
  const pool = { free: input.host.budgetBytes - host.totalBytes };
  if (pool.free < 0) return null;
  const fixed = devices.map((_, position) => deviceFixed(input, candidate, position, devices.length));
  const room = devices.map((device, position) => {
    const used = take(input.correction, device.id, EMPTY, fixed[position] ?? NOTHING).totalBytes;
    return device.budgetBytes - used;
  });
  if (room.some((bytes) => bytes < 0)) return null;
  const costs = parts.units.map((unit) => (device: string) => take(input.correction, device, unit, NOTHING).totalBytes);
  const counts = splitEvenly(
    devices.map((device) => device.id),
    room,
    costs,
  );
  if (counts === null) return null;
  let next = 0;
  const takes = devices.map((device, position) => {
    const sum = { weight: 0, kv: 0 };
    for (const unit of parts.units.slice(next, next + (counts[position] ?? 0))) {
      sum.weight += unit.weight;
      sum.kv += unit.kv;
    }
    next += counts[position] ?? 0;
    return take(input.correction, device.id, sum, fixed[position] ?? NOTHING);
  });
  const shared = takes.reduce((sum, part, at) => sum + (devices[at]?.isUnified === true ? part.totalBytes : 0), 0);
  if (shared > pool.free) return null;
  return { takes: [...takes, host], layersPerDevice: counts };
}

interface Units {
  /** What goes to the devices, in the order in which the engine hands it out; the output layer last. */
  readonly units: readonly Part[];
  readonly host: Part;
}

/** Divides the model between the host and the devices as llama.cpp does: the last `gpuLayers` of blocks and output layer. */
function unitsOf(facts: ModelFacts, candidate: Candidate): Units {
  const kv = cacheBytesByLayer(facts, cacheShapeOf(candidate));
  const isOffloaded = candidate.deviceIndexes.length > 0 && candidate.gpuLayers > 0;
  const start = isOffloaded ? Math.max(facts.blockCount + 1 - candidate.gpuLayers, 0) : facts.blockCount + 1;
  const host: Part = { weight: facts.tokenEmbeddingBytes, kv: 0 };
  const units: Part[] = [];
  facts.layers.forEach((layer, index) => {
    const inRam = index < candidate.cpuExpertLayers ? layer.expertBytes : 0;
    if (index < start) {
      host.weight += layer.weightBytes;
      host.kv += kv[index] ?? 0;
    } else {
      host.weight += inRam;
      units.push({ weight: layer.weightBytes - inRam, kv: kv[index] ?? 0 });
    }
  });
  const other = facts.otherBytes - facts.inputBytes;
  host.weight += facts.inputBytes;
  if (isOffloaded) units.push({ weight: outputWeightBytes(facts) + other, kv: 0 });
  else host.weight += hostOutputBytes(facts) + other;
  return { units, host };
}

interface Fixed {
  readonly weight: number;
  readonly kv: number;
  readonly compute: number;
  readonly overhead: number;
}
const NOTHING: Fixed = { weight: 0, kv: 0, compute: 0, overhead: 0 };

/** What a device holds however many layers it gets. Projector and draft model lie on the first one. */
function deviceFixed(input: PlacementInput, candidate: Candidate, position: number, deviceCount: number): Fixed {
  const device = input.devices[candidate.deviceIndexes[position] ?? 0];
  const shape = { ...cacheShapeOf(candidate), outputTokens: candidate.outputTokens ?? candidate.slotCount };
  let weight = 0;
  let kv = 0;
  let compute = deviceComputeBytes(input.facts, {
    ...shape,
    deviceCount,
    isFirstDevice: position === 0,
    isLastDevice: position === deviceCount - 1,
    gpuLayers: candidate.gpuLayers,
    cpuExpertLayers: candidate.cpuExpertLayers,
  });
  if (position === 0 && input.projector !== null && candidate.isProjectorOffloaded) {
    weight += input.projector.weightBytes;
    compute += projectorComputeBytes(input.projector);
  }
  if (position === 0 && input.draft !== null && input.draft !== undefined) {
    weight +=
      input.draft.weightBytes -
      input.draft.tokenEmbeddingBytes +
      outputWeightBytes(input.draft) -
      input.draft.outputBytes;
    kv += kvBytes(input.draft, shape);
    compute += deviceComputeBytes(input.draft, {
      ...shape,
      deviceCount: 1,
      isFirstDevice: true,
      isLastDevice: true,
      gpuLayers: input.draft.blockCount + 1,
      cpuExpertLayers: 0,
    });
  }
  return { weight, kv, compute, overhead: device === undefined ? 0 : DEVICE_OVERHEAD_BYTES[device.backend] };
}

/** The projector's own graph at its largest picture: measured figures lie between half and once its weights. */
const projectorComputeBytes = (projector: ModelFacts): number => projector.weightBytes;

function hostTake(input: PlacementInput, candidate: Candidate, part: Part): DeviceTake {
  const shape = { ...cacheShapeOf(candidate), outputTokens: candidate.outputTokens ?? candidate.slotCount };
  const isCpuOnly = candidate.deviceIndexes.length === 0;
  let { weight, kv } = part;
  let compute = hostComputeBytes(input.facts, {
    ...shape,
    isCpuOnly,
    deviceCount: candidate.deviceIndexes.length,
    gpuLayers: isCpuOnly ? 0 : candidate.gpuLayers,
    cpuExpertLayers: candidate.cpuExpertLayers,
  });
  if (input.projector !== null && (isCpuOnly || !candidate.isProjectorOffloaded)) {
    weight += input.projector.weightBytes;
    compute += projectorComputeBytes(input.projector);
  }
  if (input.draft !== null && input.draft !== undefined) {
    weight += isCpuOnly
      ? input.draft.weightBytes - input.draft.outputBytes + hostOutputBytes(input.draft)
      : input.draft.tokenEmbeddingBytes + input.draft.inputBytes;
    if (isCpuOnly) kv += kvBytes(input.draft, shape);
    compute += hostComputeBytes(input.draft, {
      ...shape,
      isCpuOnly,
      deviceCount: Math.min(1, candidate.deviceIndexes.length),
      gpuLayers: isCpuOnly ? 0 : input.draft.blockCount + 1,
      cpuExpertLayers: 0,
    });
  }
  return take(input.correction, 'Host', { weight, kv }, { ...NOTHING, compute, overhead: HOST_OVERHEAD_BYTES });
}

/** Adds up and corrects; each part rounded up to a byte. */
function take(correction: Correction | null, device: string, part: Part, fixed: Fixed): DeviceTake {
  const known = correction?.devices.find((entry) => entry.device === device);
  const weightBytes = Math.ceil((part.weight + fixed.weight) * (known?.weightRatio ?? 1));
  const kv = Math.ceil((part.kv + fixed.kv) * (known?.kvRatio ?? 1));
  const computeBytes = Math.ceil(fixed.compute * (known?.computeRatio ?? 1));
  const overheadBytes = Math.ceil(fixed.overhead + (fixed.overhead > 0 ? (known?.extraBytes ?? 0) : 0));
  const totalBytes = weightBytes + kv + computeBytes + overheadBytes;
  return { device, weightBytes, kvBytes: kv, computeBytes, overheadBytes, totalBytes };
}

/**
 * Hands the units out in order, each device a run of them, so that the fullest device is as empty as can be. Null where
 * they do not fit at all: filling the devices one after the other finds a way whenever there is one.
 */
function splitEvenly(
  devices: readonly string[],
  room: readonly number[],
  costs: readonly ((device: string) => number)[],
): number[] | null {
  const fill = (share: number): number[] | null => {
    let next = 0;
    const counts = devices.map((device, position) => {
      let left = (room[position] ?? 0) * share;
      let count = 0;
      for (let cost = costs[next]; cost !== undefined; cost = costs[next]) {
        left -= cost(device);
        if (left < 0) break;
        next += 1;
        count += 1;
      }
      return count;
    });
    return next === costs.length ? counts : null;
  };
  let best = fill(1);
  if (best === null || devices.length < 2) return best;
  let low = 0;
  let high = 1;
  for (let step = 0; step < 12; step += 1) {
    const share = (low + high) / 2;
    const counts = fill(share);
    if (counts === null) low = share;
    else {
      best = counts;
      high = share;
    }
  }
  return best;
}

/** Bytes of one saved state per slot, 0 where the model needs none. */
export const savedStateBytes = (facts: ModelFacts, candidate: Candidate): number =>
  needsCheckpoints(facts) ? checkpointBytes(facts, cacheShapeOf(candidate)) : 0;
