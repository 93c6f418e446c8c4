// What the page of the API documents puts in the place of a reference, where the document has one that is not plain.
import { expect, test } from 'bun:test';
import { join } from 'node:path';

type ResolvedPart = (document: object, path: readonly string[], address?: string) => unknown;
const script = join(import.meta.dir, '../../src/ui/docs/docs-resolver.js');
const { resolvedPart } = (await import(script)) as { readonly resolvedPart: ResolvedPart };

const document = {
  paths: { '/a/{b}': { get: { $ref: '#/components/pathItems/a~1b' } } },
  components: {
    pathItems: { 'a/b': { summary: 'with a stroke' } },
    schemas: {
      Tree: {
        type: 'object',
        properties: { children: { type: 'array', items: { $ref: '#/components/schemas/Tree' } } },
      },
      Named: { properties: { $ref: { type: 'string' }, example: { $ref: '#/components/schemas/Leaf' } } },
      Leaf: { type: 'integer', example: { $ref: '#/components/schemas/Tree' } },
      Said: { $ref: '#/components/schemas/Leaf', description: 'said here' },
      Lost: { $ref: '#/components/schemas/Nobody' },
      Far: { $ref: 'other.json#/a' },
      'Ü 1': { enum: ['ü'] },
      Accent: { $ref: '#/components/schemas/%C3%9C%201' },
    },
  },
};
const schema = (name: string): unknown => resolvedPart(document, ['components', 'schemas', name], 'at');

test.each<[name: string, resolved: unknown]>([
  [
    'Said',
    {
      type: 'integer',
      example: document.components.schemas.Leaf.example,
      description: 'said here',
      $$ref: 'at#/components/schemas/Leaf',
    },
  ],
  ['Lost', document.components.schemas.Lost],
  ['Far', document.components.schemas.Far],
  ['Accent', { enum: ['ü'], $$ref: 'at#/components/schemas/%C3%9C%201' }],
])('%s', (name, resolved) => {
  expect(schema(name)).toEqual(resolved);
});

test('a property may have the name of a keyword, or of the reference itself', () => {
  expect(schema('Named')).toEqual({
    properties: {
      $ref: { type: 'string' },
      example: { ...document.components.schemas.Leaf, $$ref: 'at#/components/schemas/Leaf' },
    },
  });
});

test('what holds itself keeps that reference, and comes to an end', () => {
  const once = {
    type: 'object',
    properties: { children: { type: 'array', items: { $ref: '#/components/schemas/Tree' } } },
  };
  const { items } = once.properties.children;
  expect(schema('Tree')).toEqual({
    type: 'object',
    properties: { children: { type: 'array', items: { ...once, $$ref: `at${items.$ref}` } } },
  });
});

test('names of paths and of parts are read as they are written', () => {
  expect(resolvedPart(document, ['paths', '/a/{b}', 'get'])).toEqual({
    summary: 'with a stroke',
    $$ref: '#/components/pathItems/a~1b',
  });
  expect(resolvedPart(document, ['paths', '/none', 'get'])).toBeUndefined();
});
