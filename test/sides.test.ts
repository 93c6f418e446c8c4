// Whose request it is, on the executable: a port of its own, a prefix, a header; with the same guard on all of them.
import { afterAll, beforeAll, describe, expect, test } from 'bun:test';
import { writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { cleanEnvironment, cli, type RunningDrover, startDrover, temporaryFolder } from './fixtures/drover.ts';
import { eventually, startLine } from './fixtures/restarts.ts';

/** A port that was free a moment ago. */
async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  if (address === null || typeof address === 'string') throw new Error('no port');
  return address.port;
}

const keysOf = async (response: Response): Promise<string[]> => Object.keys((await response.json()) as object).sort();
const CODED = ['code', 'details', 'error'];
const COUNTED = ['details', 'message', 'status'];

describe('whose request it is', () => {
  let drover: RunningDrover;
  let llamactl: string;
  let obt: string;
  beforeAll(async () => {
    const [first, second] = [await freePort(), await freePort()];
    llamactl = `http://127.0.0.1:${first}`;
    obt = `http://127.0.0.1:${second}`;
    drover = await startDrover({ args: ['--also-listen', `${first}=llamactl`, '--also-listen', `${second}=obt`] });
  });
  afterAll(() => drover[Symbol.asyncDispose]());

  test('a port of its own: unknown paths in its envelope, everybody’s paths as everywhere', async () => {
    const missing = await fetch(`${llamactl}/nothing`);
    expect(missing.status).toBe(404);
    expect(await keysOf(missing)).toEqual(CODED);
    expect(await keysOf(await fetch(`${obt}/nothing`))).toEqual(COUNTED);
    expect(await keysOf(await fetch(`${drover.url}/nothing`))).toEqual(['error']);
    expect((await fetch(`${llamactl}/health`)).status).toBe(200);
    expect(await (await fetch(`${obt}/v1/models`)).json()).toHaveProperty('data');
    expect(await keysOf(await fetch(`${llamactl}/v1/models/nothing`))).toEqual(['error']);
  });

  test('a prefix and a header do the same on the main port; a prefix beats the port, a wrong name is refused', async () => {
    expect(await keysOf(await drover.request('/dialect/llamactl/nothing'))).toEqual(CODED);
    expect(await keysOf(await drover.request('/nothing', { headers: { 'x-api-dialect': 'obt' } }))).toEqual(COUNTED);
    expect(await keysOf(await fetch(`${obt}/dialect/llamactl/nothing`))).toEqual(CODED);
    expect(await (await drover.request('/dialect/obt/health')).text()).toBe('OK');
    const unknown = await drover.request('/dialect/nobody/health');
    expect(unknown.status).toBe(404);
    const wrong = await drover.request('/health', { headers: { 'x-api-dialect': 'nobody' } });
    expect(wrong.status).toBe(400);
    expect(JSON.stringify(await wrong.json())).toContain('beautyai');
  });

  test('no door leads around the guard', async () => {
    for (const base of [llamactl, `${drover.url}/dialect/obt`]) {
      const foreign = await fetch(`${base}/drover/status`, { headers: { host: 'evil.example' } });
      expect(foreign.status).toBe(403);
      const page = await fetch(`${base}/unload`, { headers: { origin: 'https://evil.example' } });
      expect(page.status).toBe(403);
    }
    const key = JSON.parse((await drover.cli('keys', 'add', 'narrow', '--scopes', 'chat', '--json')).stdout) as {
      key: string;
    };
    try {
      for (const base of [llamactl, obt, `${drover.url}/dialect/obt`, `${drover.url}/dialect/drover`]) {
        await eventually(
          async () => (await fetch(`${base}/drover/status`)).status === 401,
          () => `${base} asks for no key`,
        );
        const narrow = await fetch(`${base}/drover/status`, { headers: { authorization: `Bearer ${key.key}` } });
        expect(narrow.status).toBe(403);
      }
    } finally {
      await drover.cli('keys', 'rm', 'narrow');
    }
  });
});

describe('ports', () => {
  test('are there again after a hard restart, and what was begun on them ends', async () => {
    const port = await freePort();
    await using line = await startLine({ args: ['--also-listen', `${port}=llamactl`] });
    const url = `http://127.0.0.1:${port}`;
    const feed = await fetch(`${url}/drover/events`);
    await line.restart();
    expect(await keysOf(await fetch(`${url}/nothing`))).toEqual(CODED);
    // It ended with the old server, and was not cut before that.
    await feed.text().catch(() => 'cut');
    await line.alone();
    expect((await fetch(`${url}/health`)).status).toBe(200);
  });

  test('one that is taken or makes no sense stops the start, and says which', async () => {
    using data = temporaryFolder('sides');
    const holder = createServer();
    await new Promise<void>((resolve) => holder.listen(0, '127.0.0.1', resolve));
    const address = holder.address();
    const taken = typeof address === 'object' && address !== null ? address.port : 0;
    const env = cleanEnvironment(data.path);
    const serve = (side: string) => cli(['serve', '--listen', '127.0.0.1:0', '--also-listen', side], env);
    try {
      const refused = await serve(`${taken}=obt`);
      expect(refused.exitCode).toBe(8);
      expect(refused.stderr).toContain(String(taken));
      for (const side of ['8080', 'x=obt', '99999=obt', '8080=nobody']) {
        const wrong = await serve(side);
        expect({ side, exitCode: wrong.exitCode }).toEqual({ side, exitCode: 10 });
      }
      writeFileSync(join(data.path, 'config.yaml'), 'alsoListen: ["8080=nobody"]\n');
      expect((await cli(['serve', '--listen', '127.0.0.1:0'], env)).exitCode).toBe(10);
    } finally {
      await new Promise((resolve) => holder.close(resolve));
    }
  });
});
