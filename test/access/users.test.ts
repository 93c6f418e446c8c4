import { describe, expect, test } from 'bun:test';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { slowHashOf } from '../../src/access/slow-hash.ts';
import { DECOY_HASH, USER_MIGRATION, UserBook } from '../../src/access/users.ts';
import { openStore } from '../../src/base/store.ts';
import { temporaryFolder } from '../fixtures/drover.ts';
import { faultOf, thrownBy } from '../fixtures/fault-of.ts';

const bookIn = (path = ':memory:', isMatch?: (presented: string, slowHash: string) => Promise<boolean>) => {
  const store = openStore(path, [USER_MIGRATION]);
  return { store, book: new UserBook(store, isMatch), [Symbol.dispose]: () => store[Symbol.dispose]() };
};

describe('a user', () => {
  test('is made, listed, logs in with the right password alone, and goes', async () => {
    using held = bookIn();
    const { book } = held;
    expect([book.count, book.list()]).toEqual([0, []]);
    await book.create('alice', 'correct horse', ['chat', 'model_read']);
    await book.create('root', 'battery staple');
    expect(book.count).toBe(2);
    expect(book.list()).toEqual([
      { name: 'alice', scopes: ['chat', 'model_read'], createdAt: expect.any(Number) },
      { name: 'root', scopes: ['admin'], createdAt: expect.any(Number) },
    ]);
    const user = await book.verify('alice', 'correct horse', '');
    expect(user?.identity).toEqual({ name: 'alice', kind: 'user', scopes: ['chat', 'model_read'] });
    for (const [name, password] of [
      ['alice', 'battery staple'],
      ['Alice', 'correct horse'],
      ['alice', 'Correct horse'],
      ['bob', 'correct horse'],
      ['__proto__', 'correct horse'],
    ] as const) {
      expect(await book.verify(name, password, '')).toBeNull();
    }
    book.remove('alice');
    expect([book.find('alice'), book.count]).toEqual([null, 1]);
    expect(await book.verify('alice', 'correct horse', '')).toBeNull();
    expect(thrownBy(() => book.remove('alice')).kind).toBe('not_found');
  });

  test('has a name once; another one of that name, and a new password, are another generation', async () => {
    using held = bookIn();
    const { book } = held;
    await book.create('alice', 'one');
    expect((await faultOf(book.create('alice', 'two'))).kind).toBe('conflict');
    const first = book.find('alice')?.generation;
    await book.setPassword('alice', 'two');
    const second = book.find('alice')?.generation;
    expect([await book.verify('alice', 'one', ''), (await book.verify('alice', 'two', ''))?.generation]).toEqual([
      null,
      second,
    ]);
    book.remove('alice');
    await book.create('alice', 'two');
    expect(new Set([first, second, book.find('alice')?.generation]).size).toBe(3);
    expect((await faultOf(book.setPassword('bob', 'x'))).kind).toBe('not_found');
    // Two at once: one of them is told.
    const both = await Promise.allSettled([book.create('carol', 'a'), book.create('carol', 'b')]);
    expect(both.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected']);
  });

  test('may be called in any script, however it is composed; what could not be typed again is refused', async () => {
    using held = bookIn();
    const { book } = held;
    await book.create('Zoë 漢字 🐑', 'pässwort 密码');
    expect(await book.verify('Zoë 漢字 🐑'.normalize('NFD'), 'pässwort 密码'.normalize('NFD'), '')).not.toBeNull();
    book.remove('Zoë 漢字 🐑'.normalize('NFD'));
    for (const name of ['', ' a', 'a ', 'a\nb', 'x'.repeat(65), '\ud800']) {
      expect((await faultOf(book.create(name, 'right'))).kind).toBe('bad_request');
    }
    for (const password of ['', ' a', 'a\n', 'a\u0000b', 'x'.repeat(513), '\ud800']) {
      expect((await faultOf(book.create('alice', password))).kind).toBe('bad_request');
      expect((await faultOf(book.setPassword('alice', password))).kind).toBe('bad_request');
    }
    expect(book.count).toBe(0);
  });

  test('no file has a byte of any password', async () => {
    using folder = temporaryFolder('user-bytes');
    using held = bookIn(join(folder.path, 'drover.sqlite'));
    await held.book.create('alice', 'correct horse');
    await held.book.setPassword('alice', 'battery staple');
    expect(await held.book.verify('alice', 'hunter two', '')).toBeNull();
    const text = readdirSync(folder.path)
      .map((name) => readFileSync(join(folder.path, name)).toString('latin1'))
      .join();
    expect(text).toContain('$argon2id$v=19$m=19456,t=2,p=1$');
    for (const password of ['correct horse', 'battery staple', 'hunter two']) expect(text).not.toContain(password);
    expect(JSON.stringify([held.book.list(), held.book.find('alice')?.identity])).not.toContain('argon');
  });
});

describe('a login', () => {
  test('costs the same hash whether there is such a user or not', async () => {
    const [shape] = (await slowHashOf('x')).match(/^\$argon2id\$v=19\$m=\d+,t=\d+,p=\d+\$/) ?? [];
    expect(DECOY_HASH).toStartWith(shape ?? 'none');
    expect(DECOY_HASH.length).toBe((await slowHashOf('x')).length);
    const compared: string[] = [];
    using held = bookIn(':memory:', async (_, hash) => {
      compared.push(hash);
      return true;
    });
    await held.book.create('alice', 'right');
    // Even who knew the decoy's password would be nobody.
    expect(await held.book.verify('bob', 'any', '')).toBeNull();
    expect((await held.book.verify('alice', 'any', ''))?.identity.name).toBe('alice');
    expect(compared.length).toBe(2);
    expect(compared[0]).toBe(DECOY_HASH);
  });

  test('is looked into one at a time, few wait, and the rest is sent away at once', async () => {
    let running = 0;
    let most = 0;
    using held = bookIn(':memory:', async () => {
      running += 1;
      most = Math.max(most, running);
      await new Promise((resolve) => setImmediate(resolve));
      running -= 1;
      return false;
    });
    const { book } = held;
    const asked = Array.from({ length: 500 }, (_, index) => book.verify('alice', `wrong ${index}`, 'a flood'));
    const outcomes = await Promise.allSettled([...asked, book.verify('alice', 'wrong', 'somebody else')]);
    expect(outcomes.flatMap((outcome, index) => (outcome.status === 'fulfilled' ? [index] : []))).toEqual([0, 1, 500]);
    expect(outcomes[2]).toMatchObject({ reason: { kind: 'rate_limited', details: { retryAfterSeconds: 1 } } });
    expect(most).toBe(1);
    expect(await book.verify('alice', 'later', 'a flood')).toBeNull();
  });

  test.each(['removed', 'given another password'])('of a user who is %s meanwhile fails', async (what) => {
    using folder = temporaryFolder('meanwhile');
    const path = join(folder.path, 'drover.sqlite');
    using other = bookIn(path);
    await other.book.create('alice', 'right');
    using held = bookIn(path, async () => {
      if (what === 'removed') other.book.remove('alice');
      else await other.book.setPassword('alice', 'another');
      return true;
    });
    expect(await held.book.verify('alice', 'right', '')).toBeNull();
  });
});

test('what another process changes counts within a quarter of a second', async () => {
  using folder = temporaryFolder('two-books');
  const path = join(folder.path, 'drover.sqlite');
  using server = bookIn(path);
  using line = bookIn(path);
  const waits: number[] = [];
  const until = async (isSo: () => boolean): Promise<void> => {
    const startedAt = performance.now();
    while (!isSo()) await new Promise((resolve) => setImmediate(resolve));
    waits.push(performance.now() - startedAt);
  };
  expect(server.book.count).toBe(0);
  await line.book.create('alice', 'one');
  await until(() => server.book.count === 1);
  const first = server.book.find('alice')?.generation;
  await line.book.setPassword('alice', 'two');
  await until(() => server.book.find('alice')?.generation !== first);
  line.book.remove('alice');
  await until(() => server.book.find('alice') === null);
  // The machine may be busy with something else: the best of three tells what the book does.
  expect(Math.min(...waits)).toBeLessThan(250);
});
