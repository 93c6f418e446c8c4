// What a key may do: the names of the scopes, and which of them a method and a path ask for. It reads the permission table
// exactly as the server's router reads its routes, so that both always speak of the same route. It must never answer for a
// path that no row names: whoever asks treats that as admin's.
import { PERMISSIONS } from './scopes-table.ts';

export const SCOPES = [
  ...(['model_read', 'model_write', 'model_delete', 'model_load', 'chat', 'test', 'benchmark'] as const),
  ...(['session_save', 'session_load', 'session_delete', 'system_status', 'cache_clear'] as const),
  ...(['instance_read', 'instance_write', 'instance_control', 'config_read', 'config_write', 'shutdown'] as const),
  'admin',
] as const;
export type Scope = (typeof SCOPES)[number];

/** What a route asks of its caller: a scope, a key or a token whatever it may do, or nothing at all. */
export type Access = Scope | 'known' | 'open';

const NAMES: ReadonlySet<string> = new Set(SCOPES);
export const isScope = (word: string): word is Scope => NAMES.has(word);

/** The scopes that a row of the store holds as JSON; what this version does not know grants nothing. */
export function storedScopes(json: string): Scope[] {
  const words: unknown = JSON.parse(json);
  return Array.isArray(words) ? words.map(String).filter(isScope) : [];
}

/** `admin` implies all. */
export const grants = (scopes: readonly Scope[], needed: Scope): boolean =>
  scopes.includes(needed) || scopes.includes('admin');

interface Rows {
  readonly exact: Map<string, Access>;
  readonly patterns: { readonly shape: RegExp; readonly access: Access }[];
}

const ROWS = rowsByMethod();

/** The access that a request needs; null where no row names it. HEAD and OPTIONS follow GET. */
export function scopeOf(method: string, path: string): Access | null {
  const asked = method === 'HEAD' || method === 'OPTIONS' ? 'GET' : method;
  return find(ROWS.get(asked), path) ?? find(ROWS.get('ALL'), path);
}

function find(rows: Rows | undefined, path: string): Access | null {
  if (rows === undefined) return null;
  const exact = rows.exact.get(path);
  if (exact !== undefined) return exact;
  // The router takes a path with and without its last slash for one and the same.
  if (path.endsWith('/')) {
    const without = rows.exact.get(path.slice(0, -1));
    if (without !== undefined) return without;
  }
  for (const { shape, access } of rows.patterns) if (shape.test(path)) return access;
  return null;
}

function rowsByMethod(): ReadonlyMap<string, Rows> {
  const byMethod = new Map<string, Rows>();
  const patterns = PERMISSIONS.filter(({ path }) => /[:*]/.test(path)).sort(byPrecision);
  for (const row of [...PERMISSIONS.filter(({ path }) => !/[:*]/.test(path)), ...patterns]) {
    const rows: Rows = byMethod.get(row.method) ?? { exact: new Map(), patterns: [] };
    byMethod.set(row.method, rows);
    if (/[:*]/.test(row.path)) rows.patterns.push({ shape: shapeOf(row.path), access: row.access });
    else rows.exact.set(row.path, row.access);
  }
  return byMethod;
}

/** One segment is preferred to a rest, the longer text to the shorter. */
function byPrecision(left: { readonly path: string }, right: { readonly path: string }): number {
  return Number(left.path.endsWith('*')) - Number(right.path.endsWith('*')) || right.path.length - left.path.length;
}

/** `:name` is one segment that is not empty, `*` at the end any rest. Nothing is decoded and case matters, as in the router. */
function shapeOf(pattern: string): RegExp {
  const body = pattern
    .split('/')
    .map((part) => (part === '*' ? '.*' : part.startsWith(':') ? '[^/]+' : part.replace(/[.+?^${}()|[\]\\]/g, '\\$&')))
    .join('/');
  return new RegExp(`^${body}/?$`, 's');
}
