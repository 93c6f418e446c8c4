// What stands beside the models at work: the verbs for configuration, folders, engine, machine, settings and logins, each a
// desk of its own. Dialects ask them as they ask `Drover`.
import type { Logins } from '../access/logins.ts';
import type { Rates } from '../access/rates.ts';
import type { HubToken } from '../models/hub-token.ts';
import type { AccessDesk } from './access-desk.ts';
import type { Advisor } from './advisor.ts';
import type { Bench } from './bench.ts';
import type { Chats } from './chats.ts';
import type { Configuration } from './configuration.ts';
import type { Conversation } from './conversation.ts';
import type { Doctor } from './doctor.ts';
import type { DownloadDesk } from './download-desk.ts';
import type { EffectiveSettings } from './effective-settings.ts';
import type { EngineDesk } from './engine-desk.ts';
import type { FirstVisit } from './first-visit.ts';
import type { Folders } from './folders.ts';
import type { HomeDesk } from './home-desk.ts';
import type { InstanceDesk } from './instance-desk.ts';
import type { LogHistory } from './log-history.ts';
import type { MachineDesk } from './machine-desk.ts';
import type { MachineFacts } from './machine-facts.ts';
import type { MachineSamples } from './machine-samples.ts';
import type { ModelDesk } from './model-desk.ts';
import type { ModelRegistrations } from './model-registrations.ts';
import type { ModelStorage } from './model-storage.ts';
import type { PerformanceWindow } from './performance-window.ts';
import type { Recommended } from './recommended.ts';
import type { AskRelease } from './release-news.ts';
import type { Sessions } from './sessions.ts';
import type { SettingsDesk } from './settings-desk.ts';
import type { SystemReports } from './system-reports.ts';
import type { SystemSettings } from './system-settings.ts';
import type { TestSessions } from './test-sessions.ts';

export interface Desks {
  readonly configuration: Configuration;
  readonly folders: Folders;
  readonly downloads: DownloadDesk;
  readonly engine: EngineDesk;
  readonly advisor: Advisor;
  readonly settings: SystemSettings;
  readonly hubToken: HubToken;
  readonly access: AccessDesk;
  readonly logins: Logins;
  readonly rates: Rates;
  readonly registrations: ModelRegistrations;
  readonly storage: ModelStorage;
  readonly models: ModelDesk;
  readonly sessions: Sessions;
  readonly conversation: Conversation;
  /** The page's. */
  readonly chats: Chats;
  readonly system: SystemReports;
  readonly performance: PerformanceWindow;
  readonly bench: Bench;
  readonly tests: TestSessions;
  /** What the machine is; read once. */
  readonly machineFacts: () => Promise<MachineFacts>;
  readonly instances: InstanceDesk;
  readonly logHistory: LogHistory;
  readonly machine: MachineDesk;
  readonly effective: EffectiveSettings;
  readonly preferences: SettingsDesk;
  readonly home: HomeDesk;
  readonly doctor: Doctor;
  readonly samples: MachineSamples;
  readonly recommended: Recommended;
  readonly visit: FirstVisit;
  readonly askRelease: AskRelease;
}
