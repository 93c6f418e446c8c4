// Small pieces that keep concurrent work honest: a mailbox (one writer), a latch, a deadline and a
// lock on a folder that dies with its holder. They must never know what they guard.
import { Database } from 'bun:sqlite';
import { Fault } from './fault.ts';

/** Runs tasks one after the other, in order of arrival; a task that fails does not stop the next. */
export class Mailbox {
  #tail: Promise<unknown> = Promise.resolve();
  #pendingCount = 0;

  get pendingCount(): number {
    return this.#pendingCount;
  }

  send<T>(task: () => Promise<T> | T): Promise<T> {
    this.#pendingCount += 1;
    const run = this.#tail.then(task, task);
    this.#tail = run
      .catch(() => undefined)
      .finally(() => {
        this.#pendingCount -= 1;
      });
    return run;
  }
}

/** A promise that somebody else settles, once. */
export class Latch<T = void> {
  readonly promise: Promise<T>;
  #isSettled = false;
  #resolve!: (value: T) => void;
  #reject!: (reason: unknown) => void;

  constructor() {
    this.promise = new Promise<T>((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
    // An unobserved rejection is not a crash; whoever waits sees it.
    this.promise.catch(() => undefined);
  }

  get isSettled(): boolean {
    return this.#isSettled;
  }

  open(value: T): void {
    this.#isSettled = true;
    this.#resolve(value);
  }

  fail(reason: unknown): void {
    this.#isSettled = true;
    this.#reject(reason);
  }
}

/** Rejects with the signal's reason when it aborts first; the work itself is not stopped. */
export async function untilAborted<T>(work: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (signal === undefined) return work;
  if (signal.aborted) {
    // Nobody waits for it now, and a rejection that nobody hears of would end the process.
    work.catch(() => undefined);
    throw signal.reason;
  }
  let onAbort: (() => void) | undefined;
  const aborted = new Promise<never>((_, reject) => {
    onAbort = () => reject(signal.reason);
    signal.addEventListener('abort', onAbort, { once: true });
  });
  try {
    return await Promise.race([work, aborted]);
  } finally {
    if (onAbort !== undefined) signal.removeEventListener('abort', onAbort);
  }
}

/** Sleeps, or rejects with the signal's reason. */
export function pause(milliseconds: number, signal?: AbortSignal): Promise<void> {
  const latch = new Latch();
  const timer = setTimeout(() => latch.open(), milliseconds);
  return untilAborted(latch.promise, signal).finally(() => clearTimeout(timer));
}

/**
 * A lock that the operating system releases when its holder dies, however it dies: SQLite's own file lock
 * (fcntl on POSIX, LockFileEx on Windows), so there is no stale lock to clear.
 */
export class FileLock implements Disposable {
  readonly #database: Database;

  private constructor(database: Database) {
    this.#database = database;
  }

  /** Takes the lock at `path`, or returns null when another process holds it. Throws a Fault when the file cannot be made. */
  static tryTake(path: string): FileLock | null {
    let database: Database;
    try {
      database = new Database(path, { create: true });
      database.exec('PRAGMA busy_timeout = 0');
      database.exec('PRAGMA journal_mode = MEMORY');
    } catch (thrown) {
      if (isBusy(thrown)) return null;
      throw new Fault('not_writable', `The lock file ${path} cannot be opened: ${String(thrown)}`, { cause: thrown });
    }
    try {
      database.exec('BEGIN EXCLUSIVE');
      return new FileLock(database);
    } catch (thrown) {
      database.close();
      if (isBusy(thrown)) return null;
      throw new Fault('not_writable', `The lock file ${path} cannot be locked: ${String(thrown)}`, { cause: thrown });
    }
  }

  [Symbol.dispose](): void {
    this.#database.close();
  }
}

const isBusy = (thrown: unknown): boolean => /busy|locked/i.test(String(thrown));
