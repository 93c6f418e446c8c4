// What a request that cannot be served is told. Pure. It must never leave out when to try again.
import { Fault } from '../base/fault.ts';
import { type Model, type ModelRule, returnSeconds, type Ticket } from './scheduler-model.ts';

export const closingFault = (): Fault =>
  new Fault('unavailable', 'Drover is stopping.', { details: { retryAfterSeconds: 5 } });

export const unloadedFault = (modelId: string): Fault =>
  new Fault('unavailable', `${modelId} was unloaded.`, { details: { retryAfterSeconds: 1 } });

export const crowdFault = (model: Model, rule: ModelRule, limit: number): Fault =>
  new Fault('rate_limited', `${limit} requests wait for ${model.id} already.`, {
    details: { retryAfterSeconds: returnSeconds(model, rule) },
  });

export function lateFault(ticket: Ticket, model: Model, rule: ModelRule): Fault {
  const { waitingFor } = model;
  const seconds = Math.round((ticket.deadlineAt - ticket.arrivedAt) / 1000);
  return new Fault('unavailable', `${ticket.modelId} was not free within ${seconds} s: ${reason(model, waitingFor)}.`, {
    hint: 'Try again, or raise queueTimeout.',
    details: { retryAfterSeconds: returnSeconds(model, rule), waitingFor },
  });
}

function reason(model: Model, waitingFor: string | null): string {
  if (model.state === 'starting') return 'it is still loading';
  if (waitingFor !== null) return `it waits for ${waitingFor}`;
  if (model.state === 'ready') return 'all its slots are busy';
  return model.breaker.last === null ? 'it waits for room' : 'it failed and is tried again soon';
}
