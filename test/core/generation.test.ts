// The translate lane on a real engine: pieces and counts, what the request asks for, a caller who leaves, and refusals.
import { afterAll, beforeAll, expect, test } from 'bun:test';
import { embedding, generated, generating } from '../../src/core/generation.ts';
import type { Usage } from '../../src/core/vocabulary.ts';
import { faultOf } from '../fixtures/fault-of.ts';
import { openHouse, type TestHouse } from '../fixtures/house.ts';
import { tinyBert, tinyLlama } from '../fixtures/tiny-models.ts';

let house: TestHouse;
beforeAll(async () => {
  house = await openHouse({
    models: {
      'talker.gguf': tinyLlama({ name: 'Talker', contextTokens: 2048, blockCount: 8 }),
      'small.gguf': tinyLlama({ name: 'Small', contextTokens: 256 }),
      'vectors.gguf': tinyBert(),
    },
  });
});
afterAll(() => house[Symbol.asyncDispose]());

const signal = new AbortController().signal;
const usageOf = async (): Promise<Usage> => {
  const event = await house.until(({ type }) => type === 'request.finished');
  if (event.type !== 'request.finished') throw new Error('no usage');
  return event.usage;
};

test('a conversation comes in pieces, and what they make up is returned with the engine’s own counts', async () => {
  const told = usageOf();
  const pieces: string[] = [];
  const run = generating(
    house.drover,
    {
      model: 'talker-f32',
      input: [{ role: 'user', content: 'Hello' }],
      maxTokens: 12,
      temperature: 0,
      ignoresEnd: true,
    },
    { signal },
  );
  let step = await run.next();
  while (step.done !== true) {
    expect(step.value.kind).toBe('text');
    pieces.push(step.value.text);
    step = await run.next();
  }
  const whole = step.value;
  expect(pieces.length).toBeGreaterThan(1);
  expect(whole.text).toBe(pieces.join(''));
  expect(whole).toMatchObject({ modelId: 'talker-f32', reasoning: '', finishReason: 'length', generatedTokens: 12 });
  expect(whole.promptTokens).toBeGreaterThan(0);
  expect(whole.generationMs).toBeGreaterThan(0);
  expect(whole.firstPieceMs).toBeGreaterThan(0);
  expect(whole.firstPieceMs).toBeLessThanOrEqual(whole.engineMs);
  expect(await told).toMatchObject({
    modelId: 'talker-f32',
    status: 200,
    generatedTokens: 12,
    promptTokens: whole.promptTokens,
  });
});

test('a text is continued as it is; the same seed gives the same, greedy or not', async () => {
  const ask = (seed: number) =>
    generated(
      house.drover,
      { model: 'small-f32', input: 'the water', maxTokens: 16, temperature: 1.5, seed, ignoresEnd: true },
      { signal },
    );
  const [one, same, other] = [await ask(1), await ask(1), await ask(2)];
  expect(one.text).toBe(same.text);
  expect(one.text).not.toBe(other.text);
  expect(one.generatedTokens).toBe(16);
});

test('an embedding', async () => {
  const made = await embedding(house.drover, { model: 'vectors-f32', texts: ['one', 'two words'] }, { signal });
  expect(made.vectors.length).toBe(2);
  expect(made.vectors[0]?.length).toBeGreaterThan(1);
  expect(made.promptTokens).toBeGreaterThan(0);
  const refused = await faultOf(embedding(house.drover, { model: 'talker-f32', texts: ['one'] }, { signal }));
  expect(refused.kind).toBe('not_supported');
  expect(refused.blame).toBe('engine');
});

test('a caller who leaves takes the engine’s work with it, whichever way', async () => {
  const request = { model: 'talker-f32', input: 'the water', maxTokens: 1500, ignoresEnd: true };
  const left = new AbortController();
  const told = usageOf();
  const run = generating(house.drover, request, { signal: left.signal });
  await run.next();
  left.abort(new DOMException('gone', 'AbortError'));
  expect(
    await run.next().then(
      () => null,
      (thrown: unknown) => (thrown as Error).name,
    ),
  ).toBe('AbortError');
  expect((await told).status).toBe(499);

  const toldAgain = usageOf();
  for await (const _ of generating(house.drover, request, { signal })) break;
  expect((await toldAgain).status).toBe(499);
  expect(house.instance('talker-f32')?.requestsInFlight).toBe(0);
  // The slot is free again long before 1500 tokens would have been.
  const after = await generated(house.drover, { ...request, maxTokens: 1 }, { signal });
  expect(after.waitedMs).toBeLessThan(1000);
});

test('one after the other, none is lost on a connection that the engine is about to close', async () => {
  const request = { model: 'small-f32', input: 'the water', maxTokens: 4, ignoresEnd: true };
  for (let count = 0; count < 600; count += 1) {
    expect((await generated(house.drover, request, { signal })).generatedTokens).toBe(4);
  }
});

test('what the engine refuses, and a model that is not there, are said as what they are', async () => {
  const long = Array.from({ length: 2000 }, () => 'word').join(' ');
  const tooLong = await faultOf(generated(house.drover, { model: 'small-f32', input: long }, { signal }));
  expect(tooLong.kind).toBe('bad_request');
  expect(tooLong.message).toMatch(/context/i);
  const missing = await faultOf(generated(house.drover, { model: 'nobody', input: 'x' }, { signal }));
  expect(missing.kind).toBe('not_found');
});

test('an engine that is killed in the middle is a failure, never a short answer', async () => {
  const run = generating(
    house.drover,
    { model: 'talker-f32', input: 'x', maxTokens: 1800, ignoresEnd: true },
    { signal },
  );
  await run.next();
  process.kill(house.pid('talker-f32'), 'SIGKILL');
  const fault = await faultOf(
    (async () => {
      for (;;) if ((await run.next()).done === true) return 'an answer';
    })(),
  );
  expect(fault.kind).toBe('bad_gateway');
});
