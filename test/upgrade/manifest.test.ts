import { describe, expect, test } from 'bun:test';
import { generateKeyPairSync, sign } from 'node:crypto';
import { bareSignature, makeKey, publicKeyOf, readKey } from '../../release/signing.ts';
import { archiveFor, folderOf, isNewer, type Manifest, readManifest } from '../../src/upgrade/manifest.ts';
import { managerOf } from '../../src/upgrade/package-manager.ts';
import { thrownBy } from '../fixtures/fault-of.ts';

const { privatePem, publicKey } = makeKey();
const key = readKey(privatePem);
const digest = 'ab'.repeat(32);
const good: Manifest = {
  format: 1,
  name: 'drover',
  version: '1.2.3',
  commit: 'c'.repeat(40),
  sourceSeconds: 1_700_000_000,
  archives: [
    {
      target: 'linux-x64',
      fileName: 'drover-1.2.3-linux-x64.tar.gz',
      sizeBytes: 10,
      sha256: digest,
      program: { folder: 'drover-1.2.3-linux-x64', name: 'drover', sizeBytes: 20, sha256: digest },
    },
  ],
};
const archive = good.archives[0];
const read = (value: unknown): Manifest => {
  const bytes = Buffer.from(typeof value === 'string' ? value : JSON.stringify(value));
  return readManifest(bytes, bareSignature(bytes, key), [publicKey]);
};

test('what a trusted key has signed is read', () => {
  expect(read(good)).toEqual(good);
  const other = makeKey().publicKey;
  const bytes = Buffer.from(JSON.stringify(good));
  expect(readManifest(bytes, bareSignature(bytes, key), [other, publicKey]).version).toBe('1.2.3');
  expect(publicKeyOf(key)).toBe(publicKey);
});

describe('nothing else is', () => {
  const bytes = Buffer.from(JSON.stringify(good));
  const signature = bareSignature(bytes, key);
  const flipped = (source: Uint8Array, at: number): Buffer => {
    const copy = Buffer.from(source);
    copy[at] = (copy[at] ?? 0) ^ 1;
    return copy;
  };
  const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 });
  const rows: readonly (readonly [string, Uint8Array, Uint8Array, readonly string[]])[] = [
    ['one bit of the text', flipped(bytes, 40), signature, [publicKey]],
    ['one bit of the signature', bytes, flipped(signature, 3), [publicKey]],
    ['another key', bytes, signature, [makeKey().publicKey]],
    ['no key', bytes, signature, []],
    ['no signature', bytes, Buffer.alloc(0), [publicKey]],
    ['a longer signature', bytes, Buffer.concat([signature, Buffer.alloc(1)]), [publicKey]],
    ['a key that is none', bytes, signature, ['bm9uZQ==', '']],
    [
      'a key of another kind',
      bytes,
      sign('sha256', bytes, rsa.privateKey),
      [rsa.publicKey.export({ type: 'spki', format: 'der' }).toString('base64')],
    ],
  ];
  test.each(rows.map((row) => [...row]))('%s', (_, text, signed, keys) => {
    const fault = thrownBy(() => readManifest(text, signed, keys));
    expect([fault.kind, fault.blame]).toEqual(['forbidden', 'remote']);
  });
});

describe('a form that is not understood is refused', () => {
  const rows: readonly (readonly [string, unknown])[] = [
    ['no JSON', '{'],
    ['another format', { ...good, format: 2 }],
    ['another program', { ...good, name: 'rover' }],
    ['no version', { ...good, version: 'latest' }],
    ['a path for a name', { ...good, archives: [{ ...archive, fileName: '../x.tar.gz' }] }],
    ['a path for a folder', { ...good, archives: [{ ...archive, program: { ...archive?.program, folder: 'a/b' } }] }],
    ['a hidden name', { ...good, archives: [{ ...archive, fileName: '.x' }] }],
    ['a digest that is none', { ...good, archives: [{ ...archive, sha256: digest.toUpperCase() }] }],
    ['a size that nothing has', { ...good, archives: [{ ...archive, sizeBytes: 2 ** 40 }] }],
    ['no archive', { ...good, archives: [] }],
  ];
  test.each(rows.map((row) => [...row]))('%s', (_, value) => {
    expect(thrownBy(() => read(value)).kind).toBe('bad_gateway');
  });
});

test('a system that a release leaves out is told, with those that there are', () => {
  expect(archiveFor(good, 'linux-x64').sizeBytes).toBe(10);
  const fault = thrownBy(() => archiveFor(good, 'windows-arm64'));
  expect([fault.kind, fault.hint]).toEqual(['not_supported', 'There is: linux-x64.']);
});

test('versions are compared as Semantic Versioning has it', () => {
  const rows = [
    ['0.1.1', '0.1.0', true],
    ['0.10.0', '0.9.9', true],
    ['1.0.0', '1.0.0-rc.1', true],
    ['1.0.0-rc.2', '1.0.0-rc.10', false],
    ['0.1.0', '0.1.0', false],
    ['0.1.0', '0.2.0', false],
  ] as const;
  for (const [version, than, expected] of rows)
    expect([version, than, isNewer(version, than)]).toEqual([version, than, expected]);
});

test('of GitHub’s newest release the files of that very version are fetched', () => {
  expect(folderOf('https://github.com/o/n/releases/latest/download/', '1.2.3')).toBe(
    'https://github.com/o/n/releases/download/v1.2.3',
  );
  expect(folderOf('https://example.org/drover/', '1.2.3')).toBe('https://example.org/drover');
});

test('what a package manager has brought is left to it', () => {
  const rows = [
    ['/opt/homebrew/Cellar/drover/0.1.0/bin/drover', 'Homebrew'],
    ['/home/linuxbrew/.linuxbrew/Cellar/drover/0.1.0/bin/drover', 'Homebrew'],
    ['C:\\Users\\ada\\AppData\\Local\\Microsoft\\WinGet\\Packages\\drover\\drover.exe', 'winget'],
    ['/nix/store/abc-drover/bin/drover', 'Nix'],
    ['/home/ada/.local/bin/drover', undefined],
    ['C:\\Users\\ada\\AppData\\Local\\Programs\\drover\\drover.exe', undefined],
  ] as const;
  for (const [path, name] of rows) expect(managerOf(path, false)?.name).toBe(name);
  expect(managerOf('/usr/local/bin/drover', true)?.hint).toContain('Pull');
});
