// The configuration file as the core may handle it: text in, text out, checked and backed up by whoever passes this in.
// The core never parses YAML nor opens the file itself.
import type { ModelEntry, Settings } from '../config/schema.ts';

export interface ConfigEdit {
  readonly path: readonly string[];
  /** Undefined removes. */
  readonly value: unknown;
}

/** What a text amounts to, defaults filled in. */
export interface ConfigSummary {
  readonly modelCount: number;
  readonly groupCount: number;
  readonly macroCount: number;
  readonly startPort: number;
  readonly downloadDir: string;
}

export interface CommandChanges {
  readonly contextSize?: number | undefined;
  readonly layers?: number | undefined;
  readonly cacheType?: string | undefined;
  readonly batchSize?: number | undefined;
}

export interface ConfigFile {
  /** Absolute. */
  readonly path: string;
  /** The text as it stands; empty where there is no file. */
  read(): string;
  /** What the text says, without defaults. Throws `config_invalid` with line and column. */
  parse(text: string): Partial<Settings>;
  summary(text: string): ConfigSummary;
  /** What is not understood, or not used here. Throws `config_invalid`. */
  warnings(text: string): readonly { readonly line: number; readonly column: number; readonly message: string }[];
  /** Comments and order survive. Throws `config_invalid` where the result would be wrong. */
  edit(text: string, edits: readonly ConfigEdit[]): string;
  /** Takes entries out, and their names out of groups and preloads. */
  removeModels(text: string, ids: readonly string[]): string;
  /** Checks, backs up, replaces atomically. The backup's path, or null where there was no file. */
  write(text: string): string | null;
  /** The text with secrets replaced, and back. */
  mask(text: string): string;
  unmask(text: string, current: string): string;
  /** The model's file that an entry names, by `file` or in its `cmd`, absolute; null where it names none. */
  fileOf(id: string, entry: ModelEntry): string | null;
  /** A `cmd` with other figures, everything else as it is; null where it is no llama-server's. */
  editCommand(id: string, entry: ModelEntry, changes: CommandChanges): string | null;
}
