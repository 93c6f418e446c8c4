// Whose request is this, may it come from another web page, does it need a key? Pure questions about a method and a
// path, answered in one place so that no route can forget them.
import { scopeOf } from '../access/scopes.ts';

export const DIALECT_IDS = ['openai', 'clara', 'llamactl', 'llamahome', 'beautyai', 'obt', 'drover'] as const;
export type DialectId = (typeof DIALECT_IDS)[number];

const IDS: ReadonlySet<string> = new Set(DIALECT_IDS);
export const isDialect = (word: string): word is DialectId => IDS.has(word);

/** LlamaHome's own names, at home under /api and once more under /v1. */
export const LLAMAHOME_NAMES = [
  ...(['process', 'process_prompt', 'stream', 'load_model', 'unload_model', 'configure_model', 'get_config'] as const),
  ...(['save_config', 'reset_config', 'health_check', 'logs', 'clear_cache', 'diagnostics', 'shutdown'] as const),
];

/** Whose a path is; the first that matches. */
const OWNERS: readonly (readonly [DialectId, RegExp])[] = [
  ['drover', /^\/drover(?:\/|$)/],
  ['obt', /^(?:\/api\/v1(?:\/|$)|\/ws\/test-progress\/?$)/],
  ['llamactl', /^\/api\/(?:instances(?:\/|$)|auth(?:\/|$)|system\/(?:status|info)\/?$|ws\/?$)/],
  ['llamahome', new RegExp(`^/(?:(?:api|v1)/(?:${LLAMAHOME_NAMES.join('|')})|api/models|v1/ws)/?$`)],
  ['clara', /^\/(?:api|logs)(?:\/|$)/],
  ['beautyai', /^\/(?:models|system|inference)(?:\/|$)/],
  ['openai', /^\/(?:v1|chat|completions?|embeddings?|rerank(?:ing)?|responses|infill|(?:de)?tokenize|audio)(?:\/|$)/],
  ['openai', /^\/(?:apply-template|props|slots|lora-adapters|upstream|metrics|running|unload|info)(?:\/|$)/],
];

const ownedBy = (path: string): DialectId | null => OWNERS.find(([, shape]) => shape.test(path))?.[0] ?? null;

/** The dialect in whose envelope a path is answered when no route is found, or before one is asked. */
export const ownerOf = (path: string): DialectId => ownedBy(path) ?? 'openai';

/** Of a path that is another's, the one method that is llamactl's alone. */
const LLAMACTL_PUT = /^\/api\/config\/?$/;

/** Paths that two dialects have: whoever is asked for by listener, prefix or header answers. */
const CONTESTED = /^\/api\/(?:config|metrics)\/?$/;

/** The dialect that answers for a path: its owner; but who asked for another gets that where the path is nobody's or contested. */
export function speakerOf(path: string, asked: DialectId | null, method = 'GET'): DialectId {
  const owner = method === 'PUT' && LLAMACTL_PUT.test(path) ? 'llamactl' : ownedBy(path);
  if (asked !== null && (owner === null || CONTESTED.test(path))) return asked;
  return owner ?? 'openai';
}

/**
 * Whose a `POST /api/config` is: ClaraCore's has a text of YAML; LlamaHome's names its settings, or nothing at all to read
 * them. What is neither is told what ClaraCore's lacks.
 */
export function configSpeaker(
  fields: Readonly<Record<string, unknown>>,
  asked: DialectId | null,
): 'clara' | 'llamahome' {
  if (asked === 'clara' || asked === 'llamahome') return asked;
  if (Object.hasOwn(fields, 'yaml')) return 'clara';
  const isHome = ['model_settings', 'system_settings'].some((name) => Object.hasOwn(fields, name));
  return isHome || Object.keys(fields).length === 0 ? 'llamahome' : 'clara';
}

const DIALECT_PREFIX = /^\/dialect\/([\w-]+)(?=\/|$)/;

/** `/dialect/obt/api/v1/models` → `obt` and `/api/v1/models`; null where it is no such path or no such dialect. */
export function splitPrefix(path: string): { readonly dialect: DialectId; readonly rest: string } | null {
  const [prefix = '', id = ''] = DIALECT_PREFIX.exec(path) ?? [];
  return isDialect(id) ? { dialect: id, rest: path.slice(prefix.length) || '/' } : null;
}

/** GET routes that start, stop or wake something. */
const ACTING_GETS = /^\/(?:unload|upstream|props|slots|lora-adapters|drover\/fit)(?:\/|$)/;

/** True for whatever another site's page must not be able to cause, `GET /unload` among it. */
export function changesState(method: string, path: string): boolean {
  if (method !== 'GET' && method !== 'HEAD' && method !== 'OPTIONS') return true;
  return ACTING_GETS.test(path);
}

/** What anybody may read or do, key or no key: the permission table says it. */
export const isOpen = (method: string, path: string): boolean => scopeOf(method, path) === 'open';

/** All routes but those whose body goes to an engine, or holds what was said to one: those may be large. */
const MANAGEMENT = /^\/(?:drover(?!\/chats\/)|unload|api|logs|models|system|ws)(?:\/|$)/;

export const takesLargeBody = (path: string): boolean => !MANAGEMENT.test(path);
