// A hard restart as the server does it that goes: starts the successor, lets go of what only one may hold, takes no new
// connection once that one listens, ends what it has begun. Until it leaves, every failure of the successor makes it
// serve on as before. It must never cut a request for the sake of a restart, nor leave two servers without a lock.
import { Fault, toFault } from '../base/fault.ts';
import { pause, untilAborted } from '../base/sync.ts';
import type { LifecycleActs } from '../core/lifecycle.ts';
import type { GoMessage } from '../service/handover-messages.ts';
import { exitWords, Successor, type SuccessorExit, type SuccessorOptions } from '../service/successor.ts';
import type { Running } from './serve-start.ts';
import { listenSoon } from './serve-takeover.ts';

export interface HandoverOptions {
  readonly running: Running;
  /** The setting `listen`, as it was read at the start. */
  readonly listenText: string;
  readonly start: () => Omit<SuccessorOptions, 'descriptor'>;
  /** False while the server before this one has not ended. */
  readonly isAlone: () => boolean;
  /** The successor serves and nothing is left to do here. */
  readonly onOver: () => void;
  readonly onShutDown: (why: string) => void;
}

/** How long a successor may take to read its configuration. */
const PREPARE_MS = 30_000;
/** What only one may do comes to rest within this time. */
const PAUSE_MS = 10_000;
/** From the word to the listener: the store's migrations, and a look at models and engine. */
const LISTEN_MS = 60_000;
/** Kept connections are closed when nothing has come for so long: a client that was about to send has done so. */
const QUIET_MS = 2000;
const POLL_MS = 25;

/** `preparing`: it may still fail. `leaving`: a successor serves. `over`: nothing is left. */
type Phase = 'serving' | 'preparing' | 'leaving' | 'over';

export class Handover implements LifecycleActs {
  readonly #options: HandoverOptions;
  #phase: Phase = 'serving';
  #successor: Successor | null = null;
  readonly #abort = new AbortController();
  #work: Promise<void> = Promise.resolve();
  #isListenerClosed = false;
  #acceptAgain: (() => boolean) | null = null;

  constructor(options: HandoverOptions) {
    this.#options = options;
  }

  get isLeaving(): boolean {
    return this.#phase === 'leaving' || this.#phase === 'over';
  }

  /** The successor that serves instead of us; null: none yet. */
  get successor(): Successor | null {
    return this.isLeaving ? this.#successor : null;
  }

  async handOver(): Promise<void> {
    const { running, start, isAlone } = this.#options;
    const { core, listener } = running;
    if (this.#abort.signal.aborted) throw new Fault('unavailable', 'Drover is stopping.');
    if (this.#phase !== 'serving') throw busyFault('Another restart is under way.');
    if (!isAlone()) throw busyFault('The server before this one has not ended all its requests yet.');
    this.#phase = 'preparing';
    try {
      await core.lock?.beginHandover();
      this.#abort.signal.throwIfAborted();
      this.#successor = Successor.start({ ...start(), descriptor: listener.descriptor() });
    } catch (thrown) {
      core.lock?.endHandover();
      this.#phase = 'serving';
      throw toFault(thrown);
    }
    core.log.info('a successor is started', { pid: this.#successor.pid });
    core.bus.emit({ type: 'restart.started' });
    this.#work = this.#run(this.#successor);
  }

  shutDown(why: string): void {
    this.#options.onShutDown(why);
  }

  /**
   * We are to end. A successor that does not serve yet ends first, and no restart begins any more. True: one serves, so
   * that we are leaving already; whatever becomes of it, we do not come back.
   */
  async abort(): Promise<boolean> {
    this.#abort.abort(new Fault('cancelled', 'Drover was stopped meanwhile.'));
    if (this.isLeaving) return true;
    if (this.#phase === 'preparing') await this.#work;
    return false;
  }

  /** We end at once: a successor that does not serve yet would take our end for a death, and serve. */
  forceEnd(): void {
    if (this.#phase === 'preparing') this.#successor?.signal('SIGKILL');
  }

  async #run(successor: Successor): Promise<void> {
    try {
      const url = await this.#bringUp(successor);
      await this.#leave(successor, url);
    } catch (thrown) {
      await this.#stay(successor, toFault(thrown));
    }
  }

  /** Resolves with its address once it listens. */
  async #bringUp(successor: Successor): Promise<string> {
    const { running, listenText } = this.#options;
    const { core, listener, server } = running;
    const { signal } = this.#abort;
    for (;;) if ((await successor.next(PREPARE_MS, signal)).type === 'prepared') break;
    core.log.debug('the successor is prepared');
    running.diversion.hold();
    const patience = AbortSignal.any([signal, AbortSignal.timeout(PAUSE_MS)]);
    await untilAborted(core.drover.lifecycle.pauseExclusives(), patience);
    core.lock?.letGo();
    const go: GoMessage = {
      type: 'go',
      listen: listenText,
      port: listener.port,
      key: server.key,
      sequence: core.bus.lastSequence + SEQUENCE_GAP,
      holdings: this.#holdings(),
    };
    successor.send(go);
    const until = performance.now() + LISTEN_MS;
    for (;;) {
      const message = await successor.next(Math.max(0, until - performance.now()), signal);
      if (message.type === 'listening') return message.url;
      if (message.type === 'wants-port') {
        this.#isListenerClosed = true;
        // What runs goes on; only the listener closes, and kept connections on which nothing runs.
        void listener.close({ drainMs: NEVER_MS });
        successor.send({ type: 'port-free' });
      }
    }
  }

  /** The successor serves: what was begun here ends here. Throws when the successor dies before that. */
  async #leave(successor: Successor, url: string): Promise<void> {
    const { running, onOver } = this.#options;
    const { core, diversion, listener } = running;
    // Asked to end at the very moment: it ends too, since nobody has told it to.
    this.#abort.signal.throwIfAborted();
    this.#phase = 'leaving';
    core.lock?.endHandover();
    core.log.info('a successor serves; what was begun here ends here', { pid: successor.pid, url });
    this.#acceptAgain = this.#isListenerClosed ? null : listener.pause();
    if (this.#acceptAgain === null && !this.#isListenerClosed) {
      this.#isListenerClosed = true;
      void listener.close({ drainMs: NEVER_MS });
    }
    diversion.open(url);
    const tell = (): void => successor.send({ type: 'holdings', holdings: this.#holdings() });
    const unsubscribe = core.bus.subscribe(({ event }) => {
      if (event.type === 'instance.changed') tell();
    });
    core.drover.retirement.begin();
    tell();
    const lost = new AbortController();
    try {
      const ended = await Promise.race([this.#drained(lost.signal), successor.exited]);
      if (ended !== undefined && !isMeant(ended) && !this.#abort.signal.aborted) {
        throw new Fault('unavailable', `The successor ended ${exitWords(ended)}.`);
      }
    } finally {
      lost.abort();
      unsubscribe();
    }
    this.#phase = 'over';
    onOver();
  }

  async #drained(signal: AbortSignal): Promise<undefined> {
    const { running } = this.#options;
    const isBusy = (): boolean => running.pendingCount > 0 || running.diversion.quietMs < QUIET_MS;
    while (!signal.aborted && running.leftMs() > 0 && isBusy()) await pause(POLL_MS);
  }

  /** As if nothing had happened. */
  async #stay(successor: Successor, fault: Fault): Promise<void> {
    const { running, onOver } = this.#options;
    const { core, diversion } = running;
    await successor.end();
    if (this.#abort.signal.aborted) {
      this.#successor = null;
      this.#phase = 'over';
      diversion.release();
      onOver();
      return;
    }
    const hasLock = (await core.lock?.takeBack()) ?? true;
    if (!hasLock)
      core.log.error('another server has taken the data directory meanwhile; this one serves on without it');
    diversion.close();
    await this.#acceptOn();
    if (hasLock) running.writeServerFile();
    if (this.#phase === 'leaving') core.drover.retirement.callOff();
    core.drover.lifecycle.resumeExclusives();
    diversion.release();
    running.stay();
    this.#successor = null;
    this.#phase = 'serving';
    core.log.error(`the restart failed, and this server serves on: ${fault.message}`, { hint: fault.hint });
    core.bus.emit({ type: 'restart.failed', message: fault.message });
  }

  async #acceptOn(): Promise<void> {
    const { running } = this.#options;
    const { log } = running.core;
    const isOpen = !this.#isListenerClosed && (this.#acceptAgain === null || this.#acceptAgain());
    this.#acceptAgain = null;
    if (isOpen) return;
    try {
      if (!this.#isListenerClosed) void running.listener.close({ drainMs: NEVER_MS });
      await listenSoon(() => running.listenAgain());
      this.#isListenerClosed = false;
    } catch (thrown) {
      log.error(`the address cannot be bound again: ${toFault(thrown).message}`);
    }
  }

  #holdings(): GoMessage['holdings'] {
    return this.#options.running.core.drover.retirement.holdings().map((holding) => ({
      ...holding,
      takes: [...holding.takes],
    }));
  }
}

/** Events that we still tell while we drain come before the successor's first. */
const SEQUENCE_GAP = 1_000_000;
/** A graceful stop whose end nobody waits for here. */
const NEVER_MS = 2 ** 31 - 1;

/** Somebody has ended it on purpose. */
const isMeant = ({ code }: SuccessorExit): boolean => code === 0 || code === 130;

const busyFault = (message: string): Fault =>
  new Fault('conflict', message, { hint: 'Try again in a while.', details: { retryAfterSeconds: 5 } });
