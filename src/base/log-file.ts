// The log on disk: one JSON line per entry, bounded in size by turning the file over, kept over restarts.
// It must never make its caller wait, and never fail loudly: a full disk costs lines, not the server.
import { appendFile, mkdir, rename, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { LogLine, LogSink } from './log.ts';

/** So many files that were turned over stay. */
const KEPT = 3;

/** The file and those that were turned over, newest first. */
export const logFilesOf = (path: string): readonly string[] => [
  path,
  ...Array.from({ length: KEPT }, (_, index) => `${path}.${index + 1}`),
];

export interface LogFileOptions {
  readonly maxBytes?: number;
  /** How many turned-over files stay: `drover.log.1`, `drover.log.2`, … */
  readonly keep?: number;
}

export interface LogFile {
  readonly sink: LogSink;
  /** Writes what is still in memory. */
  flush(): Promise<void>;
}

export function openLogFile(path: string, options: LogFileOptions = {}): LogFile {
  const maxBytes = options.maxBytes ?? 8 * 1024 * 1024;
  const keep = options.keep ?? KEPT;
  let waiting: string[] = [];
  let writing: Promise<void> | null = null;

  const write = async (): Promise<void> => {
    await mkdir(dirname(path), { recursive: true });
    while (waiting.length > 0) {
      const text = waiting.join('');
      waiting = [];
      await appendFile(path, text, { mode: 0o600 });
      const { size } = await stat(path);
      if (size < maxBytes) continue;
      for (let index = keep - 1; index >= 1; index -= 1) {
        await rename(`${path}.${index}`, `${path}.${index + 1}`).catch(() => undefined);
      }
      await rename(path, `${path}.1`);
    }
  };
  const start = (): Promise<void> =>
    (writing ??= write()
      .catch(() => {
        waiting = [];
      })
      .finally(() => {
        writing = null;
      }));

  return {
    sink: (line: LogLine) => {
      waiting.push(`${JSON.stringify(line)}\n`);
      void start();
    },
    flush: async () => {
      while (waiting.length > 0 || writing !== null) await start();
    },
  };
}
