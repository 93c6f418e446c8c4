// Typed events, told once and read many times: bounded, replayable, never blocking the teller.
// It must never await a listener: a slow reader loses its oldest droppable events, not our time.

export interface Told<E> {
  /** Increases by one per event; a reader that reconnects asks for what came after the last that it saw. */
  readonly sequence: number;
  /** Epoch milliseconds. */
  readonly at: number;
  readonly event: E;
}

export interface BusOptions<E> {
  /** The sequence before the first event; greater than 0 where readers come over from another bus. */
  readonly startsAfter?: number;
  /** How many events are kept for replay, droppable ones and the others each: a chatty log must not push the news out. */
  readonly historySize?: number;
  /** How many events one slow reader may owe before droppable ones go. */
  readonly queueSize?: number;
  /** Events that a slow reader may lose (log lines); all others make it lose its oldest droppable ones first. */
  readonly isDroppable?: (event: E) => boolean;
}

export interface StreamOptions {
  readonly signal?: AbortSignal;
  /** Replay kept events with a sequence greater than this one; absent: from now on. */
  readonly after?: number;
}

export class Bus<E extends { readonly type: string }> {
  readonly #listeners = new Set<(told: Told<E>) => void>();
  readonly #lasting: Told<E>[] = [];
  readonly #droppable: Told<E>[] = [];
  readonly #historySize: number;
  readonly #queueSize: number;
  readonly #isDroppable: (event: E) => boolean;
  #sequence = 0;

  constructor(options: BusOptions<E> = {}) {
    this.#sequence = options.startsAfter ?? 0;
    this.#historySize = options.historySize ?? 512;
    this.#queueSize = options.queueSize ?? 1024;
    this.#isDroppable = options.isDroppable ?? (() => false);
  }

  get lastSequence(): number {
    return this.#sequence;
  }

  get listenerCount(): number {
    return this.#listeners.size;
  }

  emit(event: E): Told<E> {
    this.#sequence += 1;
    const told: Told<E> = { sequence: this.#sequence, at: Date.now(), event };
    const history = this.#isDroppable(event) ? this.#droppable : this.#lasting;
    history.push(told);
    if (history.length > this.#historySize * 2) history.splice(0, history.length - this.#historySize);
    for (const listener of this.#listeners) {
      // A listener that throws must not keep the news from the others.
      try {
        listener(told);
      } catch (thrown) {
        queueMicrotask(() => {
          throw thrown;
        });
      }
    }
    return told;
  }

  /** Calls `listener` synchronously on every event until the returned function is called. */
  subscribe(listener: (told: Told<E>) => void): () => void {
    this.#listeners.add(listener);
    return () => {
      this.#listeners.delete(listener);
    };
  }

  recent(after = 0): readonly Told<E>[] {
    return [this.#lasting, this.#droppable]
      .flatMap((history) => history.slice(-this.#historySize))
      .filter((told) => told.sequence > after)
      .sort((left, right) => left.sequence - right.sequence);
  }

  /** Events as an async iterator that ends when the signal aborts. */
  async *stream(options: StreamOptions = {}): AsyncGenerator<Told<E>, void, void> {
    const { signal } = options;
    const queue: Told<E>[] = options.after === undefined ? [] : [...this.recent(options.after)];
    let wake: (() => void) | null = null;
    const unsubscribe = this.subscribe((told) => {
      queue.push(told);
      if (queue.length > this.#queueSize) this.#shrink(queue);
      wake?.();
    });
    const onAbort = (): void => wake?.();
    signal?.addEventListener('abort', onAbort, { once: true });
    try {
      while (signal?.aborted !== true) {
        const next = queue.shift();
        if (next !== undefined) {
          yield next;
          continue;
        }
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
        wake = null;
      }
    } finally {
      unsubscribe();
      signal?.removeEventListener('abort', onAbort);
    }
  }

  /** Resolves with the first event, kept or future, that the predicate accepts. */
  async waitFor(accepts: (event: E) => boolean, options: StreamOptions = {}): Promise<E> {
    for await (const told of this.stream(options)) if (accepts(told.event)) return told.event;
    throw options.signal?.reason ?? new Error('the bus stream ended');
  }

  #shrink(queue: Told<E>[]): void {
    const index = queue.findIndex((told) => this.#isDroppable(told.event));
    queue.splice(index === -1 ? 0 : index, 1);
  }
}
