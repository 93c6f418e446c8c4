// What a service manager is told to keep running. Pure.

/** `user`: of one person, while or since they are logged in. `system`: of the machine, from its start on. */
export type ServiceScope = 'user' | 'system';

export interface ServiceJob {
  readonly scope: ServiceScope;
  /** The executable and its words; absolute. */
  readonly argv: readonly string[];
  /** Absolute. */
  readonly dataFolder: string;
  /** Of this machine, those that a system service joins to reach GPUs. */
  readonly groups: readonly string[];
}

/** A file that an installation writes, and its removal takes away. */
export interface ServiceFile {
  readonly path: string;
  readonly text: string;
}

/** One program that is run, in order. `mayFail`: what it undoes may be undone already. */
export interface ServiceStep {
  readonly argv: readonly string[];
  readonly mayFail: boolean;
}

/** All that a manager does with one job. */
export interface ServicePlan {
  /** `systemd`, `launchd`, `Windows task`. */
  readonly manager: string;
  readonly name: string;
  readonly scope: ServiceScope;
  readonly files: readonly ServiceFile[];
  /** After the files are there. */
  readonly install: readonly ServiceStep[];
  /** Before the files go, and after. */
  readonly uninstall: readonly ServiceStep[];
  readonly uninstalled: readonly ServiceStep[];
  readonly start: readonly ServiceStep[];
  readonly stop: readonly ServiceStep[];
  /** Exits with 0 where it runs. */
  readonly status: ServiceStep;
  /** What a person may want to do, or know. */
  readonly notes: readonly string[];
}

export const step = (...argv: readonly string[]): ServiceStep => ({ argv, mayFail: false });
export const tryStep = (...argv: readonly string[]): ServiceStep => ({ argv, mayFail: true });
