// The lock of a data folder: one server at a time, and handed from a server to its successor without a moment in which a
// third one could take it. It must never be held by two, nor be stolen from a server that lives.
//
// A second lock keeps the gap: who hands over holds it meanwhile, and a fresh start that finds it taken gives way.
import { existsSync } from 'node:fs';
import { Fault } from '../base/fault.ts';
import { FileLock, pause } from '../base/sync.ts';
import type { Paths } from '../config/paths.ts';
import { readServerFile } from './server-file.ts';

const POLL_MS = 20;
/** A fresh start lets go of it within milliseconds when it sees that it is being handed over. */
const HANDED_MS = 5000;

type LockPaths = Pick<Paths, 'data' | 'lock' | 'serverFile'>;

export class DataLock implements Disposable {
  readonly #paths: LockPaths;
  #lock: FileLock | null;
  #gap: FileLock | null = null;

  private constructor(paths: LockPaths, lock: FileLock) {
    this.#paths = paths;
    this.#lock = lock;
  }

  /** For a fresh start. Throws `already_running`. */
  static take(paths: LockPaths): DataLock {
    const lock = FileLock.tryTake(paths.lock);
    if (lock === null) throw heldFault(paths);
    if (isBeingHandedOver(paths)) {
      lock[Symbol.dispose]();
      throw heldFault(paths);
    }
    return new DataLock(paths, lock);
  }

  /** For a successor, once the server before it has let go. Throws `already_running` when that has not happened. */
  static async takeOver(paths: LockPaths): Promise<DataLock> {
    const lock = await patiently(() => FileLock.tryTake(paths.lock));
    if (lock === null) throw heldFault(paths);
    return new DataLock(paths, lock);
  }

  get isHeld(): boolean {
    return this.#lock !== null;
  }

  /** From now on it is only for a successor. Throws `conflict` when another handover of this folder is under way. */
  async beginHandover(): Promise<void> {
    this.#gap ??= await patiently(() => FileLock.tryTake(gapFile(this.#paths)));
    if (this.#gap === null) throw new Fault('conflict', `Another restart of ${this.#paths.data} is under way.`);
  }

  /** Lets the successor have it. */
  letGo(): void {
    this.#lock?.[Symbol.dispose]();
    this.#lock = null;
  }

  /** The successor has it. */
  endHandover(): void {
    this.#gap?.[Symbol.dispose]();
    this.#gap = null;
  }

  /** There is no successor after all. False: somebody else has it. */
  async takeBack(): Promise<boolean> {
    this.#lock ??= await patiently(() => FileLock.tryTake(this.#paths.lock));
    this.endHandover();
    return this.#lock !== null;
  }

  [Symbol.dispose](): void {
    this.letGo();
    this.endHandover();
  }
}

const gapFile = (paths: LockPaths): string => `${paths.lock}.handover`;

function isBeingHandedOver(paths: LockPaths): boolean {
  if (!existsSync(gapFile(paths))) return false;
  const gap = FileLock.tryTake(gapFile(paths));
  gap?.[Symbol.dispose]();
  return gap === null;
}

async function patiently(attempt: () => FileLock | null): Promise<FileLock | null> {
  const until = performance.now() + HANDED_MS;
  for (;;) {
    const lock = attempt();
    if (lock !== null || performance.now() >= until) return lock;
    await pause(POLL_MS);
  }
}

function heldFault(paths: LockPaths): Fault {
  const server = readServerFile(paths.serverFile);
  // It has perhaps not come so far yet.
  const holder = server === null ? '' : ` (process ${server.pid}, ${server.url})`;
  return new Fault('already_running', `Another Drover${holder} holds ${paths.data}.`, {
    hint: 'Use it, stop it, or give this one its own folder with --data-dir.',
  });
}
