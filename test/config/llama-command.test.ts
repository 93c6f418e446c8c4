import { expect, test } from 'bun:test';
import { Fault } from '../../src/base/fault.ts';
import { scanCommand, splitCommand } from '../../src/config/expand.ts';
import { editLlamaCommand, modelFileOf, readLlamaCommand } from '../../src/config/llama-command.ts';
import { type GivenOption, readOptions } from '../../src/config/llama-options.ts';
import { checkFlags, type FlagValue } from '../../src/engine/flags.ts';
import { FLAG_RULES } from '../../src/engine/flags-table.ts';
import { Random } from '../fixtures/random.ts';

const isKnownFlag = (name: string, value: FlagValue): boolean => {
  try {
    checkFlags({ [name]: value }, 'file');
    return true;
  } catch {
    return false;
  }
};

const read = (command: string, isWindows = false) =>
  readLlamaCommand(splitCommand(command, isWindows), { isKnownFlag });

/** Macros already in place, as ClaraCore writes them for a small chat model. */
const GENERATED = `binaries/llama-server/build/bin/llama-server --host 127.0.0.1 --port 8101 --metrics --flash-attn auto
  --no-warmup --dry-penalty-last-n 0 --batch-size 2048 --ubatch-size 512
  --model "/models/T7 Shield/Qwen3 4B.gguf"
  --ctx-size 32768
  -ngl 999
  --cache-type-k f16
  --cache-type-v f16
  --jinja
  --batch-size 2048
  --ubatch-size 512
  --keep 4096
  --temp 0.7
  --repeat-penalty 1.05
  --repeat-last-n 256
  --top-p 0.9
  --top-k 40
  --min-p 0.1`;

test('a command that ClaraCore has made: defaults go, what changes something stays', () => {
  const command = read(GENERATED);
  expect(command?.entry).toEqual({
    file: '/models/T7 Shield/Qwen3 4B.gguf',
    contextSize: 32_768,
    flags: {
      warmup: false,
      'dry-penalty-last-n': 0,
      keep: 4096,
      temp: 0.7,
      'repeat-penalty': 1.05,
      'repeat-last-n': 256,
      'top-p': 0.9,
      'top-k': 40,
      'min-p': 0.1,
    },
  });
  expect(command?.kept).toEqual([]);
  expect(command?.dropped).toEqual([
    '--host',
    '--port',
    '--metrics',
    '--flash-attn',
    '-ngl',
    '--jinja',
    '--batch-size',
    '--ubatch-size',
    '--cache-type-k',
    '--cache-type-v',
  ]);
  expect(() => checkFlags(command?.entry.flags ?? {}, 'file')).not.toThrow();
});

test('its embedding model, and a large one', () => {
  const embedding = read(
    'llama-server --port 1 --embedding -m /e.gguf --pooling mean --batch-size 1024 --ubatch-size 512 -ngl 0 --threads 8 ' +
      '--keep 1024 --defrag-thold 0.1 --mlock --flash-attn on --cont-batching --jinja --no-warmup',
  );
  expect(embedding?.purpose).toBe('embedding');
  expect(embedding?.entry).toEqual({
    file: '/e.gguf',
    batchSize: 1024,
    gpuLayers: 0,
    threads: 8,
    flags: { pooling: 'mean', keep: 1024, mlock: true, 'flash-attn': 'on', warmup: false },
  });
  const large = read(
    'llama-server -m /l.gguf -ctk q4_0 -ctv q4_0 -ngl 23 -np 4 -b 1024 -ub 256 --mmproj /p.gguf -md /d.gguf',
  );
  expect(large?.entry).toEqual({
    file: '/l.gguf',
    gpuLayers: 23,
    cacheType: 'q4_0',
    batchSize: 1024,
    parallel: 4,
    mmproj: '/p.gguf',
    draft: '/d.gguf',
    flags: { 'ubatch-size': 256 },
  });
});

const ENTRIES: readonly [what: string, command: string, entry: object, kept: string[]][] = [
  [
    'long, short, with an equals sign, with underscores',
    '--ctx_size=512 -t=3 -b 9',
    { contextSize: 512, threads: 3, batchSize: 9 },
    [],
  ],
  [
    'the last counts',
    '-c 1 --ctx-size 2 -c 3 --mmap --no-mmap --warmup --no-warmup --warmup',
    { contextSize: 3, flags: { mmap: false } },
    [],
  ],
  ['values that begin with a dash', '-n -2 --seed -1 --embd-normalize -1', { flags: { 'embd-normalize': -1 } }, ['-n']],
  ['all layers, however they are written', '-ngl 99', {}, []],
  ['all layers by word', '--n-gpu-layers all', {}, []],
  ['automatic layers', '--gpu-layers auto', {}, []],
  ['a number of layers', '--gpu-layers 98', { gpuLayers: 98 }, []],
  ['no layer', '-ngl 0', { gpuLayers: 0 }, []],
  ['what means automatic', '-c 0 -t -1 -np -1', {}, []],
  ['keys and values of different types', '-ctk q8_0', { flags: { 'cache-type-k': 'q8_0' } }, []],
  ['both types, apart', '-ctk q8_0 -ctv f16', { flags: { 'cache-type-k': 'q8_0', 'cache-type-v': 'f16' } }, []],
  ['a type that is none', '-ctk q9 -ctv q9', {}, ['--cache-type-k', '--cache-type-v']],
  ['a number that is none', '-c lots', {}, ['-c']],
  ['a switch that had no value once', '-fa -c 5', { contextSize: 5, flags: { 'flash-attn': 'on' } }, []],
  ['a switch with a value', '-fa off -c 5', { contextSize: 5, flags: { 'flash-attn': 'off' } }, []],
  ['no projector', '--mmproj /p.gguf --no-mmproj', { mmproj: 'none' }, []],
  ['a template', '--chat-template chatml', { chatTemplate: 'chatml' }, []],
  ['JSON', `--chat-template-kwargs '{"a": "b c"}'`, { flags: { 'chat-template-kwargs': '{"a": "b c"}' } }, []],
  ['options that add up and can be joined', '-ot a=CPU -ot b=CPU', { flags: { 'override-tensor': 'a=CPU,b=CPU' } }, []],
  ['options that add up and cannot', '--lora /a.gguf --lora /b.gguf', { flags: { lora: '/a.gguf' } }, ['--lora']],
  [
    'old names of new options',
    '--draft-max 8 --draft-min 2',
    { flags: { 'spec-draft-n-max': 8, 'spec-draft-n-min': 2 } },
    [],
  ],
  [
    'what must never be an entry',
    '--tools all --slot-save-path /x --rpc h:1',
    {},
    ['--tools', '--slot-save-path', '--rpc'],
  ],
  ['what nobody knows', '--frobnicate 3 stray', {}, ['--frobnicate', 'stray']],
  ['a download', '-hf owner/repo', {}, ['-hf']],
  ['an option without its value', '-c', {}, ['-c']],
  [
    'defaults in other words',
    '--temp 0.80 --presence-penalty 0.00 --keep 0 --prio 0 --mmap -cb',
    { flags: { temp: '0.80' } },
    [],
  ],
];

for (const [what, options, entry, kept] of ENTRIES) {
  test(`reads ${what}`, () => {
    const command = read(`llama-server ${options}`);
    expect(command?.entry).toEqual(entry);
    expect(command?.kept).toEqual(kept);
  });
}

test('only llama-server itself is read; nothing that another program starts', () => {
  for (const program of [
    'llama-server',
    '/opt/llama.cpp/llama-server',
    'llama serve',
    '/usr/bin/llama serve',
    'LLAMA-SERVER.EXE',
  ])
    expect(read(`${program} -c 5`)?.entry.contextSize).toBe(5);
  expect(read('"C:\\Program Files\\llama\\llama-server.exe" -m "D:\\my models\\a.gguf"', true)?.entry.file).toBe(
    'D:\\my models\\a.gguf',
  );
  for (const other of [
    'docker run image llama-server -c 5',
    'env A=1 llama-server -c 5',
    'bash -c "llama-server -c 5"',
    'llama run -c 5',
    'llama-server-wrapper -c 5',
    'python -m vllm.entrypoints.openai.api_server',
  ])
    expect(read(other)).toBeNull();
  expect(readLlamaCommand([], { isKnownFlag })).toBeNull();
});

test('secrets are in no list', () => {
  const command = read('llama-server -m /a.gguf --api-key geheim --hf-token geheim2 --tools geheim3');
  expect(JSON.stringify([command?.dropped, command?.kept])).not.toContain('geheim');
});

test('paths are resolved where that is asked for', () => {
  const command = readLlamaCommand(['llama-server', '-m', 'a.gguf', '--lora', 'b.gguf', '--alias', 'c.gguf'], {
    isKnownFlag,
    resolvePath: (path) => `/root/${path}`,
  });
  expect(command?.entry).toEqual({ file: '/root/a.gguf', flags: { lora: '/root/b.gguf' } });
});

test('whatever an entry may say, the command line is known to say it too, with or without a value', () => {
  const wrong = FLAG_RULES.flatMap(({ names, value }) =>
    [...names, ...(value.type === 'bool' && value.off !== null ? [value.off] : [])].filter((name) => {
      const option = readOptions([`--${name}`], 0)[0]?.option;
      return option == null || (option.takes === 'nothing') !== (value.type === 'bool');
    }),
  );
  expect(wrong).toEqual([]);
});

const FILES: readonly [string, string | null][] = [
  ['llama-server -m /a/b.gguf -c 5', '/a/b.gguf'],
  ['llama-server --model=/a -m "/x y"', '/x y'],
  ['env CUDA_VISIBLE_DEVICES=1 nice -n 5 /opt/llama-server --model /a.bin', '/a.bin'],
  ['llama-server -c 5', null],
  ['whisper-server -m /w.bin', null],
  ['koboldcpp --model /k.gguf', '/k.gguf'],
  ['python -m llama_cpp.server --model /p.GGUF', '/p.GGUF'],
  ['python -m vllm.entrypoints.openai.api_server', null],
  ['docker run -m 8g -v /m:/m image -m /m/x.gguf', null],
  ['sudo podman run image --model /m/x.gguf', null],
  ['ssh box llama-server -m /there.gguf', null],
  ['', null],
];

for (const [command, file] of FILES) {
  test(`the model file of: ${command}`, () => {
    expect(modelFileOf(splitCommand(command, false))).toBe(file);
  });
}

const CHANGES = { contextSize: 8192, layers: 20, cacheType: 'q8_0', batchSize: 512 };

const EDITS: readonly [what: string, before: string, after: string, isWindows?: boolean][] = [
  [
    'a generated command',
    '${llama-server-base}\n--model "/m/a -c 5 --batch-size 6.gguf"\n--ctx-size 4096\n-ngl 999\n# --batch-size 5\n--jinja\n',
    '${llama-server-base}\n--model "/m/a -c 5 --batch-size 6.gguf"\n--ctx-size 8192\n-ngl 20\n# --batch-size 5\n--jinja\n--cache-type-k q8_0\n--cache-type-v q8_0\n--batch-size 512\n',
  ],
  [
    'backslashes at the lines’ ends',
    'llama-server \\\n  -m x \\\n  -c  1\t\\\n  -ctk f16 -ctv=f16',
    'llama-server \\\n  -m x \\\n  -c  8192\t\\\n  -ctk q8_0 -ctv=q8_0\t\\\n  -ngl 20\t\\\n  --batch-size 512',
  ],
  [
    'a backslash at the last line too',
    'llama-server \\\n  -c 1 -ngl 1 -ctk a -ctv b \\\n',
    'llama-server \\\n  -c 8192 -ngl 20 -ctk q8_0 -ctv q8_0 \\\n  --batch-size 512 \\\n',
  ],
  [
    'one line',
    'llama-server -m x -b 1 -b 2',
    'llama-server -m x -b 512 -b 512 --ctx-size 8192 -ngl 20 --cache-type-k q8_0 --cache-type-v q8_0',
  ],
  [
    'a Windows path',
    'C:\\llama\\llama-server.exe -m "D:\\my -c 5\\x.gguf" -c 3 -ngl 1 -ctk f16 -ctv f16 -b 1',
    'C:\\llama\\llama-server.exe -m "D:\\my -c 5\\x.gguf" -c 8192 -ngl 20 -ctk q8_0 -ctv q8_0 -b 512',
    true,
  ],
  [
    'line ends of Windows',
    '${base}\r\n-c 5 -ngl 1 -ctk f16 -ctv f16\r\n',
    '${base}\r\n-c 8192 -ngl 20 -ctk q8_0 -ctv q8_0\r\n--batch-size 512\r\n',
  ],
  [
    'a container with an option of the same name',
    'docker run -c 512 -m 8g -v /opt/llama.cpp:/m ghcr.io/ggml-org/llama.cpp:server -c "4096" -ngl 1 -ctk f16 -ctv f16 -b 1',
    'docker run -c 512 -m 8g -v /opt/llama.cpp:/m ghcr.io/ggml-org/llama.cpp:server -c 8192 -ngl 20 -ctk q8_0 -ctv q8_0 -b 512',
  ],
  [
    'a comment at the end',
    '${base}\n-c 5 -ngl 1 -ctk f16 -ctv f16\n# -b 3',
    '${base}\n-c 8192 -ngl 20 -ctk q8_0 -ctv q8_0\n--batch-size 512\n# -b 3',
  ],
  [
    'values that look like options',
    '${base} --alias -c --reverse-prompt -ngl -c 5 -ngl 1 -ctk f16 -ctv f16 -b 1',
    '${base} --alias -c --reverse-prompt -ngl -c 8192 -ngl 20 -ctk q8_0 -ctv q8_0 -b 512',
  ],
  [
    'an option without its value',
    'llama-server -ngl 1 -ctk f16 -ctv f16 -b 1 -c',
    'llama-server -ngl 20 -ctk q8_0 -ctv q8_0 -b 512 -c 8192',
  ],
];

for (const [what, before, after, isWindows = false] of EDITS) {
  test(`edits a command in place: ${what}`, () => {
    expect(editLlamaCommand(before, CHANGES, isWindows)).toBe(after);
    expect(editLlamaCommand(after, CHANGES, isWindows)).toBe(after);
    expect(editLlamaCommand(before, {}, isWindows)).toBe(before);
  });
}

const kindOf = (work: () => unknown): string => {
  try {
    work();
    return 'done';
  } catch (thrown) {
    return thrown instanceof Fault ? thrown.kind : String(thrown);
  }
};

test('commands of others and values that are none are refused', () => {
  for (const other of ['python -m vllm -c 5', 'bash -c "llama-server -c 5"', 'docker run image -c 5', ''])
    expect(kindOf(() => editLlamaCommand(other, { contextSize: 5 }))).toBe('unprocessable');
  for (const wrong of [
    { contextSize: -1 },
    { contextSize: 1.5 },
    { layers: -2 },
    { batchSize: 0 },
    { cacheType: 'q8_0 --x' },
  ])
    expect(kindOf(() => editLlamaCommand('llama-server', wrong))).toBe('bad_request');
});

const NAMES = new Set(['ctx-size', 'gpu-layers', 'cache-type-k', 'cache-type-v', 'batch-size']);
const isTouched = ({ option }: GivenOption): boolean => option !== null && NAMES.has(option.name);

test('of a thousand commands an edit changes only the options that it names, and is the same the second time', () => {
  const random = new Random(20_260_901);
  const parts = [
    '-c 5',
    '--ctx-size=7',
    '-ngl 9',
    '-b "3"',
    '-ctk f16',
    '-ctv f16',
    "-m '/a b/-c 5.gguf'",
    '--alias -c',
  ];
  const others = ['--jinja', '${extra}', '--temp 0.7', '-t 4', `--grammar 'x "-b 7" y'`, '--log-file C:\\x\\-c'];
  const breaks = [' ', '  ', '\n', '\r\n', ' \\\n  ', '\n# -c 9 it’s\n', '\t'];
  for (let round = 0; round < 1000; round += 1) {
    const words = random.times(random.below(9), () => random.pick(random.chance(0.5) ? parts : others));
    const cmd = ['llama-server', ...words].map((word) => word + random.pick(breaks)).join('');
    const changes = random.chance(0.5) ? CHANGES : { contextSize: 4 };
    const edited = editLlamaCommand(cmd, changes);
    expect(editLlamaCommand(edited, changes)).toBe(edited);
    const given = readOptions(splitCommand(edited, false), 1);
    expect(given.filter((option) => !isTouched(option)).map(({ spelling, value }) => [spelling, value])).toEqual(
      readOptions(splitCommand(cmd, false), 1)
        .filter((option) => !isTouched(option))
        .map(({ spelling, value }) => [spelling, value]),
    );
    const context = given.filter(({ option }) => option?.name === 'ctx-size');
    expect(new Set(context.map(({ value }) => value))).toEqual(new Set([String(changes.contextSize)]));
    const comments = (text: string): string[] => text.match(/^#.*$/gm) ?? [];
    expect(comments(edited)).toEqual(comments(cmd));
  }
});

test('a word stands where it is said to stand', () => {
  const random = new Random(7);
  const letters = ['a', ' ', '"', "'", '\\', '\n', '\r\n', '=', '-c', '\\\n', '# c\n', 'é'];
  for (let round = 0; round < 3000; round += 1) {
    const text = random.times(random.below(12), () => random.pick(letters)).join('');
    if (kindOf(() => scanCommand(text, false)) !== 'done') continue;
    const words = scanCommand(text, false);
    expect(words.map((word) => word.value)).toEqual(splitCommand(text, false));
    for (const [index, { start, end, value }] of words.entries()) {
      expect(start).toBeGreaterThanOrEqual(words[index - 1]?.end ?? 0);
      expect(end).toBeLessThanOrEqual(text.length);
      const raw = text.slice(start, end);
      // Inside of quotes a line may go, as a comment or joined to the next.
      if (!/[\n#]/.test(raw)) expect(splitCommand(raw, false)).toEqual([value]);
    }
  }
});
