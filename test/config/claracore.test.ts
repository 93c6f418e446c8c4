import { expect, test } from 'bun:test';
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, unlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type ImportContext, planImport } from '../../src/config/claracore.ts';
import { type ClaraFolder, jsonErrorOffset, readClaraFolder } from '../../src/config/claracore-files.ts';
import { absoluteCommand, looksLikeWindows } from '../../src/config/claracore-paths.ts';
import { editConfigAll, parseConfig } from '../../src/config/document.ts';
import { splitCommand } from '../../src/config/expand.ts';
import { checkFlags } from '../../src/engine/flags.ts';
import { thrownBy } from '../fixtures/fault-of.ts';

const FIXTURE = join(import.meta.dir, '../fixtures/claracore');
const GOLDEN = join(import.meta.dir, '../fixtures/claracore-imported.yaml');

const folderWith = (files: Readonly<Record<string, string>>): { path: string } & Disposable => {
  const path = mkdtempSync(join(tmpdir(), 'drover clara ünï-'));
  for (const [name, text] of Object.entries(files)) writeFileSync(join(path, name), text);
  return { path, [Symbol.dispose]: () => rmSync(path, { recursive: true, force: true }) };
};

/** A machine on which everything is there but what the fixture calls gone. */
const context = (changes: Partial<ImportContext> = {}): ImportContext => ({
  own: {},
  trackedFolders: [],
  isMacroList: false,
  isWindows: false,
  environment: {},
  isKnownFlag: (name, value) => {
    try {
      checkFlags({ [name]: value }, 'file');
      return true;
    } catch {
      return false;
    }
  },
  isFile: (path) => /\.gguf$|llama-server$/.test(path) && !/Gone|^C:/.test(path),
  isFolder: () => true,
  kindOf: (path) => (/nomic/.test(path) ? 'embedding' : 'text'),
  ...changes,
});

const outcomes = (clara: ClaraFolder, changes: Partial<ImportContext> = {}) =>
  Object.fromEntries(
    planImport(clara, context(changes)).plan.models.map(({ id, outcome, reason }) => [id, { outcome, reason }]),
  );

const withConfig = (yaml: string) => {
  using folder = folderWith({ 'config.yaml': yaml });
  return { ...readClaraFolder(folder.path), path: '/clara' };
};

test('the fixture becomes our configuration, as it is written down', () => {
  const clara = readClaraFolder(FIXTURE);
  const planned = planImport({ ...clara, path: '/clara' }, context());
  const own = '# mine, and it stays\nlisten: 127.0.0.1:7000 # here\n';
  const edited = editConfigAll(own, 'c.yaml', planned.edits);
  expect(edited).toBe(readFileSync(GOLDEN, 'utf8'));
  expect(parseConfig(edited, 'c.yaml').warnings).toEqual([]);
  expect(planned.folders.map(({ path, isRecursive, isEnabled }) => [path, isRecursive, isEnabled])).toEqual([
    ['/srv/models/Qwen', true, true],
    ['/srv/models/T7 Shield/Modèles', false, true],
    ['/srv/models/old', true, false],
    ['/clara/downloads', true, true],
  ]);
  expect(planned.apiKey).toBe('fixture-clara-key-1234567890');
  for (const { entry, outcome } of planned.plan.models)
    if (outcome === 'structured') expect(() => checkFlags(entry?.flags ?? {}, 'file')).not.toThrow();
});

test('the plan says of each thing what happens to it, and why', () => {
  const clara = { ...readClaraFolder(FIXTURE), path: '/clara' };
  const { plan } = planImport(clara, context());
  expect(outcomes(clara)).toEqual({
    'qwen3-30b-a3b-instruct-30b': { outcome: 'structured', reason: null },
    'gemma-3-4b-it-4b': { outcome: 'structured', reason: null },
    'nomic-embed-text-v15': { outcome: 'structured', reason: null },
    coder: { outcome: 'structured', reason: null },
    'win-llama-31-8b-8b': {
      outcome: 'left_out',
      reason: 'its file C:\\AI\\Models\\Meta Llama\\Meta-Llama-3.1-8B-Instruct-Q4_K_M.gguf is not there',
    },
    'second-gpu': { outcome: 'command', reason: 'its variable CUDA_VISIBLE_DEVICES changes what the engine does' },
    agent: { outcome: 'command', reason: 'an entry cannot say --tools' },
    'in-the-cellar': { outcome: 'command', reason: 'it starts docker, not llama-server itself' },
    voice: { outcome: 'command', reason: 'it starts ./tools/piper-server, not llama-server itself' },
    'gone-3b': { outcome: 'left_out', reason: 'its file /srv/models/Qwen/Gone-3B-Q4_K_M.gguf is not there' },
  });
  expect(plan.models[0]?.notes).toEqual(['without LD_LIBRARY_PATH']);
  expect(plan.macros.map(({ name, outcome }) => [name, outcome])).toEqual([
    ['llama-server-base', 'add'],
    ['llama-embed-base', 'left_out'],
    ['docker-base', 'add'],
  ]);
  expect(plan.folders.map(({ path, outcome, reason }) => [path, outcome, reason])).toEqual([
    ['/srv/models/Qwen', 'add', null],
    ['/srv/models/T7 Shield/Modèles', 'add', null],
    ['C:\\AI\\Models', 'left_out', 'a path of Windows'],
    ['/srv/models/old', 'add', 'switched off, as it is there'],
    ['/clara/downloads', 'add', 'its downloads'],
  ]);
  expect(plan.apiKey).toEqual({ isRequired: true });
  expect(JSON.stringify(plan)).not.toContain('fixture-clara-key');
  expect(plan.preload).toEqual({ name: 'preload', outcome: 'add', reason: 'nomic-embed-text-v15' });
});

test('doing it twice changes nothing the second time', () => {
  const clara = { ...readClaraFolder(FIXTURE), path: '/clara' };
  const first = planImport(clara, context());
  const edited = editConfigAll('', 'c.yaml', first.edits);
  const own = parseConfig(edited, 'c.yaml').values;
  const trackedFolders = first.folders.map(({ path }) => path);
  const second = planImport(clara, context({ own, trackedFolders }));
  expect(second.edits).toEqual([]);
  expect(second.folders).toEqual([]);
  expect(new Set(second.plan.models.map(({ outcome }) => outcome))).toEqual(new Set(['same', 'left_out']));
  expect(new Set(second.plan.settings.map(({ outcome }) => outcome))).toEqual(new Set(['same']));
  // What was changed here since stays changed.
  const changed = editConfigAll(edited, 'c.yaml', [
    { path: ['models', 'coder', 'contextSize'], value: 8192 },
    { path: ['models', 'voice', 'ttl'], value: 7 },
    { path: ['vram'], value: 8 },
  ]);
  const third = planImport(clara, context({ own: parseConfig(changed, 'c.yaml').values }));
  expect(third.edits).toEqual([]);
  expect(third.plan.settings.find(({ name }) => name === 'vram')).toMatchObject({
    outcome: 'kept',
    reason: 'it is 8 here',
  });
});

test('what is there already stays, and what comes makes room', () => {
  const clara = { ...readClaraFolder(FIXTURE), path: '/clara' };
  const own = parseConfig(
    `macros: { llama-server-base: something else }
models:
  coder: { file: /other.gguf }
  agent: { file: /clara/downloads/agent.gguf, ttl: 3 }
groups:
  large-models: { members: [coder], swap: false }
  mine: { members: [nomic-embed-text-v15] }
preload: [coder]
logLevel: warn
`,
    'c.yaml',
  ).values;
  const planned = planImport(clara, context({ own }));
  const { plan } = planned;
  const model = (id: string) => plan.models.find((found) => found.id === id);
  expect(model('coder')).toMatchObject({ outcome: 'left_out', reason: 'another model has this id here' });
  expect(model('agent')).toMatchObject({ outcome: 'same' });
  // Its macro has another meaning here, so it brings its own.
  expect(model('second-gpu')?.entry?.macros?.['llama-server-base']).toContain('/clara/binaries/llama-server');
  expect(plan.macros.find(({ name }) => name === 'llama-server-base')?.outcome).toBe('kept');
  expect(planned.edits.filter(({ path }) => path[0] === 'macros').map(({ path }) => path[1])).toEqual(['docker-base']);
  const groups = planned.edits.filter(({ path }) => path[0] === 'groups');
  expect(groups).toEqual([
    { path: ['groups', 'large-models', 'members'], value: ['coder', 'qwen3-30b-a3b-instruct-30b', 'gemma-3-4b-it-4b'] },
  ]);
  expect(plan.groups.map(({ name, outcome, reason }) => [name, outcome, reason])).toEqual([
    ['large-models', 'add', 'to the group of that name: qwen3-30b-a3b-instruct-30b, gemma-3-4b-it-4b'],
    ['small-models', 'left_out', 'its models are in other groups here'],
  ]);
  expect(plan.preload?.outcome).toBe('kept');
  expect(plan.settings.find(({ name }) => name === 'logLevel')?.outcome).toBe('kept');
});

test('where macros are a list, commands bring theirs', () => {
  const clara = { ...readClaraFolder(FIXTURE), path: '/clara' };
  const own = 'macros:\n  - mine: x\nmodels: {}\n';
  const planned = planImport(clara, context({ own: parseConfig(own, 'c.yaml').values, isMacroList: true }));
  const edited = parseConfig(editConfigAll(own, 'c.yaml', planned.edits), 'c.yaml');
  expect(edited.values.macros).toEqual({ mine: 'x' });
  expect(Object.keys(edited.values.models?.['second-gpu']?.macros ?? {})).toEqual(['llama-server-base']);
});

const BASE = 'macros: { s: "/opt/llama-server --port ${PORT}" }\nmodels:\n  a:\n';
const REASONS: readonly [what: string, entry: string, outcome: string, reason: RegExp | null][] = [
  ['a plain one', '    cmd: ${s} -m /a.gguf\n', 'structured', null],
  [
    'one that embeds with a text model',
    '    cmd: ${s} -m /a.gguf --embedding\n',
    'command',
    /serves a text model for embeddings/,
  ],
  ['an embedding model', '    cmd: ${s} -m /nomic.gguf --embeddings --pooling cls\n', 'structured', null],
  [
    'a server elsewhere',
    '    cmd: ${s} -m /a.gguf\n    proxy: http://10.0.0.5:8080\n',
    'command',
    /answers at http:\/\/10\.0\.0\.5/,
  ],
  [
    'a stop of its own',
    '    cmd: ${s} -m /a.gguf\n    cmdStop: /x/stop.sh\n',
    'command',
    /stopped by a command of its own/,
  ],
  [
    'the usual stop of Windows',
    '    cmd: ${s} -m /a.gguf\n    cmdStop: "taskkill /f /t /pid ${PID}"\n',
    'structured',
    null,
  ],
  [
    'options by variable',
    '    cmd: ${s} -m /a.gguf\n    env: [LLAMA_ARG_CTX_SIZE=5]\n',
    'command',
    /LLAMA_ARG_CTX_SIZE/,
  ],
  ['a download at start', '    cmd: ${s} -hf owner/repo\n', 'command', /cannot say -hf/],
  ['no model', '    cmd: ${s}\n', 'command', /names no model file/],
  ['an unknown macro', '    cmd: ${t} -m /a.gguf\n', 'left_out', /\$\{t\} is not known/],
  ['an open quote', '    cmd: ${s} -m "/a.gguf\n', 'left_out', /quote is not closed/],
  ['nothing to start', '    name: x\n', 'left_out', /has no `cmd`/],
  ['a field of the wrong type', '    cmd: vllm\n    ttl: soon\n', 'left_out', /its `ttl` cannot be read/],
  [
    'a file that is gone, in another program',
    '    cmd: koboldcpp --model /Gone.gguf\n',
    'left_out',
    /Gone\.gguf is not there/,
  ],
  [
    'a file in a container, which cannot be seen',
    '    cmd: docker run image -m /Gone.gguf\n',
    'command',
    /starts docker/,
  ],
];

for (const [what, entry, outcome, reason] of REASONS) {
  test(`a model with ${what}`, () => {
    const found = outcomes(withConfig(BASE + entry)).a;
    expect(String(found?.outcome)).toBe(outcome);
    if (reason === null) expect(found?.reason).toBeNull();
    else expect(found?.reason).toMatch(reason);
  });
}

test('a projector or a draft that is gone is left away, and said', () => {
  const clara = withConfig(`${BASE}    cmd: \${s} -m /a.gguf --mmproj /Gone-p.gguf -md d/Gone.gguf -ngld 99\n`);
  const [model] = planImport(clara, context()).plan.models;
  expect(model?.entry).toEqual({ file: '/a.gguf' });
  expect(model?.notes).toEqual([
    'its projector /Gone-p.gguf is not there',
    'its draft model /clara/d/Gone.gguf is not there',
  ]);
});

test('on Windows paths of Windows are what they are', () => {
  const clara = readClaraFolder(FIXTURE);
  const found = planImport(clara, context({ isWindows: true, isFile: () => true }));
  const model = found.plan.models.find(({ id }) => id === 'win-llama-31-8b-8b');
  expect(model?.outcome).toBe('structured');
  expect(model?.entry?.file).toBe('C:\\AI\\Models\\Meta Llama\\Meta-Llama-3.1-8B-Instruct-Q4_K_M.gguf');
  expect(found.folders.map(({ path }) => path)).toContain('C:\\AI\\Models');
});

const COMMANDS: readonly [before: string, after: string, isWindows?: boolean][] = [
  ['binaries/llama-server -m ./a.gguf', '/clara/binaries/llama-server -m /clara/a.gguf'],
  ['llama-server -m a.gguf --alias a/b', '/PATH/llama-server -m /clara/a.gguf --alias a/b'.replace('/PATH/', '')],
  ['llama-server --model="sub dir/a.gguf" # x', 'llama-server "--model=/clara/sub dir/a.gguf" # x'],
  ['docker run -v ./m:/m owner/image:tag ../x', 'docker run -v /clara/m:/m owner/image:tag /x'],
  ['${base} \\\n  -m ../a.gguf\n# ./b.gguf\n', '${base} \\\n  -m /a.gguf\n# ./b.gguf\n'],
  [
    'server /etc/x https://h/a ~/y ${d}/z there/is.gguf not/there',
    'server /etc/x https://h/a ~/y ${d}/z /clara/there/is.gguf not/there',
  ],
  ['binaries\\x.exe -m "C:\\a b\\c.gguf"', 'binaries\\x.exe -m "C:\\a b\\c.gguf"', true],
];

for (const [before, after, isWindows = false] of COMMANDS) {
  test.skipIf(process.platform === 'win32')(`paths of a command become absolute: ${before}`, () => {
    const found = absoluteCommand(before, '/clara', isWindows, (path) => path.endsWith('is.gguf'));
    expect(found).toBe(after);
    expect(absoluteCommand(found, '/clara', isWindows, () => false)).toBe(after);
    expect(splitCommand(found, isWindows).length).toBe(splitCommand(before, isWindows).length);
    expect(looksLikeWindows(before)).toBe(isWindows);
  });
}

test('any of the three files may be missing, but not all', () => {
  const names = ['config.yaml', 'settings.json', 'model_folders.json'];
  for (const missing of names) {
    using folder = folderWith({});
    cpSync(FIXTURE, folder.path, { recursive: true });
    unlinkSync(join(folder.path, missing));
    const { plan } = planImport(readClaraFolder(folder.path), context());
    expect(plan.files.filter(({ isThere }) => !isThere).map(({ name }) => name)).toEqual([missing]);
  }
  using empty = folderWith({ 'other.txt': '' });
  const fault = thrownBy(() => readClaraFolder(empty.path));
  expect(fault.kind).toBe('not_found');
  expect(fault.message).toContain('holds none of config.yaml, settings.json, model_folders.json');
});

const BROKEN: readonly [name: string, text: string, expected: RegExp][] = [
  ['config.yaml', 'models:\n  a:\n\tcmd: x\n', /config\.yaml:3:\d+: not valid YAML/],
  ['config.yaml', '- a\n', /config\.yaml:1:1: expected a mapping/],
  [
    'settings.json',
    '{\n  "backend": "cuda",\n  "vramGB": 24,\n}\n',
    /settings\.json:4:1: not valid JSON: "}" cannot stand here/,
  ],
  ['settings.json', '{\n  "backend": "cuda"\n', /settings\.json:3:1: not valid JSON: it ends too early/],
  ['settings.json', '{"a": 1 "b": 2}', /settings\.json:1:9: not valid JSON/],
  ['settings.json', '[]', /settings\.json:1:1: expected a JSON object/],
  ['model_folders.json', '{"folders": [\n  {"path": \'x\'}\n]}', /model_folders\.json:2:12: not valid JSON/],
];

for (const [name, text, expected] of BROKEN) {
  test(`a broken ${name} is named with its line: ${expected.source.split(': ').at(-1)}`, () => {
    using folder = folderWith({ [name]: text });
    const fault = thrownBy(() => readClaraFolder(folder.path));
    expect(fault.kind).toBe('config_invalid');
    expect(fault.message).toMatch(expected);
  });
}

test('wherever JSON breaks, the place is found: never behind it, never in what is well', () => {
  const good = JSON.stringify({ folders: [{ path: 'C:\\x', a: 1.5e3, b: null, c: [], d: {} }, {}], v: true }, null, 2);
  expect(jsonErrorOffset(good)).toBe(good.length);
  for (let at = 0; at < good.length; at += 1) {
    for (const piece of ['', ',', '}', 'x', '"', ':', ']', ' 1 ']) {
      const text = good.slice(0, at) + piece + good.slice(piece === '' ? at + 1 : at);
      const offset = jsonErrorOffset(text);
      let isValid = true;
      try {
        JSON.parse(text);
      } catch {
        isValid = false;
      }
      if (isValid) expect(offset).toBe(text.length);
      // A prefix that was well before the change cannot be blamed, but for the token that it stands in.
      else expect(offset).toBeGreaterThanOrEqual(good.slice(0, at).search(/[^\s,:[\]{}]*$/) - 30);
    }
  }
});

test('settings of a wrong type are nobody’s; marks at a file’s start do not matter', () => {
  using folder = folderWith({
    'settings.json':
      '\uFEFF{"backend": 5, "vramGB": 0, "ramGB": 16, "preferredContext": 100, "enableJinja": false, "backendX": 1}',
    'model_folders.json': '{"folders": [{"path": ""}, {"x": 1}, 5, {"path": "./here/", "enabled": true}]}',
  });
  const clara = { ...readClaraFolder(folder.path), path: '/clara' };
  const { plan, edits } = planImport(clara, context({ isFolder: () => false }));
  expect(edits).toEqual([
    { path: ['ram'], value: 16 },
    { path: ['enableJinja'], value: false },
  ]);
  expect(plan.settings.find(({ name }) => name === 'preferredContext')?.outcome).toBe('left_out');
  expect(plan.folders).toMatchObject([{ path: '/clara/here', outcome: 'add', reason: 'it is not there now' }]);
});

test.skipIf(process.platform === 'win32')('a file out of reach is told, not taken for missing', () => {
  using folder = folderWith({});
  symlinkSync('config.yaml', join(folder.path, 'config.yaml'));
  expect(thrownBy(() => readClaraFolder(folder.path)).message).toContain('config.yaml cannot be read');
});
