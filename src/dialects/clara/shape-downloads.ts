// Downloads in ClaraCore's words: progress in percent, speed and time left as texts. Pure.
import type { DownloadJob, DownloadState } from '../../models/downloads.ts';
import { isoOrNull, isoTime } from './shape.ts';

const STATUS: Readonly<Record<DownloadState, string>> = {
  queued: 'pending',
  downloading: 'downloading',
  verifying: 'downloading',
  paused: 'paused',
  finished: 'completed',
  failed: 'failed',
  cancelled: 'cancelled',
};

/** `15.2 MB/s`, of 10^6 bytes; empty while nothing comes. */
export function speedText(bytesPerSecond: number): string {
  if (bytesPerSecond <= 0) return '';
  if (bytesPerSecond >= 1e9) return `${(bytesPerSecond / 1e9).toFixed(1)} GB/s`;
  return bytesPerSecond >= 1e6
    ? `${(bytesPerSecond / 1e6).toFixed(1)} MB/s`
    : `${Math.max(1, Math.round(bytesPerSecond / 1e3))} KB/s`;
}

/** `2m 15s`, `1h 4m`, `8s`; empty while it is not known. */
export function etaText(seconds: number | null): string {
  if (seconds === null) return '';
  const whole = Math.ceil(seconds);
  if (whole < 60) return `${whole}s`;
  if (whole < 3600) return `${Math.floor(whole / 60)}m ${whole % 60}s`;
  return `${Math.floor(whole / 3600)}h ${Math.floor((whole % 3600) / 60)}m`;
}

export function downloadToWire(job: DownloadJob) {
  const isRunning = job.state === 'downloading';
  const { doneBytes, totalBytes } = job;
  const progress =
    job.state === 'finished'
      ? 100
      : totalBytes === null
        ? null
        : Math.floor((doneBytes * 1000) / (totalBytes || 1)) / 10;
  return {
    id: job.id,
    modelId: job.modelId ?? '',
    filename: job.name,
    url: job.files[0]?.url ?? '',
    status: STATUS[job.state],
    progress,
    downloadedBytes: doneBytes,
    totalBytes,
    speed: isRunning ? speedText(job.bytesPerSecond) : '',
    eta: isRunning ? etaText(job.secondsLeft) : '',
    filePath: job.files[0]?.path ?? '',
    startTime: isoTime(job.startedAt ?? job.createdAt),
    finishedAt: isoOrNull(job.finishedAt),
    ...(job.quantization === null ? {} : { quantization: job.quantization }),
    ...(job.files.length > 1 ? { files: job.files.map((file) => file.url), isMultiPart: true } : {}),
    ...(job.failure === null ? {} : { error: errorText(job.failure) }),
  };
}

const errorText = ({ message, hint }: NonNullable<DownloadJob['failure']>): string =>
  hint === null ? message : `${message} ${hint}`;

export const downloadsToWire = (jobs: readonly DownloadJob[]) =>
  Object.fromEntries(jobs.map((job) => [job.id, downloadToWire(job)]));

export const startedToWire = (job: DownloadJob, partCount: number | null) => ({
  downloadId: job.id,
  ...(partCount === null ? {} : { downloadIds: [job.id], partCount }),
  status: partCount === null ? 'download started' : 'multi-part download started',
  modelId: job.modelId ?? '',
  filename: job.name,
  ...(job.quantization === null ? {} : { quantization: job.quantization }),
});

export const downloadEventToWire = (job: DownloadJob) => ({ downloadId: job.id, info: downloadToWire(job) });
