// The core behind its one face: models, instances, memory, engine and usage of this machine. It joins the rooms and
// keeps no state that one of them keeps already.
import type { Bus } from '../base/bus.ts';
import { Fault, toFault } from '../base/fault.ts';
import type { Log } from '../base/log.ts';
import type { Migration, Store } from '../base/store.ts';
import { Latch, untilAborted } from '../base/sync.ts';
import type { Settings } from '../config/schema.ts';
import type { Engines } from '../engine/install.ts';
import type { ChildRecords } from '../engine/process.ts';
import type { ModelFacts } from '../gguf/facts.ts';
import type { Snapshot } from '../hardware/probe.ts';
import type { Library, LibraryOptions } from '../models/library.ts';
import { type Budget, heldBy } from './budget.ts';
import { CORRECTION_MIGRATIONS, Corrections } from './corrections.ts';
import { Dispatch } from './dispatch.ts';
import type {
  AcquireOptions,
  Drover,
  DroverStatus,
  FitOptions,
  FitReport,
  Lease,
  ModelView,
  ReloadOptions,
  StopOptions,
  UsageTotals,
} from './drover.ts';
import type { EngineChoice } from './engine-choice.ts';
import { InstanceViews } from './instance-views.ts';
import { Launcher } from './launcher.ts';
import { authorization, leaseOf } from './lease.ts';
import { Lifecycle } from './lifecycle.ts';
import { type CustomCommands, requireFile } from './loading.ts';
import type { EngineTarget } from './metrics-engines.ts';
import type { EntryContext, EntryWishes } from './model-entries.ts';
import type { Predecessor } from './predecessor.ts';
import { type RegisteredModel, Registry } from './registry.ts';
import { Replacement } from './replacement.ts';
import { Retirement } from './retirement.ts';
import { rulesOf } from './rules.ts';
import { settingsForLater } from './settings-for-later.ts';
import { speedOf, UsageBook } from './usage-book.ts';
import type { DroverEvent, Instance, Usage, Verdict } from './vocabulary.ts';

export const HOUSE_MIGRATIONS: readonly Migration[] = CORRECTION_MIGRATIONS;

export interface HouseOptions {
  /** What the program and its process are, from beginning to end. */
  readonly self: Pick<DroverStatus, 'version' | 'pid' | 'keeper' | 'dataFolder'>;
  readonly settings: Settings;
  /** Where children run. */
  readonly workingFolder: string;
  readonly log: Log;
  readonly bus: Bus<DroverEvent>;
  readonly store: Store;
  readonly library: Library;
  readonly choice: EngineChoice;
  readonly engines: Engines;
  /** `hasDisks: false`: without a look at disks, which may hang for seconds where a network is gone. */
  readonly hardware: (options: { readonly hasDisks: boolean }) => Promise<Snapshot>;
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly custom: CustomCommands;
  readonly records: ChildRecords | null;
  /** The model that is meant where none is named; null: that of the configuration. */
  readonly defaultModel: () => string | null;
  /** The server before this one, after a hard restart. */
  readonly predecessor: Predecessor | null;
  /** Reads the configuration again; throws `config_invalid`. */
  readonly readSettings: () => {
    readonly settings: Settings;
    readonly library: Pick<LibraryOptions, 'folders' | 'configured'>;
  };
}

/** How long a child may take to leave after its drain; one that takes longer hangs in the kernel. */
const LEAVE_MS = 25_000;
/** How long the making of a configuration waits for an engine that is being brought. */
const ENGINE_PATIENCE_MS = 120_000;

export class House implements Drover {
  readonly version: string;
  readonly bus: Bus<DroverEvent>;
  readonly log: Log;
  readonly lifecycle: Lifecycle;
  readonly retirement: Retirement;
  readonly #options: HouseOptions;
  readonly #registry: Registry;
  readonly #launcher: Launcher;
  readonly #dispatch: Dispatch;
  readonly #views: InstanceViews;
  readonly #replacement: Replacement;
  readonly #usage = new UsageBook();
  readonly #startedAt = Date.now();
  #settings: Settings;
  #urls: readonly string[] = [];
  #servedEngine: string | null = null;
  #isReloading = false;
  /** Opens when the models have been looked for once: before that nobody can say that there is no such model. */
  readonly #scanned = new Latch();

  constructor(options: HouseOptions) {
    this.#options = options;
    this.#settings = options.settings;
    this.version = options.self.version;
    this.bus = options.bus;
    this.log = options.log;
    const check = (): void => void options.readSettings();
    this.lifecycle = new Lifecycle({ bus: this.bus, log: this.log, check, reload: () => this.reload() });
    this.retirement = new Retirement(this.bus, () => this.#dispatch);
    this.#registry = new Registry(options.library, options.settings, this.#startedAt);
    this.#launcher = new Launcher({
      registry: this.#registry,
      choice: options.choice,
      hardware: () => options.hardware({ hasDisks: false }),
      corrections: new Corrections(options.store),
      settings: () => this.#settings,
      environment: options.environment,
      custom: options.custom,
      workingFolder: options.workingFolder,
      held: () => heldBy([...this.#dispatch.instances.holders(), ...(options.predecessor?.holders() ?? [])]),
      usedPorts: () => this.#dispatch.instances.usedPorts(),
    });
    const rule = this.retirement.rule(rulesOf(() => this.#settings, this.#registry));
    this.#dispatch = new Dispatch({
      bus: options.bus,
      log: options.log.as('scheduler'),
      records: options.records,
      queueTimeoutMs: options.settings.queueTimeout * 1000,
      rule,
      leaving: () => options.predecessor?.leaving() ?? [],
      plan: (modelId, reserved) => this.#launcher.plan(modelId, reserved),
      onMeasured: (modelId, decision, _, reader) => this.#launcher.learn(modelId, decision, reader.result()),
      onChanged: (modelId) => this.#views.tellChange(modelId),
    });
    this.#views = new InstanceViews(this.#dispatch, rule, options.bus);
    const drainMs = (): number => this.#settings.drainTimeout * 1000;
    this.#replacement = new Replacement(this.#dispatch, this.#launcher, this.#registry, drainMs);
    options.bus.subscribe(({ event }) => {
      if (event.type === 'library.changed') this.#takeUp(event.added);
    });
    options.predecessor?.onChange(() => {
      const looked = this.#launcher.measure().catch(() => undefined);
      void looked.then(() => this.#dispatch.tickets.refresh());
    });
  }

  models(): readonly ModelView[] {
    return this.#registry.all().map((model) => this.#registry.view(model, this.#views.of(model.id)));
  }

  model(name: string | null): ModelView {
    const model = this.#find(name);
    return this.#registry.view(model, this.#views.of(model.id));
  }

  facts(name: string): ModelFacts | null {
    return this.#find(name).file?.facts ?? null;
  }

  instances(): readonly Instance[] {
    return this.#views.all();
  }

  verdicts(): readonly Verdict[] {
    const { instances } = this.#dispatch;
    return instances.ids().flatMap((id) => instances.get(id)?.verdict ?? []);
  }

  usage(): readonly UsageTotals[] {
    return this.#usage.totals();
  }

  requests(limit: number): readonly Usage[] {
    return this.#usage.latest(limit);
  }

  /** The last lines of a model's engine, oldest first. */
  engineLines(name: string, limit: number): readonly string[] {
    return this.#dispatch.instances.recentLines(this.#find(name).id, limit);
  }

  /** Where the ready engines answer, for metrics; takes no lease. */
  engineTargets(): readonly EngineTarget[] {
    const { instances } = this.#dispatch;
    return instances.ids().flatMap((modelId) => {
      const running = instances.get(modelId);
      if (running === null || running.ready === null || running.decision.placement === null) return [];
      const { apiKey } = running.decision.spec;
      return [{ modelId, baseUrl: running.ready.baseUrl, headers: authorization(apiKey) }];
    });
  }

  async acquire(name: string | null, options: AcquireOptions = {}): Promise<Lease> {
    if (!this.#scanned.isSettled) await untilAborted(this.#scanned.promise, options.signal);
    const model = this.#find(name);
    // A ready model needs no look at engine or memory.
    if (this.#dispatch.instances.get(model.id)?.ready == null) await this.#prepare(model, options);
    return leaseOf(model, await this.#dispatch.acquire(model.id, options), (usage) => this.#note(usage));
  }

  /** `mayEvict: false`: only where there is room for it now. */
  async load(name: string, options: AcquireOptions & { readonly mayEvict?: boolean } = {}): Promise<Instance> {
    await untilAborted(this.#scanned.promise, options.signal);
    const model = this.#find(name);
    await this.#prepare(model, options);
    await this.#dispatch.tickets.load(model.id, options);
    const instance = this.#views.of(model.id);
    if (instance === null) throw new Fault('bad_gateway', `${model.id} left as soon as it was loaded.`);
    return instance;
  }

  async stop(name: string, options: StopOptions = {}): Promise<void> {
    await this.#unload(this.#idOf(name), options);
  }

  async stopAll(options: StopOptions = {}): Promise<void> {
    const ids = this.#dispatch.tickets.views().map((view) => view.modelId);
    await Promise.all(ids.map((id) => this.#unload(id, options)));
  }

  setPinned(name: string, isPinned: boolean): void {
    this.#dispatch.tickets.setPinned(this.#idOf(name), isPinned);
  }

  async fit(name: string, options: FitOptions = {}): Promise<FitReport> {
    await this.#scanned.promise;
    const model = this.#find(name);
    await this.#options.choice.ensure();
    await this.#launcher.measure();
    return this.#launcher.fit(model, this.#dispatch.tickets.reservations(), options);
  }

  /** What entries of the configuration are made from. Waits for the engine only where a wish needs a plan. */
  async entryContext(wishes: EntryWishes): Promise<EntryContext> {
    const { choice } = this.#options;
    const needsPlan = (wishes.vramGb ?? 0) > 0 || (wishes.ramGb ?? 0) > 0;
    if (needsPlan) await choice.ensure(undefined, ENGINE_PATIENCE_MS).catch(() => null);
    if (choice.build !== null) await this.#launcher.measure();
    return {
      settings: this.#settings,
      backend: choice.build?.backend ?? null,
      preview: (file, settings, caps) => this.#launcher.preview(file, settings, caps),
    };
  }

  /** The memory that models share, as it is now; null while there is no engine to see it. */
  async budget(): Promise<Budget | null> {
    if (this.#options.choice.build === null) return null;
    await this.#launcher.measure();
    return this.#launcher.budget;
  }

  status(): DroverStatus {
    const { choice } = this.#options;
    return {
      ...this.#options.self,
      startedAt: this.#startedAt,
      urls: this.#urls,
      engine: choice.build ?? (choice.failure === null ? this.#options.engines.current() : null),
      engineFailure: choice.failure?.message ?? null,
      modelCount: this.#registry.all().length,
      instances: this.instances(),
      budget: this.#launcher.budgetLines(this.#dispatch.tickets.reservations()),
    };
  }

  hardware(): Promise<Snapshot> {
    return this.#options.hardware({ hasDisks: true });
  }

  /** Settles the engine and measures the memory; what requests would otherwise wait for. */
  async settleEngine(): Promise<void> {
    await this.#options.choice.ensure();
    await this.#launcher.measure();
  }

  setUrls(urls: readonly string[]): void {
    this.#urls = urls;
  }

  /** Loads what the configuration wants loaded from the start, and pins what it wants pinned. */
  preload(): void {
    for (const [id, entry] of Object.entries(this.#settings.models)) {
      if (entry.pin === true && this.#registry.find(id) !== null) this.#dispatch.tickets.setPinned(id, true);
    }
    for (const name of this.#settings.preload) {
      this.load(name, { mayEvict: false }).catch((thrown: unknown) =>
        this.log.error(`${name} was not preloaded: ${String(thrown)}`),
      );
    }
  }

  async reload(options: ReloadOptions = {}): Promise<readonly string[]> {
    const { settings, library } = this.#options.readSettings();
    const before = this.#settings;
    if (options.isForNews === true && JSON.stringify(settings) === JSON.stringify(before)) return [];
    this.#settings = settings;
    this.#registry.update(settings);
    this.log.level = settings.logLevel;
    this.#isReloading = true;
    await this.#options.library.update(library).finally(() => {
      this.#isReloading = false;
    });
    const touched = options.keepsRunning === true ? this.#replacement.keep() : this.#replacement.replace(true);
    for (const id of new Set([...Object.keys(before.models), ...Object.keys(settings.models)])) {
      const isPinned = settings.models[id]?.pin === true;
      if (isPinned !== (before.models[id]?.pin === true)) this.#dispatch.tickets.setPinned(id, isPinned);
    }
    await this.#launcher.measure();
    this.#dispatch.tickets.refresh();
    const later = settingsForLater(before, settings);
    if (later.length > 0) this.log.warn('some changes need a restart of Drover', { settings: later });
    this.bus.emit({ type: 'config.changed', touched });
    return touched;
  }

  async rescan(): Promise<void> {
    try {
      await this.#options.library.scan();
    } finally {
      this.#scanned.open();
    }
  }

  /** Resolves when the models have been looked for once. */
  scanned(): Promise<void> {
    return this.#scanned.promise;
  }

  async close(options: { readonly drainMs?: number } = {}): Promise<void> {
    this.retirement.tellStopping();
    const drainMs = options.drainMs ?? this.#settings.drainTimeout * 1000;
    const patience = AbortSignal.timeout(drainMs + LEAVE_MS);
    await untilAborted(this.#dispatch.tickets.close({ drainMs }), patience).catch(() =>
      this.log.error('an engine does not end; it hangs in the kernel'),
    );
  }

  #find(name: string | null): RegisteredModel {
    if (name !== null && name !== '') return this.#registry.get(name);
    const chosen = this.#options.defaultModel();
    return this.#registry.get(null, chosen === null ? this.#settings.preload : [chosen]);
  }

  /** Models came, went or have new files. */
  #takeUp(added: readonly string[]): void {
    for (const id of added) if (this.#settings.models[id]?.pin === true) this.#dispatch.tickets.setPinned(id, true);
    // A reload looks itself, when all that it changes is in place.
    if (this.#isReloading) return;
    this.#replacement.replace(false);
    this.#dispatch.tickets.refresh();
  }

  /** What runs is found by its own id, also where no model is called so any more. */
  #idOf(name: string): string {
    return this.#dispatch.instances.get(name) === null ? this.#find(name).id : name;
  }

  #unload(id: string, { force = false, drainMs = this.#settings.drainTimeout * 1000 }: StopOptions): Promise<void> {
    this.bus.emit({ type: 'instance.unwanted', modelId: id });
    return this.#dispatch.tickets.unload(id, { force, drainMs });
  }

  async #prepare(model: RegisteredModel, options: AcquireOptions): Promise<void> {
    // Of a custom command nothing is known that a look at the machine would help.
    if (model.file === null) return;
    requireFile(model);
    if (this.#options.choice.build === null) options.onProgress?.('engine', 'waiting for the engine');
    await this.#options.choice.ensure(options.signal, this.#settings.queueTimeout * 1000);
    await this.#launcher.measure();
  }

  #note(usage: Usage): void {
    this.#usage.add(usage);
    this.bus.emit({ type: 'request.finished', usage });
    if (usage.status >= 400) return;
    this.#markServed();
    const speed = speedOf(usage);
    if (speed !== null) this.#dispatch.instances.noteSpeed(usage.modelId, speed);
  }

  /** Once per engine: it looks at files. */
  #markServed(): void {
    const id = this.#options.choice.build?.id ?? null;
    if (id === this.#servedEngine) return;
    this.#servedEngine = id;
    try {
      this.#options.engines.markServed();
    } catch (thrown) {
      // A full or read-only disk must not spoil an answer that is there.
      this.log.warn(`the engine's first answer could not be noted: ${toFault(thrown).message}`);
    }
  }
}
