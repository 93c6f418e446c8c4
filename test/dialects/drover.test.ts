import { afterAll, beforeAll, describe, expect, test } from 'bun:test';
import { Fault } from '../../src/base/fault.ts';
import { Latch } from '../../src/base/sync.ts';
import { createApp } from '../../src/server/app.ts';
import { type Listener, listen } from '../../src/server/listen.ts';
import { OPEN_OPTIONS, SmallCore } from '../fixtures/real-child.ts';

let core: SmallCore;
let listener: Listener;
let url: string;

beforeAll(async () => {
  core = new SmallCore([
    { id: 'owner/a b', aliases: ['ab'], baseUrl: 'http://127.0.0.1:1' },
    { id: 'c', baseUrl: 'http://127.0.0.1:1' },
  ]);
  listener = await listen({ app: createApp(core.drover, OPEN_OPTIONS), host: '127.0.0.1', port: 0 });
  url = `${listener.urls[0]}/drover`;
});
afterAll(() => listener.close());

const get = async (path: string): Promise<[number, unknown]> => {
  const answer = await fetch(url + path);
  return [answer.status, await answer.json()];
};
const post = (path: string, body?: unknown): Promise<Response> =>
  fetch(url + path, {
    method: 'POST',
    ...(body === undefined ? {} : { headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) }),
  });

/** Reads frames until `count` are there, then leaves. */
async function frames(response: Response, count: number, separator: string): Promise<string[]> {
  const reader = response.body?.getReader();
  const decoder = new TextDecoder();
  let text = '';
  for (;;) {
    const parts = text.split(separator);
    if (parts.length > count) {
      await reader?.cancel();
      return parts.slice(0, count);
    }
    const next = await reader?.read();
    if (next === undefined || next.done) return parts.filter((part) => part !== '');
    text += decoder.decode(next.value, { stream: true });
  }
}

describe('reading', () => {
  test('status, models, instances, usage', async () => {
    expect(await get('/status')).toMatchObject([200, { version: '0.0.0-test', modelCount: 2, engine: null }]);
    expect(await get('/models')).toMatchObject([200, { models: [{ id: 'owner/a b' }, { id: 'c' }] }]);
    expect(await get(`/models/${encodeURIComponent('owner/a b')}`)).toMatchObject([200, { id: 'owner/a b' }]);
    expect(await get('/models/owner/a%20b')).toMatchObject([200, { id: 'owner/a b' }]);
    expect(await get('/instances')).toMatchObject([200, { instances: [{ modelId: 'owner/a b' }, {}] }]);
    expect(await get('/verdicts')).toEqual([200, { verdicts: [] }]);
    expect(await get('/usage?limit=5')).toMatchObject([200, { models: [], requests: [] }]);
  });

  test('faults are whole: code, message, hint, blame, details', async () => {
    expect(await get('/models/zz')).toEqual([
      404,
      {
        error: {
          code: 'not_found',
          message: 'There is no model "zz".',
          hint: null,
          blame: 'caller',
          details: { nearNames: ['owner/a b', 'c'] },
        },
      },
    ]);
    expect(await get('/usage?limit=-1')).toMatchObject([400, { error: { details: { field: 'limit' } } }]);
    expect(await get('/fit?model=c&context=0')).toMatchObject([400, {}]);
    expect(await get('/fit?model=c')).toMatchObject([501, { error: { code: 'not_supported' } }]);
    expect((await post('/status')).status).toBe(405);
  });
});

describe('acting', () => {
  test('load, stop, pin, reload, rescan', async () => {
    expect(await (await post('/models/load', { model: 'ab' })).json()).toMatchObject({ modelId: 'owner/a b' });
    expect((await post('/models/stop', { model: 'c', force: true })).status).toBe(200);
    expect(core.stopped).toEqual(['c']);
    expect((await post('/models/stop', { all: true })).status).toBe(200);
    expect((await post('/models/stop', {})).status).toBe(400);
    expect((await post('/models/pin', { model: 'c', pinned: false })).status).toBe(200);
    expect(await (await post('/reload')).json()).toEqual({ touched: ['ttl'] });
    expect(await (await post('/rescan', {})).json()).toMatchObject({ models: [{}, {}] });
    core.stopped.length = 0;
  });

  test('bodies are checked', async () => {
    expect(await (await post('/models/load', { model: 7 })).json()).toMatchObject({
      error: { code: 'bad_request', details: { field: 'model' } },
    });
    expect((await post('/models/load')).status).toBe(400);
    expect((await post('/models/load', [])).status).toBe(400);
    const form = await fetch(`${url}/models/load`, {
      method: 'POST',
      body: 'model=c',
      headers: { 'content-type': 'application/x-www-form-urlencoded' },
    });
    expect(form.status).toBe(415);
  });

  test('a load tells its progress, then its end, once', async () => {
    const gate = new Latch();
    core.gate = gate.promise;
    const loading = await post('/models/load?stream=true', { model: 'c' });
    expect(loading.headers.get('content-type')).toStartWith('application/x-ndjson');
    gate.open();
    const lines = (await loading.text())
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
    expect(lines).toMatchObject([{ stage: 'starting', detail: null }, { instance: { modelId: 'c' } }]);
    core.gate = null;
    core.nextFault = new Fault('does_not_fit', 'Too large.', { hint: 'Take a smaller one.' });
    const failing = await (await post('/models/load?stream=true', { model: 'c' })).text();
    expect(JSON.parse(failing)).toMatchObject({ error: { code: 'does_not_fit', hint: 'Take a smaller one.' } });
    expect((await post('/models/load?stream=true', { model: 'zz' })).status).toBe(404);
  });
});

describe('streams', () => {
  test('events come as they happen, and again after the last one that was seen', async () => {
    const first = await fetch(`${url}/events`);
    expect(first.headers.get('content-type')).toStartWith('text/event-stream');
    const reading = frames(first, 3, '\n\n');
    // The greeting tells that the stream listens; only then may events count on it.
    core.bus.emit({ type: 'config.changed', touched: ['ü\n'] });
    const told = core.bus.emit({ type: 'engine.changed', buildId: null });
    const [greeting, changed, engine] = await reading;
    expect(greeting).toBe(': drover');
    expect(changed).toBe(
      `event: config.changed\nid: ${told.sequence - 1}\ndata: ${JSON.stringify({ sequence: told.sequence - 1, at: JSON.parse(changed?.split('data: ')[1] ?? '{}').at, type: 'config.changed', touched: ['ü\n'] })}`,
    );
    expect(engine).toContain(`id: ${told.sequence}\n`);
    const again = await frames(
      await fetch(`${url}/events`, { headers: { 'last-event-id': String(told.sequence - 1) } }),
      2,
      '\n\n',
    );
    expect(again[1]).toContain(`event: engine.changed\nid: ${told.sequence}\n`);
  });

  test('a reader that leaves is forgotten', async () => {
    const until = async (count: number): Promise<void> => {
      while (core.bus.listenerCount !== count) await new Promise((resolve) => setImmediate(resolve));
    };
    await until(0);
    const left = new AbortController();
    const answer = await fetch(`${url}/events`, { signal: left.signal });
    await answer.body?.getReader().read();
    await until(1);
    left.abort();
    await until(0);
  });

  test('logs: limited, by model, followed', async () => {
    core.log.as('scheduler').info('one');
    core.log.as('engine:c').warn('two', { x: 1 });
    core.bus.emit({ type: 'engine.output', modelId: 'c', line: 'three' });
    const lines = async (query: string): Promise<string[]> =>
      (await (await fetch(`${url}/logs?${query}`)).text())
        .split('\n')
        .filter((line) => line !== '')
        .map((line) => (JSON.parse(line) as { message: string }).message);
    expect(await lines('limit=1&model=c')).toEqual(['three']);
    expect((await lines('model=c')).slice(-2)).toEqual(['two', 'three']);
    expect(await lines('model=ab')).toEqual([]);
    expect(await lines('')).toContain('one');
    expect((await fetch(`${url}/logs?limit=x`)).status).toBe(400);
    const followed = await fetch(`${url}/logs?limit=1&model=c&follow=true`);
    const reading = frames(followed, 3, '\n');
    while (core.bus.listenerCount === 0) await new Promise((resolve) => setImmediate(resolve));
    core.bus.emit({ type: 'engine.output', modelId: 'owner/a b', line: 'not this' });
    core.bus.emit({ type: 'engine.output', modelId: 'c', line: 'four' });
    const told = (await reading).filter((line) => line !== '');
    expect(told.map((line) => JSON.parse(line).message)).toEqual(['three', 'four']);
  });

  test('events and followed logs end when the server stops', async () => {
    const events = await fetch(`${url}/events`);
    const logs = await fetch(`${url}/logs?limit=0&follow=true`);
    while (core.bus.listenerCount < 2) await new Promise((resolve) => setImmediate(resolve));
    core.bus.emit({ type: 'server.stopping' });
    expect(await events.text()).toContain('event: server.stopping');
    expect((await logs.text()).trim()).toBe('');
  });
});
