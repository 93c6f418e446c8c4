import { expect, test } from 'bun:test';
import { type Claimant, NameIndex } from '../../src/models/aliases.ts';
import { idOf, idVariants, nameOf, parseFileName, RESERVED_NAMES, slugOf, titleOf } from '../../src/models/names.ts';
import { editDistance, nearestIds } from '../../src/models/near-names.ts';

const idFrom = (fileName: string, fallbacks: readonly string[] = [], quantization: string | null = null): string => {
  const named = nameOf({ stem: parseFileName(fileName).stem, quantization, fallbacks });
  return idOf(named.name, named.quantization);
};

test.each([
  ['Qwen3-4B-Q4_K_M.gguf', 'qwen3-4b-q4_k_m'],
  ['Qwen3-Coder-30B-A3B-Instruct-UD-Q4_K_XL-00001-of-00003.GGUF', 'qwen3-coder-30b-a3b-instruct-ud-q4_k_xl'],
  ['llama-2-7b.Q4_K_M.gguf', 'llama-2-7b-q4_k_m'],
  ['phi-4-IQ4_XS.gguf', 'phi-4-iq4_xs'],
  ['phi-3.5-mini-q4-k-m.gguf', 'phi-3.5-mini-q4_k_m'],
  ['gemma-UD-Q4-K-XL.gguf', 'gemma-ud-q4_k_xl'],
  ['qwen-q8-0-chat.gguf', 'qwen-chat-q8_0'],
  ['gpt-oss-20b-mxfp4.gguf', 'gpt-oss-20b-mxfp4'],
  ['Model_fp16.gguf', 'model-f16'],
  ['My Model (v2) "quoted" #1 & co.gguf', 'my-model-v2-quoted-1-co'],
  ['Ünïcödé Straße-q8_0.gguf', 'unicode-strasse-q8_0'],
  ['Модель Ёж (f16).gguf', 'model-ezh-f16'],
  ['μοντέλο.gguf', 'montelo'],
  ['default.gguf', 'default-model'],
  ['Start-All.gguf', 'start-all-model'],
  ['drover-probe.gguf', 'drover-probe-model'],
  ['..gguf', 'model-cdb4ee'],
])('%s becomes %s', (fileName, id) => {
  expect(idFrom(fileName)).toBe(id);
});

test('a name that tells nothing gives way to the repository, the header and the folder', () => {
  expect(idFrom('model.gguf', ['Qwen3-4B-GGUF'], 'Q8_0')).toBe('qwen3-4b-q8_0');
  expect(idFrom('ggml-model-q4_0.gguf', ['Tiny Llama'])).toBe('tiny-llama-q4_0');
  expect(idFrom('Q6_K.gguf', ['Mistral 7B'])).toBe('mistral-7b-q6_k');
  expect(idFrom('千问-7b-q4_0.gguf', ['Qwen 7B'])).toBe('qwen-7b-q4_0');
});

test('an id is never empty, reserved or outside of its alphabet, whatever the file is called', () => {
  const names = [
    '千问.gguf',
    '🦙.gguf',
    '....gguf',
    '%2e%2e%2f.gguf',
    'a..b.gguf',
    '-.gguf',
    'a\u0000b.gguf',
    '\u202egpj.gguf',
  ];
  names.push(
    `${'x'.repeat(240)}.gguf`,
    `${'長'.repeat(80)}.gguf`,
    ...[...RESERVED_NAMES].map((name) => `${name}.gguf`),
  );
  const ids = names.map((name) => idFrom(name));
  for (const id of ids) {
    expect(id).toMatch(/^[a-z0-9]([a-z0-9._-]{0,100}[a-z0-9])?$/);
    expect(id).not.toContain('..');
    expect(RESERVED_NAMES.has(id)).toBe(false);
  }
  expect(new Set(ids).size).toBe(ids.length);
});

test('composed and decomposed spellings are one name', () => {
  expect(slugOf('e\u0301te\u0301')).toEqual(slugOf('été'));
  expect(parseFileName('e\u0301.gguf').stem).toBe('é');
});

test('shards are told by llama-gguf-split’s pattern only', () => {
  expect(parseFileName('a-00002-of-00003.gguf').shard).toEqual({ number: 2, count: 3 });
  expect(parseFileName('a-00004-of-00003.gguf')).toMatchObject({ stem: 'a-00004-of-00003', shard: null });
  expect(parseFileName('a-00000-of-00003.gguf').shard).toBeNull();
  expect(parseFileName('a-2-of-3.gguf').shard).toBeNull();
});

test('variants add the folder, then a hash of the path, for either separator', () => {
  const first = (path: string, folder: string): string[] => {
    const variants = idVariants('m-q8_0', folder, path);
    return [1, 2, 3, 4].map(() => variants.next().value ?? '');
  };
  const posix = first('/data/My Models/m.gguf', 'My Models');
  expect(posix.slice(0, 2)).toEqual(['m-q8_0', 'm-q8_0-my-models']);
  expect(posix[2]).toMatch(/^m-q8_0-[0-9a-f]{6}$/);
  const windows = first('C:\\AI\\Models\\m.gguf', 'Models');
  expect(windows[2]).not.toBe(posix[2]);
  expect(windows[3]).toBe(`${windows[2]}-2`);
});

test('titles come from a header that tells something, else from the file', () => {
  expect(titleOf('Qwen3 4B', 'qwen3-4b-q4_k_m')).toBe('Qwen3 4B');
  expect(titleOf('model', 'Qwen3-4B-Q4_K_M')).toBe('Qwen3 4B');
  expect(titleOf('C:\\temp\\out', 'x_y-Q8_0')).toBe('x y');
  expect(titleOf('two\nlines', 'x')).toBe('two lines');
});

const claimant = (id: string, quantization: string | null, more: Partial<Claimant> = {}): Claimant => ({
  id,
  quantization,
  isUsable: true,
  sizeBytes: 1,
  files: [],
  claims: [{ name: 'qwen3-4b', strength: 'general' }],
  ...more,
});

test('a name without a quantization means Q4_K_M, then Q8_0, then the largest, and never a broken file', () => {
  const q4 = claimant('a-q4_k_m', 'Q4_K_M');
  const q8 = claimant('a-q8_0', 'Q8_0');
  const small = claimant('a-q2_k', 'Q2_K', { sizeBytes: 5 });
  const large = claimant('a-q6_k', 'Q6_K', { sizeBytes: 9 });
  const meant = (...claimants: Claimant[]): (string | null)[] => {
    const both = [new NameIndex(claimants), new NameIndex(claimants.toReversed())];
    return both.map((index) => index.resolve('Qwen3-4B'));
  };
  expect(meant(small, large, q8, q4)).toEqual(['a-q4_k_m', 'a-q4_k_m']);
  expect(meant(small, large, q8)).toEqual(['a-q8_0', 'a-q8_0']);
  expect(meant(small, large)).toEqual(['a-q6_k', 'a-q6_k']);
  expect(meant({ ...q4, isUsable: false }, small)).toEqual(['a-q2_k', 'a-q2_k']);
});

test('ids win over aliases, written ones over exact ones, exact ones over general ones', () => {
  const index = new NameIndex([
    claimant('one', 'Q4_K_M', {
      claims: [
        { name: 'two', strength: 'configured' },
        { name: 'x', strength: 'general' },
      ],
    }),
    claimant('two', 'Q2_K', {
      claims: [
        { name: 'x', strength: 'exact' },
        { name: 'y', strength: 'exact' },
      ],
    }),
    claimant('three', 'Q2_K', { claims: [{ name: 'Y', strength: 'configured' }] }),
  ]);
  expect([index.resolve('two'), index.resolve('x'), index.resolve('y')]).toEqual(['two', 'two', 'three']);
  expect(index.aliasesOf('three')).toEqual(['Y']);
  expect(index.aliasesOf('one')).toEqual([]);
});

test('careless spellings resolve, other names do not', () => {
  const index = new NameIndex([
    claimant('qwen3-4b-q4_k_m', 'Q4_K_M', { claims: [{ name: 'qwen3-4b:q4_k_m', strength: 'exact' }] }),
  ]);
  for (const name of ['QWEN3-4B-Q4_K_M', ' qwen3-4b-q4_k_m ', 'Qwen3 4B Q4_K_M', 'qwen3-4b:Q4_K_M']) {
    expect(index.resolve(name)).toBe('qwen3-4b-q4_k_m');
  }
  for (const name of ['', '  ', '-', '千', 'qwen3', 'x'.repeat(100_000)]) expect(index.resolve(name)).toBeNull();
});

test('near names are near', () => {
  const names = ['qwen3-4b-q4_k_m', 'qwen3-8b-q4_k_m', 'gemma-3-4b-it-q8_0', 'bge-m3-f16'].map(
    (id) => [id, id] as const,
  );
  expect(nearestIds('qwen3-4b', names, 5)[0]).toBe('qwen3-4b-q4_k_m');
  expect(nearestIds('gema-3-4b-it-q8_0', names, 1)).toEqual(['gemma-3-4b-it-q8_0']);
  expect(nearestIds('GEMMA', names, 1)).toEqual(['gemma-3-4b-it-q8_0']);
  expect(nearestIds('zzzzzzzz', names, 5)).toEqual([]);
  expect(nearestIds('x'.repeat(1_000_000), names, 5)).toEqual([]);
  expect(editDistance('kitten', 'sitting', 9)).toBe(3);
  expect(editDistance('kitten', 'sitting', 2)).toBeNull();
});
