// What the chunks of a stream add up to, in the words of llama-server, of OpenAI, and of others.
import { expect, test } from 'bun:test';
import { EMPTY, type Folded, fold, speedOf } from '../../../src/ui/pages/chat/fold.ts';

const all = (...chunks: readonly unknown[]): Folded =>
  chunks.reduce<Folded>(
    (folded, chunk) => fold(folded, typeof chunk === 'string' ? chunk : JSON.stringify(chunk)),
    EMPTY,
  );
const delta = (fields: Record<string, unknown>, finish: string | null = null) => ({
  choices: [{ index: 0, delta: fields, finish_reason: finish }],
});

test('text and reasoning grow apart', () => {
  const folded = all(
    delta({ role: 'assistant', content: null }),
    delta({ reasoning_content: 'hm' }),
    delta({ reasoning_content: ', yes' }),
    delta({ content: 'It ' }),
    delta({ content: 'is.' }, 'stop'),
    '[DONE]',
  );
  expect(folded).toMatchObject({ content: 'It is.', reasoning: 'hm, yes', finishReason: 'stop', isDone: true });
  expect(all(delta({ reasoning: 'as others say it' })).reasoning).toBe('as others say it');
  expect(all({ choices: [{ message: { content: 'whole' }, finish_reason: 'stop' }] }).content).toBe('whole');
});

test('figures are those of the engine; what nobody says stays unknown', () => {
  const timings = { cache_n: 40, prompt_n: 2, prompt_ms: 8.5, predicted_n: 100, predicted_ms: 2000 };
  expect(all(delta({ content: 'x' })).metrics).toBeNull();
  expect(all({ choices: [], timings }).metrics).toEqual({
    promptTokens: 42,
    cachedTokens: 40,
    generatedTokens: 100,
    promptMs: 8.5,
    generationMs: 2000,
  });
  const usage = { prompt_tokens: 43, completion_tokens: 101, prompt_tokens_details: { cached_tokens: 41 } };
  expect(all({ choices: [], usage }).metrics).toEqual({
    promptTokens: 43,
    cachedTokens: 41,
    generatedTokens: 101,
    promptMs: null,
    generationMs: null,
  });
  // The one comes with the last word, the other after it.
  expect(all({ choices: [], timings }, { choices: [], usage: { completion_tokens: 7 } }).metrics).toMatchObject({
    generatedTokens: 7,
    generationMs: 2000,
  });
  expect(all({ usage: { prompt_tokens: 'many', completion_tokens: -3 } }).metrics?.promptTokens).toBeNull();
});

test('speed is tokens by the time that they took, or unknown', () => {
  const metrics = {
    promptTokens: 1,
    cachedTokens: 0,
    generatedTokens: 100,
    promptMs: 1,
    generationMs: 2000,
    firstTokenMs: 1,
  };
  expect(speedOf(metrics)).toBe(50);
  expect(speedOf({ ...metrics, generationMs: 0 })).toBeNull();
  expect(speedOf({ ...metrics, generationMs: null })).toBeNull();
  expect(speedOf({ ...metrics, generatedTokens: null })).toBeNull();
  expect(speedOf(null)).toBeNull();
});

test('how far a question is read is told until the first word', () => {
  const progress = { prompt_progress: { total: 400, cache: 0, processed: 100, time_ms: 3 }, choices: [{ delta: {} }] };
  expect(all(progress).promptRatio).toBe(0.25);
  expect(all(progress, delta({ content: 'x' })).promptRatio).toBeNull();
  expect(all({ prompt_progress: { total: 0, processed: 0 } }).promptRatio).toBeNull();
});

test('an error in the stream is kept as it is said, and what came before it too', () => {
  const folded = all(delta({ content: 'half' }), { error: { message: 'out of memory', hint: 'use less', code: 500 } });
  expect(folded).toMatchObject({
    content: 'half',
    failure: { message: 'out of memory', hint: 'use less' },
    isDone: false,
  });
  expect(all({ error: 'plain words' }).failure).toEqual({ message: 'plain words', hint: null });
  expect(all({ error: { code: 7 } }).failure).toEqual({ message: '{"code":7}', hint: null });
  expect(all({ error: null, ...delta({ content: 'fine' }) })).toMatchObject({ content: 'fine', failure: null });
});

test('nothing that an engine may send throws', () => {
  for (const odd of [
    '',
    'null',
    '[]',
    '3',
    '{"choices":{}}',
    '{"choices":[null]}',
    '{"choices":[{"delta":7}]}',
    'not json',
    '{"choices":[{"delta":{"content":{"a":1}}}]}',
    '{"timings":[],"usage":"x"}',
  ]) {
    expect([odd, all(odd).content]).toEqual([odd, '']);
  }
});
