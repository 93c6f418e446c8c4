// What BeautyAI's words mean to us and ours to it, without a server.
import { describe, expect, test } from 'bun:test';
import { Fault } from '../../src/base/fault.ts';
import type { Generated } from '../../src/core/generation.ts';
import { answered } from '../../src/dialects/beautyai/envelope.ts';
import { asLoadFault, errorBody, statusFor } from '../../src/dialects/beautyai/shape.ts';
import { judge } from '../../src/dialects/beautyai/shape-criteria.ts';
import { statsToWire } from '../../src/dialects/beautyai/shape-inference.ts';
import { changedWords, toRegistration } from '../../src/dialects/beautyai/shape-models.ts';
import { defaultsOf, samplingOf } from '../../src/dialects/beautyai/shape-sampling.ts';
import { logsToWire, performanceToWire, resourcesToWire, toLevel } from '../../src/dialects/beautyai/shape-system.ts';

test('the envelope tells when and how long, to the microsecond, and never less than nothing', () => {
  expect(answered(1000, 1002.3456789, { a: 1 })).toEqual({
    success: true,
    a: 1,
    timestamp: '1970-01-01T00:00:01.002Z',
    execution_time_ms: 2.346,
  });
  expect(answered(2000, 1000, {}).execution_time_ms).toBe(0);
});

describe('criteria', () => {
  test('none asked is no verdict', () => {
    expect(judge('x', {})).toBeNull();
    expect(judge('x', { min_length: null, required_keywords: null })).toBeNull();
    expect(judge('x', { min_length: 0 })).not.toBeNull();
  });

  test('lengths are of characters, keywords without case, in any script', () => {
    const verdict = judge('Ein Ärger 👋🏽. ПРИВЕТ!', {
      min_length: 1,
      max_length: 5,
      required_keywords: ['ärger', 'привет', 'missing'],
      forbidden_content: ['EIN', 'nothing'],
    });
    expect(verdict).toEqual({
      valid: false,
      checks: {
        length: [...'Ein Ärger 👋🏽. ПРИВЕТ!'].length,
        keywords_found: ['ärger', 'привет'],
        forbidden_content_found: ['EIN'],
        sentence_count: 2,
      },
      errors: [expect.stringContaining('5 at most'), '"missing" is missing.', '"EIN" is forbidden and there.'],
    });
    expect(judge('a\u0308', { required_keywords: ['Ä'] })?.valid).toBe(true);
  });

  test('a bound is met at its very value', () => {
    expect(judge('abc', { min_length: 3, max_length: 3 })?.valid).toBe(true);
    expect(judge('abc', { min_length: 4 })?.valid).toBe(false);
    expect(judge('abc', { max_length: 2 })?.valid).toBe(false);
  });

  test.each([
    ['', 0, false],
    ['!!! ...', 0, false],
    ['One.', 1, true],
    ['No stop at all', 1, true],
    ['One. Two! Three? Four… five', 5, true],
    ['一つ。二つ。三つ', 3, true],
    ['first\nsecond', 2, true],
    ['the '.repeat(40), 1, false],
    ['the '.repeat(10), 1, true],
  ])('%p has %p sentences; coherent: %p', (text, count, isCoherent) => {
    const verdict = judge(text, { check_coherence: true });
    expect([verdict?.checks.sentence_count, verdict?.valid]).toEqual([count, isCoherent]);
  });
});

describe('sampling', () => {
  test('all names', () => {
    expect(
      samplingOf({ max_new_tokens: 5, temperature: 0.5, top_p: 1, repetition_penalty: 1.1, stop: 'x', unknown: {} }),
    ).toEqual({ maxTokens: 5, temperature: 0.5, topP: 1, repeatPenalty: 1.1, stop: ['x'] });
    expect(samplingOf({ max_tokens: 7, max_new_tokens: 5, do_sample: false })).toEqual({
      maxTokens: 7,
      temperature: 0,
    });
    expect(samplingOf({ do_sample: false, temperature: 0.3 })).toEqual({ temperature: 0.3 });
    expect(samplingOf({ max_tokens: null, seed: null })).toEqual({});
  });

  test('what is wrong names its field', () => {
    expect(() => samplingOf({ top_p: 2 })).toThrow('"generation_config.top_p" is not right');
  });

  test('of an entry hold where they can be read', () => {
    expect(defaultsOf({ max_new_tokens: 9, custom_generation_params: { temperature: 0.1 } })).toEqual({
      maxTokens: 9,
      temperature: 0.1,
    });
    expect(defaultsOf({ custom_generation_params: { max_new_tokens: 3 }, max_new_tokens: 9 })).toEqual({
      maxTokens: 3,
    });
    expect(defaultsOf({ custom_generation_params: { temperature: 'hot' } })).toEqual({});
    expect(defaultsOf({})).toEqual({});
  });
});

describe('an entry', () => {
  test.each([
    [{ engine: 'vllm', quantization: 'squeezelm' }, 'squeezellm'],
    [{ engine: 'vllm', quantization: 'squeezellm' }, 'squeezellm'],
    [{ engine_type: 'vllm', quantization: 'AWQ' }, 'awq'],
    [{ engine: 'vllm', quantization: 'none' }, null],
    [{ engine: 'vllm', quantization: null }, null],
    [{ engine_type: 'transformers', quantization: '8bit', model_architecture: 'seq2seq_lm' }, '8bit'],
    [{ engine: 'llama.cpp', quantization: 'q4_k_m', architecture: 'anything' }, 'Q4_K_M'],
    [{ engine: 'llama.cpp', quantization: 'UD-IQ2_XXS' }, 'UD-IQ2_XXS'],
    [{ engine: 'llama.cpp' }, null],
  ])('%j has quantization %p', (words, quantization) => {
    expect(toRegistration('a', { model_id: 'o/n', ...words }).quantization).toBe(quantization);
  });

  test('keeps the spelling that it had', () => {
    const before = { engine_type: 'vllm', model_architecture: 'causal_lm', x: 1 };
    expect(changedWords(before, { engine: 'transformers', architecture: 'seq2seq_lm', y: 2 })).toEqual({
      engine_type: 'transformers',
      model_architecture: 'seq2seq_lm',
      x: 1,
      y: 2,
    });
    expect(changedWords({ x: 1 }, { engine: 'vllm' })).toEqual({ x: 1, engine: 'vllm' });
  });
});

test('figures are the engine’s; what it does not tell is null', () => {
  const known: Generated = {
    modelId: 'm',
    text: '',
    reasoning: '',
    finishReason: 'stop',
    waitedMs: 5000,
    firstPieceMs: 12.3456,
    engineMs: 999,
    promptTokens: 3,
    cachedTokens: 0,
    generatedTokens: 10,
    promptMs: 50,
    generationMs: 200,
  };
  expect(statsToWire(known)).toEqual({
    tokens_generated: 10,
    inference_time_ms: 250,
    tokens_per_second: 50,
    prompt_tokens: 3,
    time_to_first_token_ms: 12.346,
    finish_reason: 'stop',
  });
  const untold = { ...known, generatedTokens: null, promptMs: null, generationMs: null, firstPieceMs: null };
  expect(statsToWire(untold)).toMatchObject({
    tokens_generated: null,
    inference_time_ms: 999,
    tokens_per_second: null,
    time_to_first_token_ms: null,
  });
});

describe('errors', () => {
  const rows: readonly (readonly [Fault, number, string])[] = [
    [new Fault('does_not_fit', 'x'), 500, 'ModelLoadError'],
    [new Fault('engine_unobtainable', 'x'), 500, 'ModelLoadError'],
    [new Fault('unprocessable', 'x', { blame: 'machine' }), 500, 'ModelLoadError'],
    [new Fault('unprocessable', 'x'), 400, 'ValidationError'],
    [new Fault('bad_gateway', 'x', { details: { logLines: ['died'] } }), 500, 'ModelLoadError'],
    [new Fault('bad_gateway', 'x'), 500, 'SystemError'],
    [new Fault('not_found', 'x', { details: { nearNames: [] } }), 404, 'ModelNotFoundError'],
    [new Fault('not_found', 'x'), 404, 'NotFoundError'],
    [new Fault('conflict', 'x'), 400, 'ValidationError'],
    [new Fault('too_large', 'x'), 400, 'ValidationError'],
    [new Fault('unsupported_media_type', 'x'), 400, 'ValidationError'],
    [new Fault('internal', 'x'), 500, 'SystemError'],
  ];
  test.each(rows.map(([fault, status, code]) => [fault.kind, status, code, fault] as const))(
    '%s → %d %s',
    (_, status, code, fault) => {
      expect([statusFor(fault), errorBody(fault, 0).error_code]).toEqual([status, code]);
    },
  );

  test('of a load are one, but what the caller did', () => {
    const codeOf = (fault: Fault): string => errorBody(asLoadFault(fault), 0).error_code;
    expect(codeOf(new Fault('unavailable', 'x'))).toBe('ModelLoadError');
    expect(codeOf(new Fault('timeout', 'x'))).toBe('ModelLoadError');
    expect(codeOf(new Fault('bad_gateway', 'x'))).toBe('ModelLoadError');
    expect(codeOf(new Fault('bad_request', 'x', { blame: 'engine' }))).toBe('ValidationError');
    expect(codeOf(new Fault('not_found', 'x', { details: { nearNames: [] } }))).toBe('ModelNotFoundError');
  });
});

test('log levels: this or worse, by any of their names', () => {
  const line = (level: 'debug' | 'info' | 'warn' | 'error', message: string) =>
    ({ at: 0, level, source: 's', message, fields: { a: 'b', c: undefined, d: [1] } }) as const;
  const lines = [line('debug', '1'), line('info', '2'), line('warn', '3'), line('error', '4'), line('warn', '5')];
  const { data } = logsToWire(lines, toLevel('Warning'), 2);
  expect(data).toMatchObject({ log_level: 'WARNING', lines_requested: 2, total_lines: 3 });
  expect(data.logs).toEqual([
    { timestamp: '1970-01-01T00:00:00.000Z', level: 'ERROR', message: '4 a=b d=[1]', source: 's' },
    { timestamp: '1970-01-01T00:00:00.000Z', level: 'WARNING', message: '5 a=b d=[1]', source: 's' },
  ]);
  for (const word of ['', 'loud', 'constructor', '__proto__']) expect(() => toLevel(word)).toThrow('"level"');
});

test('a machine without a GPU has zeros; one that does not tell has null', () => {
  const snapshot = {
    takenAt: 0,
    system: { platform: 'linux', arch: 'x64', name: null, kernel: null, libc: null },
    cpu: { name: null, physicalCores: null, usableThreads: 4, maxHz: null, features: [] },
    memory: { totalBytes: 4e9, availableBytes: 1e9, limitBytes: null, swapTotalBytes: null, swapFreeBytes: null },
    disks: [],
    gpus: [],
    notes: [],
  } as const;
  const report = { snapshot, cpuBusyRatio: null, gpu: null, own: null, modelBytes: 0, traffic: null };
  expect(resourcesToWire(report).data).toEqual({
    cpu: { usage_percent: null, cores: 4, frequency_mhz: null },
    memory: { total_gb: 3.725, available_gb: 0.931, usage_percent: 75 },
    gpu: { usage_percent: 0, memory_usage_percent: 0, temperature_c: 0 },
    disk: { total_gb: null, available_gb: null, usage_percent: null },
    network: { bytes_sent: null, bytes_received: null },
  });
  const gpu = { name: 'G', totalBytes: 8e9, freeBytes: 6e9, busyRatio: null, temperatureC: null };
  expect(resourcesToWire({ ...report, gpu }).data.gpu).toEqual({
    usage_percent: null,
    memory_usage_percent: 25,
    temperature_c: null,
  });
});

test('a window without requests has no failures and no mean memory', () => {
  const none = {
    minutes: 60,
    requestCount: 0,
    failedCount: 0,
    meanDurationMs: null,
    meanMemoryRatio: null,
    meanGpuRatio: null,
  };
  expect(performanceToWire(none, 0).data.metrics).toEqual({
    avg_response_time_ms: 0,
    total_requests: 0,
    successful_requests: 0,
    error_rate_percent: 0,
    throughput_requests_per_minute: 0,
    avg_memory_usage_percent: null,
    avg_gpu_usage_percent: null,
  });
});
