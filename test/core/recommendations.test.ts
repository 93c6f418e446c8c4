import { expect, test } from 'bun:test';
import { recommend } from '../../src/core/recommendations.ts';
import { GB, paperBudget } from '../fixtures/paper-budget.ts';
import { paperModel } from '../fixtures/paper-models.ts';

test('more memory never recommends less', () => {
  const sizes = [4, 6, 8, 12, 16, 24, 48, 80].map((vram) => recommend(paperBudget(vram, 64), []));
  const most = sizes.map((each) => each.mostContextTokens ?? 0);
  // Below 6 GB layers leave the GPU, and then the context may be larger.
  expect(most.slice(1)).toEqual(most.slice(1).toSorted((left, right) => left - right));
  expect(sizes.map((each) => each.isThroughputFirst)).toEqual([false, true, true, true, true, true, true, true]);
  for (const each of sizes) {
    expect(each.contexts).toEqual([...each.contexts].sort((left, right) => left - right));
    expect(each.mostContextTokens ?? 0).toBeGreaterThanOrEqual(each.suggestedContextTokens ?? 0);
    expect(each.basis).toContain('typical 8B');
  }
});

test('a machine without a GPU, and one where nothing fits', () => {
  expect(recommend(paperBudget(0, 32), [])).toMatchObject({ isThroughputFirst: true, gpuBytes: 0, hostBytes: 32 * GB });
  expect(recommend(paperBudget(0, 2), [])).toMatchObject({
    contexts: [],
    suggestedContextTokens: null,
    mostContextTokens: null,
  });
});

test('it is worked out for the model in the middle of those that are here', () => {
  const small = { name: 'small', facts: paperModel({ blockCount: 4 }) };
  const middle = { name: 'middle', facts: paperModel({ blockCount: 16, contextTokens: 16_384 }) };
  const large = { name: 'large', facts: paperModel({ blockCount: 80 }) };
  const embedder = { name: 'embedder', facts: paperModel({ blockCount: 12, facts: { kind: 'embedding' } }) };
  const advice = recommend(paperBudget(24, 64), [large, embedder, small, middle]);
  expect(advice.basis).toBe('middle');
  expect(advice.mostContextTokens).toBe(16_384);
});
