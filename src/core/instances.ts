// The children that run or ran: one process per model, its plan, its verdict, its last words. The scheduler says when;
// this does it. It must never decide to start or stop anything by itself.
import type { Bus } from '../base/bus.ts';
import { Fault, toFault } from '../base/fault.ts';
import type { Log } from '../base/log.ts';
import type { EngineBuild } from '../engine/build.ts';
import { type ChildRecords, EngineProcess, type ProcessSpec, type ReadyEngine } from '../engine/process.ts';
import { explainFailure, type Judgement, judge, judgeFailure, LoadReader } from '../engine/verdict.ts';
import { sampleProcess } from '../hardware/process-sample.ts';
import type { Holder } from './budget.ts';
import type { Placement } from './placement.ts';
import type { DroverEvent, InstanceState, Verdict } from './vocabulary.ts';

/** What a load was decided to be. */
export interface LoadDecision {
  readonly spec: ProcessSpec;
  /** Null for a `cmd` entry, of which we know nothing. */
  readonly placement: Placement | null;
  readonly build: EngineBuild | null;
  readonly reservedBytes: Readonly<Record<string, number>>;
  /** Identifies what was loaded, so that a changed entry is noticed. */
  readonly fingerprint: string;
}

/** One model's child as the rest of the core sees it. */
export interface Running {
  readonly state: InstanceState;
  readonly since: number;
  readonly pid: number | null;
  readonly portNumber: number | null;
  readonly decision: LoadDecision;
  readonly verdict: Verdict | null;
  readonly failure: string | null;
  readonly ready: ReadyEngine | null;
}

interface Entry {
  readonly process: EngineProcess;
  readonly decision: LoadDecision;
  since: number;
  verdict: Verdict | null;
  ready: ReadyEngine | null;
  /** Listens until the verdict is spoken. */
  reader: LoadReader | null;
}

export interface InstancesOptions {
  readonly bus: Bus<DroverEvent>;
  readonly log: Log;
  readonly records: ChildRecords | null;
  /** Told of every change of state, after it. */
  readonly onChange: (modelId: string, state: InstanceState, previous: InstanceState) => void;
  /** Told when a ready child has died by itself. */
  readonly onCrash: (modelId: string, fault: Fault) => void;
  /** Told what a load really took, for the next prediction. */
  readonly onMeasured: (modelId: string, decision: LoadDecision, verdict: Verdict, reader: LoadReader) => void;
}

/** Drivers and kernels take a while to hand memory back after a process has ended. */
const RETURN_MS = 5000;

export class Instances {
  readonly #options: InstancesOptions;
  readonly #entries = new Map<string, Entry>();
  /** What children held that have just ended. */
  #returning: { readonly takes: Placement['takes']; readonly at: number }[] = [];

  constructor(options: InstancesOptions) {
    this.#options = options;
  }

  get(modelId: string): Running | null {
    const entry = this.#entries.get(modelId);
    if (entry === undefined) return null;
    const { process } = entry;
    return {
      state: process.state,
      since: entry.since,
      pid: process.pid,
      portNumber: process.portNumber,
      decision: entry.decision,
      verdict: entry.verdict,
      failure: process.failure?.message ?? null,
      ready: process.state === 'ready' ? entry.ready : null,
    };
  }

  ids(): readonly string[] {
    return [...this.#entries.keys()];
  }

  usedPorts(): ReadonlySet<number> {
    return new Set([...this.#entries.values()].flatMap((entry) => entry.process.portNumber ?? []));
  }

  /** What each child holds, for the sum of memory; and what those that ended just now may not have given back yet. */
  holders(): Holder[] {
    this.#returning = this.#returning.filter(({ at }) => performance.now() - at < RETURN_MS);
    const leavers = this.#returning.map(({ takes }): Holder => ({ isAtRest: false, takes, privateBytes: null }));
    const running = [...this.#entries.values()].flatMap(({ process, decision }): Holder[] => {
      if (process.pid === null || decision.placement === null) return [];
      const sample = sampleProcess(process.pid);
      const own = sample?.privateBytes ?? null;
      const privateBytes = own === null ? null : own + (sample?.sharedBytes ?? 0);
      return [{ isAtRest: process.state === 'ready', takes: decision.placement.takes, privateBytes }];
    });
    return [...leavers, ...running];
  }

  recentLines(modelId: string, count: number): readonly string[] {
    return this.#entries.get(modelId)?.process.recentLines(count) ?? [];
  }

  /**
   * Starts a model that has no child and waits until it answers. The verdict goes out before this resolves. When it
   * rejects, the child is gone.
   */
  async start(modelId: string, decision: LoadDecision): Promise<ReadyEngine> {
    const { bus, log } = this.#options;
    const reader = new LoadReader();
    const entry: Entry = {
      process: new EngineProcess(decision.spec, {
        onState: (state, previous) => this.#hearState(modelId, entry, state, previous),
        onLine: (line) => {
          entry.reader?.push(line);
          bus.emit({ type: 'engine.output', modelId, line });
        },
        log,
        records: this.#options.records,
      }),
      decision,
      since: Date.now(),
      verdict: null,
      ready: null,
      reader,
    };
    this.#entries.set(modelId, entry);
    try {
      const ready = await entry.process.ensureReady();
      entry.ready = ready;
      this.#speak(modelId, entry, reader, ready.loadMs, null);
      return ready;
    } catch (thrown) {
      // One that took too long is still on its way out, and holds its memory until then.
      await entry.process.exited;
      const fault = toFault(thrown, 'bad_gateway');
      if (entry.process.state !== 'failed') throw fault;
      const cause = explainFailure(entry.process.recentLines(200));
      this.#speak(modelId, entry, reader, null, cause ?? { message: fault.message, hint: fault.hint ?? null });
      throw cause === null ? fault : explained(modelId, fault, cause);
    } finally {
      entry.reader = null;
    }
  }

  async stop(modelId: string, options: { readonly force?: boolean; readonly timeoutMs?: number } = {}): Promise<void> {
    await this.#entries.get(modelId)?.process.stop(options);
  }

  /** Forgets what is known of a model that has no child any more. */
  forget(modelId: string): void {
    const entry = this.#entries.get(modelId);
    if (entry !== undefined && entry.process.pid === null) this.#entries.delete(modelId);
  }

  /** Fills the measured speed in, from the first answer that tells it. */
  noteSpeed(modelId: string, tokensPerSecond: number): void {
    const entry = this.#entries.get(modelId);
    if (entry?.verdict === null || entry === undefined || entry.verdict.tokensPerSecond !== null) return;
    entry.verdict = { ...entry.verdict, tokensPerSecond };
    this.#options.bus.emit({ type: 'instance.verdict', verdict: entry.verdict });
  }

  #hearState(modelId: string, entry: Entry, state: InstanceState, previous: InstanceState): void {
    entry.since = Date.now();
    if (state !== 'ready') entry.ready = null;
    const { placement } = entry.decision;
    if ((state === 'stopped' || state === 'failed') && placement !== null) {
      this.#returning.push({ takes: placement.takes, at: performance.now() });
    }
    this.#options.onChange(modelId, state, previous);
    const { failure } = entry.process;
    if (state === 'failed' && previous === 'ready' && failure !== null) this.#options.onCrash(modelId, failure);
  }

  #speak(modelId: string, entry: Entry, reader: LoadReader, loadMs: number | null, failure: Cause | null): void {
    const { bus, log } = this.#options;
    const judgement = judgementOf(entry, reader, loadMs, failure);
    const verdict: Verdict = { modelId, at: Date.now(), ...judgement };
    entry.verdict = verdict;
    const fields = {
      layersOnGpu: verdict.layersOnGpu,
      contextTokens: verdict.contextTokens,
      measuredBytes: verdict.measuredBytes,
      predictedBytes: verdict.predictedBytes,
      loadMs: loadMs === null ? null : Math.round(loadMs),
    };
    const reasons = verdict.findings.map((finding) => finding.message).join(' ');
    if (verdict.outcome === 'as_planned') log.info(`${modelId} is loaded as planned`, fields);
    else if (verdict.outcome === 'degraded') log.warn(`${modelId} is loaded, but not as planned: ${reasons}`, fields);
    else log.error(`${modelId} was not loaded: ${reasons}`, fields);
    bus.emit({ type: 'instance.verdict', verdict });
    if (failure !== null) return;
    try {
      this.#options.onMeasured(modelId, entry.decision, verdict, reader);
    } catch (thrown) {
      // A store that is full or locked must not fail a load that went well.
      log.warn(`what the load took could not be remembered: ${toFault(thrown).message}`, { model: modelId });
    }
  }
}

type Cause = Judgement['findings'][number];

/** The engine's failure in words for people; all its details stay. */
const explained = (modelId: string, fault: Fault, cause: Cause): Fault =>
  new Fault(fault.kind, `${modelId} could not be loaded: ${cause.message}`, {
    hint: cause.hint ?? undefined,
    cause: fault,
    blame: fault.blame,
    details: { ...fault.details, reason: fault.message },
  });

function judgementOf(entry: Entry, reader: LoadReader, loadMs: number | null, failure: Cause | null): Judgement {
  const { placement, build } = entry.decision;
  const facts = reader.result();
  const takes = placement?.takes ?? [];
  if (failure !== null) return judgeFailure({ takes, facts, loadMs }, failure);
  // Of a custom command nothing was planned, so there is nothing to find.
  if (placement === null) {
    const unjudged = judgeFailure({ takes, facts, loadMs }, { message: '', hint: null });
    return { ...unjudged, outcome: 'as_planned', findings: [] };
  }
  return judge({ plan: placement.plan, takes, facts, loadMs, devices: build?.devices ?? [] });
}
