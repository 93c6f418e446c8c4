// `drover doctor` on the compiled executable, where something is really wrong.
import { describe, expect, test } from 'bun:test';
import { chmodSync, existsSync, mkdirSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Log } from '../src/base/log.ts';
import { FileLock } from '../src/base/sync.ts';
import type { Mended } from '../src/core/doctor.ts';
import type { Finding } from '../src/core/finding.ts';
import { Reaper } from '../src/engine/reaper.ts';
import { cleanEnvironment, cli, startDrover, temporaryFolder } from './fixtures/drover.ts';
import { isAlive } from './fixtures/house.ts';
import { eventually } from './fixtures/restarts.ts';

const OLD = new Date(Date.now() - 2 * 3_600_000);

function place(config = '') {
  const data = temporaryFolder('doctor');
  writeFileSync(join(data.path, 'config.yaml'), `scanKnownFolders: false\n${config}`);
  const env = cleanEnvironment(data.path);
  const run = async (...words: string[]) => cli(['doctor', ...words], env);
  return {
    path: data.path,
    run,
    find: async (): Promise<readonly Finding[]> => JSON.parse((await run('--json')).stdout) as Finding[],
    fix: async (): Promise<Mended> => JSON.parse((await run('--fix', '--json')).stdout) as Mended,
    [Symbol.dispose]: () => data[Symbol.dispose](),
  };
}

const of = (findings: readonly Finding[], id: Finding['id']): Finding | undefined =>
  findings.find((one) => one.id === id);

test('who has the port is told, with a way out, and the exit code says that something is wrong', async () => {
  const server = Bun.serve({ port: 0, hostname: '127.0.0.1', fetch: () => new Response('somebody else') });
  try {
    using it = place(`listen: 127.0.0.1:${server.port}\n`);
    expect(of(await it.find(), 'port-taken')).toMatchObject({
      severity: 'error',
      evidence: [expect.stringMatching(new RegExp(`^process ${process.pid} \\(bun.*\\) has it$`))],
      command: 'drover serve --listen 127.0.0.1:0',
    });
    const shown = await it.run();
    expect([shown.exitCode, shown.stdout]).toEqual([1, expect.stringContaining('✗ server')]);
  } finally {
    await server.stop(true);
  }
});

test('what a killed server has left is told, mended, and then gone', async () => {
  using it = place('listen: 127.0.0.1:0\n');
  // A child with the mark and the record of an earlier server, as the kernel would not have ended it on other systems.
  const reaper = new Reaper(join(it.path, 'children/records'), new Log({ level: 'error', sinks: [] }));
  const orphan = Bun.spawn(['sleep', '600'], { env: { ...process.env, ...reaper.marker } });
  reaper.record(orphan.pid, 'some-model');
  try {
    writeFileSync(join(it.path, 'server.json'), '{"pid":999999,"url":"http://127.0.0.1:9","key":"k","version":"0"}');
    const unfinished = join(it.path, '.config.yaml.0123456789ab.tmp');
    writeFileSync(unfinished, 'half');
    utimesSync(unfinished, OLD, OLD);
    chmodSync(it.path, 0o755);
    writeFileSync(join(it.path, 'hf-token'), 'hf_x', { mode: 0o644 });
    chmodSync(join(it.path, 'hf-token'), 0o644);
    const before = await it.find();
    expect(of(before, 'orphans')?.evidence).toEqual([`process ${orphan.pid} (some-model)`]);
    for (const id of ['server-stale', 'leftovers', 'secret-readable'] as const)
      expect([id, of(before, id)?.fix]).not.toEqual([id, null]);
    expect([isAlive(orphan.pid), existsSync(unfinished)]).toEqual([true, true]);
    const { done, findings } = await it.fix();
    expect(done).toContain(`Ended process ${orphan.pid}.`);
    expect(done).toContain(`Removed ${unfinished}.`);
    expect(findings.filter(({ fix }) => fix !== null)).toEqual([]);
    await orphan.exited;
    expect([existsSync(unfinished), existsSync(join(it.path, 'server.json'))]).toEqual([false, false]);
    expect((await it.fix()).done).toEqual([]);
  } finally {
    orphan.kill('SIGKILL');
    await orphan.exited;
  }
});

test('while somebody holds the data directory nothing of it counts as left behind', async () => {
  using it = place();
  const reaper = new Reaper(join(it.path, 'children/records'), new Log({ level: 'error', sinks: [] }));
  const child = Bun.spawn(['sleep', '600'], { env: { ...process.env, ...reaper.marker } });
  reaper.record(child.pid, 'busy-model');
  using _held = FileLock.tryTake(join(it.path, 'drover.lock'));
  try {
    const { done, findings } = await it.fix();
    expect(done).toEqual([]);
    expect(of(findings, 'server-silent')).toMatchObject({ severity: 'error' });
    expect(of(findings, 'orphans')).toBeUndefined();
    expect(isAlive(child.pid)).toBe(true);
  } finally {
    child.kill('SIGKILL');
    await child.exited;
  }
});

describe('with a server', () => {
  test('it is asked, and mends what is its own; an open door is an error', async () => {
    using models = temporaryFolder('doctor-models');
    writeFileSync(join(models.path, 'cut.gguf'), 'GGUF');
    await using drover = await startDrover({ modelsFolders: [models.path] });
    await drover.waitForLine(/engine ready/);
    const unfinished = join(drover.dataFolder, 'cache', '.index.0123456789ab.tmp');
    mkdirSync(join(drover.dataFolder, 'cache'), { recursive: true });
    writeFileSync(unfinished, 'half');
    utimesSync(unfinished, OLD, OLD);
    const asked = async (...words: string[]) =>
      JSON.parse((await drover.cli('doctor', '--json', ...words)).stdout) as never;
    const findings: readonly Finding[] = await asked();
    expect(of(findings, 'server-running')?.severity).toBe('ok');
    expect(of(findings, 'model-broken')).toMatchObject({
      subject: 'cut',
      evidence: [join(models.path, 'cut.gguf'), '4 B'],
    });
    expect(of(findings, 'leftovers')?.evidence).toEqual([`${unfinished} (4 B)`]);
    const mended: Mended = await asked('--fix');
    expect(mended.done).toEqual([`Removed ${unfinished}.`]);
    expect(of(mended.findings, 'leftovers')).toBeUndefined();
    expect(of(await asked('--deep'), 'server-running')?.severity).toBe('ok');
  });

  test('one that other machines use without a key', async () => {
    await using drover = await startDrover({ listen: '0.0.0.0:0', args: ['--insecure'] });
    await eventually(
      async () => (await drover.cli('doctor', '--json')).exitCode === 1,
      () => drover.log(),
    );
    const shown = await drover.cli('doctor');
    expect(shown.stdout).toContain('Whoever reaches this machine may use the server without a key.');
    expect(shown.stdout).toContain('drover config unset insecure');
  });
});
