// The one door for what concerns the server as a whole: the configuration read again, a successor, the end. It must never
// act itself: the core has no process to start and no listener to close, so whoever runs it passes the acts in.
import type { Bus } from '../base/bus.ts';
import { Fault, toFault } from '../base/fault.ts';
import type { Log } from '../base/log.ts';
import type { DroverEvent } from './vocabulary.ts';

export interface LifecycleActs {
  /** Resolves when a successor is on its way; rejects with a Fault when none was started. */
  handOver(): Promise<void>;
  /** Ends the server in good order, as a signal does. */
  shutDown(why: string): void;
}

/** Work that one process of a data folder may do at a time, such as writing into a download. */
export interface Exclusive {
  /** Resolves when it rests; the successor may do it from then on. */
  pause(): Promise<void> | void;
  /** The successor has not come up: it is ours again. */
  resume(): void;
}

export interface LifecycleOptions {
  readonly bus: Bus<DroverEvent>;
  readonly log: Log;
  /** Throws `config_invalid` when the configuration cannot be read again. */
  readonly check: () => void;
  readonly reload: () => Promise<readonly string[]>;
}

export class Lifecycle {
  readonly #options: LifecycleOptions;
  readonly #exclusives = new Set<Exclusive>();
  #acts: LifecycleActs | null = null;

  constructor(options: LifecycleOptions) {
    this.#options = options;
  }

  /** Called by whoever runs the server, before it listens. */
  install(acts: LifecycleActs): void {
    this.#acts = acts;
  }

  /** Registers work that must rest before a successor begins. Returns the way to take it back. */
  exclusive(work: Exclusive): () => void {
    this.#exclusives.add(work);
    return () => void this.#exclusives.delete(work);
  }

  /** Soft: the configuration is read again, unchanged models keep running. Throws `config_invalid`; then nothing has changed. */
  async restart(): Promise<{ readonly touched: readonly string[] }> {
    return { touched: await this.#options.reload() };
  }

  /**
   * Hard: a new process takes over. Resolves when it is on its way; what becomes of it is told by the log and the bus.
   * Faults: `config_invalid`; `conflict` while another restart is under way; `not_supported` where nothing serves.
   */
  async restartHard(): Promise<void> {
    const acts = this.#need();
    this.#options.check();
    await acts.handOver();
  }

  /** Either, as a caller wants it that is answered before anything happens: what can be checked is, the rest follows. */
  async begin(options: { readonly isHard: boolean }): Promise<void> {
    if (options.isHard) {
      await this.restartHard();
      return;
    }
    this.#options.check();
    void this.restart().catch((thrown: unknown) => {
      const fault = toFault(thrown);
      this.#options.log.error(fault.message, { hint: fault.hint });
      this.#options.bus.emit({ type: 'config.refused', message: fault.message });
    });
  }

  /** Ends the server in good order. Throws `not_supported` where nothing serves. */
  shutDown(why: string): void {
    this.#need().shutDown(why);
  }

  /** For the acts: resolves when all work that only one may do rests. */
  async pauseExclusives(): Promise<void> {
    await Promise.all([...this.#exclusives].map((work) => work.pause()));
  }

  resumeExclusives(): void {
    for (const work of this.#exclusives) work.resume();
  }

  #need(): LifecycleActs {
    if (this.#acts === null) throw new Fault('not_supported', 'This is no server: there is nothing to restart.');
    return this.#acts;
  }
}
