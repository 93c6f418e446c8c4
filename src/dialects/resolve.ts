// Whose request is this, may it come from another web page, does it need a key? Pure questions about a method and a
// path, answered in one place so that no route can forget them.

export type DialectId = 'openai' | 'drover';

/** The dialect in whose envelope a path is answered when no route is found, or before one is asked. */
export function ownerOf(path: string): DialectId {
  return path === '/drover' || path.startsWith('/drover/') ? 'drover' : 'openai';
}

/** GET routes that start, stop or wake something. */
const ACTING_GETS = /^\/(?:unload|upstream|props|slots|lora-adapters|drover\/fit)(?:\/|$)/;

/** True for whatever another site's page must not be able to cause, `GET /unload` among it. */
export function changesState(method: string, path: string): boolean {
  if (method !== 'GET' && method !== 'HEAD' && method !== 'OPTIONS') return true;
  return ACTING_GETS.test(path);
}

/** The page of the API documents and its files, which all have an extension; the document itself is not among them. */
const DOCS_SHELL = /^\/docs(?:\/|\/[\w-]+(?:\.[\w-]+)+)?$/;

/** What anybody may read, key or no key: it holds no secrets. */
export function isOpen(method: string, path: string): boolean {
  if (method !== 'GET' && method !== 'HEAD') return false;
  if (DOCS_SHELL.test(path)) return true;
  return path === '/' || path === '/health' || path === '/ui' || path.startsWith('/ui/') || path === '/favicon.ico';
}

/** Routes whose body goes to an engine. They may be large. */
const MANAGEMENT = /^\/(?:drover|unload|api)(?:\/|$)/;

export const takesLargeBody = (path: string): boolean => !MANAGEMENT.test(path);
