import { afterAll, afterEach, beforeAll, describe, expect, test } from 'bun:test';
import { Fault } from '../../src/base/fault.ts';
import { createApp } from '../../src/server/app.ts';
import { type Listener, listen } from '../../src/server/listen.ts';
import { OPEN_OPTIONS, type RealChild, SmallCore, startChild } from '../fixtures/real-child.ts';

// The whole way on a real llama-server: client → listener → guard → relay → engine and back.
let child: RealChild;
let core: SmallCore;
let listener: Listener;
let url: string;

beforeAll(async () => {
  child = await startChild();
  const engine = { baseUrl: child.baseUrl, headers: { authorization: `Bearer ${child.key}` } };
  core = new SmallCore([
    { id: 'tiny-a', aliases: ['tiny', 'owner/tiny:q8'], ...engine },
    { id: 'renamed', ...engine, upstreamModel: 'inner "name"', strippedFields: ['max_tokens', 'temperature'] },
  ]);
  const app = createApp(core.drover, {
    ...OPEN_OPTIONS,
    engineTargets: () => [{ modelId: 'tiny-"a"', ...engine }],
  });
  listener = await listen({ app, host: '127.0.0.1', port: 0 });
  url = listener.urls[0] ?? '';
});

afterAll(async () => {
  await listener.close();
  await child[Symbol.asyncDispose]();
});

afterEach(async () => {
  await core.untilIdle();
});

const post = (path: string, body: unknown, init: RequestInit = {}): Promise<Response> =>
  fetch(url + path, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: typeof body === 'string' ? body : JSON.stringify(body),
    ...init,
  });
const chat = (fields: Record<string, unknown> = {}) => ({
  model: 'tiny-a',
  messages: [{ role: 'user', content: 'hi the water' }],
  max_tokens: 8,
  ...fields,
});
const toEngine = (path: string): Promise<Response> =>
  fetch(child.baseUrl + path, { headers: { authorization: `Bearer ${child.key}` } });

async function untilEngineIdle(): Promise<void> {
  for (;;) {
    const slots = (await (await toEngine('/slots')).json()) as { is_processing: boolean }[];
    if (slots.every((slot) => !slot.is_processing)) return;
    await Bun.sleep(5);
  }
}

describe('a chat', () => {
  test('is answered by the engine, and what it cost is known', async () => {
    const seen = core.finished.length;
    const answer = await post('/v1/chat/completions', chat());
    expect(answer.status).toBe(200);
    expect(answer.headers.get('content-type')).toBe('application/json; charset=utf-8');
    expect(answer.headers.get('x-request-id')).toMatch(/^[\w-]+$/);
    expect(answer.headers.has('access-control-allow-origin')).toBe(false);
    const body = (await answer.json()) as { choices: { finish_reason: string }[]; timings: { prompt_ms: number } };
    expect(body.choices[0]?.finish_reason).toBe('length');
    await core.untilIdle();
    expect(core.finished.slice(seen)).toEqual([
      expect.objectContaining({ modelId: 'tiny-a', status: 200, generatedTokens: 8, promptMs: body.timings.prompt_ms }),
    ]);
    expect(core.finished.at(-1)?.promptTokens).toBeGreaterThan(10);
  });

  test('streams, and its last frame tells what it cost', async () => {
    // Of what is drawn by chance, tokens may be parts of letters, which have no frame of their own.
    const answer = await post('/v1/chat/completions', chat({ stream: true, temperature: 0 }));
    expect(answer.headers.get('content-type')).toStartWith('text/event-stream');
    const text = await answer.text();
    expect(text).toEndWith('data: [DONE]\n\n');
    expect(text.match(/^data: \{/gm)?.length).toBeGreaterThan(5);
    await core.untilIdle();
    expect(core.finished.at(-1)).toMatchObject({ status: 200, generatedTokens: 8 });
    expect(core.finished.at(-1)?.generationMs).toBeGreaterThan(0);
    expect(core.finished.at(-1)?.bytesOut).toBe(Buffer.byteLength(text));
  });

  test('is found by alias, without a word for unknown fields', async () => {
    const answer = await post(
      '/v1/chat/completions',
      chat({ model: 'owner/tiny:q8', ÄÖ: { deep: [1] }, logprobs: true, top_logprobs: 2 }),
    );
    expect(answer.status).toBe(200);
    expect(await answer.text()).toContain('"top_logprobs"');
  });

  test("the entry's name and stripped fields change, nothing else", async () => {
    const body =
      '{"temperature":"x", "messages":[{"role":"user","content":"hi 😀"}], "model":"renamed","n_predict":3,"max_tokens":"not a number"}';
    const answer = await post('/v1/chat/completions', body);
    expect(answer.status).toBe(200);
    expect(await answer.json()).toMatchObject({ usage: { completion_tokens: 3 } });
  });

  test('of Anthropic and Responses, tokens, templates, infill, embeddings: each path reaches its engine', async () => {
    const messages = await post('/v1/messages', { ...chat(), max_tokens: 4 });
    expect(await messages.json()).toMatchObject({ type: 'message', usage: { output_tokens: 4 } });
    const counted = await post('/v1/messages/count_tokens', chat());
    expect(await counted.json()).toMatchObject({ input_tokens: expect.any(Number) });
    expect((await post('/v1/responses', { model: 'tiny-a', input: 'hi', max_output_tokens: 4 })).status).toBe(200);
    expect((await post('/completion', { model: 'tiny-a', prompt: 'hi', n_predict: 2 })).status).toBe(200);
    const tokens = (await (await post('/tokenize', { model: 'tiny-a', content: 'the water' })).json()) as {
      tokens: number[];
    };
    expect(await (await post('/detokenize', { model: 'tiny-a', tokens: tokens.tokens })).json()).toEqual({
      content: ' the water',
    });
    expect(await (await post('/apply-template', chat())).json()).toMatchObject({
      prompt: expect.stringContaining('hi the water'),
    });
    expect(await (await fetch(`${url}/props?model=tiny-a`)).json()).toMatchObject({ total_slots: 4 });
    expect(await (await fetch(`${url}/slots?model=tiny`)).json()).toHaveLength(4);
  });

  test("the engine's own error is passed on untouched, and marked as its own", async () => {
    const answer = await post('/v1/embeddings', { model: 'tiny-a', input: 'hi' });
    expect(answer.status).toBe(501);
    expect(answer.headers.get('x-drover-blame')).toBe('engine');
    expect(await answer.json()).toMatchObject({ error: { type: 'not_supported_error' } });
  });
});

describe('the way to one engine', () => {
  test('/upstream takes names with slashes and every method', async () => {
    expect(await (await fetch(`${url}/upstream/tiny-a/health`)).json()).toEqual({ status: 'ok' });
    expect(await (await fetch(`${url}/upstream/owner/tiny:q8/slots?x=1`)).json()).toHaveLength(4);
    expect(await (await fetch(`${url}/upstream/owner%2Ftiny%3Aq8/health`)).json()).toEqual({ status: 'ok' });
    expect((await post('/upstream/tiny-a/v1/chat/completions', chat())).status).toBe(200);
    const unknown = await fetch(`${url}/upstream/nope/health`);
    expect(unknown.status).toBe(404);
    expect(await unknown.json()).toMatchObject({ error: { code: 'model_not_found' } });
  });

  test('metrics are one valid text, each line of the engine with its model', async () => {
    const text = await (await fetch(`${url}/metrics`)).text();
    const families = text.match(/^# TYPE \S+/gm) ?? [];
    expect(new Set(families).size).toBe(families.length);
    const sample =
      /^[a-zA-Z_:][\w:]*(\{([a-zA-Z_]\w*="(?:[^"\\\n]|\\["\\n])*",?)*\})? (?:[+-]?(?:Inf|NaN|[\d.]+(?:e[+-]?\d+)?))$/i;
    for (const line of text.trimEnd().split('\n')) if (!line.startsWith('# ')) expect(line).toMatch(sample);
    expect(text).toContain('llamacpp:prompt_tokens_total{model="tiny-\\"a\\""} ');
    expect(text).toContain('drover_memory_budget_bytes{device="Host \\"a\\\\b\\"\\n"} 1\n');
    expect(text).toContain('drover_model_state{model="tiny-a",state="ready"} 1\n');
  });
});

describe('a client that leaves', () => {
  test('ends its generation: the slot is idle long before the answer would have been', async () => {
    const left = new AbortController();
    const answer = await post('/v1/chat/completions', chat({ stream: true, max_tokens: 4000, ignore_eos: true }), {
      signal: left.signal,
    });
    const reader = answer.body?.getReader();
    await reader?.read();
    left.abort();
    await core.untilIdle();
    await untilEngineIdle();
    expect(core.finished.at(-1)).toMatchObject({ status: 499 });
  });

  test('a thousand of them leave nothing open', async () => {
    const leases = core.leaseCount;
    const start = Date.now();
    for (let round = 0; round < 20; round += 1) {
      await Promise.all(
        Array.from({ length: 50 }, async (_, index) => {
          const left = new AbortController();
          const asked = post(
            '/v1/chat/completions',
            chat({ stream: index % 2 === 0, max_tokens: 40, ignore_eos: true }),
            { signal: left.signal },
          );
          asked.catch(() => undefined);
          // Some leave before the answer, some with the first byte, some in the middle.
          if (index % 5 === 0) await new Promise((resolve) => setImmediate(resolve));
          else if (index % 5 === 1) await asked.catch(() => undefined);
          else await new Promise((resolve) => setTimeout(resolve, index % 7));
          left.abort();
        }),
      );
    }
    await core.untilIdle();
    await untilEngineIdle();
    expect(core.openLeases).toBe(0);
    expect(core.leaseCount - leases).toBeGreaterThan(200);
    expect((await post('/v1/chat/completions', chat())).status).toBe(200);
    expect(Date.now() - start).toBeLessThan(20_000);
  });
});

describe('a large body', () => {
  test('of 10 MB arrives whole, and costs little more than itself', async () => {
    const content = 'a '.repeat(5_000_000);
    const body = JSON.stringify({ padding: content, ...chat({ max_tokens: 1 }) });
    await post('/v1/chat/completions', body);
    await core.untilIdle();
    Bun.gc(true);
    const before = process.memoryUsage.rss();
    let peak = before;
    const watch = setInterval(() => {
      peak = Math.max(peak, process.memoryUsage.rss());
    }, 1);
    const answer = await post('/v1/chat/completions', body);
    clearInterval(watch);
    expect(answer.status).toBe(200);
    // The client in this process holds a copy of its own.
    expect((peak - before) / 1e6).toBeLessThan(45);
  });

  test('past the limit is refused before it is read', async () => {
    const answer = await fetch(`${url}/drover/models/load`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: new Uint8Array(11 * 1024 * 1024),
    });
    expect(answer.status).toBe(413);
    expect(await answer.json()).toMatchObject({ error: { code: 'too_large' } });
  });
});

// Last: it kills the engine.
test('an answer that comes before the body ends the connection, so that nothing waits for the rest', async () => {
  const refused = await post('/v1/chat/completions', 'x'.repeat(3_000_000), {
    headers: { 'content-type': 'text/plain' },
  });
  expect(refused.status).toBe(415);
  expect(refused.headers.get('connection')).toBe('close');
  expect((await post('/v1/chat/completions', chat())).headers.get('connection')).not.toBe('close');
  expect(listener.pendingCount).toBe(0);
});

test('a HEAD of a stream without end is answered, and nothing is listened to any more', async () => {
  const before = core.drover.bus.listenerCount;
  const answer = await fetch(`${url}/drover/events`, { method: 'HEAD', signal: AbortSignal.timeout(5000) });
  expect(answer.status).toBe(200);
  expect(answer.headers.get('content-type')).toStartWith('text/event-stream');
  expect(core.drover.bus.listenerCount).toBe(before);
  const whole = await fetch(`${url}/health`, { method: 'HEAD' });
  expect(whole.headers.get('content-length')).toBe('2');
});

test('an engine killed in the middle of a stream leaves an error frame, and no lease', async () => {
  const answer = await post('/v1/chat/completions', chat({ stream: true, max_tokens: 4000, ignore_eos: true }));
  const reader = answer.body?.getReader();
  await reader?.read();
  child.kill();
  void child.exited.then(() =>
    core.loseEngine(new Fault('bad_gateway', 'The engine was killed (signal 9).', { details: { logLines: [] } })),
  );
  let text = '';
  const decoder = new TextDecoder();
  for (;;) {
    const next = await reader?.read();
    if (next === undefined || next.done) break;
    text += decoder.decode(next.value, { stream: true });
  }
  expect(text).not.toContain('[DONE]');
  const last = text.trimEnd().split('\n\n').at(-1) ?? '';
  expect(JSON.parse(last.replace(/^data: /, ''))).toEqual({
    error: { message: 'The engine was killed (signal 9).', type: 'engine_error', param: null, code: 'bad_gateway' },
  });
  await core.untilIdle();
  expect(core.openLeases).toBe(0);
});
