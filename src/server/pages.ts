// The page for people at /ui/: what was bundled for browsers, out of the executable. No page may load anything from
// another host, and a page's shell holds no secrets.
import type { AnyElysia } from 'elysia';
import { pageBytes } from '../base/assets.ts';
import { Fault } from '../base/fault.ts';
import { pathOf } from '../dialects/intake.ts';
import { pagePolicy } from './page-policy.ts';
import { Served } from './served.ts';

const PAGE_HEADERS = {
  'content-security-policy': pagePolicy(),
  'cross-origin-opener-policy': 'same-origin',
  'permissions-policy': 'camera=(), geolocation=(), microphone=()',
};

const TYPES: Readonly<Record<string, string>> = {
  css: 'text/css; charset=utf-8',
  html: 'text/html; charset=utf-8',
  js: 'text/javascript; charset=utf-8',
  svg: 'image/svg+xml',
};

const FILES = '/ui/files/';
/** The page's own places, by the first word behind /ui/; it finds its way from there. */
const PLACES = /^\/ui\/(?:(?:api|bench|chat|get|instances|models|settings|setup)(?:\/|$)|$)/;
const SHELL = 'index.html';
const redirect = (): Response => new Response(null, { status: 302, headers: { location: '/ui/' } });

export function pages(app: AnyElysia): void {
  const files = new Map<string, Served>();
  const fileOf = (name: string): Served | null => {
    const known = files.get(name);
    if (known !== undefined) return known;
    const contentType = TYPES[name.split('.').at(-1) ?? ''];
    const gzipped = contentType === undefined ? null : pageBytes(name);
    if (contentType === undefined || gzipped === null) return null;
    const isShell = name === SHELL;
    const file = new Served({
      contentType,
      gzipped,
      read: async () => Bun.gunzipSync(gzipped),
      isImmutable: !isShell,
      ...(isShell ? { headers: PAGE_HEADERS } : {}),
    });
    files.set(name, file);
    return file;
  };
  const answer = (request: Request): Promise<Response> | Response => {
    const path = pathOf(request);
    if (path === '/ui') return redirect();
    const isFile = path.startsWith(FILES);
    const isPlace = PLACES.test(path);
    const file = isFile ? fileOf(path.slice(FILES.length)) : isPlace ? fileOf(SHELL) : null;
    if (file !== null) return file.answer(request);
    throw isPlace
      ? new Fault('not_found', 'This build has no page.', { hint: 'Build it with "npm run build".' })
      : new Fault('not_found', `There is nothing at ${path.slice(0, 200)}.`, { hint: 'The page begins at /ui/.' });
  };
  app
    .get('/', redirect, { detail: { hide: true } })
    // The router takes a path with and without its last slash for one and the same.
    .get('/ui/', ({ request }) => answer(request), { detail: { hide: true } })
    .get('/ui/*', ({ request }) => answer(request), { detail: { hide: true } });
}
