// The desks of a server put together: configuration, folders, downloads, engine, machine and settings around one core.
// Only a server has them: a verb that looks for itself must not start downloads.
import { homedir } from 'node:os';
import { join, resolve } from 'node:path';
import type { KeyRing } from '../access/keys.ts';
import { Logins } from '../access/logins.ts';
import { Rates } from '../access/rates.ts';
import type { Tokens } from '../access/tokens.ts';
import type { UserBook } from '../access/users.ts';
import type { Bus } from '../base/bus.ts';
import { expandHome } from '../base/file.ts';
import type { Log } from '../base/log.ts';
import { logFilesOf } from '../base/log-file.ts';
import type { Store } from '../base/store.ts';
import type { Environment, Paths } from '../config/paths.ts';
import { defaultSettings, type Settings } from '../config/schema.ts';
import { AccessDesk } from '../core/access-desk.ts';
import { Advisor } from '../core/advisor.ts';
import { Chats } from '../core/chats.ts';
import { Configuration } from '../core/configuration.ts';
import { Conversation } from '../core/conversation.ts';
import type { Desks } from '../core/desks.ts';
import { DownloadDesk } from '../core/download-desk.ts';
import { EffectiveSettings } from '../core/effective-settings.ts';
import type { EngineChoice } from '../core/engine-choice.ts';
import { EngineDesk } from '../core/engine-desk.ts';
import { Folders } from '../core/folders.ts';
import { GeneratedEntries } from '../core/generated-entries.ts';
import { HomeDesk } from '../core/home-desk.ts';
import type { House } from '../core/house.ts';
import { InstanceDesk } from '../core/instance-desk.ts';
import { LogHistory } from '../core/log-history.ts';
import { MachineDesk } from '../core/machine-desk.ts';
import type { ModelBook } from '../core/model-book.ts';
import { ModelDesk } from '../core/model-desk.ts';
import { ModelRegistrations } from '../core/model-registrations.ts';
import { ModelStorage } from '../core/model-storage.ts';
import { PerformanceWindow } from '../core/performance-window.ts';
import { Regeneration } from '../core/regeneration.ts';
import { SessionFiles } from '../core/session-files.ts';
import { Sessions } from '../core/sessions.ts';
import { SettingsDesk } from '../core/settings-desk.ts';
import { SetupProgress } from '../core/setup-progress.ts';
import { SystemReports } from '../core/system-reports.ts';
import { SystemSettings } from '../core/system-settings.ts';
import type { DroverEvent } from '../core/vocabulary.ts';
import { WantedBook } from '../core/wanted-book.ts';
import { defaultsOf } from '../dialects/beautyai/shape-sampling.ts';
import type { Engines } from '../engine/install.ts';
import { newestOffered } from '../engine/newest.ts';
import type { SourceDriver } from '../engine/sources/source.ts';
import { ProcessRates } from '../hardware/process-rates.ts';
import { thisSystem } from '../hardware/system.ts';
import { SystemLoadReader } from '../hardware/system-load.ts';
import { openDownloads } from '../models/downloads.ts';
import type { FolderBook } from '../models/folder-book.ts';
import { knownFolders } from '../models/folders.ts';
import { openHub } from '../models/hub.ts';
import { HubToken } from '../models/hub-token.ts';
import type { Library } from '../models/library.ts';
import { makeBenchDesks } from './bench-desk.ts';
import { openConfigFile } from './config-file.ts';
import { settingCatalog } from './setting-catalog.ts';
import { BUILT_AT } from './version.ts';
import { makeWelcome } from './welcome-desks.ts';

export interface DesksOptions {
  readonly drover: House;
  readonly bus: Bus<DroverEvent>;
  readonly log: Log;
  readonly store: Store;
  readonly paths: Paths;
  readonly environment: Environment;
  readonly isWindows: boolean;
  /** As they are now. */
  readonly settings: () => Settings;
  /** The same without what requests have registered. */
  readonly configured: () => Settings;
  readonly library: Library;
  readonly book: FolderBook;
  readonly modelBook: ModelBook;
  readonly keys: KeyRing;
  readonly users: UserBook;
  readonly tokens: Tokens;
  readonly engines: Engines;
  readonly choice: EngineChoice;
  readonly sources: readonly SourceDriver[];
  /** Where indices of the sources are kept. */
  readonly engineCacheFolder: string;
}

export function makeDesks(options: DesksOptions): Desks {
  const { drover, bus, log, paths, settings, library, choice } = options;
  const file = openConfigFile({ ...options, path: paths.configFile });
  const entryContext: House['entryContext'] = (wishes) => drover.entryContext(wishes);
  const configuration = new Configuration({
    file,
    log: log.as('config'),
    drover,
    library,
    otherFolders: knownFolders({ home: homedir(), environment: options.environment }),
    entryContext,
  });
  const progress = new SetupProgress(bus);
  const regeneration = new Regeneration({
    configuration,
    file,
    generated: new GeneratedEntries(options.store),
    library,
    progress,
    entryContext,
    log: log.as('config'),
  });
  const advisor = new Advisor({
    hardware: () => drover.hardware(),
    choice,
    budget: () => drover.budget(),
    models: () => library.models().flatMap(({ title, facts }) => (facts === null ? [] : [{ name: title, facts }])),
    settings,
  });
  const downloadFolder = (): string => downloadFolderOf(settings(), paths);
  const settingsFolders = (): readonly string[] => settings().modelsFolders.map((path) => resolve(expandHome(path)));
  const folders = new Folders({
    book: options.book,
    library,
    drover,
    bus,
    regeneration,
    progress,
    settingsFolders,
    downloadFolder,
    freeBytes: async (path) => (await thisSystem.diskSpace(path))?.freeBytes ?? null,
    startedAt: drover.status().startedAt,
  });
  const hubToken = new HubToken(paths.hubToken, options.environment.HF_TOKEN?.trim() || null);
  const home = new HomeDesk({
    drover,
    bus,
    library,
    book: options.modelBook,
    configuration,
    log,
    logFiles: logFilesOf(paths.logFile),
    choice,
    engines: options.engines,
    engineTargets: () => drover.engineTargets(),
    enginesFolder: paths.engines,
    engineCacheFolder: options.engineCacheFolder,
    dataFolder: paths.data,
    owner: 'llamahome',
    settings,
    builtIn: defaultSettings(),
  });
  const downloads = makeDownloads(options, { configuration, advisor, hubToken, folders });
  const effective = new EffectiveSettings({
    settings,
    configuration,
    paths: () => ({ data: paths.data, config: paths.configFile, models: downloadFolder(), logs: paths.logs }),
  });
  return {
    configuration,
    folders,
    downloads,
    engine: new EngineDesk({
      engines: options.engines,
      choice,
      isOffline: () => settings().offline,
      newest: (ladder, signal) =>
        newestOffered(ladder, options.sources, { signal, cacheFolder: options.engineCacheFolder }),
      log: log.as('engine'),
      bus,
    }),
    advisor,
    settings: new SystemSettings({ settings, advisor, configuration, keys: options.keys }),
    hubToken,
    models: new ModelDesk({ drover, library, configuration }),
    access: new AccessDesk({ keys: options.keys, users: options.users, log: log.as('access') }),
    logins: new Logins(options.users, options.tokens),
    // What was changed by a request and not saved yet counts as well.
    rates: new Rates({ settings: () => home.defaults.over(settings()) }),
    home,
    ...makeConversations(options, configuration),
    ...makeReports(options),
    ...makeBenchDesks(options),
    ...makeWelcome(options, { advisor, downloads }),
    ...makeInstances(options, configuration),
    machine: makeMachine(options),
    effective,
    preferences: new SettingsDesk({
      configuration,
      effective,
      catalog: settingCatalog,
      isInEnvironment: (name) => options.environment[name] !== undefined,
    }),
  };
}

/** What requests register, say and keep. */
function makeConversations(
  options: DesksOptions,
  configuration: Configuration,
): Pick<Desks, 'registrations' | 'storage' | 'sessions' | 'conversation' | 'chats'> {
  const { drover, bus, log, store, library, modelBook, paths, settings } = options;
  const storage = new ModelStorage({
    library,
    drover,
    folder: () => downloadFolderOf(settings(), paths),
    log: log.as('models'),
  });
  const sessions = new Sessions({
    store,
    files: new SessionFiles(paths.sessions),
    filePrefix: 'beautyai_session_',
  });
  const registrations = new ModelRegistrations({
    book: modelBook,
    drover,
    library,
    configuration,
    storage,
    bus,
    log: log.as('models'),
    settings,
    owner: 'beautyai',
  });
  const conversation = new Conversation({ drover, sessions, registrations, defaultsOf });
  return { registrations, storage, sessions, conversation, chats: new Chats(store) };
}

function makeReports({ drover, bus, settings, paths }: DesksOptions): Pick<Desks, 'system' | 'performance'> {
  const system = new SystemReports({ drover, folder: () => downloadFolderOf(settings(), paths) });
  const performance = new PerformanceWindow(() => system.sampleMinute());
  performance.follow(bus);
  return { performance, system };
}

function makeInstances(options: DesksOptions, configuration: Configuration): Pick<Desks, 'instances' | 'logHistory'> {
  const { drover, modelBook: book, settings, paths } = options;
  const instances = new InstanceDesk({
    drover,
    book,
    wanted: new WantedBook(options.store),
    configuration,
    settings,
    configured: () => options.configured().models,
    engines: () => drover.engineTargets(),
    rates: new ProcessRates(),
    logFolder: join(paths.logs, 'instances'),
    log: options.log.as('instances'),
  });
  const logHistory = new LogHistory({
    files: logFilesOf(paths.logFile),
    modelIds: () => drover.models().map(({ id }) => id),
    engineLines: instances.logBackwards,
  });
  return { instances, logHistory };
}

const makeMachine = ({ drover, paths }: DesksOptions): MachineDesk =>
  new MachineDesk({
    version: drover.version,
    startedAt: drover.status().startedAt,
    builtAt: BUILT_AT,
    load: new SystemLoadReader({ path: paths.data }),
    system: () => ({
      platform: thisSystem.platform,
      arch: thisSystem.arch,
      processorCount: thisSystem.processors().length,
    }),
  });

type Neighbours = Pick<Desks, 'configuration' | 'advisor' | 'hubToken' | 'folders'>;

function makeDownloads(options: DesksOptions, desks: Neighbours): DownloadDesk {
  const { drover, bus, log, paths, settings, library } = options;
  const { configuration, advisor, hubToken, folders } = desks;
  const token = (): string | null => hubToken.get();
  const allowedHosts = (): readonly string[] => settings().downloadHosts;
  const endpoint = settings().hfEndpoint;
  return new DownloadDesk({
    hub: openHub({ endpoint, token, allowedHosts }),
    downloads: (hooks) =>
      openDownloads({
        store: options.store,
        log: log.as('downloads'),
        folder: downloadFolderOf(settings(), paths),
        allowedFolders: () => folders.destinations().map((destination) => destination.path),
        allowedHosts,
        endpoint,
        token,
        limit: () => settings().downloadLimit,
        connections: settings().downloadConnections,
        ...hooks,
      }),
    bus,
    log: log.as('downloads'),
    drover,
    library,
    configuration,
    budget: () => advisor.budget(),
    settings,
  });
}

/** Where downloads go unless they are told otherwise. */
export const downloadFolderOf = (settings: Pick<Settings, 'downloadDir'>, paths: Paths): string =>
  settings.downloadDir === '' ? paths.models : resolve(expandHome(settings.downloadDir));
