import { expect, test } from 'bun:test';
import { KEY_MIGRATIONS, KeyRing } from '../../src/access/keys.ts';
import { openStore } from '../../src/base/store.ts';

test('a key is accepted, its near ones are not, and only its hash is stored', () => {
  using store = openStore(':memory:', KEY_MIGRATIONS);
  const ring = new KeyRing(store);
  expect(ring.count).toBe(0);
  expect(ring.accepts('')).toBe(false);
  const key = ring.create('laptop', ['admin']);
  expect(ring.accepts(key)).toBe(true);
  expect(ring.accepts(`${key}x`)).toBe(false);
  expect(ring.accepts(key.slice(0, -1))).toBe(false);
  expect(ring.names()).toEqual(['laptop']);
  expect(JSON.stringify(store.database.query('SELECT * FROM access_key').all())).not.toContain(key);
  expect(() => ring.create('laptop', [])).toThrow('already');
});

test('a transient key works and is in no list', () => {
  using store = openStore(':memory:', KEY_MIGRATIONS);
  const ring = new KeyRing(store);
  expect(ring.accepts(ring.createTransient())).toBe(true);
  expect(ring.count).toBe(0);
});

test('a store that cannot be written is not taken for a name that is taken', () => {
  using store = openStore(':memory:', KEY_MIGRATIONS);
  store.database.exec('PRAGMA query_only = ON');
  expect(() => new KeyRing(store).create('laptop', [])).toThrow('readonly');
});
