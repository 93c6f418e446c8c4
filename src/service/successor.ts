// Starts the process that is to take over from this one, and talks with it: same executable, words, folder, environment
// and terminal. It must never let a successor live that has not come up, nor wait for one without an end.
import { Fault } from '../base/fault.ts';
import { Latch } from '../base/sync.ts';
import { type FromPredecessor, type FromSuccessor, MARK, readFromSuccessor } from './handover-messages.ts';

export interface SuccessorOptions {
  /** Program and words. */
  readonly argv: readonly string[];
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** The value of its mark. */
  readonly mark: string;
  /** The listening socket that it inherits; null: none. */
  readonly descriptor: number | null;
}

export interface SuccessorExit {
  readonly code: number | null;
  readonly signal: string | null;
}

/** Between the request to leave and the force. */
const LEAVE_MS = 3000;

/**
 * This very program with its words. A compiled one has a path of its own as its first word, where a script has its file's.
 * The runtime asks the system for `execPath` when it is first read, and Linux adds a word to it when the file has been
 * replaced: what lies at the path now is the new version, and that is wanted.
 */
export function ownArgv(argv: readonly string[], execPath: string, execArgv: readonly string[]): string[] {
  const isCompiled = /^(\/\$bunfs\/|[A-Z]:[\\/]~BUN[\\/])/i.test(argv[1] ?? '');
  const program = execPath.replace(/ \(deleted\)$/, '');
  return [program, ...execArgv, ...argv.slice(isCompiled ? 2 : 1)];
}

export class Successor {
  readonly pid: number;
  /** Resolves once. */
  readonly exited: Promise<SuccessorExit>;
  readonly #process: Bun.Subprocess;
  readonly #queue: FromSuccessor[] = [];
  #wake: Latch | null = null;
  #exit: SuccessorExit | null = null;

  private constructor(options: SuccessorOptions) {
    const { argv, environment, mark, descriptor } = options;
    this.#process = Bun.spawn([...argv], {
      argv0: process.argv0,
      env: { ...environment, [MARK]: mark },
      stdio: ['inherit', 'inherit', 'inherit', ...(descriptor === null ? [] : [descriptor])],
      // Another version of the runtime may sit at the other end.
      serialization: 'json',
      ipc: (value) => this.#hear(value),
    });
    this.pid = this.#process.pid;
    this.exited = this.#process.exited.then(() => {
      const { exitCode, signalCode } = this.#process;
      const exit = signalCode === null ? { code: exitCode, signal: null } : { code: null, signal: String(signalCode) };
      this.#exit = exit;
      this.#wake?.open();
      return exit;
    });
  }

  /** Throws `unavailable` with what the system said when the program cannot be started. */
  static start(options: SuccessorOptions): Successor {
    try {
      return new Successor(options);
    } catch (thrown) {
      const message = thrown instanceof Error ? thrown.message : String(thrown);
      throw new Fault('unavailable', `The successor could not be started: ${message}`, {
        hint: `Look at ${options.argv[0]}.`,
        blame: 'machine',
        cause: thrown,
      });
    }
  }

  /** What it says next. Rejects with a Fault when it ends, says that it failed, or says nothing for so long; and with the signal's reason. */
  async next(waitMs: number, signal: AbortSignal): Promise<FromSuccessor> {
    const until = performance.now() + waitMs;
    for (;;) {
      signal.throwIfAborted();
      const message = this.#queue.shift();
      if (message?.type === 'failed') {
        throw new Fault('unavailable', `The successor gave up: ${message.message}`, {
          hint: message.hint ?? undefined,
        });
      }
      if (message !== undefined) return message;
      if (this.#exit !== null) throw new Fault('unavailable', `The successor ended ${exitWords(this.#exit)}.`);
      if (performance.now() >= until) {
        throw new Fault('unavailable', `The successor was not ready within ${Math.round(waitMs / 1000)} s.`);
      }
      await this.#pause(until, signal);
    }
  }

  /** What it is told when it has hung up already is lost. */
  send(message: FromPredecessor): void {
    try {
      this.#process.send(message);
    } catch {
      // It has ended, or is about to: its exit says so.
    }
  }

  signal(name: NodeJS.Signals): void {
    this.#process.kill(name);
  }

  /** Ends it: asked first, then forced. Resolves when it is gone. */
  async end(): Promise<void> {
    this.#process.kill('SIGTERM');
    const timer = setTimeout(() => this.#process.kill('SIGKILL'), LEAVE_MS);
    await this.exited;
    clearTimeout(timer);
  }

  /**
   * The last word: from now on it is on its own. Whoever goes on waiting for its end must have it count as something to wait
   * for: with nothing of that kind the runtime turns its loop without a pause, and does not hear of the end.
   */
  hangUp(): void {
    this.#process.disconnect();
  }

  #hear(value: unknown): void {
    const message = readFromSuccessor(value);
    if (message === null) return;
    this.#queue.push(message);
    this.#wake?.open();
  }

  async #pause(until: number, signal: AbortSignal): Promise<void> {
    const wake = new Latch();
    this.#wake = wake;
    const onAbort = (): void => wake.open();
    const timer = setTimeout(onAbort, Math.max(0, until - performance.now()));
    signal.addEventListener('abort', onAbort, { once: true });
    await wake.promise;
    clearTimeout(timer);
    signal.removeEventListener('abort', onAbort);
  }
}

export const exitWords = ({ code, signal }: SuccessorExit): string =>
  signal === null ? `with code ${code}` : `by ${signal}`;
