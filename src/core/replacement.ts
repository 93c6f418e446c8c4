// Models that run with what is no longer so: which they are, which of them may go on all the same, and the letting go of
// the others. It must never cut a request.
import type { Dispatch } from './dispatch.ts';
import type { Launcher } from './launcher.ts';
import type { Registry } from './registry.ts';

export class Replacement {
  readonly #dispatch: Pick<Dispatch, 'instances' | 'tickets'>;
  readonly #launcher: Pick<Launcher, 'fingerprintOf'>;
  readonly #registry: Pick<Registry, 'find'>;
  readonly #drainMs: () => number;
  /** They keep the settings that they were started with, because whoever changed them wanted it so. */
  readonly #kept = new Set<string>();

  constructor(
    dispatch: Pick<Dispatch, 'instances' | 'tickets'>,
    launcher: Pick<Launcher, 'fingerprintOf'>,
    registry: Pick<Registry, 'find'>,
    drainMs: () => number,
  ) {
    this.#dispatch = dispatch;
    this.#launcher = launcher;
    this.#registry = registry;
    this.#drainMs = drainMs;
  }

  /** What runs goes on until it is stopped, or until all are replaced. Returns who is concerned. */
  keep(): string[] {
    const changed = this.#changed();
    for (const id of changed) this.#kept.add(id);
    return changed;
  }

  /**
   * Lets go of what would now be started differently, or not at all: after its requests, and who waits goes on waiting.
   * Those that were kept stay, unless all are meant.
   */
  replace(areAllMeant: boolean): string[] {
    if (areAllMeant) this.#kept.clear();
    const touched = this.#changed().filter((id) => !this.#kept.has(id));
    const { instances, tickets } = this.#dispatch;
    for (const id of touched) {
      void tickets.unload(id, { drainMs: this.#drainMs(), isReplaced: true }).then(() => {
        if (this.#registry.find(id) === null) instances.forget(id);
      });
    }
    return touched;
  }

  #changed(): string[] {
    const { instances, tickets } = this.#dispatch;
    return instances.ids().filter((id) => {
      const running = instances.get(id);
      const isThere = running?.pid !== null || tickets.view(id).state === 'failed';
      return isThere && running !== null && this.#launcher.fingerprintOf(id) !== running.decision.fingerprint;
    });
  }
}
