// One entry of ClaraCore's `models:` as ours, or why there is none. Pure.
import { Value } from '@sinclair/typebox/value';
import { Fault } from '../base/fault.ts';
import type { ImportContext } from './claracore.ts';
import type { ClaraFolder } from './claracore-files.ts';
import { absoluteCommand, looksLikeWindows, resolveIn } from './claracore-paths.ts';
import { expandMacros, type MacroTable, splitCommand } from './expand.ts';
import { type LlamaCommand, modelFileOf, readLlamaCommand } from './llama-command.ts';
import { type ModelEntry, ModelEntrySchema } from './schema.ts';

export interface ForeignEntry {
  readonly id: string;
  readonly entry: Partial<ModelEntry>;
  readonly macros: MacroTable;
}

export interface FoundEntry {
  /** Null: it cannot come; `reason` says why. */
  readonly entry: ModelEntry | null;
  /** Of a command: why it is no structured entry. */
  readonly reason: string | null;
  readonly notes: readonly string[];
  /** Absolute; null where none is named. */
  readonly file: string | null;
}

/** The structured entry where that says the same, else the command with its paths made absolute. */
export function entryFor(foreign: ForeignEntry, clara: ClaraFolder, context: ImportContext): FoundEntry {
  try {
    return find(foreign, clara, context);
  } catch (thrown) {
    // An unknown macro, an open quote: ClaraCore itself could not start it.
    if (thrown instanceof Fault) return leftOut(thrown.message, null);
    throw thrown;
  }
}

const leftOut = (reason: string, file: string | null): FoundEntry => ({ entry: null, reason, notes: [], file });

function find({ id, entry, macros }: ForeignEntry, clara: ClaraFolder, context: ImportContext): FoundEntry {
  const { cmd } = entry;
  if (typeof cmd !== 'string' || cmd.trim() === '') return leftOut('it has no `cmd`', null);
  const table = { ...macros, ...entry.macros, PORT: 0, MODEL_ID: id };
  const expand = (text: string): string => expandMacros(text, table, context.environment);
  const expanded = expand(cmd);
  const isWindows = context.isWindows || looksLikeWindows(expanded);
  const argv = splitCommand(expanded, isWindows);
  const resolvePath = (path: string): string => resolveIn(clara.path, path);
  const named = modelFileOf(argv);
  const file = named === null ? null : resolvePath(named);
  if (file !== null && !context.isFile(file)) return leftOut(`its file ${file} is not there`, file);
  const command = readLlamaCommand(argv, { isKnownFlag: context.isKnownFlag, resolvePath });
  const reason = reasonToStay(entry, argv, command, expand, context);
  const found =
    reason === null && command !== null
      ? structured(entry, command, expand, context)
      : { entry: asCommand(entry, clara, context, isWindows), notes: [] };
  if (!Value.Check(ModelEntrySchema, found.entry)) {
    const error = Value.Errors(ModelEntrySchema, found.entry).First();
    return leftOut(`its \`${error?.path.slice(1).replaceAll('/', '.')}\` cannot be read`, file);
  }
  return { ...found, reason, file };
}

/** Why an entry has to stay a command; null where it need not. */
function reasonToStay(
  entry: Partial<ModelEntry>,
  argv: readonly string[],
  command: LlamaCommand | null,
  expand: (text: string) => string,
  context: ImportContext,
): string | null {
  if (command === null) return `it starts ${argv[0] ?? 'nothing'}, not llama-server itself`;
  if (command.kept.length > 0) return `an entry cannot say ${command.kept.join(' ')}`;
  const { file } = command.entry;
  if (file === undefined) return 'it names no model file';
  const proxy = entry.proxy === undefined ? null : expand(entry.proxy);
  if (proxy !== null && !/^https?:\/\/(localhost|127\.\d+\.\d+\.\d+|0\.0\.0\.0|\[::1?\])(:|\/|$)/i.test(proxy))
    return `it answers at ${proxy}, not on this machine`;
  if (entry.cmdStop !== undefined && !/^\s*$|^\s*(taskkill|kill)\s.*\$\{PID\}\s*$/.test(entry.cmdStop))
    return 'it is stopped by a command of its own';
  const chooser = variablesOf(entry).find(({ name, value }) => isDecisive(name, value));
  if (chooser !== undefined) return `its variable ${chooser.name} changes what the engine does`;
  // A model that was made to embed, or not to chat, by an option.
  const kind = command.purpose === null ? null : context.kindOf(file);
  if (command.purpose !== null && kind !== null && kind !== command.purpose)
    return `it serves a ${kind} model for ${command.purpose === 'embedding' ? 'embeddings' : 'reranking'}`;
  return null;
}

interface Variable {
  readonly name: string;
  readonly value: string;
}

const variablesOf = (entry: Partial<ModelEntry>): Variable[] =>
  (Array.isArray(entry.env) ? entry.env : []).map(String).flatMap((pair) => {
    const [, name, value] = /^([^=]+)=(.*)$/s.exec(pair) ?? [];
    return name === undefined || value === undefined ? [] : [{ name, value }];
  });

/** Variables that choose devices would contradict a plan of ours, and the engine's own options come as options. */
const isDecisive = (name: string, value: string): boolean =>
  !isGenerated(name, value) &&
  /^(LLAMA_ARG_|GGML_(VK|CUDA|SYCL)_.*DEVICE|.*_VISIBLE_DEVICES$|ZE_AFFINITY_MASK$|ONEAPI_DEVICE_SELECTOR$|CUDA_DEVICE_ORDER$|HSA_OVERRIDE_GFX_VERSION$)/i.test(
    name,
  );

/** ClaraCore writes it into every entry, whatever the machine. */
const isGenerated = (name: string, value: string): boolean => name === 'CUDA_VISIBLE_DEVICES' && value.trim() === '0';

/** They belong to the other build of the engine, or to nothing that a local file needs. */
const isUseless = (name: string): boolean =>
  /^(LD_LIBRARY_PATH|DYLD_(FALLBACK_)?LIBRARY_PATH|LD_PRELOAD|PATH|LLAMA_API_KEY|HF_.*|HUGGING_?FACE_.*)$/i.test(name);

/** Fields that mean the same in both kinds of entry. */
const SHARED = 'name description aliases unlisted useModelName filters ttl concurrencyLimit metadata'.split(' ');

function sharedFields(entry: Partial<ModelEntry>): Record<string, unknown> {
  const isSaid = (value: unknown): boolean =>
    value !== undefined && value !== null && value !== '' && value !== false && value !== 0 && !isEmpty(value);
  return Object.fromEntries(Object.entries(entry).filter(([name, value]) => SHARED.includes(name) && isSaid(value)));
}

const isEmpty = (value: unknown): boolean =>
  typeof value === 'object' && value !== null && Object.keys(value).length === 0;

function structured(
  entry: Partial<ModelEntry>,
  command: LlamaCommand,
  expand: (text: string) => string,
  context: ImportContext,
): { entry: ModelEntry; notes: string[] } {
  const notes: string[] = [];
  const said = { ...command.entry };
  for (const part of ['mmproj', 'draft'] as const) {
    const path = said[part];
    if (path === undefined || path === 'none' || context.isFile(path)) continue;
    notes.push(`${part === 'mmproj' ? 'its projector' : 'its draft model'} ${path} is not there`);
    delete said[part];
  }
  const variables = variablesOf(entry).filter(({ name, value }) => !isGenerated(name, value));
  const useless = variables.filter(({ name }) => isUseless(name));
  if (useless.length > 0) notes.push(`without ${useless.map(({ name }) => name).join(', ')}`);
  const env = variables.filter(({ name }) => !isUseless(name)).map(({ name, value }) => `${name}=${expand(value)}`);
  const { name, description, aliases, unlisted, ...rest } = sharedFields(entry);
  const fields = { name, description, aliases, unlisted, ...said, ...(env.length > 0 ? { env } : {}), ...rest };
  return {
    entry: Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as ModelEntry,
    notes,
  };
}

/** All that it says, but what nobody set; paths absolute, since we run it in another folder. */
function asCommand(
  entry: Partial<ModelEntry>,
  clara: ClaraFolder,
  context: ImportContext,
  isWindows: boolean,
): ModelEntry {
  const fields = Object.entries(entry).filter(([, value]) => value !== undefined && value !== null && value !== '');
  const absolute = (text: string): string => absoluteCommand(text, clara.path, isWindows, context.isFile);
  const changed = fields.map(([name, value]): [string, unknown] => [
    name,
    (name === 'cmd' || name === 'cmdStop') && typeof value === 'string' ? absolute(value) : value,
  ]);
  return Object.fromEntries(changed) as ModelEntry;
}
