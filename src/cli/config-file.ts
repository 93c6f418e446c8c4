// The configuration file handed to the core: the `config` room's functions bound to one file, one environment and one
// system. It must never write but through `writeConfig`, which checks and backs up.
import { resolve } from 'node:path';
import { expandHome } from '../base/file.ts';
import { customCommand } from '../config/custom.ts';
import {
  describeConfig,
  editConfigAll,
  parseConfig,
  readConfig,
  removeModels,
  writeConfig,
} from '../config/document.ts';
import { editLlamaCommand, modelFileOf, readLlamaCommand } from '../config/llama-command.ts';
import type { Environment } from '../config/paths.ts';
import type { ModelEntry, Settings } from '../config/schema.ts';
import { maskSecrets, unmaskSecrets } from '../config/secrets.ts';
import type { ConfigFile } from '../core/config-file.ts';
import type { ConfigurationWarnings } from '../core/findings-server.ts';

export interface ConfigFileOptions {
  readonly path: string;
  readonly environment: Environment;
  readonly isWindows: boolean;
  /** For the macros of commands. */
  readonly settings: () => Pick<Settings, 'macros'>;
}

export function openConfigFile(options: ConfigFileOptions): ConfigFile {
  const { path, environment, isWindows } = options;
  /** What a `cmd` runs; null where its macros are not all there. */
  const argvOf = (id: string, entry: ModelEntry): readonly string[] | null => {
    try {
      return customCommand(options.settings(), id, entry, 0, environment, isWindows).argv;
    } catch {
      return null;
    }
  };
  return {
    path,
    read: () => readConfig(path).source,
    parse: (text) => parseConfig(text, path).values,
    summary: (text) => describeConfig(text, path),
    warnings: (text) => parseConfig(text, path).warnings,
    edit: (text, edits) => editConfigAll(text, path, edits),
    removeModels: (text, ids) => removeModels(text, path, ids),
    write: (text) => writeConfig(path, text),
    mask: maskSecrets,
    unmask: unmaskSecrets,
    fileOf: (id, entry) => {
      if (entry.file !== undefined) return resolve(expandHome(entry.file));
      const argv = entry.cmd === undefined ? null : argvOf(id, entry);
      return argv === null ? null : modelFileOf(argv);
    },
    editCommand: (id, entry, changes) => {
      const argv = argvOf(id, entry);
      const isLlama = argv !== null && readLlamaCommand(argv, { isKnownFlag: () => true }) !== null;
      return isLlama && entry.cmd !== undefined ? editLlamaCommand(entry.cmd, changes, isWindows) : null;
    },
  };
}

/** What in the file is not understood, as it lies there now. */
export const configurationWarnings = (path: string): ConfigurationWarnings => ({
  path,
  warnings: readConfig(path).parsed.warnings,
});
