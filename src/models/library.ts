// What models are on disk: names, aliases, split files as one, projectors with their models. Files stay where they are: nothing here
// moves, copies or writes one.
import type { Fault } from '../base/fault.ts';
import type { Log } from '../base/log.ts';
import type { Migration, Store } from '../base/store.ts';
import type { ModelFacts } from '../gguf/facts.ts';
import { FACTS_MIGRATION } from './facts-cache.ts';
import { FOLDER_MIGRATION } from './folder-book.ts';
import type { LibraryFolder } from './folders.ts';
import { IDS_MIGRATION } from './id-book.ts';
import { DiskLibrary } from './scanner.ts';
import type { Survey, SurveyOptions } from './survey.ts';

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

/** A model that the configuration names; its id wins over a discovered one, which stays as an alias. */
export interface ConfiguredModel {
  readonly id: string;
  readonly file: string;
  /** A path, `none` for no projector, or null (or absent) for the one that is found beside the model. */
  readonly mmproj?: string | null;
  readonly aliases?: readonly string[];
  /** For people. */
  readonly name?: string | null;
}

export interface LibraryChange {
  readonly added: readonly string[];
  readonly removed: readonly string[];
  readonly changed: readonly string[];
}

export interface FolderSummary {
  readonly path: string;
  readonly origin: ModelOrigin;
  /** `duplicate`: the same folder as an earlier one by another path. */
  readonly status: 'scanned' | 'missing' | 'unreadable' | 'duplicate';
  /** Models that are listed from it; what lies in two folders counts for the first. */
  readonly modelCount: number;
  /** Why it is unreadable. */
  readonly error: string | null;
  /** What was left out and why, in sentences. */
  readonly notes: readonly string[];
}

export interface ScanSummary {
  /** When it was over, epoch milliseconds. */
  readonly at: number;
  readonly folders: readonly FolderSummary[];
  readonly modelCount: number;
  /** Models that cannot be used. */
  readonly faultCount: number;
  readonly durationMs: number;
  readonly change: LibraryChange;
}

export interface LibraryOptions {
  readonly store: Store;
  readonly log: Log;
  /** In order: of one file found twice the first sighting counts. */
  readonly folders: readonly LibraryFolder[];
  readonly configured: readonly ConfiguredModel[];
  /** The tiny built-in model, listed as `drover-probe` only while there is no other usable one. */
  readonly probe: { readonly path: string } | null;
  /** Told after a scan that changed what is listed. */
  readonly onChange?: ((change: LibraryChange) => void) | undefined;
  /** Told after every scan, before `onChange`. */
  readonly onScanned?: ((summary: ScanSummary) => void) | undefined;
  /** How long events are gathered before a look, and how long a file must stay alike before it is announced, in milliseconds. */
  readonly gatherMs?: number;
  readonly settleMs?: number;
}

export interface Library {
  /** Looks at all folders; scans run one after the other. Throws only the signal's reason. */
  scan(signal?: AbortSignal): Promise<ScanSummary>;
  /** As of the last scan; empty before the first. */
  models(): readonly LibraryModel[];
  /** By id, alias, path or a careless spelling of these, in any case. */
  resolve(name: string): LibraryModel | null;
  /** Ids that somebody who wrote `name` may have meant, nearest first. */
  nearNames(name: string, limit: number): string[];
  /** The last scan's summary; null before the first. */
  summary(): ScanSummary | null;
  /** Takes new folders and entries, and scans. */
  update(settings: {
    readonly folders?: readonly LibraryFolder[];
    readonly configured?: readonly ConfiguredModel[];
  }): Promise<ScanSummary>;
  /** Looks at folders without listing what is in them. Throws only the signal's reason. */
  survey(folders: readonly LibraryFolder[], options?: Pick<SurveyOptions, 'signal' | 'onProgress'>): Promise<Survey>;
  /** From now on changes on disk are noticed; what cannot be watched is said in the log. */
  watch(): void;
  /** From now on they are not, until `watch` is called again; what a look was about to do is dropped. */
  unwatch(): void;
  close(): void;
}

/** Migrations of the tables that the library keeps in the store. */
export const LIBRARY_MIGRATIONS: readonly Migration[] = [FACTS_MIGRATION, IDS_MIGRATION, FOLDER_MIGRATION];

/** Opens a library; nothing is looked at before the first scan. */
export const openLibrary = (options: LibraryOptions): Library => new DiskLibrary(options);
