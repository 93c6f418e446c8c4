// A model of the size that most people run, for questions about a machine that has none yet: the shape of Llama 3.1 8B
// in Q4_K_M, as its published header and file of 4.92 GB have it. It is never listed nor loaded.

import type { LayerFacts, ModelFacts } from '../gguf/facts.ts';
import { NO_PROVENANCE } from '../gguf/provenance.ts';

const BLOCKS = 32;
const WIDTH = 4096;
const VOCABULARY = 128_256;
const KV_HEADS = 8;
const HEAD = 128;
const FILE_BYTES = 4_920_734_272;
/** Q4_K: 144 bytes for 256 weights; Q6_K: 210. */
const EMBEDDING_BYTES = (VOCABULARY * WIDTH * 144) / 256;
const OUTPUT_BYTES = (VOCABULARY * WIDTH * 210) / 256;
const BLOCK_BYTES = Math.floor((FILE_BYTES - EMBEDDING_BYTES - OUTPUT_BYTES) / BLOCKS);

const LAYER: LayerFacts = {
  weightBytes: BLOCK_BYTES,
  expertBytes: 0,
  largestTensorBytes: Math.floor(BLOCK_BYTES / 3),
  headCountKv: KV_HEADS,
  keyElements: KV_HEADS * HEAD,
  valueElements: KV_HEADS * HEAD,
  indexerElements: 0,
  isSlidingWindow: false,
  recurrentElements: 0,
};

const FACTS: ModelFacts = {
  kind: 'text',
  architecture: 'llama',
  name: 'a typical 8B model in Q4_K_M',
  basename: null,
  sizeLabel: '8B',
  quantization: 'Q4_K_M',
  isQuantizationDerived: false,
  fileBytes: FILE_BYTES,
  weightBytes: FILE_BYTES,
  parameterCount: 8_030_261_312,
  tensorCount: 292,
  contextTokens: 131_072,
  blockCount: BLOCKS,
  embeddingLength: WIDTH,
  feedForwardLength: 14_336,
  vocabularySize: VOCABULARY,
  headCount: 32,
  headCountKv: KV_HEADS,
  keyLength: HEAD,
  valueLength: HEAD,
  slidingWindowTokens: null,
  isMla: false,
  expertCount: 0,
  expertUsedCount: 0,
  isRecurrent: false,
  nextnLayerCount: 0,
  layers: Array.from({ length: BLOCKS }, () => LAYER),
  tokenEmbeddingBytes: EMBEDDING_BYTES,
  outputBytes: OUTPUT_BYTES,
  otherBytes: 0,
  inputBytes: 0,
  poolingType: null,
  isCausal: true,
  chatTemplate: null,
  canInfill: false,
  canUseTools: true,
  canReason: false,
  projector: null,
  split: null,
  sampling: {},
  provenance: NO_PROVENANCE,
  tensorMix: [],
};

export const TYPICAL_MODEL = { name: 'a typical 8B model in Q4_K_M', facts: FACTS } as const;
