import { expect, test } from 'bun:test';
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Fault } from '../../src/base/fault.ts';
import { HubToken } from '../../src/models/hub-token.ts';

test('a token is kept in a file of its owner alone, told masked, and goes when an empty one is saved', () => {
  const root = mkdtempSync(join(tmpdir(), 'drover-token-'));
  try {
    const file = join(root, 'deep', 'hf-token');
    const token = new HubToken(file, null);
    expect([token.get(), token.masked()]).toEqual([null, '']);
    token.save('  hf_abcdefghijklmnop1234\n');
    expect(token.get()).toBe('hf_abcdefghijklmnop1234');
    expect(token.masked()).toBe('hf_…1234');
    expect(statSync(file).mode & 0o777).toBe(0o600);
    expect(new HubToken(file, 'hf_fromtheenvironment').get()).toBe('hf_fromtheenvironment');
    token.save('');
    expect([token.get(), existsSync(file)]).toEqual([null, false]);
  } finally {
    rmSync(root, { recursive: true, force: true });
  }
});

test.each(['short', 'two words are none', 'line\nbreak12345', 'x'.repeat(513), 'ünïcödé-token'])(
  '%p is no token, and what was saved stays',
  (text) => {
    const root = mkdtempSync(join(tmpdir(), 'drover-token-'));
    try {
      const file = join(root, 'hf-token');
      writeFileSync(file, 'hf_goodgoodgood\n');
      expect(() => new HubToken(file, null).save(text)).toThrow(Fault);
      expect(readFileSync(file, 'utf8')).toBe('hf_goodgoodgood\n');
    } finally {
      rmSync(root, { recursive: true, force: true });
    }
  },
);
