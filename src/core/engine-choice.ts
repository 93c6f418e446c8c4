// Which engine serves: settled in the background after start, waited for by whoever needs it, settled anew on request.
// It must never block the start, and never hide why there is none.
import type { Bus } from '../base/bus.ts';
import { Fault, toFault } from '../base/fault.ts';
import type { Log } from '../base/log.ts';
import { Latch, untilAborted } from '../base/sync.ts';
import type { Settings } from '../config/schema.ts';
import type { EngineBuild } from '../engine/build.ts';
import { ladderFor, type Rung } from '../engine/catalog.ts';
import { backendOf } from '../engine/inspect.ts';
import type { Engines, EnsureOptions } from '../engine/install.ts';
import type { Snapshot } from '../hardware/probe.ts';
import { engineProgressTo } from './engine-progress.ts';
import type { DroverEvent } from './vocabulary.ts';

export interface EngineChoiceOptions {
  readonly engines: Engines;
  readonly settings: Pick<Settings, 'engine' | 'backend' | 'preferredBackend' | 'offline'>;
  readonly hardware: () => Promise<Snapshot>;
  readonly pathVariable: string;
  readonly bus: Bus<DroverEvent>;
  readonly log: Log;
}

/** How long a failure stands before a request makes us try again; a person's `drover engine install` does so at once. */
const RETRY_MS = 60_000;

export class EngineChoice {
  readonly #options: EngineChoiceOptions;
  #pending: Promise<EngineBuild> | null = null;
  #failure: { readonly fault: Fault; readonly at: number; readonly mark: string } | null = null;
  #chosen: EngineBuild | null = null;
  #narrowed: { readonly of: EngineBuild; readonly build: EngineBuild } | null = null;

  constructor(options: EngineChoiceOptions) {
    this.#options = options;
  }

  /** The engine in use, or null while it is being settled or where there is none. */
  get build(): EngineBuild | null {
    if (this.#chosen === null) return null;
    if (this.#chosen.id === 'given') return this.#fitted(this.#chosen);
    // Another process may have pointed `current` elsewhere; what was asked for still counts.
    const current = this.#options.engines.current();
    return this.#fitted(current !== null && this.#isWanted(current) ? current : this.#chosen);
  }

  /** Why there is none; null while there is one or it is being settled. */
  get failure(): Fault | null {
    return this.#failure?.fault ?? null;
  }

  /**
   * Waits for an engine, `waitMs` at most. Callers share one attempt; the end of one's patience ends only its own wait.
   * Faults: why there is none; `unavailable` when it is still being brought.
   */
  async ensure(signal?: AbortSignal, waitMs = Number.POSITIVE_INFINITY): Promise<EngineBuild> {
    const { build } = this;
    if (build !== null) return build;
    const failure = this.#failure;
    // Another process may have brought one since (`drover engine install`).
    const isOld = failure === null || Date.now() - failure.at >= RETRY_MS || this.#mark() !== failure.mark;
    if (!isOld) throw failure.fault;
    this.#pending ??= this.#settle().finally(() => {
      this.#pending = null;
    });
    return untilAborted(Number.isFinite(waitMs) ? soonEnough(this.#pending, waitMs) : this.#pending, signal);
  }

  /** Somebody wants another attempt now, however lately one failed; the next who waits for an engine makes it. */
  forgetFailure(): void {
    if (this.#pending === null) this.#failure = null;
  }

  /** Changes when another build becomes current, or the current one proves itself again. */
  #mark(): string {
    const current = this.#options.engines.current();
    return current === null ? '' : `${current.id} ${current.proof?.at ?? ''}`;
  }

  #isWanted(build: EngineBuild): boolean {
    const { backend } = this.#options.settings;
    return backend === 'auto' || this.#fitted(build).backend === backend;
  }

  /** What a build is when one backend was asked for: its devices of that backend; for `cpu`, which every build knows, none. */
  #fitted(build: EngineBuild): EngineBuild {
    const { backend } = this.#options.settings;
    if (backend === 'auto' || build.backend === backend) return build;
    if (this.#narrowed?.of === build) return this.#narrowed.build;
    const devices = backend === 'cpu' ? [] : build.devices.filter((device) => backendOf([device.id]) === backend);
    const narrowed = backend === 'cpu' || devices.length > 0 ? { ...build, backend, devices } : build;
    this.#narrowed = { of: build, build: narrowed };
    return narrowed;
  }

  /** What `engines` wants to know for any verb. */
  async request(): Promise<EnsureOptions & { readonly ladder: readonly Rung[] }> {
    const { settings } = this.#options;
    return {
      ladder: preferring(
        ladderFor(machineOf(await this.#options.hardware()), settings.backend),
        settings.preferredBackend,
      ),
      isAutomatic: settings.backend === 'auto',
      isOffline: settings.offline,
      given: settings.engine === 'auto' ? null : settings.engine,
      pathVariable: this.#options.pathVariable,
    };
  }

  async #find(request: EnsureOptions): Promise<EngineBuild> {
    const { engines, log, settings } = this.#options;
    try {
      return await engines.ensure(request);
    } catch (thrown) {
      // Where none was built for the processor alone, one for a GPU computes on it as well.
      const current = engines.current();
      if (settings.backend !== 'cpu' || current?.proof?.isGood !== true) throw thrown;
      log.info('no engine for the CPU alone: the one in use serves without its devices', { id: current.id });
      return current;
    }
  }

  async #settle(): Promise<EngineBuild> {
    const { log, bus, settings } = this.#options;
    this.#failure = null;
    try {
      const request = await this.request();
      const found = await this.#find({ ...request, onProgress: engineProgressTo(bus) });
      const build = this.#fitted(found);
      if (!this.#isWanted(build)) throw otherBackend(build, settings.backend);
      this.#chosen = found;
      log.info('engine ready', { id: build.id, version: build.version, backend: build.backend, source: build.source });
      bus.emit({ type: 'engine.changed', buildId: build.id });
      return build;
    } catch (thrown) {
      const fault = toFault(thrown, 'engine_unobtainable');
      this.#failure = { fault, at: Date.now(), mark: this.#mark() };
      log.error(fault.message, { hint: fault.hint });
      bus.emit({ type: 'engine.changed', buildId: null });
      throw fault;
    }
  }
}

/** The same ladder with the preferred rung on top, where this machine has it. */
const preferring = (ladder: readonly Rung[], backend: Settings['preferredBackend']): readonly Rung[] => [
  ...ladder.filter((rung) => rung.isOffered && rung.backend === backend),
  ...ladder.filter((rung) => !(rung.isOffered && rung.backend === backend)),
];

const otherBackend = (build: EngineBuild, wanted: string): Fault =>
  new Fault('engine_unobtainable', `The engine ${build.folder} is one for ${build.backend}; ${wanted} was asked for.`, {
    blame: 'caller',
    hint: `Give one for ${wanted}, or leave --backend out. "drover doctor" tells which devices there are.`,
  });

const machineOf = (snapshot: Snapshot) => ({
  platform: snapshot.system.platform,
  arch: snapshot.system.arch,
  gpus: snapshot.gpus,
});

/** The work, or `unavailable` when it takes longer; the work itself goes on. */
async function soonEnough<T>(work: Promise<T>, waitMs: number): Promise<T> {
  const late = new Latch<never>();
  const timer = setTimeout(() => {
    const message = 'The engine is still being brought; this takes longer than requests may wait.';
    late.fail(new Fault('unavailable', message, { hint: 'Try again in a while.', details: { retryAfterSeconds: 10 } }));
  }, waitMs);
  try {
    return await Promise.race([work, late.promise]);
  } finally {
    clearTimeout(timer);
  }
}
