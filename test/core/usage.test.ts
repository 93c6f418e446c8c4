import { expect, test } from 'bun:test';
import { countFromTail } from '../../src/core/usage.ts';
import { NO_COUNTS } from '../../src/engine/client-generation.ts';

const count = (text: string) => countFromTail(Buffer.from(text));
const timings = '"timings":{"cache_n":21,"prompt_n":1,"prompt_ms":0.2,"predicted_n":3,"predicted_ms":0.24}';

test('llama.cpp’s timings tell tokens and times', () => {
  const expected = { promptTokens: 22, cachedTokens: 21, generatedTokens: 3, promptMs: 0.2, generationMs: 0.24 };
  expect(count(`data: {"choices":[],${timings}}\n\ndata: [DONE]\n\n`)).toEqual(expected);
  expect(count(`{"usage":{"prompt_tokens":22,"completion_tokens":3},${timings}}`)).toEqual(expected);
});

test('without timings, usage as OpenAI, Responses and Anthropic write it', () => {
  const nothing = { promptMs: null, generationMs: null };
  expect(
    count('{"usage": {"prompt_tokens":5,"completion_tokens":2,"prompt_tokens_details":{"cached_tokens":4}}}'),
  ).toEqual({ promptTokens: 5, cachedTokens: 4, generatedTokens: 2, ...nothing });
  expect(count('{"usage":{"input_tokens":5,"output_tokens":2,"input_tokens_details":{"cached_tokens":1}}}')).toEqual({
    promptTokens: 5,
    cachedTokens: 1,
    generatedTokens: 2,
    ...nothing,
  });
  expect(count('event: message_delta\ndata: {"usage":{"output_tokens":7}}\n\n')).toEqual({
    promptTokens: null,
    cachedTokens: null,
    generatedTokens: 7,
    ...nothing,
  });
});

test('generated text forges nothing', () => {
  const content = JSON.stringify({
    content: 'x "timings":{"prompt_ms":1,"predicted_n":9999} "usage":{"prompt_tokens":9999}',
  });
  expect(count(content)).toEqual(NO_COUNTS);
  expect(count(`{"usage":{"prompt_tokens":1,"completion_tokens":1},"x":${content}}`)).toMatchObject({
    promptTokens: 1,
  });
});

test('what is cut, wrong or absent is unknown', () => {
  for (const text of [
    '',
    '{}',
    '"usage":',
    '"usage":null',
    '"usage":{"prompt_tokens":',
    '"usage":{"prompt_tokens":-1}',
    '"usage":{"prompt_tokens":"5"}',
    '"timings":[1]',
  ]) {
    expect(count(text)).toEqual(NO_COUNTS);
  }
});
