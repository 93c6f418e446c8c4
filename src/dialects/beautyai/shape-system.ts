// Between BeautyAI's words about the machine and the server and ours: GB and MB are of 2^30 and 2^20 bytes there. Pure.
import { Fault } from '../../base/fault.ts';
import type { ClearedCaches } from '../../core/cache-clearing.ts';
import type { RegisteredView } from '../../core/model-registrations.ts';
import type { ClearedStorage, StorageReport } from '../../core/model-storage.ts';
import type { WindowReport } from '../../core/performance-window.ts';
import type { ClearedMemory, GpuReport, SystemReport } from '../../core/system-reports.ts';

const GB = 1024 ** 3;
const MB = 1024 ** 2;

const rounded = (value: number, digits = 2): number => Number(value.toFixed(digits));
const inGb = (bytes: number | null): number | null => (bytes === null ? null : rounded(bytes / GB, 3));
const inMb = (bytes: number | null): number | null => (bytes === null ? null : rounded(bytes / MB));
const inPercent = (ratio: number | null): number | null => (ratio === null ? null : rounded(ratio * 100));
const iso = (at: number | null): string | null => (at === null ? null : new Date(at).toISOString());

const usedOf = (total: number | null, free: number | null): number | null =>
  total === null || free === null ? null : Math.max(0, total - free);

function usageOf(total: number | null, free: number | null): number | null {
  const used = usedOf(total, free);
  return used === null || total === null || total === 0 ? null : inPercent(used / total);
}

const PLATFORMS: Readonly<Record<string, string>> = { linux: 'Linux', darwin: 'Darwin', win32: 'Windows' };

/** Where there is no GPU, all its figures are 0: that is what such a machine has of it. */
const NO_GPU: GpuReport = { name: '', totalBytes: 0, freeBytes: 0, busyRatio: 0, temperatureC: 0 };

export function statusToWire(
  { snapshot, gpu, modelBytes, cpuBusyRatio }: SystemReport,
  views: readonly RegisteredView[],
  defaultName: string | null,
  version: string,
  isDetailed: boolean,
) {
  const { memory, system, cpu } = snapshot;
  const { name, totalBytes, freeBytes, busyRatio } = gpu ?? NO_GPU;
  const loaded = views.filter((view) => view.isLoaded).map((view) => view.name);
  return {
    system_info: {
      platform: PLATFORMS[system.platform] ?? system.platform,
      python_version: 'n/a',
      framework_version: version,
      ...(isDetailed
        ? {
            platform_name: system.name,
            kernel: system.kernel,
            architecture: system.arch,
            cpu_name: cpu.name,
            cpu_cores: cpu.physicalCores,
            cpu_threads: cpu.usableThreads,
            cpu_usage_percent: inPercent(cpuBusyRatio),
          }
        : {}),
    },
    memory_info: {
      total_memory_gb: inGb(memory.totalBytes),
      available_memory_gb: inGb(memory.availableBytes),
      gpu_memory_gb: inGb(totalBytes),
      memory_usage_percent: usageOf(memory.totalBytes, memory.availableBytes) ?? 0,
      ...(isDetailed ? { models_memory_gb: inGb(modelBytes) } : {}),
    },
    gpu_info: {
      gpu_available: gpu !== null,
      gpu_name: name,
      gpu_memory_used_gb: inGb(usedOf(totalBytes, freeBytes)),
      gpu_utilization_percent: inPercent(busyRatio),
    },
    model_info: { loaded_models: loaded, total_loaded: loaded.length, default_model: defaultName },
  };
}

const memoryOf = (total: number | null, free: number | null) => ({
  total_gb: inGb(total),
  available_gb: inGb(free),
  used_gb: inGb(usedOf(total, free)),
  usage_percent: total === 0 ? 0 : usageOf(total, free),
});

export function memoryToWire({ snapshot, gpu, own, modelBytes }: SystemReport) {
  const { totalBytes, freeBytes } = gpu ?? NO_GPU;
  return {
    data: {
      system_memory: memoryOf(snapshot.memory.totalBytes, snapshot.memory.availableBytes),
      gpu_memory: memoryOf(totalBytes, freeBytes),
      process_memory: {
        rss_mb: inMb(own?.residentBytes ?? null),
        vms_mb: inMb(own?.virtualBytes ?? null),
        models_rss_mb: inMb(modelBytes),
      },
    },
  };
}

export const memoryClearedToWire = ({ stopped, freedBytes }: ClearedMemory) => ({
  data: {
    message:
      stopped.length === 0 ? 'Memory that nobody used was given back.' : `Unloaded what idled: ${stopped.join(', ')}.`,
    unloaded_models: [...stopped],
    freed_mb: inMb(freedBytes) ?? 0,
  },
});

export const cacheToWire = (report: StorageReport, loadedCount: number) => ({
  data: {
    total_cache_size_gb: rounded(report.sizeBytes / GB, 6),
    cache_entries: report.modelCount,
    cache_location: report.folder,
    oldest_entry: iso(report.oldestAt),
    newest_entry: iso(report.newestAt),
    prompt_caches: loadedCount,
  },
});

export const cacheClearedToWire = ({ models, files, freedBytes }: ClearedStorage) => ({
  data: {
    message: `${models.length} downloaded ${models.length === 1 ? 'model is' : 'models are'} deleted.`,
    cleared_models: [...models],
    deleted_files: [...files],
    freed_gb: rounded(freedBytes / GB, 6),
  },
});

export const leftoversClearedToWire = ({ engines, fileCount, freedBytes }: ClearedCaches) => ({
  data: {
    message: [
      `${fileCount} leftover ${fileCount === 1 ? 'file is' : 'files are'} deleted`,
      `${engines.filter(({ outcome }) => outcome !== 'kept').length} of ${engines.length} prompt caches are cleared`,
      'downloaded models stay: model_name deletes one.',
    ].join('; '),
    cleared_models: [],
    deleted_files: [],
    freed_gb: rounded(freedBytes / GB, 6),
  },
});

export function resourcesToWire({ snapshot, cpuBusyRatio, gpu, traffic }: SystemReport) {
  const { cpu, memory, disks } = snapshot;
  const { totalBytes: diskTotal = null, freeBytes: diskFree = null } = disks[0] ?? {};
  const { busyRatio, totalBytes, freeBytes, temperatureC } = gpu ?? NO_GPU;
  return {
    data: {
      cpu: {
        usage_percent: inPercent(cpuBusyRatio),
        cores: cpu.physicalCores ?? cpu.usableThreads,
        frequency_mhz: cpu.maxHz === null ? null : Math.round(cpu.maxHz / 1e6),
      },
      memory: {
        total_gb: inGb(memory.totalBytes),
        available_gb: inGb(memory.availableBytes),
        usage_percent: usageOf(memory.totalBytes, memory.availableBytes),
      },
      gpu: {
        usage_percent: inPercent(busyRatio),
        memory_usage_percent: totalBytes === 0 ? 0 : usageOf(totalBytes, freeBytes),
        temperature_c: temperatureC,
      },
      disk: { total_gb: inGb(diskTotal), available_gb: inGb(diskFree), usage_percent: usageOf(diskTotal, diskFree) },
      network: { bytes_sent: traffic?.sentBytes ?? null, bytes_received: traffic?.receivedBytes ?? null },
    },
  };
}

/** `nowMs`: epoch milliseconds. */
export function performanceToWire(report: WindowReport, nowMs: number) {
  const { minutes, requestCount, failedCount } = report;
  return {
    data: {
      time_window_minutes: minutes,
      metrics: {
        avg_response_time_ms: rounded(report.meanDurationMs ?? 0, 3),
        total_requests: requestCount,
        successful_requests: requestCount - failedCount,
        error_rate_percent: requestCount === 0 ? 0 : rounded((failedCount / requestCount) * 100),
        throughput_requests_per_minute: rounded(requestCount / minutes, 4),
        avg_memory_usage_percent: inPercent(report.meanMemoryRatio),
        avg_gpu_usage_percent: inPercent(report.meanGpuRatio),
      },
      timestamp: new Date(nowMs).toISOString(),
    },
  };
}

export const restartingToWire = (isHard: boolean) => ({
  data: {
    message: isHard
      ? 'A new process takes over; requests in flight end in the old one.'
      : 'The configuration is read again; unchanged models keep running.',
    restart: isHard ? ('hard' as const) : ('soft' as const),
  },
});

/** Worst last. */
const LEVELS = ['debug', 'info', 'warn', 'error'] as const;
type LogLevel = (typeof LEVELS)[number];

/** A line of the log, in epoch milliseconds. */
interface LogLine {
  readonly at: number;
  readonly level: LogLevel;
  readonly source: string;
  readonly message: string;
  readonly fields: Readonly<Record<string, unknown>>;
}

const LEVEL_WORDS: Readonly<Record<string, LogLevel>> = {
  DEBUG: 'debug',
  INFO: 'info',
  WARN: 'warn',
  WARNING: 'warn',
  ERROR: 'error',
  CRITICAL: 'error',
  FATAL: 'error',
};
const WORDS: Readonly<Record<LogLevel, string>> = { debug: 'DEBUG', info: 'INFO', warn: 'WARNING', error: 'ERROR' };

/** Throws `bad_request` for a word that is no level. */
export function toLevel(word: string): LogLevel {
  const upper = word.toUpperCase();
  const level = Object.hasOwn(LEVEL_WORDS, upper) ? LEVEL_WORDS[upper] : undefined;
  if (level !== undefined) return level;
  throw new Fault('bad_request', '"level" is one of DEBUG, INFO, WARNING, ERROR.', { details: { field: 'level' } });
}

/** Lines of that level or worse, the latest ones, oldest first. */
export function logsToWire(lines: readonly LogLine[], level: LogLevel, wanted: number) {
  const told = lines.filter((line) => LEVELS.indexOf(line.level) >= LEVELS.indexOf(level));
  return {
    data: {
      log_level: WORDS[level],
      lines_requested: wanted,
      logs: told.slice(-wanted).map((line) => ({
        timestamp: new Date(line.at).toISOString(),
        level: WORDS[line.level],
        message: messageOf(line),
        source: line.source,
      })),
      total_lines: told.length,
    },
  };
}

function messageOf({ message, fields }: LogLine): string {
  const told = Object.entries(fields).filter(([, value]) => value !== undefined);
  const words = told.map(([name, value]) => `${name}=${typeof value === 'string' ? value : JSON.stringify(value)}`);
  return [message, ...words].join(' ');
}
