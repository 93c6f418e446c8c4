// Sessions on a real store and a real folder.
import { afterEach, beforeEach, expect, test } from 'bun:test';
import { readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { openStore, type Store } from '../../src/base/store.ts';
import { SessionFiles } from '../../src/core/session-files.ts';
import { messagesIn, SESSIONS_MIGRATION, Sessions } from '../../src/core/sessions.ts';
import { temporaryFolder } from '../fixtures/drover.ts';
import { faultOf } from '../fixtures/fault-of.ts';

let folder: ReturnType<typeof temporaryFolder>;
let store: Store;
let sessions: Sessions;
beforeEach(() => {
  folder = temporaryFolder('sessions');
  store = openStore(join(folder.path, 'store.sqlite'), [SESSIONS_MIGRATION]);
  sessions = new Sessions({ store, files: new SessionFiles(join(folder.path, 'files')), filePrefix: 'chat_' });
});
afterEach(() => {
  store[Symbol.dispose]();
  folder[Symbol.dispose]();
});

const said = (content: string) => ({ role: 'user', content }) as const;

test('messages keep their order over appends, whoever appends', () => {
  sessions.append('a', [said('1'), said('2')], 'm');
  sessions.append('b', [said('other')]);
  const after = sessions.append('a', [said('3')]);
  expect(after).toMatchObject({ id: 'a', modelId: 'm', messageCount: 3 });
  expect(sessions.history('a').map(({ content }) => content)).toEqual(['1', '2', '3']);
  sessions.append('a', [said('4')], 'n');
  expect(sessions.get('a')?.modelId).toBe('n');
});

test('what another connection sees is whole', () => {
  sessions.append('a', [said('1'), said('2')]);
  using other = openStore(join(folder.path, 'store.sqlite'), [SESSIONS_MIGRATION]);
  const again = new Sessions({
    store: other,
    files: new SessionFiles(join(folder.path, 'files')),
    filePrefix: 'chat_',
  });
  expect(again.history('a').length).toBe(2);
});

test('a session that is deleted takes its messages along', () => {
  sessions.append('a', [said('1')]);
  sessions.save('a', null, null);
  expect(sessions.remove('a')).toEqual({ id: 'a', file: 'chat_a.json' });
  expect(store.database.query('SELECT COUNT(*) AS count FROM chat_message').get()).toEqual({ count: 0 });
  expect(readdirSync(join(folder.path, 'files'))).toEqual([]);
  expect(sessions.list()).toEqual([]);
});

test('unknown ones are said to be so', async () => {
  const acts: readonly (() => unknown)[] = [
    () => sessions.history('a'),
    () => sessions.save('a', null, null),
    () => sessions.load('a'),
    () => sessions.remove('a'),
  ];
  const kinds = await Promise.all(acts.map(async (act) => (await faultOf(Promise.resolve().then(act))).kind));
  expect(kinds).toEqual(['not_found', 'not_found', 'not_found', 'not_found']);
});

test('a folder that is not there yet is an empty one', () => {
  expect(sessions.list()).toEqual([]);
  expect(sessions.save('a', { x: 1 }, null).file.fileName).toBe('chat_a.json');
});

test('files that are no sessions are not listed', () => {
  sessions.save('a', { messages: [said('1')] }, null);
  for (const name of ['notes.txt', '.hidden.json', 'half.json.tmp'])
    writeFileSync(join(folder.path, 'files', name), 'x');
  expect(sessions.list().map(({ id }) => id)).toEqual(['a']);
});

test('messages are found under any of their names, and only those that are some', () => {
  const kept = [{ role: 'user', content: 'x' }];
  for (const name of ['messages', 'chat_history', 'history', 'conversation']) {
    expect(messagesIn({ [name]: [...kept, { role: 'tool', content: 'y' }, { role: 'user' }, null, 'z'] })).toEqual(
      kept as never,
    );
  }
  expect(messagesIn({ messages: 'x' })).toEqual([]);
  expect(messagesIn({})).toEqual([]);
});
