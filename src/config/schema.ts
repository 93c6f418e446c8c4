// Every setting once: type, default, help, environment name. A superset of ClaraCore's and llama-swap's files.
// Types here may be imported anywhere (as types); values are passed in.
import type { CacheType } from '../engine/command.ts';

/** One model of `models:`; all fields optional, what is absent is automatic. Fields as in the file. */
export interface ModelEntry {
  readonly name?: string;
  readonly description?: string;
  readonly aliases?: readonly string[];
  readonly unlisted?: boolean;
  // structured: llama-server is ours to start
  readonly file?: string;
  readonly mmproj?: string;
  readonly draft?: string;
  readonly contextSize?: number;
  readonly gpuLayers?: number;
  readonly cacheType?: CacheType;
  readonly batchSize?: number;
  readonly parallel?: number;
  readonly threads?: number;
  readonly chatTemplate?: string;
  /** Further llama-server options by long name without dashes; checked against the allow-list. */
  readonly flags?: Readonly<Record<string, string | number | boolean>>;
  // escape hatch: any OpenAI-compatible server
  readonly cmd?: string;
  readonly cmdStop?: string;
  readonly proxy?: string;
  readonly checkEndpoint?: string;
  readonly env?: readonly string[];
  readonly useModelName?: string;
  readonly filters?: { readonly stripParams?: string };
  // scheduling
  /** Seconds of idleness before it is stopped; 0 or absent: the global default. */
  readonly ttl?: number;
  readonly pin?: boolean;
  readonly concurrencyLimit?: number;
}

export interface GroupEntry {
  readonly swap?: boolean;
  readonly exclusive?: boolean;
  readonly persistent?: boolean;
  readonly members: readonly string[];
  readonly startPort?: number;
}

/** The effective settings: defaults < file < environment < flags, all filled in. */
export interface Settings {
  /** `host:port` of the main listener. */
  readonly listen: string;
  readonly alsoListen: readonly string[];
  /** Further Host names that are ours, beside loopback names and the bind address. */
  readonly hostNames: readonly string[];
  readonly corsOrigins: readonly string[];
  readonly modelsFolders: readonly string[];
  /** Scan the well-known places too (Hugging Face cache, LM Studio, Ollama, llama.cpp, ~/models). */
  readonly scanKnownFolders: boolean;
  readonly downloadDir: string;
  /** `auto` or a path to llama-server or its folder. */
  readonly engine: string;
  readonly backend: 'auto' | 'cuda' | 'rocm' | 'vulkan' | 'metal' | 'sycl' | 'cpu';
  /** Budget in GB (10^9 bytes) per device or in total; null: what is free. */
  readonly vram: number | null;
  readonly ram: number | null;
  readonly preferredContext: number | null;
  readonly offline: boolean;
  readonly insecure: boolean;
  readonly auth: boolean;
  readonly requireApiKey: boolean;
  readonly allowCustomCommands: boolean;
  readonly downloadHosts: readonly string[];
  readonly githubApi: string;
  readonly githubDownloads: string;
  readonly debianArchive: string;
  readonly logLevel: 'debug' | 'info' | 'warn' | 'error';
  /** Seconds a child may take until it is healthy. */
  readonly healthCheckTimeout: number;
  /** Seconds a request may wait for its model. */
  readonly queueTimeout: number;
  /** Seconds that in-flight requests get on shutdown or stop. */
  readonly drainTimeout: number;
  readonly startPort: number;
  /** Default idle seconds; 0: never. */
  readonly ttl: number;
  readonly macros: Readonly<Record<string, string>>;
  readonly models: Readonly<Record<string, ModelEntry>>;
  readonly groups: Readonly<Record<string, GroupEntry>>;
  readonly preload: readonly string[];
}
