// Whether the disk has room for a whole job beside the others that run. It must never let two jobs be admitted that fit only alone.
import { statfsSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import { Fault } from '../base/fault.ts';
import { sizeText } from '../base/size.ts';
import type { FileRecord, JobRecord } from './downloads-record.ts';

/** Left free beside the files. */
const SPARE_BYTES = 64 * 1024 * 1024;
const BLOCK_BYTES = 512;

/** Bytes that a file will still take on its disk; 0 where its size is unknown. */
export function missingBytes(file: FileRecord): number {
  if (file.state === 'finished' || file.sizeBytes === null) return 0;
  return Math.max(0, file.sizeBytes - Math.max(allocatedBytes(`${file.path}.part`), file.doneBytes));
}

export const missingOf = (job: JobRecord): number => job.files.reduce((total, file) => total + missingBytes(file), 0);

/** Throws a Fault `disk_full` unless the job fits beside the `others` that write to the same disk. The job's folders must exist. */
export function requireSpace(job: JobRecord, others: Iterable<JobRecord>): void {
  const folder = dirname(job.files[0]?.path ?? '');
  const wantedBytes = missingOf(job);
  if (wantedBytes === 0) return;
  const reservedBytes = reservedBy(others, job);
  const { bavail, bsize } = statfsSync(folder);
  const freeBytes = bavail * bsize;
  if (freeBytes >= wantedBytes + reservedBytes + SPARE_BYTES) return;
  const reserved = reservedBytes === 0 ? '' : `, of which other downloads will take ${sizeText(reservedBytes)}`;
  throw new Fault(
    'disk_full',
    `${job.name} needs ${sizeText(wantedBytes)} more, and ${sizeText(freeBytes)} are free${reserved}.`,
    {
      hint: `Free some space on the disk of ${folder}, or choose a smaller quantization; then resume the download.`,
      details: { neededBytes: wantedBytes, freeBytes, reservedBytes },
    },
  );
}

/** What the `others` will still take of the disk that `job` writes to. */
export function reservedBy(others: Iterable<JobRecord>, job: JobRecord): number {
  const device = deviceOf(job);
  let total = 0;
  for (const other of others) {
    if (other !== job && deviceOf(other) === device) total += missingOf(other);
  }
  return total;
}

function deviceOf(job: JobRecord): number | null {
  try {
    return statSync(dirname(job.files[0]?.path ?? '')).dev;
  } catch {
    return null;
  }
}

/** What a part takes already: its blocks, since parts may be sparse. */
function allocatedBytes(path: string): number {
  try {
    return statSync(path).blocks * BLOCK_BYTES;
  } catch {
    return 0;
  }
}
