// What LlamaHome's routes refuse, and how: each with what is missing, mistyped, out of range, unknown or hostile, against the
// compiled executable. After each refusal all is as it was.
import { afterAll, beforeAll, expect, test } from 'bun:test';
import { mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { tinyBert } from '../fixtures/tiny-models.ts';
import { get } from './asking.ts';
import { OBEDIENT, openSetting, type Setting, VECTORS } from './setting.ts';

let here: Setting;
let before: unknown;
beforeAll(async () => {
  here = await openSetting();
  const { outside } = here;
  writeFileSync(join(outside, 'secret.txt'), 'secret');
  writeFileSync(join(outside, 'no-model.gguf'), 'secret text that is no model');
  writeFileSync(join(outside, 'projector.gguf'), tinyBert({ name: 'x' }).subarray(0, 40));
  symlinkSync(join(outside, 'secret.txt'), join(outside, 'link.gguf'));
  symlinkSync('/dev/zero', join(outside, 'device.gguf'));
  mkdirSync(join(outside, 'folder.gguf'));
  before = await everything();
});
afterAll(() => here?.[Symbol.asyncDispose]());

const everything = async (): Promise<unknown> => ({
  file: readFileSync(join(here.data, 'config.yaml'), 'utf8'),
  files: readdirSync(here.data)
    .filter((name) => !/log|sqlite/.test(name))
    .sort(),
  outside: readdirSync(here.outside).sort(),
  config: (await get(here.drover, '/api/get_config')).json,
  models: ((await get(here.drover, '/api/models')).json as { models: { id: string }[] }).models,
});

interface Row {
  readonly what: string;
  readonly ask: string;
  readonly body: unknown;
  readonly status: number;
  readonly message: RegExp;
  readonly field: string | null;
}
const row = (
  what: string,
  ask: string,
  body: unknown,
  status: number,
  message: RegExp,
  field: string | null = null,
): Row => ({
  what,
  ask,
  body,
  status,
  message,
  field,
});

const deep = `{"prompt":${'['.repeat(20_000)}${']'.repeat(20_000)}}`;

/** The same for all routes that take a prompt. */
const prompts = (ask: string): Row[] => [
  row('nothing', ask, undefined, 400, /prompt is required/, 'prompt'),
  row('an empty object', ask, {}, 400, /prompt is required/, 'prompt'),
  row('null', ask, { prompt: null }, 400, /prompt is required/, 'prompt'),
  row('no JSON', ask, '{"prompt": "a', 400, /JSON/),
  row('an array', ask, '["a"]', 400, /object/),
  row('a text', ask, '"a"', 400, /object/),
  row('deep', ask, deep, 400, /./),
  row('mistyped', ask, { prompt: 5 }, 422, /"prompt"/, 'prompt'),
  row('a list', ask, { prompt: ['a'] }, 422, /"prompt"/, 'prompt'),
  row('empty', ask, { prompt: '' }, 422, /"prompt"/, 'prompt'),
  row('mistyped', ask, { prompt: 'a', temperature: '0.7' }, 422, /"temperature"/, 'temperature'),
  row('too hot', ask, { prompt: 'a', temperature: 2.01 }, 422, /"temperature".*0 to 2/, 'temperature'),
  row('too cold', ask, { prompt: 'a', temperature: -0.1 }, 422, /"temperature"/, 'temperature'),
  row('none', ask, { prompt: 'a', max_tokens: 0 }, 422, /"max_tokens"/, 'max_tokens'),
  row('below none', ask, { prompt: 'a', max_tokens: -5 }, 422, /"max_tokens"/, 'max_tokens'),
  row('a fraction', ask, { prompt: 'a', max_tokens: 1.5 }, 422, /"max_tokens"/, 'max_tokens'),
  row('mistyped', ask, { prompt: 'a', max_tokens: '5' }, 422, /"max_tokens"/, 'max_tokens'),
  row('far too many', ask, { prompt: 'a', max_tokens: 1e12 }, 422, /"max_tokens"/, 'max_tokens'),
  row('out of range', ask, { prompt: 'a', top_p: 1.1 }, 422, /"top_p"/, 'top_p'),
  row('out of range', ask, { prompt: 'a', frequency_penalty: 3 }, 422, /"frequency_penalty"/, 'frequency_penalty'),
  row('mistyped', ask, { prompt: 'a', presence_penalty: true }, 422, /"presence_penalty"/, 'presence_penalty'),
  row('mistyped', ask, { prompt: 'a', model: 7 }, 422, /"model"/, 'model'),
  row('empty', ask, { prompt: 'a', model: '' }, 422, /"model"/, 'model'),
  row('unknown', ask, { prompt: 'a', model: 'nobody' }, 404, /nobody/),
  row('a path', ask, { prompt: 'a', model: '../../etc/passwd' }, 404, /etc/),
  row('a prototype', ask, { prompt: 'a', model: '__proto__' }, 404, /__proto__/),
  row('none is meant', ask, { prompt: 'a', model: 'llama3.3' }, 404, /model/),
  row('mistyped', ask, { prompt: 'a', stop: [5] }, 422, /"stop/),
  row('another type', ask, new Blob(['prompt=a'], { type: 'application/x-www-form-urlencoded' }), 415, /JSON/),
  row('no type', ask, new Blob(['{"prompt":"a"}']), 415, /JSON/),
  row('too large', ask, `{"prompt":"${'a'.repeat(10 * 1024 * 1024)}"}`, 413, /10 MiB/),
  row('broken', ask, { prompt: 'a', model: 'broken' }, 503, /./),
  row('cannot talk', ask, { prompt: 'a', model: VECTORS }, 422, /engine|embedding/i),
  row('refused by the engine', ask, { prompt: 'refuse', model: OBEDIENT }, 400, /I will not/),
];

/** The same for all routes that take a path. */
const LOAD = 'POST /api/load_model';
const bad = (what: string, path: string, status: number, message: RegExp): Row =>
  row(what, LOAD, { model_path: path }, status, message, status === 422 ? 'model_path' : null);

const CONFIGURE = 'POST /api/configure_model';
const ROWS: readonly Row[] = [
  row('none', 'POST /api/unload_model', undefined, 404, /No model is loaded/),
  ...['POST /api/process_prompt', 'POST /api/process', 'POST /api/stream', 'POST /v1/process_prompt'].flatMap(prompts),
  row('both', 'POST /api/process', { prompt: 'a', prompts: ['b'], model: OBEDIENT }, 422, /either/, 'prompt'),
  row('none', 'POST /api/process', { prompts: [], model: OBEDIENT }, 422, /"prompts"/, 'prompts'),
  row('mistyped', 'POST /api/process', { prompts: 'a', model: OBEDIENT }, 422, /"prompts"/, 'prompts'),
  row('mistyped', 'POST /api/process', { prompts: ['a', 5], model: OBEDIENT }, 422, /"prompts\.1"/, 'prompts.1'),
  row('too many', 'POST /api/process', { prompts: Array(1001).fill('a'), model: OBEDIENT }, 422, /1000/, 'prompts'),
  row('streamed', 'POST /api/process', { prompts: ['a'], stream: true, model: OBEDIENT }, 422, /stream/, 'stream'),
  row('mistyped', 'POST /api/process', { prompt: 'a', stream: 'yes' }, 422, /"stream"/, 'stream'),
  row('unknown', 'POST /api/process', { prompts: ['a'], model: 'nobody' }, 404, /nobody/),

  row('nothing', LOAD, undefined, 400, /model_path is required/, 'model_path'),
  row('another name', LOAD, { path: '/a.gguf' }, 400, /model_path is required/, 'model_path'),
  row('mistyped', LOAD, { model_path: 5 }, 422, /"model_path"/, 'model_path'),
  row('empty', LOAD, { model_path: '' }, 422, /"model_path"/, 'model_path'),
  row('no JSON', LOAD, 'model_path=/a', 400, /JSON/),
  row('another type', LOAD, new Blob(['x'], { type: 'text/plain' }), 415, /JSON/),
  bad('no file', '{outside}/none.gguf', 404, /^Model file not found: /),
  bad('no folder', '/none/none.gguf', 404, /^Model file not found: /),
  bad('no name', 'nobody', 404, /nobody/),
  bad('relative', 'models/a.gguf', 404, /^Model file not found: /),
  bad('climbing', '../../../etc/passwd', 404, /^Model file not found: /),
  bad('a folder', '{outside}', 422, /not a file/),
  bad('a folder by its name a model', '{outside}/folder.gguf', 422, /not a file/),
  bad('a device', '/dev/zero', 422, /not a file/),
  bad('a device by way of a link', '{outside}/device.gguf', 422, /not a file/),
  bad('a process', '/proc/self/environ', 422, /no GGUF/),
  bad('no model', '{outside}/secret.txt', 422, /no GGUF/),
  bad('no model by another name', '{outside}/no-model.gguf', 422, /GGUF/),
  bad('no model by way of a link', '{outside}/link.gguf', 422, /./),
  bad('cut off', '{outside}/projector.gguf', 422, /./),
  bad('climbing from a folder', '{models}/../outside/secret.txt', 422, /no GGUF/),
  bad('a NUL', '/tmp/a\0.gguf', 422, /control/),
  bad('a line break', '/tmp/a\n.gguf', 422, /control/),
  bad('a share', '\\\\host\\share\\a.gguf', 422, /shares/),
  bad('a share', '//host/share/a.gguf', 422, /shares/),
  bad('a path of another system', 'C:\\models\\a.gguf', 404, /^Model file not found: /),
  bad('an address', 'https://example.com/a.gguf', 404, /^Model file not found: /),
  bad('long', `/${'a'.repeat(4000)}`, 404, /^Model file not found: /),
  bad('longer', `/${'a'.repeat(5000)}`, 422, /4096/),

  row('nothing', CONFIGURE, undefined, 400, /model is required/, 'model'),
  row('no change', CONFIGURE, { model: OBEDIENT }, 400, /nothing to change/),
  row('unknown', CONFIGURE, { model: 'nobody', temperature: 1 }, 404, /nobody/),
  row('mistyped', CONFIGURE, { model: OBEDIENT, temperature: 'hot' }, 422, /"temperature"/, 'temperature'),
  row('out of range', CONFIGURE, { model: OBEDIENT, temperature: 9 }, 422, /"temperature"/, 'temperature'),
  row('one of two', CONFIGURE, { model: OBEDIENT, temperature: 1, max_tokens: 0 }, 422, /"max_tokens"/, 'max_tokens'),
  row('no JSON', 'POST /api/save_config', '{', 400, /JSON/),
  row('no JSON', 'POST /api/reset_config', '[]', 400, /object/),
  row('mistyped', 'POST /api/clear_cache', { reload: 'yes' }, 422, /"reload"/, 'reload'),
  row('no JSON', 'POST /api/shutdown', 'now', 400, /JSON/),

  row('no level', 'GET /api/logs?level=loud', undefined, 400, /"level"/, 'level'),
  row('a prototype', 'GET /api/logs?level=constructor', undefined, 400, /"level"/, 'level'),
  row('no number', 'GET /api/logs?limit=many', undefined, 400, /"limit"/, 'limit'),
  row('below zero', 'GET /api/logs?limit=-1', undefined, 400, /"limit"/, 'limit'),
  row('a fraction', 'GET /api/logs?limit=1.5', undefined, 400, /"limit"/, 'limit'),
  row('far too many', 'GET /api/logs?limit=1000000', undefined, 400, /"limit"/, 'limit'),
  row('no time', 'GET /api/logs?start_time=yesterday', undefined, 400, /"start_time"/, 'start_time'),
  row('no day', 'GET /api/logs?start_time=2026-13-45T00:00:00Z', undefined, 400, /"start_time"/, 'start_time'),
  row('a number', 'GET /api/logs?end_time=1700000000', undefined, 400, /"end_time"/, 'end_time'),
  row(
    'the wrong way round',
    'GET /api/logs?start_time=2026-01-02T00:00:00Z&end_time=2026-01-01T00:00:00Z',
    undefined,
    400,
    /before/,
    'end_time',
  ),
  row('endless with an end', 'GET /api/logs?follow=true&end_time=2030-01-01', undefined, 400, /"end_time"/, 'end_time'),

  row('no upgrade', 'GET /v1/ws', undefined, 400, /WebSocket/),
  row('another method', 'GET /api/process_prompt', undefined, 405, /GET/),
  row('another method', 'POST /api/health_check', {}, 405, /POST/),
  row('another method', 'DELETE /v1/stream', undefined, 405, /DELETE/),
];

const filled = (text: string): string => text.replaceAll('{models}', here.models).replaceAll('{outside}', here.outside);

for (const [index, { what, ask, body, status, message, field }] of ROWS.entries()) {
  test(`${index + 1}. ${ask.slice(0, 60)}: ${what}`, async () => {
    const [method = '', path = ''] = ask.split(' ');
    const text = typeof body === 'string' || body === undefined || body instanceof Blob ? body : JSON.stringify(body);
    const answer = await here.drover.request(path, {
      method,
      ...(text === undefined ? {} : { body: typeof text === 'string' ? filled(text) : text }),
      headers: body instanceof Blob || body === undefined ? {} : { 'content-type': 'application/json' },
    });
    const said = (await answer.json()) as { readonly error: { message: string; details?: { field?: string } } };
    expect({ ask, status: answer.status, said }).toMatchObject({
      ask,
      status,
      said: { error: { code: expect.any(String), message: expect.stringMatching(message) } },
    });
    expect(Object.keys(said)).toEqual(['error']);
    if (field !== null) expect(said.error.details?.field).toBe(field);
    expect(JSON.stringify(said)).not.toContain('secret text');
  });
}

test('after all of them everything is as it was', async () => {
  const withoutState = (all: unknown): unknown =>
    JSON.parse(JSON.stringify(all, (name, value) => (name === 'loaded' || name === 'error' ? undefined : value)));
  expect(withoutState(await everything())).toEqual(withoutState(before));
});
