// What is meant with one model and how far that has come: up, down, or down and up again. Whoever asks last is obeyed, one
// step after the other, so that requests that race end in one state. It must never decide that a model is wanted.
import { type Fault, toFault } from '../base/fault.ts';
import { untilAborted } from '../base/sync.ts';
import type { StopOptions } from './drover.ts';
import type { InstanceState } from './vocabulary.ts';

export type InstanceStatus = 'stopped' | 'starting' | 'running' | 'stopping' | 'error';

/** `again` is down first, then up. */
export type Goal = 'up' | 'down' | 'again';

export interface CourseActs {
  /** Of the model's process, as it is now. */
  state(): InstanceState;
  /** Resolves when it runs. Once aborted, nobody hears of it, and it must begin nothing more. */
  start(signal: AbortSignal): Promise<unknown>;
  /** Resolves when it is gone. */
  stop(options: StopOptions): Promise<void>;
  /** The status is another one. */
  onStatus(status: InstanceStatus, previous: InstanceStatus): void;
  /** A start has failed, of those that nobody has taken back. */
  onFailure(fault: Fault): void;
}

export class Course {
  readonly #acts: CourseActs;
  #goal: Goal | null = null;
  /** Counts what was asked, so that a step knows whether it is still meant. */
  #revision = 0;
  #waiting: AbortController | null = null;
  #stopping: StopOptions = {};
  /** Stops that are under way, each asked for when it was meant. Empty: none is. */
  #ends: Promise<void>[] = [];
  /** What was asked when the last of them was begun. */
  #endedRevision = 0;
  #work: Promise<void> = Promise.resolve();
  /** False again in the very moment in which nothing more is meant: who asks a moment later must not be overheard. */
  #isDriving = false;
  #failure: Fault | null = null;
  #told: InstanceStatus = 'stopped';

  constructor(acts: CourseActs) {
    this.#acts = acts;
  }

  /** Null: nothing is under way. */
  get goal(): Goal | null {
    return this.#goal;
  }

  /** Why the last start came to nothing; null: it did not, or something else was asked since. */
  get failure(): Fault | null {
    return this.#failure;
  }

  get status(): InstanceStatus {
    const state = this.#acts.state();
    const isGone = state === 'stopped' || state === 'failed';
    if (this.#goal === 'down' || this.#goal === 'again') {
      if (!isGone) return 'stopping';
      return this.#goal === 'again' ? 'starting' : 'stopped';
    }
    if (state === 'ready') return 'running';
    if (state === 'stopping') return 'stopping';
    if (this.#goal === 'up' || state === 'starting') return 'starting';
    return state === 'failed' || this.#failure !== null ? 'error' : 'stopped';
  }

  /** Asks for something else than before; what is under way towards that is given up. */
  want(goal: Goal, options: StopOptions = {}): void {
    this.#goal = goal;
    this.#stopping = options;
    this.#failure = null;
    this.#turn();
    // Not when the one under way has ended: by then somebody else may have it start anew, who asked later.
    if (this.#ends.length > 0 && goal !== 'up') this.#ends.push(this.#end());
    if (this.#isDriving) return;
    this.#isDriving = true;
    this.#work = this.#drive();
  }

  /** Nothing is meant any more: what comes, comes by others. */
  letBe(): void {
    this.#goal = null;
    this.#failure = null;
    this.#turn();
  }

  /** Whatever was asked has come to its end, one way or the other. */
  async settled(): Promise<void> {
    while (this.#isDriving) await this.#work;
  }

  /** Looks whether the status is another one, and tells. */
  look(): void {
    const { status } = this;
    const previous = this.#told;
    if (status === previous) return;
    // Between two lives it was stopped, be it for an instant.
    if (previous === 'stopping' && (status === 'starting' || status === 'running')) {
      this.#told = 'stopped';
      this.#acts.onStatus('stopped', previous);
      this.look();
      return;
    }
    this.#told = status;
    this.#acts.onStatus(status, previous);
  }

  #turn(): void {
    this.#revision += 1;
    this.#waiting?.abort(new DOMException('something else was asked', 'AbortError'));
    this.look();
  }

  async #drive(): Promise<void> {
    try {
      for (let goal = this.#goal; goal !== null; goal = this.#goal) await this.#pursue(goal);
    } finally {
      this.#isDriving = false;
    }
  }

  async #pursue(goal: Goal): Promise<void> {
    const revision = this.#revision;
    const fault = await this.#step(goal).then(
      () => null,
      (thrown: unknown) => toFault(thrown),
    );
    // A stop that was asked for while one was under way has ended with it.
    const isMet = this.#revision === revision || (fault === null && this.#revision === this.#endedRevision);
    if (!isMet) return;
    this.#goal = this.#goal === 'again' && fault === null ? 'up' : null;
    this.#failure = fault;
    this.look();
    if (fault !== null && goal === 'up') this.#acts.onFailure(fault);
  }

  async #step(goal: Goal): Promise<void> {
    if (goal !== 'up') {
      this.#ends.push(this.#end());
      await this.#untilEnded();
      return;
    }
    const waiting = new AbortController();
    this.#waiting = waiting;
    try {
      // What is given up holds up nothing, whatever it still waits for: a stop that comes late would end what others ask then.
      await untilAborted(this.#acts.start(waiting.signal), waiting.signal);
    } finally {
      this.#waiting = null;
    }
  }

  #end(): Promise<void> {
    this.#endedRevision = this.#revision;
    const end = this.#acts.stop(this.#stopping);
    // One that fails while another is waited for must not end the process.
    end.catch(() => undefined);
    return end;
  }

  async #untilEnded(): Promise<void> {
    try {
      // Others may come meanwhile.
      for (let index = 0; index < this.#ends.length; index += 1) await this.#ends[index];
    } finally {
      this.#ends = [];
    }
  }
}
