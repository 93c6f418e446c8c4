// The hub's words for what a model is for, as the page groups them.
import { expect, test } from 'bun:test';
import { purposeOf } from '../../../src/ui/pages/get/pipelines.ts';

test.each([
  ['text-generation', 'text'],
  ['image-text-to-text', 'vision'],
  ['feature-extraction', 'embedding'],
  ['text-ranking', 'reranking'],
  ['automatic-speech-recognition', 'speech'],
  ['text-to-image', 'image'],
  ['any-to-any', null],
  ['constructor', null],
] as const)('%s is %p', (pipeline, purpose) => {
  expect(purposeOf(pipeline)).toBe(purpose);
});
