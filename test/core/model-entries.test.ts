import { describe, expect, test } from 'bun:test';
import { type EntryContext, type EntryWishes, makeEntry } from '../../src/core/model-entries.ts';
import { type NoFit, type Placement, place } from '../../src/core/placement.ts';
import type { LibraryModel } from '../../src/models/library.ts';
import { paperModel } from '../fixtures/paper-models.ts';

const GIB = 1024 ** 3;
const facts = paperModel();
const model: LibraryModel = {
  id: 'paper-q4_k_m',
  aliases: [],
  title: 'Paper',
  origin: 'folder',
  path: '/models/it\'s "a" #model ü.gguf',
  files: ['/models/it\'s "a" #model ü.gguf'],
  sizeBytes: facts.fileBytes,
  modifiedAt: 0,
  facts,
  fault: null,
  projectorPath: null,
  projectorFacts: null,
};

const contextWith = (more: Partial<EntryContext> = {}): EntryContext => ({
  settings: { preferredContext: null, minContext: null, throughputFirst: true, enableJinja: true },
  backend: 'cuda',
  preview: (of, settings, caps): Placement | NoFit =>
    place({
      facts: of.facts ?? facts,
      projector: null,
      devices: [
        {
          id: 'CUDA0',
          backend: 'cuda',
          isUnified: false,
          budgetBytes: Math.min(24 * GIB, (caps.vram ?? 1000) * 1e9),
        },
      ],
      host: { budgetBytes: Math.min(32 * GIB, (caps.ram ?? 1000) * 1e9) },
      settings: { preferredContextTokens: settings.preferredContext, minContextTokens: settings.minContext },
      correction: null,
    }),
  ...more,
});
const made = (wishes: EntryWishes, context = contextWith()) => makeEntry(model, wishes, context);

describe('an entry says no more than it must', () => {
  test('nothing wished: name and file', () => {
    expect(made({})).toEqual({ entry: { name: 'Paper', file: model.path }, notes: [] });
  });

  test('what the settings say already is not said again', () => {
    const settings = { preferredContext: 65_536, minContext: 4096, throughputFirst: false, enableJinja: false };
    const wishes = {
      preferredContextTokens: 65_536,
      minContextTokens: 4096,
      throughputFirst: false,
      enableJinja: false,
    };
    expect(made(wishes, contextWith({ settings })).entry).toEqual({ name: 'Paper', file: model.path });
    expect(made(wishes).entry).toEqual({
      name: 'Paper',
      file: model.path,
      preferredContext: 65_536,
      minContext: 4096,
      throughputFirst: false,
      flags: { jinja: false },
    });
  });
});

describe('memory and backends that are forced', () => {
  test('a cap on memory fixes the context, and the layers where not all fit', () => {
    const roomy = made({ vramGb: 20, ramGb: 24 }).entry;
    expect(roomy.contextSize).toBeGreaterThan(16_384);
    expect(roomy).not.toHaveProperty('gpuLayers');
    const tight = made({ vramGb: 4 }).entry;
    expect(tight.gpuLayers).toBeGreaterThan(3);
    expect(tight.gpuLayers).toBeLessThan(33);
    expect(tight.contextSize).toBeLessThanOrEqual(roomy.contextSize ?? 0);
    // 0 is "not set".
    expect(made({ vramGb: 0, ramGb: 0 }).entry).toEqual({ name: 'Paper', file: model.path });
  });

  test('a wished context is aimed for within the cap', () => {
    expect(made({ vramGb: 20, preferredContextTokens: 8192 }).entry.contextSize).toBe(8192);
  });

  test('what does not fit is said, and nothing is fixed', () => {
    const { entry, notes } = made({ vramGb: 0.5, ramGb: 1 });
    expect(entry).toEqual({ name: 'Paper', file: model.path });
    expect(notes.join(' ')).toContain('does not fit into the memory given');
  });

  test('cpu keeps layers off the GPU; a backend that is not there is told, not pretended', () => {
    expect(made({ backend: 'cpu' }).entry.gpuLayers).toBe(0);
    expect(made({ backend: 'cuda' })).toEqual({ entry: { name: 'Paper', file: model.path }, notes: [] });
    expect(made({ backend: 'rocm' }).notes).toEqual(['rocm was asked for, but the engine in use is one for cuda.']);
    const without = contextWith({ backend: null, preview: () => null });
    expect(made({ backend: 'cuda', vramGb: 8 }, without).notes).toEqual([
      'cuda was asked for, but no engine is ready.',
      'Nothing was planned for the memory given, since no engine is ready yet.',
    ]);
  });
});
