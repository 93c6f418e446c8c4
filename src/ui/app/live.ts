// The one event stream of the page: it makes stale what the server says has changed, tells pages that want to know more,
// reconnects by itself, and catches up from the last event that came.
import { useEffect, useRef, useSyncExternalStore } from 'react';
import type { Download, Instance, MachineSample, Model, ServerEvent, Status } from '../api/answers.ts';
import { frames, isApiError } from '../api/client.ts';
import { keys, queryClient } from '../api/queries.ts';

/** `partial`: the key that is used may not have live news, so that pages ask again now and then. */
export type LiveState = 'connecting' | 'live' | 'lost' | 'partial';

/** What each event makes stale, by the first word of queries' keys; pages add rows for what is theirs. */
const STALE: { readonly [Type in ServerEvent['type']]?: readonly string[] } = {
  'instance.changed': ['status', 'instances'],
  'instance.verdict': ['verdicts', 'instances', 'models'],
  'request.finished': ['usage', 'instances'],
  'library.changed': ['models', 'status', 'folders', 'fit', 'facts', 'setup', 'doctor'],
  'config.changed': ['models', 'status', 'config', 'settings', 'fit', 'entry'],
  'folders.changed': ['folders'],
  'engine.changed': ['status', 'engine', 'hardware', 'doctor', 'fit', 'setup', 'recommended'],
  'test.ended': ['bench'],
};

/** Stale queries are asked anew this long after the first event of a burst. */
const GATHER_MS = 200;
const BACKOFF_MS = [300, 600, 1000, 2000, 4000] as const;
/** Without live news, what is on the screen is asked anew this often. */
const PARTIAL_MS = 10_000;

type Listener = (event: ServerEvent) => void;
const listeners = new Set<Listener>();
const stateListeners = new Set<() => void>();
let state: LiveState = 'connecting';
let lastSequence: string | null = null;
let current: AbortController | null = null;
let wake: () => void = () => undefined;

function setState(next: LiveState): void {
  if (state === next) return;
  state = next;
  if (next !== 'live') setSample(null);
  for (const listener of stateListeners) listener();
}

const stale = new Set<string>();
let isGathering = false;
function makeStale(words: readonly string[]): void {
  for (const word of words) stale.add(word);
  if (isGathering || stale.size === 0) return;
  isGathering = true;
  setTimeout(() => {
    isGathering = false;
    const ripe = [...stale];
    stale.clear();
    for (const word of ripe) void queryClient.invalidateQueries({ queryKey: [word] });
  }, GATHER_MS);
}

/** What an event says whole is taken as it is, so that it shows at once. */
function take(event: ServerEvent): void {
  if (event.type === 'instance.changed') {
    const { instance } = event;
    queryClient.setQueryData<Instance[]>(keys.instances, (known) => known && replaced(known, instance));
    queryClient.setQueryData<Status>(
      keys.status,
      (known) => known && { ...known, instances: replaced(known.instances, instance) },
    );
    queryClient.setQueryData<Model[]>(keys.models, (known) =>
      known?.map((model) => (model.id === instance.modelId ? { ...model, instance } : model)),
    );
  } else if (event.type === 'download.changed') {
    const job: Download = event.job;
    queryClient.setQueryData<Download[]>(keys.downloads, (known) => {
      if (known === undefined) return known;
      return known.some(({ id }) => id === job.id)
        ? known.map((other) => (other.id === job.id ? job : other))
        : [job, ...known];
    });
    if (job.finishedAt !== null) makeStale(['downloads', 'models']);
  }
  makeStale(STALE[event.type] ?? []);
}

const replaced = (instances: readonly Instance[], instance: Instance): Instance[] =>
  instances.some(({ modelId }) => modelId === instance.modelId)
    ? instances.map((other) => (other.modelId === instance.modelId ? instance : other))
    : [...instances, instance];

/** Figures of the machine come only while somebody looks at them: this often, in milliseconds. */
const SAMPLES_MS = 2000;
/** Who goes from page to page shall not connect anew each time. */
const SAMPLES_LINGER_MS = 4000;
const sampleListeners = new Set<() => void>();
let sample: MachineSample | null = null;
let hasSamples = false;
let sampleTimer: ReturnType<typeof setTimeout> | undefined;

const wantsSamples = (): boolean => sampleListeners.size > 0 && !document.hidden;

function setSample(next: MachineSample | null): void {
  if (sample === next) return;
  sample = next;
  for (const listener of sampleListeners) listener();
}

function settleSamples(): void {
  clearTimeout(sampleTimer);
  sampleTimer = setTimeout(
    () => {
      if (wantsSamples() !== hasSamples && state === 'live') reconnect();
    },
    wantsSamples() ? 20 : SAMPLES_LINGER_MS,
  );
}
document.addEventListener('visibilitychange', settleSamples);

const subscribeSamples = (listener: () => void): (() => void) => {
  sampleListeners.add(listener);
  settleSamples();
  return () => {
    sampleListeners.delete(listener);
    settleSamples();
  };
};

/** How the machine is at this moment; null while that is not known. */
export const useMachineSample = (): MachineSample | null => useSyncExternalStore(subscribeSamples, () => sample);

async function listen(signal: AbortSignal): Promise<void> {
  const headers: Record<string, string> = lastSequence === null ? {} : { 'last-event-id': lastSequence };
  const opened = (): void => {
    const wasLost = state === 'lost' || state === 'partial';
    setState('live');
    if (wantsSamples() !== hasSamples) settleSamples();
    // Whatever was missed beyond what the server replays; before the first event there is nothing to replay from.
    if (wasLost || lastSequence === null) void queryClient.invalidateQueries();
  };
  hasSamples = wantsSamples();
  const query = hasSamples ? { lines: 0, samples: SAMPLES_MS } : { lines: 0 };
  if (!hasSamples) setSample(null);
  for await (const frame of frames('/drover/events', { signal, headers, query, onOpen: opened })) {
    if (frame.event === 'machine.sample') {
      setSample(JSON.parse(frame.data) as MachineSample);
      continue;
    }
    if (frame.id !== undefined) lastSequence = frame.id;
    const event = JSON.parse(frame.data) as ServerEvent;
    take(event);
    for (const listener of listeners) listener(event);
  }
}

/** Keeps the stream open until the page ends. Call once. */
export async function runLive(): Promise<never> {
  let failures = 0;
  for (;;) {
    current = new AbortController();
    const { signal } = current;
    const since = performance.now();
    let delay: number = BACKOFF_MS[0];
    try {
      await listen(signal);
      setState('lost');
    } catch (thrown) {
      if (isApiError(thrown) && (thrown.status === 401 || thrown.status === 403)) {
        setState('partial');
        delay = PARTIAL_MS;
        if (thrown.status === 403) void queryClient.invalidateQueries();
      } else if (!signal.aborted) setState('lost');
    }
    failures = performance.now() - since > 5000 ? 0 : failures + 1;
    if (state === 'lost') {
      delay = BACKOFF_MS[Math.min(failures, BACKOFF_MS.length) - 1] ?? BACKOFF_MS[0];
    }
    if (signal.aborted) delay = 0;
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, delay);
      wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }
}

/** Connects anew at once: the key changed, or somebody does not want to wait. */
export function reconnect(isFresh = false): void {
  if (isFresh) {
    lastSequence = null;
    setState('connecting');
  }
  current?.abort();
  wake();
}

const subscribeState = (listener: () => void): (() => void) => {
  stateListeners.add(listener);
  return () => void stateListeners.delete(listener);
};

const liveState = (): LiveState => state;
export const useLiveState = (): LiveState => useSyncExternalStore(subscribeState, liveState);

export function onServerEvent(listener: Listener): () => void {
  listeners.add(listener);
  return () => void listeners.delete(listener);
}

/** Calls `handle`, always the latest, for every event while the component is there. */
export function useServerEvents(handle: Listener): void {
  const latest = useRef(handle);
  latest.current = handle;
  useEffect(() => onServerEvent((event) => latest.current(event)), []);
}
