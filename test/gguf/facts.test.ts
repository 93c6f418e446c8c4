import { describe, expect, test } from 'bun:test';
import { Fault } from '../../src/base/fault.ts';
import { factsOf, type LayerFacts, type ModelFacts, mergeShards } from '../../src/gguf/facts.ts';
import { fileTypeLabel } from '../../src/gguf/file-types.ts';
import { prefixSource, readHeader } from '../../src/gguf/reader.ts';
import { encodeGguf, type GgufValue, type TensorSpec, text, u32 } from '../fixtures/gguf-writer.ts';
import { MODEL_SHAPES, modelShape, TOOL_TEMPLATE } from '../fixtures/model-shapes.ts';
import { tinyBert, tinyLlama } from '../fixtures/tiny-models.ts';

function factsOfBytes(bytes: Uint8Array, fileName = 'model.gguf'): ModelFacts {
  return factsOf(readHeader(prefixSource(bytes)), { fileBytes: bytes.length, fileName });
}

const factsOfKeys = (
  metadata: Readonly<Record<string, GgufValue>>,
  tensors: readonly TensorSpec[] = [],
  fileName = 'model.gguf',
): ModelFacts => factsOfBytes(encodeGguf(metadata, tensors), fileName);

const factsOfShape = (name: string): ModelFacts => {
  const shape = modelShape(name);
  return factsOfKeys(shape.metadata, shape.tensors);
};

/** Layers in short: `S` sliding, K/V elements, `I` indexer, `R` recurrent. */
const caches = (facts: ModelFacts): string[] =>
  facts.layers.map(
    (layer) =>
      `${layer.isSlidingWindow ? 'S' : ''}${layer.keyElements}/${layer.valueElements}` +
      (layer.indexerElements > 0 ? ` I${layer.indexerElements}` : '') +
      (layer.recurrentElements > 0 ? ` R${layer.recurrentElements}` : ''),
  );

test.each([
  ['llama with GQA', 'text', 'Q4_K_M'],
  ['gemma3 with sliding windows, tied', 'text', 'Q4_0'],
  ['gpt-oss with experts', 'text', 'MXFP4'],
  ['bert for embeddings', 'embedding', 'F16'],
  ['a decoder for embeddings', 'embedding', 'F32'],
  ['a reranker', 'reranker', 'F32'],
  ['a projector', 'projector', 'F16'],
  ['an adapter', 'adapter', 'F32'],
  ['an importance matrix', 'imatrix', 'F32'],
  ['a head that drafts', 'draft', 'F32'],
  ['a vocabulary', 'vocabulary', 'F32'],
])('%s is %s in %s', (name, kind, quantization) => {
  const facts = factsOfShape(name);
  expect([facts.kind, facts.quantization]).toEqual([kind as ModelFacts['kind'], quantization]);
});

test('kinds where the header is silent or strange', () => {
  expect(factsOfKeys({}).kind).toBe('unknown');
  expect(factsOfKeys({ 'general.architecture': u32(7) }).kind).toBe('unknown');
  expect(factsOfKeys({ 'general.architecture': text('llada') }, modelShape('llama with GQA').tensors).kind).toBe(
    'unknown',
  );
  const shape = modelShape('llama with GQA');
  expect(factsOfKeys(shape.metadata, shape.tensors, 'mtp-model.gguf').kind).toBe('draft');
  expect(factsOfBytes(tinyBert()).kind).toBe('embedding');
  expect(factsOfBytes(tinyBert({ poolingType: 4 })).kind).toBe('reranker');
});

test('what a header says outright', () => {
  const facts = factsOfShape('llama with GQA');
  expect(facts).toMatchObject({
    architecture: 'llama',
    name: 'Llama Shape',
    basename: 'Llama',
    sizeLabel: '8B',
    isQuantizationDerived: false,
    contextTokens: 131_072,
    blockCount: 2,
    embeddingLength: 4096,
    feedForwardLength: 14_336,
    vocabularySize: 128_256,
    headCount: 32,
    headCountKv: 8,
    keyLength: 128,
    valueLength: 128,
    slidingWindowTokens: null,
    isMla: false,
    isRecurrent: false,
    poolingType: null,
    isCausal: true,
    chatTemplate: TOOL_TEMPLATE,
    canUseTools: true,
    canReason: true,
    canInfill: false,
    projector: null,
    split: null,
    sampling: { top_k: 20 },
  });
  expect(facts.sampling.temp).toBeCloseTo(0.6, 6);
  expect(factsOfShape('a coder that fills gaps').canInfill).toBe(true);
  expect(factsOfShape('a projector').projector).toEqual({
    hasVision: true,
    hasAudio: true,
    projectorType: 'qwen2.5o',
    projectionLength: 2048,
  });
  const plain = factsOfBytes(tinyLlama());
  expect([plain.canUseTools, plain.canReason]).toEqual([false, false]);
});

describe('bytes', () => {
  test.each(MODEL_SHAPES.map((shape) => [shape.name] as const))('every byte of %s has one place', (name) => {
    const facts = factsOfShape(name);
    const inLayers = facts.layers.reduce((sum, layer) => sum + layer.weightBytes, 0);
    expect(facts.weightBytes).toBe(inLayers + facts.tokenEmbeddingBytes + facts.outputBytes + facts.otherBytes);
    expect(facts.weightBytes).toBeLessThanOrEqual(facts.fileBytes);
  });

  test('tied embeddings have no output of their own', () => {
    expect(factsOfShape('gemma3 with sliding windows, tied').outputBytes).toBe(0);
    expect(factsOfShape('llama with GQA').outputBytes).toBe(32 * 16 * 4);
    expect(factsOfShape('llama with GQA').tokenEmbeddingBytes).toBe(32 * 16 * 2);
  });

  test('what stays on the host with the input layer is told apart', () => {
    const facts = factsOfBytes(tinyBert());
    // token_types 64 × 2 and position_embd 64 × 512, F32.
    expect(facts.inputBytes).toBe(64 * 2 * 4 + 64 * 512 * 4);
    expect(facts.otherBytes).toBe(facts.inputBytes + 2 * 64 * 4);
    expect(factsOfBytes(tinyLlama()).inputBytes).toBe(0);
  });

  test('experts are counted apart within their layer', () => {
    const facts = factsOfShape('gpt-oss with experts');
    const one = 32 * 8 * 4;
    expect(facts.layers[1]).toMatchObject({ weightBytes: 9 * one, expertBytes: 3 * one });
    // 272 bytes of MXFP4, padded to 288.
    expect(facts.layers[0]).toMatchObject({ weightBytes: 9 * one + 288, expertBytes: 3 * one + 288 });
    expect(facts.expertCount).toBe(32);
    expect(facts.expertUsedCount).toBe(4);
  });
});

describe('what each layer keeps', () => {
  test.each<[string, string[], Partial<ModelFacts>]>([
    ['llama with GQA', ['1024/1024', '1024/1024'], {}],
    [
      'gemma3 with sliding windows, tied',
      ['S256/256', 'S256/256', 'S256/256', 'S256/256', 'S256/256', '256/256', 'S256/256', 'S256/256'],
      { slidingWindowTokens: 512 },
    ],
    [
      'gemma4 with shared caches',
      ['S64/64', 'S64/64', 'S64/64', '128/128', '0/0', '0/0'],
      { slidingWindowTokens: 512 },
    ],
    ['gpt-oss with experts', ['S512/512', '512/512', 'S512/512', '512/512'], { slidingWindowTokens: 128 }],
    ['deepseek2 with MLA', ['576/0', '576/0', '0/0'], { isMla: true, nextnLayerCount: 1 }],
    [
      'qwen3next, hybrid',
      ['0/0 R548864', '0/0 R548864', '0/0 R548864', '512/512', '0/0 R548864', '0/0 R548864', '0/0 R548864', '512/512'],
      { isRecurrent: true },
    ],
    ['mamba', ['0/0 R29184', '0/0 R29184'], { isRecurrent: true }],
    ['rwkv7', ['0/0 R135168', '0/0 R135168'], { isRecurrent: true }],
    ['nemotron_h with layers of three kinds', ['0/0 R35072', '128/128', '0/0'], { isRecurrent: true }],
    ['bert for embeddings', ['0/0', '0/0'], { isCausal: false, poolingType: 2 }],
    ['a decoder for embeddings', ['1024/1024', '1024/1024'], { poolingType: 3 }],
  ])('%s', (name, expected, facts) => {
    const found = factsOfShape(name);
    expect(caches(found)).toEqual(expected);
    expect(found).toMatchObject(facts);
  });

  // Each as build 11669 of llama.cpp allocated it for a model of these sizes.
  const DEEPSEEK = {
    'attention.head_count': 8,
    'attention.head_count_kv': 1,
    'attention.key_length': 160,
    'attention.value_length': 128,
    'attention.key_length_mla': 96,
    'attention.value_length_mla': 64,
    'attention.indexer.key_length': 64,
    embedding_length: 256,
  };
  const PLAIN = {
    'attention.head_count': 8,
    'attention.head_count_kv': 4,
    'attention.key_length': 64,
    'attention.value_length': 64,
    embedding_length: 256,
  };
  const KDA = { 'ssm.conv_kernel': 4, 'kda.head_dim': 32 };
  const times = (count: number, what: string): string[] => new Array<string>(count).fill(what);
  test.each<[string, string, Record<string, number | readonly number[] | readonly boolean[]>, string[]]>([
    ['deepseek32', 'an indexer on each layer', { ...DEEPSEEK, block_count: 2 }, times(2, '160/0 I64')],
    [
      'glm-dsa',
      'indexers where the list says, none for the draft layer',
      { ...DEEPSEEK, block_count: 4, nextn_predict_layers: 1, 'attention.indexer.types': [1, 0, 1] },
      ['160/0 I64', '160/0', '160/0 I64', '0/0'],
    ],
    ['glm-dsa', 'of version 5', { ...DEEPSEEK, block_count: 2, context_length: 202_752 }, times(2, '160/0 I64')],
    [
      'glm-dsa',
      'of version 5.2',
      { ...DEEPSEEK, block_count: 7, context_length: 1_048_576 },
      ['160/0 I64', '160/0 I64', '160/0 I64', '160/0', '160/0', '160/0', '160/0 I64'],
    ],
    [
      'glm5-next',
      'KDA, MLA and a pooling indexer',
      { ...DEEPSEEK, ...KDA, 'attention.head_count_kv': [0, 1], block_count: 2 },
      ['0/0 R10496', '160/0 I192'],
    ],
    [
      'deepseek4',
      'windows and compressed caches',
      {
        ...DEEPSEEK,
        block_count: 3,
        'attention.sliding_window': 128,
        'attention.compress_ratios': [0, 4, 128],
      },
      ['S160/0', 'S160/0 I56 R7168', 'S160/0 I1.25 R40960'],
    ],
    [
      'minimax-m3',
      'an indexer after the dense layers',
      { ...PLAIN, block_count: 2, leading_dense_block_count: 1, 'attention.indexer.key_length': 32 },
      ['256/256', '256/256 I96'],
    ],
    [
      'minimax-01',
      'linear attention by interval',
      { ...PLAIN, block_count: 4, full_attention_interval: 2 },
      ['0/0 R32768', '256/256', '0/0 R32768', '256/256'],
    ],
    [
      'bailingmoe3',
      'KDA where there are no KV heads',
      { ...DEEPSEEK, ...KDA, block_count: 3, 'attention.head_count_kv': [0, 0, 1] },
      ['0/0 R10496', '0/0 R10496', '160/0'],
    ],
    [
      'exaone4',
      'small ones do not slide',
      { ...PLAIN, block_count: 3, 'attention.sliding_window': 4096 },
      times(3, '256/256'),
    ],
    [
      'exaone4',
      'large ones do',
      { ...PLAIN, block_count: 64, 'attention.sliding_window': 4096 },
      Array.from({ length: 64 }, (_, layer) => (layer % 4 === 3 ? '256/256' : 'S256/256')),
    ],
    ['llama4', 'chunks without a key', { ...PLAIN, block_count: 4 }, [...times(3, 'S256/256'), '256/256']],
    ['llama4', 'chunks turned off', { ...PLAIN, block_count: 2, 'attention.sliding_window': 0 }, times(2, '256/256')],
    [
      'smallthinker',
      'dense first',
      { ...PLAIN, block_count: 5, 'attention.sliding_window': 512 },
      ['256/256', 'S256/256', 'S256/256', 'S256/256', '256/256'],
    ],
    [
      'granite_swa',
      'an architecture known by its list alone',
      { ...PLAIN, block_count: 2, 'attention.sliding_window': 512, 'attention.sliding_window_pattern': [true, false] },
      ['S256/256', '256/256'],
    ],
    ['gemma3n', 'layers from 20 on share', { ...PLAIN, block_count: 22 }, [...times(20, '256/256'), '0/0', '0/0']],
    ['phi3', 'its window is not used', { ...PLAIN, block_count: 1, 'attention.sliding_window': 2047 }, ['256/256']],
  ])('%s: %s', (architecture, _, keys, expected) => {
    const metadata: Record<string, GgufValue> = { 'general.architecture': text(architecture) };
    for (const [key, value] of Object.entries(keys)) {
      metadata[`${architecture}.${key}`] =
        typeof value === 'number'
          ? u32(value)
          : key === 'attention.sliding_window_pattern'
            ? { type: 'array', of: 'bool', value: value.map(Boolean) }
            : { type: 'array', of: 'i32', value: value.map(Number) };
    }
    expect(caches(factsOfKeys(metadata))).toEqual(expected);
  });

  test('a window of 0 turns the architecture’s own pattern off', () => {
    const shape = modelShape('gemma3 with sliding windows, tied');
    const facts = factsOfKeys({ ...shape.metadata, 'gemma3.attention.sliding_window': u32(0) }, shape.tensors);
    expect(facts.slidingWindowTokens).toBeNull();
    expect(facts.layers.every((layer: LayerFacts) => !layer.isSlidingWindow)).toBe(true);
  });

  test('strange sizes are as good as absent, and huge counts are refused', () => {
    const strange = factsOfKeys({
      'general.architecture': text('llama'),
      'llama.block_count': u32(2),
      'llama.embedding_length': { type: 'f32', value: Number.NaN },
      'llama.attention.head_count': { type: 'i32', value: -1 },
      'llama.attention.head_count_kv': { type: 'array', of: 'i32', value: [] },
      'llama.context_length': { type: 'u64', value: 2n ** 63n },
    });
    expect(strange.contextTokens).toBeNull();
    expect(caches(strange)).toEqual(['0/0', '0/0']);
    for (const count of [1025, 4_294_967_295]) {
      expect(() => factsOfKeys({ 'general.architecture': text('llama'), 'llama.block_count': u32(count) })).toThrow(
        Fault,
      );
    }
    const far = factsOfKeys({ 'general.architecture': text('llama') }, [
      { name: 'blk.9999.attn_q.weight', dimensions: [8] },
      { name: 'blk.99999999999.attn_q.weight', dimensions: [8] },
    ]);
    expect(far.layers.length).toBe(0);
    expect(far.otherBytes).toBe(64);
  });
});

test('quantizations without a label are told by the tensors', () => {
  const half = new Uint8Array(2 * 256);
  const facts = factsOfKeys({ 'general.architecture': text('llama') }, [
    { name: 'token_embd.weight', dimensions: [64, 64] },
    { name: 'blk.0.attn_norm.weight', dimensions: [4096] },
    { name: 'blk.0.attn_q.weight', dimensions: [256, 1], type: 30, data: half },
  ]);
  expect([facts.quantization, facts.isQuantizationDerived]).toEqual(['BF16', true]);
  expect(fileTypeLabel(1024 + 15)).toBeNull();
  expect(fileTypeLabel(999)).toBeNull();
  expect(
    factsOfKeys({ 'general.architecture': text('llama'), 'general.file_type': u32(999) }).isQuantizationDerived,
  ).toBe(true);
});

describe('split models', () => {
  const u16 = (value: number): GgufValue => ({ type: 'u16', value });
  const part = (index: number, count: number, tensors: readonly TensorSpec[]): ModelFacts =>
    factsOfKeys(
      {
        ...(index === 0 ? modelShape('llama with GQA').metadata : {}),
        'split.no': u16(index),
        'split.count': u16(count),
        'split.tensors.count': { type: 'i32', value: 3 },
      },
      tensors,
    );
  const at = (name: string): TensorSpec => ({ name, dimensions: [64] });
  const parts = [
    part(0, 3, [at('token_embd.weight'), at('blk.0.attn_q.weight')]),
    part(1, 3, [at('blk.0.ffn_up_exps.weight'), at('blk.1.attn_q.weight')]),
    part(2, 3, [at('blk.1.attn_k.weight'), at('output.weight')]),
  ];
  const pick = (...indexes: number[]): ModelFacts[] => indexes.flatMap((index) => parts[index] ?? []);

  test('bytes of all parts, meaning of the first, in any order', () => {
    const merged = mergeShards(pick(2, 0, 1));
    expect(merged).toMatchObject({
      name: 'Llama Shape',
      kind: 'text',
      tensorCount: 6,
      parameterCount: 384,
      weightBytes: 6 * 256,
      tokenEmbeddingBytes: 256,
      outputBytes: 256,
      otherBytes: 0,
      split: { index: 0, count: 3 },
    });
    expect(merged.fileBytes).toBe(pick(0, 1, 2).reduce((sum, shard) => sum + shard.fileBytes, 0));
    expect(merged.layers.map((layer) => [layer.weightBytes, layer.expertBytes])).toEqual([
      [512, 256],
      [512, 0],
    ]);
    expect(caches(merged)).toEqual(['1024/1024', '1024/1024']);
  });

  test.each<[string, ModelFacts[], RegExp]>([
    ['none', [], /no files/],
    ['the last missing', pick(0, 1), /Part 3 of 3 is missing/],
    ['the first missing', pick(1, 2), /Part 1 of 3 is missing/],
    ['the middle missing', pick(0, 2), /Part 2 of 3 is missing/],
    ['one twice', pick(0, 1, 1, 2), /Part 2 of 3 is there twice/],
    ['one twice instead of another', pick(0, 1, 1), /Part 2 of 3 is there twice/],
    ['of different splits', [...pick(0), part(1, 2, [])], /different splits/],
  ])('%s', (_, shards, message) => {
    expect(() => mergeShards(shards)).toThrow(message);
  });

  test('a part beyond the count is refused', () => {
    expect(() => part(3, 3, [])).toThrow(Fault);
  });
});
