// What the chunks of a streamed chat completion add up to: text, reasoning, figures, how it ended. Pure; it must never
// throw, whatever an engine sends.
import type { ChatMetrics } from './chat.ts';

export interface Failure {
  readonly message: string;
  readonly hint: string | null;
}

export interface Folded {
  readonly content: string;
  readonly reasoning: string;
  /** 0–1 of the question that has been read; null: not told, or done. */
  readonly promptRatio: number | null;
  readonly finishReason: string | null;
  /** `data: [DONE]` came: whatever came before it is the whole answer. */
  readonly isDone: boolean;
  readonly failure: Failure | null;
  readonly metrics: Omit<ChatMetrics, 'firstTokenMs'> | null;
}

export const EMPTY: Folded = {
  content: '',
  reasoning: '',
  promptRatio: null,
  finishReason: null,
  isDone: false,
  failure: null,
  metrics: null,
};

type Fields = Readonly<Record<string, unknown>>;
const isFields = (value: unknown): value is Fields => typeof value === 'object' && value !== null;
const fieldsOf = (value: unknown): Fields => (isFields(value) ? value : {});
const textOf = (value: unknown): string => (typeof value === 'string' ? value : '');
const amountOf = (value: unknown): number | null =>
  typeof value === 'number' && Number.isFinite(value) && value >= 0 ? value : null;

/** One `data:` of the stream. What is no JSON is passed over: proxies say things too. */
export function fold(folded: Folded, data: string): Folded {
  if (data.trim() === '[DONE]') return { ...folded, isDone: true, promptRatio: null };
  let chunk: unknown;
  try {
    chunk = JSON.parse(data);
  } catch {
    return folded;
  }
  if (!isFields(chunk)) return folded;
  if (chunk.error !== undefined && chunk.error !== null) return { ...folded, failure: failureOf(chunk.error) };
  const choice = fieldsOf(Array.isArray(chunk.choices) ? chunk.choices[0] : undefined);
  // Servers that do not stream answer with the whole message.
  const delta = fieldsOf(choice.delta ?? choice.message);
  const content = textOf(delta.content);
  const reasoning = textOf(delta.reasoning_content) || textOf(delta.reasoning);
  const finish = textOf(choice.finish_reason);
  const isText = content !== '' || reasoning !== '';
  return {
    ...folded,
    content: folded.content + content,
    reasoning: folded.reasoning + reasoning,
    promptRatio: isText ? null : (ratioOf(chunk.prompt_progress) ?? folded.promptRatio),
    finishReason: finish === '' ? folded.finishReason : finish,
    metrics: metricsOf(chunk, folded.metrics),
  };
}

function ratioOf(value: unknown): number | null {
  const { total, processed } = fieldsOf(value);
  const all = amountOf(total);
  const done = amountOf(processed);
  return all === null || done === null || all === 0 ? null : Math.min(1, done / all);
}

/** llama-server's `timings` and OpenAI's `usage`; what neither says stays unknown. */
function metricsOf(chunk: Fields, known: Folded['metrics']): Folded['metrics'] {
  if (!isFields(chunk.timings) && !isFields(chunk.usage)) return known;
  const timings = fieldsOf(chunk.timings);
  const usage = fieldsOf(chunk.usage);
  const read = amountOf(timings.prompt_n);
  const cached = amountOf(timings.cache_n) ?? amountOf(fieldsOf(usage.prompt_tokens_details).cached_tokens);
  return {
    promptTokens:
      amountOf(usage.prompt_tokens) ?? (read === null ? null : read + (cached ?? 0)) ?? known?.promptTokens ?? null,
    cachedTokens: cached ?? known?.cachedTokens ?? null,
    generatedTokens:
      amountOf(usage.completion_tokens) ?? amountOf(timings.predicted_n) ?? known?.generatedTokens ?? null,
    promptMs: amountOf(timings.prompt_ms) ?? known?.promptMs ?? null,
    generationMs: amountOf(timings.predicted_ms) ?? known?.generationMs ?? null,
  };
}

function failureOf(error: unknown): Failure {
  if (typeof error === 'string') return { message: error, hint: null };
  const { message, hint } = fieldsOf(error);
  return {
    message: textOf(message) || JSON.stringify(error),
    hint: textOf(hint) || null,
  };
}

/** Tokens of an answer for each second that the engine spent on them. */
export function speedOf(metrics: ChatMetrics | null): number | null {
  const { generatedTokens = null, generationMs = null } = metrics ?? {};
  if (generatedTokens === null || generationMs === null || generationMs <= 0 || generatedTokens < 1) return null;
  return (generatedTokens / generationMs) * 1000;
}
