// Whether an instance is well, looked at now: its process, its port, and what it answers. It must never start one, nor wait
// long for one that hangs.
import { isOpenPort } from '../base/port.ts';
import { EngineClient } from '../engine/client.ts';
import type { EngineTarget } from './metrics-engines.ts';
import type { NamedInstance } from './named-instances.ts';

export interface InstanceHealth {
  readonly status: 'healthy' | 'starting' | 'unhealthy' | 'stopped';
  readonly process: NamedInstance['status'];
  /** Null: nobody knows which it would be. */
  readonly isPortOpen: boolean | null;
  /** Null: nobody was asked, since nothing runs or it has no such question. */
  readonly isAnswering: boolean | null;
  /** Epoch milliseconds. */
  readonly at: number;
}

const PATIENCE_MS = 2000;

/** `portNumber`: where it should be reached; null: nobody knows. */
export async function healthOf(
  instance: NamedInstance,
  portNumber: number | null,
  target: EngineTarget | null,
): Promise<InstanceHealth> {
  const { status } = instance;
  const isRunning = status === 'running';
  const [isPortOpen, isAnswering] = await Promise.all([
    portNumber === null ? null : isRunning && isOpenPort(portNumber),
    isRunning && target !== null ? isHealthy(target) : null,
  ]);
  const isWell = isPortOpen !== false && isAnswering !== false;
  return {
    status: isRunning ? (isWell ? 'healthy' : 'unhealthy') : (WORDS[status] ?? 'unhealthy'),
    process: status,
    isPortOpen,
    isAnswering,
    at: Date.now(),
  };
}

const WORDS: Partial<Record<NamedInstance['status'], InstanceHealth['status']>> = {
  starting: 'starting',
  stopped: 'stopped',
  stopping: 'stopped',
};

const isHealthy = ({ modelId, baseUrl, headers }: EngineTarget): Promise<boolean> =>
  new EngineClient({
    baseUrl,
    apiKey: headers.authorization?.replace(/^Bearer /, '') ?? null,
    name: modelId,
    timeoutMs: PATIENCE_MS,
  }).isHealthy();
