// What the server before us still holds: after a hard restart its models leave one by one, and until then their memory is
// not ours. To the scheduler they are models that are leaving, so that whoever needs their room waits for it instead of
// being refused. It must never start or stop anything, nor count a model that has left.
import { Latch } from '../base/sync.ts';
import { sampleProcess } from '../hardware/process-sample.ts';
import type { HeldTake, Holder } from './budget.ts';
import type { Loaded, Reserve } from './scheduler-policy.ts';

/** A model of the server before us, as it tells of it. */
export interface Holding {
  readonly modelId: string;
  readonly pid: number | null;
  readonly takes: readonly HeldTake[];
  /** What its plan reserved, by device. */
  readonly reserve: Reserve;
}

/** Drivers and kernels take a while to hand memory back after a process has ended. */
const RETURN_MS = 5000;

export class Predecessor {
  readonly #gone = new Latch();
  readonly #listeners = new Set<() => void>();
  #holdings: readonly Holding[];
  /** What models held that have just left. */
  #returning: { readonly holding: Holding; readonly at: number }[] = [];

  constructor(holdings: readonly Holding[] = []) {
    this.#holdings = holdings;
  }

  get isGone(): boolean {
    return this.#gone.isSettled;
  }

  /** Resolves when it holds nothing more and serves nobody. */
  get gone(): Promise<void> {
    return this.#gone.promise;
  }

  /** Told after each change. */
  onChange(listener: () => void): void {
    this.#listeners.add(listener);
  }

  /** What it holds from now on. */
  hold(holdings: readonly Holding[]): void {
    const now = performance.now();
    const staying = new Set(holdings.map(({ modelId, pid }) => `${pid} ${modelId}`));
    const left = this.#holdings.filter(({ modelId, pid }) => !staying.has(`${pid} ${modelId}`));
    this.#returning.push(...left.map((holding) => ({ holding, at: now })));
    this.#holdings = holdings;
    for (const listener of this.#listeners) listener();
  }

  leave(): void {
    if (this.isGone) return;
    this.#gone.open();
    this.hold([]);
  }

  /** For the sum of memory. */
  holders(): Holder[] {
    this.#returning = this.#returning.filter(({ at }) => performance.now() - at < RETURN_MS);
    const leavers = this.#returning.map(
      ({ holding }): Holder => ({ isAtRest: false, takes: holding.takes, privateBytes: null }),
    );
    return [...leavers, ...this.#holdings.map(holderOf)];
  }

  /** For the scheduler. */
  leaving(): Loaded[] {
    return this.#holdings.map(({ modelId, reserve }) => ({
      id: `${modelId} (before the restart)`,
      state: 'stopping',
      isBusy: false,
      isPinned: false,
      group: null,
      reserve,
      returnMs: 0,
      lastUsedAt: 0,
      isDraining: false,
    }));
  }
}

function holderOf({ pid, takes }: Holding): Holder {
  const sample = pid === null ? null : sampleProcess(pid);
  const own = sample?.privateBytes ?? null;
  return { isAtRest: true, takes, privateBytes: own === null ? null : own + (sample?.sharedBytes ?? 0) };
}
