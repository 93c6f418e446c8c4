// Why a plan is as it is, in sentences for people. Pure. It must never decide anything.
import type { LaunchPlan } from '../engine/command.ts';
import type { PlacementInput } from './placement.ts';
import { type ContextRange, CPU_CONTEXT, isEmbedder } from './placement-search.ts';

/** One sentence for each thing that was decided, the most important first. */
export function reasonsOf(input: PlacementInput, plan: LaunchPlan, range: ContextRange): string[] {
  return [whereLayersLie(input, plan), ...contextReasons(input, plan, range), ...extraReasons(input, plan)];
}

function whereLayersLie(input: PlacementInput, plan: LaunchPlan): string {
  const all = input.facts.blockCount + 1;
  if (plan.devices.length === 0) {
    if (input.settings.gpuLayers === 0) return 'Everything stays on the CPU, as gpuLayers asks.';
    if (input.devices.length === 0) return 'There is no GPU that the engine can use: everything runs on the CPU.';
    return 'Not one layer fits on the GPU: everything runs on the CPU.';
  }
  const where = plan.devices.join(' and ');
  const split = plan.tensorSplit === null ? '' : `, shared as ${plan.tensorSplit.join(' + ')}`;
  if (plan.gpuLayers < all) {
    const why = input.settings.gpuLayers === undefined ? 'no more fit' : 'as gpuLayers asks';
    return `${plan.gpuLayers} of ${all} layers lie on ${where}${split}, the others in main memory: ${why}.`;
  }
  return `All ${all} layers lie on ${where}${split}.`;
}

function contextReasons(input: PlacementInput, plan: LaunchPlan, range: ContextRange): string[] {
  const { settings } = input;
  const reasons: string[] = [];
  const own = input.facts.contextTokens;
  if (settings.contextTokens !== undefined && settings.contextTokens > 0) {
    reasons.push(`The context is ${plan.contextTokens} tokens, as contextSize asks.`);
  } else if (plan.devices.length === 0 && plan.contextTokens === CPU_CONTEXT && CPU_CONTEXT < range.target) {
    reasons.push(
      `The context is ${plan.contextTokens} of ${range.target} tokens: a CPU takes minutes to read more. Set contextSize for more.`,
    );
  } else if (plan.contextTokens < range.target) {
    reasons.push(`The context is ${plan.contextTokens} of ${range.target} tokens, as large as fits.`);
  } else if (own !== null && plan.contextTokens >= own) {
    reasons.push(`The context is the model's own, ${plan.contextTokens} tokens.`);
  } else if (settings.preferredContextTokens === plan.contextTokens) {
    reasons.push(`The context is ${plan.contextTokens} tokens, as preferred.`);
  } else if (own !== null && isEmbedder(input.facts)) {
    reasons.push(`The context is ${plan.contextTokens} of ${own} tokens: inputs are read in one pass.`);
  } else
    reasons.push(`The context is ${plan.contextTokens} tokens; the model does not say how many it was trained for.`);
  if (settings.cacheType !== undefined) reasons.push(`The KV cache is ${plan.cacheTypeK}, as cacheType asks.`);
  else if (plan.cacheTypeK !== 'f16') {
    reasons.push(
      `The KV cache is ${plan.cacheTypeK}, which takes about half of f16: with f16 the context would be too small.`,
    );
  }
  return reasons;
}

function extraReasons(input: PlacementInput, plan: LaunchPlan): string[] {
  const reasons: string[] = [];
  if (plan.cpuExpertLayers > 0) {
    reasons.push(
      `The experts of ${plan.cpuExpertLayers} of ${input.facts.blockCount} blocks stay in main memory, which costs the least speed.`,
    );
  }
  if (input.projector !== null && !plan.isProjectorOffloaded && plan.devices.length > 0) {
    reasons.push('The projector runs on the CPU: pictures take longer to read.');
  }
  if (plan.slotCount === 1 && input.settings.slotCount === undefined) {
    reasons.push('One request at a time: memory is short.');
  }
  if (input.correction !== null) reasons.push('Corrected by what earlier loads of this model took.');
  return reasons;
}
