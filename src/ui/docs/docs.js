// The page of the API documents: fetches the document, with a key where one is needed, and shows it by Swagger UI. The key
// stays in this tab (sessionStorage), and nothing is ever asked of another host.
import { namedBy, resolver } from './docs-resolver.js';

const DOCUMENT = '/docs/json';
const KEY_NAME = 'drover-key';
/** "Try it out" waits for the end of an answer, and some streams have none: so long they are read. */
const ENDLESS_MS = 5000;

const elementOf = (id) => document.getElementById(id);
const message = elementOf('message');
const keyForm = elementOf('key-form');
const keyField = elementOf('key');

function say(text, isError = false) {
  message.textContent = text;
  message.classList.toggle('is-error', isError);
  message.hidden = text === '';
}

function followTheme() {
  const dark = matchMedia('(prefers-color-scheme: dark)');
  const apply = () => document.documentElement.classList.toggle('dark-mode', dark.matches);
  apply();
  dark.addEventListener('change', apply);
}

const headersWith = (key) => (key === null ? {} : { authorization: `Bearer ${key}` });

/** The document as text, or why there is none. */
async function fetchDocument(key) {
  try {
    const answer = await fetch(DOCUMENT, { headers: headersWith(key) });
    const text = await answer.text();
    if (answer.ok) return { status: answer.status, text };
    return { status: answer.status, reason: reasonIn(text) ?? `the server answered ${answer.status}` };
  } catch (thrown) {
    return { status: 0, reason: `the server does not answer (${thrown.message})` };
  }
}

function reasonIn(text) {
  try {
    return JSON.parse(text).error.message.replace(/\.$/, '');
  } catch {
    return null;
  }
}

async function open() {
  const kept = sessionStorage.getItem(KEY_NAME);
  const found = await fetchDocument(kept);
  if (found.text !== undefined) show(found.text, kept);
  else if (found.status === 401 || found.status === 403) {
    sessionStorage.removeItem(KEY_NAME);
    if (found.status === 403) ask(`${found.reason}.`);
    else ask(kept === null ? '' : 'The key of this tab is not accepted any more.');
  } else say(`The document cannot be read: ${found.reason}.`, true);
}

function ask(text) {
  say(text, text !== '');
  keyForm.hidden = false;
  keyField.focus();
}

async function tryKey() {
  const key = keyField.value.trim();
  if (key === '') return say('Write the key first.', true);
  say('Asking…');
  const found = await fetchDocument(key);
  if (found.text === undefined) {
    say(found.status === 401 ? 'This key is not accepted.' : `The document cannot be read: ${found.reason}.`, true);
    keyField.select();
    return;
  }
  sessionStorage.setItem(KEY_NAME, key);
  keyForm.hidden = true;
  keyField.value = '';
  show(found.text, key);
}

/** A link cannot send the key, so with one it leads to what was fetched with it. */
function offerDocument(text, key) {
  const link = elementOf('document-link');
  link.hidden = false;
  if (key === null) return;
  const forget = elementOf('forget-key');
  forget.hidden = false;
  forget.addEventListener('click', () => {
    sessionStorage.removeItem(KEY_NAME);
    location.reload();
  });
  link.href = URL.createObjectURL(new Blob([text], { type: 'application/json' }));
  link.download = 'drover-openapi.json';
}

function show(text, key) {
  say('');
  offerDocument(text, key);
  const ui = window.SwaggerUIBundle({
    spec: prefilled({ ...JSON.parse(text), servers: [{ url: location.origin, description: 'This server' }] }),
    dom_id: '#swagger-ui',
    deepLinking: true,
    filter: true,
    tryItOutEnabled: true,
    // Tags alone: an overview of a hundred operations is none.
    docExpansion: 'none',
    defaultModelsExpandDepth: 0,
    displayRequestDuration: true,
    persistAuthorization: false,
    validatorUrl: null,
    plugins: [resolver, operationFilter, player],
    requestInterceptor: (request) => Object.assign(request, { userFetch: fetchInPart }),
  });
  if (key !== null) ui.preauthorizeApiKey('bearer', key);
}

/** Of a form, Swagger UI reads no example but that of each field; without one it sends the word "string". */
function prefilled(spec) {
  for (const operation of Object.values(spec.paths).flatMap((item) => Object.values(item))) {
    for (const [type, media] of Object.entries(operation.requestBody?.content ?? {})) {
      if (!/form-data|x-www-form-urlencoded/.test(type)) continue;
      const example = media.example ?? Object.values(media.examples ?? {})[0]?.value ?? {};
      const { $ref: reference } = media.schema;
      const schema = reference === undefined ? media.schema : namedBy(spec, reference);
      const fields = Object.entries(schema.properties ?? {}).map(([field, property]) => [
        field,
        property.format === 'binary' ? property : { ...property, example: example[field] ?? '' },
      ]);
      media.schema = { ...schema, properties: Object.fromEntries(fields) };
    }
  }
  return spec;
}

/** The filter box finds paths and summaries, not only tags, and opens the tags in which it finds something. */
function operationFilter() {
  const holds = (text, phrase) =>
    String(text ?? '')
      .toLowerCase()
      .includes(phrase);
  return {
    fn: {
      opsFilter: (taggedOperations, words) => {
        const phrase = words.trim().toLowerCase();
        const isWanted = (operation) =>
          holds(operation.get('path'), phrase) || holds(operation.getIn(['operation', 'summary']), phrase);
        return taggedOperations
          .map((tagged, tag) =>
            holds(tag, phrase) ? tagged : tagged.update('operations', (operations) => operations.filter(isWanted)),
          )
          .filter((tagged) => tagged.get('operations').size > 0);
      },
    },
    statePlugins: {
      layout: {
        wrapSelectors: {
          isShown: (original, system) => (_state, thing, fallback) => {
            const filter = system.layoutSelectors.currentFilter();
            const isFiltered = typeof filter === 'string' && filter.trim() !== '';
            if (isFiltered && Array.isArray(thing) && thing[0] === 'operations-tag') return original(thing, true);
            return original(thing, fallback);
          },
        },
      },
    },
  };
}

/** Sound that came as an answer is played from there; Swagger UI would ask for it a second time, by GET. */
function player() {
  const Player = (React, content) => {
    const address = React.useMemo(() => URL.createObjectURL(content), [content]);
    React.useEffect(() => () => URL.revokeObjectURL(address), [address]);
    return React.createElement('audio', { controls: true, src: address });
  };
  return {
    wrapComponents: {
      responseBody: (Original, { React }) => {
        const Played = ({ content }) => Player(React, content);
        return (props) =>
          props.content instanceof Blob && /^audio\//i.test(props.contentType)
            ? React.createElement(Played, { content: props.content })
            : React.createElement(Original, props);
      },
    },
  };
}

/** Like fetch, but of a stream that may have no end only what comes in the first seconds. */
async function fetchInPart(url, options) {
  const answer = await fetch(url, options);
  const type = answer.headers.get('content-type') ?? '';
  const isStream = /event-stream|ndjson/.test(type) || (/^text\//.test(type) && !answer.headers.has('content-length'));
  const mayBeEndless = String(options.method).toUpperCase() === 'GET' && isStream;
  if (!mayBeEndless || answer.body === null) return answer;
  const reader = answer.body.getReader();
  const pieces = [];
  let isCut = false;
  const timer = setTimeout(() => {
    isCut = true;
    reader.cancel();
  }, ENDLESS_MS);
  for (;;) {
    const { done, value } = await reader.read();
    if (done) break;
    pieces.push(value);
  }
  clearTimeout(timer);
  // Lines of JSON have no place for a remark.
  if (isCut && !type.includes('json')) pieces.push(`\n: only the first ${ENDLESS_MS / 1000} seconds are shown here\n`);
  return new Response(new Blob(pieces), { status: answer.status, headers: answer.headers });
}

followTheme();
keyForm.addEventListener('submit', (event) => {
  event.preventDefault();
  tryKey();
});
open();
