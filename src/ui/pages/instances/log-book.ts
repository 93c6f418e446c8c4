// The lines that the page holds: bounded, filtered, and told to the view in batches. Pure but for the stream that feeds it.

export interface LogLine {
  /** Epoch milliseconds. */
  readonly at: number;
  readonly level: 'debug' | 'info' | 'warn' | 'error';
  readonly source: string;
  readonly message: string;
  readonly fields: Readonly<Record<string, unknown>>;
}

export interface HeldLine extends LogLine {
  /** Counts up; never used again. */
  readonly key: number;
  /** What is shown, and searched. */
  readonly text: string;
}

export interface LogFilter {
  readonly level: LogLine['level'];
  readonly query: string;
}

export const MOST_LINES = 20_000;
/** Room is made in steps, so that not every line moves all others. */
const STEP = 2000;

const RANKS: Readonly<Record<LogLine['level'], number>> = { debug: 0, info: 1, warn: 2, error: 3 };

// ECMA-48 5.4: control sequences, as engines write them for terminals; other controls would be invisible.
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for.
const CONTROLS = /\u001B\[[0-?]*[ -/]*[@-~]|\u001B[@-_]|[\u0000-\u0008\u000B-\u001F\u007F]/g;

/** The message with its fields, on one line, without what a terminal would take for commands. */
export function textOf({ message, fields }: LogLine): string {
  const pairs = Object.entries(fields)
    .filter(([, value]) => value !== undefined)
    .map(([name, value]) => `${name}=${typeof value === 'string' ? value : JSON.stringify(value)}`);
  return [message, ...pairs].join('  ').replace(CONTROLS, '').trimEnd();
}

export const isShown = (line: HeldLine, { level, query }: LogFilter): boolean =>
  RANKS[line.level] >= RANKS[level] &&
  (query === '' || line.text.toLowerCase().includes(query) || line.source.toLowerCase().includes(query));

export class LogBook {
  #lines: HeldLine[] = [];
  #count = 0;
  #droppedCount = 0;

  get lines(): readonly HeldLine[] {
    return this.#lines;
  }

  /** Lines that are held no more. */
  get droppedCount(): number {
    return this.#droppedCount;
  }

  add(lines: readonly LogLine[]): void {
    const added = lines.map((line): HeldLine => {
      this.#count += 1;
      return { ...line, key: this.#count, text: textOf(line) };
    });
    const all = [...this.#lines, ...added];
    const excess = all.length > MOST_LINES ? all.length - MOST_LINES + STEP : 0;
    this.#droppedCount += Math.min(excess, all.length);
    this.#lines = excess === 0 ? all : all.slice(excess);
  }

  clear(): void {
    this.#lines = [];
    this.#droppedCount = 0;
  }
}

/** As text for a file or the clipboard. */
export const plainText = (lines: readonly HeldLine[]): string =>
  lines.map(({ at, level, source, text }) => `${new Date(at).toISOString()} ${level} ${source} ${text}`).join('\n');
