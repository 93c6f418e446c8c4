// What to get first on machines of every size, with a hub and without one.
import { expect, test } from 'bun:test';
import { Fault } from '../../src/base/fault.ts';
import { Latch } from '../../src/base/sync.ts';
import type { RepositoryOffer } from '../../src/core/download-desk.ts';
import { likelyOf, Recommended } from '../../src/core/recommended.ts';
import { LISTED_MODELS } from '../../src/core/recommended-list.ts';
import { paperBudget } from '../fixtures/paper-budget.ts';

const offerOf = (repository: string, fit: 'fits' | 'fits_partly' = 'fits'): RepositoryOffer => ({
  repository,
  revision: 'main',
  gate: 'open',
  quants: [
    {
      tag: 'Q4_K_M',
      quantization: 'Q4_K_M',
      totalBytes: 123,
      fileCount: 1,
      isComplete: true,
      fit,
      contextTokens: 4096,
      gpuLayers: 0,
      layerCount: 3,
      isEstimate: false,
    },
  ],
  recommended: 'Q4_K_M',
  reason: 'the best that fits',
  hasProjector: false,
});

test('the list is sorted by size and names each repository once', () => {
  const sizes = LISTED_MODELS.map(({ parameterCount }) => parameterCount);
  expect(sizes).toEqual(sizes.toSorted((left, right) => left - right));
  expect(new Set(LISTED_MODELS.map(({ repository }) => repository)).size).toBe(LISTED_MODELS.length);
});

test('what is asked for suits the machine', () => {
  const titles = (vram: number, ram: number) =>
    likelyOf(LISTED_MODELS, paperBudget(vram, ram)).map(({ title }) => title);
  expect(titles(0, 2)).toEqual(['Qwen3 1.7B', 'Qwen3 0.6B']);
  expect(titles(0, 0.1)).toEqual(['Qwen3 0.6B']);
  // Without a GPU a dense 12B model is slower than people read.
  expect(titles(0, 16)).toContain('gpt-oss 20B');
  expect(titles(0, 16)).not.toContain('Gemma 3 12B');
  expect(titles(8, 8)).toContain('Qwen3 8B');
  expect(titles(80, 256)[0]).toBe('gpt-oss 120B');
  for (const ram of [4, 8, 16, 64]) expect(titles(0, ram).length).toBeGreaterThan(1);
});

test('what fits whole comes first, asked for once while the memory stays the same', async () => {
  const asked: string[] = [];
  const desk = new Recommended({
    budget: async () => paperBudget(8, 32),
    isOffline: () => false,
    offer: async (repository) => {
      asked.push(repository);
      if (repository.includes('gpt-oss')) throw new Fault('not_found', 'gone');
      return offerOf(repository, repository.includes('30B') ? 'fits_partly' : 'fits');
    },
  });
  const { models, failure } = await desk.forThisMachine();
  expect(failure).toBeNull();
  expect(models.map(({ repository }) => repository)).not.toContain('ggml-org/gpt-oss-20b-GGUF');
  expect(models.map(({ offer }) => offer?.fit)).toEqual(
    models.map(({ offer }) => offer?.fit).toSorted((left, right) => (left ?? '').length - (right ?? '').length),
  );
  expect(models[0]?.offer).toMatchObject({ fit: 'fits', totalBytes: 123 });
  const before = asked.length;
  await desk.forThisMachine();
  // What failed is asked for again.
  expect(asked.slice(before)).toEqual(asked.filter((name) => name.includes('gpt-oss')).slice(1));
});

test('without a hub there are names and no sizes, and why', async () => {
  const offline = new Recommended({
    budget: async () => paperBudget(0, 16),
    isOffline: () => true,
    offer: () => Promise.reject(new Error('nobody may be asked')),
  });
  const answer = await offline.forThisMachine();
  expect(answer.failure).toMatchObject({ kind: 'offline', hint: expect.any(String) });
  expect(answer.models.length).toBeGreaterThan(1);
  expect(answer.models.every(({ offer }) => offer === null)).toBe(true);
  const cut = new Recommended({
    budget: async () => paperBudget(0, 16),
    isOffline: () => false,
    offer: () => Promise.reject(new Fault('offline', 'no route')),
  });
  expect((await cut.forThisMachine()).failure).toMatchObject({ kind: 'offline', message: 'no route' });
});

test('a hub that hangs is not waited for, and a reader who leaves stops the asking', async () => {
  const offer = (_: string, { signal }: { readonly signal: AbortSignal }) => {
    const latch = new Latch<RepositoryOffer>();
    signal.addEventListener('abort', () => latch.fail(signal.reason));
    return latch.promise;
  };
  const common = { budget: async () => paperBudget(0, 16), isOffline: () => false, offer };
  const answer = await new Recommended({ ...common, patienceMs: 20 }).forThisMachine();
  expect(answer.failure?.kind).toBe('timeout');
  const left = new AbortController();
  const asking = new Recommended({ ...common, patienceMs: 60_000 }).forThisMachine(left.signal);
  left.abort(new Error('left'));
  await expect(asking).rejects.toThrow('left');
});
