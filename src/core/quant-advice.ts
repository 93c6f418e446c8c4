// Which quantization of a model suits this machine: each placed on it, and the best of those that fit. Pure: facts and
// budget are passed in.
import type { ModelFacts } from '../gguf/facts.ts';
import type { Budget } from './budget.ts';
import { type PlacementSettings, place } from './placement.ts';

export type Fit = 'fits' | 'fits_partly' | 'does_not_fit';

export interface QuantCandidate {
  readonly tag: string;
  readonly quantization: string | null;
  /** Of its files, without a projector. */
  readonly totalBytes: number;
  readonly isComplete: boolean;
  readonly facts: ModelFacts;
}

export interface QuantFit {
  readonly tag: string;
  readonly fit: Fit;
  /** What its context would be; null where it does not fit. */
  readonly contextTokens: number | null;
  /** Blocks on the GPU, and how many there are with the output layer. */
  readonly gpuLayers: number;
  readonly layerCount: number;
  /** Why it is so, in sentences. */
  readonly reasons: readonly string[];
}

export interface QuantAdvice {
  readonly fits: readonly QuantFit[];
  /** Null: none of them is of use on this machine. */
  readonly recommended: string | null;
  readonly reason: string;
}

/** Below this a chat or an agent soon forgets what was said. */
const COMFORT_TOKENS = 16_384;
/** Twice the size for a difference that nobody notices. */
const UNQUANTIZED = /^(?:F32|F16|BF16|FP16|FP32)$/i;
/** Good answers for their size, the first that there is. */
const USUAL = /^(?:UD-)?(?:Q4_K_M|Q4_K_XL|Q4_K_S|IQ4_XS|Q4_0|MXFP4(?:_MOE)?)$/i;

export function adviseQuant(
  candidates: readonly QuantCandidate[],
  projector: ModelFacts | null,
  budget: Budget,
  settings: PlacementSettings,
): QuantAdvice {
  const fits = candidates.map((candidate) => fitOf(candidate, projector, budget, settings));
  const fitByTag = new Map(fits.map((each) => [each.tag, each]));
  const known = (candidate: QuantCandidate): QuantFit | undefined => fitByTag.get(candidate.tag);
  const pool = worthwhile(candidates, budget).sort((left, right) => right.totalBytes - left.totalBytes);
  const own = pool[0]?.facts.contextTokens ?? COMFORT_TOKENS;
  const comfort = Math.min(COMFORT_TOKENS, own, settings.preferredContextTokens ?? COMFORT_TOKENS);

  const whole = pool.filter((candidate) => known(candidate)?.fit === 'fits');
  const roomy = whole.find((candidate) => (known(candidate)?.contextTokens ?? 0) >= comfort);
  const best = roomy ?? whole[0];
  if (best !== undefined) {
    const context = known(best)?.contextTokens ?? 0;
    const where = budget.devices.length === 0 ? 'in main memory' : 'on the GPU';
    return {
      fits,
      recommended: best.tag,
      reason: `the best that fits ${where}, with a context of ${context} tokens`,
    };
  }
  const partly = pool.filter((candidate) => known(candidate)?.fit === 'fits_partly');
  const usual = partly.find((candidate) => USUAL.test(candidate.quantization ?? '')) ?? partly.at(-1);
  if (usual === undefined) return { fits, recommended: null, reason: 'none fits into the memory of this machine' };
  const { gpuLayers = 0, layerCount = 0 } = known(usual) ?? {};
  return {
    fits,
    recommended: usual.tag,
    reason: `none fits on the GPU as a whole; of this one ${gpuLayers} of ${layerCount} layers do`,
  };
}

/** Complete, not larger than makes sense; on a processor, where size is time, not larger than the usual one. */
function worthwhile(candidates: readonly QuantCandidate[], budget: Budget): QuantCandidate[] {
  const complete = candidates.filter((candidate) => candidate.isComplete);
  const quantized = complete.filter((candidate) => !UNQUANTIZED.test(candidate.quantization ?? ''));
  const pool = quantized.length > 0 ? quantized : complete;
  const usual = pool.find((candidate) => USUAL.test(candidate.quantization ?? ''));
  if (budget.devices.length > 0 || usual === undefined) return [...pool];
  return pool.filter((candidate) => candidate.totalBytes <= usual.totalBytes);
}

function fitOf(
  candidate: QuantCandidate,
  projector: ModelFacts | null,
  budget: Budget,
  settings: PlacementSettings,
): QuantFit {
  const { tag, facts } = candidate;
  const { devices, host } = budget;
  const answer = place({ facts, projector, devices, host, settings, correction: null });
  const layerCount = facts.blockCount + 1;
  if (answer.fit === 'does_not_fit') {
    return { tag, fit: answer.fit, contextTokens: null, gpuLayers: 0, layerCount, reasons: answer.reasons };
  }
  const { plan, reasons, fit } = answer;
  return { tag, fit, contextTokens: plan.contextTokens, gpuLayers: plan.gpuLayers, layerCount, reasons };
}
