// One model, all lists, one child: whatever starts or stops it, every other dialect shows it, and every feed tells of it.
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'bun:test';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type RunningDrover, startDrover, temporaryFolder } from './fixtures/drover.ts';
import { eventually } from './fixtures/restarts.ts';
import { tinyLlama } from './fixtures/tiny-models.ts';

const folder = temporaryFolder('one-model');
const MODEL = 'shared-f32';
let drover: RunningDrover;
beforeAll(async () => {
  const models = join(folder.path, 'models');
  mkdirSync(models);
  writeFileSync(join(models, 'shared.gguf'), tinyLlama({ name: 'Shared', contextTokens: 1024 }));
  drover = await startDrover({ modelsFolders: [models] });
  await drover.waitForLine(/engine ready/);
});
afterAll(async () => {
  await drover?.[Symbol.asyncDispose]();
  folder[Symbol.dispose]();
});

const send = async (path: string, body?: unknown): Promise<Record<string, unknown>> => {
  const response = await drover.request(path, {
    method: 'POST',
    ...(body === undefined ? {} : { headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) }),
  });
  const text = await response.text();
  if (!response.ok) throw new Error(`${path}: ${response.status} ${text}`);
  return JSON.parse(text) as Record<string, unknown>;
};

type Entry = Readonly<Record<string, unknown>>;
const of = (list: unknown, key: string): Entry => (list as Entry[]).find((entry) => entry[key] === MODEL) ?? {};

/** Whether the model is loaded, as each dialect's list has it. */
const LISTS: Readonly<Record<string, () => Promise<boolean>>> = {
  openai: async () => (of((await drover.json<Entry>('/v1/models')).data, 'id').status as Entry).value === 'loaded',
  'llama-swap': async () => of((await drover.json<Entry>('/running')).running, 'model').state === 'ready',
  llamactl: async () => of((await drover.json<Entry>('/api/instances')).instances, 'name').status === 'running',
  llamahome: async () => of((await drover.json<Entry>('/api/models')).models, 'id').loaded === true,
  beautyai: async () => of((await drover.json<Entry>('/models')).models, 'model_name').status === 'loaded',
  drover: async () => of((await drover.json<Entry>('/drover/instances')).instances, 'modelId').state === 'ready',
};

const STARTS: Readonly<Record<string, () => Promise<unknown>>> = {
  openai: () =>
    send('/v1/chat/completions', { model: MODEL, messages: [{ role: 'user', content: 'x' }], max_tokens: 1 }),
  llamactl: () => send(`/api/instances/${MODEL}/start`),
  llamahome: () => send('/api/load_model', { model_path: MODEL }),
  beautyai: () => send(`/models/${MODEL}/load`, { force_reload: false }),
  drover: () => send('/drover/models/load', { model: MODEL }),
};

const STOPS: Readonly<Record<string, () => Promise<unknown>>> = {
  'llama-swap': async () => {
    const answer = await drover.request('/unload');
    if (!answer.ok) throw new Error(`/unload: ${answer.status}`);
  },
  clara: () => send(`/api/models/unload/${MODEL}`),
  llamactl: () => send(`/api/instances/${MODEL}/stop`),
  beautyai: () => send(`/models/${MODEL}/unload`),
  drover: () => send('/drover/models/stop', { model: MODEL }),
};

const all = async (isLoaded: boolean): Promise<Record<string, boolean>> => {
  await eventually(
    async () => (await LISTS.drover?.()) === isLoaded,
    () => `${MODEL} did not become ${isLoaded ? 'loaded' : 'stopped'}: ${drover.log()}`,
  );
  const entries = Object.entries(LISTS).map(async ([name, look]) => [name, await look()] as const);
  return Object.fromEntries(await Promise.all(entries));
};
const everywhere = (isLoaded: boolean) => Object.fromEntries(Object.keys(LISTS).map((name) => [name, isLoaded]));
const childCount = async (): Promise<number> =>
  ((await drover.json<Entry>('/drover/instances')).instances as Entry[]).filter(({ pid }) => pid !== null).length;

describe('whoever starts it', () => {
  beforeEach(async () => {
    await send('/drover/models/stop', { all: true });
  });

  test.each(Object.keys(STARTS))('%s: it is loaded everywhere, by one child', async (name) => {
    expect(await all(false)).toEqual(everywhere(false));
    await STARTS[name]?.();
    expect(await all(true)).toEqual(everywhere(true));
    expect(await childCount()).toBe(1);
  });

  test('all at once: still one child', async () => {
    await Promise.all(Object.values(STARTS).map((start) => start()));
    expect(await all(true)).toEqual(everywhere(true));
    expect(await childCount()).toBe(1);
  });
});

describe('whoever stops it', () => {
  beforeEach(async () => {
    await send('/drover/models/load', { model: MODEL });
  });

  test.each(Object.keys(STOPS))('%s: it is stopped everywhere', async (name) => {
    expect(await all(true)).toEqual(everywhere(true));
    await STOPS[name]?.();
    expect(await all(false)).toEqual(everywhere(false));
    // Some answer before it is done.
    await eventually(
      async () => (await childCount()) === 0,
      () => 'a child is left',
    );
  });
});

/** Texts of a feed until one of them tells what is waited for; then it is left. */
async function streamed(path: string, tells: (text: string) => boolean): Promise<void> {
  const left = new AbortController();
  const answer = await drover.request(path, { signal: left.signal });
  const decoder = new TextDecoder();
  let text = '';
  try {
    for await (const chunk of answer.body ?? []) {
      text += decoder.decode(chunk, { stream: true });
      if (tells(text)) return;
    }
  } finally {
    left.abort();
  }
  throw new Error(`${path} ended: ${text}`);
}

async function socketed(path: string, tells: (message: string) => boolean): Promise<void> {
  const socket = new WebSocket(drover.url.replace('http', 'ws') + path);
  const told = Promise.withResolvers<void>();
  const seen: string[] = [];
  socket.onmessage = ({ data }) => {
    seen.push(String(data));
    if (tells(String(data))) told.resolve();
  };
  socket.onclose = () => told.reject(new Error(`${path} was closed: ${seen.join('\n')}`));
  await told.promise.finally(() => {
    socket.onclose = null;
    socket.close();
  });
}

test('every feed tells of it', async () => {
  await send('/drover/models/stop', { all: true });
  await all(false);
  const isReady = (text: string): boolean => text.includes(MODEL) && /ready|running|loaded/.test(text);
  const feeds = [
    streamed(
      '/api/events',
      (text) => text.includes(`\\"id\\":\\"${MODEL}\\"`) && text.includes('\\"state\\":\\"ready\\"'),
    ),
    streamed('/drover/events', (text) =>
      text.split('\n').some((line) => line.includes('"type":"instance.changed"') && line.includes('"state":"ready"')),
    ),
    socketed('/api/ws', (text) => text.includes('instance_status_changed') && isReady(text)),
    socketed('/v1/ws', isReady),
  ];
  // Whoever joins after the event would wait for ever: all are told of something first.
  await send('/drover/models/load', { model: MODEL });
  await send('/drover/models/stop', { all: true });
  await send('/drover/models/load', { model: MODEL });
  await Promise.all(feeds);
});
