// The desks of those who look at the server as a whole put together: what is wrong, how it is from moment to moment, how far
// a first visit has come, and what to get first.
import type { Desks } from '../core/desks.ts';
import { Doctor } from '../core/doctor.ts';
import { FirstVisit } from '../core/first-visit.ts';
import { readOnce } from '../core/machine-facts.ts';
import { MachineSamples } from '../core/machine-samples.ts';
import { Recommended } from '../core/recommended.ts';
import { probeHardware } from '../hardware/probe.ts';
import type { DesksOptions } from './desks.ts';
import { surroundingsOf } from './surroundings.ts';

export function makeWelcome(
  options: DesksOptions,
  { advisor, downloads }: Pick<Desks, 'advisor' | 'downloads'>,
): Pick<Desks, 'doctor' | 'samples' | 'recommended' | 'visit' | 'askRelease'> {
  const { drover, bus, engines, choice, settings, library } = options;
  const isOffline = (): boolean => settings().offline;
  // Without a look at disks, which may hang where a network is gone.
  const snapshot = readOnce(() => probeHardware({ diskPaths: [] }));
  return {
    doctor: new Doctor({
      drover,
      choice,
      engines,
      library,
      surroundings: surroundingsOf(options),
      published: () => downloads.list().flatMap(({ state, files }) => (state === 'finished' ? files : [])),
    }),
    samples: new MachineSamples({ drover, gpus: async () => (await snapshot()).gpus }),
    recommended: new Recommended({
      offer: (repository, call) => downloads.offer(repository, call),
      budget: () => advisor.budget(),
      isOffline,
    }),
    visit: new FirstVisit({ drover, choice, engines, bus, isOffline, settleEngine: () => drover.settleEngine() }),
    // Needed when somebody asks, which most servers never are.
    askRelease: async (signal) => (await import('./release-origin.ts')).askRelease(settings(), signal),
  };
}
