// The words of this page: chats and their messages as the server keeps them.
import type { ChatSampling, ChatSettings } from '../../../core/chat-records.ts';

export type {
  Chat,
  ChatAttachment as Attachment,
  ChatMessage,
  ChatMetrics,
  ChatSampling as Sampling,
  ChatSettings,
} from '../../../core/chat-records.ts';

export const NO_SAMPLING: ChatSampling = {
  temperature: null,
  topP: null,
  topK: null,
  minP: null,
  repeatPenalty: null,
  presencePenalty: null,
  frequencyPenalty: null,
  maxTokens: null,
  seed: null,
  stop: [],
};

export const NO_SETTINGS: ChatSettings = { modelId: null, systemPrompt: '', sampling: NO_SAMPLING };

/** Of letters that addresses take; browsers have no `randomUUID` off loopback without TLS. */
export const newId = (): string =>
  [...crypto.getRandomValues(new Uint8Array(16))].map((byte) => byte.toString(16).padStart(2, '0')).join('');
