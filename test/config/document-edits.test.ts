import { expect, test } from 'bun:test';
import { isDeepStrictEqual } from 'node:util';
import { parse, parseDocument } from 'yaml';
import { Fault } from '../../src/base/fault.ts';
import { describeConfig, editConfig, editConfigAll, parseConfig, removeModels } from '../../src/config/document.ts';
import { thrownBy } from '../fixtures/fault-of.ts';
import { Random } from '../fixtures/random.ts';

const FILE = 'c.yaml';
// Everything that people do to such a file, and that a printer would make different.
const GNARLY = `# Header, two lines,
# then a blank one.

listen: '127.0.0.1:1' # quoted, who knows why
ttl:   60   # aligned


macros:
  "base": >    # folded over lines
    /opt/llama-server
    --port \${PORT}

    --metrics
  bare: text # behind

# Models -------------------------------------------
models:
  # general remark, belongs to no model

  # about one
  "one": # behind one
    cmd: |
      \${base}
      # a comment of the command
      -m "/m/one.gguf" \\
        -c 4096

    # about its ttl
    ttl: 0300
    env: [A=1,   "B=2"]    # flow, odd blanks
    # last words on one

  # about two
  two: &two
    file: "/m/two.gguf"
    flags: {temp: 0.70, top-k: 40} # numbers as written
    aliases:
    - t # not indented
    # between
    - 'tw''o'

  three: {<<: *two, ttl: 5}
  four:
    <<: *two
    name: >-
      Folded
      name
  7: { file: /m/seven.gguf }

  # about the last
  "last.one":
    file: /m/last.gguf
  # at the end of models

groups:
  g:   # behind g
    members:
      - one # the first
      # before two
      - two
      - "last.one"   # the last
    swap: false
  flow: { members: [one, three], swap: true }
preload: [ one,   four ] # at start
hooks:
  on_startup:
    preload:
      - two
# the very end
`;

test('values change in their places, every other byte stays', () => {
  const edited = editConfigAll(GNARLY, FILE, [
    { path: ['listen'], value: '127.0.0.1:2' },
    { path: ['ttl'], value: 61 },
    { path: ['models', 'one', 'ttl'], value: 5 },
    { path: ['models', 'two', 'file'], value: '/n/two.gguf' },
    { path: ['models', 'last.one', 'file'], value: '/n/last: #1.gguf' },
    { path: ['macros', 'bare'], value: 'other' },
  ]);
  // `two` is shared: what refers to it keeps what it was.
  const expected = GNARLY.replace("'127.0.0.1:1'", "'127.0.0.1:2'")
    .replace('ttl:   60', 'ttl:   61')
    .replace('ttl: 0300', 'ttl: 5')
    .replace('file: /m/last.gguf', 'file: "/n/last: #1.gguf"')
    .replace('bare: text', 'bare: other');
  const lines = (text: string): string[] => text.split('\n').filter((line) => !/two/.test(line));
  const comments = (text: string): string[] => text.match(/#.*$/gm) ?? [];
  expect(parse(edited, { merge: true }).models.three.file).toBe('/m/two.gguf');
  expect(parse(edited, { merge: true }).models.four.file).toBe('/m/two.gguf');
  expect(parse(edited, { merge: true }).models.two.file).toBe('/n/two.gguf');
  for (const comment of comments(GNARLY)) expect(comments(edited)).toContain(comment);
  // Without that, nothing has to be printed anew.
  const apart = editConfigAll(GNARLY, FILE, [
    { path: ['listen'], value: '127.0.0.1:2' },
    { path: ['ttl'], value: 61 },
    { path: ['models', 'one', 'ttl'], value: 5 },
    { path: ['models', 'last.one', 'file'], value: '/n/last: #1.gguf' },
    { path: ['macros', 'bare'], value: 'other' },
  ]);
  expect(apart).toBe(expected);
  expect(lines(apart).length).toBe(lines(GNARLY).length);
});

test('entries come and go, with the comments that are theirs', () => {
  const edited = editConfigAll(GNARLY, FILE, [
    { path: ['models', 'new: one'], value: { file: '/m/new.gguf', flags: { temp: 0.5 } } },
    { path: ['models', 'one'], value: undefined },
    { path: ['models', 'last.one', 'ttl'], value: 9 },
    { path: ['groups', 'h'], value: { members: ['two'] } },
    { path: ['macros', 'bare'], value: undefined },
    { path: ['vram'], value: 7.5 },
  ]);
  expect(edited).toBe(
    GNARLY.replace('  bare: text # behind\n', '')
      .replace(/ {2}# about one\n[\s\S]*?# last words on one\n\n/, '')
      .replace(
        '    file: /m/last.gguf\n',
        '    file: /m/last.gguf\n    ttl: 9\n\n  new: one:\n    file: /m/new.gguf\n    flags:\n      temp: 0.5\n'.replace(
          'new: one:',
          '"new: one":',
        ),
      )
      .replace('swap: true }\n', 'swap: true }\n  h:\n    members:\n      - two\n')
      .replace('      - two\n# the very end', '      - two\nvram: 7.5\n# the very end'),
  );
});

test('models are removed with their names in every list', () => {
  const removed = removeModels(GNARLY, FILE, ['one', 'last.one', 'nobody']);
  expect(removed).toBe(
    GNARLY.replace(/ {2}# about one\n[\s\S]*?# last words on one\n\n/, '')
      .replace(/ {2}# about the last\n.*\n.*\n/, '')
      .replace('      - one # the first\n', '')
      .replace('      - "last.one"   # the last\n', '')
      .replace('[one, three]', '[ three ]')
      .replace('[ one,   four ]', '[ four ]'),
  );
  const none = removeModels(GNARLY, FILE, ['one', 'two', 'three', 'four', '7', 'last.one']);
  const { values } = parseConfig(none, FILE);
  expect(values.models).toEqual({});
  expect(values.groups).toEqual({ g: { members: [], swap: false }, flow: { members: [], swap: true } });
  expect(values.preload).toEqual([]);
  for (const comment of ['# Header', '# Models ---', '# general remark', '# behind g', '# at start', '# the very end'])
    expect(none).toContain(comment);
});

test('the last entry leaves something valid behind', () => {
  expect(editConfig('models:\n  a: {}\n', FILE, ['models', 'a'], undefined)).toBe('models: {}\n');
  expect(editConfig('models: # mine\n  # a\n  a: {}\n  # tail\nttl: 1\n', FILE, ['models', 'a'], undefined)).toBe(
    'models: {} # mine\n  # tail\nttl: 1\n',
  );
  expect(
    editConfig('models:\n  a:\n    flags:\n      temp: 1\n', FILE, ['models', 'a', 'flags', 'temp'], undefined),
  ).toBe('models:\n  a:\n    flags: {}\n');
  expect(editConfig('# only\nttl: 1\n', FILE, ['ttl'], undefined)).toBe('# only\n');
  expect(removeModels('preload:\n  - a\nmodels: {a: {}}\n', FILE, ['a'])).toBe('preload: []\nmodels: {}\n');
  expect(editConfig('ttl: 1\n', FILE, ['models', 'a'], undefined)).toBe('ttl: 1\n');
});

test('where nothing stands', () => {
  for (const source of [
    '',
    '# only a remark',
    '# only a remark\n',
    '---\n',
    'models:\n',
    'models: {}\n',
    'models: # none\n',
    '{}\n',
  ]) {
    const edited = editConfigAll(source, FILE, [
      { path: ['models', 'a', 'file'], value: '/x' },
      { path: ['models', 'a', 'ttl'], value: 5 },
      { path: ['ttl'], value: 1 },
    ]);
    expect(parseConfig(edited, FILE).values).toEqual({ models: { a: { file: '/x', ttl: 5 } }, ttl: 1 });
    for (const comment of source.match(/#.*/g) ?? []) expect(edited).toContain(comment);
  }
});

const IDS = [
  'a.b',
  'a:b',
  'a: b',
  '#a',
  'a # b',
  '"q"',
  "it's",
  'ü 模型',
  '*a',
  '&a',
  '!a',
  '- a',
  '? a',
  '7',
  '0x1F',
  '1e3',
  'true',
  'null',
  '~',
  'constructor',
  '__proto__',
  'toString',
  '<<',
  '',
  ' ',
  'a/b',
  '{a}',
  '[a]',
  '%a',
  '@a',
  '`a`',
  'a\\b',
  'a\nb',
];

for (const id of IDS) {
  test(`an id may be ${JSON.stringify(id)}`, () => {
    const source = '# mine\nmodels:\n  first: { ttl: 1 } # one\n\n  second:\n    ttl: 2\n';
    const added = editConfig(source, FILE, ['models', id], { file: '/x', aliases: [id] });
    expect(added).toStartWith(source.slice(0, -1));
    const models = parseConfig(added, FILE).values.models ?? {};
    expect(Object.keys(models).toSorted()).toEqual(['first', 'second', id].toSorted());
    expect(Object.hasOwn(models, id)).toBe(true);
    expect(Object.entries(models).find(([key]) => key === id)?.[1]).toEqual({ file: '/x', aliases: [id] });
    const changed = editConfig(added, FILE, ['models', id, 'ttl'], 3);
    expect(editConfig(changed, FILE, ['models', id, 'ttl'], undefined)).toBe(added);
    expect(editConfig(added, FILE, ['models', id], undefined)).toBe(source);
    expect(removeModels(`${added}preload: [first]\n`, FILE, [id])).toBe(`${source}preload: [first]\n`);
  });
}

test('later edits count, also within what earlier ones have made', () => {
  const edited = editConfigAll('models:\n  a:\n    ttl: 1\n', FILE, [
    { path: ['models', 'b'], value: { file: '/b', ttl: 1 } },
    { path: ['models', 'b', 'ttl'], value: 2 },
    { path: ['models', 'b', 'flags', 'temp'], value: 1 },
    { path: ['models', 'a'], value: undefined },
    { path: ['models', 'a', 'ttl'], value: 3 },
    { path: ['models', 'c'], value: { ttl: 1, name: undefined } },
    { path: ['models', 'd', 'ttl'], value: undefined },
  ]);
  expect(parse(edited)).toEqual({
    models: { a: { ttl: 3 }, b: { file: '/b', ttl: 2, flags: { temp: 1 } }, c: { ttl: 1 } },
  });
});

test('references: an edit changes what its path says and nothing that refers to it', () => {
  const shared = 'models:\n  a: &a # base\n    ttl: 1\n    name: x\n  b: *a\n  c:\n    <<: *a\n    ttl: 2\n';
  const plain = (text: string) => parse(text, { merge: true }).models;
  expect(plain(editConfig(shared, FILE, ['models', 'a', 'ttl'], 9))).toEqual({
    a: { ttl: 9, name: 'x' },
    b: { ttl: 1, name: 'x' },
    c: { ttl: 2, name: 'x' },
  });
  expect(plain(editConfig(shared, FILE, ['models', 'b', 'ttl'], 9)).a).toEqual({ ttl: 1, name: 'x' });
  expect(plain(editConfig(shared, FILE, ['models', 'c', 'name'], undefined)).c).toEqual({ ttl: 2 });
  expect(plain(removeModels(shared, FILE, ['a']))).toEqual({ b: { ttl: 1, name: 'x' }, c: { name: 'x', ttl: 2 } });
  const many = `models:\n  a: &a { ttl: 1 }\n${Array.from({ length: 400 }, (_, index) => `  m${index}: *a\n`).join('')}`;
  expect(Object.keys(parseConfig(many, FILE).values.models ?? {}).length).toBe(401);
});

test('what cannot be is refused, and nothing is written', () => {
  expect(thrownBy(() => editConfig('ttl: 1\n', FILE, ['ttl', 'x'], 1)).kind).toBe('bad_request');
  expect(thrownBy(() => editConfig('ttl: 1\n', FILE, [], 1)).kind).toBe('bad_request');
  const wrong = thrownBy(() => editConfigAll('ttl: 1\n', FILE, [{ path: ['startPort'], value: 'x' }]));
  expect(wrong.message).toMatch(/c\.yaml:2:1: startPort: expected integer/);
  expect(thrownBy(() => removeModels('a: [', FILE, ['x'])).kind).toBe('config_invalid');
});

test('a file is described as it would take effect', () => {
  expect(describeConfig('', FILE)).toEqual({
    modelCount: 0,
    groupCount: 0,
    macroCount: 0,
    startPort: 8100,
    downloadDir: '',
  });
  expect(describeConfig(`${GNARLY}startPort: 9000\ndownloadDir: /d\n`, FILE)).toEqual({
    modelCount: 6,
    groupCount: 2,
    macroCount: 2,
    startPort: 9000,
    downloadDir: '/d',
  });
});

/** As ClaraCore writes it, 500 times. */
const large = (): string => {
  const entry = (index: number): string =>
    `  "model-${index}": # ${index}\n    name: "Model ${index}"\n    cmd: |\n      \${base}\n      --model /m/${index}.gguf\n      --ctx-size 16384\n    proxy: "http://127.0.0.1:\${PORT}"\n    ttl: 300\n    env:\n      - "CUDA_VISIBLE_DEVICES=0"\n\n`;
  return `macros:\n  "base": >\n    x\n    y\n\nmodels:\n${Array.from({ length: 500 }, (_, index) => entry(index)).join('')}groups:\n  "g":\n    members:\n${Array.from({ length: 500 }, (_, index) => `      - "model-${index}"\n`).join('')}`;
};

test('five hundred entries are added, changed and removed at once', () => {
  const source = large();
  const ids = Array.from({ length: 500 }, (_, index) => `model-${index}`);
  const added = editConfigAll(
    '# mine\n',
    FILE,
    ids.map((id) => ({ path: ['models', id], value: { file: `/m/${id}.gguf`, contextSize: 4096 } })),
  );
  const changed = editConfigAll(
    source,
    FILE,
    ids.map((id, index) => ({ path: ['models', id, 'ttl'], value: index })),
  );
  const removed = removeModels(source, FILE, ids.slice(1));
  expect(Object.keys(parse(added).models).length).toBe(500);
  expect(changed).toBe(
    ids.reduce((text, _, index) => text.replace('ttl: 300\n', `ttl: ${index} \n`), source).replaceAll(' \n', '\n'),
  );
  expect(Object.keys(parse(removed).models)).toEqual(['model-0']);
});

test('of many files and edits each says exactly what it should, and no comment elsewhere is lost', () => {
  const random = new Random(11);
  const values = [
    1,
    'x',
    'a: b # c',
    '*s',
    'multi\nline\n',
    'open\nend',
    true,
    null,
    ['p', 'q'],
    [],
    {},
    { u: { v: 1 } },
  ];
  const keys = ['ttl', 'cmd', 'name', 'env', 'added'];
  for (let round = 0; round < 500; round += 1) {
    const ids = new Set(
      random.times(1 + random.below(4), () => random.pick(IDS.filter((id) => !id.includes('\n') && id !== '<<'))),
    );
    let source = random.chance(0.4) ? '# header\n\n' : '';
    source += random.chance(0.5) ? 'extra: 1 # keep-extra\n' : '';
    source += 'models:\n';
    for (const id of ids) {
      if (random.chance(0.4)) source += '  # about it\n';
      source += `  ${JSON.stringify(id)}:${random.chance(0.2) ? ' # keep-key' : ''}\n    ttl: ${random.pick(['5', '"6"', '0.50'])} # keep-ttl\n`;
      if (random.chance(0.5))
        source += `    cmd: ${random.pick(['|', '>', '|-', '>+'])}\n      one\n      two # in\n${random.chance(0.3) ? '\n' : ''}`;
      if (random.chance(0.4))
        source += `    # keep-line\n    name: ${random.pick(['plain words', '"q"', 'folded\n      on'])}\n`;
      if (random.chance(0.4))
        source += random.pick(['    env: [a, "b"]\n', '    env:\n    - a\n    # keep-env\n    - b\n']);
      if (random.chance(0.3)) source += '\n';
    }
    if (random.chance(0.2)) source = source.replaceAll('\n', '\r\n');
    const edits = random
      .times(1 + random.below(4), () => {
        const id = random.pick([...ids, random.pick(IDS.filter((other) => other !== '<<'))]);
        if (random.chance(0.3)) return { path: ['other', id], value: random.pick(values) };
        return { path: ['other', id, random.pick(keys)], value: random.pick([...values, undefined]) };
      })
      .map((edit) => (random.chance(0.7) ? { ...edit, path: ['models', ...edit.path.slice(1)] } : edit));
    // The schema would refuse most of these: they are edited under a name that it leaves alone.
    const free = source.replace('models:', 'x-models:');
    const freeEdits = edits.map(({ path, value }) => ({
      path: [path[0] === 'models' ? 'x-models' : 'other', ...path.slice(1)],
      value,
    }));
    const edited = (() => {
      try {
        return editConfigAll(free, FILE, freeEdits);
      } catch (thrown) {
        if (thrown instanceof Fault && thrown.kind === 'bad_request') return null;
        throw new Error(`${JSON.stringify(freeEdits)}\n${free}`, { cause: thrown });
      }
    })();
    if (edited === null) continue;
    const wanted = applied(parse(free, { merge: true }), freeEdits);
    if (!isDeepStrictEqual(parse(edited, { merge: true }), wanted))
      throw new Error(`${JSON.stringify(freeEdits)}\n${free}\n${edited}\n${JSON.stringify(wanted)}`);
    const untouched = (text: string): string[] => text.match(/# (header|keep-extra|keep-key)/g) ?? [];
    if (freeEdits.every(({ path }) => path.length === 3)) expect(untouched(edited)).toEqual(untouched(free));
    if (freeEdits.every(({ path }) => path[2] === 'added'))
      for (const line of free.split(/\r?\n/)) expect(edited).toContain(line);
    expect(parseDocument(edited).errors).toEqual([]);
  }
});

/** The same edits on plain data, done the simple way. */
function applied(data: Record<string, unknown>, edits: readonly { path: string[]; value: unknown }[]): unknown {
  const root = structuredClone(data);
  for (const { path, value } of edits) {
    let at: Record<string, unknown> = root;
    let isThere = true;
    for (const key of path.slice(0, -1)) {
      if (!Object.hasOwn(at, key) || at[key] === null) {
        if (value === undefined) {
          isThere = false;
          break;
        }
        Object.defineProperty(at, key, { value: {}, enumerable: true, configurable: true, writable: true });
      }
      at = Object.getOwnPropertyDescriptor(at, key)?.value;
    }
    const last = path.at(-1) ?? '';
    if (!isThere) continue;
    if (value === undefined) delete at[last];
    else
      Object.defineProperty(at, last, {
        value: structuredClone(value),
        enumerable: true,
        configurable: true,
        writable: true,
      });
  }
  return root;
}
