// Every model as something with a name that is started and stopped by it: kept wanted until somebody stops it, started again
// with us and after a crash. What runs is the core's to say; this holds what is meant. It must never start what nobody
// asked for, nor keep two opinions of one model.
import { Fault } from '../base/fault.ts';
import type { Log } from '../base/log.ts';
import { isFreePort } from '../base/port.ts';
import type { Drover, ModelView, StopOptions } from './drover.ts';
import { Course, type InstanceStatus } from './instance-course.ts';
import { takenPort } from './instance-names.ts';
import { policyOf } from './instance-options.ts';
import { InstanceRestarts } from './instance-restarts.ts';
import type { InstanceSheet, InstanceSheets } from './instance-sheets.ts';
import type { DroverEvent, Instance } from './vocabulary.ts';
import type { WantedBook } from './wanted-book.ts';

/** One of them, as it is now. */
export interface NamedInstance extends InstanceSheet {
  readonly name: string;
  readonly status: InstanceStatus;
  /** Why it is in `error`; null else. */
  readonly failure: string | null;
  readonly modelPath: string | null;
  readonly pid: number | null;
}

export interface StatusChange {
  readonly name: string;
  readonly status: InstanceStatus;
  readonly previous: InstanceStatus;
  /** Where the status is `error`: why. */
  readonly failure: string | null;
}

/** What came of asking one of many. */
export interface Outcome {
  readonly name: string;
  readonly status: InstanceStatus;
  /** Null: it was done, or is under way. */
  readonly fault: Fault | null;
}

export interface NamedInstancesOptions {
  readonly drover: Pick<Drover, 'models' | 'model' | 'load' | 'stop' | 'setPinned' | 'instances' | 'rescan' | 'bus'>;
  readonly wanted: WantedBook;
  readonly sheets: InstanceSheets;
  readonly log: Log;
}

export class NamedInstances {
  readonly #options: NamedInstancesOptions;
  readonly #courses = new Map<string, Course>();
  readonly #restarts = new InstanceRestarts();
  readonly #listeners = new Set<(change: StatusChange) => void>();
  /** On their way out of the book. */
  readonly #closed = new Set<string>();
  /** Whom we are just asking to stop: that is not news to us. */
  #asking: string | null = null;
  /** The server ends, or another one has taken over. */
  #isEnding = false;

  constructor(options: NamedInstancesOptions) {
    this.#options = options;
    options.drover.bus.subscribe(({ event }) => this.#hear(event));
  }

  /** Told of every change of a status, after it. Returns the way out. */
  onStatus(listener: (change: StatusChange) => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  list(): readonly NamedInstance[] {
    return this.#options.drover.models().map((model) => this.#view(model));
  }

  /** By its very name; throws `not_found`. */
  get(name: string): NamedInstance {
    return this.#view(this.#model(name));
  }

  /** Asks for it to run; what becomes of it is told by its status. Throws `not_found`, `port_taken`. */
  start(name: string): InstanceStatus {
    const { id } = this.#model(name);
    const course = this.#course(id);
    if (course.status === 'running' || course.goal === 'up' || course.goal === 'again') {
      if (course.status === 'running') this.#want(id);
      return course.status;
    }
    // While it leaves, it may still have its own port.
    if (course.status !== 'stopping') this.#requireFreePort(id);
    this.#begin(id, course);
    return 'starting';
  }

  /** Asks for it to end. Throws `not_found`. */
  stop(name: string, options: StopOptions = {}): InstanceStatus {
    const { id } = this.#model(name);
    const course = this.#course(id);
    this.#unwant(id);
    const { status } = course;
    if (status === 'stopped' || status === 'error') {
      // What went wrong is over with it.
      if (status === 'error') void this.#askStop(id, {}).catch(() => undefined);
      course.letBe();
      return 'stopped';
    }
    course.want('down', options);
    return 'stopping';
  }

  /** Down, where it is up, and up. */
  restart(name: string, options: StopOptions = {}): InstanceStatus {
    const { id } = this.#model(name);
    const course = this.#course(id);
    const { status } = course;
    if (status === 'stopped' || status === 'error') return this.start(name);
    this.#want(id);
    course.want('again', options);
    return 'stopping';
  }

  /** Each one that is stopped. What is known not to work is told; the rest is under way. */
  startAll(): readonly Outcome[] {
    const idle = this.list().filter(({ status }) => status === 'stopped' || status === 'error');
    return idle.map(({ name }) => this.#outcome(name, () => this.start(name)));
  }

  stopAll(): readonly Outcome[] {
    const busy = this.list().filter(({ status }) => status === 'running' || status === 'starting');
    return busy.map(({ name }) => this.#outcome(name, () => this.stop(name)));
  }

  /**
   * Waits for a stop that is under way; once it is down, nobody can start it any more. Throws `conflict` where it is up or
   * comes up. To be followed by `removed` or `kept`.
   */
  async close(name: string): Promise<string> {
    const { id } = this.#model(name);
    const course = this.#course(id);
    while (course.status === 'stopping' && course.goal !== 'again') {
      if (course.goal === null) await this.#askStop(id, {});
      await course.settled();
      course.look();
    }
    const { status } = course;
    if (status !== 'stopped' && status !== 'error') {
      throw new Fault('conflict', `"${id}" is ${status}.`, { hint: 'Stop it first.', details: { name: id, status } });
    }
    // A failure would be remembered beyond its end.
    if (status === 'error') void this.#askStop(id, {}).catch(() => undefined);
    this.#closed.add(id);
    return id;
  }

  /** It is no more: nothing is meant with it. */
  removed(id: string): void {
    this.#unwant(id);
    this.#courses.get(id)?.letBe();
    this.#courses.delete(id);
    this.#closed.delete(id);
  }

  /** It has not come to that. */
  kept(id: string): void {
    this.#closed.delete(id);
  }

  /** What runs under a name that is no model's any more leaves; what is one goes on. */
  async releaseStrays(): Promise<void> {
    const known = new Set(this.#options.drover.models().map(({ id }) => id));
    const running = this.#options.drover.instances().map(({ modelId }) => modelId);
    const strays = [...new Set([...running, ...this.#courses.keys()])].filter((id) => !known.has(id));
    await Promise.all(
      strays.map(async (id) => {
        this.#restarts.forget(id);
        this.#options.wanted.set(id, false);
        this.#courses.get(id)?.letBe();
        if (running.includes(id)) this.#options.drover.setPinned(id, false);
        await this.#askStop(id, {}).catch(() => undefined);
        this.#courses.delete(id);
      }),
    );
  }

  /** Starts what was wanted when the server ended. */
  resume(): void {
    for (const name of this.#options.wanted.all()) this.#startAgain(name);
  }

  /** A successor is to start what is wanted; nothing is begun here any more. */
  rest(): void {
    this.#isEnding = true;
    this.#restarts.rest();
  }

  /** It did not come up: all is ours again. */
  goOn(): void {
    this.#isEnding = false;
    this.resume();
  }

  #hear(event: DroverEvent): void {
    switch (event.type) {
      case 'instance.changed':
        this.#hearChange(event.instance, event.previous);
        return;
      case 'instance.unwanted':
        if (event.modelId !== this.#asking && !this.#isEnding) this.#dismissed(event.modelId);
        return;
      case 'config.changed':
        // They were stopped because they are to be started differently.
        if (!this.#isEnding) for (const id of event.touched) if (this.#options.wanted.has(id)) this.#startAgain(id);
        return;
      case 'server.stopping':
        this.rest();
        return;
      case 'restart.failed':
        if (this.#isEnding) this.goOn();
        return;
      default:
    }
  }

  #hearChange({ modelId, state, failure }: Instance, previous: Instance['state']): void {
    const course = this.#course(modelId);
    course.look();
    if (this.#isEnding || state !== 'failed' || previous !== 'ready' || course.goal !== null) return;
    this.#restartLater(modelId, failure ?? 'it ended');
  }

  /** Somebody else wants it stopped. */
  #dismissed(id: string): void {
    this.#unwant(id);
    this.#courses.get(id)?.letBe();
  }

  #restartLater(id: string, why: string): void {
    const { wanted, sheets, log } = this.#options;
    if (!wanted.has(id)) return;
    const policy = policyOf(sheets.of(id).options);
    if (this.#restarts.plan(id, policy, () => this.#startAgain(id))) {
      log.warn(`${id} is started again in ${policy.delayMs / 1000} s`, { model: id, why });
    } else log.error(`${id} stays down after ${this.#restarts.countOf(id)} restarts`, { model: id, why });
  }

  #startAgain(id: string): void {
    if (this.#isEnding || !this.#options.wanted.has(id)) return;
    if (!this.#isKnown(id)) {
      this.#options.log.warn(`${id} was to be started, but there is no such model now`, { model: id });
      return;
    }
    const course = this.#course(id);
    this.#options.drover.setPinned(id, true);
    if (course.goal === null) course.want('up');
  }

  #begin(id: string, course: Course): void {
    this.#restarts.forget(id);
    this.#want(id);
    course.want('up');
  }

  /** It is kept from now on: nobody makes room by it. */
  #want(id: string): void {
    this.#options.wanted.set(id, true);
    this.#options.drover.setPinned(id, true);
  }

  #unwant(id: string): void {
    this.#restarts.forget(id);
    if (!this.#options.wanted.has(id)) return;
    this.#options.wanted.set(id, false);
    if (this.#isKnown(id)) this.#options.drover.setPinned(id, false);
  }

  #isKnown(id: string): boolean {
    try {
      return this.#options.drover.model(id).id === id;
    } catch {
      return false;
    }
  }

  #requireFreePort(id: string): void {
    const { port, isOwnPort } = this.#options.sheets.of(id);
    if (isOwnPort && !isFreePort(port)) throw takenPort(port, 'by something else that listens there');
  }

  #outcome(name: string, ask: () => InstanceStatus): Outcome {
    try {
      return { name, status: ask(), fault: null };
    } catch (thrown) {
      if (!(thrown instanceof Fault)) throw thrown;
      return { name, status: this.get(name).status, fault: thrown };
    }
  }

  /** Only by its very name: an alias is somebody else once this one is gone. */
  #model(name: string): ModelView {
    const model = this.#options.drover.model(name);
    if (name !== '' && model.id === name && !this.#closed.has(name)) return model;
    throw new Fault('not_found', `There is no instance called "${name}".`, {
      details: { name, nearNames: [model.id] },
    });
  }

  #view(model: ModelView): NamedInstance {
    const { id, instance } = model;
    const course = this.#courses.get(id);
    const status = course?.status ?? 'stopped';
    const failure = status === 'error' ? (course?.failure?.message ?? instance?.failure ?? null) : null;
    return {
      ...this.#options.sheets.of(id, model),
      name: id,
      status,
      failure,
      modelPath: model.path,
      pid: instance?.pid ?? null,
    };
  }

  #course(id: string): Course {
    const known = this.#courses.get(id);
    if (known !== undefined) return known;
    const course: Course = new Course({
      state: () => this.#instance(id)?.state ?? 'stopped',
      start: (signal) => this.#load(id, signal),
      stop: (options) => this.#askStop(id, options),
      onStatus: (status, previous) => this.#tell(id, course, status, previous),
      onFailure: (fault) => this.#hearFailure(id, fault),
    });
    this.#courses.set(id, course);
    return course;
  }

  #instance(id: string): Instance | null {
    try {
      const model = this.#options.drover.model(id);
      if (model.id === id) return model.instance;
    } catch {
      // It may run on under a name that is no model's any more.
    }
    return this.#options.drover.instances().find(({ modelId }) => modelId === id) ?? null;
  }

  async #load(id: string, signal: AbortSignal): Promise<void> {
    const { drover } = this.#options;
    // Its file may have come since anybody looked.
    if (this.#model(id).failure !== null) await drover.rescan();
    signal.throwIfAborted();
    this.#model(id);
    await drover.load(id, { signal });
  }

  #hearFailure(id: string, fault: Fault): void {
    this.#options.log.error(`${id} was not started: ${fault.message}`, { model: id, hint: fault.hint });
    // The first start is its caller's to repeat; one that was ours is not the last.
    if (!this.#isEnding && this.#restarts.countOf(id) > 0) this.#restartLater(id, fault.message);
  }

  async #askStop(id: string, options: StopOptions): Promise<void> {
    // The core would take the name for an alias of another.
    if (!this.#isKnown(id) && this.#instance(id) === null) return;
    this.#asking = id;
    try {
      // The news is told before the first wait.
      const stopped = this.#options.drover.stop(id, options);
      this.#asking = null;
      await stopped;
    } finally {
      this.#asking = null;
    }
  }

  #tell(name: string, course: Course, status: InstanceStatus, previous: InstanceStatus): void {
    const failure = status === 'error' ? (course.failure?.message ?? this.#instance(name)?.failure ?? null) : null;
    for (const listener of this.#listeners) listener({ name, status, previous, failure });
  }
}
