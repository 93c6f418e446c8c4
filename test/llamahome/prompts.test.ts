// Prompts as LlamaHome's document has them, on the compiled executable and the real engine: whole, several, piece by piece.
import { afterAll, beforeAll, expect, setDefaultTimeout, test } from 'bun:test';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type RunningDrover, startDrover, temporaryFolder } from '../fixtures/drover.ts';
import { tinyLlama } from '../fixtures/tiny-models.ts';
import { framesOf, post, readLine, slotsOf } from './asking.ts';

const models = temporaryFolder('llamahome-prompts');
let drover: RunningDrover;
setDefaultTimeout(60_000);

beforeAll(async () => {
  writeFileSync(join(models.path, 'talker.gguf'), tinyLlama({ name: 'Talker', contextTokens: 4096, blockCount: 8 }));
  drover = await startDrover({ modelsFolders: [models.path] });
});
afterAll(async () => {
  await drover?.[Symbol.asyncDispose]();
  models[Symbol.dispose]();
});

const MODEL = 'talker-f32';

test.each(['/api/process_prompt', '/v1/process_prompt'])('%s: the documented answer', async (path) => {
  const answer = await post(drover, path, { prompt: 'What is water?', max_tokens: 8, temperature: 0 });
  expect(answer.status).toBe(200);
  expect(Object.keys(answer.json as object)).toEqual(['response', 'tokens_used', 'processing_time', 'model_used']);
  expect(answer.json).toEqual({
    response: expect.stringMatching(/\S/),
    tokens_used: expect.any(Number),
    processing_time: expect.any(Number),
    model_used: MODEL,
  });
  const { tokens_used, processing_time } = answer.json as { tokens_used: number; processing_time: number };
  expect(tokens_used).toBeGreaterThan(8);
  expect(Number.isInteger(tokens_used)).toBe(true);
  expect(processing_time).toBeGreaterThan(0);
});

test('every default is really sent, and what is asked for goes above it', async () => {
  await post(drover, '/api/process_prompt', { prompt: 'the water' });
  expect(await slotsOf(drover, MODEL)).toMatchObject({
    max_tokens: 100,
    temperature: 0.7,
    top_p: 0.9,
    frequency_penalty: 0,
    presence_penalty: 0,
  });
  await post(drover, '/api/process_prompt', {
    prompt: 'the water',
    max_tokens: 3,
    temperature: 1.5,
    top_p: 0.25,
    frequency_penalty: -0.5,
    presence_penalty: 1.25,
  });
  expect(await slotsOf(drover, MODEL)).toMatchObject({
    max_tokens: 3,
    temperature: 1.5,
    top_p: 0.25,
    frequency_penalty: -0.5,
    presence_penalty: 1.25,
  });
});

test('process says more: text, usage, model, created', async () => {
  const { status, json } = await post(drover, '/api/process', {
    prompt: 'the water',
    max_tokens: 5,
    temperature: 0,
    model: 'llama3.3',
  });
  expect(status).toBe(200);
  const said = json as Record<string, unknown>;
  expect(said).toMatchObject({
    text: said.response,
    model: MODEL,
    model_used: MODEL,
    created: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/),
    usage: { completion_tokens: 5, prompt_tokens: expect.any(Number), total_tokens: said.tokens_used },
    finish_reason: 'length',
  });
});

test.each(['/api/stream', '/v1/stream'])('%s: lines of JSON, chunks and then the end', async (path) => {
  const frames = await framesOf(
    await drover.request(path, asking({ prompt: 'the water', max_tokens: 12, temperature: 0 })),
  );
  const end = frames.pop();
  expect(frames.length).toBeGreaterThan(1);
  expect(frames.map((frame) => Object.keys(frame))).toEqual(frames.map(() => ['chunk', 'index']));
  expect(frames.map(({ index }) => index)).toEqual(frames.map((_, index) => index));
  expect(end).toMatchObject({ done: true, usage: { completion_tokens: 12 }, model: MODEL });
  const whole = await post(drover, '/api/process', { prompt: 'the water', max_tokens: 12, temperature: 0 });
  expect(frames.map(({ chunk }) => chunk).join('')).toBe((whole.json as { text: string }).text);
});

test('server-sent events where Accept asks for them, and process with stream:true', async () => {
  const answer = await drover.request(
    '/api/process',
    asking({ prompt: 'x', max_tokens: 4, temperature: 0, stream: true }, 'text/event-stream'),
  );
  expect(answer.headers.get('content-type')).toMatch(/^text\/event-stream/);
  const events = (await answer.text()).split('\n\n').filter((part) => part !== '');
  const values = events.map((event) => JSON.parse(event.replace(/^data: /, '')) as Record<string, unknown>);
  expect(values[0]).toMatchObject({ chunk: expect.any(String), index: 0 });
  expect(values.at(-1)).toMatchObject({ done: true });
});

function asking(body: unknown, accept = '*/*'): RequestInit {
  return {
    method: 'POST',
    headers: { 'content-type': 'application/json', accept },
    body: JSON.stringify(body),
  };
}

test('the prefix of the dialect leads to the same routes', async () => {
  const frames = await framesOf(
    await drover.request('/dialect/llamahome/api/stream', asking({ prompt: 'a', max_tokens: 2 })),
  );
  expect(frames.at(-1)).toMatchObject({ done: true });
});

test.each(['/api/stream', '/api/process_prompt'])('who leaves %s takes the engine’s work along', async (path) => {
  const countOf = async (): Promise<number> => (await requests()).length;
  const before = await countOf();
  const left = new AbortController();
  const asked = fetch(`${drover.url}${path}`, {
    ...asking({ prompt: 'the water', max_tokens: 4000, temperature: 0, stop: ['never ever'] }),
    signal: left.signal,
  });
  if (path === '/api/stream') await readLine(await asked);
  else {
    asked.catch(() => undefined);
    await until(async () => (await slotsOf(drover, MODEL)).is_processing === true);
  }
  left.abort();
  await until(async () => (await countOf()) > before);
  expect((await requests()).at(-1)).toMatchObject({ status: 499 });
  await until(async () => (await slotsOf(drover, MODEL)).is_processing === false);
});

const requests = async (): Promise<readonly { readonly status: number }[]> =>
  (await drover.json<{ requests: { status: number }[] }>('/drover/usage?limit=10000')).requests;

async function until(isSo: () => Promise<boolean>): Promise<void> {
  const deadline = performance.now() + 15_000;
  while (!(await isSo())) if (performance.now() > deadline) throw new Error('it did not come to pass');
}
