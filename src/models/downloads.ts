// Download jobs that survive everything: a queue with a limit, pause, resume and cancel at any moment, all of it in the store, so
// that a restart or a kill goes on where it was. The queue itself is the neighbour's.
import type { Log } from '../base/log.ts';
import type { Store } from '../base/store.ts';
import { DownloadQueue } from './downloads-queue.ts';
import type { DownloadJob } from './downloads-record.ts';
import type { DownloadRequest } from './downloads-request.ts';
import type { Patience } from './downloads-run.ts';

export type { DownloadFailure, DownloadFile, DownloadJob, DownloadState } from './downloads-record.ts';
export type { DownloadRequest, PlanRequest, UrlRequest } from './downloads-request.ts';
export { DOWNLOADS_MIGRATION } from './downloads-store.ts';

export interface DownloadsOptions {
  /** With `DOWNLOADS_MIGRATION` applied. */
  readonly store: Store;
  readonly log: Log;
  /** Where downloads go unless told; made where it is missing. */
  readonly folder: string;
  /** Further folders that a request may name; none of them is ever made. */
  readonly allowedFolders?: (() => readonly string[]) | undefined;
  /** Patterns of hosts besides the hub's own. */
  readonly allowedHosts: () => readonly string[];
  /** `HF_ENDPOINT`. */
  readonly endpoint?: string | null | undefined;
  readonly token: () => string | null;
  /** Jobs at once; 2 unless told. Asked whenever a job could start; call `wake` when it changes. */
  readonly limit?: (() => number) | undefined;
  /** Connections for one file; the transport's own choice unless told. */
  readonly connections?: number | undefined;
  /** The transport's own unless told. */
  readonly patience?: Patience | undefined;
  /** Epoch ms. */
  readonly now?: (() => number) | undefined;
  /** Pauses before a job that met network trouble tries again by itself. */
  readonly retryPausesMs?: readonly number[] | undefined;
  /** Every change of state at once, progress at most four times a second for one job. */
  readonly onChange?: ((job: DownloadJob) => void) | undefined;
  /** Awaited before a job counts as finished; after a crash in between it is called again. A failure is recorded and undoes nothing. */
  readonly onFinished?: ((job: DownloadJob) => Promise<void>) | undefined;
}

export interface Downloads extends AsyncDisposable {
  /**
   * Makes a job, or returns the unfinished one that brings the same files; a failed one of those goes on. Files that are there already
   * make a job that is finished when this resolves. Throws Faults: `bad_request`, `forbidden` (folder), `conflict` (another file is there, or
   * another download goes there).
   */
  start(request: DownloadRequest): Promise<DownloadJob>;
  /** Oldest first. */
  list(): readonly DownloadJob[];
  /** This and the following throw a Fault `not_found` for an unknown id. */
  get(id: string): DownloadJob;
  /** Resolves when nothing is written any more. Throws a Fault `conflict` for one that has ended. */
  pause(id: string): Promise<DownloadJob>;
  /** Queues a paused or failed one at the end. Throws a Fault `conflict` for one that is finished or cancelled. */
  resume(id: string): Promise<DownloadJob>;
  /** Removes what it brought so far. Resolves when that is gone. Throws a Fault `conflict` for a finished one. */
  cancel(id: string): Promise<DownloadJob>;
  /**
   * Takes one that has ended off the list; of a failed one the parts go as well, whole files stay. Throws a Fault `conflict` for any other.
   */
  remove(id: string): Promise<void>;
  /** Looks at the limit again. */
  wake(): void;
  /** Stops everything promptly, as `close` does, for another process that will go on with it: until `goOn`. */
  rest(): Promise<void>;
  /** Takes everything up again, as the store has it by then. */
  goOn(): void;
  /** Stops everything promptly; what was running goes on at the next start. */
  close(): Promise<void>;
}

export const openDownloads = (options: DownloadsOptions): Downloads => new DownloadQueue(options);
