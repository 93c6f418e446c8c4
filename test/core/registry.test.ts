import { expect, test } from 'bun:test';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Log } from '../../src/base/log.ts';
import { openStore } from '../../src/base/store.ts';
import { Registry } from '../../src/core/registry.ts';
import { LIBRARY_MIGRATIONS, openLibrary } from '../../src/models/library.ts';
import { tinyLlama } from '../fixtures/tiny-models.ts';

test('a model may have a name that every object has; asking for such a name that is none finds nothing', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'drover-registry-'));
  using store = openStore(':memory:', LIBRARY_MIGRATIONS);
  const library = openLibrary({
    store,
    log: new Log(),
    folders: [{ path: folder, origin: 'folder' }],
    configured: [{ id: 'constructor', file: join(folder, 'odd.gguf') }],
    probe: null,
  });
  try {
    writeFileSync(join(folder, 'odd.gguf'), tinyLlama({ name: 'Odd' }));
    await library.scan();
    const registry = new Registry(library, { models: {} }, 0);
    const [model] = registry.all();
    expect(model?.file?.path).toBe(join(folder, 'odd.gguf'));
    expect(model?.entry).toEqual({});
    expect(registry.get('constructor').entry).toEqual({});
    expect(registry.view(registry.get('constructor'), null).title).toBe('Odd');
    for (const name of ['__proto__', 'toString', 'hasOwnProperty']) {
      expect(registry.find(name)).toBeNull();
      expect(() => registry.get(name)).toThrow('no model');
    }
  } finally {
    library.close();
    rmSync(folder, { recursive: true, force: true });
  }
});

test('an entry without a file gives a found model more names, but never one that is another’s id', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'drover-registry-'));
  using store = openStore(':memory:', LIBRARY_MIGRATIONS);
  const library = openLibrary({
    store,
    log: new Log(),
    folders: [{ path: folder, origin: 'folder' }],
    configured: [],
    probe: null,
  });
  try {
    writeFileSync(join(folder, 'talker.gguf'), tinyLlama({ name: 'Talker' }));
    writeFileSync(join(folder, 'walker.gguf'), tinyLlama({ name: 'Walker' }));
    await library.scan();
    const models = { 'talker-f32': { aliases: ['Chatty', 'walker-f32'] }, gone: { aliases: ['nobody'] } };
    const registry = new Registry(library, { models }, 0);
    expect(registry.find('chatty')?.id).toBe('talker-f32');
    expect(registry.find('walker-f32')?.id).toBe('walker-f32');
    expect(registry.find('nobody')).toBeNull();
    registry.update({ models: {} });
    expect(registry.find('chatty')).toBeNull();
  } finally {
    library.close();
    rmSync(folder, { recursive: true, force: true });
  }
});
