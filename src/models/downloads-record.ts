// What a download job is: the record that we keep, and the view of it that others get. It must never hold a token, and a view
// never shows the query of an address: signed addresses carry secrets there.
import { randomBytes } from 'node:crypto';
import type { Stats } from 'node:fs';
import type { FaultKind } from '../base/fault.ts';
import type { Target } from './downloads-place.ts';

/** `verifying`: everything is there and being looked at, or a file that was there before is. */
export type DownloadState = 'queued' | 'downloading' | 'paused' | 'verifying' | 'finished' | 'failed' | 'cancelled';
export type DownloadFileState = 'waiting' | 'downloading' | 'finished';

export interface DownloadFailure {
  readonly kind: FaultKind;
  readonly message: string;
  readonly hint: string | null;
}

export interface DownloadFile {
  /** Without query. */
  readonly url: string;
  /** Absolute. */
  readonly path: string;
  readonly sizeBytes: number | null;
  /** As published, lower-case hex. */
  readonly sha256: string | null;
  readonly doneBytes: number;
  readonly state: DownloadFileState;
}

export interface DownloadJob {
  readonly id: string;
  readonly modelId: string | null;
  /** File name for people. */
  readonly name: string;
  readonly files: readonly DownloadFile[];
  readonly repository: string | null;
  readonly revision: string | null;
  readonly quantization: string | null;
  readonly state: DownloadState;
  /**
   * Of a failed one the reason; of a queued one why the last try ended (it goes on at `retryAt`); of a finished one that its model could
   * not be registered.
   */
  readonly failure: DownloadFailure | null;
  /** Epoch ms of the next try; null unless it waits for one. */
  readonly retryAt: number | null;
  readonly doneBytes: number;
  /** Null while any size is unknown. */
  readonly totalBytes: number | null;
  /** 0 unless bytes come. */
  readonly bytesPerSecond: number;
  readonly secondsLeft: number | null;
  /** Epoch ms, as the following. */
  readonly createdAt: number;
  readonly startedAt: number | null;
  /** When it finished, failed or was cancelled. */
  readonly finishedAt: number | null;
}

export interface FileRecord {
  /** As asked for. */
  readonly url: string;
  /** What the request said of it. */
  readonly asked: { readonly sizeBytes: number | null; readonly sha256: string | null };
  /** At the commit that was found, where one was. */
  pinnedUrl: string | null;
  readonly target: Target;
  path: string;
  sizeBytes: number | null;
  sha256: string | null;
  /** Size and digest were asked of the server by us, and are asked again after a failure. */
  isInspected: boolean;
  doneBytes: number;
  state: DownloadFileState;
  /** Nothing was at its place when its transfer began: what is there now is that transfer's. */
  wasAbsent: boolean;
  /** This job brought the file. */
  isOurs: boolean;
  /** Of the file as it was verified. */
  fingerprint: string | null;
}

export interface JobRecord {
  readonly id: string;
  /** Order in the queue. */
  position: number;
  readonly modelId: string | null;
  readonly name: string;
  readonly repository: string | null;
  revision: string | null;
  readonly quantization: string | null;
  state: DownloadState;
  failure: DownloadFailure | null;
  retryAt: number | null;
  /** Tries in a row that brought nothing. */
  retryCount: number;
  isOverwriting: boolean;
  /** Cancelled, and what it left is not removed yet. */
  needsCleanup: boolean;
  readonly createdAt: number;
  startedAt: number | null;
  finishedAt: number | null;
  readonly files: FileRecord[];
  /** Folders that were made for it, outermost first. */
  createdFolders: string[];
}

/** Sets several fields of a record at once. */
export function change<Record extends JobRecord | FileRecord>(record: Record, changes: Partial<Record>): void {
  Object.assign(record, changes);
}

/** What changes many times a second and is not kept. */
export interface Pace {
  readonly bytesPerSecond: number;
}

/** Of a file as it lies there: changes when it is written or replaced. */
export const fingerprintOf = (status: Stats): string => `${status.size}:${Math.trunc(status.mtimeMs)}:${status.ino}`;

export const isEnded = (state: DownloadState): boolean =>
  state === 'finished' || state === 'failed' || state === 'cancelled';
/** It does not go on by itself. */
export const isAtRest = (state: DownloadState): boolean => state === 'paused' || isEnded(state);

const ALPHABET = 'abcdefghijklmnopqrstuvwxyz234567';

/** `dl_` and 16 letters: 80 random bits. */
export function newJobId(): string {
  let id = 'dl_';
  // 32 divides 256, so every letter is as likely.
  for (const byte of randomBytes(16)) id += ALPHABET[byte % 32] ?? '';
  return id;
}

export const totalOf = (job: JobRecord): number | null =>
  job.files.some((file) => file.sizeBytes === null)
    ? null
    : job.files.reduce((total, file) => total + (file.sizeBytes ?? 0), 0);

export const doneOf = (job: JobRecord): number => job.files.reduce((total, file) => total + file.doneBytes, 0);

export function viewOf(job: JobRecord, pace: Pace | null): DownloadJob {
  const doneBytes = doneOf(job);
  const totalBytes = totalOf(job);
  const bytesPerSecond = job.state === 'downloading' ? Math.round(pace?.bytesPerSecond ?? 0) : 0;
  const left = totalBytes === null ? null : Math.max(0, totalBytes - doneBytes);
  return {
    id: job.id,
    modelId: job.modelId,
    name: job.name,
    files: job.files.map((file) => ({
      url: file.url.replace(/[?#].*$/, ''),
      path: file.path,
      sizeBytes: file.sizeBytes,
      sha256: file.sha256,
      doneBytes: file.doneBytes,
      state: file.state,
    })),
    repository: job.repository,
    revision: job.revision,
    quantization: job.quantization,
    state: job.state,
    failure: job.failure,
    retryAt: job.state === 'queued' ? job.retryAt : null,
    doneBytes,
    totalBytes,
    bytesPerSecond,
    secondsLeft: left === 0 ? 0 : left === null || bytesPerSecond === 0 ? null : left / bytesPerSecond,
    createdAt: job.createdAt,
    startedAt: job.startedAt,
    finishedAt: job.finishedAt,
  };
}
