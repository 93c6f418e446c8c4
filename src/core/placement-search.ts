// Finds the best way to load a model that the budgets bear. The ways are tried from the best to the worst in an order
// that knows no budget, and a larger budget bears whatever a smaller one bore: so more memory never gives a worse plan.
// Pure.
import type { CacheType } from '../engine/command.ts';
import type { ModelFacts } from '../gguf/facts.ts';
import type { PlacementInput } from './placement.ts';
import { type Candidate, type Layout, layOut } from './placement-estimate.ts';
import { CONTEXT_STEP } from './placement-memory.ts';

export interface Found {
  readonly candidate: Candidate;
  readonly layout: Layout;
}

/** Contexts between which a plan may choose, in tokens. */
export interface ContextRange {
  /** What is aimed for. */
  readonly target: number;
  /** What quality is given up for before the context shrinks below it. */
  readonly comfort: number;
  /** Never below. */
  readonly floor: number;
}

const DEFAULT_CONTEXT = 4096;
/** A context that a chat or an agent can work with. */
const COMFORT_CONTEXT = 16_384;
/** More is of no use where a processor reads some ten to a hundred tokens a second, and clearing its cache takes seconds. */
export const CPU_CONTEXT = 32_768;
/** Inputs of embedders are short; their work area grows with the square of it. */
const EMBEDDING_CONTEXT = 8192;
const DEFAULT_SLOTS = 4;
const DEFAULT_BATCH = 2048;
const DEFAULT_MICRO_BATCH = 512;

export const isEmbedder = (facts: ModelFacts): boolean => facts.kind === 'embedding' || facts.kind === 'reranker';

/** A forced value counts; 0 means automatic. */
const forced = (value: number | undefined): number | null => (value === undefined || value <= 0 ? null : value);

export function contextRange(input: PlacementInput): ContextRange {
  const { facts, settings } = input;
  const fixed = forced(settings.contextTokens);
  if (fixed !== null) return { target: fixed, comfort: fixed, floor: fixed };
  const own = facts.contextTokens ?? DEFAULT_CONTEXT;
  const cap = isEmbedder(facts) ? Math.min(own, EMBEDDING_CONTEXT) : own;
  const preferred = settings.preferredContextTokens ?? null;
  const target = Math.max(1, preferred === null ? cap : Math.min(preferred, own));
  const floor = Math.min(settings.minContextTokens ?? DEFAULT_CONTEXT, target);
  const isFirm = preferred !== null || settings.isContextFirst === true;
  const comfort = isFirm ? target : Math.max(floor, Math.min(COMFORT_CONTEXT, target));
  return { target, comfort, floor };
}

/** Where half the bytes per value cost next to no quality, and where every backend can read such a cache. */
export function canQuantizeCache(facts: ModelFacts): boolean {
  return (
    !facts.isMla &&
    facts.keyLength > 0 &&
    facts.keyLength % 32 === 0 &&
    facts.keyLength <= 256 &&
    facts.keyLength === facts.valueLength &&
    facts.layers.some((layer) => layer.keyElements > 0)
  );
}

/** Elements that share one scale in the quantized cache types. */
const CACHE_BLOCK = 32;

/** Why these settings cannot work however much memory there is; null where they can. */
export function contradiction(input: PlacementInput): string | null {
  const { cacheType } = input.settings;
  const { keyLength, valueLength, layers } = input.facts;
  if (cacheType === undefined || !cacheType.includes('q') || layers.every((layer) => layer.keyElements === 0))
    return null;
  if (keyLength % CACHE_BLOCK === 0 && valueLength % CACHE_BLOCK === 0) return null;
  return `A ${cacheType} cache needs heads whose size is a multiple of ${CACHE_BLOCK}; this model's are ${keyLength} and ${valueLength}.`;
}

/** One rung of the ladder: everything but the context is settled. */
interface Rung {
  readonly deviceIndexes: readonly number[];
  readonly gpuLayers: number;
  readonly cacheType: CacheType;
  readonly slotCount: number;
  readonly cpuExpertLayers: number;
  readonly isProjectorOffloaded: boolean;
  readonly from: number;
  readonly to: number;
}

/** The best way, or null where none fits. */
export function searchPlacement(input: PlacementInput): Found | null {
  const { facts, settings } = input;
  if (contradiction(input) !== null) return null;
  const range = contextRange(input);
  const all = facts.blockCount + 1;
  const slots = forced(settings.slotCount) ?? DEFAULT_SLOTS;
  const fewSlots = forced(settings.slotCount) ?? 1;
  const types: readonly CacheType[] =
    settings.cacheType !== undefined ? [settings.cacheType] : canQuantizeCache(facts) ? ['f16', 'q8_0'] : ['f16'];
  const dense = types[0] ?? 'f16';
  const small = types.at(-1) ?? 'f16';
  const gpu = settings.gpuLayers === undefined ? null : Math.min(settings.gpuLayers, all);
  const base = { cpuExpertLayers: 0, isProjectorOffloaded: true, slotCount: slots };
  const comfortable = { from: range.comfort, to: range.target };
  const tight = { from: range.floor, to: range.comfort };
  const sets = gpu === 0 ? [] : deviceSets(input);
  const everywhere = sets.at(-1) ?? [];

  const partly = { cpuExpertLayers: 0, isProjectorOffloaded: false, slotCount: fewSlots, cacheType: small };
  const partlyOnGpu = (narrower: { from: number; to: number }): Found | null => {
    if (sets.length === 0) return null;
    const rung: Rung = { ...partly, deviceIndexes: everywhere, gpuLayers: gpu ?? all, ...comfortable };
    return expertsToRam(input, rung, narrower) ?? fewerLayers(input, rung, gpu, narrower);
  };

  // All on the GPUs: full context, then a smaller one, then a smaller cache.
  if (gpu === null || gpu === all) {
    for (const cacheType of types) {
      for (const deviceIndexes of sets) {
        const found = largestContext(input, { ...base, deviceIndexes, gpuLayers: all, cacheType, ...comfortable });
        if (found !== null) return found;
      }
    }
    const found = settings.isContextFirst === true ? partlyOnGpu(comfortable) : null;
    if (found !== null) return found;
    for (const isProjectorOffloaded of input.projector === null ? [true] : [true, false]) {
      const rung = { ...base, deviceIndexes: everywhere, gpuLayers: all, cacheType: small, isProjectorOffloaded };
      const found = sets.length === 0 ? null : largestContext(input, { ...rung, slotCount: fewSlots, ...tight });
      if (found !== null) return found;
    }
  }
  const found = partlyOnGpu(tight);
  if (found !== null) return found;
  if (gpu !== null && gpu > 0 && sets.length > 0) return null;
  // CPU only.
  const reach = Math.max(range.comfort, Math.min(range.target, CPU_CONTEXT));
  const quick = { from: range.comfort, to: reach };
  const onCpu = { ...base, deviceIndexes: [], gpuLayers: 0, isProjectorOffloaded: false };
  return (
    largestContext(input, { ...onCpu, cacheType: dense, ...quick }) ??
    largestContext(input, { ...onCpu, cacheType: small, ...quick }) ??
    largestContext(input, { ...onCpu, slotCount: fewSlots, cacheType: small, ...tight })
  );
}

/** The one with most memory, then the two, …, then all: fewer devices answer faster. Each set in the engine's order. */
function deviceSets(input: PlacementInput): number[][] {
  const entries = input.devices.map((device, index) => ({ index, budget: device.budgetBytes, own: !device.isUnified }));
  // Beside a GPU with memory of its own, one that borrows the host's only slows things down.
  const order = (entries.some((entry) => entry.own) ? entries.filter((entry) => entry.own) : entries)
    .sort((left, right) => right.budget - left.budget || left.index - right.index)
    .map((entry) => entry.index);
  return order.map((_, count) => order.slice(0, count + 1).sort((left, right) => left - right));
}

/** Routed experts of the first N blocks go to RAM, the fewest that make room. */
function expertsToRam(input: PlacementInput, rung: Rung, tight: { from: number; to: number }): Found | null {
  const count = input.facts.blockCount;
  if (!input.facts.layers.some((layer) => layer.expertBytes > 0)) return null;
  const tryOut = (cpuExpertLayers: number): Found | null => largestContext(input, { ...rung, cpuExpertLayers });
  return first(1, count, tryOut) ?? largestContext(input, { ...rung, cpuExpertLayers: count, ...tight });
}

/** Fewer blocks on the GPUs, the most that fit; experts all in RAM where there are any. */
function fewerLayers(
  input: PlacementInput,
  rung: Rung,
  gpu: number | null,
  tight: { from: number; to: number },
): Found | null {
  const { facts } = input;
  const cpuExpertLayers = facts.layers.some((layer) => layer.expertBytes > 0) ? facts.blockCount : 0;
  const most = gpu ?? facts.blockCount;
  const tryOut = (range: { from: number; to: number }) => (left: number) =>
    largestContext(input, { ...rung, ...range, cpuExpertLayers, gpuLayers: most - left });
  // A forced number of layers is kept, whatever the context.
  if (gpu !== null) return tryOut(rung)(0) ?? tryOut(tight)(0);
  return first(0, most - 1, tryOut(rung)) ?? first(0, most - 1, tryOut(tight));
}

/** The first number from `low` on that fits. Neither end need fit: the devices want a large one, main memory a small one. */
function first(low: number, high: number, tryOut: (value: number) => Found | null): Found | null {
  for (let value = low; value <= high; value += 1) {
    const found = tryOut(value);
    if (found !== null) return found;
  }
  return null;
}

/** The largest context of a rung that fits, in whole steps, or exactly the one wanted. */
function largestContext(input: PlacementInput, rung: Rung): Found | null {
  const tryOut = (contextTokens: number): Found | null => {
    const candidate = candidateOf(input, rung, contextTokens);
    const layout = layOut(input, candidate);
    return layout === null ? null : { candidate, layout };
  };
  let best = tryOut(Math.min(rung.from, rung.to));
  if (best === null) return null;
  const whole = tryOut(rung.to);
  if (whole !== null || rung.from >= rung.to) return whole ?? best;
  let low = Math.ceil(rung.from / CONTEXT_STEP);
  let high = Math.floor(rung.to / CONTEXT_STEP);
  while (low <= high) {
    const middle = Math.floor((low + high) / 2);
    const found = tryOut(middle * CONTEXT_STEP);
    if (found === null) high = middle - 1;
    else {
      best = found;
      low = middle + 1;
    }
  }
  return best;
}

function candidateOf(input: PlacementInput, rung: Rung, contextTokens: number): Candidate {
  const { facts, settings } = input;
  // An encoder reads its whole input in one pass, and so does an embedder that pools over all of it.
  const isWhole = isEmbedder(facts) && (!facts.isCausal || facts.poolingType !== 3);
  const batchTokens = Math.min(
    isWhole ? contextTokens : Math.max(forced(settings.batchTokens) ?? DEFAULT_BATCH, 1),
    contextTokens,
  );
  const microBatchTokens = Math.min(
    isWhole ? contextTokens : (forced(settings.microBatchTokens) ?? DEFAULT_MICRO_BATCH),
    batchTokens,
  );
  return {
    deviceIndexes: rung.deviceIndexes,
    gpuLayers: rung.gpuLayers,
    contextTokens,
    slotCount: rung.slotCount,
    cacheType: rung.cacheType,
    batchTokens,
    microBatchTokens,
    cpuExpertLayers: rung.cpuExpertLayers,
    isProjectorOffloaded: rung.isProjectorOffloaded,
  };
}
