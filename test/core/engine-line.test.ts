import { expect, test } from 'bun:test';
import { engineLine } from '../../src/core/engine-line.ts';

test.each([
  ['0.00.001.616 I srv  llama_server: initializing ...', 'info', 'srv  llama_server: initializing ...'],
  ['12.34.001.616 W srv    operator(): no key', 'warn', 'srv    operator(): no key'],
  ['0.00.023.307 E gguf_init_from_file: failed', 'error', 'gguf_init_from_file: failed'],
  ['0.00.023.307 D ggml: detail', 'debug', 'ggml: detail'],
  ['main: build = 1', 'info', 'main: build = 1'],
  ['  continued', 'info', '  continued'],
  ['ERROR: it broke', 'error', 'ERROR: it broke'],
  ['[WARN] careful', 'warn', '[WARN] careful'],
  ['2026-01-02T03:04:05Z WARNING careful', 'warn', '2026-01-02T03:04:05Z WARNING careful'],
  ['DEBUG:    x', 'debug', 'DEBUG:    x'],
  ['errors are counted', 'info', 'errors are counted'],
  ['', 'info', ''],
] as const)('%p is %s', (line, level, message) => {
  expect(engineLine(line)).toEqual({ level, message });
});

test('secrets that can be known by their form stay out', () => {
  for (const [line, secret] of [
    ['0.00.001.616 I got header Authorization: Bearer abcdefghijklmnop', 'abcdefghijklmnop'],
    ['using token hf_ABCDEFGHIJKLMNOP', 'ABCDEFGHIJKLMNOP'],
    ['started with --api-key=supersecret1', 'supersecret1'],
    ['{"api_key": "supersecret1"}', 'supersecret1'],
    ['password: hunter2222', 'hunter2222'],
  ] as const) {
    expect(engineLine(line).message).not.toContain(secret);
  }
  expect(engineLine('n_head_k = 4, token = 5').message).toBe('n_head_k = 4, token = 5');
});
