// How far a machine is on its way from nothing to a chat, derived from what there is: an engine, a model. It must never be
// a flag that somebody sets, so that a page that is opened again goes on where the server is.
import type { Bus } from '../base/bus.ts';
import type { Backend } from '../engine/build.ts';
import type { Engines } from '../engine/install.ts';
import { PROBE_ID } from '../models/names.ts';
import type { Drover } from './drover.ts';
import type { EngineChoice } from './engine-choice.ts';
import type { DroverEvent } from './vocabulary.ts';

export interface EngineProgress {
  /** For people: `fetching llama-….zip`. */
  readonly stage: string;
  readonly doneBytes: number;
  readonly totalBytes: number | null;
}

export interface EngineRung {
  readonly backend: Backend;
  readonly isOffered: boolean;
  /** Why it is, or is not, for this machine. */
  readonly reason: string;
  /** Builds of it that did not work here, and why. */
  readonly failures: readonly { readonly id: string; readonly reason: string }[];
}

export interface VisitState {
  /** True: no engine was ever brought or given, or there is no model to talk to but the probe. */
  readonly isFirst: boolean;
  readonly engine: {
    readonly state: 'ready' | 'settling' | 'failed';
    readonly id: string | null;
    readonly version: string | null;
    readonly backend: Backend | null;
    readonly failure: { readonly kind: string; readonly message: string; readonly hint: string | null } | null;
    /** While it is being brought; null before the first news. */
    readonly progress: EngineProgress | null;
    /** True: the settings name it. */
    readonly isGiven: boolean;
  };
  readonly isOffline: boolean;
  /** Best first. */
  readonly ladder: readonly EngineRung[];
  /** Models that can be loaded, without the probe. */
  readonly usableCount: number;
  /** The tiny one that stands in; null where there are others. */
  readonly probeId: string | null;
}

export interface FirstVisitOptions {
  readonly drover: Pick<Drover, 'models'>;
  readonly choice: Pick<EngineChoice, 'build' | 'failure' | 'request' | 'forgetFailure'>;
  readonly engines: Pick<Engines, 'current' | 'ladderStatus'>;
  readonly bus: Bus<DroverEvent>;
  /** Brings the engine and measures the memory; see `House`. */
  readonly settleEngine: () => Promise<void>;
  readonly isOffline: () => boolean;
}

export class FirstVisit {
  readonly #options: FirstVisitOptions;
  #progress: EngineProgress | null = null;

  constructor(options: FirstVisitOptions) {
    this.#options = options;
    options.bus.subscribe(({ event }) => {
      if (event.type === 'engine.changed') this.#progress = null;
      if (event.type === 'engine.progress') {
        this.#progress = { stage: event.stage, doneBytes: event.doneBytes, totalBytes: event.totalBytes };
      }
    });
  }

  async state(): Promise<VisitState> {
    const { drover, choice, engines, isOffline } = this.#options;
    const { ladder, given = null } = await choice.request();
    const { build, failure } = choice;
    const usable = drover.models().filter((model) => model.failure === null);
    const usableCount = usable.filter(({ id }) => id !== PROBE_ID).length;
    return {
      // One that is settled anew after a start is no reason to begin from nothing.
      isFirst: usableCount === 0 || (build === null && given === null && engines.current() === null),
      engine: {
        state: build !== null ? 'ready' : failure !== null ? 'failed' : 'settling',
        id: build?.id ?? null,
        version: build?.version ?? null,
        backend: build?.backend ?? null,
        failure:
          build !== null || failure === null
            ? null
            : { kind: failure.kind, message: failure.message, hint: failure.hint ?? null },
        progress: build === null ? this.#progress : null,
        isGiven: given !== null,
      },
      isOffline: isOffline(),
      ladder: engines.ladderStatus(ladder).map(({ rung, failures }) => ({
        backend: rung.backend,
        isOffered: rung.isOffered,
        reason: rung.reason,
        failures: failures.map(({ id, reason }) => ({ id, reason })),
      })),
      usableCount,
      probeId: usable.some(({ id }) => id === PROBE_ID) ? PROBE_ID : null,
    };
  }

  /** Tries once more to bring an engine, where there is none; how it goes is told by events. */
  async tryEngine(): Promise<VisitState> {
    const { choice, settleEngine } = this.#options;
    choice.forgetFailure();
    // How it ends is told by events, and by the state.
    settleEngine().catch(() => undefined);
    return this.state();
  }
}
