// The scheduler as promises: `acquire` waits for a grant, `release` gives it back once, an abort takes the ticket out of
// the line. It owns the one timer and the clock. It must never hold an opinion of its own about who runs when.
import { Fault, toFault } from '../base/fault.ts';
import { Latch } from '../base/sync.ts';
import { Scheduler, type SchedulerOptions } from './scheduler.ts';
import type { Effects, SchedulerEvent } from './scheduler-effects.ts';
import type { ModelState, ModelView, Ticket, UnloadOptions } from './scheduler-model.ts';
import type { Fits, Reserve } from './scheduler-policy.ts';

export interface Grant {
  readonly modelId: string;
  /** Epoch milliseconds of the request's arrival. */
  readonly arrivedAt: number;
  /** Gives the slot back; the first call counts. */
  release(): void;
}

export interface WaitOptions {
  readonly signal?: AbortSignal | undefined;
  /** Told `queued` (with the place and whom it waits for) and `starting`. */
  readonly onProgress?: ((stage: string, detail: string | null) => void) | undefined;
}

/** What the shell does not do itself. */
export type Acts<L> = Pick<Effects<L>, 'start' | 'stop'> & {
  readonly onEvent?: (event: SchedulerEvent) => void;
};

export interface TicketsOptions<L> extends Omit<SchedulerOptions<L>, 'effects'> {
  readonly acts: Acts<L>;
}

class Waiter {
  readonly latch = new Latch();
  readonly #onProgress: WaitOptions['onProgress'];
  #told = '';

  constructor(
    readonly modelId: string,
    onProgress: WaitOptions['onProgress'],
  ) {
    this.#onProgress = onProgress;
  }

  /** The same thing is not told twice in a row. */
  tell(stage: string, detail: string | null): void {
    const news = `${stage} ${detail}`;
    if (news === this.#told) return;
    this.#told = news;
    try {
      this.#onProgress?.(stage, detail);
    } catch {
      // A listener that breaks must not stop the line.
    }
  }
}

/** A timer cannot be set for longer. */
const LONGEST_TIMER_MS = 2 ** 31 - 1;

/** Epoch milliseconds of a clock that nobody can set. */
const steadyNow = (): number => performance.timeOrigin + performance.now();

export class Tickets<L> {
  readonly #scheduler: Scheduler<L>;
  readonly #acts: Acts<L>;
  readonly #waiters = new Map<number, Waiter>();
  /** Who waits for a model to be gone. */
  readonly #gone = new Map<string, Latch>();
  #timer: ReturnType<typeof setTimeout> | null = null;

  constructor(options: TicketsOptions<L>) {
    this.#acts = options.acts;
    const { acts: _, ...rest } = options;
    this.#scheduler = new Scheduler<L>({
      ...rest,
      effects: {
        start: (modelId, plan) => this.#start(modelId, plan),
        stop: (modelId, how) => options.acts.stop(modelId, how),
        grant: (ticket) => this.#settle(ticket, null),
        refuse: (ticket, fault) => this.#settle(ticket, fault),
        now: steadyNow,
        emit: (event) => this.#hear(event),
        wake: (atMs) => this.#setTimer(atMs),
      },
    });
  }

  /** Waits for a slot of a ready model. Rejects with the Fault of a refusal, or the signal's reason. */
  async acquire(modelId: string, options: WaitOptions = {}): Promise<Grant> {
    const ticket = await this.#wait(modelId, options, {});
    let isReleased = false;
    return {
      modelId,
      arrivedAt: ticket.arrivedAt,
      release: () => {
        if (isReleased) return;
        isReleased = true;
        this.#scheduler.release(ticket);
      },
    };
  }

  /** Waits until the model is ready. `mayEvict: false` (a preload): only if there is free room. */
  async load(modelId: string, options: WaitOptions & { readonly mayEvict?: boolean } = {}): Promise<void> {
    await this.#wait(modelId, options, { isLoad: true, mayEvict: options.mayEvict ?? true });
  }

  /** Resolves when the model holds no memory any more. */
  async unload(modelId: string, options: UnloadOptions): Promise<void> {
    this.#scheduler.unload(modelId, options);
    await this.#untilGone(modelId);
  }

  /** Refuses what waits and what comes; resolves when all is stopped. */
  async close(options: { readonly drainMs: number }): Promise<void> {
    this.#scheduler.close(options);
    while (!this.#scheduler.isEmpty) {
      const held = this.#scheduler.views().filter((view) => !isGone(view.state));
      await Promise.all(held.map((view) => this.#untilGone(view.modelId)));
    }
    this.#setTimer(null);
  }

  started(modelId: string, outcome: { readonly loadMs: number } | { readonly fault: Fault }): void {
    this.#scheduler.started(modelId, outcome);
  }

  stopped(modelId: string): void {
    this.#scheduler.stopped(modelId);
  }

  crashed(modelId: string, fault: Fault): void {
    this.#scheduler.crashed(modelId, fault);
  }

  setPinned(modelId: string, isPinned: boolean): void {
    this.#scheduler.setPinned(modelId, isPinned);
  }

  /** Rules, budgets or the machine have changed: look again. */
  refresh(): void {
    this.#scheduler.tick();
  }

  view(modelId: string): ModelView {
    return this.#scheduler.view(modelId);
  }

  views(): readonly ModelView[] {
    return this.#scheduler.views();
  }

  reservations(): ReadonlyMap<string, Reserve> {
    return this.#scheduler.reservations();
  }

  async #wait(
    modelId: string,
    options: WaitOptions,
    kind: { readonly isLoad?: boolean; readonly mayEvict?: boolean },
  ): Promise<Ticket> {
    const { signal } = options;
    signal?.throwIfAborted();
    const waiter = new Waiter(modelId, options.onProgress);
    const ticket = this.#scheduler.request(modelId, kind, (made) => this.#waiters.set(made.id, waiter));
    if (!waiter.latch.isSettled && this.#scheduler.view(modelId).state === 'starting') waiter.tell('starting', null);
    const onAbort = (): void => {
      // Out of the line first; a grant that came just before is given back by `cancel`.
      this.#waiters.delete(ticket.id);
      this.#scheduler.cancel(ticket);
      waiter.latch.fail(signal?.reason ?? new Fault('cancelled', 'The request was cancelled.'));
    };
    signal?.addEventListener('abort', onAbort, { once: true });
    try {
      await waiter.latch.promise;
      // Both at once: the abort has given the slot back already.
      signal?.throwIfAborted();
    } finally {
      signal?.removeEventListener('abort', onAbort);
    }
    return ticket;
  }

  #start(modelId: string, plan: Fits<L>): void {
    try {
      this.#acts.start(modelId, plan);
    } catch (thrown) {
      queueMicrotask(() => this.#scheduler.started(modelId, { fault: toFault(thrown) }));
    }
  }

  #settle(ticket: Ticket, fault: Fault | null): void {
    const waiter = this.#waiters.get(ticket.id);
    this.#waiters.delete(ticket.id);
    if (fault === null) waiter?.latch.open();
    else waiter?.latch.fail(fault);
  }

  #hear(event: SchedulerEvent): void {
    this.#acts.onEvent?.(event);
    if (event.type === 'queued') {
      const detail = event.waitingFor === null ? `${event.position}` : `${event.position}, for ${event.waitingFor}`;
      this.#waiters.get(event.ticket.id)?.tell('queued', detail);
      return;
    }
    const { state } = this.#scheduler.view(event.modelId);
    if (state === 'starting') {
      for (const waiter of this.#waiters.values()) if (waiter.modelId === event.modelId) waiter.tell('starting', null);
    }
    if (isGone(state)) {
      this.#gone.get(event.modelId)?.open();
      this.#gone.delete(event.modelId);
    }
  }

  async #untilGone(modelId: string): Promise<void> {
    if (isGone(this.#scheduler.view(modelId).state)) return;
    const latch = this.#gone.get(modelId) ?? new Latch();
    this.#gone.set(modelId, latch);
    await latch.promise;
  }

  #setTimer(atMs: number | null): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
    if (atMs === null) return;
    // A millisecond later rather than earlier: timers round down.
    const delayMs = Math.min(LONGEST_TIMER_MS, Math.max(0, Math.ceil(atMs - steadyNow()) + 1));
    this.#timer = setTimeout(() => this.#scheduler.tick(), delayMs);
    this.#timer.unref();
  }
}

const isGone = (state: ModelState): boolean => state === 'stopped' || state === 'failed';
