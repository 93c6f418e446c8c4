// The listeners of `alsoListen`: opened after the main one, rested while a successor takes their ports, closed with it. They
// must never outlive the main one.
import type { Log } from '../base/log.ts';
import type { Exclusive } from '../core/lifecycle.ts';
import { listenAside, parseSide, type SideListener, type SideListenerOptions } from '../server/side-listeners.ts';
import { listenSoon } from './serve-takeover.ts';

export interface SidesOptions {
  readonly app: SideListenerOptions['app'];
  readonly host: string;
  /** As the setting has them: `8080=llamactl`. */
  readonly texts: readonly string[];
  /** Another server has the ports and is about to close them. */
  readonly isSuccessor: boolean;
  readonly log: Log;
}

/** What runs on one that was closed goes on until it ends. */
const NEVER_MS = 2 ** 31 - 1;

export class Sides implements Exclusive {
  readonly #options: SidesOptions;
  #listeners: readonly SideListener[] = [];
  /** Closed, and still answering. */
  readonly #former: SideListener[] = [];

  private constructor(options: SidesOptions) {
    this.#options = options;
  }

  /** Throws `config_invalid` and `port_taken`; then none is open. */
  static async open(options: SidesOptions): Promise<Sides> {
    const sides = new Sides(options);
    await sides.#open(options.isSuccessor);
    return sides;
  }

  /** Requests that are being answered. */
  get pendingCount(): number {
    return [...this.#listeners, ...this.#former].reduce((sum, listener) => sum + listener.pendingCount, 0);
  }

  /** The ports are free when it returns; what was begun goes on. */
  pause(): void {
    for (const listener of this.#listeners) void listener.close({ drainMs: NEVER_MS });
    this.#former.push(...this.#listeners);
    this.#listeners = [];
  }

  resume(): void {
    this.#open(true).catch((thrown: unknown) =>
      this.#options.log.error(`a port of alsoListen cannot be bound again: ${String(thrown)}`),
    );
  }

  async close(options: { readonly drainMs: number }): Promise<void> {
    await Promise.all([...this.#listeners, ...this.#former].map((listener) => listener.close(options)));
  }

  async #open(isPatient: boolean): Promise<void> {
    const { app, host, texts, log } = this.#options;
    const opened: SideListener[] = [];
    try {
      for (const { port, dialect } of texts.map(parseSide)) {
        const attempt = (): Promise<SideListener> => listenAside({ app, host, port, dialect });
        const listener = await (isPatient ? listenSoon(attempt) : attempt());
        opened.push(listener);
        log.info('listening beside', { port: listener.port, dialect });
      }
    } catch (thrown) {
      await Promise.all(opened.map((listener) => listener.close()));
      throw thrown;
    }
    this.#listeners = opened;
  }
}
