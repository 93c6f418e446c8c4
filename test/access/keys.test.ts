import { afterAll, describe, expect, test } from 'bun:test';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Identity } from '../../src/access/identity.ts';
import { KEY_MIGRATIONS, KeyRing } from '../../src/access/keys.ts';
import { openStore, type Store } from '../../src/base/store.ts';
import { temporaryFolder } from '../fixtures/drover.ts';

const stores: Store[] = [];
afterAll(() => {
  for (const store of stores) store[Symbol.dispose]();
});

function ringIn(path = ':memory:'): KeyRing {
  const store = openStore(path, KEY_MIGRATIONS);
  stores.push(store);
  return new KeyRing(store);
}

/** Whose it is, at once or after work. */
const nameOf = async (ring: KeyRing, ...presented: string[]): Promise<string | null> =>
  (await ring.identify(presented))?.name ?? null;

describe('a key of ours', () => {
  test('is known with its scopes, its near ones are not, and only its hash is stored', () => {
    using store = openStore(':memory:', KEY_MIGRATIONS);
    const ring = new KeyRing(store);
    expect(ring.count).toBe(0);
    expect(ring.identify([''])).toBeNull();
    const key = ring.create('laptop', ['chat', 'model_read']);
    expect(ring.identify([key])).toEqual({ name: 'laptop', kind: 'key', scopes: ['chat', 'model_read'] });
    for (const near of [`${key}x`, key.slice(0, -1), key.toUpperCase(), ` ${key}`, key.replace('dk-', 'dl-')]) {
      expect(ring.identify([near])).toBeNull();
    }
    expect([ring.has('laptop'), ring.has('phone')]).toEqual([true, false]);
    expect(ring.list()).toEqual([
      { name: 'laptop', scopes: ['chat', 'model_read'], createdAt: expect.any(Number), isChosen: false },
    ]);
    expect(JSON.stringify(store.database.query('SELECT * FROM access_key').all())).not.toContain(key);
    expect(() => ring.create('laptop', [])).toThrow('already');
  });

  test('counts when it is one of several, first or last', () => {
    const ring = ringIn();
    const key = ring.create('laptop', ['admin']);
    for (const presented of [
      [key, 'wrong'],
      ['wrong', key],
      ['', 'x'.repeat(600), 'a\u0000b', key],
    ]) {
      expect(ring.identify(presented)).toMatchObject({ name: 'laptop' });
    }
    expect(ring.identify(['wrong', 'other'])).toBeNull();
  });

  test('is gone when it is removed', () => {
    const ring = ringIn();
    const key = ring.create('laptop', ['admin']);
    expect(() => ring.remove('phone')).toThrow('no key called "phone"');
    ring.remove('laptop');
    expect(ring.identify([key])).toBeNull();
    expect(ring.count).toBe(0);
  });

  test('a transient one is an admin’s and in no list', () => {
    const ring = ringIn();
    expect(ring.identify([ring.createTransient()])).toMatchObject({ kind: 'transient', scopes: ['admin'] });
    expect(ring.count).toBe(0);
    expect(ring.list()).toEqual([]);
  });

  test('a name is a short line of text', () => {
    const ring = ringIn();
    for (const name of ['', ' ', 'a ', '\n', 'a\u0007', 'x'.repeat(65)]) {
      expect(() => ring.create(name, ['admin'])).toThrow('name');
    }
    ring.create('Jo’s laptop (blue)', ['admin']);
  });

  test('scopes that this version does not know grant nothing', () => {
    using store = openStore(':memory:', KEY_MIGRATIONS);
    const key = new KeyRing(store).create('laptop', ['chat']);
    store.database.exec(`UPDATE access_key SET scopes = '["fly","chat","__proto__"]'`);
    expect(new KeyRing(store).identify([key])).toMatchObject({ scopes: ['chat'] });
  });
});

test('a store that cannot be written is not taken for a name that is taken', () => {
  using store = openStore(':memory:', KEY_MIGRATIONS);
  store.database.exec('PRAGMA query_only = ON');
  expect(() => new KeyRing(store).create('laptop', [])).toThrow('readonly');
});

test('keys of an older store go on working', () => {
  using folder = temporaryFolder('old-keys');
  const path = join(folder.path, 'drover.sqlite');
  const hash = new Bun.CryptoHasher('sha256').update('dk-old').digest();
  {
    using old = openStore(path, KEY_MIGRATIONS.slice(0, 1));
    old.database.query('INSERT INTO access_key VALUES (?, ?, ?, ?)').run('old', hash, '["admin"]', 5);
  }
  using store = openStore(path, KEY_MIGRATIONS);
  const ring = new KeyRing(store);
  expect(ring.identify(['dk-old'])).toEqual({ name: 'old', kind: 'key', scopes: ['admin'] });
  expect(ring.list()).toEqual([{ name: 'old', scopes: ['admin'], createdAt: 5, isChosen: false }]);
});

describe('a chosen key', () => {
  test('is known at once where it was chosen, and after a slow look elsewhere; then at once', async () => {
    using folder = temporaryFolder('chosen');
    const path = join(folder.path, 'drover.sqlite');
    using store = openStore(path, KEY_MIGRATIONS);
    const ring = new KeyRing(store);
    await ring.adopt('claracore', 'your-secret-key');
    const here = ring.identify(['your-secret-key']);
    expect(here).toEqual({ name: 'claracore', kind: 'key', scopes: ['admin'] });
    using again = openStore(path, KEY_MIGRATIONS);
    const restarted = new KeyRing(again);
    const first = restarted.identify(['your-secret-key']);
    expect(first).toBeInstanceOf(Promise);
    expect((await first)?.name).toBe('claracore');
    expect(restarted.identify(['your-secret-key'])).toMatchObject({ name: 'claracore' });
    expect(restarted.list()).toMatchObject([{ name: 'claracore', isChosen: true }]);
  });

  test('a wrong one is looked into once', async () => {
    const ring = ringIn();
    await ring.adopt('claracore', 'your-secret-key', ['admin']);
    const first = ring.identify(['your-secret-kez']);
    expect(first).toBeInstanceOf(Promise);
    expect(await first).toBeNull();
    expect(ring.identify(['your-secret-kez'])).toBeNull();
    // Until it is chosen itself.
    await ring.adopt('other', 'your-secret-kez', ['chat']);
    expect(ring.identify(['your-secret-kez'])).toMatchObject({ name: 'other', scopes: ['chat'] });
  });

  test('replaces the one that was chosen under its name, and no key of ours', async () => {
    const ring = ringIn();
    ring.create('laptop', ['admin']);
    await expect(ring.adopt('laptop', 'mine', ['admin'])).rejects.toMatchObject({ kind: 'conflict' });
    await ring.adopt('claracore', 'first-key', ['admin']);
    await ring.adopt('claracore', 'second-key', ['chat']);
    expect(await nameOf(ring, 'first-key')).toBeNull();
    expect(ring.identify(['second-key'])).toMatchObject({ name: 'claracore', scopes: ['chat'] });
    expect(() => ring.create('claracore', ['admin'])).toThrow('already');
    ring.remove('claracore');
    expect(ring.identify(['second-key'])).toBeNull();
    expect(ring.list().map((entry) => entry.name)).toEqual(['laptop']);
  });

  test('may be any line of text, however it is composed', async () => {
    const ring = ringIn();
    const choices = [
      '1',
      'schlüssel',
      'sch lüs+sel/=?&%',
      '🔑🗝️',
      'ключ',
      'x'.repeat(512),
      "'; DROP TABLE access_key; --",
    ];
    for (const key of choices) {
      await ring.adopt('claracore', key, ['admin']);
      expect(await nameOf(ring, key)).toBe('claracore');
    }
    await ring.adopt('claracore', 'caf\u00e9', ['admin']);
    expect(await nameOf(ring, 'cafe\u0301')).toBe('claracore');
    expect(await nameOf(ring, 'cafe')).toBeNull();
  });

  test('is refused where it could not be sent, or would be taken for one of ours', async () => {
    const ring = ringIn();
    const key = ring.create('laptop', ['chat']);
    const refused = ['', ' a', 'a ', 'a\nb', 'a\u0000b', 'x'.repeat(513), '\ud800', `dk-${'a'.repeat(43)}`];
    for (const choice of refused) {
      await expect(ring.adopt('claracore', choice, ['admin'])).rejects.toMatchObject({ kind: 'bad_request' });
    }
    // One of ours is there already; more than it may is not to be had that way.
    await ring.adopt('claracore', key, ['chat']);
    await expect(ring.adopt('claracore', key, ['admin'])).rejects.toMatchObject({ kind: 'bad_request' });
    expect(ring.list().map((entry) => entry.name)).toEqual(['laptop']);
  });

  test('there may be eight of them', async () => {
    const ring = ringIn();
    for (let index = 0; index < 8; index += 1) await ring.adopt(`key ${index}`, `secret ${index}`, ['chat']);
    await expect(ring.adopt('one more', 'secret', ['chat'])).rejects.toMatchObject({ kind: 'conflict' });
    await ring.adopt('key 7', 'another secret', ['chat']);
    expect(await nameOf(ring, 'another secret')).toBe('key 7');
    expect(ring.count).toBe(8);
  });
});

test('no file of a store has a byte of any key, nor of one that is gone', async () => {
  using folder = temporaryFolder('key-bytes');
  const store = openStore(join(folder.path, 'drover.sqlite'), KEY_MIGRATIONS);
  const ring = new KeyRing(store);
  const keys = [ring.create('laptop', ['admin']), ring.create('gone', ['admin']), ring.createTransient()];
  await ring.adopt('claracore', 'your-secret-key', ['admin']);
  ring.remove('gone');
  expect(await nameOf(ring, 'a-wrong-secret')).toBeNull();
  const look = (): void => {
    const files = readdirSync(folder.path);
    expect(files).toContain('drover.sqlite');
    for (const name of files) {
      const text = readFileSync(join(folder.path, name)).toString('latin1');
      for (const key of [...keys.map((made) => made.slice(3)), 'your-secret-key', 'a-wrong-secret']) {
        expect({ name, isThere: text.includes(key) }).toEqual({ name, isThere: false });
      }
    }
  };
  look();
  store[Symbol.dispose]();
  look();
});

test('what another connection changes counts within a quarter of a second, and no earlier look is needed', async () => {
  using folder = temporaryFolder('two-rings');
  const path = join(folder.path, 'drover.sqlite');
  const server = ringIn(path);
  const other = ringIn(path);
  const untilKnown = async (key: string, isKnown: boolean): Promise<number> => {
    const startedAt = performance.now();
    while ((server.identify([key]) !== null) !== isKnown) await new Promise((resolve) => setImmediate(resolve));
    return performance.now() - startedAt;
  };
  expect(server.count).toBe(0);
  // The machine may be busy with something else: the best of three tells what the ring does.
  const waits: { readonly made: number; readonly gone: number }[] = [];
  for (let round = 0; round < 3; round += 1) {
    const key = other.create('laptop', ['chat']);
    const made = await untilKnown(key, true);
    expect(server.count).toBe(1);
    other.remove('laptop');
    const gone = await untilKnown(key, false);
    expect(server.count).toBe(0);
    waits.push({ made, gone });
  }
  expect(Math.min(...waits.map((wait) => wait.made))).toBeLessThan(250);
  expect(Math.min(...waits.map((wait) => wait.gone))).toBeLessThan(250);
  await other.adopt('claracore', 'first-key', ['admin']);
  await untilKnown('first-key', true);
  expect(await nameOf(server, 'first-key')).toBe('claracore');
  await other.adopt('claracore', 'second-key', ['admin']);
  // It is remembered by its digest, so it must be forgotten, too.
  await untilKnown('first-key', false);
});

test('an identity has nothing of the key', () => {
  const ring = ringIn();
  const key = ring.create('laptop', ['admin']);
  const identity = ring.identify([key]) as Identity;
  expect(Object.keys(identity).sort()).toEqual(['kind', 'name', 'scopes']);
  expect(JSON.stringify(identity)).not.toContain(key.slice(3));
});
