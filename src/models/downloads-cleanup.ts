// Removes what a job brought that will not be finished: its parts, its finished files, the folders made for it. It must never touch a
// file that another job counts on, nor one that was there before.
import { rmdirSync, rmSync, statSync } from 'node:fs';
import { Fault } from '../base/fault.ts';
import { dropPart } from '../base/http.ts';
import { type FileRecord, fingerprintOf, type JobRecord } from './downloads-record.ts';

/** Whether another job counts on a file. */
export type IsShared = (file: FileRecord) => boolean;

/** Removes parts alone. Throws a Fault `not_writable` where something could not be removed, as the next does. */
export function removeParts(job: JobRecord, isShared: IsShared): void {
  removeEach(job, isShared, (file) => dropPart(file.path));
}

/** Removes parts, files and folders. */
export function removeTraces(job: JobRecord, isShared: IsShared): void {
  try {
    removeEach(job, isShared, (file) => {
      dropPart(file.path);
      // A file that was changed since is somebody else's work.
      if (file.state === 'finished' && file.isOurs && fingerprintAt(file.path) === file.fingerprint) rmSync(file.path);
      file.doneBytes = 0;
      file.state = 'waiting';
    });
  } finally {
    for (const folder of [...job.createdFolders].reverse()) removeEmpty(folder);
  }
}

function removeEach(job: JobRecord, isShared: IsShared, remove: (file: FileRecord) => void): void {
  const stuck: string[] = [];
  for (const file of job.files) {
    try {
      if (!isShared(file)) remove(file);
    } catch (thrown) {
      stuck.push(`${file.path} (${String(thrown)})`);
    }
  }
  if (stuck.length > 0) throw new Fault('not_writable', `These could not be removed: ${stuck.join(', ')}`);
}

function removeEmpty(folder: string): void {
  try {
    rmdirSync(folder);
  } catch {
    // Something else lies in it, or it is gone.
  }
}

function fingerprintAt(path: string): string | null {
  const status = statSync(path, { throwIfNoEntry: false });
  return status === undefined ? null : fingerprintOf(status);
}
