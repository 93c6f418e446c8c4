// What is wished for in a plan: stops of the sliders, sentences, and the picture of each device. Pure.
import type { Fit } from '../../api/answers.ts';
import { context, size } from '../../format.ts';
import type { Share } from '../../parts/meter.tsx';
import { texts } from '../../texts/index.ts';

const { plan: words } = texts.models;

/** Null: automatic. */
export interface Wishes {
  readonly contextTokens: number | null;
  readonly gpuLayers: number | null;
  readonly cacheType: string | null;
  readonly slots: number | null;
}

export const AUTOMATIC: Wishes = { contextTokens: null, gpuLayers: null, cacheType: null, slots: null };

export const isAutomatic = (wishes: Wishes): boolean => Object.values(wishes).every((wish) => wish === null);

/** As the query of a request; what is automatic is said, since the entry's own would be taken else. */
export const queryOf = (model: string, wishes: Wishes) => ({
  model,
  context: wishes.contextTokens ?? 'auto',
  gpuLayers: wishes.gpuLayers ?? 'auto',
  cacheType: wishes.cacheType ?? 'auto',
  slots: wishes.slots ?? 'auto',
});

/** As the entry of a model has them. */
export const settingsOf = (wishes: Wishes) => ({
  contextSize: wishes.contextTokens,
  gpuLayers: wishes.gpuLayers,
  cacheType: wishes.cacheType,
  parallel: wishes.slots,
});

const LEAST = 512;
const UNKNOWN_MOST = 131_072;

/** Contexts between which a slider steps: powers of two, the trained one last; `extra` is among them too. */
export function contextStops(trained: number | null, extra: number | null): readonly number[] {
  const most = Math.max(trained ?? UNKNOWN_MOST, extra ?? 0);
  const stops = new Set<number>();
  for (let stop = LEAST; stop < most; stop *= 2) {
    stops.add(stop);
    // A step between, where the steps are wide.
    if (stop >= 8192 && stop * 1.5 < most) stops.add(stop * 1.5);
  }
  stops.add(most);
  if (extra !== null) stops.add(extra);
  return [...stops].sort((left, right) => left - right);
}

/** The index of the stop that is nearest. */
export const nearest = (stops: readonly number[], tokens: number): number =>
  stops.reduce(
    (best, stop, index) => (Math.abs(stop - tokens) < Math.abs((stops[best] ?? 0) - tokens) ? index : best),
    0,
  );

/** The result in a sentence. */
export function sentenceOf({ fit, plan, bounds, neededBytes }: Fit): string {
  if (plan === null || fit === 'does_not_fit') return words.noFit(size(neededBytes));
  const tokens = context(plan.contextTokens);
  const { layersTotal } = bounds;
  if (fit === 'fits_partly') return words.partly(plan.gpuLayers, layersTotal, tokens);
  const layers =
    plan.gpuLayers === 0
      ? ''
      : plan.gpuLayers >= layersTotal
        ? words.allLayers
        : words.someLayers(plan.gpuLayers, layersTotal);
  return words.fits(layers, tokens);
}

/** What to take instead, in words; null: nothing would do. */
export function wayOut({ wouldFit }: Fit): string | null {
  if (wouldFit === null) return null;
  const parts = [
    wouldFit.contextTokens === undefined ? null : words.takeContext(context(wouldFit.contextTokens)),
    wouldFit.gpuLayers === undefined ? null : words.takeLayers(wouldFit.gpuLayers),
    wouldFit.cacheType === undefined ? null : words.takeCache(wouldFit.cacheType),
    wouldFit.slotCount === undefined ? null : words.takeSlots(wouldFit.slotCount),
  ].filter((part) => part !== null);
  return parts.length === 0 ? null : words.take(parts.join(', '));
}

export const taken = (wishes: Wishes, wouldFit: NonNullable<Fit['wouldFit']>): Wishes => ({
  contextTokens: wouldFit.contextTokens ?? wishes.contextTokens,
  gpuLayers: wouldFit.gpuLayers ?? wishes.gpuLayers,
  cacheType: wouldFit.cacheType ?? wishes.cacheType,
  slots: wouldFit.slotCount ?? wishes.slots,
});

export interface DevicePicture {
  readonly device: string;
  readonly name: string;
  readonly totalBytes: number;
  readonly shares: readonly Share[];
}

interface BudgetLine {
  readonly device: string;
  readonly reservedBytes: number;
}

/** How full each device would be: the model's parts, what others hold, what is left. `ownBytes`: what it holds now. */
export function picturesOf(
  fit: Fit,
  budget: readonly BudgetLine[],
  ownBytes: Readonly<Record<string, number>>,
): readonly DevicePicture[] {
  return Object.entries(fit.freeBytes).map(([device, free]) => {
    const part = fit.parts.find((one) => one.device === device);
    const reserved = budget.find((line) => line.device === device)?.reservedBytes ?? 0;
    const others = Math.max(0, reserved - (ownBytes[device] ?? 0));
    const own = part?.totalBytes ?? 0;
    const share = (key: string, label: string, amount: number, series: Share['series']): Share => ({
      key,
      label,
      amount,
      series,
      valueText: size(amount),
    });
    const { parts: names } = words;
    const shares = [
      share('weights', names.weights, part?.weightBytes ?? 0, 1),
      share('kv', names.kv, part?.kvBytes ?? 0, 2),
      share('compute', names.compute, part?.computeBytes ?? 0, 3),
      share('overhead', names.overhead, part?.overheadBytes ?? 0, 4),
      share('others', names.others, others, 'other'),
      share('free', names.free, Math.max(0, free - own), 'free'),
    ].filter(({ amount, key }) => amount > 0 || key === 'free');
    return { device, name: device === 'Host' ? words.host : device, totalBytes: free + others, shares };
  });
}
