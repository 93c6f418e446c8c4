import { expect, test } from 'bun:test';
import { isDeepStrictEqual } from 'node:util';
import { parse, parseDocument } from 'yaml';
import { isSecretName } from '../../src/config/secret-rules.ts';
import { maskSecrets, maskValues, unmaskSecrets } from '../../src/config/secrets.ts';
import { thrownBy } from '../fixtures/fault-of.ts';
import { Random } from '../fixtures/random.ts';

const FILE = `# my own; --api-key commented-out-1 was too short
requireApiKey: true
apiKey: plain-secret # why: it's mine
hfToken: "quoted \\"secret\\""
password: 'it''s secret'
number: 42
max_tokens: 128
keep: 5
keyboard: de
macros:
  base: >
    /opt/llama-server --port \${PORT}
    --api-key folded-secret
    --keep 5
  "hf-token": macro-secret
models:
  "token": # an id, not a name
    cmd: |
      \${base} -m "/m/with key.gguf" \\
        --api-key=block-secret --hf-token \${env.HF_TOKEN}
      # -hft comment-secret
    cmdStop: 'curl -H "Authorization: Bearer header-secret" https://ana:url-secret@host/stop?token=query-secret&x=1'
    proxy: http://127.0.0.1:\${PORT}
    env:
      - HF_TOKEN=env-secret
      - "OPENAI_API_KEY=env secret two"
      - CUDA_VISIBLE_DEVICES=0
      - USE_TOKEN=false
    flags: { override-kv: "tokenizer.ggml.add_bos_token=bool:false", apiKey: flow-secret }
    # apiKey: "comment secret"
  b:
    cmd: docker run -e DB_PASSWORD=docker-secret image --webui-config '{"apiKey":"json-secret"}' sk-abcdefghijklmnop12
    description: The key to it is a long token.
    privateKey: |
      -----BEGIN PRIVATE KEY-----
      pem-secret-1
      pem-secret-2
      -----END PRIVATE KEY-----
    apiKeys: [list-secret-1, "list-secret-2"]
`;

const MASKED = `# my own; --api-key ******** was too short
requireApiKey: true
apiKey: "********" # why: it's mine
hfToken: "********"
password: '********'
number: 42
max_tokens: 128
keep: 5
keyboard: de
macros:
  base: >
    /opt/llama-server --port \${PORT}
    --api-key ********
    --keep 5
  "hf-token": "********"
models:
  "token": # an id, not a name
    cmd: |
      \${base} -m "/m/with key.gguf" \\
        --api-key=******** --hf-token \${env.HF_TOKEN}
      # -hft ********
    cmdStop: 'curl -H "Authorization: Bearer ********" https://********@host/stop?token=********&x=1'
    proxy: http://127.0.0.1:\${PORT}
    env:
      - HF_TOKEN=********
      - "OPENAI_API_KEY=********"
      - CUDA_VISIBLE_DEVICES=0
      - USE_TOKEN=false
    flags: { override-kv: "tokenizer.ggml.add_bos_token=bool:false", apiKey: "********" }
    # apiKey: "********"
  b:
    cmd: docker run -e DB_PASSWORD=******** image --webui-config '{"apiKey":"********"}' ********
    description: The key to it is a long token.
    privateKey: |
      ********
    apiKeys: ["********", "********"]
`;

test('every secret is hidden, in whatever way it is written, and nothing else is touched', () => {
  expect(maskSecrets(FILE)).toBe(MASKED);
  expect(maskSecrets(MASKED)).toBe(MASKED);
  expect(parse(MASKED)).toEqual(maskValues(parse(FILE)));
  expect(unmaskSecrets(MASKED, FILE)).toBe(FILE);
});

test('numbers and switches stay, and values that are no secrets by their names', () => {
  expect(
    maskValues({ requireApiKey: true, apiKey: 5, token: null, keep: 'a', apiKeyFile: '/k', n: ['--keep', 'x'] }),
  ).toEqual({ requireApiKey: true, apiKey: 5, token: null, keep: 'a', apiKeyFile: '/k', n: ['--keep', 'x'] });
  const values = { models: { secret: { file: '/a', env: ['A_KEY=b'] } }, deep: [{ token: 'x' }] };
  expect(maskValues(values)).toEqual({
    models: { secret: { file: '/a', env: ['A_KEY=********'] } },
    deep: [{ token: '********' }],
  });
  expect(values.deep).toEqual([{ token: 'x' }]);
});

const SECRET_NAMES =
  'apiKey APIKEY API_KEY2 hfToken HF_TOKEN OPENAI_KEY DB_PASS X-API-Key accessToken client_secret passwd key';
const OPEN_NAMES =
  'keep keyboard max_tokens n_keep MAX_TOKENS tokenizer TOKENIZERS_PARALLELISM cache-type-k monkey hotkey publicKey bos_token apiKeyFile PWD contextSize';

test('names: which mean a secret, and which only sound like it', () => {
  expect(SECRET_NAMES.split(' ').filter((name) => !isSecretName(name))).toEqual([]);
  expect(OPEN_NAMES.split(' ').filter(isSecretName)).toEqual([]);
});

test('what is edited elsewhere does not matter', () => {
  const edited = MASKED.replace('number: 42', 'number: 43')
    .replace('      - CUDA_VISIBLE_DEVICES=0\n', '')
    .replace(
      '      - HF_TOKEN=********\n      - "OPENAI_API_KEY=********"',
      '      - "OPENAI_API_KEY=********"\n      - HF_TOKEN=********',
    )
    .replace('  b:\n', '  c: { file: /new.gguf }\n  b:\n');
  const restored = unmaskSecrets(edited, FILE);
  expect(parse(restored).models.token.env).toEqual([
    'OPENAI_API_KEY=env secret two',
    'HF_TOKEN=env-secret',
    'USE_TOKEN=false',
  ]);
  expect(restored).toContain('number: 43');
  expect(parse(restored).models.b).toEqual(parse(FILE).models.b);
});

test('a secret may be written anew, or in another way', () => {
  const current = 'a:\n  apiKey: "x\\ty: #\'z"\n  password: plain\n';
  expect(parse(unmaskSecrets("a:\n  apiKey: '********'\n  password: ********\n", current))).toEqual(parse(current));
  expect(parse(unmaskSecrets('{ a: { apiKey: "********", password: \'********\' } }', current))).toEqual(
    parse(current),
  );
  expect(parse(unmaskSecrets('a:\n  apiKey: new\n  password: |-\n    ********\n', current))).toEqual({
    a: { apiKey: 'new', password: 'plain' },
  });
  // A block that has moved to the right.
  const pem = 'k:\n  privateKey: |\n    one\n    two\n';
  expect(parse(unmaskSecrets('k:\n      privateKey: |\n          ********\n', pem))).toEqual(parse(pem));
});

const REFUSED: readonly [what: string, given: string, current: string, line: number, column: number][] = [
  ['a mask at a new path', 'a: 1\nb:\n  apiKey: "********"\n', 'apiKey: x\n', 3, 12],
  ['a mask where no secret was', 'description: "********"\n', 'description: hello\napiKey: x\n', 1, 15],
  ['a mask without quotes', 'a: 1\napiKey: ********\n', 'a: x\n', 2, 9],
  ['a part of a mask', 'apiKey: "********x"\n', 'apiKey: abc\n', 1, 10],
  ['one of two that were different', 'apiKeys:\n  - "********"\n', 'apiKeys: [a, b]\n', 2, 6],
  ['a variable of another name', 'env:\n  - B_TOKEN=********\n', 'env:\n  - A_TOKEN=x\n', 2, 13],
  ['a text that is no YAML any more', 'a: "********\n', 'apiKey: x\n', 2, 1],
];

for (const [what, given, current, line, column] of REFUSED) {
  test(`refuses, with its place, ${what}`, () => {
    const fault = thrownBy(() => unmaskSecrets(given, current));
    expect(fault.kind).toBe('config_invalid');
    expect(fault.details).toEqual({ line, column });
    expect(fault.message).toContain(`line ${line}, column ${column}`);
  });
}

test('a complaint quotes no secret', () => {
  for (const given of [
    'apiKey: "a" top-secret\n',
    'a: --api-key top-secret: x\n',
    'apiKey: top-secret\n\tx',
    'a: [top-secret\nb: c\n',
  ]) {
    const { message, hint } = thrownBy(() => unmaskSecrets(given, 'apiKey: old-secret\n'));
    expect(message).toContain('not valid YAML');
    expect(message + hint).not.toMatch(/top-secret|old-secret/);
  }
});

test('ornaments of asterisks are no masks', () => {
  const file = '# ********\n# ****************\n# ******** title ********\nname: "** x **"\napiKey: y\n';
  expect(unmaskSecrets(maskSecrets(file), file)).toBe(file);
  expect(unmaskSecrets(`# ********\n${maskSecrets('apiKey: y\n')}`, 'apiKey: y\n')).toBe('# ********\napiKey: y\n');
});

test('references: a secret that is written elsewhere is hidden there', () => {
  const masked = maskSecrets('x-shared: &k the-secret\nmodels:\n  a: { apiKey: *k }\n');
  expect(masked).toBe('x-shared: &k "********"\nmodels:\n  a: { apiKey: *k }\n');
});

const BROKEN = `apiKey: top-secret
models:
  secret:
    cmd: "llama-server\\n--api-key 'in quotes'\\n--port 1
    env:
      - API_KEY=a: b
      - "DB_PASSWORD=it's mine"
    env: ["A_TOKEN=flow secret", x]
    secrets:
      - one
      - two: three
  b:
	tab: here
    cmd: llama-server --hf-token
      next-line
# password: hunter2
`;

test('a file that is broken is hidden by its lines, and mended without its secrets', () => {
  expect(parseDocument(BROKEN).errors.length).toBeGreaterThan(0);
  const masked = maskSecrets(BROKEN);
  for (const secret of ['top-secret', 'in quotes', 'a: b', 'it', 'flow', 'one', 'two', 'three', 'next-line', 'hunter2'])
    expect(masked).not.toContain(secret);
  expect(masked.split('\n').length).toBe(BROKEN.split('\n').length);
  expect(unmaskSecrets(masked, BROKEN)).toBe(BROKEN);
  expect(unmaskSecrets(masked.replace('\ttab: here', '    tab: here'), BROKEN)).toBe(
    BROKEN.replace('\ttab: here', '    tab: here'),
  );
  // The line of the secret is the one that was wrong.
  const open = 'models:\n  a:\n    env:\n      - "HF_TOKEN=abc def\n';
  expect(unmaskSecrets(maskSecrets(open).replace('********', '********"'), open)).toBe(
    'models:\n  a:\n    env:\n      - "HF_TOKEN=abc def"\n',
  );
  expect(thrownBy(() => unmaskSecrets('a: 1\nnew: --api-key ********\n', open)).details).toEqual({
    line: 2,
    column: 16,
  });
});

// Documents of every shape, made by chance, with secrets that can be looked for.

const VALUES = [
  'abc',
  'a b',
  'x#y',
  'p:q',
  'é ü',
  "it's",
  'say "hi"',
  'back\\slash',
  '-dash',
  '{b}',
  '[l',
  '&amp',
  '*star',
  '%p',
  'a: b',
  ' x ',
  'true',
  '********',
];

class Maker {
  readonly secrets: string[] = [];

  constructor(private readonly random: Random) {}

  /** A value that is not to be seen again. */
  #secret(): string {
    const secret = `S3${this.random.pick(['', '-', '.', '+'])}cret${this.secrets.length}X`;
    this.secrets.push(secret);
    return secret;
  }

  #value(): string {
    return this.random.pick(VALUES);
  }

  #scalar(text: string, indent: string): string {
    const style = this.random.pick(['double', 'single', 'plain', '|', '>', '|-', '>+']);
    if (style === 'single' && !text.includes('\n')) return `'${text.replaceAll("'", "''")}'`;
    if (style.length < 3 && text.trim() === text && text !== '')
      return `${style}\n${text
        .split('\n')
        .map((line) => `${indent}  ${line.trim()}`)
        .join('\n')}`;
    if (style === 'plain' && isDeepStrictEqual(safeParse(`k: ${text}`), { k: text })) return text;
    return JSON.stringify(text);
  }

  #command(): string {
    const parts = [
      () => '-m "/x y.gguf" --keep 5',
      () => `--api-key ${this.#secret()}`,
      () => `--api-key="${this.#secret()} two"`,
      () => `-hft '${this.#secret()}'`,
      () => `-e HF_TOKEN=${this.#secret()}`,
      () => `-H "Authorization: Bearer ${this.#secret()}"`,
      () => `https://u:${this.#secret()}@host/x?api_key=${this.#secret()}&a=b`,
      () => `--webui-config '{"api_key": "${this.#secret()}"}'`,
      () => `# --api-key ${this.#secret()}`,
    ];
    const words = this.random.times(this.random.below(5), () => this.random.pick(parts)());
    return ['llama-server', ...words].join(this.random.pick([' ', '\n']));
  }

  document(): string {
    const { random } = this;
    let text = random.chance(0.3) ? `# --api-key ${this.#secret()}\n` : '';
    for (const [index, name] of ['apiKey', 'keep', 'password', 'name', 'requireApiKey'].entries()) {
      if (random.chance(0.5)) continue;
      const isSecret = index % 2 === 0 && index < 4;
      text += `${name}: ${this.#scalar(isSecret ? this.#secret() : this.#value(), '')}\n`;
    }
    text += 'models:\n';
    for (let index = 0; index <= random.below(3); index += 1) {
      text += `  "${random.pick(['m', 'token', 'api.key '])}${index}":${random.chance(0.2) ? ` # password: ${this.#secret()}` : ''}\n`;
      text += `    cmd: ${this.#scalar(this.#command(), '    ')}\n`;
      text += '    env:\n      - A=1\n';
      for (const name of ['HF_TOKEN', 'B_KEY2', 'FOO'])
        text += `      - ${this.#scalar(`${name}=${name === 'FOO' ? this.#value() : `${this.#secret()} ${this.#value().trim()}`}`, '      ')}\n`;
      if (random.chance(0.4))
        text += `    flags: { apiKey: ${this.#secret()}, keep: 5, list: [ "T_KEY=${this.#secret()}" ] }\n`;
      if (random.chance(0.3)) text += `    # apiKey: "${this.#secret()}"\n`;
      if (random.chance(0.3))
        text += `    secrets:\n      a: ${this.#secret()}\n      b: 5\n      c: [ ${this.#secret()}, true ]\n`;
    }
    return random.chance(0.2) ? text.replaceAll('\n', '\r\n') : text;
  }
}

function safeParse(text: string): unknown {
  try {
    return parse(text);
  } catch {
    return null;
  }
}

test('of many documents none shows a secret, all mean the same, and all come back byte for byte', () => {
  const random = new Random(42);
  let brokenCount = 0;
  for (let round = 0; round < 800; round += 1) {
    const maker = new Maker(random);
    let text = maker.document();
    const isWhole = random.chance(0.75);
    if (isWhole) expect(parseDocument(text).errors.map(({ code }) => code)).toEqual([]);
    else {
      const at = random.below(text.length);
      text = text.slice(0, at) + random.pick(['"', "'", '{', '\n - ', ': ']) + text.slice(at);
    }
    const masked = maskSecrets(text);
    const isBroken = parseDocument(text, { uniqueKeys: false }).errors.length > 0;
    if (isBroken) brokenCount += 1;
    else {
      if (isWhole) expect(maker.secrets.filter((secret) => masked.includes(secret))).toEqual([]);
      const values: unknown = parseDocument(text, { uniqueKeys: false }).toJS();
      expect(parseDocument(masked, { uniqueKeys: false }).toJS()).toEqual(maskValues(values));
    }
    expect(unmaskSecrets(masked, text)).toBe(text);
    expect(unmaskSecrets(`# new\n${masked}\n# last\n`, text)).toBe(`# new\n${text}\n# last\n`);
  }
  expect(brokenCount).toBeGreaterThan(50);
});

test('hostile texts take no time', () => {
  const size = 50_000;
  for (const piece of [
    '-a',
    'a.',
    '_a-',
    '"',
    '--x ',
    '--api-key ',
    'a://',
    'a@',
    'bearer ',
    'A=',
    '-----BEGIN PRIVATE KEY-----',
    'a: ',
    'eyJ',
    '?a=b&',
    '*',
  ]) {
    const text = piece.repeat(size / piece.length);
    const startedAt = performance.now();
    maskSecrets(`cmd: |\n  ${text}\n`);
    maskSecrets(`cmd: "\n\t${text}\n`);
    expect(performance.now() - startedAt).toBeLessThan(5000);
  }
});
