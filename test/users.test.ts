// Users on the compiled executable: what one process changes counts in another, tokens outlive every kind of restart, and no
// password or token is left lying about.
import { describe, expect, test } from 'bun:test';
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { SCOPES } from '../src/access/scopes.ts';
import { cleanEnvironment, cli, type RunningDrover, startDrover, temporaryFolder } from './fixtures/drover.ts';
import { eventually, startLine } from './fixtures/restarts.ts';

interface Token {
  readonly token: string;
  readonly expires_at: string;
}

const login = (drover: RunningDrover, username: string, password: string): Promise<Response> =>
  drover.request('/api/auth/login', {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ username, password }),
  });

async function tokenOf(drover: RunningDrover, username: string, password: string): Promise<string> {
  const answer = await login(drover, username, password);
  const text = await answer.text();
  if (answer.status !== 200) throw new Error(`${answer.status} ${text}`);
  return (JSON.parse(text) as Token).token;
}

async function statusOf(drover: RunningDrover, path: string, token?: string): Promise<number> {
  const headers = token === undefined ? {} : { authorization: `Bearer ${token}` };
  const answer = await drover.request(path, { headers });
  await answer.arrayBuffer();
  return answer.status;
}

/** Asks again and again. */
async function untilStatus(drover: RunningDrover, path: string, token: string | undefined, status: number) {
  const startedAt = performance.now();
  while ((await statusOf(drover, path, token)) !== status) {
    if (performance.now() - startedAt > 5000) throw new Error(`${path} is never ${status}`);
  }
}

const usersIn =
  (folder: string) =>
  (words: readonly string[], stdin = '') =>
    cli(['users', ...words], cleanEnvironment(folder), stdin);

function filesWith(folder: string, secrets: readonly string[]): string[] {
  const names = readdirSync(folder, { recursive: true, encoding: 'utf8' });
  expect(names.filter((name) => name.endsWith('drover.sqlite')).length).toBe(1);
  return names.filter((name) => {
    const path = join(folder, name);
    return statSync(path).isFile() && secrets.some((secret) => readFileSync(path).includes(secret));
  });
}

describe('drover users', () => {
  test('add, ls, passwd and rm work on a data directory that no server has seen', async () => {
    using data = temporaryFolder('users-cli');
    const run = usersIn(join(data.path, 'new'));
    expect(JSON.parse((await run(['ls', '--json'])).stdout)).toEqual([]);
    const made = await run(['add', 'alice', '--password-stdin', '--json'], 'correct horse\n');
    expect(JSON.parse(made.stdout)).toEqual({ name: 'alice', scopes: ['admin'] });
    const plain = await run(['add', 'Zoë', '--scopes', 'chat, model_read', '--password-stdin'], 'battery staple');
    expect([plain.exitCode, plain.stdout]).toEqual([0, '']);
    expect(plain.stderr).toContain('chat, model_read');
    expect(JSON.parse((await run(['ls', '--json'])).stdout)).toEqual([
      { name: 'Zoë', scopes: ['chat', 'model_read'], createdAt: expect.any(Number) },
      { name: 'alice', scopes: ['admin'], createdAt: expect.any(Number) },
    ]);
    expect((await run(['ls'])).stdout).toContain('Zoë');

    const twice = await run(['add', 'alice', '--password-stdin', '--json'], 'x');
    expect([twice.exitCode, JSON.parse(twice.stderr).error.code]).toEqual([4, 'conflict']);
    const wrong = await run(['add', 'bob', '--scopes', 'fly', '--password-stdin'], 'x');
    expect(wrong.exitCode).toBe(2);
    for (const scope of SCOPES) expect(wrong.stderr).toContain(scope);
    const unasked = await run(['add', 'bob']);
    expect([unasked.exitCode, unasked.stderr.includes('--password-stdin')]).toEqual([2, true]);
    for (const words of [['add'], ['frobnicate'], ['add', 'bob', '--password-stdin']]) {
      expect((await run(words)).exitCode).toBe(2);
    }
    expect((await run(['passwd', 'bob', '--password-stdin'], 'x')).exitCode).toBe(3);
    expect((await run(['rm', 'bob'])).exitCode).toBe(3);
    expect((await run(['passwd', 'alice', '--password-stdin'], 'tr0ub4dor')).exitCode).toBe(0);

    expect((await run(['rm', 'Zoë'])).stderr).not.toContain('last');
    expect((await run(['rm', 'alice'])).stderr).toContain('without a key');
    expect(JSON.parse((await run(['ls', '--json'])).stdout)).toEqual([]);
    expect(filesWith(data.path, ['correct horse', 'battery staple', 'tr0ub4dor'])).toEqual([]);
  });

  test('made on a running server: log in, call, a new password, gone; the lock comes and goes with the last', async () => {
    await using drover = await startDrover({ args: ['--log-level', 'debug'] });
    const run = usersIn(drover.dataFolder);
    expect(await statusOf(drover, '/v1/models')).toBe(200);
    await run(['add', 'alice', '--password-stdin'], 'correct horse');
    await untilStatus(drover, '/v1/models', undefined, 401);
    const first = await tokenOf(drover, 'alice', 'correct horse');
    expect(await statusOf(drover, '/v1/models', first)).toBe(200);
    expect(await statusOf(drover, `/v1/models?api_key=${first}`)).toBe(200);
    const refreshed = await drover.request('/api/auth/refresh', {
      method: 'POST',
      headers: { authorization: `Bearer ${first}` },
    });
    const { token: later, expires_at } = (await refreshed.json()) as Token;
    expect(expires_at).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/);
    expect(await statusOf(drover, '/v1/models', later)).toBe(200);

    await run(['passwd', 'alice', '--password-stdin'], 'battery staple');
    await untilStatus(drover, '/v1/models', first, 401);
    expect(await statusOf(drover, '/v1/models', later)).toBe(401);
    expect((await login(drover, 'alice', 'correct horse')).status).toBe(401);
    const second = await tokenOf(drover, 'alice', 'battery staple');
    await run(['add', 'reader', '--scopes', 'chat', '--password-stdin'], 'x');
    await run(['rm', 'alice']);
    await untilStatus(drover, '/v1/models', second, 401);
    await run(['add', 'alice', '--password-stdin'], 'battery staple');
    const third = await tokenOf(drover, 'alice', 'battery staple');
    expect([await statusOf(drover, '/v1/models', third), await statusOf(drover, '/v1/models', second)]).toEqual([
      200, 401,
    ]);
    // The command line itself gets in, whatever users there are.
    expect((await drover.cli('status', '--json')).exitCode).toBe(0);
    const secrets = ['correct horse', 'battery staple', first, later, second, third];
    for (const secret of secrets) expect(drover.log()).not.toContain(secret);
    expect(filesWith(drover.dataFolder, secrets)).toEqual([]);
    expect(statSync(join(drover.dataFolder, 'token-secret')).mode & 0o077).toBe(0);
    await run(['rm', 'alice']);
    await run(['rm', 'reader']);
    await untilStatus(drover, '/v1/models', undefined, 200);
  });

  test('the sixth login of a minute is refused on this machine too; what nobody needs a key for is not limited', async () => {
    await using drover = await startDrover();
    for (let index = 0; index < 5; index += 1) expect((await login(drover, 'nobody', `x${index}`)).status).toBe(401);
    const sixth = await login(drover, 'nobody', 'x');
    expect(sixth.status).toBe(429);
    expect(Number(sixth.headers.get('retry-after'))).toBeGreaterThan(0);
    expect(await sixth.json()).toMatchObject({ code: 'RATE_LIMITED' });
    for (let index = 0; index < 110; index += 1) {
      const answer = await drover.request('/api/instances');
      await answer.arrayBuffer();
      expect([answer.status, answer.headers.get('x-ratelimit-remaining')]).toEqual([200, '100']);
    }
  });

  test('with a token the 101st request and the 11th heavy one are refused, and tell when to come again', async () => {
    using data = temporaryFolder('users-rate');
    await usersIn(data.path)(['add', 'alice', '--password-stdin'], 'x');
    await using drover = await startDrover({ dataFolder: data.path });
    const token = await tokenOf(drover, 'alice', 'x');
    for (const [method, path, limit] of [
      ['GET', '/api/instances', 100],
      ['POST', '/api/instances', 10],
    ] as const) {
      const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' };
      const ask = () => drover.request(path, { method, headers, ...(method === 'POST' ? { body: '{}' } : {}) });
      for (let left = limit - 1; left >= 0; left -= 1) {
        const answer = await ask();
        await answer.arrayBuffer();
        expect([answer.status === 429, answer.headers.get('x-ratelimit-remaining')]).toEqual([false, String(left)]);
      }
      const refused = await ask();
      const reset = Number(refused.headers.get('x-ratelimit-reset')) * 1000;
      expect([refused.status, refused.headers.get('x-ratelimit-limit')]).toEqual([429, String(limit)]);
      expect(reset - Date.now()).toBeLessThanOrEqual(61_000);
      expect(Number(refused.headers.get('retry-after'))).toBeLessThanOrEqual(60);
      expect(await refused.json()).toMatchObject({ code: 'RATE_LIMITED' });
    }
    expect(await statusOf(drover, '/v1/models', token)).toBe(200);
  });
});

test('a token goes on after a soft restart, a hard one, and in a new process on the same data', async () => {
  using data = temporaryFolder('users-restart');
  await usersIn(data.path)(['add', 'alice', '--password-stdin'], 'x');
  let token = '';
  {
    await using line = await startLine({ dataFolder: data.path });
    const drover = line.first;
    token = await tokenOf(drover, 'alice', 'x');
    const restart = (path: string): Promise<Response> =>
      drover.request(path, { method: 'POST', headers: { authorization: `Bearer ${token}` } });
    expect((await restart('/api/server/restart')).status).toBe(200);
    expect(await statusOf(drover, '/v1/models', token)).toBe(200);
    const before = line.pid();
    expect((await restart('/api/server/restart/hard')).status).toBe(200);
    await eventually(() => line.pid() !== before && line.pid() !== 0, drover.log);
    await line.until(/what was begun here ends here/);
    expect(await statusOf(drover, '/v1/models', token)).toBe(200);
    expect(await statusOf(drover, '/v1/models', `${token}x`)).toBe(401);
  }
  await using again = await startDrover({ dataFolder: data.path });
  expect(await statusOf(again, '/v1/models', token)).toBe(200);
});

describe('a server that is asked for logins', () => {
  test('with --auth a user is made, shown once, and needed by everybody but this machine’s command line', async () => {
    using data = temporaryFolder('users-auth');
    let password = '';
    {
      await using drover = await startDrover({ args: ['--auth'], dataFolder: data.path });
      password = /password {2}(\S+)/.exec(drover.log())?.[1] ?? '';
      expect(password.length).toBe(24);
      expect(drover.log()).toMatch(/user {6}admin\n/);
      expect(drover.log()).toContain('drover keys add NAME');
      expect(drover.log()).not.toContain('dk-');
      expect(await statusOf(drover, '/health')).toBe(200);
      expect(await statusOf(drover, '/v1/models')).toBe(401);
      const token = await tokenOf(drover, 'admin', password);
      expect(await statusOf(drover, '/drover/logs', token)).toBe(200);
      expect((await drover.cli('ps', '--json')).exitCode).toBe(0);
      const { key } = JSON.parse((await drover.cli('keys', 'add', 'program', '--json')).stdout) as { key: string };
      await untilStatus(drover, '/v1/models', key, 200);
      expect(filesWith(data.path, [password, token])).toEqual([]);
    }
    await using again = await startDrover({ args: ['--auth'], dataFolder: data.path });
    expect(again.log()).not.toContain('password');
    expect(await statusOf(again, '/v1/models', await tokenOf(again, 'admin', password))).toBe(200);
  });

  test('reachable by other machines too, it makes a key and a user; with a key at hand, neither', async () => {
    {
      await using drover = await startDrover({ args: ['--auth', '--listen', '0.0.0.0:0'] });
      const key = /dk-[\w-]{43}/.exec(drover.log())?.[0];
      const password = /password {2}(\S+)/.exec(drover.log())?.[1] ?? '';
      expect(await statusOf(drover, '/v1/models', key)).toBe(200);
      expect(await statusOf(drover, '/v1/models', await tokenOf(drover, 'admin', password))).toBe(200);
    }
    using data = temporaryFolder('users-key');
    await cli(['keys', 'add', 'mine'], cleanEnvironment(data.path));
    await using drover = await startDrover({ args: ['--auth'], dataFolder: data.path });
    expect(drover.log()).not.toMatch(/password|dk-/);
    expect(JSON.parse((await drover.cli('users', 'ls', '--json')).stdout)).toEqual([]);
  });
});
