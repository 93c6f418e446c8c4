import { afterAll, beforeAll, describe, expect, test } from 'bun:test';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Log } from '../../src/base/log.ts';
import { EngineClient } from '../../src/engine/client.ts';
import { EngineProcess } from '../../src/engine/process.ts';
import { testEngine } from '../fixtures/engine.ts';
import { faultOf } from '../fixtures/fault-of.ts';
import { tinyLlama } from '../fixtures/tiny-models.ts';

describe('a real engine', () => {
  let folder = '';
  let engine: EngineProcess;
  let client: EngineClient;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'drover-client-'));
    const build = await testEngine();
    const model = join(folder, 'tiny.gguf');
    await Bun.write(model, tinyLlama());
    const args = ['-m', model, '--host', '127.0.0.1', '--port', '0', '--no-ui', '--offline', '-np', '2', '-c', '512'];
    engine = new EngineProcess(
      {
        name: 'tiny',
        argv: [...build.launch, ...args, '--cache-ram', '0'],
        environment: { PATH: process.env.PATH ?? '', ...build.environment, LLAMA_API_KEY: 'k' },
        workingFolder: folder,
        host: '127.0.0.1',
        portNumber: null,
        healthPath: '/health',
        apiKey: 'k',
        readyTimeoutMs: 20_000,
        stopTimeoutMs: 5000,
        stopCommand: null,
      },
      { onState: () => undefined, onLine: () => undefined, log: new Log() },
    );
    const { baseUrl } = await engine.ensureReady();
    client = new EngineClient({ baseUrl, apiKey: 'k', name: 'tiny' });
  });
  afterAll(async () => {
    await engine.stop({ force: true });
    await rm(folder, { recursive: true, force: true });
  });

  test('tells its properties, slots and tokens', async () => {
    expect(await client.isHealthy()).toBe(true);
    const props = await client.props();
    expect(props).toMatchObject({ slotCount: 2, contextTokens: 256, hasVision: false, isSleeping: false });
    expect(props.modelPath).toBe(join(folder, 'tiny.gguf'));
    expect(props.buildInfo).toMatch(/\d/);
    const slots = await client.slots();
    expect(slots).toHaveLength(2);
    expect(slots[0]).toEqual({ id: 0, contextTokens: 256, isProcessing: false });
    expect((await client.tokenize('the sea, grüße')).length).toBeGreaterThan(3);
  });

  test('refuses in its own words', async () => {
    expect((await faultOf(client.metrics())).kind).toBe('not_supported');
    const stranger = new EngineClient({ baseUrl: engine.baseUrl ?? '', apiKey: 'wrong', name: 'tiny' });
    const fault = await faultOf(stranger.slots());
    expect(fault.kind).toBe('bad_gateway');
    expect(fault.message).toContain('401');
  });
});

describe('an engine that misbehaves', () => {
  test('hangs after its headers: cut at the deadline, or by the caller', async () => {
    using server = Bun.serve({
      hostname: '127.0.0.1',
      port: 0,
      idleTimeout: 0,
      fetch: () => new Response(new ReadableStream({ start: (controller) => controller.enqueue(Buffer.from('{')) })),
    });
    const client = new EngineClient({ baseUrl: `http://127.0.0.1:${server.port}`, apiKey: null, timeoutMs: 100 });
    expect((await faultOf(client.props())).message).toContain('within 100 ms');
    expect(await client.isHealthy()).toBe(false);
    const leaving = new AbortController();
    const asking = client.slots(leaving.signal);
    leaving.abort(new Error('gone'));
    await expect(asking).rejects.toThrow('gone');
  });

  test('answers with something else, too much, or not at all', async () => {
    const answers = ['<html>', 'null', '[]', '"text"', `"${'x'.repeat(33 * 1024 * 1024)}"`];
    using server = Bun.serve({ hostname: '127.0.0.1', port: 0, fetch: () => new Response(answers.shift() ?? '{}') });
    const client = new EngineClient({ baseUrl: `http://127.0.0.1:${server.port}`, apiKey: null });
    expect((await faultOf(client.slots())).kind).toBe('bad_gateway');
    expect((await faultOf(client.props())).kind).toBe('bad_gateway');
    expect((await client.props()).slotCount).toBeNull();
    expect((await faultOf(client.tokenize('a'))).kind).toBe('bad_gateway');
    expect((await faultOf(client.metrics())).message).toContain('more than');
    await server.stop(true);
    expect((await faultOf(client.props())).kind).toBe('bad_gateway');
    expect(await client.isHealthy()).toBe(false);
  });
});
