// The connections of one download, from what is there to the whole: how many there may be, what becomes of one that
// fails, and when all of it has failed. It must never leave a connection, a timer or a write behind.

import { Fault, toFault } from './fault.ts';
import type { FileDigest } from './file-digest.ts';
import { type Answer, type NoBody, weigh } from './http-answer.ts';
import { Connection } from './http-connection.ts';
import { bareAddress } from './http-hosts.ts';
import type { Part } from './http-part.ts';
import { Patience } from './http-patience.ts';
import { abortFault, discard, unreachable } from './http-request.ts';
import { type Segment, SegmentPlan } from './http-segments.ts';
import type { HttpSource } from './http-source.ts';
import { Latch } from './sync.ts';

export interface TransferOptions {
  readonly source: HttpSource;
  readonly part: Part;
  readonly digest: FileDigest;
  /** Most connections at once. */
  readonly connections: number;
  /** Asks for the file as one body in any case. */
  readonly isOneBody: boolean;
  /** The size that it must have; null where any is fine. */
  readonly wantedBytes: number | null;
  readonly isVerifiable: boolean;
  readonly signal: AbortSignal | undefined;
  readonly stallTimeoutMs: number;
  readonly retries: number;
  readonly retryDelayMs: number;
  /** Called with the bytes that are still to come, before the first of them. Throws `disk_full`. */
  readonly requireSpace: (neededBytes: number) => Promise<void>;
  readonly onProgress: () => void;
}

/**
 * `complete`: all bytes are in the part. `changed`: the file is another one than it was, so what is there is worthless.
 * `rangeless`: the server cannot be trusted with ranges, so the file must come as one body, from its start.
 */
export type Outcome = 'complete' | 'changed' | 'rangeless';

/** A file that is not larger comes over one connection, by one request. */
export const SMALL_BYTES = 16 * 1024 * 1024;
const TICK_MS = 100;
const SAVE_EVERY_MS = 1000;

type Verdict = { readonly outcome: Outcome } | { readonly thrown: unknown };

export class Transfer {
  readonly #options: TransferOptions;
  readonly #part: Part;
  readonly #connections = new Set<Connection>();
  #plan: SegmentPlan | null = null;
  #isOneBody: boolean;
  /** Whether an answer has said what the file is; until then there is one connection. */
  #isSettled = false;
  #verdict: Verdict | null = null;
  #stirred = new Latch();
  readonly #patience: Patience;
  #retryTimer: ReturnType<typeof setTimeout> | undefined;
  #savedAt = performance.now();

  constructor(options: TransferOptions) {
    this.#options = options;
    this.#part = options.part;
    this.#isOneBody = options.isOneBody;
    const { connections, retries, retryDelayMs } = options;
    this.#patience = new Patience({ connections, retries, retryDelayMs, doneBytes: options.part.done.totalBytes });
    const { totalBytes, done } = options.part;
    if (!options.isOneBody && totalBytes !== null) this.#plan = new SegmentPlan(totalBytes, connections, done);
  }

  /** Throws the first Fault that no new try can help; whatever happens, nothing of it goes on afterwards. */
  async run(): Promise<Outcome> {
    const { signal, source, stallTimeoutMs } = this.#options;
    const onAbort = (): void => {
      if (signal?.aborted === true) this.#end({ thrown: abortFault(signal, source.url) });
    };
    signal?.addEventListener('abort', onAbort, { once: true });
    onAbort();
    const ticker = setInterval(() => this.#tick(), Math.max(5, Math.min(TICK_MS, stallTimeoutMs / 4)));
    try {
      while (this.#verdict === null) {
        this.#launch();
        await this.#stirred.promise;
        this.#stirred = new Latch();
      }
    } finally {
      clearInterval(ticker);
      clearTimeout(this.#retryTimer);
      signal?.removeEventListener('abort', onAbort);
      await this.#stopAll();
    }
    if ('thrown' in this.#verdict) throw this.#verdict.thrown;
    return this.#verdict.outcome;
  }

  async #stopAll(): Promise<void> {
    const over = new Fault('cancelled', 'The download has ended.');
    for (const connection of this.#connections) connection.stop(over);
    await Promise.all([...this.#connections].map((connection) => connection.ended));
    if (this.#part.isWhole) return;
    // What cannot be recorded is fetched again; why the run ended counts more.
    await this.#part.save().catch(() => undefined);
  }

  /** The first verdict stands. */
  #end(verdict: Verdict): void {
    this.#verdict ??= verdict;
    this.#stirred.open();
  }

  #tick(): void {
    const { stallTimeoutMs, source, onProgress } = this.#options;
    const now = performance.now();
    const silent = (): Fault => unreachable(source.url, `nothing came for ${Math.round(stallTimeoutMs / 1000)} s`);
    for (const connection of this.#connections) {
      connection.flush();
      connection.stopIfSilentSince(now - stallTimeoutMs, silent);
    }
    try {
      onProgress();
    } catch (thrown) {
      this.#end({ thrown });
    }
    if (!this.#isSettled || this.#isOneBody || now - this.#savedAt < SAVE_EVERY_MS) return;
    this.#savedAt = now;
    this.#part.save().catch((thrown: unknown) => this.#end({ thrown }));
  }

  #launch(): void {
    const { waitMs } = this.#patience;
    clearTimeout(this.#retryTimer);
    if (waitMs > 0) {
      this.#retryTimer = setTimeout(() => this.#stirred.open(), waitMs);
      return;
    }
    if (this.#connections.size === 0 && this.#part.isWhole && this.#part.done.totalBytes > 0) {
      this.#end({ outcome: 'complete' });
      return;
    }
    while (this.#connections.size < this.#allowed()) {
      const segment = this.#take();
      if (segment === null) return;
      const connection = new Connection(segment, this.#part, () => this.#onWritten());
      this.#connections.add(connection);
      connection.ended = this.#serve(connection);
    }
  }

  #allowed(): number {
    return !this.#isSettled || this.#isOneBody ? 1 : this.#patience.allowed(this.#part.done.totalBytes);
  }

  #take(): Segment | null {
    const { done, totalBytes } = this.#part;
    if (this.#plan !== null) return this.#plan.take();
    const start = done.frontierBytes;
    const end = this.#isOneBody ? (totalBytes ?? Number.POSITIVE_INFINITY) : start + SMALL_BYTES;
    return { start, end, receivedTo: start };
  }

  /** The life of one connection. Never rejects. */
  async #serve(connection: Connection): Promise<void> {
    try {
      await this.#fetch(connection);
      this.#patience.onSuccess();
    } catch (thrown) {
      await this.#onFailure(connection, thrown).catch((worse: unknown) => this.#end({ thrown: worse }));
    }
    this.#connections.delete(connection);
    this.#plan?.release(connection.segment);
    this.#stirred.open();
  }

  async #fetch(connection: Connection): Promise<void> {
    const { source } = this.#options;
    const { segment } = connection;
    const whole = segment.start === 0 ? null : { start: segment.start, end: null };
    const asked = this.#isOneBody ? whole : { start: segment.start, end: segment.end };
    const isPiece = this.#isSettled || this.#part.done.totalBytes > 0;
    const answered = await source.ask(asked, isPiece ? this.#part.validator : null, connection.signal);
    if ('fault' in answered) return await this.#onNoBody(answered);
    let isTaken = false;
    try {
      isTaken = await this.#admit(answered, segment);
    } finally {
      if (!isTaken) await discard(answered.response);
    }
    if (!isTaken) return;
    const bodyEnd = this.#isOneBody ? this.#part.totalBytes : answered.end;
    const how = await connection.receive(answered.response, answered.url, bodyEnd);
    this.#judge(connection, answered, how, bodyEnd);
  }

  /** A range that the server does not know, or one that was not asked for. */
  async #onNoBody(answered: NoBody): Promise<void> {
    if (this.#isOneBody) {
      await this.#reset();
      const { url, fault } = answered;
      if (answered.status === 'lied') throw fault;
      throw new Fault('offline', `${url.host} does not know the rest of ${bareAddress(url)} any more.`, {
        details: fault.details,
      });
    }
    const isFresh = !this.#isSettled && this.#part.done.totalBytes === 0;
    this.#end({ outcome: answered.status === 'lied' || isFresh ? 'rangeless' : 'changed' });
  }

  /** Decides whether a body is taken. The first one that is tells what the file is. */
  async #admit(answer: Answer, segment: Segment): Promise<boolean> {
    const { wantedBytes, isVerifiable } = this.#options;
    const { totalBytes, validator, done } = this.#part;
    const worth = weigh(answer, {
      wantedBytes,
      isVerifiable,
      totalBytes,
      validator,
      hasMore: this.#isSettled || done.totalBytes > 0,
      isParallel: this.#isSettled,
      isOneBody: this.#isOneBody,
      smallBytes: SMALL_BYTES,
    });
    if (worth === 'changed' || worth === 'rangeless') {
      this.#end({ outcome: worth });
      return false;
    }
    if (this.#isSettled) return true;
    if (worth === 'body') {
      // No ranges, or another file than the part is of.
      this.#isOneBody = true;
      this.#plan = null;
      if (done.totalBytes > 0) await this.#reset();
      segment.start = 0;
      segment.receivedTo = 0;
    }
    await this.#settle(answer, segment);
    return true;
  }

  async #settle(answer: Answer, segment: Segment): Promise<void> {
    const { wantedBytes, connections, requireSpace } = this.#options;
    const part = this.#part;
    const totalBytes = wantedBytes ?? answer.totalBytes;
    if (totalBytes !== null) await requireSpace(totalBytes - part.done.totalBytes);
    part.etag = answer.etag;
    const validator = answer.validator ?? (answer.status === 206 ? part.validator : null);
    if (this.#isOneBody || totalBytes === null) {
      segment.end = totalBytes ?? Number.POSITIVE_INFINITY;
      await part.begin(validator, totalBytes, true);
      return;
    }
    if (totalBytes <= SMALL_BYTES) this.#patience.keepToOne();
    segment.end = Math.min(segment.end, totalBytes);
    this.#plan ??= new SegmentPlan(totalBytes, connections, part.done, segment);
    const isContiguous = part.done.totalBytes === part.done.frontierBytes;
    await part.begin(validator, totalBytes, isContiguous && this.#patience.isLone);
    this.#isSettled = true;
    this.#stirred.open();
  }

  /** What a body that has ended means. */
  #judge(connection: Connection, answer: Answer, how: 'ended' | 'more_came', bodyEnd: number | null): void {
    const { segment } = connection;
    const { url } = answer;
    const part = this.#part;
    if (this.#isOneBody) {
      if (how === 'more_came') {
        part.condemn();
        const said = `${bareAddress(url)} is longer than the ${bodyEnd} bytes that were announced.`;
        throw new Fault('bad_gateway', said, { blame: 'remote' });
      }
      if (part.totalBytes === null) part.totalBytes = part.done.totalBytes;
      if (!part.isWhole) {
        const got = `${part.done.totalBytes} of ${part.totalBytes} bytes`;
        throw unreachable(url, `the connection ended after ${got}`);
      }
      this.#end({ outcome: 'complete' });
      return;
    }
    if (how === 'more_came') {
      this.#end({ outcome: 'rangeless' });
      return;
    }
    const { answeredAt, startedAt } = connection;
    const waitedMs = (answeredAt ?? startedAt) - startedAt;
    this.#plan?.learn(connection.receivedBytes, performance.now() - startedAt - waitedMs, waitedMs);
    const until = Math.min(segment.end, answer.end ?? segment.end);
    if (segment.receivedTo >= until) return;
    throw unreachable(url, `the connection ended ${until - segment.receivedTo} bytes early`);
  }

  async #onFailure(connection: Connection, thrown: unknown): Promise<void> {
    if (this.#verdict !== null) return;
    const { startedAt, receivedBytes } = connection;
    const failed = {
      startedAt,
      receivedBytes,
      others: this.#connections.size - 1,
      doneBytes: this.#part.done.totalBytes,
    };
    if (!this.#patience.bears(toFault(thrown), failed)) {
      this.#end({ thrown });
      return;
    }
    this.#options.source.renew();
    if (!this.#part.isTrusted) await this.#reset();
  }

  #onWritten(): void {
    const { digest, onProgress } = this.#options;
    digest.advance(this.#part.done.frontierBytes);
    onProgress();
    if (this.#isSettled && this.#part.isWhole) this.#end({ outcome: 'complete' });
  }

  async #reset(): Promise<void> {
    await this.#options.digest.restart();
    await this.#part.reset();
  }
}
