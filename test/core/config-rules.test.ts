import { describe, expect, test } from 'bun:test';
import { Fault } from '../../src/base/fault.ts';
import type { Settings } from '../../src/config/schema.ts';
import { keptSettings, requireHarmless, requireUsableId } from '../../src/core/config-rules.ts';

const kindOf = (work: () => void): string => {
  try {
    work();
    return 'fine';
  } catch (thrown) {
    return thrown instanceof Fault ? thrown.kind : String(thrown);
  }
};
const change = (before: Partial<Settings>, after: Partial<Settings>): string =>
  kindOf(() => requireHarmless(before, after));

const file = { file: '/m/a.gguf' };
const other = { cmd: 'whisper-server --port ${PORT}' };

describe('what a request may change', () => {
  test.each<[string, Partial<Settings>, Partial<Settings>]>([
    ['nothing', { models: { a: file } }, { models: { a: file } }],
    ['figures of a model', { models: { a: file } }, { models: { a: { ...file, contextSize: 8192 } } }],
    ['a new model with a file', {}, { models: { 'naïve model: #1': file } }],
    ['flags that are allowed', { models: { a: file } }, { models: { a: { ...file, flags: { temp: 0.5 } } } }],
    ['ports, folders, logs', {}, { startPort: 9000, modelsFolders: ['/x'], logLevel: 'debug' }],
    ['macros that no command uses', {}, { macros: { x: 'y' }, models: { a: file } }],
    ['around a command that stays', { models: { w: other } }, { models: { w: other, a: file } }],
    ['to take a command away', { models: { w: other } }, { models: {} }],
    ['to take an environment away', { models: { a: { ...file, env: ['A=1'] } } }, { models: { a: file } }],
  ])('%s', (_, before, after) => {
    expect(change(before, after)).toBe('fine');
  });
});

describe('what only the file on disk may say', () => {
  const dangers: [string, Partial<Settings>, Partial<Settings>][] = [
    ['a new command', {}, { models: { w: other } }],
    ['another command', { models: { w: other } }, { models: { w: { cmd: 'sh -c id' } } }],
    ['a stop command', { models: { w: other } }, { models: { w: { ...other, cmdStop: 'sh -c id' } } }],
    ['an environment', { models: { a: file } }, { models: { a: { ...file, env: ['LD_PRELOAD=/tmp/x.so'] } } }],
    ['another target', { models: { w: other } }, { models: { w: { ...other, proxy: 'http://169.254.169.254' } } }],
    ['macros of a command', { macros: { a: '1' }, models: { w: other } }, { macros: { a: '2' }, models: { w: other } }],
    ['own macros', { models: { w: other } }, { models: { w: { ...other, macros: { a: '1' } } } }],
    ['another engine', {}, { engine: '/tmp/evil' }],
    ['where engines come from', {}, { githubApi: 'https://evil.example' }],
  ];
  test.each(dangers)('%s', (_, before, after) => {
    expect(change(before, after)).toBe('forbidden');
    const allowed = { allowCustomCommands: true };
    expect(change({ ...before, ...allowed }, { ...after, ...allowed })).toBe('fine');
  });

  test.each<Partial<Settings>>([
    { allowCustomCommands: true },
    { insecure: true },
    { listen: '0.0.0.0:5800' },
    { corsOrigins: ['https://evil.example'] },
    { hostNames: ['evil.example'] },
    { downloadHosts: ['169.254.169.254'] },
    { hfEndpoint: 'https://evil.example' },
    { requireApiKey: true },
  ])('never %p', (after) => {
    expect(change({}, after)).toBe('forbidden');
    expect(change({ allowCustomCommands: true }, { allowCustomCommands: true, ...after })).toBe(
      'allowCustomCommands' in after ? 'fine' : 'forbidden',
    );
  });

  test('paths of options, and options that are not allowed', () => {
    const flags = (more: Record<string, string>) => change({}, { models: { a: { ...file, flags: more } } });
    expect(flags({ 'grammar-file': '/etc/passwd' })).toBe('bad_request');
    expect(flags({ 'log-file': '/tmp/x' })).toBe('bad_request');
    // What stands in the file already is the file's.
    const known = { models: { a: { ...file, flags: { 'grammar-file': '/g' } } } };
    expect(change(known, { models: { a: { ...known.models.a, contextSize: 512 } } })).toBe('fine');
  });
});

test('a text that does not speak of locks and doors leaves them as they are', () => {
  const before: Partial<Settings> = { requireApiKey: true, listen: '0.0.0.0:1', engine: '/e', startPort: 9000 };
  expect(keptSettings(before, { startPort: 1 })).toEqual([
    { path: ['requireApiKey'], value: true },
    { path: ['listen'], value: '0.0.0.0:1' },
    { path: ['engine'], value: '/e' },
  ]);
  expect(keptSettings(before, before)).toEqual([]);
  expect(keptSettings({ ...before, allowCustomCommands: true }, {}).map((edit) => edit.path[0])).toEqual([
    'allowCustomCommands',
    'requireApiKey',
    'listen',
  ]);
});

test.each([
  ['qwen3-4b', 'fine'],
  ['owner/name:Q4_K_M', 'fine'],
  ['ünï cödé', 'fine'],
  ['', 'bad_request'],
  [' blank', 'bad_request'],
  ['two\nlines', 'bad_request'],
  ['x'.repeat(257), 'bad_request'],
  ['start-all', 'bad_request'],
  ['Default', 'bad_request'],
  ['status', 'bad_request'],
])('the name %p is %s', (id, kind) => {
  expect(kindOf(() => requireUsableId(id))).toBe(kind);
});
