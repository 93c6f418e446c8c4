// The core put together from the configuration: for a server, which holds the data directory's lock, and for verbs that
// look for themselves where no server runs.
import { existsSync, mkdirSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { Callers } from '../access/callers.ts';
import { KEY_MIGRATIONS, KeyRing } from '../access/keys.ts';
import { TokenSecret } from '../access/token-secret.ts';
import { Tokens } from '../access/tokens.ts';
import { USER_MIGRATION, UserBook } from '../access/users.ts';
import { assetBytes } from '../base/assets.ts';
import { Bus } from '../base/bus.ts';
import { Fault, toFault } from '../base/fault.ts';
import { expandHome, writeFileAtomically } from '../base/file.ts';
import { Log, type LogSink } from '../base/log.ts';
import { openLogFile } from '../base/log-file.ts';
import { openStore } from '../base/store.ts';
import { customCommand, wantsPort } from '../config/custom.ts';
import { environment, loadConfig } from '../config/load.ts';
import type { Paths } from '../config/paths.ts';
import type { Settings } from '../config/schema.ts';
import { CHATS_MIGRATION } from '../core/chats.ts';
import type { Desks } from '../core/desks.ts';
import type { Keeper } from '../core/drover.ts';
import { EngineChoice } from '../core/engine-choice.ts';
import { foreignCommand, isForeign } from '../core/foreign-engines.ts';
import { GENERATED_MIGRATION } from '../core/generated-entries.ts';
import { HOUSE_MIGRATIONS, House } from '../core/house.ts';
import { heldPorts } from '../core/instance-names.ts';
import { MODEL_BOOK_MIGRATION, ModelBook } from '../core/model-book.ts';
import type { Predecessor } from '../core/predecessor.ts';
import { SESSIONS_MIGRATION } from '../core/sessions.ts';
import { TEST_MIGRATION } from '../core/test-book.ts';
import type { DroverEvent } from '../core/vocabulary.ts';
import { WANTED_MIGRATION } from '../core/wanted-book.ts';
import { type Engines, openEngines } from '../engine/install.ts';
import { Reaper } from '../engine/reaper.ts';
import { createDebianSource } from '../engine/sources/debian.ts';
import { createGithubSource } from '../engine/sources/github.ts';
import { probeHardware } from '../hardware/probe.ts';
import { DOWNLOADS_MIGRATION } from '../models/downloads.ts';
import { FolderBook } from '../models/folder-book.ts';
import { knownFolders } from '../models/folders.ts';
import { LIBRARY_MIGRATIONS, type Library, openLibrary } from '../models/library.ts';
import type { Call } from './command-line.ts';
import { DataLock } from './data-lock.ts';
import { downloadFolderOf, makeDesks } from './desks.ts';
import { VERSION } from './version.ts';

const MIGRATIONS = [
  ...LIBRARY_MIGRATIONS,
  ...HOUSE_MIGRATIONS,
  ...KEY_MIGRATIONS,
  USER_MIGRATION,
  GENERATED_MIGRATION,
  MODEL_BOOK_MIGRATION,
  SESSIONS_MIGRATION,
  CHATS_MIGRATION,
  WANTED_MIGRATION,
  DOWNLOADS_MIGRATION,
  TEST_MIGRATION,
];

export interface OpenedCore extends AsyncDisposable {
  /** As they are now: read again with every reload. */
  readonly settings: () => Settings;
  readonly drover: House;
  readonly log: Log;
  readonly bus: Bus<DroverEvent>;
  readonly keys: KeyRing;
  readonly users: UserBook;
  readonly callers: Callers;
  readonly paths: Paths;
  readonly engines: Engines;
  readonly choice: EngineChoice;
  readonly library: Library;
  readonly modelBook: ModelBook;
  /** Of a server; null where a verb looks for itself. */
  readonly desks: Desks | null;
  /** Null unless it holds the data directory's lock. */
  readonly lock: DataLock | null;
  readonly records: Reaper | null;
}

export interface OpenOptions {
  /** True for a server: nobody else may serve from this data directory meanwhile. */
  readonly holdsLock: boolean;
  readonly sink: LogSink | null;
  /** Of a server. */
  readonly keeper?: Keeper | null;
  /** For a successor: the server before it, which still has children of its own. */
  readonly predecessor?: Predecessor;
  /** The number of the last event of the server before it. */
  readonly startsAfter?: number;
}

export async function openCore(call: Call, options: OpenOptions): Promise<OpenedCore> {
  const { paths } = call.config;
  const env = environment();
  makeFolders(paths);
  const { predecessor = null } = options;
  const take = (): DataLock | Promise<DataLock> =>
    predecessor === null ? DataLock.take(paths) : DataLock.takeOver(paths);
  const lock = options.holdsLock ? await take() : null;
  const logFile = options.holdsLock ? openLogFile(paths.logFile) : null;
  const log = new Log({
    level: call.config.settings.logLevel,
    sinks: [options.sink, logFile?.sink ?? null].filter((sink) => sink !== null),
  });
  for (const warning of call.config.warnings) {
    log.warn(`${paths.configFile}:${warning.line}:${warning.column}: ${warning.message}`);
  }
  const records = options.holdsLock ? new Reaper(join(paths.children, 'records'), log.as('engine')) : null;
  // What is recorded may be the predecessor's, and alive: see `serve-takeover`.
  if (predecessor === null) records?.reap();
  const store = openStore(paths.store, MIGRATIONS);
  const modelBook = new ModelBook(store);
  let configured = call.config.settings;
  const settings = modelBook.under(configured);
  let current = settings;
  const bus = new Bus<DroverEvent>({
    isDroppable: ({ type }) => type === 'log' || type === 'engine.output' || type === 'test.progress',
    startsAfter: options.startsAfter ?? 0,
  });
  if (options.holdsLock) log.addSink((line) => bus.emit({ type: 'log', line }));
  const probeModel = probeFile(paths);
  const isWindows = isWindowsPath(paths.data);
  const hardware = ({ hasDisks }: { readonly hasDisks: boolean }) =>
    probeHardware({ diskPaths: hasDisks ? diskPathsOf(current, paths) : [] });
  const engineCacheFolder = join(paths.cache, 'engines');
  const sources = [
    createGithubSource({
      api: settings.githubApi,
      downloads: settings.githubDownloads,
      allowedHosts: settings.downloadHosts,
    }),
    createDebianSource({ archiveUrl: settings.debianArchive }),
  ];
  const engines = openEngines({
    folder: paths.engines,
    cacheFolder: engineCacheFolder,
    sources,
    log: log.as('engine'),
    probeModel,
    environment: env,
  });
  const choice = new EngineChoice({
    engines,
    settings,
    hardware: () => hardware({ hasDisks: false }),
    pathVariable: env.PATH ?? env.Path ?? '',
    bus,
    log: log.as('engine'),
  });
  const book = new FolderBook(store);
  const library = openLibrary({
    store,
    log: log.as('library'),
    ...librarySettings(settings, paths, book),
    probe: { path: probeModel },
    onScanned: ({ folders }) => {
      if (options.holdsLock) book.noteScan(new Map(folders.map((folder) => [folder.path, folder.modelCount])));
    },
    onChange: (change) => bus.emit({ type: 'library.changed', ...change }),
  });
  const drover = new House({
    self: { version: VERSION, pid: process.pid, keeper: options.keeper ?? null, dataFolder: paths.data },
    settings,
    workingFolder: paths.children,
    records,
    predecessor,
    log,
    bus,
    store,
    library,
    choice,
    engines,
    hardware,
    environment: env,
    defaultModel: () => modelBook.defaultModel,
    custom: {
      wantsPort: (entry) => isForeign(entry) || wantsPort(entry),
      promisedPorts: () => heldPorts(modelBook.all()).keys(),
      command: (now, id, entry, portNumber) =>
        isForeign(entry)
          ? foreignCommand(id, entry, { portNumber, isOffline: now.offline, inherited: env })
          : customCommand(now, id, entry, portNumber, env, isWindows),
    },
    readSettings: () => {
      configured = loadConfig(call.options).settings;
      current = modelBook.under(configured);
      return { settings: current, library: librarySettings(current, paths, book) };
    },
  });
  const keys = new KeyRing(store);
  const users = new UserBook(store);
  const tokens = new Tokens({ secret: new TokenSecret(paths.tokenSecret, store), find: (name) => users.find(name) });
  const access = { keys, users, tokens };
  const common = {
    drover,
    bus,
    log,
    store,
    paths,
    library,
    book,
    modelBook,
    engines,
    choice,
    sources,
    engineCacheFolder,
    ...access,
  };
  const desks = options.holdsLock
    ? makeDesks({ ...common, environment: env, isWindows, settings: () => current, configured: () => configured })
    : null;
  return {
    settings: () => current,
    drover,
    log,
    bus,
    keys,
    users,
    callers: new Callers(keys, tokens),
    desks,
    paths,
    engines,
    choice,
    library,
    modelBook,
    lock,
    records,
    [Symbol.asyncDispose]: async () => {
      await desks?.tests.rest();
      await desks?.downloads.close();
      await drover.close({ drainMs: 0 });
      await desks?.instances.close();
      library.close();
      await logFile?.flush();
      store[Symbol.dispose]();
      lock?.[Symbol.dispose]();
    },
  };
}

/** Runs a verb on a core of its own, models scanned, nothing logged but warnings. */
export async function withCore<T>(call: Call, work: (core: OpenedCore) => Promise<T> | T): Promise<T> {
  await using core = await openCore(call, { holdsLock: false, sink: null });
  return await work(core);
}

/** The same, for verbs on models: the library is scanned first. */
export const withModels = <T>(call: Call, work: (drover: House) => Promise<T> | T): Promise<T> =>
  withCore(call, async ({ drover }) => {
    await drover.rescan();
    return await work(drover);
  });

/** The disk that downloads go to first. */
const diskPathsOf = (settings: Settings, paths: Paths): string[] => [
  ...new Set([downloadFolderOf(settings, paths), paths.data, ...settings.modelsFolders]),
];

function librarySettings(settings: Settings, paths: Paths, book: FolderBook) {
  const given = [paths.models, settings.downloadDir, ...settings.modelsFolders]
    .filter((path) => path !== '')
    .map((path) => ({ path: expandHome(path), origin: 'folder' as const }));
  const known = settings.scanKnownFolders ? knownFolders({ home: homedir(), environment: environment() }) : [];
  return {
    folders: [...given, ...book.libraryFolders(), ...known],
    configured: Object.entries(settings.models).flatMap(([id, entry]) =>
      entry.file === undefined
        ? []
        : [
            {
              id,
              file: expandHome(entry.file),
              mmproj: entry.mmproj === undefined ? null : expandHome(entry.mmproj),
              aliases: entry.aliases ?? [],
              name: entry.name ?? null,
            },
          ],
    ),
  };
}

function makeFolders(paths: Paths): void {
  try {
    for (const folder of [paths.data, paths.engines, paths.models, paths.cache, paths.children]) {
      mkdirSync(folder, { recursive: true, mode: 0o700 });
    }
  } catch (thrown) {
    const fault = toFault(thrown, 'not_writable');
    throw new Fault(
      fault.kind === 'disk_full' ? 'disk_full' : 'not_writable',
      `The data directory ${paths.data} cannot be written: ${fault.message}`,
      {
        cause: thrown,
        hint: 'Give another one with --data-dir or DROVER_DATA_DIR.',
      },
    );
  }
}

/** The probe model as a file: the engine cannot read what is inside our executable. */
function probeFile(paths: Paths): string {
  const path = join(paths.cache, 'drover-probe.gguf');
  const bytes = assetBytes('probe.gguf');
  if (!existsSync(path) || Bun.file(path).size !== bytes.length) writeFileAtomically(path, bytes);
  return path;
}

const isWindowsPath = (path: string): boolean => /^([A-Za-z]:|\\\\)/.test(path);
