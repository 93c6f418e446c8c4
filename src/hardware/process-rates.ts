// What a process takes, for a list that is looked at now and then. It must never hold a timer: the processor's share is
// counted from one look to the next, and a process that is gone is forgotten.
import { type ProcessSample, sampleProcess } from './process-sample.ts';
import { type System, thisSystem } from './system.ts';
import { readProcessAgeMs } from './uptime.ts';

export interface ProcessRate {
  readonly residentBytes: number;
  /** Of one core, so that two busy threads are 200; since the last look, at the first one since the process started. */
  readonly cpuPercent: number | null;
  readonly uptimeMs: number | null;
}

interface Look {
  readonly atMs: number;
  readonly cpuMs: number;
}

// Linux counts in ticks of 10 ms: over less than this, two looks in a row would show noise. The look before is taken then.
const SHORTEST_MS = 500;

export class ProcessRates {
  // The last look, and the one before it.
  readonly #looks = new Map<number, { readonly before: Look | null; readonly last: Look }>();
  readonly #system: System;
  readonly #now: () => number;

  /** `now` in milliseconds of a clock that only goes forward. */
  constructor(system: System = thisSystem, now: () => number = () => performance.now()) {
    this.#system = system;
    this.#now = now;
  }

  /** Null when there is no such process, or when it is not ours to see. */
  of(pid: number): ProcessRate | null {
    const sample = sampleProcess(pid, this.#system);
    if (sample === null) {
      this.#looks.delete(pid);
      return null;
    }
    const uptimeMs = readProcessAgeMs(pid, this.#system);
    return { residentBytes: sample.residentBytes, cpuPercent: this.#percent(sample, uptimeMs), uptimeMs };
  }

  /** Processes that are remembered; those that have gone are forgotten when a new one is looked at. */
  get size(): number {
    return this.#looks.size;
  }

  #percent({ pid, cpuMs }: ProcessSample, uptimeMs: number | null): number | null {
    if (cpuMs === null) return null;
    const now: Look = { atMs: this.#now(), cpuMs };
    const known = this.#looks.get(pid);
    const isSame = known !== undefined && !isAnother(known.last, now, uptimeMs);
    if (!isSame) {
      this.#forgetGone();
      this.#looks.set(pid, { before: null, last: now });
      return percentOf(cpuMs, uptimeMs);
    }
    const { before, last } = known;
    if (now.atMs - last.atMs >= SHORTEST_MS) {
      this.#looks.set(pid, { before: last, last: now });
      return percentOf(now.cpuMs - last.cpuMs, now.atMs - last.atMs);
    }
    if (before === null) return percentOf(cpuMs, uptimeMs);
    return percentOf(now.cpuMs - before.cpuMs, now.atMs - before.atMs);
  }

  #forgetGone(): void {
    for (const pid of [...this.#looks.keys()]) if (sampleProcess(pid, this.#system) === null) this.#looks.delete(pid);
  }
}

// A pid is given again: another process is younger than our last look, or has worked less.
const isAnother = (last: Look, now: Look, uptimeMs: number | null): boolean =>
  now.cpuMs < last.cpuMs || (uptimeMs !== null && uptimeMs + CLOCK_SLACK_MS < now.atMs - last.atMs);
// The machine's clock shows hundredths, and its start is rounded to them.
const CLOCK_SLACK_MS = 50;

const percentOf = (cpuMs: number, spanMs: number | null): number | null =>
  spanMs === null || spanMs <= 0 ? null : (cpuMs / spanMs) * 100;
