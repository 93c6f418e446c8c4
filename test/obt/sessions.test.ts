// OBT's API on the compiled executable with the real engine: every endpoint field by field, a session over two models and two
// types with its socket followed, figures held against the engine's own, lists, pages, tags and searches.
import { afterAll, beforeAll, describe, expect, test } from 'bun:test';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type RunningDrover, startDrover, temporaryFolder } from '../fixtures/drover.ts';
import { tinyBert, tinyLlama } from '../fixtures/tiny-models.ts';
import { ends, follow, runSession, untilEnded, type WireSession } from './testbed.ts';

const root = temporaryFolder('obt');
let drover: RunningDrover;
let first: WireSession;

beforeAll(async () => {
  const models = join(root.path, 'models');
  mkdirSync(models);
  writeFileSync(join(models, 'talker.gguf'), tinyLlama({ name: 'Talker' }));
  writeFileSync(join(models, 'other.gguf'), tinyLlama({ name: 'Other', blockCount: 3 }));
  writeFileSync(join(models, 'vectors.gguf'), tinyBert());
  writeFileSync(join(models, 'broken.gguf'), 'GGUF but not really');
  drover = await startDrover({ modelsFolders: [models], oneThread: ['talker-f32', 'other-f32'] });
  first = await runSession(drover, {
    models: ['talker-f32', 'vectors-f32'],
    testTypes: ['completion', 'embedding'],
    iterations: 2,
    tags: ['größe', 'first'],
  });
});
afterAll(async () => {
  await drover?.[Symbol.asyncDispose]();
  root[Symbol.dispose]();
});

const ISO = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}\.\d{3}Z$/;
const text = expect.any(String);
const number = expect.any(Number);
const HARDWARE = {
  cpu: { model: text, cores: number, threads: number, frequency: number, microcode: text },
  gpu: expect.any(Array),
  ram: { total: number, type: text, frequency: number },
  storage: { type: text, size: number },
  os: { name: text, version: text, kernel: text },
  bios: { vendor: text, version: text, date: text },
};
const METRICS = {
  inferenceTime: number,
  tokensPerSecond: number,
  ramUsage: number,
  vramUsage: number,
  cpuUsage: number,
  gpuUsage: number,
};
const NOTHING = Object.fromEntries(Object.keys(METRICS).map((name) => [name, 0]));
const list = (query = ''): Promise<{ sessions: WireSession[]; total: number; page: number; limit: number }> =>
  drover.json(`/api/v1/test-sessions${query}`);
interface Results {
  readonly results: { sessionId: string; modelName: string; testType: string; metrics: object; date: string }[];
  readonly total: number;
}
const results = (query = ''): Promise<Results> => drover.json(`/api/v1/test-results${query}`);

describe('what there is', () => {
  test('models, as far as they can be tested', async () => {
    const { models } = await drover.json<{ models: Record<string, unknown>[] }>('/api/v1/models');
    expect(models.map(({ name }) => name).sort()).toEqual(['other-f32', 'talker-f32', 'vectors-f32']);
    for (const model of models) {
      expect(model).toEqual({
        name: text,
        tags: expect.arrayContaining(['F32']),
        version: 'F32',
        size: number,
        modified: expect.stringMatching(ISO),
      });
      expect(model.size).toBeGreaterThan(100_000);
    }
  });

  test('hardware: every key, typed', async () => {
    const hardware = await drover.json<{ cpu: { threads: number }; ram: { total: number } }>('/api/v1/hardware');
    expect(hardware as unknown).toEqual(HARDWARE);
    expect(hardware.cpu.threads).toBeGreaterThan(0);
    expect(hardware.ram.total).toBeGreaterThan(500);
  });

  test('types of tests, with their aliases', async () => {
    const { testTypes } = await drover.json<{ testTypes: object[] }>('/api/v1/test-types');
    expect(testTypes).toEqual([
      { name: 'completion', aliases: ['test_a'], description: text },
      { name: 'chat', aliases: ['test_b'], description: text },
      { name: 'embedding', aliases: ['test_c'], description: text },
    ]);
  });
});

describe('a session', () => {
  test('says all that its document has; what a model cannot do is that test’s error alone', () => {
    expect(first).toEqual({
      id: text,
      date: expect.stringMatching(ISO),
      status: 'completed',
      hardware: HARDWARE,
      tags: ['größe', 'first'],
      models: [
        {
          name: 'talker-f32',
          tests: [
            { type: 'completion', status: 'completed', metrics: METRICS, logs: expect.any(Array) },
            {
              type: 'embedding',
              status: 'error',
              metrics: NOTHING,
              logs: [expect.stringContaining('embeddings')],
              error: expect.stringContaining('embeddings'),
            },
          ],
        },
        {
          name: 'vectors-f32',
          tests: [
            { type: 'completion', status: 'error', metrics: NOTHING, logs: expect.any(Array), error: text },
            { type: 'embedding', status: 'completed', metrics: METRICS, logs: expect.any(Array) },
          ],
        },
      ],
    } as unknown as WireSession);
    const [completion] = first.models[0]?.tests ?? [];
    expect(completion?.logs.filter((line) => /^Run \d of 2: 128 tokens read, 128 generated/.test(line)).length).toBe(2);
    expect(completion?.metrics).toMatchObject({ vramUsage: 0, gpuUsage: 0 });
    expect(completion?.metrics.ramUsage).toBeGreaterThan(1);
  });

  test('is run model by model, each unloaded after its tests, and the socket tells of each test once', async () => {
    using follower = await follow(drover);
    const { sessionId } = await drover.json<{ sessionId: string }>('/api/v1/test-sessions', {
      models: ['other-f32', 'talker-f32'],
      testTypes: ['test_a', 'test_b', 'test_c'],
      iterations: 3,
    });
    const messages = await follower.until((all) => ends(all).length === 6);
    const detail = await untilEnded(drover, sessionId);
    expect(ends(messages).map(({ type, modelName, testType }) => [type, modelName, testType])).toEqual(
      ['other-f32', 'talker-f32'].flatMap((name) => [
        ['complete', name, 'completion'],
        ['complete', name, 'chat'],
        ['error', name, 'embedding'],
      ]),
    );
    for (const [name, type] of ends(messages).map(({ modelName, testType }) => [modelName, testType])) {
      const own = messages.filter(({ modelName, testType }) => modelName === name && testType === type);
      const steps = own.map(({ progress }) => progress);
      expect(steps).toEqual([...steps].sort((left, right) => left - right));
      expect(steps.every((step) => Number.isInteger(step) && step >= 0 && step <= 100)).toBe(true);
      expect(own.at(-1)?.type).not.toBe('progress');
      const wire = detail.models.find((model) => model.name === name)?.tests.find((entry) => entry.type === type);
      const last = own.at(-1);
      if (last?.type === 'complete') {
        expect(last as unknown).toEqual({
          ...about(sessionId, name, type),
          type: 'complete',
          progress: 100,
          metrics: wire?.metrics,
        });
      } else {
        expect(last as unknown).toEqual({
          ...about(sessionId, name, type),
          type: 'error',
          progress: number,
          error: wire?.error,
        });
      }
    }
    expect(await loaded()).toEqual([]);
  });

  test('figures are those of the engine', async () => {
    const session = await runSession(drover, {
      models: ['talker-f32'],
      testTypes: ['completion', 'chat'],
      iterations: 2,
    });
    const { requests } = await drover.json<{ requests: Usage[] }>('/drover/usage?limit=6');
    // Of each test a warm-up of a few tokens, then what counts.
    const counted = requests.filter(({ generatedTokens }) => generatedTokens === 128);
    expect(counted.length).toBe(4);
    for (const [index, wire] of (session.models[0]?.tests ?? []).entries()) {
      const own = counted.slice(index * 2, index * 2 + 2);
      const mean = own.reduce((sum, usage) => sum + 128_000 / usage.generationMs, 0) / 2;
      expect(wire.metrics.tokensPerSecond).toBeCloseTo(mean, 2);
      const engineSeconds = own.reduce((sum, usage) => sum + usage.promptMs + usage.generationMs, 0) / 2000;
      const requestSeconds = own.reduce((sum, usage) => sum + usage.durationMs, 0) / 2000;
      // Our clock begins before the engine's and ends after it, and within that of the whole request.
      expect(wire.metrics.inferenceTime).toBeGreaterThan(engineSeconds * 0.99);
      expect(wire.metrics.inferenceTime).toBeLessThan(requestSeconds + 0.001);
      expect(own.every(({ cachedTokens }) => (cachedTokens ?? 0) === 0)).toBe(true);
    }
    expect(counted.slice(0, 2).map(({ promptTokens }) => promptTokens)).toEqual([128, 128]);
  });

  test('who asks late for one session is told what has ended of it', async () => {
    for (const path of ['/ws/test-progress', '/api/v1/ws/test-progress', '/dialect/obt/api/v1/ws/test-progress']) {
      using follower = await follow(drover, `${path}?sessionId=${first.id}`);
      const messages = await follower.until((all) => all.length === 4);
      expect(messages.map(({ type, sessionId }) => [type, sessionId])).toEqual(
        ['complete', 'error', 'error', 'complete'].map((type) => [type, first.id]),
      );
    }
  });

  test('whatever was loaded before comes back; what is pinned is never stopped', async () => {
    await drover.json('/drover/models/load', { model: 'talker-f32' });
    const pid = (await instanceOf('talker-f32'))?.pid;
    await drover.json('/drover/models/pin', { model: 'talker-f32' });
    await runSession(drover, { models: ['talker-f32', 'other-f32'], testTypes: ['completion'], iterations: 1 });
    expect((await instanceOf('talker-f32'))?.pid).toBe(pid ?? 0);
    await drover.json('/drover/models/pin', { model: 'talker-f32', pinned: false });
    const back = untilReady('talker-f32');
    await runSession(drover, { models: ['talker-f32', 'other-f32'], testTypes: ['completion'], iterations: 1 });
    await back;
    expect((await instanceOf('talker-f32'))?.pid).not.toBe(pid ?? 0);
    await drover.json('/drover/models/stop', { all: true });
  });
});

describe('ending a session', () => {
  test('cancelled: what is done stays, what is not is an error, and the next session runs', async () => {
    using follower = await follow(drover);
    const long = { models: ['talker-f32', 'other-f32'], testTypes: ['completion', 'chat'], iterations: 100 };
    const { sessionId } = await drover.json<{ sessionId: string }>('/api/v1/test-sessions', long);
    const next = drover.json<{ sessionId: string }>('/api/v1/test-sessions', {
      models: ['other-f32'],
      testTypes: ['completion'],
      iterations: 1,
    });
    await follower.until((all) => all.some(({ type, progress }) => type === 'progress' && progress > 5));
    expect(await drover.json<unknown>(`/api/v1/test-sessions/${sessionId}/cancel`, {})).toEqual({
      sessionId,
      status: 'cancelled',
    });
    const detail = await drover.json<WireSession>(`/api/v1/test-sessions/${sessionId}`);
    expect([detail.status, detail.message]).toEqual(['error', 'It was cancelled.']);
    const statuses = detail.models.flatMap(({ tests }) => tests.map(({ status }) => status));
    expect(statuses).toEqual(['error', 'error', 'error', 'error']);
    const own = await follower.until(
      (all) => ends(all).filter((message) => message.sessionId === sessionId).length >= 4,
    );
    expect(ends(own).filter((message) => message.sessionId === sessionId).length).toBe(4);
    expect((await untilEnded(drover, (await next).sessionId)).status).toBe('completed');
    // Once more changes nothing.
    await drover.json(`/api/v1/test-sessions/${sessionId}/cancel`, {});
    expect(await drover.json<WireSession>(`/api/v1/test-sessions/${sessionId}`)).toEqual(detail);
  });

  test('deleted while it runs: nothing of it is left', async () => {
    using follower = await follow(drover);
    const long = { models: ['talker-f32'], testTypes: ['completion', 'chat'], iterations: 100 };
    const { sessionId } = await drover.json<{ sessionId: string }>('/api/v1/test-sessions', long);
    await follower.until((all) => all.some((message) => message.sessionId === sessionId && message.progress > 5));
    const path = `/api/v1/test-sessions/${sessionId}`;
    const answer = await drover.request(path, { method: 'DELETE' });
    expect([answer.status, await answer.json()]).toEqual([200, { sessionId, status: 'deleted' }]);
    expect((await drover.request(path)).status).toBe(404);
    expect((await drover.request(path, { method: 'DELETE' })).status).toBe(404);
    expect((await list()).sessions.some(({ id }) => id === sessionId)).toBe(false);
  });

  test('one that waits is cancelled without a run', async () => {
    using follower = await follow(drover);
    const long = { models: ['talker-f32'], testTypes: ['completion'], iterations: 100 };
    const one = await drover.json<{ sessionId: string }>('/api/v1/test-sessions', long);
    const two = await drover.json<{ sessionId: string }>('/api/v1/test-sessions', long);
    await drover.json(`/api/v1/test-sessions/${two.sessionId}/cancel`, {});
    await drover.json(`/api/v1/test-sessions/${one.sessionId}/cancel`, {});
    const all = await follower.until((messages) => ends(messages).length === 2);
    expect(all.filter(({ sessionId, type }) => sessionId === two.sessionId && type === 'progress')).toEqual([]);
  });
});

describe('lists', () => {
  test('sessions: newest first, paged, with the results of those that have ended', async () => {
    const all = await list('?limit=200');
    expect(all).toMatchObject({ page: 1, limit: 200, total: all.sessions.length });
    const dates = all.sessions.map(({ date }) => date);
    expect(dates).toEqual([...dates].sort().reverse());
    const pages = await Promise.all([1, 2, 3].map((page) => list(`?limit=2&page=${page}`)));
    expect(pages.flatMap(({ sessions }) => sessions)).toEqual(all.sessions.slice(0, 6));
    expect(pages.every(({ total }) => total === all.total)).toBe(true);
    expect((await list('?page=5000')).sessions).toEqual([]);
    expect(all.sessions.at(-1)).toEqual({
      id: first.id,
      date: first.date,
      status: 'completed',
      hardware: HARDWARE,
      tags: ['größe', 'first'],
      models: ['talker-f32', 'vectors-f32'],
      results: first.models.flatMap(({ name, tests }) =>
        tests.map(({ type, status, metrics }) => ({ modelName: name, testType: type, status, metrics })),
      ),
    } as unknown as WireSession);
  });

  test.each([
    ['search=VECTORS', 1],
    ['search=GR%C3%96SSE', 0],
    [`search=${encodeURIComponent('GRÖßE')}`, 1],
    [`search=${encodeURIComponent('gro\u0308ße')}`, 1],
    ['search=%25', 0],
    ['search=_', 0],
    ['search=nothing-like-that', 0],
    ['tags=first', 1],
    [`tags=first&tags=${encodeURIComponent('größe')}`, 1],
    [`tags=${encodeURIComponent('größe,first')}`, 1],
    [`tags[]=${encodeURIComponent('gro\u0308ße')}`, 1],
    ['tags[0]=first&tags[1]=second', 0],
    ['tags=fir', 0],
    ['tags=,', null],
  ])('sessions by %s', async (query, count) => {
    const { sessions, total } = await list(`?${query}`);
    expect(total).toBe(count ?? (await list()).total);
    if (count === 1) expect(sessions.map(({ id }) => id)).toEqual([first.id]);
  });

  test('results: of completed tests, newest first, with the type and the figures that are wanted', async () => {
    const { results: rows, total } = await results();
    expect(total).toBe(rows.length);
    const dates = rows.map(({ date }) => date);
    expect(dates).toEqual([...dates].sort().reverse());
    expect(rows.at(-1)).toEqual({
      sessionId: first.id,
      modelName: 'talker-f32',
      testType: 'completion',
      hardware: HARDWARE,
      metrics: first.models[0]?.tests[0]?.metrics,
      date: expect.stringMatching(ISO),
    } as unknown as Results['results'][number]);
    const wanted = await results('?metrics=ramUsage,tokensPerSecond&limit=1');
    expect(Object.keys(wanted.results[0]?.metrics ?? {})).toEqual(['ramUsage', 'tokensPerSecond']);
    expect((await results('?metrics[]=cpuUsage&metrics[]=gpuUsage&limit=1')).results[0]?.metrics).toEqual({
      cpuUsage: number,
      gpuUsage: number,
    });
    const pages = await Promise.all([1, 2].map((page) => results(`?limit=1&page=${page}`)));
    expect(pages.flatMap((page) => page.results)).toEqual(rows.slice(0, 2));
  });

  test('results by model, hardware and date', async () => {
    const { results: rows, total } = await results();
    const named = await results('?modelName=vectors-f32');
    expect(named.results.every(({ modelName }) => modelName === 'vectors-f32')).toBe(true);
    expect(named.total).toBe(1);
    expect(await results('?modelName=vectors.gguf')).toEqual(named);
    expect((await results('?modelName=nobody')).results).toEqual([]);
    const { os } = await drover.json<{ os: { kernel: string } }>('/api/v1/hardware');
    expect((await results(`?hardwareConfig=${encodeURIComponent(os.kernel.toUpperCase())}`)).total).toBe(total);
    expect((await results('?hardwareConfig=abacus')).total).toBe(0);
    const oldest = rows.at(-1)?.date ?? '';
    const day = oldest.slice(0, 10);
    for (const spelled of ['dateRange[start]', 'dateRange.start', 'dateRange%5Bstart%5D']) {
      expect((await results(`?${spelled}=${day}`)).total).toBe(total);
      expect((await results(`?${spelled}=2999-01-01`)).total).toBe(0);
    }
    expect((await results(`?dateRange[end]=${encodeURIComponent(oldest)}`)).total).toBe(1);
    expect((await results(`?dateRange.start=${oldest}&dateRange.end=${oldest}`)).total).toBe(1);
    expect((await results('?dateRange.end=2020-01-01')).total).toBe(0);
  });
});

interface Usage {
  readonly promptTokens: number;
  readonly cachedTokens: number | null;
  readonly generatedTokens: number;
  readonly promptMs: number;
  readonly generationMs: number;
  readonly durationMs: number;
}

const about = (sessionId: string, modelName = '', testType = '') => ({ sessionId, modelName, testType });

interface InstanceView {
  readonly modelId: string;
  readonly state: string;
  readonly pid: number | null;
}
const instances = async (): Promise<InstanceView[]> =>
  (await drover.json<{ instances: InstanceView[] }>('/drover/instances')).instances;
const instanceOf = async (id: string): Promise<InstanceView | undefined> =>
  (await instances()).find(({ modelId }) => modelId === id);

/** Resolves when nothing is on its way out any more. */
async function loaded(): Promise<string[]> {
  for await (const _ of events()) {
    const all = await instances();
    if (!all.some(({ state }) => state === 'stopping'))
      return all.filter((one) => one.state === 'ready').map((one) => one.modelId);
  }
  return [];
}

/** Resolves when the model is ready after it was not. */
async function untilReady(id: string): Promise<void> {
  let hasLeft = false;
  for await (const text of events()) {
    hasLeft ||= text.includes(`"modelId":"${id}"`) && text.includes('"state":"stopped"');
    if (hasLeft && (await instanceOf(id))?.state === 'ready') return;
  }
}

/** At once, and whenever something happens. */
async function* events(): AsyncGenerator<string> {
  const response = await drover.request('/drover/events');
  const decoder = new TextDecoder();
  yield '';
  for await (const chunk of response.body ?? []) yield decoder.decode(chunk, { stream: true });
}
