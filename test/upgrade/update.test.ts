// The course of an update with programs of a few lines, against a server of releases: whatever happens, and wherever it is
// killed, what lies at the executable's path runs, and the next try ends well.
import { describe, expect, test } from 'bun:test';
import { chmodSync, copyFileSync, existsSync, mkdirSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { FileLock } from '../../src/base/sync.ts';
import { installationOf } from '../../src/upgrade/installation.ts';
import type { Manifest } from '../../src/upgrade/manifest.ts';
import { rollBack, type UpdateOptions, type UpdateStep, update } from '../../src/upgrade/update.ts';
import { temporaryFolder } from '../fixtures/drover.ts';
import { faultOf } from '../fixtures/fault-of.ts';
import {
  installPaper,
  PAPER_TARGET,
  type PaperRelease,
  paperRelease,
  paperVersion,
  type ReleaseServer,
  releaseServer,
  trustedKeys,
} from '../fixtures/paper-release.ts';

interface Place extends Disposable {
  readonly folder: string;
  readonly program: string;
  readonly server: ReleaseServer;
  readonly options: UpdateOptions;
  readonly steps: UpdateStep[];
}

/** 1.0.0 is installed; the release is served. */
function place(release: PaperRelease): Place {
  const folder = temporaryFolder('update course');
  const program = installPaper(folder.path, { version: '1.0.0' });
  const server = releaseServer(release.files);
  const steps: UpdateStep[] = [];
  return {
    folder: folder.path,
    program,
    server,
    steps,
    options: {
      url: server.url,
      keys: trustedKeys,
      target: PAPER_TARGET,
      version: '1.0.0',
      installation: installationOf(program),
      environment: { PATH: process.env.PATH },
      configWords: [],
      cacheFolder: join(folder.path, 'cache'),
      onStep: (step) => void steps.push(step),
    },
    [Symbol.dispose]: () => {
      server[Symbol.dispose]();
      folder[Symbol.dispose]();
    },
  };
}

const next = await paperRelease({ version: '2.0.0' });
const archiveName = next.manifest.archives[0]?.fileName ?? '';

test('the new one takes the place, with the rights of the old one, which stays; back, and forth again', async () => {
  using at = place(next);
  chmodSync(at.program, 0o751);
  expect(await update(at.options)).toEqual({
    current: '1.0.0',
    newest: '2.0.0',
    isNewer: true,
    sourceSeconds: 1_700_000_000,
    sizeBytes: next.files.get(archiveName)?.length ?? 0,
  });
  expect(at.steps).toEqual(['looking', 'fetching', 'fetched', 'unpacked', 'tried', 'kept', 'replaced']);
  expect(paperVersion(at.program)).toBe('2.0.0');
  expect(statSync(at.program).mode & 0o777).toBe(0o751);
  expect(paperVersion(at.options.installation.previous)).toBe('1.0.0');
  // Nothing else is left.
  expect(readdirSync(at.options.installation.folder).sort()).toEqual(['lock', 'previous']);
  expect(readdirSync(at.options.cacheFolder)).toEqual([]);
  const again = await update({ ...at.options, version: '2.0.0' });
  expect(again.isNewer).toBe(false);
  for (const [from, to] of [
    ['2.0.0', '1.0.0'],
    ['1.0.0', '2.0.0'],
  ] as const) {
    expect(await rollBack({ ...at.options, version: from })).toEqual({ from, to });
    expect(paperVersion(at.program)).toBe(to);
    expect(paperVersion(at.options.installation.previous)).toBe(from);
  }
});

describe('the old one stays when', () => {
  const altered = (change: (manifest: Manifest) => unknown) => paperRelease({ version: '2.0.0' }, { alter: change });
  const archiveOf = (manifest: Manifest) => manifest.archives[0] ?? (undefined as never);
  const without = (name: string) => new Map([...next.files].filter(([one]) => one !== name));
  const rows: readonly (readonly [string, () => Promise<PaperRelease>, string, string])[] = [
    [
      'the manifest is signed by a stranger',
      () => paperRelease({ version: '2.0.0' }, { isStranger: true }),
      'forbidden',
      'not signed',
    ],
    [
      'the manifest was altered after it was signed',
      async () => {
        const release = await paperRelease({ version: '2.0.0' });
        const text = Buffer.from(JSON.stringify({ ...release.manifest, version: '3.0.0' }));
        return { ...release, files: new Map([...release.files, ['drover-release.json', text]]) };
      },
      'forbidden',
      'not signed',
    ],
    ['there is no release', async () => ({ ...next, files: new Map() }), 'bad_gateway', 'There is no http'],
    [
      'there is no signature',
      async () => ({ ...next, files: without('drover-release.json.sig') }),
      'bad_gateway',
      '.sig',
    ],
    ['the archive is not there', async () => ({ ...next, files: without(archiveName) }), 'bad_gateway', archiveName],
    [
      'the archive has another digest',
      () => altered((manifest) => ({ ...manifest, archives: [{ ...archiveOf(manifest), sha256: 'ab'.repeat(32) }] })),
      'bad_gateway',
      'another content',
    ],
    [
      'the archive is shorter than promised',
      () =>
        altered((manifest) => ({
          ...manifest,
          archives: [{ ...archiveOf(manifest), sizeBytes: archiveOf(manifest).sizeBytes + 1 }],
        })),
      'bad_gateway',
      '',
    ],
    [
      'the program in it is another one',
      () =>
        altered((manifest) => ({
          ...manifest,
          archives: [{ ...archiveOf(manifest), program: { ...archiveOf(manifest).program, sha256: 'ab'.repeat(32) } }],
        })),
      'bad_gateway',
      'does not hold the executable',
    ],
    [
      'no program is in it',
      () =>
        altered((manifest) => ({
          ...manifest,
          archives: [{ ...archiveOf(manifest), program: { ...archiveOf(manifest).program, folder: 'elsewhere' } }],
        })),
      'bad_gateway',
      'does not hold the executable',
    ],
    [
      'there is nothing for this system',
      () => altered((manifest) => ({ ...manifest, archives: [{ ...archiveOf(manifest), target: 'vax' }] })),
      'not_supported',
      'nothing for linux-x64',
    ],
    [
      'the new one says another version',
      () => paperRelease({ version: '2.0.0', saidVersion: '9.9.9' }),
      'unavailable',
      'says that it is 9.9.9',
    ],
    [
      'the new one fails its self-test',
      () => paperRelease({ version: '2.0.0', selfTestCode: 4 }),
      'unavailable',
      'the self-test found something',
    ],
    [
      'the new one cannot read the configuration',
      () => paperRelease({ version: '2.0.0', configCode: 10 }),
      'unavailable',
      'not understood any more',
    ],
    [
      'the new one does not run at all',
      () => paperRelease({ version: '2.0.0', saidVersion: "'; kill -9 $$; echo '" }),
      'unavailable',
      'SIGKILL',
    ],
  ];
  test.each(rows.map((row) => [...row]))('%s', async (_, make, kind, words) => {
    using at = place(await make());
    const fault = await faultOf(update(at.options));
    expect([fault.kind, fault.message]).toEqual([kind as never, expect.stringContaining(words)]);
    expect(at.steps).not.toContain('kept');
    expect(paperVersion(at.program)).toBe('1.0.0');
    expect(existsSync(at.options.installation.next)).toBe(false);
    // The next release mends it.
    at.server.serve(next.files);
    await update(at.options);
    expect(paperVersion(at.program)).toBe('2.0.0');
  });

  test('the release is older, or the same', async () => {
    for (const version of ['0.9.0', '1.0.0', '1.0.0-rc.1']) {
      using at = place(await paperRelease({ version }));
      expect(await update(at.options)).toMatchObject({ newest: version, isNewer: false });
      expect(at.steps).toEqual(['looking']);
      expect(at.server.asked.toSorted()).toEqual(['drover-release.json', 'drover-release.json.sig']);
      expect(existsSync(at.options.installation.folder)).toBe(false);
    }
  });

  test('another process changes it', async () => {
    using at = place(next);
    const { folder, lock } = at.options.installation;
    mkdirSync(folder);
    using _held = FileLock.tryTake(lock);
    expect((await faultOf(update(at.options))).kind).toBe('conflict');
    expect((await faultOf(rollBack(at.options))).kind).toBe('conflict');
  });

  test('it is stopped while the archive comes; the next try goes on from there', async () => {
    using at = place(next);
    const archive = next.files.get(archiveName) ?? new Uint8Array();
    const half = Math.floor(archive.length / 2);
    at.server.stallAfterBytes = half;
    const stop = new AbortController();
    const course = update({
      ...at.options,
      signal: stop.signal,
      onProgress: (_what, doneBytes) => {
        if (doneBytes >= half) stop.abort();
      },
    });
    expect((await faultOf(course)).kind).toBe('cancelled');
    expect(paperVersion(at.program)).toBe('1.0.0');
    at.server.stallAfterBytes = null;
    const done: number[] = [];
    await update({ ...at.options, onProgress: (_what, doneBytes) => void done.push(doneBytes) });
    expect(Math.min(...done)).toBeGreaterThanOrEqual(half);
    expect(paperVersion(at.program)).toBe('2.0.0');
  });
});

test('where nobody goes over to the new one, all is as before: the old one, and the one before that', async () => {
  using at = place(next);
  await update(at.options);
  at.server.serve((await paperRelease({ version: '3.0.0' })).files);
  const seen: string[] = [];
  const refuse = (version: string): Promise<void> => {
    seen.push(version, paperVersion(at.program));
    return Promise.reject(new Error('the server stays.'));
  };
  const fault = await faultOf(update({ ...at.options, version: '2.0.0', goOver: refuse }));
  expect(fault.message).toBe('3.0.0 was put in place, but: the server stays. The version before is back.');
  expect(paperVersion(at.program)).toBe('2.0.0');
  expect(paperVersion(at.options.installation.previous)).toBe('1.0.0');
  expect((await faultOf(rollBack({ ...at.options, version: '2.0.0', goOver: refuse }))).message).toContain('1.0.0');
  expect(seen).toEqual(['3.0.0', '3.0.0', '1.0.0', '1.0.0']);
  expect(paperVersion(at.program)).toBe('2.0.0');
  expect(paperVersion(at.options.installation.previous)).toBe('1.0.0');
  expect(readdirSync(at.options.installation.folder).sort()).toEqual(['lock', 'previous']);
});

test('there is nothing to go back to before the first update', async () => {
  using at = place(next);
  expect((await faultOf(rollBack(at.options))).kind).toBe('not_found');
  expect(paperVersion(at.program)).toBe('1.0.0');
});

test('nor to the very same one', async () => {
  using at = place(next);
  const { previous } = at.options.installation;
  mkdirSync(join(previous, '..'), { recursive: true });
  copyFileSync(at.program, previous);
  expect((await faultOf(rollBack(at.options))).kind).toBe('not_found');
});

test('one that does not run any more is not gone back to', async () => {
  using at = place(next);
  await update(at.options);
  writeFileSync(at.options.installation.previous, 'no program');
  expect((await faultOf(rollBack({ ...at.options, version: '2.0.0' }))).kind).toBe('unavailable');
  expect(paperVersion(at.program)).toBe('2.0.0');
});

/** Mounts a disk of 512 KiB; only root can, and not everywhere. Null: not here. */
function smallDisk(): (Disposable & { readonly path: string }) | null {
  const folder = temporaryFolder('small disk');
  const mounted = Bun.which('mount') && process.getuid?.() === 0;
  if (mounted && Bun.spawnSync(['mount', '-t', 'tmpfs', '-o', 'size=512k', 'tmpfs', folder.path]).exitCode === 0) {
    return {
      path: folder.path,
      [Symbol.dispose]: () => {
        Bun.spawnSync(['umount', folder.path]);
        folder[Symbol.dispose]();
      },
    };
  }
  folder[Symbol.dispose]();
  return null;
}

const disk = smallDisk();
test.skipIf(disk === null)('a full disk leaves the old one, and a clear word; with room it goes well', async () => {
  using small = disk ?? temporaryFolder('never');
  using at = place(next);
  const program = installPaper(small.path, { version: '1.0.0' });
  const options = { ...at.options, installation: installationOf(program) };
  const filler = join(small.path, 'filler');
  writeFileSync(filler, new Uint8Array(256 * 1024));
  expect((await faultOf(update(options))).kind).toBe('disk_full');
  expect(paperVersion(program)).toBe('1.0.0');
  rmSync(filler);
  await update(options);
  expect(paperVersion(program)).toBe('2.0.0');
});

describe('killed', () => {
  const CHILD = join(import.meta.dir, '../fixtures/updating-child.ts');
  const run = (at: Place, haltAt: string) =>
    Bun.spawn([process.execPath, CHILD, JSON.stringify(at.options), haltAt], { stdout: 'pipe', stderr: 'pipe' });

  const steps: readonly UpdateStep[] = ['looking', 'fetching', 'fetched', 'unpacked', 'tried', 'kept', 'replaced'];
  test.each([...steps])('at the step "%s", an executable is there, and the next try ends well', async (step) => {
    using at = place(next);
    const child = run(at, step);
    let said = '';
    for await (const chunk of child.stdout) {
      said += new TextDecoder().decode(chunk);
      if (said.split('\n').includes(step)) break;
    }
    expect(said.split('\n')).toContain(step);
    child.kill('SIGKILL');
    await child.exited;
    const now = paperVersion(at.program);
    expect(now).toBe(step === 'replaced' ? '2.0.0' : '1.0.0');
    expect(await update({ ...at.options, version: now })).toMatchObject({ newest: '2.0.0' });
    expect(paperVersion(at.program)).toBe('2.0.0');
    expect(paperVersion(at.options.installation.previous)).toBe('1.0.0');
    expect((await rollBack({ ...at.options, version: '2.0.0' })).to).toBe('1.0.0');
    expect(readdirSync(at.options.installation.folder).sort()).toEqual(['lock', 'previous']);
  });

  test('between the two halves of a way back, the next try knows which is which', async () => {
    using at = place(next);
    await update(at.options);
    const { aside, previous, program } = at.options.installation;
    // As it stands after the first rename: the old one is in place, the new one aside.
    mkdirSync(join(aside, '..'));
    Bun.spawnSync(['mv', program, aside]);
    Bun.spawnSync(['mv', previous, program]);
    expect(paperVersion(program)).toBe('1.0.0');
    expect(await rollBack({ ...at.options, version: '1.0.0' })).toEqual({ from: '1.0.0', to: '2.0.0' });
    expect(paperVersion(program)).toBe('2.0.0');
    expect(existsSync(aside)).toBe(false);
  });
});
