// What is made for macOS: signed so that it holds, or not at all where that may be.
import { expect, test } from 'bun:test';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { build } from '../build.ts';
import { signatureState, withoutSignature } from '../release/mach-o.ts';
import { temporaryFolder } from './fixtures/drover.ts';

test('Apple silicon gets a signature that holds, Intel none that does not', async () => {
  using folder = temporaryFolder('mach-o');
  const made = async (name: 'darwin-arm64' | 'darwin-x64'): Promise<Buffer> => {
    await build(join(folder.path, name), name);
    return readFileSync(join(folder.path, name));
  };
  const silicon = await made('darwin-arm64');
  expect(signatureState(silicon)).toBe('good');
  const [page, length] = [4096 * 100 + 7, silicon.length];
  silicon[page] = (silicon[page] ?? 0) ^ 1;
  expect(signatureState(silicon)).toBe('stale');
  const bare = withoutSignature(silicon);
  expect(signatureState(bare)).toBe('none');
  expect(bare.length).toBeLessThan(length);
  expect(signatureState(await made('darwin-x64'))).toBe('none');
});
