// What ClaraCore's event stream is fed from: the bus, rendered once for all readers and handed out in small batches. A
// reader that falls behind loses its oldest log lines; of what changes it gets the latest. It must never render for
// nobody, nor keep more for a slow reader than a bound.
import type { Told } from '../../base/bus.ts';
import { sseComment } from '../../base/frames.ts';
import { formatLogLine } from '../../base/log.ts';
import type { Drover } from '../../core/drover.ts';
import type { DroverEvent } from '../../core/vocabulary.ts';
import type { DownloadJob } from '../../models/downloads.ts';
import { setupEventToWire } from './shape-config.ts';
import { downloadEventToWire } from './shape-downloads.ts';
import { metricsToWire, statusesToWire } from './shape-models.ts';
import { eventFrame, logFrame } from './stream.ts';

/** One part of the state: each new one stands for all before it. */
export type StateKey = 'models' | 'metrics' | 'setup' | `download ${string}`;

/** Events of so long a time go out together. */
const BATCH_MS = 20;
const HEARTBEAT_MS = 10_000;
/** Log lines that are kept for a reader who does not read. */
const BACKLOG_BYTES = 256 * 1024;
/** Whole lists of models in one batch; where more change at once, the last one says it all. */
const LISTS_PER_BATCH = 20;
/** Log lines sent to a new reader. */
const HISTORY_LINES = 200;

const encoder = new TextEncoder();

/** What goes out to everybody at once: all of it in order for those who keep up, and what matters of it for the others. */
interface Batch {
  readonly whole: Uint8Array;
  /** The same without log lines; null where there are only those. */
  readonly news: Uint8Array | null;
  readonly logs: Uint8Array | null;
  /** The latest of each. */
  readonly states: ReadonlyMap<StateKey, Uint8Array>;
}

export interface ClaraFeedOptions {
  readonly drover: Pick<Drover, 'bus' | 'log' | 'models' | 'usage' | 'instances'>;
  readonly downloads: () => readonly DownloadJob[];
}

export class ClaraFeed {
  readonly #options: ClaraFeedOptions;
  readonly #readers = new Set<Reader>();
  #unsubscribe: (() => void) | null = null;
  #timer: ReturnType<typeof setTimeout> | null = null;
  #heartbeat: ReturnType<typeof setInterval> | null = null;
  /** Of the batch that is being gathered, in order. */
  #frames: { readonly key: StateKey | null; readonly text: string }[] = [];
  #listCount = 0;
  readonly #dirty = new Set<'models' | 'metrics'>();

  constructor(options: ClaraFeedOptions) {
    this.#options = options;
  }

  get readerCount(): number {
    return this.#readers.size;
  }

  /** A body for one reader; it ends when the reader leaves or the server stops. Logs are not for everybody. */
  open(signal: AbortSignal, hasLogs: boolean): ReadableStream<Uint8Array> {
    const reader = new Reader(this.#greeting(hasLogs), hasLogs, () => this.#leave(reader));
    this.#join(reader);
    if (signal.aborted) reader.end();
    else signal.addEventListener('abort', () => reader.end(), { once: true });
    return reader.stream;
  }

  #join(reader: Reader): void {
    this.#readers.add(reader);
    if (this.#unsubscribe !== null) return;
    this.#unsubscribe = this.#options.drover.bus.subscribe((told) => this.#hear(told));
    this.#heartbeat = setInterval(() => {
      for (const each of this.#readers) each.beat();
    }, HEARTBEAT_MS);
    this.#heartbeat.unref();
  }

  #leave(reader: Reader): void {
    this.#readers.delete(reader);
    if (this.#readers.size > 0) return;
    this.#unsubscribe?.();
    this.#unsubscribe = null;
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
    if (this.#heartbeat !== null) clearInterval(this.#heartbeat);
    this.#heartbeat = null;
    this.#frames = [];
    this.#listCount = 0;
    this.#dirty.clear();
  }

  #hear({ event }: Told<DroverEvent>): void {
    if (event.type === 'server.stopping') {
      for (const reader of [...this.#readers]) reader.end();
      return;
    }
    if (this.#take(event)) this.#timer ??= setTimeout(() => this.#flush(), BATCH_MS);
  }

  /** True where the event is for these readers. */
  #take(event: DroverEvent): boolean {
    const log = logOf(event);
    if (log !== null) this.#frames.push({ key: null, text: log });
    else if (MODEL_EVENTS.has(event.type)) this.#takeModels();
    else if (event.type === 'request.finished') this.#dirty.add('metrics');
    else if (event.type === 'setup.progress') {
      this.#frames.push({ key: 'setup', text: eventFrame('configProgress', setupEventToWire(event.setup)) });
    } else if (event.type === 'download.changed') {
      this.#frames.push({ key: `download ${event.job.id}`, text: downloadFrame(event.job) });
    } else return false;
    return true;
  }

  /** Rendered now: a state that lasts for milliseconds only is one all the same. */
  #takeModels(): void {
    this.#listCount += 1;
    if (this.#listCount > LISTS_PER_BATCH) this.#dirty.add('models');
    else this.#frames.push({ key: 'models', text: this.#models() });
  }

  #flush(): void {
    this.#timer = null;
    for (const key of this.#dirty) {
      this.#frames.push({ key, text: key === 'models' ? this.#models() : this.#metrics() });
    }
    const frames = this.#frames;
    this.#frames = [];
    this.#listCount = 0;
    this.#dirty.clear();
    const logs = frames.flatMap(({ key, text }) => (key === null ? [text] : []));
    const news = frames.flatMap(({ key, text }) => (key === null ? [] : [text]));
    const latest = new Map(frames.flatMap(({ key, text }) => (key === null ? [] : [[key, text] as const])));
    const batch: Batch = {
      whole: encoder.encode(frames.map(({ text }) => text).join('')),
      news: news.length === 0 ? null : encoder.encode(news.join('')),
      logs: logs.length === 0 ? null : encoder.encode(logs.join('')),
      states: new Map([...latest].map(([key, text]) => [key, encoder.encode(text)])),
    };
    for (const reader of [...this.#readers]) reader.give(batch);
  }

  #models(): string {
    return eventFrame('modelStatus', statusesToWire(this.#options.drover.models()));
  }

  #metrics(): string {
    const { drover } = this.#options;
    return eventFrame('metrics', metricsToWire(drover.usage(), drover.instances()));
  }

  /** Recent log lines, then everything as it is now. */
  #greeting(hasLogs: boolean): Uint8Array {
    const states = [this.#models(), this.#metrics(), ...this.#options.downloads().map(downloadFrame)];
    return encoder.encode([...(hasLogs ? this.#recentLogs() : []), ...states].join(''));
  }

  #recentLogs(): string[] {
    const { drover } = this.#options;
    const upstream = drover.bus
      .recent()
      .flatMap(({ event }) => (event.type === 'engine.output' ? [`${event.line}\n`] : []))
      .slice(-HISTORY_LINES);
    const proxy = drover.log.recent(HISTORY_LINES).map((line) => `${formatLogLine(line)}\n`);
    return [logFrame('proxy', proxy.join('')), logFrame('upstream', upstream.join(''))];
  }
}

const MODEL_EVENTS: ReadonlySet<DroverEvent['type']> = new Set([
  'instance.changed',
  'library.changed',
  'config.changed',
]);

const downloadFrame = (job: DownloadJob): string => eventFrame('downloadProgress', downloadEventToWire(job));

function logOf(event: DroverEvent): string | null {
  if (event.type === 'log') return logFrame('proxy', `${formatLogLine(event.line)}\n`);
  return event.type === 'engine.output' ? logFrame('upstream', `${event.line}\n`) : null;
}

/** One client: what is owed to it while it does not read, within bounds. */
class Reader {
  readonly stream: ReadableStream<Uint8Array>;
  readonly #onEnd: () => void;
  /** The last batch, while nothing older is owed. */
  #fresh: Batch | null = null;
  readonly #logs: Uint8Array[] = [];
  #logBytes = 0;
  readonly #states = new Map<StateKey, Uint8Array>();
  #controller: ReadableStreamDefaultController<Uint8Array> | null = null;
  #wake: (() => void) | null = null;
  #hasEnded = false;
  #isBeatDue = false;

  constructor(
    greeting: Uint8Array,
    private readonly hasLogs: boolean,
    onEnd: () => void,
  ) {
    this.#onEnd = onEnd;
    this.stream = new ReadableStream<Uint8Array>(
      {
        start: (controller) => {
          this.#controller = controller;
          controller.enqueue(greeting);
        },
        pull: () => this.#pull(),
        cancel: () => this.end(),
      },
      { highWaterMark: 1 },
    );
  }

  /** The very bytes that all others get, kept until they are asked for. */
  give(batch: Batch): void {
    if (!this.hasLogs && batch.news === null) return;
    if (this.#fresh === null && this.#logs.length === 0 && this.#states.size === 0) this.#fresh = batch;
    else {
      if (this.#fresh !== null) this.#owe(this.#fresh);
      this.#fresh = null;
      this.#owe(batch);
    }
    this.#wake?.();
  }

  #owe(batch: Batch): void {
    for (const [key, frame] of batch.states) this.#states.set(key, frame);
    if (batch.logs === null || !this.hasLogs) return;
    this.#logs.push(batch.logs);
    this.#logBytes += batch.logs.byteLength;
    while (this.#logBytes > BACKLOG_BYTES && this.#logs.length > 1) {
      this.#logBytes -= this.#logs.shift()?.byteLength ?? 0;
    }
  }

  beat(): void {
    this.#isBeatDue = true;
    this.#wake?.();
  }

  end(): void {
    if (this.#hasEnded) return;
    this.#hasEnded = true;
    this.#onEnd();
    this.#wake?.();
    try {
      this.#controller?.close();
    } catch {
      // The client has left already.
    }
  }

  async #pull(): Promise<void> {
    while (!this.#hasEnded) {
      const next = this.#next();
      if (next !== null) {
        this.#controller?.enqueue(next);
        return;
      }
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
      this.#wake = null;
    }
  }

  /** Log lines before the states that came with or after them; null: nothing is owed. */
  #next(): Uint8Array | null {
    const fresh = this.hasLogs ? this.#fresh?.whole : this.#fresh?.news;
    const parts = fresh == null ? [...this.#logs, ...this.#states.values()] : [fresh];
    if (parts.length === 0 && this.#isBeatDue) parts.push(HEARTBEAT);
    this.#isBeatDue = false;
    this.#fresh = null;
    this.#logs.length = 0;
    this.#logBytes = 0;
    this.#states.clear();
    return parts.length === 0 ? null : joined(parts);
  }
}

function joined(parts: readonly Uint8Array[]): Uint8Array {
  const [only] = parts;
  return parts.length === 1 && only !== undefined ? only : Buffer.concat(parts);
}

const HEARTBEAT = encoder.encode(sseComment('still here'));
