// Every setting once: type, default, help, environment name, flag. A superset of ClaraCore's and llama-swap's files.
// Its types may be imported anywhere (as types); values are passed in. It must never read a file or the environment.
import { type Static, type TSchema, Type } from '@sinclair/typebox';

const text = Type.String();
const texts = Type.Array(Type.String());
const seconds = Type.Number({ minimum: 0, maximum: 31_536_000 });
/** A timer cannot be set for longer than 2^31 ms: it would ring at once. */
const timerSeconds = Type.Number({ minimum: 0, maximum: 2_000_000 });
const gigabytes = Type.Union([Type.Number({ minimum: 0, maximum: 1_000_000 }), Type.Null()]);
const count = (minimum: number, maximum: number): TSchema & { static: number } => Type.Integer({ minimum, maximum });
const perMinute = count(0, 1_000_000);
const portNumber = Type.Integer({ minimum: 1, maximum: 65_535 });
const oneOf = <const T extends readonly string[]>(...values: T) =>
  Type.Union(values.map((value) => Type.Literal(value as T[number])));

export const CacheTypeSchema = oneOf('f32', 'f16', 'bf16', 'q8_0', 'q5_1', 'q5_0', 'q4_1', 'q4_0', 'iq4_nl');
const backend = oneOf('auto', 'cuda', 'rocm', 'vulkan', 'metal', 'sycl', 'cpu');
const contextOrNull = Type.Union([count(256, 100_000_000), Type.Null()]);
const scalar = Type.Union([Type.String(), Type.Number(), Type.Boolean()]);

/** One model of `models:`; all fields are optional, what is absent is automatic. */
export const ModelEntrySchema = Type.Object(
  {
    name: Type.Optional(text),
    description: Type.Optional(text),
    aliases: Type.Optional(texts),
    unlisted: Type.Optional(Type.Boolean()),
    // Structured: llama-server is ours to start.
    file: Type.Optional(Type.String({ minLength: 1 })),
    mmproj: Type.Optional(Type.String({ minLength: 1 })),
    draft: Type.Optional(Type.String({ minLength: 1 })),
    contextSize: Type.Optional(count(0, 100_000_000)),
    // Aimed for and never below, where `contextSize` does not fix it; the settings of the same names are their defaults.
    preferredContext: Type.Optional(count(256, 100_000_000)),
    minContext: Type.Optional(count(256, 100_000_000)),
    throughputFirst: Type.Optional(Type.Boolean()),
    gpuLayers: Type.Optional(count(0, 100_000)),
    cacheType: Type.Optional(CacheTypeSchema),
    batchSize: Type.Optional(count(1, 1_000_000)),
    parallel: Type.Optional(count(1, 1024)),
    threads: Type.Optional(count(1, 4096)),
    chatTemplate: Type.Optional(text),
    flags: Type.Optional(Type.Record(Type.String(), scalar)),
    // Another engine, started by us where its program is installed: `vllm serve` or `transformers serve`.
    engine: Type.Optional(oneOf('llama.cpp', 'vllm', 'transformers')),
    model: Type.Optional(Type.String({ minLength: 1 })),
    quantization: Type.Optional(text),
    dtype: Type.Optional(text),
    // Any other OpenAI-compatible server.
    cmd: Type.Optional(text),
    cmdStop: Type.Optional(text),
    proxy: Type.Optional(text),
    checkEndpoint: Type.Optional(text),
    env: Type.Optional(Type.Array(Type.String({ pattern: '^[^=]+=' }))),
    useModelName: Type.Optional(text),
    filters: Type.Optional(
      Type.Object(
        { stripParams: Type.Optional(text), strip_params: Type.Optional(text) },
        { additionalProperties: true },
      ),
    ),
    macros: Type.Optional(Type.Record(Type.String(), scalar)),
    // Scheduling.
    ttl: Type.Optional(Type.Number({ minimum: -1, maximum: 31_536_000 })),
    pin: Type.Optional(Type.Boolean()),
    concurrencyLimit: Type.Optional(count(0, 100_000)),
  },
  { additionalProperties: true },
);
export type ModelEntry = Readonly<Static<typeof ModelEntrySchema>>;

/** What requests leave out; what is absent here is the built-in default. */
const SamplingDefaultsSchema = Type.Object({
  temperature: Type.Optional(Type.Number({ minimum: 0, maximum: 2 })),
  maxTokens: Type.Optional(count(1, 1_000_000)),
  topP: Type.Optional(Type.Number({ minimum: 0, maximum: 1 })),
  frequencyPenalty: Type.Optional(Type.Number({ minimum: -2, maximum: 2 })),
  presencePenalty: Type.Optional(Type.Number({ minimum: -2, maximum: 2 })),
});

/** For all models, and for single ones above that. */
export const GenerationDefaultsSchema = Type.Object({
  ...SamplingDefaultsSchema.properties,
  model: Type.Optional(text),
  models: Type.Optional(Type.Record(Type.String(), SamplingDefaultsSchema)),
});

export const GroupEntrySchema = Type.Object(
  {
    swap: Type.Optional(Type.Boolean()),
    exclusive: Type.Optional(Type.Boolean()),
    persistent: Type.Optional(Type.Boolean()),
    members: texts,
    startPort: Type.Optional(portNumber),
  },
  { additionalProperties: true },
);

interface Setting<T> {
  readonly schema: TSchema & { static: T };
  readonly default: T;
  readonly help: string;
  /** `DROVER_…`, or null where the environment cannot say it. */
  readonly env: string | null;
  /** Commander's words, or null where only the file can say it. */
  readonly flag: string | null;
}

const setting = <S extends TSchema>(
  schema: S,
  fallback: S['static'],
  env: string | null,
  flag: string | null,
  help: string,
): Setting<S['static']> => ({ schema, default: fallback, env, flag, help });

/** The table of settings: the order is the one in which help and documents show them. */
export const SETTINGS = {
  listen: setting(text, '127.0.0.1:5800', 'DROVER_LISTEN', '--listen <host:port>', 'address to listen on'),
  alsoListen: setting(
    texts,
    [],
    'DROVER_ALSO_LISTEN',
    '--also-listen <port=dialect...>',
    'further ports, each with the dialect of its clients, such as 8080=llamactl',
  ),
  hostNames: setting(texts, [], 'DROVER_HOST_NAMES', '--host-name <name...>', 'further Host names that are ours'),
  corsOrigins: setting(texts, [], 'DROVER_CORS_ORIGINS', null, 'web origins that may call us from a browser'),
  modelsFolders: setting(
    texts,
    [],
    'DROVER_MODELS_FOLDERS',
    '--models-folder <dir...>',
    'folder with GGUF files, used in place',
  ),
  scanKnownFolders: setting(
    Type.Boolean(),
    true,
    'DROVER_SCAN_KNOWN_FOLDERS',
    '--no-scan-known-folders',
    'leave the Hugging Face, LM Studio, Ollama and llama.cpp folders alone',
  ),
  downloadDir: setting(
    text,
    '',
    'DROVER_DOWNLOAD_DIR',
    '--download-dir <dir>',
    'where downloads go (default: models in the data directory)',
  ),
  engine: setting(text, 'auto', 'DROVER_ENGINE', '--engine <auto|path>', 'llama-server to use, or its folder'),
  backend: setting(
    backend,
    'auto',
    'DROVER_BACKEND',
    '--backend <name>',
    'auto, cuda, rocm, vulkan, metal, sycl or cpu',
  ),
  vram: setting(
    gigabytes,
    null,
    'DROVER_VRAM',
    '--vram <gb>',
    'GPU memory to use at most, in GB (default: what is free)',
  ),
  ram: setting(
    gigabytes,
    null,
    'DROVER_RAM',
    '--ram <gb>',
    'main memory to use at most, in GB (default: what is free)',
  ),
  preferredBackend: setting(
    backend,
    'auto',
    'DROVER_PREFERRED_BACKEND',
    null,
    'like backend, but only tried first: what it cannot do, another one does',
  ),
  gpuType: setting(text, '', null, null, 'what ClaraCore calls the GPU; shown to its clients, nothing else'),
  preferredContext: setting(
    contextOrNull,
    null,
    'DROVER_PREFERRED_CONTEXT',
    '--preferred-context <tokens>',
    'context to aim for (default: as large as fits)',
  ),
  minContext: setting(contextOrNull, null, 'DROVER_MIN_CONTEXT', null, 'context that a plan never goes below'),
  throughputFirst: setting(
    Type.Boolean(),
    true,
    'DROVER_THROUGHPUT_FIRST',
    null,
    'rather a smaller context than layers off the GPU; false: the other way round',
  ),
  enableJinja: setting(Type.Boolean(), true, 'DROVER_ENABLE_JINJA', null, 'use the chat templates that models bring'),
  offline: setting(Type.Boolean(), false, 'DROVER_OFFLINE', '--offline', 'never use the internet'),
  insecure: setting(
    Type.Boolean(),
    false,
    'DROVER_INSECURE',
    '--insecure',
    'serve other machines without a key (do not)',
  ),
  auth: setting(Type.Boolean(), false, 'DROVER_AUTH', '--auth', 'require a key or a login even on loopback'),
  requireApiKey: setting(Type.Boolean(), false, 'DROVER_REQUIRE_API_KEY', null, 'the same, as ClaraCore calls it'),
  allowCustomCommands: setting(Type.Boolean(), false, null, null, 'let the API set a `cmd`; only this file can say so'),
  llamactlRate: setting(perMinute, 100, 'DROVER_LLAMACTL_RATE', null, 'llamactl requests a minute (0: no limit)'),
  llamactlHeavyRate: setting(
    perMinute,
    10,
    'DROVER_LLAMACTL_HEAVY_RATE',
    null,
    'those of them that create, start or configure (0: no limit)',
  ),
  llamactlLoginRate: setting(
    perMinute,
    5,
    'DROVER_LLAMACTL_LOGIN_RATE',
    null,
    'logins a minute from one address (0: no limit)',
  ),
  llamahomeRate: setting(perMinute, 60, 'DROVER_LLAMAHOME_RATE', null, 'LlamaHome requests a minute (0: no limit)'),
  llamahomeBatchRate: setting(
    perMinute,
    5,
    'DROVER_LLAMAHOME_BATCH_RATE',
    null,
    'those of them that bring several prompts (0: no limit)',
  ),
  llamahomeStreams: setting(
    count(0, 100_000),
    10,
    'DROVER_LLAMAHOME_STREAMS',
    null,
    'LlamaHome streams of one caller at once (0: no limit)',
  ),
  llamahomeTimeout: setting(
    Type.Number({ minimum: 0.001, maximum: 2_000_000 }),
    300,
    'DROVER_LLAMAHOME_TIMEOUT',
    null,
    'seconds that a LlamaHome request may take',
  ),
  llamahomeBodyLimit: setting(count(1, 256), 10, 'DROVER_LLAMAHOME_BODY_LIMIT', null, 'MiB that its body may have'),
  llamahomeDefaults: setting(GenerationDefaultsSchema, {}, null, null, 'what LlamaHome requests leave out'),
  downloadLimit: setting(count(1, 64), 2, 'DROVER_DOWNLOAD_LIMIT', null, 'downloads that run at once'),
  downloadConnections: setting(count(1, 32), 4, 'DROVER_DOWNLOAD_CONNECTIONS', null, 'connections of one download'),
  hfEndpoint: setting(text, 'https://huggingface.co', 'HF_ENDPOINT', null, 'Hugging Face, or a mirror of it'),
  downloadHosts: setting(texts, [], 'DROVER_DOWNLOAD_HOSTS', null, 'further hosts that downloads may come from'),
  githubApi: setting(text, 'https://api.github.com', 'DROVER_GITHUB_API', null, 'base address of the releases API'),
  githubDownloads: setting(
    text,
    'https://github.com',
    'DROVER_GITHUB_DOWNLOADS',
    null,
    'base address of release downloads',
  ),
  debianArchive: setting(
    text,
    'https://deb.debian.org/debian',
    'DROVER_DEBIAN_ARCHIVE',
    null,
    'Debian archive or mirror',
  ),
  updateUrl: setting(
    text,
    '',
    'DROVER_UPDATE_URL',
    null,
    'where "drover update" looks for releases (empty: where this executable comes from)',
  ),
  logLevel: setting(
    oneOf('debug', 'info', 'warn', 'error'),
    'info',
    'DROVER_LOG_LEVEL',
    '--log-level <level>',
    'debug, info, warn or error',
  ),
  healthCheckTimeout: setting(
    timerSeconds,
    300,
    'DROVER_HEALTH_CHECK_TIMEOUT',
    null,
    'seconds that a model may take to load',
  ),
  queueTimeout: setting(seconds, 600, 'DROVER_QUEUE_TIMEOUT', null, 'seconds that a request may wait for its model'),
  drainTimeout: setting(seconds, 30, 'DROVER_DRAIN_TIMEOUT', null, 'seconds that requests in flight get when we stop'),
  startPort: setting(portNumber, 8100, 'DROVER_START_PORT', null, 'first port given to custom commands'),
  ttl: setting(
    seconds,
    0,
    'DROVER_TTL',
    '--ttl <seconds>',
    'stop a model that idles this long (0: only when memory is needed)',
  ),
  macros: setting(
    Type.Record(Type.String(), scalar),
    {},
    null,
    null,
    'texts to use as ${name} in `cmd`, `proxy` and the like',
  ),
  models: setting(Type.Record(Type.String(), ModelEntrySchema), {}, null, null, 'models with settings of their own'),
  groups: setting(
    Type.Record(Type.String(), GroupEntrySchema),
    {},
    null,
    null,
    'which models share the machine, and how',
  ),
  preload: setting(texts, [], 'DROVER_PRELOAD', '--preload <model...>', 'models to load at start'),
} as const;

export type SettingName = keyof typeof SETTINGS;

/** The effective settings: defaults < file < environment < flags, all filled in. */
export type Settings = { readonly [Name in SettingName]: (typeof SETTINGS)[Name]['schema']['static'] };

export const defaultSettings = (): Settings =>
  Object.fromEntries(Object.entries(SETTINGS).map(([name, entry]) => [name, entry.default])) as unknown as Settings;

/** What a file may hold: every setting, and the places where llama-swap keeps the preload list. Unknown keys are told, not refused. */
export const FileSchema = Type.Object(
  {
    ...(Object.fromEntries(
      Object.entries(SETTINGS).map(([name, entry]) => [name, Type.Optional(entry.schema)]),
    ) as Record<string, TSchema>),
    hooks: Type.Optional(
      Type.Object(
        { on_startup: Type.Optional(Type.Object({ preload: Type.Optional(texts) }, { additionalProperties: true })) },
        { additionalProperties: true },
      ),
    ),
    // llama-swap writes macros as a list too.
    macros: Type.Optional(
      Type.Union([Type.Record(Type.String(), scalar), Type.Array(Type.Record(Type.String(), scalar))]),
    ),
  },
  { additionalProperties: true },
);

/** Keys of llama-swap's and ClaraCore's files that we accept and that change nothing here, with the reason. */
export const FOREIGN_KEYS: Readonly<Record<string, string>> = {
  hooks: 'read as `preload`',
  logTimeFormat: 'the log has one format',
  logToStdout: 'the log goes to stderr and to a file',
  metricsMaxInMemory: 'metrics are bounded anyway',
  captureBuffer: 'request bodies are never kept',
  includeAliasesInList: 'aliases resolve without being listed',
  sendLoadingState: 'progress goes out on the event feed',
  globalTTL: 'read as `ttl`',
};
