import { beforeAll, describe, expect, test } from 'bun:test';
import { argvFor, type CommandInput, type LaunchPlan, toolArgvFor, toolLaunch } from '../../src/engine/command.ts';
import { environmentFor } from '../../src/engine/command-environment.ts';
import { parseFlags } from '../../src/engine/inspect.ts';
import { testEngine } from '../fixtures/engine.ts';

const PLAN: LaunchPlan = {
  gpuLayers: 33,
  contextTokens: 8192,
  slotCount: 4,
  isKvUnified: true,
  cacheTypeK: 'q8_0',
  cacheTypeV: 'f16',
  batchTokens: 2048,
  microBatchTokens: 512,
  flashAttention: 'auto',
  devices: ['CUDA0'],
  tensorSplit: null,
  cpuExpertLayers: 0,
  promptCacheBytes: 700.9 * 1024 * 1024,
  contextCheckpoints: null,
  threads: null,
  isProjectorOffloaded: true,
};

let flags: ReadonlySet<string>;
beforeAll(async () => {
  const engine = await testEngine();
  const help = Bun.spawn([...engine.launch, '--help'], { stdout: 'pipe', stderr: 'ignore' });
  flags = parseFlags(await help.stdout.text());
});

const argv = (more: Partial<CommandInput> = {}, plan: Partial<LaunchPlan> = {}): string[] =>
  argvFor({
    flags,
    launch: ['/opt/engine/llama-server'],
    plan: { ...PLAN, ...plan },
    files: { model: '/models/a b.gguf' },
    kind: 'text',
    ...more,
  });

/** The value after an option; null where the option is absent. */
const after = (words: readonly string[], option: string): string | null => {
  const at = words.indexOf(option);
  return at < 0 ? null : (words[at + 1] ?? '');
};

describe('argv', () => {
  test('of a plain load, by the options of a real build', () => {
    expect(argv({ alias: 'qwen' })).toEqual(
      [
        ['/opt/engine/llama-server', '--model', '/models/a b.gguf', '--host', '127.0.0.1', '--port', '0'],
        ['--no-ui', '--offline', '--metrics', '--slots', '--log-verbosity', '4', '--log-colors', 'off'],
        ['--log-prefix', '--log-timestamps', '--alias', 'qwen', '--fit', 'off', '--ctx-size', '8192'],
        ['--parallel', '4', '--kv-unified', '--batch-size', '2048', '--ubatch-size', '512', '--flash-attn', 'auto'],
        ['--cache-type-k', 'q8_0', '--cache-type-v', 'f16', '--n-gpu-layers', '33', '--device', 'CUDA0'],
        ['--cache-ram', '700', '--no-mmproj'],
      ].flat(),
    );
  });

  test('every option written is one that the build knows', () => {
    const words = argv(
      { files: { model: '/m', projector: '/p', draft: '/d' }, kind: 'embedding', alias: 'x', chatTemplate: 'chatml' },
      {
        devices: ['CUDA0', 'CUDA1'],
        tensorSplit: [10, 23],
        cpuExpertLayers: 3,
        contextCheckpoints: 5,
        threads: 6,
        promptCacheBytes: 0,
        isProjectorOffloaded: false,
      },
    );
    const options = words.filter((word) => /^--?[a-z]/.test(word));
    expect(options.filter((option) => !flags.has(option))).toEqual([]);
    expect(new Set(options).size).toBe(options.length);
    expect(after(words, '--tensor-split')).toBe('10,23');
    expect(after(words, '--split-mode')).toBe('layer');
    expect(after(words, '--n-cpu-moe')).toBe('3');
    expect(after(words, '--ctx-checkpoints')).toBe('5');
    expect(after(words, '--threads')).toBe('6');
    expect(after(words, '--cache-ram')).toBe('0');
    expect(after(words, '--mmproj')).toBe('/p');
    expect(words).toContain('--no-mmproj-offload');
    expect(after(words, '--spec-draft-model')).toBe('/d');
    expect(after(words, '--spec-draft-device')).toBe('CUDA0');
    expect(words).toContain('--embedding');
  });

  test('CPU only says so, and offloads no projector', () => {
    const words = argv({ files: { model: '/m', projector: '/p' } }, { devices: [], gpuLayers: 0 });
    expect(after(words, '--device')).toBe('none');
    expect(after(words, '--n-gpu-layers')).toBe('0');
    expect(words).toContain('--no-mmproj-offload');
  });

  test('an older build gets its own spellings, and nothing that it lacks', () => {
    const old = new Set([
      '-m',
      '--no-webui',
      '-c',
      '-np',
      '-b',
      '-ub',
      '-fa',
      '-ctk',
      '-ctv',
      '-ngl',
      '--embeddings',
      '-md',
      '-ngld',
      '-lv',
    ]);
    const words = argv(
      { flags: old, kind: 'embedding', files: { model: '/m', draft: '/d' } },
      { flashAttention: 'on' },
    );
    expect(words).toEqual(
      [
        ['/opt/engine/llama-server', '-m', '/m', '--host', '127.0.0.1', '--port', '0', '--no-webui', '-lv', '4'],
        ['-c', '8192', '-np', '4', '-b', '2048', '-ub', '512', '-fa', '-ctk', 'q8_0', '-ctv', 'f16', '-ngl', '33'],
        ['-md', '/d', '-ngld', '999', '-ctkd', 'q8_0', '-ctvd', 'f16', '--embeddings'],
      ]
        .flat()
        .filter(
          (word, index, all) =>
            !['-ctkd', '-ctvd'].includes(word) && !['-ctkd', '-ctvd'].includes(all[index - 1] ?? ''),
        ),
    );
  });

  test('a build whose help could not be read still gets what must be said', () => {
    const words = argv({ flags: new Set() });
    expect(words.slice(1)).toEqual([
      '--model',
      '/models/a b.gguf',
      '--host',
      '127.0.0.1',
      '--port',
      '0',
      '--ctx-size',
      '8192',
      '--parallel',
      '4',
      '--batch-size',
      '2048',
      '--ubatch-size',
      '512',
      '--n-gpu-layers',
      '33',
    ]);
  });

  test('paths and names pass untouched, one word each; a comma in a name would be another name', () => {
    const model = 'C:\\Users\\Ünï çode\\my "model" & $(x).gguf';
    const words = argv({ files: { model }, alias: 'a,b', launch: ['C:\\e\\llama-server.exe'], portNumber: 4711 });
    expect(after(words, '--model')).toBe(model);
    expect(after(words, '--alias')).toBe('a_b');
    expect(after(words, '--port')).toBe('4711');
    expect(words[0]).toBe('C:\\e\\llama-server.exe');
  });

  test('user flags come last', () => {
    expect(argv({ userFlags: ['--seed', '1'] }).slice(-2)).toEqual(['--seed', '1']);
  });

  test('the estimating tool gets the same plan', () => {
    const words = toolArgvFor({
      flags,
      launch: ['/l/ld.so', '--library-path', '/l', '/l/llama-server'],
      plan: PLAN,
      files: { model: '/m' },
    });
    expect(words.slice(0, 4)).toEqual(['/l/ld.so', '--library-path', '/l', '/l/llama-fit-params']);
    expect(words.slice(-2)).toEqual(['--fit-print', 'on']);
    expect(words).not.toContain('--kv-unified');
    expect(words).not.toContain('--fit');
    expect(after(words, '--ctx-size')).toBe('8192');
    expect(toolLaunch(['C:\\e\\llama-server.exe'], 'llama-bench')).toEqual(['C:\\e\\llama-bench.exe']);
    expect(toolLaunch(['llama-server'], 'llama-bench')).toEqual(['llama-bench']);
  });
});

describe('environment', () => {
  test('what the engine needs passes; secrets and its own settings do not', () => {
    const inherited = {
      PATH: '/bin',
      Path: 'C:\\Windows',
      HOME: '/root',
      LC_ALL: 'C.UTF-8',
      SystemRoot: 'C:\\Windows',
      CUDA_VISIBLE_DEVICES: '1',
      GGML_VK_VISIBLE_DEVICES: '0',
      VK_DRIVER_FILES: '/x.json',
      'ProgramFiles(x86)': 'C:\\P',
      LD_LIBRARY_PATH: '/lib',
      EMPTY: undefined,
      LLAMA_ARG_CTX_SIZE: '1',
      LLAMA_ARG_LOG_FILE: '/etc/passwd',
      llama_api_key: 'foreign',
      LLAMA_API_KEY: 'foreign',
      LLAMA_SERVER_ROUTER_PORT: '1',
      LLAMA_CACHE: '/c',
      HF_TOKEN: 't',
      HUGGING_FACE_HUB_TOKEN: 't',
      OPENAI_API_KEY: 't',
      AWS_SECRET_ACCESS_KEY: 't',
      CUDA_API_TOKEN: 't',
      BUN_OPTIONS: '--preload=x',
      BUN_BE_BUN: '1',
      NODE_OPTIONS: '-r x',
      DROVER_DATA_DIR: '/d',
      LD_PRELOAD: '/x.so',
      DYLD_INSERT_LIBRARIES: '/x.dylib',
      GGML_BACKEND_PATH: '/x.so',
      MTMD_BACKEND_DEVICE: 'CPU',
      AIP_MODE: 'PREDICTION',
      HTTPS_PROXY: 'http://u:p@h',
      SSH_AUTH_SOCK: '/s',
    };
    expect(environmentFor({ apiKey: 'ours', inherited })).toEqual({
      PATH: '/bin',
      Path: 'C:\\Windows',
      HOME: '/root',
      LC_ALL: 'C.UTF-8',
      SystemRoot: 'C:\\Windows',
      CUDA_VISIBLE_DEVICES: '1',
      GGML_VK_VISIBLE_DEVICES: '0',
      VK_DRIVER_FILES: '/x.json',
      'ProgramFiles(x86)': 'C:\\P',
      LD_LIBRARY_PATH: '/lib',
      GGML_NO_BACKTRACE: '1',
      LLAMA_API_KEY: 'ours',
    });
  });

  test('additions win, but not over what is refused nor over our key', () => {
    const extra = [
      { LD_LIBRARY_PATH: '/engine', MY_SETTING: '1' },
      { MY_SETTING: '2', LLAMA_API_KEY: 'x', LLAMA_ARG_TOOLS: 'all', LD_PRELOAD: '/x.so', GGML_NO_BACKTRACE: '0' },
    ];
    expect(environmentFor({ apiKey: 'ours', inherited: { LD_LIBRARY_PATH: '/lib' }, extra })).toEqual({
      LD_LIBRARY_PATH: '/engine',
      MY_SETTING: '2',
      GGML_NO_BACKTRACE: '1',
      LLAMA_API_KEY: 'ours',
    });
    expect(environmentFor({ apiKey: null, inherited: { LLAMA_API_KEY: 'x' } })).toEqual({ GGML_NO_BACKTRACE: '1' });
  });
});
