// The memory that models share: a bar for each device, with who holds how much of it, and how it is used at this moment.
import type { MachineSample } from '../../api/answers.ts';
import { useInstances, useStatus } from '../../api/queries.ts';
import { useMachineSample } from '../../app/live.ts';
import { percent, size } from '../../format.ts';
import { Card } from '../../parts/card.tsx';
import { type Share, StackedMeter } from '../../parts/meter.tsx';
import { Loaded, Skeleton } from '../../parts/states.tsx';
import { texts } from '../../texts/index.ts';
import { type DeviceMemory, gpuOf, HOST, memoryOf } from './memory.ts';

export function Memory() {
  const { memory } = texts.home;
  const query = useStatus();
  const { data: instances = [] } = useInstances();
  const sample = useMachineSample();
  return (
    <Card title={memory.title} text={memory.text} className="home-memory">
      <Loaded query={query} skeleton={<Skeleton height={120} />}>
        {(status) =>
          status.budget.length === 0 ? (
            <p className="dim small">{memory.none}</p>
          ) : (
            memoryOf(status.budget, instances).map((device) => (
              <Device
                key={device.device}
                device={device}
                name={nameOf(device.device, status.engine?.devices ?? [])}
                live={liveText(device.device, status.engine?.devices ?? [], sample)}
              />
            ))
          )
        }
      </Loaded>
    </Card>
  );
}

interface DeviceProps {
  readonly device: DeviceMemory;
  readonly name: string;
  readonly live: string;
}

function Device({ device, name, live }: DeviceProps) {
  const { memory } = texts.home;
  const shares: Share[] = [
    ...device.holdings.map(({ modelId, bytes, series }) => ({
      key: modelId,
      label: <span className="home-legend">{modelId}</span>,
      valueText: size(bytes),
      amount: bytes,
      series,
    })),
    {
      key: 'others',
      label: memory.others,
      valueText: size(device.othersBytes),
      amount: device.othersBytes,
      series: 'other' as const,
    },
    {
      key: 'free',
      label: memory.free,
      valueText: size(device.freeBytes),
      amount: device.freeBytes,
      series: 'free' as const,
    },
  ];
  return (
    <section className="home-device" aria-label={name}>
      <div className="spread">
        <h3>{name}</h3>
        <span className="dim small figures">{memory.of(size(device.budgetBytes))}</span>
      </div>
      <StackedMeter label={memory.label(name)} shares={shares} total={device.totalBytes} />
      <p className="home-live dim small figures">
        <span>{memory.live}</span>
        <span>{live}</span>
      </p>
    </section>
  );
}

type Devices = readonly { readonly id: string; readonly name: string }[];

function nameOf(device: string, devices: Devices): string {
  if (device === HOST) return texts.home.memory.host;
  return devices.find(({ id }) => id === device)?.name ?? device;
}

function liveText(device: string, devices: Devices, sample: MachineSample | null): string {
  const { memory } = texts.home;
  if (sample === null) return memory.notLive;
  if (device === HOST) {
    const { usedBytes, totalBytes } = sample.memory;
    const parts = [
      usedBytes === null ? null : memory.used(size(usedBytes), size(totalBytes)),
      sample.cpuRatio === null ? null : memory.processor(percent(sample.cpuRatio)),
    ];
    return joined(parts);
  }
  const gpu = gpuOf(device, devices, sample.gpus);
  return joined([
    gpu?.usedBytes == null ? null : memory.used(size(gpu.usedBytes), size(gpu.totalBytes)),
    gpu?.busyRatio == null ? null : memory.busy(percent(gpu.busyRatio)),
    gpu?.temperatureC == null ? null : memory.degrees(String(Math.round(gpu.temperatureC))),
    gpu?.powerWatts == null ? null : memory.watts(String(Math.round(gpu.powerWatts))),
  ]);
}

function joined(parts: readonly (string | null)[]): string {
  const known = parts.filter((part) => part !== null);
  return known.length === 0 ? texts.home.memory.notLive : known.join(' · ');
}
