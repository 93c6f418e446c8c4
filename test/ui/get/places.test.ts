// Where a download goes: the kept folder while it is offered, and what has no room there.
import { expect, test } from 'bun:test';
import { chosenOf, folderOf, shortOf } from '../../../src/ui/pages/get/places.ts';

const home = { path: '/home/models', isDefault: true, freeBytes: 100 };
const second = { path: '/second', isDefault: false, freeBytes: null };

test('the kept folder as long as it is offered, else the default', () => {
  expect(chosenOf([home, second], '/second')).toBe(second);
  expect(chosenOf([home, second], null)).toBe(home);
  expect(chosenOf([home], '/second')).toBe(home);
  expect(chosenOf([], '/second')).toBeNull();
});

test('only another folder than the default is named', () => {
  expect([home, second, null].map(folderOf)).toEqual([null, '/second', null]);
});

test('what is larger than what is free is known as such, what is unknown is not', () => {
  expect(shortOf(101, home)).toBe(100);
  expect(shortOf(100, home)).toBeNull();
  expect(shortOf(1e15, second)).toBeNull();
  expect(shortOf(1, null)).toBeNull();
  expect(shortOf(1, { ...home, freeBytes: 0 })).toBe(0);
});
