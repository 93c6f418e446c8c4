import { expect, test } from 'bun:test';
import { ChosenKeys } from '../../src/access/chosen-keys.ts';
import type { Identity } from '../../src/access/identity.ts';
import { slowHashOf } from '../../src/access/slow-hash.ts';

const owner: Identity = { name: 'claracore', kind: 'key', scopes: ['admin'] };
const slowHash = await slowHashOf('the-right-one');

function holding(isMatch?: (presented: string, slowHash: string) => Promise<boolean>): ChosenKeys {
  const keys = new ChosenKeys(isMatch);
  keys.update([{ identity: owner, slowHash }]);
  return keys;
}
const digestOf = (key: string): string => `digest of ${key}`;
const ask = (keys: ChosenKeys, key: string, source = 'somebody') => keys.verify(key, digestOf(key), source);

test('the hash is argon2id with 19 MiB and two passes', () => {
  expect(slowHash).toStartWith('$argon2id$v=19$m=19456,t=2,p=1$');
});

test('where none is chosen nothing is ever compared', () => {
  expect(new ChosenKeys().recall(digestOf('x'))).toBeNull();
});

test('the same unknown text from many at once is compared once', async () => {
  let compared = 0;
  const keys = holding((presented, hash) => {
    compared += 1;
    return Bun.password.verify(presented, hash);
  });
  expect(keys.recall(digestOf('the-right-one'))).toBeUndefined();
  const found = await Promise.all(Array.from({ length: 50 }, () => ask(keys, 'the-right-one')));
  expect(new Set(found)).toEqual(new Set([owner]));
  expect(compared).toBe(1);
  expect(keys.recall(digestOf('the-right-one'))).toBe(owner);
});

test('one is compared at a time, few wait, and the rest is sent away at once', async () => {
  let running = 0;
  let most = 0;
  const keys = holding(async () => {
    running += 1;
    most = Math.max(most, running);
    await new Promise((resolve) => setImmediate(resolve));
    running -= 1;
    return false;
  });
  const refused = { kind: 'rate_limited', details: { retryAfterSeconds: 1 } };
  const asked = Array.from({ length: 2000 }, (_, index) => ask(keys, `wrong ${index}`, 'a flood'));
  const outcomes = await Promise.allSettled([...asked, ask(keys, 'wrong', 'somebody else')]);
  // Two of the flood, and who is not of it.
  expect(outcomes.flatMap((outcome, index) => (outcome.status === 'fulfilled' ? [index] : []))).toEqual([0, 1, 2000]);
  expect(outcomes[2]).toMatchObject({ status: 'rejected', reason: refused });
  const wide = await Promise.allSettled(
    Array.from({ length: 100 }, (_, index) => ask(keys, `wide ${index}`, `address ${index}`)),
  );
  expect(wide.filter((outcome) => outcome.status === 'fulfilled').length).toBe(8);
  expect(most).toBe(1);
  // All places are free again.
  expect(await ask(keys, 'later', 'a flood')).toBeNull();
});

test('after a wrong one it rests four times as long as it worked', async () => {
  const looks: { readonly startedAt: number; readonly endedAt: number }[] = [];
  const keys = holding(async (presented, hash) => {
    const startedAt = performance.now();
    const isRight = await Bun.password.verify(presented, hash);
    looks.push({ startedAt, endedAt: performance.now() });
    return isRight;
  });
  await ask(keys, 'wrong 1');
  await ask(keys, 'wrong 2');
  const [first, second] = looks;
  const workedMs = (first?.endedAt ?? 0) - (first?.startedAt ?? 0);
  const restedMs = (second?.startedAt ?? 0) - (first?.endedAt ?? 0);
  expect(workedMs).toBeGreaterThan(0);
  // A timer may be a millisecond early.
  expect(restedMs).toBeGreaterThan(Math.min(1000, workedMs * 4) - 2);
});

test('a key that is taken away while it is compared is no key', async () => {
  const keys: ChosenKeys = holding(async (presented, hash) => {
    const isRight = await Bun.password.verify(presented, hash);
    keys.update([]);
    return isRight;
  });
  expect(await ask(keys, 'the-right-one')).toBeNull();
  expect(keys.recall(digestOf('the-right-one'))).toBeNull();
});

test('new scopes count for a key that is known already', async () => {
  const keys = holding();
  await ask(keys, 'the-right-one');
  const narrower: Identity = { ...owner, scopes: ['chat'] };
  keys.update([{ identity: narrower, slowHash }]);
  expect(keys.recall(digestOf('the-right-one'))).toBe(narrower);
});

test('a hash that cannot be read matches nothing', async () => {
  const keys = new ChosenKeys();
  keys.update([{ identity: owner, slowHash: 'garbage' }]);
  expect(await ask(keys, 'garbage')).toBeNull();
});
