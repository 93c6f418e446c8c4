// Whose request is this, may it come from another web page, does it need a key? Pure questions about a method and a
// path, answered in one place so that no route can forget them.
import { scopeOf } from '../access/scopes.ts';

export type DialectId = 'openai' | 'clara' | 'drover';

/** The dialect in whose envelope a path is answered when no route is found, or before one is asked. */
export function ownerOf(path: string): DialectId {
  if (isUnder(path, '/drover')) return 'drover';
  return isUnder(path, '/api') || isUnder(path, '/logs') ? 'clara' : 'openai';
}

const isUnder = (path: string, folder: string): boolean => path === folder || path.startsWith(`${folder}/`);

/** GET routes that start, stop or wake something. */
const ACTING_GETS = /^\/(?:unload|upstream|props|slots|lora-adapters|drover\/fit)(?:\/|$)/;

/** True for whatever another site's page must not be able to cause, `GET /unload` among it. */
export function changesState(method: string, path: string): boolean {
  if (method !== 'GET' && method !== 'HEAD' && method !== 'OPTIONS') return true;
  return ACTING_GETS.test(path);
}

/** What anybody may read or do, key or no key: the permission table says it. */
export const isOpen = (method: string, path: string): boolean => scopeOf(method, path) === 'open';

/** Routes whose body goes to an engine. They may be large. */
const MANAGEMENT = /^\/(?:drover|unload|api|logs)(?:\/|$)/;

export const takesLargeBody = (path: string): boolean => !MANAGEMENT.test(path);
