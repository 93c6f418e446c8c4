// What an answer to a download's question claims to be, and whether that fits what is there already.
// It must never let a body pass for a piece of the file that it may not be a piece of.
import { Fault } from './fault.ts';
import { bareAddress } from './http-hosts.ts';
import { discard } from './http-request.ts';

/** What is asked for: from `start` on, up to and without `end`, or to the end of the file where that is null. */
export interface Asked {
  readonly start: number;
  readonly end: number | null;
}

/** A body, and what it is a piece of. */
export interface Answer {
  readonly response: Response;
  readonly url: URL;
  /** The whole file whatever was asked, or the range. */
  readonly status: 200 | 206;
  /** Exclusive; null where nobody says how long the body is. */
  readonly end: number | null;
  readonly totalBytes: number | null;
  readonly etag: string | null;
  /** A strong ETag, else the date of the last change: what `If-Range` may name. */
  readonly validator: string | null;
}

/** `past_end`: there is no such range. `lied`: a range was sent that was not asked for. The body is dropped already. */
export interface NoBody {
  readonly status: 'past_end' | 'lied';
  readonly url: URL;
  readonly fault: Fault;
}

/** Reads the head of a 200 or a 206. */
export async function readAnswer(response: Response, url: URL, asked: Asked | null): Promise<Answer | NoBody> {
  const { headers } = response;
  const etag = headers.get('etag');
  const isStrong = etag !== null && !etag.startsWith('W/');
  const validator = isStrong ? etag : headers.get('last-modified');
  const common = { response, url, etag, validator };
  if (response.status === 200) {
    const text = headers.get('content-length');
    const length = text === null ? null : Number(text);
    return { ...common, status: 200, end: length, totalBytes: length };
  }
  const range = /^bytes (\d+)-(\d+)\/(\d+|\*)$/.exec(headers.get('content-range') ?? '');
  const [start, last, total] = [Number(range?.[1]), Number(range?.[2]), Number(range?.[3])];
  const isTrue = range !== null && asked !== null && start === asked.start && last >= start && !(last >= total);
  if (isTrue) return { ...common, status: 206, end: last + 1, totalBytes: Number.isNaN(total) ? null : total };
  await discard(response);
  const fault = new Fault('offline', `${url.host} sent another part of ${bareAddress(url)} than was asked for.`, {
    blame: 'remote',
    details: { host: url.host },
  });
  return { status: 'lied', url, fault };
}

/** What is known of the file, and of what is there of it. */
export interface Known {
  /** The size that it must have; null where any is fine. */
  readonly wantedBytes: number | null;
  /** Whether a digest will judge in the end. */
  readonly isVerifiable: boolean;
  readonly totalBytes: number | null;
  readonly validator: string | null;
  /** Whether there are bytes that the new ones must fit, or connections that fetch them now. */
  readonly hasMore: boolean;
  /** Whether several connections are at work, or were. */
  readonly isParallel: boolean;
  /** Whether the file comes as one body, of which an answer may be the rest. */
  readonly isOneBody: boolean;
  /** A file up to this size comes by one request. */
  readonly smallBytes: number;
}

/**
 * What an answer is worth: `piece`: what was asked for. `body`: the whole file, from its start. `changed`: a piece of
 * another file than the one that is there in part. `rangeless`: the file cannot be put together from pieces.
 * Throws `bad_gateway` for what can never be the file; nothing is to be thrown away for that, since it may be a page of
 * something on the way.
 */
export function weigh(answer: Answer, known: Known): 'piece' | 'body' | 'changed' | 'rangeless' {
  requirePlain(answer, known.isVerifiable);
  const { totalBytes, url, validator } = answer;
  if (known.wantedBytes !== null && totalBytes !== null && totalBytes !== known.wantedBytes) {
    throw wrong(`${bareAddress(url)} is ${totalBytes} bytes long instead of ${known.wantedBytes}.`);
  }
  const isOther =
    (totalBytes !== null && known.totalBytes !== null && totalBytes !== known.totalBytes) ||
    (validator !== null && known.validator !== null && validator !== known.validator);
  if (answer.status === 200) {
    if (!known.isParallel) return 'body';
    return validator !== null && !isOther ? 'rangeless' : 'changed';
  }
  if (known.hasMore && isOther) return 'changed';
  if (known.isOneBody) return 'piece';
  // Without validator and digest nobody could tell that a second piece is of the same file.
  const isLone = totalBytes !== null && totalBytes <= known.smallBytes && answer.end === totalBytes;
  const canJoin = known.isVerifiable || validator !== null || isLone || known.isParallel;
  return totalBytes === null || !canJoin ? 'rangeless' : 'piece';
}

/** What is encoded on the way can only be believed by its digest. */
function requirePlain({ response, url }: Answer, isVerifiable: boolean): void {
  const encoding = response.headers.get('content-encoding') ?? 'identity';
  if (encoding === 'identity' || encoding === '' || isVerifiable) return;
  throw wrong(`${url.host} sends ${bareAddress(url)} encoded as ${encoding}, so its bytes cannot be trusted.`);
}

const wrong = (message: string): Fault => new Fault('bad_gateway', message, { blame: 'remote' });
