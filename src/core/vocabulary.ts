// The words that the core and every dialect share: plain types in bytes, Hz, milliseconds, ratios 0–1 and epoch
// milliseconds. It must never hold a wire word of any dialect.
import type { LogLine } from '../base/log.ts';
import type { Judgement } from '../engine/verdict.ts';
import type { DownloadJob } from '../models/downloads.ts';
import type { SetupState } from './setup-progress.ts';
import type { TestMetrics } from './test-metrics.ts';

/** Where the one child process of a model stands. */
export type InstanceState = 'stopped' | 'starting' | 'ready' | 'stopping' | 'failed';

/** What one finished request cost, as the engine counted it; unknown is null. */
export interface Usage {
  readonly modelId: string;
  /** Epoch milliseconds of the request's arrival. */
  readonly startedAt: number;
  readonly durationMs: number;
  readonly firstByteMs: number | null;
  readonly status: number;
  readonly promptTokens: number | null;
  readonly cachedTokens: number | null;
  readonly generatedTokens: number | null;
  readonly promptMs: number | null;
  readonly generationMs: number | null;
  readonly bytesOut: number;
}

/** Promise 2: what a load really did, against what was planned. */
export interface Verdict extends Judgement {
  readonly modelId: string;
  /** Epoch milliseconds. */
  readonly at: number;
}

export interface Instance {
  readonly modelId: string;
  readonly state: InstanceState;
  /** Epoch milliseconds of the last change of state. */
  readonly since: number;
  readonly pid: number | null;
  readonly portNumber: number | null;
  readonly requestsInFlight: number;
  readonly requestsQueued: number;
  readonly isPinned: boolean;
  /** Epoch milliseconds of the last request's end; null when none yet. */
  readonly lastUsedAt: number | null;
  /** Milliseconds of idleness after which it is stopped; null: never. */
  readonly ttlMs: number | null;
  /** What the plan reserves, by device. */
  readonly reservedBytes: Readonly<Record<string, number>>;
  readonly verdict: Verdict | null;
  /** Why it failed, for people; null unless `failed`. */
  readonly failure: string | null;
}

export type DroverEvent =
  | {
      readonly type: 'instance.changed';
      readonly instance: Instance;
      readonly previous: InstanceState;
    }
  | {
      readonly type: 'instance.progress';
      readonly modelId: string;
      readonly stage: string;
      readonly ratio: number | null;
    }
  | { readonly type: 'instance.verdict'; readonly verdict: Verdict }
  /** It is pinned now, or not any more; its state is what it was. */
  | { readonly type: 'instance.pinned'; readonly instance: Instance }
  /** Somebody asked that it be stopped, running or not; its end is told by `instance.changed`. */
  | { readonly type: 'instance.unwanted'; readonly modelId: string }
  | {
      readonly type: 'request.queued';
      readonly modelId: string;
      readonly position: number;
      readonly waitingFor: string | null;
    }
  | { readonly type: 'request.finished'; readonly usage: Usage }
  | {
      readonly type: 'library.changed';
      readonly added: readonly string[];
      readonly removed: readonly string[];
      readonly changed: readonly string[];
    }
  | { readonly type: 'config.changed'; readonly touched: readonly string[] }
  | { readonly type: 'config.refused'; readonly message: string }
  | { readonly type: 'setup.progress'; readonly setup: SetupState }
  | { readonly type: 'folders.changed' }
  | { readonly type: 'download.changed'; readonly job: DownloadJob }
  | { readonly type: 'engine.changed'; readonly buildId: string | null }
  | {
      readonly type: 'engine.progress';
      readonly stage: string;
      readonly doneBytes: number;
      readonly totalBytes: number | null;
    }
  | {
      readonly type: 'engine.output';
      readonly modelId: string;
      readonly line: string;
    }
  /** How far a test of a session has come, 0–1, never less than before. */
  | {
      readonly type: 'test.progress';
      readonly sessionId: string;
      readonly modelId: string;
      readonly kind: string;
      readonly ratio: number;
    }
  /** Once of each test: with its metrics, or with what went wrong. */
  | {
      readonly type: 'test.ended';
      readonly sessionId: string;
      readonly modelId: string;
      readonly kind: string;
      readonly ratio: number;
      readonly metrics: TestMetrics | null;
      readonly failure: string | null;
    }
  | { readonly type: 'log'; readonly line: LogLine }
  /** A successor is on its way; either `server.stopping` or `restart.failed` follows. */
  | { readonly type: 'restart.started' }
  /** The successor did not come up, or did not last: this server serves on. */
  | { readonly type: 'restart.failed'; readonly message: string }
  | { readonly type: 'server.stopping' };
