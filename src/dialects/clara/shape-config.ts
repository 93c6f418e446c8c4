// The configuration, its folders and its making in ClaraCore's words. Pure.
import type { CommandChanges, ConfigSummary } from '../../core/config-file.ts';
import type { AppendedModel, ConfigView, ConfigWrite, RemovedModel } from '../../core/configuration.ts';
import type { DownloadDestination } from '../../core/destinations.ts';
import type { AddedFolders, FolderScan, FolderView } from '../../core/folders.ts';
import type { EntryWishes, MadeEntry } from '../../core/model-entries.ts';
import type { FolderFinding, Regenerated } from '../../core/regeneration.ts';
import type { SetupState } from '../../core/setup-progress.ts';
import type { LibraryModel } from '../../models/library.ts';
import { entryWithCommand } from './entry-command.ts';
import { isoOrNull, isoTime, sizeText, unlessZero } from './shape.ts';

export interface WireWishes {
  readonly enableJinja?: boolean;
  readonly throughputFirst?: boolean;
  readonly minContext?: number;
  readonly preferredContext?: number;
  readonly forceBackend?: string;
  readonly forceVRAM?: number;
  readonly forceRAM?: number;
}

export const toWishes = (wire: WireWishes | null | undefined): EntryWishes => ({
  enableJinja: wire?.enableJinja,
  throughputFirst: wire?.throughputFirst,
  minContextTokens: unlessZero(wire?.minContext),
  preferredContextTokens: unlessZero(wire?.preferredContext),
  backend: wire?.forceBackend === 'mlx' ? 'metal' : wire?.forceBackend,
  vramGb: unlessZero(wire?.forceVRAM),
  ramGb: unlessZero(wire?.forceRAM),
});

export function configToWire({ text, values, summary }: ConfigView) {
  const { models = {}, groups = {}, macros = {} } = values;
  return {
    yaml: text,
    config: {
      healthCheckTimeout: values.healthCheckTimeout ?? 300,
      logLevel: values.logLevel ?? 'info',
      startPort: summary.startPort,
      downloadDir: summary.downloadDir,
      models: Object.fromEntries(Object.entries(models).map(([id, entry]) => [id, entryWithCommand(entry)])),
      groups,
      macros,
    },
  };
}

/** New settings count for whatever starts from now on; what runs keeps its own until it is restarted. */
const restartFields = ({ affected }: ConfigWrite, what: string) => ({
  requiresRestart: affected.length > 0,
  restartMessage: `${what} ${
    affected.length > 0
      ? 'Would you like to restart the server to apply changes?'
      : 'It counts already: no restart is needed.'
  }`,
  affectedModels: [...affected],
});

export const writtenToWire = (write: ConfigWrite) => ({
  status: 'Configuration updated successfully',
  backup: write.backupPath,
  ...restartFields(write, 'Configuration has been updated.'),
});

export const validToWire = (summary: ConfigSummary) => ({ valid: true, ...summary });

export const modelWrittenToWire = (write: ConfigWrite & { readonly id: string }, changes: CommandChanges) => ({
  status: 'Model parameters updated successfully',
  model: write.id,
  backup: write.backupPath,
  updated: Object.fromEntries(Object.entries(changes).filter(([, value]) => value !== undefined)),
  ...restartFields(write, 'Model configuration has been updated.'),
});

const isEmbedder = ({ facts }: LibraryModel): boolean => facts?.kind === 'embedding' || facts?.kind === 'reranker';
const isInstruct = ({ facts }: LibraryModel): boolean => facts?.kind === 'text' && facts.chatTemplate !== null;

const infoOf = (model: LibraryModel) => ({
  name: model.title,
  size: sizeText(model.sizeBytes),
  quantization: model.facts?.quantization ?? '',
  isInstruct: isInstruct(model),
  isEmbedding: isEmbedder(model),
  contextLength: model.facts?.contextTokens ?? null,
});

export const appendedToWire = (appended: AppendedModel) => ({
  status: 'Model successfully appended to config.yaml',
  modelId: appended.id,
  modelInfo: infoOf(appended.model),
  ...(appended.notes.length === 0 ? {} : { notes: [...appended.notes] }),
  ...restartFields(appended, 'New model has been added to configuration.'),
});

export const previewToWire = ({ entry, notes, model }: MadeEntry & { readonly model: LibraryModel }) => ({
  status: 'Model configuration generated, nothing was written',
  config: entry,
  modelInfo: {
    ...infoOf(model),
    isDraft: model.facts?.kind === 'draft',
    numLayers: model.facts?.blockCount ?? 0,
    isMoE: (model.facts?.expertCount ?? 0) > 0,
  },
  ...(notes.length === 0 ? {} : { notes: [...notes] }),
});

export const deletedToWire = (removed: RemovedModel) => ({
  status: 'Model deleted',
  modelId: removed.id,
  message:
    removed.deletedFiles.length === 0
      ? `Removed ${removed.id} from the configuration; its file stays.`
      : `Removed ${removed.id} and deleted ${removed.deletedFiles.length} file(s).`,
  backup: removed.backupPath,
  deletedFiles: [...removed.deletedFiles],
});

export const missingToWire = ({ removed }: { readonly removed: readonly { id: string; path: string }[] }) => ({
  status: 'Config validation completed',
  removedModels: removed.map(({ id, path }) => `${id} (${path})`),
  message: `Removed ${removed.length} missing models from config`,
});

export const duplicatesToWire = (outcome: {
  readonly removed: readonly string[];
  readonly kept: readonly string[];
}) => ({
  message: `Cleanup completed. Removed ${outcome.removed.length} duplicate models.`,
  duplicatesRemoved: outcome.removed.length,
  removedModels: [...outcome.removed],
  keptModels: [...outcome.kept],
});

export const foldersToWire = (folders: readonly FolderView[]) => ({
  folders: folders.map((folder) => ({
    path: folder.path,
    addedAt: isoTime(folder.addedAt),
    lastScanned: isoOrNull(folder.scannedAt),
    modelCount: folder.modelCount,
    recursive: folder.isRecursive,
    enabled: folder.isEnabled,
  })),
  lastScan: isoOrNull(latest(folders.map((folder) => folder.scannedAt))),
  version: '1.0' as const,
  totalCount: folders.length,
});

const latest = (times: readonly (number | null)[]): number | null =>
  times.reduce((last, time) => (time !== null && (last === null || time > last) ? time : last), null);

export const addedToWire = ({ added, errors }: AddedFolders) => ({
  status: 'Folders added to database',
  addedFolders: [...added],
  errors: [...errors],
});

export const removedToWire = (outcome: { readonly removed: readonly string[]; readonly leftCount: number }) => ({
  status: 'Folders removed from database',
  removedFolders: [...outcome.removed],
  remainingCount: outcome.leftCount,
});

const findingToWire = ({ path, modelCount, failure }: FolderFinding) => ({
  folder: path,
  status: failure === null ? 'success' : 'error',
  models: modelCount,
  ...(failure === null ? {} : { error: failure }),
});

export const scanToWire = ({ folders, models }: FolderScan) => ({
  models: models.map((model) => {
    const filename = lastOf(model.path);
    const home = folders.find(({ path }) => isBelow(model.path, path))?.path ?? '';
    return {
      modelId: model.id,
      filename,
      name: model.title,
      size: model.sizeBytes,
      sizeFormatted: sizeText(model.sizeBytes),
      path: model.path,
      relativePath: home === '' ? filename : model.path.slice(home.length).replace(/^[/\\]+/, ''),
      quantization: model.facts?.quantization ?? '',
      isInstruct: isInstruct(model),
      isDraft: model.facts?.kind === 'draft',
      isEmbedding: isEmbedder(model),
      contextLength: model.facts?.contextTokens ?? null,
      numLayers: model.facts?.blockCount ?? 0,
      isMoE: (model.facts?.expertCount ?? 0) > 0,
    };
  }),
  scanSummary: folders.map(findingToWire),
  totalModels: models.length,
  foldersScanned: folders.length,
});

const lastOf = (path: string): string => path.split(/[/\\]/).at(-1) ?? path;
const isBelow = (path: string, folder: string): boolean =>
  path.startsWith(folder) && (/[/\\]$/.test(folder) || /^[/\\]/.test(path.slice(folder.length)));

export const destinationsToWire = (destinations: readonly DownloadDestination[]) => ({
  destinations: destinations.map(({ path, isDefault, modelCount, scannedAt }) => ({
    path,
    name: isDefault ? 'Default Downloads' : lastOf(path),
    type: isDefault ? 'default' : 'folder',
    enabled: true,
    modelCount,
    lastScanned: isoOrNull(scannedAt),
    description: `${isDefault ? 'Default download folder' : 'Model folder'} (${modelCount} models)`,
  })),
  count: destinations.length,
});

export const regeneratedToWire = (made: Regenerated) => ({
  status: 'Configuration regenerated using CLI autosetup function',
  totalModels: made.modelCount,
  foldersScanned: made.folders.length,
  scanSummary: made.folders.map(findingToWire),
  config: made.text,
  source: 'The headers of the GGUF files, and placement on this machine',
  primaryFolder: made.folders[0]?.path ?? '',
  note: noteOf(made),
  autoRestart:
    made.affected.length === 0
      ? 'Not needed: the configuration counts already'
      : `The configuration counts already; until a restart these run as before: ${made.affected.join(', ')}`,
  backup: made.backupPath,
  added: [...made.added],
  changed: [...made.changed],
  removed: [...made.removed],
  keptByHand: [...made.keptByHand],
  affectedModels: [...made.affected],
});

export const startedToWire = () => ({
  status: 'Configuration generation started',
  message: 'It takes longer than a request may; see /api/setup/progress, or configProgress on /api/events.',
  completed: false,
});

function noteOf(made: Regenerated): string {
  const counts = `${made.added.length} added, ${made.changed.length} changed, ${made.removed.length} removed, ${made.keptByHand.length} kept as written by hand.`;
  return [counts, ...made.notes].join(' ');
}

const SETUP_STATUS: Readonly<Record<SetupState['stage'], string>> = {
  idle: 'idle',
  scanning: 'processing',
  generating: 'processing',
  saving: 'processing',
  finished: 'completed',
  failed: 'error',
};

const percent = (ratio: number): number => Math.round(ratio * 1000) / 10;

export const setupToWire = (setup: SetupState) => ({
  status: SETUP_STATUS[setup.stage],
  current_step: setup.step,
  progress: percent(setup.ratio),
  total_models: setup.totalCount,
  processed_models: setup.doneCount,
  current_model: setup.modelId ?? '',
  error: setup.failure,
  completed: setup.stage === 'finished',
  started_at: isoOrNull(setup.startedAt),
  updated_at: isoOrNull(setup.updatedAt),
});

export const setupEventToWire = (setup: SetupState) => ({
  stage: setup.stage === 'failed' ? `Failed: ${setup.failure ?? ''}` : setup.step,
  currentModel: setup.modelId ?? '',
  current: setup.doneCount,
  total: setup.totalCount,
  percentageComplete: percent(setup.ratio),
});
