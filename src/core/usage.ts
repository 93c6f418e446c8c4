// What a request cost, read from the last bytes of the engine's answer: llama.cpp's `timings`, else OpenAI's or
// Anthropic's `usage`. Pure; it must never guess: what is not there is null.

import { type EngineCounts, NO_COUNTS } from '../engine/client-generation.ts';

/** How many bytes at the end of an answer hold its counts; timings and usage together take less than 1 KB. */
export const TAIL_BYTES = 8192;

type Fields = Readonly<Record<string, unknown>>;

/**
 * Reads the counts from the tail of a body, JSON or SSE. Quotes inside of JSON strings are escaped, so generated text
 * cannot forge a key.
 */
export function countFromTail(tail: Buffer): EngineCounts {
  const timings = objectAfter(tail, '"timings":');
  const usage = objectAfter(tail, '"usage":');
  if (timings === null && usage === null) return NO_COUNTS;
  const details = usage?.prompt_tokens_details ?? usage?.input_tokens_details;
  const cached =
    numberIn(timings, 'cache_n') ??
    numberIn(isFields(details) ? details : null, 'cached_tokens') ??
    numberIn(usage, 'cache_read_input_tokens');
  const processed = numberIn(timings, 'prompt_n');
  return {
    promptTokens:
      numberIn(usage, 'prompt_tokens') ??
      numberIn(usage, 'input_tokens') ??
      (processed === null ? null : processed + (cached ?? 0)),
    cachedTokens: cached,
    generatedTokens:
      numberIn(usage, 'completion_tokens') ?? numberIn(usage, 'output_tokens') ?? numberIn(timings, 'predicted_n'),
    promptMs: numberIn(timings, 'prompt_ms'),
    generationMs: numberIn(timings, 'predicted_ms'),
  };
}

/** The last object that follows `key` in the bytes. */
function objectAfter(tail: Buffer, key: string): Fields | null {
  const at = tail.lastIndexOf(key);
  if (at === -1) return null;
  const text = tail.toString('utf8', at + key.length);
  const start = text.search(/\S/);
  if (start === -1 || text[start] !== '{') return null;
  let depth = 0;
  let isInString = false;
  for (let index = start; index < text.length; index += 1) {
    const char = text[index];
    if (isInString) {
      if (char === '\\') index += 1;
      else if (char === '"') isInString = false;
    } else if (char === '"') isInString = true;
    else if (char === '{') depth += 1;
    else if (char === '}') {
      depth -= 1;
      if (depth > 0) continue;
      try {
        const value: unknown = JSON.parse(text.slice(start, index + 1));
        return isFields(value) ? value : null;
      } catch {
        return null;
      }
    }
  }
  return null;
}

const isFields = (value: unknown): value is Fields => typeof value === 'object' && value !== null;

function numberIn(fields: Fields | null, name: string): number | null {
  const value = fields?.[name];
  return typeof value === 'number' && Number.isFinite(value) && value >= 0 ? value : null;
}
