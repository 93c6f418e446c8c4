// What a search of the hub brings: figures that the hub gives, null where it gives none, all of it by one request.
import { describe, expect, test } from 'bun:test';
import { openHub } from '../../src/models/hub.ts';
import { hitOf, SEARCH_ORDERS, type SearchOrder } from '../../src/models/hub-search.ts';
import { faultOf } from '../fixtures/fault-of.ts';
import { type FakeHub, type FakeRepository, startHub } from '../fixtures/hub/server.ts';

const silent: FakeRepository = { id: 'tiny/Tiny-GGUF', files: [], downloads: 1200, likes: 7, pipeline: null };
const told: FakeRepository = {
  id: 'other/Tiny-Chat-GGUF',
  files: [],
  downloads: 5000,
  likes: 3,
  gate: 'manual',
  lastModified: 'never',
  createdAt: '2025-01-01T00:00:00.000Z',
  trendingScore: 9,
  tags: ['gguf', 'base_model:other/Tiny', 'license:apache-2.0', 'region:us'],
  pipeline: 'image-text-to-text',
  gguf: {
    total: 4_022_468_096,
    architecture: 'qwen3vl',
    context_length: 262_144,
    chat_template: '{{ x }}'.repeat(400),
  },
};
const openFor = (hub: FakeHub) => openHub({ endpoint: hub.url, token: () => null, allowedHosts: () => hub.hosts });

describe('a search', () => {
  test('brings models with GGUF only, most downloads first, with what the hub says of each, by one request', async () => {
    await using server = await startHub({
      repositories: [
        silent,
        told,
        { ...silent, id: 'other/Tiny-weights', tags: ['safetensors'] },
        { ...silent, id: 'other/Large-GGUF' },
      ],
    });
    expect(await openFor(server).search('tiny', { limit: 5 })).toEqual([
      {
        repository: 'other/Tiny-Chat-GGUF',
        downloads: 5000,
        likes: 3,
        updatedAt: null,
        gate: 'manual',
        parameterCount: 4_022_468_096,
        contextTokens: 262_144,
        architecture: 'qwen3vl',
        pipeline: 'image-text-to-text',
        licence: 'apache-2.0',
      },
      {
        repository: 'tiny/Tiny-GGUF',
        downloads: 1200,
        likes: 7,
        updatedAt: Date.parse('2026-01-02T03:04:05.000Z'),
        gate: 'open',
        parameterCount: null,
        contextTokens: null,
        architecture: null,
        pipeline: null,
        licence: null,
      },
    ]);
    expect(server.requests).toHaveLength(1);
    expect(server.requests[0]?.path).toContain('filter=gguf');
    expect(server.requests[0]?.path).toContain('expand=gguf');
    expect(await openFor(server).search('tiny', { limit: 1 })).toHaveLength(1);
  });

  test('comes in the order that is asked for', async () => {
    await using server = await startHub({ repositories: [silent, told] });
    const firstBy = async (order: SearchOrder): Promise<string | undefined> =>
      (await openFor(server).search('tiny', { order }))[0]?.repository;
    const firsts = Object.fromEntries(
      await Promise.all(SEARCH_ORDERS.map(async (order) => [order, await firstBy(order)])),
    );
    expect(firsts).toEqual({ downloads: told.id, likes: silent.id, trending: told.id, newest: silent.id });
  });

  test('says so where the hub does not know what is asked for', async () => {
    await using server = await startHub({ repositories: [told] });
    server.misbehave({ answer: { status: 400, body: '{"error":"no such field"}' } });
    expect((await faultOf(openFor(server).search('tiny'))).blame).toBe('remote');
  });
});

describe('an entry', () => {
  const base = { name: 'a/b', downloads: 1, likes: 1, updatedAt: new Date(5), gated: false };
  test.each([
    [
      'counts the weights of the original where no header was read',
      { safetensors: { total: 12 } },
      'parameterCount',
      12,
    ],
    ['believes the header first', { gguf: { total: 7 }, safetensors: { total: 12 } }, 'parameterCount', 7],
    ['without a count has none', { gguf: { total: 0 } }, 'parameterCount', null],
    ['with a count that is none has none', { gguf: { total: '4B' } }, 'parameterCount', null],
    ['with an odd context has none', { gguf: { context_length: -1 } }, 'contextTokens', null],
    ['with an odd architecture has none', { gguf: { architecture: '<b>x</b>' } }, 'architecture', null],
    ['with another header has none', { gguf: 'yes' }, 'architecture', null],
    ['names its licence', { tags: ['x', 7, 'license:llama3.1'] }, 'licence', 'llama3.1'],
    ['without a licence has none', { tags: ['license'] }, 'licence', null],
    ['without tags has none', { tags: null }, 'licence', null],
    ['has a purpose', { task: 'feature-extraction' }, 'pipeline', 'feature-extraction'],
    ['with a date that is none has none', { updatedAt: new Date('x') }, 'updatedAt', null],
  ] as const)('%s', (_, more, field, value) => {
    expect(hitOf({ ...base, ...more })?.[field]).toBe(value);
  });

  test('that names no repository is left out', () => {
    expect(hitOf({ ...base, name: '../etc' })).toBeNull();
    expect(hitOf({ ...base, name: 7 })).toBeNull();
  });
});
