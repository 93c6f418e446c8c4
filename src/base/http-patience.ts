// How a download bears failures: how many connections there may be, when the next may begin, and when it is enough.
// It must never wait for what waiting cannot help, and never ask faster than a server said.
import type { Fault } from './fault.ts';

export interface PatienceOptions {
  /** Most connections at once. */
  readonly connections: number;
  /** Tries after the first one that brought nothing new. */
  readonly retries: number;
  /** The first pause, doubled each time up to 30 s. */
  readonly retryDelayMs: number;
  /** What is there already. */
  readonly doneBytes: number;
}

/** A connection that failed, at the time when it did. */
export interface FailedTry {
  /** Of `performance.now()`. */
  readonly startedAt: number;
  readonly receivedBytes: number;
  /** How many other connections go on. */
  readonly others: number;
  /** What is there of the whole file. */
  readonly doneBytes: number;
}

const RETRY_DELAY_MAX_MS = 30_000;
/** A longer `Retry-After` is the caller's to wait for. */
const RETRY_AFTER_MAX_MS = 20_000;

export class Patience {
  readonly #retries: number;
  readonly #retryDelayMs: number;
  #limit: number;
  #limitMax: number;
  #failures = 0;
  #failedAt = Number.NEGATIVE_INFINITY;
  /** The most bytes that were there at a failure. */
  #bestBytes: number;
  #notBefore = Number.NEGATIVE_INFINITY;

  constructor({ connections, retries, retryDelayMs, doneBytes }: PatienceOptions) {
    this.#retries = retries;
    this.#retryDelayMs = retryDelayMs;
    this.#limit = connections;
    this.#limitMax = connections;
    this.#bestBytes = doneBytes;
  }

  /** Milliseconds until the next connection may begin; 0 when it may now. */
  get waitMs(): number {
    return Math.max(0, this.#notBefore - performance.now());
  }

  /** Whether there is never more than one connection. */
  get isLone(): boolean {
    return this.#limitMax === 1;
  }

  /** How many connections there may be. While nothing gets through, one tries for all. */
  allowed(doneBytes: number): number {
    return this.#failures > 0 && doneBytes <= this.#bestBytes ? 1 : this.#limit;
  }

  /** From now on one connection, whatever happens. */
  keepToOne(): void {
    this.#limit = 1;
    this.#limitMax = 1;
  }

  /** A connection has brought all that it was to bring. */
  onSuccess(): void {
    this.#limit = Math.min(this.#limitMax, this.#limit + 1);
  }

  /** Whether there is any use in trying again after `fault`. */
  bears(fault: Fault, failed: FailedTry): boolean {
    if (fault.kind !== 'offline' && fault.kind !== 'rate_limited') return false;
    const asked = typeof fault.details.retryAfterMs === 'number' ? fault.details.retryAfterMs : null;
    const isShort = asked !== null && asked <= RETRY_AFTER_MAX_MS;
    const isRefused = (fault.kind === 'rate_limited' && asked === null) || (asked !== null && !isShort);
    if (isRefused) {
      // What goes on well is enough; a server that lets nothing through is not asked blindly.
      this.#limitTo(failed.others);
      return failed.others > 0;
    }
    // Connections that were there when another one failed have met with the same trouble, not with more.
    if (failed.startedAt >= this.#failedAt) this.#count(fault, failed);
    if (this.#failures > this.#retries) return false;
    const backoffMs = Math.min(this.#retryDelayMs * 2 ** (this.#failures - 1), RETRY_DELAY_MAX_MS);
    const waitMs = asked ?? backoffMs * (0.75 + Math.random() / 2);
    this.#notBefore = Math.max(this.#notBefore, performance.now() + waitMs);
    return true;
  }

  #count(fault: Fault, { receivedBytes, others, doneBytes }: FailedTry): void {
    this.#failures = doneBytes > this.#bestBytes ? 1 : this.#failures + 1;
    this.#bestBytes = Math.max(this.#bestBytes, doneBytes);
    this.#failedAt = performance.now();
    if (fault.kind === 'rate_limited') this.#limitTo(Math.floor(this.#limit / 2));
    // One too many, as it seems; with every success another is tried.
    else if (receivedBytes === 0 && others > 0) this.#limit = Math.max(1, this.#limit - 1);
  }

  #limitTo(connections: number): void {
    this.#limitMax = Math.max(1, connections);
    this.#limit = Math.min(this.#limit, this.#limitMax);
  }
}
