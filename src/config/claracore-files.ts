// Reads what a ClaraCore folder holds: config.yaml, settings.json, model_folders.json. It reads only, and says of what it
// cannot read where it is wrong.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Type } from '@sinclair/typebox';
import { Value } from '@sinclair/typebox/value';
import { type Document, LineCounter, parseDocument } from 'yaml';
import { errorCode, Fault, toFault } from '../base/fault.ts';

/** `settings.json`, as far as it is of the right type. */
export interface ClaraSettings {
  readonly gpuType?: string;
  readonly backend?: string;
  readonly vramGB?: number;
  readonly ramGB?: number;
  readonly preferredContext?: number;
  readonly throughputFirst?: boolean;
  readonly enableJinja?: boolean;
  readonly requireApiKey?: boolean;
  readonly apiKey?: string;
}

export interface ClaraModelFolder {
  readonly path: string;
  readonly isRecursive: boolean;
  readonly isEnabled: boolean;
}

export interface ClaraConfig {
  readonly source: string;
  readonly document: Document;
  /** As parsed, unchecked. */
  readonly values: Readonly<Record<string, unknown>>;
}

export interface ClaraFolder {
  /** Absolute. */
  readonly path: string;
  readonly config: ClaraConfig | null;
  readonly settings: ClaraSettings | null;
  readonly folders: readonly ClaraModelFolder[] | null;
}

export const CLARA_FILES = ['config.yaml', 'settings.json', 'model_folders.json'] as const;

/**
 * Reads the three files; any may be missing, but not all. Throws `not_found` where there is no such folder or none of the
 * files, `forbidden` where one may not be read, `config_invalid` with file, line and column where one is broken.
 */
export function readClaraFolder(path: string): ClaraFolder {
  const [config, settings, folders] = CLARA_FILES.map((name) => readText(join(path, name)));
  if (config == null && settings == null && folders == null) {
    throw new Fault('not_found', `${path} is no ClaraCore folder: it holds none of ${CLARA_FILES.join(', ')}.`, {
      hint: 'Name the folder that ClaraCore runs in.',
    });
  }
  return {
    path,
    config: config == null ? null : readYaml(join(path, 'config.yaml'), config),
    settings: settings == null ? null : settingsOf(readJson(join(path, 'settings.json'), settings)),
    folders: folders == null ? null : foldersOf(readJson(join(path, 'model_folders.json'), folders)),
  };
}

function readText(path: string): string | null {
  try {
    return readFileSync(path, 'utf8').replace(/^\uFEFF/, '');
  } catch (thrown) {
    const code = errorCode(thrown);
    if (code === 'ENOENT' || code === 'ENOTDIR') return null;
    if (code === 'EACCES' || code === 'EPERM') {
      throw new Fault('forbidden', `${path} may not be read.`, {
        cause: thrown,
        blame: 'machine',
        hint: 'Give the user that runs this the right to read it.',
      });
    }
    throw new Fault('config_invalid', `${path} cannot be read: ${toFault(thrown).message}`, { cause: thrown });
  }
}

function readYaml(path: string, source: string): ClaraConfig {
  const lines = new LineCounter();
  const document = parseDocument(source, { lineCounter: lines, prettyErrors: false, merge: true });
  const [error] = document.errors;
  if (error !== undefined) throw brokenAt(path, source, error.pos[0], `not valid YAML: ${error.message}`);
  let values: unknown;
  try {
    values = document.toJS({ maxAliasCount: 10_000 }) ?? {};
  } catch (thrown) {
    throw brokenAt(path, source, 0, `cannot be read: ${String(thrown)}`);
  }
  if (typeof values !== 'object' || values === null || Array.isArray(values))
    throw brokenAt(path, source, 0, 'expected a mapping of settings at the top');
  return { source, document, values: values as Record<string, unknown> };
}

function readJson(path: string, source: string): Readonly<Record<string, unknown>> {
  let value: unknown;
  try {
    value = JSON.parse(source);
  } catch (thrown) {
    const offset = jsonErrorOffset(source);
    const found = /^\s*(\S{1,12})/.exec(source.slice(offset))?.[1];
    const what = found === undefined ? 'it ends too early' : `${JSON.stringify(found)} cannot stand here`;
    throw brokenAt(path, source, offset, `not valid JSON: ${what}`, thrown);
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw brokenAt(path, source, 0, 'expected a JSON object');
  return value as Record<string, unknown>;
}

function brokenAt(path: string, source: string, offset: number, reason: string, cause?: unknown): Fault {
  const before = source.slice(0, offset).split('\n');
  const [line, column] = [before.length, (before.at(-1)?.length ?? 0) + 1];
  return new Fault('config_invalid', `${path}:${line}:${column}: ${reason}`, {
    cause,
    hint: 'Mend that line, or move the file away to import the others.',
    details: { file: path, line, column },
  });
}

const TOKEN =
  /[ \t\r\n]*([{}[\],:]|"(?:[^"\\\n\r\t]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*"|(?:-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?|true|false|null)(?![\w.]))/y;

/** The engine's own parser does not say where it stopped: offset of the first token that no JSON text could have there. */
export function jsonErrorOffset(source: string): number {
  const open: string[] = [];
  let isValueDue = true;
  let isKeyDue = false;
  let last = '';
  for (TOKEN.lastIndex = 0; ; ) {
    const at = TOKEN.lastIndex;
    const token = TOKEN.exec(source)?.[1];
    const start = at + (/^[ \t\r\n]*/.exec(source.slice(at))?.[0].length ?? 0);
    if (token === undefined) return start;
    const container = open.at(-1);
    if (token === '}' || token === ']') {
      const opener = token === '}' ? '{' : '[';
      if (container !== opener || last === ',' || last === ':' || (isValueDue && last !== opener)) return start;
      open.pop();
      isValueDue = false;
      isKeyDue = false;
    } else if (token === ',') {
      if (container === undefined || isValueDue || isKeyDue) return start;
      isKeyDue = container === '{';
      isValueDue = container === '[';
    } else if (token === ':') {
      if (!last.startsWith('"') || container !== '{' || isValueDue || isKeyDue) return start;
      isValueDue = true;
    } else if (isKeyDue) {
      if (!token.startsWith('"')) return start;
      isKeyDue = false;
      // Only a colon may follow.
      const colon = /^[ \t\r\n]*:/.exec(source.slice(TOKEN.lastIndex));
      if (colon === null) return TOKEN.lastIndex + (/^[ \t\r\n]*/.exec(source.slice(TOKEN.lastIndex))?.[0].length ?? 0);
    } else if (!isValueDue) return start;
    else if (token === '{' || token === '[') {
      open.push(token);
      isKeyDue = token === '{';
      isValueDue = token === '[';
    } else isValueDue = false;
    last = token;
  }
}

const SETTINGS_TYPES = {
  gpuType: Type.String(),
  backend: Type.String(),
  vramGB: Type.Number(),
  ramGB: Type.Number(),
  preferredContext: Type.Integer(),
  throughputFirst: Type.Boolean(),
  enableJinja: Type.Boolean(),
  requireApiKey: Type.Boolean(),
  apiKey: Type.String(),
};

const settingsOf = (given: Readonly<Record<string, unknown>>): ClaraSettings =>
  Object.fromEntries(
    Object.entries(SETTINGS_TYPES).flatMap(([name, type]) =>
      Object.hasOwn(given, name) && Value.Check(type, given[name]) ? [[name, given[name]]] : [],
    ),
  );

function foldersOf(given: Readonly<Record<string, unknown>>): ClaraModelFolder[] {
  if (!Array.isArray(given.folders)) return [];
  return given.folders.flatMap((item: unknown) => {
    if (typeof item !== 'object' || item === null || !('path' in item)) return [];
    const { path, recursive, enabled } = item as { path: unknown; recursive?: unknown; enabled?: unknown };
    if (typeof path !== 'string' || path.trim() === '') return [];
    return [{ path: path.trim(), isRecursive: recursive !== false, isEnabled: enabled !== false }];
  });
}
