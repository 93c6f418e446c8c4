// What models are on disk: names, aliases, split files as one, projectors with their models. Files stay where they are.
import type { Fault } from '../base/fault.ts';
import type { ModelFacts } from '../gguf/facts.ts';

export type ModelOrigin = 'folder' | 'huggingface' | 'lmstudio' | 'ollama' | 'llama.cpp' | 'config' | 'probe';

export interface LibraryModel {
  /** Stable, readable, unique: `qwen3-4b-q4_k_m`. */
  readonly id: string;
  /** Other names that resolve to it: `name:quant`, `owner/repo:quant`, the file's stem, … */
  readonly aliases: readonly string[];
  /** For people: `Qwen3 4B`. */
  readonly title: string;
  readonly origin: ModelOrigin;
  /** The file given to the engine: the only one or the first shard. Absolute. */
  readonly path: string;
  /** All files of the model, shards in order, `path` first. */
  readonly files: readonly string[];
  /** Sum over `files`. */
  readonly sizeBytes: number;
  /** Latest over `files`, epoch milliseconds. */
  readonly modifiedAt: number;
  /** Sums and totals over all shards; null where the file could not be read, and then `fault` says why. */
  readonly facts: ModelFacts | null;
  readonly fault: Fault | null;
  /** Projector (`mmproj`) that belongs to it, absolute. */
  readonly projectorPath: string | null;
  readonly projectorFacts: ModelFacts | null;
}
