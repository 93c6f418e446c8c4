// The settings as they are in effect, whatever said so: the file, the environment, the command line; and changes of the file,
// with what came of them. It must never say that something counts which does not.
import type { Settings } from '../config/schema.ts';
import type { ConfigEdit } from './config-file.ts';
import type { Configuration, ConfigWrite } from './configuration.ts';
import { settingsForLater } from './settings-for-later.ts';

export interface SettingsView {
  readonly settings: Settings;
  readonly paths: { readonly data: string; readonly config: string; readonly models: string; readonly logs: string };
}

export interface SettingsWrite extends ConfigWrite {
  /** Settings with which the server does not run yet: they count when it is started again. */
  readonly waiting: readonly string[];
  /** Settings that are other than asked, since the environment or the command line has the last word. */
  readonly overruled: readonly string[];
}

export interface EffectiveSettingsOptions {
  readonly settings: () => Settings;
  readonly configuration: Pick<Configuration, 'set'>;
  readonly paths: () => SettingsView['paths'];
}

export class EffectiveSettings {
  readonly #options: EffectiveSettingsOptions;
  /** What the server was started with. */
  readonly #first: Settings;

  constructor(options: EffectiveSettingsOptions) {
    this.#options = options;
    this.#first = options.settings();
  }

  view(): SettingsView {
    return { settings: this.#options.settings(), paths: this.#options.paths() };
  }

  /** Each edit names one setting. Throws `config_invalid`; then nothing has changed. */
  async change(edits: (view: SettingsView) => readonly ConfigEdit[]): Promise<SettingsWrite> {
    const wanted = edits(this.view());
    const write = await this.#options.configuration.set(wanted);
    const after = this.#options.settings();
    const effective = new Map<string, unknown>(Object.entries(after));
    const overruled = wanted.flatMap(({ path: [name = ''], value }) =>
      value === undefined || JSON.stringify(effective.get(name)) === JSON.stringify(value) ? [] : [name],
    );
    return { ...write, waiting: settingsForLater(this.#first, after), overruled };
  }
}
