// Runs jobs side by side: one at a time writes a path, and all together fit on the disk. It must never let a run outlive `stop`.
import { Fault, toFault } from '../base/fault.ts';
import { Latch, untilAborted } from '../base/sync.ts';
import type { FileRecord, JobRecord, Pace } from './downloads-record.ts';
import { type Patience, type RunHost, runJob } from './downloads-run.ts';
import { missingBytes, requireSpace, reservedBy } from './downloads-space.ts';
import type { HubAccess } from './hub-door.ts';

export interface RunnerOptions {
  readonly access: (job: JobRecord, signal: AbortSignal) => HubAccess;
  readonly connections: number | undefined;
  readonly patience: Patience;
  readonly folder: string;
  readonly allowedFolders: () => readonly string[];
  readonly changed: (job: JobRecord) => void;
  readonly progressed: (job: JobRecord, pace: Pace) => void;
  readonly isKnown: (file: FileRecord, fingerprint: string) => boolean;
  readonly introduce: (job: JobRecord) => Promise<void>;
}

export type Outcome = { readonly how: 'finished' | 'stopped' } | { readonly how: 'failed'; readonly fault: Fault };

interface Run {
  readonly stop: AbortController;
  readonly ended: Promise<void>;
  isSealed: boolean;
}

export class Runner {
  readonly #runs = new Map<string, Run>();
  /** Running jobs whose room on the disk is reserved. */
  readonly #admitted = new Set<JobRecord>();
  readonly #locks = new Map<string, Promise<void>>();

  constructor(private readonly options: RunnerOptions) {}

  get count(): number {
    return this.#runs.size;
  }

  /** True until everything of its run has ended, also after `stop`. */
  has(id: string): boolean {
    return this.#runs.has(id);
  }

  /** True when its files are all there and it can no longer be stopped but by `stopAll`. */
  isSealed(id: string): boolean {
    return this.#runs.get(id)?.isSealed === true;
  }

  /**
   * Calls `settle` once, in the very moment in which the run is over: nobody can stop it in between. Resolves right after. Never rejects.
   */
  run(job: JobRecord, settle: (outcome: Outcome) => void): Promise<void> {
    const stop = new AbortController();
    const ended = this.#run(job, stop.signal, settle);
    this.#runs.set(job.id, { stop, ended, isSealed: false });
    return ended;
  }

  /** Resolves when nothing of it runs any more. */
  async stop(id: string): Promise<void> {
    const run = this.#runs.get(id);
    run?.stop.abort(new Fault('cancelled', 'The download was stopped.'));
    await run?.ended;
  }

  async stopAll(): Promise<void> {
    await Promise.all([...this.#runs.keys()].map((id) => this.stop(id)));
  }

  async #run(job: JobRecord, signal: AbortSignal, settle: (outcome: Outcome) => void): Promise<void> {
    let outcome: Outcome = { how: 'finished' };
    try {
      // The caller finishes what it is at before the first change of a run.
      await null;
      signal.throwIfAborted();
      await runJob(job, this.#host(job, signal));
    } catch (thrown) {
      outcome = signal.aborted ? { how: 'stopped' } : { how: 'failed', fault: toFault(thrown) };
    }
    this.#admitted.delete(job);
    this.#runs.delete(job.id);
    settle(outcome);
  }

  #host(job: JobRecord, signal: AbortSignal): RunHost {
    const { options } = this;
    return {
      access: options.access(job, signal),
      signal,
      connections: options.connections,
      patience: options.patience,
      folder: options.folder,
      allowedFolders: options.allowedFolders(),
      changed: () => {
        options.changed(job);
        // Whoever is told may have stopped it there and then.
        signal.throwIfAborted();
      },
      progressed: (pace) => options.progressed(job, pace),
      admit: () => {
        requireSpace(job, this.#admitted);
        this.#admitted.add(job);
      },
      reservedBytes: (file) => {
        const others = job.files.filter((other) => other !== file);
        return others.reduce((total, other) => total + missingBytes(other), 0) + reservedBy(this.#admitted, job);
      },
      lock: (path) => this.#lock(path, signal),
      isKnown: options.isKnown,
      seal: () => {
        const run = this.#runs.get(job.id);
        if (run !== undefined) run.isSealed = true;
      },
      introduce: () => options.introduce(job),
    };
  }

  async #lock(path: string, signal: AbortSignal): Promise<Disposable> {
    for (let held = this.#locks.get(path); held !== undefined; held = this.#locks.get(path)) {
      await untilAborted(held, signal);
    }
    signal.throwIfAborted();
    const latch = new Latch();
    this.#locks.set(path, latch.promise);
    return {
      [Symbol.dispose]: () => {
        this.#locks.delete(path);
        latch.open();
      },
    };
  }
}
