// Chats of the server as queries, and what is to be kept there: messages wait here until the server has them, so that
// neither a page that is left nor a server that is away loses what was said.
import { useInfiniteQuery, useQuery } from '@tanstack/react-query';
import { useSyncExternalStore } from 'react';
import { get, isApiError, patch, post, put, remove } from '../../api/client.ts';
import { queryClient } from '../../api/queries.ts';
import { toastError } from '../../parts/toast.tsx';
import type { Chat, ChatMessage, ChatSettings } from './chat.ts';
import { headOf } from './tree.ts';

export interface WholeChat {
  readonly chat: Chat;
  readonly messages: readonly ChatMessage[];
}

export type ListedChat = Chat & { readonly excerpt: string | null };
interface ChatPage {
  readonly chats: readonly ListedChat[];
  readonly nextBefore: number | null;
}

const chatKey = (id: string) => ['chat', id] as const;
const PAGE_LENGTH = 50;

export const useChats = (query: string) =>
  useInfiniteQuery({
    queryKey: ['chats', query],
    queryFn: ({ pageParam, signal }) =>
      get<ChatPage>('/drover/chats', {
        signal,
        query: { query: query || null, limit: PAGE_LENGTH, before: pageParam },
      }),
    initialPageParam: null as number | null,
    getNextPageParam: ({ nextBefore }) => nextBefore,
    placeholderData: (previous) => previous,
    refetchOnWindowFocus: 'always',
  });

export const useWholeChat = (id: string | null) =>
  useQuery({
    queryKey: chatKey(id ?? ''),
    queryFn: ({ signal }) => get<WholeChat>(`/drover/chats/${id}`, { signal }),
    enabled: id !== null,
    refetchOnWindowFocus: 'always',
  });

/** Other tabs of this browser hear what changed here. */
const others = typeof BroadcastChannel === 'function' ? new BroadcastChannel('drover-chats') : null;
if (others !== null) {
  others.onmessage = ({ data }) => {
    void queryClient.invalidateQueries({ queryKey: ['chats'] });
    if (typeof data === 'string') void queryClient.invalidateQueries({ queryKey: chatKey(data) });
  };
}

function changed(chatId: string): void {
  void queryClient.invalidateQueries({ queryKey: ['chats'] });
  others?.postMessage(chatId);
}

const rewrite = (id: string, change: (whole: WholeChat) => WholeChat): void => {
  queryClient.setQueryData<WholeChat>(chatKey(id), (known) => known && change(known));
};

/** There at once, on the server as soon as it may be. */
export function beginChat(chat: Chat): void {
  queryClient.setQueryData<WholeChat>(chatKey(chat.id), { chat, messages: [] });
  waiting.set(`chat ${chat.id}`, { chatId: chat.id, chat });
  void flush();
}

type Change = Partial<Pick<Chat, 'title' | 'isPinned' | 'headId'>> & { readonly settings?: ChatSettings };

export async function changeChat(id: string, change: Change): Promise<void> {
  rewrite(id, ({ chat, messages }) => ({ chat: { ...chat, ...change }, messages }));
  await patch<Chat>(`/drover/chats/${id}`, change).catch((thrown: unknown) => {
    void queryClient.invalidateQueries({ queryKey: chatKey(id) });
    throw thrown;
  });
  changed(id);
}

/** What still comes of a chat that was deleted is nobody's. */
const removed = new Set<string>();

export async function removeChat(id: string): Promise<void> {
  await remove(`/drover/chats/${id}`);
  removed.add(id);
  for (const [key, { chatId }] of waiting) if (chatId === id) waiting.delete(key);
  queryClient.removeQueries({ queryKey: chatKey(id) });
  changed(id);
}

export async function removeMessage(chatId: string, messageId: string): Promise<void> {
  const whole = await remove<WholeChat>(`/drover/chats/${chatId}/messages/${messageId}`);
  queryClient.setQueryData<WholeChat>(chatKey(chatId), whole);
  changed(chatId);
}

export async function importChats(data: unknown): Promise<readonly Chat[]> {
  const { chats } = await post<{ chats: readonly Chat[] }>('/drover/chats/import', data);
  await queryClient.invalidateQueries({ queryKey: ['chats'] });
  return chats;
}

interface Waiting {
  readonly chatId: string;
  readonly chat?: Chat;
  readonly message?: ChatMessage;
}

/** In the order in which they came to be: a parent before its children. */
const waiting = new Map<string, Waiting>();
const listeners = new Set<() => void>();
let isUnsaved = false;
let isFlushing = false;
/** A key may be given anew, a limit passes. */
const PASSING = new Set([401, 408, 425, 429]);
const PAUSES_MS = [500, 1000, 2000, 5000, 10_000];

/** Shown at once, kept as soon as the server takes it. A newer version of what waits takes its place. */
export function keep(chatId: string, message: ChatMessage): void {
  if (removed.has(chatId)) return;
  show(chatId, message);
  waiting.set(message.id, { chatId, message });
  void flush();
}

/** In what is known of the chat; answers of the server that came or come meanwhile know less. */
function show(chatId: string, message: ChatMessage): void {
  void queryClient.cancelQueries({ queryKey: chatKey(chatId) }, { revert: false, silent: true });
  rewrite(chatId, (whole) => withMessage(whole, message));
}

function withMessage({ chat, messages }: WholeChat, message: ChatMessage): WholeChat {
  const isKnown = messages.some(({ id }) => id === message.id);
  return {
    chat: isKnown ? chat : { ...chat, headId: message.id },
    messages: isKnown ? messages.map((other) => (other.id === message.id ? message : other)) : [...messages, message],
  };
}

async function flush(): Promise<void> {
  if (isFlushing) return;
  isFlushing = true;
  const touched = new Set<string>();
  for (let failures = 0; ; ) {
    const [next] = waiting;
    if (next === undefined) break;
    const [key, item] = next;
    try {
      await send(item);
      failures = 0;
      touched.add(item.chatId);
      if (waiting.get(key) === item) {
        waiting.delete(key);
        if (item.message !== undefined) show(item.chatId, item.message);
      }
    } catch (thrown) {
      if (isApiError(thrown) && thrown.status >= 400 && thrown.status < 500 && !PASSING.has(thrown.status)) {
        // Gone or refused: asking again changes nothing.
        for (const [other, { chatId }] of waiting) if (chatId === item.chatId) waiting.delete(other);
        toastError(thrown);
        continue;
      }
      setUnsaved(true);
      await new Promise((resolve) => setTimeout(resolve, PAUSES_MS[Math.min(failures, PAUSES_MS.length - 1)]));
      failures += 1;
    }
  }
  isFlushing = false;
  setUnsaved(false);
  for (const chatId of touched) changed(chatId);
}

async function send({ chatId, chat, message }: Waiting): Promise<void> {
  if (chat !== undefined) {
    const { id, title, settings } = chat;
    await post('/drover/chats', { id, title, settings }).catch((thrown: unknown) => {
      // It got there, and its answer was lost.
      if (!isApiError(thrown) || thrown.status !== 409) throw thrown;
    });
  }
  if (message !== undefined) {
    const { id, ...document } = message;
    await put(`/drover/chats/${chatId}/messages/${id}`, document);
  }
}

function setUnsaved(is: boolean): void {
  if (isUnsaved === is) return;
  isUnsaved = is;
  for (const listener of listeners) listener();
}

/** True while something could not be kept yet. */
export const useUnsaved = (): boolean =>
  useSyncExternalStore(
    (listener) => {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
    () => isUnsaved,
  );

/** The server has no such chat, and it is none that is still on its way there. */
export const isGone = (id: string, error: unknown): boolean =>
  isApiError(error) && error.status === 404 && ![...waiting.values()].some(({ chatId }) => chatId === id);

/** What is known of a chat here and now. */
export function knownChat(id: string): WholeChat | null {
  const whole = queryClient.getQueryData<WholeChat>(chatKey(id));
  return whole === undefined ? null : withWaiting(whole);
}

/** The chat as the server has it, with what it has not yet. */
export function withWaiting(whole: WholeChat): WholeChat {
  let all = whole;
  for (const { chatId, message } of waiting.values()) {
    if (chatId === whole.chat.id && message !== undefined) all = withMessage(all, message);
  }
  return { chat: { ...all.chat, headId: headOf(all.messages, all.chat.headId) }, messages: all.messages };
}
