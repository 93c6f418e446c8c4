// Every model's process as others see it: what the scheduler decided joined with what the child is, and the news when a
// state has become another one. It must never decide anything.
import type { Bus } from '../base/bus.ts';
import type { Dispatch } from './dispatch.ts';
import type { ModelRule } from './scheduler-model.ts';
import type { DroverEvent, Instance, InstanceState } from './vocabulary.ts';

export class InstanceViews {
  readonly #dispatch: Pick<Dispatch, 'instances' | 'tickets'>;
  readonly #rule: (modelId: string) => ModelRule;
  readonly #bus: Bus<DroverEvent>;
  readonly #last = new Map<string, { readonly state: InstanceState; readonly isPinned: boolean }>();

  constructor(
    dispatch: Pick<Dispatch, 'instances' | 'tickets'>,
    rule: (modelId: string) => ModelRule,
    bus: Bus<DroverEvent>,
  ) {
    this.#dispatch = dispatch;
    this.#rule = rule;
    this.#bus = bus;
  }

  /** Null where there is nothing to say: stopped, not pinned, not waited for. */
  of(modelId: string): Instance | null {
    const instance = this.#describe(modelId);
    const isOfInterest = instance.state !== 'stopped' || instance.isPinned || instance.requestsQueued > 0;
    return isOfInterest ? instance : null;
  }

  all(): readonly Instance[] {
    return this.#dispatch.tickets.views().flatMap((view) => this.of(view.modelId) ?? []);
  }

  /** News only where the state is another one, or the pin: requests come and go too often to be told. */
  tellChange(modelId: string): void {
    const { state, isPinned } = this.#dispatch.tickets.view(modelId);
    const last = this.#last.get(modelId) ?? { state: 'stopped', isPinned: false };
    if (state === last.state && isPinned === last.isPinned) return;
    this.#last.set(modelId, { state, isPinned });
    const instance = this.#describe(modelId);
    if (isPinned !== last.isPinned) this.#bus.emit({ type: 'instance.pinned', instance });
    if (state !== last.state) this.#bus.emit({ type: 'instance.changed', instance, previous: last.state });
  }

  #describe(modelId: string): Instance {
    const running = this.#dispatch.instances.get(modelId);
    const view = this.#dispatch.tickets.view(modelId);
    return {
      modelId,
      state: view.state,
      since: Math.round(view.since),
      pid: running?.pid ?? null,
      portNumber: running?.portNumber ?? null,
      requestsInFlight: view.requestsInFlight,
      requestsQueued: view.requestsQueued,
      isPinned: view.isPinned,
      lastUsedAt: view.lastUsedAt === null ? null : Math.round(view.lastUsedAt),
      ttlMs: this.#rule(modelId).ttlMs,
      reservedBytes: view.reserve,
      verdict: running?.verdict ?? null,
      failure: view.failure?.message ?? null,
    };
  }
}
