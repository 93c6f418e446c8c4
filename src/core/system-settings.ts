// The settings that a set-up asks for, read as they are in effect and saved into the configuration; and the lock that
// they turn. It must never leave the server locked without a key, nor open it while others hold keys.
import { Fault } from '../base/fault.ts';
import type { Settings } from '../config/schema.ts';
import type { Advisor } from './advisor.ts';
import type { ConfigEdit } from './config-file.ts';
import type { Configuration, ConfigWrite } from './configuration.ts';

export interface SystemSettingsView {
  readonly gpuType: string;
  readonly backend: string;
  /** GB of 10^9 bytes that models may take; null where it is not known. */
  readonly vramGb: number | null;
  readonly ramGb: number | null;
  readonly preferredContextTokens: number | null;
  readonly isThroughputFirst: boolean;
  readonly enablesJinja: boolean;
  readonly requiresKey: boolean;
}

/** Absent: stays as it is. Null: automatic again. */
export interface SystemSettingsChange {
  readonly gpuType?: string | undefined;
  readonly backend?: Settings['preferredBackend'] | undefined;
  readonly vramGb?: number | null | undefined;
  readonly ramGb?: number | null | undefined;
  readonly preferredContextTokens?: number | null | undefined;
  readonly isThroughputFirst?: boolean | undefined;
  readonly enablesJinja?: boolean | undefined;
  readonly requiresKey?: boolean | undefined;
  /** A key that a person chose; it may do everything. */
  readonly key?: string | undefined;
}

/** The part of the key store that this needs. */
export interface KeyLock {
  readonly count: number;
  /** Takes over a key that a person chose, in place of an earlier one of that name. */
  adopt(name: string, key: string): Promise<void>;
  has(name: string): boolean;
  remove(name: string): void;
}

export interface SystemSettingsOptions {
  readonly settings: () => Settings;
  readonly advisor: Advisor;
  readonly configuration: Pick<Configuration, 'set'>;
  readonly keys: KeyLock;
}

/** The key that belongs to these settings; ClaraCore has one. */
export const SYSTEM_KEY_NAME = 'system-settings';
const GB = 1e9;

export class SystemSettings {
  readonly #options: SystemSettingsOptions;

  constructor(options: SystemSettingsOptions) {
    this.#options = options;
  }

  async view(): Promise<SystemSettingsView> {
    const settings = this.#options.settings();
    const { snapshot, backends, recommendations } = await this.#options.advisor.report();
    const own = snapshot.gpus.filter((gpu) => gpu.isUnified !== true).map((gpu) => gpu.totalBytes);
    const vram = own.includes(null) ? null : own.reduce<number>((sum, bytes) => sum + (bytes ?? 0), 0);
    return {
      gpuType: settings.gpuType === '' ? (snapshot.gpus[0]?.vendor ?? 'none') : settings.gpuType,
      backend: settings.preferredBackend === 'auto' ? (backends[0] ?? 'cpu') : settings.preferredBackend,
      vramGb: settings.vram ?? (vram === null ? null : rounded(vram / GB)),
      ramGb: settings.ram ?? rounded(snapshot.memory.totalBytes / GB),
      preferredContextTokens: settings.preferredContext ?? recommendations.suggestedContextTokens,
      isThroughputFirst: settings.throughputFirst,
      enablesJinja: settings.enableJinja,
      requiresKey: settings.requireApiKey,
    };
  }

  /** Throws `bad_request` where a lock is wanted and there is no key for it. */
  async save(change: SystemSettingsChange): Promise<ConfigWrite> {
    const { keys, configuration } = this.#options;
    const key = change.key ?? '';
    if (change.requiresKey === true && key === '' && keys.count === 0) {
      throw new Fault('bad_request', 'requireApiKey=true needs a non-empty apiKey', { details: { field: 'apiKey' } });
    }
    // The key is there before the lock is, and goes after it.
    if (key !== '' && change.requiresKey !== false) await keys.adopt(SYSTEM_KEY_NAME, key);
    const write = await configuration.set(editsOf(change));
    if (change.requiresKey === false && keys.has(SYSTEM_KEY_NAME)) keys.remove(SYSTEM_KEY_NAME);
    return write;
  }
}

const rounded = (value: number): number => Math.round(value * 10) / 10;

const editsOf = (change: SystemSettingsChange): ConfigEdit[] =>
  Object.entries({
    gpuType: change.gpuType,
    preferredBackend: change.backend,
    vram: change.vramGb,
    ram: change.ramGb,
    preferredContext: change.preferredContextTokens,
    throughputFirst: change.isThroughputFirst,
    enableJinja: change.enablesJinja,
    requireApiKey: change.requiresKey,
  }).flatMap(([name, value]) => (value === undefined ? [] : [{ path: [name], value: value ?? undefined }]));
