import { afterAll, beforeAll, describe, expect, test } from 'bun:test';
import { existsSync, mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Fault } from '../../src/base/fault.ts';
import { allowedFolder, expectedPath, openPlace, parseTarget } from '../../src/models/downloads-place.ts';

let root = '';
beforeAll(() => {
  root = realpathSync(mkdtempSync(join(tmpdir(), 'drover-place-')));
});
afterAll(() => rmSync(root, { recursive: true, force: true }));

const kindOf = (work: () => unknown): string => {
  try {
    work();
    return 'fine';
  } catch (thrown) {
    return thrown instanceof Fault ? thrown.kind : `broken: ${String(thrown)}`;
  }
};

describe('names', () => {
  test.each([
    ['model.gguf', ['model.gguf']],
    ['owner/name/Q8_0/m-00001-of-00002.gguf', ['owner', 'name', 'Q8_0', 'm-00001-of-00002.gguf']],
    ['Модель Ünï.GGUF', ['Модель Ünï.GGUF']],
    // Decomposed letters are composed: a system that does so itself would show another name.
    ['u\u0308.gguf', ['ü.gguf']],
    ['CONsole.gguf', ['CONsole.gguf']],
    ['a [b] (c) 100% #1 & more.gguf', ['a [b] (c) 100% #1 & more.gguf']],
    [`${'x'.repeat(222)}.gguf`, [`${'x'.repeat(222)}.gguf`]],
  ])('%s', (name, wanted) => {
    expect(parseTarget(name)).toEqual(wanted);
  });

  test.each([
    '',
    '.gguf',
    'model.bin',
    'model.gguf.exe',
    'model.gguf/',
    '/etc/model.gguf',
    '../model.gguf',
    'a/../../model.gguf',
    'a/./model.gguf',
    'a//model.gguf',
    'a\\model.gguf',
    '..\\model.gguf',
    'C:model.gguf',
    'C:\\model.gguf',
    '\\\\server\\share\\model.gguf',
    'model.gguf:stream',
    'a\u0000.gguf',
    'a\n.gguf',
    'a\u007f.gguf',
    'x\u202efugg.gguf',
    'a?.gguf',
    'a*.gguf',
    'a|b.gguf',
    '<a>.gguf',
    '.hidden.gguf',
    '.git/model.gguf',
    'con.gguf',
    'NUL.gguf',
    'COM1.gguf',
    'lpt9.tar.gguf',
    'com¹.gguf',
    'aux/model.gguf',
    'CONOUT$.gguf',
    'dir./model.gguf',
    'dir /model.gguf',
    ' model.gguf',
    'model.gguf ',
    'model.gguf.',
    `${'x'.repeat(223)}.gguf`,
    `${'ü'.repeat(112)}.gguf`,
    'a/b/c/d/e/f/g/h/i.gguf',
    `${'long/'.repeat(6)}${'y'.repeat(200)}/${'z'.repeat(200)}/${'w'.repeat(200)}.gguf`.replaceAll(
      'long',
      'l'.repeat(100),
    ),
    '\ud800.gguf',
  ])('refuses %j', (name) => {
    expect(kindOf(() => parseTarget(name))).toBe('bad_request');
  });
});

describe('folders', () => {
  test('an allowed one, one inside it, and the same one by a link', () => {
    const allowed = join(root, 'allowed');
    mkdirSync(join(allowed, 'inner'), { recursive: true });
    symlinkSync(allowed, join(root, 'link'));
    expect(allowedFolder(allowed, [allowed])).toEqual({ root: allowed, segments: [] });
    expect(allowedFolder(`${allowed}/`, [allowed])).toEqual({ root: allowed, segments: [] });
    expect(allowedFolder(join(allowed, 'inner'), [allowed])).toEqual({ root: allowed, segments: ['inner'] });
    expect(allowedFolder(join(root, 'link', 'inner'), [allowed])).toEqual({ root: allowed, segments: ['inner'] });
  });

  test.each(['relative', '..', '', '/', '/etc', 'allowed\0x'])('%j is not allowed', (folder) => {
    expect(['forbidden', 'bad_request']).toContain(kindOf(() => allowedFolder(folder, [join(root, 'allowed')])));
  });

  test('a neighbour whose name begins alike, and a way out with dots', () => {
    const allowed = join(root, 'allowed');
    expect(kindOf(() => allowedFolder(`${allowed}2`, [allowed]))).toBe('forbidden');
    expect(kindOf(() => allowedFolder(`${allowed}/../other`, [allowed]))).toBe('forbidden');
    expect(kindOf(() => allowedFolder(allowed, ['allowed', '']))).toBe('forbidden');
  });
});

describe('places', () => {
  test('folders are made inside the root alone, and told', () => {
    const base = join(root, 'made');
    const target = { root: base, segments: ['owner', 'name', 'm.gguf'] };
    expect(expectedPath(target)).toBe(join(base, 'owner', 'name', 'm.gguf'));
    expect(kindOf(() => openPlace(target, false))).toBe('not_found');
    expect(existsSync(base)).toBe(false);
    const place = openPlace(target, true);
    expect(place).toEqual({
      path: join(base, 'owner', 'name', 'm.gguf'),
      created: [join(base, 'owner'), join(base, 'owner', 'name')],
    });
    expect(openPlace(target, false).created).toEqual([]);
  });

  test('a link that leads out is refused, one that stays inside is followed', () => {
    const base = join(root, 'links');
    mkdirSync(join(base, 'real'), { recursive: true });
    mkdirSync(join(root, 'outside'), { recursive: true });
    symlinkSync(join(root, 'outside'), join(base, 'out'));
    symlinkSync(join(base, 'real'), join(base, 'in'));
    const at = (...segments: string[]) => openPlace({ root: base, segments }, false);
    expect(kindOf(() => at('out', 'm.gguf'))).toBe('forbidden');
    expect(kindOf(() => at('out', 'deep', 'm.gguf'))).toBe('forbidden');
    expect(existsSync(join(root, 'outside', 'deep'))).toBe(false);
    expect(at('in', 'm.gguf').path).toBe(join(base, 'real', 'm.gguf'));
    expect(expectedPath({ root: base, segments: ['in', 'm.gguf'] })).toBe(join(base, 'real', 'm.gguf'));
    symlinkSync(join(root, 'outside', 'victim'), join(base, 'm.gguf.part'));
    expect(kindOf(() => at('m.gguf'))).toBe('forbidden');
  });

  test('a file in the place of a folder is a conflict', () => {
    const base = join(root, 'file');
    mkdirSync(base);
    writeFileSync(join(base, 'x'), '');
    expect(kindOf(() => openPlace({ root: base, segments: ['x', 'm.gguf'] }, false))).toBe('conflict');
  });
});
