// The engine as requests may ask for it and have it updated. What works stays until something newer has proved itself;
// that is the installer's promise, and nothing here goes around it.

import type { Bus } from '../base/bus.ts';
import { Fault, toFault } from '../base/fault.ts';
import type { Log } from '../base/log.ts';
import type { Backend, EngineBuild } from '../engine/build.ts';
import type { Rung } from '../engine/catalog.ts';
import type { Engines } from '../engine/install.ts';
import type { RemoteBuild } from '../engine/sources/source.ts';
import type { EngineChoice } from './engine-choice.ts';
import { engineProgressTo } from './engine-progress.ts';
import type { DroverEvent } from './vocabulary.ts';

export interface EngineReport {
  /** Null where there is none yet. */
  readonly build: EngineBuild | null;
  /** The executable; null where there is none. */
  readonly path: string | null;
  /** True: the settings name it, so it is not ours to update. */
  readonly isGiven: boolean;
  /** The newest that could be had; null where it is not known, and then `newestFailure` says why. */
  readonly newest: Pick<RemoteBuild, 'id' | 'version' | 'backend'> | null;
  readonly newestFailure: string | null;
  /** The best backend for this machine. */
  readonly bestBackend: Backend | null;
  /** All that are there, the current one among them. */
  readonly builds: readonly InstalledBuild[];
}

export interface InstalledBuild {
  readonly id: string;
  readonly version: string;
  readonly backend: Backend;
  readonly source: EngineBuild['source'];
  readonly isCurrent: boolean;
  readonly proof: EngineBuild['proof'];
}

export interface EngineUpdate {
  readonly build: EngineBuild;
  readonly path: string;
  /** False: it was the newest already. */
  readonly isNew: boolean;
  readonly builds: readonly InstalledBuild[];
}

export interface EngineDeskOptions {
  readonly engines: Engines;
  readonly choice: EngineChoice;
  readonly isOffline: () => boolean;
  /** Asks the sources; see `newestOffered`. */
  readonly newest: (ladder: readonly Rung[], signal: AbortSignal) => Promise<RemoteBuild | null>;
  readonly log: Log;
  /** Told of progress and of another current build. */
  readonly bus: Pick<Bus<DroverEvent>, 'emit'>;
}

/** Releases come several times a day; asking for each status would use up what GitHub allows in an hour. */
const NEWEST_FRESH_MS = 15 * 60_000;
/** An index may be slow in coming; a status is not worth more. */
const NEWEST_PATIENCE_MS = 15_000;

export class EngineDesk {
  readonly #options: EngineDeskOptions;
  #newest: { readonly at: number; readonly build: RemoteBuild | null; readonly failure: string | null } | null = null;

  constructor(options: EngineDeskOptions) {
    this.#options = options;
  }

  async report(): Promise<EngineReport> {
    const { choice, engines } = this.#options;
    const { ladder, given } = await choice.request();
    const build = choice.build ?? engines.current();
    const { build: newest, failure } = await this.#askNewest(ladder);
    return {
      build,
      path: build === null ? null : executableIn(build),
      isGiven: given !== null,
      newest,
      newestFailure: failure,
      bestBackend: ladder.find((rung) => rung.isOffered)?.backend ?? null,
      builds: this.#builds(),
    };
  }

  /** What would be fetched where there is no engine yet; null where nobody says so before the signal aborts. */
  async toFetch(signal: AbortSignal): Promise<RemoteBuild | null> {
    if (this.#options.isOffline()) return null;
    const { ladder } = await this.#options.choice.request();
    return this.#options.newest(ladder, signal).catch(() => null);
  }

  /** Makes an installed build the current one; what runs goes on with its own. Throws `not_found`, `conflict`. */
  async use(id: string): Promise<readonly InstalledBuild[]> {
    const { engines, log } = this.#options;
    await this.#requireOurs();
    const build = await engines.use(id, {});
    this.#told(build);
    log.info('engine chosen', { id: build.id });
    return this.#builds();
  }

  /** Back to the build before. Throws `not_found` where there is none. */
  async rollback(): Promise<readonly InstalledBuild[]> {
    const { engines, log } = this.#options;
    await this.#requireOurs();
    const build = await engines.rollback({});
    this.#told(build);
    log.info('engine rolled back', { id: build.id });
    return this.#builds();
  }

  #builds(): readonly InstalledBuild[] {
    const { engines, choice } = this.#options;
    const current = choice.build ?? engines.current();
    const listed = engines.list();
    const all = current === null || listed.some(({ id }) => id === current.id) ? listed : [current, ...listed];
    return all.map(({ id, version, backend, source, proof }) => ({
      id,
      version,
      backend,
      source,
      proof,
      isCurrent: id === current?.id,
    }));
  }

  #told({ id }: EngineBuild): void {
    this.#options.bus.emit({ type: 'engine.changed', buildId: id });
  }

  async #requireOurs(): Promise<void> {
    const { given } = await this.#options.choice.request();
    if (given === null || given === undefined) return;
    throw new Fault('conflict', `The engine ${given} was given by the settings: it is not ours to change.`, {
      hint: 'Set "engine" to auto first.',
    });
  }

  /** Brings the newest build; `isForced` proves the engine anew even where it is the newest already. */
  async update(isForced: boolean, signal?: AbortSignal): Promise<EngineUpdate> {
    const { choice, engines, log } = this.#options;
    const request = await choice.request();
    if (request.given != null) {
      throw new Fault('conflict', `The engine ${request.given} was given by the settings: it is not ours to update.`, {
        hint: 'Set "engine" to auto, or update that program yourself.',
      });
    }
    const before = engines.current();
    const options = { ...request, signal, onProgress: engineProgressTo(this.#options.bus) };
    const build = isForced || before === null ? await engines.install(options) : await engines.update(options);
    if (isForced && build.id === before?.id) {
      const proof = await engines.prove(build, { signal });
      if (!proof.isGood) throw new Fault('bad_gateway', `${build.id} does not work on this machine: ${proof.reason}`);
    }
    this.#newest = null;
    this.#told(build);
    log.info('engine updated', { id: build.id, before: before?.id ?? null });
    return { build, path: executableIn(build), isNew: build.id !== before?.id, builds: this.#builds() };
  }

  async #askNewest(ladder: readonly Rung[]) {
    const known = this.#newest;
    if (known !== null && Date.now() - known.at < NEWEST_FRESH_MS) return known;
    if (this.#options.isOffline()) return { build: null, failure: 'Drover is offline.' };
    try {
      const build = await this.#options.newest(ladder, AbortSignal.timeout(NEWEST_PATIENCE_MS));
      this.#newest = { at: Date.now(), build, failure: build === null ? 'No source has a build for it.' : null };
      return this.#newest;
    } catch (thrown) {
      // Not remembered: the next one who asks may have the network back.
      return { build: null, failure: toFault(thrown, 'offline').message };
    }
  }
}

/** A Debian closure is started through its own loader; the executable is what comes last. */
const executableIn = (build: EngineBuild): string => build.launch.at(-1) ?? build.folder;
