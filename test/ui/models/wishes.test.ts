// The memory plan of the page "Models": the stops of its sliders, its sentence, its picture.
import { describe, expect, test } from 'bun:test';
import type { Fit, Model } from '../../../src/ui/api/answers.ts';
import { listed } from '../../../src/ui/pages/models/library.ts';
import { contextStops, nearest, picturesOf, sentenceOf, wayOut } from '../../../src/ui/pages/models/wishes.ts';

const GIB = 1024 ** 3;
const part = (device: string, weightBytes: number, kvBytes: number) => ({
  device,
  weightBytes,
  kvBytes,
  computeBytes: 0,
  overheadBytes: 0,
  totalBytes: weightBytes + kvBytes,
});
const fit = (some: object): Fit =>
  ({
    modelId: 'm',
    fit: 'fits',
    plan: { gpuLayers: 33, contextTokens: 32_768, slotCount: 4, cacheTypeK: 'f16' },
    takesBytes: {},
    freeBytes: { CUDA0: 8 * GIB, Host: 16 * GIB },
    parts: [part('CUDA0', 4 * GIB, GIB), part('Host', GIB, 0)],
    neededBytes: null,
    wouldFit: null,
    inTheWay: [],
    bounds: { layersTotal: 33, trainedContextTokens: 131_072, cacheTypes: ['f16'] },
    reasons: [],
    argv: [],
    ...some,
  }) as unknown as Fit;

test('stops rise to the trained context, and hold what is set', () => {
  const stops = contextStops(131_072, 5000);
  expect([stops[0], stops.at(-1)]).toEqual([512, 131_072]);
  expect(stops).toContain(5000);
  expect([...stops].sort((left, right) => left - right)).toEqual([...stops]);
  expect(stops[nearest(stops, 5100)]).toBe(5000);
  expect(contextStops(300, null)).toEqual([300]);
  expect(contextStops(4096, 100_000).at(-1)).toBe(100_000);
});

test('the sentence says layers and context, or what is lacking and what would do', () => {
  expect(sentenceOf(fit({}))).toBe('Fits: all layers on the GPU, with a context of 32k tokens.');
  expect(sentenceOf(fit({ fit: 'fits_partly', plan: { gpuLayers: 20, contextTokens: 8192 } }))).toBe(
    'Fits partly: 20 of 33 layers on the GPU, with a context of 8k tokens.',
  );
  const none = fit({
    fit: 'does_not_fit',
    plan: null,
    parts: [],
    neededBytes: 20 * GIB,
    wouldFit: { contextTokens: 8192 },
  });
  expect(sentenceOf(none)).toBe('Does not fit: it takes at least 20.0 GiB.');
  expect(wayOut(none)).toBe('Take 8k tokens of context');
  expect(wayOut(fit({}))).toBeNull();
});

test('a picture adds up to what the device has for models, its own share counted once', () => {
  const budget = [{ device: 'CUDA0', reservedBytes: 7 * GIB }];
  const [card, host] = picturesOf(fit({}), budget, { CUDA0: 5 * GIB });
  expect(card?.totalBytes).toBe(10 * GIB);
  expect(card?.shares.map(({ key, amount }) => [key, amount / GIB])).toEqual([
    ['weights', 4],
    ['kv', 1],
    ['others', 2],
    ['free', 3],
  ]);
  expect(card?.shares.reduce((sum, { amount }) => sum + amount, 0)).toBe(10 * GIB);
  expect([host?.name, host?.totalBytes]).toEqual(['Main memory', 16 * GIB]);
});

describe('the library', () => {
  const model = (id: string, some: object = {}): Model =>
    ({
      id,
      title: id,
      aliases: [],
      kind: 'text',
      failure: null,
      sizeBytes: null,
      createdAt: 0,
      quantization: null,
      instance: null,
      isCustom: false,
      ...some,
    }) as unknown as Model;
  const all = [
    model('b-10', { sizeBytes: 5 }),
    model('b-9', { sizeBytes: 9, createdAt: 3 }),
    model('a', { failure: 'cut' }),
  ];
  const ids = (choice: object): string[] =>
    listed(all, { query: '', kind: 'all', order: 'name', ...choice }).map(({ id }) => id);

  test('is sorted as people count, found by all words, and filtered', () => {
    expect(ids({})).toEqual(['a', 'b-9', 'b-10']);
    expect(ids({ order: 'size' })).toEqual(['b-9', 'b-10', 'a']);
    expect(ids({ order: 'recent' })).toEqual(['b-9', 'a', 'b-10']);
    expect(ids({ query: '10 B' })).toEqual(['b-10']);
    expect(ids({ kind: 'broken' })).toEqual(['a']);
    expect(ids({ kind: 'loaded' })).toEqual([]);
  });
});
