// From what a body says to a chat of ours, and back to a file. Pure.
import type { Static } from '@sinclair/typebox';
import { type ChatMessage, DEFAULT_SETTINGS } from '../../core/chat-records.ts';
import type { WholeChat } from '../../core/chats.ts';
import type { ImportBody } from './schema-chats.ts';

type Imported = Static<typeof ImportBody>;

/** What is brought in: chats as we export them, or one conversation as OpenAI's API has it, which becomes `newId`. */
export function toWholes(body: Imported, newId: string, now: number): readonly WholeChat[] {
  const { chats = [], messages, title = '' } = body;
  const wholes = chats.map(({ chat, messages: own }): WholeChat => ({ chat, messages: own }));
  return messages === undefined ? wholes : [...wholes, wholeOf(newId, title, messages, now)];
}

function wholeOf(id: string, title: string, spoken: NonNullable<Imported['messages']>, now: number): WholeChat {
  const systemPrompt = spoken.flatMap(({ role, content }) => (role === 'system' ? [content] : [])).join('\n\n');
  const said = spoken.flatMap(({ role, content }) => (role === 'system' ? [] : [{ role, content }]));
  const messages = said.map(
    ({ role, content }, index): ChatMessage => ({
      id: `m${index}`,
      parentId: index === 0 ? null : `m${index - 1}`,
      role,
      content,
      reasoning: null,
      attachments: [],
      modelId: null,
      createdAt: now + index,
      state: 'complete',
      failure: null,
      metrics: null,
    }),
  );
  const first = said.find(({ role }) => role === 'user')?.content ?? '';
  return {
    chat: {
      id,
      title: title === '' ? first.replace(/\s+/g, ' ').slice(0, 80) : title,
      settings: { ...DEFAULT_SETTINGS, systemPrompt },
      isPinned: false,
      headId: messages.at(-1)?.id ?? null,
      createdAt: now,
      updatedAt: now,
      messageCount: messages.length,
    },
    messages,
  };
}

/** A name for a file, of any title: what no system forbids. */
export const fileNameOf = (title: string, extension: string): string =>
  `${
    title
      .replace(/[\p{C}\\/:*?"<>|]+/gu, ' ')
      .trim()
      .slice(0, 80) || 'chat'
  }.${extension}`;
