// What the engines are opened and asked with.
import type { Log } from '../base/log.ts';
import type { EngineBuild } from './build.ts';
import type { Rung } from './catalog.ts';
import type { RungFailure } from './installed.ts';
import type { FetchProgress, SourceDriver } from './sources/source.ts';

export interface EnginesOptions {
  /** `<data>/engines`; made when it is not there. */
  readonly folder: string;
  /** Partial downloads and indices; `<data>/cache/engines`. */
  readonly cacheFolder: string;
  /** In the order in which they are asked. */
  readonly sources: readonly SourceDriver[];
  readonly log: Log;
  /** The GGUF that builds prove themselves on; copied beside the engines, since children cannot read embedded files. */
  readonly probeModel: string;
  /** What children may see of the environment; it is scrubbed here once more. */
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** Told of every fetch, in addition to whoever asked for it. */
  readonly onProgress?: ((progress: FetchProgress) => void) | undefined;
  /** For one proof. Default 120 s. */
  readonly proofTimeoutMs?: number | undefined;
  /** The oldest build that is fetched or picked up from PATH. Default `OLDEST_SAFE_BUILD`. */
  readonly oldestBuild?: number | undefined;
}

export interface InstallOptions {
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: ((progress: FetchProgress) => void) | undefined;
}

export interface EnsureOptions extends InstallOptions {
  /** From `ladderFor`. */
  readonly ladder: readonly Rung[];
  /** True: nobody asked for one backend, so a build that somebody chose by hand stands, whatever the ladder offers. */
  readonly isAutomatic?: boolean | undefined;
  /** True: no source is asked. */
  readonly isOffline?: boolean | undefined;
  /** `--engine PATH`; null or absent: automatic. */
  readonly given?: string | null | undefined;
  /** The PATH variable; a llama-server on it is used where it proves itself for the rung at hand. */
  readonly pathVariable?: string | undefined;
}

/** Where one rung of the ladder stands, for `doctor`. */
export interface RungStatus {
  readonly rung: Rung;
  readonly installed: readonly EngineBuild[];
  readonly failures: readonly RungFailure[];
}
