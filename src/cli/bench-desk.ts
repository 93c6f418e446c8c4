// The desk of benchmarks put together: who measures, who keeps, and what the machine is.
import { Bench } from '../core/bench.ts';
import type { Desks } from '../core/desks.ts';
import { readOnce } from '../core/machine-facts.ts';
import { TestBook } from '../core/test-book.ts';
import { TestSessions } from '../core/test-sessions.ts';
import { readInventory } from '../hardware/inventory.ts';
import { probeHardware } from '../hardware/probe.ts';
import { ProcessWatch } from '../hardware/process-watch.ts';
import type { DesksOptions } from './desks.ts';

export function makeBenchDesks({
  drover,
  bus,
  log,
  store,
  paths,
}: DesksOptions): Pick<Desks, 'bench' | 'tests' | 'machineFacts'> {
  // Without a look at disks, which may hang where a network is gone.
  const snapshot = readOnce(() => probeHardware({ diskPaths: [] }));
  const machine = readOnce(async () => readInventory({ path: paths.data, snapshot: await snapshot() }));
  const bench = new Bench({
    drover,
    watch: () => new ProcessWatch({ gpus: async () => (await snapshot()).gpus }),
  });
  const tests = new TestSessions({
    drover,
    bench,
    book: new TestBook(store),
    bus,
    log: log.as('tests'),
    machine,
    restore: (modelId) => drover.load(modelId, { mayEvict: false }),
    readyWhen: drover.scanned(),
  });
  return { bench, tests, machineFacts: machine };
}
