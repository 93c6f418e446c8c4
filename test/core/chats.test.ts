// The chats of the page over a real store: trees of messages, whose they are, what a search finds, what comes in and out.
import { afterAll, beforeEach, describe, expect, test } from 'bun:test';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Fault } from '../../src/base/fault.ts';
import { openStore, type Store } from '../../src/base/store.ts';
import { type ChatMessage, markdownOf } from '../../src/core/chat-records.ts';
import { CHATS_MIGRATION, Chats, type Owners, ownersOf } from '../../src/core/chats.ts';

const folder = mkdtempSync(join(tmpdir(), 'drover-chats-'));
let count = 0;
let store: Store;
let chats: Chats;
const mine: Owners = ['local'];
beforeEach(() => {
  count += 1;
  store?.[Symbol.dispose]();
  store = openStore(join(folder, `${count}.sqlite`), [CHATS_MIGRATION]);
  chats = new Chats(store);
});
afterAll(() => {
  store?.[Symbol.dispose]();
  rmSync(folder, { recursive: true, force: true });
});

const message = (id: string, parentId: string | null, part: Partial<ChatMessage> = {}): ChatMessage => ({
  id,
  parentId,
  role: 'user',
  content: id,
  reasoning: null,
  attachments: [],
  modelId: null,
  createdAt: Date.now(),
  state: 'complete',
  failure: null,
  metrics: null,
  ...part,
});

const kindOf = (work: () => unknown): string => {
  try {
    work();
  } catch (thrown) {
    if (thrown instanceof Fault) return thrown.kind;
    throw thrown;
  }
  return 'none';
};

/** Two questions, the first one answered twice. */
function tree(owners: Owners = mine): string {
  const { id } = chats.create(owners, { title: 'Sheep' });
  chats.put(owners, id, message('q1', null));
  chats.put(owners, id, message('a1', 'q1', { role: 'assistant' }));
  chats.put(owners, id, message('a2', 'q1', { role: 'assistant' }));
  chats.put(owners, id, message('q2', 'a2'));
  return id;
}

describe('a tree of messages', () => {
  test('keeps all branches, and the latest message is the head', () => {
    const id = tree();
    const { chat, messages } = chats.get(mine, id);
    expect(chat).toMatchObject({ headId: 'q2', messageCount: 4, title: 'Sheep' });
    expect(messages.map(({ id: one, parentId }) => [one, parentId])).toEqual([
      ['q1', null],
      ['a1', 'q1'],
      ['a2', 'q1'],
      ['q2', 'a2'],
    ]);
  });

  test('a message that grows stays in its place and does not take the head back', () => {
    const id = tree();
    chats.put(mine, id, message('a1', 'q1', { role: 'assistant', content: 'longer', state: 'partial' }));
    const { chat, messages } = chats.get(mine, id);
    expect(chat.headId).toBe('q2');
    expect(messages.find((one) => one.id === 'a1')).toMatchObject({ content: 'longer', state: 'partial' });
    expect(kindOf(() => chats.put(mine, id, message('a1', null, { role: 'assistant' })))).toBe('conflict');
    expect(kindOf(() => chats.put(mine, id, message('q3', 'nowhere')))).toBe('bad_request');
    expect(kindOf(() => chats.put(mine, id, message('no/id', null)))).toBe('bad_request');
    expect(chats.get(mine, id).chat.messageCount).toBe(4);
  });

  test('a deleted message takes its descendants along, and the head moves to a leaf that is left', () => {
    const id = tree();
    const left = chats.removeMessage(mine, id, 'a2');
    expect(left.messages.map((one) => one.id)).toEqual(['q1', 'a1']);
    expect(left.chat.headId).toBe('a1');
    expect(chats.removeMessage(mine, id, 'q1').chat.headId).toBeNull();
    expect(kindOf(() => chats.removeMessage(mine, id, 'q1'))).toBe('not_found');
  });

  test('a change says what it changes, and nothing is written where it is refused', () => {
    const id = tree();
    expect(chats.change(mine, id, { headId: 'a1' })).toMatchObject({ headId: 'a1', title: 'Sheep' });
    expect(kindOf(() => chats.change(mine, id, { title: 'Wolves', headId: 'none' }))).toBe('bad_request');
    expect(chats.change(mine, id, { isPinned: true })).toMatchObject({ headId: 'a1', title: 'Sheep', isPinned: true });
  });
});

describe('whose they are', () => {
  const ada = ownersOf({ name: 'ada', kind: 'key', scopes: ['chat'] });
  const root = ownersOf({ name: 'root', kind: 'user', scopes: ['admin'] });

  test('nobody sees another’s; the local caller’s are an admin’s too', () => {
    const local = tree(ownersOf({ name: 'local', kind: 'local', scopes: ['admin'] }));
    const hers = tree(ada);
    const seen = (owners: Owners): string[] => chats.list(owners, '', 10, null).chats.map(({ id }) => id);
    expect(seen(ada)).toEqual([hers]);
    expect(seen(root)).toEqual([local]);
    expect(seen(mine)).toEqual([local]);
    for (const work of [
      () => chats.get(ada, local),
      () => chats.change(ada, local, { title: 'x' }),
      () => chats.remove(ada, local),
      () => chats.put(ada, local, message('x', null)),
      () => chats.removeMessage(ada, local, 'q1'),
    ]) {
      expect(kindOf(work)).toBe('not_found');
    }
    expect(chats.removeAll(ada)).toBe(1);
    expect(chats.get(root, local).messages.length).toBe(4);
    // The name of a key and that of a user are two things.
    expect(ownersOf({ name: 'ada', kind: 'user', scopes: ['chat'] })).not.toEqual(ada);
  });
});

describe('a search', () => {
  test('finds titles and messages in any script, and shows what stands around', () => {
    const first = tree();
    const { id: second } = chats.create(mine, { title: 'ÄRGER mit Öl' });
    chats.put(
      mine,
      second,
      message('one', null, { content: `${'x '.repeat(60)}Die 羊 fressen 100 % Gras_ und\nmehr` }),
    );
    const search = (text: string) => chats.list(mine, text, 10, null).chats.map(({ id, excerpt }) => [id, excerpt]);
    expect(search('ärger')).toEqual([[second, null]]);
    expect(search('sheep')).toEqual([[first, null]]);
    expect(search('羊 FRESSEN')[0]?.[1]).toMatch(/^….*Die 羊 fressen 100 % Gras_ und mehr$/);
    expect(search('100 %')).toHaveLength(1);
    // What LIKE would read is text.
    expect(search('_ras')).toEqual([]);
    expect(search('0%0')).toEqual([]);
    expect(search('\\')).toEqual([]);
  });

  test('pinned ones come first, and pages follow each other', () => {
    const ids = Array.from({ length: 5 }, (_, index) => chats.create(mine, { title: `${index}` }).id);
    store.database.exec('UPDATE chat SET updated_at = created_at + CAST(title AS INTEGER)');
    chats.change(mine, ids[1] ?? '', { isPinned: true });
    const first = chats.list(mine, '', 3, null);
    expect(first.chats.map(({ title }) => title)).toEqual(['1', '4', '3']);
    const second = chats.list(mine, '', 3, first.nextBefore);
    expect(second.chats.map(({ title }) => title)).toEqual(['2', '0']);
    expect(second.nextBefore).toBeNull();
  });
});

describe('in and out', () => {
  test('what is exported comes in again as it was, beside what is there', () => {
    const id = tree();
    chats.change(mine, id, { headId: 'a1', isPinned: true });
    const [whole] = [...chats.all(mine)];
    if (whole === undefined) throw new Error('nothing was exported');
    const [copy] = chats.import(mine, [{ ...whole, messages: [...whole.messages].reverse() }]);
    expect(copy?.id).not.toBe(id);
    const read = chats.get(mine, copy?.id ?? '');
    expect(read.chat).toMatchObject({ headId: 'a1', isPinned: true, title: 'Sheep', messageCount: 4 });
    expect(read.messages.map((one) => one.id).sort()).toEqual(['a1', 'a2', 'q1', 'q2']);
    chats.remove(mine, id);
    expect(chats.import(mine, [whole])[0]?.id).toBe(id);
  });

  test('all of them or none: a circle or a lost parent is refused', () => {
    const good = { chat: chats.create(['key x'], {}), messages: [message('a', null)] };
    const circle = { chat: good.chat, messages: [message('a', 'b'), message('b', 'a')] };
    expect(kindOf(() => chats.import(mine, [good, circle]))).toBe('bad_request');
    expect(chats.list(mine, '', 10, null).chats).toEqual([]);
  });

  test('Markdown is the branch that is shown', () => {
    const id = tree();
    const { chat, messages } = chats.get(mine, id);
    expect(markdownOf(chat, messages)).toBe('# Sheep\n\n## You\n\nq1\n\n## Model\n\na2\n\n## You\n\nq2\n');
  });
});
