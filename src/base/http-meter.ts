// How fast something comes and when it will be there, told a few times a second and never more often.

export interface DownloadProgress {
  readonly doneBytes: number;
  readonly totalBytes: number | null;
  /** Over the last seconds; 0 until something has come. */
  readonly bytesPerSecond: number;
  readonly secondsLeft: number | null;
}

const PROGRESS_EVERY_MS = 100;
/** Speed is taken over so many reports: five seconds of a steady download. */
const MARKS = 50;

export class Meter {
  readonly #onProgress: ((progress: DownloadProgress) => void) | undefined;
  readonly #marks: { readonly at: number; readonly bytes: number }[] = [];
  #toldAt = Number.NEGATIVE_INFINITY;

  constructor(onProgress: ((progress: DownloadProgress) => void) | undefined) {
    this.#onProgress = onProgress;
  }

  /** Reports unless it did so just now; the last report is never left out. */
  tell(doneBytes: number, totalBytes: number | null, isLast = false): void {
    const now = performance.now();
    if (this.#onProgress === undefined || (!isLast && now - this.#toldAt < PROGRESS_EVERY_MS)) return;
    this.#toldAt = now;
    // After a cut a download may begin again: what was before says nothing about the speed now.
    if (doneBytes < (this.#marks.at(-1)?.bytes ?? 0)) this.#marks.length = 0;
    this.#marks.push({ at: now, bytes: doneBytes });
    if (this.#marks.length > MARKS) this.#marks.shift();
    const first = this.#marks[0] ?? { at: now, bytes: doneBytes };
    const seconds = (now - first.at) / 1000;
    const bytesPerSecond = seconds > 0 ? (doneBytes - first.bytes) / seconds : 0;
    const left = totalBytes === null ? null : totalBytes - doneBytes;
    const secondsLeft = left === null ? null : left <= 0 ? 0 : bytesPerSecond > 0 ? left / bytesPerSecond : null;
    this.#onProgress({ doneBytes, totalBytes, bytesPerSecond, secondsLeft });
  }
}
