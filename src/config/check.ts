// What a parsed configuration file says, and whether it may: values, warnings, and the first thing that is wrong. Pure.
import { Value } from '@sinclair/typebox/value';
import { wrongValue } from '../base/wrong-value.ts';
import { FileSchema, FOREIGN_KEYS, ModelEntrySchema, SETTINGS, type Settings } from './schema.ts';

export interface Position {
  /** Both from 1. */
  readonly line: number;
  readonly column: number;
}

export interface Warning extends Position {
  readonly message: string;
}

/** `models:` with nothing below it, all of it commented out, says nothing; so does one model's entry. */
export function withoutEmptySections(raw: Record<string, unknown>): Record<string, unknown> {
  const said = Object.entries(raw).filter(([name, value]) => value !== null || isNullable(name));
  return Object.fromEntries(
    said.map(([name, value]) => {
      if (name !== 'models' || typeof value !== 'object' || value === null || Array.isArray(value))
        return [name, value];
      return [name, Object.fromEntries(Object.entries(value).map(([id, entry]) => [id, entry ?? {}]))];
    }),
  );
}

const isNullable = (name: string): boolean =>
  Object.hasOwn(SETTINGS, name) && Value.Check(SETTINGS[name as keyof typeof SETTINGS].schema, null);

export function valuesOf(raw: Record<string, unknown>): Partial<Settings> {
  const values: Record<string, unknown> = {};
  for (const name of Object.keys(SETTINGS)) if (raw[name] !== undefined) values[name] = raw[name];
  if (Array.isArray(raw.macros)) values.macros = Object.assign({}, ...raw.macros);
  const preload = (raw.hooks as { on_startup?: { preload?: string[] } } | undefined)?.on_startup?.preload;
  if (values.preload === undefined && preload !== undefined) values.preload = preload;
  if (values.ttl === undefined && typeof raw.globalTTL === 'number') values.ttl = raw.globalTTL;
  return values as Partial<Settings>;
}

export function warningsOf(raw: Record<string, unknown>, at: (path: readonly string[]) => Position): Warning[] {
  const warnings: Warning[] = [];
  for (const key of Object.keys(raw)) {
    if (Object.hasOwn(SETTINGS, key)) continue;
    const reason = Object.hasOwn(FOREIGN_KEYS, key) ? FOREIGN_KEYS[key] : undefined;
    warnings.push({
      ...at([key]),
      message: reason === undefined ? `unknown setting \`${key}\`` : `\`${key}\`: ${reason}`,
    });
  }
  for (const [id, entry] of Object.entries((raw.models ?? {}) as Record<string, Record<string, unknown>>)) {
    for (const key of Object.keys(entry)) {
      if (Object.hasOwn(ModelEntrySchema.properties, key) || key === 'metadata') continue;
      warnings.push({ ...at(['models', id, key]), message: `unknown setting \`${key}\` of model ${id}` });
    }
  }
  return warnings;
}

/** The first thing that is wrong, in words for people: what stands there and what was expected. */
export function firstError(raw: unknown): { path: string[]; message: string } | null {
  const wrong = wrongValue(FileSchema, raw);
  if (wrong !== null) return { path: [...wrong.path], message: `${wrong.path.join('.')}: ${wrong.message}` };
  const settings = raw as {
    models?: Record<string, { file?: string; cmd?: string; engine?: string; model?: string }>;
    groups?: Record<string, { members: string[] }>;
  };
  for (const [id, entry] of Object.entries(settings.models ?? {})) {
    if (entry.file !== undefined && entry.cmd !== undefined) {
      return { path: ['models', id, 'cmd'], message: `models.${id}: give either \`file\` or \`cmd\`, not both` };
    }
    const wrongEngine = wrongEngineOf(id, entry);
    if (wrongEngine !== null) return wrongEngine;
  }
  return null;
}

interface EngineWords {
  readonly file?: string;
  readonly cmd?: string;
  readonly engine?: string;
  readonly model?: string;
}

/** vLLM and Transformers are started by us with a model of theirs: they have neither a file nor a command. */
function wrongEngineOf(id: string, entry: EngineWords): { path: string[]; message: string } | null {
  const { engine } = entry;
  if (engine === undefined || engine === 'llama.cpp') return null;
  for (const other of ['file', 'cmd'] as const) {
    if (entry[other] === undefined) continue;
    return {
      path: ['models', id, other],
      message: `models.${id}: \`engine: ${engine}\` takes a \`model\`, not \`${other}\``,
    };
  }
  if (entry.model !== undefined) return null;
  return { path: ['models', id, 'engine'], message: `models.${id}: \`engine: ${engine}\` needs a \`model\`` };
}
