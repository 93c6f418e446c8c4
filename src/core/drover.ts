// The one face of the core: what every dialect, the page and the command line may ask for. A route is one call to it.
import type { Bus } from '../base/bus.ts';
import type { Log } from '../base/log.ts';
import type { EngineBuild } from '../engine/build.ts';
import type { CacheType, LaunchPlan } from '../engine/command.ts';
import type { ModelFacts, ModelKind } from '../gguf/facts.ts';
import type { Snapshot } from '../hardware/probe.ts';
import type { Lifecycle } from './lifecycle.ts';
import type { DeviceTake, NoFit } from './placement.ts';
import type { DroverEvent, Instance, Usage, Verdict } from './vocabulary.ts';

/** A model as everybody may see it: from the library, from the configuration, or both. */
export interface ModelView {
  readonly id: string;
  readonly aliases: readonly string[];
  readonly title: string;
  readonly description: string | null;
  readonly isListed: boolean;
  readonly kind: ModelKind;
  /** Epoch milliseconds: the file's modification, else the server's start. */
  readonly createdAt: number;
  readonly path: string | null;
  readonly sizeBytes: number | null;
  readonly quantization: string | null;
  readonly parameterCount: number | null;
  /** What it was trained for. */
  readonly contextTokens: number | null;
  readonly hasVision: boolean;
  readonly canUseTools: boolean;
  /** A `cmd` entry: some other server, not llama-server. */
  readonly isCustom: boolean;
  /** Why it cannot be used; null when it can. */
  readonly failure: string | null;
  readonly instance: Instance | null;
}

export interface AcquireOptions {
  /** Aborts the wait, and later the request, when the client leaves. */
  readonly signal?: AbortSignal | undefined;
  /** Told while the request waits: `queued`, `starting`, … */
  readonly onProgress?: ((stage: string, detail: string | null) => void) | undefined;
}

/** The right to send one request to a ready engine. Dispose it when the response has ended, however it ended. */
export interface Lease extends AsyncDisposable {
  readonly modelId: string;
  /** `http://127.0.0.1:40123`, no trailing slash. */
  readonly baseUrl: string;
  /** Headers that the child wants (its key). */
  readonly headers: Readonly<Record<string, string>>;
  /** The model's name to send upstream instead of the caller's; null: leave it. */
  readonly upstreamModel: string | null;
  /** Top-level body fields that the entry strips (`filters.stripParams`). */
  readonly strippedFields: readonly string[];
  /** Aborts when the child dies or is stopped by force, with a Fault as its reason. */
  readonly signal: AbortSignal;
  /** Tells what the request cost; once, before disposal. */
  report(usage: Omit<Usage, 'modelId'>): void;
}

/** What is asked for in place of the entry's own; null: automatic; absent: as the entry has it, else automatic. */
export interface FitOptions {
  readonly contextTokens?: number | null | undefined;
  /** As `-ngl` counts; 0: none. */
  readonly gpuLayers?: number | null | undefined;
  /** For K and V. */
  readonly cacheType?: CacheType | null | undefined;
  readonly slotCount?: number | null | undefined;
}

/** What a model would take, without loading it. */
export interface FitReport {
  readonly modelId: string;
  readonly fit: 'fits' | 'fits_partly' | 'does_not_fit';
  readonly plan: LaunchPlan | null;
  /** Bytes by device that the plan takes; `Host` for RAM. */
  readonly takesBytes: Readonly<Record<string, number>>;
  readonly freeBytes: Readonly<Record<string, number>>;
  /** What the plan takes, part by part; empty where nothing fits. */
  readonly parts: readonly DeviceTake[];
  /** The least that it takes over all devices where it does not fit; else null. */
  readonly neededBytes: number | null;
  /** A change of what was asked for that would fit, where that does not; null: nothing does, or none is needed. */
  readonly wouldFit: NoFit['wouldFit'];
  /** Loaded models whose leaving would make room, where only that is lacking. */
  readonly inTheWay: readonly string[];
  /** Between which the wishes may lie. */
  readonly bounds: {
    /** Blocks and the output layer. */
    readonly layersTotal: number;
    readonly trainedContextTokens: number | null;
    readonly cacheTypes: readonly CacheType[];
  };
  /** Why it is so, in sentences. */
  readonly reasons: readonly string[];
  readonly argv: readonly string[];
}

/** Sums per model since the server started (counters) and of the last request (gauges). */
export interface UsageTotals {
  readonly modelId: string;
  readonly requestCount: number;
  readonly failedCount: number;
  readonly promptTokens: number;
  readonly generatedTokens: number;
  readonly promptMs: number;
  readonly generationMs: number;
  readonly durationMs: number;
  readonly lastAt: number | null;
  readonly lastTokensPerSecond: number | null;
}

/** Who started the server and would start it again. */
export interface Keeper {
  readonly kind: 'systemd' | 'launchd' | 'supervisord' | 'pm2' | 'container' | 'terminal';
  /** Of the unit or job. */
  readonly name: string | null;
  /** Null where that is not known. */
  readonly isOfUser: boolean | null;
}

export interface DroverStatus {
  readonly version: string;
  readonly startedAt: number;
  readonly pid: number;
  /** Null: nobody is known to. */
  readonly keeper: Keeper | null;
  readonly dataFolder: string;
  readonly urls: readonly string[];
  readonly engine: EngineBuild | null;
  /** Why there is no engine; null when there is one. */
  readonly engineFailure: string | null;
  readonly modelCount: number;
  readonly instances: readonly Instance[];
  readonly budget: readonly {
    readonly device: string;
    readonly totalBytes: number | null;
    readonly budgetBytes: number;
    readonly reservedBytes: number;
  }[];
}

export interface StopOptions {
  /** Requests in flight are cut at once. */
  readonly force?: boolean;
  /** How long they may take to end; absent: what the settings say. */
  readonly drainMs?: number;
}

export interface ReloadOptions {
  /** True: changed models go on running as they are until they are stopped or a later reload concerns all. */
  readonly keepsRunning?: boolean;
  /** True: nothing is done where the file says what it said before. */
  readonly isForNews?: boolean;
}

export interface Drover {
  readonly version: string;
  readonly bus: Bus<DroverEvent>;
  readonly log: Log;
  /** Restarts and the end of the server as a whole. */
  readonly lifecycle: Lifecycle;

  models(): readonly ModelView[];
  /** By id or alias; throws `not_found` with `details.nearNames`. A null name: the only or default model, else `bad_request`. */
  model(name: string | null): ModelView;
  facts(name: string): ModelFacts | null;
  instances(): readonly Instance[];
  verdicts(): readonly Verdict[];
  usage(): readonly UsageTotals[];
  /** Latest finished requests, newest last. */
  requests(limit: number): readonly Usage[];

  /**
   * Waits until the model is ready and a slot is free, starting and evicting as needed.
   * Faults: `not_found`, `unprocessable` (broken file), `does_not_fit`, `unavailable` (deadline; `details.retryAfterSeconds`),
   * `bad_gateway` (the engine failed; `details.logLines`), `cancelled`.
   */
  acquire(name: string | null, options?: AcquireOptions): Promise<Lease>;
  load(name: string, options?: AcquireOptions): Promise<Instance>;
  /** Drains and stops; `force` ends requests in flight. Stopping a stopped model is no error. */
  stop(name: string, options?: StopOptions): Promise<void>;
  stopAll(options?: StopOptions): Promise<void>;
  setPinned(name: string, isPinned: boolean): void;
  fit(name: string, options?: FitOptions): Promise<FitReport>;

  status(): DroverStatus;
  hardware(): Promise<Snapshot>;
  /**
   * Reads the configuration file again; unchanged models keep running. Resolves with the running models that it
   * concerns. Throws `config_invalid`; then nothing has changed.
   */
  reload(options?: ReloadOptions): Promise<readonly string[]>;
  rescan(): Promise<void>;
  /** Refuses new work, drains, stops all children. */
  close(options?: { readonly drainMs?: number }): Promise<void>;
}
