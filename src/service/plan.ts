// Which manager keeps services on this system. Pure but for the platform.
import { Fault } from '../base/fault.ts';
import type { ServiceJob, ServicePlan } from './job.ts';
import { launchdPlan } from './launchd-plist.ts';
import { systemdPlan } from './systemd-unit.ts';
import { windowsPlan } from './windows-task.ts';

export interface ServicePlace {
  readonly home: string;
  readonly userId: number;
  readonly userName: string;
  /** `~/.config`, or where the person has it. */
  readonly configFolder: string;
}

/** Throws `not_supported` where there is none that we know. */
export function planFor(
  job: ServiceJob,
  place: ServicePlace,
  platform: NodeJS.Platform = process.platform,
): ServicePlan {
  if (platform === 'linux') return systemdPlan(job, place.configFolder);
  if (platform === 'darwin') return launchdPlan(job, place);
  if (platform === 'win32') return windowsPlan(job, place.userName);
  throw new Fault('not_supported', `No service manager of ${platform} is known.`, {
    hint: 'Have "drover serve" started by your own.',
  });
}
