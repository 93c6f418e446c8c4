// The successor's end of a handover: what this process says to the server before it, and hears from it. It must never
// take part where nobody hands over: without the mark and the channel it is a server like any other.
import type { Fault } from '../base/fault.ts';
import { Latch } from '../base/sync.ts';
import {
  type FromPredecessor,
  type FromSuccessor,
  type GoMessage,
  MARK,
  readFromPredecessor,
} from './handover-messages.ts';

type HoldingsMessage = Extract<FromPredecessor, { type: 'holdings' }>;

export interface TakeoverHooks {
  readonly onHoldings: (holdings: HoldingsMessage['holdings']) => void;
}

export class Takeover {
  /** Resolves when the predecessor has hung up: it serves nobody any more, or has died. */
  readonly gone: Promise<void>;
  /** Who waits for us beyond the predecessor: see `attendant`; null: nobody. */
  readonly attendantPid: number | null;
  readonly #go = new Latch<GoMessage | null>();
  readonly #portFree = new Latch();
  readonly #hungUp = new Latch();
  #onHoldings: TakeoverHooks['onHoldings'] | null = null;

  private constructor(mark: string) {
    this.gone = this.#hungUp.promise;
    this.attendantPid = /^\d+$/.test(mark) && Number(mark) > 0 ? Number(mark) : null;
    process.on('message', (value: unknown) => this.#hear(value));
    process.on('disconnect', () => this.#leave());
    if (process.connected !== true) this.#leave();
  }

  /** Null: this process is nobody's successor. */
  static join(environment: Readonly<Record<string, string | undefined>>): Takeover | null {
    const mark = environment[MARK];
    return mark === undefined || process.send === undefined ? null : new Takeover(mark);
  }

  get isGone(): boolean {
    return this.#hungUp.isSettled;
  }

  onHoldings(listener: TakeoverHooks['onHoldings']): void {
    this.#onHoldings = listener;
  }

  /** Says that we could serve, and waits for the word. Null: the predecessor has died meanwhile, and all is ours. */
  prepared(): Promise<GoMessage | null> {
    this.#say({ type: 'prepared' });
    return this.#go.promise;
  }

  /** Asks for the port and resolves when the predecessor has closed its listener, or is gone. */
  wantPort(): Promise<void> {
    this.#say({ type: 'wants-port' });
    return this.#portFree.promise;
  }

  listening(url: string): void {
    this.#say({ type: 'listening', url });
  }

  failed(fault: Fault): void {
    this.#say({ type: 'failed', message: fault.message, hint: fault.hint ?? null });
  }

  #say(message: FromSuccessor): void {
    try {
      process.send?.(message);
    } catch {
      // It has hung up; `gone` says so.
    }
  }

  #hear(value: unknown): void {
    const message = readFromPredecessor(value);
    if (message?.type === 'go') this.#go.open(message);
    else if (message?.type === 'port-free') this.#portFree.open();
    else if (message?.type === 'holdings') this.#onHoldings?.(message.holdings);
  }

  #leave(): void {
    this.#hungUp.open();
    this.#go.open(null);
    this.#portFree.open();
  }
}
