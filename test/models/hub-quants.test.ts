import { describe, expect, test } from 'bun:test';
import { chooseQuant, type HubFile, projectorFor, quantsOf, type Wish } from '../../src/models/hub-quants.ts';
import { thrownBy } from '../fixtures/fault-of.ts';

const file = (path: string, sizeBytes = 100): HubFile => ({ path, sizeBytes, sha256: 'a'.repeat(64) });
const wish = (more: Partial<Wish> = {}): Wish => ({
  repository: 'owner/Qwen3-4B-GGUF',
  quantization: null,
  file: null,
  folder: null,
  ...more,
});
describe('choices', () => {
  test('labels of every kind, smallest first; other files are left out', () => {
    const { quants } = quantsOf([
      file('README.md'),
      file('config.json'),
      file('Qwen3-4B-Q4_K_M.gguf', 50),
      file('Qwen3-4B-UD-Q4_K_XL.gguf', 55),
      file('Qwen3-4B-IQ2_XXS.gguf', 20),
      file('Qwen3-4B.i1-IQ4_NL.gguf', 48),
      file('Qwen3-4B-MXFP4_MOE.gguf', 52),
      file('Qwen3-4B-TQ1_0.gguf', 10),
      file('Qwen3-4B.BF16.gguf', 300),
      file('qwen3-4b-fp16.gguf', 310),
      file('.hidden-Q8_0.gguf', 1),
      file('Qwen3-4B.Q8_0.gguf.part1of2', 1),
    ]);
    expect(quants.map((quant) => quant.tag)).toEqual([
      'TQ1_0',
      'IQ2_XXS',
      'IQ4_NL',
      'Q4_K_M',
      'MXFP4_MOE',
      'UD-Q4_K_XL',
      'BF16',
      'F16',
    ]);
  });

  test('a split file is one choice in order of its parts, in a folder of its own too', () => {
    const { quants } = quantsOf([
      file('Q8_0/Big-Q8_0-00002-of-00002.gguf', 30),
      file('Q8_0/Big-Q8_0-00001-of-00002.gguf', 40),
      file('BF16/Big-00001-of-00002.gguf', 90),
      file('BF16/Big-00002-of-00002.gguf', 90),
    ]);
    expect(quants).toHaveLength(2);
    expect(quants[0]).toMatchObject({ tag: 'Q8_0', folder: 'Q8_0', name: 'Big', isComplete: true, totalBytes: 70 });
    expect(quants[0]?.files.map((part) => part.sizeBytes)).toEqual([40, 30]);
    expect(quants[1]).toMatchObject({ tag: 'BF16', quantization: 'BF16', totalBytes: 180 });
  });

  test('missing parts are named, and such a choice is refused', () => {
    const choices = quantsOf([file('M-Q4_0-00001-of-00003.gguf'), file('M-Q4_0-00003-of-00003.gguf')]);
    expect(choices.quants[0]).toMatchObject({ isComplete: false, missing: ['M-Q4_0-00002-of-00003.gguf'] });
    const fault = thrownBy(() => chooseQuant(choices, wish({ quantization: 'Q4_0' })));
    expect(fault.kind).toBe('unprocessable');
    expect(fault.message).toContain('00002-of-00003');
  });

  test('projectors and sidecars are no choices; projectors come by precision', () => {
    const choices = quantsOf([
      file('gemma-3-4b-it-Q4_K_M.gguf'),
      file('mmproj-F32.gguf'),
      file('mmproj-BF16.gguf'),
      file('mmproj-F16.gguf'),
      file('mtp-gemma-3-4b-it.gguf'),
      file('eagle3-gemma.gguf'),
      file('imatrix_unsloth.gguf'),
      file('gemma-3-4b-it.imatrix.gguf'),
    ]);
    expect(choices.quants.map((quant) => quant.tag)).toEqual(['Q4_K_M']);
    expect(choices.projectors.map((projector) => projector.path)).toEqual([
      'mmproj-F16.gguf',
      'mmproj-BF16.gguf',
      'mmproj-F32.gguf',
    ]);
    expect(choices.sidecars).toHaveLength(4);
    const [only] = choices.quants;
    expect(only && projectorFor(only, choices)?.path).toBe('mmproj-F16.gguf');
  });

  test('among several models a projector goes to its namesake, a nameless one to all', () => {
    const choices = quantsOf([
      file('gemma-3-4b-it-Q4_K_M.gguf', 1),
      file('gemma-3-12b-it-Q4_K_M.gguf', 2),
      file('mmproj-gemma-3-12b-it-F16.gguf'),
    ]);
    const [small, large] = choices.quants;
    expect(small && projectorFor(small, choices)).toBeNull();
    expect(large && projectorFor(large, choices)?.path).toBe('mmproj-gemma-3-12b-it-F16.gguf');
    const shared = quantsOf([file('a-Q4_0.gguf'), file('b-Q4_0.gguf'), file('mmproj-model-f16.gguf')]);
    for (const quant of shared.quants) expect(projectorFor(quant, shared)?.path).toBe('mmproj-model-f16.gguf');
  });

  test('a projector in the folder of a model goes before one at the root, and none comes from another folder', () => {
    const choices = quantsOf([
      file('small/m-Q4_0.gguf', 1),
      file('large/m-Q8_0.gguf', 2),
      file('small/mmproj-F32.gguf'),
      file('mmproj-F16.gguf'),
    ]);
    const [small, large] = choices.quants;
    expect(small && projectorFor(small, choices)?.path).toBe('small/mmproj-F32.gguf');
    expect(large && projectorFor(large, choices)?.path).toBe('mmproj-F16.gguf');
  });
});

describe('which one is meant', () => {
  const choices = quantsOf([
    file('Qwen3-4B-Q2_K.gguf', 20),
    file('Qwen3-4B-UD-Q4_K_XL.gguf', 55),
    file('Qwen3-4B-Q4_K_M.gguf', 50),
    file('Qwen3-4B-Q8_0.gguf', 90),
    file('IQ/Qwen3-4B-IQ4_XS.gguf', 45),
    file('mmproj-F16.gguf', 5),
    file('imatrix.gguf', 1),
  ]);
  const pathOf = (more: Partial<Wish>): string | undefined => chooseQuant(choices, wish(more)).files[0]?.path;

  test.each([
    [{}, 'Qwen3-4B-Q4_K_M.gguf'],
    [{ quantization: 'Q8_0' }, 'Qwen3-4B-Q8_0.gguf'],
    [{ quantization: 'Q4_K_XL' }, 'Qwen3-4B-UD-Q4_K_XL.gguf'],
    [{ quantization: 'QWEN3-4B-Q2_K' }, 'Qwen3-4B-Q2_K.gguf'],
    [{ file: 'qwen3-4b-q8_0.GGUF' }, 'Qwen3-4B-Q8_0.gguf'],
    [{ file: 'IQ/Qwen3-4B-IQ4_XS.gguf' }, 'IQ/Qwen3-4B-IQ4_XS.gguf'],
    [{ file: 'Qwen3-4B-IQ4_XS.gguf' }, 'IQ/Qwen3-4B-IQ4_XS.gguf'],
    [{ folder: 'IQ' }, 'IQ/Qwen3-4B-IQ4_XS.gguf'],
    [{ file: 'mmproj-F16.gguf' }, 'mmproj-F16.gguf'],
    [{ file: 'imatrix.gguf' }, 'imatrix.gguf'],
  ])('%j → %s', (more, path) => {
    expect(pathOf(more)).toBe(path);
  });

  test.each([{ quantization: 'Q3_K_S' }, { file: 'no.gguf' }, { folder: 'none' }])('%j is not there', (more) => {
    const fault = thrownBy(() => chooseQuant(choices, wish(more)));
    expect(fault.kind).toBe('not_found');
    expect(fault.details.tags).toContain('Q4_K_M');
  });

  test('a part of a split file means the whole', () => {
    const split = quantsOf([file('m-Q4_0-00001-of-00002.gguf'), file('m-Q4_0-00002-of-00002.gguf')]);
    expect(chooseQuant(split, wish({ file: 'm-Q4_0-00002-of-00002.gguf' })).files).toHaveLength(2);
  });

  test('of several models with one quantization the one that the repository is named after, else somebody must say', () => {
    const both = quantsOf([file('Qwen3-4B-Q4_K_M.gguf'), file('Qwen3-4B-abliterated-Q4_K_M.gguf')]);
    expect(chooseQuant(both, wish()).files[0]?.path).toBe('Qwen3-4B-Q4_K_M.gguf');
    expect(both.quants.map((quant) => quant.tag)).toEqual(['Qwen3-4B-Q4_K_M.gguf', 'Qwen3-4B-abliterated-Q4_K_M.gguf']);
    const fault = thrownBy(() => chooseQuant(both, wish({ repository: 'owner/pack', quantization: 'Q4_K_M' })));
    expect(fault.kind).toBe('bad_request');
    expect(fault.hint).toContain('owner/pack:Qwen3-4B-Q4_K_M.gguf');
  });

  test('without a usual quantization the smallest that is whole', () => {
    const odd = quantsOf([file('m-Q2_K-00001-of-00002.gguf', 1), file('m-IQ1_S.gguf', 5), file('m-F32.gguf', 90)]);
    expect(chooseQuant(odd, wish()).tag).toBe('IQ1_S');
  });

  test('a repository without any says so', () => {
    const fault = thrownBy(() => chooseQuant(quantsOf([file('model.safetensors')]), wish()));
    expect(fault.kind).toBe('not_found');
    expect(fault.hint).toContain('-GGUF');
  });
});
