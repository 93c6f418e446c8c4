// The log and those of the engines, looked back through page by page, in the order of time: what files keep is read from their
// ends, as far as a page needs. It must never read a file as a whole, nor hold up others for long.
import type { LogLine } from '../base/log.ts';
import type { LogEntry } from './instance-logs.ts';
import { fileLines } from './log-search.ts';

export interface HistoryQuery {
  /** Epoch milliseconds, not included. */
  readonly beforeMs: number;
  /** The millisecond in which they are reached comes whole, so that the next page can go on before it. */
  readonly limit: number;
  /** Only what this model and its engine said; null: everything. */
  readonly modelId: string | null;
}

export interface HistoryPage {
  /** The latest, oldest first. */
  readonly lines: readonly LogLine[];
  /** There are older ones. */
  readonly isMore: boolean;
}

export interface LogHistoryOptions {
  /** Of the log itself, newest first; those that are not there are left out. */
  readonly files: readonly string[];
  /** Of models that may have an engine's log. */
  readonly modelIds: () => readonly string[];
  /** What an engine said, newest first. */
  readonly engineLines: (modelId: string) => Iterable<LogEntry>;
}

/** Others come in between after so many lines. */
const STRETCH = 2000;

/** The model's own id picks the lines that it and its engine wrote. */
export const speaksFor =
  (modelId: string | null) =>
  (line: LogLine): boolean =>
    modelId === null || line.source === modelId || line.source.endsWith(`:${modelId}`) || line.fields.model === modelId;

export const engineSource = (modelId: string): string => `engine:${modelId}`;

export class LogHistory {
  readonly #options: LogHistoryOptions;

  constructor(options: LogHistoryOptions) {
    this.#options = options;
  }

  /** Rejects with the signal's reason when the reader leaves. */
  async page({ beforeMs, limit, modelId }: HistoryQuery, signal: AbortSignal): Promise<HistoryPage> {
    const accepts = speaksFor(modelId);
    const ids = modelId === null ? this.#options.modelIds() : [modelId];
    const sources = [fileLines(this.#options.files), ...ids.map((id) => this.#engineLines(id))];
    const found: LogLine[] = [];
    let count = 0;
    for (const line of newestFirst(sources)) {
      count += 1;
      if (count % STRETCH === 0) {
        await Bun.sleep(0);
        signal.throwIfAborted();
      }
      if (line.at >= beforeMs || !accepts(line)) continue;
      const isFull = found.length >= limit && line.at !== found.at(-1)?.at;
      if (isFull) return { lines: found.reverse(), isMore: true };
      found.push(line);
    }
    return { lines: found.reverse(), isMore: false };
  }

  *#engineLines(modelId: string): Generator<LogLine, void, void> {
    const source = engineSource(modelId);
    for (const entry of this.#options.engineLines(modelId)) yield { ...entry, source, fields: {} };
  }
}

/** Each source is newest first, and so is what comes of them. */
function* newestFirst(sources: readonly Generator<LogLine, void, void>[]): Generator<LogLine, void, void> {
  const heads = sources.flatMap((source) => {
    const first = source.next();
    return first.done === true ? [] : [{ source, line: first.value }];
  });
  try {
    for (;;) {
      let newest = heads[0];
      if (newest === undefined) return;
      for (const head of heads) if (head.line.at > newest.line.at) newest = head;
      yield newest.line;
      const next = newest.source.next();
      if (next.done === true) heads.splice(heads.indexOf(newest), 1);
      else newest.line = next.value;
    }
  } finally {
    // Their files are open until then.
    for (const { source } of heads) source.return();
  }
}
