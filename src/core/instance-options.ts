// The options of a named instance: llama-server's in snake_case, a few under names of their own, and what is for us alone.
// Pure. It must never let an option through that a request may not set, nor take a value for what it is not.
import { Fault } from '../base/fault.ts';
import type { ModelEntry } from '../config/schema.ts';
import { checkFlags, type FlagValue } from '../engine/flags.ts';

/** As they were given; what is absent is automatic. */
export type InstanceOptions = Readonly<Record<string, FlagValue>>;

/** What is done when the engine ends without having been asked to. */
export interface RestartPolicy {
  readonly isAutomatic: boolean;
  readonly maxRestarts: number;
  readonly delayMs: number;
}

type Kind =
  | { readonly type: 'count'; readonly min: number; readonly max: number }
  | { readonly type: 'number'; readonly min: number; readonly max: number }
  | { readonly type: 'switch' };

const count = (min: number, max: number): Kind => ({ type: 'count', min, max });
const number = (min: number, max: number): Kind => ({ type: 'number', min, max });
const toggle: Kind = { type: 'switch' };

/** Fields of the model's entry. */
const FIELDS: Readonly<Record<string, keyof ModelEntry & ('threads' | 'contextSize' | 'batchSize' | 'gpuLayers')>> = {
  threads: 'threads',
  context_size: 'contextSize',
  batch_size: 'batchSize',
  gpu_layers: 'gpuLayers',
};
/** Options that are called otherwise than llama-server's. */
const FLAGS: Readonly<Record<string, string>> = {
  memory_lock: 'mlock',
  no_mmap: 'mmap',
  rope_freq_base: 'rope-freq-base',
  rope_freq_scale: 'rope-freq-scale',
};
/** For us, not for the engine. */
const POLICY = ['auto_restart', 'max_restarts', 'restart_delay'] as const;

/** Those whose type and bounds are said here. */
const KINDS: Readonly<Record<string, Kind>> = {
  threads: count(1, 4096),
  context_size: count(0, 100_000_000),
  batch_size: count(1, 1_000_000),
  gpu_layers: count(-1, 100_000),
  memory_lock: toggle,
  no_mmap: toggle,
  rope_freq_base: number(0, 1e12),
  rope_freq_scale: number(0, 10_000),
  auto_restart: toggle,
  max_restarts: count(0, 1000),
  restart_delay: number(0, 86_400),
};
/** llama-server's own names for what has another one here. */
const SYNONYMS: Readonly<Record<string, string>> = {
  ctx_size: 'context_size',
  n_gpu_layers: 'gpu_layers',
  ngl: 'gpu_layers',
  mlock: 'memory_lock',
  mmap: 'no_mmap',
};

const AT_MOST = 200;

/** Options that were sent over others: null takes one away. Throws `bad_request` that names the option. */
export function mergedOptions(before: InstanceOptions, sent: Readonly<Record<string, unknown>>): InstanceOptions {
  const merged = new Map<string, FlagValue>(Object.entries(before));
  for (const [name, value] of Object.entries(sent)) {
    if (value === null) merged.delete(name);
    else merged.set(name, checked(name, value));
  }
  const options: InstanceOptions = Object.fromEntries(merged);
  requireAllowed(options);
  return options;
}

/** What the options make of a model. */
export function entryOf(file: string, options: InstanceOptions): ModelEntry {
  const flags: Record<string, FlagValue> = {};
  const fields: Record<string, FlagValue> = {};
  for (const [name, value] of Object.entries(options)) {
    const field = ownOf(FIELDS, name);
    const flag = ownOf(FLAGS, name);
    if (isPolicy(name)) continue;
    // -1 is llama-server's word for "as many as fit".
    if (field !== undefined) {
      if (value !== -1) fields[field] = value;
    } else if (name === 'no_mmap') flags.mmap = value !== true;
    else flags[flag ?? name.replaceAll('_', '-')] = value;
  }
  return { file, ...fields, ...(Object.keys(flags).length === 0 ? {} : { flags }) };
}

/** The other way round, for models that were not made of options. */
export function optionsOf(entry: ModelEntry): InstanceOptions {
  const fields = Object.entries(FIELDS).flatMap(([name, field]): [string, FlagValue][] => {
    const value = entry[field];
    return value === undefined ? [] : [[name, value]];
  });
  const flags = Object.entries(entry.flags ?? {}).map(([flag, value]): [string, FlagValue] => {
    const name = flag.replace(/^-+/, '').replaceAll('-', '_');
    if (name === 'mmap') return ['no_mmap', value !== true];
    return [name === 'mlock' ? 'memory_lock' : name, value];
  });
  return Object.fromEntries([...fields, ...flags]);
}

export const policyOf = (options: InstanceOptions): RestartPolicy => ({
  isAutomatic: options.auto_restart !== false,
  maxRestarts: typeof options.max_restarts === 'number' ? options.max_restarts : 3,
  delayMs: (typeof options.restart_delay === 'number' ? options.restart_delay : 5) * 1000,
});

const isPolicy = (name: string): boolean => (POLICY as readonly string[]).includes(name);

const ownOf = <T>(table: Readonly<Record<string, T>>, name: string): T | undefined =>
  Object.hasOwn(table, name) ? table[name] : undefined;

function checked(name: string, value: unknown): FlagValue {
  if (!/^[a-z][a-z0-9_]{0,63}$/.test(name)) throw optionFault(name, 'is no option: options are words in snake_case');
  const kind = ownOf(KINDS, name);
  if (kind === undefined) {
    if (typeof value === 'string' || typeof value === 'boolean') return value;
    if (typeof value === 'number' && Number.isFinite(value)) return value;
    throw optionFault(name, 'must be a text, a number, true or false');
  }
  if (kind.type === 'switch') {
    if (typeof value === 'boolean') return value;
    throw optionFault(name, 'must be true or false');
  }
  const { min, max } = kind;
  const isWhole = kind.type === 'number' || Number.isInteger(value);
  if (typeof value === 'number' && isWhole && value >= min && value <= max) return value;
  throw optionFault(name, `must be a ${kind.type === 'count' ? 'whole ' : ''}number from ${min} to ${max}`);
}

/** Throws for what llama-server may not be told by a request, and for one thing said under two names. */
function requireAllowed(options: InstanceOptions): void {
  const names = Object.keys(options);
  if (names.length > AT_MOST) throw new Fault('bad_request', `More than ${AT_MOST} options are none.`);
  for (const name of names) {
    const synonym = ownOf(SYNONYMS, name);
    if (synonym === undefined || !Object.hasOwn(options, synonym)) continue;
    throw optionFault(name, `says the same as "${synonym}": keep one of them`);
  }
  const { flags = {} } = entryOf('', options);
  try {
    checkFlags(flags, 'network');
  } catch (thrown) {
    if (!(thrown instanceof Fault)) throw thrown;
    throw new Fault(thrown.kind, thrown.message, {
      hint: thrown.hint?.replace('`flags`', '`options`'),
      details: { ...thrown.details, field: 'options' },
    });
  }
}

const optionFault = (name: string, what: string): Fault =>
  new Fault('bad_request', `The option "${name.slice(0, 80)}" ${what}.`, {
    details: { field: 'options', option: name },
  });
