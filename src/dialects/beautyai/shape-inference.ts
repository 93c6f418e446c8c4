// Between BeautyAI's words about chats, tests and sessions and ours. Pure.
import { Fault } from '../../base/fault.ts';
import type { Turn, TurnOutcome } from '../../core/conversation.ts';
import type { Generated, GenerationRequest } from '../../core/generation.ts';
import type { ListedSession, LoadedSession, SavedSession } from '../../core/sessions.ts';
import type { ChatWords, CriteriaWords } from './schema-inference.ts';
import { judge } from './shape-criteria.ts';
import { samplingOf } from './shape-sampling.ts';

/** Throws `bad_request` for an empty message and for settings that are none. */
export function toTurn(words: ChatWords): Turn {
  if (words.message.trim() === '') throw empty('message');
  return {
    model: words.model_name ?? null,
    message: words.message,
    sessionId: words.session_id ?? null,
    history: words.chat_history ?? null,
    sampling: samplingOf(words.generation_config ?? {}),
  };
}

interface TestWords {
  readonly model_name?: string | null;
  readonly prompt: string;
  readonly generation_config?: object | null;
}

export function toTest(words: TestWords): GenerationRequest {
  if (words.prompt.trim() === '') throw empty('prompt');
  const sampling = samplingOf((words.generation_config ?? {}) as Readonly<Record<string, unknown>>);
  return { model: words.model_name ?? null, input: [{ role: 'user', content: words.prompt }], ...sampling };
}

const empty = (field: string): Fault =>
  new Fault('bad_request', `"${field}" is empty.`, { hint: 'Send what the model shall answer.', details: { field } });

const round = (value: number): number => Math.round(value * 1000) / 1000;

export function statsToWire(generated: Generated) {
  const { generatedTokens, generationMs, promptMs, engineMs, firstPieceMs } = generated;
  const inferenceMs = generationMs === null ? engineMs : generationMs + (promptMs ?? 0);
  // One token says nothing of a pace.
  const isTimed = generatedTokens !== null && generatedTokens > 1 && generationMs !== null && generationMs > 0;
  return {
    tokens_generated: generatedTokens,
    inference_time_ms: round(inferenceMs),
    tokens_per_second: isTimed ? round((generatedTokens * 1000) / generationMs) : null,
    prompt_tokens: generated.promptTokens,
    time_to_first_token_ms: firstPieceMs === null ? null : round(firstPieceMs),
    finish_reason: generated.finishReason,
  };
}

export const chatToWire = (outcome: TurnOutcome) => ({
  response: outcome.text,
  session_id: outcome.sessionId,
  model_name: outcome.modelId,
  generation_stats: statsToWire(outcome),
  ...(outcome.reasoning === '' ? {} : { reasoning: outcome.reasoning }),
});

export const testToWire = (generated: Generated, prompt: string, criteria: CriteriaWords | null) => ({
  model_name: generated.modelId,
  prompt,
  response: generated.text,
  generation_stats: statsToWire(generated),
  validation_result: criteria === null ? null : judge(generated.text, criteria),
});

export const savedToWire = ({ id, file }: SavedSession) => ({
  session_id: id,
  file_path: file.fileName,
  file_size_bytes: file.sizeBytes,
});

export const loadedSessionToWire = ({ id, data, messageCount }: LoadedSession) => ({
  session_data: data,
  session_id: id,
  message_count: messageCount,
});

const isoOf = (at: number): string => new Date(at).toISOString();

export const sessionsToWire = (listed: readonly ListedSession[]) => ({
  data: {
    sessions: listed.map(({ id, session, file }) => {
      const createdAt = session?.createdAt ?? file?.createdAt ?? 0;
      return {
        session_id: id,
        session_name: id,
        model_name: session?.modelId ?? null,
        message_count: session?.messageCount ?? null,
        file_path: file?.fileName ?? null,
        file_size_bytes: file?.sizeBytes ?? null,
        created_at: isoOf(createdAt),
        updated_at: isoOf(Math.max(createdAt, session?.updatedAt ?? 0, file?.modifiedAt ?? 0)),
      };
    }),
    total_count: listed.length,
  },
});

export const sessionDeletedToWire = ({ id }: { readonly id: string }) => ({
  data: { session_id: id, message: `${id} is deleted.` },
});
