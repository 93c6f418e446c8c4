// Tells of a job and keeps it: every change at once, progress a few times a second, bytes in the store every two seconds. It must
// never let a listener's failure reach a download.
import type { Log } from '../base/log.ts';
import { type DownloadJob, type JobRecord, type Pace, viewOf } from './downloads-record.ts';
import type { DownloadsStore } from './downloads-store.ts';

const TELL_EVERY_MS = 250;
const SAVE_EVERY_MS = 2000;

interface Known {
  pace: Pace;
  toldAt: number;
  savedAt: number;
  /** Set while something has come that was not told yet. */
  timer: ReturnType<typeof setTimeout> | undefined;
}

export class Teller {
  readonly #known = new Map<string, Known>();

  constructor(
    private readonly store: DownloadsStore,
    private readonly log: Log,
    private readonly onChange: ((job: DownloadJob) => void) | undefined,
  ) {}

  view(job: JobRecord): DownloadJob {
    return viewOf(job, this.#known.get(job.id)?.pace ?? null);
  }

  changed(job: JobRecord): void {
    const known = this.#known.get(job.id);
    if (known !== undefined) {
      clearTimeout(known.timer);
      known.timer = undefined;
    }
    if (job.state !== 'downloading') this.#known.delete(job.id);
    this.store.save(job);
    this.#tell(job);
  }

  progressed(job: JobRecord, pace: Pace): void {
    const now = performance.now();
    const fresh = { pace, toldAt: Number.NEGATIVE_INFINITY, savedAt: now, timer: undefined };
    const known = this.#known.get(job.id) ?? fresh;
    this.#known.set(job.id, known);
    known.pace = pace;
    if (now - known.savedAt >= SAVE_EVERY_MS) {
      known.savedAt = now;
      this.store.save(job);
    }
    // What comes in between is told as well, a little later: nothing may follow it for long.
    if (now - known.toldAt >= TELL_EVERY_MS) this.#tellProgress(job, known);
    else known.timer ??= setTimeout(() => this.#tellProgress(job, known), known.toldAt + TELL_EVERY_MS - now);
  }

  /** Drops a job that is no longer listed. */
  forget(id: string): void {
    clearTimeout(this.#known.get(id)?.timer);
    this.#known.delete(id);
    this.store.remove(id);
  }

  #tellProgress(job: JobRecord, known: Known): void {
    clearTimeout(known.timer);
    known.timer = undefined;
    known.toldAt = performance.now();
    this.#tell(job);
  }

  #tell(job: JobRecord): void {
    try {
      this.onChange?.(this.view(job));
    } catch (thrown) {
      this.log.error('a listener failed at news of a download', { id: job.id, reason: String(thrown) });
    }
  }
}
