// What this machine and this server are, in a few figures, for whoever asks once. It must never hold a timer.
import { hostname } from 'node:os';
import type { SystemLoad } from '../hardware/system-load.ts';

export interface MachineStatus {
  readonly version: string;
  readonly uptimeMs: number;
  readonly load: SystemLoad;
}

export interface MachineInfo {
  readonly hostname: string;
  /** As the runtime calls them: `linux`, `win32`; `x64`. */
  readonly platform: string;
  readonly arch: string;
  readonly processorCount: number;
  readonly memoryBytes: number | null;
  readonly version: string;
  /** Epoch milliseconds of what it was built from; null where that is not known. */
  readonly builtAt: number | null;
}

export interface MachineDeskOptions {
  readonly version: string;
  readonly startedAt: number;
  readonly builtAt: number | null;
  readonly load: { read(): Promise<SystemLoad> };
  readonly system: () => { readonly platform: string; readonly arch: string; readonly processorCount: number };
}

export class MachineDesk {
  readonly #options: MachineDeskOptions;

  constructor(options: MachineDeskOptions) {
    this.#options = options;
  }

  load(): Promise<SystemLoad> {
    return this.#options.load.read();
  }

  async status(): Promise<MachineStatus> {
    const { version, startedAt } = this.#options;
    return { version, uptimeMs: Date.now() - startedAt, load: await this.load() };
  }

  async info(): Promise<MachineInfo> {
    const { version, builtAt, system } = this.#options;
    const { memory } = await this.load();
    return { ...system(), hostname: hostname(), memoryBytes: memory?.totalBytes ?? null, version, builtAt };
  }
}
