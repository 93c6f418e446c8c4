import { afterAll, beforeAll, describe, expect, test } from 'bun:test';
import { createHmac } from 'node:crypto';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Callers } from '../../src/access/callers.ts';
import { TokenSecret } from '../../src/access/token-secret.ts';
import { isTokenShaped, TOKEN_LIFETIME_MS } from '../../src/access/tokens.ts';
import { openStore } from '../../src/base/store.ts';
import { ACCESS_MIGRATIONS, TestAccess } from '../fixtures/access.ts';
import { temporaryFolder } from '../fixtures/drover.ts';
import { faultOf, thrownBy } from '../fixtures/fault-of.ts';

const folder = mkdtempSync(join(tmpdir(), 'drover-tokens-'));
const access = new TestAccess(folder);
afterAll(() => {
  access[Symbol.dispose]();
  rmSync(folder, { recursive: true, force: true });
});

type Fields = Record<string, unknown>;
const encoded = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url');
const decoded = (part: string | undefined): Fields =>
  JSON.parse(Buffer.from(part ?? '', 'base64url').toString()) as Fields;
const claimsOf = (token: string): Fields => decoded(token.split('.')[1]);

/** A token by hand: only what is said here is in it. */
function signed(claims: unknown, header: Fields = { alg: 'HS256', typ: 'JWT' }, secret = access.secret.obtain()) {
  const text = `${encoded(header)}.${encoded(claims)}`;
  const hash = header.alg === 'HS512' ? 'sha512' : header.alg === 'HS384' ? 'sha384' : 'sha256';
  return `${text}.${createHmac(hash, secret).update(text).digest('base64url')}`;
}

const identify = async (...presented: string[]) => access.callers.identify(presented, () => '');

beforeAll(async () => {
  await access.users.create('alice', 'correct horse', ['chat']);
});

describe('a token', () => {
  test('is HS256, for a day, says whose it is, and is known with the scopes of its user', async () => {
    const { token, expiresAtMs } = await access.logins.login('alice', 'correct horse', '');
    expect(decoded(token.split('.')[0])).toEqual({ alg: 'HS256', typ: 'JWT' });
    const claims = claimsOf(token);
    expect(claims).toEqual({
      iss: 'drover',
      sub: 'alice',
      gen: access.users.find('alice')?.generation,
      jti: expect.stringMatching(/^[0-9a-f-]{36}$/),
      iat: Math.floor(access.clock / 1000),
      exp: Math.floor(access.clock / 1000) + 24 * 3600,
    });
    expect(expiresAtMs).toBe(Number(claims.exp) * 1000);
    expect(await identify(token)).toEqual({ name: 'alice', kind: 'user', scopes: ['chat'] });
    // What was made here by hand is one too, so what is refused below is refused for its own reason.
    expect(await identify(signed(claims))).toMatchObject({ name: 'alice' });
    expect(token).not.toBe((await access.logins.login('alice', 'correct horse', '')).token);
  });

  test('is looked at once, and then known without a promise; one good one is enough', async () => {
    const token = await access.tokenOf('alice');
    expect(access.callers.identify([token], () => '')).toBeInstanceOf(Promise);
    await identify(token);
    const known = access.callers.identify([token], () => '');
    expect(known).toMatchObject({ name: 'alice', kind: 'user' });
    expect(access.callers.identify(['wrong', token], () => '')).toBe(known);
    const key = access.keys.create('laptop', ['admin']);
    expect(await identify(signed({}), key)).toMatchObject({ kind: 'key' });
    access.keys.remove('laptop');
  });

  test('a key does not even look like one', () => {
    for (const text of ['', 'a.b.c', 'dk-abc', 'eyJ', 'eyJ.x', 'eyJ.x.y.z', 'eyJ.x y.z', 'eyJ..', ' eyJ.x.y']) {
      expect([text, isTokenShaped(text)]).toEqual([text, false]);
    }
    const never = { recall: () => undefined, check: () => Promise.reject(new Error('asked')) };
    const keys = { identify: () => null };
    expect(new Callers(keys, never).identify(['dk-abc', 'a.b', 'a.b.c'], () => '')).toBeNull();
  });

  test('that is wrong in any way is nobody’s', async () => {
    const token = await access.tokenOf('alice');
    const claims = claimsOf(token);
    const [head = '', body = '', signature = ''] = token.split('.');
    const now = Number(claims.iat);
    const without = (name: string): Fields =>
      Object.fromEntries(Object.entries(claims).filter(([key]) => key !== name));
    const wrong: Record<string, string> = {
      'alg none': `${encoded({ alg: 'none', typ: 'JWT' })}.${body}.`,
      'alg none with the signature': `${encoded({ alg: 'none', typ: 'JWT' })}.${body}.${signature}`,
      'alg NONE': `${encoded({ alg: 'NONE' })}.${body}.`,
      'no signature': `${head}.${body}.`,
      'another body': `${head}.${encoded({ ...claims, sub: 'admin' })}.${signature}`,
      'another letter in the signature': `${head}.${body}.${signature.startsWith('A') ? 'B' : 'A'}${signature.slice(1)}`,
      'a cut signature': token.slice(0, -2),
      HS384: signed(claims, { alg: 'HS384', typ: 'JWT' }),
      HS512: signed(claims, { alg: 'HS512', typ: 'JWT' }),
      'RS256 in name': signed(claims, { alg: 'RS256', typ: 'JWT' }),
      'no alg': signed(claims, { typ: 'JWT' }),
      'another typ': signed(claims, { alg: 'HS256', typ: 'at+jwt' }),
      'a critical header that nobody knows': signed(claims, { alg: 'HS256', typ: 'JWT', crit: ['x'], x: 1 }),
      'a key of its own': signed(claims, { alg: 'HS256', typ: 'JWT', jwk: { kty: 'oct', k: 'AA' } }, Buffer.alloc(1)),
      'another secret': signed(claims, undefined, Buffer.alloc(32, 1)),
      'an empty secret': signed(claims, undefined, Buffer.alloc(0)),
      'another issuer': signed({ ...claims, iss: 'elsewhere' }),
      'a user who does not exist': signed({ ...claims, sub: 'bob' }),
      'no text for a user': signed({ ...claims, sub: { name: 'alice' } }),
      'another generation': signed({ ...claims, gen: 'x' }),
      'ended this second': signed({ ...claims, iat: now - 60, exp: now }),
      'given later than now': signed({ ...claims, iat: now + 60, exp: now + 3600 }),
      'given long ago, for long': signed({ ...claims, iat: now - 25 * 3600, exp: now + 3600 }),
      'not before tomorrow': signed({ ...claims, nbf: now + 24 * 3600 }),
      'an end that is no number': signed({ ...claims, exp: 'never' }),
      'claims that are none': signed(['alice']),
      ...Object.fromEntries(
        ['iss', 'sub', 'gen', 'jti', 'iat', 'exp'].map((name) => [`no ${name}`, signed(without(name))]),
      ),
      huge: signed({ ...claims, padding: 'x'.repeat(4000) }),
    };
    const taken: string[] = [];
    for (const [why, text] of Object.entries(wrong)) {
      expect({ why, isNew: text !== token }).toEqual({ why, isNew: true });
      for (let round = 0; round < 2; round += 1) if ((await identify(text)) !== null) taken.push(why);
    }
    expect(taken).toEqual([]);
    expect(await identify(token)).not.toBeNull();
  });

  test('ends when its day does, known or not', async () => {
    const startedAt = access.clock;
    const [known, unknown] = [await access.tokenOf('alice'), await access.tokenOf('alice')];
    await identify(known);
    access.clock = startedAt + TOKEN_LIFETIME_MS - 1000;
    expect([await identify(known), await identify(unknown)]).not.toContain(null);
    access.clock = startedAt + TOKEN_LIFETIME_MS;
    expect([await identify(known), await identify(unknown)]).toEqual([null, null]);
    access.clock = startedAt;
  });

  test('dies with its user, with the password, and does not come back with another user of that name', async () => {
    await access.users.create('dave', 'one');
    const first = await access.tokenOf('dave');
    expect(await identify(first)).toMatchObject({ name: 'dave' });
    await access.users.setPassword('dave', 'two');
    const second = await access.tokenOf('dave');
    expect([await identify(first), await identify(second)]).toMatchObject([null, { name: 'dave' }]);
    access.users.remove('dave');
    expect(await identify(second)).toBeNull();
    await access.users.create('dave', 'two');
    expect([await identify(first), await identify(second)]).toEqual([null, null]);
  });

  test('goes on with a new process on the same data, and not without its secret', async () => {
    using place = temporaryFolder('token-restart');
    let token = '';
    {
      using before = new TestAccess(place.path);
      await before.users.create('Zoë 漢字 🐑', 'x');
      token = await before.tokenOf('Zoë 漢字 🐑');
    }
    {
      using after = new TestAccess(place.path);
      expect(await after.callers.identify([token], () => '')).toMatchObject({ name: 'Zoë 漢字 🐑' });
      rmSync(after.secretPath);
    }
    using without = new TestAccess(place.path);
    expect(await without.callers.identify([token], () => '')).toBeNull();
    // To look is not to make.
    expect(existsSync(without.secretPath)).toBe(false);
    await without.tokenOf('Zoë 漢字 🐑');
    expect(await without.callers.identify([token], () => '')).toBeNull();
  });

  test('of ours is never compared with the keys that people chose, live or dead', async () => {
    using place = temporaryFolder('token-keys');
    using both = new TestAccess(place.path);
    await both.users.create('alice', 'x');
    const [live, dead] = [await both.tokenOf('alice'), await both.tokenOf('alice')];
    const asked: string[][] = [];
    const callers = new Callers(
      {
        identify: (presented) => {
          asked.push([...presented]);
          return null;
        },
      },
      both.tokens,
    );
    await callers.identify([live], () => '');
    both.users.remove('alice');
    both.clock += 2 * TOKEN_LIFETIME_MS;
    expect(await callers.identify([live, dead, 'other'], () => '')).toBeNull();
    expect(asked).toEqual([['other']]);
  });
});

describe('a refresh', () => {
  test('gives a later token for a live one, whichever it is', async () => {
    const { token } = await access.logins.login('alice', 'correct horse', '');
    access.clock += 10_000;
    const later = await access.logins.refresh(['dk-no-token', token]);
    expect(later.expiresAtMs - Number(claimsOf(token).exp) * 1000).toBe(10_000);
    expect([await identify(token), await identify(later.token)]).toMatchObject([{ name: 'alice' }, { name: 'alice' }]);
  });

  test('is refused for nothing, for a key, and for what is no token any more', async () => {
    const said = async (...presented: string[]): Promise<string> => {
      const fault = await faultOf(access.logins.refresh(presented));
      expect(fault.kind).toBe('unauthorized');
      return fault.message;
    };
    expect(await said()).toContain('needed');
    expect(await said(access.keys.create('phone', ['admin']))).toContain('A key is no token');
    expect(await said(`${await access.tokenOf('alice')}x`)).toContain('not valid');
  });

  test('a login tells by no word whether it was the name or the password', async () => {
    const said = async (name: string, password: string) => {
      const { kind, message, hint, details } = await faultOf(access.logins.login(name, password, ''));
      return { kind, message, hint, details };
    };
    const wrong = await said('alice', 'wrong');
    expect(wrong.kind).toBe('unauthorized');
    expect(await said('nobody', 'wrong')).toEqual(wrong);
  });
});

describe('the secret', () => {
  test('is 32 bytes that only the owner can read, and no other file or token has them', async () => {
    await access.tokenOf('alice');
    expect(statSync(access.secretPath).mode & 0o777).toBe(0o600);
    const bytes = readFileSync(access.secretPath);
    expect(bytes.byteLength).toBe(32);
    expect(readdirSync(folder).filter((name) => name.includes('token-secret'))).toEqual(['token-secret']);
    for (const name of readdirSync(folder).filter((each) => each !== 'token-secret')) {
      expect(readFileSync(join(folder, name)).includes(bytes)).toBe(false);
    }
  });

  test('is one, though many processes make the first token at once', async () => {
    using place = temporaryFolder('token-race');
    openStore(join(place.path, 'drover.sqlite'), ACCESS_MIGRATIONS)[Symbol.dispose]();
    const program = `
      const { openStore } = await import(${JSON.stringify(join(import.meta.dir, '../../src/base/store.ts'))});
      const { TokenSecret } = await import(${JSON.stringify(join(import.meta.dir, '../../src/access/token-secret.ts'))});
      const [folder] = process.argv.slice(1);
      const store = openStore(folder + '/drover.sqlite', []);
      const secret = new TokenSecret(folder + '/token-secret', store);
      if (secret.get() !== null) throw new Error('somebody was early');
      process.stdout.write('ready');
      await Bun.stdin.text();
      process.stdout.write(Buffer.from(secret.obtain()).toString('hex'));`;
    const children = Array.from({ length: 4 }, () =>
      Bun.spawn([process.execPath, '-e', program, place.path], { stdin: 'pipe', stdout: 'pipe', stderr: 'inherit' }),
    );
    const readers = children.map((child) => child.stdout.getReader());
    const text = async (reader: (typeof readers)[number]): Promise<string> =>
      new TextDecoder().decode((await reader.read()).value);
    expect(await Promise.all(readers.map(text))).toEqual(['ready', 'ready', 'ready', 'ready']);
    for (const child of children) child.stdin.end();
    const secrets = await Promise.all(readers.map(text));
    await Promise.all(children.map((child) => child.exited));
    expect(new Set(secrets)).toEqual(new Set([readFileSync(join(place.path, 'token-secret')).toString('hex')]));
  });

  test('that is cut short is told, and not written over', () => {
    using place = temporaryFolder('token-cut');
    using store = openStore(':memory:', []);
    const path = join(place.path, 'token-secret');
    writeFileSync(path, 'short');
    const secret = new TokenSecret(path, store);
    expect(thrownBy(() => secret.obtain())).toMatchObject({ kind: 'not_writable' });
    expect(readFileSync(path, 'utf8')).toBe('short');
  });
});
