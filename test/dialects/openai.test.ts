import { afterAll, beforeAll, describe, expect, test } from 'bun:test';
import { connect } from 'node:net';
import type { AnyElysia } from 'elysia';
import { Fault } from '../../src/base/fault.ts';
import { Latch } from '../../src/base/sync.ts';
import { ModelPartFinder } from '../../src/dialects/openai/multipart.ts';
import { createApp } from '../../src/server/app.ts';
import { type Listener, listen } from '../../src/server/listen.ts';
import { type EchoEngine, type Echoed, startEcho } from '../fixtures/echo-engine.ts';
import { OPEN_OPTIONS, SmallCore, type SmallModel } from '../fixtures/real-child.ts';

let echo: EchoEngine;
let core: SmallCore;
let app: AnyElysia;
let listener: Listener;
let url: string;
const models = (): SmallModel[] => [
  { id: 'qwen3-4b', aliases: ['qwen'], baseUrl: echo.baseUrl, headers: { authorization: 'Bearer child' } },
  { id: 'renamed', baseUrl: echo.baseUrl, upstreamModel: 'inner', strippedFields: ['temperature', 'model', 'top_p'] },
  { id: 'based', baseUrl: `${echo.baseUrl}/base/path` },
];

beforeAll(async () => {
  echo = startEcho();
  core = new SmallCore(models());
  app = createApp(core.drover, { ...OPEN_OPTIONS, silenceMs: 20 });
  listener = await listen({ app, host: '127.0.0.1', port: 0 });
  url = listener.urls[0] ?? '';
});
afterAll(async () => {
  await listener.close();
  await echo[Symbol.asyncDispose]();
});

const post = (path: string, body: unknown, init: RequestInit = {}): Promise<Response> =>
  fetch(url + path, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: typeof body === 'string' ? body : JSON.stringify(body),
    ...init,
  });
const echoed = async (response: Response): Promise<Echoed> => (await response.json()) as Echoed;

describe('what the engine gets', () => {
  test('the very bytes that the client sent', async () => {
    const body = '{ "ünknown" : [1.0, 1e2, {"a":"\\u00e9"}] , "model":"qwen","stream": false }\n';
    const got = await echoed(await post('/v1/chat/completions?a=b', body));
    expect(got).toMatchObject({ method: 'POST', target: '/v1/chat/completions?a=b' });
    expect(Buffer.from(got.body, 'latin1').toString()).toBe(body);
  });

  test('its own key, never the client’s', async () => {
    const answer = await post(
      `/v1/chat/completions?api_key=secret&x=1`,
      { model: 'qwen' },
      {
        headers: {
          'content-type': 'application/json',
          authorization: 'Bearer secret',
          'x-api-key': 'secret',
          cookie: 'secret=1',
        },
      },
    );
    const got = await echoed(answer);
    expect(got.headers.authorization).toBe('Bearer child');
    expect(JSON.stringify(got)).not.toContain('secret');
    expect(got.target).toBe('/v1/chat/completions?x=1');
  });

  test('no header that the client did not send, whatever bytes it sent in one', async () => {
    const answer = await new Promise<string>((resolve) => {
      const socket = connect(listener.port, '127.0.0.1');
      let text = '';
      socket.on('data', (bytes) => {
        text += bytes.toString();
      });
      socket.on('close', () => resolve(text));
      // U+010A in UTF-8: its lower byte alone would be a line feed.
      socket.write(
        Buffer.concat([
          Buffer.from(
            'POST /v1/completions?x=\xc4\x8a HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nX-Odd: a',
            'latin1',
          ),
          Buffer.from([0xc4, 0x8a]),
          Buffer.from('x-forged: 1\r\nContent-Type: application/json\r\nContent-Length: 16\r\n\r\n{"model":"qwen"}'),
        ]),
      );
    });
    expect(answer).toStartWith('HTTP/1.1 200');
    expect(answer).not.toContain('"x-forged"');
    expect(answer).toContain('"x-odd"');
  });

  test('another name and fewer fields, where the entry says so', async () => {
    const got = await echoed(
      await post('/v1/completions', '{"temperature":1, "prompt":"x","model":"renamed","top_p":1}'),
    );
    expect(got.body).toBe('{ "prompt":"x","model":"inner"}');
    expect(await echoed(await post('/v1/completions', '{"model":"renamed"}'))).toMatchObject({
      body: '{"model":"inner"}',
    });
  });

  test("an entry's base path", async () => {
    expect(await echoed(await post('/v1/completions', { model: 'based' }))).toMatchObject({
      target: '/base/path/v1/completions',
    });
    expect(await echoed(await fetch(`${url}/upstream/based/x/y?z=1`))).toMatchObject({ target: '/base/path/x/y?z=1' });
  });

  test('any method and body by /upstream, unread', async () => {
    const got = await echoed(
      await fetch(`${url}/upstream/qwen/any/thing`, {
        method: 'PUT',
        body: new Uint8Array([0, 255, 1]),
        headers: { 'content-type': 'x/y' },
      }),
    );
    expect(got).toMatchObject({ method: 'PUT', target: '/any/thing', body: '\u0000\u00ff\u0001' });
    expect(await echoed(await fetch(`${url}/upstream/qwen`))).toMatchObject({ method: 'GET', target: '/' });
    for (const [asked, target] of [
      ['api_key=1/x', '/api_key=1/x'],
      ['api_key=1/x?api_key=secret&y=1', '/api_key=1/x?y=1'],
      ['x?api_key=secret', '/x'],
    ]) {
      expect(await echoed(await fetch(`${url}/upstream/qwen/${asked}`))).toMatchObject({ target });
    }
  });
});

describe('a form', () => {
  const form = (model: string | null, isFileFirst = false): FormData => {
    const data = new FormData();
    const file = new File([new Uint8Array(300_000).fill(7)], 'a.wav', { type: 'audio/wav' });
    if (isFileFirst) data.append('file', file);
    if (model !== null) data.append('model', model);
    if (!isFileFirst) data.append('file', file);
    return data;
  };
  const send = async (data: FormData): Promise<Echoed> =>
    echoed(await fetch(`${url}/v1/audio/transcriptions`, { method: 'POST', body: data }));
  const modelIn = (got: Echoed): string | undefined => /name="model"\r\n\r\n([^\r]*)\r\n/.exec(got.body)?.[1];

  test('passes with its model, wherever it stands', async () => {
    for (const isFileFirst of [false, true]) {
      const got = await send(form('qwen', isFileFirst));
      expect(modelIn(got)).toBe('qwen');
      expect(got.body.length).toBe(Number(got.headers['content-length']));
      expect(got.body).toContain('\u0007'.repeat(300_000));
      expect(modelIn(await send(form('renamed', isFileFirst)))).toBe('inner');
    }
  });

  test('without a model, or of another type, is refused', async () => {
    const answer = await fetch(`${url}/v1/audio/transcriptions`, { method: 'POST', body: form(null) });
    expect(answer.status).toBe(400);
    expect((await post('/v1/audio/transcriptions', { model: 'qwen' })).status).toBe(415);
  });

  test('is searched piece by piece with the same result', () => {
    const text =
      '--B\r\nContent-Disposition: form-data; name="file"\r\n\r\nname="model" --B no\r\n--B\r\ncontent-disposition: form-data; name="model"\r\n\r\nthe-name\r\n--B--\r\n';
    for (let size = 1; size < text.length; size += 1) {
      const finder = new ModelPartFinder('B');
      let part: { start: number; end: number } | null = null;
      for (let at = 0; at < text.length && part === null; at += size)
        part = finder.push(Buffer.from(text.slice(at, at + size)));
      expect(part === null ? null : finder.bytes.toString('utf8', part.start, part.end)).toBe('the-name');
    }
  });
});

describe('errors have their status and OpenAI’s shape', () => {
  const errorOf = async (answer: Response): Promise<unknown> => [
    answer.status,
    ((await answer.json()) as { error: unknown }).error,
  ];

  test('unknown model', async () => {
    expect(await errorOf(await post('/v1/chat/completions', { model: 'qwenn' }))).toEqual([
      404,
      {
        message: 'There is no model "qwenn". Near names: qwen3-4b, renamed, based.',
        type: 'invalid_request_error',
        param: 'model',
        code: 'model_not_found',
      },
    ]);
  });

  test('a name too long to be one is not repeated', async () => {
    const answer = await post('/v1/completions', { model: 'a'.repeat(100_000) });
    expect(answer.status).toBe(400);
    const text = await answer.text();
    expect(text.length).toBeLessThan(300);
    expect(JSON.parse(text)).toMatchObject({ error: { param: 'model' } });
  });

  test('no model where there are several, a wrong type, broken JSON, no JSON, no object, another type', async () => {
    expect(await errorOf(await post('/v1/chat/completions', {}))).toMatchObject([400, { param: 'model' }]);
    expect(await errorOf(await post('/v1/chat/completions', { model: 7 }))).toMatchObject([400, { param: 'model' }]);
    expect(await errorOf(await post('/v1/chat/completions', '{"model":'))).toMatchObject([
      400,
      { message: 'The body is not valid JSON: it ends too early.' },
    ]);
    expect(await errorOf(await post('/v1/chat/completions', '[]'))).toMatchObject([400, {}]);
    expect(
      await errorOf(await post('/v1/chat/completions', '{}', { headers: { 'content-type': 'text/plain' } })),
    ).toMatchObject([415, {}]);
    expect(await errorOf(await fetch(`${url}/v1/chat/completions`, { method: 'POST' }))).toMatchObject([415, {}]);
  });

  test('what the core says', async () => {
    core.nextFault = new Fault('does_not_fit', 'It takes 40 GB.', { hint: 'qwen3-4b would fit.' });
    expect(await errorOf(await post('/v1/chat/completions', { model: 'qwen' }))).toMatchObject([
      507,
      { message: 'It takes 40 GB. qwen3-4b would fit.', code: 'does_not_fit' },
    ]);
    core.nextFault = new Fault('bad_gateway', 'It crashed.', { details: { logLines: ['out of memory'] } });
    expect(await errorOf(await post('/v1/chat/completions', { model: 'qwen' }))).toMatchObject([
      502,
      { message: 'It crashed.', engine_log: ['out of memory'] },
    ]);
    core.nextFault = new Fault('unavailable', 'Busy.', { details: { retryAfterSeconds: 6.2 } });
    const busy = await post('/v1/chat/completions', { model: 'qwen', stream: true });
    expect(busy.headers.get('retry-after')).toBe('7');
    expect(await errorOf(busy)).toMatchObject([503, { type: 'unavailable_error' }]);
  });

  test('Anthropic’s on its own paths', async () => {
    const answer = await post('/v1/messages', { model: 'nope' });
    expect(answer.status).toBe(404);
    expect(await answer.json()).toMatchObject({ type: 'error', error: { type: 'not_found_error' } });
  });

  test('unknown paths and methods', async () => {
    expect(await errorOf(await fetch(`${url}/v1/nope`))).toMatchObject([404, { code: 'not_found' }]);
    const wrong = await fetch(`${url}/v1/chat/completions`, { method: 'DELETE' });
    expect(wrong.headers.get('allow')).toBe('POST');
    expect(await errorOf(wrong)).toMatchObject([405, { code: 'method_not_allowed' }]);
    expect((await fetch(`${url}/v1/models`, { method: 'POST' })).headers.get('allow')).toBe('GET, HEAD');
  });

  test('speech without a speech engine says how to get one', async () => {
    expect(await errorOf(await post('/v1/audio/speech', { input: 'hi' }))).toMatchObject([
      404,
      { message: expect.stringContaining('cmd:') },
    ]);
  });
});

describe('lists', () => {
  test('models as documented, by id and alias', async () => {
    const list = (await (await fetch(`${url}/v1/models`)).json()) as {
      object: string;
      data: Record<string, unknown>[];
    };
    expect(list.object).toBe('list');
    expect(list.data[0]).toMatchObject({
      id: 'qwen3-4b',
      object: 'model',
      created: 1_765_000_000,
      owned_by: 'claracore',
      permission: [],
      root: 'qwen3-4b',
      parent: null,
      meta: { n_ctx_train: 4096 },
      status: { value: 'loaded' },
    });
    expect(await (await fetch(`${url}/v1/models/qwen`)).json()).toMatchObject({ id: 'qwen3-4b' });
    expect((await fetch(`${url}/v1/models/a%20b%2Fc`)).status).toBe(404);
    expect((await fetch(`${url}/v1/models/%ff`)).status).toBe(400);
  });

  test('health, HEAD, running, unload', async () => {
    expect(await (await fetch(`${url}/health`)).text()).toBe('OK');
    expect(await (await fetch(`${url}/health`, { headers: { accept: 'application/json' } })).json()).toEqual({
      status: 'ok',
    });
    const head = await fetch(`${url}/v1/models`, { method: 'HEAD' });
    expect([head.status, await head.text()]).toEqual([200, '']);
    expect((await fetch(`${url}/v1/models/qwen`, { method: 'HEAD' })).status).toBe(200);
    expect((await fetch(`${url}/v1/models/nope`, { method: 'HEAD' })).status).toBe(404);
    expect((await fetch(`${url}/unload`, { method: 'HEAD' })).status).toBe(405);
    expect(core.stopped).toEqual([]);
    expect(await (await fetch(`${url}/unload?model=based`)).text()).toBe('OK');
    expect(core.stopped).toEqual(['based']);
    const { running } = (await (await fetch(`${url}/running`)).json()) as { running: unknown[] };
    expect(running).toEqual([
      expect.objectContaining({ model: 'qwen3-4b', state: 'ready', ttl: 60 }),
      expect.objectContaining({ model: 'renamed' }),
    ]);
    core.stopped.length = 0;
  });

  test('the API’s description names every relayed route once, with examples', async () => {
    const document = (await (await fetch(`${url}/docs/json`)).json()) as {
      paths: Record<string, Record<string, { requestBody?: unknown }>>;
    };
    expect(Object.keys(document.paths)).toContain('/v1/chat/completions');
    expect(Object.keys(document.paths)).toContain('/drover/events');
    expect(JSON.stringify(document.paths['/v1/chat/completions']?.post?.requestBody)).toContain('Say hello.');
  });
});

describe('while a model loads', () => {
  test('a streaming client hears comments after some silence, then the answer', async () => {
    const gate = new Latch();
    core.gate = gate.promise;
    const answer = await post('/v1/chat/completions', { model: 'qwen', stream: true });
    expect(answer.status).toBe(200);
    expect(answer.headers.get('content-type')).toStartWith('text/event-stream');
    const reader = answer.body?.getReader();
    expect(Buffer.from((await reader?.read())?.value ?? []).toString()).toBe(': loading\n\n');
    gate.open();
    expect(Buffer.from((await reader?.read())?.value ?? []).toString()).toContain('"method":"POST"');
    expect((await reader?.read())?.done).toBe(true);
    await core.untilIdle();
  });

  test('and an error in the stream when it fails', async () => {
    const gate = new Latch();
    core.gate = gate.promise;
    const answer = await post('/v1/messages', { model: 'qwen', stream: true });
    gate.fail(new Fault('bad_gateway', 'The engine ran out of memory.'));
    expect(await answer.text()).toBe(
      ': loading\n\nevent: error\ndata: {"type":"error","error":{"type":"api_error","message":"The engine ran out of memory."}}\n\n',
    );
  });

  test('others wait for their true status; who leaves waits no more', async () => {
    const gate = new Latch();
    core.gate = gate.promise;
    const whole = post('/v1/chat/completions', { model: 'qwen' });
    const left = new AbortController();
    const leaving = post('/v1/chat/completions', { model: 'qwen', stream: true }, { signal: left.signal });
    await (await leaving).body?.getReader().read();
    left.abort();
    gate.fail(new Fault('unavailable', 'Too slow.'));
    expect((await whole).status).toBe(503);
    const late = new Latch();
    core.gate = late.promise;
    const leases = core.leaseCount;
    const leftLate = new AbortController();
    const racing = await post('/v1/chat/completions', { model: 'qwen', stream: true }, { signal: leftLate.signal });
    expect(racing.status).toBe(200);
    // The lease comes in the same moment as the client leaves.
    leftLate.abort();
    late.open();
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(core.leaseCount).toBeLessThanOrEqual(leases + 1);
    core.gate = null;
    expect(core.openLeases).toBe(0);
  });
});
