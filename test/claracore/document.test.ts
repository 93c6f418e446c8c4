// Every curl line of ClaraCore's API document, in its order, as its users type them, against the compiled executable and
// the real engine. Only what a reader would replace is replaced: the address, the key, the folders, a download's id, and
// the dots that stand for the rest of a configuration. An answer that is documented must have the documented shape.
import { afterAll, beforeAll, expect, test } from 'bun:test';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { speak } from '../fixtures/audio-server.ts';
import { type RunningDrover, temporaryFolder } from '../fixtures/drover.ts';
import { packedEngine } from '../fixtures/github/packed-engine.ts';
import { type FakeGithub, nightly, stable, startGithub } from '../fixtures/github/server.ts';
import { type FakeHub, startHub } from '../fixtures/hub/server.ts';
import { eventually, type Line, startLine } from '../fixtures/restarts.ts';
import { differences } from '../fixtures/shape.ts';
import { tinyBert, tinyLlama } from '../fixtures/tiny-models.ts';

const LINES = readFileSync(join(import.meta.dir, 'curl-lines.txt'), 'utf8')
  .trim()
  .split('\n\n')
  .map((block) => {
    const [title = '', ...command] = block.split('\n');
    return { title: title.replace(/^# /, ''), command: command.join('\n') };
  });
const DOCUMENTED = JSON.parse(readFileSync(join(import.meta.dir, 'documented-answers.json'), 'utf8')) as Record<
  string,
  unknown
>;
const REPOSITORY = 'microsoft/Phi-3.5-mini-instruct-GGUF';
const FILE = 'Phi-3.5-mini-instruct-Q4_K_M.gguf';

interface Answer {
  readonly status: number;
  readonly type: string;
  readonly text: string;
  // The shapes are what is tested.
  // biome-ignore lint/suspicious/noExplicitAny: each line has an answer of its own
  readonly json: any;
}

const root = temporaryFolder('claracore ünï #1');
const drive = (letter: 'C' | 'D', ...path: string[]): string => join(root.path, letter, ...path);
// A context as short as an answer that nobody limits should be.
const llama = (name: string, more = {}): Uint8Array => tinyLlama({ name, contextTokens: 256, ...more });
let hub: FakeHub;
let github: FakeGithub;
let line: Line;
let drover: RunningDrover;
let key: string | null = null;
let downloadId = '';
let hasRestarted: Promise<void> | null = null;

beforeAll(async () => {
  const packed = await packedEngine('llama-b11669');
  const release = (tag: string) => nightly(tag, { [`llama-${tag}-bin-ubuntu-x64.tar.gz`]: packed });
  github = await startGithub([stable('v0.8.0', 'b11669'), release('b11669')]);
  const file = { path: FILE, content: llama('Phi 3.5 Mini Instruct', { blockCount: 12 }) };
  hub = await startHub({ repositories: [{ id: REPOSITORY, files: [file] }], tokens: { hf_your_token_here: [] } });

  for (const folder of ['C/AI/Models/Llama', 'C/AI/Models/New', 'C/AI/Models/Old', 'C/Models'])
    mkdirSync(join(root.path, folder), { recursive: true });
  for (const folder of ['D/HuggingFace/Models', 'D/External/Models'])
    mkdirSync(join(root.path, folder), { recursive: true });
  writeFileSync(drive('C', 'AI/Models/Llama/llama-3.2-3b-instruct-q4-k-m.gguf'), llama('Llama 3.2 3B Instruct'));
  writeFileSync(drive('C', 'AI/Models/Llama/llama-3.2-3b.gguf'), llama('Llama 3.2 3B', { chatTemplate: null }));
  writeFileSync(drive('C', 'AI/Models/codellama-7b.gguf'), llama('CodeLlama 7B'));
  writeFileSync(drive('C', 'AI/Models/nomic-embed-text-v1.5.gguf'), tinyBert({ name: 'Nomic Embed Text v1.5' }));
  writeFileSync(drive('C', 'AI/Models/rerank-model.gguf'), tinyBert({ name: 'Rerank Model', poolingType: 4 }));
  writeFileSync(drive('C', 'AI/Models/New/newcomer.gguf'), llama('Newcomer'));
  writeFileSync(drive('D', 'HuggingFace/Models/qwen.gguf'), llama('Qwen'));
  // Outside of every tracked folder until a line names it.
  mkdirSync(drive('C', 'AI/Models/Later'), { recursive: true });
  writeFileSync(drive('C', 'Models/new-model.gguf'), llama('New Model'));
  writeFileSync(join(root.path, 'audio.wav'), speak('hello this is a test'));

  const data = join(root.path, 'data');
  mkdirSync(data);
  const audio = join(import.meta.dir, '..', 'fixtures', 'audio-server.ts');
  const command = `${JSON.stringify(process.execPath)} ${JSON.stringify(audio)} \${PORT}`;
  writeFileSync(
    join(data, 'config.yaml'),
    [
      '# Written by hand.',
      'healthCheckTimeout: 300',
      'logLevel: info',
      'macros:',
      '  speech: --speech',
      'groups:',
      '  large-models:',
      '    exclusive: true',
      '    members: [llama-3.2-3b]',
      '    startPort: 8200',
      'models:',
      '  llama-3.2-3b: # the one we know',
      `    file: ${JSON.stringify(drive('C', 'AI/Models/Llama/llama-3.2-3b.gguf'))}`,
      '    name: Llama 3.2 3B',
      '  tts-model:',
      `    cmd: ${JSON.stringify(command)}`,
      '  whisper-1:',
      `    cmd: ${JSON.stringify(command)}`,
      '',
    ].join('\n'),
  );
  line = await startLine({
    engine: null,
    dataFolder: data,
    modelsFolders: [drive('C', 'AI/Models')],
    environment: {
      HF_ENDPOINT: hub.url,
      DROVER_DOWNLOAD_HOSTS: [...hub.hosts, new URL(github.url).host].map((host) => `http://${host}`).join(','),
      DROVER_GITHUB_API: github.url,
      DROVER_GITHUB_DOWNLOADS: github.url,
    },
  });
  drover = line.first;
  await drover.waitForLine(/engine ready/);
});

afterAll(async () => {
  await line?.[Symbol.asyncDispose]();
  await hub?.[Symbol.asyncDispose]();
  await github?.[Symbol.asyncDispose]();
  root[Symbol.dispose]();
});

const rest = async (): Promise<string> => {
  const { yaml } = (await (
    await fetch(`${drover.url}/api/config`, { headers: { 'x-api-key': key ?? '' } })
  ).json()) as { yaml: string };
  return yaml
    .split('\n')
    .filter((line) => !/^(healthCheckTimeout|logLevel):/.test(line))
    .join('\n');
};

async function filled(command: string): Promise<string> {
  const dots = command.includes('\\n...') ? JSON.stringify(await rest()).slice(1, -1) : '';
  return command
    .replaceAll('http://localhost:5800', drover.url)
    .replaceAll('Bearer your-api-key', `Bearer ${key}`)
    .replaceAll('download_abc123', downloadId)
    .replaceAll(/"([CD]):\\\\([^"]*)"/g, (_, letter: 'C' | 'D', path: string) =>
      JSON.stringify(drive(letter, ...path.split('\\\\'))),
    )
    .replaceAll('\\n...', () => `\\n${dots.replaceAll("'", "'\\''")}`);
}

/** Where a line shows no key and one is needed, it is sent in one of the three ways, each in its turn. */
const CARRIERS = [
  (command: string) => `${command} -H "Authorization: Bearer ${key}"`,
  (command: string) => `${command} -H "X-API-Key: ${key}"`,
  (command: string) => command.replace(/(http:\/\/[^\s'"]+)/, `"$1?api_key=${key}"`),
];

async function curl(command: string): Promise<Answer> {
  const mark = '\n=====%{http_code} %{content_type}';
  const run = Bun.spawn(['bash', '-c', command.replace(/^curl/, `curl -sS -w '${mark}'`)], {
    cwd: root.path,
    stdin: 'ignore',
    stdout: 'pipe',
    stderr: 'pipe',
  });
  const [out, error] = await Promise.all([new Response(run.stdout).text(), new Response(run.stderr).text()]);
  const [, text = '', status, type = ''] = /^([\s\S]*)\n=====(\d+) (.*)$/.exec(out) ?? [];
  if (status === undefined) throw new Error(`curl: ${error}\n${command}`);
  let json: unknown = null;
  try {
    json = JSON.parse(text);
  } catch {
    // Not every answer is JSON.
  }
  return { status: Number(status), type, text, json };
}

async function send(number: number): Promise<Answer> {
  const { command } = LINES[number - 1] ?? { command: '' };
  const filledIn = await filled(command);
  if (key === null || filledIn.includes('Authorization')) return curl(filledIn);
  const without = await curl(filledIn);
  expect({ status: without.status, body: without.json }).toMatchObject({
    status: 401,
    body: filledIn.includes('/v1/') ? { error: {} } : { error: 'API key required or invalid' },
  });
  return curl(CARRIERS[number % CARRIERS.length]?.(filledIn) ?? filledIn);
}

/** What our answer has that the documented one has not is ours to add; what is not known may be null. */
function expectDocumented(number: number, answer: Answer, unknown: readonly string[] = []): void {
  expect({ number, status: answer.status, text: answer.status === 200 ? '' : answer.text }).toEqual({
    number,
    status: 200,
    text: '',
  });
  expect(differences(answer.json, DOCUMENTED[String(number)], unknown)).toEqual([]);
}

const api = async <T>(path: string): Promise<T> =>
  (await (await fetch(drover.url + path, { headers: { 'x-api-key': key ?? '' } })).json()) as T;

/** Reads `/api/events` until one event is what is waited for. */
async function event<T>(type: string, matches: (data: T) => boolean): Promise<T> {
  const abort = new AbortController();
  const answer = await fetch(`${drover.url}/api/events?api_key=${key}`, { signal: abort.signal });
  let text = '';
  const decoder = new TextDecoder();
  const reader = answer.body?.getReader();
  for (;;) {
    const { value, done } = (await reader?.read()) ?? { done: true };
    if (done) break;
    text += decoder.decode(value, { stream: true });
    const blocks = text.split('\n\n');
    text = blocks.pop() ?? '';
    for (const block of blocks) {
      const line = block.split('\n').find((entry) => entry.startsWith('data:'));
      if (line === undefined) continue;
      const envelope = JSON.parse(line.slice(5)) as { readonly type: string; readonly data: string };
      if (envelope.type !== type) continue;
      const data = JSON.parse(envelope.data) as T;
      if (!matches(data)) continue;
      abort.abort();
      return data;
    }
  }
  throw new Error(`the events ended before a ${type}`);
}

interface Step {
  readonly title: string;
  readonly run: (number: number) => Promise<void>;
}
const step = (title: string, run: (number: number) => Promise<void>): Step => ({ title, run });
/** A line whose answer is documented and needs nothing but its shape. */
const documented = (title: string, unknown: readonly string[] = []): Step =>
  step(title, async (number) => expectDocumented(number, await send(number), unknown));

const chat = (title: string): Step =>
  step(title, async (number) => {
    const answer = await send(number);
    expectDocumented(2, answer);
    expect(answer.json.choices[0].message.content.length).toBeGreaterThan(0);
  });

const STEPS: readonly Step[] = [
  step('Configure API Key', async (number) => {
    const answer = await send(number);
    expect(answer).toMatchObject({ status: 200, json: { status: 'saved' } });
    key = 'your-secret-key-here';
  }),
  chat('Chat Completions'),
  step('Streaming Chat Completions', async (number) => {
    const { status, type, text } = await send(number);
    expect(status).toBe(200);
    expect(type).toStartWith('text/event-stream');
    const chunks = text.split('\n\n').filter((block) => block.startsWith('data: '));
    expect(chunks.at(-1)?.trim()).toBe('data: [DONE]');
    expect(JSON.parse(chunks[0]?.slice(6) ?? '')).toMatchObject({ object: 'chat.completion.chunk' });
  }),
  step('Text Completions', async (number) => {
    const { status, json } = await send(number);
    expect(status).toBe(200);
    expect(json).toMatchObject({ object: 'text_completion', model: 'codellama-7b-f32' });
    expect(json.choices[0].text.length).toBeGreaterThan(0);
  }),
  step('Embeddings', async (number) => {
    const answer = await send(number);
    expectDocumented(number, answer);
    expect(answer.json.data.map((entry: { embedding: unknown[] }) => entry.embedding.length)).toEqual([64, 64]);
  }),
  step('List Models', async (number) => {
    const answer = await send(number);
    expectDocumented(number, answer);
    for (const entry of answer.json.data) expect(entry).toMatchObject({ owned_by: 'claracore', permission: [] });
  }),
  step('Text-to-Speech', async (number) => {
    expect((await send(number)).status).toBe(200);
    const spoken = readFileSync(join(root.path, 'speech.mp3'));
    expect(spoken.equals(Buffer.from(speak('Hello, this is a test.')))).toBe(true);
  }),
  step('Speech-to-Text', async (number) => {
    const answer = await send(number);
    expectDocumented(number, answer);
    expect(answer.json.text).toBe('hello this is a test');
  }),
  step('Reranking', async (number) => {
    const answer = await send(number);
    expectDocumented(number, answer);
    expect(answer.json.data.length).toBe(3);
  }),
  documented('System Specifications', ['totalVRAM', 'availableVRAM']),
  documented('System Detection (Comprehensive)', ['primaryGPU']),
  documented('Get Settings', ['settings.vramGB', 'settings.ramGB', 'settings.preferredContext']),
  step('Save Settings', async (number) => {
    expect(await send(number)).toMatchObject({ status: 200, json: { status: 'saved' } });
    const old = key;
    key = 'your-secret-key';
    const { settings } = await api<{ settings: unknown }>('/api/settings/system');
    expect(settings).toMatchObject({
      gpuType: 'nvidia',
      backend: 'cuda',
      preferredContext: 65_536,
      requireApiKey: true,
    });
    expect(JSON.stringify(settings)).not.toContain(key);
    expect(old).not.toBe(key);
  }),
  step('Soft Restart', async (number) => {
    const answer = await send(number);
    expectDocumented(number, answer);
    expect(answer.json).toEqual(DOCUMENTED[String(number)]);
  }),
  step('Hard Restart', async (number) => {
    const before = line.pid();
    const answer = await send(number);
    expectDocumented(number, answer);
    expect(answer.json).toEqual(DOCUMENTED[String(number)]);
    // The next lines are sent at once, whoever serves.
    hasRestarted = eventually(
      () => ![0, before].includes(line.pid()),
      () => drover.log(),
    );
  }),
  step('Unload All Models', async (number) => {
    expect((await send(number)).json).toEqual(DOCUMENTED[String(number)]);
    const listed = await api<{ data: { status: { value: string } }[] }>('/v1/models');
    expect(new Set(listed.data.map((entry) => entry.status.value))).toEqual(new Set(['unloaded']));
  }),
  step('Start Download', async (number) => {
    hub.misbehave({ matches: (request) => request.host === 'cdn', stallAfterBytes: 200_000 });
    const stalls = hub.nextStall();
    const answer = await send(number);
    expectDocumented(number, answer);
    expect(answer.json).toMatchObject({
      modelId: 'phi-3.5-mini-instruct',
      filename: 'phi-3.5-mini-instruct-q4-k-m.gguf',
    });
    expect(answer.json.downloadId).toMatch(/^[\w-]+$/);
    ({ downloadId } = answer.json);
    await stalls;
    // What was sent must also have been read.
    await eventually(
      async () => (await api<{ totalBytes: number | null }>(`/api/models/downloads/${downloadId}`)).totalBytes !== null,
      () => 'the size of the download is not known',
    );
  }),
  step('List Downloads', async (number) => {
    const answer = await send(number);
    expect(answer.json[downloadId]).toMatchObject({ status: 'downloading' });
    expect(differences(Object.values(answer.json)[0], Object.values(DOCUMENTED['18'] as object)[0], [])).toEqual([]);
  }),
  step('Get Download Status', async (number) => {
    const answer = await send(number);
    expect(differences(answer.json, Object.values(DOCUMENTED['18'] as object)[0], [])).toEqual([]);
  }),
  step('Pause Download', async (number) => {
    expect(await send(number)).toMatchObject({ status: 200, json: { downloadId } });
    expect((await api<{ status: string }>(`/api/models/downloads/${downloadId}`)).status).toBe('paused');
  }),
  step('Resume Download', async (number) => {
    expect(await send(number)).toMatchObject({ status: 200, json: { downloadId } });
    expect((await api<{ status: string }>(`/api/models/downloads/${downloadId}`)).status).toMatch(
      /pending|downloading/,
    );
  }),
  step('Cancel Download', async (number) => {
    expect(await send(number)).toMatchObject({ status: 200, json: { downloadId } });
    expect((await api<{ status: string }>(`/api/models/downloads/${downloadId}`)).status).toBe('cancelled');
    hub.relent();
  }),
  step('Get HF API Key Status', async (number) => {
    await hasRestarted;
    expect((await send(number)).json).toEqual({ hasKey: false, masked: '', apiKey: '' });
  }),
  step('Set HF API Key', async (number) => {
    expect(await send(number)).toMatchObject({ status: 200, json: { status: 'saved' } });
    expect(await api<unknown>('/api/settings/hf-api-key')).toEqual({ hasKey: true, masked: 'hf_…here', apiKey: '' });
  }),
  step('Get Current Configuration', async (number) => {
    const answer = await send(number);
    expectDocumented(number, answer);
    expect(answer.json.yaml).toContain('# the one we know');
  }),
  step('Update Configuration', async (number) => {
    const { status, json } = await send(number);
    expect({ status, json }).toMatchObject({ status: 200, json: { requiresRestart: false, affectedModels: [] } });
    const { yaml, config } = await api<{ yaml: string; config: { logLevel: string } }>('/api/config');
    expect(config.logLevel).toBe('debug');
    expect(yaml).toContain('# the one we know');
  }),
  step('Scan Model Folders', async (number) => {
    const answer = await send(number);
    expectDocumented(number, answer);
    expect(answer.json).toMatchObject({ totalModels: 3, foldersScanned: 2 });
  }),
  step('Add Single Model', async (number) => {
    writeFileSync(drive('C', 'AI/Models/phi-3.5-mini-instruct-q4-k-m.gguf'), llama('Phi 3.5 Mini Instruct'));
    const answer = await send(number);
    expectDocumented(number, answer);
    expect(answer.json.modelId).toBe('phi-3.5-mini-instruct-q4_k_m');
  }),
  step('Update Model Parameters', async (number) => {
    const answer = await send(number);
    expectDocumented(number, answer);
    expect(answer.json.updated).toEqual({ contextSize: 65_536, layers: 999, cacheType: 'q4_0', batchSize: 2048 });
    expect((await api<{ yaml: string }>('/api/config')).yaml).toContain('# the one we know');
  }),
  documented('Get Tracked Folders'),
  step('Add Folders to Database', async (number) => {
    const { status, json } = await send(number);
    expect({ status, json }).toMatchObject({
      status: 200,
      json: { addedFolders: [drive('C', 'AI/Models/New'), drive('D', 'External/Models')], errors: [] },
    });
  }),
  step('Remove Folders from Database', async (number) => {
    const { status, json } = await send(number);
    expect({ status, json }).toMatchObject({ status: 200, json: { removedFolders: [] } });
  }),
  documented('Regenerate Configuration from Database'),
  step('Smart Generation', async (number) => {
    const answer = await send(number);
    expectDocumented(33, answer);
    expect((await api<{ yaml: string }>('/api/config')).yaml).toContain('# the one we know');
  }),
  step('Validate Configuration', async (number) => {
    const answer = await send(number);
    expectDocumented(number, answer);
    expect(answer.json).toMatchObject({ valid: true, groupCount: 1, macroCount: 1 });
  }),
  step('Validate Models on Disk', async (number) => {
    const answer = await send(number);
    expectDocumented(number, answer);
    expect(answer.json.removedModels).toEqual([]);
  }),
  documented('Cleanup Duplicates'),
  // What has generated nothing has no speed.
  documented('Metrics', ['[].tokensPerSecond']),
  step('Setup Progress', async (number) => {
    const answer = await send(number);
    expectDocumented(number, answer, ['error']);
    expect(answer.json).toMatchObject({ status: 'completed', progress: 100, completed: true, error: null });
  }),
  step('Get Binary Status', async (number) => {
    const answer = await send(number);
    expectDocumented(number, answer);
    expect(answer.json).toMatchObject({
      currentVersion: 'b11669',
      latestVersion: 'b11669',
      isUpToDate: true,
      updateAvailable: false,
    });
  }),
  step('Update Binary', async (number) => {
    const packed = await packedEngine('llama-b11669');
    github.releases = [
      stable('v0.9.0', 'b11700'),
      nightly('b11700', { 'llama-b11700-bin-ubuntu-x64.tar.gz': packed }),
      ...github.releases,
    ];
    const answer = await send(number);
    expectDocumented(number, answer);
    expect(answer.json).toMatchObject({ status: 'updated', version: 'b11700', type: 'cpu', wasForced: false });
  }),
  step('Force Update Binary', async (number) => {
    const answer = await send(number);
    expectDocumented(41, answer);
    expect(answer.json).toMatchObject({ version: 'b11700', wasForced: true });
  }),
  step('Complete Model Setup Workflow', async (number) => expectDocumented(11, await send(number), ['primaryGPU'])),
  step('Complete Model Setup Workflow', async (number) => {
    expect(await send(number)).toMatchObject({ status: 200, json: { status: 'saved' } });
  }),
  step('Complete Model Setup Workflow', async (number) => {
    const { status, json } = await send(number);
    expect({ status, json }).toMatchObject({ status: 200, json: { addedFolders: [drive('C', 'AI/Models')] } });
  }),
  step('Complete Model Setup Workflow', async (number) => {
    const finished = event<{ percentageComplete: number }>('configProgress', (data) => data.percentageComplete === 100);
    expectDocumented(33, await send(number));
    expect(await finished).toMatchObject({ currentModel: '' });
  }),
  chat('Complete Model Setup Workflow'),
  step('Download and Auto-Configure Workflow', async (number) => {
    const { status, json } = await send(number);
    expect({ status, json }).toMatchObject({ status: 200, json: { modelId: 'phi-3.5-mini' } });
    const { info } = await event<{ downloadId: string; info: { status: string; error?: string } }>(
      'downloadProgress',
      (data) => data.downloadId === json.downloadId && /completed|failed/.test(data.info.status),
    );
    expect(info).toMatchObject({ status: 'completed' });
  }),
  chat('Download and Auto-Configure Workflow'),
  step('Configuration Management', async (number) => {
    const answer = await send(number);
    expectDocumented(28, answer);
    expect(answer.json.modelId).toBe('new-model-f32');
  }),
  step('Configuration Management', async (number) => {
    const { status, json } = await send(number);
    const updated = { contextSize: 32_768, layers: 999, batchSize: 1024 };
    expect({ status, json }).toMatchObject({ status: 200, json: { requiresRestart: false, affectedModels: [] } });
    expect(json.updated).toEqual(updated);
  }),
  step('Configuration Management', async (number) => expectDocumented(14, await send(number))),
  step('Monitoring and Maintenance', async (number) =>
    expectDocumented(10, await send(number), ['totalVRAM', 'availableVRAM']),
  ),
  step('Monitoring and Maintenance', async (number) =>
    expectDocumented(38, await send(number), ['[].tokensPerSecond']),
  ),
  step('Monitoring and Maintenance', async (number) => expectDocumented(36, await send(number))),
  step('Monitoring and Maintenance', async (number) => expectDocumented(37, await send(number))),
  step('Monitoring and Maintenance', async (number) => {
    const answer = await send(number);
    expectDocumented(41, answer);
    expect(answer.json).toMatchObject({ status: 'up-to-date', version: 'b11700' });
  }),
];

test('no line is left out', () => {
  expect(STEPS.map((entry) => entry.title)).toEqual(LINES.map((line) => line.title));
});

for (const [index, { title, run }] of STEPS.entries()) {
  test(`${index + 1}. ${title}`, () => run(index + 1), 60_000);
}
