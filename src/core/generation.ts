// The translate lane: what a dialect asks in its own words, asked of the model's engine, piece by piece. It must never hold a
// lease longer than the engine works for it, nor generate for a caller who has left.
import { Fault, statusOf, toFault } from '../base/fault.ts';
import { type EngineCounts, type EnginePiece, embed, generate, NO_COUNTS } from '../engine/client-generation.ts';
import type { Drover, Lease } from './drover.ts';

import type { Usage } from './vocabulary.ts';

export interface ChatMessage {
  readonly role: 'system' | 'user' | 'assistant';
  readonly content: string;
}

/** What is absent is the engine's own default. */
export interface Sampling {
  readonly maxTokens?: number | undefined;
  readonly temperature?: number | undefined;
  readonly topP?: number | undefined;
  readonly topK?: number | undefined;
  readonly minP?: number | undefined;
  readonly frequencyPenalty?: number | undefined;
  readonly presencePenalty?: number | undefined;
  readonly repeatPenalty?: number | undefined;
  readonly seed?: number | undefined;
  readonly stop?: readonly string[] | undefined;
  /** Go on past the end that the model wants: for measurements. */
  readonly ignoresEnd?: boolean | undefined;
  /** False: the prompt is processed anew, for measurements. */
  readonly usesPromptCache?: boolean | undefined;
}

export interface GenerationRequest extends Sampling {
  /** Id or alias; null: the only or default model. */
  readonly model: string | null;
  /** A conversation, through the model's template; or what is to be continued as it is: a text, or tokens of the model's. */
  readonly input: readonly ChatMessage[] | string | readonly number[];
}

/** One piece of an answer. */
export interface GenerationPiece {
  readonly kind: 'text' | 'reasoning';
  readonly text: string;
}

/** An answer as a whole. */
export interface Generated extends EngineCounts {
  readonly modelId: string;
  readonly text: string;
  readonly reasoning: string;
  /** `stop`, `length`, …; null where the engine does not say. */
  readonly finishReason: string | null;
  /** Milliseconds that the request waited for its model: loading, queueing. */
  readonly waitedMs: number;
  /** From the moment when the engine was asked to its first piece; null: none came. */
  readonly firstPieceMs: number | null;
  /** From that moment to the end. */
  readonly engineMs: number;
}

export interface GenerationOptions {
  readonly signal: AbortSignal;
  readonly onProgress?: ((stage: string, detail: string | null) => void) | undefined;
}

/** Gives the pieces as they come and returns the whole. Faults as `Drover.acquire` and the engine have them. */
export async function* generating(
  drover: Pick<Drover, 'acquire'>,
  request: GenerationRequest,
  options: GenerationOptions,
): AsyncGenerator<GenerationPiece, Generated, void> {
  const { input } = request;
  const isConversation = typeof input === 'object' && typeof input[0] !== 'number';
  const path = isConversation ? '/v1/chat/completions' : '/v1/completions';
  const body = { ...(isConversation ? { messages: input } : { prompt: input }), ...wireOf(request) };
  const whole = { text: '', reasoning: '', finishReason: null as string | null, counts: null as EngineCounts | null };
  await using run = leased(drover, request.model, options, (lease, signal) =>
    generate(lease, path, sent(lease, body), signal),
  );
  for (;;) {
    const { done, value } = await run.next();
    if (done === true) {
      return {
        ...value,
        ...(whole.counts ?? NO_COUNTS),
        text: whole.text,
        reasoning: whole.reasoning,
        finishReason: whole.finishReason,
      };
    }
    if (value.kind === 'end') {
      whole.finishReason = value.finishReason;
      whole.counts = value.counts;
    } else {
      whole[value.kind] += value.text;
      yield { kind: value.kind, text: value.text };
    }
  }
}

/** The same for a caller who wants the whole only. */
export async function generated(
  drover: Pick<Drover, 'acquire'>,
  request: GenerationRequest,
  options: GenerationOptions,
): Promise<Generated> {
  const pieces = generating(drover, request, options);
  for (;;) {
    const { done, value } = await pieces.next();
    if (done === true) return value;
  }
}

export interface EmbeddingOutcome {
  readonly modelId: string;
  readonly vectors: readonly (readonly number[])[];
  readonly promptTokens: number | null;
  readonly waitedMs: number;
  readonly engineMs: number;
}

/** Vectors of texts, or of tokens of the model's. Faults: `not_supported` where the model makes none, and those of `generating`. */
export async function embedding(
  drover: Pick<Drover, 'acquire'>,
  request: { readonly model: string | null; readonly texts: readonly (string | readonly number[])[] },
  options: GenerationOptions,
): Promise<EmbeddingOutcome> {
  const run = leased(drover, request.model, options, async function* (lease, signal) {
    const { vectors, promptTokens } = await embed(lease, sent(lease, { input: request.texts }), signal);
    yield { kind: 'vectors' as const, vectors };
    yield { kind: 'end' as const, finishReason: null, counts: { ...NO_COUNTS, promptTokens } };
  });
  let vectors: readonly (readonly number[])[] = [];
  let promptTokens: number | null = null;
  for (;;) {
    const { done, value } = await run.next();
    if (done === true) {
      const { modelId, waitedMs, engineMs } = value;
      return { modelId, vectors, promptTokens, waitedMs, engineMs };
    }
    if (value.kind === 'vectors') vectors = value.vectors;
    else promptTokens = value.counts.promptTokens;
  }
}

type Timed = Pick<Generated, 'modelId' | 'waitedMs' | 'firstPieceMs' | 'engineMs'>;
type End = Extract<EnginePiece, { readonly kind: 'end' }>;

/** One piece of work on one lease: timed, reported, and the lease given back however it ends. */
async function* leased<P extends { readonly kind: string }>(
  drover: Pick<Drover, 'acquire'>,
  model: string | null,
  { signal, onProgress }: GenerationOptions,
  work: (lease: Lease, signal: AbortSignal) => AsyncGenerator<P | End, void, void>,
): AsyncGenerator<P | End, Timed, void> {
  const startedAt = Date.now();
  const began = performance.now();
  await using lease = await drover.acquire(model, { signal, onProgress });
  const asked = performance.now();
  const waitedMs = asked - began;
  const left = new AbortController();
  const ended = AbortSignal.any([signal, lease.signal, left.signal]);
  let firstPieceMs: number | null = null;
  let bytesOut = 0;
  let counts: EngineCounts = NO_COUNTS;
  let status = 499;
  try {
    for await (const piece of work(lease, ended)) {
      if (piece.kind === 'end') {
        ({ counts } = piece as End);
        status = 200;
      } else {
        firstPieceMs ??= performance.now() - asked;
        if ('text' in piece) bytesOut += Buffer.byteLength(piece.text as string);
      }
      yield piece;
      // What has come already is not for somebody who has left meanwhile.
      if (piece.kind !== 'end') ended.throwIfAborted();
    }
    return { modelId: lease.modelId, waitedMs, firstPieceMs, engineMs: performance.now() - asked };
  } catch (thrown) {
    status = statusFor(thrown, signal);
    throw signal.aborted ? signal.reason : toFault(thrown, 'bad_gateway');
  } finally {
    // A reader that has left takes the engine's work with it.
    left.abort(new Fault('cancelled', 'The caller left.'));
    const usage: Omit<Usage, 'modelId'> = {
      startedAt,
      durationMs: performance.now() - began,
      firstByteMs: firstPieceMs === null ? null : waitedMs + firstPieceMs,
      status,
      bytesOut,
      ...counts,
    };
    lease.report(usage);
  }
}

const statusFor = (thrown: unknown, signal: AbortSignal): number =>
  signal.aborted ? 499 : statusOf(toFault(thrown, 'bad_gateway').kind);

/** The body as the model's entry wants it. */
function sent(lease: Lease, body: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> {
  const kept = Object.entries(body).filter(([name]) => !lease.strippedFields.includes(name));
  return { ...Object.fromEntries(kept), model: lease.upstreamModel ?? lease.modelId };
}

/** OpenAI's and llama.cpp's names. */
function wireOf(sampling: Sampling): Readonly<Record<string, unknown>> {
  const fields = {
    max_tokens: sampling.maxTokens,
    temperature: sampling.temperature,
    top_p: sampling.topP,
    top_k: sampling.topK,
    min_p: sampling.minP,
    frequency_penalty: sampling.frequencyPenalty,
    presence_penalty: sampling.presencePenalty,
    repeat_penalty: sampling.repeatPenalty,
    // vLLM's name of it.
    repetition_penalty: sampling.repeatPenalty,
    seed: sampling.seed,
    stop: sampling.stop,
    ignore_eos: sampling.ignoresEnd,
    cache_prompt: sampling.usesPromptCache,
  };
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined));
}
