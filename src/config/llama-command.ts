// A llama-server command line and our structured entry: reads one as the other, and finds the model's file in any. Pure.
// What may be set is the engine's business: its allow-list is passed in.
import { type GivenOption, isElsewhere, programEnd, readOptions, serverAt } from './llama-options.ts';
import type { ModelEntry } from './schema.ts';

export { editLlamaCommand } from './llama-edit.ts';

export type FlagValue = string | number | boolean;

export interface LlamaCommand {
  readonly entry: Partial<ModelEntry>;
  /** Options, as they are spelt, that say nothing new: we set them ourselves, or they repeat a default. */
  readonly dropped: readonly string[];
  /** Options and stray words that an entry cannot say; with any of them the command has to stay a command. */
  readonly kept: readonly string[];
  /** What `--embedding` and `--reranking` make of the model; null where neither is given. */
  readonly purpose: 'embedding' | 'reranker' | null;
}

export interface ReadOptions {
  /** True for a flag that an entry may set to this value; names are long ones without dashes. */
  readonly isKnownFlag: (name: string, value: FlagValue) => boolean;
  /** Makes relative paths absolute; absent: they stay as they are. */
  readonly resolvePath?: (path: string) => string;
}

/** Set by us for every engine, or of no use behind us. Nothing that a request could notice is among them. */
const OURS = new Set(
  (
    'host port reuse-port api-key api-key-file api-prefix ssl-key-file ssl-cert-file cors-origins cors-methods cors-headers ' +
    'cors-credentials metrics slots ui ui-config ui-config-file alias offline hf-token fit fit-target fit-ctx mmproj-auto ' +
    'log-disable log-file log-colors log-jsonl log-prefix log-timestamps log-verbose log-verbosity defrag-thold ' +
    'spec-draft-device spec-draft-ngl spec-draft-type-k spec-draft-type-v ctx-size-draft'
  ).split(' '),
);

/**
 * Values that repeat what the engine does anyway. The samplers' numbers are not here: a GGUF may carry its own
 * (`general.sampling.*`), and an option beats them even where it says no more than the engine's default.
 */
const DEFAULTS: Readonly<Record<string, FlagValue>> = {
  'threads-batch': -1,
  'n-predict': -1,
  'ubatch-size': 512,
  keep: 0,
  'flash-attn': 'auto',
  perf: false,
  escape: true,
  'kv-offload': true,
  repack: true,
  mmap: true,
  'load-mode': 'auto',
  'lazy-mode': 'auto',
  'n-cpu-moe': 0,
  'n-cpu-ffn': 0,
  'split-mode': 'layer',
  'main-gpu': 0,
  'op-offload': true,
  prio: 0,
  'prio-batch': 0,
  poll: 50,
  'cpu-strict': 0,
  'threads-http': -1,
  seed: -1,
  typical: 1,
  'top-nsigma': -1,
  'presence-penalty': 0,
  'frequency-penalty': 0,
  'dry-multiplier': 0,
  'dry-base': 1.75,
  'dry-allowed-length': 2,
  'dynatemp-range': 0,
  'dynatemp-exp': 1,
  'context-shift': false,
  warmup: true,
  'cont-batching': true,
  'cache-prompt': true,
  'cache-reuse': 0,
  'cache-idle-slots': true,
  'mmproj-offload': true,
  'embd-normalize': 2,
  jinja: true,
  'reasoning-format': 'auto',
  reasoning: 'auto',
  'reasoning-budget': -1,
  'slot-prompt-similarity': 0.1,
  timeout: 3600,
};

/** Options that add up where they are repeated; these can be written as one, with commas. */
const JOINED = new Set(['override-tensor', 'override-kv']);
const ADDING = new Set(
  'override-tensor override-kv lora control-vector logit-bias dry-sequence-breaker reverse-prompt'.split(' '),
);

const PATHS = new Set('lora control-vector grammar-file json-schema-file chat-template-file'.split(' '));

/** Null where the program is not llama-server itself: a shell, a container or another server keeps its command. */
export function readLlamaCommand(argv: readonly string[], options: ReadOptions): LlamaCommand | null {
  const from = programEnd(argv);
  if (from === null) return null;
  const reading = new Reading(options);
  for (const given of lastOf(readOptions(argv, from))) reading.take(given);
  return reading.result();
}

/**
 * The file after `-m` or `--model` of a command on this machine, as it is written; null where there is none. Of another
 * program than llama-server only a `.gguf` counts: `-m` may be a module or an amount of memory there.
 */
export function modelFileOf(argv: readonly string[]): string | null {
  if (isElsewhere(argv)) return null;
  const from = serverAt(argv);
  const given = readOptions(argv, from ?? 1).filter(({ option }) => option?.name === 'model');
  const file = given.at(-1)?.value ?? null;
  if (file === null || (from === null && !/\.gguf$/i.test(file))) return null;
  return file;
}

/** Of an option that is given several times the last counts; those that add up come all. */
function lastOf(given: readonly GivenOption[]): GivenOption[] {
  const last = new Map<string, GivenOption>();
  const name = ({ option, spelling }: GivenOption): string => option?.name ?? spelling;
  for (const item of given) last.set(name(item), item);
  return given.filter((item) => ADDING.has(name(item)) || item.option === null || last.get(name(item)) === item);
}

class Reading {
  readonly #entry: { -readonly [Name in keyof ModelEntry]?: ModelEntry[Name] } = {};
  readonly #flags: Record<string, FlagValue> = {};
  readonly #dropped = new Set<string>();
  readonly #kept = new Set<string>();
  readonly #cacheTypes = new Map<string, string>();
  #purpose: LlamaCommand['purpose'] = null;

  constructor(private readonly options: ReadOptions) {}

  take(given: GivenOption): void {
    const { option, spelling } = given;
    if (option === null) {
      this.#unknown(given);
      return;
    }
    const { name } = option;
    if (name === 'mmproj-auto' && option.isOff) this.#entry.mmproj = 'none';
    else if (OURS.has(name)) this.#dropped.add(spelling);
    else if (name === 'embedding' || name === 'reranking') {
      this.#purpose = name === 'embedding' ? 'embedding' : 'reranker';
      this.#dropped.add(spelling);
    } else if (option.takes === 'nothing') this.#flag(given, name, !option.isOff);
    else if (given.value === null && option.takes === 'maybe') this.#flag(given, name, 'on');
    else if (given.value === null) this.#kept.add(spelling);
    else this.#value(given, name, given.value);
  }

  result(): LlamaCommand {
    this.#settleCacheTypes();
    const hasFlags = Object.keys(this.#flags).length > 0;
    return {
      entry: { ...this.#entry, ...(hasFlags ? { flags: this.#flags } : {}) },
      dropped: [...this.#dropped],
      kept: [...this.#kept],
      purpose: this.#purpose,
    };
  }

  #value(given: GivenOption, name: string, value: string): void {
    switch (name) {
      case 'model':
        this.#entry.file = this.#path(value);
        return;
      case 'mmproj':
        this.#entry.mmproj = this.#path(value);
        return;
      case 'spec-draft-model':
        this.#entry.draft = this.#path(value);
        return;
      case 'chat-template':
        this.#entry.chatTemplate = value;
        return;
      case 'ctx-size':
        this.#count(given, value, 'contextSize', (count) => count <= 0);
        return;
      case 'gpu-layers':
        this.#count(given, /^(all|auto)$/.test(value) ? '-1' : value, 'gpuLayers', isAllLayers);
        return;
      case 'batch-size':
        this.#count(given, value, 'batchSize', (count) => count === 2048);
        return;
      case 'parallel':
        this.#count(given, value, 'parallel', (count) => count <= 0);
        return;
      case 'threads':
        this.#count(given, value, 'threads', (count) => count <= 0);
        return;
      case 'cache-type-k':
      case 'cache-type-v':
        this.#cacheTypes.set(name, value);
        return;
      default:
        this.#flag(given, name, typed(PATHS.has(name) ? this.#path(value) : value));
    }
  }

  #count(
    given: GivenOption,
    value: string,
    field: 'contextSize' | 'gpuLayers' | 'batchSize' | 'parallel' | 'threads',
    isAutomatic: (count: number) => boolean,
  ): void {
    if (!/^-?\d{1,8}$/.test(value)) this.#kept.add(given.spelling);
    else if (isAutomatic(Number(value))) this.#dropped.add(given.spelling);
    else this.#entry[field] = Number(value);
  }

  #flag(given: GivenOption, name: string, value: FlagValue): void {
    if (isDefault(name, value)) {
      this.#dropped.add(given.spelling);
      return;
    }
    const before = Object.hasOwn(this.#flags, name) && ADDING.has(name) ? this.#flags[name] : undefined;
    if (before !== undefined && !JOINED.has(name)) {
      this.#kept.add(given.spelling);
      return;
    }
    const whole = before === undefined ? value : `${before},${value}`;
    if (this.options.isKnownFlag(name, whole)) this.#flags[name] = whole;
    else this.#kept.add(given.spelling);
  }

  /** Younger than our table, perhaps, yet on the engine's list. */
  #unknown({ spelling, value }: GivenOption): void {
    const name = spelling.replace(/^--?/, '').replaceAll('_', '-');
    const flag = value === null ? true : typed(value);
    if (spelling.startsWith('--') && this.options.isKnownFlag(name, flag)) this.#flags[name] = flag;
    else this.#kept.add(spelling);
  }

  #settleCacheTypes(): void {
    const [key, value] = ['cache-type-k', 'cache-type-v'].map((name) => this.#cacheTypes.get(name));
    if (key !== undefined && key === value && this.options.isKnownFlag('cache-type-k', key)) {
      // The engine's default. Ours is the same as long as there is room for it.
      if (key === 'f16') for (const name of this.#cacheTypes.keys()) this.#dropped.add(`--${name}`);
      else this.#entry.cacheType = key as NonNullable<ModelEntry['cacheType']>;
      return;
    }
    for (const [name, type] of this.#cacheTypes) {
      if (this.options.isKnownFlag(name, type)) this.#flags[name] = type;
      else this.#kept.add(`--${name}`);
    }
  }

  #path(path: string): string {
    return this.options.resolvePath?.(path) ?? path;
  }
}

/** People write 99, 999 or 9999 for "all", and no model has two hundred layers; -1 is the engine's own choice. */
const isAllLayers = (count: number): boolean => count < 0 || count >= 200 || /^9{2,}$/.test(String(count));

function isDefault(name: string, value: FlagValue): boolean {
  const usual = Object.hasOwn(DEFAULTS, name) ? DEFAULTS[name] : undefined;
  return usual === value || (typeof usual === 'number' && value !== '' && Number(value) === usual);
}

/** A number where it is written as one; `007` and `1.0` stay texts that mean what they say. */
function typed(value: string): FlagValue {
  const number = Number(value);
  return value.trim() !== '' && Number.isFinite(number) && String(number) === value ? number : value;
}
