// The one extractor: every text of a request that may be a key, whichever way it came. It must never judge them, nor give
// one to a log, an answer or an engine.

const BEARER = 'bearer ';
const PARAMETER = 'api_key=';

/** Candidates in the order Authorization, X-API-Key, `?api_key=`; any good one counts. */
export function credentialsOf(request: Request): readonly string[] {
  const found: string[] = [];
  const { headers, url } = request;
  const authorization = headers.get('authorization');
  if (authorization !== null && authorization.slice(0, BEARER.length).toLowerCase() === BEARER) {
    addHeader(found, authorization.slice(BEARER.length).trim());
  }
  addHeader(found, headers.get('x-api-key') ?? '');
  if (url.includes(PARAMETER)) addParameter(found, url);
  return found;
}

/** Headers come as bytes, which the runtime shows as Latin-1: a client that meant UTF-8 is understood as well. */
function addHeader(found: string[], text: string): void {
  if (text === '') return;
  found.push(text);
  if (!/[\u0080-\u00ff]/.test(text)) return;
  const reread = Buffer.from(text, 'latin1').toString('utf8');
  if (!reread.includes('\ufffd')) found.push(reread);
}

/**
 * Exactly what is cut out of targets on their way to an engine: a pair that begins with `api_key=` as it was sent. Spelled
 * otherwise it is no credential, or it would pass through.
 */
function addParameter(found: string[], url: string): void {
  const query = url.indexOf('?');
  if (query === -1) return;
  const pair = url
    .slice(query + 1)
    .split('&')
    .find((candidate) => candidate.startsWith(PARAMETER));
  const text = pair?.slice(PARAMETER.length) ?? '';
  if (text === '') return;
  found.push(decoded(text));
  // Clients that paste a key into an address send its plus as it is; forms send a space that way.
  if (text.includes('+')) found.push(decoded(text.replaceAll('+', ' ')));
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
