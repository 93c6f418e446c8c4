import { expect, test } from 'bun:test';
import { mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { editConfig, parseConfig, writeConfig } from '../../src/config/document.ts';
import { expandMacros, splitCommand } from '../../src/config/expand.ts';
import { loadConfig } from '../../src/config/load.ts';
import { dataFolder } from '../../src/config/paths.ts';
import { thrownBy } from '../fixtures/fault-of.ts';

const folder = (): { path: string } & Disposable => {
  const path = mkdtempSync(join(tmpdir(), 'drover config ünï-'));
  return { path, [Symbol.dispose]: () => rmSync(path, { recursive: true, force: true }) };
};

const LLAMA_SWAP = `# a llama-swap file
healthCheckTimeout: 500
logLevel: info
startPort: 10001
logTimeFormat: rfc3339
macros:
  latest-llama: >
    /opt/llama.cpp/llama-server --port \${PORT}
models:
  "llama": # the small one
    cmd: |
      \${latest-llama}
      # comments are fine
      -m "/models/with space.gguf" \\
      -c 8192
    aliases: ["gpt-4o-mini"]
    ttl: 60
    unlisted: false
    filters: { strip_params: "temperature, top_p" }
    concurrencyLimit: 4
groups:
  small: { swap: false, exclusive: false, members: [llama] }
hooks:
  on_startup:
    preload: [llama]
`;

test('a llama-swap file runs as it is', () => {
  const { values, warnings } = parseConfig(LLAMA_SWAP, 'config.yaml');
  expect(values.preload).toEqual(['llama']);
  expect(values.startPort).toBe(10001);
  expect(values.groups?.small?.members).toEqual(['llama']);
  expect(warnings.map((warning) => `${warning.line}:${warning.column} ${warning.message}`)).toEqual([
    '5:1 `logTimeFormat`: the log has one format',
    '23:1 `hooks`: read as `preload`',
  ]);
  const cmd = expandMacros(values.models?.llama?.cmd ?? '', { ...values.macros, PORT: 4711 }, {});
  expect(splitCommand(cmd, false)).toEqual([
    '/opt/llama.cpp/llama-server',
    '--port',
    '4711',
    '-m',
    '/models/with space.gguf',
    '-c',
    '8192',
  ]);
});

const WRONG: readonly [string, string, RegExp][] = [
  ['a tab', 'models:\n\tx: 1\n', /config\.yaml:2:\d+: not valid YAML/],
  ['a list at the top', '- a\n', /config\.yaml:1:1: expected a mapping/],
  [
    'a wrong type',
    'logLevel: info\nstartPort: many\n',
    /config\.yaml:2:1: startPort: expected integer from 1 to 65535, found "many"/,
  ],
  ['out of range', 'startPort: 70000\n', /config\.yaml:1:1: startPort: expected integer from 1 to 65535, found 70000/],
  ['a wrong choice', 'backend: gpu\n', /config\.yaml:1:1: backend: expected one of auto, cuda/],
  [
    'deep inside',
    'models:\n  a:\n    file: /x.gguf\n  "b.c":\n    file: /y.gguf\n    parallel: 0\n',
    /config\.yaml:6:5: models\.b\.c\.parallel: expected integer from 1 to 1024, found 0/,
  ],
  [
    'file and cmd',
    'models:\n  a:\n    file: /x.gguf\n    cmd: server\n',
    /config\.yaml:4:5: models\.a: give either `file` or `cmd`/,
  ],
  ['the outer of two keys of one name', 'models:\n  a: { file: /x, ttl: 3 }\nttl: soon\n', /config\.yaml:3:1: ttl/],
  [
    'a variable without a value',
    'models:\n  a:\n    cmd: x\n    env: [A=1, FOO]\n',
    /config\.yaml:4:\d+: models\.a\.env\.1: expected NAME=VALUE, found "FOO"/,
  ],
  ['twice the same key', 'ttl: 1\nttl: 2\n', /config\.yaml:2:1: not valid YAML/],
  [
    'an alias bomb',
    `a: &a [x,x,x,x,x,x,x,x,x]\n${[...'bcdefgh'].map((name, index) => `${name}: &${name} [${Array(9).fill(`*${'abcdefg'[index]}`)}]`).join('\n')}\n`,
    /cannot be read|alias/i,
  ],
];

for (const [what, source, expected] of WRONG) {
  test(`a wrong file names file, line, column and expectation: ${what}`, () => {
    const fault = thrownBy(() => parseConfig(source, 'config.yaml'));
    expect(fault.kind).toBe('config_invalid');
    expect(fault.message).toMatch(expected);
  });
}

test('an edit keeps every comment', () => {
  const edited = editConfig(LLAMA_SWAP, 'config.yaml', ['models', 'llama', 'ttl'], 90);
  expect(edited).toContain('ttl: 90');
  expect(edited).toContain('# a llama-swap file');
  expect(edited).toContain('# the small one');
  expect(edited).toContain('# comments are fine');
  expect(editConfig(edited, 'config.yaml', ['models', 'llama', 'ttl'], 60)).toBe(
    editConfig(LLAMA_SWAP, 'config.yaml', ['models', 'llama', 'ttl'], 60),
  );
});

test('an edit that would be wrong changes nothing', () => {
  expect(thrownBy(() => editConfig(LLAMA_SWAP, 'config.yaml', ['startPort'], 'x')).kind).toBe('config_invalid');
});

test('a write backs up, replaces whole, refuses a wrong file and leaves no half one', () => {
  using place = folder();
  const path = join(place.path, 'config.yaml');
  expect(writeConfig(path, 'ttl: 1\n')).toBeNull();
  const backup = writeConfig(path, 'ttl: 2\n');
  expect(readFileSync(backup ?? '', 'utf8')).toBe('ttl: 1\n');
  expect(thrownBy(() => writeConfig(path, 'ttl: soon\n')).message).toContain('ttl: expected number');
  expect(readFileSync(path, 'utf8')).toBe('ttl: 2\n');
  for (let round = 0; round < 14; round += 1) writeConfig(path, `ttl: ${round}\n`);
  expect(readdirSync(join(place.path, 'backups')).length).toBeLessThanOrEqual(10);
  expect(readdirSync(place.path).sort()).toEqual(['backups', 'config.yaml']);
});

test('default < file < environment < flag', () => {
  using place = folder();
  writeFileSync(join(place.path, 'config.yaml'), 'ttl: 5\nlogLevel: warn\nmodelsFolders: [/a]\n');
  const env = {
    DROVER_DATA_DIR: place.path,
    DROVER_LOG_LEVEL: 'error',
    DROVER_MODELS_FOLDERS: '/b,C:\\AI\\Models',
    DROVER_VRAM: '7.5',
  };
  const loaded = loadConfig({ logLevel: 'debug', vram: '8' }, env);
  expect(loaded.settings.ttl).toBe(5);
  expect(loaded.settings.logLevel).toBe('debug');
  expect(loaded.settings.modelsFolders).toEqual(['/b', 'C:\\AI\\Models']);
  expect(loaded.settings.vram).toBe(8);
  expect(loaded.settings.queueTimeout).toBe(600);
  expect(loaded.origins.ttl).toBe('file');
  expect(loaded.origins.logLevel).toBe('flag');
  expect(loaded.origins.modelsFolders).toBe('environment');
  expect(loaded.origins.queueTimeout).toBe('default');
});

test('a named configuration file that is not there is told', () => {
  using place = folder();
  const missing = join(place.path, 'typo.yaml');
  expect(thrownBy(() => loadConfig({ config: missing }, { DROVER_DATA_DIR: place.path })).message).toContain(
    'typo.yaml',
  );
  expect(thrownBy(() => loadConfig({}, { DROVER_DATA_DIR: place.path, DROVER_CONFIG: missing })).kind).toBe(
    'config_invalid',
  );
});

test('a word that no setting takes is refused by name', () => {
  using place = folder();
  const fault = thrownBy(() => loadConfig({ vram: 'lots' }, { DROVER_DATA_DIR: place.path }));
  expect(fault.message).toContain('--vram');
});

test('each system has its own data folder', () => {
  expect(dataFolder({ LOCALAPPDATA: 'C:\\Users\\é\\AppData\\Local' }, null, 'win32')).toContain('AppData');
  expect(dataFolder({}, null, 'darwin')).toContain('Application Support');
  expect(dataFolder({ XDG_DATA_HOME: '/data' }, null, 'linux')).toBe('/data/drover');
  expect(dataFolder({ DROVER_DATA_DIR: '/elsewhere' }, null, 'linux')).toBe('/elsewhere');
  expect(dataFolder({ DROVER_DATA_DIR: '/elsewhere' }, '/given', 'linux')).toBe('/given');
});

test('commands are split without a shell', () => {
  expect(splitCommand(`server --name 'a b' "c \\"d\\"" e\\ f ; rm -rf / $(x)`, false)).toEqual([
    'server',
    '--name',
    'a b',
    'c "d"',
    'e f',
    ';',
    'rm',
    '-rf',
    '/',
    '$(x)',
  ]);
  expect(splitCommand('C:\\llama\\llama-server.exe -m "D:\\my models\\a.gguf"', true)).toEqual([
    'C:\\llama\\llama-server.exe',
    '-m',
    'D:\\my models\\a.gguf',
  ]);
  expect(splitCommand(`a '' ""`, false)).toEqual(['a', '', '']);
  expect(thrownBy(() => splitCommand('a "b', false)).message).toContain('quote');
});

test('macros: unknown names and circles are told', () => {
  expect(expandMacros('${a}-${env.HOME}', { a: '${b}', b: 1 }, { HOME: '/h' })).toBe('1-/h');
  expect(thrownBy(() => expandMacros('${nope}', { a: 1 }, {})).message).toContain('known: a');
  expect(thrownBy(() => expandMacros('${a}', { a: '${b}', b: '${a}' }, {})).message).toContain('without end');
});

test('sections and entries with nothing in them say nothing', () => {
  const { values, warnings } = parseConfig('models:\n  x:\ngroups:\npreload:\nlisten:\nvram:\n', 'c.yaml');
  expect(values).toEqual({ models: { x: {} }, vram: null } as never);
  expect(warnings).toEqual([]);
  expect(parseConfig('models: # none yet\n', 'c.yaml').values).toEqual({});
  expect(thrownBy(() => parseConfig('groups:\n  g:\n', 'c.yaml')).message).toContain('c.yaml:2:3: groups.g');
});

test('something can be put where nothing stands', () => {
  for (const source of ['models:\n', 'models:\n  x:\n']) {
    const edited = editConfig(`# mine\nlisten: 127.0.0.1:1\n${source}`, 'c.yaml', ['models', 'x', 'ttl'], 5);
    expect(parseConfig(edited, 'c.yaml').values).toEqual({ listen: '127.0.0.1:1', models: { x: { ttl: 5 } } } as never);
    expect(edited).toStartWith('# mine\n');
  }
});

test('names that every object has are nobody’s settings, macros or models', () => {
  const { values, warnings } = parseConfig(
    'constructor: 1\nmodels:\n  __proto__: {ttl: 3}\n  constructor: {toString: 1}\n',
    'c.yaml',
  );
  expect(Object.keys(values.models ?? {})).toEqual(['__proto__', 'constructor']);
  expect(Object.getPrototypeOf(values.models ?? {})).toBe(Object.prototype);
  expect(warnings.map((warning) => warning.message)).toEqual([
    'unknown setting `constructor`',
    'unknown setting `toString` of model constructor',
  ]);
  for (const name of ['constructor', '__proto__', 'env.constructor', 'env.__proto__'])
    expect(thrownBy(() => expandMacros(`\${${name}}`, { a: 1 }, {})).kind).toBe('config_invalid');
});

test('macros that multiply each other end as an error, not as a full memory', () => {
  const macros = { a: '${a}'.repeat(8), b: 'x' };
  expect(thrownBy(() => expandMacros('${a}', macros, {})).message).toContain('without end');
});

test('a time that no timer can be set to is refused, not taken for at once', () => {
  expect(thrownBy(() => parseConfig('healthCheckTimeout: 3000000\n', 'c.yaml')).message).toContain('from 0 to 2000000');
});

test.skipIf(process.platform === 'win32')('a file out of reach is no empty one: it may ask for keys', () => {
  using at = folder();
  const path = join(at.path, 'config.yaml');
  symlinkSync(path, path);
  expect(thrownBy(() => loadConfig({ config: path }, {})).kind).toBe('config_invalid');
});
