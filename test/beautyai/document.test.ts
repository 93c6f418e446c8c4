// BeautyAI's document against the compiled executable and the real engine: its usage examples as they stand, then every
// route with the shape of every field.
import { afterAll, beforeAll, describe, expect, test } from 'bun:test';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { temporaryFolder } from '../fixtures/drover.ts';
import { tinyLlama } from '../fixtures/tiny-models.ts';
import { type BeautyServer, requireEnvelope, startBeauty } from './server.ts';

const LINES = readFileSync(join(import.meta.dir, 'curl-lines.txt'), 'utf8');
const COMMANDS = LINES.replace(/^#.*\n/gm, '')
  .split(/\n(?=curl)|\n\n/)
  .map((command) => command.trim())
  .filter((command) => command !== '');

const root = temporaryFolder('beautyai-document');
const models = join(root.path, 'models');
const data = join(root.path, 'data');
let server: BeautyServer;

beforeAll(async () => {
  for (const folder of [models, data, join(data, 'models')]) mkdirSync(folder);
  writeFileSync(join(models, 'qwen-7b.gguf'), tinyLlama({ name: 'Qwen 7B', contextTokens: 2048 }));
  writeFileSync(join(models, 'other.gguf'), tinyLlama({ name: 'Other', contextTokens: 2048 }));
  writeFileSync(join(data, 'models', 'fetched.gguf'), tinyLlama({ name: 'Fetched', contextTokens: 2048 }));
  server = await startBeauty({ modelsFolders: [models], dataFolder: data });
});
afterAll(async () => {
  await server?.[Symbol.asyncDispose]();
  root[Symbol.dispose]();
});

test('the usage examples run as they stand', async () => {
  expect(COMMANDS.length).toBe(5);
  for (const command of COMMANDS) {
    const filled = command.replace(/"\/(models|inference|system)/, `"${server.drover.url}/$1`);
    expect(filled).not.toBe(command);
    const run = Bun.spawn(['bash', '-c', filled.replace(/^curl/, "curl -sS -w '\n%{http_code}'")], {
      stdout: 'pipe',
      stderr: 'pipe',
    });
    const [text, error] = await Promise.all([new Response(run.stdout).text(), new Response(run.stderr).text()]);
    const [, body = '', status] = /^([\s\S]*)\n(\d{3})$/.exec(text) ?? [];
    expect({ command, status, error, body }).toMatchObject({ status: '200', error: '' });
    requireEnvelope(200, JSON.parse(body));
  }
  // The last one names no model, so none is deleted; who names one deletes it.
  expect(existsSync(join(data, 'models', 'fetched.gguf'))).toBe(true);
  await server.well('POST', '/system/cache/clear?model_name=fetched&force=true');
  expect(existsSync(join(data, 'models', 'fetched.gguf'))).toBe(false);
  expect(existsSync(join(models, 'qwen-7b.gguf'))).toBe(true);
});

const any = {
  string: expect.any(String),
  number: expect.any(Number),
  boolean: expect.any(Boolean),
  time: expect.stringMatching(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/),
  object: expect.any(Object),
};
const stats = {
  tokens_generated: 6,
  inference_time_ms: any.number,
  tokens_per_second: any.number,
  prompt_tokens: any.number,
  time_to_first_token_ms: any.number,
  finish_reason: any.string,
};
const memory = { total_gb: any.number, available_gb: any.number, used_gb: any.number, usage_percent: any.number };
/** Without what the envelope adds. */
const bare = ({ success: _, timestamp: __, execution_time_ms: ___, ...fields }: Record<string, unknown>) => fields;

/** In this order; each with and without a last slash. */
const ROWS: readonly (readonly [method: string, path: string, body: unknown, answer: object])[] = [
  [
    'GET',
    '/models/?limit=1&offset=0',
    undefined,
    {
      models: [
        {
          model_name: any.string,
          model_id: any.string,
          architecture: 'causal_lm',
          engine: 'llama.cpp',
          status: expect.stringMatching(/^(un)?loaded$/),
          memory_usage_mb: any.number,
        },
      ],
      total_count: 2,
    },
  ],
  [
    'POST',
    '/models/',
    {
      model_name: 'mine',
      model_config: {
        model_id: 'other',
        architecture: 'causal_lm',
        engine: 'llama.cpp',
        quantization: 'none',
        parameters: { a: [1, null] },
      },
      set_as_default: true,
    },
    { model_name: 'mine', message: any.string },
  ],
  [
    'POST',
    '/models/mine/load/',
    { force_reload: false },
    {
      model_name: 'mine',
      model_id: 'other',
      memory_usage_mb: any.number,
      load_time_seconds: any.number,
      message: any.string,
    },
  ],
  [
    'GET',
    '/models/mine/',
    undefined,
    {
      data: {
        model_name: 'mine',
        model_config: {
          model_id: 'other',
          architecture: 'causal_lm',
          engine: 'llama.cpp',
          quantization: 'none',
          parameters: { a: [1, null] },
        },
        status: 'loaded',
        memory_usage_mb: any.number,
        load_time_seconds: any.number,
        is_default: true,
      },
    },
  ],
  [
    'GET',
    '/models/mine/status/',
    undefined,
    {
      data: {
        model_name: 'mine',
        status: 'loaded',
        state: 'ready',
        memory_usage_mb: any.number,
        load_time_seconds: any.number,
        requests_in_flight: 0,
        requests_queued: 0,
        loaded_at: any.time,
        failure: null,
      },
    },
  ],
  [
    'POST',
    '/models/mine/validate/',
    undefined,
    { data: { model_name: 'mine', valid: true, errors: [], warnings: [] } },
  ],
  [
    'PUT',
    '/models/mine/',
    { updates: { description: 'Eins', parameters: {} }, set_as_default: true },
    {
      data: {
        model_name: 'mine',
        model_config: {
          model_id: 'other',
          architecture: 'causal_lm',
          engine: 'llama.cpp',
          quantization: 'none',
          parameters: {},
          description: 'Eins',
        },
        status: 'loaded',
        memory_usage_mb: any.number,
        load_time_seconds: any.number,
        is_default: true,
      },
    },
  ],
  ['POST', '/models/default/mine/', undefined, { data: { model_name: 'mine', message: any.string } }],
  [
    'POST',
    '/inference/chat/',
    {
      model_name: 'mine',
      message: 'Hello',
      session_id: null,
      chat_history: [
        { role: 'system', content: 'Be kind.' },
        { role: 'user', content: 'Hi' },
        { role: 'assistant', content: 'Hi!' },
      ],
      generation_config: { max_tokens: 6, temperature: 0.7, top_p: 0.9, repetition_penalty: 1.1 },
      stream: false,
    },
    { response: any.string, session_id: any.string, model_name: 'mine', generation_stats: stats },
  ],
  [
    'POST',
    '/inference/test/',
    {
      model_name: 'mine',
      prompt: 'Hello',
      generation_config: { max_new_tokens: 6 },
      validation_criteria: { min_length: 1, max_length: 1, required_keywords: ['\u0000'], check_coherence: true },
    },
    {
      model_name: 'mine',
      prompt: 'Hello',
      response: any.string,
      generation_stats: stats,
      validation_result: {
        valid: false,
        checks: {
          length: any.number,
          keywords_found: expect.any(Array),
          forbidden_content_found: [],
          sentence_count: any.number,
        },
        errors: expect.any(Array),
      },
    },
  ],
  [
    'POST',
    '/inference/test',
    { model_name: 'mine', prompt: 'Hello', generation_config: { max_new_tokens: 6 }, validation_criteria: {} },
    { model_name: 'mine', prompt: 'Hello', response: any.string, generation_stats: stats, validation_result: null },
  ],
  [
    'POST',
    '/inference/sessions/save/',
    { session_id: 's-1', session_data: { messages: [{ role: 'user', content: 'Hi' }], x: 1 }, output_file: null },
    { session_id: 's-1', file_path: 'beautyai_session_s-1.json', file_size_bytes: any.number },
  ],
  [
    'POST',
    '/inference/sessions/load/',
    { input_file: 'beautyai_session_s-1.json' },
    { session_data: { messages: [{ role: 'user', content: 'Hi' }], x: 1 }, session_id: 's-1', message_count: 1 },
  ],
  ['GET', '/inference/sessions/', undefined, { data: { sessions: expect.any(Array), total_count: any.number } }],
  ['DELETE', '/inference/sessions/s-1/', undefined, { data: { session_id: 's-1', message: any.string } }],
  [
    'GET',
    '/system/status/',
    undefined,
    {
      system_info: { platform: any.string, python_version: 'n/a', framework_version: any.string },
      memory_info: {
        total_memory_gb: any.number,
        available_memory_gb: any.number,
        gpu_memory_gb: any.number,
        memory_usage_percent: any.number,
      },
      gpu_info: {
        gpu_available: any.boolean,
        gpu_name: any.string,
        gpu_memory_used_gb: any.number,
        gpu_utilization_percent: any.number,
      },
      model_info: { loaded_models: expect.arrayContaining(['mine']), total_loaded: 2, default_model: 'mine' },
    },
  ],
  [
    'GET',
    '/system/memory/',
    undefined,
    {
      data: {
        system_memory: memory,
        gpu_memory: memory,
        process_memory: { rss_mb: any.number, vms_mb: expect.anything(), models_rss_mb: any.number },
      },
    },
  ],
  [
    'GET',
    '/system/cache/',
    undefined,
    {
      data: {
        total_cache_size_gb: 0,
        cache_entries: 0,
        cache_location: expect.stringMatching(/models$/),
        oldest_entry: null,
        newest_entry: null,
        prompt_caches: 2,
      },
    },
  ],
  [
    'GET',
    '/system/resources/',
    undefined,
    {
      data: {
        cpu: { usage_percent: any.number, cores: any.number, frequency_mhz: expect.anything() },
        memory: { total_gb: any.number, available_gb: any.number, usage_percent: any.number },
        gpu: { usage_percent: any.number, memory_usage_percent: any.number, temperature_c: any.number },
        disk: { total_gb: any.number, available_gb: any.number, usage_percent: any.number },
        network: { bytes_sent: any.number, bytes_received: any.number },
      },
    },
  ],
  [
    'GET',
    '/system/performance/?window_minutes=5',
    undefined,
    {
      data: {
        time_window_minutes: 5,
        metrics: {
          avg_response_time_ms: any.number,
          total_requests: 4,
          successful_requests: 4,
          error_rate_percent: 0,
          throughput_requests_per_minute: 0.8,
          avg_memory_usage_percent: any.number,
          avg_gpu_usage_percent: null,
        },
        timestamp: any.time,
      },
    },
  ],
  [
    'GET',
    '/system/logs/?level=info&lines=2',
    undefined,
    {
      data: {
        log_level: 'INFO',
        lines_requested: 2,
        logs: expect.any(Array),
        total_lines: any.number,
      },
    },
  ],
  [
    'POST',
    '/system/memory/clear/',
    undefined,
    { data: { message: any.string, unloaded_models: [], freed_mb: any.number } },
  ],
  ['POST', '/models/mine/unload/', undefined, { data: { model_name: 'mine', message: any.string } }],
  [
    'DELETE',
    '/models/mine/?clear_cache=false',
    undefined,
    { data: { model_name: 'mine', message: any.string, deleted_files: [] } },
  ],
  [
    'POST',
    '/system/cache/clear/',
    undefined,
    { data: { message: any.string, cleared_models: [], deleted_files: [], freed_gb: 0 } },
  ],
  ['POST', '/system/restart/', undefined, { data: { message: any.string, restart: 'soft' } }],
];

describe('every route, with the shape of every field', () => {
  test.each(ROWS)('%s %s', async (method, path, body, answer) => {
    // Where nobody tells it, it is null.
    const withoutUnknown = (text: string): unknown =>
      JSON.parse(text, (name, value) => (value === null && UNKNOWN_HERE.has(name) ? 0 : value));
    const json = await server.well(method, path, body);
    expect(bare(withoutUnknown(JSON.stringify(json)) as Record<string, unknown>)).toEqual(answer as never);
    if (method === 'GET') {
      const twin = await server.ask(method, path.replace(/\/(\?|$)/, '$1'));
      expect(twin.status).toBe(200);
      expect(Object.keys(twin.json)).toEqual(Object.keys(json));
    }
  });
});

/** What a machine may not tell. */
const UNKNOWN_HERE = new Set([
  ...['frequency_mhz', 'vms_mb', 'bytes_sent', 'bytes_received', 'avg_memory_usage_percent', 'memory_usage_mb'],
  ...['rss_mb', 'temperature_c', 'gpu_memory_used_gb', 'gpu_utilization_percent', 'usage_percent'],
]);

test('a list is a part of the whole, and its count is of all', async () => {
  const all = await server.well('GET', '/models/');
  const second = await server.well('GET', '/models?limit=1&offset=1');
  expect(all.total_count).toBe(all.models.length);
  expect(second).toMatchObject({ models: [all.models[1]], total_count: all.total_count });
  expect((await server.well('GET', '/models?offset=1000')).models).toEqual([]);
});

test('details are told where they are asked for', async () => {
  const { system_info: told } = await server.well('GET', '/system/status?detailed=true');
  expect(told).toMatchObject({ cpu_threads: expect.any(Number), architecture: expect.any(String) });
});

test('log lines are of a level or worse', async () => {
  const { data: all } = await server.well('GET', '/system/logs?level=DEBUG&lines=10000');
  expect(all.logs.length).toBe(all.total_lines);
  expect(all.logs[0]).toEqual({ timestamp: any.time, level: 'INFO', message: any.string, source: any.string });
  const { data: worst } = await server.well('GET', '/system/logs?level=error');
  expect(worst.logs.every((line: { level: string }) => line.level === 'ERROR')).toBe(true);
  expect(worst.log_level).toBe('ERROR');
});

test('a hard restart is begun and another process answers', async () => {
  const before = await server.well('GET', '/system/status');
  expect((await server.well('POST', '/system/restart?force=true')).data.restart).toBe('hard');
  await server.drover.waitForLine(/hand|successor|took over|takes over/i);
  const after = await server.well('GET', '/system/status');
  expect(after.system_info).toEqual(before.system_info);
});
