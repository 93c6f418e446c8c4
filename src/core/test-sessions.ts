// Tests of models, session after session and one at a time: queued, run, told on the bus and kept. What a session has loaded
// it unloads, and what it unloaded to have the machine for the next model comes back at its end. It must never stop a model
// that is pinned or has requests.
import type { Bus } from '../base/bus.ts';
import { Fault, toFault } from '../base/fault.ts';
import type { Log } from '../base/log.ts';
import type { Bench, BenchOptions, BenchReport } from './bench.ts';
import type { BenchPlan } from './bench-plans.ts';
import type { Drover } from './drover.ts';
import type { MachineFacts } from './machine-facts.ts';
import type { TestBook } from './test-book.ts';
import { metricsOf } from './test-metrics.ts';
import type { Paged, ResultQuery, SessionQuery, TestRecord, TestResult, TestSession } from './test-records.ts';
import type { DroverEvent } from './vocabulary.ts';

export interface SessionRequest {
  readonly owner: string;
  readonly name?: string | null;
  readonly tags?: readonly string[];
  /** Model by model; `plan.model` may be an alias. */
  readonly tests: readonly { readonly kind: string; readonly plan: BenchPlan }[];
}

export interface MeasureRequest {
  readonly owner: string;
  /** To keep it under; null: it is not kept. */
  readonly name: string | null;
  readonly kind: string;
  readonly plan: BenchPlan;
}

export interface Measured {
  /** Null: it was not kept. */
  readonly runId: string | null;
  readonly report: BenchReport;
}

export interface Standing {
  readonly session: TestSession;
  readonly ratio: number;
  readonly report: BenchReport | null;
}

export interface TestSessionsOptions {
  readonly drover: Pick<Drover, 'model' | 'stop'>;
  readonly bench: Bench;
  readonly book: TestBook;
  readonly bus: Bus<DroverEvent>;
  readonly log: Log;
  readonly machine: () => Promise<MachineFacts>;
  /** Loads a model again, only where there is room for it. */
  readonly restore: (modelId: string) => Promise<unknown>;
  /** Sessions wait for it: before that nobody can say that there is no such model. */
  readonly readyWhen: Promise<unknown>;
}

/** Sessions that may wait at a time. */
const WAITING_LIMIT = 100;

const interrupted = (): Fault =>
  new Fault('cancelled', 'Drover was stopped or restarted in the middle of it.', { hint: 'Start the session again.' });

interface Current {
  readonly id: string;
  readonly controller: AbortController;
  /** Of the test that runs. */
  ratio: number;
}

export class TestSessions {
  readonly #options: TestSessionsOptions;
  #current: Current | null = null;
  #working: Promise<void> | null = null;
  #isResting = false;

  constructor(options: TestSessionsOptions) {
    this.#options = options;
    const { book, log } = options;
    const count = book.failRunning(interrupted().message);
    if (count > 0) log.warn('a test session was interrupted by the end of the server', { sessions: count });
    options.bus.subscribe(({ event }) => {
      if (event.type === 'server.stopping') void this.rest();
    });
    if (book.waitingCount() > 0) void options.readyWhen.then(() => this.#wake());
  }

  /** Written down and queued when it resolves. Throws `not_found` for an unknown model, `conflict` for a name that is taken. */
  async start(request: SessionRequest): Promise<TestSession> {
    const { drover, book, machine } = this.#options;
    const tests = request.tests.map(({ kind, plan }) => {
      const modelId = drover.model(plan.model).id;
      return { kind, modelId, plan: { ...plan, model: modelId } };
    });
    this.#requireFree(request.name ?? null);
    const hardware = await machine();
    if (book.waitingCount() >= WAITING_LIMIT) {
      throw new Fault('rate_limited', `${WAITING_LIMIT} sessions wait already.`, {
        hint: 'Try again when some are done.',
      });
    }
    this.#requireFree(request.name ?? null);
    const session = book.add({
      owner: request.owner,
      name: request.name ?? null,
      tags: request.tags ?? [],
      hardware,
      tests,
    });
    this.#wake();
    return session;
  }

  /** Measures at once, when its turn comes, and keeps it where it has a name. Faults: those of `Bench.run`; `conflict` for a taken name. */
  async measure(request: MeasureRequest, options: BenchOptions): Promise<Measured> {
    const { owner, name, kind, plan } = request;
    this.requireMeasurable(request);
    const report = await this.#options.bench.run(plan, options);
    return { runId: name === null ? null : await this.#keep({ owner, name, kind, plan, report }), report };
  }

  /** What a run has measured, by its id or name. Throws `not_found`, also where nothing of it is completed. */
  measured(id: string): Measured {
    const session = this.get(id);
    const done = session.tests.find(({ state }) => state === 'completed');
    const report = done === undefined ? null : this.#options.book.report(session.id, done.position);
    if (report !== null) return { runId: session.id, report };
    throw new Fault('not_found', `Of "${id.slice(0, 200)}" nothing is measured${isOver(session) ? '' : ' yet'}.`);
  }

  async #keep(run: MeasureRequest & { readonly report: BenchReport }): Promise<string> {
    const { book, machine } = this.#options;
    const { owner, name, kind, plan, report } = run;
    const hardware = await machine();
    this.#requireFree(name);
    const { id } = book.add({ owner, name, tags: [], hardware, tests: [{ modelId: report.modelId, kind, plan }] });
    book.begin(id);
    book.completeTest(id, 0, report, metricsOf(report), []);
    book.finish(id, null);
    return id;
  }

  /** What can be known before: throws `not_found`, `conflict`. */
  requireMeasurable({ plan, name }: Pick<MeasureRequest, 'plan' | 'name'>): void {
    this.#options.drover.model(plan.model);
    this.#requireFree(name);
  }

  #requireFree(name: string | null): void {
    if (name === null || this.#options.book.named(name) === null) return;
    throw new Fault('conflict', `There is a run called "${name}" already.`, { details: { name } });
  }

  /** By its id, or by its name. Throws `not_found`. */
  get(id: string): TestSession {
    const session = this.#options.book.get(id) ?? this.#options.book.named(id);
    if (session !== null) return session;
    throw unknown(id);
  }

  /** How a session stands: how far it has come, 0–1, and what its first test has measured. Throws `not_found`. */
  standing(id: string): Standing {
    const session = this.get(id);
    return { session, ratio: this.#ratioOf(session), report: this.#options.book.report(session.id, 0) };
  }

  #ratioOf({ id, tests }: TestSession): number {
    const ended = tests.filter(({ state }) => state === 'completed' || state === 'failed').length;
    const isRunning = tests.some(({ state }) => state === 'running') && this.#current?.id === id;
    return (ended + (isRunning ? (this.#current?.ratio ?? 0) : 0)) / Math.max(1, tests.length);
  }

  /** The same of the latest, newest first. */
  standings(limit: number): readonly Standing[] {
    const { items } = this.list({ offset: 0, limit, search: null, tags: [] });
    return items.map(({ id }) => this.standing(id));
  }

  list(query: SessionQuery): Paged<TestSession> {
    return this.#options.book.sessions(query);
  }

  results(query: ResultQuery): Paged<TestResult> {
    return this.#options.book.results(query);
  }

  /** Ends it; what is completed stays. To cancel what has ended is no error. Throws `not_found`. */
  async cancel(id: string): Promise<TestSession> {
    const session = this.get(id);
    const fault = new Fault('cancelled', 'It was cancelled.');
    if (session.state === 'queued') this.#failRest(session, fault.message);
    if (this.#current?.id === session.id) {
      this.#current.controller.abort(fault);
      await this.#ended(session.id);
    }
    return this.get(session.id);
  }

  /** Cancels it if need be, and forgets it. Throws `not_found`. */
  async remove(id: string): Promise<TestSession> {
    const session = await this.cancel(id);
    // Somebody else may have been quicker.
    if (!this.#options.book.remove(session.id)) throw unknown(id);
    return session;
  }

  /** Gives up what runs; what waits goes on waiting, for us or for a successor. */
  async rest(): Promise<void> {
    this.#isResting = true;
    this.#current?.controller.abort(interrupted());
    await this.#working;
  }

  goOn(): void {
    this.#isResting = false;
    this.#wake();
  }

  #wake(): void {
    if (this.#isResting) return;
    this.#working ??= this.#work().then((mayGoOn) => {
      this.#working = null;
      // One may have come between the last look and now.
      if (mayGoOn && !this.#isResting && this.#options.book.waitingCount() > 0) this.#wake();
    });
  }

  /** False: it had better not be tried again at once. */
  async #work(): Promise<boolean> {
    while (!this.#isResting) {
      const session = this.#options.book.next();
      if (session === null) return true;
      try {
        await this.#run(session);
      } catch (thrown) {
        // A store that is full must not spin.
        this.#options.log.error(`a test session broke off: ${toFault(thrown).message}`, { session: session.id });
        return false;
      }
    }
    return true;
  }

  async #run(session: TestSession): Promise<void> {
    const { book, drover } = this.#options;
    const controller = new AbortController();
    this.#current = { id: session.id, controller, ratio: 0 };
    const unloaded: string[] = [];
    try {
      book.begin(session.id);
      const models = [...new Set(session.tests.map(({ modelId }) => modelId))];
      for (const modelId of models) {
        const wasLoaded = isReady(drover, modelId);
        for (const test of session.tests.filter((candidate) => candidate.modelId === modelId)) {
          if (!controller.signal.aborted) await this.#test(session.id, test, controller.signal);
        }
        const { aborted, reason } = controller.signal;
        if (aborted) this.#failRest(this.get(session.id), toFault(reason).message);
        const isLast = modelId === models.at(-1) || aborted;
        if (wasLoaded && isLast) break;
        if ((await this.#unload(modelId)) && wasLoaded) unloaded.push(modelId);
        if (aborted) break;
      }
    } finally {
      this.#current = null;
      this.#wakeEnded(session.id);
    }
    // Who waits next would only have to make room again.
    if (this.#isResting || book.waitingCount() > 0) return;
    for (const modelId of unloaded) void this.#restore(modelId);
  }

  async #test(sessionId: string, test: TestRecord, signal: AbortSignal): Promise<void> {
    const { bench, book, bus } = this.#options;
    const { position, modelId, kind } = test;
    const about = { sessionId, modelId, kind };
    const plan = book.plan(sessionId, position);
    if (plan === null) return;
    const notes: string[] = [];
    let percent = -1;
    const onProgress = ({ ratio }: { readonly ratio: number }): void => {
      if (Math.floor(ratio * 100) <= percent) return;
      percent = Math.floor(ratio * 100);
      if (this.#current !== null) this.#current.ratio = ratio;
      bus.emit({ type: 'test.progress', ...about, ratio: percent / 100 });
    };
    book.beginTest(sessionId, position);
    if (this.#current !== null) this.#current.ratio = 0;
    try {
      const onNote = (note: string): void => {
        notes.push(note);
        book.note(sessionId, position, notes);
      };
      const report = await bench.run(plan, { signal, onProgress, onNote });
      const metrics = metricsOf(report);
      book.completeTest(sessionId, position, report, metrics, notes);
      this.#finishIfDone(sessionId);
      bus.emit({ type: 'test.ended', ...about, ratio: 1, metrics, failure: null });
    } catch (thrown) {
      const fault = toFault(signal.aborted ? signal.reason : thrown);
      const failure = fault.message;
      notes.push(failure, ...(fault.hint === undefined ? [] : [fault.hint]));
      book.failTest(sessionId, position, failure, notes);
      if (!signal.aborted) this.#finishIfDone(sessionId);
      bus.emit({ type: 'test.ended', ...about, ratio: Math.max(0, percent) / 100, metrics: null, failure });
    }
  }

  /** Said before the end of its last test is told: who hears of that finds the session finished. */
  #finishIfDone(sessionId: string): void {
    const { tests } = this.get(sessionId);
    if (tests.some(({ state }) => state === 'pending' || state === 'running')) return;
    const isAnyDone = tests.some(({ state }) => state === 'completed');
    this.#options.book.finish(sessionId, isAnyDone ? null : `No test went well. ${tests[0]?.failure ?? ''}`.trim());
  }

  /** Ends a session before its time: tests that have not been run fail for that reason, and are told of. */
  #failRest(session: TestSession, failure: string): void {
    const { book, bus } = this.#options;
    if (session.state !== 'queued' && session.state !== 'running') return;
    const rest = session.tests.filter(({ state }) => state === 'pending' || state === 'running');
    for (const { position } of rest) book.failTest(session.id, position, failure, [failure]);
    book.finish(session.id, failure);
    for (const { modelId, kind } of rest) {
      bus.emit({ type: 'test.ended', sessionId: session.id, modelId, kind, ratio: 0, metrics: null, failure });
    }
  }

  /** True: it is not loaded any more, and it was we who saw to that. */
  async #unload(modelId: string): Promise<boolean> {
    const { drover, log } = this.#options;
    try {
      const { instance } = drover.model(modelId);
      if (instance === null || instance.state !== 'ready' || instance.isPinned) return false;
      if (instance.requestsInFlight > 0 || instance.requestsQueued > 0) return false;
      await drover.stop(modelId);
      return true;
    } catch (thrown) {
      log.warn(`${modelId} was not unloaded after its tests: ${toFault(thrown).message}`);
      return false;
    }
  }

  async #restore(modelId: string): Promise<void> {
    const { restore, log } = this.#options;
    await restore(modelId).catch((thrown: unknown) =>
      log.info(`${modelId} was loaded before the tests and is not loaded again: ${toFault(thrown).message}`),
    );
  }

  readonly #waiters = new Map<string, (() => void)[]>();

  #ended(id: string): Promise<void> {
    return new Promise((resolve) => this.#waiters.set(id, [...(this.#waiters.get(id) ?? []), resolve]));
  }

  #wakeEnded(id: string): void {
    for (const wake of this.#waiters.get(id) ?? []) wake();
    this.#waiters.delete(id);
  }
}

const unknown = (id: string): Fault => new Fault('not_found', `There is no test session "${id.slice(0, 200)}".`);

const isOver = ({ state }: TestSession): boolean => state === 'completed' || state === 'failed';

function isReady(drover: Pick<Drover, 'model'>, modelId: string): boolean {
  try {
    return drover.model(modelId).instance?.state === 'ready';
  } catch {
    return false;
  }
}
