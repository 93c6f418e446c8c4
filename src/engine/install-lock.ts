// One change of the engines at a time, over all processes that share a data directory. The lock dies with its holder.
import { join } from 'node:path';
import { Fault } from '../base/fault.ts';
import { FileLock, pause } from '../base/sync.ts';
import type { FetchProgress } from './sources/source.ts';

const POLL_MS = 100;
const WAIT_MS = 30 * 60_000;

export const lockFile = (root: string): string => join(root, '.install.lock');

export interface LockWait {
  readonly signal?: AbortSignal | undefined;
  readonly onProgress: (progress: FetchProgress) => void;
}

/** Waits for its turn; tells so once as stage `waiting`. Fault `conflict` after half an hour. */
export async function takeLock(root: string, wait: LockWait): Promise<FileLock> {
  const deadline = performance.now() + WAIT_MS;
  for (let isFirst = true; ; isFirst = false) {
    const lock = FileLock.tryTake(lockFile(root));
    if (lock !== null) return lock;
    if (isFirst) wait.onProgress({ stage: 'waiting', name: 'another installation', doneBytes: 0, totalBytes: null });
    if (performance.now() > deadline) {
      throw new Fault('conflict', 'Another installation of an engine has been running for half an hour.', {
        hint: 'End it, then try again.',
      });
    }
    await pause(POLL_MS, wait.signal);
  }
}
