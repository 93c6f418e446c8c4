import { describe, expect, test } from 'bun:test';
import { Fault } from '../../src/base/fault.ts';
import {
  hubHosts,
  isOnHub,
  parseEndpoint,
  parseReference,
  partsOfAddress,
  resolveUrl,
} from '../../src/models/hub-reference.ts';

const kindOf = (work: () => unknown): string => {
  try {
    work();
    return 'fine';
  } catch (thrown) {
    return thrown instanceof Fault ? thrown.kind : `broken: ${String(thrown)}`;
  }
};

const repository = (id: string, more: object = {}) => ({
  kind: 'repository' as const,
  repository: id,
  revision: null,
  quantization: null,
  file: null,
  folder: null,
  ...more,
});

describe('references', () => {
  test.each([
    ['Qwen/Qwen3-4B-GGUF', repository('Qwen/Qwen3-4B-GGUF')],
    ['  Qwen/Qwen3-4B-GGUF ', repository('Qwen/Qwen3-4B-GGUF')],
    ['unsloth/Qwen3.5-4B_GGUF:q4_k_m', repository('unsloth/Qwen3.5-4B_GGUF', { quantization: 'Q4_K_M' })],
    ['unsloth/x:ud-q4_k_xl', repository('unsloth/x', { quantization: 'UD-Q4_K_XL' })],
    ['unsloth/x:model.Q8_0.gguf', repository('unsloth/x', { file: 'model.Q8_0.gguf' })],
    ['unsloth/x:Q8_0/m-00001-of-00002.gguf', repository('unsloth/x', { file: 'Q8_0/m-00001-of-00002.gguf' })],
    ['hf.co/a/b', repository('a/b')],
    ['hf.co/a/b:IQ4_XS', repository('a/b', { quantization: 'IQ4_XS' })],
    ['huggingface.co/a/b', repository('a/b')],
    ['https://huggingface.co/a/b', repository('a/b')],
    ['https://huggingface.co/a/b/', repository('a/b')],
    ['https://www.huggingface.co/a/b?library=gguf#x', repository('a/b')],
    ['https://hf.co/a/b/tree/main', repository('a/b')],
    ['https://huggingface.co/a/b/tree/v1.0', repository('a/b', { revision: 'v1.0' })],
    ['https://huggingface.co/a/b/tree/main/UD-Q4_K_XL', repository('a/b', { folder: 'UD-Q4_K_XL' })],
    ['https://huggingface.co/a/b/blob/main/x%20y.gguf', repository('a/b', { file: 'x y.gguf' })],
    ['https://huggingface.co/a/b/resolve/main/q/ü.gguf?download=true', repository('a/b', { file: 'q/ü.gguf' })],
    [
      'https://huggingface.co/a/b/resolve/refs%2Fpr%2F3/x.gguf',
      repository('a/b', { revision: 'refs/pr/3', file: 'x.gguf' }),
    ],
    [
      'https://models.example/files/tiny%20model.gguf?sig=1#frag',
      { kind: 'url', url: 'https://models.example/files/tiny%20model.gguf?sig=1', fileName: 'tiny model.gguf' },
    ],
  ] as const)('%s', (text, wanted) => {
    expect(parseReference(text)).toEqual(wanted);
  });

  test.each([
    '',
    ' ',
    'name',
    'a/b/c',
    '/a/b',
    'a//b',
    './a',
    '../b',
    'a/..',
    '../../etc/passwd',
    'a/b:../x.gguf',
    'a/b:x/../../y.gguf',
    'a/b:/etc/x.gguf',
    'a/b:Q4 K',
    'a/b c',
    'a\u0000/b',
    'a/b\nc',
    'a/b:',
    'a/b:Q4/K',
    'a/-b',
    'a/b.git',
    'a/b..c',
    'a--x/b',
    'C:\\models\\x.gguf',
    'C:/models/x.gguf',
    'file:///etc/passwd.gguf',
    'ftp://huggingface.co/a/b',
    'javascript://huggingface.co/a/b',
    'https://user:pass@huggingface.co/a/b',
    'https://huggingface.co/',
    'https://huggingface.co/a',
    'https://huggingface.co/a/b/discussions/1',
    'https://huggingface.co/datasets/a/b',
    'https://huggingface.co/a/b/resolve/main/../../x.gguf',
    'https://huggingface.co/a/b/resolve/main/%2e%2e/x.gguf',
    'https://huggingface.co/a/b/resolve/main/..%2f..%2fx.gguf',
    'https://huggingface.co/a/b/resolve/main/a%5Cb.gguf',
    'https://huggingface.co/a/b/resolve/main/x%00.gguf',
    'https://huggingface.co/a/b/resolve/main/%ff.gguf',
    'https://huggingface.co/a/b/resolve/..%2f..%2fmain/x.gguf',
    'https://huggingface.co/a/b/resolve/main/README.md',
    'https://huggingface.co/a/b/resolve/main',
    'https://models.example/x.bin',
    'https://models.example/.gguf',
    'https://models.example/..%2f..%2fx.gguf',
    `a/${'b'.repeat(97)}`,
    `a/b:${'Q'.repeat(70)}`,
    'a/\ud800b',
  ])('refuses %j', (text) => {
    expect(kindOf(() => parseReference(text))).toBe('bad_request');
  });

  test('an endpoint with a path takes its own addresses and those of the hub', () => {
    const endpoint = parseEndpoint('http://mirror.lan:8080/hf/');
    expect(endpoint).toBe('http://mirror.lan:8080/hf');
    const wanted = repository('a/b', { file: 'x.gguf' });
    expect(parseReference('http://mirror.lan:8080/hf/a/b/resolve/main/x.gguf', endpoint)).toEqual(wanted);
    expect(parseReference('https://huggingface.co/a/b/blob/main/x.gguf', endpoint)).toEqual(wanted);
    // Outside the prefix it is any other address.
    expect(parseReference('http://mirror.lan:8080/a/b/resolve/main/x.gguf', endpoint).kind).toBe('url');
    expect(resolveUrl(endpoint, 'a/b', 'refs/pr/1', 'q/ü x.gguf')).toBe(
      'http://mirror.lan:8080/hf/a/b/resolve/refs%2Fpr%2F1/q/%C3%BC%20x.gguf',
    );
    expect(hubHosts(endpoint)).toContain('http://mirror.lan:8080');
    expect(isOnHub('http://mirror.lan:8080/hf/x', endpoint)).toBe(true);
    expect(isOnHub('http://mirror.lan:8080/hfx/x', endpoint)).toBe(false);
    expect(isOnHub('http://mirror.lan:80801/hf/x', endpoint)).toBe(false);
  });

  test.each(['huggingface.co', 'file:///x', 'https://u:p@hf.co', 'https://'])('endpoint %s is refused', (text) => {
    expect(kindOf(() => parseEndpoint(text))).toBe('config_invalid');
  });

  test.each(['', null, undefined, '  '])('no endpoint (%j) is the hub itself', (text) => {
    expect(parseEndpoint(text)).toBe('https://huggingface.co');
  });

  test('one part of a split file stands for all of them', () => {
    expect(partsOfAddress('https://x.example/d/m%20y-00002-of-00003.gguf?k=1')).toEqual([
      { url: 'https://x.example/d/m%20y-00001-of-00003.gguf?k=1', fileName: 'm y-00001-of-00003.gguf' },
      { url: 'https://x.example/d/m%20y-00002-of-00003.gguf?k=1', fileName: 'm y-00002-of-00003.gguf' },
      { url: 'https://x.example/d/m%20y-00003-of-00003.gguf?k=1', fileName: 'm y-00003-of-00003.gguf' },
    ]);
    expect(partsOfAddress('https://x.example/m-00001-of-99999.gguf')).toHaveLength(1);
  });
});
