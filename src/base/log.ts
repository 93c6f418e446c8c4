// One structured log with one ring: every line has a time, a level, a source and fields. It writes where it is told
// and keeps the last lines for those who ask. It must never throw into its caller nor print a secret that it was given
// as such: secrets are simply not to be passed in.

export type LogLevel = 'debug' | 'info' | 'warn' | 'error';
export const LOG_LEVELS: readonly LogLevel[] = ['debug', 'info', 'warn', 'error'];

export interface LogLine {
  /** Epoch milliseconds. */
  readonly at: number;
  readonly level: LogLevel;
  /** The room or the model that speaks: `scheduler`, `engine:qwen3-4b`. */
  readonly source: string;
  readonly message: string;
  readonly fields: Readonly<Record<string, unknown>>;
}

export type LogSink = (line: LogLine) => void;

export interface LogOptions {
  readonly level?: LogLevel;
  readonly ringSize?: number;
  readonly sinks?: readonly LogSink[];
}

class LogCore {
  level: LogLevel;
  readonly ring: LogLine[] = [];
  readonly sinks: Set<LogSink>;
  readonly ringSize: number;

  constructor(options: LogOptions) {
    this.level = options.level ?? 'info';
    this.ringSize = options.ringSize ?? 2000;
    this.sinks = new Set(options.sinks ?? []);
  }
}

export class Log {
  readonly #core: LogCore;
  readonly source: string;

  constructor(options: LogOptions = {}, source = 'drover', core?: LogCore) {
    this.#core = core ?? new LogCore(options);
    this.source = source;
  }

  /** The same log, speaking as another source. */
  as(source: string): Log {
    return new Log({}, source, this.#core);
  }

  get level(): LogLevel {
    return this.#core.level;
  }

  set level(level: LogLevel) {
    this.#core.level = level;
  }

  addSink(sink: LogSink): () => void {
    this.#core.sinks.add(sink);
    return () => {
      this.#core.sinks.delete(sink);
    };
  }

  /** The kept lines, oldest first. */
  recent(limit = Number.POSITIVE_INFINITY): readonly LogLine[] {
    return this.#core.ring.slice(-Math.min(limit, this.#core.ringSize));
  }

  debug(message: string, fields: Record<string, unknown> = {}): void {
    this.write('debug', message, fields);
  }
  info(message: string, fields: Record<string, unknown> = {}): void {
    this.write('info', message, fields);
  }
  warn(message: string, fields: Record<string, unknown> = {}): void {
    this.write('warn', message, fields);
  }
  error(message: string, fields: Record<string, unknown> = {}): void {
    this.write('error', message, fields);
  }

  write(level: LogLevel, message: string, fields: Record<string, unknown> = {}): void {
    const core = this.#core;
    if (LOG_LEVELS.indexOf(level) < LOG_LEVELS.indexOf(core.level)) return;
    const line: LogLine = {
      at: Date.now(),
      level,
      source: this.source,
      message,
      fields,
    };
    core.ring.push(line);
    if (core.ring.length > core.ringSize * 2) core.ring.splice(0, core.ring.length - core.ringSize);
    for (const sink of core.sinks) {
      try {
        sink(line);
      } catch {
        // A log that cannot be written must not take the server down.
      }
    }
  }
}

/** `12:31:07 info  scheduler  started qwen3-4b portNumber=8101` */
export function formatLogLine(line: LogLine): string {
  const fields = Object.entries(line.fields)
    .filter(([, value]) => value !== undefined)
    .map(([key, value]) => `${key}=${typeof value === 'string' ? quoteIfNeeded(value) : JSON.stringify(value)}`)
    .join(' ');
  const time = new Date(line.at).toISOString().slice(11, 19);
  return `${time} ${line.level.padEnd(5)} ${line.source}  ${line.message}${fields === '' ? '' : `  ${fields}`}`;
}

const quoteIfNeeded = (value: string): string => (/^[^\s"=]+$/.test(value) ? value : JSON.stringify(value));
