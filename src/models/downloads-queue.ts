// The queue behind download jobs: every change of a job's state is made here, without a gap between looking and changing, kept in the
// store and told. It must never delete what a job did not bring nor write a token anywhere.
import { existsSync } from 'node:fs';
import { Fault, toFault } from '../base/fault.ts';
import type { Downloads, DownloadsOptions } from './downloads.ts';
import { JobBook } from './downloads-book.ts';
import { removeParts, removeTraces } from './downloads-cleanup.ts';
import { change, type DownloadJob, doneOf, isEnded, type JobRecord, viewOf } from './downloads-record.ts';
import { type DownloadRequest, jobOf } from './downloads-request.ts';
import { nextTry, RETRY_PAUSES_MS } from './downloads-retry.ts';
import { Runner } from './downloads-runner.ts';
import { DownloadsStore } from './downloads-store.ts';
import { Teller } from './downloads-teller.ts';
import { hubHosts, parseEndpoint } from './hub-reference.ts';

const LIMIT = 2;
const WAKE_EVERY_MS = 60_000;

export class DownloadQueue implements Downloads {
  readonly #options: DownloadsOptions;
  readonly #endpoint: string;
  #book = new JobBook();
  /** Tokens of single jobs; they are nowhere else. */
  readonly #tokens = new Map<string, string>();
  readonly #cleanups = new Map<string, Promise<void>>();
  readonly #store: DownloadsStore;
  readonly #teller: Teller;
  readonly #runner: Runner;
  readonly #now: () => number;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #isClosed = false;
  #isResting = false;

  constructor(options: DownloadsOptions) {
    this.#options = options;
    this.#endpoint = parseEndpoint(options.endpoint);
    this.#now = options.now ?? Date.now;
    this.#store = new DownloadsStore(options.store, options.log);
    this.#teller = new Teller(this.#store, options.log, options.onChange);
    this.#runner = new Runner({
      access: (job, signal) => ({
        endpoint: this.#endpoint,
        token: this.#tokens.get(job.id) ?? (options.token()?.trim() || null),
        allowedHosts: options.allowedHosts(),
        signal,
      }),
      connections: options.connections,
      patience: options.patience ?? {},
      folder: options.folder,
      allowedFolders: () => this.#allowedFolders(),
      changed: (job) => this.#teller.changed(job),
      progressed: (job, pace) => this.#teller.progressed(job, pace),
      isKnown: (file, fingerprint) => this.#book.isKnown(file, fingerprint),
      introduce: async (job) => {
        const finished = { ...job, state: 'finished', finishedAt: this.#now(), failure: null } as const;
        await options.onFinished?.(viewOf(finished, null));
      },
    });
    for (const job of this.#store.load()) this.#take(job);
    // Not before whoever opens them has them in hand: the first change is told at once.
    queueMicrotask(() => this.#pump());
  }

  async start(request: DownloadRequest): Promise<DownloadJob> {
    this.#requireOpen();
    const draft = jobOf(request, {
      endpoint: this.#endpoint,
      folder: this.#options.folder,
      allowedFolders: this.#allowedFolders(),
      allowedHosts: [...hubHosts(this.#endpoint), ...this.#options.allowedHosts()],
      now: this.#now(),
    });
    // What was cancelled must be gone first: it may lie at the same place.
    while (this.#cleanups.size > 0) await Promise.all(this.#cleanups.values());
    this.#requireOpen();
    const known = this.#book.sameAs(draft);
    if (request.token) this.#tokens.set((known ?? draft).id, request.token);
    if (known !== null) {
      known.isOverwriting ||= draft.isOverwriting;
      return known.state === 'failed' ? this.resume(known.id) : this.#teller.view(known);
    }
    this.#book.requireFree(draft);
    draft.position = this.#book.nextPosition();
    this.#book.add(draft);
    this.#teller.changed(draft);
    // Nothing is to be fetched: it need not wait for those that fetch.
    if (this.#book.isThere(draft)) await this.#run(draft);
    else this.#pump();
    return this.#teller.view(draft);
  }

  list(): readonly DownloadJob[] {
    const jobs = this.#book.all().map((job) => this.#teller.view(job));
    return jobs.sort((left, right) => left.createdAt - right.createdAt);
  }

  get(id: string): DownloadJob {
    return this.#teller.view(this.#book.find(id));
  }

  async pause(id: string): Promise<DownloadJob> {
    this.#requireOpen();
    const job = this.#book.find(id);
    if (isEnded(job.state) || this.#runner.isSealed(id)) throw tooLate(job, 'paused');
    if (job.state !== 'paused') {
      change(job, { state: 'paused', failure: null, retryAt: null });
      this.#teller.changed(job);
    }
    await this.#runner.stop(id);
    return this.#teller.view(job);
  }

  async resume(id: string): Promise<DownloadJob> {
    this.#requireOpen();
    const job = this.#book.find(id);
    if (job.state === 'finished' || job.state === 'cancelled') throw tooLate(job, 'resumed');
    if (job.state === 'paused' || job.state === 'failed') {
      if (job.state === 'failed') forgetInspection(job);
      const position = this.#book.nextPosition();
      change(job, { state: 'queued', position, failure: null, finishedAt: null, retryAt: null, retryCount: 0 });
    } else if (job.retryAt !== null) {
      // Whoever resumes a job that waits for its next try does not want to wait.
      job.retryAt = null;
    } else return this.#teller.view(job);
    this.#teller.changed(job);
    this.#pump();
    return this.#teller.view(job);
  }

  async cancel(id: string): Promise<DownloadJob> {
    this.#requireOpen();
    const job = this.#book.find(id);
    if (job.state === 'finished' || this.#runner.isSealed(id)) throw tooLate(job, 'cancelled');
    if (job.state !== 'cancelled') {
      const finishedAt = this.#now();
      change(job, { state: 'cancelled', finishedAt, failure: null, retryAt: null, needsCleanup: true });
      this.#teller.changed(job);
    }
    await this.#cleanUp(job);
    return this.#teller.view(job);
  }

  async remove(id: string): Promise<void> {
    this.#requireOpen();
    const job = this.#book.find(id);
    if (!isEnded(job.state)) {
      throw new Fault('conflict', `The download of ${job.name} has not ended.`, { hint: 'Cancel it first.' });
    }
    await this.#cleanups.get(id);
    this.#drop(job);
  }

  wake(): void {
    this.#pump();
  }

  async rest(): Promise<void> {
    this.#isResting = true;
    await this.#quiet();
  }

  goOn(): void {
    if (!this.#isResting || this.#isClosed) return;
    this.#isResting = false;
    // Somebody else may have brought them further meanwhile.
    this.#book = new JobBook();
    for (const job of this.#store.load()) this.#take(job);
    this.#pump();
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    await this.#quiet();
  }

  async #quiet(): Promise<void> {
    clearTimeout(this.#timer);
    await this.#runner.stopAll();
    await Promise.all(this.#cleanups.values());
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  /** Takes a job over from an earlier run of the program. */
  #take(job: JobRecord): void {
    this.#book.add(job);
    if (job.state === 'downloading' || job.state === 'verifying') job.state = 'queued';
    if (job.state === 'queued') change(job, { failure: null, retryAt: null, retryCount: 0 });
    for (const file of job.files) {
      if (file.state !== 'finished' && !existsSync(`${file.path}.part`)) file.doneBytes = 0;
    }
    if (job.needsCleanup) void this.#cleanUp(job);
  }

  /** Starts what may start, in order, and comes back when something waits for its next try. */
  #pump(): void {
    clearTimeout(this.#timer);
    if (this.#isClosed || this.#isResting) return;
    const limit = Math.max(1, Math.floor(this.#options.limit?.() ?? LIMIT));
    const now = this.#now();
    let wakeAt = Number.POSITIVE_INFINITY;
    for (const job of this.#book.queued()) {
      if (job.retryAt !== null && job.retryAt > now) wakeAt = Math.min(wakeAt, job.retryAt);
      // A run that was stopped is not over at once; its end comes here again.
      else if (this.#runner.count < limit && !this.#runner.has(job.id)) void this.#run(job);
    }
    if (wakeAt === Number.POSITIVE_INFINITY) return;
    // Timers stand still while a machine sleeps, the clock does not.
    this.#timer = setTimeout(() => this.#pump(), Math.min(wakeAt - now, WAKE_EVERY_MS));
  }

  /** Resolves when the run is over. */
  #run(job: JobRecord): Promise<void> {
    const before = doneOf(job);
    const startedAt = job.startedAt ?? this.#now();
    change(job, { state: 'downloading', failure: null, retryAt: null, startedAt });
    const ended = this.#runner.run(job, (outcome) => {
      if (doneOf(job) > before) job.retryCount = 0;
      if (outcome.how === 'finished') this.#finish(job);
      else if (outcome.how === 'failed') this.#fail(job, outcome.fault);
      // Whoever stopped it has said what it is now; what a close stops is to be continued.
      else this.#teller.changed(job);
      for (const old of this.#book.surplus()) this.#drop(old);
      this.#pump();
    });
    this.#teller.changed(job);
    return ended;
  }

  #finish(job: JobRecord): void {
    change(job, { state: 'finished', finishedAt: this.#now() });
    this.#tokens.delete(job.id);
    this.#book.disown(job);
    this.#teller.changed(job);
    this.#options.log.info('a download is finished', { id: job.id, name: job.name, bytes: doneOf(job) });
  }

  #fail(job: JobRecord, fault: Fault): void {
    const { kind, message, hint } = fault;
    const now = this.#now();
    const retryAt = nextTry(fault, job.retryCount, now, this.#options.retryPausesMs ?? RETRY_PAUSES_MS);
    const failure = { kind, message, hint: hint ?? null };
    if (retryAt !== null) change(job, { state: 'queued', failure, retryAt, retryCount: job.retryCount + 1 });
    else change(job, { state: 'failed', failure, finishedAt: now });
    this.#teller.changed(job);
    const what = retryAt === null ? 'a download failed' : 'a download will try again';
    this.#options.log.warn(what, { id: job.id, name: job.name, kind, reason: message });
  }

  /** Stops a cancelled job and removes what it left. What cannot be removed is tried again at the next start. Never rejects. */
  #cleanUp(job: JobRecord): Promise<void> {
    const known = this.#cleanups.get(job.id);
    if (known !== undefined) return known;
    const work = async (): Promise<void> => {
      await this.#runner.stop(job.id);
      if (!job.needsCleanup) return;
      try {
        removeTraces(job, (file) => this.#book.isShared(job, file));
        job.needsCleanup = false;
      } catch (thrown) {
        const { kind, message, hint } = toFault(thrown);
        job.failure = { kind, message, hint: hint ?? null };
        this.#options.log.warn('a cancelled download left files', { id: job.id, name: job.name, reason: message });
      }
      this.#tokens.delete(job.id);
      this.#teller.changed(job);
    };
    const cleanup = work().finally(() => this.#cleanups.delete(job.id));
    this.#cleanups.set(job.id, cleanup);
    return cleanup;
  }

  /** Takes a job off the list. Of a failed one the parts go, since nobody could name them any more; whole files stay. */
  #drop(job: JobRecord): void {
    try {
      if (job.state === 'failed') removeParts(job, (file) => this.#book.isShared(job, file));
    } catch (thrown) {
      this.#options.log.warn('a failed download left files', { id: job.id, name: job.name, reason: String(thrown) });
    }
    this.#book.drop(job.id);
    this.#tokens.delete(job.id);
    this.#teller.forget(job.id);
  }

  #allowedFolders(): readonly string[] {
    return [this.#options.folder, ...(this.#options.allowedFolders?.() ?? [])];
  }

  #requireOpen(): void {
    if (this.#isClosed) throw new Fault('unavailable', 'Drover is shutting down.');
    if (this.#isResting) throw new Fault('unavailable', 'Drover is restarting.', { hint: 'Try again in a moment.' });
  }
}

/** What was asked of the server may have been the reason: it is asked again. */
function forgetInspection(job: JobRecord): void {
  for (const file of job.files) {
    if (!file.isInspected || file.state === 'finished') continue;
    change(file, { isInspected: false, pinnedUrl: null, ...file.asked });
  }
}

const tooLate = (job: JobRecord, what: string): Fault =>
  new Fault(
    'conflict',
    `The download of ${job.name} cannot be ${what}: it is ${isEnded(job.state) ? job.state : 'finished'}.`,
  );
