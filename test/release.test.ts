// A release as its users meet it: whoever has only its folder on a web server installs, serves, goes over to the next version
// while streams run, goes back, and takes all of it away. Compiled executables, real shells, a real service manager.
import { beforeAll, describe, expect, test } from 'bun:test';
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { makeRelease } from '../release/make.ts';
import { sshPublicKey } from '../release/signing.ts';
import { hostTarget } from '../release/targets.ts';
import { readPartFacts } from '../src/base/http-part.ts';
import { Latch } from '../src/base/sync.ts';
import type { ReleaseNews } from '../src/core/release-news.ts';
import { readManifest } from '../src/upgrade/manifest.ts';
import { type CliResult, cleanEnvironment, runProgram, startDrover, temporaryFolder } from './fixtures/drover.ts';
import { testEngine } from './fixtures/engine.ts';
import { openPage } from './fixtures/page.ts';
import { paperRelease, type ReleaseServer, releaseServer, signingKey, trustedKeys } from './fixtures/paper-release.ts';
import { eventually, rests, startLine } from './fixtures/restarts.ts';
import { tinyLlama } from './fixtures/tiny-models.ts';
import { noUserManager, openUserManager } from './fixtures/user-manager.ts';

const target = hostTarget() ?? 'linux-x64';
const archiveOf = (version: string): string => `drover-${version}-${target}.tar.gz`;
const made = temporaryFolder('releases');

/** Those of a folder, by name. */
const filesOf = (folder: string): Map<string, Uint8Array> =>
  new Map(readdirSync(folder).map((name) => [name, new Uint8Array(readFileSync(join(folder, name)))]));

async function make(version: string, folder: string): Promise<Map<string, Uint8Array>> {
  const origin = { url: 'http://127.0.0.1:9/drover', keys: trustedKeys };
  await makeRelease({ folder, version, targets: [target], origin, key: signingKey });
  return filesOf(folder);
}

let first = new Map<string, Uint8Array>();
let second = new Map<string, Uint8Array>();
beforeAll(async () => {
  first = await make('0.1.0', join(made.path, '0.1.0'));
  second = await make('0.2.0', join(made.path, '0.2.0'));
}, 180_000);

describe('a release', () => {
  test('has for each file its digest, for the manifest its signature, and is made again the same', async () => {
    const text = new TextDecoder().decode(second.get('SHA256SUMS'));
    const names = text
      .trim()
      .split('\n')
      .map((line) => line.slice(66));
    const signatures = [...second.keys()].filter((name) => /\.(sig|sshsig)$/.test(name));
    expect([...names, 'SHA256SUMS', ...signatures].toSorted()).toEqual([...second.keys()].toSorted());
    expect(names).toContain(archiveOf('0.2.0'));
    const checked = Bun.spawnSync(['sha256sum', '--check', '--strict', 'SHA256SUMS'], {
      cwd: join(made.path, '0.2.0'),
      stdout: 'pipe',
      stderr: 'pipe',
    });
    expect([checked.exitCode, checked.stderr.toString()]).toEqual([0, '']);
    const bytes = (name: string): Uint8Array => second.get(name) ?? new Uint8Array();
    const manifest = readManifest(bytes('drover-release.json'), bytes('drover-release.json.sig'), trustedKeys);
    expect(manifest).toMatchObject({ version: '0.2.0', archives: [{ target, fileName: archiveOf('0.2.0') }] });
    const again = await make('0.2.0', join(made.path, 'again'));
    const differing = [...second].filter(([name, one]) => !Buffer.from(one).equals(Buffer.from(again.get(name) ?? [])));
    expect(differing.map(([name]) => name)).toEqual([]);
  });

  test('holds one folder with the program, its documents and what shells need', () => {
    const listed = Bun.spawnSync(['tar', '-tvzf', join(made.path, '0.1.0', archiveOf('0.1.0'))], { stdout: 'pipe' });
    const entries = listed.stdout
      .toString()
      .trim()
      .split('\n')
      .map((line) => line.split(/\s+/));
    const names = entries.map((entry) => entry.at(-1) ?? '');
    const folder = archiveOf('0.1.0').replace('.tar.gz', '');
    expect(names.every((name) => name.startsWith(`${folder}/`))).toBe(true);
    for (const name of ['drover', 'drover.1', 'LICENSE', 'README.md', 'CHANGELOG.md', 'completions/_drover']) {
      expect(names).toContain(`${folder}/${name}`);
    }
    // Nobody's name, and only the program can be run.
    for (const [mode, owner, , , , name = ''] of entries) {
      expect([name, mode, owner]).toEqual([name, name.endsWith('/drover') ? '-rwxr-xr-x' : '-rw-r--r--', '0/0']);
    }
  });

  test('is signed in forms that other tools check', () => {
    using folder = temporaryFolder('signatures');
    const at = (name: string): string => join(folder.path, name);
    for (const [name, bytes] of second) if (name.startsWith('SHA256SUMS')) writeFileSync(at(name), bytes);
    writeFileSync(at('signers'), `drover namespaces="drover-release" ${sshPublicKey(trustedKeys[0] ?? '')}\n`);
    writeFileSync(at('key.pem'), `-----BEGIN PUBLIC KEY-----\n${trustedKeys[0]}\n-----END PUBLIC KEY-----\n`);
    const ssh = (text: Uint8Array): number =>
      Bun.spawnSync(
        [
          ...['ssh-keygen', '-Y', 'verify', '-f', at('signers'), '-I', 'drover', '-n', 'drover-release'],
          ...['-s', at('SHA256SUMS.sshsig')],
        ],
        { stdin: text },
      ).exitCode;
    const openssl = (path: string): number =>
      Bun.spawnSync([
        ...['openssl', 'pkeyutl', '-verify', '-pubin', '-inkey', at('key.pem'), '-rawin', '-in', path],
        ...['-sigfile', at('SHA256SUMS.sig')],
      ]).exitCode;
    const text = readFileSync(at('SHA256SUMS'));
    writeFileSync(at('altered'), `${text}\n`);
    expect([ssh(text), openssl(at('SHA256SUMS'))]).toEqual([0, 0]);
    expect(ssh(readFileSync(at('altered')))).not.toBe(0);
    expect(openssl(at('altered'))).not.toBe(0);
  });
});

interface Person extends Disposable {
  readonly home: string;
  readonly program: string;
  readonly server: ReleaseServer;
  readonly environment: Record<string, string>;
  run(argv: readonly string[], more?: Record<string, string>): Promise<CliResult>;
  /** Fetches the script of what is served, as its users do, and runs it. */
  install(...words: string[]): Promise<CliResult>;
  drover(...words: string[]): Promise<CliResult>;
  /** Of the executable in place. */
  version(): Promise<string>;
}

/** Somebody who has a home and the address of a release. */
function person(files: Map<string, Uint8Array>, more: Record<string, string> = {}, homeFolder?: string): Person {
  const folder = temporaryFolder('person of a release');
  const home = homeFolder ?? folder.path;
  const server = releaseServer(files);
  const environment = {
    ...cleanEnvironment(join(home, 'data of drover')),
    HOME: home,
    DROVER_URL: server.url,
    DROVER_UPDATE_URL: server.url,
    ...more,
  };
  const program = join(home, '.local/bin/drover');
  const run = (argv: readonly string[], also: Record<string, string> = {}): Promise<CliResult> =>
    runProgram(argv, { ...environment, ...also }, { cwd: home });
  const script = async (): Promise<string> => {
    const path = join(home, 'install.sh');
    const fetched = await run(['curl', '-fsSL', '-o', path, `${server.url}install.sh`]);
    if (fetched.exitCode !== 0) throw new Error(`the script cannot be fetched: ${fetched.stderr}`);
    return path;
  };
  return {
    home,
    program,
    server,
    environment,
    run,
    install: async (...words) => run(['sh', await script(), ...words]),
    drover: (...words) => run([program, ...words]),
    version: async () => {
      const said = await run([program, 'version', '--json']);
      return (JSON.parse(said.stdout) as { version: string }).version;
    },
    [Symbol.dispose]: () => {
      server[Symbol.dispose]();
      folder[Symbol.dispose]();
    },
  };
}

/** All files below a folder, relative; the executable's lock is none. */
const filesBelow = (folder: string): string[] =>
  existsSync(folder)
    ? [...new Bun.Glob('**/*').scanSync({ cwd: folder, dot: true })].filter((name) => !name.endsWith('/lock')).sort()
    : [];

const without = (files: Map<string, Uint8Array>, name: string): Map<string, Uint8Array> =>
  new Map([...files].filter(([one]) => one !== name));
const altered = (files: Map<string, Uint8Array>, name: string): Map<string, Uint8Array> => {
  const bytes = new Uint8Array(files.get(name) ?? []);
  bytes[Math.floor(bytes.length / 2)] = (bytes[Math.floor(bytes.length / 2)] ?? 0) ^ 1;
  return new Map([...files, [name, bytes]]);
};

describe('the install script', () => {
  test('installs for one person, again without harm, and takes away what it made', async () => {
    using ada = person(first);
    const data = join(ada.home, '.local/share/drover');
    mkdirSync(data, { recursive: true });
    writeFileSync(join(data, 'config.yaml'), 'ttl: 60\n');
    const done = await ada.install();
    expect([done.exitCode, done.stderr]).toEqual([0, '']);
    expect(done.stdout).toContain(`Installed: ${ada.program}`);
    expect(done.stdout).toContain(`export PATH="${ada.home}/.local/bin:$PATH"`);
    expect(await ada.version()).toBe('0.1.0');
    const installed = filesBelow(join(ada.home, '.local'));
    expect(installed).toContain('share/man/man1/drover.1');
    expect(installed).toContain('share/zsh/site-functions/_drover');
    expect(installed).toContain('share/bash-completion/completions/drover');
    expect(installed).toContain('share/fish/vendor_completions.d/drover.fish');
    expect((await ada.install()).exitCode).toBe(0);
    const gone = await ada.install('--uninstall');
    expect([gone.exitCode, gone.stderr]).toEqual([0, '']);
    expect(filesBelow(join(ada.home, '.local'))).toEqual(['share/drover/config.yaml']);
    expect((await ada.install('--uninstall')).stdout).toContain('Nothing is installed');
  });

  test('goes where it is told, blanks and all, and brings the program alone', async () => {
    using ada = person(first);
    const prefix = join(ada.home, 'my programs');
    expect((await ada.install('--prefix', 'my programs', '--no-extras')).exitCode).toBe(0);
    expect(filesBelow(prefix)).toEqual(['bin/drover', 'share/drover/installed-files']);
    expect((await ada.install('--prefix', prefix, '--uninstall')).exitCode).toBe(0);
    expect(filesBelow(prefix)).toEqual([]);
  });

  describe('installs nothing when', () => {
    const rows: readonly (readonly [string, () => Map<string, Uint8Array>, number, string])[] = [
      ['the checksums were altered', () => altered(first, 'SHA256SUMS'), 4, 'not signed by a key'],
      ['the signature was altered', () => altered(first, 'SHA256SUMS.sshsig'), 4, 'not signed by a key'],
      ['the archive was altered', () => altered(first, archiveOf('0.1.0')), 4, 'another digest'],
      ['the archive is missing', () => without(first, archiveOf('0.1.0')), 7, 'could not be fetched'],
      ['the signature is missing', () => without(first, 'SHA256SUMS.sshsig'), 7, 'could not be fetched'],
    ];
    test.each(rows.map((row) => [...row]))('%s', async (_, files, code, words) => {
      using ada = person(files());
      const done = await ada.install();
      expect([done.exitCode, done.stderr]).toEqual([code, expect.stringContaining(words)]);
      expect(filesBelow(join(ada.home, '.local'))).toEqual([]);
    });

    test('nothing can check the signature, unless that is accepted', async () => {
      using ada = person(first);
      // Only what the script cannot do without.
      const bin = join(ada.home, 'few');
      mkdirSync(bin);
      const words = 'sh uname mkdir rm mv cp cat sort sed grep tar gzip curl sha256sum getconf ln tail dirname rmdir';
      for (const name of words.split(' ')) {
        const path = Bun.which(name);
        if (path !== null) Bun.spawnSync(['ln', '-s', path, join(bin, name)]);
      }
      await ada.install('--help');
      const script = join(ada.home, 'install.sh');
      const refused = await ada.run(['sh', script], { PATH: bin });
      expect([refused.exitCode, refused.stderr]).toEqual([4, expect.stringContaining('DROVER_ALLOW_UNSIGNED=1')]);
      const accepted = await ada.run(['sh', script], { PATH: bin, DROVER_ALLOW_UNSIGNED: '1' });
      expect([accepted.exitCode, accepted.stdout]).toEqual([0, expect.stringContaining('Not checked:')]);
      // By OpenSSL alone it is checked too.
      const openssl = Bun.which('openssl');
      if (openssl === null) return;
      Bun.spawnSync(['ln', '-s', openssl, join(bin, 'openssl')]);
      const checked = await ada.run(['sh', script], { PATH: bin });
      expect([checked.exitCode, checked.stdout]).toEqual([0, expect.not.stringContaining('Not checked:')]);
      ada.server.serve(altered(first, 'SHA256SUMS'));
      const tampered = await ada.run(['sh', script], { PATH: bin });
      expect([tampered.exitCode, tampered.stderr]).toEqual([4, expect.stringContaining('not signed')]);
    });

    test('the words are wrong, or there is no place', async () => {
      using ada = person(first);
      expect((await ada.install('--dance')).exitCode).toBe(2);
      expect((await ada.install('--prefix')).exitCode).toBe(2);
      writeFileSync(join(ada.home, 'file'), '');
      const refused = await ada.install('--prefix', join(ada.home, 'file'));
      expect([refused.exitCode, refused.stderr]).toEqual([9, expect.stringContaining('cannot be written to')]);
    });
  });

  test('a system that no release is for is told, and nothing is fetched', async () => {
    using ada = person(first);
    await ada.install('--help');
    const bin = join(ada.home, 'bin');
    mkdirSync(bin);
    for (const [system, machine, words] of [
      ['SunOS', 'x86_64', 'there is no release for SunOS'],
      ['Linux', 'riscv64', 'there is no release for riscv64'],
    ] as const) {
      writeFileSync(join(bin, 'uname'), `#!/bin/sh\ncase $1 in -m) echo ${machine} ;; *) echo ${system} ;; esac\n`, {
        mode: 0o755,
      });
      const asked = ada.server.asked.length;
      const done = await ada.run(['sh', join(ada.home, 'install.sh')], { PATH: `${bin}:${process.env.PATH}` });
      expect([done.exitCode, done.stderr]).toEqual([2, expect.stringContaining(words)]);
      expect(ada.server.asked.length).toBe(asked);
    }
  });

  test('killed while the archive comes, it leaves no program, and the next run all of it', async () => {
    using ada = person(first);
    await ada.install('--help');
    ada.server.stallAfterBytes = 1_000_000;
    const child = Bun.spawn(['setsid', 'sh', join(ada.home, 'install.sh')], {
      env: ada.environment,
      stdin: 'ignore',
      stdout: 'ignore',
      stderr: 'ignore',
    });
    const part = () =>
      [...new Bun.Glob('.local/bin/.drover-install.*/*.tar.gz').scanSync({ cwd: ada.home, dot: true })].length > 0;
    await eventually(part, () => 'the archive comes');
    process.kill(-child.pid, 'SIGKILL');
    await child.exited;
    expect(existsSync(ada.program)).toBe(false);
    expect(part()).toBe(true);
    ada.server.stallAfterBytes = null;
    expect((await ada.install()).exitCode).toBe(0);
    expect(await ada.version()).toBe('0.1.0');
    expect(filesBelow(join(ada.home, '.local/bin'))).toEqual(['drover']);
  });
});

describe('drover update', () => {
  test('says what there is, and changes nothing unasked', async () => {
    using ada = person(first);
    await ada.install();
    const same = await ada.drover('update', '--check');
    expect([same.exitCode, same.stdout]).toEqual([0, '0.1.0 is the newest version.\n']);
    ada.server.serve(second);
    const newer = await ada.drover('update', '--check', '--json');
    expect(JSON.parse(newer.stdout)).toMatchObject({ current: '0.1.0', newest: '0.2.0', isNewer: true });
    expect(await ada.version()).toBe('0.1.0');
    ada.server.serve(new Map());
    const none = await ada.drover('update', '--check');
    expect([none.exitCode, none.stderr]).toEqual([7, expect.stringContaining('drover-release.json')]);
    const offline = await ada.run([ada.program, 'update'], { DROVER_OFFLINE: 'true' });
    expect(offline.exitCode).toBe(7);
  });

  test('a server says it on its page, to whoever asks there and only then', async () => {
    using ada = person(first);
    await ada.install();
    ada.server.serve(second);
    await using server = await startDrover({
      binary: ada.program,
      engine: null,
      environment: { DROVER_UPDATE_URL: ada.server.url },
    });
    await using watched = await openPage(server, { path: '/settings/about' });
    const { page } = watched;
    await page.getByText('This is Drover 0.1.0.').waitFor();
    const askedBefore = ada.server.asked.length;
    const ask = page.getByRole('button', { name: 'Look for a newer version' });
    await ask.click();
    const news = page.getByRole('alert').filter({ hasText: 'Drover 0.2.0 is there.' });
    await news.getByText('drover update', { exact: true }).waitFor();
    expect(await watched.axe()).toEqual([]);
    await watched.picture('settings-about-newer');
    expect(ada.server.asked.slice(askedBefore).toSorted()).toEqual(['drover-release.json', 'drover-release.json.sig']);
    const said = await server.json<ReleaseNews>('/drover/release');
    expect(said).toEqual({
      ...said,
      current: '0.1.0',
      newest: '0.2.0',
      isNewer: true,
      sizeBytes: second.get(archiveOf('0.2.0'))?.length ?? 0,
      command: 'drover update',
      hint: null,
    });
    ada.server.serve(first);
    await ask.click();
    await page.getByText('0.1.0 is the newest version.').waitFor();
    ada.server.serve(new Map());
    await ask.click();
    await page.getByText('A release may be in the making', { exact: false }).waitFor();
    expect(await ada.version()).toBe('0.1.0');
  });

  const setpriv = process.getuid?.() === 0 ? Bun.which('setpriv') : null;
  test.skipIf(setpriv === null)('who may not write there is told how, and nothing is changed', async () => {
    using ada = person(first);
    await ada.install();
    ada.server.serve(second);
    // Everybody may look, and only root may write.
    for (const folder of ['', '.local', '.local/bin']) chmodSync(join(ada.home, folder), 0o755);
    using data = temporaryFolder('nobody');
    chmodSync(data.path, 0o777);
    const asNobody = [setpriv ?? '', '--reuid=65534', '--regid=65534', '--clear-groups', ada.program];
    for (const verb of ['update', 'rollback']) {
      const done = await ada.run([...asNobody, verb], { DROVER_DATA_DIR: join(data.path, 'data'), HOME: data.path });
      expect([done.exitCode, done.stderr]).toEqual([9, expect.stringContaining('sudo drover update')]);
    }
    expect(await ada.version()).toBe('0.1.0');
  });

  test('tries the new one, and refuses a tampered, a strange, an older and a broken one', async () => {
    using ada = person(second);
    await ada.install();
    const refusals: readonly (readonly [Map<string, Uint8Array>, number, string])[] = [
      [altered(second, 'drover-release.json'), 4, 'not signed'],
      [(await paperRelease({ version: '0.3.0' }, { isStranger: true })).files, 4, 'not signed'],
      [(await paperRelease({ version: '0.3.0', selfTestCode: 1 })).files, 6, 'the self-test found something'],
      [(await paperRelease({ version: '0.3.0', configCode: 10 })).files, 6, 'not understood any more'],
    ];
    for (const [files, code, words] of refusals) {
      ada.server.serve(files);
      const done = await ada.drover('update');
      expect([done.exitCode, done.stderr]).toEqual([code, expect.stringContaining(words)]);
      expect(await ada.version()).toBe('0.2.0');
    }
    ada.server.serve(first);
    expect((await ada.drover('update')).stdout).toContain('0.2.0 is the newest version (0.1.0 is released).');
    expect(await ada.version()).toBe('0.2.0');
  });

  test('killed while the archive comes, the old one runs, and the next try goes on from there', async () => {
    using ada = person(first);
    await ada.install();
    ada.server.serve(second);
    ada.server.stallAfterBytes = 20_000_000;
    const child = Bun.spawn([ada.program, 'update'], {
      env: ada.environment,
      stdin: 'ignore',
      stdout: 'ignore',
      stderr: 'ignore',
    });
    const archive = join(ada.environment.DROVER_DATA_DIR ?? '', 'cache/updates', archiveOf('0.2.0'));
    const kept = (): number => readPartFacts(archive)?.done?.totalBytes ?? 0;
    await eventually(
      () => kept() > 4_000_000,
      () => `only ${kept()} bytes are noted`,
    );
    child.kill('SIGKILL');
    await child.exited;
    expect(await ada.version()).toBe('0.1.0');
    const keptBytes = kept();
    ada.server.stallAfterBytes = null;
    ada.server.sentBytes = 0;
    const done = await ada.drover('update', '--json');
    expect(JSON.parse(done.stdout)).toEqual({ from: '0.1.0', to: '0.2.0', restarted: [] });
    expect(ada.server.sentBytes).toBeLessThanOrEqual((second.get(archiveOf('0.2.0'))?.length ?? 0) - keptBytes);
    expect(await ada.version()).toBe('0.2.0');
  });

  test('a server goes over to the new one without a gap, its streams end whole, and back again', async () => {
    using ada = person(first);
    await ada.install();
    const models = join(ada.home, 'models');
    mkdirSync(models);
    writeFileSync(join(models, 'talker.gguf'), tinyLlama({ name: 'Talker', contextTokens: 32768 }));
    const dataFolder = ada.environment.DROVER_DATA_DIR ?? '';
    mkdirSync(dataFolder, { recursive: true });
    await using line = await startLine({
      binary: ada.program,
      dataFolder,
      modelsFolders: [models],
      oneThread: ['talker-f32'],
      // A busy machine is slow, and no stream is to be cut for that.
      environment: { HOME: ada.home, DROVER_DRAIN_TIMEOUT: '300' },
    });
    const server = line.first;
    const chat = (maxTokens: number, stream: boolean) =>
      server.request('/v1/chat/completions', {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        keepalive: false,
        body: JSON.stringify({
          model: 'talker-f32',
          messages: [{ role: 'user', content: 'the water' }],
          max_tokens: maxTokens,
          ignore_eos: true,
          stream,
        }),
      });
    expect((await chat(4, false)).status).toBe(200);
    const pidNow = async (): Promise<{ pid: number; version: string }> =>
      (await (await server.request('/drover/status', { keepalive: false })).json()) as { pid: number; version: string };
    const before = await pidNow();
    ada.server.serve(second);
    const updating = Bun.spawn([ada.program, 'update', '--json'], {
      env: ada.environment,
      stdin: 'ignore',
      stdout: 'pipe',
      stderr: 'pipe',
    });
    // It has fetched, and tries the new one out: the stream begins before the restart, and ends after it.
    const trying = new Latch();
    void (async () => {
      for await (const chunk of updating.stderr) {
        if (new TextDecoder().decode(chunk).includes('trying it out')) trying.open();
      }
    })();
    await trying.promise;
    const stream = await chat(5000, true);
    let endedAt = 0;
    const reading = stream.text().finally(() => {
      endedAt = performance.now();
    });
    let changedAt = 0;
    const answers: number[] = [];
    const hammer = (async () => {
      while (changedAt === 0) {
        const answer = await server.request('/drover/status', { keepalive: false });
        answers.push(answer.status);
        if (((await answer.json()) as { version: string }).version === '0.2.0') changedAt = performance.now();
      }
    })();
    const said = await new Response(updating.stdout).text();
    expect([await updating.exited, JSON.parse(said)]).toEqual([
      0,
      { from: '0.1.0', to: '0.2.0', restarted: [{ url: server.url, version: '0.2.0' }] },
    ]);
    await hammer;
    expect(new Set(answers)).toEqual(new Set([200]));
    const frames = (await reading).split('\n\n').filter((frame) => frame !== '');
    expect(frames.at(-1)).toBe('data: [DONE]');
    // As many tokens as were asked for, though not each has a frame.
    expect(frames.at(-2)).toContain('"finish_reason":"length"');
    expect(frames.at(-2)).toContain('"predicted_n":5000');
    expect(endedAt).toBeGreaterThan(changedAt);
    const after = await pidNow();
    expect(after).toMatchObject({ version: '0.2.0' });
    expect(after.pid).not.toBe(before.pid);
    expect((await chat(4, false)).status).toBe(200);
    // One that passes every trial and then does not serve: the server stays, and so does its version.
    ada.server.serve((await paperRelease({ version: '0.3.0' })).files);
    const failed = await ada.drover('update');
    expect([failed.exitCode, failed.stderr]).toEqual([6, expect.stringContaining('The version before is back.')]);
    expect(await ada.version()).toBe('0.2.0');
    expect(await pidNow()).toMatchObject({ pid: after.pid, version: '0.2.0' });
    const back = await ada.drover('rollback', '--json');
    expect(JSON.parse(back.stdout)).toEqual({
      from: '0.2.0',
      to: '0.1.0',
      restarted: [{ url: server.url, version: '0.1.0' }],
    });
    expect(await pidNow()).toMatchObject({ version: '0.1.0' });
    expect((await chat(4, false)).status).toBe(200);
  });
});

test.skipIf(noUserManager() !== null)(
  'a service is installed by the script, goes over to the next version under its manager, back, and is taken away',
  async () => {
    await using manager = await openUserManager();
    const data = join(manager.home, 'data of drover');
    using ada = person(first, manager.environment, manager.home);
    mkdirSync(data);
    writeFileSync(
      join(data, 'config.yaml'),
      `listen: 127.0.0.1:0\nengine: ${JSON.stringify((await testEngine()).folder)}\nscanKnownFolders: false\n`,
    );
    const installed = await ada.install('--service');
    expect([installed.exitCode, installed.stderr]).toEqual([0, expect.stringContaining('installed and started')]);
    const status = async () =>
      JSON.parse((await ada.drover('status', '--json')).stdout) as { pid: number; version: string; urls: string[] };
    const isActive = async () => (await ada.drover('service', 'status', '--user')).exitCode === 0;
    const one = await status();
    expect(one.version).toBe('0.1.0');
    ada.server.serve(second);
    const manual = join(manager.home, '.local/share/man/man1/drover.1');
    const updated = await ada.drover('update');
    expect([updated.exitCode, updated.stderr]).toEqual([0, expect.stringContaining('runs it now')]);
    expect(readFileSync(manual, 'utf8')).toContain('"Drover 0.2.0"');
    const two = await status();
    expect(two).toMatchObject({ version: '0.2.0', urls: one.urls });
    expect(two.pid).not.toBe(one.pid);
    expect(await isActive()).toBe(true);
    // The one that the manager watches waits for the end of the others, and does nothing else.
    const shown = await ada.run(['systemctl', '--user', 'show', '--property=MainPID', '--value', 'drover.service']);
    expect(Number(shown.stdout)).toBe(one.pid);
    await rests(one.pid);
    expect((await ada.drover('rollback')).exitCode).toBe(0);
    expect(await status()).toMatchObject({ version: '0.1.0', urls: one.urls });
    expect(readFileSync(manual, 'utf8')).toContain('"Drover 0.1.0"');
    expect(await isActive()).toBe(true);
    // What is killed is started again, once nobody before it is left to go on, as the version that lies in place.
    const three = await status();
    const log = join(data, 'logs/drover.log');
    await eventually(
      () => readFileSync(log, 'utf8').split('the server before this one has ended').length === 3,
      () => readFileSync(log, 'utf8'),
    );
    process.kill(three.pid, 'SIGKILL');
    await eventually(
      async () => (await isActive()) && (await status()).pid !== three.pid && (await status()).version === '0.1.0',
      () => 'it is started again',
    );
    const gone = await ada.install('--uninstall');
    expect([gone.exitCode, gone.stderr]).toEqual([0, '']);
    expect(filesBelow(join(manager.home, '.local'))).toEqual([]);
    expect(existsSync(join(manager.environment.XDG_CONFIG_HOME ?? '', 'systemd/user/drover.service'))).toBe(false);
    expect(existsSync(join(data, 'config.yaml'))).toBe(true);
  },
);

test('the folders of the tests are cleared away', () => {
  rmSync(made.path, { recursive: true, force: true });
  expect(existsSync(made.path)).toBe(false);
});
