// Who may start, who must go first, who has to wait: choices from a picture of the moment. Pure. It must never evict a
// busy or a pinned model, nor more models than the newcomer needs.
import { Fault, toFault } from '../base/fault.ts';

/** Bytes by device; `Host` is RAM. */
export type Reserve = Readonly<Record<string, number>>;
export type Reservations = ReadonlyMap<string, Reserve>;

/** What placement says about one model beside what is reserved already. `L` is how it would be launched. */
export type Plan<L> =
  | {
      readonly kind: 'fits';
      readonly reserve: Reserve;
      /** As good as on a machine with nothing else loaded. */
      readonly isIdeal: boolean;
      readonly launch: L;
    }
  | { readonly kind: 'no_room'; readonly neededBytes: number }
  | { readonly kind: 'never'; readonly fault: Fault };
export type Fits<L> = Extract<Plan<L>, { kind: 'fits' }>;
export type Planner<L> = (modelId: string, reserved: Reservations) => Plan<L>;

/** llama-swap's groups: its `swap`, `exclusive` (both true where absent) and `persistent` (false where absent). */
export interface Group {
  readonly name: string;
  /** One member at a time. */
  readonly swap: boolean;
  /** Loading a member unloads what is outside of the group, persistent groups excepted. */
  readonly exclusive: boolean;
  /** Members are not unloaded by another group's exclusiveness. */
  readonly persistent: boolean;
}

export interface Loaded {
  readonly id: string;
  readonly state: 'starting' | 'ready' | 'stopping';
  readonly isBusy: boolean;
  readonly isPinned: boolean;
  readonly group: Group | null;
  readonly reserve: Reserve;
  /** Milliseconds that it would take to load again. */
  readonly returnMs: number;
  /** Epoch milliseconds; 0 when never. */
  readonly lastUsedAt: number;
  /** It gets no new requests because somebody waits for its room. */
  readonly isDraining: boolean;
}

export interface Scene<L> {
  readonly plan: Planner<L>;
  /** The group of the model that wants to start. */
  readonly group: Group | null;
  /** All others that hold memory. */
  readonly loaded: readonly Loaded[];
  /** What those who came earlier have been promised. */
  readonly claims: Reservations;
  readonly mayEvict: boolean;
}

export type Choice<L> =
  | { readonly kind: 'start'; readonly plan: Fits<L> }
  /** Stop these idle ones, then choose again; the claim keeps the room for it. */
  | { readonly kind: 'evict'; readonly victims: readonly string[]; readonly claim: Reserve }
  | {
      readonly kind: 'wait';
      /** Nothing can be done before these have drained, started or left; empty: before the claims of others are settled. */
      readonly blockers: readonly string[];
      /** All that would go then: the blockers that are busy, and idle ones that must not become busy meanwhile. */
      readonly drains: readonly string[];
      readonly claim: Reserve | null;
    }
  | { readonly kind: 'refuse'; readonly fault: Fault };

/** Whether the groups allow `other` to stay when `group`'s member loads. */
export function mayStay(group: Group | null, other: Group | null): boolean {
  if (group === null) return true;
  if (other !== null && other.name === group.name) return !group.swap;
  return !group.exclusive || other?.persistent === true;
}

/** Cheapest to bring back first; of equals the least recently used. */
export const byReturnCost = (a: Loaded, b: Loaded): number =>
  Number(b.isDraining) - Number(a.isDraining) ||
  a.returnMs - b.returnMs ||
  a.lastUsedAt - b.lastUsedAt ||
  (a.id < b.id ? -1 : 1);

export function choose<L>(modelId: string, scene: Scene<L>): Choice<L> {
  try {
    return decide(modelId, scene);
  } catch (thrown) {
    // A planner that breaks on one model must not hold up the others.
    return { kind: 'refuse', fault: toFault(thrown) };
  }
}

function decide<L>(modelId: string, scene: Scene<L>): Choice<L> {
  const { loaded } = scene;
  const mustGo = new Set(
    loaded.filter((other) => !mayStay(scene.group, other.group) && !isProtected(other, scene.group)).map(idOf),
  );
  const leaving = loaded.filter((other) => other.state === 'stopping');
  const staying = loaded.filter((other) => other.state !== 'stopping');
  const hindering = staying.filter((other) => mustGo.has(other.id));
  const pinnedSibling = hindering.find((other) => other.isPinned);
  if (pinnedSibling !== undefined) return { kind: 'refuse', fault: pinnedFault(modelId, [pinnedSibling.id]) };

  const isIdle = (other: Loaded): boolean => other.state === 'ready' && !other.isBusy && !other.isPinned;
  const free = staying.filter((other) => !mustGo.has(other.id));
  const firm = free.filter((other) => !isIdle(other));
  const idle = free.filter(isIdle).sort(byReturnCost);
  const ask = (kept: readonly Loaded[], claims: Reservations = scene.claims): Plan<L> =>
    scene.plan(modelId, new Map([...claims, ...kept.map((other) => [other.id, other.reserve] as const)]));

  const best = ask(firm);
  if (best.kind === 'never') return { kind: 'refuse', fault: best.fault };
  const groupBlockers = hindering.filter((other) => !isIdle(other));
  if (best.kind === 'no_room') return choosePatience(modelId, { firm, idle, hindering, groupBlockers, ask });

  const chosen = fewestVictims(best, firm, idle, ask);
  if (groupBlockers.length > 0) {
    const drains = [...hindering, ...chosen.victims].map(idOf);
    return { kind: 'wait', blockers: groupBlockers.map(idOf), drains, claim: chosen.plan.reserve };
  }
  const victims = [...hindering, ...chosen.victims];
  if (victims.length > 0) {
    if (!scene.mayEvict) return { kind: 'refuse', fault: noFreeRoomFault(modelId, victims.map(idOf)) };
    return { kind: 'evict', victims: victims.map(idOf), claim: chosen.plan.reserve };
  }
  // What is leaving still holds its memory, and its place in the group.
  const groupLeavers = leaving.filter((other) => mustGo.has(other.id));
  const now = ask([...firm, ...idle, ...leaving]);
  if (groupLeavers.length === 0 && now.kind === 'fits' && isAsGood(now, chosen.plan))
    return { kind: 'start', plan: now };
  return { kind: 'wait', blockers: leaving.map(idOf), drains: [], claim: chosen.plan.reserve };
}

/** Even with all idle ones gone there is no room: which of the busy ones have to drain? */
function choosePatience<L>(
  modelId: string,
  scene: {
    readonly firm: readonly Loaded[];
    readonly idle: readonly Loaded[];
    readonly hindering: readonly Loaded[];
    readonly groupBlockers: readonly Loaded[];
    readonly ask: (kept: readonly Loaded[], claims?: Reservations) => Plan<L>;
  },
): Choice<L> {
  const { firm, idle, hindering, groupBlockers, ask } = scene;
  const pinned = firm.filter((other) => other.isPinned);
  const alone = ask(pinned, new Map());
  if (alone.kind === 'never') return { kind: 'refuse', fault: alone.fault };
  if (alone.kind === 'no_room') {
    const fault =
      pinned.length > 0 ? pinnedFault(modelId, pinned.map(idOf)) : tooLargeFault(modelId, alone.neededBytes);
    return { kind: 'refuse', fault };
  }
  const busy = firm.filter((other) => !other.isPinned).sort(byReturnCost);
  for (let count = 1; count <= busy.length; count += 1) {
    if (ask(without(firm, busy.slice(0, count))).kind !== 'fits') continue;
    const gone = prune(busy.slice(0, count), (fewer) => ask(without(firm, fewer)).kind === 'fits');
    const kept = without(firm, gone);
    const best = ask(kept);
    if (best.kind !== 'fits') continue;
    const chosen = fewestVictims(best, kept, idle, ask);
    return {
      kind: 'wait',
      blockers: [...groupBlockers, ...gone].map(idOf),
      drains: [...hindering, ...gone, ...chosen.victims].map(idOf),
      claim: chosen.plan.reserve,
    };
  }
  return { kind: 'wait', blockers: groupBlockers.map(idOf), drains: [], claim: null };
}

/** The fewest idle models, cheapest first, without which it gets as good a plan as without any of them. */
function fewestVictims<L>(
  best: Fits<L>,
  firm: readonly Loaded[],
  idle: readonly Loaded[],
  ask: (kept: readonly Loaded[]) => Plan<L>,
): { readonly plan: Fits<L>; readonly victims: readonly Loaded[] } {
  const tryWithout = (victims: readonly Loaded[]): Fits<L> | null => {
    const plan = ask([...firm, ...without(idle, victims)]);
    return plan.kind === 'fits' && isAsGood(plan, best) ? plan : null;
  };
  for (let count = 0; count < idle.length; count += 1) {
    const plan = tryWithout(idle.slice(0, count));
    if (plan === null) continue;
    const victims = prune(idle.slice(0, count), (fewer) => tryWithout(fewer) !== null);
    return { plan: tryWithout(victims) ?? plan, victims };
  }
  const victims = prune([...idle], (fewer) => tryWithout(fewer) !== null);
  return { plan: tryWithout(victims) ?? best, victims };
}

/** Leaves out what is not needed, the most expensive first. */
function prune(chosen: readonly Loaded[], isEnough: (fewer: readonly Loaded[]) => boolean): Loaded[] {
  let kept = [...chosen];
  for (const candidate of [...chosen].reverse()) {
    const fewer = kept.filter((other) => other !== candidate);
    if (isEnough(fewer)) kept = fewer;
  }
  return kept;
}

const without = (all: readonly Loaded[], gone: readonly Loaded[]): Loaded[] =>
  all.filter((other) => !gone.includes(other));

/** Ideal, or at least as much on the devices and in all: a smaller context or fewer layers take fewer bytes. */
function isAsGood<L>(plan: Fits<L>, best: Fits<L>): boolean {
  if (plan.isIdeal) return true;
  if (best.isIdeal) return false;
  return deviceBytes(plan.reserve) >= deviceBytes(best.reserve) && totalBytes(plan.reserve) >= totalBytes(best.reserve);
}

const totalBytes = (reserve: Reserve): number => Object.values(reserve).reduce((sum, bytes) => sum + bytes, 0);
const deviceBytes = (reserve: Reserve): number => totalBytes(reserve) - (reserve.Host ?? 0);
const idOf = (model: Loaded): string => model.id;

/** A pin is stronger than another group's exclusiveness. */
const isProtected = (other: Loaded, group: Group | null): boolean =>
  other.isPinned && other.group?.name !== group?.name;

const pinnedFault = (modelId: string, pinned: readonly string[]): Fault =>
  new Fault('unavailable', `There is no room for ${modelId} beside what is pinned: ${pinned.join(', ')}.`, {
    hint: `drover unpin ${pinned[0] ?? ''}`,
    details: { pinned, retryAfterSeconds: 60 },
  });

const noFreeRoomFault = (modelId: string, victims: readonly string[]): Fault =>
  new Fault('unavailable', `There is no free room for ${modelId}; it would take the place of ${victims.join(', ')}.`, {
    details: { victims, retryAfterSeconds: 60 },
  });

const tooLargeFault = (modelId: string, neededBytes: number): Fault =>
  new Fault(
    'does_not_fit',
    `${modelId} does not fit into this machine: it needs ${(neededBytes / 1e9).toFixed(1)} GB.`,
    {
      hint: 'Use a smaller quantization or a smaller context.',
      details: { neededBytes },
    },
  );
