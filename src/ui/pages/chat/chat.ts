// The words of this page: chats and their messages as the server keeps them.
export interface Sampling {
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
  readonly sampling: Sampling;
}

export interface Chat {
  readonly id: string;
  readonly title: string;
  readonly settings: ChatSettings;
  readonly isPinned: boolean;
  readonly headId: string | null;
  readonly createdAt: number;
  readonly updatedAt: number;
  readonly messageCount: number;
}

export interface Attachment {
  readonly kind: 'image' | 'text';
  readonly name: string;
  readonly mediaType: string;
  readonly sizeBytes: number;
  /** Text as it is; of an image, base64. */
  readonly data: string;
}

export interface ChatMetrics {
  readonly promptTokens: number | null;
  readonly cachedTokens: number | null;
  readonly generatedTokens: number | null;
  readonly promptMs: number | null;
  readonly generationMs: number | null;
  readonly firstTokenMs: number | null;
}

export type MessageState = 'complete' | 'partial' | 'stopped' | 'failed';

export interface ChatMessage {
  readonly id: string;
  readonly parentId: string | null;
  readonly role: 'user' | 'assistant';
  readonly content: string;
  readonly reasoning: string | null;
  readonly attachments: readonly Attachment[];
  readonly modelId: string | null;
  readonly createdAt: number;
  readonly state: MessageState;
  readonly failure: string | null;
  readonly metrics: ChatMetrics | null;
}

export const NO_SAMPLING: Sampling = {
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
