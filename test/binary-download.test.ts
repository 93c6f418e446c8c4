// The compiled executable downloads with all that the sources have: several connections, and the thread that hashes.
import { expect, test } from 'bun:test';
import { createHash, randomBytes } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { hostBinary } from '../build.ts';
import { cleanEnvironment, temporaryFolder } from './fixtures/drover.ts';
import { packedEngine, packedFile } from './fixtures/github/packed-engine.ts';
import { nightly, startGithub } from './fixtures/github/server.ts';
import { contentServer } from './fixtures/range-server.ts';
import { openFiles, workerThreads } from './fixtures/threads.ts';

const MIB = 1024 * 1024;

/** The engine's archive with something beside it that makes it large. */
function enlarge(archive: string, folder: string, top: string): string {
  const tar = join(folder, 'engine.tar');
  writeFileSync(tar, Bun.gunzipSync(new Uint8Array(readFileSync(archive))));
  writeFileSync(join(folder, 'filler.bin'), randomBytes(24 * MIB));
  const append = ['tar', '-C', folder, `--transform=s,^,${top}/,`, '-rf', tar, 'filler.bin'];
  expect(Bun.spawnSync(append).exitCode).toBe(0);
  expect(Bun.spawnSync(['gzip', '-1', tar]).exitCode).toBe(0);
  return `${tar}.gz`;
}

test('an engine is fetched in pieces from where redirects lead, and hashed by a worker of the executable', async () => {
  using data = temporaryFolder('binary-download');
  using folder = temporaryFolder('large-archive');
  const tag = 'b11669';
  const archive = await packedFile(enlarge((await packedEngine(`llama-${tag}`)).path, folder.path, `llama-${tag}`));
  const bytes = readFileSync(archive.path);
  expect(createHash('sha256').update(bytes).digest('hex')).toBe(archive.sha256);
  const served = { sizeBytes: bytes.length, bytes: (start: number, end: number) => bytes.subarray(start, end) };
  await using cdn = await contentServer(served, () => ({ bytesPerSecond: 8 * MIB }));
  await using github = await startGithub([nightly(tag, { [`llama-${tag}-bin-ubuntu-x64.tar.gz`]: archive })]);
  github.redirect = (path) => `${cdn.url}${path}`;

  const child = Bun.spawn([hostBinary, 'engine', 'install', '--backend', 'cpu', '--json'], {
    env: cleanEnvironment(data.path, {
      DROVER_GITHUB_API: github.url,
      DROVER_GITHUB_DOWNLOADS: github.url,
      DROVER_DOWNLOAD_HOSTS: cdn.host,
    }),
    stdin: 'ignore',
    stdout: 'pipe',
    stderr: 'pipe',
  });
  // A thread that cannot find its program is gone at once; one that hashes is there until all bytes are.
  const seen: number[] = [];
  while (child.exitCode === null) {
    if (openFiles(child.pid).some(({ path, isReadOnly }) => isReadOnly && path.endsWith('.tar.gz.part'))) {
      seen.push(workerThreads(child.pid));
    }
    await Bun.sleep(5);
  }
  const said = await new Response(child.stderr).text();
  expect(said).not.toContain('"error"');
  expect(child.exitCode).toBe(0);
  expect(seen.filter((threads) => threads === 1).length).toBeGreaterThan(20);
  expect(cdn.mostAtOnce()).toBe(4);
  expect(github.downloads).toEqual([]);
  expect(JSON.parse(await new Response(child.stdout).text())).toMatchObject({ id: `${tag}-cpu` });
});
