// The log of each model, kept over restarts: what its engine says, and what became of it. Written in batches beside the
// others, read from its end. It must never hold up an engine, nor more for a follower who does not read than a bound.
import { createHash } from 'node:crypto';
import { join } from 'node:path';
import type { Bus } from '../base/bus.ts';
import { LineFile, type LineFileOptions } from '../base/line-file.ts';
import { LOG_LEVELS, type LogLevel } from '../base/log.ts';
import { engineLine } from './engine-line.ts';
import type { DroverEvent } from './vocabulary.ts';

export interface LogEntry {
  /** Epoch milliseconds. */
  readonly at: number;
  readonly level: LogLevel;
  readonly message: string;
}

export interface LogQuery {
  /** The last so many. */
  readonly count: number;
  /** That or worse; null: all. */
  readonly level: LogLevel | null;
}

const MIB = 1024 * 1024;
const FILES: LineFileOptions = { maxBytes: 4 * MIB, keep: 2, batchMs: 200 };
/** So far back a question looks at most. */
const LOOK_BYTES = 16 * MIB;
/** Entries that may wait for one follower. */
const BACKLOG = 2000;

interface Follower {
  give(entry: LogEntry): void;
  end(): void;
}

export class InstanceLogs {
  readonly #folder: string;
  readonly #files = new Map<string, LineFile>();
  readonly #followers = new Map<string, Set<Follower>>();

  constructor(options: { readonly bus: Bus<DroverEvent>; readonly folder: string }) {
    this.#folder = options.folder;
    options.bus.subscribe(({ at, event }) => {
      if (event.type === 'engine.output') {
        if (event.line.trim() !== '') this.add(event.modelId, { at, ...engineLine(event.line) });
      } else if (event.type === 'server.stopping') this.#endAll();
    });
  }

  add(modelId: string, entry: LogEntry): void {
    this.#file(modelId).add(JSON.stringify([entry.at, entry.level, entry.message]));
    for (const follower of this.#followers.get(modelId) ?? []) follower.give(entry);
  }

  /** Oldest first. */
  async recent(modelId: string, query: LogQuery): Promise<readonly LogEntry[]> {
    const file = this.#file(modelId);
    await file.flush();
    return last(file, query, 0);
  }

  /** Newest first, as far as it is asked; what has not come as far as the file is left out. */
  *backwards(modelId: string): Generator<LogEntry, void, void> {
    for (const line of this.#file(modelId).backwards(LOOK_BYTES)) {
      const entry = entryOf(line);
      if (entry !== null) yield entry;
    }
  }

  /** The same, then what comes, until the reader leaves, the model does, or the server stops. */
  async *follow(modelId: string, query: LogQuery, signal: AbortSignal): AsyncGenerator<LogEntry, void, void> {
    const file = this.#file(modelId);
    const accepts = isWorse(query.level);
    const queue: LogEntry[] = [];
    let hasEnded = signal.aborted;
    let wake: (() => void) | null = null;
    const follower: Follower = {
      give: (entry) => {
        if (!accepts(entry)) return;
        queue.push(entry);
        if (queue.length > BACKLOG) queue.shift();
        wake?.();
      },
      end: () => {
        hasEnded = true;
        wake?.();
      },
    };
    const before = file.addedCount;
    const followers = this.#followers.get(modelId) ?? new Set();
    this.#followers.set(modelId, followers.add(follower));
    signal.addEventListener('abort', follower.end, { once: true });
    try {
      await file.flush();
      // What has come since is in the queue, and perhaps in the file already.
      yield* last(file, query, Math.max(0, file.settledCount - before));
      while (!hasEnded || queue.length > 0) {
        const next = queue.shift();
        if (next !== undefined) yield next;
        else {
          await new Promise<void>((resolve) => {
            wake = resolve;
          });
          wake = null;
        }
      }
    } finally {
      signal.removeEventListener('abort', follower.end);
      followers.delete(follower);
      if (followers.size === 0 && this.#followers.get(modelId) === followers) this.#followers.delete(modelId);
    }
  }

  async remove(modelId: string): Promise<void> {
    for (const follower of this.#followers.get(modelId) ?? []) follower.end();
    await this.#file(modelId).remove();
    this.#files.delete(modelId);
  }

  async flush(): Promise<void> {
    await Promise.all([...this.#files.values()].map((file) => file.flush()));
  }

  #endAll(): void {
    for (const followers of this.#followers.values()) for (const follower of followers) follower.end();
  }

  #file(modelId: string): LineFile {
    const known = this.#files.get(modelId);
    if (known !== undefined) return known;
    const file = new LineFile(join(this.#folder, fileName(modelId)), FILES);
    this.#files.set(modelId, file);
    return file;
  }
}

/** For people to find; the hash keeps names apart that look alike, and any name a name of a file. */
const fileName = (modelId: string): string =>
  `${modelId.replaceAll(/[^\w.-]+/g, '_').slice(0, 60)}-${createHash('sha256').update(modelId).digest('hex').slice(0, 12)}.log`;

const isWorse =
  (level: LogLevel | null) =>
  (entry: LogEntry): boolean =>
    level === null || LOG_LEVELS.indexOf(entry.level) >= LOG_LEVELS.indexOf(level);

/** The last entries but for the very last `skipped`, oldest first. */
function last(file: LineFile, query: LogQuery, skipped: number): LogEntry[] {
  const accepts = isWorse(query.level);
  const entries: LogEntry[] = [];
  let toSkip = skipped;
  for (const line of file.backwards(LOOK_BYTES)) {
    if (toSkip > 0) {
      toSkip -= 1;
      continue;
    }
    const entry = entryOf(line);
    if (entry === null || !accepts(entry)) continue;
    entries.push(entry);
    if (entries.length >= query.count) break;
  }
  return entries.reverse();
}

/** Null for half a line, as a death may leave it. */
function entryOf(line: string): LogEntry | null {
  try {
    const [at, level, message] = JSON.parse(line) as unknown[];
    if (typeof at !== 'number' || typeof message !== 'string') return null;
    return { at, level: LOG_LEVELS.find((known) => known === level) ?? 'info', message };
  } catch {
    return null;
  }
}
