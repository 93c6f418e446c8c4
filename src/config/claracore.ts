// What it takes to bring a ClaraCore folder into our configuration: a plan that can be shown before anything is done, and
// the edits that do it. Nothing that is there already is overwritten, so doing it twice changes nothing. Pure: what lies
// on disk is asked through the context.
import { isDeepStrictEqual } from 'node:util';
import { Value } from '@sinclair/typebox/value';
import type { ClaraFolder, ClaraSettings } from './claracore-files.ts';
import { planModels } from './claracore-models.ts';
import { isWindowsPath, resolveIn } from './claracore-paths.ts';
import type { Edit } from './edits.ts';
import type { FlagValue } from './llama-command.ts';
import type { Environment } from './paths.ts';
import { type ModelEntry, SETTINGS, type SettingName, type Settings } from './schema.ts';

/** What the plan wants to know of the machine and of the engine's options. */
export interface ImportContext {
  /** What our own file says, without defaults. */
  readonly own: Partial<Settings>;
  /** Folders that are tracked here without being in our file. */
  readonly trackedFolders: readonly string[];
  /** True where it writes macros as a list, which takes no more by name. */
  readonly isMacroList: boolean;
  readonly isWindows: boolean;
  readonly environment: Environment;
  readonly isKnownFlag: (name: string, value: FlagValue) => boolean;
  readonly isFile: (path: string) => boolean;
  readonly isFolder: (path: string) => boolean;
  /** What a model file is by its header: `text`, `embedding`, `reranker`, …; null where it cannot be read. */
  readonly kindOf: (path: string) => string | null;
}

/** `add`: it comes. `same`: it is there already. `kept`: something else is there, and stays. `left_out`: it cannot come. */
export type Outcome = 'add' | 'same' | 'kept' | 'left_out';

export interface PlannedSetting {
  readonly name: string;
  readonly value: unknown;
  /** Its name there. */
  readonly from: string;
  readonly outcome: Outcome;
  readonly reason: string | null;
}

export interface PlannedFolder {
  readonly path: string;
  readonly isRecursive: boolean;
  /** False: it is kept in the list, but not scanned. */
  readonly isEnabled: boolean;
  readonly outcome: Outcome;
  readonly reason: string | null;
}

export interface PlannedModel {
  readonly id: string;
  /** `structured`: an entry with `file:`, started by us. `command`: its `cmd:` stays. */
  readonly outcome: 'structured' | 'command' | 'same' | 'left_out';
  /** Why it is no structured entry. */
  readonly reason: string | null;
  /** What is different from before, in sentences. */
  readonly notes: readonly string[];
  readonly file: string | null;
  readonly entry: ModelEntry | null;
}

export interface PlannedPart {
  readonly name: string;
  readonly outcome: Outcome;
  readonly reason: string | null;
}

export interface ImportPlan {
  readonly folder: string;
  readonly files: readonly { readonly name: string; readonly isThere: boolean }[];
  readonly settings: readonly PlannedSetting[];
  readonly folders: readonly PlannedFolder[];
  /** Null where ClaraCore has no key. The key itself is in no plan. */
  readonly apiKey: { readonly isRequired: boolean } | null;
  readonly models: readonly PlannedModel[];
  readonly groups: readonly PlannedPart[];
  readonly macros: readonly PlannedPart[];
  readonly preload: PlannedPart | null;
}

export interface PlannedImport {
  readonly plan: ImportPlan;
  /** For `editConfigAll`; without the folders. */
  readonly edits: readonly Edit[];
  /** Folders to track, absolute. */
  readonly folders: readonly PlannedFolder[];
  /** The key that ClaraCore's clients know. A secret. */
  readonly apiKey: string | null;
}

export function planImport(clara: ClaraFolder, context: ImportContext): PlannedImport {
  const settings = [...settingsOf(clara, context)];
  const folders = [...foldersOf(clara, context)];
  const models = planModels(clara, context);
  const apiKey = clara.settings?.apiKey?.trim() ?? '';
  const edits: Edit[] = settings
    .filter(({ outcome }) => outcome === 'add')
    .map(({ name, value }) => ({ path: [name], value }));
  return {
    plan: {
      folder: clara.path,
      files: [
        { name: 'config.yaml', isThere: clara.config !== null },
        { name: 'settings.json', isThere: clara.settings !== null },
        { name: 'model_folders.json', isThere: clara.folders !== null },
      ],
      settings,
      folders,
      apiKey: apiKey === '' ? null : { isRequired: clara.settings?.requireApiKey === true },
      models: models.models,
      groups: models.groups,
      macros: models.macros,
      preload: models.preload,
    },
    edits: [...edits, ...models.edits],
    folders: folders.filter(({ outcome }) => outcome === 'add'),
    apiKey: apiKey === '' ? null : apiKey,
  };
}

/** Their names of settings and ours; what they write as 0 or nothing means that nobody chose. */
const FROM_SETTINGS: readonly (readonly [keyof ClaraSettings, SettingName])[] = [
  ['gpuType', 'gpuType'],
  ['backend', 'preferredBackend'],
  ['vramGB', 'vram'],
  ['ramGB', 'ram'],
  ['preferredContext', 'preferredContext'],
  ['throughputFirst', 'throughputFirst'],
  ['enableJinja', 'enableJinja'],
  ['requireApiKey', 'requireApiKey'],
];
const FROM_CONFIG = ['healthCheckTimeout', 'logLevel', 'startPort', 'downloadDir'] as const;

function* settingsOf(clara: ClaraFolder, context: ImportContext): Generator<PlannedSetting> {
  for (const [from, name] of FROM_SETTINGS) {
    const value = clara.settings?.[from];
    if (value === undefined || value === '' || value === 0) continue;
    if (from === 'requireApiKey' && value === false) continue;
    yield settingOf(name, from === 'backend' && value === 'mlx' ? 'metal' : value, from, context);
  }
  for (const name of FROM_CONFIG) {
    const value = clara.config?.values[name];
    if (value === undefined || value === null || value === '') continue;
    // What only repeats our default need not be written.
    if (isDeepStrictEqual(value, SETTINGS[name].default)) continue;
    const isPath = name === 'downloadDir' && typeof value === 'string';
    yield settingOf(name, isPath ? resolveIn(clara.path, value) : value, name, context);
  }
}

function settingOf(name: SettingName, value: unknown, from: string, context: ImportContext): PlannedSetting {
  const own = context.own[name];
  const planned = (outcome: Outcome, reason: string | null): PlannedSetting => ({ name, value, from, outcome, reason });
  if (!Value.Check(SETTINGS[name].schema, value)) return planned('left_out', 'there is no such value here');
  if (own === undefined) return planned('add', null);
  return isDeepStrictEqual(own, value) ? planned('same', null) : planned('kept', `it is ${JSON.stringify(own)} here`);
}

function* foldersOf(clara: ClaraFolder, context: ImportContext): Generator<PlannedFolder> {
  const known = new Set([...(context.own.modelsFolders ?? []), ...context.trackedFolders].map(comparable));
  for (const { path: given, isRecursive, isEnabled } of clara.folders ?? []) {
    const path = resolveIn(clara.path, given);
    const folder = { path, isRecursive, isEnabled };
    if (known.has(comparable(path))) yield { ...folder, outcome: 'same', reason: null };
    else if (isWindowsPath(path) && !context.isWindows) {
      yield { ...folder, outcome: 'left_out', reason: 'a path of Windows' };
    } else {
      const notes = [
        isEnabled ? null : 'switched off, as it is there',
        context.isFolder(path) ? null : 'it is not there now',
      ].filter((note) => note !== null);
      yield { ...folder, outcome: 'add', reason: notes.join('; ') || null };
    }
    known.add(comparable(path));
  }
  // Where ClaraCore puts downloads unless it is told otherwise.
  const path = resolveIn(clara.path, './downloads');
  const isElsewhere = typeof clara.config?.values.downloadDir === 'string' && clara.config.values.downloadDir !== '';
  if (!isElsewhere && !known.has(comparable(path)) && context.isFolder(path)) {
    yield { path, isRecursive: true, isEnabled: true, outcome: 'add', reason: 'its downloads' };
  }
}

const comparable = (path: string): string => path.replace(/[/\\]+$/, '');
