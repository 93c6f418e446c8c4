// Logs of instances on the compiled executable: levels, counts, over restarts, followed, and from a file that is much too
// large to be read whole.
import { afterAll, beforeAll, expect, test } from 'bun:test';
import { appendFileSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { processFigures } from '../bench/measure.ts';
import { type RunningDrover, startDrover, temporaryFolder } from '../fixtures/drover.ts';
import { type Client, clientOf, type Json, startLlamactl, testModels } from './server.ts';

const models = testModels('llamactl-logs');
const data = temporaryFolder('llamactl-logs-data');
let drover: RunningDrover;
let client: Client;

beforeAll(async () => {
  ({ drover, client } = await startLlamactl({ dataFolder: data.path }));
  await client.create('talker', models.file('talker'));
  await client.verb('talker', 'start');
  await client.until('talker', 'running');
});
afterAll(async () => {
  await drover?.[Symbol.asyncDispose]();
  for (const folder of [models, data]) folder[Symbol.dispose]();
});

const LOGS = '/api/instances/talker/logs';
const logs = async (query = ''): Promise<Json[]> => (await client.ask('GET', `${LOGS}${query}`)).body.logs;
const folder = join(data.path, 'logs', 'instances');

test('what the engine says and what became of it, with its levels, the last so many', async () => {
  const all = await logs('?lines=10000');
  expect(all.length).toBeGreaterThan(50);
  expect(all.map(({ message }) => message)).toContain('Instance is running');
  expect(all.some(({ level, message }) => level === 'info' && /print_info|n_layer/.test(message))).toBe(true);
  for (const { timestamp, level, message } of all) {
    expect(timestamp).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
    expect(['debug', 'info', 'warn', 'error']).toContain(level);
    // Time and level have fields of their own.
    expect(message).not.toMatch(/^\d+\.\d+\.\d+\.\d+ [DIWE] /);
  }
  const times = all.map(({ timestamp }) => timestamp);
  expect(times).toEqual([...times].sort());
  expect(await logs()).toEqual(all.slice(-100));
  expect(await logs('?lines=3')).toEqual(all.slice(-3));
  const worse = await logs('?level=warn&lines=10000');
  expect(worse).toEqual(all.filter(({ level }) => level === 'warn' || level === 'error'));
  expect(worse.length).toBeLessThan(all.length);
});

test('no key of an engine is in them', async () => {
  const { pid } = await client.until('talker', 'running');
  const environment = readFileSync(`/proc/${pid}/environ`, 'utf8').split('\0');
  const key = environment.find((pair) => pair.startsWith('LLAMA_API_KEY='))?.split('=')[1] ?? '';
  expect(key.length).toBeGreaterThan(20);
  expect(JSON.stringify(await logs('?lines=10000'))).not.toContain(key);
  for (const name of readdirSync(folder)) expect(readFileSync(join(folder, name), 'utf8')).not.toContain(key);
});

/** Reads a followed log until a line of it is what is waited for; resolves with all lines and how long that one took. */
async function followed(accept: string, isLast: (text: string) => boolean, act: () => Promise<void>) {
  const left = new AbortController();
  const answer = await drover.request(`${LOGS}?follow=true&lines=5`, { headers: { accept }, signal: left.signal });
  const decoder = new TextDecoder();
  let text = '';
  let hasActed = false;
  let actedAt = 0;
  for await (const chunk of answer.body ?? []) {
    text += decoder.decode(chunk, { stream: true });
    if (!hasActed && text.includes('"timestamp"')) {
      hasActed = true;
      await act();
      actedAt = performance.now();
    }
    if (hasActed && isLast(text)) break;
  }
  left.abort();
  return { type: answer.headers.get('content-type') ?? '', text, waitedMs: performance.now() - actedAt };
}

test('followed, the last entries come first, then each new one at once: as events, or as lines', async () => {
  const answering = async (): Promise<void> => {
    await drover.json('/v1/completions', { model: 'talker', prompt: 'the', max_tokens: 2 });
  };
  const isTold = (text: string): boolean => /print_timing|eval time|launch_slot_/.test(text);
  const events = await followed('*/*', isTold, answering);
  expect(events.type).toStartWith('text/event-stream');
  expect(events.waitedMs).toBeLessThan(1000);
  const entries = [...events.text.matchAll(/^data: (.*)$/gm)].map(([, json = '']) => JSON.parse(json) as Json);
  expect(Object.keys(entries[0])).toEqual(['timestamp', 'level', 'message']);
  // Each once: the history does not overlap with what is new.
  const whole = (await logs('?lines=10000')).map((entry) => JSON.stringify(entry));
  const seen = entries.map((entry) => JSON.stringify(entry));
  expect(whole.join('\n')).toContain(seen.join('\n'));
  const lines = await followed('application/x-ndjson', isTold, answering);
  expect(lines.type).toStartWith('application/x-ndjson');
  for (const line of lines.text.split('\n').slice(0, -1)) if (line !== '') expect(JSON.parse(line)).toBeObject();
});

test('followed and filtered: only that or worse', async () => {
  const left = new AbortController();
  const answer = await drover.request(`${LOGS}?follow=1&level=error&lines=1`, { signal: left.signal });
  const reader = answer.body?.getReader();
  const decoder = new TextDecoder();
  let text = '';
  const { pid } = await client.until('talker', 'running');
  process.kill(pid, 'SIGKILL');
  while (!text.includes('Instance is in error')) {
    const { value, done } = (await reader?.read()) ?? { done: true, value: undefined };
    if (done) break;
    text += decoder.decode(value, { stream: true });
  }
  left.abort();
  expect(text).toContain('Instance is in error');
  expect(text).not.toContain('"level":"info"');
  await client.verb('talker', 'start');
  await client.until('talker', 'running');
});

test('they outlive the server, also one that is killed; a new one of that name begins anew', async () => {
  const before = await logs('?lines=10000');
  drover.kill('SIGKILL');
  await drover.exited;
  await drover[Symbol.asyncDispose]();
  drover = await startDrover({ dataFolder: data.path });
  client = clientOf(() => drover.url);
  await client.until('talker', 'running');
  const after = await logs('?lines=10000');
  expect(after.length).toBeGreaterThan(before.length);
  expect(after.slice(0, before.length)).toEqual(before);
  await client.create('short', models.file('short'));
  await client.verb('short', 'start');
  await client.until('short', 'running');
  await client.verb('short', 'stop');
  expect((await client.ask('DELETE', '/api/instances/short')).status).toBe(200);
  await client.create('short', models.file('short'));
  expect((await client.ask('GET', '/api/instances/short/logs')).body).toEqual({ logs: [] });
});

test('the last hundred lines of 100 MB come from the end of them', async () => {
  await client.create('large', models.file('large'));
  await client.ask('GET', '/api/instances/large/logs');
  await client.verb('large', 'start');
  await client.until('large', 'running');
  // A running engine may still have something to say.
  await client.verb('large', 'stop');
  await client.until('large', 'stopped');
  await client.ask('GET', '/api/instances/large/logs');
  const file = readdirSync(folder).find((name) => /^large-[0-9a-f]+\.log$/.test(name)) ?? '';
  const line = `${JSON.stringify([1, 'info', 'x'.repeat(900)])}\n`;
  const block = line.repeat(1000);
  for (let written = 0; written < 100e6; written += block.length) appendFileSync(join(folder, file), block);
  appendFileSync(join(folder, file), `${JSON.stringify([2, 'warn', 'the very last'])}\n`);
  const before = await processFigures(drover.pid);
  const { body } = await client.ask('GET', '/api/instances/large/logs?lines=100');
  expect(body.logs.length).toBe(100);
  expect(body.logs.at(-1)).toEqual({ timestamp: '1970-01-01T00:00:00.002Z', level: 'warn', message: 'the very last' });
  // Nothing so bad is in it, and the search for it has an end.
  expect((await client.ask('GET', '/api/instances/large/logs?level=error')).body).toEqual({ logs: [] });
  const after = await processFigures(drover.pid);
  expect((after.rssBytes - before.rssBytes) / 1e6).toBeLessThan(60);
});
