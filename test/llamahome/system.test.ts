// LlamaHome's utilities on the compiled executable: the log in all its ways, findings, figures, caches, and the end.
import { afterAll, beforeAll, describe, expect, test } from 'bun:test';
import { existsSync, mkdirSync, readFileSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Desks } from '../../src/core/desks.ts';
import { faultResponse } from '../../src/dialects/crossroads.ts';
import { llamahomeMetrics } from '../../src/dialects/llamahome/routes-system.ts';
import { processesWith } from '../fixtures/drover.ts';
import { faultOf } from '../fixtures/fault-of.ts';
import { openHouse } from '../fixtures/house.ts';
import { tinyLlama } from '../fixtures/tiny-models.ts';
import { framesOf, get, post, readLine } from './asking.ts';
import { openSetting, type Setting, TALKER, until } from './setting.ts';

let here: Setting;
beforeAll(async () => {
  here = await openSetting();
});
afterAll(() => here?.[Symbol.asyncDispose]());

interface Entry {
  readonly timestamp: string;
  readonly level: string;
  readonly source: string;
  readonly message: string;
}
const logs = async (query = ''): Promise<Entry[]> =>
  (await framesOf(await here.drover.request(`/api/logs${query}`))) as unknown as Entry[];

describe('the log', () => {
  test('entries have the documented names, oldest first; level is that or worse; limit takes the latest', async () => {
    await post(here.drover, '/api/load_model', { model_path: TALKER });
    await post(here.drover, '/api/load_model', { model_path: 'broken' });
    const entries = await logs();
    expect(entries.length).toBeGreaterThan(2);
    for (const entry of entries) {
      expect(entry).toMatchObject({ source: expect.any(String), message: expect.any(String) });
      expect(entry.timestamp).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
      expect(['debug', 'info', 'warn', 'error']).toContain(entry.level);
    }
    const times = entries.map(({ timestamp }) => timestamp);
    expect(times).toEqual([...times].sort());
    expect(await logs('?limit=2')).toEqual(entries.slice(-2));
    expect(await logs('?limit=0')).toEqual([]);
    for (const word of ['warn', 'WARNING']) {
      expect((await logs(`?level=${word}`)).every(({ level }) => level === 'warn' || level === 'error')).toBe(true);
    }
    expect(await logs('?level=debug')).toEqual(entries);
  });

  test('start_time and end_time include what they name, in any zone', async () => {
    const entries = await logs();
    const [first, last] = [entries[1] as Entry, entries.at(-1) as Entry];
    const within = await logs(`?start_time=${first.timestamp}&end_time=${last.timestamp}`);
    expect(within).toEqual(entries.slice(entries.findIndex(({ timestamp }) => timestamp === first.timestamp)));
    const shifted = new Date(Date.parse(first.timestamp) + 2 * 3600_000).toISOString().replace('Z', '+02:00');
    for (const start of [encodeURIComponent(shifted), shifted])
      expect(await logs(`?start_time=${start}`)).toEqual(within);
    expect(await logs(`?end_time=${encodeURIComponent('2020-01-01')}`)).toEqual([]);
    expect(await logs('?start_time=2099-01-01T00:00:00')).toEqual([]);
  });

  test('what is older than this process comes from the files, turned over or not, broken lines left out', async () => {
    const folder = join(here.data, 'logs');
    const line = (at: string, message: string): string =>
      `${JSON.stringify({ at: Date.parse(at), level: 'error', source: 'old', message, fields: {} })}\n`;
    writeFileSync(join(folder, 'drover.log.1'), line('2020-05-01', 'one') + line('2020-05-02', 'two'));
    writeFileSync(join(folder, 'drover.log.2'), `${line('2020-04-01', 'zero')}{"at":1585\n`);
    const before = (await logs('?limit=100000&start_time=2021-01-01')).map(({ message }) => message);
    await here.restart();
    const after = await logs('?limit=100000');
    expect(after.slice(0, 3).map(({ message }) => message)).toEqual(['zero', 'one', 'two']);
    const messages = after.map(({ message }) => message);
    for (const message of before) expect(messages).toContain(message);
    expect((await logs('?end_time=2020-05-01T12:00:00Z')).map(({ message }) => message)).toEqual(['zero', 'one']);
    expect((await logs('?start_time=2020-05-01&end_time=2020-12-31&limit=1')).map(({ message }) => message)).toEqual([
      'two',
    ]);
    // None of them twice.
    const keys = after.map((entry) => JSON.stringify(entry));
    expect(new Set(keys).size).toBe(keys.length);
  });

  test('followed, it goes on with what comes, and ends when the reader leaves', async () => {
    const left = new AbortController();
    const answer = await here.drover.request('/api/logs?follow=true&limit=0&level=info', { signal: left.signal });
    let text = '';
    const reading = (async () => {
      for await (const piece of answer.body ?? []) text += new TextDecoder().decode(piece);
    })().catch(() => undefined);
    await post(here.drover, '/api/load_model', { model_path: TALKER });
    await until(() => text.includes(`${TALKER} is loaded`), `only ${text}`);
    for (const line of text.split('\n').filter((part) => part !== '')) {
      expect(JSON.parse(line)).toMatchObject({ timestamp: expect.any(String), level: expect.any(String) });
    }
    left.abort();
    await reading;
  });

  test('as server-sent events where they are asked for', async () => {
    const answer = await here.drover.request('/api/logs?limit=1', { headers: { accept: 'text/event-stream' } });
    expect(answer.headers.get('content-type')).toMatch(/^text\/event-stream/);
    expect(await answer.text()).toMatch(/^data: \{"timestamp":"[^\n]*\}\n\n$/);
  });
});

describe('findings', () => {
  test('what the doctor finds, whole and one by one', async () => {
    const { status, json } = await get(here.drover, '/api/diagnostics');
    expect([status, json]).toMatchObject([
      200,
      { status: 'success', message: expect.stringMatching(/^\d+ findings/), timestamp: expect.stringMatching(/Z$/) },
    ]);
    const { findings } = json as { findings: { severity: string; topic: string; message: string; hint: unknown }[] };
    expect(new Set(findings.map(({ topic }) => topic))).toContain('engine');
    expect(findings).toContainEqual({
      severity: 'warning',
      topic: 'models',
      message: expect.stringContaining('broken'),
      hint: join(here.models, 'broken.gguf'),
    });
    const { stdout } = await here.drover.cli('doctor', '--json');
    const said = (JSON.parse(stdout) as { topic: string; message: string }[]).map(({ topic }) => topic);
    for (const { topic } of findings) expect(said).toContain(topic);

    for (const [path, accept] of [
      ['/api/diagnostics?stream=true', '*/*'],
      ['/v1/diagnostics', 'application/x-ndjson'],
    ] as const) {
      const frames = await framesOf(await here.drover.request(path, { headers: { accept } }));
      expect(frames.at(-1)).toMatchObject({ done: true, status: 'success' });
      expect(frames.length).toBe(findings.length + 1);
    }
  });
});

describe('caches', () => {
  test('leftovers go, models and what is being written stay, and the figures are true', async () => {
    const cache = join(here.data, 'cache', 'engines');
    mkdirSync(cache, { recursive: true });
    writeFileSync(join(cache, 'archive.tar.gz.part'), 'x'.repeat(1000));
    const old = join(here.data, '.config.yaml.0123456789ab.tmp');
    const young = join(here.data, '.config.yaml.ba9876543210.tmp');
    writeFileSync(old, 'x'.repeat(24));
    utimesSync(old, new Date(0), new Date(0));
    writeFileSync(young, 'x');
    const probe = readFileSync(join(here.data, 'cache', 'drover-probe.gguf'));
    await post(here.drover, '/api/load_model', { model_path: TALKER });
    const { status, json } = await post(here.drover, '/api/clear_cache', undefined);
    expect([status, json]).toMatchObject([
      200,
      {
        status: 'success',
        message: expect.stringContaining('2 temporary files'),
        files_deleted: 2,
        bytes_freed: 1024,
        prompt_caches: [{ model: TALKER, cleared: false, tokens: 0, reason: expect.stringContaining('reload') }],
      },
    ]);
    expect([existsSync(old), existsSync(young), existsSync(join(cache, 'archive.tar.gz.part'))]).toEqual([
      false,
      true,
      false,
    ]);
    expect(readFileSync(join(here.data, 'cache', 'drover-probe.gguf')).equals(probe)).toBe(true);
    expect((await get(here.drover, '/api/health_check')).json).toMatchObject({ model_loaded: true });
    expect((await post(here.drover, '/api/clear_cache', {})).json).toMatchObject({ files_deleted: 0, bytes_freed: 0 });
  });

  test('a reload empties what an engine remembers, and the model stays loaded; one that answers is left alone', async () => {
    const cached = async (): Promise<number | null> => {
      await post(here.drover, '/api/process_prompt', {
        prompt: 'the water of the people',
        model: TALKER,
        max_tokens: 1,
      });
      const { requests } = await here.drover.json<{ requests: { cachedTokens: number | null }[] }>(
        '/drover/usage?limit=1',
      );
      return requests[0]?.cachedTokens ?? null;
    };
    await cached();
    expect(await cached()).toBeGreaterThan(0);
    expect((await post(here.drover, '/api/clear_cache', { reload: true })).json).toMatchObject({
      prompt_caches: [{ model: TALKER, cleared: true, reason: null }],
    });
    expect((await get(here.drover, '/api/health_check')).json).toMatchObject({ model_loaded: true });
    expect(await cached()).toBe(0);

    const left = new AbortController();
    const stream = await here.drover.request('/api/stream', {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ prompt: 'a', model: TALKER, max_tokens: 4000, temperature: 0 }),
      signal: left.signal,
    });
    await readLine(stream);
    expect((await post(here.drover, '/api/clear_cache', { reload: true })).json).toMatchObject({
      prompt_caches: [{ model: TALKER, cleared: false, reason: 'It is answering.' }],
    });
    left.abort();
  });
});

test('metrics: the figures once, or a stream that tells each change', async () => {
  await using house = await openHouse({ models: { 'talker.gguf': tinyLlama({ name: 'Talker', contextTokens: 256 }) } });
  const ask = (accept: string, query = '') =>
    llamahomeMetrics(
      { drover: house.drover },
      new Request(`http://localhost/api/metrics${query}`, { headers: { accept } }),
    );
  expect(ask('application/json')).toMatchObject({
    timestamp: expect.stringMatching(/Z$/),
    uptime: expect.any(Number),
    requests: 0,
    loaded_models: [],
    models: [],
  });
  const answer = ask('text/event-stream') as Response;
  expect(answer.headers.get('content-type')).toMatch(/^text\/event-stream/);
  const reader = (answer.body as ReadableStream<Uint8Array>).getReader();
  const heard: { requests: number; models: object[] }[] = [];
  const next = async (): Promise<void> => {
    const { value } = await reader.read();
    for (const part of new TextDecoder().decode(value).split('\n\n'))
      if (part.startsWith('data: ')) heard.push(JSON.parse(part.slice(6)) as (typeof heard)[number]);
  };
  await next();
  expect(heard[0]).toMatchObject({ requests: 0 });
  await house.ask('talker-f32', { tokens: 3 });
  while (heard.at(-1)?.requests !== 1) await next();
  expect(heard.at(-1)?.models).toMatchObject([
    { model: 'talker-f32', requests: 1, generated_tokens: 3, average_processing_time: expect.any(Number) },
  ]);
  await reader.cancel();
  for (const [accept, query] of [
    ['application/x-ndjson', ''],
    ['*/*', '?stream=true'],
  ] as const) {
    const lines = ask(accept, query) as Response;
    expect(lines.headers.get('content-type')).toMatch(/^application\/x-ndjson/);
    expect(JSON.parse(await readLine(lines))).toMatchObject({ requests: 1 });
    await lines.body?.cancel().catch(() => undefined);
  }
});

test('shutdown: answered, what runs may finish, no child is left, and the exit is a good one', async () => {
  // One thread: threads that wait for each other on a busy machine would outlast the drain.
  const ending = await openSetting({ config: `  ${TALKER}: { threads: 1 }\n` });
  try {
    const { drover } = ending;
    await post(drover, '/api/load_model', { model_path: TALKER });
    const stream = await drover.request('/api/stream', {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({
        prompt: 'the water',
        model: TALKER,
        max_tokens: 600,
        temperature: 0,
        stop: ['never ever'],
      }),
    });
    const follow = await drover.request('/api/logs?follow=true');
    const ended = await post(drover, '/v1/shutdown', undefined);
    expect([ended.status, ended.json]).toMatchObject([200, { status: 'success', message: expect.any(String) }]);
    expect((await framesOf(stream)).at(-1)).toMatchObject({ done: true });
    await follow.text();
    expect(await drover.exited).toBe(0);
    expect(processesWith(ending.models)).toEqual([]);
  } finally {
    await ending[Symbol.asyncDispose]();
  }
});

test('once it stops, what comes is refused as unavailable', async () => {
  await using house = await openHouse({ models: { 'talker.gguf': tinyLlama({ name: 'Talker', contextTokens: 256 }) } });
  const { home } = house.core.desks as Desks;
  await house.drover.close({ drainMs: 0 });
  const prompt = { text: 'a', model: null, sampling: {} };
  const fault = await faultOf(home.prompting.answer(prompt, new AbortController().signal));
  expect(fault.kind).toBe('unavailable');
  expect(faultResponse(fault, '/api/process_prompt').status).toBe(503);
});
