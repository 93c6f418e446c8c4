// What a reader does in a chat: asks, asks again, edits, goes on, switches, and the chats and messages that come of it.

import { answer, isAnswering, isForeign } from './answering.ts';
import type { Attachment, ChatMessage, ChatSettings } from './chat.ts';
import { newId } from './chat.ts';
import { completionBody } from './request.ts';
import { beginChat, changeChat, keep, knownChat } from './store.ts';
import { titleOf } from './title.ts';
import { leafBelow, pathTo } from './tree.ts';

export interface Said {
  readonly content: string;
  readonly attachments: readonly Attachment[];
}

let lastAt = 0;
/** Of two messages the later has the later time, however quick they are. */
const now = (): number => {
  lastAt = Math.max(Date.now(), lastAt + 1);
  return lastAt;
};

const PLAIN = { reasoning: null, failure: null, metrics: null } as const;

/** A chat with its first question; its id. */
export function beginWith(said: Said, settings: ChatSettings, modelId: string, fallbackTitle: string): string {
  const id = newId();
  const at = now();
  beginChat({
    id,
    title: titleOf(said.content, said.attachments[0]?.name ?? fallbackTitle),
    settings: { ...settings, modelId },
    isPinned: false,
    headId: null,
    createdAt: at,
    updatedAt: at,
    messageCount: 0,
  });
  ask(id, null, said, modelId);
  return id;
}

/** A question below `parentId`, and its answer. */
export function ask(chatId: string, parentId: string | null, said: Said, modelId: string): void {
  if (isAnswering(chatId)) return;
  const question: ChatMessage = {
    ...PLAIN,
    id: newId(),
    parentId,
    role: 'user',
    content: said.content,
    attachments: said.attachments,
    modelId: null,
    createdAt: now(),
    state: 'complete',
  };
  keep(chatId, question);
  answerTo(chatId, question.id, modelId);
}

/** A new answer to the question `parentId`. */
function answerTo(chatId: string, parentId: string, modelId: string): void {
  const whole = knownChat(chatId);
  if (whole === null || isAnswering(chatId)) return;
  const message: ChatMessage = {
    ...PLAIN,
    id: newId(),
    parentId,
    role: 'assistant',
    content: '',
    attachments: [],
    modelId,
    createdAt: now(),
    state: 'partial',
  };
  const path = pathTo(whole.messages, parentId);
  const { settings } = whole.chat;
  answer(chatId, message, completionBody({ modelId, settings, path, isForeign: isForeign(modelId) }));
}

/** The rest of an answer that broke off. */
export function goOn(chatId: string, message: ChatMessage, modelId: string): void {
  const whole = knownChat(chatId);
  if (whole === null || isAnswering(chatId)) return;
  if (message.content === '') return void (message.parentId !== null && again(chatId, message, modelId));
  const path = pathTo(whole.messages, message.id);
  const { settings } = whole.chat;
  answer(chatId, message, completionBody({ modelId, settings, path, isForeign: isForeign(modelId) }));
}

export function again(chatId: string, message: ChatMessage, modelId: string): void {
  if (message.parentId !== null) answerTo(chatId, message.parentId, modelId);
}

/** Shows the branch of another version of a message. */
export async function switchTo(chatId: string, messageId: string): Promise<void> {
  const whole = knownChat(chatId);
  if (whole !== null) await changeChat(chatId, { headId: leafBelow(whole.messages, messageId) });
}
