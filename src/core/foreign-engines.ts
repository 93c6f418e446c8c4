// vLLM and Transformers as engines beside llama.cpp: an entry that names one and a model becomes a command of ours, run where
// the program is installed. It must never put a caller's word where the program could take it for an option.
import { isAbsolute } from 'node:path';
import { Fault } from '../base/fault.ts';
import type { ModelEntry } from '../config/schema.ts';

export const FOREIGN_ENGINES = ['vllm', 'transformers'] as const;
export type ForeignEngine = (typeof FOREIGN_ENGINES)[number];

type EngineWords = Pick<ModelEntry, 'engine' | 'model' | 'quantization' | 'dtype' | 'cmd'>;

export const isForeign = (entry: EngineWords): boolean => foreignEngineOf(entry) !== null;

/** True where another server than our llama-server answers for the entry. */
export const hasOwnServer = (entry: EngineWords): boolean => entry.cmd !== undefined || isForeign(entry);

export const foreignEngineOf = ({ engine }: EngineWords): ForeignEngine | null =>
  engine === 'vllm' || engine === 'transformers' ? engine : null;

/** The name under which the server of such an entry knows its model; null for other entries. */
export function servedName(id: string, entry: EngineWords): string | null {
  const engine = foreignEngineOf(entry);
  if (engine === null) return null;
  return engine === 'vllm' ? id : (entry.model ?? null);
}

/** llama.cpp's fields, which Transformers refuses where vLLM passes over them. */
const NOT_FOR_TRANSFORMERS = ['repeat_penalty', 'repetition_penalty', 'top_k', 'min_p', 'ignore_eos', 'cache_prompt'];

export const unknownFields = (entry: EngineWords): readonly string[] =>
  foreignEngineOf(entry) === 'transformers' ? NOT_FOR_TRANSFORMERS : [];

export interface ForeignCommand {
  readonly argv: readonly string[];
  readonly baseUrl: string;
  readonly healthPath: string;
  readonly environment: Readonly<Record<string, string>>;
  readonly stopArgv: () => null;
}

export interface ForeignContext {
  readonly portNumber: number;
  /** True: the program must not ask the hub either. */
  readonly isOffline: boolean;
  /** Drover's own: where programs are and where the hub's files lie. */
  readonly inherited: Readonly<Record<string, string | undefined>>;
}

/** What tells these programs where models are; their tokens are theirs to find. */
const INHERITED = ['HF_HOME', 'HF_HUB_CACHE', 'HF_ENDPOINT'];

const INSTALL: Readonly<Record<ForeignEngine, string>> = {
  vllm: 'Install it with "pip install vllm", so that "vllm" is on the PATH of Drover, and load the model again.',
  transformers:
    'Install it with "pip install transformers[serving]", so that "transformers" is on the PATH of Drover, and load the model again.',
};

/**
 * What to run for an entry of vLLM or Transformers. Both answer `/health` when they are ready (vLLM 0.6 and newer,
 * Transformers 4.56 and newer). Throws `engine_unobtainable` where the program is not installed, `bad_request` for a name
 * that is none.
 */
export function foreignCommand(id: string, entry: EngineWords, context: ForeignContext): ForeignCommand {
  const engine = foreignEngineOf(entry);
  if (engine === null) throw new Fault('internal', `${id} has no engine of that kind.`);
  const model = entry.model ?? '';
  requireModelName(model);
  const program = programOnPath(engine, context.inherited.PATH ?? context.inherited.Path ?? '');
  if (program === null) {
    throw new Fault('engine_unobtainable', `${id} needs ${engine}, which is not installed on this machine.`, {
      hint: INSTALL[engine],
      blame: 'machine',
      details: { model: id, program: engine },
    });
  }
  const address = ['--host', '127.0.0.1', '--port', String(context.portNumber)];
  const own = engine === 'vllm' ? vllmWords(id, model, entry) : transformersWords(model, entry);
  return {
    argv: [program, 'serve', ...own, ...address],
    baseUrl: `http://127.0.0.1:${context.portNumber}`,
    healthPath: '/health',
    environment: environmentOf(context),
    stopArgv: () => null,
  };
}

function environmentOf({ inherited, isOffline }: ForeignContext): Record<string, string> {
  const pairs = INHERITED.flatMap((name) => {
    const value = inherited[name];
    return value === undefined ? [] : [[name, value] as const];
  });
  return { ...Object.fromEntries(pairs), ...(isOffline ? { HF_HUB_OFFLINE: '1' } : {}) };
}

// `--name=value`: what begins with a dash is a value all the same.
function vllmWords(id: string, model: string, entry: EngineWords): string[] {
  return [model, `--served-model-name=${id}`, ...optionOf('quantization', entry.quantization), ...dtypeOf(entry)];
}

function transformersWords(model: string, entry: EngineWords): string[] {
  const bits = /^([48])bit$/.exec(entry.quantization ?? '')?.[1];
  // It lets go of a model that idles unless it is told not to: that is for us to decide.
  const stays = '--model-timeout=-1';
  return [
    `--force-model=${model}`,
    ...optionOf('quantization', bits === undefined ? undefined : `bnb-${bits}bit`),
    ...dtypeOf(entry),
    stays,
  ];
}

const dtypeOf = (entry: EngineWords): string[] => optionOf('dtype', entry.dtype);

const optionOf = (name: string, value: string | undefined): string[] =>
  value === undefined || value === '' || value === 'none' ? [] : [`--${name}=${value}`];

/** `owner/name` or an absolute path. Throws `bad_request`. */
export function requireModelName(model: string): void {
  const isName = /^[A-Za-z0-9_][A-Za-z0-9._-]*(?:\/[A-Za-z0-9_][A-Za-z0-9._-]*)?$/.test(model);
  if (model.length <= 1024 && (isName || (isAbsolute(model) && !/\p{Cc}/u.test(model)))) return;
  throw new Fault('bad_request', `${JSON.stringify(model.slice(0, 200))} names no model.`, {
    hint: 'Write owner/name, or the absolute path of a folder.',
    details: { field: 'model' },
  });
}

function programOnPath(name: ForeignEngine, pathVariable: string): string | null {
  const found = Bun.which(name, { PATH: pathVariable, cwd: '/' });
  return found !== null && isAbsolute(found) ? found : null;
}
