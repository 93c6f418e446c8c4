// Joins the scheduler, which decides, with the instances, which act: a decision becomes a child process, a death
// becomes news. It must never decide anything itself.
import type { Bus } from '../base/bus.ts';
import { Fault, toFault } from '../base/fault.ts';
import type { Log } from '../base/log.ts';
import { isFreePort } from '../base/port.ts';
import type { ReadyEngine } from '../engine/process.ts';
import { Instances, type InstancesOptions, type LoadDecision } from './instances.ts';
import type { ModelRule } from './scheduler-model.ts';
import type { Loaded, Plan, Reservations } from './scheduler-policy.ts';
import { Tickets, type WaitOptions } from './tickets.ts';
import type { DroverEvent } from './vocabulary.ts';

/** Makes the decision at the moment of the start, when ports and keys are wanted. */
export type Launch = () => LoadDecision;

export interface DispatchOptions {
  readonly bus: Bus<DroverEvent>;
  readonly log: Log;
  readonly records: InstancesOptions['records'];
  readonly onMeasured: InstancesOptions['onMeasured'];
  readonly queueTimeoutMs: number;
  readonly rule: (modelId: string) => ModelRule;
  /** What others hold and are about to give back. */
  readonly leaving: () => readonly Loaded[];
  /** How a model would be launched beside what is reserved. Pure and quick. */
  readonly plan: (modelId: string, reserved: Reservations) => Plan<Launch>;
  /** Told when a model's state may look different. */
  readonly onChanged: (modelId: string) => void;
}

/** Ports that are tried for one load. */
const MOST_PORTS = 3;

/** One place in a ready engine. */
export interface Place {
  readonly ready: ReadyEngine;
  readonly apiKey: string | null;
  /** Gives the place back; the first call counts. */
  release(): void;
}

export class Dispatch {
  readonly instances: Instances;
  readonly tickets: Tickets<Launch>;
  readonly #log: Log;

  constructor(options: DispatchOptions) {
    this.#log = options.log;
    this.instances = new Instances({
      bus: options.bus,
      log: options.log,
      records: options.records,
      onMeasured: options.onMeasured,
      onChange: (modelId) => options.onChanged(modelId),
      onCrash: (modelId, fault) => {
        options.log.error(fault.message, { model: modelId, hint: fault.hint });
        this.tickets.crashed(modelId, fault);
      },
    });
    this.tickets = new Tickets<Launch>({
      plan: options.plan,
      rule: options.rule,
      leaving: options.leaving,
      queueTimeoutMs: options.queueTimeoutMs,
      acts: {
        start: (modelId, plan) => void this.#start(modelId, plan.launch),
        stop: (modelId, { force }) => void this.#stop(modelId, force),
        onEvent: (event) => {
          if (event.type === 'changed') options.onChanged(event.modelId);
          else {
            const { ticket, position, waitingFor } = event;
            options.bus.emit({ type: 'request.queued', modelId: ticket.modelId, position, waitingFor });
          }
        },
      },
    });
  }

  /** Waits for the model and a place in it. */
  async acquire(modelId: string, options: WaitOptions): Promise<Place> {
    const grant = await this.tickets.acquire(modelId, options);
    const running = this.instances.get(modelId);
    if (running === null || running.ready === null) {
      grant.release();
      throw new Fault('bad_gateway', `The engine of ${modelId} went away.`, { hint: 'Try again.' });
    }
    return { ready: running.ready, apiKey: running.decision.spec.apiKey, release: () => grant.release() };
  }

  async #start(modelId: string, launch: Launch): Promise<void> {
    try {
      const { loadMs } = await this.#startOnFreePort(modelId, launch);
      this.tickets.started(modelId, { loadMs });
    } catch (thrown) {
      const fault = toFault(thrown, 'bad_gateway');
      // Whatever broke: what is told to be gone must not run on unseen.
      if (this.instances.get(modelId)?.state === 'ready') await this.#end(modelId);
      this.tickets.started(modelId, { fault });
    }
  }

  /** Between our look at a port and the child's bind another program may take it: then another port is tried. */
  async #startOnFreePort(modelId: string, launch: Launch): Promise<ReadyEngine> {
    for (let attempt = 1; ; attempt += 1) {
      const decision = launch();
      const { portNumber } = decision.spec;
      try {
        return await this.instances.start(modelId, decision);
      } catch (thrown) {
        // One that was stopped meanwhile has not failed.
        const isLost =
          this.instances.get(modelId)?.state === 'failed' && portNumber !== null && !isFreePort(portNumber);
        if (!isLost || attempt === MOST_PORTS) throw thrown;
        this.#log.warn(`port ${portNumber} was taken by another program meanwhile; another one is tried`, {
          model: modelId,
        });
      }
    }
  }

  async #end(modelId: string): Promise<void> {
    try {
      await this.instances.stop(modelId, { force: true });
    } catch (thrown) {
      this.#log.error(toFault(thrown).message, { model: modelId });
    }
  }

  async #stop(modelId: string, force: boolean): Promise<void> {
    try {
      await this.instances.stop(modelId, { force });
      this.tickets.stopped(modelId);
    } catch (thrown) {
      // It hangs in the kernel and still holds its memory: it stays `stopping`, where everybody can see it.
      this.#log.error(toFault(thrown).message, { model: modelId });
    }
  }
}
