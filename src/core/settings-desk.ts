// The settings one by one, and the configuration's text, as a person edits them: what counts, who said so, what may be
// changed by a request and what not. It must never write a text that somebody else has changed meanwhile.
import { Fault, toFault } from '../base/fault.ts';
import type { SettingName, Settings } from '../config/schema.ts';
import { lockOf } from './config-rules.ts';
import type { Configuration, ConfigWrite } from './configuration.ts';
import type { EffectiveSettings, SettingsWrite } from './effective-settings.ts';
import { countsLater } from './settings-for-later.ts';

export type SettingKind = 'boolean' | 'number' | 'text' | 'choice' | 'texts' | 'other';
export type SettingSource = 'default' | 'file' | 'environment' | 'flag';

/** A setting as the table of them has it. */
export interface SettingInfo {
  readonly name: SettingName;
  readonly kind: SettingKind;
  /** Of a choice. */
  readonly choices: readonly string[];
  readonly minimum: number | null;
  readonly maximum: number | null;
  /** May be null, which means automatic. */
  readonly isNullable: boolean;
  readonly help: string;
  readonly environmentName: string | null;
  readonly defaultValue: unknown;
}

export interface SettingView extends SettingInfo {
  readonly value: unknown;
  readonly source: SettingSource;
  /** Why a request may not change it; null: it may. */
  readonly lockedBy: string | null;
  /** It counts from the next start on. */
  readonly needsRestart: boolean;
}

export interface ConfigText {
  readonly path: string;
  /** Secrets are replaced by a mark, which is put back on the way in. */
  readonly text: string;
  /** Of what stands in the file; to be sent back with a new text. */
  readonly revision: string;
}

export interface ConfigProblem {
  readonly severity: 'error' | 'warning';
  /** From 1; null: it concerns the text as a whole. */
  readonly line: number | null;
  readonly column: number | null;
  readonly message: string;
}

export interface SettingsDeskOptions {
  readonly configuration: Pick<Configuration, 'view' | 'warnings' | 'checkChange' | 'replace'>;
  readonly effective: Pick<EffectiveSettings, 'view' | 'change'>;
  readonly catalog: () => readonly SettingInfo[];
  /** True where the environment says it. */
  readonly isInEnvironment: (name: string) => boolean;
}

export class SettingsDesk {
  readonly #options: SettingsDeskOptions;

  constructor(options: SettingsDeskOptions) {
    this.#options = options;
  }

  list(): readonly SettingView[] {
    const { configuration, effective, catalog } = this.#options;
    const { values } = configuration.view();
    const { settings } = effective.view();
    return catalog().map((info) => {
      const source = this.#sourceOf(info, values, settings);
      return {
        ...info,
        value: settings[info.name],
        source,
        lockedBy: overruledBy(source, info) ?? lockOf(info.name, values),
        needsRestart: countsLater(info.name),
      };
    });
  }

  /** Null takes a setting out of the file. Throws `forbidden`, `not_found`, `config_invalid`; then nothing has changed. */
  async change(changes: Readonly<Record<string, unknown>>): Promise<SettingsWrite> {
    const known = new Map<string, SettingView>(this.list().map((view) => [view.name, view]));
    const edits = Object.entries(changes).map(([name, value]) => {
      const view = known.get(name);
      if (view === undefined) {
        throw new Fault('not_found', `There is no setting "${name}".`, { details: { field: `changes.${name}` } });
      }
      if (view.lockedBy !== null) {
        throw new Fault('forbidden', `${name}: ${view.lockedBy}`, { details: { field: `changes.${name}` } });
      }
      return { path: [name], value: value === null ? undefined : value };
    });
    const { affected, backupPath, waiting, overruled } = await this.#options.effective.change(() => edits);
    return { affected, backupPath, waiting, overruled };
  }

  text(): ConfigText {
    const { path, text, revision } = this.#options.configuration.view();
    return { path, text, revision };
  }

  /** What is wrong or odd in a text; nothing is written. */
  check(text: string): readonly ConfigProblem[] {
    const { configuration } = this.#options;
    try {
      configuration.checkChange(text);
    } catch (thrown) {
      const { message, details } = toFault(thrown);
      const { line, column } = details;
      return [
        {
          severity: 'error',
          line: typeof line === 'number' ? line : null,
          column: typeof column === 'number' ? column : null,
          // The place is told beside it.
          message: message.replace(/^.*?:\d+:\d+: /, ''),
        },
      ];
    }
    return configuration
      .warnings(text)
      .map(({ line, column, message }) => ({ severity: 'warning', line, column, message }));
  }

  /** Throws `conflict` where the file is not what `revision` tells, `config_invalid`, `forbidden`. */
  replace(text: string, revision: string): Promise<ConfigWrite> {
    return this.#options.configuration.replace(text, revision);
  }

  #sourceOf(info: SettingInfo, values: Partial<Settings>, settings: Settings): SettingSource {
    const { name, environmentName, defaultValue } = info;
    const said = values[name] === undefined ? defaultValue : values[name];
    if (JSON.stringify(settings[name]) === JSON.stringify(said)) {
      return values[name] === undefined ? 'default' : 'file';
    }
    // Something other than file and default has the last word.
    return environmentName !== null && this.#options.isInEnvironment(environmentName) ? 'environment' : 'flag';
  }
}

function overruledBy(source: SettingSource, { environmentName }: SettingInfo): string | null {
  if (source === 'environment') return `It is set by the environment (${environmentName}).`;
  return source === 'flag' ? 'It is set by the command line.' : null;
}
