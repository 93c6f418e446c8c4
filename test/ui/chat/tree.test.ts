// The tree of messages: branches, paths, siblings, and what is shown after a switch or a deletion.
import { expect, test } from 'bun:test';
import { headOf, leafBelow, pathTo, siblingsOf, subtreeOf } from '../../../src/ui/pages/chat/tree.ts';

const node = (id: string, parentId: string | null, createdAt: number) => ({ id, parentId, createdAt });
// a ─ b ─ c ─ d      b2: another answer, below it e and its answers f, g.
const ALL = [
  node('a', null, 1),
  node('b', 'a', 2),
  node('c', 'b', 3),
  node('d', 'c', 4),
  node('b2', 'a', 5),
  node('e', 'b2', 6),
  node('g', 'e', 8),
  node('f', 'e', 7),
];
const ids = (nodes: readonly { readonly id: string }[]): string => nodes.map(({ id }) => id).join(' ');

test('a path goes from the first message to the head', () => {
  expect(ids(pathTo(ALL, 'd'))).toBe('a b c d');
  expect(ids(pathTo(ALL, 'f'))).toBe('a b2 e f');
  expect(ids(pathTo(ALL, null))).toBe('');
  expect(ids(pathTo(ALL, 'nothing'))).toBe('');
});

test('a circle ends, however it came to be', () => {
  const circle = [node('x', 'y', 1), node('y', 'x', 2)];
  expect(ids(pathTo(circle, 'x'))).toBe('y x');
  expect(leafBelow(circle, 'x')).toBe('x');
  expect([...subtreeOf(circle, 'x')].sort()).toEqual(['x', 'y']);
});

test('versions are those of one parent, oldest first', () => {
  expect(ids(siblingsOf(ALL, node('b2', 'a', 5)))).toBe('b b2');
  expect(ids(siblingsOf(ALL, node('g', 'e', 8)))).toBe('f g');
  expect(ids(siblingsOf([node('n', null, 2), node('m', null, 1)], node('n', null, 2)))).toBe('m n');
});

test('a switch leads to the newest leaf of that branch', () => {
  expect(leafBelow(ALL, 'b')).toBe('d');
  expect(leafBelow(ALL, 'b2')).toBe('g');
  expect(leafBelow(ALL, 'd')).toBe('d');
});

test('a head that names nothing is the newest leaf', () => {
  expect(headOf(ALL, 'd')).toBe('d');
  expect(headOf(ALL, 'gone')).toBe('g');
  expect(headOf(ALL, null)).toBe('g');
  expect(headOf([], 'gone')).toBeNull();
});

test('a message and all below it', () => {
  expect([...subtreeOf(ALL, 'b2')].sort()).toEqual(['b2', 'e', 'f', 'g']);
  expect([...subtreeOf(ALL, 'd')]).toEqual(['d']);
});
