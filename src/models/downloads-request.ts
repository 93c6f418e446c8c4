// What somebody asks to be downloaded → a job's record: addresses checked, names safe, folders allowed. It must never keep a token.
import { Fault } from '../base/fault.ts';
import { requireListed } from '../base/http-hosts.ts';
import { allowedFolder, expectedPath, parseTarget } from './downloads-place.ts';
import { type FileRecord, type JobRecord, newJobId } from './downloads-record.ts';
import type { DownloadPlan, PlannedFile } from './hub-plan.ts';
import { isOnHub, parseReference, partsOfAddress, resolveUrl } from './hub-reference.ts';
import { parseFileName } from './names.ts';

interface RequestBase {
  /** What the caller calls the model; kept for whoever registers it. */
  readonly modelId?: string | null | undefined;
  /** Absolute: an allowed folder or one inside it; the folder for downloads unless told. */
  readonly folder?: string | null | undefined;
  /** For this job alone, instead of the general one. Kept in memory only: after a restart the general one is used. */
  readonly token?: string | null | undefined;
  /** Replaces a file of another content instead of failing with `conflict`. */
  readonly isOverwriting?: boolean | undefined;
}

export interface PlanRequest extends RequestBase {
  readonly plan: DownloadPlan;
}

export interface UrlRequest extends RequestBase {
  /** Of a file; on the hub also its page (`/blob/`). One part of a split file stands for all of them. */
  readonly url: string;
  /** The address's own name unless told; it may have folders in front. */
  readonly fileName?: string | null | undefined;
  readonly sha256?: string | null | undefined;
}

export type DownloadRequest = PlanRequest | UrlRequest;

export interface RequestFacts {
  readonly endpoint: string;
  readonly folder: string;
  /** The folder for downloads among them. */
  readonly allowedFolders: readonly string[];
  /** Patterns, the hub's own among them. */
  readonly allowedHosts: readonly string[];
  /** Epoch ms. */
  readonly now: number;
}

/** Parts of one model and its projector. */
const FILES_MAX = 1000;

/**
 * Throws Faults: `bad_request` for addresses and names that make no sense, `forbidden` for a folder or a host
 * that is not allowed.
 */
export function jobOf(request: DownloadRequest, facts: RequestFacts): JobRecord {
  const plan = 'plan' in request ? request.plan : planOfUrl(request, facts.endpoint);
  const { root, segments } = allowedFolder(request.folder ?? facts.folder, facts.allowedFolders);
  const files = plan.files.map((file) => fileRecord(file, root, segments));
  for (const file of files) requireListed(new URL(file.url), facts.allowedHosts);
  const [first] = files;
  if (first === undefined) throw new Fault('bad_request', 'A download needs at least one file.');
  if (files.length > FILES_MAX) throw new Fault('bad_request', `A download has ${FILES_MAX} files at most.`);
  const paths = new Set(files.map((file) => file.path.normalize('NFC').toLowerCase()));
  if (paths.size !== files.length) throw new Fault('bad_request', 'Two files of one download have the same name.');
  return {
    id: newJobId(),
    position: 0,
    modelId: request.modelId ?? null,
    name: first.target.segments.at(-1) ?? plan.name,
    repository: plan.repository,
    revision: plan.revision,
    quantization: plan.quantization,
    state: 'queued',
    failure: null,
    retryAt: null,
    retryCount: 0,
    isOverwriting: request.isOverwriting ?? false,
    needsCleanup: false,
    createdAt: facts.now,
    startedAt: null,
    finishedAt: null,
    files,
    createdFolders: [],
  };
}

function fileRecord(file: PlannedFile, root: string, folder: readonly string[]): FileRecord {
  const url = parseUrl(file.url);
  const sha256 = file.sha256?.toLowerCase() ?? null;
  if (sha256 !== null && !/^[0-9a-f]{64}$/.test(sha256)) {
    throw new Fault('bad_request', 'A SHA-256 digest has 64 hexadecimal digits.');
  }
  const target = { root, segments: [...folder, ...parseTarget(file.path)] };
  return {
    url: url.href,
    asked: { sizeBytes: file.sizeBytes, sha256 },
    pinnedUrl: null,
    target,
    path: expectedPath(target),
    sizeBytes: file.sizeBytes,
    sha256,
    isInspected: false,
    doneBytes: 0,
    state: 'waiting',
    wasAbsent: false,
    isOurs: false,
    fingerprint: null,
  };
}

function planOfUrl(request: UrlRequest, endpoint: string): DownloadPlan {
  const { url, repository, revision } = addressOf(request.url, endpoint);
  const parts = partsOfAddress(url);
  const own = parts.length === 1 ? parts[0]?.fileName : lastPart(url);
  const name = request.fileName?.trim() || own || '';
  const folder = name.slice(0, name.lastIndexOf('/') + 1);
  // Under a name of its own a part would not be found beside the others.
  const isSplit = parts.length > 1 && name.slice(folder.length) === own;
  const files = (isSplit ? parts : [{ url, fileName: name.slice(folder.length) }]).map(
    (part): PlannedFile => ({
      url: part.url,
      path: `${folder}${part.fileName}`,
      sizeBytes: null,
      sha256: isSplit ? null : (request.sha256 ?? null),
    }),
  );
  const { quantization } = parseFileName(own ?? name);
  return { name, repository, revision, quantization, files, totalBytes: null };
}

function addressOf(
  text: string,
  endpoint: string,
): { url: string; repository: string | null; revision: string | null } {
  const url = parseUrl(text.trim());
  // Any address of the hub is read, so that a page's address brings its file and no token travels over plain http.
  const isHub =
    isOnHub(url.href, endpoint) ||
    url.host === new URL(endpoint).host ||
    /^(www\.)?(huggingface\.co|hf\.co)$/.test(url.host);
  if (!isHub) return { url: url.href, repository: null, revision: null };
  const reference = parseReference(text.trim(), endpoint);
  if (reference.kind !== 'repository' || reference.file === null) {
    throw new Fault('bad_request', 'This is the address of a repository; a download needs that of a file.', {
      hint: 'Take the address of one .gguf file of it, or ask for owner/name:Q4_K_M.',
    });
  }
  const { repository, revision, file } = reference;
  return { url: resolveUrl(endpoint, repository, revision ?? 'main', file), repository, revision };
}

function parseUrl(text: string): URL {
  const url = URL.canParse(text) ? new URL(text) : null;
  const isUsable = url !== null && /^https?:$/.test(url.protocol) && url.username === '' && url.password === '';
  if (!isUsable || text.length > 4096) {
    throw new Fault(
      'bad_request',
      'This is no address that can be downloaded from: it must begin with https:// and name no user.',
    );
  }
  url.hash = '';
  return url;
}

function lastPart(address: string): string {
  const last = new URL(address).pathname.split('/').at(-1) ?? '';
  try {
    return decodeURIComponent(last);
  } catch {
    return last;
  }
}
