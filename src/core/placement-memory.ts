// How many bytes a load takes, part by part: KV cache (exact), compute buffers (measured model), overhead.
// Pure arithmetic over a header's facts; it must never read a device, a clock or a file.
import type { Backend } from '../engine/build.ts';
import type { CacheType } from '../engine/command.ts';
import type { LayerFacts, ModelFacts } from '../gguf/facts.ts';

export const MIB = 1024 * 1024;

/** Bytes per element of a cache type; block types as bytes per block over elements per block. Source: ggml's type table. */
export const CACHE_TYPE_BYTES: Readonly<Record<CacheType, number>> = {
  f32: 4,
  f16: 2,
  bf16: 2,
  q8_0: 34 / 32,
  q5_1: 24 / 32,
  q5_0: 22 / 32,
  q4_1: 20 / 32,
  q4_0: 18 / 32,
  iq4_nl: 18 / 32,
};

export interface CacheShape {
  /** Over all slots, as `-c`. */
  readonly contextTokens: number;
  readonly slotCount: number;
  readonly isUnified: boolean;
  readonly cacheTypeK: CacheType;
  readonly cacheTypeV: CacheType;
  readonly microBatchTokens: number;
}

/** Cells are allocated in blocks of this many tokens. */
export const CONTEXT_STEP = 256;
const padded = (tokens: number): number => Math.ceil(tokens / CONTEXT_STEP) * CONTEXT_STEP;

export interface CacheCells {
  /** Caches side by side: 1 when unified, else one per slot. */
  readonly streams: number;
  /** Cells per stream of a full-attention layer. */
  readonly full: number;
  /** Cells per stream of a sliding-window layer. */
  readonly window: number;
}

/** Cells per stream. Source: llama.cpp `llama_kv_cache` and `llama_kv_cache_iswa`. */
export function cacheCells(facts: ModelFacts, shape: CacheShape): CacheCells {
  const streams = shape.isUnified ? 1 : shape.slotCount;
  const full = padded(Math.ceil(shape.contextTokens / streams));
  const window = facts.slidingWindowTokens ?? 0;
  const wanted = window * (shape.isUnified ? shape.slotCount : 1) + shape.microBatchTokens;
  return { streams, full, window: window > 0 ? padded(Math.min(full, wanted)) : full };
}

/** Blocks that run in an ordinary pass: trailing multi-token-prediction blocks keep no cache of their own. */
export const isPlainLayer = (facts: ModelFacts, index: number): boolean =>
  index < facts.blockCount - facts.nextnLayerCount;

/** Bytes of KV cache and recurrent state of one layer, in all streams. */
export function layerCacheBytes(facts: ModelFacts, index: number, shape: CacheShape, cells: CacheCells): number {
  const layer = facts.layers[index];
  if (layer === undefined || !isPlainLayer(facts, index)) return 0;
  const perCell =
    layer.keyElements * CACHE_TYPE_BYTES[shape.cacheTypeK] + layer.valueElements * CACHE_TYPE_BYTES[shape.cacheTypeV];
  // An indexer's or a compressed cache spans the whole context, also where the layer itself slides.
  const further = layer.indexerElements * CACHE_TYPE_BYTES[shape.cacheTypeK];
  const bytes = cells.streams * ((layer.isSlidingWindow ? cells.window : cells.full) * perCell + cells.full * further);
  // Recurrent state is F32, one per sequence, whatever the context.
  return Math.ceil(bytes) + 4 * layer.recurrentElements * shape.slotCount;
}

/** KV cache and recurrent state of every layer, in order. Encoders keep none: their layers have no cache elements. */
export function cacheBytesByLayer(facts: ModelFacts, shape: CacheShape): number[] {
  const cells = cacheCells(facts, shape);
  return facts.layers.map((_, index) => layerCacheBytes(facts, index, shape, cells));
}

/** KV cache and recurrent state of the whole model, in bytes: exact, as the engine allocates it with flash attention. */
export function kvBytes(facts: ModelFacts, shape: CacheShape): number {
  return cacheBytesByLayer(facts, shape).reduce((sum, bytes) => sum + bytes, 0);
}

/** True where the cache cannot be rolled back token by token, so that the server keeps checkpoints of it in RAM. */
export const needsCheckpoints = (facts: ModelFacts): boolean =>
  facts.isRecurrent || facts.layers.some((layer: LayerFacts) => layer.isSlidingWindow);

/** Bytes of one checkpoint: the window of the sliding layers and all recurrent state, for one slot. */
export function checkpointBytes(facts: ModelFacts, shape: CacheShape): number {
  const window = Math.min(facts.slidingWindowTokens ?? 0, shape.contextTokens);
  let bytes = 0;
  facts.layers.forEach((layer, index) => {
    if (!isPlainLayer(facts, index)) return;
    if (layer.isSlidingWindow) {
      bytes +=
        window *
        (layer.keyElements * CACHE_TYPE_BYTES[shape.cacheTypeK] +
          layer.valueElements * CACHE_TYPE_BYTES[shape.cacheTypeV]);
    }
    bytes += 4 * layer.recurrentElements;
  });
  return Math.ceil(bytes);
}

/**
 * Memory of a process on one GPU outside of the engine's own buffers: driver context, kernels, workspaces, staging.
 * `--fit` leaves 1 GiB for it by default; vendors' figures range from 300 to 600 MiB for CUDA, less elsewhere.
 */
export const DEVICE_OVERHEAD_BYTES: Readonly<Record<Backend, number>> = {
  cuda: 600 * MIB,
  rocm: 600 * MIB,
  sycl: 512 * MIB,
  vulkan: 320 * MIB,
  metal: 128 * MIB,
  cpu: 0,
};

/** The engine's process in main memory apart from its buffers: code, vocabulary, HTTP threads, work areas of the CPU backend. */
export const HOST_OVERHEAD_BYTES = 96 * MIB;
