// The ports of instances: while one with a port of its own runs, that port leads into this very server, past the same guard,
// to that one model. They are for this machine alone. A door must never outlive what is behind it.
import { Fault } from '../base/fault.ts';
import type { Log } from '../base/log.ts';
import { pause } from '../base/sync.ts';
import type { Drover } from '../core/drover.ts';
import type { InstanceState } from '../core/vocabulary.ts';
import { listenAside, type SideListener, type SideListenerOptions } from './side-listeners.ts';

export interface InstanceDoorsOptions {
  readonly app: SideListenerOptions['app'];
  readonly drover: Pick<Drover, 'bus'>;
  /** The port that a model has for itself; null: none. */
  readonly portOf: (modelId: string) => number | null;
  readonly log: Log;
}

/** How long a port may stay taken: a server before this one closes its own as its models leave. */
const PATIENCE_MS = 60_000;
const RETRY_MS = 50;
/** What has begun behind a door goes on; the model ends when that has. */
const NEVER_MS = 2 ** 31 - 1;

interface Door {
  isWanted: boolean;
  listener: SideListener | null;
}

export class InstanceDoors {
  readonly #options: InstanceDoorsOptions;
  readonly #doors = new Map<string, Door>();
  /** Closed, and still answering. */
  readonly #former = new Set<SideListener>();
  readonly #unsubscribe: () => void;

  constructor(options: InstanceDoorsOptions) {
    this.#options = options;
    this.#unsubscribe = options.drover.bus.subscribe(({ event }) => {
      if (event.type === 'instance.changed') this.#hear(event.instance.modelId, event.instance.state);
    });
  }

  /** Requests that are being answered. */
  get pendingCount(): number {
    const open = [...this.#doors.values()].flatMap(({ listener }) => listener ?? []);
    return [...open, ...this.#former].reduce((sum, listener) => sum + listener.pendingCount, 0);
  }

  async close(options: { readonly drainMs: number }): Promise<void> {
    this.#unsubscribe();
    for (const modelId of [...this.#doors.keys()]) this.#shut(modelId);
    await Promise.all([...this.#former].map((listener) => listener.close(options)));
  }

  #hear(modelId: string, state: InstanceState): void {
    if (state !== 'ready') {
      this.#shut(modelId);
      return;
    }
    if (this.#doors.has(modelId)) return;
    const port = this.#options.portOf(modelId);
    if (port === null) return;
    const door: Door = { isWanted: true, listener: null };
    this.#doors.set(modelId, door);
    void this.#open(modelId, port, door);
  }

  #shut(modelId: string): void {
    const door = this.#doors.get(modelId);
    if (door === undefined) return;
    this.#doors.delete(modelId);
    door.isWanted = false;
    const { listener } = door;
    if (listener === null) return;
    this.#former.add(listener);
    void listener.close({ drainMs: NEVER_MS }).finally(() => this.#former.delete(listener));
  }

  async #open(modelId: string, port: number, door: Door): Promise<void> {
    const { app, log } = this.#options;
    const until = performance.now() + PATIENCE_MS;
    let isTold = false;
    while (door.isWanted) {
      try {
        const pathPrefix = `/upstream/${encodeURIComponent(modelId)}`;
        const listener = await listenAside({ app, host: '127.0.0.1', port, dialect: 'openai', pathPrefix });
        if (door.isWanted) door.listener = listener;
        else await listener.close();
        return;
      } catch (thrown) {
        const isTaken = thrown instanceof Fault && thrown.kind === 'port_taken';
        const message = thrown instanceof Error ? thrown.message : String(thrown);
        if (!isTaken || performance.now() > until) {
          log.error(`${modelId} is not reached at its port: ${message}`, { model: modelId, port });
          return;
        }
        if (!isTold) log.warn(`${modelId} waits for its port: ${message}`, { model: modelId, port });
        isTold = true;
        await pause(RETRY_MS);
      }
    }
  }
}
