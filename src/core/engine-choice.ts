// Which engine serves: settled in the background after start, waited for by whoever needs it, settled anew on request.
// It must never block the start, and never hide why there is none.
import type { Bus } from '../base/bus.ts';
import { type Fault, toFault } from '../base/fault.ts';
import type { Log } from '../base/log.ts';
import { untilAborted } from '../base/sync.ts';
import type { Settings } from '../config/schema.ts';
import type { EngineBuild } from '../engine/build.ts';
import { ladderFor, machineKeyOf, type Rung } from '../engine/catalog.ts';
import type { Engines, EnsureOptions } from '../engine/install.ts';
import type { Snapshot } from '../hardware/probe.ts';
import type { DroverEvent } from './vocabulary.ts';

export interface EngineChoiceOptions {
  readonly engines: Engines;
  readonly settings: Pick<Settings, 'engine' | 'backend' | 'offline'>;
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
  #failure: { readonly fault: Fault; readonly at: number } | null = null;
  #chosen: EngineBuild | null = null;

  constructor(options: EngineChoiceOptions) {
    this.#options = options;
  }

  /** The engine in use, or null while it is being settled or where there is none. */
  get build(): EngineBuild | null {
    if (this.#chosen === null) return null;
    // Another process may have pointed `current` elsewhere.
    return this.#chosen.id === 'given' ? this.#chosen : (this.#options.engines.current() ?? this.#chosen);
  }

  /** Why there is none; null while there is one or it is being settled. */
  get failure(): Fault | null {
    return this.#failure?.fault ?? null;
  }

  /** Waits for an engine. Callers share one attempt; the abort of one ends only its own wait. */
  async ensure(signal?: AbortSignal): Promise<EngineBuild> {
    const build = this.build ?? this.#installedMeanwhile();
    if (build !== null) return build;
    if (this.#failure !== null && Date.now() - this.#failure.at < RETRY_MS) throw this.#failure.fault;
    this.#pending ??= this.#settle().finally(() => {
      this.#pending = null;
    });
    return untilAborted(this.#pending, signal);
  }

  /** After a failure: `drover engine install` in another process may have brought one. */
  #installedMeanwhile(): EngineBuild | null {
    if (this.#failure === null) return null;
    const current = this.#options.engines.current();
    if (current === null) return null;
    this.#failure = null;
    this.#chosen = current;
    this.#options.bus.emit({ type: 'engine.changed', buildId: current.id });
    return current;
  }

  /** What `engines` wants to know for any verb. */
  async request(): Promise<EnsureOptions & { readonly ladder: readonly Rung[] }> {
    const { settings } = this.#options;
    return {
      ladder: ladderFor(machineOf(await this.#options.hardware()), settings.backend),
      isOffline: settings.offline,
      given: settings.engine === 'auto' ? null : settings.engine,
      pathVariable: this.#options.pathVariable,
    };
  }

  async #settle(): Promise<EngineBuild> {
    const { engines, log, bus } = this.#options;
    this.#failure = null;
    try {
      const request = await this.request();
      let lastAt = 0;
      const build = await engines.ensure({
        ...request,
        onProgress: (progress) => {
          const isLast = progress.totalBytes !== null && progress.doneBytes >= progress.totalBytes;
          if (!isLast && Date.now() - lastAt < 100) return;
          lastAt = Date.now();
          bus.emit({
            type: 'engine.progress',
            stage: `${progress.stage} ${progress.name}`.trim(),
            doneBytes: progress.doneBytes,
            totalBytes: progress.totalBytes,
          });
        },
      });
      this.#chosen = build;
      log.info('engine ready', { id: build.id, version: build.version, backend: build.backend, source: build.source });
      bus.emit({ type: 'engine.changed', buildId: build.id });
      return build;
    } catch (thrown) {
      const fault = toFault(thrown, 'engine_unobtainable');
      this.#failure = { fault, at: Date.now() };
      log.error(fault.message, { hint: fault.hint });
      bus.emit({ type: 'engine.changed', buildId: null });
      throw fault;
    }
  }
}

export const machineOf = (snapshot: Snapshot) => ({
  platform: snapshot.system.platform,
  arch: snapshot.system.arch,
  gpus: snapshot.gpus,
});

export const machineKeyOfSnapshot = (snapshot: Snapshot): string => machineKeyOf(machineOf(snapshot));
