// Chats with sessions: they go on where they were, are saved, loaded, listed and deleted, and lose nothing when the server
// is killed. Against the compiled executable and the real engine.
import { afterAll, beforeAll, describe, expect, test } from 'bun:test';
import { existsSync, mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { temporaryFolder } from '../fixtures/drover.ts';
import { tinyLlama } from '../fixtures/tiny-models.ts';
import { type BeautyServer, startBeauty } from './server.ts';

const root = temporaryFolder('beautyai-sessions');
const models = join(root.path, 'models');
const data = join(root.path, 'data');
const folder = join(data, 'sessions');
let server: BeautyServer;

beforeAll(async () => {
  for (const path of [models, data, folder]) mkdirSync(path);
  writeFileSync(join(models, 'talker.gguf'), tinyLlama({ name: 'Talker', contextTokens: 4096 }));
  writeFileSync(
    join(root.path, 'secret.json'),
    JSON.stringify({ session_id: 'secret', session_data: { messages: [] } }),
  );
  server = await startBeauty({ modelsFolders: [models], dataFolder: data });
});
afterAll(async () => {
  await server?.[Symbol.asyncDispose]();
  root[Symbol.dispose]();
});

const chat = (message: string, more: object = {}) =>
  server.well('POST', '/inference/chat', { message, generation_config: { max_tokens: 4, temperature: 0 }, ...more });

interface Listed {
  readonly session_id: string;
  readonly message_count: number | null;
  readonly file_path: string | null;
  readonly file_size_bytes: number | null;
  readonly created_at: string;
}
const listed = async (id: string): Promise<Listed | undefined> =>
  ((await server.well('GET', '/inference/sessions')).data.sessions as Listed[]).find((one) => one.session_id === id);
/** What the store has of it, in a file of its own name. */
const messages = async (id: string): Promise<{ role: string; content: string }[]> => {
  await server.well('POST', '/inference/sessions/save', { session_id: id, output_file: `look-${id}` });
  return JSON.parse(readFileSync(join(folder, `look-${id}.json`), 'utf8')).session_data.messages;
};

describe('a session', () => {
  test('is made where none is named, goes on where it was, and the model hears what was said before', async () => {
    const first = await chat('Good day');
    expect(first.session_id).toMatch(/^[\w-]{8,}$/);
    const second = await chat('And now?', { session_id: first.session_id });
    expect(second.session_id).toBe(first.session_id);
    expect(second.generation_stats.prompt_tokens).toBeGreaterThan(first.generation_stats.prompt_tokens);
    expect(await messages(first.session_id)).toEqual([
      { role: 'user', content: 'Good day' },
      { role: 'assistant', content: first.response },
      { role: 'user', content: 'And now?' },
      { role: 'assistant', content: second.response },
    ]);
  });

  test('is not asked where a history is given; what was stored stays', async () => {
    const { session_id: id } = await chat('One two three four five six seven eight nine ten eleven twelve');
    const told = await chat('x', { session_id: id, chat_history: [] });
    const fresh = await chat('x');
    expect(told.generation_stats.prompt_tokens).toBe(fresh.generation_stats.prompt_tokens);
    expect((await messages(id)).length).toBe(4);
  });

  test('may have a name of the caller’s, and keeps a history that came with it', async () => {
    const history = [
      { role: 'system', content: 'Short answers.' },
      { role: 'user', content: 'Привет 👋' },
      { role: 'assistant', content: 'مرحبا' },
    ];
    await chat('再见', { session_id: 'Мой-чат.1', chat_history: history });
    const kept = await messages('Мой-чат.1');
    expect(kept.slice(0, 4)).toEqual([...history, { role: 'user', content: '再见' }]);
    expect(kept.length).toBe(5);
  });

  test('streams its answer piece by piece, and then the whole', async () => {
    const answer = await server.drover.request('/inference/chat', {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({
        message: 'Hello',
        stream: true,
        session_id: 'streamed',
        // By chance a model of nonsense may say all of six tokens in one piece: parts of a letter come together.
        generation_config: { max_tokens: 24, temperature: 0 },
      }),
    });
    expect(answer.headers.get('content-type')).toStartWith('text/event-stream');
    const frames = (await answer.text())
      .split('\n\n')
      .filter((text) => text.startsWith('data: '))
      .map((text) => JSON.parse(text.slice(6)) as { delta?: string; response?: string; success?: boolean });
    const last = frames.at(-1);
    expect(frames.length).toBeGreaterThan(2);
    expect(
      frames
        .slice(0, -1)
        .map(({ delta }) => delta)
        .join(''),
    ).toBe(last?.response ?? '');
    expect(last).toMatchObject({
      success: true,
      session_id: 'streamed',
      generation_stats: { tokens_generated: 24 },
      timestamp: expect.any(String),
      execution_time_ms: expect.any(Number),
    });
    expect((await listed('streamed'))?.message_count).toBe(2);
  });

  test('a stream that cannot begin is refused with a status', async () => {
    const { status, json } = await server.ask('POST', '/inference/chat', {
      model_name: 'no',
      message: 'x',
      stream: true,
    });
    expect([status, json.error_code]).toEqual([404, 'ModelNotFoundError']);
  });
});

describe('a file', () => {
  test('is written under the session’s name, listed with size and dates, and read back', async () => {
    const data = { messages: [{ role: 'user', content: 'Grüße 🐝' }], model: 'talker', extra: [1, { a: null }] };
    const saved = await server.well('POST', '/inference/sessions/save', { session_id: 'kept', session_data: data });
    expect(saved.file_path).toBe('beautyai_session_kept.json');
    expect(saved.file_size_bytes).toBe(readFileSync(join(folder, saved.file_path)).length);
    expect(await listed('kept')).toMatchObject({
      file_path: saved.file_path,
      file_size_bytes: saved.file_size_bytes,
      message_count: 1,
      created_at: expect.stringMatching(/Z$/),
    });
    expect(await server.well('POST', '/inference/sessions/load', { input_file: saved.file_path })).toMatchObject({
      session_data: data,
      session_id: 'kept',
      message_count: 1,
    });
    await chat('On', { session_id: 'kept' });
    expect((await listed('kept'))?.message_count).toBe(3);
    // To load is to go back to what was saved.
    await server.well('POST', '/inference/sessions/load', { input_file: saved.file_path });
    expect((await listed('kept'))?.message_count).toBe(1);
  });

  test('of another program is a session too', async () => {
    const theirs = {
      model: 'm',
      history: [
        { role: 'user', content: 'a' },
        { role: 'assistant', content: 'b' },
      ],
    };
    writeFileSync(join(folder, 'beautyai_session_theirs.json'), JSON.stringify(theirs));
    expect(await listed('theirs')).toMatchObject({ message_count: null, file_path: 'beautyai_session_theirs.json' });
    expect(
      await server.well('POST', '/inference/sessions/load', { input_file: 'beautyai_session_theirs' }),
    ).toMatchObject({ session_id: 'theirs', session_data: theirs, message_count: 2 });
  });

  test('is deleted with its session, by either name', async () => {
    for (const name of ['gone', 'beautyai_session_gone.json']) {
      await server.well('POST', '/inference/sessions/save', {
        session_id: 'gone',
        session_data: { messages: [{ role: 'user', content: 'x' }] },
      });
      await server.well('DELETE', `/inference/sessions/${name}`);
      expect(await listed('gone')).toBeUndefined();
      expect(existsSync(join(folder, 'beautyai_session_gone.json'))).toBe(false);
      expect((await server.ask('DELETE', `/inference/sessions/${name}`)).status).toBe(404);
    }
  });

  const HOSTILE = [
    ...[
      '../secret.json',
      '..',
      '.',
      '/etc/passwd',
      'a/b.json',
      'a\\b.json',
      '..\\secret.json',
      'C:\\x.json',
      'C:x.json',
    ],
    ...['nul', 'NUL.json', 'con.json', 'COM1', 'lpt9.txt.json', 'a\u0000.json', 'a\nb', '.hidden', 'x. ', 'x.', ' x'],
    ...['\\\\server\\share', 'a:stream', 'a*', '?', '~/x/y', `${'x'.repeat(300)}.json`, '.json', '\ud800'],
  ];
  test.each(HOSTILE)('may not be called %p', async (name) => {
    const before = readdirSync(folder, { recursive: true });
    const around = readdirSync(root.path);
    const file = { session_id: 'ok', session_data: { messages: [] }, output_file: name };
    expect((await server.ask('POST', '/inference/sessions/save', file)).status).toBe(400);
    expect((await server.ask('POST', '/inference/sessions/load', { input_file: name })).status).toBe(400);
    expect(readdirSync(folder, { recursive: true })).toEqual(before);
    expect(readdirSync(root.path)).toEqual(around);
  });

  test.each(['../x', 'a/b', '..', 'a\u0000b', 'x'.repeat(200), '', ' ', 'nul/', 'a:b', '.x', 'a..b'])(
    'a session may not be called %p',
    async (id) => {
      const before = readdirSync(folder);
      const count = (await server.well('GET', '/inference/sessions')).data.total_count;
      expect(
        (await server.ask('POST', '/inference/sessions/save', { session_id: id, session_data: { a: 1 } })).status,
      ).toBe(400);
      expect((await server.ask('POST', '/inference/chat', { message: 'x', session_id: id })).status).toBe(400);
      const path = `/inference/sessions/${encodeURIComponent(id).replaceAll('.', '%2E')}`;
      if (id !== '' && id !== '..') expect([400, 404]).toContain((await server.ask('DELETE', path)).status);
      expect(readdirSync(folder)).toEqual(before);
      expect((await server.well('GET', '/inference/sessions')).data.total_count).toBe(count);
    },
  );

  test('that is a link is not followed, whichever way', async () => {
    symlinkSync(join(root.path, 'secret.json'), join(folder, 'link.json'));
    symlinkSync(root.path, join(folder, 'folder.json'));
    const before = readFileSync(join(root.path, 'secret.json'), 'utf8');
    for (const name of ['link.json', 'folder.json']) {
      expect((await server.ask('POST', '/inference/sessions/load', { input_file: name })).status).toBe(400);
      const save = { session_id: 'ok', session_data: { a: 1 }, output_file: name };
      expect((await server.ask('POST', '/inference/sessions/save', save)).status).toBe(400);
      expect((await server.ask('DELETE', `/inference/sessions/${name}`)).status).toBe(400);
    }
    expect(readFileSync(join(root.path, 'secret.json'), 'utf8')).toBe(before);
    expect(await listed('link')).toBeUndefined();
  });

  test.each([
    ['not json', 'nonsense'],
    ['a list', '[1]'],
    ['cut', '{"session_id": "x", '],
    ['empty', ''],
  ])('that is %s is refused', async (_, text) => {
    writeFileSync(join(folder, 'broken.json'), text);
    expect((await server.ask('POST', '/inference/sessions/load', { input_file: 'broken.json' })).status).toBe(400);
  });

  test('whose session has a hostile name inside is refused', async () => {
    writeFileSync(join(folder, 'inside.json'), JSON.stringify({ session_id: '../../x', session_data: {} }));
    expect((await server.ask('POST', '/inference/sessions/load', { input_file: 'inside.json' })).status).toBe(400);
  });
});

test('a server that is killed loses no turn that was answered', async () => {
  const { session_id: id } = await chat('first');
  for (const word of ['second', 'third']) await chat(word, { session_id: id });
  // While further turns are under way.
  const underWay = Array.from({ length: 4 }, () =>
    server.drover
      .request('/inference/chat', {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ message: 'on', generation_config: { max_tokens: 500 } }),
      })
      .then((answer) => answer.text())
      .catch(() => null),
  );
  const before = await messages(id);
  server.drover.kill('SIGKILL');
  await server.drover.exited;
  await Promise.all(underWay);
  server = await startBeauty({ modelsFolders: [models], dataFolder: data });
  expect(before.length).toBe(6);
  expect(await messages(id)).toEqual(before);
  await chat('fourth', { session_id: id });
  expect((await listed(id))?.message_count).toBe(8);
});
