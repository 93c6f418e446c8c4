// Whether another process has changed the store, asked ten times a second at most where requests wait, and without reading
// a row. It must never miss a change, nor take a failed look for a look.
import type { Store } from '../base/store.ts';

/** A change by another process counts after this long at most. */
const CHECK_MS = 100;

export class StoreWatch {
  readonly #store: Store;
  readonly #load: () => void;
  #version = -1;
  #checkedAt = Number.NEGATIVE_INFINITY;

  /** `load` reads again what is held in memory. */
  constructor(store: Store, load: () => void) {
    this.#store = store;
    this.#load = load;
  }

  /** SQLite counts the changes that other connections make; whoever changes something over ours loads it there and then. */
  refresh(): void {
    const now = performance.now();
    if (now - this.#checkedAt >= CHECK_MS) this.look(now);
  }

  /** The same at once, for what is slow anyway. */
  look(now = performance.now()): void {
    const version =
      this.#store.database.query<{ data_version: number }, []>('PRAGMA data_version').get()?.data_version ?? 0;
    if (version !== this.#version) this.#load();
    // In this order: what changes between is seen the next time, and a failure is no success.
    this.#version = version;
    this.#checkedAt = now;
  }
}
