// Which options of llama-server a model's `flags` may set, and within which bounds. Everything else is refused: an option
// that writes files, opens ports, runs programs or loads from elsewhere must never reach the engine. Pure.
import { Fault } from '../base/fault.ts';
import type { CacheType } from './command.ts';

/** A value's type: what is accepted, and how it is written. */
export type FlagType =
  | { readonly type: 'int'; readonly min: number; readonly max: number }
  | { readonly type: 'float'; readonly min: number; readonly max: number }
  /** A switch; `off` is its negative spelling, null where it has none. */
  | { readonly type: 'bool'; readonly off: string | null }
  | { readonly type: 'enum'; readonly values: readonly string[] }
  /** `pattern` bounds what it may hold. */
  | { readonly type: 'string'; readonly maxLength: number; readonly pattern: RegExp | null }
  | { readonly type: 'json'; readonly maxLength: number }
  /** An absolute path; only from the file on disk, never from the network. */
  | { readonly type: 'path' };

export interface FlagRule {
  /** Spellings without dashes, the one to write first, older ones after it. */
  readonly names: readonly [string, ...string[]];
  readonly value: FlagType;
  /** True: it changes what placement has planned, so a load may take more or less than predicted. */
  readonly touchesPlan: boolean;
}

const int = (min: number, max: number): FlagType => ({ type: 'int', min, max });
const float = (min: number, max: number): FlagType => ({ type: 'float', min, max });
const bool = (off: string | null = null): FlagType => ({ type: 'bool', off });
const oneOf = (...values: string[]): FlagType => ({ type: 'enum', values });
const text = (maxLength: number, pattern: RegExp | null = null): FlagType => ({ type: 'string', maxLength, pattern });
const json = (maxLength: number): FlagType => ({ type: 'json', maxLength });
const path: FlagType = { type: 'path' };

const rule = (names: string, value: FlagType, touchesPlan = false): FlagRule => {
  const [first = '', ...rest] = names.split(' ');
  return { names: [first, ...rest], value, touchesPlan };
};
const planned = (names: string, value: FlagType): FlagRule => rule(names, value, true);

const CACHE_TYPES = ['f32', 'f16', 'bf16', 'q8_0', 'q5_1', 'q5_0', 'q4_1', 'q4_0', 'iq4_nl'] as const;
const HEX = /^(0x)?[0-9a-f]+$/i;
const RANGE = /^\d*-\d*$/;
const DEVICES = /^[A-Za-z]+[0-9]*(,[A-Za-z]+[0-9]*)*$/;
const NUMBERS = /^\d+(\.\d+)?(,\d+(\.\d+)?)*$/;

/** The allow-list. Bounds are wider than sense, narrower than harm. */
export const FLAG_RULES: readonly FlagRule[] = [
  // Processor.
  rule('threads-batch', int(1, 4096)),
  rule('cpu-mask', text(256, HEX)),
  rule('cpu-range', text(32, RANGE)),
  rule('cpu-strict', int(0, 1)),
  rule('cpu-mask-batch', text(256, HEX)),
  rule('cpu-range-batch', text(32, RANGE)),
  rule('cpu-strict-batch', int(0, 1)),
  rule('prio', int(-1, 2)),
  rule('prio-batch', int(0, 2)),
  rule('poll', int(0, 100)),
  rule('poll-batch', int(0, 1)),
  rule('numa', oneOf('distribute', 'isolate', 'numactl')),
  rule('threads-http', int(1, 1024)),
  // Generation and sampling defaults.
  rule('predict n-predict', int(-1, 100_000_000)),
  rule('keep', int(-1, 100_000_000)),
  rule('seed', int(-1, 4_294_967_295)),
  rule('samplers', text(200, /^[a-z_;]+$/)),
  rule('sampler-seq sampling-seq', text(40, /^[a-z]+$/)),
  rule('ignore-eos', bool()),
  rule('temp temperature', float(0, 100)),
  rule('top-k', int(0, 1_000_000)),
  rule('top-p', float(0, 1)),
  rule('min-p', float(0, 1)),
  rule('top-nsigma top-n-sigma', float(-1, 100)),
  rule('xtc-probability', float(0, 1)),
  rule('xtc-threshold', float(0, 1)),
  rule('typical typical-p', float(0, 1)),
  rule('repeat-last-n', int(-1, 1_000_000)),
  rule('repeat-penalty', float(0, 10)),
  rule('presence-penalty', float(-10, 10)),
  rule('frequency-penalty', float(-10, 10)),
  rule('dry-multiplier', float(0, 100)),
  rule('dry-base', float(0, 100)),
  rule('dry-allowed-length', int(0, 1_000_000)),
  rule('dry-penalty-last-n', int(-1, 1_000_000)),
  rule('dry-sequence-breaker', text(100)),
  rule('adaptive-target', float(-1, 1)),
  rule('adaptive-decay', float(0, 0.99)),
  rule('dynatemp-range', float(0, 100)),
  rule('dynatemp-exp', float(0, 100)),
  rule('mirostat', int(0, 2)),
  rule('mirostat-lr', float(0, 10)),
  rule('mirostat-ent', float(0, 100)),
  rule('logit-bias', text(60, /^\d+[+-]\d+(\.\d+)?$/)),
  rule('grammar', text(100_000)),
  rule('grammar-file', path),
  rule('json-schema', json(100_000)),
  rule('json-schema-file', path),
  rule('backend-sampling', bool()),
  rule('reverse-prompt', text(1000)),
  rule('special', bool()),
  rule('spm-infill', bool()),
  rule('escape', bool('no-escape')),
  rule('perf', bool('no-perf')),
  // Chat.
  rule('jinja', bool('no-jinja')),
  rule('chat-template-file', path),
  rule('chat-template-kwargs', json(10_000)),
  rule('reasoning-format', oneOf('none', 'deepseek', 'deepseek-legacy', 'auto')),
  rule('reasoning', oneOf('on', 'off', 'auto')),
  rule('reasoning-effort', text(20, /^[a-z]+$/)),
  rule('reasoning-budget', int(-1, 100_000_000)),
  rule('reasoning-budget-message', text(2000)),
  rule('reasoning-preserve', bool('no-reasoning-preserve')),
  rule('prefill-assistant', bool('no-prefill-assistant')),
  rule('skip-chat-parsing', bool('no-skip-chat-parsing')),
  // Positions.
  rule('rope-scaling', oneOf('none', 'linear', 'yarn')),
  rule('rope-scale', float(0, 10_000)),
  rule('rope-freq-base', float(0, 1e12)),
  rule('rope-freq-scale', float(0, 10_000)),
  rule('yarn-orig-ctx', int(0, 100_000_000)),
  rule('yarn-ext-factor', float(-1, 100)),
  rule('yarn-attn-factor', float(-1, 100)),
  rule('yarn-beta-slow', float(-1, 1000)),
  rule('yarn-beta-fast', float(-1, 1000)),
  // Server.
  rule('cont-batching', bool('no-cont-batching')),
  rule('cache-prompt', bool('no-cache-prompt')),
  rule('cache-reuse', int(0, 100_000_000)),
  rule('cache-idle-slots', bool('no-cache-idle-slots')),
  rule('context-shift', bool('no-context-shift')),
  rule('slot-prompt-similarity', float(0, 1)),
  rule('sse-ping-interval', int(-1, 86_400)),
  rule('timeout', int(1, 1_000_000)),
  rule('warmup', bool('no-warmup')),
  rule('pooling', oneOf('none', 'mean', 'cls', 'last', 'rank')),
  rule('embd-normalize', int(-1, 1000)),
  rule('image-min-tokens', int(0, 100_000)),
  rule('image-max-tokens', int(0, 100_000)),
  rule('video-fps', float(0, 1000)),
  rule('video-timestamp-interval', int(0, 86_400_000)),
  rule('tags', text(500)),
  rule('check-tensors', bool()),
  rule('override-kv', text(4000, /^[\w.-]+=(int|float|bool|str):[^,]*(,[\w.-]+=(int|float|bool|str):[^,]*)*$/)),
  // Adapters.
  rule('lora', path),
  rule('control-vector', path),
  rule('lora-init-without-apply', bool()),
  // Speculation.
  rule('spec-type', text(200, /^[a-z0-9,-]+$/)),
  rule('spec-draft-n-max', int(0, 1024)),
  rule('spec-draft-n-min', int(0, 1024)),
  rule('spec-draft-p-min draft-p-min', float(0, 1)),
  rule('spec-draft-p-split draft-p-split', float(0, 1)),
  rule('spec-draft-sampling', oneOf('greedy', 'probabilistic')),
  rule('spec-draft-backend-sampling', bool('no-spec-draft-backend-sampling')),
  rule('spec-ngram-mod-n-min', int(0, 1024)),
  rule('spec-ngram-mod-n-max', int(0, 1024)),
  rule('spec-ngram-mod-n-match', int(0, 1024)),
  rule('spec-ngram-simple-size-n', int(0, 1024)),
  rule('spec-ngram-simple-size-m', int(0, 1024)),
  rule('spec-ngram-simple-min-hits', int(0, 1024)),
  // Memory: allowed, but the plan is not what it was.
  planned('flash-attn', oneOf('on', 'off', 'auto')),
  planned('cache-type-k', oneOf(...CACHE_TYPES)),
  planned('cache-type-v', oneOf(...CACHE_TYPES)),
  planned('swa-full', bool()),
  planned('kv-offload', bool('no-kv-offload')),
  planned('kv-unified', bool('no-kv-unified')),
  planned('kv-unified-per-slot', int(0, 100_000_000)),
  planned('repack', bool('no-repack')),
  planned('no-host', bool()),
  planned('op-offload', bool('no-op-offload')),
  planned('load-mode', oneOf('auto', 'none', 'mmap', 'mlock', 'mmap+mlock', 'dio')),
  planned('mmap', bool('no-mmap')),
  planned('mlock', bool()),
  planned('lazy-mode', oneOf('on', 'auto', 'off')),
  planned('device', text(200, DEVICES)),
  planned('split-mode', oneOf('none', 'layer', 'row', 'tensor')),
  planned('tensor-split', text(200, NUMBERS)),
  planned('main-gpu', int(0, 255)),
  planned('cpu-moe', bool()),
  planned('n-cpu-moe', int(0, 100_000)),
  planned('n-cpu-ffn', int(0, 100_000)),
  planned('moe-cache-mib', int(0, 10_000_000)),
  planned('override-tensor', text(4000, /^[^,=]+=[A-Za-z0-9_]+(,[^,=]+=[A-Za-z0-9_]+)*$/)),
  planned('ctx-checkpoints swa-checkpoints', int(0, 100_000)),
  planned('checkpoint-min-step', int(0, 100_000_000)),
  planned('cache-ram', int(0, 10_000_000)),
  planned('mmproj-offload', bool('no-mmproj-offload')),
  planned('mtmd-batch-max-tokens', int(1, 1_000_000)),
];

/** Options that placement decides: they are settings of the plan, not words for the engine. */
export interface PlannedFlags {
  readonly contextTokens?: number;
  readonly gpuLayers?: number;
  /** K and V alike. */
  readonly cacheType?: CacheType;
  readonly slotCount?: number;
  readonly batchTokens?: number;
  readonly microBatchTokens?: number;
  readonly threads?: number;
}

export const PLANNED_NAMES: Readonly<Record<string, Exclude<keyof PlannedFlags, 'cacheType'>>> = {
  'ctx-size': 'contextTokens',
  'gpu-layers': 'gpuLayers',
  'n-gpu-layers': 'gpuLayers',
  ngl: 'gpuLayers',
  parallel: 'slotCount',
  'batch-size': 'batchTokens',
  'ubatch-size': 'microBatchTokens',
  threads: 'threads',
};

/** Refused by name, with the reason; whatever stands in no table is refused as unknown. */
export const REFUSED_FLAGS: readonly (readonly [names: RegExp, reason: string])[] = [
  [
    /^(log-.*|verbose|verbosity|lv|v)$/,
    'the log is read by Drover and must stay as it is; files are never written by the engine',
  ],
  [
    /^(api-key.*|ssl-.*|host|port|reuse-port|path|api-prefix|cors-.*)$/,
    'how the engine is reached is decided by Drover',
  ],
  [
    /^(tools.*|agent|no-agent|mcp-.*|ui.*|webui.*|no-ui.*|no-webui.*|props|media-path|video-ffmpeg-dir)$/,
    'it would let requests reach files or run programs',
  ],
  [/^(slot-save-path|lookup-cache-.*|prompt-cache.*)$/, 'the engine must not write files'],
  [/^(model|m)$/, 'use `file`'],
  [/^(mmproj|mm|mmproj-auto|no-mmproj.*|mmproj-device)$/, 'use `mmproj`'],
  [/^(model-draft|spec-draft-model|md)$/, 'use `draft`'],
  [
    /^(model-url|mu|hf-.*|hf|docker-.*|mmproj-url|spec-draft-hf|hfd|hf-repo-draft|.*-default|fim-qwen-.*|offline|cache-list)$/,
    'files come by `drover pull`, never through the engine',
  ],
  [/^(rpc|rpc-.*)$/, 'other machines are reached by Drover’s own settings only'],
  [/^(models-.*|sleep-idle-seconds)$/, 'when models start and stop is decided by Drover: see `ttl` and `pin`'],
  [/^(embeddings?|rerank(ing)?|alias|metrics|slots|no-slots)$/, 'it follows from the kind of model'],
  [/^(chat-template)$/, 'use `chatTemplate`'],
  [/^(fit|fit-.*|fitt|fitc)$/, 'what fits is planned by Drover: see `contextSize`, `gpuLayers`, `cacheType`'],
  [/^(lora-scaled|control-vector-scaled|control-vector-layer-range)$/, 'set the scale by the API, or use `cmd`'],
];

/** Used by `checkFlags` for a fault of either origin. */
export const flagFault = (
  origin: 'file' | 'network',
  option: string,
  message: string,
  hint: string,
  nearNames: readonly string[] = [],
): Fault =>
  new Fault(origin === 'file' ? 'config_invalid' : 'bad_request', message, { hint, details: { option, nearNames } });
