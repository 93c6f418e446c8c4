// What can be done with a model from anywhere on the page: load it and hear how that goes, stop it, pin it. Loads are kept
// outside of components, so that one goes on being told when its page is left and come back to.
import { useSyncExternalStore } from 'react';
import type { Instance, Model } from '../api/answers.ts';
import { type ApiError, isApiError, lines, post } from '../api/client.ts';
import { adopt, keys, queryClient } from '../api/queries.ts';

export interface Loading {
  readonly isRunning: boolean;
  /** `queued`, `starting`, … as the server says it. */
  readonly stage: string | null;
  readonly detail: string | null;
  /** Why it failed; null: it did not. */
  readonly error: unknown;
}

const IDLE: Loading = { isRunning: false, stage: null, detail: null, error: null };

const loads = new Map<string, Loading>();
const aborts = new Map<string, AbortController>();
const listeners = new Set<() => void>();

function note(model: string, loading: Loading): void {
  loads.set(model, loading);
  for (const listener of listeners) listener();
}

type LoadLine = { readonly stage: string; readonly detail: string | null } | { readonly instance: Instance };

/** Resolves with true when the model is ready, false when it failed or was given up; what happened is told by `useLoading`. */
export async function loadModel(model: string): Promise<boolean> {
  if (loads.get(model)?.isRunning === true) return false;
  const abort = new AbortController();
  aborts.set(model, abort);
  note(model, { ...IDLE, isRunning: true });
  try {
    const { signal } = abort;
    for await (const line of lines<LoadLine>(
      'POST',
      '/drover/models/load',
      { model },
      { signal, query: { stream: true } },
    )) {
      if ('stage' in line) note(model, { isRunning: true, stage: line.stage, detail: line.detail, error: null });
    }
    note(model, IDLE);
    return true;
  } catch (error) {
    note(model, abort.signal.aborted ? IDLE : { ...IDLE, error });
    return false;
  } finally {
    aborts.delete(model);
  }
}

/** Leaves the queue, or ends a start that nobody else waits for. */
export const giveUpLoading = (model: string): void => aborts.get(model)?.abort();

export const forgetLoadError = (model: string): void => {
  if (loads.get(model)?.isRunning !== true) note(model, IDLE);
};

/** Resolves when it is ready; throws why it is not. `loadModel` is for places that tell how it goes. */
export const requestLoad = (model: string): Promise<unknown> => post('/drover/models/load', { model });

export const stopModel = (model: string, force = false): Promise<unknown> =>
  post('/drover/models/stop', { model, force });

export const stopAllModels = (): Promise<unknown> => post('/drover/models/stop', { all: true });

/** No event tells of it, so what is known of models is mended here. */
export async function pinModel(model: string, pinned: boolean): Promise<void> {
  const changed = await post<Model>('/drover/models/pin', { model, pinned });
  adopt<readonly Model[]>(keys.models, (known) => known?.map((other) => (other.id === changed.id ? changed : other)));
  await queryClient.invalidateQueries({ queryKey: keys.instances });
}

const subscribe = (listener: () => void): (() => void) => {
  listeners.add(listener);
  return () => void listeners.delete(listener);
};

export const useLoading = (model: string): Loading => useSyncExternalStore(subscribe, () => loads.get(model) ?? IDLE);

/** The engine's last words, where a failed load brought some. */
export function logLinesOf(error: unknown): readonly string[] {
  const found = isApiError(error) ? (error satisfies ApiError).details.logLines : undefined;
  return Array.isArray(found) ? found.map(String) : [];
}
