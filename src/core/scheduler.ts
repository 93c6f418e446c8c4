// When each model runs: a state machine with one writer. Everything comes in by a method, everything goes out through
// Effects; there is no promise, process or clock in it, and the memory sum is the planner's. It must never evict a busy
// or pinned model, start one twice, or leave a ticket without an answer.
import type { Fault } from '../base/fault.ts';
import { Queue } from './queue.ts';
import { Breaker, type BreakerOptions } from './scheduler-breaker.ts';
import type { Effects } from './scheduler-effects.ts';
import {
  idleUntil,
  loadedOf,
  type Model,
  type ModelRule,
  type ModelView,
  newModel,
  type Ticket,
  type UnloadOptions,
  viewOf,
} from './scheduler-model.ts';
import { choose, type Loaded, type Planner, type Reserve } from './scheduler-policy.ts';
import { closingFault, crowdFault, lateFault, unloadedFault } from './scheduler-refusals.ts';

export interface SchedulerOptions<L> {
  readonly effects: Effects<L>;
  readonly plan: Planner<L>;
  readonly rule: (modelId: string) => ModelRule;
  /** What others hold and are about to give back. */
  readonly leaving?: (() => readonly Loaded[]) | undefined;
  readonly queueTimeoutMs: number;
  /** A request that waited so long for a busy model's room lets that model take no later requests. */
  readonly patienceMs?: number;
  /** Waiting requests per model; more are refused. */
  readonly queueLimit?: number;
  readonly breaker?: BreakerOptions | undefined;
}

export class Scheduler<L> {
  readonly #options: SchedulerOptions<L>;
  readonly #effects: Effects<L>;
  readonly #models = new Map<string, Model>();
  readonly #queue = new Queue();
  readonly #granted = new Map<number, Ticket>();
  #nextTicket = 1;
  #isClosing = false;
  #isAdvancing = false;
  #mustAdvance = false;

  constructor(options: SchedulerOptions<L>) {
    this.#options = options;
    this.#effects = options.effects;
  }

  /** The ticket is granted or refused through Effects, perhaps before this returns but never before `announce`. */
  request(
    modelId: string,
    options: { readonly isLoad?: boolean; readonly mayEvict?: boolean } = {},
    announce: (ticket: Ticket) => void = () => undefined,
  ): Ticket {
    const now = this.#effects.now();
    const ticket: Ticket = {
      id: this.#nextTicket,
      modelId,
      isLoad: options.isLoad ?? false,
      mayEvict: options.mayEvict ?? true,
      arrivedAt: now,
      deadlineAt: now + this.#options.queueTimeoutMs,
    };
    this.#nextTicket += 1;
    announce(ticket);
    const model = this.#model(modelId);
    const limit = this.#options.queueLimit ?? 1000;
    const isCrowded = this.#queue.of(modelId).length >= limit;
    if (this.#isClosing || isCrowded) {
      const fault = this.#isClosing ? closingFault() : crowdFault(model, this.#rule(modelId), limit);
      this.#effects.refuse(ticket, fault);
      return ticket;
    }
    // An explicit load is somebody's word that it may work now.
    if (ticket.isLoad && model.state === 'stopped') model.breaker.reset();
    this.#queue.add(ticket);
    this.#advance();
    return ticket;
  }

  /** The caller has left. A load under way goes on. */
  cancel(ticket: Ticket): void {
    if (this.#granted.has(ticket.id)) {
      this.release(ticket);
      return;
    }
    this.#queue.drop(ticket);
    this.#advance();
  }

  /** The request has ended, however it ended. Twice is once. */
  release(ticket: Ticket): void {
    if (!this.#granted.delete(ticket.id)) return;
    const model = this.#model(ticket.modelId);
    if (model.inFlight.delete(ticket.id)) {
      model.lastUsedAt = this.#effects.now();
      this.#changed(model);
    }
    this.#advance();
  }

  started(modelId: string, outcome: { readonly loadMs: number } | { readonly fault: Fault }): void {
    const model = this.#model(modelId);
    if (model.state !== 'starting') return;
    if ('fault' in outcome) {
      this.#gone(model, outcome.fault);
      for (const ticket of this.#queue.of(modelId)) this.#refuse(ticket, outcome.fault);
    } else {
      model.loadMs = outcome.loadMs;
      model.breaker.forgive();
      model.lastUsedAt = this.#effects.now();
      this.#become(model, 'ready');
    }
    this.#advance();
  }

  /** The child is gone after a stop. Said twice (a stop and a forced one) it counts once, also if a new load has begun. */
  stopped(modelId: string): void {
    const model = this.#model(modelId);
    if (model.state !== 'stopping') return;
    this.#gone(model, null);
    this.#advance();
  }

  /** The child is gone and nobody asked for it. */
  crashed(modelId: string, fault: Fault): void {
    const model = this.#model(modelId);
    if (model.state === 'starting') {
      this.started(modelId, { fault });
      return;
    }
    if (model.state === 'stopped') return;
    this.#gone(model, model.state === 'stopping' ? null : fault);
    this.#advance();
  }

  setPinned(modelId: string, isPinned: boolean): void {
    const model = this.#model(modelId);
    if (model.isPinned === isPinned) return;
    model.isPinned = isPinned;
    this.#changed(model);
    this.#advance();
  }

  /** Stops a model: idle now, busy when its requests have ended or `drainMs` have passed. */
  unload(modelId: string, options: UnloadOptions): void {
    const model = this.#model(modelId);
    const fault = this.#isClosing ? closingFault() : unloadedFault(modelId);
    if (options.isReplaced !== true) for (const ticket of this.#queue.of(modelId)) this.#refuse(ticket, fault);
    const isForced = options.force === true;
    if (model.state === 'starting') this.#stop(model, true);
    else if (model.state === 'ready') {
      if (isForced || model.inFlight.size === 0) this.#stop(model, isForced);
      else model.leaveBy = Math.min(model.leaveBy ?? Number.POSITIVE_INFINITY, this.#effects.now() + options.drainMs);
    } else if (model.state === 'stopping' && isForced) this.#effects.stop(modelId, { force: true });
    else if (model.state === 'stopped' && model.breaker.last !== null) {
      model.breaker.reset();
      this.#changed(model);
    }
    this.#advance();
  }

  /** Refuses what waits and what comes, drains, stops everything. It is over when `isEmpty`. */
  close(options: { readonly drainMs: number }): void {
    this.#isClosing = true;
    for (const model of this.#models.values()) this.unload(model.id, options);
  }

  /** True when no model holds memory. */
  get isEmpty(): boolean {
    return [...this.#models.values()].every((model) => model.state === 'stopped');
  }

  /** Time has passed. */
  tick(): void {
    this.#advance();
  }

  view(modelId: string): ModelView {
    const model = this.#model(modelId);
    return viewOf(model, this.#queue.of(model.id).length);
  }

  /** Every model that was ever asked for. */
  views(): readonly ModelView[] {
    return [...this.#models.values()].map((model) => viewOf(model, this.#queue.of(model.id).length));
  }

  /** What is held now, by model. */
  reservations(): ReadonlyMap<string, Reserve> {
    return new Map(this.#holders().map((model) => [model.id, model.reserve] as const));
  }

  #advance(): void {
    this.#mustAdvance = true;
    if (this.#isAdvancing) return;
    this.#isAdvancing = true;
    try {
      while (this.#mustAdvance) {
        this.#mustAdvance = false;
        this.#pass(this.#effects.now());
      }
    } finally {
      this.#isAdvancing = false;
    }
  }

  /** One look at everything, in order of arrival. */
  #pass(now: number): void {
    const draining = new Set<string>();
    const claims = new Map<string, Reserve>();
    const blockers = new Map<string, string | null>();
    for (const ticket of this.#queue.all()) {
      // An effect may have ended it meanwhile.
      if (!this.#queue.has(ticket)) continue;
      const model = this.#model(ticket.modelId);
      if (now >= ticket.deadlineAt) {
        this.#refuse(ticket, lateFault(ticket, model, this.#rule(model.id)));
      } else if (model.state === 'ready') {
        if (this.#mayEnter(model, ticket, draining)) this.#grant(ticket, model);
      } else if (model.state === 'stopped' && !blockers.has(model.id)) {
        model.waitingFor = this.#tryStart(ticket, model, now, { draining, claims });
        blockers.set(model.id, model.waitingFor);
      }
    }
    for (const model of this.#models.values()) {
      model.isDraining = draining.has(model.id);
      this.#leaveIfDue(model, now);
    }
    this.#queue.tellNews(
      (id) => this.#model(id).state === 'starting',
      blockers,
      (ticket, position, waitingFor) => this.#effects.emit({ type: 'queued', ticket, position, waitingFor }),
    );
    this.#effects.wake(this.#nextMoment(now));
  }

  #mayEnter(model: Model, ticket: Ticket, draining: ReadonlySet<string>): boolean {
    if (model.leaveBy !== null) return false;
    if (ticket.isLoad) return true;
    if (draining.has(model.id)) return false;
    const limit = this.#rule(model.id).concurrencyLimit;
    return limit === null || limit <= 0 || model.inFlight.size < limit;
  }

  /** Returns whom it waits for, if it waits. */
  #tryStart(
    ticket: Ticket,
    model: Model,
    now: number,
    pass: { readonly draining: Set<string>; readonly claims: Map<string, Reserve> },
  ): string | null {
    const refusal = model.breaker.refusal(model.id, now);
    if (refusal !== null) {
      for (const waiting of this.#queue.of(model.id)) this.#refuse(waiting, refusal);
      return null;
    }
    if (now < model.breaker.retryAt) return null;
    const choice = choose<L>(model.id, {
      plan: this.#options.plan,
      group: this.#rule(model.id).group,
      loaded: this.#holders()
        .filter((other) => other !== model)
        .map((other) => loadedOf(other, this.#rule(other.id)))
        .concat(this.#options.leaving?.() ?? []),
      claims: pass.claims,
      mayEvict: ticket.mayEvict,
    });
    switch (choice.kind) {
      case 'start':
        model.reserve = choice.plan.reserve;
        this.#become(model, 'starting');
        this.#effects.start(model.id, choice.plan);
        return null;
      case 'evict':
        pass.claims.set(model.id, choice.claim);
        for (const victim of choice.victims) this.#stop(this.#model(victim), false);
        return choice.victims[0] ?? null;
      case 'wait':
        if (choice.claim !== null && this.#mayClaim(ticket, choice.blockers, now)) {
          pass.claims.set(model.id, choice.claim);
          for (const id of choice.drains) if (now >= this.#servesUntil(this.#model(id))) pass.draining.add(id);
        }
        return choice.blockers[0] ?? null;
      case 'refuse':
        // A ticket that may not evict speaks for itself only.
        if (!ticket.mayEvict) {
          this.#refuse(ticket, choice.fault);
          this.#mustAdvance = true;
        } else for (const waiting of this.#queue.of(model.id)) this.#refuse(waiting, choice.fault);
        return null;
    }
  }

  /** Room that is being made is kept; room of busy models is asked for only after a while. */
  #mayClaim(ticket: Ticket, blockers: readonly string[], now: number): boolean {
    if (now >= ticket.arrivedAt + this.#patienceMs) return true;
    return blockers.length > 0 && blockers.every((id) => (this.#models.get(id)?.state ?? 'stopping') === 'stopping');
  }

  /** What has just been loaded serves for a while before it drains: a swap must be worth its cost. */
  #servesUntil(model: Model): number {
    return model.state === 'ready' ? model.since + this.#patienceMs : Number.NEGATIVE_INFINITY;
  }

  #leaveIfDue(model: Model, now: number): void {
    if (model.state !== 'ready') return;
    if (model.leaveBy !== null) {
      if (model.inFlight.size === 0 || now >= model.leaveBy) this.#stop(model, model.inFlight.size > 0);
      return;
    }
    const until = idleUntil(model, this.#rule(model.id));
    if (until !== null && now >= until) this.#stop(model, false);
  }

  #nextMoment(now: number): number | null {
    const moments: number[] = [];
    let isRoomWanted = false;
    for (const ticket of this.#queue.all()) {
      const model = this.#model(ticket.modelId);
      moments.push(ticket.deadlineAt);
      if (model.state !== 'stopped') continue;
      isRoomWanted = true;
      moments.push(ticket.arrivedAt + this.#patienceMs, model.breaker.retryAt);
    }
    for (const model of this.#models.values()) {
      if (model.state === 'ready' && model.leaveBy !== null) moments.push(model.leaveBy);
      if (isRoomWanted) moments.push(this.#servesUntil(model));
      const until = idleUntil(model, this.#rule(model.id));
      if (until !== null) moments.push(until);
    }
    const next = moments.reduce((least, moment) => (moment > now && moment < least ? moment : least), Infinity);
    return Number.isFinite(next) ? next : null;
  }

  #rule(modelId: string): ModelRule {
    return this.#options.rule(modelId);
  }

  get #patienceMs(): number {
    return this.#options.patienceMs ?? 5000;
  }

  #grant(ticket: Ticket, model: Model): void {
    this.#queue.drop(ticket);
    if (!ticket.isLoad) {
      this.#granted.set(ticket.id, ticket);
      model.inFlight.add(ticket.id);
      this.#changed(model);
    }
    this.#effects.grant(ticket);
  }

  #refuse(ticket: Ticket, fault: Fault): void {
    if (this.#queue.drop(ticket)) this.#effects.refuse(ticket, fault);
  }

  #stop(model: Model, force: boolean): void {
    model.leaveBy = null;
    this.#become(model, 'stopping');
    this.#effects.stop(model.id, { force });
  }

  #gone(model: Model, fault: Fault | null): void {
    model.reserve = {};
    model.leaveBy = null;
    // Their leases end by the child's own signal; what they release later is nobody's any more.
    for (const id of model.inFlight) this.#granted.delete(id);
    model.inFlight.clear();
    if (fault !== null) model.breaker.fail(fault, this.#effects.now());
    this.#become(model, 'stopped');
  }

  #become(model: Model, state: Model['state']): void {
    model.state = state;
    model.waitingFor = null;
    model.since = this.#effects.now();
    this.#changed(model);
  }

  #changed(model: Model): void {
    this.#effects.emit({ type: 'changed', modelId: model.id });
  }

  #holders(): Model[] {
    return [...this.#models.values()].filter((model) => model.state !== 'stopped');
  }

  #model(id: string): Model {
    const known = this.#models.get(id);
    if (known !== undefined) return known;
    const model = newModel(id, this.#effects.now(), new Breaker(this.#options.breaker));
    this.#models.set(id, model);
    return model;
  }
}
