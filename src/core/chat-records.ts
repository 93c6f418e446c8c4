// What a chat and its messages are, and how they become rows and text that is searched. Pure.
import { Fault } from '../base/fault.ts';

/** Null: the model's own default. */
export interface ChatSampling {
  readonly temperature: number | null;
  readonly topP: number | null;
  readonly topK: number | null;
  readonly minP: number | null;
  readonly repeatPenalty: number | null;
  readonly presencePenalty: number | null;
  readonly frequencyPenalty: number | null;
  readonly maxTokens: number | null;
  readonly seed: number | null;
  readonly stop: readonly string[];
}

export interface ChatSettings {
  readonly modelId: string | null;
  readonly systemPrompt: string;
  readonly sampling: ChatSampling;
}

export interface Chat {
  readonly id: string;
  readonly title: string;
  readonly settings: ChatSettings;
  readonly isPinned: boolean;
  /** The leaf that is shown; null while there is no message. */
  readonly headId: string | null;
  /** Epoch milliseconds, as all times here. */
  readonly createdAt: number;
  readonly updatedAt: number;
  /** Over all branches. */
  readonly messageCount: number;
}

export interface ChatAttachment {
  readonly kind: 'image' | 'text';
  readonly name: string;
  readonly mediaType: string;
  readonly sizeBytes: number;
  /** Base64 of an image, a text as it is. */
  readonly data: string;
}

/** As the engine counted; unknown is null. */
export interface ChatMetrics {
  readonly promptTokens: number | null;
  readonly cachedTokens: number | null;
  readonly generatedTokens: number | null;
  readonly promptMs: number | null;
  readonly generationMs: number | null;
  readonly firstTokenMs: number | null;
}

export interface ChatMessage {
  readonly id: string;
  readonly parentId: string | null;
  readonly role: 'user' | 'assistant';
  readonly content: string;
  readonly reasoning: string | null;
  readonly attachments: readonly ChatAttachment[];
  /** Which model answered. */
  readonly modelId: string | null;
  readonly createdAt: number;
  readonly state: 'complete' | 'partial' | 'stopped' | 'failed';
  readonly failure: string | null;
  readonly metrics: ChatMetrics | null;
}

export interface ChatRow {
  readonly id: string;
  readonly title: string;
  readonly settings: string;
  readonly head: string | null;
  readonly is_pinned: number;
  readonly created_at: number;
  readonly updated_at: number;
  readonly message_count: number;
}

export interface MessageRow {
  readonly document: string;
}

export const DEFAULT_SETTINGS: ChatSettings = {
  modelId: null,
  systemPrompt: '',
  sampling: {
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
  },
};

export const chatOf = (row: ChatRow): Chat => ({
  id: row.id,
  title: row.title,
  settings: JSON.parse(row.settings) as ChatSettings,
  isPinned: row.is_pinned === 1,
  headId: row.head,
  createdAt: row.created_at,
  updatedAt: row.updated_at,
  messageCount: row.message_count,
});

export const messageOf = ({ document }: MessageRow): ChatMessage => JSON.parse(document) as ChatMessage;

/** Letters of one case and one form, so that a search finds them however they are written. */
export const folded = (text: string): string => text.normalize('NFC').toLowerCase();

/** Of a message: what people wrote and read, files by name. */
export const foldedMessage = ({ content, attachments }: ChatMessage): string =>
  folded([content, ...attachments.map(({ name }) => name)].join('\n'));

/** Any text that holds `wanted`, with `\` before what LIKE would read. */
export const likePattern = (wanted: string): string => `%${wanted.replace(/[\\%_]/g, (sign) => `\\${sign}`)}%`;

const BEFORE = 40;
const AFTER = 100;

/** Some words around the first hit, on one line. */
export function excerptAround(document: string, wanted: string): string {
  const text = messageOf({ document }).content.normalize('NFC').replace(/\s+/g, ' ');
  const at = Math.max(0, folded(text).indexOf(wanted));
  const start = Math.max(0, at - BEFORE);
  const end = Math.min(text.length, at + wanted.length + AFTER);
  // A half of a letter outside the basic plane is none.
  const part = text.slice(start, end).replace(/^[\uDC00-\uDFFF]|[\uD800-\uDBFF]$/g, '');
  return `${start > 0 ? '…' : ''}${part}${end < text.length ? '…' : ''}`;
}

/** Ids come from browsers. Throws `bad_request`. */
export function requireId(id: string, field: string): void {
  if (/^[\w-]{1,64}$/.test(id)) return;
  throw new Fault('bad_request', `"${field}" must be 1 to 64 letters, digits, "_" and "-".`, { details: { field } });
}

/** A chat to be read: the branch that is shown, with who said what. */
export function markdownOf(chat: Chat, messages: readonly ChatMessage[]): string {
  const byId = new Map(messages.map((message) => [message.id, message]));
  const branch: ChatMessage[] = [];
  for (let at = byId.get(chat.headId ?? ''); at !== undefined; at = byId.get(at.parentId ?? '')) branch.unshift(at);
  const { systemPrompt } = chat.settings;
  const parts = [
    `# ${chat.title === '' ? 'Chat' : chat.title}`,
    ...(systemPrompt === '' ? [] : [`> ${systemPrompt.replaceAll('\n', '\n> ')}`]),
    ...branch.map(({ role, modelId, content, attachments }) => {
      const files = attachments.map(({ name }) => `*${name}*`).join(', ');
      return [`## ${role === 'user' ? 'You' : (modelId ?? 'Model')}`, files, content].filter(Boolean).join('\n\n');
    }),
  ];
  return `${parts.join('\n\n')}\n`;
}
