// Named instances as dialects may ask for them: made, changed, started, stopped, looked at. It joins what is meant, what is
// written down and what runs; one change of an instance at a time. It must never keep a state of its own.
import { Fault } from '../base/fault.ts';
import type { Log } from '../base/log.ts';
import { Mailbox } from '../base/sync.ts';
import type { Settings } from '../config/schema.ts';
import type { ProcessRates } from '../hardware/process-rates.ts';
import type { Configuration } from './configuration.ts';
import type { Drover, StopOptions } from './drover.ts';
import type { InstanceStatus } from './instance-course.ts';
import { healthOf, type InstanceHealth } from './instance-health.ts';
import { InstanceLogs, type LogEntry, type LogQuery } from './instance-logs.ts';
import { type InstanceChange, InstanceSheets, type NewInstance } from './instance-sheets.ts';
import type { EngineTarget } from './metrics-engines.ts';
import type { ModelBook } from './model-book.ts';
import { type NamedInstance, NamedInstances, type Outcome, type StatusChange } from './named-instances.ts';
import type { WantedBook } from './wanted-book.ts';

/** What the process of an instance takes; nothing where there is none. */
export interface InstanceStats {
  readonly residentBytes: number;
  /** Of one core; null where the system does not tell. */
  readonly cpuPercent: number | null;
  readonly uptimeMs: number | null;
}

export interface InstanceDeskOptions {
  readonly drover: Drover;
  readonly book: ModelBook;
  readonly wanted: WantedBook;
  readonly configuration: Pick<Configuration, 'set' | 'remove'>;
  readonly settings: () => Settings;
  readonly configured: () => Settings['models'];
  readonly engines: () => readonly EngineTarget[];
  readonly rates: Pick<ProcessRates, 'of'>;
  /** Where the logs of instances are kept. */
  readonly logFolder: string;
  readonly log: Log;
}

export class InstanceDesk {
  readonly #options: InstanceDeskOptions;
  readonly #sheets: InstanceSheets;
  readonly #named: NamedInstances;
  readonly #logs: InstanceLogs;
  readonly #changes = new Map<string, { readonly mailbox: Mailbox; count: number }>();

  constructor(options: InstanceDeskOptions) {
    this.#options = options;
    this.#sheets = new InstanceSheets(options);
    this.#named = new NamedInstances({ ...options, sheets: this.#sheets });
    this.#logs = new InstanceLogs({ bus: options.drover.bus, folder: options.logFolder });
    this.#named.onStatus(({ name, status, failure }) => {
      const message = failure === null ? `Instance is ${status}` : `Instance is in error: ${failure}`;
      this.#logs.add(name, { at: Date.now(), level: status === 'error' ? 'error' : 'info', message });
    });
  }

  list(): readonly NamedInstance[] {
    return this.#named.list();
  }

  get(name: string): NamedInstance {
    return this.#named.get(name);
  }

  /** Zeros where nothing runs. */
  stats({ pid }: Pick<NamedInstance, 'pid'>): InstanceStats {
    return (pid === null ? null : this.#options.rates.of(pid)) ?? { residentBytes: 0, cpuPercent: 0, uptimeMs: 0 };
  }

  /** Faults: `bad_request`, `conflict`, `port_taken`. */
  create(made: NewInstance): Promise<NamedInstance> {
    return this.#change(made.name, async () => {
      await this.#sheets.create(made);
      // A model that was found has become this one; what ran of it leaves.
      void this.#named.releaseStrays();
      return this.get(made.name);
    });
  }

  /** `isWaiting`: it runs on with what was before. */
  update(
    name: string,
    change: InstanceChange,
  ): Promise<{ readonly instance: NamedInstance; readonly isWaiting: boolean }> {
    return this.#change(name, async () => {
      const { name: id } = this.get(name);
      const isWaiting = await this.#sheets.update(id, change);
      return { instance: this.get(id), isWaiting };
    });
  }

  /** Waits for a stop that is under way. Throws `not_found`, `conflict` where it runs. */
  remove(name: string): Promise<void> {
    return this.#change(name, async () => {
      const id = await this.#named.close(name);
      try {
        await this.#sheets.remove(id);
      } catch (thrown) {
        this.#named.kept(id);
        throw thrown;
      }
      this.#named.removed(id);
      await this.#logs.remove(id);
      void this.#named.releaseStrays();
    });
  }

  start(name: string): InstanceStatus {
    return this.#named.start(name);
  }

  stop(name: string, options: StopOptions = {}): InstanceStatus {
    return this.#named.stop(name, options);
  }

  restart(name: string, options: StopOptions = {}): InstanceStatus {
    return this.#named.restart(name, options);
  }

  startAll(): readonly Outcome[] {
    return this.#named.startAll();
  }

  stopAll(): readonly Outcome[] {
    return this.#named.stopAll();
  }

  async health(name: string): Promise<InstanceHealth> {
    const instance = this.get(name);
    const target = this.#options.engines().find(({ modelId }) => modelId === instance.name) ?? null;
    const own = this.#sheets.ownPort(instance.name);
    const { instance: running } = this.#options.drover.model(instance.name);
    return healthOf(instance, own ?? running?.portNumber ?? null, target);
  }

  /** Oldest first. */
  /** What its engine has said, newest first, whether there is such an instance or not. */
  logBackwards = (name: string): Generator<LogEntry, void, void> => this.#logs.backwards(name);

  logs(name: string, query: LogQuery): Promise<readonly LogEntry[]> {
    return this.#logs.recent(this.get(name).name, query);
  }

  /** The same, then what comes, until the reader leaves or the server stops. */
  follow(name: string, query: LogQuery): (signal: AbortSignal) => AsyncGenerator<LogEntry, void, void> {
    const id = this.get(name).name;
    return (signal) => this.#logs.follow(id, query, signal);
  }

  /** The port that it is to be reached at while it runs; null: only by its name. */
  ownPort(name: string): number | null {
    return this.#sheets.ownPort(name);
  }

  /** The port that the next one gets; null: none is left. */
  freePort(): number | null {
    return this.#sheets.freePort();
  }

  onStatus(listener: (change: StatusChange) => void): () => void {
    return this.#named.onStatus(listener);
  }

  /** Resolves when the logs are on disk. */
  close(): Promise<void> {
    return this.#logs.flush();
  }

  /** Starts what was wanted when the server ended. */
  resume(): void {
    this.#named.resume();
  }

  rest(): void {
    this.#named.rest();
  }

  goOn(): void {
    this.#named.goOn();
  }

  /** One change of a name at a time. */
  #change<T>(name: string, work: () => Promise<T>): Promise<T> {
    if (name.length > LONGEST_NAME) return Promise.reject(new Fault('bad_request', 'Such a long name is none.'));
    const line = this.#changes.get(name) ?? { mailbox: new Mailbox(), count: 0 };
    this.#changes.set(name, line);
    line.count += 1;
    return line.mailbox.send(work).finally(() => {
      line.count -= 1;
      if (line.count === 0) this.#changes.delete(name);
    });
  }
}

const LONGEST_NAME = 256;
