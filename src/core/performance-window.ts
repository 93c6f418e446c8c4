// How requests fared over the last minutes: counted by the minute, a day at most. It must never hold a timer, nor what was
// said in a request.
import type { Bus } from '../base/bus.ts';
import type { DroverEvent } from './vocabulary.ts';

export interface WindowReport {
  readonly minutes: number;
  readonly requestCount: number;
  readonly failedCount: number;
  /** Null: there was no request. */
  readonly meanDurationMs: number | null;
  /** 0–1, over the minutes in which there were requests; null where nobody measured. */
  readonly meanMemoryRatio: number | null;
  readonly meanGpuRatio: number | null;
}

/** What is measured beside the requests; null where it is not known. */
export interface MinuteSample {
  readonly memoryRatio: number | null;
  readonly gpuRatio: number | null;
}

interface Minute {
  /** Since the epoch. */
  readonly number: number;
  requestCount: number;
  failedCount: number;
  durationMs: number;
  sample: MinuteSample | null;
}

export const LONGEST_WINDOW_MINUTES = 24 * 60;
const MINUTE_MS = 60_000;

export class PerformanceWindow {
  /** Oldest first; minutes without requests are left out. */
  readonly #minutes: Minute[] = [];
  readonly #measure: () => Promise<MinuteSample>;
  readonly #now: () => number;

  constructor(measure: () => Promise<MinuteSample>, now: () => number = Date.now) {
    this.#measure = measure;
    this.#now = now;
  }

  /** From now on every finished request counts. */
  follow(bus: Pick<Bus<DroverEvent>, 'subscribe'>): void {
    bus.subscribe(({ event }) => {
      if (event.type === 'request.finished') this.note(event.usage);
    });
  }

  note(usage: { readonly durationMs: number; readonly status: number }): void {
    const minute = this.#current();
    minute.requestCount += 1;
    if (usage.status >= 400) minute.failedCount += 1;
    minute.durationMs += usage.durationMs;
  }

  /** The current minute counts as one. */
  over(minutes: number): WindowReport {
    const since = Math.floor(this.#now() / MINUTE_MS) - minutes;
    const told = this.#minutes.filter(({ number }) => number > since);
    const requestCount = sumOf(told.map((minute) => minute.requestCount));
    return {
      minutes,
      requestCount,
      failedCount: sumOf(told.map((minute) => minute.failedCount)),
      meanDurationMs: requestCount === 0 ? null : sumOf(told.map((minute) => minute.durationMs)) / requestCount,
      meanMemoryRatio: meanOf(told.map(({ sample }) => sample?.memoryRatio ?? null)),
      meanGpuRatio: meanOf(told.map(({ sample }) => sample?.gpuRatio ?? null)),
    };
  }

  #current(): Minute {
    const number = Math.floor(this.#now() / MINUTE_MS);
    const last = this.#minutes.at(-1);
    // A clock that was set back counts on where it was.
    if (last !== undefined && last.number >= number) return last;
    const minute: Minute = { number, requestCount: 0, failedCount: 0, durationMs: 0, sample: null };
    this.#minutes.push(minute);
    if (this.#minutes.length > LONGEST_WINDOW_MINUTES) this.#minutes.shift();
    // Once a minute, and only while there is work.
    this.#measure().then(
      (sample) => {
        minute.sample = sample;
      },
      () => undefined,
    );
    return minute;
  }
}

const sumOf = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0);

function meanOf(values: readonly (number | null)[]): number | null {
  const known = values.filter((value) => value !== null);
  return known.length === 0 ? null : sumOf(known) / known.length;
}
