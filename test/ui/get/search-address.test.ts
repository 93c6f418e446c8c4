// A search in the address: what is written is read back, and what makes no sense is the usual.
import { expect, test } from 'bun:test';
import { addressOf, askingOf, ORDERS } from '../../../src/ui/pages/get/search-address.ts';

test.each([
  ['', { words: '', order: 'downloads' }, '/get'],
  ['q=qwen3+4b', { words: 'qwen3 4b', order: 'downloads' }, '/get?q=qwen3+4b'],
  ['sort=newest', { words: '', order: 'newest' }, '/get?sort=newest'],
  ['q=%C3%BC%26%3F&sort=likes', { words: 'ü&?', order: 'likes' }, '/get?q=%C3%BC%26%3F&sort=likes'],
  ['q=%20&sort=best', { words: '', order: 'downloads' }, '/get'],
  ['sort=toString', { words: '', order: 'downloads' }, '/get'],
] as const)('%p', (search, asking, address) => {
  expect(askingOf(search)).toEqual(asking);
  expect(addressOf(asking)).toBe(address);
});

test('every order is read as it is written', () => {
  for (const order of ORDERS) {
    const { search } = new URL(addressOf({ words: 'a', order }), 'http://here');
    expect(askingOf(search)).toEqual({ words: 'a', order });
  }
});
