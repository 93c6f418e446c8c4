// The page for people at /ui/. Everything is in this file: no page may load anything from another host, and a page's
// shell holds no secrets.
import type { AnyElysia } from 'elysia';
import { pathOf } from '../dialects/intake.ts';

const PAGE_HEADERS = {
  'content-type': 'text/html; charset=utf-8',
  'content-security-policy':
    "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'no-referrer',
  'cache-control': 'no-cache',
};

const PAGE = `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Drover</title>
<style>
  body { font: 16px/1.5 system-ui, sans-serif; max-width: 44rem; margin: 2rem auto; padding: 0 1rem; color-scheme: light dark; }
  li { margin: .25rem 0; } code { font-size: .95em; } .dim { opacity: .7; }
</style>
<h1>Drover</h1>
<p>This server speaks OpenAI's API at <code id="base"></code>. Try it out at <a href="/docs">/docs</a>.</p>
<h2>Models</h2>
<ul id="models"><li class="dim">Reading…</li></ul>
<script>
  document.getElementById('base').textContent = location.origin + '/v1';
  const list = document.getElementById('models');
  const say = (text) => { const item = document.createElement('li'); item.textContent = text; list.append(item); };
  window.fetch('/v1/models').then(async (answer) => {
    const body = await answer.json();
    list.replaceChildren();
    if (!answer.ok) return say(body.error.message);
    if (body.data.length === 0) say('No models yet. Put GGUF files into a folder and name it with --models-folder.');
    for (const model of body.data) say(model.id + ' — ' + model.status.value);
  }).catch((error) => { list.replaceChildren(); say('The server does not answer: ' + error.message); });
</script>
</html>
`;

const redirect = (): Response => new Response(null, { status: 302, headers: { location: '/ui/' } });

export function pages(app: AnyElysia): void {
  const page = (): Response => new Response(PAGE, { headers: PAGE_HEADERS });
  app
    .get('/', redirect, { detail: { hide: true } })
    // The router takes a path with and without its last slash for one and the same.
    .get('/ui/', ({ request }) => (pathOf(request) === '/ui' ? redirect() : page()), { detail: { hide: true } });
}
