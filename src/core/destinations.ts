// Where a download may go, and how much room is there. It must never wait long for a disk that does not answer, nor tell of the
// disk that shows where a missing one should be.
import { stat } from 'node:fs/promises';
import { within } from '../hardware/deadline.ts';

export interface DownloadDestination {
  readonly path: string;
  readonly isDefault: boolean;
  /** Folders below it are looked into: a download that goes into one of its own is found there. */
  readonly isRecursive: boolean;
  readonly modelCount: number;
  /** Epoch milliseconds; null before the first scan. */
  readonly scannedAt: number | null;
}

export interface DestinationRoom {
  readonly path: string;
  readonly isDefault: boolean;
  /** Of its disk, not yet reduced by what other downloads will take; null where that is not known. */
  readonly freeBytes: number | null;
}

/** Of the disk that holds a folder, or that will; null: not known. */
export type ReadFreeBytes = (path: string) => Promise<number | null>;

const PATIENCE_MS = 500;

/** Of the destinations those that could take a download now whose model is found afterwards: the default one is made where it is missing. */
export async function roomsOf(
  destinations: readonly DownloadDestination[],
  freeBytes: ReadFreeBytes,
): Promise<readonly DestinationRoom[]> {
  const rooms = await Promise.all(
    destinations
      .filter(({ isDefault, isRecursive }) => isDefault || isRecursive)
      .map(async ({ path, isDefault }): Promise<DestinationRoom | null> => {
        const isThere = isDefault || (await inTime(path, () => isFolder(path))) === true;
        return isThere ? { path, isDefault, freeBytes: await inTime(path, () => freeBytes(path)) } : null;
      }),
  );
  return rooms.filter((room) => room !== null);
}

const isFolder = async (path: string): Promise<boolean> => (await stat(path)).isDirectory();

/** Null where it fails or takes too long. */
const inTime = async <T>(path: string, read: () => Promise<T>): Promise<T | null> =>
  (await within<T | null>(path, { timeoutMs: PATIENCE_MS }, null, async () => ({ value: await read(), notes: [] })))
    .value;
