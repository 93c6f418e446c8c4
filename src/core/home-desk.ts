// The desk for an API that knows one active model and prompts: what it needs beside the models at work, put together.
import type { Log } from '../base/log.ts';
import type { Settings } from '../config/schema.ts';
import type { Library } from '../models/library.ts';
import { ActiveModel } from './active-model.ts';
import type { Configuration } from './configuration.ts';
import type { Drover } from './drover.ts';
import { GenerationDefaults, type SystemValues } from './generation-defaults.ts';
import type { ModelBook } from './model-book.ts';
import { Prompting } from './prompting.ts';

export interface HomeDeskOptions {
  readonly drover: Drover;
  readonly library: Library;
  readonly book: ModelBook;
  readonly configuration: Configuration;
  readonly log: Log;
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

  constructor(options: HomeDeskOptions) {
    const { drover } = options;
    this.defaults = new GenerationDefaults(options);
    this.active = new ActiveModel({ ...options, chosen: () => this.defaults.view().defaultModel });
    this.prompting = new Prompting({ drover, active: this.active, defaults: this.defaults });
    drover.bus.subscribe(({ event }) => {
      if (event.type === 'config.changed') this.defaults.takeUp();
    });
  }

  get bodyLimitMib(): number {
    return this.defaults.system.llamahomeBodyLimit;
  }
}
