// Who made a model, as hostile headers may put it.
import { expect, test } from 'bun:test';
import { factsOf, mergeShards } from '../../src/gguf/facts.ts';
import { NO_PROVENANCE } from '../../src/gguf/provenance.ts';
import { prefixSource, readHeader } from '../../src/gguf/reader.ts';
import { encodeGguf, type GgufValue, text, u32 } from '../fixtures/gguf-writer.ts';
import { modelShape } from '../fixtures/model-shapes.ts';
import { tinyLlama } from '../fixtures/tiny-models.ts';

const factsIn = (bytes: Uint8Array) =>
  factsOf(readHeader(prefixSource(bytes)), { fileBytes: bytes.length, fileName: 'model.gguf' });
const madeBy = (metadata: Readonly<Record<string, GgufValue>>) => factsIn(encodeGguf(metadata, [])).provenance;

test('what the header says is told, and nothing else', () => {
  expect(madeBy({})).toEqual(NO_PROVENANCE);
  expect(
    madeBy({
      'general.author': text('A. Shepherd'),
      'general.organization': text('Meadow'),
      'general.license': text('other'),
      'general.license.name': text('meadow-1.0'),
      'general.license.link': text('https://example.com/licence'),
      'general.quantized_by': text('Dog'),
      'general.repo_url': text('https://example.com/meadow/sheep'),
      'general.base_model.count': u32(2),
      'general.base_model.0.name': text('Lamb'),
      'general.base_model.0.organization': text('Meadow'),
      'general.base_model.0.repo_url': text('https://example.com/meadow/lamb'),
    }),
  ).toEqual({
    ...NO_PROVENANCE,
    author: 'A. Shepherd',
    organization: 'Meadow',
    license: 'other',
    licenseName: 'meadow-1.0',
    licenseUrl: 'https://example.com/licence',
    quantizedBy: 'Dog',
    url: 'https://example.com/meadow/sheep',
    // The second one has no name.
    baseModels: [{ name: 'Lamb', organization: 'Meadow', url: 'https://example.com/meadow/lamb' }],
  });
});

test('controls, turned writing, endless texts, numbers and addresses that are none of the web', () => {
  const made = madeBy({
    'general.author': text('Some\u001b[2Jone\u202e\n else'),
    'general.organization': u32(7),
    'general.license': text(' \u0007 '),
    'general.description': text('word '.repeat(100_000)),
    'general.url': text('javascript:alert(1)'),
    'general.repo_url': text('https://user:secret@example.com/'),
    'general.source.url': text(`https://example.com/${'x'.repeat(600)}`),
    'general.license.link': text('not an address'),
    'general.base_model.count': u32(4_000_000_000),
    'general.base_model.0.name': text('x'.repeat(5000)),
    'general.base_model.0.url': text('data:text/html,hello'),
  });
  expect(made).toMatchObject({
    author: 'Some [2Jone else',
    organization: null,
    license: null,
    url: null,
    licenseUrl: null,
  });
  expect(made.description?.length).toBeLessThanOrEqual(1000);
  expect(made.description?.endsWith('word…')).toBe(true);
  expect(made.baseModels).toEqual([{ name: `${'x'.repeat(199)}…`, organization: null, url: null }]);
});

test('the mix of tensor types adds up, over the parts of a split model too', () => {
  const shape = modelShape('llama with GQA');
  const { tensorMix, tensorCount, parameterCount, weightBytes } = factsIn(encodeGguf(shape.metadata, shape.tensors));
  const sum = (pick: (one: (typeof tensorMix)[number]) => number): number =>
    tensorMix.reduce((total, one) => total + pick(one), 0);
  expect(tensorMix.length).toBeGreaterThan(1);
  expect(sum((one) => one.tensorCount)).toBe(tensorCount);
  expect(sum((one) => one.elementCount)).toBe(parameterCount);
  expect(sum((one) => one.bytes)).toBeLessThanOrEqual(weightBytes);
  expect(tensorMix.map(({ bytes }) => bytes)).toEqual(tensorMix.map(({ bytes }) => bytes).sort((a, b) => b - a));
  const whole = factsIn(tinyLlama());
  expect(whole.tensorMix).toMatchObject([{ typeName: 'F32', tensorCount: whole.tensorCount }]);
  const part = (index: number) => ({ ...whole, split: { index, count: 2 } });
  expect(mergeShards([part(1), part(0)]).tensorMix).toEqual([
    {
      typeName: 'F32',
      tensorCount: 2 * whole.tensorCount,
      elementCount: 2 * whole.parameterCount,
      bytes: 2 * (whole.tensorMix[0]?.bytes ?? Number.NaN),
    },
  ]);
});
