// What each layer remembers: K and V per token, the extra indexer cache, recurrent state per sequence, and which layers hold only a
// sliding window. It must never count a cache that llama.cpp does not allocate. Source: llama-hparams.cpp, llama-kv-cache*.cpp,
// llama-memory-*.cpp and the `load_arch_hparams` of each architecture in llama.cpp.
import type { Keys } from './keys.ts';

/** The part of a layer that memory is computed from. Units as in `LayerFacts`. */
export interface LayerCache {
  readonly headCountKv: number;
  readonly keyElements: number;
  readonly valueElements: number;
  readonly indexerElements: number;
  readonly isSlidingWindow: boolean;
  readonly recurrentElements: number;
}

export interface CacheFacts {
  readonly layers: readonly LayerCache[];
  readonly keyLength: number;
  readonly valueLength: number;
  readonly slidingWindowTokens: number | null;
  readonly isMla: boolean;
  /** True where layers have recurrent state instead of attention (or beside it). */
  readonly isRecurrent: boolean;
  readonly nextnLayerCount: number;
}

/** Architectures that run without any cache: encoders and diffusion models. */
const CACHELESS = new Set([
  'bert',
  'modern-bert',
  'nomic-bert',
  'nomic-bert-moe',
  'neo-bert',
  'jina-bert-v2',
  'jina-bert-v3',
  'eurobert',
  'gemma-embedding',
  'gemma-embedding2',
  't5encoder',
  'wavtokenizer-dec',
  'dream',
  'llada',
  'llada-moe',
  'rnd1',
]);

/** Every layer recurrent, no attention at all. */
const RECURRENT = new Set(['mamba', 'mamba2', 'rwkv6', 'rwkv6qwen2', 'rwkv7', 'arwkv7']);

/** Layers are recurrent, attention or feed-forward alone: recurrent is what has neither KV heads nor a feed-forward width. */
const RECURRENT_ALONE = new Set(['nemotron_h', 'nemotron_h_moe']);

/** Every n-th layer is full attention, the others recurrent; n where the header does not say. */
const FULL_ATTENTION_INTERVAL: ReadonlyMap<string, number> = new Map([
  ['qwen3next', 4],
  ['qwen35', 4],
  ['qwen35moe', 4],
  ['qwen4exp', 4],
  ['minimax-01', 8],
]);

interface SlidingPattern {
  readonly period: number;
  readonly isDenseFirst?: boolean;
  /** Window where the header gives none. */
  readonly window?: number;
  /** Window that the architecture has whatever the header says, as long as that speaks of one. */
  readonly fixedWindow?: number;
  /** Only models of so many blocks slide. */
  readonly layerCount?: number;
}

/** Which layers slide where the header has no array: `layer % period < period - 1`, dense-first: `layer % period != 0`. */
const SLIDING: ReadonlyMap<string, SlidingPattern> = new Map([
  ['gemma2', { period: 2, window: 4096 }],
  ['gemma3', { period: 6 }],
  ['gemma-embedding', { period: 6 }],
  ['gemma3n', { period: 5 }],
  ['gpt-oss', { period: 2 }],
  ['cohere2', { period: 4 }],
  ['olmo2', { period: 4 }],
  ['exaone4', { period: 4, layerCount: 64, window: 4096 }],
  ['exaone-moe', { period: 4, window: 128 }],
  ['afmoe', { period: 4 }],
  ['llama4', { period: 4, window: 8192, fixedWindow: 8192 }],
  ['mellum', { period: 4 }],
  ['muse-glimmer', { period: 4 }],
  ['plamo3', { period: 8 }],
  ['smallthinker', { period: 4, isDenseFirst: true, fixedWindow: 4096 }],
  ['laguna', { period: 4, isDenseFirst: true }],
  ['modern-bert', { period: 3, isDenseFirst: true }],
  ['cohere2moe', { period: 4, isDenseFirst: true }],
]);

/** What every layer keeps. `layerCount` is `{arch}.block_count`, already bounded. */
export function cacheFactsOf(keys: Keys, layerCount: number): CacheFacts {
  const architecture = keys.architecture;
  const embeddingLength = keys.size('embedding_length') ?? 0;
  const heads = keys.sizes('attention.head_count', layerCount) ?? new Array<number>(layerCount).fill(0);
  const headsKv = keys.sizes('attention.head_count_kv', layerCount) ?? heads;
  const firstHeads = heads.find((count) => count > 0) ?? 0;
  const defaultLength = firstHeads > 0 ? Math.floor(embeddingLength / firstHeads) : 0;
  const keyLength = keys.size('attention.key_length') ?? defaultLength;
  const valueLength = keys.size('attention.value_length') ?? defaultLength;
  const keyLengthSliding = keys.size('attention.key_length_swa') ?? keyLength;
  const valueLengthSliding = keys.size('attention.value_length_swa') ?? valueLength;
  const isMla = (keys.size('attention.key_length_mla') ?? 0) > 0 && (keys.size('attention.value_length_mla') ?? 0) > 0;
  const nextnLayerCount = Math.min(keys.size('nextn_predict_layers') ?? 0, layerCount);
  const slidingWindow = slidingWindowOf(keys, layerCount);
  const sliding = slidingLayersOf(keys, layerCount, slidingWindow);
  const stateElements = recurrentElementsOf(keys, embeddingLength, firstHeads, keyLength);
  const recurrent = recurrentLayersOf(keys, headsKv, layerCount, stateElements > 0);
  const isDouble = architecture === 'falcon-h1';
  const ownsCache = cacheOwnersOf(keys, layerCount - nextnLayerCount);
  const wholeContext = wholeContextOf(keys, layerCount, keyLength, valueLength, keyLengthSliding);
  const compression = compressionOf(keys, layerCount);

  const layers = Array.from({ length: layerCount }, (_, layer): LayerCache => {
    const isRecurrent = recurrent[layer] === true;
    const isSlidingWindow = sliding[layer] === true;
    const headCountKv = headsKv[layer] ?? 0;
    const hasAttention =
      !CACHELESS.has(architecture) &&
      !RECURRENT.has(architecture) &&
      (!isRecurrent || isDouble) &&
      ownsCache(layer) &&
      headCountKv > 0;
    return {
      headCountKv: hasAttention ? headCountKv : 0,
      keyElements: hasAttention ? headCountKv * (isSlidingWindow ? keyLengthSliding : keyLength) : 0,
      valueElements: hasAttention && !isMla ? headCountKv * (isSlidingWindow ? valueLengthSliding : valueLength) : 0,
      indexerElements: hasAttention ? wholeContext(layer, isSlidingWindow) : 0,
      isSlidingWindow: hasAttention && isSlidingWindow,
      recurrentElements:
        layer >= layerCount - nextnLayerCount
          ? 0
          : isRecurrent
            ? stateElements
            : compressionStateOf(compression?.[layer] ?? 0, keyLength, keys.size('attention.indexer.key_length') ?? 0),
    };
  });
  return {
    layers,
    keyLength,
    valueLength,
    slidingWindowTokens: sliding.some((isSliding) => isSliding) ? slidingWindow : null,
    isMla,
    isRecurrent: recurrent.some((isIt) => isIt),
    nextnLayerCount,
  };
}

/** In tokens; null where no layer slides. A window of 0 in the header turns an architecture's own one off. */
function slidingWindowOf(keys: Keys, layerCount: number): number | null {
  const pattern = SLIDING.get(keys.architecture);
  if (pattern?.layerCount !== undefined && pattern.layerCount !== layerCount) return null;
  const window = keys.size('attention.sliding_window') ?? pattern?.window ?? 0;
  return window > 0 ? (pattern?.fixedWindow ?? window) : null;
}

function slidingLayersOf(keys: Keys, layerCount: number, window: number | null): boolean[] {
  const none = new Array<boolean>(layerCount).fill(false);
  if (window === null) return none;
  if (keys.architecture === 'deepseek4') return none.map(() => true);
  // Only converters of architectures that slide write a list.
  const listed = keys.flags('attention.sliding_window_pattern', layerCount);
  if (listed !== null) return listed;
  const pattern = SLIDING.get(keys.architecture);
  if (pattern === undefined) return none;
  const period = keys.size('attention.sliding_window_pattern') ?? pattern.period;
  return none.map((_, layer) => {
    if (period === 0) return true;
    return pattern.isDenseFirst === true ? layer % period !== 0 : layer % period < period - 1;
  });
}

function recurrentLayersOf(keys: Keys, headsKv: readonly number[], layerCount: number, hasState: boolean): boolean[] {
  const architecture = keys.architecture;
  const all = (isRecurrent: boolean): boolean[] => new Array<boolean>(layerCount).fill(isRecurrent);
  if (RECURRENT.has(architecture) || architecture === 'falcon-h1') return all(true);
  const listed = keys.flags('attention.recurrent_layers', layerCount);
  if (listed !== null) return listed;
  if (RECURRENT_ALONE.has(architecture)) {
    const forward = keys.sizes('feed_forward_length', layerCount) ?? [];
    return headsKv.map((count, layer) => count === 0 && (forward[layer] ?? 0) === 0);
  }
  const interval = FULL_ATTENTION_INTERVAL.get(architecture);
  if (interval !== undefined) {
    const every = Math.max(keys.size('full_attention_interval') ?? interval, 1);
    return all(true).map((_, layer) => (layer + 1) % every !== 0);
  }
  // Of the other hybrids (jamba, granite, lfm2, plamo2, kimi, bailing, …) recurrent is what has no KV heads.
  if (hasState && keys.isPerLayer('attention.head_count_kv')) return headsKv.map((count) => count === 0);
  return all(false);
}

/** F32 elements per sequence of one recurrent layer: the convolution's or token shift's part and the state's. */
function recurrentElementsOf(keys: Keys, embeddingLength: number, headCount: number, keyLength: number): number {
  const wkvHeadSize = keys.size('wkv.head_size') ?? 0;
  if (wkvHeadSize > 0) {
    const shifts = keys.size('token_shift_count') ?? 2;
    return shifts * embeddingLength + embeddingLength * wkvHeadSize;
  }
  const shortConvolution = keys.size('shortconv.l_cache') ?? 0;
  if (shortConvolution > 0) return embeddingLength * (shortConvolution - 1);
  if (keys.architecture === 'minimax-01') return keyLength * keyLength * headCount;
  const kernel = Math.max((keys.size('ssm.conv_kernel') ?? 0) - 1, 0);
  const kdaHead = keys.size('kda.head_dim') ?? 0;
  if (kdaHead > 0) return 3 * kernel * headCount * kdaHead + kdaHead * kdaHead * headCount;
  const inner = keys.size('ssm.inner_size') ?? 0;
  const state = keys.size('ssm.state_size') ?? 0;
  const groups = keys.size('ssm.group_count') ?? 0;
  return kernel * (inner + 2 * groups * state) + state * inner;
}

/** Which layers have a cache of their own: the last ones may read an earlier layer's. */
function cacheOwnersOf(keys: Keys, layerCount: number): (layer: number) => boolean {
  if (keys.architecture === 'gemma3n') return (layer) => layer < 20;
  const shared = keys.size('attention.shared_kv_layers') ?? 0;
  return (layer) => layer < layerCount - shared;
}

/**
 * Elements per token of what a layer keeps over the whole context beside K and V: an indexer's cache of sparse attention (DeepSeek's
 * DSA, MiniMax's MSA) or DeepSeek 4's compressed caches, which have one cell for several tokens.
 */
function wholeContextOf(
  keys: Keys,
  layerCount: number,
  keyLength: number,
  valueLength: number,
  keyLengthSliding: number,
): (layer: number, isSlidingWindow: boolean) => number {
  const indexerLength = keys.size('attention.indexer.key_length') ?? 0;
  const listed = keys.flags('attention.indexer.types', layerCount);
  switch (keys.architecture) {
    case 'deepseek32':
    case 'qwen4exp':
      return () => indexerLength;
    case 'glm-dsa': {
      // Up to 5.1 every layer has an indexer; 5.2 is told by its context, and shares one among four.
      const isShared = (keys.size('context_length') ?? 0) >= 1_048_576;
      return (layer) =>
        (listed === null ? !isShared || layer < 2 || (layer - 2) % 4 === 0 : listed[layer] === true)
          ? indexerLength
          : 0;
    }
    case 'glm5-next':
      // One part for itself, two for what its pooling needs (measured).
      return () => 3 * indexerLength;
    case 'minimax-m3': {
      const dense = keys.size('leading_dense_block_count') ?? 0;
      // The V part is never read, but allocated (measured).
      return (layer) => (layer >= dense ? indexerLength + valueLength : 0);
    }
    case 'dots3note':
      // The indexer's cache has all layers, sliding ones in their own width (measured).
      return (_, isSlidingWindow) => (isSlidingWindow ? keyLengthSliding : indexerLength);
    case 'deepseek4': {
      const ratios = compressionOf(keys, layerCount) ?? [];
      return (layer) => {
        const ratio = ratios[layer] ?? 0;
        if (ratio === 0) return 0;
        return (keyLength + (ratio === FINE_RATIO ? indexerLength : 0)) / ratio;
      };
    }
    default:
      return () => 0;
  }
}

/** DeepSeek 4: tokens per compressed cell of each layer, 0 where it has none. */
const compressionOf = (keys: Keys, layerCount: number): number[] | null =>
  keys.architecture === 'deepseek4' ? keys.sizes('attention.compress_ratios', layerCount) : null;

/** The ratio of DeepSeek 4's finer compression, whose windows overlap and which has an indexer. */
const FINE_RATIO = 4;

/** F32 elements per sequence of the window that is being compressed (measured). */
function compressionStateOf(ratio: number, keyLength: number, indexerLength: number): number {
  if (ratio === 0) return 0;
  return ratio === FINE_RATIO ? 2 * ratio * 2 * 2 * (keyLength + indexerLength) : ratio * 2 * keyLength;
}
