import { describe, expect, test } from 'bun:test';
import { chmodSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { firstError } from '../../src/config/check.ts';
import {
  foreignCommand,
  hasOwnServer,
  isForeign,
  requireModelName,
  servedName,
  unknownFields,
} from '../../src/core/foreign-engines.ts';
import { temporaryFolder } from '../fixtures/drover.ts';

describe('a command', () => {
  test('has the program by its whole path, and each of the caller’s words as a value', () => {
    using folder = temporaryFolder('foreign');
    const path = join(folder.path, 'vllm');
    writeFileSync(path, '#!/bin/sh\n');
    chmodSync(path, 0o755);
    const context = {
      portNumber: 8123,
      isOffline: true,
      inherited: { PATH: `.:${folder.path}`, HF_HOME: '/hf', X: 'y' },
    };
    const entry = { engine: 'vllm', model: 'owner/name', quantization: '--x', dtype: 'auto' } as const;
    expect(foreignCommand('--odd id', entry, context)).toMatchObject({
      argv: [
        ...[path, 'serve', 'owner/name', '--served-model-name=--odd id', '--quantization=--x', '--dtype=auto'],
        ...['--host', '127.0.0.1', '--port', '8123'],
      ],
      baseUrl: 'http://127.0.0.1:8123',
      healthPath: '/health',
      environment: { HF_HOME: '/hf', HF_HUB_OFFLINE: '1' },
    });
  });

  test('is none where the program is not, nor where it is not executable', () => {
    using folder = temporaryFolder('foreign');
    writeFileSync(join(folder.path, 'vllm'), 'x', { mode: 0o644 });
    const context = { portNumber: 1, isOffline: false, inherited: { PATH: folder.path } };
    expect(() => foreignCommand('a', { engine: 'vllm', model: 'o/n' }, context)).toThrow('not installed');
    expect(() => foreignCommand('a', { engine: 'vllm', model: '--x' }, context)).toThrow('names no model');
  });
});

test('which entries have a server of their own', () => {
  expect([hasOwnServer({}), hasOwnServer({ engine: 'llama.cpp' }), hasOwnServer({ cmd: 'x' })]).toEqual([
    false,
    false,
    true,
  ]);
  expect([isForeign({ engine: 'vllm' }), isForeign({ engine: 'transformers' }), isForeign({ cmd: 'x' })]).toEqual([
    true,
    true,
    false,
  ]);
  expect(servedName('id', { engine: 'vllm', model: 'o/n' })).toBe('id');
  expect(servedName('id', { engine: 'transformers', model: 'o/n' })).toBe('o/n');
  expect(servedName('id', {})).toBeNull();
  expect(unknownFields({ engine: 'vllm' })).toEqual([]);
  expect(unknownFields({ engine: 'transformers' })).toContain('repeat_penalty');
});

test.each(['owner/name', 'name', 'o/n.v-1_x', '/models/a b', '/models/ü'])('%p may be a model', (name) => {
  expect(() => requireModelName(name)).not.toThrow();
});
test.each(['', '-x', '--x', 'o/-n', 'o/n/m', 'o/n x', 'o/n;x', '/a\nb', '~/x', 'x'.repeat(2000), 'ö/n'])(
  '%p may be none',
  (name) => {
    expect(() => requireModelName(name)).toThrow('names no model');
  },
);

test.each([
  [{ engine: 'vllm', model: 'o/n' }, null],
  [{ engine: 'llama.cpp', file: '/a.gguf' }, null],
  [{ engine: 'vllm' }, 'needs a `model`'],
  [{ engine: 'vllm', model: 'o/n', file: '/a.gguf' }, 'not `file`'],
  [{ engine: 'transformers', model: 'o/n', cmd: 'x' }, 'not `cmd`'],
  [{ engine: 'tensorrt', model: 'o/n' }, 'models.a.engine'],
])('the configuration’s %j', (entry, message) => {
  const wrong = firstError({ models: { a: entry } });
  if (message === null) expect(wrong).toBeNull();
  else expect(wrong?.message).toContain(message);
});
