import { describe, expect, test } from 'bun:test';
import { entryOf, mergedOptions, optionsOf, policyOf } from '../../src/core/instance-options.ts';
import { checkFlags } from '../../src/engine/flags.ts';
import { thrownBy } from '../fixtures/fault-of.ts';

const EIGHT = {
  threads: 8,
  context_size: 4096,
  batch_size: 512,
  gpu_layers: 0,
  memory_lock: true,
  no_mmap: true,
  rope_freq_base: 10_000,
  rope_freq_scale: 0.5,
};

test('the eight of its own names become fields and flags; zero layers are zero', () => {
  const options = mergedOptions({}, EIGHT);
  expect(options).toEqual(EIGHT);
  const entry = entryOf('/m.gguf', options);
  expect(entry).toEqual({
    file: '/m.gguf',
    threads: 8,
    contextSize: 4096,
    batchSize: 512,
    gpuLayers: 0,
    flags: { mlock: true, mmap: false, 'rope-freq-base': 10_000, 'rope-freq-scale': 0.5 },
  });
  expect(checkFlags(entry.flags ?? {}, 'network').argv.length).toBeGreaterThan(0);
  expect(optionsOf(entry)).toEqual(EIGHT);
});

test('any other option goes to llama-server in its own spelling, what is for us does not', () => {
  const options = mergedOptions({}, { temp: 0.5, flash_attn: 'on', ctx_size: 512, auto_restart: false });
  expect(entryOf('/m.gguf', options)).toEqual({
    file: '/m.gguf',
    flags: { temp: 0.5, 'flash-attn': 'on', 'ctx-size': 512 },
  });
  expect(policyOf(options)).toEqual({ isAutomatic: false, maxRestarts: 3, delayMs: 5000 });
  expect(policyOf({ max_restarts: 0, restart_delay: 0.5 })).toEqual({
    isAutomatic: true,
    maxRestarts: 0,
    delayMs: 500,
  });
});

test('absent and -1 are automatic', () => {
  expect(entryOf('/m.gguf', {})).toEqual({ file: '/m.gguf' });
  expect(entryOf('/m.gguf', mergedOptions({}, { gpu_layers: -1 }))).toEqual({ file: '/m.gguf' });
});

test('a change lies over what was; null takes away; what was is untouched', () => {
  const before = { threads: 4, context_size: 2048 };
  expect(mergedOptions(before, { threads: 8, context_size: null, temp: 1 })).toEqual({ threads: 8, temp: 1 });
  expect(before).toEqual({ threads: 4, context_size: 2048 });
});

describe('is refused by its name', () => {
  test.each<[string, unknown]>([
    ['threads', '8'],
    ['threads', 0],
    ['threads', 1.5],
    ['threads', Number.NaN],
    ['context_size', -1],
    ['batch_size', 0],
    ['gpu_layers', -2],
    ['memory_lock', 'true'],
    ['no_mmap', 1],
    ['rope_freq_base', -0.1],
    ['rope_freq_scale', Number.POSITIVE_INFINITY],
    ['auto_restart', 'no'],
    ['max_restarts', 1.5],
    ['restart_delay', -1],
    ['temp', { a: 1 }],
    ['temp', [1]],
    ['speed', 1],
    ['Threads', 1],
    ['threads=8', true],
    ['--threads', 8],
    ['', 1],
    ['constructor', 1],
  ])('%s = %p', (name, value) => {
    const fault = thrownBy(() => mergedOptions({}, { [name]: value }));
    expect(fault.kind).toBe('bad_request');
    expect(fault.message).toContain(name);
  });

  test('one thing under two names, too many things, a prototype', () => {
    expect(thrownBy(() => mergedOptions({}, { memory_lock: true, mlock: true })).message).toContain('mlock');
    expect(thrownBy(() => mergedOptions({ context_size: 1 }, { ctx_size: 1 })).message).toContain('ctx_size');
    const many = Object.fromEntries(Array.from({ length: 201 }, (_, index) => [`a${index}`, 1]));
    expect(thrownBy(() => mergedOptions({}, many)).kind).toBe('bad_request');
    const sent = JSON.parse('{"__proto__": {"a": 1}}') as Record<string, unknown>;
    expect(thrownBy(() => mergedOptions({}, sent)).message).toContain('__proto__');
  });
});
