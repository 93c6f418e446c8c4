// argv from a plan, by the flags that this build's --help knows. Pure: it starts nothing and reads nothing.

export type CacheType = 'f32' | 'f16' | 'bf16' | 'q8_0' | 'q5_1' | 'q5_0' | 'q4_1' | 'q4_0' | 'iq4_nl';

/** What a load is to look like, decided by placement and settings before anything starts. */
export interface LaunchPlan {
  /** Blocks offloaded, counted as llama.cpp does: `blockCount + 1` means the output layer too. 0: all on the CPU. */
  readonly gpuLayers: number;
  /** Total context in tokens over all slots, as `-c`. */
  readonly contextTokens: number;
  /** Slots, as `-np`. */
  readonly slotCount: number;
  /** True: slots share one KV cache (`-kvu`), each may use all of it. */
  readonly isKvUnified: boolean;
  readonly cacheTypeK: CacheType;
  readonly cacheTypeV: CacheType;
  readonly batchTokens: number;
  readonly microBatchTokens: number;
  readonly flashAttention: 'auto' | 'on' | 'off';
  /** Devices used, in order (`-dev`); empty: `none`. */
  readonly devices: readonly string[];
  /** Share per device (`-ts`), same order; null with fewer than two devices. */
  readonly tensorSplit: readonly number[] | null;
  /** Experts of the first N blocks stay in RAM (`-ncmoe`). */
  readonly cpuExpertLayers: number;
  /** Host memory for the prompt cache (`--cache-ram`), in bytes. */
  readonly promptCacheBytes: number;
  /** Threads (`-t`); null: the engine's own choice. */
  readonly threads: number | null;
  /** False: the projector's weights stay in RAM (`--no-mmproj-offload`). */
  readonly isProjectorOffloaded: boolean;
}
