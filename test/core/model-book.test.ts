import { expect, test } from 'bun:test';
import { join } from 'node:path';
import { openStore } from '../../src/base/store.ts';
import { defaultSettings, type Settings } from '../../src/config/schema.ts';
import { MODEL_BOOK_MIGRATION, ModelBook } from '../../src/core/model-book.ts';
import { temporaryFolder } from '../fixtures/drover.ts';
import { thrownBy } from '../fixtures/fault-of.ts';
import { openHouse } from '../fixtures/house.ts';
import { tinyLlama } from '../fixtures/tiny-models.ts';

test('what is written down is there for the next process, in order, with its owner’s words', () => {
  using folder = temporaryFolder('book');
  const path = join(folder.path, 'store.sqlite');
  {
    using store = openStore(path, [MODEL_BOOK_MIGRATION]);
    const book = new ModelBook(store);
    book.add('b', 'somebody', { file: '/models/b.gguf' }, { note: 'ünï' });
    book.add('a', 'somebody', { file: '/models/a.gguf', contextSize: 512 });
    book.update('b', { entry: { file: '/models/b.gguf', contextSize: 1024 } });
    book.setDefault('a');
    expect(thrownBy(() => book.add('a', 'another', {})).kind).toBe('conflict');
    expect(thrownBy(() => book.update('c', {})).kind).toBe('not_found');
    for (const name of ['start-all', 'Default', 'loaded']) {
      expect(thrownBy(() => book.add(name, 'somebody', {})).kind).toBe('bad_request');
    }
  }
  using store = openStore(path, [MODEL_BOOK_MIGRATION]);
  const book = new ModelBook(store);
  expect(book.all().map(({ name }) => name)).toEqual(['b', 'a']);
  expect(book.get('b')).toMatchObject({ owner: 'somebody', document: { note: 'ünï' }, entry: { contextSize: 1024 } });
  expect(book.get('b')?.updatedAt).toBeGreaterThan(book.get('b')?.createdAt ?? 0);
  expect(book.defaultModel).toBe('a');
  book.remove('a');
  expect(book.defaultModel).toBeNull();
  expect(book.get('a')).toBeNull();
});

test('the file has the last word', () => {
  using store = openStore(':memory:', [MODEL_BOOK_MIGRATION]);
  const book = new ModelBook(store);
  const settings: Settings = { ...defaultSettings(), models: { both: { file: '/file.gguf' } } };
  expect(book.under(settings)).toBe(settings);
  book.add('both', 'somebody', { file: '/book.gguf' });
  book.add('mine', 'somebody', { file: '/mine.gguf' });
  expect(book.under(settings).models).toEqual({ both: { file: '/file.gguf' }, mine: { file: '/mine.gguf' } });
});

test('the file may say how a registered model is run without saying what it is', () => {
  using store = openStore(':memory:', [MODEL_BOOK_MIGRATION]);
  const book = new ModelBook(store);
  book.add('mine', 'somebody', { file: '/mine.gguf', contextSize: 512, ttl: 5 });
  book.add('theirs', 'somebody', { engine: 'vllm', model: 'o/n' });
  const models = { mine: { contextSize: 1024, pin: true }, theirs: { cmd: 'program' }, other: { ttl: 1 } };
  const settings: Settings = { ...defaultSettings(), models };
  expect(book.under(settings).models).toEqual({
    mine: { file: '/mine.gguf', contextSize: 1024, ttl: 5, pin: true },
    theirs: { cmd: 'program' },
    other: { ttl: 1 },
  });
});

test('a registered model is a model like any other, and the chosen one is meant where none is named', async () => {
  await using house = await openHouse({
    models: { 'one.gguf': tinyLlama(), 'two.gguf': tinyLlama({ blockCount: 3 }) },
  });
  const { drover, core } = house;
  core.modelBook.add('my one', 'somebody', { file: join(house.modelsFolder, 'one.gguf'), contextSize: 512 });
  await drover.reload({ keepsRunning: true });
  expect(drover.model('my one').path).toBe(join(house.modelsFolder, 'one.gguf'));
  expect((await house.ask('my one')).status).toBe(200);
  expect(drover.verdicts().find(({ modelId }) => modelId === 'my one')?.contextTokens).toBe(512);
  expect(thrownBy(() => drover.model(null)).kind).toBe('bad_request');
  core.modelBook.setDefault('my one');
  expect(drover.model(null).id).toBe('my one');
  core.modelBook.remove('my one');
  await drover.reload({ keepsRunning: true });
  expect(thrownBy(() => drover.model('my one')).kind).toBe('not_found');
});
