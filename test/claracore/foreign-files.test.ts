// Files of other programs are never deleted, by whatever entry or link they are named.
import { expect, test } from 'bun:test';
import { existsSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { startDrover, temporaryFolder } from '../fixtures/drover.ts';
import { tinyLlama } from '../fixtures/tiny-models.ts';

test('an entry that names a file of another program’s folder does not make it ours to delete', async () => {
  using home = temporaryFolder('foreign');
  const put = (...path: string[]): string => {
    const file = join(home.path, ...path);
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, tinyLlama({ name: path.at(-1) ?? '' }));
    return file;
  };
  const files = {
    hub: put('.cache', 'huggingface', 'hub', 'models--owner--name', 'snapshots', 'abc', 'hub.gguf'),
    studio: put('.lmstudio', 'models', 'owner', 'name', 'studio.gguf'),
    linked: join(home.path, 'mine', 'linked.gguf'),
    mine: put('mine', 'mine.gguf'),
  };
  symlinkSync(files.studio, files.linked);
  const entries = Object.entries(files).map(([id, file]) => `  ${id}: { file: ${JSON.stringify(file)} }\n`);
  writeFileSync(join(home.path, 'config.yaml'), `models:\n${entries.join('')}`);
  await using drover = await startDrover({ dataFolder: home.path });
  const remove = async (id: string): Promise<number> =>
    (await drover.request(`/api/config/models/${id}?file=true`, { method: 'DELETE' })).status;
  for (const id of ['hub', 'studio', 'linked']) expect({ id, status: await remove(id) }).toEqual({ id, status: 409 });
  expect(await remove('mine')).toBe(200);
  expect(Object.entries(files).map(([id, file]) => [id, existsSync(file)])).toEqual([
    ['hub', true],
    ['studio', true],
    ['linked', true],
    ['mine', false],
  ]);
});
