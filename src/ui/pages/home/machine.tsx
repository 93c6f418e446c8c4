// What this machine is. What could not be read is said as unknown, with the reason below.
import type { Hardware } from '../../api/answers.ts';
import { useHardware } from '../../api/queries.ts';
import { size } from '../../format.ts';
import { Card } from '../../parts/card.tsx';
import { Loaded, Skeleton } from '../../parts/states.tsx';
import { Facts } from '../../parts/table.tsx';
import { texts } from '../../texts/index.ts';

export function Machine() {
  const { machine } = texts.home;
  const query = useHardware();
  return (
    <Card title={machine.title}>
      <Loaded query={query} skeleton={<Skeleton height={150} />}>
        {(hardware) => (
          <>
            <Facts items={factsOf(hardware)} />
            {hardware.notes.length > 0 && (
              <div className="home-notes small dim">
                <p>{machine.notes}</p>
                <ul>
                  {hardware.notes.map((note) => (
                    <li key={note}>{note}</li>
                  ))}
                </ul>
              </div>
            )}
          </>
        )}
      </Loaded>
    </Card>
  );
}

function factsOf({ cpu, memory, gpus, disks, system }: Hardware): readonly (readonly [string, string])[] {
  const { machine } = texts.home;
  const gpuFacts = gpus.map((gpu): readonly [string, string] => [
    gpus.length === 1 ? machine.gpus : machine.gpu(gpu.index),
    [
      gpu.name,
      gpu.totalBytes === null ? size(null) : machine.free(size(gpu.freeBytes), size(gpu.totalBytes)),
      gpu.isUnified === true ? machine.shared : null,
      gpu.driverVersion === null ? null : machine.driver(gpu.driverVersion),
    ]
      .filter((part) => part !== null)
      .join(', '),
  ]);
  return [
    [machine.processor, `${cpu.name ?? texts.parts.unknown}, ${machine.threads(cpu.usableThreads)}`],
    [machine.memory, machine.free(size(memory.availableBytes), size(memory.totalBytes))],
    ...(gpus.length === 0 ? [[machine.gpus, machine.noGpu] as const] : gpuFacts),
    ...apart(disks).map(
      (disk) => [machine.disk(disk.path), machine.free(size(disk.freeBytes), size(disk.totalBytes))] as const,
    ),
    [machine.system, [system.name ?? system.platform, system.arch].join(', ')],
  ];
}

/** Folders on one disk tell the same of it: the first of them is enough. */
const apart = (disks: Hardware['disks']): Hardware['disks'] =>
  disks.filter(
    ({ totalBytes, freeBytes }, index) =>
      totalBytes === null ||
      disks.findIndex((other) => other.totalBytes === totalBytes && other.freeBytes === freeBytes) === index,
  );
