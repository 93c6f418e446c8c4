// One job from its first request to its last file: asks what is unknown, looks at what is there, reserves room, downloads file after
// file, reads the headers. It says what happened by what it throws; what becomes of the job is decided elsewhere. It must never
// replace a file of another content unasked.
import { createHash } from 'node:crypto';
import { createReadStream, existsSync, renameSync, type Stats, statSync } from 'node:fs';
import { errorCode, Fault, toFault } from '../base/fault.ts';
import { type DownloadOptions, downloadFile, dropPart } from '../base/http.ts';
import { untilAborted } from '../base/sync.ts';
import { allowedFolder, openPlace } from './downloads-place.ts';
import { change, type FileRecord, fingerprintOf, type JobRecord, type Pace } from './downloads-record.ts';
import { readModelFacts } from './gguf-file.ts';
import { fileRequest, type HubAccess, inspectFile } from './hub-door.ts';
import { isOnHub } from './hub-reference.ts';

/** How long the transport waits and how often it tries by itself. */
export type Patience = Pick<DownloadOptions, 'retries' | 'retryDelayMs' | 'stallTimeoutMs'>;

/** What a run needs of those who run it. */
export interface RunHost {
  readonly access: HubAccess;
  readonly signal: AbortSignal;
  /** Connections for one file; the transport's own choice unless told. */
  readonly connections: number | undefined;
  readonly patience: Patience;
  /** The folder that is made where it is missing; further ones must be there. */
  readonly folder: string;
  readonly allowedFolders: readonly string[];
  /** Keeps the record and tells of it; throws when the run was stopped. */
  changed(): void;
  /** Tells of progress, now or soon. */
  progressed(pace: Pace): void;
  /** Throws `disk_full` unless the job fits beside the others that run. */
  admit(): void;
  /** What everybody else will still take of the disk while `file` comes. */
  reservedBytes(file: FileRecord): number;
  /** Waits until nobody else writes at `path`; the caller disposes of the lock. */
  lock(path: string): Promise<Disposable>;
  /** True where an earlier job has verified this very file. */
  isKnown(file: FileRecord, fingerprint: string): boolean;
  /** From here on the job can no longer be paused or cancelled. */
  seal(): void;
  /** Introduces the files to whoever uses them. */
  introduce(): Promise<void>;
}

export async function runJob(job: JobRecord, host: RunHost): Promise<void> {
  for (const file of job.files) settlePlace(job, file, host);
  for (const file of job.files) if (file.state !== 'finished') await inspect(job, file, host);
  for (const file of job.files) await lookAt(job, file, host);
  host.admit();
  for (const file of job.files) if (file.state !== 'finished') await bring(job, file, host);
  host.signal.throwIfAborted();
  job.state = 'verifying';
  host.changed();
  for (const file of job.files) requireReadable(file);
  host.seal();
  try {
    await untilAborted(host.introduce(), host.signal);
    job.failure = null;
  } catch (thrown) {
    host.signal.throwIfAborted();
    const { kind, message, hint } = toFault(thrown);
    job.failure = {
      kind,
      message: `The files are there, but the model could not be registered: ${message}`,
      hint: hint ?? null,
    };
  }
}

function settlePlace(job: JobRecord, file: FileRecord, host: RunHost): void {
  // The configuration may have changed since the job was made.
  allowedFolder(file.target.root, host.allowedFolders);
  const place = openPlace(file.target, file.target.root === host.folder);
  file.path = place.path;
  job.createdFolders.push(...place.created);
}

async function inspect(job: JobRecord, file: FileRecord, host: RunHost): Promise<void> {
  const isOurs = isOnHub(file.url, host.access.endpoint);
  if (file.isInspected || (file.sizeBytes !== null && (file.sha256 !== null || !isOurs))) return;
  const found = await inspectFile(file.url, host.access);
  host.signal.throwIfAborted();
  file.isInspected = true;
  file.pinnedUrl = found.url;
  file.sizeBytes ??= found.sizeBytes;
  file.sha256 ??= found.sha256;
  job.revision ??= found.revision;
  host.changed();
}

/** Marks a file as finished where it is there already. Throws a Fault `conflict` where something else is. */
async function lookAt(job: JobRecord, file: FileRecord, host: RunHost): Promise<void> {
  const status = statusOf(file.path);
  if (status === null) {
    if (file.state === 'finished') file.doneBytes = 0;
    file.state = file.state === 'finished' ? 'waiting' : file.state;
    return;
  }
  const fingerprint = fingerprintOf(status);
  const isSame = status.isFile() && (await isWanted(job, file, status, fingerprint, host));
  host.signal.throwIfAborted();
  if (isSame) {
    // Killed right after the part was renamed: what was kept about it is still there.
    if (file.state === 'downloading') dropPart(file.path);
    file.isOurs ||= file.wasAbsent && file.state === 'downloading';
    file.state = 'finished';
    file.doneBytes = status.size;
    file.sizeBytes = status.size;
    file.fingerprint = fingerprint;
    host.changed();
    return;
  }
  file.state = 'waiting';
  if (job.isOverwriting && status.isFile()) return;
  throw new Fault('conflict', `There is another file at ${file.path} already.`, {
    hint: 'Choose another name, delete that file, or ask for it to be overwritten.',
    details: { path: file.path, sizeBytes: status.size, wantedBytes: file.sizeBytes },
  });
}

async function isWanted(
  job: JobRecord,
  file: FileRecord,
  status: Stats,
  fingerprint: string,
  host: RunHost,
): Promise<boolean> {
  if (file.fingerprint === fingerprint || host.isKnown(file, fingerprint)) return true;
  if (file.sizeBytes !== null && file.sizeBytes !== status.size) return false;
  if (file.sha256 !== null) return (await digestOf(job, file.path, host)) === file.sha256;
  // Nothing was there when our transfer began, and its part is gone: it was renamed when it was whole.
  if (file.state === 'downloading' && file.wasAbsent && !existsSync(`${file.path}.part`)) return true;
  return file.sizeBytes !== null && !job.isOverwriting;
}

async function digestOf(job: JobRecord, path: string, host: RunHost): Promise<string> {
  const before = job.state;
  job.state = 'verifying';
  host.changed();
  const hash = createHash('sha256');
  for await (const chunk of createReadStream(path, { highWaterMark: 1 << 20 })) {
    host.signal.throwIfAborted();
    hash.update(chunk as Buffer);
  }
  host.signal.throwIfAborted();
  job.state = before;
  return hash.digest('hex');
}

async function bring(job: JobRecord, file: FileRecord, host: RunHost): Promise<void> {
  using _lock = await host.lock(file.path);
  // Another job may have brought it while this one waited.
  await lookAt(job, file, host);
  if (file.state === 'finished') return;
  host.signal.throwIfAborted();
  settlePlace(job, file, host);
  file.wasAbsent = statusOf(file.path) === null;
  file.state = 'downloading';
  job.state = 'downloading';
  host.changed();
  const address = file.pinnedUrl ?? file.url;
  try {
    const brought = await downloadFile(address, file.path, transferOptions(file, address, host));
    file.sizeBytes = brought.sizeBytes;
  } catch (thrown) {
    host.signal.throwIfAborted();
    throw await explained(toFault(thrown), address, host.access);
  }
  // The file is there whatever was asked of the job meanwhile.
  const status = statusOf(file.path);
  file.state = 'finished';
  file.isOurs = true;
  file.doneBytes = file.sizeBytes ?? 0;
  file.fingerprint = status === null ? null : fingerprintOf(status);
  host.changed();
  host.signal.throwIfAborted();
}

function transferOptions(file: FileRecord, address: string, host: RunHost): DownloadOptions {
  const own: DownloadOptions = {
    ...fileRequest(address, host.access),
    ...host.patience,
    signal: host.signal,
    sha256: file.sha256,
    sizeBytes: file.sizeBytes,
    onProgress: ({ doneBytes, totalBytes, bytesPerSecond }) => {
      file.doneBytes = doneBytes;
      file.sizeBytes ??= totalBytes;
      host.progressed({ bytesPerSecond });
    },
  };
  const { connections } = host;
  const shared = {
    reservedBytes: () => host.reservedBytes(file),
    ...(connections === undefined ? {} : { connections }),
  };
  return { ...own, ...shared };
}

/** The transport knows statuses only; the hub says more when it is asked for one byte. */
async function explained(fault: Fault, address: string, access: HubAccess): Promise<Fault> {
  const isRefusal = ['unauthorized', 'forbidden', 'not_found', 'rate_limited'].includes(fault.kind);
  const isFromHub = fault.details.host === new URL(access.endpoint).host && typeof fault.details.status === 'number';
  if (!isRefusal || !isFromHub || !isOnHub(address, access.endpoint)) return fault;
  if (fault.kind === 'rate_limited' && fault.details.resetAt !== null) return fault;
  try {
    await inspectFile(address, access);
    return fault;
  } catch (thrown) {
    const better = toFault(thrown);
    return better.kind === 'offline' || better.kind === 'cancelled' ? fault : better;
  }
}

/**
 * Reads the header. What is no GGUF and came without a published digest (a page of a proxy, a wrong address) is moved aside, so that
 * nothing takes it for a model; with one it is what its author published, and stays.
 */
function requireReadable(file: FileRecord): void {
  try {
    readModelFacts(file.path);
  } catch (thrown) {
    const fault = toFault(thrown);
    if (fault.kind !== 'unprocessable') throw fault;
    if (file.sha256 !== null || !file.isOurs) {
      throw new Fault(
        'unprocessable',
        `${file.path} is what was published, but no model that can be read: ${fault.message}`,
        {
          blame: 'remote',
          hint: 'It may be for a newer version, or its author may have to repair it.',
          cause: fault,
        },
      );
    }
    const aside = `${file.path}.unreadable`;
    renameSync(file.path, aside);
    change(file, { state: 'waiting', doneBytes: 0, fingerprint: null, isOurs: false, isInspected: false });
    throw new Fault('unprocessable', `What came is no model that can be read: ${fault.message}`, {
      blame: 'remote',
      hint: `It was kept as ${aside}. Check the address: it may lead to a web page.`,
      cause: fault,
    });
  }
}

function statusOf(path: string): Stats | null {
  try {
    return statSync(path);
  } catch (thrown) {
    const code = errorCode(thrown);
    if (code === 'ENOENT' || code === 'ENOTDIR') return null;
    throw toFault(thrown);
  }
}
