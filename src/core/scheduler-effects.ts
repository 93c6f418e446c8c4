// The only ways in which the scheduler acts: the shell makes them real, tests count them. It must never hold anything
// that returns an answer; answers come back as the scheduler's inputs.
import type { Fault } from '../base/fault.ts';
import type { Ticket } from './scheduler-model.ts';
import type { Fits } from './scheduler-policy.ts';

export interface Effects<L> {
  /** Answer with `started`. */
  start(modelId: string, plan: Fits<L>): void;
  /** Answer with `stopped`. Said again with `force` when draining took too long. */
  stop(modelId: string, options: { readonly force: boolean }): void;
  grant(ticket: Ticket): void;
  refuse(ticket: Ticket, fault: Fault): void;
  /** Epoch milliseconds. */
  now(): number;
  emit(event: SchedulerEvent): void;
  /** Call `tick` then; only the latest request counts, null: none. */
  wake(atMs: number | null): void;
}

export type SchedulerEvent =
  | { readonly type: 'queued'; readonly ticket: Ticket; readonly position: number; readonly waitingFor: string | null }
  | { readonly type: 'changed'; readonly modelId: string };
