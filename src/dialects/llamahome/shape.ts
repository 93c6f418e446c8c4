// Between LlamaHome's wire and our words: errors, prompts and their answers. Its times are seconds and texts. Pure.
import { Fault, type FaultKind, statusOf } from '../../base/fault.ts';
import type { GenerationPiece } from '../../core/generation.ts';
import type { Prompt, PromptAnswer, PromptOutcome } from '../../core/prompting.ts';

export interface WireError {
  readonly error: {
    readonly code: string;
    readonly message: string;
    readonly details?: Readonly<Record<string, unknown>>;
  };
}

export function errorBody(fault: Fault): WireError {
  const { retryAfterSeconds, ...rest } = fault.details;
  const details = {
    ...(fault.hint === undefined ? {} : { hint: fault.hint }),
    ...(retryAfterSeconds === undefined ? {} : { retry_after: retryAfterSeconds }),
    ...rest,
  };
  const code = fault.kind === 'rate_limited' ? 'rate_limit_exceeded' : fault.kind;
  return { error: { code, message: fault.message, ...(Object.keys(details).length === 0 ? {} : { details }) } };
}

/** Where no log is between us and the caller: what broke inside is not told. */
export const toldBody = (fault: Fault): WireError =>
  errorBody(fault.kind === 'internal' ? new Fault('internal', 'Something broke inside Drover.') : fault);

/** Its clients know 500 and 503 for what fails on our side; what a model cannot do is 422. */
export function statusFor(kind: FaultKind): number {
  if (kind === 'not_supported') return 422;
  if (kind === 'bad_gateway') return 500;
  return kind === 'does_not_fit' ? 503 : statusOf(kind);
}

export const isoTime = (epochMs: number): string => new Date(epochMs).toISOString();
export const isoOrNull = (epochMs: number | null): string | null => (epochMs === null ? null : isoTime(epochMs));
export const secondsOf = (milliseconds: number): number => Math.round(milliseconds) / 1000;

interface WireSampling {
  readonly temperature?: number;
  readonly max_tokens?: number;
  readonly top_p?: number;
  readonly frequency_penalty?: number;
  readonly presence_penalty?: number;
}

export interface WirePrompt extends WireSampling {
  readonly model?: string;
  readonly seed?: number;
  readonly top_k?: number;
  readonly stop?: string | readonly string[];
}

export const toSampling = (wire: WireSampling) => ({
  temperature: wire.temperature,
  maxTokens: wire.max_tokens,
  topP: wire.top_p,
  frequencyPenalty: wire.frequency_penalty,
  presencePenalty: wire.presence_penalty,
});

export const toPrompt = (text: string, wire: WirePrompt): Prompt => ({
  text,
  model: wire.model ?? null,
  sampling: toSampling(wire),
  seed: wire.seed,
  topK: wire.top_k,
  stop: typeof wire.stop === 'string' ? [wire.stop] : wire.stop,
});

type Counts = Pick<PromptAnswer, 'promptTokens' | 'generatedTokens'>;

const totalOf = ({ promptTokens, generatedTokens }: Counts): number | null =>
  promptTokens === null || generatedTokens === null ? null : promptTokens + generatedTokens;

export const usageToWire = (answer: Counts) => ({
  prompt_tokens: answer.promptTokens,
  completion_tokens: answer.generatedTokens,
  total_tokens: totalOf(answer),
});

export const answerToWire = (answer: PromptAnswer) => ({
  response: answer.text,
  tokens_used: totalOf(answer),
  processing_time: secondsOf(answer.tookMs),
  model_used: answer.modelId,
});

export const processedToWire = (answer: PromptAnswer) => ({
  ...answerToWire(answer),
  text: answer.text,
  usage: usageToWire(answer),
  model: answer.modelId,
  created: isoTime(answer.createdAt),
  finish_reason: answer.finishReason,
});

/** Each in its place; the sum is null where one of them is not known. */
export function batchToWire(outcomes: readonly PromptOutcome[], tookMs: number) {
  const totals = outcomes.map((outcome) => ('answer' in outcome ? totalOf(outcome.answer) : 0));
  return {
    results: outcomes.map((outcome, index) => ({
      index,
      ...('answer' in outcome ? processedToWire(outcome.answer) : toldBody(outcome.fault)),
    })),
    tokens_used: totals.reduce((sum, total) => (sum === null || total === null ? null : sum + total), 0),
    processing_time: secondsOf(tookMs),
  };
}

/** Thinking is not part of the answer. */
export const isSpoken = (piece: GenerationPiece): boolean => piece.kind === 'text';
