// Answers that are on their way, outside of any component: they go on while their reader looks elsewhere, tell of
// themselves at most once per frame, and are kept now and then and at their end.
import { useSyncExternalStore } from 'react';
import type { Model, ServerEvent } from '../../api/answers.ts';
import { frames, isApiError } from '../../api/client.ts';
import { keys, queryClient } from '../../api/queries.ts';
import { onServerEvent } from '../../app/live.ts';
import { reasonOf } from '../../parts/states.tsx';
import { texts } from '../../texts/index.ts';
import type { ChatMessage } from './chat.ts';
import { EMPTY, type Folded, fold } from './fold.ts';
import type { CompletionBody } from './request.ts';
import { keep } from './store.ts';

export type Phase = 'sent' | 'queued' | 'loading' | 'reading' | 'reasoning' | 'answering';

export interface Live {
  readonly chatId: string;
  /** As it was when it began; what came since is in `folded`. */
  readonly message: ChatMessage;
  readonly folded: Folded;
  readonly phase: Phase;
  /** Place in the queue of the model; null: not queued, or not told. */
  readonly position: number | null;
  readonly stage: string | null;
  readonly ratio: number | null;
  /** Of the clock of this page, as the next ones. */
  readonly reasoningSince: number | null;
  readonly reasoningMs: number | null;
}

interface Run {
  live: Live;
  readonly abort: AbortController;
  wasStopped: boolean;
  sentAt: number;
  firstAt: number | null;
}

const runs = new Map<string, Run>();
const listeners = new Set<() => void>();
/** Replaced whenever a chat begins or ends to be answered in. */
let answered: ReadonlySet<string> = new Set();
/** How long was thought, of answers of this visit: the store keeps the words only. */
const thought = new Map<string, number>();
export const thoughtMs = (messageId: string): number | null => thought.get(messageId) ?? null;

const KEEP_MS = 4000;
/** Where nothing is painted, frames do not come. */
const HIDDEN_MS = 250;
/** Whoever types must not wait for what is painted: after costly frames come free ones. */
const FREE_SHARE = 2;
const LONGEST_PAUSE_MS = 400;
let isTold = true;
let freeUntil = 0;

function tell(): void {
  if (!isTold) return;
  isTold = false;
  const run = (): void => {
    const start = performance.now();
    if (start < freeUntil && !document.hidden) return void requestAnimationFrame(run);
    isTold = true;
    for (const listener of listeners) listener();
    const now = performance.now();
    freeUntil = now + Math.min(LONGEST_PAUSE_MS, (now - start) * FREE_SHARE);
  };
  if (document.hidden) setTimeout(run, HIDDEN_MS);
  else requestAnimationFrame(run);
}

const subscribe = (listener: () => void): (() => void) => {
  listeners.add(listener);
  return () => void listeners.delete(listener);
};

export const useLive = (messageId: string): Live | null =>
  useSyncExternalStore(subscribe, () => runs.get(messageId)?.live ?? null);

/** Chats in which an answer is on its way. */
export const useAnsweredChats = (): ReadonlySet<string> => useSyncExternalStore(subscribe, () => answered);

const liveOf = (chatId: string): Run | undefined => [...runs.values()].find(({ live }) => live.chatId === chatId);

export function stop(chatId: string): void {
  const run = liveOf(chatId);
  if (run === undefined) return;
  run.wasStopped = true;
  run.abort.abort();
}

export const isAnswering = (chatId: string): boolean => liveOf(chatId) !== undefined;

/** Begins an answer; `message` may have a beginning already, which is gone on with. One at a time in a chat. */
export function answer(chatId: string, message: ChatMessage, body: CompletionBody): void {
  if (isAnswering(chatId)) return;
  const run: Run = {
    live: {
      chatId,
      message,
      folded: { ...EMPTY, content: message.content, reasoning: message.reasoning ?? '' },
      phase: 'sent',
      position: null,
      stage: null,
      ratio: null,
      reasoningSince: null,
      reasoningMs: null,
    },
    abort: new AbortController(),
    wasStopped: false,
    sentAt: performance.now(),
    firstAt: null,
  };
  runs.set(message.id, run);
  answered = new Set([...answered, chatId]);
  keep(chatId, { ...message, state: 'partial', failure: null });
  tell();
  void drive(run, body);
}

async function drive(run: Run, body: CompletionBody): Promise<void> {
  const unsubscribe = onServerEvent((event) => heard(run, event));
  let kept = run.live.folded;
  const timer = setInterval(() => {
    if (run.live.folded === kept) return;
    kept = run.live.folded;
    keep(run.live.chatId, messageOf(run, 'partial', null));
  }, KEEP_MS);
  let thrown: unknown = null;
  try {
    for await (const { data } of frames('/v1/chat/completions', { body, signal: run.abort.signal })) take(run, data);
  } catch (error) {
    thrown = error;
  } finally {
    clearInterval(timer);
    unsubscribe();
  }
  const { chatId, message, reasoningMs, reasoningSince } = run.live;
  if (reasoningSince !== null) thought.set(message.id, reasoningMs ?? performance.now() - reasoningSince);
  const { state, failure } = endOf(run, thrown);
  keep(chatId, messageOf(run, state, failure));
  // What was kept is shown a moment later; until then this is what there is to show.
  setTimeout(() => {
    runs.delete(message.id);
    answered = new Set([...answered].filter((id) => id !== chatId));
    tell();
  });
}

function take(run: Run, data: string): void {
  const { live } = run;
  const folded = fold(live.folded, data);
  const now = performance.now();
  const hasContent = folded.content.length > live.folded.content.length;
  const hasReasoning = folded.reasoning.length > live.folded.reasoning.length;
  if (run.firstAt === null && (hasContent || hasReasoning)) run.firstAt = now;
  const reasoningSince = live.reasoningSince ?? (hasReasoning ? now : null);
  const isThoughtOut = hasContent && live.reasoningMs === null && reasoningSince !== null;
  run.live = {
    ...live,
    folded,
    phase: hasContent
      ? 'answering'
      : hasReasoning
        ? 'reasoning'
        : folded.promptRatio !== null && live.phase !== 'answering' && live.phase !== 'reasoning'
          ? 'reading'
          : live.phase,
    reasoningSince,
    reasoningMs: isThoughtOut ? now - reasoningSince : live.reasoningMs,
  };
  tell();
}

/** What the server says of the model while nothing has come from it yet. */
function heard(run: Run, event: ServerEvent): void {
  const { live } = run;
  if (run.firstAt !== null) return;
  const modelId = live.message.modelId;
  if (event.type === 'request.queued' && event.modelId === modelId) {
    run.live = { ...live, phase: 'queued', position: event.position };
  } else if (event.type === 'instance.progress' && event.modelId === modelId) {
    run.live = { ...live, phase: 'loading', position: null, stage: event.stage, ratio: event.ratio };
  } else if (event.type === 'instance.changed' && event.instance.modelId === modelId) {
    const { state } = event.instance;
    if (state === 'starting') run.live = { ...live, phase: 'loading', position: null, stage: null, ratio: null };
    else if (state === 'ready' && live.phase !== 'reading') {
      // What came before was the load's time, not the answer's.
      run.sentAt = performance.now();
      run.live = { ...live, phase: 'sent', position: null, stage: null, ratio: null };
    }
  } else return;
  tell();
}

function messageOf(run: Run, state: ChatMessage['state'], failure: string | null): ChatMessage {
  const { message, folded } = run.live;
  const firstTokenMs = run.firstAt === null ? null : run.firstAt - run.sentAt;
  return {
    ...message,
    content: folded.content,
    reasoning: folded.reasoning === '' ? null : folded.reasoning,
    state,
    failure: failure === null ? null : failure.slice(0, 9000),
    metrics:
      folded.metrics === null && firstTokenMs === null ? null : { ...NO_METRICS, ...folded.metrics, firstTokenMs },
  };
}

const NO_METRICS = {
  promptTokens: null,
  cachedTokens: null,
  generatedTokens: null,
  promptMs: null,
  generationMs: null,
};

interface End {
  readonly state: ChatMessage['state'];
  readonly failure: string | null;
}

function endOf(run: Run, thrown: unknown): End {
  const { folded } = run.live;
  const hasText = folded.content !== '' || folded.reasoning !== '';
  const broken = hasText ? 'partial' : 'failed';
  if (run.wasStopped) return { state: 'stopped', failure: null };
  if (folded.failure !== null) {
    const { message, hint } = folded.failure;
    return { state: broken, failure: hint === null ? message : `${message}\n${hint}` };
  }
  if (thrown !== null) {
    if (isApiError(thrown) && thrown.isOffline) {
      return { state: broken, failure: hasText ? texts.chat.failure.lost : texts.chat.failure.unreached };
    }
    const { message, hint } = reasonOf(thrown);
    return { state: broken, failure: hint === null ? message : `${message}\n${hint}` };
  }
  if (folded.finishReason === 'length') return { state: 'partial', failure: texts.chat.failure.length };
  if (!folded.isDone && folded.finishReason === null) return { state: broken, failure: texts.chat.failure.early };
  if (!hasText) return { state: 'failed', failure: texts.chat.failure.empty };
  return { state: 'complete', failure: null };
}

/** A model that is some other server's; unknown ones are taken for llama-server's. */
export const isForeign = (modelId: string): boolean =>
  queryClient.getQueryData<readonly Model[]>(keys.models)?.find(({ id }) => id === modelId)?.isCustom === true;
