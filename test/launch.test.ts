// `drover launch` and `drover run` without a model, on the compiled executable. The agents are stand-ins that ask the server in
// their own way with what they were given.
import { afterAll, beforeAll, describe, expect, test } from 'bun:test';
import { chmodSync, writeFileSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { hostBinary } from '../build.ts';
import { cleanEnvironment, cli, type RunningDrover, startDrover, temporaryFolder } from './fixtures/drover.ts';
import { testEngine } from './fixtures/engine.ts';
import { startHub } from './fixtures/hub/server.ts';
import { inTerminal } from './fixtures/terminal.ts';
import { tinyLlama } from './fixtures/tiny-models.ts';

const MESSAGES = '"messages":[{"role":"user","content":"the water"}],"max_tokens":4';
const ask = (address: string, key: string, body: string): string =>
  `curl -s -o /dev/null -w '%{http_code}\\n' -H 'Content-Type: application/json' -H "Authorization: Bearer ${key}" ${address} -d "${body.replaceAll('"', '\\"')}"`;
const valueAfter = (name: string): string =>
  `"$(printf '%s\\n' "$@" | sed -n 's#^${name}="\\{0,1\\}\\([^"]*\\)"\\{0,1\\}$#\\1#p')"`;

/** What each asks, as its own documents have it. */
const STAND_INS: Readonly<Record<string, string>> = {
  claude: ask('"$ANTHROPIC_BASE_URL/v1/messages"', '$ANTHROPIC_AUTH_TOKEN', `{"model":"$ANTHROPIC_MODEL",${MESSAGES}}`),
  codex: `model=$2; base=${valueAfter('model_providers.drover.base_url')}
${ask('"$base/responses"', '$DROVER_KEY', '{"model":"$model","input":"the water","max_output_tokens":4}')}`,
  opencode: `field() { printf '%s' "$OPENCODE_CONFIG_CONTENT" | sed "s#.*\\"$1\\":\\"\\([^\\"]*\\)\\".*#\\1#"; }
base=$(field baseURL); key=$(field apiKey); model=$(field model); model=\${model#drover/}
${ask('"$base/chat/completions"', '$key', `{"model":"$model",${MESSAGES}}`)}`,
  aider: `model=\${2#openai/}
${ask('"$OPENAI_API_BASE/chat/completions"', '$OPENAI_API_KEY', `{"model":"$model",${MESSAGES}}`)}`,
};

const models = temporaryFolder('launch-models');
const programs = temporaryFolder('launch programs');
let drover: RunningDrover;
let environment: Record<string, string> = {};

beforeAll(async () => {
  writeFileSync(join(models.path, 'talker.gguf'), tinyLlama({ name: 'Talker', contextTokens: 32_768 }));
  writeFileSync(join(models.path, 'whisperer.gguf'), tinyLlama({ name: 'Whisperer', contextTokens: 2048 }));
  for (const [name, script] of Object.entries(STAND_INS)) {
    const path = join(programs.path, name);
    writeFileSync(path, `#!/bin/sh\n${script}\nprintf 'word %s\\n' "$@"\nexit 7\n`);
    chmodSync(path, 0o755);
  }
  drover = await startDrover({ modelsFolders: [models.path], oneThread: ['talker-f32', 'whisperer-f32'] });
  await drover.waitForLine(/engine ready/);
  environment = { ...cleanEnvironment(drover.dataFolder), PATH: `${programs.path}:${process.env.PATH}` };
});
afterAll(async () => {
  await drover?.[Symbol.asyncDispose]();
  models[Symbol.dispose]();
  programs[Symbol.dispose]();
});

const launch = (...words: string[]) => cli(['launch', ...words], environment);

describe.each(Object.keys(STAND_INS))('%s', (agent) => {
  test('is started with what it needs, its own words and exit code, and is answered', async () => {
    const done = await launch(agent, '--model', 'talker-f32', '--', '--its', 'own word');
    expect([done.exitCode, done.stderr]).toEqual([7, '']);
    const [status, ...words] = done.stdout.trimEnd().split('\n');
    expect(status).toBe('200');
    expect(words.slice(-2)).toEqual(['word --its', 'word own word']);
  });
});

test('where nobody says which, and one is loaded, it is that', async () => {
  await drover.cli('load', 'talker-f32');
  await drover.cli('stop', 'whisperer-f32');
  expect((await launch('claude', '--print')).stdout).toContain('ANTHROPIC_MODEL=talker-f32');
  await drover.cli('stop', '--all');
  const unclear = await launch('claude', '--print');
  expect([unclear.exitCode, unclear.stderr]).toEqual([
    2,
    expect.stringContaining('There is: talker-f32, whisperer-f32.'),
  ]);
});

test('a small context is told, with the way out', async () => {
  const done = await launch('aider', '--model', 'whisperer-f32', '--print');
  expect(done.stderr).toContain('has a context of 2048 tokens');
  expect(done.stderr).toContain('drover config set models.whisperer-f32.contextSize 32768');
  expect(done.stdout).toContain('aider --model openai/whisperer-f32');
});

test('what is wrong is told, and nothing is started', async () => {
  const rows = [
    [['vim'], 2, 'knows claude, codex, opencode, aider'],
    [['claude', '--model', 'nobody'], 3, 'nobody'],
  ] as const;
  for (const [words, code, said] of rows) {
    const done = await launch(...words);
    expect([done.exitCode, done.stderr]).toEqual([code, expect.stringContaining(said)]);
  }
  const without = await cli(['launch', 'codex', '--model', 'talker-f32'], cleanEnvironment(drover.dataFolder));
  expect([without.exitCode, without.stderr]).toEqual([3, expect.stringContaining('npm install -g @openai/codex')]);
  using empty = temporaryFolder('launch-nothing');
  const alone = await cli(['launch', 'codex'], { ...environment, DROVER_DATA_DIR: empty.path });
  expect([alone.exitCode, alone.stderr]).toEqual([6, expect.stringContaining('drover serve')]);
});

describe('where keys are needed', () => {
  let somebody = '';
  beforeAll(async () => {
    somebody = (await cli(['keys', 'add', 'somebody'], environment)).stdout.trim();
  });
  afterAll(async () => void (await cli(['keys', 'rm', 'somebody'], environment)));

  const keysOfRuns = async (): Promise<readonly { readonly name: string; readonly scopes: readonly string[] }[]> => {
    const { stdout } = await cli(['keys', 'ls', '--json'], environment);
    return (JSON.parse(stdout) as { name: string; scopes: string[] }[]).filter(({ name }) => name !== 'somebody');
  };

  test('one is made for each run and told of; two runs do not take each other’s away; it goes when its run ends', async () => {
    await using first = await pausedRun();
    const [key] = await keysOfRuns();
    expect(key?.name).toMatch(nameOf(first));
    expect(key?.scopes.toSorted()).toEqual(['chat', 'model_read']);
    const second = await launch('aider', '--model', 'talker-f32');
    expect(second.stdout.split('\n')[0]).toBe('200');
    expect(second.stderr).toMatch(/"launch-aider-\d+-[0-9a-f]{4}" was made for it, and goes when it ends/);
    expect((await keysOfRuns()).map(({ name }) => name)).toEqual([expect.stringMatching(nameOf(first))]);
    expect(await first.goOn()).toEqual(['200', '200']);
    expect(await keysOfRuns()).toEqual([]);
  });

  test('that of a run that was killed goes with the next one', async () => {
    await using killed = await pausedRun();
    killed.kill();
    await killed.exited;
    expect((await keysOfRuns()).map(({ name }) => name)).toEqual([expect.stringMatching(nameOf(killed))]);
    expect((await launch('claude', '--model', 'talker-f32')).exitCode).toBe(7);
    expect(await keysOfRuns()).toEqual([]);
  });

  test('none is made where one is given, or where nothing is started', async () => {
    const printed = await launch('claude', '--model', 'talker-f32', '--print');
    expect(printed.stdout).toContain('ANTHROPIC_AUTH_TOKEN=YOUR_KEY');
    const given = await cli(['launch', 'aider', '--model', 'talker-f32'], { ...environment, DROVER_API_KEY: somebody });
    expect([given.stdout.split('\n')[0], given.stderr]).toEqual(['200', '']);
    expect(await keysOfRuns()).toEqual([]);
  });
});

const nameOf = ({ pid }: { readonly pid: number }): RegExp => new RegExp(`^launch-claude-${pid}-[0-9a-f]{4}$`);

/** An agent that has asked once and waits for a word before it asks again. */
async function pausedRun() {
  const folder = temporaryFolder('launch-paused');
  const [gate, asking] = [join(folder.path, 'gate'), STAND_INS.claude ?? ''];
  expect(Bun.spawnSync(['mkfifo', gate]).exitCode).toBe(0);
  writeFileSync(join(folder.path, 'claude'), `#!/bin/sh\n${asking}\nread -r _ < '${gate}'\n${asking}\n`);
  chmodSync(join(folder.path, 'claude'), 0o755);
  const run = Bun.spawn([hostBinary, 'launch', 'claude', '--model', 'talker-f32'], {
    env: { ...environment, PATH: `${folder.path}:${environment.PATH}` },
    stdin: 'ignore',
    stdout: 'pipe',
    stderr: 'ignore',
  });
  const said = new Response(run.stdout).text();
  // Opens when the agent waits.
  const word = await open(gate, 'w');
  return {
    pid: run.pid,
    exited: run.exited,
    kill: () => run.kill('SIGKILL'),
    goOn: async (): Promise<readonly string[]> => {
      await word.write('\n');
      return (await said).trimEnd().split('\n');
    },
    // Closing the gate ends an agent that still waits.
    [Symbol.asyncDispose]: async () => {
      await word.close();
      await said;
      await run.exited;
      folder[Symbol.dispose]();
    },
  };
}

describe('drover run without a model', () => {
  test('offers what is here, each with how it fits, and talks with the one that is chosen', async () => {
    await using terminal = inTerminal(['run'], environment);
    await terminal.shows('Which model?');
    await terminal.shows('whisperer-f32');
    expect(terminal.screen()).toContain('talker-f32');
    terminal.type('\r');
    await terminal.shows('/bye leaves');
    terminal.type('/bye\r');
    expect(await terminal.exited).toBe(0);
  });

  test('is left by Ctrl-C, with nothing begun', async () => {
    await using terminal = inTerminal(['run'], environment);
    await terminal.shows('Which model?');
    terminal.type('\u0003');
    expect(await terminal.exited).toBe(130);
  });

  test('says what there is where nobody can be asked', async () => {
    const done = await cli(['run'], environment);
    expect([done.exitCode, done.stderr]).toEqual([2, expect.stringContaining('There is: talker-f32, whisperer-f32.')]);
    const unknown = await cli(['run', 'owner/name', 'hello'], environment);
    expect([unknown.exitCode, unknown.stderr]).toEqual([3, expect.stringContaining('drover pull owner/name')]);
  });

  test('where none is here, it offers what is worth a first try, fetches it on a yes, and talks', async () => {
    const files = [{ path: 'Qwen3-0.6B-Q4_K_M.gguf', content: tinyLlama({ name: 'Tiny' }) }];
    await using hub = await startHub({ repositories: [{ id: 'unsloth/Qwen3-0.6B-GGUF', files }] });
    using data = temporaryFolder('run nothing here');
    const settings = [
      'scanKnownFolders: false',
      `engine: ${JSON.stringify((await testEngine()).folder)}`,
      'ram: 1',
      'vram: 1',
    ];
    writeFileSync(join(data.path, 'config.yaml'), `${settings.join('\n')}\n`);
    const hosts = hub.hosts.map((host) => `http://${host}`).join(',');
    const env = { ...cleanEnvironment(data.path), HF_ENDPOINT: hub.url, DROVER_DOWNLOAD_HOSTS: hosts };
    await using no = inTerminal(['run'], env);
    await no.shows('to be fetched from Hugging Face?');
    await no.shows('Qwen3 0.6B Q4_K_M');
    no.type('\u0003');
    expect(await no.exited).toBe(130);
    await using yes = inTerminal(['run'], env);
    await yes.shows('to be fetched from Hugging Face?');
    yes.type('\r');
    await yes.shows('/bye leaves');
    yes.type('/bye\r');
    expect(await yes.exited).toBe(0);
    await using asked = inTerminal(['run', 'unsloth/Qwen3-0.6B-GGUF:Q8_0'], env);
    await asked.shows('is not here. Fetch it?');
    asked.type('n');
    expect(await asked.exited).toBe(130);
  });
});
