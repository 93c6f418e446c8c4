// The last duty of a server whose successor listens: what it has begun it ends, and each model leaves as soon as nobody
// needs it, pinned or not. It must never refuse a request that was taken in before, and it can be called off.
import type { Bus } from '../base/bus.ts';
import type { Instances } from './instances.ts';
import type { Holding } from './predecessor.ts';
import type { ModelRule } from './scheduler-model.ts';
import type { Tickets } from './tickets.ts';
import type { DroverEvent } from './vocabulary.ts';

/** An idle model goes at once; 0 would mean never. */
const AT_ONCE_MS = 1;

export interface Retiring {
  readonly tickets: Pick<Tickets<unknown>, 'views' | 'setPinned' | 'refresh'>;
  readonly instances: Pick<Instances, 'get'>;
}

export class Retirement {
  readonly #bus: Bus<DroverEvent>;
  readonly #models: () => Retiring;
  #isTold = false;
  /** The models that were pinned before; null: not retired. */
  #unpinned: readonly string[] | null = null;

  constructor(bus: Bus<DroverEvent>, models: () => Retiring) {
    this.#bus = bus;
    this.#models = models;
  }

  /** The rules of models, as retirement changes them. */
  rule(usual: (modelId: string) => ModelRule): (modelId: string) => ModelRule {
    return (modelId) => (this.#unpinned === null ? usual(modelId) : { ...usual(modelId), ttlMs: AT_ONCE_MS });
  }

  /** Endless feeds end by this; once. */
  tellStopping(): void {
    if (!this.#isTold) this.#bus.emit({ type: 'server.stopping' });
    this.#isTold = true;
  }

  begin(): void {
    if (this.#unpinned !== null) return;
    this.tellStopping();
    const { tickets } = this.#models();
    this.#unpinned = tickets.views().flatMap((view) => (view.isPinned ? [view.modelId] : []));
    for (const id of this.#unpinned) tickets.setPinned(id, false);
    tickets.refresh();
  }

  /** The successor has not lasted: everything as before. */
  callOff(): void {
    const { tickets } = this.#models();
    for (const id of this.#unpinned ?? []) tickets.setPinned(id, true);
    this.#unpinned = null;
    this.#isTold = false;
    tickets.refresh();
  }

  /** What the models hold that have a process, or are about to, for the successor. */
  holdings(): Holding[] {
    const { tickets, instances } = this.#models();
    return tickets.views().flatMap((view): Holding[] => {
      if (view.state === 'stopped' || view.state === 'failed') return [];
      const running = instances.get(view.modelId);
      const takes = running?.decision.placement?.takes ?? [];
      return [{ modelId: view.modelId, pid: running?.pid ?? null, takes, reserve: view.reserve }];
    });
  }
}
