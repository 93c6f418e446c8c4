// One configuration file as text with positions: parsed, checked, edited without losing a comment, written atomically
// with a backup. It must never write what does not parse and check.
import { existsSync, mkdirSync, readdirSync, readFileSync, unlinkSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { Value, type ValueError } from '@sinclair/typebox/value';
import { type Document, isCollection, isNode, isPair, isScalar, LineCounter, parseDocument } from 'yaml';
import { errorCode, Fault } from '../base/fault.ts';
import { writeFileAtomically } from '../base/file.ts';
import { FileSchema, FOREIGN_KEYS, ModelEntrySchema, SETTINGS, type Settings } from './schema.ts';

export interface Position {
  /** Both from 1. */
  readonly line: number;
  readonly column: number;
}

export interface Warning extends Position {
  readonly message: string;
}

export interface ParsedConfig {
  readonly values: Partial<Settings>;
  readonly warnings: readonly Warning[];
  readonly document: Document;
}

const BACKUPS_KEPT = 10;

/** Parses and checks; throws `config_invalid` whose message names file, line, column and what was expected. */
export function parseConfig(source: string, fileName: string): ParsedConfig {
  const lines = new LineCounter();
  const document = parseDocument(source, { lineCounter: lines, prettyErrors: false, uniqueKeys: true, merge: true });
  const [error] = document.errors;
  if (error !== undefined) throw invalid(fileName, positionAt(lines, error.pos[0]), `not valid YAML: ${error.message}`);
  let raw: unknown;
  try {
    // A bound on aliases: "billion laughs" is an error, not a memory problem.
    raw = document.toJS({ maxAliasCount: 200 }) ?? {};
  } catch (thrown) {
    throw invalid(fileName, { line: 1, column: 1 }, `cannot be read: ${String(thrown)}`);
  }
  const at = (path: readonly string[]): Position => positionOf(document, lines, path);
  if (typeof raw !== 'object' || raw === null || Array.isArray(raw)) {
    throw invalid(fileName, { line: 1, column: 1 }, 'expected a mapping of settings at the top');
  }
  raw = withoutEmptySections(raw as Record<string, unknown>);
  const failure = firstError(raw);
  if (failure !== null) throw invalid(fileName, at(failure.path), failure.message);
  return {
    values: valuesOf(raw as Record<string, unknown>),
    warnings: warningsOf(raw as Record<string, unknown>, at),
    document,
  };
}

/** Reads a file; a missing one is an empty configuration. */
export function readConfig(path: string): { readonly source: string; readonly parsed: ParsedConfig } {
  let source = '';
  try {
    source = readFileSync(path, 'utf8');
  } catch (thrown) {
    // A file that is there but out of reach is no empty configuration: it may ask for keys.
    const code = errorCode(thrown);
    if (code !== 'ENOENT' && code !== 'ENOTDIR') {
      throw new Fault('config_invalid', `${path} cannot be read: ${String(thrown)}`, { cause: thrown });
    }
  }
  return { source, parsed: parseConfig(source, path) };
}

/** Sets (or with `undefined` removes) one value by its path; comments elsewhere stay as they are. */
export function editConfig(source: string, fileName: string, path: readonly string[], value: unknown): string {
  const { document } = parseConfig(source, fileName);
  const before = document.getIn(path, true);
  if (value === undefined) document.deleteIn(path);
  // A scalar keeps its node, and with it the comment behind it.
  else if (isScalar(before) && (typeof value !== 'object' || value === null)) before.value = value;
  else {
    // What stands empty (`models:`) has to go before something can be put into it.
    const empty = path.findIndex((_, index) => index > 0 && isEmptyAt(document, path.slice(0, index)));
    if (empty > 0) document.deleteIn(path.slice(0, empty));
    document.setIn(path, document.createNode(value));
  }
  const edited = document.toString({ lineWidth: 0 });
  parseConfig(edited, fileName);
  return edited;
}

function isEmptyAt(document: Document, path: readonly string[]): boolean {
  const node = document.getIn(path, true);
  return isScalar(node) && node.value === null;
}

/** Checks, backs the old file up beside it, replaces it atomically. Returns the backup's path, or null where there was none. */
export function writeConfig(path: string, source: string): string | null {
  parseConfig(source, path);
  let backup: string | null = null;
  if (existsSync(path)) {
    const folder = join(dirname(path), 'backups');
    mkdirSync(folder, { recursive: true });
    const stamp = new Date().toISOString().replaceAll(/[:.]/g, '-');
    backup = join(folder, `${basename(path)}.${stamp}`);
    writeFileAtomically(backup, readFileSync(path), { mode: 0o600 });
    const old = readdirSync(folder)
      .filter((name) => name.startsWith(`${basename(path)}.`))
      .sort()
      .slice(0, -BACKUPS_KEPT);
    for (const name of old) unlinkSync(join(folder, name));
  }
  writeFileAtomically(path, source, { mode: 0o600 });
  return backup;
}

/** `models:` with nothing below it, all of it commented out, says nothing; so does one model's entry. */
function withoutEmptySections(raw: Record<string, unknown>): Record<string, unknown> {
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

function valuesOf(raw: Record<string, unknown>): Partial<Settings> {
  const values: Record<string, unknown> = {};
  for (const name of Object.keys(SETTINGS)) if (raw[name] !== undefined) values[name] = raw[name];
  if (Array.isArray(raw.macros)) values.macros = Object.assign({}, ...raw.macros);
  const preload = (raw.hooks as { on_startup?: { preload?: string[] } } | undefined)?.on_startup?.preload;
  if (values.preload === undefined && preload !== undefined) values.preload = preload;
  if (values.ttl === undefined && typeof raw.globalTTL === 'number') values.ttl = raw.globalTTL;
  return values as Partial<Settings>;
}

function warningsOf(raw: Record<string, unknown>, at: (path: readonly string[]) => Position): Warning[] {
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
function firstError(raw: unknown): { path: string[]; message: string } | null {
  const error = Value.Errors(FileSchema, raw).First();
  if (error !== undefined) {
    const path = error.path
      .split('/')
      .slice(1)
      .map((part) => part.replaceAll('~1', '/').replaceAll('~0', '~'));
    return { path, message: `${path.join('.')}: ${expectation(error)}, found ${describe(error.value)}` };
  }
  const settings = raw as {
    models?: Record<string, { file?: string; cmd?: string; proxy?: string }>;
    groups?: Record<string, { members: string[] }>;
  };
  for (const [id, entry] of Object.entries(settings.models ?? {})) {
    if (entry.file !== undefined && entry.cmd !== undefined) {
      return { path: ['models', id, 'cmd'], message: `models.${id}: give either \`file\` or \`cmd\`, not both` };
    }
  }
  return null;
}

function expectation(error: ValueError): string {
  const schema = error.schema as {
    anyOf?: { const?: unknown; type?: string }[];
    type?: string;
    minimum?: number;
    maximum?: number;
    pattern?: string;
  };
  if (schema.anyOf !== undefined) {
    const choices = schema.anyOf.map((choice) =>
      choice.const === undefined ? (choice.type ?? 'value') : String(choice.const),
    );
    return `expected one of ${choices.join(', ')}`;
  }
  if (schema.minimum !== undefined && schema.maximum !== undefined) {
    return `expected ${schema.type ?? 'number'} from ${schema.minimum} to ${schema.maximum}`;
  }
  if (schema.pattern === '^[^=]+=') return 'expected NAME=VALUE';
  return schema.type === undefined ? error.message.toLowerCase() : `expected ${schema.type}`;
}

const describe = (value: unknown): string => {
  if (value === undefined) return 'nothing';
  const shown = JSON.stringify(value);
  return shown.length > 60 ? `${shown.slice(0, 57)}…` : shown;
};

const positionAt = (lines: LineCounter, offset: number): Position => {
  const { line, col } = lines.linePos(offset);
  return { line: Math.max(1, line), column: Math.max(1, col) };
};

/** Where the value at `path` stands, or its nearest parent that exists. */
function positionOf(document: Document, lines: LineCounter, path: readonly string[]): Position {
  for (let depth = path.length; depth > 0; depth -= 1) {
    const key = path[depth - 1];
    const parent = depth === 1 ? document.contents : document.getIn(path.slice(0, depth - 1).map(keyOf), true);
    if (!isCollection(parent)) continue;
    let offset: number | undefined;
    parent.items.forEach((item, index) => {
      if (isPair(item) && isScalar(item.key) && String(item.key.value) === key) offset = item.key.range?.[0];
      else if (isNode(item) && String(index) === key) offset = item.range?.[0];
    });
    if (offset !== undefined) return positionAt(lines, offset);
  }
  return { line: 1, column: 1 };
}

const keyOf = (part: string): string | number => (/^\d+$/.test(part) ? Number(part) : part);

const invalid = (fileName: string, position: Position, message: string): Fault =>
  new Fault('config_invalid', `${fileName}:${position.line}:${position.column}: ${message}`, {
    hint: 'Mend that line; the running configuration stays as it is until then.',
    details: { file: fileName, line: position.line, column: position.column },
  });
