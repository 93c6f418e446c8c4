import { afterAll, beforeAll, describe, expect, test } from 'bun:test';
import {
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync, zstdCompressSync } from 'node:zlib';
import { type ExtractOptions, extractArchive, formatOf, UNPACKING_SUFFIX } from '../../src/base/archive.ts';
import { Fault } from '../../src/base/fault.ts';
import {
  ar,
  deb,
  paxEntry,
  type TarEntry,
  tar,
  tarEnd,
  tarEntry,
  xz,
  type ZipEntry,
  zip,
} from '../fixtures/archives.ts';

let root = '';
let count = 0;
beforeAll(() => {
  root = mkdtempSync(join(tmpdir(), 'drover-archive-'));
});
afterAll(() => rmSync(root, { recursive: true, force: true }));

function place(bytes: Uint8Array): { readonly file: string; readonly folder: string; readonly home: string } {
  count += 1;
  const home = join(root, String(count));
  mkdirSync(home);
  const file = join(home, 'archive');
  writeFileSync(file, bytes);
  return { file, folder: join(home, 'out'), home };
}

/** Unpacks what must be refused: the Fault's kind and message, after checking that nothing was left behind. */
async function refused(bytes: Uint8Array, options: ExtractOptions = {}): Promise<string> {
  const { file, folder, home } = place(bytes);
  const thrown = await extractArchive(file, folder, options).then(
    (names) => `unpacked ${names.join(' ')}`,
    (error: unknown) => (error instanceof Fault ? `${error.kind}: ${error.message}` : `no fault: ${String(error)}`),
  );
  expect(readdirSync(home)).toEqual(['archive']);
  return thrown;
}

const build: readonly TarEntry[] = [
  { name: 'build/', type: '5', mode: 0o755 },
  { name: 'build/llama-server', content: 'run me', mode: 0o6755 },
  { name: 'build/libfoo.so.0.27.0', content: 'library' },
  { name: 'build/libfoo.so.0', type: '2', link: 'libfoo.so.0.27.0' },
  { name: './build/näme ☃.txt', content: 'unicode' },
  { name: 'build/empty', content: '' },
];

describe('what is honest is unpacked', () => {
  const plain = tar(build);
  const formats: readonly (readonly [string, Uint8Array])[] = [
    ['tar', plain],
    ['tar.gz', gzipSync(plain)],
    ['tar.xz', xz(plain)],
    ['tar.zst', zstdCompressSync(plain)],
    ['deb', deb(xz(plain))],
    ['deb', deb(zstdCompressSync(plain), 'data.tar.zst')],
    ['deb', deb(plain, 'data.tar')],
  ];
  test.each(formats)('%s', async (format, bytes) => {
    const { file, folder, home } = place(bytes);
    expect(await formatOf(file)).toBe(format as 'tar');
    const names = await extractArchive(file, folder);
    expect([...names].sort()).toEqual(
      ['build/empty', 'build/libfoo.so.0', 'build/libfoo.so.0.27.0', 'build/llama-server', 'build/näme ☃.txt'].sort(),
    );
    expect(readFileSync(join(folder, 'build/llama-server'), 'utf8')).toBe('run me');
    expect(readFileSync(join(folder, 'build/libfoo.so.0'), 'utf8')).toBe('library');
    expect(readlinkSync(join(folder, 'build/libfoo.so.0'))).toBe('libfoo.so.0.27.0');
    // It may be run, and setuid and setgid are gone.
    expect(statSync(join(folder, 'build/llama-server')).mode & 0o7777).toBe(0o755);
    expect(statSync(join(folder, 'build/empty')).mode & 0o7777).toBe(0o644);
    expect(readdirSync(home).sort()).toEqual(['archive', 'out']);
  });

  test('zip, stored and deflated, with folders, modes and links', async () => {
    const { file, folder } = place(
      zip([
        { name: 'bin/' },
        { name: 'bin/tool', content: 'x'.repeat(100_000), isDeflated: true, mode: 0o100755 },
        { name: 'bin/lib.so', content: 'lib', mode: 0o100644 },
        { name: 'bin/lib.so.1', content: 'lib.so', mode: 0o120777 },
      ]),
    );
    expect(await extractArchive(file, folder)).toEqual(['bin/tool', 'bin/lib.so', 'bin/lib.so.1']);
    expect(readFileSync(join(folder, 'bin/tool')).length).toBe(100_000);
    expect(statSync(join(folder, 'bin/tool')).mode & 0o777).toBe(0o755);
    expect(readlinkSync(join(folder, 'bin/lib.so.1'))).toBe('lib.so');
  });

  test('names longer than a tar header holds', async () => {
    const name = `build/${'long-'.repeat(40)}name.txt`;
    const { file, folder } = place(
      Buffer.concat([paxEntry({ path: name }), tarEntry({ name: 'short', content: 'long' }), tarEnd()]),
    );
    expect(await extractArchive(file, folder)).toEqual([name]);
    expect(readFileSync(join(folder, name), 'utf8')).toBe('long');
  });

  test('select maps, leaves out, and takes links along with what they lead to', async () => {
    const { file, folder } = place(
      tar([
        { name: 'usr/lib/libfoo.so.1', type: '2', link: 'real/libfoo.so.1.2' },
        { name: 'usr/lib/real/libfoo.so.1.2', content: 'library' },
        { name: 'usr/share/doc/readme', content: 'no' },
        { name: 'usr/lib/libdoc.so', type: '2', link: '../share/doc/readme' },
        // Left out, hence harmless.
        { name: 'dev/null', type: '3' },
      ]),
    );
    const select = (name: string): string | null =>
      /\/lib[^/]*$/.test(name) ? (name.split('/').at(-1) ?? null) : null;
    expect([...(await extractArchive(file, folder, { select }))].sort()).toEqual(['libfoo.so.1', 'libfoo.so.1.2']);
    expect(readlinkSync(join(folder, 'libfoo.so.1'))).toBe('libfoo.so.1.2');
    expect(readdirSync(folder).sort()).toEqual(['libfoo.so.1', 'libfoo.so.1.2']);
  });

  test('an empty folder is filled, a full one is left alone, a merge adds and never replaces', async () => {
    const first = place(tar([{ name: 'a', content: '1' }]));
    mkdirSync(first.folder);
    expect(await extractArchive(first.file, first.folder)).toEqual(['a']);
    await expect(extractArchive(first.file, first.folder)).rejects.toMatchObject({ kind: 'conflict' });
    const second = place(tar([{ name: 'sub/b', content: '2' }]));
    await extractArchive(second.file, first.folder, { isMerged: true });
    expect(readdirSync(first.folder).sort()).toEqual(['a', 'sub']);
    const third = place(
      tar([
        { name: 'c', content: '3' },
        { name: 'a', content: 'evil' },
      ]),
    );
    await expect(extractArchive(third.file, first.folder, { isMerged: true })).rejects.toMatchObject({
      kind: 'conflict',
    });
    expect(readFileSync(join(first.folder, 'a'), 'utf8')).toBe('1');
    expect(readdirSync(first.home).sort()).toEqual(['archive', 'out']);
  });

  test('progress ends at the archive’s size', async () => {
    const { file, folder } = place(gzipSync(tar(build)));
    const seen: (readonly [number, number])[] = [];
    await extractArchive(file, folder, { onProgress: (done, total) => seen.push([done, total]) });
    const size = statSync(file).size;
    expect(seen.at(-1)).toEqual([size, size]);
  });
});

describe('what is hostile is refused, and nothing is left', () => {
  const names: readonly (readonly [string, string, string])[] = [
    ['zip slip', '../evil', 'climbs out'],
    ['zip slip inside', 'a/../../evil', 'climbs out'],
    ['climbing, though it would stay inside', 'a/../b', 'climbs out'],
    ['absolute', '/etc/passwd', 'absolute'],
    ['Windows drive', 'C:/Windows/evil.dll', 'drive'],
    ['Windows drive, relative', 'c:evil.dll', 'drive'],
    ['backslashes', '..\\..\\evil', 'backslash'],
    ['UNC', '\\\\server\\share\\evil', 'backslash'],
    ['control characters', 'a\u001b[2Jb', 'control'],
    ['a device of Windows', 'sub/NUL', 'everywhere'],
    ['a device of Windows with an ending', 'com1.txt', 'everywhere'],
    ['an alternate stream', 'llama-server:evil', 'everywhere'],
    ['a dot at the end', 'llama-server.', 'everywhere'],
  ];
  test.each(names)('tar: %s', async (_, name, said) => {
    expect(
      await refused(
        tar([
          { name: 'fine', content: 'x' },
          { name, content: 'evil' },
        ]),
      ),
    ).toContain(said);
  });
  test.each(names)('zip: %s', async (_, name) => {
    const entries: readonly ZipEntry[] = [
      { name: 'fine', content: 'x' },
      { name, content: 'evil' },
    ];
    expect(await refused(zip(entries))).toStartWith('unprocessable: ');
  });

  test('NUL in a pax name', async () => {
    const bytes = Buffer.concat([paxEntry({ path: 'a\u0000b' }), tarEntry({ name: 'x', content: 'x' }), tarEnd()]);
    expect(await refused(bytes)).toContain('control');
  });

  test('names and paths beyond what file systems hold', async () => {
    const long = (path: string) => Buffer.concat([paxEntry({ path }), tarEntry({ name: 'x', content: 'x' }), tarEnd()]);
    expect(await refused(long('n'.repeat(256)))).toContain('too long');
    expect(await refused(long('deep/'.repeat(300)))).toContain('too long');
  });

  test.each([
    ['1', 'hard link'],
    ['3', 'character-device'],
    ['4', 'block-device'],
    ['6', 'fifo'],
  ])('tar type %s: %s', async (type, said) => {
    expect(
      await refused(
        tar([
          { name: 'a', content: 'a' },
          { name: 'thing', type, link: 'a' },
        ]),
      ),
    ).toContain(said);
  });

  test('a device in a zip', async () => {
    expect(await refused(zip([{ name: 'thing', mode: 0o020666 }]))).toContain('special file');
  });

  test.each([
    ['absolute', '/etc/passwd'],
    ['climbing', '../../etc/passwd'],
    ['climbing behind a name, which might be a link', 'sub/../../x'],
    ['to the root itself', '..'],
    ['a Windows path', 'C:\\Windows'],
    ['nowhere', ''],
  ])('a link that leads outside: %s', async (_, link) => {
    expect(await refused(tar([{ name: 'sub/link', type: '2', link }]))).toContain('leads outside');
    if (link === '') return;
    expect(await refused(zip([{ name: 'sub/link', mode: 0o120777, content: link }]))).toContain('leads outside');
  });

  test('links in a row that climb out together', async () => {
    const climb: readonly TarEntry[] = [
      { name: 'a/b/c/up', type: '2', link: '../..' },
      { name: 'a/b/c/out', type: '2', link: 'up/../../x' },
    ];
    expect(await refused(tar(climb))).toContain('leads outside');
  });

  test('writing through a link', async () => {
    const through = [
      { name: 'dir', type: '2', link: 'other' },
      { name: 'dir/evil', content: 'x' },
    ];
    expect(await refused(tar(through))).toContain('lies below');
    expect(await refused(tar([...through].reverse()))).toContain('there twice');
    expect(
      await refused(
        tar([
          { name: 'f', type: '2', link: 'g' },
          { name: 'f', content: 'x' },
        ]),
      ),
    ).toContain('twice');
  });

  test('the same name twice; a file where a folder is', async () => {
    expect(
      await refused(
        tar([
          { name: 'a', content: '1' },
          { name: './a', content: '2' },
        ]),
      ),
    ).toContain('twice');
    expect(
      await refused(
        zip([
          { name: 'a', content: '1' },
          { name: 'a', content: '2' },
        ]),
      ),
    ).toContain('twice');
    expect(
      await refused(
        tar([
          { name: 'a/b', content: '1' },
          { name: 'a', content: '2' },
        ]),
      ),
    ).toContain('twice');
    expect(
      await refused(
        tar([
          { name: 'a', content: '1' },
          { name: 'a/b', content: '2' },
        ]),
      ),
    ).toContain('lies below');
  });

  test('names that differ in case only pass where the file system tells them apart', async () => {
    const { file, folder } = place(
      tar([
        { name: 'A', content: '1' },
        { name: 'a', content: '2' },
      ]),
    );
    const isCaseBlind = existsSync(join(root.toUpperCase()));
    if (isCaseBlind) await expect(extractArchive(file, folder)).rejects.toMatchObject({ kind: 'unprocessable' });
    else expect(await extractArchive(file, folder)).toEqual(['A', 'a']);
  });

  test('a hundred thousand entries', async () => {
    const entry = (at: number): Buffer => tarEntry({ name: `f${at}`, type: '5' });
    const bytes = Buffer.concat([...Array.from({ length: 100_000 }, (_, at) => entry(at)), tarEnd()]);
    // Also when none of them would be written.
    expect(await refused(gzipSync(bytes, { level: 1 }), { select: () => null })).toContain('10000 entries');
    expect(await refused(bytes, { limits: { entries: 100 } })).toContain('100 entries');
  });

  test('a bomb: by ratio, by size, and one that lies about its size', async () => {
    const zeros = Buffer.alloc(80 * 1024 * 1024);
    expect(await refused(gzipSync(tar([{ name: 'bomb', content: zeros }])))).toContain('200 times');
    expect(await refused(zip([{ name: 'bomb', content: zeros, isDeflated: true }]))).toContain('200 times');
    const limits = { bytes: 1_000_000 };
    expect(await refused(tar([{ name: 'big', content: zeros.subarray(0, 2_000_000) }]), { limits })).toContain(
      '1000000',
    );
    const liar = zip([{ name: 'liar', content: zeros.subarray(0, 2_000_000), isDeflated: true, size: 10 }]);
    expect(await refused(liar)).toStartWith('unprocessable: ');
  });

  test('an xz that wants four gigabytes of memory', async () => {
    expect(await refused(xz(tar(build), 40))).toContain('damaged');
  });

  test('an encrypted zip, a wrong checksum, an unknown format', async () => {
    expect(await refused(zip([{ name: 'a', content: 'secret', flags: 1, isDeflated: true }]))).toContain('encrypted');
    expect(await refused(zip([{ name: 'a', content: 'abc', crc: 1 }]))).toContain('damaged');
    expect(await refused(Buffer.from('<html>sorry</html>'))).toContain('not an archive');
    expect(await refused(ar([{ name: 'other', content: Buffer.from('x') }]))).toContain('not a Debian package');
    expect(await refused(Buffer.from('!<arch>\nrubbish'))).toContain('damaged');
  });
});

describe('cut in the middle', () => {
  const noise = Buffer.from(Array.from({ length: 40_000 }, (_, at) => (at * 7919) % 251));
  const plain = tar([
    { name: 'a', content: noise },
    { name: 'b', content: 'last' },
  ]);
  const whole: readonly (readonly [string, Uint8Array])[] = [
    ['tar', plain],
    ['tar.gz', gzipSync(plain)],
    ['tar.xz', xz(plain)],
    ['tar.zst', zstdCompressSync(plain)],
    ['deb', deb(xz(plain))],
    ['zip', zip([{ name: 'a', content: noise, isDeflated: true }])],
  ];
  test.each(whole)('%s, anywhere', async (format, bytes) => {
    const places = [0.1, 0.3, 0.5, 0.7, 0.9].map((share) => Math.floor(bytes.length * share));
    // A tar of two empty blocks at the end may lose the last of them, no more.
    for (const at of [...places, bytes.length - (format === 'tar' ? 600 : format === 'tar.zst' ? 30 : 1)]) {
      expect(`${at}: ${await refused(bytes.subarray(0, at))}`).toContain('unprocessable');
    }
  });

  test('between two entries of a plain tar', async () => {
    const bytes = tarEntry({ name: 'a', content: 'first' });
    expect(await refused(bytes)).toContain('its end is missing');
  });
});

describe('leaving', () => {
  test('an abort before, in the middle of an entry, and in the middle of a select', async () => {
    expect(await refused(tar(build), { signal: AbortSignal.abort() })).toStartWith('cancelled');
    const big = gzipSync(tar([{ name: 'big', content: Buffer.alloc(20_000_000, 'abcdefghij') }]), { level: 1 });
    const middle = new AbortController();
    expect(await refused(big, { signal: middle.signal, onProgress: () => middle.abort() })).toStartWith('cancelled');
    const between = new AbortController();
    const select = (name: string): string => {
      if (name.endsWith('empty')) between.abort(new Fault('cancelled', 'enough'));
      return name;
    };
    expect(await refused(tar(build), { signal: between.signal, select })).toBe('cancelled: enough');
  });

  test('killed in the middle: the goal is not there, and the next time it is whole', async () => {
    const { file, folder, home } = place(tar(build));
    const script = `
      const { extractArchive } = await import(${JSON.stringify(join(import.meta.dir, '../../src/base/archive.ts'))});
      await extractArchive(${JSON.stringify(file)}, ${JSON.stringify(folder)}, {
        select: (name) => (name.endsWith('empty') ? process.kill(process.pid, 'SIGKILL') : name),
      });`;
    const child = Bun.spawn([process.execPath, '-e', script], { stdout: 'ignore', stderr: 'ignore' });
    await child.exited;
    expect(child.signalCode).toBe('SIGKILL');
    expect(existsSync(folder)).toBe(false);
    expect(readdirSync(home).filter((name) => name.endsWith(UNPACKING_SUFFIX))).toHaveLength(1);
    expect(await extractArchive(file, folder)).toHaveLength(5);
  });

  test('while it works only a hidden folder with a known ending is there; no archive is not_found', async () => {
    const { file, folder, home } = place(tar(build));
    let seen: string[] = [];
    await extractArchive(file, folder, {
      select: (name) => {
        seen = readdirSync(home).filter((entry) => entry !== 'archive');
        return name;
      },
    });
    expect(seen).toHaveLength(1);
    expect(seen[0]).toMatch(new RegExp(`^\\.out\\.[0-9a-f]+\\${UNPACKING_SUFFIX}$`));
    expect(lstatSync(folder).isDirectory()).toBe(true);
    await expect(extractArchive(join(home, 'none'), folder)).rejects.toMatchObject({ kind: 'not_found' });
  });
});
