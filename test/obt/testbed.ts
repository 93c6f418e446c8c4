// What tests of OBT's API share: waiting for sessions, and a reader of the progress socket.
import type { RunningDrover } from '../fixtures/drover.ts';

export interface Message {
  readonly type: 'progress' | 'complete' | 'error';
  readonly sessionId: string;
  readonly modelName: string;
  readonly testType: string;
  readonly progress: number;
  readonly metrics?: Readonly<Record<string, number>>;
  readonly error?: string;
}

export interface WireTest {
  readonly type: string;
  readonly status: string;
  readonly metrics: Readonly<Record<string, number>>;
  readonly logs: readonly string[];
  readonly error?: string;
}

export interface WireSession {
  readonly id: string;
  readonly date: string;
  readonly status: string;
  readonly message?: string;
  readonly hardware: unknown;
  readonly tags: readonly string[];
  readonly models: readonly { readonly name: string; readonly tests: readonly WireTest[] }[];
}

export interface Follower extends Disposable {
  readonly messages: readonly Message[];
  readonly closed: Promise<CloseEvent>;
  /** Resolves with all messages as soon as they are as wanted. */
  until(isEnough: (messages: readonly Message[]) => boolean): Promise<readonly Message[]>;
}

/** Connected when it resolves. */
export async function follow(drover: RunningDrover, path = '/ws/test-progress'): Promise<Follower> {
  const socket = new WebSocket(`${drover.url.replace('http', 'ws')}${path}`);
  const messages: Message[] = [];
  const waiters = new Set<() => void>();
  socket.onmessage = ({ data }) => {
    messages.push(JSON.parse(String(data)) as Message);
    for (const wake of waiters) wake();
  };
  const closed = new Promise<CloseEvent>((resolve) => socket.addEventListener('close', resolve));
  await new Promise<void>((resolve, reject) => {
    socket.onopen = () => resolve();
    socket.onerror = () => reject(new Error(`${path} cannot be connected`));
  });
  return {
    messages,
    closed,
    until: (isEnough) =>
      new Promise((resolve, reject) => {
        const look = (): void => {
          if (!isEnough(messages)) return;
          waiters.delete(look);
          resolve([...messages]);
        };
        waiters.add(look);
        void closed.then(() => {
          if (waiters.has(look)) reject(new Error(`it closed after ${JSON.stringify(messages)}`));
        });
        look();
      }),
    [Symbol.dispose]: () => socket.close(),
  };
}

export const ends = (messages: readonly Message[]): Message[] => messages.filter(({ type }) => type !== 'progress');

/** Starts a session and resolves with its detail once all its tests have ended. */
export async function runSession(drover: RunningDrover, body: unknown): Promise<WireSession> {
  const { sessionId } = await drover.json<{ sessionId: string }>('/api/v1/test-sessions', body);
  return untilEnded(drover, sessionId);
}

export async function untilEnded(drover: RunningDrover, sessionId: string): Promise<WireSession> {
  const detail = (): Promise<WireSession> => drover.json<WireSession>(`/api/v1/test-sessions/${sessionId}`);
  const { models } = await detail();
  const count = models.reduce((sum, { tests }) => sum + tests.length, 0);
  using follower = await follow(drover, `/api/v1/ws/test-progress?sessionId=${sessionId}`);
  await follower.until((messages) => ends(messages).length === count);
  return detail();
}
