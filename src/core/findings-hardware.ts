// What the machine says: what it has, what of it this user may not touch, what a GPU would need to be used. Judgements only;
// whoever asks brings what was seen.
import { sizeText } from '../base/size.ts';
import type { EngineBuild } from '../engine/build.ts';
import type { Rung } from '../engine/catalog.ts';
import type { DeviceNode } from '../hardware/device-access.ts';
import type { Gpu, Snapshot } from '../hardware/probe.ts';
import type { VulkanParts } from '../hardware/vulkan.ts';
import { type Finding, finding } from './finding.ts';

const LOW_DISK_BYTES = 2 * 1024 ** 3;

export function* hardwareFindings(snapshot: Snapshot): Generator<Finding, void, void> {
  for (const line of hardwareLines(snapshot)) yield finding('ok', 'hardware', 'hardware', line.trim());
  for (const note of snapshot.notes) yield finding('note', 'hardware-unread', 'hardware', note);
  for (const { path, freeBytes, totalBytes } of snapshot.disks) {
    if (freeBytes === null || freeBytes > LOW_DISK_BYTES) continue;
    yield finding('warning', 'disk-low', 'disk', `${path} has less than 2 GiB left.`, {
      hint: 'Free some space there, or set downloadDir to another disk.',
      subject: path,
      evidence: [`${sizeText(freeBytes)} free of ${amount(totalBytes)}`],
    });
  }
}

/** A machine in a few lines for people. */
export function hardwareLines(snapshot: Snapshot): string[] {
  const { cpu, memory, gpus } = snapshot;
  const lines = [
    `  processor ${cpu.name ?? 'unknown'}, ${cpu.usableThreads} threads`,
    `  memory    ${amount(memory.availableBytes)} free of ${amount(memory.totalBytes)}`,
  ];
  for (const gpu of gpus) {
    lines.push(
      `  GPU       ${gpu.name}, ${amount(gpu.freeBytes)} free of ${amount(gpu.totalBytes)}${gpu.isUnified === true ? ' (shared with the processor)' : ''}`,
    );
  }
  if (gpus.length === 0) lines.push('  GPU       none found');
  return lines;
}

const amount = (bytes: number | null): string => (bytes === null ? 'unknown' : sizeText(bytes));

/** `userName`: who we run as. */
export function* deviceFindings(nodes: readonly DeviceNode[], userName: string): Generator<Finding, void, void> {
  for (const { path, mayOpen, mode, group } of nodes) {
    if (mayOpen) continue;
    const isGroupEnough = group !== null && mode.slice(4, 6) === 'rw';
    yield finding(
      'warning',
      'device-forbidden',
      'hardware',
      `${userName} may not use ${path}, so no engine can use that GPU.`,
      {
        hint: isGroupEnough
          ? 'Then log in anew. In a container: hand the device and its group in.'
          : 'Whoever looks after this machine can give the right.',
        subject: path,
        evidence: [`${mode} ${group ?? 'a group without a name'} ${path}`],
        command: isGroupEnough ? `sudo usermod -aG ${group} ${userName}` : null,
      },
    );
  }
}

export interface GpuUse {
  readonly gpus: readonly Gpu[];
  readonly ladder: readonly Rung[];
  readonly build: EngineBuild | null;
  readonly vulkan: VulkanParts | null;
  /** Brings what Vulkan lacks; null: unknown. */
  readonly vulkanCommand: string | null;
}

/** A GPU that is there, and an engine that runs on the processor: the silent fallback that nobody wants. */
export function* gpuFindings({ gpus, ladder, build, vulkan, vulkanCommand }: GpuUse): Generator<Finding, void, void> {
  if (gpus.length === 0) return;
  const names = gpus.map(({ name, driverVersion }) => `${name}, driver ${driverVersion ?? 'unknown'}`);
  if (vulkan !== null && ladder.some(({ backend, isOffered }) => backend === 'vulkan' && isOffered)) {
    const lacks = [
      ...(vulkan.hasLoader ? [] : ['libvulkan.so.1, the loader, is not there']),
      ...(vulkan.drivers.length > 0 ? [] : ['no file names a driver to the loader (…/vulkan/icd.d/*.json)']),
    ];
    if (lacks.length > 0) {
      yield finding('warning', 'vulkan-incomplete', 'hardware', 'Vulkan cannot use the GPU here.', {
        hint: 'Only builds for Vulkan need it; then try "drover engine update".',
        evidence: [...names, ...lacks],
        command: vulkanCommand,
      });
    }
  }
  if (build === null || build.backend !== 'cpu') return;
  const rungs = ladder.filter(({ backend }) => backend !== 'cpu');
  const isOffered = rungs.some((rung) => rung.isOffered);
  yield finding('warning', 'gpu-unused', 'engine', 'There is a GPU, and the engine runs on the processor.', {
    hint: isOffered ? 'Builds for it failed, or were not tried yet.' : 'No build fits this GPU and its driver.',
    evidence: [...names, ...rungs.map(({ backend, reason }) => `${backend}: ${reason}`)],
    command: isOffered ? 'drover engine update' : null,
  });
}
