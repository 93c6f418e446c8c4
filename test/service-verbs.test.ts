// `drover service` on the compiled executable, kept running by a real systemd where there is one.
import { describe, expect, test } from 'bun:test';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { hostBinary } from '../build.ts';
import { cli, temporaryFolder } from './fixtures/drover.ts';
import { testEngine } from './fixtures/engine.ts';
import { isAlive } from './fixtures/house.ts';
import { eventually } from './fixtures/restarts.ts';
import { tinyLlama } from './fixtures/tiny-models.ts';
import { noUserManager, openUserManager } from './fixtures/user-manager.ts';

const analyze = Bun.which('systemd-analyze');

describe('what would be done', () => {
  test('is shown, and nothing is', async () => {
    using home = temporaryFolder('service-dry');
    const environment = { PATH: process.env.PATH ?? '', HOME: home.path, NO_COLOR: '1' };
    const shown = await cli(['service', 'install', '--user', '--dry-run'], environment);
    expect(shown.exitCode).toBe(0);
    const unit = join(home.path, '.config/systemd/user/drover.service');
    expect(shown.stdout).toContain(`# writes ${unit}`);
    expect(shown.stdout).toContain(`ExecStart="${hostBinary}" "serve" "--yes"`);
    expect(shown.stdout.trimEnd().split('\n').slice(-3)).toEqual([
      'systemctl --user daemon-reload',
      'systemctl --user enable drover.service',
      'systemctl --user restart drover.service',
    ]);
    expect(existsSync(unit)).toBe(false);
    const status = await cli(['service', 'status', '--user', '--json'], environment);
    expect(status.exitCode).toBe(3);
    expect(JSON.parse(status.stdout)).toEqual({
      manager: 'systemd',
      name: 'drover.service',
      scope: 'user',
      isInstalled: false,
      isRunning: false,
      isOutdated: false,
    });
    expect((await cli(['service', 'uninstall', '--user'], environment)).exitCode).toBe(0);
    expect((await cli(['service', 'start', '--user'], environment)).stderr).toContain('drover service install --user');
    expect((await cli(['service', 'install', '--user', '--system'], environment)).exitCode).toBe(2);
    expect((await cli(['service', 'dance'], environment)).stderr).toContain('install, uninstall, start, stop, status');
  });

  test.skipIf(analyze === null)('is well-formed for systemd, and lets the service do little', async () => {
    using folder = temporaryFolder('service-verify');
    for (const scope of ['user', 'system']) {
      const shown = await cli(['service', 'install', `--${scope}`, '--dry-run', '--json'], {
        PATH: process.env.PATH ?? '',
        HOME: folder.path,
      });
      const { files } = JSON.parse(shown.stdout) as { files: { text: string }[] };
      const path = join(folder.path, 'drover.service');
      writeFileSync(path, files[0]?.text ?? '');
      const said = Bun.spawnSync([analyze ?? '', 'verify', path]);
      expect([scope, said.exitCode, said.stderr.toString()]).toEqual([scope, 0, '']);
      if (scope === 'user') continue;
      const judged = Bun.spawnSync([analyze ?? '', 'security', '--offline=true', '--threshold=30', path]);
      expect([judged.exitCode, judged.stderr.toString()]).toEqual([0, '']);
    }
  });
});

test.skipIf(noUserManager() !== null)(
  'a service of a person is installed, serves, is started again when it dies, stopped, and removed',
  async () => {
    await using manager = await openUserManager();
    const { environment, home } = manager;
    const data = join(home, 'drover data'); // systemd has its own mind about blanks
    const models = join(home, 'models');
    mkdirSync(data);
    mkdirSync(models);
    writeFileSync(join(models, 'talker.gguf'), tinyLlama({ name: 'Talker' }));
    const engine = (await testEngine()).folder;
    writeFileSync(
      join(data, 'config.yaml'),
      [
        'listen: 127.0.0.1:0',
        `engine: ${JSON.stringify(engine)}`,
        `modelsFolders: [${JSON.stringify(models)}]`,
        'scanKnownFolders: false',
        'models:',
        '  talker-f32: { threads: 1 }',
        '',
      ].join('\n'),
    );
    const env = { ...environment, DROVER_DATA_DIR: data };
    const run = (...words: string[]) => cli(words, env);
    const installed = await run('service', 'install', '--user');
    expect([installed.exitCode, installed.stderr]).toEqual([0, expect.stringContaining('installed and started')]);
    // It is ready when systemctl has come back: `Type=notify`.
    interface Status {
      readonly isRunning: boolean;
      readonly pid: number;
      readonly urls: readonly string[];
      readonly keeper: unknown;
    }
    const status = async (): Promise<Status> => JSON.parse((await run('status', '--json')).stdout) as Status;
    const first = await status();
    expect(first).toMatchObject({ isRunning: true, keeper: { kind: 'systemd', name: 'drover.service' } });
    expect((await run('service', 'status', '--user')).exitCode).toBe(0);
    expect((await run('load', 'talker-f32')).exitCode).toBe(0);
    const unit = join(environment.XDG_CONFIG_HOME ?? '', 'systemd/user/drover.service');
    const before = readFileSync(unit, 'utf8');
    // Another version of it is told from this one, and mended; a second time changes nothing.
    writeFileSync(unit, before.replace('RestartSec=2', 'RestartSec=3'));
    expect(JSON.parse((await run('service', 'status', '--user', '--json')).stdout)).toMatchObject({ isOutdated: true });
    expect((await run('service', 'install', '--user')).exitCode).toBe(0);
    expect(readFileSync(unit, 'utf8')).toBe(before);
    const second = await status();
    expect(second.pid).not.toBe(first.pid);
    expect((await run('service', 'install', '--user')).exitCode).toBe(0);
    expect((await status()).pid).toBe(second.pid);
    process.kill(second.pid, 'SIGKILL');
    await eventually(
      async () => {
        const now = await status();
        return now.isRunning && now.pid !== second.pid;
      },
      () => 'it is started again',
    );
    const third = await status();
    expect((await run('service', 'stop', '--user')).exitCode).toBe(0);
    expect(isAlive(third.pid)).toBe(false);
    expect((await run('service', 'status', '--user')).exitCode).toBe(3);
    expect((await run('service', 'start', '--user')).exitCode).toBe(0);
    const fourth = await status();
    expect((await run('service', 'uninstall', '--user')).exitCode).toBe(0);
    expect(isAlive(fourth.pid)).toBe(false);
    expect(existsSync(unit)).toBe(false);
    expect(existsSync(join(data, 'config.yaml'))).toBe(true);
    expect(existsSync(join(models, 'talker.gguf'))).toBe(true);
    expect((await run('service', 'uninstall', '--user')).stderr).toContain('not installed');
  },
);
