// The files of the API documents' page, by name: Swagger UI as its package has it, and the little of our own. They are
// inside the executable, are read when somebody asks for them, and hold no secrets: anybody may read them.
import licence from 'swagger-ui-dist/LICENSE' with { type: 'file' };
import notice from 'swagger-ui-dist/NOTICE' with { type: 'file' };
import style from 'swagger-ui-dist/swagger-ui.css' with { type: 'file' };
import bundle from 'swagger-ui-dist/swagger-ui-bundle.js' with { type: 'file' };
import bundleLicences from 'swagger-ui-dist/swagger-ui-bundle.js.LICENSE.txt' with { type: 'file' };
import ownStyle from '../ui/docs/docs.css' with { type: 'file' };
import ownScript from '../ui/docs/docs.js' with { type: 'file' };
import ownResolver from '../ui/docs/docs-resolver.js' with { type: 'file' };
import icon from '../ui/docs/favicon.svg' with { type: 'file' };
import { pagePolicy } from './page-policy.ts';
import { Served } from './served.ts';

const STYLE = 'text/css; charset=utf-8';
const SCRIPT = 'text/javascript; charset=utf-8';
const TEXT = 'text/plain; charset=utf-8';

const file = (contentType: string, ...paths: readonly string[]): Served =>
  new Served({
    contentType,
    read: async () => {
      // A blob of files that lie on the disk is empty in Bun 1.4.5; one of their bytes is not.
      const parts = await Promise.all(paths.map((path) => Bun.file(path).bytes()));
      return parts.length === 1 && parts[0] !== undefined ? parts[0] : new Blob(parts).bytes();
    },
  });

/** By the name below `/docs/`. */
export const DOCS_FILES: ReadonlyMap<string, Served> = new Map([
  ['swagger-ui-bundle.js', file(SCRIPT, bundle)],
  ['swagger-ui.css', file(STYLE, style)],
  ['docs.js', file(SCRIPT, ownScript)],
  ['docs-resolver.js', file(SCRIPT, ownResolver)],
  ['docs.css', file(STYLE, ownStyle)],
  ['favicon.svg', file('image/svg+xml', icon)],
  ['swagger-ui.LICENSE.txt', file(TEXT, notice, licence)],
  ['swagger-ui-bundle.js.LICENSE.txt', file(TEXT, bundleLicences)],
]);

// Swagger UI plays answers from blobs.
const POLICY = pagePolicy('media-src blob:');

const PAGE = `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>Drover: API documents</title>
<link rel="icon" type="image/svg+xml" href="/docs/favicon.svg">
<link rel="stylesheet" href="/docs/swagger-ui.css">
<link rel="stylesheet" href="/docs/docs.css">
<script defer src="/docs/swagger-ui-bundle.js"></script>
<script type="module" src="/docs/docs.js"></script>
<body>
<header class="frame-head">
  <a class="frame-brand" href="/ui/"><img src="/docs/favicon.svg" width="24" height="24" alt="">Drover</a>
  <div class="frame-links">
    <a id="document-link" href="/docs/json" hidden>OpenAPI document</a>
    <button type="button" id="forget-key" hidden>Forget the key</button>
  </div>
</header>
<main>
  <noscript><p class="frame-note">This page needs JavaScript; the document itself is at /docs/json.</p></noscript>
  <p class="frame-note" id="message" role="status">Reading the document…</p>
  <form class="key-form" id="key-form" hidden>
    <label for="key">This server wants a key</label>
    <div class="key-row">
      <input type="password" id="key" autocomplete="off" spellcheck="false">
      <button type="submit">Go on</button>
    </div>
    <p>It is kept in this tab until you close it, and sent to this server only. Make one with: drover keys add NAME</p>
  </form>
  <div id="swagger-ui"></div>
</main>
<footer class="frame-foot">Shown by Swagger UI: <a href="/docs/swagger-ui.LICENSE.txt">its licence</a>,
<a href="/docs/swagger-ui-bundle.js.LICENSE.txt">what it holds</a></footer>
</body>
</html>
`;

/** The page itself. */
export const DOCS_PAGE = new Served({
  contentType: 'text/html; charset=utf-8',
  read: async () => new TextEncoder().encode(PAGE),
  headers: { 'content-security-policy': POLICY },
});
