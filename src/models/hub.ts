// Remote names → files: what a repository holds, which of its files somebody means, where each is downloaded from and by which
// digest it is known. Nothing here writes to disk; the client library is loaded when somebody first asks.
import { Fault } from '../base/fault.ts';
import { type HubAccess, hubFetch, inspectFile, type RemoteFile } from './hub-door.ts';
import { type RemoteFacts, readRemoteFacts } from './hub-facts.ts';
import { type DownloadPlan, gateOf, type HubListing, planOf, planOfAddress } from './hub-plan.ts';
import { chooseQuant, type HubFile, quantsOf } from './hub-quants.ts';
import {
  type HubReference,
  parseEndpoint,
  parseReference,
  parseRepository,
  parseRepositoryPath,
} from './hub-reference.ts';
import { type HubHit, type SearchWishes, searchHub } from './hub-search.ts';

export type { RemoteFile } from './hub-door.ts';
export type { RemoteFacts } from './hub-facts.ts';
export { type DownloadPlan, type Gate, type HubListing, type PlannedFile, planOf } from './hub-plan.ts';
export type { HubHit, SearchOrder } from './hub-search.ts';

export interface HubOptions {
  /** `HF_ENDPOINT`; https://huggingface.co unless told. A path is kept. */
  readonly endpoint?: string | null | undefined;
  /** Asked at every call. */
  readonly token: () => string | null;
  /** Patterns of further hosts that files may come from. */
  readonly allowedHosts: () => readonly string[];
  readonly timeoutMs?: number | undefined;
}

export interface HubCall {
  readonly signal?: AbortSignal | undefined;
  /** Instead of the general one, for this call. */
  readonly token?: string | null | undefined;
}

export interface SearchOptions extends HubCall, SearchWishes {}

export interface PlanOptions extends HubCall {
  /** Takes the projector along where the repository has one; true unless told. */
  readonly takesProjector?: boolean | undefined;
}

export interface Hub {
  /** Without a slash at its end. */
  readonly endpoint: string;
  parse(text: string): HubReference;
  list(repository: string, options?: HubCall & { readonly revision?: string | null }): Promise<HubListing>;
  search(query: string, options?: SearchOptions): Promise<readonly HubHit[]>;
  /** Size, digest and commit of the file at an address. */
  inspect(address: string, options?: HubCall): Promise<RemoteFile>;
  /** What to download for a reference. Throws as `parseReference`, `list` and `chooseQuant` do. */
  plan(text: string, options?: PlanOptions): Promise<DownloadPlan>;
  /** Facts of a choice of a listing (or of any files by their addresses), read from the files' beginnings. */
  readFacts(addresses: readonly string[], options?: HubCall): Promise<RemoteFacts>;
}

const FILES_MAX = 50_000;

export function openHub(options: HubOptions): Hub {
  const endpoint = parseEndpoint(options.endpoint);
  const accessFor = (call: HubCall): HubAccess => ({
    endpoint,
    token: (call.token === undefined ? options.token() : call.token)?.trim() || null,
    allowedHosts: options.allowedHosts(),
    signal: call.signal,
    timeoutMs: options.timeoutMs,
  });

  const hub: Hub = {
    endpoint,
    parse: (text) => parseReference(text, endpoint),
    list: (repository, call = {}) => listRepository(repository, call.revision ?? null, accessFor(call)),
    search: (query, call = {}) => guard(endpoint, () => searchHub(query, call, accessFor(call))),
    inspect: (address, call = {}) => inspectFile(address, accessFor(call)),
    readFacts: (addresses, call = {}) => readRemoteFacts(addresses, accessFor(call)),
    plan: async (text, call = {}) => {
      const reference = parseReference(text, endpoint);
      if (reference.kind === 'url') {
        return planOfAddress(reference.url, accessFor(call));
      }
      const listing = await listRepository(reference.repository, reference.revision, accessFor(call));
      const choices = quantsOf(listing.files);
      const choice = chooseQuant(choices, reference);
      return planOf(listing, choices, choice, endpoint, call.takesProjector ?? true);
    },
  };
  return hub;
}

async function listRepository(repository: string, revision: string | null, access: HubAccess): Promise<HubListing> {
  const name = parseRepository(repository);
  if (name === null) throw new Fault('bad_request', `${repository.slice(0, 200)} is no repository: write owner/name.`);
  const { endpoint: hubUrl } = access;
  const { listFiles, modelInfo } = await import('@huggingface/hub');
  return guard(hubUrl, async () => {
    const fetchInfo = hubFetch(access, name);
    const info = await modelInfo({
      name,
      hubUrl,
      fetch: fetchInfo,
      additionalFields: ['sha'],
      ...(revision === null ? {} : { revision }),
    });
    const known: unknown = info.name;
    const current = typeof known === 'string' ? (parseRepository(known) ?? name) : name;
    const sha: unknown = info.sha;
    const commit = typeof sha === 'string' && /^[0-9a-f]{40}$/.test(sha) ? sha : (revision ?? 'main');
    const files: HubFile[] = [];
    const request = { repo: { type: 'model', name: current } as const, recursive: true, hubUrl };
    const entries = listFiles({ ...request, revision: encodeURIComponent(commit), fetch: hubFetch(access, current) });
    for await (const entry of entries) {
      const file = fileOf(entry);
      if (file !== null) files.push(file);
      if (files.length > FILES_MAX) throw new Fault('too_large', `${current} has more than ${FILES_MAX} files.`);
    }
    return { repository: current, revision: commit, gate: gateOf(info.gated), isPrivate: info.private === true, files };
  });
}

/** The library believes what it is sent; what it trips over is the server's doing. */
async function guard<T>(endpoint: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (thrown) {
    if (thrown instanceof Fault) throw thrown;
    throw new Fault('bad_gateway', `${new URL(endpoint).host} answers in a way that is not understood.`, {
      blame: 'remote',
      cause: thrown,
      hint: 'Check that HF_ENDPOINT is the address of a hub.',
    });
  }
}

function fileOf(entry: unknown): HubFile | null {
  if (typeof entry !== 'object' || entry === null) throw new TypeError('an entry is no object');
  const { type, path, size, lfs } = entry as Record<string, unknown>;
  if (type !== 'file' || typeof path !== 'string' || parseRepositoryPath(path) === null) return null;
  const pointer = typeof lfs === 'object' && lfs !== null ? (lfs as Record<string, unknown>) : null;
  const sizeBytes = pointer?.size ?? size;
  if (typeof sizeBytes !== 'number' || !Number.isSafeInteger(sizeBytes) || sizeBytes < 0) return null;
  const oid = pointer?.oid;
  const sha256 = typeof oid === 'string' && /^[0-9a-f]{64}$/i.test(oid) ? oid.toLowerCase() : null;
  return { path, sizeBytes, sha256 };
}
