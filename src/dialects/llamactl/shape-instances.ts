// Instances between llamactl's wire and our words: its times are whole seconds, its memory is bytes, its processor time is
// percent of one core. Pure.
import type { StopOptions } from '../../core/drover.ts';
import type { InstanceStats } from '../../core/instance-desk.ts';
import type { InstanceHealth } from '../../core/instance-health.ts';
import type { InstanceChange, NewInstance } from '../../core/instance-sheets.ts';
import type { NamedInstance, Outcome } from '../../core/named-instances.ts';
import { isoSeconds } from './shape.ts';

interface WireInstance {
  readonly name: string;
  readonly model_path: string;
  readonly port?: number | null;
  readonly options?: Readonly<Record<string, unknown>> | null;
}

export const toNewInstance = (wire: WireInstance): NewInstance => ({
  name: wire.name,
  modelPath: wire.model_path,
  port: wire.port ?? undefined,
  options: wire.options ?? undefined,
});

export const toInstanceChange = (wire: Partial<Omit<WireInstance, 'name'>>): InstanceChange => ({
  ...(wire.model_path === undefined ? {} : { modelPath: wire.model_path }),
  ...(wire.port == null ? {} : { port: wire.port }),
  ...(wire.options == null ? {} : { options: wire.options }),
});

const STOP_SECONDS = 30;

export const toStop = (wire: { readonly force?: boolean; readonly timeout?: number }): StopOptions => ({
  force: wire.force === true,
  drainMs: (wire.timeout ?? STOP_SECONDS) * 1000,
});

export const instanceToWire = (instance: NamedInstance) => ({
  name: instance.name,
  status: instance.status,
  model_path: instance.modelPath ?? '',
  port: instance.port,
  created_at: isoSeconds(instance.createdAt),
  updated_at: isoSeconds(instance.updatedAt),
  ...(instance.failure === null ? {} : { error: instance.failure }),
});

export const listToWire = (instances: readonly NamedInstance[]) => ({ instances: instances.map(instanceToWire) });

const changedToWire = (instance: NamedInstance) => ({ ...instanceToWire(instance), options: instance.options });

export const detailsToWire = (instance: NamedInstance, stats: InstanceStats) => ({
  ...changedToWire(instance),
  pid: instance.pid,
  stats: statsToWire(stats),
});

export const statsToWire = ({ residentBytes, cpuPercent, uptimeMs }: InstanceStats) => ({
  memory_usage: residentBytes,
  cpu_usage: cpuPercent === null ? (isNew(uptimeMs) ? 0 : null) : Math.round(cpuPercent * 10) / 10,
  uptime: uptimeMs === null ? null : Math.floor(uptimeMs / 1000),
});

/** It had no time yet to use any. */
const isNew = (uptimeMs: number | null): boolean => uptimeMs !== null && uptimeMs < 100;

export const createdToWire = (instance: NamedInstance) => ({
  message: 'Instance created successfully',
  instance: changedToWire(instance),
});

export const updatedToWire = (instance: NamedInstance, isWaiting: boolean) => ({
  message: 'Instance updated successfully',
  instance: changedToWire(instance),
  requires_restart: isWaiting,
});

type Verb = 'start' | 'stop' | 'restart';

/** A verb that had nothing to do says so, with the same status as ever. */
export const initiatedToWire = (verb: Verb, status: NamedInstance['status']) => ({
  message: IDLE[verb] === status ? `Instance is ${status} already` : `Instance ${verb} initiated`,
  status,
});

const IDLE: Readonly<Partial<Record<Verb, NamedInstance['status']>>> = { start: 'running', stop: 'stopped' };

export const resultsToWire = (verb: 'Start' | 'Stop', outcomes: readonly Outcome[]) => {
  const begun = outcomes.filter(({ fault }) => fault === null).length;
  const failed = outcomes.length - begun;
  return {
    message: `${verb} of ${begun} instance${begun === 1 ? '' : 's'} initiated${failed === 0 ? '' : `, ${failed} refused`}`,
    results: outcomes.map(({ name, status, fault }) => ({
      name,
      status,
      ...(fault === null ? {} : { error: fault.message }),
    })),
  };
};

export const healthToWire = (health: InstanceHealth) => ({
  status: health.status,
  checks: {
    process: health.process,
    port:
      health.isPortOpen === null && health.status === 'healthy'
        ? 'unknown'
        : health.isPortOpen === true
          ? 'open'
          : 'closed',
    response: health.isAnswering === null ? 'none' : health.isAnswering ? 'ok' : 'failed',
  },
  last_check: isoSeconds(health.at),
});
