// `drover bench` on the compiled executable: with a server and without one, kept and compared, left by Ctrl-C, and what it
// refuses.
import { afterAll, beforeAll, expect, test } from 'bun:test';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { hostBinary } from '../build.ts';
import {
  cleanEnvironment,
  cli,
  processesWith,
  type RunningDrover,
  startDrover,
  temporaryFolder,
} from './fixtures/drover.ts';
import { testEngine } from './fixtures/engine.ts';
import { eventually } from './fixtures/restarts.ts';
import { tinyLlama } from './fixtures/tiny-models.ts';

const root = temporaryFolder('bench');
const models = join(root.path, 'models');
const alone = cleanEnvironment(join(root.path, 'alone'));
let given: readonly string[];
let drover: RunningDrover;

beforeAll(async () => {
  mkdirSync(models);
  writeFileSync(join(models, 'talker.gguf'), tinyLlama({ name: 'Talker' }));
  writeFileSync(join(models, 'slow.gguf'), tinyLlama({ name: 'Slow', blockCount: 12, width: 128 }));
  given = ['--models-folder', models, '--engine', (await testEngine()).folder, '--no-scan-known-folders'];
  drover = await startDrover({ modelsFolders: [models], oneThread: ['talker-f32', 'slow-f32'] });
});
afterAll(async () => {
  await drover?.[Symbol.asyncDispose]();
  root[Symbol.dispose]();
});

interface Shown {
  readonly runId: string | null;
  readonly report: {
    readonly modelId: string;
    readonly loadMs: number;
    readonly cells: readonly {
      readonly promptLength: number;
      readonly concurrency: number;
      readonly samples: object[];
    }[];
    readonly skipped: readonly { readonly promptLength: number }[];
  };
  readonly compared?: Shown;
}

const SMALL = ['--prompt-lengths', '16,32', '--concurrency', '1,2', '--tokens', '4', '--runs', '2'];
const HEAD = /^PROMPT +AT ONCE +FIRST TOKEN +PROMPT T\/S +GENERATION T\/S +TOGETHER T\/S +MEMORY +VRAM$/m;

test('with a server: a table on stdout, what goes on on stderr; the model stays there', async () => {
  const { exitCode, stdout, stderr } = await drover.cli('bench', 'talker-f32', ...SMALL);
  expect([exitCode, stdout]).toEqual([0, expect.stringMatching(HEAD)]);
  const [first = '', , ...rows] = stdout.trimEnd().split('\n');
  expect(first).toMatch(/^talker-f32: loaded in \d+(\.\d)? m?s, context 4096 tokens, \d slots$/);
  expect(rows.map((row) => row.split(/ {2,}/).slice(0, 2))).toEqual([
    ['16', '1'],
    ['16', '2'],
    ['32', '1'],
    ['32', '2'],
  ]);
  for (const row of rows) expect(row).toMatch(/^\d+ +\d +[\d.]+ m?s +[\d.]+ +[\d.]+ +[\d.]+ +[\d.]+ MiB +—$/);
  expect(stderr).toContain('measuring');
  const { instances } = await drover.json<{ instances: { modelId: string; state: string }[] }>('/drover/instances');
  expect(instances).toMatchObject([{ modelId: 'talker-f32', state: 'ready' }]);
});

test('JSON says all of it: true lengths, so many samples, what was left out', async () => {
  const words = ['--json', '--prompt-lengths', '16,5000', '--concurrency', '2', '--tokens', '4', '--runs', '3'];
  const { exitCode, stdout } = await drover.cli('bench', 'talker-f32', ...words);
  const { report, runId } = JSON.parse(stdout) as Shown;
  expect([exitCode, runId, report.modelId]).toEqual([0, null, 'talker-f32']);
  expect(
    report.cells.map(({ promptLength, concurrency, samples }) => [promptLength, concurrency, samples.length]),
  ).toEqual([[16, 2, 6]]);
  for (const sample of report.cells[0]?.samples ?? [])
    expect(sample).toMatchObject({ promptTokens: 16, generatedTokens: 4 });
  expect(report.skipped.map(({ promptLength }) => promptLength)).toEqual([5000]);
  expect((await drover.json<{ total: number }>('/api/v1/test-sessions')).total).toBe(0);
});

test('kept under a name, shown beside a later one, and listed with the sessions', async () => {
  const kept = await drover.cli('bench', 'talker-f32', ...SMALL, '--save', 'größe 1');
  expect([kept.exitCode, kept.stderr]).toEqual([0, expect.stringMatching(/Kept as größe 1 \(run-[0-9a-f]{16}\)/)]);
  const beside = await drover.cli('bench', 'talker-f32', ...SMALL, '--compare', 'größe 1');
  const rows = beside.stdout.trimEnd().split('\n').slice(2);
  expect(rows.length).toBe(4);
  for (const row of rows) expect(row.match(/\(×\d+\.\d\d\)/g)?.length).toBe(5);
  const other = await drover.cli(
    'bench',
    'talker-f32',
    '--prompt-lengths',
    '20',
    '--runs',
    '1',
    '--compare',
    'größe 1',
  );
  expect(other.stdout).not.toContain('×');
  const runId = /run-[0-9a-f]{16}/.exec(kept.stderr)?.[0] ?? '';
  const asJson = await drover.cli('bench', 'talker-f32', ...SMALL, '--json', '--compare', runId);
  expect((JSON.parse(asJson.stdout) as Shown).compared).toMatchObject({ runId, report: { modelId: 'talker-f32' } });
  const { sessions } = await drover.json<{ sessions: object[] }>(`/api/v1/test-sessions?search=${runId}`);
  expect(sessions).toMatchObject([{ id: runId, name: 'größe 1', status: 'completed', models: ['talker-f32'] }]);
  const twice = await drover.cli('bench', 'talker-f32', ...SMALL, '--save', 'größe 1');
  expect([twice.exitCode, twice.stdout, twice.stderr]).toEqual([4, '', expect.stringContaining('already')]);
});

test('without a server: one for that time, whose runs are there the next time', async () => {
  const kept = await cli(['bench', 'talker-f32', ...given, ...SMALL, '--save', 'first'], alone);
  expect([kept.exitCode, kept.stdout]).toEqual([0, expect.stringMatching(HEAD)]);
  const beside = await cli(['bench', 'talker-f32', ...given, ...SMALL, '--compare', 'first'], alone);
  expect([beside.exitCode, beside.stdout]).toEqual([0, expect.stringContaining('(×')]);
  expect(processesWith(join(root.path, 'alone'))).toEqual([]);
});

test.each([
  ['with a server', () => drover.dataFolder],
  ['without one', () => join(root.path, 'alone')],
])('Ctrl-C %s leaves nothing behind', async (where, dataFolder) => {
  const isAlone = where === 'without one';
  const argv = [hostBinary, 'bench', 'slow-f32', ...(isAlone ? given : []), '--runs', '500', '--save', 'never'];
  const run = Bun.spawn(argv, { env: cleanEnvironment(dataFolder()), stdout: 'pipe', stderr: 'pipe' });
  let said = '';
  const decoder = new TextDecoder();
  for await (const chunk of run.stderr) {
    said += decoder.decode(chunk, { stream: true });
    if (said.includes('measuring')) break;
  }
  run.kill('SIGINT');
  expect(await run.exited).toBe(130);
  expect(await new Response(run.stdout).text()).toBe('');
  if (isAlone) {
    expect(processesWith(join(root.path, 'alone'))).toEqual([]);
    const asked = await cli(['bench', 'talker-f32', ...given, '--compare', 'never'], alone);
    expect(asked.exitCode).toBe(3);
  } else {
    const isIdle = async (): Promise<boolean> => {
      const { instances } = await drover.json<{ instances: { requestsInFlight: number }[] }>('/drover/instances');
      return instances.every(({ requestsInFlight }) => requestsInFlight === 0);
    };
    // The server hears of it a moment later.
    await eventually(isIdle, () => 'a request is still in flight');
    expect((await drover.request('/drover/bench/never')).status).toBe(404);
    // Nobody stands in the line any more.
    expect((await drover.cli('bench', 'talker-f32', '--prompt-lengths', '16', '--runs', '1')).exitCode).toBe(0);
  }
});

test.each([
  [['nobody'], 3, /"nobody"/],
  [['talker-f32', '--runs', 'many'], 2, /--runs/],
  [['talker-f32', '--runs', '0'], 2, /--runs/],
  [['talker-f32', '--prompt-lengths', '16,,32'], 2, /--prompt-lengths/],
  [['talker-f32', '--concurrency', '-1'], 2, /--concurrency/],
  [['talker-f32', '--concurrency', '1000'], 2, /concurrencies/],
  [['talker-f32', '--save', 'a/b'], 2, /save/],
  [['talker-f32', '--compare', 'nobody'], 3, /"nobody"/],
  [['talker-f32', '--prompt-lengths', '100000'], 2, /context/],
  [[], 2, /missing|model/],
] as const)('refused: %j', async (words, exitCode, why) => {
  const run = await drover.cli('bench', ...words);
  expect([run.exitCode, run.stdout, run.stderr]).toEqual([exitCode, '', expect.stringMatching(why)]);
});
