// Does it fit, and how: weights, cache, compute and overhead against what there is; the largest context, the best cache
// type, the split over devices. Pure: no clock, disk, network or log, and the same question gives the same answer.
import type { Backend } from '../engine/build.ts';
import type { CacheType, LaunchPlan } from '../engine/command.ts';
import type { ModelFacts } from '../gguf/facts.ts';
import {
  type Candidate,
  type Correction,
  cacheShapeOf,
  type DeviceTake,
  savedStateBytes,
} from './placement-estimate.ts';
import { CONTEXT_STEP, kvBytes, MIB } from './placement-memory.ts';
import { reasonsOf } from './placement-reasons.ts';
import { contextRange, contradiction, type Found, isEmbedder, searchPlacement } from './placement-search.ts';

export type { Correction, DeviceCorrection, DeviceTake } from './placement-estimate.ts';
export { kvBytes } from './placement-memory.ts';

/** The name of main memory among devices. */
export const HOST = 'Host';

export interface PlacementDevice {
  /** As the engine names it: `CUDA0`, `Vulkan0`, `MTL0`. */
  readonly id: string;
  /** Free or allowed, less what other instances reserve. */
  readonly budgetBytes: number;
  /** True: its memory is the host's; the two budgets are one pool, as large as the host's. */
  readonly isUnified: boolean;
  readonly backend: Backend;
}

export interface PlacementSettings {
  /** Forced; absent or 0: automatic. */
  readonly contextTokens?: number | undefined;
  /** Aimed for; null or absent: as large as fits, up to the model's own. */
  readonly preferredContextTokens?: number | null | undefined;
  /** Never below, unless forced; default 4096, or the model's own context if that is smaller. */
  readonly minContextTokens?: number | null | undefined;
  /** True: rather fewer layers on the GPU than a context below the one aimed for. */
  readonly isContextFirst?: boolean | undefined;
  /** Forced number of offloaded blocks, `-ngl`'s way of counting. */
  readonly gpuLayers?: number | undefined;
  /** Forced, for K and V. */
  readonly cacheType?: CacheType | undefined;
  readonly slotCount?: number | undefined;
  readonly batchTokens?: number | undefined;
  readonly microBatchTokens?: number | undefined;
  readonly threads?: number | undefined;
}

export interface PlacementInput {
  readonly facts: ModelFacts;
  readonly projector: ModelFacts | null;
  readonly draft?: ModelFacts | null | undefined;
  /** GPU devices in the engine's order; empty: CPU only. */
  readonly devices: readonly PlacementDevice[];
  readonly host: { readonly budgetBytes: number };
  readonly settings: PlacementSettings;
  readonly correction: Correction | null;
}

export interface Placement {
  readonly fit: 'fits' | 'fits_partly';
  readonly plan: LaunchPlan;
  /** What it takes per device, every device used and `Host`. */
  readonly takes: readonly DeviceTake[];
  /** Why it is so, in sentences. */
  readonly reasons: readonly string[];
}

export interface NoFit {
  readonly fit: 'does_not_fit';
  readonly reasons: readonly string[];
  /** The least that this model takes with these settings, over all devices. */
  readonly neededBytes: number;
  /** What would fit instead; null: nothing does. Absent fields need no change. */
  readonly wouldFit: {
    readonly contextTokens?: number;
    readonly gpuLayers?: number;
    readonly cacheType?: CacheType;
    readonly slotCount?: number;
  } | null;
}

/** The way to load it that these budgets bear, or why there is none and what would do. */
export function place(input: PlacementInput): Placement | NoFit {
  const found = searchPlacement(input);
  if (found === null) return noFit(input);
  const { candidate, layout } = found;
  const devices = candidate.deviceIndexes.flatMap((index) => input.devices[index] ?? []);
  const spare = spareHostBytes(input, found);
  const saved = savedStates(input, found, spare);
  const promptCacheBytes = isEmbedder(input.facts) ? 0 : promptCache(input, found.candidate, spare - saved.bytes);
  const plan: LaunchPlan = {
    gpuLayers: devices.length === 0 ? 0 : candidate.gpuLayers,
    contextTokens: candidate.contextTokens,
    slotCount: candidate.slotCount,
    isKvUnified: true,
    cacheTypeK: candidate.cacheType,
    cacheTypeV: candidate.cacheType,
    batchTokens: candidate.batchTokens,
    microBatchTokens: candidate.microBatchTokens,
    flashAttention: 'auto',
    devices: devices.map((device) => device.id),
    // Numbers of layers, not of bytes: so the engine's rounding gives each device exactly these.
    tensorSplit: devices.length > 1 ? layout.layersPerDevice : null,
    cpuExpertLayers: devices.length === 0 ? 0 : candidate.cpuExpertLayers,
    promptCacheBytes,
    contextCheckpoints: saved.count,
    threads: input.settings.threads ?? null,
    isProjectorOffloaded: input.projector !== null && candidate.isProjectorOffloaded && devices.length > 0,
  };
  const takes = layout.takes.map((take) =>
    take.device === HOST ? withMore(take, promptCacheBytes + saved.bytes) : take,
  );
  const isWhole = candidate.gpuLayers > input.facts.blockCount && candidate.cpuExpertLayers === 0;
  const fit = isWhole || input.devices.length === 0 || input.settings.gpuLayers === 0 ? 'fits' : 'fits_partly';
  return { fit, plan, takes, reasons: reasonsOf(input, plan, contextRange(input)) };
}

const withMore = (take: DeviceTake, bytes: number): DeviceTake => ({
  ...take,
  overheadBytes: take.overheadBytes + bytes,
  totalBytes: take.totalBytes + bytes,
});

/** What main memory has left once the model lies in it. */
function spareHostBytes(input: PlacementInput, found: Found): number {
  const shared = new Set(input.devices.filter((device) => device.isUnified).map((device) => device.id));
  return found.layout.takes
    .filter((take) => take.device === HOST || shared.has(take.device))
    .reduce((left, take) => left - take.totalBytes, input.host.budgetBytes);
}

/**
 * The engine takes 8 GiB for its prompt cache unless told otherwise, however little there is. Here: an eighth of the
 * budget of main memory, at most 8 GiB, no more than some full contexts could fill, and only of what the model leaves.
 */
function promptCache(input: PlacementInput, candidate: Candidate, spare: number): number {
  const useful = KEPT_CONTEXTS * kvBytes(input.facts, cacheShapeOf(candidate));
  const wanted = Math.min(8192 * MIB, useful, Math.floor(input.host.budgetBytes / 8));
  return Math.floor(Math.max(0, Math.min(wanted, spare)) / MIB) * MIB;
}

/** Full contexts that the prompt cache may hold. */
const KEPT_CONTEXTS = 4;

/** llama-server's own default. */
const MOST_SAVED_STATES = 32;
/** And its least distance between two of them, in tokens. */
const SAVED_STATE_STEP = 8192;

/**
 * Models with a sliding window or recurrent state keep copies of it to go back to, 32 per slot by default, which may be
 * gigabytes. Here: as many as a context can hold, within an eighth of main memory and half of what the model leaves.
 */
function savedStates(input: PlacementInput, found: Found, spare: number): { count: number | null; bytes: number } {
  const each = savedStateBytes(input.facts, found.candidate) * found.candidate.slotCount;
  if (each === 0) return { count: null, bytes: 0 };
  const useful = Math.min(MOST_SAVED_STATES, 2 + Math.floor(found.candidate.contextTokens / SAVED_STATE_STEP));
  const allowed = Math.max(0, Math.min(input.host.budgetBytes / 8, spare / 2));
  const count = Math.min(useful, Math.floor(allowed / each));
  return { count, bytes: count * each };
}

/** More memory than any machine has: to learn what a plan would take. */
const ENDLESS = 2 ** 52;

function noFit(input: PlacementInput): NoFit {
  const wrong = contradiction(input);
  const least = searchPlacement({
    ...input,
    devices: [],
    host: { budgetBytes: ENDLESS },
    settings: {
      ...input.settings,
      contextTokens: contextRange(input).floor,
      gpuLayers: 0,
      cacheType: wrong === null ? input.settings.cacheType : undefined,
    },
  });
  const neededBytes = least?.layout.takes.reduce((sum, take) => sum + take.totalBytes, 0) ?? input.facts.weightBytes;
  const wouldFit = alternative(input);
  const budget = [
    ...input.devices.map((device) => `${gib(device.budgetBytes)} on ${device.id}`),
    `${gib(input.host.budgetBytes)} of main memory`,
  ];
  const reasons = [
    wrong ??
      `It takes at least ${gib(neededBytes)} with a context of ${contextRange(input).floor} tokens; there is ${budget.join(', ')}.`,
    wouldFit === null
      ? 'No setting makes it fit: free some memory, or take a smaller quantization.'
      : `It would fit with ${describe(wouldFit)}.`,
  ];
  return { fit: 'does_not_fit', reasons, neededBytes, wouldFit };
}

/** The smallest change of the settings that makes it fit: one at a time, then all. */
function alternative(input: PlacementInput): NoFit['wouldFit'] {
  const { settings } = input;
  const free = {
    ...settings,
    contextTokens: undefined,
    preferredContextTokens: settings.contextTokens ?? settings.preferredContextTokens,
  };
  const small = { ...free, minContextTokens: CONTEXT_STEP };
  const attempts: PlacementSettings[] = [
    ...(settings.contextTokens === undefined ? [] : [free]),
    ...(settings.gpuLayers === undefined ? [] : [{ ...settings, gpuLayers: undefined }]),
    ...(settings.cacheType === undefined ? [] : [{ ...settings, cacheType: undefined }]),
    ...(settings.slotCount === undefined ? [] : [{ ...settings, slotCount: undefined }]),
    small,
    {
      ...small,
      gpuLayers: undefined,
      cacheType: undefined,
      slotCount: undefined,
      batchTokens: undefined,
      microBatchTokens: undefined,
    },
  ];
  for (const attempt of attempts) {
    const found = searchPlacement({ ...input, settings: attempt });
    if (found === null) continue;
    const { candidate } = found;
    const range = contextRange(input);
    return {
      ...(candidate.contextTokens < range.floor ? { contextTokens: candidate.contextTokens } : {}),
      ...(settings.gpuLayers !== undefined && attempt.gpuLayers === undefined
        ? { gpuLayers: candidate.gpuLayers }
        : {}),
      ...(settings.cacheType !== undefined && attempt.cacheType === undefined
        ? { cacheType: candidate.cacheType }
        : {}),
      ...(settings.slotCount !== undefined && attempt.slotCount === undefined
        ? { slotCount: candidate.slotCount }
        : {}),
    };
  }
  return null;
}

function describe(change: NonNullable<NoFit['wouldFit']>): string {
  const words: string[] = [];
  if (change.contextTokens !== undefined) words.push(`a context of ${change.contextTokens} tokens`);
  if (change.gpuLayers !== undefined) words.push(`${change.gpuLayers} layers on the GPU`);
  if (change.cacheType !== undefined) words.push(`a KV cache in ${change.cacheType}`);
  if (change.slotCount !== undefined) words.push(`${change.slotCount} slot${change.slotCount === 1 ? '' : 's'}`);
  return words.join(', ');
}

/** For sentences: `3.4 GiB`. */
export const gib = (bytes: number): string => `${(bytes / 1024 ** 3).toFixed(1)} GiB`;
