import { beforeAll, describe, expect, test } from 'bun:test';
import { Fault } from '../../src/base/fault.ts';
import { checkFlags, type FlagValue } from '../../src/engine/flags.ts';
import { FLAG_RULES, PLANNED_NAMES, REFUSED_FLAGS } from '../../src/engine/flags-table.ts';
import { parseFlags } from '../../src/engine/inspect.ts';
import { testEngine } from '../fixtures/engine.ts';

let known: ReadonlySet<string>;
beforeAll(async () => {
  const engine = await testEngine();
  const help = Bun.spawn([...engine.launch, '--help'], { stdout: 'pipe', stderr: 'ignore' });
  known = parseFlags(await help.stdout.text());
});

const argv = (flags: Record<string, FlagValue>): readonly string[] => checkFlags(flags, 'file').argv;

function refusal(flags: Record<string, FlagValue>, origin: 'file' | 'network' = 'network'): Fault {
  try {
    checkFlags(flags, origin);
  } catch (thrown) {
    if (thrown instanceof Fault) return thrown;
    throw thrown;
  }
  throw new Error(`${JSON.stringify(flags)} was let through`);
}

describe('what is let through', () => {
  test('values of the right type, names in any spelling', () => {
    expect(argv({ seed: 42, top_k: '20', '--min-p': 0.05, 'Reasoning-Format': 'deepseek' })).toEqual([
      '--seed',
      '42',
      '--top-k',
      '20',
      '--min-p',
      '0.05',
      '--reasoning-format',
      'deepseek',
    ]);
    expect(argv({ jinja: false, 'context-shift': 'on', warmup: 0, 'ignore-eos': false })).toEqual([
      '--no-jinja',
      '--context-shift',
      '--no-warmup',
    ]);
    expect(argv({ 'chat-template-kwargs': '{"a": 1}', lora: '/adapters/ä b.gguf' })).toEqual([
      '--chat-template-kwargs',
      '{"a": 1}',
      '--lora',
      '/adapters/ä b.gguf',
    ]);
    expect(argv({ numa: 'distribute', 'flash-attn': true })).toEqual(['--numa', 'distribute', '--flash-attn', 'on']);
  });

  test('what placement decides goes to placement', () => {
    const checked = checkFlags(
      {
        'ctx-size': 8192,
        ngl: 'all',
        parallel: '2',
        'ubatch-size': 256,
        threads: 4,
        'batch-size': 512,
        'cache-type-k': 'q8_0',
        cache_type_v: 'q8_0',
      },
      'file',
    );
    expect(checked).toEqual({
      argv: [],
      planned: {
        contextTokens: 8192,
        gpuLayers: 100_000,
        slotCount: 2,
        microBatchTokens: 256,
        threads: 4,
        batchTokens: 512,
        cacheType: 'q8_0',
      },
      touching: [],
    });
    const mixed = checkFlags({ 'cache-type-k': 'q8_0', 'n-cpu-moe': 4, ngl: 'auto' }, 'file');
    expect(mixed).toEqual({
      argv: ['--n-cpu-moe', '4', '--cache-type-k', 'q8_0'],
      planned: {},
      touching: ['cache-type-k', 'n-cpu-moe'],
    });
  });

  test('an older build gets its spelling, an unknown option is named', () => {
    expect(checkFlags({ temp: 1 }, 'file', new Set(['--temperature'])).argv).toEqual(['--temperature', '1']);
    expect(checkFlags({ mmap: false, mlock: true }, 'file', known).argv).toEqual(['--load-mode', 'mlock']);
    expect(checkFlags({ mlock: true, seed: 1, mmap: true }, 'file', known).argv).toEqual([
      '--seed',
      '1',
      '--load-mode',
      'mmap+mlock',
    ]);
    expect(checkFlags({ mmap: false }, 'file', new Set(['--no-mmap'])).argv).toEqual(['--no-mmap']);
    expect(() => checkFlags({ 'spec-type': 'ngram-mod' }, 'file', new Set(['--temp']))).toThrow(
      /does not know the option "spec-type"/,
    );
  });
});

describe('what is refused', () => {
  test('options that write, open, run or load from elsewhere', () => {
    const names =
      'log-file log-disable log-jsonl verbose lv api-key api-key-file port host reuse-port tools tools-runtime agent mcp-servers-config ' +
      'mcp-servers-json ui-mcp-proxy webui-mcp-proxy ui-config-file model-url hf-repo hf hf-token docker-repo rpc path api-prefix ' +
      'ssl-key-file ssl-cert-file slot-save-path media-path video-ffmpeg-dir models-dir models-preset log-prompts-dir lookup-cache-dynamic ' +
      'lookup-cache-static cors-origins offline props mmproj mmproj-url model model-draft spec-draft-hf fit fit-ctx chat-template ' +
      'gpt-oss-20b-default fim-qwen-3b-default embd-gemma-default sleep-idle-seconds alias embedding rerank override-tensor-draft lora-scaled';
    for (const name of names.split(' ')) {
      for (const spelling of [name, `--${name}`, name.replaceAll('-', '_'), name.toUpperCase()]) {
        for (const value of ['x', true, 1]) {
          const fault = refusal({ [spelling]: value }, 'file');
          expect(fault.kind).toBe('config_invalid');
          expect(fault.details.option).toBe(spelling);
        }
      }
    }
    expect(refusal({ 'log-file': '/etc/cron.d/x' }).kind).toBe('bad_request');
  });

  test('a value that is an option is one value, and refused', () => {
    expect(refusal({ seed: '--log-file=x' }).message).toContain('"seed" must be a whole number');
    expect(refusal({ '--seed=--log-file': 'x' }).message).toContain('is one name and no option');
    expect(refusal({ '--seed=1': true }).kind).toBe('bad_request');
    expect(refusal({ grammar: '--log-file=x' }).message).toContain('"grammar"');
    expect(refusal({ 'seed --log-file': 'x' }).kind).toBe('bad_request');
    expect(refusal({ tags: 'a\0b' }).kind).toBe('bad_request');
  });

  test('paths from the network; relative ones and lists from anywhere', () => {
    for (const name of ['lora', 'grammar-file', 'json-schema-file', 'chat-template-file', 'control-vector']) {
      expect(refusal({ [name]: '/etc/shadow' }).message).toContain('takes a path');
      expect(argv({ [name]: '/a/b.txt' })).toEqual([`--${name}`, '/a/b.txt']);
      expect(argv({ [name]: 'C:\\a\\b.txt' })).toEqual([`--${name}`, 'C:\\a\\b.txt']);
      for (const value of ['a.txt', '../a', '/a,/b', '-x', ''])
        expect(refusal({ [name]: value }, 'file').kind).toBe('config_invalid');
    }
  });

  test('values out of bounds or of another type', () => {
    const cases: readonly [string, FlagValue][] = [
      ['seed', 1.5],
      ['seed', 'abc'],
      ['seed', ''],
      ['seed', true],
      ['seed', Number.NaN],
      ['seed', 5e9],
      ['top-p', 1.1],
      ['temp', '0x10'],
      ['numa', 'evil'],
      ['jinja', 'maybe'],
      ['json-schema', '[1]'],
      ['json-schema', '{'],
      ['tags', 'x'.repeat(501)],
      ['device', 'CUDA0;rm'],
      ['override-kv', 'a=path:/x'],
      ['samplers', 'top_k; rm'],
      ['ctx-size', -1],
      ['ctx-size', 'many'],
      ['ngl', 'most'],
    ];
    for (const [name, value] of cases) expect(refusal({ [name]: value }).message).toContain(`"${name}"`);
    expect(refusal({ top_k: 1, 'top-k': 2 }).message).toContain('twice');
    expect(refusal({ 'gpu-layers': 1, ngl: 2 }).message).toContain('twice');
  });

  test('unknown names, with near ones', () => {
    const fault = refusal({ temprature: 1 });
    expect(fault.hint).toContain('temperature');
    expect(fault.details).toMatchObject({ option: 'temprature', nearNames: expect.arrayContaining(['temperature']) });
    for (const name of ['', '-', '__proto__', 'constructor', 'toString', 'x'.repeat(10_000)]) {
      expect(refusal(Object.fromEntries([[name, 1]])).kind).toBe('bad_request');
    }
  });
});

describe('the table', () => {
  test('no name stands twice, and none is refused by another table', () => {
    const names = [...FLAG_RULES.flatMap((rule) => rule.names), ...Object.keys(PLANNED_NAMES)];
    expect(new Set(names).size).toBe(names.length);
    for (const name of names) expect(REFUSED_FLAGS.filter(([pattern]) => pattern.test(name))).toEqual([]);
  });

  test('the build of the tests knows every option but the two that others replaced', () => {
    const unknown = FLAG_RULES.filter((rule) => !rule.names.some((name) => known.has(`--${name}`))).map(
      (rule) => rule.names[0],
    );
    expect(unknown).toEqual(['mmap', 'mlock']);
    const switches = FLAG_RULES.flatMap((rule) =>
      rule.value.type === 'bool' && rule.value.off !== null ? [rule.value.off] : [],
    );
    expect(switches.filter((name) => !known.has(`--${name}`))).toEqual(['no-mmap']);
  });
});
