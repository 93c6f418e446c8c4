import { afterAll, beforeAll, expect, test } from 'bun:test';
import { chmodSync, mkdirSync, mkdtempSync, readdirSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Fault } from '../../src/base/fault.ts';
import { readGgufHeader, readModelFacts } from '../../src/models/gguf-file.ts';
import { thrownBy } from '../fixtures/fault-of.ts';
import { encodeGguf, text } from '../fixtures/gguf-writer.ts';
import { tinyLlama } from '../fixtures/tiny-models.ts';

let folder = '';
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'drover-gguf-'));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const at = (name: string): string => join(folder, name);

const faultOf = (path: string): Fault => thrownBy(() => readModelFacts(path));

test('facts of a file on disk, with any name', () => {
  const bytes = tinyLlama({ name: 'On Disk' });
  for (const name of ['plain.gguf', 'modèle 🦙 ü.gguf', "it's [a] 'name'.gguf"]) {
    writeFileSync(at(name), bytes);
    expect(readModelFacts(at(name))).toMatchObject({ name: 'On Disk', kind: 'text', fileBytes: bytes.length });
  }
  expect(readGgufHeader(at('plain.gguf')).tensors.length).toBe(21);
});

test('a header larger than the buffer is read in pieces', () => {
  const tokens = Array.from({ length: 60_000 }, (_, index) => `token ${index}`);
  const bytes = tinyLlama({
    metadata: {
      'tokenizer.ggml.tokens': { type: 'array', of: 'string', value: tokens },
      'tokenizer.chat_template': text(`{{ messages }}${'x'.repeat(500_000)}`),
    },
  });
  writeFileSync(at('large.gguf'), bytes);
  const facts = readModelFacts(at('large.gguf'));
  expect(facts.vocabularySize).toBe(60_000);
  expect(facts.chatTemplate?.length).toBe(500_014);
  expect(facts.tensorCount).toBe(21);
});

test('what cannot be read says why', () => {
  expect(faultOf(at('nowhere.gguf')).kind).toBe('not_found');
  expect(faultOf(join(at('plain.gguf'), 'inside')).kind).toBe('not_found');
  mkdirSync(at('folder.gguf'));
  expect(faultOf(at('folder.gguf')).kind).toBe('unprocessable');
  writeFileSync(at('empty.gguf'), '');
  expect(faultOf(at('empty.gguf')).message).toContain('magic');
  writeFileSync(at('page.gguf'), '<!doctype html><title>404</title>');
  expect(faultOf(at('page.gguf')).message).toContain('does not begin with "GGUF"');
});

test.skipIf(process.platform === 'win32')('a file without permission', () => {
  writeFileSync(at('secret.gguf'), tinyLlama());
  chmodSync(folder, 0o755);
  chmodSync(at('secret.gguf'), 0);
  // The superuser may read everything, so it becomes nobody for a moment.
  const isSuperuser = process.geteuid?.() === 0;
  if (isSuperuser) process.seteuid?.(65_534);
  try {
    expect(faultOf(at('secret.gguf'))).toMatchObject({ kind: 'forbidden', blame: 'machine' });
  } finally {
    if (isSuperuser) process.seteuid?.(0);
  }
});

test.skipIf(process.platform === 'win32')('a named pipe is refused, not waited for', async () => {
  expect(await Bun.spawn(['mkfifo', at('pipe.gguf')]).exited).toBe(0);
  expect(faultOf(at('pipe.gguf')).message).toContain('is not a file');
});

test('a download that was cut is told from a damaged one', () => {
  const bytes = tinyLlama();
  writeFileSync(at('cut.gguf'), bytes);
  truncateSync(at('cut.gguf'), bytes.length - 1000);
  const fault = faultOf(at('cut.gguf'));
  expect(fault.message).toBe(`The file is cut: ${bytes.length - 1000} of ${bytes.length} bytes.`);
  expect(fault.hint).toBe('Download it again.');
});

test.skipIf(process.platform !== 'linux')('no descriptor stays open, whatever happens', () => {
  writeFileSync(at('open.gguf'), tinyLlama());
  writeFileSync(at('broken.gguf'), encodeGguf({}, []).subarray(0, 12));
  const open = (): number => readdirSync('/proc/self/fd').length;
  const before = open();
  for (let round = 0; round < 50; round += 1) {
    readModelFacts(at('open.gguf'));
    for (const name of ['broken.gguf', 'nowhere.gguf', 'folder.gguf']) faultOf(at(name));
  }
  expect(open()).toBeLessThanOrEqual(before);
});
