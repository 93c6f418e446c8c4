// The desk for an API that knows one active model and prompts: what it needs beside the models at work, put together.
import type { Bus } from '../base/bus.ts';
import type { Log, LogLine } from '../base/log.ts';
import type { Settings } from '../config/schema.ts';
import type { Library } from '../models/library.ts';
import { ActiveModel } from './active-model.ts';
import { type CacheClearingOptions, type ClearedCaches, clearCaches } from './cache-clearing.ts';
import type { Configuration } from './configuration.ts';
import type { Drover } from './drover.ts';
import type { Finding } from './finding.ts';
import { type FindingsOptions, findings } from './findings.ts';
import { GenerationDefaults, type SystemValues } from './generation-defaults.ts';
import { type LogSearch, searchLog } from './log-search.ts';
import type { ModelBook } from './model-book.ts';
import { Prompting } from './prompting.ts';
import type { DroverEvent } from './vocabulary.ts';

export interface HomeDeskOptions extends FindingsOptions, Omit<CacheClearingOptions, 'drover'> {
  readonly drover: Drover;
  readonly bus: Bus<DroverEvent>;
  readonly library: Library;
  readonly book: ModelBook;
  readonly configuration: Configuration;
  readonly log: Log;
  /** Newest first. */
  readonly logFiles: readonly string[];
  /** Who is noted down as the owner of files that are registered here. */
  readonly owner: string;
  /** As they are now. */
  readonly settings: () => Settings;
  /** Without any configuration. */
  readonly builtIn: SystemValues;
}

export class HomeDesk {
  readonly active: ActiveModel;
  readonly defaults: GenerationDefaults;
  readonly prompting: Prompting;
  readonly #options: HomeDeskOptions;

  constructor(options: HomeDeskOptions) {
    const { drover, bus } = options;
    this.#options = options;
    this.defaults = new GenerationDefaults(options);
    this.active = new ActiveModel({ ...options, chosen: () => this.defaults.view().defaultModel });
    this.prompting = new Prompting({ drover, active: this.active, defaults: this.defaults });
    bus.subscribe(({ event }) => {
      if (event.type === 'config.changed') this.defaults.takeUp();
    });
  }

  get bodyLimitMib(): number {
    return this.defaults.system.llamahomeBodyLimit;
  }

  get configPath(): string {
    return this.#options.configuration.path;
  }

  /** Of the server, as the configuration says them. */
  settings(): Settings {
    return this.#options.settings();
  }

  /** As they are found. */
  findings(): AsyncGenerator<Finding, void, void> {
    return findings(this.#options);
  }

  logLines(search: LogSearch, signal: AbortSignal): AsyncGenerator<LogLine | null, void, void> {
    const { log, bus, logFiles } = this.#options;
    return searchLog({ log, bus, files: logFiles }, search, signal);
  }

  clearCaches(isReloading: boolean): Promise<ClearedCaches> {
    return clearCaches(this.#options, isReloading);
  }
}
