// The machine and the engine in ClaraCore's words. Pure.
import type { MachineReport } from '../../core/advisor.ts';
import type { EngineReport, EngineUpdate } from '../../core/engine-desk.ts';
import type { SystemSettingsChange, SystemSettingsView } from '../../core/system-settings.ts';
import type { EngineBuild } from '../../engine/build.ts';
import type { Gpu, Snapshot } from '../../hardware/probe.ts';
import type { HubToken } from '../../models/hub-token.ts';
import { GIB, gigabytes, isoTime, unlessZero } from './shape.ts';

const ownMemory = (gpus: readonly Gpu[]): readonly Gpu[] => gpus.filter((gpu) => gpu.isUnified !== true);

function sumOf(values: readonly (number | null)[]): number | null {
  let sum = 0;
  for (const value of values) {
    if (value === null) return null;
    sum += value;
  }
  return sum;
}

export function specsToWire({ memory, cpu, gpus, disks }: Snapshot) {
  return {
    totalRAM: memory.totalBytes,
    availableRAM: memory.availableBytes,
    totalVRAM: sumOf(ownMemory(gpus).map((gpu) => gpu.totalBytes)),
    availableVRAM: sumOf(ownMemory(gpus).map((gpu) => gpu.freeBytes)),
    cpuCores: cpu.usableThreads,
    gpuName: gpus[0]?.name ?? 'CPU Only',
    diskSpace: disks[0]?.freeBytes ?? null,
  };
}

const PLATFORMS: Readonly<Record<string, string>> = { win32: 'windows' };
const ARCHITECTURES: Readonly<Record<string, string>> = { x64: 'amd64' };
const GPU_TYPES: Readonly<Record<string, string>> = {
  nvidia: 'NVIDIA (RTX, GTX)',
  amd: 'AMD (RX Series)',
  apple: 'Apple Silicon',
  intel: 'Intel GPU',
};

/** `excellent` where nothing about the GPUs is unknown. */
function qualityOf({ gpus, notes }: Snapshot): string {
  if (gpus.every((gpu) => gpu.totalBytes !== null && gpu.freeBytes !== null) && notes.length === 0) return 'excellent';
  return gpus.length > 0 ? 'good' : 'basic';
}

export function detectionToWire({ snapshot, backends, recommendations }: MachineReport) {
  const { memory, gpus, system } = snapshot;
  const [gpu] = gpus;
  const primary = backends[0] ?? 'cpu';
  const vram = gpus.length === 0 ? 'no GPU' : gpuMemoryText(gpus);
  const kinds = gpus.map(({ vendor }) => GPU_TYPES[vendor] ?? 'Other GPU');
  return {
    detectionQuality: qualityOf(snapshot),
    platform: PLATFORMS[system.platform] ?? system.platform,
    arch: ARCHITECTURES[system.arch] ?? system.arch,
    gpuDetected: gpus.length > 0,
    gpuTypes: [...new Set([...kinds, 'CPU Only'])],
    primaryGPU:
      gpu === undefined
        ? null
        : {
            name: gpu.name,
            brand: gpu.vendor,
            vramGB: gpu.totalBytes === null ? null : gigabytes(gpu.totalBytes),
          },
    totalRAMGB: gigabytes(memory.totalBytes),
    availableRAMGB: gigabytes(memory.availableBytes),
    recommendedBackends: [...backends],
    supportedBackends: [...backends],
    recommendedContextSizes: [...recommendations.contexts],
    maxRecommendedContextSize: recommendations.mostContextTokens,
    recommendations: {
      primaryBackend: primary,
      fallbackBackend: backends[1] ?? 'cpu',
      suggestedContextSize: recommendations.suggestedContextTokens,
      suggestedVRAMAllocation: Math.floor(recommendations.gpuBytes / GIB),
      suggestedRAMAllocation: Math.floor(recommendations.hostBytes / GIB),
      throughputFirst: recommendations.isThroughputFirst,
      notes: [
        `Detected ${primary} with ${vram}`,
        recommendations.suggestedContextTokens === null
          ? `Not even a small context fits for ${recommendations.basis}`
          : `Recommended context size: ${recommendations.suggestedContextTokens} tokens, worked out for ${recommendations.basis}`,
        `Performance priority: ${recommendations.isThroughputFirst ? 'Speed (Higher throughput)' : 'Quality (Larger context)'}`,
        ...snapshot.notes,
      ],
    },
    detectionTimestamp: isoTime(snapshot.takenAt),
  };
}

function gpuMemoryText(gpus: readonly Gpu[]): string {
  const total = sumOf(ownMemory(gpus).map((gpu) => gpu.totalBytes));
  if (total === null) return 'VRAM of unknown size';
  return total === 0 ? 'memory shared with the processor' : `${gigabytes(total).toFixed(1)}GB VRAM`;
}

export const settingsToWire = (view: SystemSettingsView) => ({
  gpuType: view.gpuType,
  backend: view.backend,
  vramGB: view.vramGb,
  ramGB: view.ramGb,
  preferredContext: view.preferredContextTokens,
  throughputFirst: view.isThroughputFirst,
  enableJinja: view.enablesJinja,
  requireApiKey: view.requiresKey,
});

interface WireSettings {
  readonly gpuType?: string;
  readonly backend?: string;
  readonly vramGB?: number;
  readonly ramGB?: number;
  readonly preferredContext?: number;
  readonly throughputFirst?: boolean;
  readonly enableJinja?: boolean;
  readonly requireApiKey?: boolean;
  readonly apiKey?: string;
}

/** 0 and an empty text leave a setting as it is. */
export const toSettingsChange = (wire: WireSettings): SystemSettingsChange => ({
  gpuType: wire.gpuType === '' ? undefined : wire.gpuType,
  backend: backendOf(wire.backend),
  vramGb: unlessZero(wire.vramGB),
  ramGb: unlessZero(wire.ramGB),
  preferredContextTokens: unlessZero(wire.preferredContext),
  isThroughputFirst: wire.throughputFirst,
  enablesJinja: wire.enableJinja,
  requiresKey: wire.requireApiKey,
  key: wire.apiKey?.trim(),
});

/** Apple's MLX is no backend of llama.cpp; Metal is what its users mean. */
const backendOf = (name: string | undefined): SystemSettingsChange['backend'] =>
  name === undefined || name === ''
    ? undefined
    : ((name === 'mlx' ? 'metal' : name) as SystemSettingsChange['backend']);

/** `apiKey` is empty for old clients: a token is never told. */
export const hubKeyToWire = (token: HubToken) => ({
  hasKey: token.get() !== null,
  masked: token.masked(),
  apiKey: '' as const,
});

/** `b11541`, `0.7.0-dfsg-2`: a build's id without its backend, so that two of them can be compared by eye. */
const versionText = ({ id, version, backend }: Pick<EngineBuild, 'id' | 'version' | 'backend'>): string =>
  id.endsWith(`-${backend}`) ? id.slice(0, -backend.length - 1) : version;

export function binaryToWire(report: EngineReport) {
  const { build, newest } = report;
  const isUpToDate = build === null || newest === null || report.isGiven ? null : build.id === newest.id;
  return {
    exists: build !== null,
    path: report.path,
    hasMetadata: build !== null,
    currentVersion: build === null ? null : versionText(build),
    currentType: build?.backend ?? null,
    latestVersion: newest === null ? null : versionText(newest),
    optimalType: report.bestBackend,
    isOptimal: build === null || report.bestBackend === null ? null : build.backend === report.bestBackend,
    isUpToDate,
    updateAvailable: isUpToDate === null ? null : !isUpToDate,
    ...(build === null
      ? { error: 'Binary not found' }
      : report.newestFailure === null
        ? {}
        : { error: report.newestFailure }),
  };
}

export const updatedToWire = ({ build, path, isNew }: EngineUpdate, wasForced: boolean) => ({
  status: isNew || wasForced ? 'updated' : 'up-to-date',
  message: isNew || wasForced ? 'Binary updated successfully' : 'Binary is already up to date',
  version: versionText(build),
  type: build.backend,
  path,
  wasForced,
  ...(isNew || wasForced ? {} : { skipReason: 'same-version' }),
});

export const restartingToWire = (isHard: boolean) => ({
  message: isHard
    ? 'Hard restart initiated - spawning new process'
    : 'Soft restart initiated - reloading config and restarting models',
  status: 'restarting',
});
