// What may be thrown away: the prompts that engines remember, and leftovers of downloads and writes. It must never touch a
// model's file, nor a request that is being answered; what it did it tells in figures.
import { lstatSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { Fault, toFault } from '../base/fault.ts';
import type { Log } from '../base/log.ts';
import { FileLock } from '../base/sync.ts';
import { EngineClient } from '../engine/client.ts';
import { lockFile } from '../engine/install-lock.ts';
import type { Drover } from './drover.ts';
import type { EngineTarget } from './metrics-engines.ts';

export interface ClearedEngine {
  readonly modelId: string;
  /** `erased`: its idle slots; `reloaded`: all of it; `kept`: nothing, and `reason` says why. */
  readonly outcome: 'erased' | 'reloaded' | 'kept';
  readonly slotCount: number;
  readonly tokenCount: number;
  readonly reason: string | null;
}

export interface ClearedCaches {
  readonly engines: readonly ClearedEngine[];
  readonly fileCount: number;
  readonly freedBytes: number;
}

export interface CacheClearingOptions {
  readonly drover: Pick<Drover, 'model' | 'stop' | 'load'>;
  readonly engineTargets: () => readonly EngineTarget[];
  /** Where engines are installed, and where their downloads lie meanwhile. */
  readonly enginesFolder: string;
  readonly engineCacheFolder: string;
  /** Where files are replaced whole, by a temporary one beside them. */
  readonly dataFolder: string;
  readonly log: Log;
}

const NOTHING_ERASED = { slotCount: 0, tokenCount: 0 };
/** What a write that is under way has made is younger. */
const LEFTOVER_MS = 60_000;
const LEFTOVER = /^\..+\.[0-9a-f]{12}\.tmp$/;

/** `isReloading`: engines that do nothing are stopped and loaded again, which empties whatever they remember. */
export async function clearCaches(options: CacheClearingOptions, isReloading: boolean): Promise<ClearedCaches> {
  const engines: ClearedEngine[] = [];
  for (const target of options.engineTargets()) {
    engines.push(isReloading ? await reloaded(options, target.modelId) : await erased(target));
  }
  const files = clearFiles(options);
  options.log.info('caches cleared', { engines: engines.length, ...files });
  return { engines, ...files };
}

async function erased({ modelId, baseUrl, headers }: EngineTarget): Promise<ClearedEngine> {
  const client = new EngineClient({ baseUrl, apiKey: keyOf(headers), name: modelId });
  try {
    const slots = await client.slots();
    const idle = slots.filter((slot) => !slot.isProcessing);
    let tokenCount = 0;
    for (const slot of idle) tokenCount += await client.eraseSlot(slot.id);
    const busyCount = slots.length - idle.length;
    return {
      modelId,
      outcome: 'erased',
      slotCount: idle.length,
      tokenCount,
      reason: busyCount === 0 ? null : `${busyCount} slots are answering.`,
    };
  } catch (thrown) {
    return { modelId, outcome: 'kept', ...NOTHING_ERASED, reason: reasonOf(thrown) };
  }
}

async function reloaded({ drover }: CacheClearingOptions, modelId: string): Promise<ClearedEngine> {
  const { instance } = drover.model(modelId);
  if (instance !== null && instance.requestsInFlight + instance.requestsQueued > 0) {
    return { modelId, outcome: 'kept', ...NOTHING_ERASED, reason: 'It is answering.' };
  }
  try {
    await drover.stop(modelId);
    await drover.load(modelId);
    return { modelId, outcome: 'reloaded', ...NOTHING_ERASED, reason: null };
  } catch (thrown) {
    return { modelId, outcome: 'kept', ...NOTHING_ERASED, reason: toFault(thrown).message };
  }
}

/** Drover starts engines so that they write no files, and llama-server erases only where it may. */
function reasonOf(thrown: unknown): string {
  const fault = toFault(thrown);
  return fault instanceof Fault && fault.kind === 'not_supported'
    ? 'The engine does not erase prompts on request; reloading it would.'
    : fault.message;
}

const keyOf = (headers: Readonly<Record<string, string>>): string | null =>
  headers.authorization?.replace(/^Bearer /, '') ?? null;

function clearFiles(options: CacheClearingOptions): { readonly fileCount: number; readonly freedBytes: number } {
  const { enginesFolder, engineCacheFolder, dataFolder } = options;
  const paths = leftoversIn(dataFolder);
  // Whoever installs an engine holds this, and needs what lies there.
  using lock = FileLock.tryTake(lockFile(enginesFolder));
  if (lock !== null) paths.push(...namesIn(engineCacheFolder).map((name) => join(engineCacheFolder, name)));
  let fileCount = 0;
  let freedBytes = 0;
  for (const path of paths) {
    try {
      const status = lstatSync(path);
      if (!status.isFile()) continue;
      rmSync(path);
      fileCount += 1;
      freedBytes += status.size;
    } catch {
      // It is gone, or not ours to delete.
    }
  }
  return { fileCount, freedBytes };
}

const leftoversIn = (folder: string): string[] =>
  namesIn(folder)
    .filter((name) => LEFTOVER.test(name))
    .map((name) => join(folder, name))
    .filter((path) => Date.now() - (lstatSync(path, { throwIfNoEntry: false })?.mtimeMs ?? Date.now()) > LEFTOVER_MS);

function namesIn(folder: string): readonly string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}
