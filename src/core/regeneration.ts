// Makes the entries of the configuration from the models in the tracked folders. What a person wrote or changed stays,
// what we wrote is written anew, what runs goes on. It must never take out an entry because its disk is away.
import { sep } from 'node:path';
import type { Log } from '../base/log.ts';
import type { ModelEntry, Settings } from '../config/schema.ts';
import type { LibraryFolder } from '../models/folders.ts';
import type { Library, LibraryModel } from '../models/library.ts';
import type { ConfigEdit, ConfigFile } from './config-file.ts';
import { entryOf } from './config-rules.ts';
import { type Configuration, type ConfigWrite, isMissing } from './configuration.ts';
import type { GeneratedEntries } from './generated-entries.ts';
import { type EntryContext, type EntryWishes, makeEntry } from './model-entries.ts';
import type { SetupProgress, SetupState } from './setup-progress.ts';

/** What was found in one folder. */
export interface FolderFinding {
  readonly path: string;
  readonly modelCount: number;
  /** Why it could not be scanned; null where it was. */
  readonly failure: string | null;
}

export interface Regenerated extends ConfigWrite {
  readonly folders: readonly FolderFinding[];
  /** Models for which an entry was to be made. */
  readonly modelCount: number;
  readonly added: readonly string[];
  readonly changed: readonly string[];
  readonly removed: readonly string[];
  /** Entries that somebody wrote or changed by hand. */
  readonly keptByHand: readonly string[];
  readonly notes: readonly string[];
  /** The configuration as it is now, without its secrets. */
  readonly text: string;
}

export interface RegenerationOptions {
  readonly configuration: Configuration;
  readonly file: ConfigFile;
  readonly generated: GeneratedEntries;
  readonly library: Pick<Library, 'survey'>;
  readonly progress: SetupProgress;
  readonly entryContext: (wishes: EntryWishes) => Promise<EntryContext>;
  readonly log: Log;
}

/** Scanning is most of the work: its share of the whole. */
const SCAN_SHARE = 0.7;

export class Regeneration {
  readonly #options: RegenerationOptions;

  constructor(options: RegenerationOptions) {
    this.#options = options;
  }

  /**
   * One at a time: `conflict` while another one runs. Scans, makes, writes; resolves when it is all in use. `isWhole`:
   * these are all folders that count, so entries of ours for files elsewhere go.
   */
  run(folders: readonly LibraryFolder[], wishes: EntryWishes, isWhole: boolean): Promise<Regenerated> {
    return this.#options.progress.run(async (advance) => {
      const { models, findings } = await this.#scan(folders, advance);
      advance({ stage: 'generating', step: 'Making entries', totalCount: models.length, doneCount: 0 });
      const made = await this.#make(models, wishes, advance);
      advance({ stage: 'saving', step: 'Saving the configuration', modelId: null, ratio: 0.95 });
      return this.#save(made, findings, isWhole);
    });
  }

  async #scan(folders: readonly LibraryFolder[], advance: Advance) {
    let folderIndex = -1;
    let lastFolder = '';
    const { models, folders: summaries } = await this.#options.library.survey(folders, {
      onProgress: (folder, readCount, setCount) => {
        if (folder !== lastFolder) folderIndex += 1;
        lastFolder = folder;
        const inFolder = setCount === 0 ? 0 : readCount / setCount;
        advance({
          step: `Reading ${folder}`,
          doneCount: readCount,
          totalCount: setCount,
          ratio: (SCAN_SHARE * (folderIndex + inFolder)) / folders.length,
        });
      },
    });
    const findings = summaries.map(
      (summary): FolderFinding => ({
        path: summary.path,
        modelCount: summary.modelCount,
        failure:
          summary.status === 'missing'
            ? `There is no folder ${summary.path}.`
            : summary.status === 'unreadable'
              ? (summary.error ?? 'It cannot be read.')
              : null,
      }),
    );
    const usable = models.filter((model) => model.fault === null && model.facts?.kind !== 'draft');
    return { models: usable, findings };
  }

  async #make(models: readonly LibraryModel[], wishes: EntryWishes, advance: Advance): Promise<Made[]> {
    const context = await this.#options.entryContext(wishes);
    const made: Made[] = [];
    for (const model of models) {
      made.push({ model, ...makeEntry(model, wishes, context) });
      advance({
        modelId: model.id,
        doneCount: made.length,
        ratio: SCAN_SHARE + (0.95 - SCAN_SHARE) * (made.length / models.length),
      });
      if (made.length % 20 === 0) await new Promise((resolve) => setImmediate(resolve));
    }
    return made;
  }

  async #save(made: readonly Made[], findings: readonly FolderFinding[], isWhole: boolean): Promise<Regenerated> {
    const { configuration, file, generated, log } = this.#options;
    const away = findings.filter((finding) => finding.failure !== null).map((finding) => finding.path);
    const isAway = (path: string): boolean => away.some((folder) => isBelow(path, folder));
    const isGone = (path: string): boolean => !isAway(path) && (isWhole || isMissing(path));
    const { result: done, ...write } = await configuration.change((text, values) => {
      const result = outcomeOf(made, values, isGone, file, generated);
      const edited = file.edit(text, result.edits);
      return { text: result.removed.length === 0 ? edited : file.removeModels(edited, result.removed), result };
    });
    generated.note(done.written, done.removed);
    log.info('made the configuration', {
      added: done.added.length,
      changed: done.changed.length,
      removed: done.removed.length,
      keptByHand: done.keptByHand.length,
    });
    return {
      ...write,
      folders: findings,
      modelCount: made.length,
      added: done.added,
      changed: done.changed,
      removed: done.removed,
      keptByHand: done.keptByHand,
      notes: [...new Set(made.flatMap(({ notes }) => notes))],
      text: configuration.view().text,
    };
  }
}

type Advance = (step: Partial<SetupState>) => void;

interface Made {
  readonly model: LibraryModel;
  readonly entry: ModelEntry;
  readonly notes: readonly string[];
}

interface Outcome {
  readonly edits: readonly ConfigEdit[];
  readonly added: readonly string[];
  readonly changed: readonly string[];
  readonly removed: readonly string[];
  readonly keptByHand: readonly string[];
  readonly written: ReadonlyMap<string, ModelEntry>;
}

/** What to write, given what stands there. An entry is known by its file, not by its name. */
function outcomeOf(
  made: readonly Made[],
  values: Partial<Settings>,
  isGone: (path: string) => boolean,
  file: ConfigFile,
  generated: GeneratedEntries,
): Outcome {
  const entries = Object.entries(values.models ?? {}).map(([id, entry]) => ({
    id,
    entry,
    path: file.fileOf(id, entry),
  }));
  const byPath = new Map(entries.flatMap((item) => (item.path === null ? [] : [[item.path, item] as const])));
  const edits: ConfigEdit[] = [];
  const written = new Map<string, ModelEntry>();
  const outcome = { added: [] as string[], changed: [] as string[], keptByHand: [] as string[] };
  const seen = new Set<string>();
  for (const { model, entry } of made) {
    const known = model.files.map((path) => byPath.get(path)).find((item) => item !== undefined);
    const id = known?.id ?? freshId(model.id, values, written);
    if (known !== undefined && !generated.isOurs(id, known.entry)) {
      seen.add(id);
      outcome.keptByHand.push(id);
      continue;
    }
    seen.add(id);
    written.set(id, entry);
    if (known !== undefined && JSON.stringify(known.entry) === JSON.stringify(entry)) continue;
    (known === undefined ? outcome.added : outcome.changed).push(id);
    edits.push({ path: ['models', id], value: entry });
  }
  const removed = entries
    .filter(({ id, entry, path }) => !seen.has(id) && path !== null && isGone(path) && generated.isOurs(id, entry))
    .map(({ id }) => id);
  return { edits, removed, written, ...outcome };
}

const isBelow = (path: string, folder: string): boolean =>
  path.startsWith(folder.endsWith(sep) ? folder : folder + sep);

function freshId(wanted: string, values: Partial<Settings>, written: ReadonlyMap<string, ModelEntry>): string {
  const isTaken = (id: string): boolean => entryOf(values, id) !== null || written.has(id);
  if (!isTaken(wanted)) return wanted;
  let count = 2;
  while (isTaken(`${wanted}-${count}`)) count += 1;
  return `${wanted}-${count}`;
}
