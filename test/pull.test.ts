// `drover pull`, `downloads`, `rm` and `config generate` on the compiled executable, against a hub that behaves like the real
// one, with and without a running server.
import { afterAll, beforeAll, describe, expect, test } from 'bun:test';
import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { hostBinary } from '../build.ts';
import { type CliResult, cleanEnvironment, cli, startDrover, temporaryFolder } from './fixtures/drover.ts';
import { testEngine } from './fixtures/engine.ts';
import { text } from './fixtures/gguf-writer.ts';
import { generatedGguf } from './fixtures/hub/content.ts';
import { type FakeHub, startHub } from './fixtures/hub/server.ts';
import { eventually } from './fixtures/restarts.ts';
import { tinyLlama } from './fixtures/tiny-models.ts';

const TIB = 1024 ** 4;
const TOKEN = 'hf_ofAFriend';
const tiny = (name: string, blockCount = 2): Uint8Array => tinyLlama({ name, blockCount, contextTokens: 256 });
const projector = generatedGguf({
  sizeBytes: 30_000,
  metadata: { 'general.architecture': text('clip'), 'general.type': text('mmproj') },
});
const part = (number: number) =>
  generatedGguf({ sizeBytes: 2 * TIB, seed: number, sha256: String(number).repeat(64), name: 'Huge' });
const REPOSITORIES = [
  {
    id: 'owner/choice-GGUF',
    files: [
      { path: 'choice-Q2_K.gguf', content: tiny('Choice', 2) },
      { path: 'choice-Q4_K_M.gguf', content: tiny('Choice', 4) },
      { path: 'choice-Q8_0.gguf', content: tiny('Choice', 6) },
      { path: 'choice-F32-00001-of-00002.gguf', content: part(1) },
      { path: 'choice-F32-00002-of-00002.gguf', content: part(2) },
      { path: 'README.md', content: Buffer.from('# Choice') },
    ],
  },
  {
    id: 'owner/seer-GGUF',
    files: [
      { path: 'Q4_0/seer-Q4_0.gguf', content: tiny('Seer') },
      { path: 'mmproj-seer-F16.gguf', content: projector },
    ],
  },
  { id: 'owner/long-GGUF', files: [{ path: 'long-Q8_0.gguf', content: tiny('Long', 60) }] },
  { id: 'owner/gated-GGUF', gate: 'manual' as const, files: [{ path: 'g-Q8_0.gguf', content: tiny('Gated') }] },
];

interface Offer {
  readonly recommended: string | null;
  readonly reason: string;
  readonly quants: readonly { readonly tag: string; readonly fit: string; readonly fileCount: number }[];
}
interface Job {
  readonly id: string;
  readonly name: string;
  readonly state: string;
  readonly quantization: string | null;
  readonly files: readonly { readonly path: string; readonly sha256: string | null }[];
}
interface Pulled {
  readonly model: string | null;
  readonly download: Job;
}

let hub: FakeHub;
beforeAll(async () => {
  hub = await startHub({ repositories: REPOSITORIES, tokens: { [TOKEN]: ['owner/gated-GGUF'], hf_ofAStranger: [] } });
});
afterAll(() => hub[Symbol.asyncDispose]());

const atHub = () => ({
  HF_ENDPOINT: hub.url,
  DROVER_DOWNLOAD_HOSTS: hub.hosts.map((host) => `http://${host}`).join(','),
});

/** Without a server: a data folder with an engine, and the verb. */
async function alone(extra: Readonly<Record<string, string>> = {}) {
  const data = temporaryFolder('pull ünï');
  const { folder } = await testEngine();
  const env = cleanEnvironment(data.path, { ...atHub(), DROVER_ENGINE: folder, ...extra });
  env.DROVER_SCAN_KNOWN_FOLDERS = 'false';
  return {
    data: data.path,
    env,
    run: (...words: string[]): Promise<CliResult> => cli(words, env),
    [Symbol.dispose]: () => data[Symbol.dispose](),
  };
}

const parsed = <T>({ stdout, stderr, exitCode }: CliResult): T => {
  if (exitCode !== 0) throw new Error(`exit code ${exitCode}: ${stderr}`);
  return JSON.parse(stdout) as T;
};

describe('pull without a server', () => {
  test('shows what there is, and how it would do here', async () => {
    using at = await alone();
    const offer = parsed<Offer>(await at.run('pull', 'owner/choice-GGUF', '--list', '--json'));
    expect(offer.quants.map(({ tag, fit, fileCount }) => [tag, fit, fileCount])).toEqual([
      ['Q2_K', 'fits', 1],
      ['Q4_K_M', 'fits', 1],
      ['Q8_0', 'fits', 1],
      ['F32', 'does_not_fit', 2],
    ]);
    expect(offer.recommended).not.toBeNull();
    const shown = await at.run('pull', 'owner/choice-GGUF', '--list');
    expect(shown.stdout).toMatch(/Q4_K_M +[\d.]+ KiB +fits/);
    expect(shown.stdout).toMatch(/F32 +[\d.]+ TiB +does not fit/);
    expect(shown.stdout).toContain(`* ${offer.recommended}: ${offer.reason}`);
    expect(existsSync(join(at.data, 'models', 'owner'))).toBe(false);
  });

  test('brings the best that fits, verified, and the model is listed', async () => {
    using at = await alone();
    const offer = parsed<Offer>(await at.run('pull', 'owner/choice-GGUF', '--list', '--json'));
    const pulled = parsed<Pulled>(await at.run('pull', 'owner/choice-GGUF', '--json'));
    expect(pulled.download).toMatchObject({ state: 'finished', quantization: offer.recommended });
    const [file] = pulled.download.files;
    expect(file?.sha256).toMatch(/^[0-9a-f]{64}$/);
    expect(new Bun.CryptoHasher('sha256').update(readFileSync(file?.path ?? '')).digest('hex')).toBe(
      file?.sha256 ?? '',
    );
    const listed = parsed<{ id: string; path: string }[]>(await at.run('list', '--json'));
    expect(listed.find(({ path }) => path === file?.path)?.id).toBe(pulled.model ?? '');
    // Again: it is here, and nothing is fetched.
    const before = statSync(file?.path ?? '').mtimeMs;
    expect(parsed<Pulled>(await at.run('pull', 'owner/choice-GGUF', '--json')).model).toBe(pulled.model);
    expect(statSync(file?.path ?? '').mtimeMs).toBe(before);
    expect(
      readdirSync(join(at.data, 'models'), { recursive: true }).filter((name) => /part/.test(String(name))),
    ).toEqual([]);
  });

  test('a quantization that was asked for, under a name that was asked for; the projector comes along', async () => {
    using at = await alone();
    const pulled = parsed<Pulled>(await at.run('pull', 'owner/choice-GGUF:q8_0', '--as', 'my choice', '--json'));
    expect(pulled).toMatchObject({ model: 'my choice', download: { quantization: 'Q8_0' } });
    const seer = parsed<Pulled>(await at.run('pull', 'owner/seer-GGUF', '--json'));
    expect(seer.download.files.map(({ path }) => path.split('/').at(-1))).toEqual([
      'seer-Q4_0.gguf',
      'mmproj-seer-F16.gguf',
    ]);
    const [first] = parsed<{ id: string; path: string }[]>(await at.run('list', '--json')).filter(({ path }) =>
      path.endsWith('seer-Q4_0.gguf'),
    );
    expect(first?.id).toBe(seer.model ?? '');
  });

  test('what is refused says why, at once, and nothing is left', async () => {
    using at = await alone();
    const gated = await at.run('pull', 'owner/gated-GGUF');
    expect(gated.exitCode).toBe(4);
    expect(gated.stderr).toMatch(/accept|HF_TOKEN|token/);
    const missing = await at.run('pull', 'owner/nothing-GGUF');
    expect([3, 4]).toContain(missing.exitCode);
    const quant = await at.run('pull', 'owner/choice-GGUF:Q6_K');
    expect(quant.exitCode).toBe(3);
    expect(quant.stderr).toContain('Q4_K_M');
    const large = await at.run('pull', 'owner/choice-GGUF:F32');
    expect(large.exitCode).toBe(9);
    expect(large.stderr).toMatch(/needs|room|space|disk/i);
    const nonsense = await at.run('pull', '../../etc/passwd');
    expect(nonsense.exitCode).toBe(2);
    const left = readdirSync(join(at.data, 'models'), { recursive: true, encoding: 'utf8' });
    expect(left.filter((name) => statSync(join(at.data, 'models', name)).isFile())).toEqual([]);
  });

  test('a token opens what is gated, and goes to the hub alone', async () => {
    using at = await alone({ HF_TOKEN: TOKEN });
    hub.requests.length = 0;
    expect(parsed<Pulled>(await at.run('pull', 'owner/gated-GGUF', '--json')).download.state).toBe('finished');
    expect(hub.requests.filter(({ host, authorization }) => host === 'cdn' && authorization !== null)).toEqual([]);
    expect(hub.requests.some(({ authorization }) => authorization === `Bearer ${TOKEN}`)).toBe(true);
    for (const name of readdirSync(at.data, { recursive: true, encoding: 'utf8' })) {
      const path = join(at.data, name);
      if (statSync(path).isFile())
        expect({ path, has: readFileSync(path).includes(TOKEN) }).toEqual({ path, has: false });
    }
  });

  test('killed in the middle, the same command goes on', async () => {
    using at = await alone();
    const half = 5_000_000;
    // A look at a header asks for a range.
    hub.misbehave({ matches: ({ host, range }) => host === 'cdn' && range === null, times: 1, stallAfterBytes: half });
    const stalled = hub.nextStall();
    const child = Bun.spawn([hostBinary, 'pull', 'owner/long-GGUF'], {
      env: at.env,
      stdin: 'ignore',
      stdout: 'ignore',
      stderr: 'ignore',
    });
    await stalled;
    const partOf = (): string | undefined =>
      readdirSync(join(at.data, 'models'), { recursive: true, encoding: 'utf8' }).find((name) =>
        name.endsWith('.part'),
      );
    const sizeOf = (name: string | undefined): number =>
      name === undefined ? 0 : statSync(join(at.data, 'models', name)).size;
    await eventually(
      () => sizeOf(partOf()) > half - 600_000,
      () => `only ${sizeOf(partOf())} bytes came`,
    );
    child.kill('SIGKILL');
    await child.exited;
    hub.relent();
    const before = hub.requests.length;
    const haveBytes = sizeOf(partOf());
    const pulled = parsed<Pulled>(await at.run('pull', 'owner/long-GGUF', '--json'));
    expect(pulled.download.state).toBe('finished');
    const size = statSync(pulled.download.files[0]?.path ?? '').size;
    // Other requests of the second run look at the header.
    const [rest] = hub.requests.slice(before).filter(({ host }) => host === 'cdn');
    expect(rest?.range).toBe(`bytes=${haveBytes}-`);
    expect(rest?.sentBytes).toBeLessThan(size - haveBytes + 1000);
  });
});

describe('with a server', () => {
  test('it downloads there, goes on without the terminal, and is paused, resumed, cancelled and taken off the list', async () => {
    await using drover = await startDrover({ environment: atHub() });
    await drover.waitForLine(/engine ready/);
    hub.misbehave({ matches: ({ host }) => host === 'cdn', stallAfterBytes: 3_000_000 });
    const stalled = hub.nextStall();
    const env = cleanEnvironment(drover.dataFolder);
    const child = Bun.spawn([hostBinary, 'pull', 'owner/long-GGUF'], {
      env,
      stdin: 'ignore',
      stdout: 'ignore',
      stderr: 'pipe',
    });
    await stalled;
    child.kill('SIGINT');
    expect(await new Response(child.stderr).text()).toContain('goes on in the server');
    expect(await child.exited).toBe(130);

    const list = async (): Promise<Job[]> => parsed<Job[]>(await drover.cli('downloads', '--json'));
    const [job] = await list();
    expect(job).toMatchObject({ name: 'long-Q8_0.gguf', state: 'downloading' });
    const id = job?.id ?? '';
    expect((await drover.cli('downloads', 'pause', id)).stderr).toContain('paused');
    expect((await list())[0]?.state).toBe('paused');
    expect((await drover.cli('downloads', 'rm', id)).exitCode).toBe(4);
    expect((await drover.cli('downloads', 'resume', id)).exitCode).toBe(0);
    expect((await drover.cli('downloads', 'cancel', id)).stderr).toContain('cancelled');
    expect((await drover.cli('downloads')).stdout).toMatch(/long-Q8_0\.gguf +cancelled/);
    expect((await drover.cli('downloads', 'rm', id)).exitCode).toBe(0);
    expect(await list()).toEqual([]);
    expect((await drover.cli('downloads', 'pause', id)).exitCode).toBe(3);
    expect((await drover.cli('downloads', 'frobnicate')).exitCode).toBe(2);
    hub.relent();
    // What was cancelled has left nothing.
    const left = readdirSync(join(drover.dataFolder, 'models'), { recursive: true, encoding: 'utf8' });
    expect(left.filter((name) => name.includes('.gguf'))).toEqual([]);
  });

  test('what was pulled answers; rm takes the entry, and the file only when told', async () => {
    await using drover = await startDrover({ environment: atHub() });
    await drover.waitForLine(/engine ready/);
    const pulled = parsed<Pulled>(await drover.cli('pull', 'owner/choice-GGUF:Q2_K', '--as', 'choice-two', '--json'));
    expect(pulled.model).toBe('choice-two');
    const answer = await drover.json<{ choices: unknown[] }>('/v1/chat/completions', {
      model: 'choice-two',
      messages: [{ role: 'user', content: 'the water' }],
      max_tokens: 4,
    });
    expect(answer.choices.length).toBe(1);
    const path = pulled.download.files[0]?.path ?? '';
    // It is loaded, and a file in use is not deleted.
    const busy = await drover.cli('rm', 'choice-two', '--file', '--yes');
    expect([busy.exitCode, existsSync(path)]).toEqual([4, true]);
    expect((await drover.cli('stop', 'choice-two')).exitCode).toBe(0);
    expect((await drover.cli('rm', 'choice-two', '--file')).exitCode).toBe(2);
    expect((await drover.cli('rm', 'choice-two', '--file', '--yes')).stderr).toContain(`Deleted ${path}`);
    expect(existsSync(path)).toBe(false);
    expect(readFileSync(join(drover.dataFolder, 'config.yaml'), 'utf8')).not.toContain('choice-two');
    expect((await drover.cli('rm', 'choice-two')).exitCode).toBe(3);
  });

  test('config generate makes entries for a folder, keeps what was written by hand, and shows how far it is', async () => {
    using models = temporaryFolder('generate models');
    for (const name of ['one', 'two', 'three']) writeFileSync(join(models.path, `${name}.gguf`), tiny(name));
    using data = temporaryFolder('generate');
    const file = join(data.path, 'config.yaml');
    const byHand = `models:\n  mine: # by hand\n    file: ${JSON.stringify(join(models.path, 'one.gguf'))}\n    contextSize: 128\n`;
    writeFileSync(file, byHand);
    await using drover = await startDrover({ dataFolder: data.path });
    await drover.waitForLine(/engine ready/);
    const made = await drover.cli('config', 'generate', models.path);
    expect(made.exitCode).toBe(0);
    const written = readFileSync(file, 'utf8');
    expect(written).toStartWith(byHand);
    expect(written).toContain('two-f32:');
    expect(written).toContain('three-f32:');
    const again = parsed<{ added: string[]; keptByHand: string[] }>(
      await drover.cli('config', 'generate', models.path, '--json'),
    );
    expect(again).toMatchObject({ added: [], keptByHand: ['mine'] });
    expect(readFileSync(file, 'utf8')).toBe(written);
    expect((await drover.cli('config', 'generate', join(models.path, 'no'))).exitCode).not.toBe(0);
  });
});
