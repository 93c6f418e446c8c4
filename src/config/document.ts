// One configuration file as text with positions: parsed, checked, edited without losing a comment, written atomically
// with a backup. It must never write what does not parse and check.
import { existsSync, mkdirSync, readdirSync, readFileSync, unlinkSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { type Document, isMap, isSeq, LineCounter, parseDocument } from 'yaml';
import { errorCode, Fault } from '../base/fault.ts';
import { writeFileAtomically } from '../base/file.ts';
import { firstError, type Position, valuesOf, type Warning, warningsOf, withoutEmptySections } from './check.ts';
import { addChange, addEdit, applyInside, changed, type Edit, type Inside, inside } from './edits.ts';
import { defaultSettings, type Settings } from './schema.ts';
import { spliceText } from './splices.ts';
import { nodeAt, offsetOf } from './yaml-tree.ts';

export type { Position, Warning } from './check.ts';
export type { Edit } from './edits.ts';

export interface ParsedConfig {
  readonly values: Partial<Settings>;
  readonly warnings: readonly Warning[];
  readonly document: Document;
}

const BACKUPS_KEPT = 10;
/** "Billion laughs" is an error, not a memory problem. */
const MAX_ALIASES = 10_000;

const parseYaml = (source: string, lineCounter: LineCounter): Document =>
  parseDocument(source, { lineCounter, prettyErrors: false, uniqueKeys: true, merge: true });

const plainOf = (document: Document): unknown => document.toJS({ maxAliasCount: MAX_ALIASES }) ?? {};

/** Parses and checks; throws `config_invalid` whose message names file, line, column and what was expected. */
export function parseConfig(source: string, fileName: string): ParsedConfig {
  const lines = new LineCounter();
  return check(parseYaml(source, lines), lines, fileName);
}

function check(document: Document, lines: LineCounter, fileName: string): ParsedConfig {
  const at = (path: readonly string[]): Position => positionAt(lines, offsetOf(document, path) ?? 0);
  const [error] = document.errors;
  if (error !== undefined) throw invalid(fileName, positionAt(lines, error.pos[0]), `not valid YAML: ${error.message}`);
  let raw: unknown;
  try {
    raw = plainOf(document);
  } catch (thrown) {
    throw invalid(fileName, at([]), `cannot be read: ${String(thrown)}`);
  }
  if (typeof raw !== 'object' || raw === null || Array.isArray(raw)) {
    throw invalid(fileName, at([]), 'expected a mapping of settings at the top');
  }
  const said = withoutEmptySections(raw as Record<string, unknown>);
  const failure = firstError(said);
  if (failure !== null) throw invalid(fileName, at(failure.path), failure.message);
  return { values: valuesOf(said), warnings: warningsOf(said, at), document };
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

/** Sets (or with `undefined` removes) one value by its path; everything else stays as it is. */
export const editConfig = (source: string, fileName: string, path: readonly string[], value: unknown): string =>
  editConfigAll(source, fileName, [{ path, value }]);

/**
 * Makes all edits, in order, and gives the new text: comments, blank lines, order, quotes and references elsewhere stay.
 * Throws `config_invalid` where the source or the result is wrong, `bad_request` where a path leads through a text.
 */
export function editConfigAll(source: string, fileName: string, edits: readonly Edit[]): string {
  const { document } = parseConfig(source, fileName);
  const change = inside();
  for (const edit of edits) addEdit(change, edit, document);
  return write(source, fileName, document, change);
}

/** Takes models out: their entries, and their ids wherever a group or a preload list names them. */
export function removeModels(source: string, fileName: string, ids: readonly string[]): string {
  const { document, values } = parseConfig(source, fileName);
  const change = inside();
  for (const id of ids) {
    if (Object.hasOwn(values.models ?? {}, id)) addChange(change, ['models', id], { kind: 'remove' });
  }
  const without = { kind: 'without', texts: new Set(ids) } as const;
  for (const name of Object.keys(values.groups ?? {})) addChange(change, ['groups', name, 'members'], without);
  for (const path of [['preload'], ['hooks', 'on_startup', 'preload']])
    if (isSeq(nodeAt(document, path))) addChange(change, path, without);
  return write(source, fileName, document, change);
}

function write(source: string, fileName: string, document: Document, change: Inside): string {
  const wanted = changed(plainOf(document), change) ?? {};
  const spliced = spliceText(source, document, change);
  if (spliced !== null && isWellFormed(spliced, fileName, wanted)) return spliced;
  if (!isMap(document.contents)) document.contents = document.createNode({}) as typeof document.contents;
  if (isMap(document.contents)) applyInside(document, document.contents, change);
  const printed = document.toString({ lineWidth: 0 });
  if (isWellFormed(printed, fileName, wanted)) return printed;
  throw new Fault('internal', `${fileName} cannot be edited there without changing more than asked for.`);
}

/** True where the text means exactly that; throws where that is no configuration. */
function isWellFormed(text: string, fileName: string, wanted: unknown): boolean {
  const lines = new LineCounter();
  const document = parseYaml(text, lines);
  try {
    if (document.errors.length > 0 || !isDeepStrictEqual(plainOf(document), wanted)) return false;
  } catch {
    return false;
  }
  check(document, lines, fileName);
  return true;
}

export interface ConfigSummary {
  readonly modelCount: number;
  readonly groupCount: number;
  readonly macroCount: number;
  readonly startPort: number;
  readonly downloadDir: string;
}

/** What the file amounts to by itself, defaults filled in. */
export function describeConfig(source: string, fileName: string): ConfigSummary {
  const settings = { ...defaultSettings(), ...parseConfig(source, fileName).values };
  return {
    modelCount: Object.keys(settings.models).length,
    groupCount: Object.keys(settings.groups).length,
    macroCount: Object.keys(settings.macros).length,
    startPort: settings.startPort,
    downloadDir: settings.downloadDir,
  };
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

const positionAt = (lines: LineCounter, offset: number): Position => {
  const { line, col } = lines.linePos(offset);
  return { line: Math.max(1, line), column: Math.max(1, col) };
};

const invalid = (fileName: string, position: Position, message: string): Fault =>
  new Fault('config_invalid', `${fileName}:${position.line}:${position.column}: ${message}`, {
    hint: 'Mend that line; the running configuration stays as it is until then.',
    details: { file: fileName, line: position.line, column: position.column },
  });
