// Models that are to be started again after their engine ended by itself: after a pause, and not for ever. It must never
// start one that nobody wants any more: whoever stops it says so here.
import type { RestartPolicy } from './instance-options.ts';

interface Count {
  restarts: number;
  lastAt: number;
  timer: ReturnType<typeof setTimeout> | null;
}

/** What has run for so long is no longer failing: its next end counts as the first. */
const STEADY_MS = 600_000;

export class InstanceRestarts {
  readonly #counts = new Map<string, Count>();

  /** Plans the next start. False: it has had its starts, or wants none. */
  plan(name: string, policy: RestartPolicy, start: () => void): boolean {
    const count = this.#counts.get(name) ?? { restarts: 0, lastAt: 0, timer: null };
    if (count.timer !== null) return true;
    const now = performance.now();
    if (count.restarts > 0 && now - count.lastAt > STEADY_MS) count.restarts = 0;
    if (!policy.isAutomatic || count.restarts >= policy.maxRestarts) return false;
    count.restarts += 1;
    this.#counts.set(name, count);
    count.timer = setTimeout(() => {
      count.timer = null;
      count.lastAt = performance.now();
      start();
    }, policy.delayMs);
    count.timer.unref();
    return true;
  }

  /** How many were made since somebody started it. */
  countOf(name: string): number {
    return this.#counts.get(name)?.restarts ?? 0;
  }

  isPlanned(name: string): boolean {
    return this.#counts.get(name)?.timer != null;
  }

  /** Somebody has decided: nothing is planned, and nothing counted. */
  forget(name: string): void {
    const timer = this.#counts.get(name)?.timer ?? null;
    if (timer !== null) clearTimeout(timer);
    this.#counts.delete(name);
  }

  /** Nothing is started any more. */
  rest(): void {
    for (const name of [...this.#counts.keys()]) this.forget(name);
  }
}
