import { expect, test } from 'bun:test';
import { symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { llama, projector, Shelf } from './shelf.ts';

test('a configured entry replaces the discovered one, whose names stay', async () => {
  using shelf = new Shelf();
  const path = shelf.put('models/qwen3-4b-Q4_K_M.gguf', llama('Qwen3 4B'));
  symlinkSync(path, join(shelf.root, 'link.gguf'));
  shelf.put('models/mmproj-F16.gguf', projector(32));
  using open = shelf.open({
    configured: [{ id: 'Chat/Main', file: join(shelf.root, 'link.gguf'), aliases: ['gpt-4o'], name: 'My Chat' }],
  });
  await open.library.scan();
  expect(open.library.models()).toHaveLength(1);
  const model = open.model('chat/main');
  expect(model).toMatchObject({ id: 'Chat/Main', title: 'My Chat', origin: 'config', path, fault: null });
  expect(model.projectorPath).toBe(join(shelf.models, 'mmproj-F16.gguf'));
  for (const name of ['qwen3-4b-q4_k_m', 'qwen3-4b:Q4_K_M', 'GPT-4o']) expect(open.model(name).id).toBe('Chat/Main');
  expect(model.aliases).toContain('qwen3-4b-q4_k_m');
});

test('configured ids win over discovered ones of other files', async () => {
  using shelf = new Shelf();
  shelf.put('models/chat.gguf', llama('Found'));
  using open = shelf.open();
  await open.library.scan();
  expect(open.ids).toEqual(['chat-f32']);
  const other = shelf.put('other/x.gguf', llama('Configured'));
  await open.library.update({ configured: [{ id: 'Chat-F32', file: other }] });
  expect(open.model('chat-f32').path).toBe(other);
  expect(open.ids).toEqual(['Chat-F32', 'chat-f32-models']);
});

test('an entry may have the id that its file would have had', async () => {
  using shelf = new Shelf();
  const file = shelf.put('models/chat.gguf', llama('Chat'));
  using open = shelf.open({ configured: [{ id: 'chat-f32', file }] });
  await open.library.scan();
  expect(open.ids).toEqual(['chat-f32']);
  await open.library.update({ configured: [] });
  expect(open.ids).toEqual(['chat-f32']);
});

test('files outside of all folders are found with their parts and projectors', async () => {
  using shelf = new Shelf();
  const file = shelf.put('elsewhere/m-F32.gguf', llama('M'));
  const eyes = shelf.put('elsewhere/mmproj-m-F16.gguf', projector(32));
  shelf.put('elsewhere/not-mine.gguf', llama('Not mine'));
  using open = shelf.open({
    configured: [
      { id: 'seeing', file },
      { id: 'blind', file, mmproj: 'none' },
      { id: 'told', file, mmproj: eyes },
    ],
  });
  await open.library.scan();
  expect(open.library.models().map(({ id, projectorPath }) => [id, projectorPath])).toEqual([
    ['seeing', eyes],
    ['blind', null],
    ['told', eyes],
  ]);
});

test('a missing file or projector is a fault of the entry, and heals', async () => {
  using shelf = new Shelf();
  const file = join(shelf.root, 'later.gguf');
  const there = shelf.put('models/a.gguf', llama('A'));
  using open = shelf.open({
    configured: [
      { id: 'later', file },
      { id: 'eyeless', file: there, mmproj: join(shelf.root, 'no.gguf') },
    ],
  });
  expect(await open.library.scan()).toMatchObject({ modelCount: 2, faultCount: 2 });
  expect(open.model('later')).toMatchObject({ facts: null, sizeBytes: 0, path: file, fault: { kind: 'not_found' } });
  expect(open.model('eyeless').fault?.message).toContain('no.gguf');
  shelf.put('later.gguf', llama('Later'));
  expect((await open.library.scan()).change.changed).toContain('later');
  expect(open.model('later').fault).toBeNull();
});

test('the probe model is listed only while there is nothing else', async () => {
  using shelf = new Shelf();
  const probe = { path: shelf.put('assets/probe.gguf', llama('Probe')) };
  using open = shelf.open({ probe });
  await open.library.scan();
  expect(open.library.models()).toMatchObject([{ id: 'drover-probe', origin: 'probe', path: probe.path }]);
  shelf.put('models/broken.gguf', 'x');
  await open.library.scan();
  expect(open.ids).toEqual(['broken', 'drover-probe']);
  shelf.put('models/real.gguf', llama('Real'));
  expect((await open.library.scan()).change).toMatchObject({ added: ['real-f32'], removed: ['drover-probe'] });
  expect(open.library.resolve('drover-probe')).toBeNull();
});
