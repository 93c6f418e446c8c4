// `drover serve` where it hurts, on the compiled executable: first requests before there is an engine, signals, a full disk.
import { describe, expect, test } from 'bun:test';
import { chmodSync, existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { DroverStatus } from '../src/core/drover.ts';
import type { Instance } from '../src/core/vocabulary.ts';
import { processesWith, type RunningDrover, startDrover, temporaryFolder } from './fixtures/drover.ts';
import { testEngine } from './fixtures/engine.ts';
import { isAlive } from './fixtures/house.ts';
import { tinyLlama } from './fixtures/tiny-models.ts';

const post = (drover: RunningDrover, model: string, more: Record<string, unknown> = {}, signal?: AbortSignal) =>
  drover.request('/v1/chat/completions', {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ model, messages: [{ role: 'user', content: 'the water' }], max_tokens: 4, ...more }),
    ...(signal === undefined ? {} : { signal }),
  });
const instances = async (drover: RunningDrover): Promise<readonly Instance[]> =>
  (await drover.json<{ instances: Instance[] }>('/drover/instances')).instances;

/** An engine that answers its first question only when the gate is opened. */
async function gatedEngine(folder: string): Promise<{ readonly path: string; open(): void }> {
  const { launch } = await testEngine();
  const gate = join(folder, 'gate');
  expect(Bun.spawnSync(['mkfifo', gate]).exitCode).toBe(0);
  const path = join(folder, 'llama-server');
  const words = launch.map((word) => `'${word.replaceAll("'", "'\\''")}'`).join(' ');
  writeFileSync(path, `#!/bin/sh\n[ "$1" = --version ] && cat '${gate}' >/dev/null\nexec ${words} "$@"\n`);
  chmodSync(path, 0o755);
  return { path, open: () => writeFileSync(gate, 'go\n') };
}

describe('first requests', () => {
  test('wait while the engine is being settled, and all are answered by one process; who leaves leaves alone', async () => {
    using folder = temporaryFolder('gated');
    using models = temporaryFolder('first');
    writeFileSync(join(models.path, 'first.gguf'), tinyLlama({ name: 'First' }));
    const engine = await gatedEngine(folder.path);
    await using drover = await startDrover({ engine: engine.path, modelsFolders: [models.path] });
    let answered = 0;
    const asked = [1, 2, 3, 4, 5].map(async () => {
      const response = await post(drover, 'first');
      answered += 1;
      return response;
    });
    const controller = new AbortController();
    const leaver = post(drover, 'first', {}, controller.signal).catch((thrown: unknown) => thrown);
    // Everything else is served meanwhile, and nobody was told that there is no engine.
    const status = await drover.json<DroverStatus>('/drover/status');
    expect(status).toMatchObject({ engine: null, engineFailure: null });
    expect((await drover.request('/v1/models')).status).toBe(200);
    expect(answered).toBe(0);
    controller.abort();
    expect(await leaver).toBeInstanceOf(Error);
    engine.open();
    const responses = await Promise.all(asked);
    expect(responses.map((response) => response.status)).toEqual([200, 200, 200, 200, 200]);
    await Promise.all(responses.map((response) => response.text()));
    const [only, ...others] = await instances(drover);
    expect(others).toEqual([]);
    expect(only).toMatchObject({ state: 'ready', requestsInFlight: 0, requestsQueued: 0 });
    expect(processesWith(join(models.path, 'first.gguf')).filter((pid) => pid === only?.pid)).toEqual([only?.pid ?? 0]);
  });

  test('an engine that cannot be had is said at once to whoever asks, and one that is brought later is taken up', async () => {
    using data = temporaryFolder('none');
    using models = temporaryFolder('none-models');
    writeFileSync(join(models.path, 'first.gguf'), tinyLlama({ name: 'First' }));
    await using drover = await startDrover({
      engine: null,
      dataFolder: data.path,
      modelsFolders: [models.path],
      args: ['--offline'],
    });
    const refused = await post(drover, 'first');
    expect(refused.status).toBe(503);
    expect(await refused.text()).toContain('drover engine install');
    expect((await drover.json<DroverStatus>('/drover/status')).engineFailure).toContain('offline');
    const installed = await drover.cli('engine', 'install', (await testEngine()).folder);
    expect(installed.exitCode).toBe(0);
    expect((await post(drover, 'first')).status).toBe(200);
    expect((await drover.json<DroverStatus>('/drover/status')).engineFailure).toBeNull();
  });
});

describe('signals', () => {
  test('SIGHUP reads the configuration again: nothing that is the same restarts, a wrong file changes nothing', async () => {
    using data = temporaryFolder('hup');
    const model = join(data.path, 'one.gguf');
    const settings = join(data.path, 'elsewhere', 'settings.yaml');
    mkdirSync(join(data.path, 'elsewhere'));
    writeFileSync(model, tinyLlama({ name: 'One' }));
    const write = (more: string): void =>
      writeFileSync(settings, `models:\n  one:\n    file: ${JSON.stringify(model)}\n${more}`);
    write('');
    await using drover = await startDrover({ dataFolder: data.path, args: ['--config', settings] });
    const stream = await post(drover, 'one', { stream: true, max_tokens: 3000, ignore_eos: true });
    const pid = (await instances(drover))[0]?.pid;
    drover.kill('SIGHUP');
    await drover.waitForLine(/configuration read again.*SIGHUP/);
    write('    ttl: 77\n');
    drover.kill('SIGHUP');
    await untilTtl(drover, 77_000);
    writeFileSync(settings, 'models: [1, 2\n');
    drover.kill('SIGHUP');
    await drover.waitForLine(/error.*settings\.yaml:/);
    expect(await stream.text()).toContain('data: [DONE]');
    expect((await instances(drover))[0]).toMatchObject({ pid, ttlMs: 77_000, state: 'ready' });
  });

  test('the second signal does not wait for a stream', async () => {
    using data = temporaryFolder('twice');
    const model = join(data.path, 'one.gguf');
    writeFileSync(model, tinyLlama({ name: 'One' }));
    writeFileSync(join(data.path, 'config.yaml'), `models:\n  one:\n    file: ${JSON.stringify(model)}\n`);
    await using drover = await startDrover({ dataFolder: data.path });
    const stream = await post(drover, 'one', { stream: true, max_tokens: 1_000_000, ignore_eos: true });
    const reader = stream.body?.getReader();
    await reader?.read();
    const [instance] = await instances(drover);
    drover.kill('SIGTERM');
    await drover.waitForLine(/stopping.*SIGTERM/);
    expect(isAlive(instance?.pid ?? 0)).toBe(true);
    drover.kill('SIGINT');
    expect(await drover.exited).toBe(130);
    expect(isAlive(instance?.pid ?? 0)).toBe(false);
    await reader?.cancel().catch(() => undefined);
  });
});

/** Reading a file takes a moment; the log line is the same each time. */
async function untilTtl(drover: RunningDrover, ttlMs: number): Promise<void> {
  const late = AbortSignal.timeout(5000);
  while ((await instances(drover))[0]?.ttlMs !== ttlMs) late.throwIfAborted();
}

/** A file system of a few megabytes, where this user may make one. */
function smallDisk(path: string): boolean {
  if (process.platform !== 'linux') return false;
  return Bun.spawnSync(['mount', '-t', 'tmpfs', '-o', 'size=4m', 'tmpfs', path], { stderr: 'ignore' }).exitCode === 0;
}

describe('a full disk', () => {
  const probe = temporaryFolder('may-mount');
  const mayMount = smallDisk(probe.path);
  if (mayMount) Bun.spawnSync(['umount', probe.path]);
  probe[Symbol.dispose]();

  test.if(mayMount)(
    'in the data folder: what runs serves on, models load and leave, and the next start says why not',
    async () => {
      using data = temporaryFolder('full');
      using models = temporaryFolder('full-models');
      writeFileSync(join(models.path, 'one.gguf'), tinyLlama({ name: 'One' }));
      expect(smallDisk(data.path)).toBe(true);
      try {
        const drover = await startDrover({ dataFolder: data.path, modelsFolders: [models.path] });
        try {
          await drover.waitForLine(/engine ready/);
          fill(data.path);
          for (let round = 0; round < 2; round += 1) {
            const response = await post(drover, 'one');
            expect(response.status).toBe(200);
            await response.text();
            expect((await instances(drover))[0]).toMatchObject({ state: 'ready', verdict: { outcome: 'as_planned' } });
            expect((await drover.cli('stop', 'one')).exitCode).toBe(0);
          }
          expect(processesWith(join(models.path, 'one.gguf'))).toEqual([]);
          const set = await drover.cli('config', 'set', 'ttl', '9');
          expect(set.exitCode).toBe(9);
          expect(set.stderr).toContain('disk is full');
          expect(existsSync(join(data.path, 'config.yaml'))).toBe(false);
          drover.kill('SIGTERM');
          expect(await drover.exited).toBe(0);
        } finally {
          await drover[Symbol.asyncDispose]();
        }
        const second = await startDrover({ dataFolder: data.path }).then(
          async (started) => {
            await started[Symbol.asyncDispose]();
            return 'it started';
          },
          (thrown: unknown) => String(thrown),
        );
        expect(second).toMatch(/ended \(9\).*\n.*disk is full/s);
        rmSync(join(data.path, 'fill-65536-0'));
        await using again = await startDrover({ dataFolder: data.path, modelsFolders: [models.path] });
        expect((await post(again, 'one')).status).toBe(200);
      } finally {
        expect(Bun.spawnSync(['umount', data.path]).exitCode).toBe(0);
      }
    },
  );
});

/** Leaves not one page. */
function fill(folder: string): void {
  for (const size of [65_536, 4096]) {
    try {
      for (let count = 0; ; count += 1) writeFileSync(join(folder, `fill-${size}-${count}`), new Uint8Array(size));
    } catch {
      // Full.
    }
  }
}
