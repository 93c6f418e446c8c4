// Executables for systems that this machine is not, run as far as they can be here: Linux on arm64 by QEMU, and musl.
import { afterAll, beforeAll, describe, expect, test } from 'bun:test';
import { closeSync, existsSync, mkdirSync, openSync, readSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { build, buildPage, hostBinary, readVersion } from '../build.ts';
import type { TargetName } from '../release/targets.ts';
import {
  type CliResult,
  cleanEnvironment,
  processesWith,
  runProgram,
  startDrover,
  temporaryFolder,
} from './fixtures/drover.ts';
import { armScript, bringElsewhere, muslScript } from './fixtures/elsewhere.ts';

const SETUP_MS = 300_000;
const version = await readVersion();
const canRun = await bringElsewhere();
// On the disk of `dist`, where executables are put in place by a rename.
const folder = join(dirname(hostBinary), `.elsewhere.${process.pid}`);

async function made(target: TargetName, scriptOf: (folder: string, executable: string) => string) {
  const place = join(folder, target);
  mkdirSync(place, { recursive: true });
  const executable = join(place, 'drover.bin');
  await build(executable, target);
  return { executable, script: scriptOf(place, executable) };
}

beforeAll(async () => {
  if (canRun && !existsSync(join(dirname(hostBinary), 'page'))) await buildPage();
}, SETUP_MS);
afterAll(() => rmSync(folder, { recursive: true, force: true }));

async function run(script: string, ...words: string[]): Promise<CliResult> {
  using home = temporaryFolder('elsewhere');
  return await runProgram([script, ...words], cleanEnvironment(home.path));
}

/** The first bytes of a file: which processor it is for, and which loader it asks for. */
function headOf(path: string): Buffer {
  const head = Buffer.alloc(4096);
  const file = openSync(path, 'r');
  readSync(file, head);
  closeSync(file);
  return head;
}

// Numbers of processors: https://refspecs.linuxfoundation.org/elf/gabi4+/ch4.eheader.html and ARM's and AMD's supplements.
describe.skipIf(!canRun).each([
  { target: 'linux-arm64', machine: 183, loader: '/lib/ld-linux-aarch64.so.1', scriptOf: armScript },
  { target: 'linux-x64-musl', machine: 62, loader: '/lib/ld-musl-x86_64.so.1', scriptOf: muslScript },
] as const)('the executable for $target', ({ target, machine, loader, scriptOf }) => {
  let executable = '';
  let script = '';
  beforeAll(async () => {
    ({ executable, script } = await made(target, scriptOf));
  }, SETUP_MS);

  test('is for that system, tells its version and helps', async () => {
    const head = headOf(executable);
    expect(head.readUInt16LE(18)).toBe(machine);
    expect(head.toString('latin1')).toContain(`${loader}\0`);
    expect(await run(script, 'version')).toEqual({
      exitCode: 0,
      stdout: `drover ${version} (Bun ${Bun.version})\n`,
      stderr: '',
    });
    const help = await run(script, '--help');
    expect(help.exitCode).toBe(0);
    expect(help.stdout).toStartWith('Usage: drover');
  });

  test('works by its own test', async () => {
    const tested = await run(script, 'self-test');
    expect(`${tested.stdout}${tested.stderr}`).toContain(`drover ${version} works here`);
    expect(tested.exitCode).toBe(0);
  });

  test('serves its API, its documents and its page, and ends in good order when it is asked to', async () => {
    await using drover = await startDrover({ binary: script, engine: null, args: ['--offline', '--yes'] });
    expect(await (await drover.request('/health')).text()).toBe('OK');
    const docs = await drover.request('/docs');
    expect([docs.status, docs.headers.get('content-type')]).toEqual([200, 'text/html; charset=utf-8']);
    expect(await docs.text()).toContain('swagger-ui');
    const page = await (await drover.request('/ui/')).text();
    const scriptPath = /src="([^"]+\.js)"/.exec(page)?.[1] ?? '';
    expect((await drover.request(new URL(scriptPath, `${drover.url}/ui/`).pathname)).status).toBe(200);
    expect(await drover.json('/drover/status')).toMatchObject({ version, pid: drover.pid });
    drover.kill('SIGTERM');
    expect(await drover.exited).toBe(0);
    expect(processesWith(executable)).toEqual([]);
  });
});

test.skipIf(!canRun)('on musl a model answers, by a real engine', async () => {
  await using drover = await startDrover({ binary: join(folder, 'linux-x64-musl/drover'), args: ['--yes'] });
  const answer = await drover.json<{ readonly usage: { readonly completion_tokens: number } }>('/v1/chat/completions', {
    model: 'drover-probe',
    max_tokens: 8,
    messages: [{ role: 'user', content: 'Hello' }],
  });
  expect(answer.usage.completion_tokens).toBe(8);
});
