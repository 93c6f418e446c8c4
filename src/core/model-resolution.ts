// From what somebody says a model is (a known model, a file, `owner/name`) to the entry that runs it. It must never take a
// file for a model before it has been read, nor a name for an option of a program.
import { isAbsolute } from 'node:path';
import type { ModelEntry } from '../config/schema.ts';
import type { Library, LibraryModel } from '../models/library.ts';
import { trimRepository } from '../models/names.ts';
import { type Configuration, isMissing } from './configuration.ts';
import { foreignEngineOf, requireModelName } from './foreign-engines.ts';

/** What somebody registers. */
export interface Registration {
  readonly name: string;
  readonly engine: 'llama.cpp' | 'vllm' | 'transformers';
  /** A known model, the path of a file, or `owner/name` on the hub. */
  readonly model: string;
  readonly quantization: string | null;
  readonly dtype: string | null;
  readonly description: string | null;
  /** The words in which it was said, given back as they are. */
  readonly document: Readonly<Record<string, unknown>>;
}

export interface ModelSources {
  readonly library: Pick<Library, 'resolve'>;
  readonly configuration: Pick<Configuration, 'preview'>;
}

/**
 * What a registration is to the core. A model of llama.cpp that is not on this machine has no file, unless `known` is the
 * entry that it has already. Faults: `bad_request`; those of `Configuration.preview` for a path.
 */
export async function entryFor(
  registration: Registration,
  known: ModelEntry | null,
  sources: ModelSources,
): Promise<ModelEntry> {
  const { engine, model, quantization, dtype, description } = registration;
  const entry: ModelEntry = {
    engine,
    model,
    ...(description === null ? {} : { description }),
    ...(quantization === null ? {} : { quantization }),
    ...(dtype === null ? {} : { dtype }),
  };
  if (engine !== 'llama.cpp') {
    requireModelName(model);
    return entry;
  }
  const file = await fileOf(registration, known, sources);
  return file === null ? entry : { ...entry, file };
}

async function fileOf(
  { model, quantization }: Registration,
  known: ModelEntry | null,
  { library, configuration }: ModelSources,
): Promise<string | null> {
  if (isAbsolute(model)) return (await configuration.preview(model, {})).model.path;
  // Whatever the library knows is a name; the rest must be one of the hub's.
  const found = resolveModel(library, model, quantization);
  if (found !== null) return found.path;
  requireModelName(model);
  // A file that is there stays, whatever it is called upstream.
  return known?.model === model ? (known.file ?? null) : null;
}

/** Among the models on this machine: as it is called, then as its repository's name says it. */
export function resolveModel(
  library: Pick<Library, 'resolve'>,
  model: string,
  quantization: string | null,
): LibraryModel | null {
  const tail = trimRepository(model.split('/').at(-1) ?? model);
  const exact = quantization === null ? [] : [`${model}:${quantization}`, `${tail}-${quantization}`];
  for (const name of [...exact, model, tail]) {
    const found = library.resolve(name);
    if (found !== null && found.fault === null && found.origin !== 'probe') return found;
  }
  return null;
}

/** True for an entry of llama.cpp whose file is not here; it may come back elsewhere. */
export const isUnsettled = (entry: ModelEntry): boolean =>
  foreignEngineOf(entry) === null && (entry.file === undefined || isMissing(entry.file));
