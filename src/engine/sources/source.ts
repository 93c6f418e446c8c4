// What every source of engine builds promises, so that the installer need not know where a build comes from.
import type { Backend, EngineSource } from '../build.ts';
import type { GpuFacts } from '../catalog.ts';

export interface BuildRequest {
  readonly platform: 'linux' | 'darwin' | 'win32';
  readonly arch: 'x64' | 'arm64';
  readonly backend: Backend;
  /** CUDA major versions that the host's driver can run, best first; empty elsewhere. */
  readonly cudaMajors: readonly number[];
  /** The GPUs that it is for; a source that has several CUDA builds picks the one that their drivers run. */
  readonly gpus?: readonly GpuFacts[];
  /** An exact build (`b11541`, `0.7.0`), or null for the newest. */
  readonly version: string | null;
}

/** One file of a build as its source offers it. */
export interface RemoteFile {
  readonly name: string;
  readonly url: string;
  readonly sizeBytes: number | null;
  /** Lower-case hex; null only where the source publishes none. */
  readonly sha256: string | null;
}

export interface RemoteBuild {
  /** Folder name below `engines/`: `b11541-cuda`, `0.7.0-dfsg-2-vulkan`. */
  readonly id: string;
  readonly version: string;
  readonly backend: Backend;
  readonly source: EngineSource;
  readonly files: readonly RemoteFile[];
}

export interface FetchProgress {
  /** `index`, `download`, `verify`, `unpack`. */
  readonly stage: string;
  readonly name: string;
  readonly doneBytes: number;
  readonly totalBytes: number | null;
}

export interface FetchOptions {
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: ((progress: FetchProgress) => void) | undefined;
  /** Where partial downloads and indices are kept between tries. */
  readonly cacheFolder: string;
}

/** How a build in a folder is started; see `EngineBuild.launch` and `.environment`. */
export interface LaunchRecipe {
  readonly launch: readonly string[];
  readonly environment: Readonly<Record<string, string>>;
}

export interface SourceDriver {
  readonly source: EngineSource;
  /**
   * The newest (or the asked) build that has all wanted files, or null where this source has none for the request.
   * Throws a Fault `offline` when the source cannot be asked, `rate_limited` when it refuses for now.
   */
  find(request: BuildRequest, options: FetchOptions): Promise<RemoteBuild | null>;
  /** Downloads, verifies and unpacks into `folder`, which exists and is empty; nothing is run. */
  readonly fetch: (build: RemoteBuild, folder: string, options: FetchOptions) => Promise<LaunchRecipe>;
}
