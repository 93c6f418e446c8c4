// The entry that a model gets in the configuration: as little as its wishes need, since what is absent is automatic.
// It must never write down a figure that nothing asked for.
import type { ModelEntry, Settings } from '../config/schema.ts';
import type { Backend } from '../engine/build.ts';
import type { LibraryModel } from '../models/library.ts';
import type { ContextSettings } from './loading.ts';
import type { NoFit, Placement } from './placement.ts';

/** What somebody wishes for the models whose entries are made. Absent: what the settings say. */
export interface EntryWishes {
  readonly enableJinja?: boolean | undefined;
  readonly throughputFirst?: boolean | undefined;
  readonly minContextTokens?: number | undefined;
  readonly preferredContextTokens?: number | undefined;
  /** `cpu` keeps the models off the GPU; another one is checked against the engine in use. */
  readonly backend?: string | undefined;
  /** GB of 10^9 bytes that a model may take at most. */
  readonly vramGb?: number | undefined;
  readonly ramGb?: number | undefined;
}

export interface EntryContext {
  readonly settings: ContextSettings & Pick<Settings, 'enableJinja'>;
  readonly backend: Backend | null;
  /** The model alone on the machine with no more memory than that; null where nobody can tell yet. */
  readonly preview: (
    model: LibraryModel,
    settings: ContextSettings,
    caps: { readonly vram: number | null; readonly ram: number | null },
  ) => Placement | NoFit | null;
}

export interface MadeEntry {
  readonly entry: ModelEntry;
  /** What the entry does not show and its reader should know. */
  readonly notes: readonly string[];
}

export function makeEntry(model: LibraryModel, wishes: EntryWishes, context: EntryContext): MadeEntry {
  const { settings } = context;
  const wanted: ContextSettings = {
    preferredContext: wishes.preferredContextTokens ?? settings.preferredContext,
    minContext: wishes.minContextTokens ?? settings.minContext,
    throughputFirst: wishes.throughputFirst ?? settings.throughputFirst,
  };
  const jinja = wishes.enableJinja ?? settings.enableJinja;
  const limits = limitsOf(model, wishes, wanted, context);
  const entry: ModelEntry = {
    name: model.title,
    file: model.path,
    ...unlessUsual('preferredContext', wanted.preferredContext, settings.preferredContext),
    ...unlessUsual('minContext', wanted.minContext, settings.minContext),
    ...unlessUsual('throughputFirst', wanted.throughputFirst, settings.throughputFirst),
    ...limits.entry,
    ...(jinja === settings.enableJinja ? {} : { flags: { jinja } }),
  };
  return { entry, notes: limits.notes };
}

/** A field, where it says something else than the settings. */
const unlessUsual = <Name extends string, Value>(name: Name, wanted: Value | null, usual: Value | null) =>
  (wanted === null || wanted === usual ? {} : { [name]: wanted }) as { readonly [Key in Name]?: Value };

/** Context and layers that a cap on memory or a backend leads to. */
function limitsOf(
  model: LibraryModel,
  wishes: EntryWishes,
  wanted: ContextSettings,
  context: EntryContext,
): { readonly entry: Pick<ModelEntry, 'contextSize' | 'gpuLayers'>; readonly notes: readonly string[] } {
  const onCpu = wishes.backend === 'cpu' ? { gpuLayers: 0 } : {};
  const notes: string[] = [];
  const { backend } = context;
  if (wishes.backend !== undefined && !['', 'auto', 'cpu', backend].includes(wishes.backend)) {
    const inUse = backend === null ? 'no engine is ready' : `the engine in use is one for ${backend}`;
    notes.push(`${wishes.backend} was asked for, but ${inUse}.`);
  }
  const caps = { vram: capOf(wishes.vramGb), ram: capOf(wishes.ramGb) };
  if (caps.vram === null && caps.ram === null) return { entry: onCpu, notes };
  const placement = context.preview(model, wanted, wishes.backend === 'cpu' ? { ...caps, vram: 0 } : caps);
  if (placement === null) {
    notes.push('Nothing was planned for the memory given, since no engine is ready yet.');
    return { entry: onCpu, notes };
  }
  if (placement.fit === 'does_not_fit') {
    notes.push(`${model.id} does not fit into the memory given: ${placement.reasons.join(' ')}`);
    return { entry: onCpu, notes };
  }
  const { plan, fit } = placement;
  const layers = fit === 'fits_partly' ? { gpuLayers: plan.gpuLayers } : {};
  return { entry: { contextSize: plan.contextTokens, ...layers, ...onCpu }, notes };
}

/** ClaraCore's clients send 0 for "not set". */
const capOf = (gigabytes: number | undefined): number | null =>
  gigabytes === undefined || gigabytes <= 0 ? null : gigabytes;
