// The log looked through: lines of a level or worse, of a time, the latest of them; from memory, and what is older than that
// from the files. It must never hold a reader up who has left, nor fail for a line that is broken.
import type { Bus } from '../base/bus.ts';
import { linesBackwards } from '../base/line-file.ts';
import { LOG_LEVELS, type Log, type LogLevel, type LogLine } from '../base/log.ts';
import type { DroverEvent } from './vocabulary.ts';

export interface LogSearch {
  /** That or worse; null: all. */
  readonly level: LogLevel | null;
  /** The latest so many. */
  readonly limit: number;
  /** Epoch milliseconds, both included; null: open. */
  readonly fromMs: number | null;
  readonly untilMs: number | null;
  /** Further lines as they come. */
  readonly isFollowed: boolean;
}

export interface LogSearchOptions {
  readonly log: Pick<Log, 'recent'>;
  readonly bus: Bus<DroverEvent>;
  /** Newest first; those that are not there are left out. */
  readonly files: readonly string[];
}

/** The found lines, oldest first; with `isFollowed` null for "up to now", then what comes. */
export async function* searchLog(
  options: LogSearchOptions,
  search: LogSearch,
  signal: AbortSignal,
): AsyncGenerator<LogLine | null, void, void> {
  const after = options.bus.lastSequence;
  const accepts = accepting(search);
  for (const line of found(options, search, accepts)) yield line;
  if (!search.isFollowed) return;
  yield null;
  for await (const { event } of options.bus.stream({ signal, after })) {
    // An endless stream would hold up the drain.
    if (event.type === 'server.stopping') return;
    if (event.type === 'log' && accepts(event.line)) yield event.line;
  }
}

function accepting({ level, fromMs, untilMs }: LogSearch): (line: LogLine) => boolean {
  const least = level === null ? 0 : LOG_LEVELS.indexOf(level);
  return (line) =>
    LOG_LEVELS.indexOf(line.level) >= least &&
    (fromMs === null || line.at >= fromMs) &&
    (untilMs === null || line.at <= untilMs);
}

function found(
  { log, files }: LogSearchOptions,
  { limit, fromMs }: LogSearch,
  accepts: (line: LogLine) => boolean,
): readonly LogLine[] {
  if (limit === 0) return [];
  const kept = log.recent();
  const lines = kept.filter(accepts).slice(-limit);
  const [oldest] = kept;
  const isEnough = lines.length >= limit || (fromMs !== null && oldest !== undefined && oldest.at < fromMs);
  if (isEnough) return lines;
  // Files end with what is in memory, and several lines may have one time.
  let toSkip = kept.filter(({ at }) => at === oldest?.at).length;
  const older: LogLine[] = [];
  for (const line of fileLines(files)) {
    if (oldest !== undefined && line.at > oldest.at) continue;
    if (line.at === oldest?.at && toSkip > 0) {
      toSkip -= 1;
      continue;
    }
    if (fromMs !== null && line.at < fromMs) break;
    if (accepts(line)) older.push(line);
    if (older.length + lines.length >= limit) break;
  }
  return [...older.reverse(), ...lines];
}

/** What the files of the log hold, newest first, the last line first. */
export function* fileLines(files: readonly string[]): Generator<LogLine, void, void> {
  const read = new Set<number>();
  for (const path of files) {
    for (const { line } of linesBackwards(path, read)) {
      const read = parsed(line);
      if (read !== null) yield read;
    }
  }
}

/** Null for what a full disk or a crash has left of a line. */
function parsed(text: string): LogLine | null {
  if (text === '') return null;
  try {
    const value = JSON.parse(text) as Partial<LogLine> | null;
    const { at, level, source, message, fields } = value ?? {};
    if (typeof at !== 'number' || level === undefined || !LOG_LEVELS.includes(level)) return null;
    return { at, level, source: String(source ?? ''), message: String(message ?? ''), fields: fields ?? {} };
  } catch {
    return null;
  }
}
