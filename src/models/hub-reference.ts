// What people write for a model on a hub (`owner/name:Q4_K_M`, a page's address, a file's address) as parsed parts, and the
// addresses made of such parts. Pure. A part that could leave its folder or its repository must never come out of here.
import { Fault } from '../base/fault.ts';
import { parseFileName, shardName } from './names.ts';

export const HUB_ENDPOINT = 'https://huggingface.co';
/** Hosts of the hub's own pages; their addresses mean the configured endpoint, whatever that is. */
const HUB_NAMES = new Set(['huggingface.co', 'www.huggingface.co', 'hf.co']);
/** Published models have some dozens of parts at most. */
const PARTS_MAX = 500;
/** The hub's pages and the stores that it redirects to. */
const HUB_HOSTS = ['https://huggingface.co', 'https://*.huggingface.co', 'https://hf.co', 'https://*.hf.co'];

export interface RepositoryReference {
  readonly kind: 'repository';
  /** `owner/name`. */
  readonly repository: string;
  /** Branch, tag or commit; null: the main branch. */
  readonly revision: string | null;
  /** As asked for, upper case: `Q4_K_M`; null where nothing was asked. */
  readonly quantization: string | null;
  /** Path of one file in the repository, or just its name; null where none was named. */
  readonly file: string | null;
  /** Folder of the repository that the choice is limited to, or null. */
  readonly folder: string | null;
}

export interface UrlReference {
  readonly kind: 'url';
  readonly url: string;
  /** The last part of its path, decoded. */
  readonly fileName: string;
}

export type HubReference = RepositoryReference | UrlReference;

/** The base address without a slash at its end. Throws a Fault `config_invalid` for anything but http(s). */
export function parseEndpoint(text: string | null | undefined): string {
  const given = text?.trim() ?? '';
  if (given === '') return HUB_ENDPOINT;
  const url = URL.canParse(given) ? new URL(given) : null;
  const isUsable = url !== null && /^https?:$/.test(url.protocol) && url.username === '' && url.password === '';
  if (!isUsable) {
    throw new Fault('config_invalid', `HF_ENDPOINT is not an address of a hub: ${given.slice(0, 200)}`, {
      hint: `Write it like ${HUB_ENDPOINT}, or leave it away.`,
    });
  }
  return `${url.origin}${url.pathname}`.replace(/\/+$/, '');
}

/** Patterns of the hosts that files of this endpoint come from. */
export function hubHosts(endpoint: string): readonly string[] {
  const { origin } = new URL(endpoint);
  return HUB_HOSTS.includes(origin) ? HUB_HOSTS : [origin, ...HUB_HOSTS];
}

/** True for addresses below the endpoint: those alone may see its token. */
export function isOnHub(address: string, endpoint: string): boolean {
  return address.startsWith(`${endpoint}/`) && URL.canParse(address);
}

/** Parses what a person wrote. Throws a Fault `bad_request` that says what is accepted. */
export function parseReference(text: string, endpoint: string = HUB_ENDPOINT): HubReference {
  const trimmed = text.trim();
  if (trimmed === '' || trimmed.length > 2048 || /[\s\p{Cc}]/u.test(trimmed) || !trimmed.isWellFormed()) {
    throw refusal(trimmed, 'it is empty, too long or has spaces in it');
  }
  const bare = /^(?:www\.)?(?:huggingface\.co|hf\.co)\/(.+)$/i.exec(trimmed)?.[1];
  if (bare !== undefined) return parsePath(bare.replace(/[?#].*$/, ''), trimmed);
  if (/^[a-z][a-z0-9+.-]*:\/\//i.test(trimmed)) return parseAddress(trimmed, endpoint);
  return parseShort(trimmed, trimmed);
}

/** The address that a file is downloaded from. */
export function resolveUrl(endpoint: string, repository: string, revision: string, path: string): string {
  return `${endpoint}/${repository}/resolve/${encodeURIComponent(revision)}/${path.split('/').map(encodeURIComponent).join('/')}`;
}

/** `owner/name` and the path of an address that `resolveUrl` could have made, whatever kind of file; null for any other. */
export function resolvedParts(
  address: string,
  endpoint: string,
): { readonly repository: string; readonly path: string } | null {
  if (!isOnHub(address, endpoint)) return null;
  const [owner = '', name = '', verb, , ...rest] = address
    .slice(endpoint.length + 1)
    .replace(/[?#].*$/, '')
    .split('/');
  const repository = parseRepository(`${owner}/${name}`);
  const segments = rest.map(decoded);
  const path = segments.includes(null) ? null : parseRepositoryPath(segments.join('/'));
  return verb === 'resolve' && repository !== null && path !== null ? { repository, path } : null;
}

/** The addresses of all parts of the split file that `address` is a part of, else just itself. */
export function partsOfAddress(address: string): readonly { readonly url: string; readonly fileName: string }[] {
  const url = new URL(address);
  const folder = url.pathname.slice(0, url.pathname.lastIndexOf('/') + 1);
  const fileName = decoded(url.pathname.slice(folder.length)) ?? url.pathname.slice(folder.length);
  const { stem, shard } = parseFileName(fileName);
  if (shard === null || shard.count > PARTS_MAX) return [{ url: address, fileName }];
  return Array.from({ length: shard.count }, (_, index) => {
    const name = shardName(stem, index + 1, shard.count);
    return { url: `${url.origin}${folder}${encodeURIComponent(name)}${url.search}`, fileName: name };
  });
}

/** The page of a repository, where licences are accepted. */
export const pageUrl = (endpoint: string, repository: string): string => `${endpoint}/${repository}`;

/** A path inside a repository, or null where it could lead out of it. */
export function parseRepositoryPath(text: string): string | null {
  if (text.length > 1024 || !text.isWellFormed() || /[\p{Cc}\\]/u.test(text)) return null;
  const segments = text.split('/');
  return segments.every((segment) => segment !== '' && segment !== '.' && segment !== '..') ? text : null;
}

function parseAddress(text: string, endpoint: string): HubReference {
  const url = URL.canParse(text) ? new URL(text) : null;
  if (url === null || !/^https?:$/.test(url.protocol)) throw refusal(text, 'only http and https addresses are read');
  if (url.username !== '' || url.password !== '') throw refusal(text, 'it has a user name in it');
  // Read from the text: a parsed address has its dots folded away already, and what was meant is not known then.
  const rawPath = /^[^:]+:\/\/[^/?#]*([^?#]*)/.exec(text)?.[1] ?? '';
  if (rawPath.split('/').some((segment) => /^(\.|%2e){1,2}$/i.test(segment)))
    throw refusal(text, 'its path has dots in it');
  const base = new URL(endpoint);
  const prefix = base.pathname.replace(/\/+$/, '');
  if (url.host === base.host && rawPath.startsWith(`${prefix}/`))
    return parsePath(rawPath.slice(prefix.length + 1), text);
  if (HUB_NAMES.has(url.host)) return parsePath(rawPath.slice(1), text);
  const fileName = decoded(rawPath.split('/').at(-1) ?? '');
  if (fileName === null || parseRepositoryPath(fileName) === null || !/.\.gguf$/i.test(fileName)) {
    throw refusal(text, 'it is neither on the hub nor the address of a .gguf file');
  }
  return { kind: 'url', url: `${url.origin}${url.pathname}${url.search}`, fileName };
}

/** `owner/name[:tag]` or `owner/name/(resolve|blob|raw|tree)/REVISION[/path]`, each part encoded as in an address. */
function parsePath(path: string, text: string): RepositoryReference {
  const [owner = '', name = '', verb, ...rest] = path.replace(/\/+$/, '').split('/');
  if (verb === undefined) return parseShort(`${owner}/${name}`, text);
  if (!['resolve', 'blob', 'raw', 'tree'].includes(verb)) throw refusal(text, 'it is another page of the hub');
  const repository = parseRepository(`${owner}/${name}`);
  const revision = decoded(rest[0] ?? '');
  if (repository === null || revision === null || !isRevision(revision)) throw refusal(text, 'its parts make no sense');
  const segments = rest.slice(1).map(decoded);
  const inner = segments.includes(null) ? null : parseRepositoryPath(segments.join('/'));
  const shared = { kind: 'repository', repository, revision: revision === 'main' ? null : revision } as const;
  if (verb === 'tree' && segments.length === 0) return { ...shared, quantization: null, file: null, folder: null };
  if (inner === null || segments.some((segment) => segment?.includes('/')))
    throw refusal(text, 'its path makes no sense');
  if (verb === 'tree') return { ...shared, quantization: null, file: null, folder: inner };
  if (!/.\.gguf$/i.test(inner)) throw refusal(text, 'it is the address of a file that is no .gguf');
  return { ...shared, quantization: null, file: inner, folder: null };
}

function parseShort(short: string, text: string): RepositoryReference {
  const colon = short.indexOf(':');
  const repository = parseRepository(colon === -1 ? short : short.slice(0, colon));
  if (repository === null) throw refusal(text, 'a repository is written owner/name');
  const shared = { kind: 'repository', repository, revision: null, folder: null } as const;
  if (colon === -1) return { ...shared, quantization: null, file: null };
  const tag = short.slice(colon + 1);
  if (/.\.gguf$/i.test(tag)) {
    const file = parseRepositoryPath(tag);
    if (file === null) throw refusal(text, 'the file behind the colon makes no sense');
    return { ...shared, quantization: null, file };
  }
  if (!/^[a-z0-9][a-z0-9._-]{0,63}$/i.test(tag))
    throw refusal(text, 'the quantization behind the colon makes no sense');
  return { ...shared, quantization: tag.toUpperCase(), file: null };
}

/** The hub's own rule: letters, digits, `-`, `_`, `.`, none of `-` and `.` at an end or doubled, no `.git` at the end. */
export function parseRepository(text: string): string | null {
  const parts = text.split('/');
  const isName = (part: string): boolean =>
    /^[A-Za-z0-9_](?:[A-Za-z0-9._-]{0,94}[A-Za-z0-9_])?$/.test(part) && !/--|\.\./.test(part) && !/\.git$/i.test(part);
  return parts.length === 2 && parts.every(isName) ? text : null;
}

const isRevision = (text: string): boolean =>
  /^[A-Za-z0-9._][A-Za-z0-9._/-]{0,199}$/.test(text) && !/\.\.|\/\/|\/$/.test(text) && text !== '.';

function decoded(text: string): string | null {
  try {
    return decodeURIComponent(text);
  } catch {
    return null;
  }
}

function refusal(text: string, reason: string): Fault {
  const shown = text.replace(/\p{Cc}/gu, '?').slice(0, 200);
  return new Fault('bad_request', `This names no model that could be downloaded (${reason}): ${shown}`, {
    hint: 'Write owner/name, owner/name:Q4_K_M, the address of a repository or the address of a .gguf file.',
  });
}
