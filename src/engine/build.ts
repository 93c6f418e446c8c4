// What a llama.cpp build is to us: where it lies, how it is started, what it can do and whether it has proved itself.

export type Backend = 'cuda' | 'rocm' | 'vulkan' | 'metal' | 'sycl' | 'cpu';
export const BACKENDS: readonly Backend[] = ['cuda', 'rocm', 'vulkan', 'metal', 'sycl', 'cpu'];

export type EngineSource = 'given' | 'github' | 'debian' | 'archive';

/** A device as this build's `--list-devices` names it; the last word on what the engine can use. */
export interface EngineDevice {
  /** `CUDA0`, `Vulkan0`, `MTL0`, … */
  readonly id: string;
  readonly name: string;
  readonly totalBytes: number | null;
  readonly freeBytes: number | null;
}

/** Outcome of running the probe model on a build. */
export interface Proof {
  /** Epoch milliseconds. */
  readonly at: number;
  readonly isGood: boolean;
  /** Devices that really held model buffers: `CPU`, `Vulkan0`, … */
  readonly bufferDevices: readonly string[];
  readonly tokensPerSecond: number | null;
  /** Why it failed, in one sentence; null when good. */
  readonly reason: string | null;
}

export interface EngineBuild {
  /** Folder name below `engines/`: `b11541-vulkan`, `0.7.0-dfsg-2-vulkan`; `given` for a build of the user's own. */
  readonly id: string;
  /** As `llama-server --version` prints it: `0.7.0 (build 11669, commit Debian)`. */
  readonly version: string;
  /** The build number in it (11669); null where it prints none. */
  readonly buildNumber: number | null;
  readonly backend: Backend;
  readonly source: EngineSource;
  readonly folder: string;
  /**
   * How llama-server is started: argv up to its first own argument. Usually `[<folder>/llama-server]`; a Debian closure
   * is started through its own loader. Other tools of the build are started by replacing the last item.
   */
  readonly launch: readonly string[];
  /** Extra environment of every child of this build (`LD_LIBRARY_PATH`, `VK_DRIVER_FILES`, …). */
  readonly environment: Readonly<Record<string, string>>;
  /** Long and short option names that this build's `--help` knows, dashes included. */
  readonly flags: ReadonlySet<string>;
  readonly devices: readonly EngineDevice[];
  readonly proof: Proof | null;
}
