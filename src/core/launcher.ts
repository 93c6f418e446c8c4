// From "this model, beside those" to a launch: measures the memory there is, places, corrects by experience, prepares
// the process. The scheduler asks it; it must never start anything.
import { Fault, toFault } from '../base/fault.ts';
import type { ModelEntry, Settings } from '../config/schema.ts';
import type { EngineBuild } from '../engine/build.ts';
import type { CacheType } from '../engine/command.ts';
import type { LoadFacts } from '../engine/verdict.ts';
import { reconcile } from '../hardware/devices.ts';
import type { Snapshot } from '../hardware/probe.ts';
import type { LibraryModel } from '../models/library.ts';
import { type Budget, budgetOf, cappedBudget, type Held, pooled, sumBytes } from './budget.ts';
import type { CorrectionKey, Corrections } from './corrections.ts';
import type { Launch } from './dispatch.ts';
import type { DroverStatus, FitOptions, FitReport } from './drover.ts';
import type { EngineChoice } from './engine-choice.ts';
import { isForeign } from './foreign-engines.ts';
import type { LoadDecision } from './instances.ts';
import {
  type ContextSettings,
  type CustomCommands,
  contextWishes,
  customSpec,
  engineArgv,
  engineSpec,
  type LoadingContext,
  placeModel,
} from './loading.ts';
import { type Correction, type DeviceTake, HOST, type NoFit, type Placement } from './placement.ts';
import { canQuantizeCache } from './placement-search.ts';
import type { RegisteredModel, Registry } from './registry.ts';
import type { Plan, Reservations, Reserve } from './scheduler-policy.ts';

export interface LauncherOptions {
  readonly registry: Registry;
  readonly choice: EngineChoice;
  readonly hardware: () => Promise<Snapshot>;
  readonly corrections: Corrections;
  readonly settings: () => Settings;
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly custom: CustomCommands;
  readonly workingFolder: string;
  readonly held: () => Held;
  readonly usedPorts: () => ReadonlySet<number>;
}

/** A measurement this young is good enough for the next decision. */
const FRESH_MS = 500;

/** Settings of an entry that count from the next request on, without a new start; and those that stand in a fingerprint as what they lead to. */
const NO_FINGERPRINT: ReadonlySet<string> = new Set([
  ...['ttl', 'pin', 'concurrencyLimit', 'aliases', 'unlisted', 'name', 'description'],
  ...['useModelName', 'filters'],
  ...['file', 'mmproj', 'preferredContext', 'minContext', 'throughputFirst'],
]);

export class Launcher {
  readonly #options: LauncherOptions;
  #budget: Budget | null = null;
  #measuredAt = 0;
  /** Another engine may see other devices, other settings may allow more or less. */
  #measuredFor: { readonly build: EngineBuild | null; readonly settings: Settings | null } = {
    build: null,
    settings: null,
  };
  #measuring: Promise<void> | null = null;

  constructor(options: LauncherOptions) {
    this.#options = options;
  }

  /** As last measured; null before. */
  get budget(): Budget | null {
    return this.#budget;
  }

  /** Looks at the memory again, unless that was done just now. Callers share one look. */
  async measure(): Promise<void> {
    const isSame =
      this.#measuredFor.build === this.#options.choice.build && this.#measuredFor.settings === this.#options.settings();
    if (this.#budget !== null && isSame && performance.now() - this.#measuredAt < FRESH_MS) return;
    this.#measuring ??= this.#measure().finally(() => {
      this.#measuring = null;
    });
    await this.#measuring;
  }

  /** How a model would be launched beside what is reserved. Pure on the last measurement. */
  plan(modelId: string, reserved: Reservations): Plan<Launch> {
    const model = this.#options.registry.find(modelId);
    if (model === null) {
      return { kind: 'never', fault: new Fault('not_found', `There is no model called "${modelId}" any more.`) };
    }
    if (model.file === null) return this.#customPlan(model);
    const { build } = this.#options.choice;
    if (build === null || this.#budget === null) {
      const fault =
        this.#options.choice.failure ??
        new Fault('unavailable', 'The engine is not ready yet.', { details: { retryAfterSeconds: 2 } });
      return { kind: 'never', fault };
    }
    try {
      const ideal = this.#place(model, build, {});
      if (ideal.fit === 'does_not_fit') return { kind: 'never', fault: noFitFault(model, ideal) };
      const sum = sumBytes(reserved.values());
      const placement = Object.keys(sum).length === 0 ? ideal : this.#place(model, build, sum);
      if (placement.fit === 'does_not_fit') return { kind: 'no_room', neededBytes: placement.neededBytes };
      // What cannot be spelt for this build is told now, not after a start.
      engineArgv(model, placement, build, this.#options.settings());
      return {
        kind: 'fits',
        reserve: reserveOf(placement.takes),
        isIdeal: isSamePlan(placement, ideal),
        launch: () => this.#decision(model, placement, build),
      };
    } catch (thrown) {
      return { kind: 'never', fault: toFault(thrown) };
    }
  }

  /** The report of `drover fit`; `measure` must have been called. */
  fit(model: RegisteredModel, reserved: Reservations, wishes: FitOptions): FitReport {
    const { build } = this.#options.choice;
    const budget = this.#budget;
    if (build === null || budget === null) throw new Fault('unavailable', 'The engine is not ready yet.');
    if (model.file === null)
      throw new Fault('bad_request', `${model.id} is a custom command: what it takes is not known.`);
    const others = new Map([...reserved].filter(([id]) => id !== model.id));
    const sum = sumBytes(others.values());
    const wished = { ...model, entry: wishedEntry(model.entry, wishes) };
    const placement = this.#place(wished, build, sum);
    const report = {
      modelId: model.id,
      fit: placement.fit,
      freeBytes: Object.fromEntries([
        ...budget.devices.map(
          (device) => [device.id, Math.max(0, device.budgetBytes - (sum[device.id] ?? 0))] as const,
        ),
        [HOST, Math.max(0, budget.host.budgetBytes - pooled(budget.devices, sum, HOST))] as const,
      ]),
      bounds: boundsOf(model),
    };
    if (placement.fit !== 'does_not_fit') {
      return {
        ...report,
        plan: placement.plan,
        takesBytes: reserveOf(placement.takes),
        parts: placement.takes,
        neededBytes: null,
        wouldFit: null,
        inTheWay: [],
        reasons: placement.reasons,
        argv: engineArgv(wished, placement, build, this.#options.settings()),
      };
    }
    const fitsAlone = others.size > 0 && this.#place(wished, build, {}).fit !== 'does_not_fit';
    return {
      ...report,
      plan: null,
      takesBytes: {},
      parts: [],
      neededBytes: placement.neededBytes,
      wouldFit: placement.wouldFit,
      inTheWay: fitsAlone ? [...others.keys()] : [],
      reasons: [...placement.reasons, ...wouldFitWords(placement)],
      argv: [],
    };
  }

  /** A file alone on the machine with at most that much memory (GB); null before the first measurement. */
  preview(
    file: LibraryModel,
    settings: ContextSettings,
    caps: { readonly vram: number | null; readonly ram: number | null },
  ): Placement | NoFit | null {
    if (this.#budget === null || file.facts === null) return null;
    const budget = cappedBudget(this.#budget, caps.vram, caps.ram);
    return placeModel({ id: file.id, aliases: [], entry: {}, file }, budget, {}, settings, null);
  }

  learn(modelId: string, decision: LoadDecision, facts: LoadFacts): void {
    const model = this.#options.registry.find(modelId);
    if (decision.placement === null || decision.build === null || model?.file == null) return;
    this.#options.corrections.learn(keyOf(model, decision.build), decision.placement.takes, facts);
  }

  /** Changes when a model would now be started differently because of its entry or file, not because of memory. */
  fingerprintOf(modelId: string): string {
    const model = this.#options.registry.find(modelId);
    if (model === null) return '';
    const settings = this.#options.settings();
    if (model.file === null) return this.#commandFingerprint(model, settings);
    const { file } = model;
    const launch = Object.entries(model.entry).filter(([name]) => !NO_FINGERPRINT.has(name));
    return JSON.stringify([
      launch,
      file.files,
      file.sizeBytes,
      file.modifiedAt,
      file.projectorPath,
      settings.enableJinja,
      model.entry.contextSize === undefined ? contextWishes(model.entry, settings) : null,
    ]);
  }

  /** By what is run, so that a macro that it does not use changes nothing. */
  #commandFingerprint({ id, entry }: RegisteredModel, settings: Settings): string {
    try {
      const { argv, baseUrl, healthPath, environment, stopArgv } = this.#options.custom.command(settings, id, entry, 0);
      return JSON.stringify([argv, baseUrl, healthPath, environment, stopArgv(0)]);
    } catch {
      return JSON.stringify([entry, settings.macros]);
    }
  }

  budgetLines(reserved: Reservations): DroverStatus['budget'] {
    const budget = this.#budget;
    if (budget === null) return [];
    const sum = sumBytes(reserved.values());
    return [...budget.devices, { id: HOST, ...budget.host }].map(({ id, totalBytes, budgetBytes }) => ({
      device: id,
      totalBytes,
      budgetBytes,
      reservedBytes: pooled(budget.devices, sum, id),
    }));
  }

  async #measure(): Promise<void> {
    const snapshot = await this.#options.hardware();
    const { build } = this.#options.choice;
    const settings = this.#options.settings();
    const { vram, ram } = settings;
    const devices = build?.devices ?? [];
    const known = new Map(reconcile(snapshot, devices).devices.map((device) => [device.deviceId, device.gpu]));
    this.#budget = budgetOf({
      build: { devices, backend: build?.backend ?? 'cpu' },
      snapshot,
      gpuOf: (device) => known.get(device.id) ?? null,
      held: this.#options.held(),
      previous: this.#budget,
      vram,
      ram,
    });
    this.#measuredAt = performance.now();
    this.#measuredFor = { build, settings };
  }

  #place(model: RegisteredModel, build: EngineBuild, reserved: Reserve): Placement | NoFit {
    const budget = this.#budget;
    if (budget === null) throw new Fault('internal', 'A model was placed before the memory was measured.');
    const correction = this.#correction(model, build);
    return placeModel(model, budget, reserved, this.#options.settings(), correction);
  }

  /** A store that cannot be read costs exactness, never a load. */
  #correction(model: RegisteredModel, build: EngineBuild): Correction | null {
    try {
      return model.file === null ? null : this.#options.corrections.of(keyOf(model, build));
    } catch {
      return null;
    }
  }

  #context(): LoadingContext {
    const { environment, custom, workingFolder } = this.#options;
    return { settings: this.#options.settings(), environment, custom, workingFolder };
  }

  #decision(model: RegisteredModel, placement: Placement, build: EngineBuild): LoadDecision {
    return {
      spec: engineSpec(model, placement, build, this.#context()),
      placement,
      build,
      reservedBytes: reserveOf(placement.takes),
      fingerprint: this.fingerprintOf(model.id),
    };
  }

  #customPlan(model: RegisteredModel): Plan<Launch> {
    try {
      // A program that is not installed is told now, not after a start.
      if (isForeign(model.entry)) this.#options.custom.command(this.#options.settings(), model.id, model.entry, 0);
    } catch (thrown) {
      return { kind: 'never', fault: toFault(thrown) };
    }
    return { kind: 'fits', reserve: {}, isIdeal: true, launch: () => this.#customDecision(model) };
  }

  #customDecision(model: RegisteredModel): LoadDecision {
    const { usedPorts, custom } = this.#options;
    return {
      spec: customSpec(model, new Set([...usedPorts(), ...custom.promisedPorts()]), this.#context()),
      placement: null,
      build: null,
      reservedBytes: {},
      fingerprint: this.fingerprintOf(model.id),
    };
  }
}

/** The entry with what is wished for in its place. */
function wishedEntry(entry: ModelEntry, wishes: FitOptions): ModelEntry {
  const asked = {
    contextSize: wishes.contextTokens,
    gpuLayers: wishes.gpuLayers,
    cacheType: wishes.cacheType,
    parallel: wishes.slotCount,
  };
  const settings = Object.entries({ ...entry, ...Object.fromEntries(Object.entries(asked).filter(isAsked)) });
  return Object.fromEntries(settings.filter(([, value]) => value !== null));
}

const isAsked = ([, wish]: readonly [string, unknown]): boolean => wish !== undefined;

const PLAIN_CACHE: readonly CacheType[] = ['f16', 'bf16', 'f32'];
const QUANTIZED_CACHE: readonly CacheType[] = ['q8_0', 'q5_1', 'q5_0', 'q4_1', 'q4_0', 'iq4_nl'];

function boundsOf({ file }: RegisteredModel): FitReport['bounds'] {
  const facts = file?.facts ?? null;
  return {
    layersTotal: facts === null ? 0 : facts.blockCount + 1,
    trainedContextTokens: facts?.contextTokens ?? null,
    cacheTypes: facts !== null && canQuantizeCache(facts) ? [...PLAIN_CACHE, ...QUANTIZED_CACHE] : PLAIN_CACHE,
  };
}

const reserveOf = (takes: readonly DeviceTake[]): Record<string, number> =>
  Object.fromEntries(takes.map((take) => [take.device, take.totalBytes]));

/** As good for its user: a smaller prompt cache or batch is no reason to send another model away. */
const isSamePlan = ({ plan: left }: Placement, { plan: right }: Placement): boolean =>
  left.gpuLayers === right.gpuLayers &&
  left.contextTokens === right.contextTokens &&
  left.slotCount === right.slotCount &&
  left.cacheTypeK === right.cacheTypeK &&
  left.cacheTypeV === right.cacheTypeV &&
  left.cpuExpertLayers === right.cpuExpertLayers &&
  left.isProjectorOffloaded === right.isProjectorOffloaded;

function keyOf(model: RegisteredModel, build: EngineBuild): CorrectionKey {
  const { file } = model;
  return {
    file: { path: file?.path ?? '', sizeBytes: file?.sizeBytes ?? 0, modifiedAt: file?.modifiedAt ?? 0 },
    buildId: `${build.id} ${build.version}`,
    devices: build.devices.map((device) => device.id),
  };
}

function noFitFault(model: RegisteredModel, noFit: NoFit): Fault {
  const [way] = wouldFitWords(noFit);
  return new Fault('does_not_fit', `${model.id} does not fit into this machine's memory: ${noFit.reasons.join(' ')}`, {
    hint: way ?? 'Use a smaller model or quantization.',
    details: { model: model.id, neededBytes: noFit.neededBytes, wouldFit: noFit.wouldFit },
  });
}

function wouldFitWords(noFit: NoFit): string[] {
  const { wouldFit } = noFit;
  if (wouldFit === null) return [];
  const parts = [
    wouldFit.contextTokens === undefined ? null : `contextSize ${wouldFit.contextTokens}`,
    wouldFit.gpuLayers === undefined ? null : `gpuLayers ${wouldFit.gpuLayers}`,
    wouldFit.cacheType === undefined ? null : `cacheType ${wouldFit.cacheType}`,
    wouldFit.slotCount === undefined ? null : `parallel ${wouldFit.slotCount}`,
  ].filter((part) => part !== null);
  return parts.length === 0 ? [] : [`It would fit with ${parts.join(', ')}.`];
}
