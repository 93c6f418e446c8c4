// What would suit this machine, worked out by placing models on it: those that are here, else one of a common size. No
// table of memory sizes: the same formulas that decide loads. Pure.
import type { ModelFacts } from '../gguf/facts.ts';
import type { Budget } from './budget.ts';
import { type Placement, type PlacementSettings, place } from './placement.ts';
import { TYPICAL_MODEL } from './typical-model.ts';

export interface Recommendations {
  /** Contexts in tokens that the model it was worked out for has at full speed, ascending. */
  readonly contexts: readonly number[];
  /** Null where not even the smallest context fits. */
  readonly suggestedContextTokens: number | null;
  readonly mostContextTokens: number | null;
  /** Bytes that models may take. */
  readonly gpuBytes: number;
  readonly hostBytes: number;
  /** True: rather a smaller context than layers off the GPU. */
  readonly isThroughputFirst: boolean;
  /** What it was worked out for: a model's name. */
  readonly basis: string;
}

export interface PlacedModel {
  readonly name: string;
  readonly facts: ModelFacts;
}

const SIZES = [4096, 8192, 16_384, 32_768, 65_536, 131_072, 262_144, 524_288, 1_048_576];

export function recommend(budget: Budget, models: readonly PlacedModel[]): Recommendations {
  const basis = typicalOf(models);
  const on = (settings: PlacementSettings): Placement | null => {
    const answer = place({
      facts: basis.facts,
      projector: null,
      devices: budget.devices,
      host: budget.host,
      settings,
      correction: null,
    });
    return answer.fit === 'does_not_fit' ? null : answer;
  };
  const automatic = on({});
  const layers = automatic?.plan.gpuLayers ?? 0;
  const contexts = SIZES.filter((size) => size <= (basis.facts.contextTokens ?? 4096)).filter(
    (contextTokens) => (on({ contextTokens })?.plan.gpuLayers ?? -1) >= layers,
  );
  const suggested = automatic?.plan.contextTokens ?? null;
  return {
    contexts,
    suggestedContextTokens: suggested,
    mostContextTokens: suggested === null ? null : Math.max(suggested, contexts.at(-1) ?? 0),
    gpuBytes: budget.devices.reduce((sum, device) => sum + (device.isUnified ? 0 : device.budgetBytes), 0),
    hostBytes: budget.host.budgetBytes,
    isThroughputFirst: budget.devices.length === 0 || layers > basis.facts.blockCount,
    basis: basis.name,
  };
}

/** The one in the middle by size: not the largest, which may be there for a try, nor the smallest. */
function typicalOf(models: readonly PlacedModel[]): PlacedModel {
  const sorted = models
    .filter(({ facts }) => facts.kind === 'text')
    .sort((left, right) => left.facts.weightBytes - right.facts.weightBytes);
  return sorted[Math.floor(sorted.length / 2)] ?? TYPICAL_MODEL;
}
