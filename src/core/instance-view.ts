// One model's process as everybody may see it: what the scheduler knows of it and what the instances know. Pure.
import type { Running } from './instances.ts';
import type { ModelRule, ModelView } from './scheduler-model.ts';
import type { Instance } from './vocabulary.ts';

export function instanceOf(view: ModelView, running: Running | null, { ttlMs }: Pick<ModelRule, 'ttlMs'>): Instance {
  return {
    modelId: view.modelId,
    state: view.state,
    since: Math.round(view.since),
    pid: running?.pid ?? null,
    portNumber: running?.portNumber ?? null,
    requestsInFlight: view.requestsInFlight,
    requestsQueued: view.requestsQueued,
    isPinned: view.isPinned,
    lastUsedAt: view.lastUsedAt === null ? null : Math.round(view.lastUsedAt),
    ttlMs,
    reservedBytes: view.reserve,
    verdict: running?.verdict ?? null,
    failure: view.failure?.message ?? null,
  };
}

/** False where there is nothing to say: stopped, not pinned, not waited for. */
export const isOfInterest = (instance: Instance): boolean =>
  instance.state !== 'stopped' || instance.isPinned || instance.requestsQueued > 0;
