// What a GGUF header means to us: kind, size, quantization, context, and every figure that memory estimates need.
// Pure: bytes come from the reader; nothing here touches disk, clock or log.
import { Fault } from '../base/fault.ts';
import { cacheFactsOf, type LayerCache } from './attention.ts';
import { deriveQuantization, fileTypeLabel } from './file-types.ts';
import { Keys } from './keys.ts';
import { canInfill, canReason, canUseTools, chatTemplateOf, kindOf, projectorOf } from './kind.ts';
import { type Provenance, provenanceOf } from './provenance.ts';
import type { GgufHeader, GgufTensor } from './reader.ts';
import { mergeMix, mixOf, type TensorMix } from './tensor-mix.ts';

/** What a file is good for. `vocabulary` is a file without weights; `unknown` a header that we can read but not place. */
export type ModelKind =
  | 'text'
  | 'embedding'
  | 'reranker'
  | 'projector'
  | 'adapter'
  | 'draft'
  | 'imatrix'
  | 'vocabulary'
  | 'unknown';

/** One transformer block as memory sees it. */
export interface LayerFacts {
  /** Bytes of all tensors `blk.N.*`, experts included. */
  readonly weightBytes: number;
  /** Bytes of the routed experts' tensors among them (`ffn_(up|down|gate|gate_up)_(ch|)exps`). */
  readonly expertBytes: number;
  /** Bytes of the largest tensor among them; absent in facts that were not read from a header. */
  readonly largestTensorBytes?: number;
  /** KV heads; 0 where the layer has no attention cache of its own. */
  readonly headCountKv: number;
  /** Elements of K per token (`head_count_kv × key_length`, or the MLA width); 0 where no cache is kept. */
  readonly keyElements: number;
  /** Elements of V per token; 0 for MLA. */
  readonly valueElements: number;
  /**
   * Elements per token of further caches over the whole context, also where the layer slides: an indexer's (DSA, MSA) or a compressed
   * one (DeepSeek 4: one cell for several tokens, hence fractions). In K's type; usually 0.
   */
  readonly indexerElements: number;
  /** True: the cache holds a sliding window only. */
  readonly isSlidingWindow: boolean;
  /** F32 elements of state per sequence (conv and ssm parts together); 0 for attention layers of almost all models. */
  readonly recurrentElements: number;
}

export interface ModelFacts {
  readonly kind: ModelKind;
  readonly architecture: string;
  /** `general.name`, else null. */
  readonly name: string | null;
  readonly basename: string | null;
  readonly sizeLabel: string | null;
  /** Label such as `Q4_K_M`, `MXFP4`, `F16`; derived from the tensor types where the header has no usable label. */
  readonly quantization: string;
  readonly isQuantizationDerived: boolean;
  /** Of this file (a shard: of this shard), in bytes. */
  readonly fileBytes: number;
  /** Sum of the tensors' bytes, padded as in the file. */
  readonly weightBytes: number;
  /** Number of weights. */
  readonly parameterCount: number;
  readonly tensorCount: number;
  /** Context that the model was trained for, in tokens; null where the header does not say. */
  readonly contextTokens: number | null;
  readonly blockCount: number;
  readonly embeddingLength: number;
  /** Largest over the layers. */
  readonly feedForwardLength: number;
  /** Width of one routed expert; absent where the header does not tell it apart. */
  readonly expertFeedForwardLength?: number;
  readonly vocabularySize: number | null;
  readonly headCount: number;
  /** Largest over the layers; `headCount / headCountKv` is the GQA factor. */
  readonly headCountKv: number;
  readonly keyLength: number;
  readonly valueLength: number;
  /** Sliding window in tokens, or null. */
  readonly slidingWindowTokens: number | null;
  readonly isMla: boolean;
  readonly expertCount: number;
  readonly expertUsedCount: number;
  /** True where any layer keeps recurrent state. */
  readonly isRecurrent: boolean;
  /** Trailing blocks that only multi-token prediction uses. */
  readonly nextnLayerCount: number;
  readonly layers: readonly LayerFacts[];
  /** `token_embd` (kept on the host), `output` (0 where tied to token_embd), and all other tensors outside the blocks. */
  readonly tokenEmbeddingBytes: number;
  readonly outputBytes: number;
  readonly otherBytes: number;
  /** Of `otherBytes`: what belongs to the input layer and so stays on the host (per-layer embeddings, positions, token types). */
  readonly inputBytes: number;
  /** `{arch}.pooling_type`: 0 none, 1 mean, 2 cls, 3 last, 4 rank; null where absent. */
  readonly poolingType: number | null;
  readonly isCausal: boolean;
  readonly chatTemplate: string | null;
  readonly canInfill: boolean;
  readonly canUseTools: boolean;
  readonly canReason: boolean;
  /** Of a projector: what it can see and hear, and the embedding width that it projects to. */
  readonly projector: {
    readonly hasVision: boolean;
    readonly hasAudio: boolean;
    readonly projectorType: string | null;
    readonly projectionLength: number | null;
  } | null;
  /** Of a split file: 0-based index and count. */
  readonly split: { readonly index: number; readonly count: number } | null;
  /** Recommended sampling from the header (`general.sampling.*`), as it stands there. */
  readonly sampling: Readonly<Record<string, number>>;
  readonly provenance: Provenance;
  /** By type, most bytes first; empty where no tensor table was read. */
  readonly tensorMix: readonly TensorMix[];
}

export interface FileFacts {
  /** Size of the file, in bytes. */
  readonly fileBytes: number;
  /** Without folders; tells sidecars such as `mtp-….gguf` apart. */
  readonly fileName: string;
}

/** llama.cpp itself takes 512. */
const MAX_LAYERS = 1024;
/** Tensors that llama.cpp loads with the input layer (`LLM_TENSOR_LAYER_INPUT`), `token_embd` apart. */
const INPUTS = /^(per_layer_token_embd|position_embd|token_types)\./;
const EXPERTS = /\.ffn_(up|down|gate|gate_up)_(ch)?exps(\.|$)/;

/** The meaning of one file's header. Throws a Fault `unprocessable` where its counts are beyond any model. */
export function factsOf(header: GgufHeader, file: FileFacts): ModelFacts {
  const keys = new Keys(header);
  const split = splitOf(keys);
  const blockCount = keys.size('block_count') ?? 0;
  if (blockCount > MAX_LAYERS) {
    throw new Fault(
      'unprocessable',
      `${keys.architecture}.block_count is ${blockCount}: no model has so many blocks.`,
      {
        hint: 'Download the file again.',
      },
    );
  }
  const cache = cacheFactsOf(keys, blockCount);
  const weights = weightsOf(header, blockCount);
  const poolingType = keys.numberOf(`${keys.architecture}.pooling_type`);
  const isCausal = keys.flag('attention.causal') ?? true;
  const kind = kindOf({
    keys,
    tensors: header.tensors,
    fileName: file.fileName,
    isSplit: split !== null,
    poolingType,
    isCausal,
  });
  const label = labelOf(keys);
  const headCounts = keys.sizes('attention.head_count', blockCount) ?? [];
  return {
    kind,
    architecture: keys.architecture,
    name: keys.textOf('general.name'),
    basename: keys.textOf('general.basename'),
    sizeLabel: keys.textOf('general.size_label'),
    quantization: label ?? deriveQuantization(header.tensors),
    isQuantizationDerived: label === null,
    fileBytes: file.fileBytes,
    weightBytes: weights.total,
    parameterCount: weights.parameterCount,
    tensorCount: header.tensors.length,
    contextTokens: keys.size('context_length'),
    blockCount,
    embeddingLength: keys.size('embedding_length') ?? 0,
    feedForwardLength: largest(keys.sizes('feed_forward_length', blockCount) ?? []),
    expertFeedForwardLength: largest(keys.sizes('expert_feed_forward_length', blockCount) ?? []),
    vocabularySize: keys.lengthOf('tokenizer.ggml.tokens') ?? keys.size('vocab_size'),
    headCount: largest(headCounts),
    headCountKv: largest(keys.sizes('attention.head_count_kv', blockCount) ?? headCounts),
    keyLength: cache.keyLength,
    valueLength: cache.valueLength,
    slidingWindowTokens: cache.slidingWindowTokens,
    isMla: cache.isMla,
    expertCount: keys.size('expert_count') ?? 0,
    expertUsedCount: keys.size('expert_used_count') ?? 0,
    isRecurrent: cache.isRecurrent,
    nextnLayerCount: cache.nextnLayerCount,
    // A part of a split model may hold tensors of blocks that its own header does not speak of.
    layers: weights.layers.map((layer, index) => ({ ...layer, ...(cache.layers[index] ?? NO_CACHE) })),
    tokenEmbeddingBytes: weights.tokenEmbedding,
    outputBytes: weights.output,
    otherBytes: weights.other,
    inputBytes: weights.input,
    poolingType,
    isCausal,
    chatTemplate: chatTemplateOf(keys),
    canInfill: canInfill(keys),
    canUseTools: canUseTools(keys),
    canReason: canReason(keys),
    projector: kind === 'projector' ? projectorOf(keys) : null,
    split,
    sampling: samplingOf(keys),
    provenance: provenanceOf(keys),
    tensorMix: mixOf(header.tensors),
  };
}

/**
 * The facts of a split model: bytes, weights and tensors of all shards, everything else of the first. Takes the shards in any order;
 * throws a Fault `unprocessable` where one is missing, there twice or of another model.
 */
export function mergeShards(shards: readonly ModelFacts[]): ModelFacts {
  const ordered = [...shards].sort((left, right) => (left.split?.index ?? 0) - (right.split?.index ?? 0));
  const first = ordered[0];
  if (first === undefined) throw new Fault('unprocessable', 'A split model has no files.');
  const count = first.split?.count ?? 1;
  const wrong = (message: string): Fault =>
    new Fault('unprocessable', message, { hint: 'Download the missing or damaged part again.' });
  if (ordered.some((shard) => (shard.split?.count ?? 1) !== count)) {
    throw wrong('These files are parts of different splits.');
  }
  ordered.forEach((shard, index) => {
    const at = shard.split?.index ?? 0;
    if (at === index) return;
    const isTwice = ordered[index - 1]?.split?.index === at;
    throw wrong(isTwice ? `Part ${at + 1} of ${count} is there twice.` : `Part ${index + 1} of ${count} is missing.`);
  });
  if (ordered.length !== count) throw wrong(`Part ${ordered.length + 1} of ${count} is missing.`);
  const sum = (pick: (shard: ModelFacts) => number): number => ordered.reduce((total, shard) => total + pick(shard), 0);
  // Only the first part knows the model; the others know which tensors they hold.
  const layers = first.layers.map((layer, index) => ({
    ...layer,
    weightBytes: sum((shard) => shard.layers[index]?.weightBytes ?? 0),
    expertBytes: sum((shard) => shard.layers[index]?.expertBytes ?? 0),
    largestTensorBytes: largest(shards.map((shard) => shard.layers[index]?.largestTensorBytes ?? 0)),
  }));
  return {
    ...first,
    layers,
    fileBytes: sum((shard) => shard.fileBytes),
    weightBytes: sum((shard) => shard.weightBytes),
    parameterCount: sum((shard) => shard.parameterCount),
    tensorCount: sum((shard) => shard.tensorCount),
    tokenEmbeddingBytes: sum((shard) => shard.tokenEmbeddingBytes),
    outputBytes: sum((shard) => shard.outputBytes),
    otherBytes: sum((shard) => shard.otherBytes),
    inputBytes: sum((shard) => shard.inputBytes),
    tensorMix: mergeMix(ordered.map((shard) => shard.tensorMix)),
  };
}

interface Weights {
  readonly total: number;
  readonly parameterCount: number;
  readonly layers: readonly { weightBytes: number; expertBytes: number; largestTensorBytes: number }[];
  readonly tokenEmbedding: number;
  readonly output: number;
  readonly other: number;
  readonly input: number;
}

function weightsOf(header: GgufHeader, blockCount: number): Weights {
  const layers = Array.from({ length: blockCount }, () => ({ weightBytes: 0, expertBytes: 0, largestTensorBytes: 0 }));
  const sums = { total: 0, parameterCount: 0, tokenEmbedding: 0, output: 0, other: 0, input: 0 };
  for (const tensor of header.tensors) {
    const bytes = Math.ceil(tensor.bytes / header.alignment) * header.alignment;
    sums.total += bytes;
    sums.parameterCount += tensor.elementCount;
    const block = blockOf(tensor);
    if (block !== null) {
      while (layers.length <= block) layers.push({ weightBytes: 0, expertBytes: 0, largestTensorBytes: 0 });
      const layer = layers[block];
      if (layer === undefined) continue;
      layer.weightBytes += bytes;
      layer.largestTensorBytes = Math.max(layer.largestTensorBytes, bytes);
      if (EXPERTS.test(tensor.name)) layer.expertBytes += bytes;
    } else if (tensor.name.startsWith('token_embd.')) sums.tokenEmbedding += bytes;
    else if (tensor.name.startsWith('output.')) sums.output += bytes;
    else {
      sums.other += bytes;
      if (INPUTS.test(tensor.name)) sums.input += bytes;
    }
  }
  return { ...sums, layers };
}

/** The block of `blk.7.attn_q.weight`; of T5 also `enc.blk.7.…`; null for anything else. */
function blockOf(tensor: GgufTensor): number | null {
  const match = /^(?:(?:enc|dec)\.)?blk\.(\d{1,4})\./.exec(tensor.name);
  if (match === null) return null;
  const block = Number(match[1]);
  return block < MAX_LAYERS ? block : null;
}

const NO_CACHE: LayerCache = {
  headCountKv: 0,
  keyElements: 0,
  valueElements: 0,
  indexerElements: 0,
  isSlidingWindow: false,
  recurrentElements: 0,
};

function splitOf(keys: Keys): ModelFacts['split'] {
  const count = keys.numberOf('split.count') ?? 0;
  if (count <= 1) return null;
  const index = keys.numberOf('split.no');
  if (index === null || !Number.isInteger(index) || index < 0 || index >= count) {
    throw new Fault('unprocessable', `The file says that it is part ${index ?? '?'} of ${count} of a split model.`, {
      hint: 'Download the file again.',
    });
  }
  return { index, count };
}

function labelOf(keys: Keys): string | null {
  const number = keys.numberOf('general.file_type');
  return number === null ? null : fileTypeLabel(number);
}

function samplingOf(keys: Keys): Record<string, number> {
  const prefix = 'general.sampling.';
  const sampling: Record<string, number> = {};
  for (const key of keys.namesUnder(prefix)) {
    const value = keys.numberOf(key);
    if (value !== null) sampling[key.slice(prefix.length)] = value;
  }
  return sampling;
}

const largest = (values: readonly number[]): number => values.reduce((most, value) => Math.max(most, value), 0);
