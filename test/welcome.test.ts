// The server as a whole, on the compiled executable: findings, live figures among the events, how far a first visit has
// come, and what to get first.
import { afterAll, beforeAll, describe, expect, test } from 'bun:test';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Finding } from '../src/core/finding.ts';
import type { VisitState } from '../src/core/first-visit.ts';
import type { InstanceFigures } from '../src/core/machine-samples.ts';
import type { RecommendedModels } from '../src/core/recommended.ts';
import { type RunningDrover, startDrover, temporaryFolder } from './fixtures/drover.ts';
import { type FakeHub, startHub } from './fixtures/hub/server.ts';
import { eventually } from './fixtures/restarts.ts';
import { tinyLlama } from './fixtures/tiny-models.ts';

interface Frame {
  readonly id: string | null;
  readonly event: string;
  readonly data: Record<string, unknown>;
}

/** Reads frames of a kind until `count` are there, then leaves. */
async function framesOf(server: RunningDrover, path: string, event: string, count: number): Promise<Frame[]> {
  const left = new AbortController();
  const answer = await server.request(path, { signal: left.signal });
  const decoder = new TextDecoder();
  const found: Frame[] = [];
  let text = '';
  for await (const bytes of answer.body ?? []) {
    text += decoder.decode(bytes, { stream: true });
    const parts = text.split('\n\n');
    text = parts.pop() ?? '';
    for (const part of parts) {
      const field = (name: string): string | null => new RegExp(`^${name}: (.*)$`, 'm').exec(part)?.[1] ?? null;
      if (field('event') !== event) continue;
      found.push({ id: field('id'), event, data: JSON.parse(field('data') ?? '{}') as Record<string, unknown> });
    }
    if (found.length >= count) break;
  }
  left.abort();
  return found;
}

describe('with an engine and a model', () => {
  const models = temporaryFolder('welcome');
  let drover: RunningDrover;
  beforeAll(async () => {
    writeFileSync(join(models.path, 'talker.gguf'), tinyLlama({ name: 'Talker' }));
    writeFileSync(join(models.path, 'broken.gguf'), 'no model');
    writeFileSync(join(models.path, 'other.txt'), '');
    drover = await startDrover({ modelsFolders: [models.path] });
    await drover.waitForLine(/engine ready/);
  });
  afterAll(async () => {
    await drover?.[Symbol.asyncDispose]();
    models[Symbol.dispose]();
  });

  test('findings: the worst first, each with an id; the same as the verb’s', async () => {
    const { findings } = await drover.json<{ findings: Finding[] }>('/drover/doctor');
    const ids = findings.map(({ id }) => id);
    expect(ids).toContain('engine-good');
    expect(ids).toContain('models-usable');
    expect(ids).toContain('config-good');
    const broken = findings.find(({ id }) => id === 'model-broken');
    expect(broken).toMatchObject({ severity: 'warning', topic: 'models', subject: expect.stringMatching(/broken/) });
    const weights = ['error', 'warning', 'note', 'ok'];
    const order = findings.map(({ severity }) => weights.indexOf(severity));
    expect(order).toEqual(order.toSorted((left, right) => left - right));
    const { stdout } = await drover.cli('doctor', '--json');
    const said = (JSON.parse(stdout) as Finding[]).map(({ id }) => id);
    expect(said).toContain('server-running');
    expect(said).toContain('config-good');
  });

  test('figures come among the events, without a sequence; a period is checked', async () => {
    const [first, second] = await framesOf(drover, '/drover/events?samples=500', 'machine.sample', 2);
    expect(first?.id).toBeNull();
    expect(first?.data).toMatchObject({ type: 'machine.sample', cpuRatio: null, gpus: expect.any(Array) });
    expect(second?.data.memory).toMatchObject({ totalBytes: expect.any(Number), usedBytes: expect.any(Number) });
    expect(Number(second?.data.at)).toBeGreaterThan(Number(first?.data.at));
    for (const wrong of ['2', '499', '60001', 'often']) {
      expect([wrong, (await drover.request(`/drover/events?samples=${wrong}`)).status]).toEqual([wrong, 400]);
    }
  });

  test('figures tell of the models at work', async () => {
    const { id } = (
      await drover.json<{ models: { id: string; failure: string | null }[] }>('/drover/models')
    ).models.filter(({ failure }) => failure === null)[0] ?? { id: '' };
    await drover.json('/v1/completions', { model: id, prompt: 'the water', max_tokens: 8 });
    await eventually(
      async () => {
        const [frame] = await framesOf(drover, '/drover/events?samples=1', 'machine.sample', 1);
        const [instance] = (frame?.data.instances ?? []) as InstanceFigures[];
        return instance?.modelId === id && (instance.tokensPerSecond ?? 0) > 0 && (instance.residentBytes ?? 0) > 1e6;
      },
      () => 'no figures of the model',
    );
  });

  test('it is no first visit', async () => {
    const visit = await drover.json<VisitState>('/drover/setup');
    expect(visit).toMatchObject({
      isFirst: false,
      engine: { state: 'ready', failure: null, progress: null, isGiven: true },
      usableCount: 1,
      probeId: null,
    });
    expect(visit.ladder.some(({ backend, isOffered }) => backend === 'cpu' && isOffered)).toBe(true);
  });
});

test('an empty machine: no model but the probe, no engine and why; another attempt answers at once', async () => {
  await using drover = await startDrover({ engine: null, args: ['--offline'] });
  const state = (): Promise<VisitState> => drover.json<VisitState>('/drover/setup');
  await eventually(
    async () => (await state()).engine.state === 'failed',
    () => 'the engine did not fail',
  );
  expect(await state()).toMatchObject({
    isFirst: true,
    isOffline: true,
    engine: { state: 'failed', id: null, failure: { message: expect.any(String), hint: expect.any(String) } },
    usableCount: 0,
    probeId: 'drover-probe',
  });
  const again = await drover.request('/drover/setup/engine', { method: 'POST' });
  expect(again.status).toBe(200);
  await eventually(
    async () => (await state()).engine.state === 'failed',
    () => 'the second attempt did not end',
  );
  const { findings } = await drover.json<{ findings: Finding[] }>('/drover/doctor');
  expect(findings.map(({ id }) => id)).toEqual(expect.arrayContaining(['engine-none', 'models-none']));
  const recommended = await drover.json<RecommendedModels>('/drover/recommended');
  expect(recommended.failure).toMatchObject({ kind: 'offline' });
  expect(recommended.models.length).toBeGreaterThan(0);
  const release = await drover.request('/drover/release');
  expect([release.status, await release.json()]).toMatchObject([503, { error: { code: 'offline' } }]);
});

describe('with a hub', () => {
  let hub: FakeHub;
  beforeAll(async () => {
    const files = [{ path: 'Qwen3-0.6B-Q4_K_M.gguf', content: tinyLlama({ name: 'Tiny' }) }];
    hub = await startHub({ repositories: [{ id: 'unsloth/Qwen3-0.6B-GGUF', files }] });
  });
  afterAll(() => hub[Symbol.asyncDispose]());

  test('what to get first has the hub’s sizes; what the hub does not have is left out', async () => {
    const data = temporaryFolder('welcome hub');
    mkdirSync(data.path, { recursive: true });
    writeFileSync(join(data.path, 'config.yaml'), 'ram: 1\nvram: 1\n');
    await using drover = await startDrover({
      dataFolder: data.path,
      environment: { HF_ENDPOINT: hub.url, DROVER_DOWNLOAD_HOSTS: hub.hosts.map((host) => `http://${host}`).join(',') },
    });
    await drover.waitForLine(/engine ready/);
    const { models, failure } = await drover.json<RecommendedModels>('/drover/recommended');
    expect(failure).toBeNull();
    expect(models).toMatchObject([
      {
        repository: 'unsloth/Qwen3-0.6B-GGUF',
        offer: { tag: 'Q4_K_M', fit: 'fits', totalBytes: tinyLlama({ name: 'Tiny' }).length },
      },
    ]);
  });
});
