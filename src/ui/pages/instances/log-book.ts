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
const MOST_WITH_OLDER = 100_000;
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
  /** Lines that somebody asked for make room for themselves: new ones do not push them away at once. */
  #olderCount = 0;
  /** Everything from then on is held; null: what is held is what the server had at hand. */
  #wholeSince: number | null = null;

  get lines(): readonly HeldLine[] {
    return this.#lines;
  }

  /** Lines that are held no more. */
  get droppedCount(): number {
    return this.#droppedCount;
  }

  add(lines: readonly LogLine[]): void {
    const all = [...this.#lines, ...lines.map((line) => this.#held(line))];
    const most = Math.min(MOST_LINES + this.#olderCount, MOST_WITH_OLDER);
    const excess = all.length > most ? Math.min(all.length, all.length - most + STEP) : 0;
    this.#droppedCount += excess;
    if (excess > 0) this.#wholeSince = null;
    this.#lines = excess === 0 ? all : all.slice(excess);
  }

  /** Lines before then, in epoch milliseconds, are to be asked for; null: the latest that there are. */
  olderBefore(): number | null {
    if (this.#wholeSince !== null) return this.#wholeSince;
    // Who spoke much goes back less far than who spoke little; of that time there may be more.
    const oldest = [...this.#oldest().values()].map(({ at }) => at);
    return oldest.length === 0 ? null : Math.max(...oldest) + 1;
  }

  /** A page of older lines, oldest first, which may hold lines that are here already. */
  addOlder(page: readonly LogLine[]): void {
    const known = this.#oldest();
    const fresh: HeldLine[] = [];
    for (const line of [...page].reverse()) {
      const oldest = known.get(line.source);
      if (oldest !== undefined && line.at > oldest.at) continue;
      if (oldest !== undefined && line.at === oldest.at && oldest.count > 0) oldest.count -= 1;
      else fresh.push(this.#held(line));
    }
    const [first] = page;
    if (first !== undefined) this.#wholeSince = first.at;
    // What stood first at one time stays first.
    this.#lines = [...fresh.reverse(), ...this.#lines].sort((left, right) => left.at - right.at);
    this.#olderCount += fresh.length;
    this.#droppedCount = Math.max(0, this.#droppedCount - fresh.length);
  }

  clear(): void {
    this.#lines = [];
    this.#droppedCount = 0;
    this.#olderCount = 0;
    this.#wholeSince = null;
  }

  #held(line: LogLine): HeldLine {
    this.#count += 1;
    return { ...line, key: this.#count, text: textOf(line) };
  }

  /** Of each source the time of its oldest line, and how many it has of that time; files keep no empty ones. */
  #oldest(): Map<string, { at: number; count: number }> {
    const oldest = new Map<string, { at: number; count: number }>();
    for (const { at, source, message } of this.#lines) {
      const found = oldest.get(source);
      if (found === undefined) oldest.set(source, { at, count: message.trim() === '' ? 0 : 1 });
      else if (found.at === at && message.trim() !== '') found.count += 1;
    }
    return oldest;
  }
}

/** As text for a file or the clipboard. */
export const plainText = (lines: readonly HeldLine[]): string =>
  lines.map(({ at, level, source, text }) => `${new Date(at).toISOString()} ${level} ${source} ${text}`).join('\n');
