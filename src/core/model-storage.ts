// Models that were downloaded, as what they are to the disk: how much they take, since when, and their deletion. It must
// never delete a file outside the folder of downloads: what lies elsewhere is a person's or another program's.
import { rmSync, statSync } from 'node:fs';
import { sep } from 'node:path';
import { Fault } from '../base/fault.ts';
import { realPathOf } from '../base/file.ts';
import type { Log } from '../base/log.ts';
import type { Library, LibraryModel } from '../models/library.ts';
import type { Drover } from './drover.ts';

export interface StorageReport {
  readonly folder: string;
  readonly sizeBytes: number;
  readonly modelCount: number;
  /** Epoch milliseconds; null: there is none. */
  readonly oldestAt: number | null;
  readonly newestAt: number | null;
}

export interface ClearedStorage {
  readonly models: readonly string[];
  readonly files: readonly string[];
  readonly freedBytes: number;
}

export interface ModelStorageOptions {
  readonly library: Pick<Library, 'models' | 'resolve'>;
  readonly drover: Pick<Drover, 'model' | 'stop' | 'rescan' | 'instances'>;
  /** Where downloads go. */
  readonly folder: () => string;
  readonly log: Log;
}

export class ModelStorage {
  readonly #options: ModelStorageOptions;

  constructor(options: ModelStorageOptions) {
    this.#options = options;
  }

  report(): StorageReport {
    const models = this.#downloaded();
    const times = models.map((model) => model.modifiedAt);
    return {
      folder: this.#options.folder(),
      sizeBytes: sizeOf(models.flatMap((model) => model.files)),
      modelCount: models.length,
      oldestAt: times.length === 0 ? null : Math.min(...times),
      newestAt: times.length === 0 ? null : Math.max(...times),
    };
  }

  /**
   * Deletes a downloaded model. Faults: `not_found`; `conflict` for files that are not ours, and for a loaded model without
   * `force`, which stops it first.
   */
  async clear(name: string, force: boolean): Promise<ClearedStorage> {
    const { drover } = this.#options;
    const models = [this.#named(name)];
    const busy = this.#busy(models);
    if (busy.length > 0 && !force) {
      throw new Fault('conflict', `${busy.join(', ')} ${busy.length === 1 ? 'is' : 'are'} loaded.`, {
        hint: 'Unload first, or send force=true.',
        details: { models: busy },
      });
    }
    for (const id of busy) await drover.stop(id, { force: true });
    const ids = [...new Set(models.map((model) => model.id))];
    const files = [...new Set(models.flatMap((model) => model.files))];
    const freedBytes = sizeOf(files);
    await this.deleteFiles(ids.join(', '), files);
    return { models: ids, files, freedBytes };
  }

  /** Throws `conflict` for the first that is not a download of ours. */
  requireDeletable(files: readonly string[]): void {
    const root = realPathOf(this.#options.folder());
    const foreign = files.find((file) => !isWithin(root, file));
    if (foreign === undefined) return;
    throw new Fault('conflict', `${foreign} was not downloaded by Drover: it is not ours to delete.`, {
      hint: 'Delete it yourself, or with the program that brought it.',
    });
  }

  async deleteFiles(name: string, files: readonly string[]): Promise<void> {
    this.requireDeletable(files);
    if (files.length === 0) return;
    for (const file of files) rmSync(file, { force: true });
    this.#options.log.info('deleted downloaded models', { model: name, files });
    await this.#options.drover.rescan();
  }

  #downloaded(): readonly LibraryModel[] {
    const root = realPathOf(this.#options.folder());
    const { library } = this.#options;
    return library
      .models()
      .filter(({ origin, files }) => origin !== 'probe' && files.every((file) => isWithin(root, file)));
  }

  #named(name: string): LibraryModel {
    const { drover, library } = this.#options;
    const { id } = drover.model(name);
    const model = library.resolve(id);
    if (model === null) {
      throw new Fault('conflict', `${id} has no file that Drover downloaded.`, { details: { model: id } });
    }
    this.requireDeletable(model.files);
    return model;
  }

  /** One file may be several models. */
  #busy(models: readonly LibraryModel[]): readonly string[] {
    const files = new Set(models.flatMap((model) => model.files));
    const concerned = this.#options.library.models().filter((model) => model.files.some((file) => files.has(file)));
    const ids = new Set(concerned.map((model) => model.id));
    const isBusy = new Set(['starting', 'ready', 'stopping']);
    return this.#options.drover
      .instances()
      .filter(({ modelId, state }) => ids.has(modelId) && isBusy.has(state))
      .map(({ modelId }) => modelId);
  }
}

/** By what a path really leads to: a link in the folder to another program's file is not ours. */
function isWithin(root: string | null, file: string): boolean {
  return root !== null && realPathOf(file)?.startsWith(root + sep) === true;
}

const sizeOf = (files: readonly string[]): number =>
  [...new Set(files)].reduce((sum, file) => sum + (statSync(file, { throwIfNoEntry: false })?.size ?? 0), 0);
