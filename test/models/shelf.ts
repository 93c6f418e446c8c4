// A temporary folder with models and a library over it; what changes is waited for, never slept on.
import { mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { Log } from '../../src/base/log.ts';
import { openStore } from '../../src/base/store.ts';
import {
  LIBRARY_MIGRATIONS,
  type Library,
  type LibraryChange,
  type LibraryModel,
  type LibraryOptions,
  openLibrary,
} from '../../src/models/library.ts';
import { encodeGguf, flag, text, u32 } from '../fixtures/gguf-writer.ts';
import { type TinyLlamaOptions, tinyLlama } from '../fixtures/tiny-models.ts';

export class Shelf implements Disposable {
  readonly root = realpathSync(mkdtempSync(join(tmpdir(), 'drover shelf ü-')));
  readonly models = join(this.root, 'models');
  readonly log = new Log();

  constructor() {
    mkdirSync(this.models);
  }

  /** Writes a file below the root and returns its path. */
  put(path: string, bytes: Uint8Array | string): string {
    const whole = join(this.root, path);
    mkdirSync(dirname(whole), { recursive: true });
    writeFileSync(whole, bytes);
    return whole;
  }

  remove(path: string): void {
    rmSync(join(this.root, path), { recursive: true });
  }

  /** A library over `models/`; the store lives as long as the shelf, so a second one is a restart. */
  open(options: Partial<LibraryOptions> = {}): OpenShelf {
    return new OpenShelf(this, options);
  }

  [Symbol.dispose](): void {
    rmSync(this.root, { recursive: true, force: true });
  }
}

export class OpenShelf implements Disposable {
  readonly library: Library;
  readonly changes: LibraryChange[] = [];
  readonly #store;
  #wake: (() => void) | null = null;

  constructor(shelf: Shelf, options: Partial<LibraryOptions>) {
    this.#store = openStore(join(shelf.root, 'drover.sqlite'), LIBRARY_MIGRATIONS);
    this.library = openLibrary({
      store: this.#store,
      log: shelf.log,
      folders: [{ path: shelf.models, origin: 'folder' }],
      configured: [],
      probe: null,
      gatherMs: 5,
      settleMs: 30,
      ...options,
      onChange: (change) => {
        this.changes.push(change);
        this.#wake?.();
      },
    });
  }

  get ids(): string[] {
    return this.library.models().map((model) => model.id);
  }

  model(name: string): LibraryModel {
    const model = this.library.resolve(name);
    if (model === null) throw new Error(`no model is called ${name}; there are ${this.ids.join(', ')}`);
    return model;
  }

  /** Waits until what was told satisfies `accepts`. */
  async until(accepts: (open: this) => boolean): Promise<void> {
    while (!accepts(this)) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }

  [Symbol.dispose](): void {
    this.library.close();
    this.#store[Symbol.dispose]();
  }
}

export const llama = (name: string, more: TinyLlamaOptions = {}): Uint8Array => tinyLlama({ name, width: 32, ...more });

/** A projector to `width` with no weights worth mentioning. */
export const projector = (width: number, name = 'Projector'): Uint8Array =>
  encodeGguf(
    {
      'general.architecture': text('clip'),
      'general.type': text('mmproj'),
      'general.name': text(name),
      'clip.has_vision_encoder': flag(true),
      'clip.projector_type': text('gemma3'),
      'clip.vision.projection_dim': u32(width),
    },
    [{ name: 'mm.input_projection.weight', dimensions: [32, 32] }],
  );

export const sidecar = (type: 'adapter' | 'imatrix'): Uint8Array =>
  encodeGguf({ 'general.architecture': text('llama'), 'general.type': text(type), [`${type}.type`]: text('lora') }, [
    { name: 'blk.0.attn_q.weight.lora_a', dimensions: [32, 4] },
  ]);
