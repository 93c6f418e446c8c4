// What a GGUF header means to us: kind, size, quantization, context, and every figure that memory estimates need.
// Pure: bytes come from the reader; nothing here touches disk, clock or log.

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
  /** KV heads; 0 where the layer has no attention cache of its own. */
  readonly headCountKv: number;
  /** Elements of K per token (`head_count_kv × key_length`, or the MLA width); 0 where no cache is kept. */
  readonly keyElements: number;
  /** Elements of V per token; 0 for MLA. */
  readonly valueElements: number;
  /** Elements of an extra indexer K cache per token (DSA, MSA); usually 0. */
  readonly indexerElements: number;
  /** True: the cache holds a sliding window only. */
  readonly isSlidingWindow: boolean;
  /** F32 elements of recurrent state per sequence (conv and ssm parts together); 0 for attention layers. */
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
}
