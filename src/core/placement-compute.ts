// Compute buffers: what the engine reserves for its largest graph. There is no closed form; this is a model of the
// measured terms that stays above them. Pure.
import type { ModelFacts } from '../gguf/facts.ts';
import { type CacheShape, cacheCells, isPlainLayer } from './placement-memory.ts';

export interface ComputeShape extends CacheShape {
  /** Rows of logits that one pass may ask for: the slots of a server, the whole batch of `llama-fit-params`. */
  readonly outputTokens: number;
  readonly gpuLayers: number;
  readonly cpuExpertLayers: number;
}

export interface DeviceComputeShape extends ComputeShape {
  readonly deviceCount: number;
  readonly isLastDevice: boolean;
}

export interface HostComputeShape extends ComputeShape {
  readonly isCpuOnly: boolean;
}

/** Bytes of F32 values for each token of a micro-batch. */
const activation = (shape: ComputeShape, elements: number): number => 4 * shape.microBatchTokens * elements;

/** Attention masks, F16 with flash attention: one for full layers, one for sliding ones. */
function maskBytes(facts: ModelFacts, shape: ComputeShape): number {
  const cells = cacheCells(facts, shape);
  const plain = facts.layers.filter((_, index) => isPlainLayer(facts, index));
  const rows = shape.microBatchTokens;
  let bytes = 0;
  if (plain.some((layer) => layer.keyElements > 0 && !layer.isSlidingWindow)) bytes += 2 * rows * cells.full;
  if (plain.some((layer) => layer.isSlidingWindow)) bytes += 2 * rows * cells.window;
  return bytes;
}

/** Activations of the widest block. */
function blockBytes(facts: ModelFacts, shape: ComputeShape): number {
  const used = Math.max(1, facts.expertUsedCount);
  const forward = activation(shape, 3 * facts.feedForwardLength + (3 + used) * facts.embeddingLength);
  const attention = activation(shape, 3 * facts.headCount * facts.keyLength + 4 * facts.embeddingLength);
  return Math.max(forward, attention);
}

const logitsBytes = (facts: ModelFacts, shape: ComputeShape): number =>
  4 * shape.outputTokens * (facts.vocabularySize ?? 0);

/** The compute buffer of one GPU, in bytes. */
export function deviceComputeBytes(facts: ModelFacts, shape: DeviceComputeShape): number {
  const copies = shape.deviceCount > 1 ? 4 : 1;
  return Math.ceil(blockBytes(facts, shape) + logitsBytes(facts, shape) + copies * maskBytes(facts, shape));
}

/** Compute and output buffers in main memory, in bytes. */
export function hostComputeBytes(facts: ModelFacts, shape: HostComputeShape): number {
  return Math.ceil(blockBytes(facts, shape) + 2 * logitsBytes(facts, shape) + maskBytes(facts, shape));
}
