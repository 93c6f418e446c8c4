// The hub's refusals in plain words: a licence to accept, a token that lacks a right, a repository that is not there or not
// to be seen, a limit and when it ends. It must never put a token or a signed address into a message.
import { Fault } from '../base/fault.ts';
import { faultOfStatus } from '../base/http.ts';
import { pageUrl } from './hub-reference.ts';

export interface HubRequestFacts {
  readonly endpoint: string;
  /** `owner/name`; null where the request is about none. */
  readonly repository: string | null;
  readonly hasToken: boolean;
}

/** An answer that is no success, as a Fault. `X-Error-Code` and the `RateLimit` header as the hub's own client reads them. Drops the body. */
export async function hubFault(response: Response, url: URL, facts: HubRequestFacts): Promise<Fault> {
  const code = response.headers.get('x-error-code');
  const said = response.headers.get('x-error-message');
  const general = await faultOfStatus(response, url);
  const { status } = response;
  const details = { ...general.details, errorCode: code };
  if (status === 429) return limitFault(response.headers, general, url, facts.hasToken, details);
  const { repository, endpoint } = facts;
  if (repository === null || ![401, 403, 404].includes(status)) return general;
  const page = pageUrl(endpoint, repository);
  const kind = status === 401 ? 'unauthorized' : status === 403 ? 'forbidden' : 'not_found';
  if (code === 'GatedRepo') {
    const hint = facts.hasToken
      ? `Accept the licence on ${page} with the account that the token belongs to, or wait for its approval; a fine-grained token also needs the right to read gated repositories.`
      : `Accept the licence on ${page}, then set a token of the same account (HF_TOKEN).`;
    const message = facts.hasToken
      ? `${repository} is gated, and the token's account has no access to it: its licence has to be accepted first.`
      : `${repository} is gated: its licence has to be accepted first, and no token was sent.`;
    return new Fault(kind, message, { hint, details });
  }
  if (code === 'RevisionNotFound') return new Fault('not_found', `${repository} has no such revision.`, { details });
  if (code === 'EntryNotFound') {
    return new Fault('not_found', `${repository} has no such file: ${lastPart(url)}.`, { details });
  }
  if (status === 401 && facts.hasToken && code !== 'RepoNotFound') {
    return new Fault('unauthorized', `${url.host} does not accept the token.`, {
      hint: 'It may be mistyped, expired or revoked; set another one (HF_TOKEN).',
      details,
    });
  }
  if (status === 403) {
    return new Fault('forbidden', `${url.host} refuses access to ${repository}${said === null ? '' : `: ${said}`}`, {
      hint: `Look at ${page}: the token may lack the right to read it, or the repository is disabled.`,
      details,
    });
  }
  // Unknown and private repositories answer alike, so that nobody can tell which names exist.
  return new Fault('not_found', `${url.host} shows no repository ${repository}: there is none, or it is private.`, {
    blame: 'caller',
    hint: facts.hasToken
      ? 'Check its name; if it is private, the token must belong to an account that may see it.'
      : 'Check its name; if it is private or gated, set a token (HF_TOKEN).',
    details,
  });
}

function limitFault(
  headers: Headers,
  general: Fault,
  url: URL,
  hasToken: boolean,
  known: Readonly<Record<string, unknown>>,
): Fault {
  const seconds = limitSeconds(headers);
  if (seconds === null) return general;
  const resetAt = Date.now() + seconds * 1000;
  const retryAfterMs = known.retryAfterMs ?? seconds * 1000;
  return new Fault('rate_limited', `${url.host} takes no more requests until ${new Date(resetAt).toISOString()}.`, {
    blame: 'remote',
    hint: hasToken ? 'Wait until then.' : 'Wait until then, or set a token (HF_TOKEN): limits with one are higher.',
    details: { ...known, resetAt, retryAfterMs },
  });
}

/** Seconds until the window ends: `RateLimit: "api";r=0;t=55`; null where absent. */
export function limitSeconds(headers: Headers): number | null {
  const match = /(?:^|;)\s*t=(\d{1,7})\s*(?:;|,|$)/.exec(headers.get('ratelimit') ?? '');
  return match === null ? null : Number(match[1]);
}

function lastPart(url: URL): string {
  const part = url.pathname.split('/').at(-1) ?? '';
  try {
    return decodeURIComponent(part).replace(/\p{Cc}/gu, '?');
  } catch {
    return part;
  }
}
