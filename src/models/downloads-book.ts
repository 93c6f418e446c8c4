// The jobs that there are, and what they say about files: who brings the same ones, which path is taken, which file was verified,
// which one others count on. It must never change a job but for its claim on a file.
import { statSync } from 'node:fs';
import { Fault } from '../base/fault.ts';
import { type FileRecord, fingerprintOf, isEnded, type JobRecord } from './downloads-record.ts';
import { nameKey } from './names.ts';

/** Ended jobs that are remembered. */
const KEPT_JOBS = 200;

/** Names that differ in case only are one file on most systems, so they are on all. */
const pathKey = (file: FileRecord): string => nameKey(file.path);
/** A digest tells more than an address: two commits of a repository share most files. */
const contentKey = (file: FileRecord): string => file.asked.sha256 ?? file.url;
const identityOf = (job: JobRecord): string =>
  job.files.map((file) => `${contentKey(file)}\n${pathKey(file)}`).join('\n');

export class JobBook {
  readonly #jobs = new Map<string, JobRecord>();
  #position = 0;

  /** Oldest first. */
  all(): readonly JobRecord[] {
    return [...this.#jobs.values()];
  }

  /** In the order in which they may start. */
  queued(): readonly JobRecord[] {
    return this.all()
      .filter((job) => job.state === 'queued')
      .sort((left, right) => left.position - right.position);
  }

  /** Behind everything that is queued. */
  nextPosition(): number {
    this.#position += 1;
    return this.#position;
  }

  add(job: JobRecord): void {
    this.#jobs.set(job.id, job);
    this.#position = Math.max(this.#position, job.position);
  }

  drop(id: string): void {
    this.#jobs.delete(id);
  }

  /** Throws a Fault `not_found`. */
  find(id: string): JobRecord {
    const job = this.#jobs.get(id);
    if (job !== undefined) return job;
    throw new Fault('not_found', `There is no download ${id.slice(0, 80).replace(/\p{Cc}/gu, '?')}.`);
  }

  /** Ended ones that are too many to be remembered. */
  surplus(): readonly JobRecord[] {
    const ended = this.all().filter((job) => isEnded(job.state) && !job.needsCleanup);
    return ended
      .sort((left, right) => (left.finishedAt ?? 0) - (right.finishedAt ?? 0))
      .slice(0, Math.max(0, ended.length - KEPT_JOBS));
  }

  /** The unfinished job that brings the very same files to the same places, or null. */
  sameAs(draft: JobRecord): JobRecord | null {
    const identity = identityOf(draft);
    const isSame = (job: JobRecord): boolean =>
      job.state !== 'finished' && job.state !== 'cancelled' && identityOf(job) === identity;
    return this.all().find(isSame) ?? null;
  }

  /** Throws a Fault `conflict` where another job brings something else to a draft's place, or something else is there already. */
  requireFree(draft: JobRecord): void {
    for (const file of draft.files) {
      for (const { job, file: other } of this.#others(draft, file)) {
        const isTold = other.asked.sha256 !== null && file.asked.sha256 !== null;
        const isSame = isTold ? other.asked.sha256 === file.asked.sha256 : other.url === file.url;
        if (isSame || isEnded(job.state)) continue;
        throw new Fault('conflict', `Another download goes to ${file.path}: ${job.name}.`, {
          hint: 'Cancel that one first, or choose another name.',
          details: { downloadId: job.id, path: file.path },
        });
      }
      const status = statSync(file.path, { throwIfNoEntry: false });
      const isOther = status !== undefined && file.sizeBytes !== null && file.sizeBytes !== status.size;
      if (!isOther || draft.isOverwriting) continue;
      throw new Fault('conflict', `There is another file at ${file.path} already.`, {
        hint: 'Choose another name, delete that file, or ask for it to be overwritten.',
        details: { path: file.path, sizeBytes: status.size, wantedBytes: file.sizeBytes },
      });
    }
  }

  /** True where all files of a draft are there, as far as that is known without reading them. */
  isThere(draft: JobRecord): boolean {
    return draft.files.every((file) => {
      const status = statSync(file.path, { throwIfNoEntry: false });
      if (status?.isFile() !== true) return false;
      if (this.isKnown(file, fingerprintOf(status))) return true;
      return file.sha256 === null && !draft.isOverwriting && file.sizeBytes === status.size;
    });
  }

  /** True where a job has verified this very file by the same digest. */
  isKnown(file: FileRecord, fingerprint: string): boolean {
    if (file.sha256 === null) return false;
    return this.all().some((job) =>
      job.files.some(
        (other) =>
          other.state === 'finished' &&
          other.path === file.path &&
          other.fingerprint === fingerprint &&
          other.sha256 === file.sha256,
      ),
    );
  }

  /** True where another job counts on a job's file: it brings it too, or has it. */
  isShared(job: JobRecord, file: FileRecord): boolean {
    return this.#others(job, file).length > 0;
  }

  /** Files of a finished job are nobody's to delete any more, also where another job brought them. */
  disown(job: JobRecord): void {
    for (const file of job.files) for (const { file: other } of this.#others(job, file)) other.isOurs = false;
  }

  /** Uncancelled jobs beside `job` with a file at the same place. */
  #others(job: JobRecord, file: FileRecord): { job: JobRecord; file: FileRecord }[] {
    const key = pathKey(file);
    return this.all().flatMap((other) => {
      if (other.id === job.id || other.state === 'cancelled') return [];
      const found = other.files.find((candidate) => pathKey(candidate) === key);
      return found === undefined ? [] : [{ job: other, file: found }];
    });
  }
}
