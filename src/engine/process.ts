// THE supervisor of one child: five states, one writer. Whoever wants the engine says `ensureReady`, whoever does not
// says `stop`; nobody else starts, stops or asks a state in order to act on it. It must never decide whether a model
// fits or is wanted.
import { Fault } from '../base/fault.ts';
import type { Log } from '../base/log.ts';
import { Latch, untilAborted } from '../base/sync.ts';
import { ownsPort } from './port-owner.ts';
import { Child } from './process-child.ts';
import type { ChildExit } from './process-failure.ts';
import { exitFault, slowFault, spawnFault } from './process-failure.ts';
import { HealthPoll, listeningPort, saysLeaving, saysReady } from './process-health.ts';
import { LineRing, type OutputStream } from './process-output.ts';

export type ProcessState = 'stopped' | 'starting' | 'ready' | 'stopping' | 'failed';

/** llama-server gives it to who knows the key, and to nobody else. */
const GUARDED_PATH = '/props';
/**
 * How long a port that a stranger listens on is taken for lost: a child that cannot have it says so and ends. One that has
 * its work done elsewhere (`docker run -p`, a shared `ssh -L`) lives on, and then that is who answers for it.
 */
const BIND_MS = 3000;

export interface ProcessSpec {
  /** The model's name, for errors. */
  readonly name: string;
  readonly argv: readonly string[];
  /** The child's whole environment, already scrubbed. */
  readonly environment: Readonly<Record<string, string>>;
  readonly workingFolder: string;
  readonly host: '127.0.0.1';
  /** Null: it was given `--port 0`, and its log tells the port. */
  readonly portNumber: number | null;
  /** `/health`, or what another server has; null: it has none, any answer means ready. */
  readonly healthPath: string | null;
  /** Where it answers when that is not `host:portNumber` (`proxy` of a custom command). */
  readonly baseUrl?: string | null;
  readonly apiKey: string | null;
  readonly readyTimeoutMs: number;
  /** Between the request to leave and the force. */
  readonly stopTimeoutMs: number;
  /** Run instead of SIGTERM; `${PID}` stands for the child's. Null: none. */
  readonly stopCommand: readonly string[] | null;
}

/** Remembers children over our own death; see `reaper`. */
export interface ChildRecords {
  /** Environment that marks our children. */
  readonly marker: Readonly<Record<string, string>>;
  record(pid: number, name: string): void;
  forget(pid: number): void;
}

export interface ProcessHooks {
  readonly onState: (state: ProcessState, previous: ProcessState) => void;
  readonly onLine: (line: string, stream: OutputStream) => void;
  readonly log: Log;
  readonly records?: ChildRecords | null;
}

export interface ReadyEngine {
  /** `http://127.0.0.1:40123`, no trailing slash. */
  readonly baseUrl: string;
  readonly portNumber: number;
  readonly pid: number;
  /** From start to the first healthy answer. */
  readonly loadMs: number;
  /** Aborts when this child dies or is stopped, with a Fault as its reason. */
  readonly signal: AbortSignal;
}

export interface StopOptions {
  /** Requests in flight are cut at once and the child is not asked first. */
  readonly force?: boolean;
  /** Overrides `stopTimeoutMs`. */
  readonly timeoutMs?: number;
}

/** One child's life; events of an older one are told apart by identity. */
interface Run {
  readonly child: Child;
  readonly startedAt: number;
  readonly alive: AbortController;
  readonly starting: AbortController;
  portNumber: number | null;
  ready: ReadyEngine | null;
  /** Its log says that it has heard the request to leave. */
  isLeaving: boolean;
  /** Why it is to end when it was not asked to by `stop`. */
  fault: Fault | null;
  /** Settles when the child is gone, or has proved impossible to end. */
  ending: Promise<void> | null;
}

export class EngineProcess {
  readonly spec: ProcessSpec;
  readonly #hooks: ProcessHooks;
  readonly #lines = new LineRing();
  #state: ProcessState = 'stopped';
  #run: Run | null = null;
  #wanted: Latch<ReadyEngine> | null = null;
  #failure: Fault | null = null;
  #poll: HealthPoll | null = null;

  constructor(spec: ProcessSpec, hooks: ProcessHooks) {
    this.spec = spec;
    this.#hooks = hooks;
  }

  get state(): ProcessState {
    return this.#state;
  }

  get pid(): number | null {
    return this.#run?.child.pid ?? null;
  }

  get portNumber(): number | null {
    return this.#run?.portNumber ?? null;
  }

  /** Null unless ready. */
  get baseUrl(): string | null {
    return this.#run?.ready?.baseUrl ?? null;
  }

  /** Why it failed; null unless `failed`. */
  get failure(): Fault | null {
    return this.#failure;
  }

  /** Resolves when there is no child: at once when there is none now. */
  get exited(): Promise<void> {
    return this.#run === null ? Promise.resolve() : this.#run.child.exited.then(() => undefined);
  }

  /** The last lines of both streams, oldest first, also of the child before. */
  recentLines(count = 100): readonly string[] {
    return this.#lines.recent(count);
  }

  /**
   * Waits until the engine answers, starting it if need be. Callers share one child; the abort of one ends only its own
   * wait, and a load that nobody waits for any more goes on. Rejects with a `bad_gateway` Fault when the engine fails,
   * `unavailable` when it is stopped meanwhile.
   */
  async ensureReady(signal?: AbortSignal): Promise<ReadyEngine> {
    if (signal?.aborted === true) throw signal.reason;
    const ready = this.#run?.ready;
    if (this.#state === 'ready' && ready !== null && ready !== undefined) return ready;
    this.#wanted ??= new Latch<ReadyEngine>();
    const wanted = this.#wanted;
    if (this.#run === null) this.#start();
    return untilAborted(wanted.promise, signal);
  }

  /** Ends the child and all that it forked. Rejects only when the kernel cannot end it. */
  async stop(options: StopOptions = {}): Promise<void> {
    this.#refuse(new Fault('unavailable', `${this.spec.name} was stopped while it was loading.`));
    const run = this.#run;
    if (run === null) {
      this.#become('stopped');
      return;
    }
    if (options.force === true) this.#cut(run, 'was stopped while it was answering');
    // A load that took too long and is being ended: now it is ended because somebody said so.
    run.fault = null;
    const graceMs = options.force === true ? 0 : (options.timeoutMs ?? this.spec.stopTimeoutMs);
    run.starting.abort(new Fault('unavailable', `${this.spec.name} was stopped.`));
    if (this.#state !== 'stopping') this.#become('stopping');
    else if (options.force === true) run.child.kill();
    await this.#end(run, graceMs);
  }

  #start(): void {
    const { spec } = this;
    this.#failure = null;
    let child: Child;
    const marker = this.#hooks.records?.marker ?? {};
    this.#become('starting');
    const startedAt = performance.now();
    try {
      child = Child.start({
        argv: spec.argv,
        environment: { ...spec.environment, ...marker },
        workingFolder: spec.workingFolder,
        onLine: (line, stream) => this.#hear(run, line, stream),
      });
    } catch (thrown) {
      const fault = spawnFault(spec.name, spec.argv[0] ?? 'the command', thrown);
      this.#fail(fault);
      return;
    }
    const run: Run = {
      child,
      startedAt,
      alive: new AbortController(),
      starting: new AbortController(),
      portNumber: spec.portNumber,
      ready: null,
      isLeaving: false,
      fault: null,
      ending: null,
    };
    this.#run = run;
    this.#hooks.records?.record(child.pid, spec.name);
    this.#hooks.log.debug('engine started', { model: spec.name, pid: child.pid });
    void child.exited.then((exit) => this.#hearExit(run, exit));
    void this.#awaitHealth(run);
  }

  async #awaitHealth(run: Run): Promise<void> {
    const { spec } = this;
    const poll = new HealthPoll({
      url: () => {
        const base = this.#baseUrlOf(run);
        return base === null ? null : base + (spec.healthPath ?? '/');
      },
      headers: this.#headers(),
      acceptsAnyAnswer: spec.healthPath === null,
      guardedPath: spec.apiKey !== null && spec.portNumber === null ? GUARDED_PATH : null,
      isOurs: () => this.#isOurs(run),
      signal: run.starting.signal,
    });
    this.#poll = poll;
    const timer = setTimeout(() => this.#giveUp(run), spec.readyTimeoutMs);
    try {
      await poll.run();
      const portNumber = run.portNumber;
      const baseUrl = this.#baseUrlOf(run);
      if (this.#run !== run || this.#state !== 'starting' || baseUrl === null) return;
      run.ready = {
        baseUrl,
        portNumber: portNumber ?? (Number(new URL(baseUrl).port) || 80),
        pid: run.child.pid,
        loadMs: performance.now() - run.startedAt,
        signal: run.alive.signal,
      };
      run.child.isCalm = true;
      this.#become('ready');
      this.#wanted?.open(run.ready);
      this.#wanted = null;
    } catch {
      // It was stopped, has died or took too long: whoever decided that has told the waiters.
    } finally {
      clearTimeout(timer);
      if (this.#poll === poll) this.#poll = null;
    }
  }

  /** The port was free a moment ago, but whoever binds first has it. */
  #isOurs(run: Run): boolean {
    const { portNumber } = this.spec;
    if (run.child.hasExited) return false;
    if (portNumber === null || performance.now() - run.startedAt > BIND_MS) return true;
    return ownsPort(run.child.pid, portNumber) !== false;
  }

  #headers(): Record<string, string> {
    return this.spec.apiKey === null ? {} : { authorization: `Bearer ${this.spec.apiKey}` };
  }

  #baseUrlOf(run: Run): string | null {
    if (typeof this.spec.baseUrl === 'string') return this.spec.baseUrl.replace(/\/+$/, '');
    return run.portNumber === null ? null : `http://${this.spec.host}:${run.portNumber}`;
  }

  #hear(run: Run, line: string, stream: OutputStream): void {
    this.#lines.add(line);
    if (this.#state === 'stopping' && saysLeaving(line)) run.isLeaving = true;
    if (run.ready === null && this.#run === run) {
      // The last such line counts: it comes when all that a model's file makes the engine print has been printed.
      if (this.spec.portNumber === null) run.portNumber = listeningPort(line) ?? run.portNumber;
      if (saysReady(line)) this.#poll?.hurry();
    }
    this.#hooks.onLine(line, stream);
  }

  #giveUp(run: Run): void {
    if (this.#run !== run || this.#state !== 'starting') return;
    run.fault = slowFault(this.spec.name, this.spec.readyTimeoutMs, this.#lines.recent());
    run.starting.abort(run.fault);
    this.#become('stopping');
    this.#refuse(run.fault);
    this.#end(run, 0).catch((thrown: unknown) => this.#hooks.log.error(String(thrown), { model: this.spec.name }));
  }

  #hearExit(run: Run, exit: ChildExit): void {
    this.#hooks.records?.forget(run.child.pid);
    if (this.#run !== run) return;
    const wasStopping = this.#state === 'stopping';
    const when = run.ready === null ? 'while it was loading' : 'while it was running';
    this.#run = null;
    if (wasStopping && run.fault === null) {
      this.#cut(run, 'was stopped');
      this.#become('stopped');
      // Somebody asked for it again while it was leaving.
      if (this.#wanted !== null) this.#start();
      return;
    }
    const fault = run.fault ?? exitFault(this.spec.name, when, exit, this.#lines.recent());
    run.starting.abort(fault);
    run.alive.abort(fault);
    this.#fail(fault);
  }

  #end(run: Run, graceMs: number): Promise<void> {
    run.ending ??= this.#endOnce(run, graceMs).finally(() => {
      run.ending = null;
    });
    return run.ending;
  }

  async #endOnce(run: Run, graceMs: number): Promise<void> {
    if (graceMs > 0 && this.spec.stopCommand !== null) await this.#runStopCommand(run, graceMs);
    if (await run.child.end(graceMs, () => run.isLeaving)) return;
    throw new Fault('bad_gateway', `The engine of ${this.spec.name} (process ${run.child.pid}) cannot be ended.`, {
      hint: 'It hangs in the kernel, usually in a GPU driver; a restart of the machine ends it.',
    });
  }

  async #runStopCommand(run: Run, graceMs: number): Promise<void> {
    const argv = (this.spec.stopCommand ?? []).map((word) => word.replaceAll('${PID}', String(run.child.pid)));
    try {
      const command = Child.start({
        argv,
        environment: this.spec.environment,
        workingFolder: this.spec.workingFolder,
        onLine: (line) => this.#lines.add(line),
      });
      await run.child.exitsWithin(graceMs);
      await command.end(0);
    } catch (thrown) {
      this.#hooks.log.warn(`cmdStop failed: ${String(thrown)}`, { model: this.spec.name });
    }
  }

  #cut(run: Run, what: string): void {
    run.alive.abort(new Fault('unavailable', `The model ${this.spec.name} ${what}.`, { hint: 'Try again.' }));
  }

  #fail(fault: Fault): void {
    this.#failure = fault;
    this.#become('failed');
    this.#refuse(fault);
  }

  #refuse(fault: Fault): void {
    this.#wanted?.fail(fault);
    this.#wanted = null;
  }

  #become(state: ProcessState): void {
    const previous = this.#state;
    if (previous === state) return;
    if (state !== 'failed') this.#failure = null;
    this.#state = state;
    this.#hooks.onState(state, previous);
  }
}
