// One model's standing with the scheduler, and one request's: plain records and their readings. Pure. It must never
// change a record on its own.
import type { Fault } from '../base/fault.ts';
import type { Breaker } from './scheduler-breaker.ts';
import type { Group, Loaded, Reserve } from './scheduler-policy.ts';

export interface Ticket {
  readonly id: number;
  readonly modelId: string;
  /** A load keeps no slot: it is granted when the model is ready, and that is all. */
  readonly isLoad: boolean;
  /** False: it is refused rather than that an idle model goes. */
  readonly mayEvict: boolean;
  /** Epoch milliseconds. */
  readonly arrivedAt: number;
  readonly deadlineAt: number;
}

export interface UnloadOptions {
  readonly force?: boolean;
  /** How long requests in flight may take to end, in milliseconds. */
  readonly drainMs: number;
  /** It is to be started differently: who waits goes on waiting. Else who waits is refused. */
  readonly isReplaced?: boolean;
}

/** What the configuration says about one model now. */
export interface ModelRule {
  /** Idle milliseconds after which it is stopped; null: never. */
  readonly ttlMs: number | null;
  /** Requests at the same time; null: the engine's own queue decides. */
  readonly concurrencyLimit: number | null;
  readonly group: Group | null;
  /** Guess of the load time before one was measured. */
  readonly estimatedLoadMs: number;
}

export type ModelState = 'stopped' | 'starting' | 'ready' | 'stopping' | 'failed';

export interface ModelView {
  readonly modelId: string;
  readonly state: ModelState;
  readonly since: number;
  readonly requestsInFlight: number;
  readonly requestsQueued: number;
  readonly isPinned: boolean;
  readonly lastUsedAt: number | null;
  readonly reserve: Reserve;
  readonly failure: Fault | null;
}

/** The scheduler's own record; nobody else writes it. */
export interface Model {
  readonly id: string;
  state: 'stopped' | 'starting' | 'ready' | 'stopping';
  since: number;
  reserve: Reserve;
  readonly inFlight: Set<number>;
  isPinned: boolean;
  lastUsedAt: number | null;
  loadMs: number | null;
  /** Set while a stop waits for requests in flight: when it is forced. */
  leaveBy: number | null;
  isDraining: boolean;
  /** Whom its first request waits for. */
  waitingFor: string | null;
  readonly breaker: Breaker;
}

export const newModel = (id: string, now: number, breaker: Breaker): Model => ({
  id,
  state: 'stopped',
  since: now,
  reserve: {},
  inFlight: new Set(),
  isPinned: false,
  lastUsedAt: null,
  loadMs: null,
  leaveBy: null,
  isDraining: false,
  waitingFor: null,
  breaker,
});

/** Of a model that holds memory. */
export const loadedOf = (model: Model, rule: ModelRule): Loaded => ({
  id: model.id,
  state: model.state === 'stopped' ? 'starting' : model.state,
  isBusy: model.inFlight.size > 0,
  isPinned: model.isPinned,
  group: rule.group,
  reserve: model.reserve,
  returnMs: model.loadMs ?? rule.estimatedLoadMs,
  lastUsedAt: model.lastUsedAt ?? 0,
  isDraining: model.isDraining,
});

export function viewOf(model: Model, requestsQueued: number): ModelView {
  const failure = model.state === 'stopped' ? model.breaker.last : null;
  return {
    modelId: model.id,
    state: failure === null ? model.state : 'failed',
    since: model.since,
    requestsInFlight: model.inFlight.size,
    requestsQueued,
    isPinned: model.isPinned,
    lastUsedAt: model.lastUsedAt,
    reserve: model.reserve,
    failure,
  };
}

/** When an idle model is to be stopped; null: not by time. */
export function idleUntil(model: Model, rule: ModelRule): number | null {
  const { ttlMs } = rule;
  if (model.state !== 'ready' || model.isPinned || model.inFlight.size > 0 || ttlMs === null || ttlMs <= 0) return null;
  return (model.lastUsedAt ?? model.since) + ttlMs;
}

/** For `Retry-After`: about a load, a second at least, a minute at most. */
export function returnSeconds(model: Model, rule: ModelRule): number {
  return Math.max(1, Math.min(60, Math.ceil((model.loadMs ?? rule.estimatedLoadMs) / 1000)));
}
