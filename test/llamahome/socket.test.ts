// LlamaHome's WebSocket, on the compiled executable: the events in its envelope, prompts answered piece by piece, several at
// once, messages that are wrong, and a peer who leaves.
import { afterAll, beforeAll, expect, test } from 'bun:test';
import { post } from './asking.ts';
import { makeKey, OBEDIENT, openSetting, type Setting, TALKER, until } from './setting.ts';

let here: Setting;
beforeAll(async () => {
  here = await openSetting();
});
afterAll(() => here?.[Symbol.asyncDispose]());

interface Message {
  readonly type: string;
  readonly timestamp: string;
  readonly id?: string | number;
  readonly data: Record<string, unknown>;
}

interface Talk {
  readonly messages: Message[];
  readonly socket: WebSocket;
  say(message: unknown): void;
  /** Resolves with the first message, past or future, that is accepted. */
  heard(accepts: (message: Message) => boolean): Promise<Message>;
  readonly closed: Promise<number>;
}

async function talk(key = '', path = '/v1/ws'): Promise<Talk> {
  const query = key === '' ? '' : `?api_key=${key}`;
  const socket = new WebSocket(`${here.drover.url.replace('http', 'ws')}${path}${query}`);
  const messages: Message[] = [];
  socket.addEventListener('message', ({ data }) => void messages.push(JSON.parse(String(data)) as Message));
  const closed = new Promise<number>((resolve) => socket.addEventListener('close', ({ code }) => resolve(code)));
  await Promise.race([
    new Promise((resolve) => socket.addEventListener('open', resolve)),
    closed.then((code) => Promise.reject(new Error(`closed: ${code}`))),
  ]);
  return {
    messages,
    socket,
    closed,
    say: (message) => socket.send(typeof message === 'string' ? message : JSON.stringify(message)),
    heard: async (accepts) => {
      await until(() => messages.some(accepts), 'it was not said');
      return messages.find(accepts) as Message;
    },
  };
}

const is =
  (type: string, id?: string | number) =>
  (message: Message): boolean =>
    message.type === type && message.id === id;

test('a prompt is answered piece by piece, then once by its end, each with the id', async () => {
  const one = await talk();
  one.say({ type: 'process', prompt: 'the water', model: TALKER, max_tokens: 6, temperature: 0, id: 'a' });
  const done = await one.heard(is('done', 'a'));
  const chunks = one.messages.filter(is('chunk', 'a'));
  expect(chunks.length).toBeGreaterThan(1);
  for (const [index, message] of chunks.entries()) {
    expect(Object.keys(message)).toEqual(['type', 'timestamp', 'id', 'data']);
    expect(message.data).toEqual({ chunk: expect.any(String), index });
    expect(message.timestamp).toMatch(/^\d{4}-.*Z$/);
  }
  expect(done.data).toMatchObject({ usage: { completion_tokens: 6 }, model: TALKER, finish_reason: 'length' });
  one.say({ type: 'process', prompt: 'x', model: OBEDIENT });
  await one.heard(is('done'));
  one.socket.close();
});

test('the events of models and requests come to whoever listens, in the envelope', async () => {
  const [one, two] = [await talk(), await talk()];
  await post(here.drover, '/api/models/unload', undefined);
  await post(here.drover, '/api/load_model', { model_path: TALKER });
  for (const each of [one, two]) {
    const ready = await each.heard(({ type, data }) => type === 'model_status' && data.status === 'ready');
    expect(ready).toEqual({
      type: 'model_status',
      timestamp: expect.stringMatching(/Z$/),
      data: { model: TALKER, status: 'ready', previous_status: 'starting', loaded: true },
    });
  }
  await post(here.drover, '/api/process_prompt', { prompt: 'a', max_tokens: 2, temperature: 0, model: TALKER });
  expect((await one.heard(is('request_finished'))).data).toMatchObject({
    model: TALKER,
    status: 200,
    processing_time: expect.any(Number),
    usage: { completion_tokens: 2 },
  });
  one.socket.close();
  two.socket.close();
});

test('several at once, each with pieces of its own; one may be ended by its id', async () => {
  const one = await talk();
  for (const id of [1, 2, 'three']) one.say({ type: 'process', prompt: 'tick', model: OBEDIENT, id });
  for (const id of [1, 2, 'three']) await one.heard(is('chunk', id));
  one.say({ type: 'process', prompt: 'tick', model: OBEDIENT, id: 1 });
  expect((await one.heard(is('error', 1))).data).toMatchObject({ code: 'unprocessable' });
  one.say({ type: 'cancel', id: 2 });
  expect((await one.heard(is('error', 2))).data).toMatchObject({ code: 'cancelled' });
  const before = one.messages.length;
  await until(() => one.messages.slice(before).some(is('chunk', 'three')));
  expect(one.messages.slice(before).some(is('chunk', 2))).toBe(false);
  // Who leaves takes all of them along.
  one.socket.close();
  await until(async () => (await openCount()) <= 0, 'the engine goes on');
});

const openCount = async (): Promise<number> =>
  (await here.drover.json<{ openCount: number }>(`/upstream/${OBEDIENT}/open`)).openCount;

const WRONG: readonly (readonly [string, unknown, string])[] = [
  ['no JSON', 'hello', 'bad_request'],
  ['no object', '[1]', 'bad_request'],
  ['cut off', '{"type":', 'bad_request'],
  ['no type', {}, 'bad_request'],
  ['an unknown type', { type: 'dance' }, 'unprocessable'],
  ['no prompt', { type: 'process' }, 'bad_request'],
  ['a prompt that is none', { type: 'process', prompt: 5 }, 'unprocessable'],
  ['a figure out of range', { type: 'process', prompt: 'a', temperature: 3 }, 'unprocessable'],
  ['an unknown model', { type: 'process', prompt: 'a', model: 'nobody' }, 'not_found'],
  ['an engine that refuses', { type: 'process', prompt: 'refuse', model: OBEDIENT }, 'bad_request'],
  ['an engine that breaks', { type: 'process', prompt: 'fail', model: OBEDIENT }, 'bad_gateway'],
  ['nothing to cancel', { type: 'cancel' }, 'not_found'],
  ['too much', `{"type":"process","prompt":"${'a'.repeat(10 * 1024 * 1024)}"}`, 'too_large'],
];

test.each(WRONG)('%s: an error, and the talk goes on', async (_, message, code) => {
  const one = await talk();
  one.say(typeof message === 'string' ? message : { ...(message as object), id: 'x' });
  const error = await one.heard(({ type }) => type === 'error');
  expect(error).toMatchObject({
    data: { code, message: expect.any(String) },
    ...(typeof message === 'string' ? {} : { id: 'x' }),
  });
  one.say({ type: 'ping', id: 'still' });
  await one.heard(is('pong', 'still'));
  one.socket.close();
});

test('a talk needs the scope, shows the log to admins only, and has ten places for streams', async () => {
  const keys = new Map<string, string>();
  for (const scope of ['chat', 'model_read', 'admin']) {
    keys.set(scope, await makeKey(here, scope, scope));
  }
  await expect(talk()).rejects.toThrow('closed');
  await expect(talk(keys.get('model_read'))).rejects.toThrow('closed');
  const [chatter, admin] = [await talk(keys.get('chat')), await talk(keys.get('admin'))];
  const body = { model_path: TALKER };
  await post(here.drover, '/api/models/unload', undefined, { 'x-api-key': keys.get('admin') ?? '' });
  await post(here.drover, '/api/load_model', body, { 'x-api-key': keys.get('admin') ?? '' });
  await admin.heard(is('log'));
  await chatter.heard(({ type, data }) => type === 'model_status' && data.status === 'ready');
  expect(chatter.messages.some(is('log'))).toBe(false);
  for (let id = 0; id < 11; id += 1) chatter.say({ type: 'process', prompt: 'tick', model: OBEDIENT, id });
  const refused = await chatter.heard(({ type }) => type === 'error');
  expect(refused).toMatchObject({
    id: 10,
    data: { code: 'rate_limit_exceeded', details: { retry_after: expect.any(Number) } },
  });
  // A place that is given back is there for the next.
  chatter.say({ type: 'cancel', id: 0 });
  await chatter.heard(is('error', 0));
  chatter.say({ type: 'process', prompt: 'x', model: OBEDIENT, id: 'next' });
  await chatter.heard(is('done', 'next'));
  chatter.socket.close();
  admin.socket.close();
});

test('the prefix of the dialect leads there too', async () => {
  const one = await talk(await makeKey(here, 'prefixed', 'chat'), '/dialect/llamahome/v1/ws');
  one.say({ type: 'process', prompt: 'x', model: OBEDIENT, id: 1 });
  expect((await one.heard(is('done', 1))).data).toMatchObject({ model: OBEDIENT });
  one.socket.close();
});

test('nothing but /v1/ws is a talk of this kind', async () => {
  await expect(talk('', '/api/stream')).rejects.toThrow('closed');
});
