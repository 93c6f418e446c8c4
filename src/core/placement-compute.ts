// Compute buffers: what the engine reserves for its largest graph. There is no closed form: its allocator packs tensors
// that live at different times. This model was fitted to what `llama-fit-params` of build 11669 says over dense, expert,
// sliding-window, MLA, recurrent and encoder shapes, on the CPU and on one to three GPUs, and stays above it. Pure.
import type { ModelFacts } from '../gguf/facts.ts';
import { type CacheShape, cacheCells, isPlainLayer, layerCacheBytes, MIB } from './placement-memory.ts';

export interface ComputeShape extends CacheShape {
  /** Rows of logits that one pass may ask for: the slots of a server, the whole batch of `llama-fit-params`. */
  readonly outputTokens: number;
  /** As `-ngl` counts. */
  readonly gpuLayers: number;
  readonly cpuExpertLayers: number;
}

export interface DeviceComputeShape extends ComputeShape {
  readonly deviceCount: number;
  /** The first device also computes with weights that stay in main memory. */
  readonly isFirstDevice: boolean;
  readonly isLastDevice: boolean;
}

/** Packing leaves gaps. */
const SLACK_RATIO = 1.03;
const SLACK_BYTES = 2 * MIB;
/** With several GPUs and every layer on them, the engine works on this many micro-batches at once. */
const PIPELINE_COPIES = 4;

/** Widths of one block per token, as bytes of a whole micro-batch in F32. */
interface Widths {
  /** The residual stream. */
  readonly stream: number;
  /** Feed-forward of one token: dense, or of all its experts together. */
  readonly forward: number;
  /** Results of a token's experts before they are summed; 0 in dense models. */
  readonly experts: number;
  readonly attention: number;
  readonly recurrent: number;
  readonly mask: number;
  readonly logits: number;
}

function widthsOf(facts: ModelFacts, shape: ComputeShape): Widths {
  const rows = 4 * shape.microBatchTokens;
  const stream = rows * facts.embeddingLength;
  const hasExperts = facts.expertCount > 0 && facts.expertUsedCount > 0;
  const used = hasExperts ? facts.expertUsedCount : 0;
  const ownWidth = facts.expertFeedForwardLength ?? 0;
  const expertWidth = ownWidth > 0 ? ownWidth : facts.feedForwardLength;
  const dense = hasExperts && ownWidth === 0 ? 0 : facts.feedForwardLength;
  const query = rows * facts.headCount * facts.keyLength;
  const keysAndValues = rows * largest(facts.layers.map((layer) => layer.keyElements + layer.valueElements));
  const state = largest(facts.layers.map((layer) => layer.recurrentElements));
  return {
    stream,
    forward: rows * Math.max(dense, used * expertWidth),
    experts: used * stream,
    // MLA keeps the query, its projection into the latent space and the result in it.
    attention: facts.isMla ? 2.25 * query : query + Math.max(query, keysAndValues),
    recurrent: state === 0 ? 0 : 10 * stream + 8 * shape.slotCount * state,
    mask: maskBytes(facts, shape),
    logits: 4 * shape.outputTokens * (facts.isCausal ? (facts.vocabularySize ?? 0) : 0),
  };
}

/** Attention masks in F16, as with flash attention: one for full layers, one for sliding ones. Encoders have one over the batch. */
function maskBytes(facts: ModelFacts, shape: ComputeShape): number {
  const rows = 2 * shape.microBatchTokens;
  const plain = facts.layers.filter((_, index) => isPlainLayer(facts, index));
  if (!facts.isCausal && plain.every((layer) => layer.keyElements === 0)) return rows * shape.microBatchTokens;
  const cells = cacheCells(facts, shape);
  const full = plain.some((layer) => layer.keyElements > 0 && !layer.isSlidingWindow) ? rows * cells.full : 0;
  const window = plain.some((layer) => layer.isSlidingWindow) ? rows * cells.window : 0;
  // The indexer of sparse attention scores every cell.
  const indexer = plain.some((layer) => layer.indexerElements > 0) ? 2 * rows * cells.full : 0;
  return full + window + indexer;
}

/** Plain encoders have no gate beside the feed-forward. */
const UNGATED = new Set(['bert', 'jina-bert-v3', 't5encoder']);

/** The largest set of tensors alive at once within a block, beside the stream's four. */
function blockBytes(facts: ModelFacts, widths: Widths): number {
  const forward = UNGATED.has(facts.architecture)
    ? Math.max(0, 2 * (widths.forward - widths.stream))
    : 3 * widths.forward + widths.experts;
  return Math.max(forward, widths.attention, widths.recurrent);
}

/**
 * The same where a part stays in main memory and is brought over while it is computed with: the largest tensor
 * (`copied`) beside what is alive then, or the cache of a whole layer (`cache`) beside its query.
 */
function copyingBlockBytes(facts: ModelFacts, widths: Widths, copied: number, cache: number): number {
  const { stream, forward, experts, attention } = widths;
  const hasExperts = facts.expertCount > 0;
  const small = hasExperts ? Math.min(2 * copied, 4 * stream) : Math.min(copied, forward);
  const alive = hasExperts ? Math.max(2 * forward, experts + forward) + 2 * stream : 2 * forward + 3 * stream;
  return Math.max(
    blockBytes(facts, widths) + small,
    copied + alive + Math.min(cache, 8 * stream),
    cache + attention + stream,
  );
}

const largest = (values: readonly number[]): number => values.reduce((most, value) => Math.max(most, value), 0);

/** The largest tensor of the blocks from `from` up to `to`, without it. */
const largestTensor = (facts: ModelFacts, from: number, to: number): number =>
  largest(
    facts.layers.slice(from, Math.max(from, to)).map((layer) => layer.largestTensorBytes ?? layer.weightBytes / 2),
  );

/** The block of a device that computes with what lies in main memory: whole layers, or experts only. */
function borrowingBytes(facts: ModelFacts, shape: ComputeShape, widths: Widths): number {
  const start = Math.max(0, facts.blockCount + 1 - shape.gpuLayers);
  const cells = cacheCells(facts, shape);
  const cache = largest(
    facts.layers.slice(0, start).map((_, index) => layerCacheBytes(facts, index, { ...shape, slotCount: 1 }, cells)),
  );
  const layers =
    start === 0 ? 0 : copyingBlockBytes(facts, widths, largestTensor(facts, 0, start), cache + widths.recurrent);
  const experts = largestTensor(facts, start, shape.cpuExpertLayers);
  return Math.max(layers, experts === 0 ? 0 : copyingBlockBytes(facts, widths, experts, widths.recurrent));
}

const isWholeOnDevices = (facts: ModelFacts, shape: ComputeShape): boolean =>
  shape.gpuLayers > facts.blockCount && shape.cpuExpertLayers === 0;

/** The compute buffer of one GPU, in bytes. */
export function deviceComputeBytes(facts: ModelFacts, shape: DeviceComputeShape): number {
  const widths = widthsOf(facts, shape);
  const isWhole = isWholeOnDevices(facts, shape);
  const isPipelined = shape.deviceCount > 1 && isWhole;
  // Only the first device is lent what lies in main memory.
  const borrowing = isWhole || !shape.isFirstDevice ? 0 : borrowingBytes(facts, shape, widths);
  const block = Math.max(blockBytes(facts, widths), borrowing, shape.isLastDevice ? widths.logits : 0);
  const streams = (isPipelined ? PIPELINE_COPIES * (shape.isFirstDevice ? 4 : 3) : 4) * widths.stream;
  const copies = isPipelined ? PIPELINE_COPIES * widths.mask + 1.4 * widths.recurrent : widths.mask;
  return Math.ceil(SLACK_RATIO * (streams + copies + block) + SLACK_BYTES);
}

/** Compute and output buffers in main memory, in bytes: what a GPU is fed from, or the whole graph on the CPU. */
export function hostComputeBytes(
  facts: ModelFacts,
  shape: ComputeShape & { readonly isCpuOnly: boolean; readonly deviceCount: number },
): number {
  const widths = widthsOf(facts, shape);
  const output = widths.logits + 4 * shape.outputTokens * facts.embeddingLength;
  if (shape.isCpuOnly) {
    const block = Math.max(blockBytes(facts, widths), widths.logits);
    return Math.ceil(SLACK_RATIO * (5 * widths.stream + widths.mask + block) + SLACK_BYTES) + output;
  }
  const isWhole = isWholeOnDevices(facts, shape);
  const isPipelined = shape.deviceCount > 1 && isWhole;
  const inputs =
    (facts.isCausal ? 4 : 5) * widths.stream +
    widths.mask +
    (shape.gpuLayers > facts.blockCount ? 0 : widths.recurrent);
  const copies = isPipelined ? (PIPELINE_COPIES - 1) * (2 * widths.stream + widths.mask) : 0;
  return Math.ceil(SLACK_RATIO * (inputs + copies) + SLACK_BYTES) + output;
}
