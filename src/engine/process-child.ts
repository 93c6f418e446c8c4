// One child from spawn to exit: own process group, tied to our life, both streams read as lines, ended gracefully or by
// force, the whole group with it. It must never know what readiness or a model is, and never use a shell.
import { Latch } from '../base/sync.ts';
import type { ChildExit } from './process-failure.ts';
import { Lifeline } from './process-lifeline.ts';
import { type OutputStream, readLines } from './process-output.ts';

export interface ChildOptions {
  readonly argv: readonly string[];
  /** The whole environment; nothing of ours is added. */
  readonly environment: Readonly<Record<string, string>>;
  readonly workingFolder: string;
  readonly onLine: (line: string, stream: OutputStream) => void;
}

/** How long the last lines may take to arrive after the exit; a helper that keeps the pipe open must not delay us. */
const LAST_LINES_MS = 100;
/** When a child that shows no sign of leaving is asked again. */
const REMINDER_MS = 300;
/** Between two looks at the log of a calm child. */
const REST_MS = 2;
/** How long the kernel may take to end what was sent SIGKILL; a process that waits for a driver may take for ever. */
const KILL_MS = 10_000;

export class Child {
  readonly pid: number;
  /** Resolves once, when the child has ended, its last lines are in and what was left of its group has been killed. */
  readonly exited: Promise<ChildExit>;
  readonly #process: Bun.Subprocess<'ignore', 'pipe', 'pipe'>;
  readonly #lifeline: Lifeline | null;
  /** True once nothing in its log is waited for any more: then lines may come a little later, several at once. */
  isCalm = false;
  #isOurs = false;
  #hasExited = false;

  private constructor(
    subprocess: Bun.Subprocess<'ignore', 'pipe', 'pipe'>,
    lifeline: Lifeline | null,
    onLine: ChildOptions['onLine'],
  ) {
    this.#process = subprocess;
    this.#lifeline = lifeline;
    this.pid = subprocess.pid;
    this.exited = this.#follow(onLine);
  }

  /** Throws what the system said when the program cannot be started. */
  static start(options: ChildOptions): Child {
    const isWindows = process.platform === 'win32';
    const lifeline = Lifeline.make();
    try {
      const subprocess = Bun.spawn([...options.argv], {
        cwd: options.workingFolder,
        env: { ...options.environment },
        stdio: lifeline === null ? ['ignore', 'pipe', 'pipe'] : ['ignore', 'pipe', 'pipe', lifeline.childDescriptor],
        // On POSIX a session and group of its own: a Ctrl-C at our terminal is for us, and the group is ours to end.
        // On Windows a detached child would outlive us.
        detached: !isWindows,
        windowsHide: true,
      });
      lifeline?.tie(subprocess.pid);
      return new Child(subprocess, lifeline, options.onLine);
    } catch (thrown) {
      lifeline?.cut();
      throw thrown;
    }
  }

  get hasExited(): boolean {
    return this.#hasExited;
  }

  /** Asks it to leave: SIGTERM to the group. Windows knows no such thing, so there it is ended at once. */
  terminate(): void {
    this.#signal('SIGTERM');
  }

  /** Ends the group: SIGKILL. */
  kill(): void {
    this.#signal('SIGKILL');
  }

  /**
   * Asks, waits `graceMs`, then forces. False: it lives even so (it hangs in the kernel). llama-server loses a SIGTERM that
   * comes just after its load (measured: about one in ten, up to where its loop begins), so it is asked once more unless
   * `isLeaving` says that it has heard.
   */
  async end(graceMs: number, isLeaving: () => boolean = () => true): Promise<boolean> {
    if (graceMs > 0) {
      this.terminate();
      const reminderMs = Math.min(REMINDER_MS, graceMs);
      if (await this.exitsWithin(reminderMs)) return true;
      if (!isLeaving()) this.terminate();
      if (await this.exitsWithin(graceMs - reminderMs)) return true;
    }
    this.kill();
    return this.exitsWithin(KILL_MS);
  }

  #signal(signal: 'SIGTERM' | 'SIGKILL'): void {
    if (this.#hasExited) return;
    this.isCalm = false;
    this.#isOurs = true;
    if (process.platform === 'win32') {
      endTreeOnWindows(this.pid);
      this.#process.kill();
      return;
    }
    try {
      process.kill(-this.pid, signal);
    } catch {
      // The group is gone, or not made yet: setsid happens in the child.
      this.#process.kill(signal);
    }
  }

  /** Waits that long at most; true when it is gone. */
  async exitsWithin(milliseconds: number): Promise<boolean> {
    const late = new Latch<false>();
    const timer = setTimeout(() => late.open(false), milliseconds);
    try {
      return await Promise.race([this.exited.then(() => true as const), late.promise]);
    } finally {
      clearTimeout(timer);
    }
  }

  async #follow(onLine: ChildOptions['onLine']): Promise<ChildExit> {
    const reading = new AbortController();
    const restMs = (): number => (this.isCalm ? REST_MS : 0);
    const streams = Promise.all([
      readLines(this.#process.stdout, (line) => onLine(line, 'stdout'), reading.signal, restMs),
      readLines(this.#process.stderr, (line) => onLine(line, 'stderr'), reading.signal, restMs),
    ]);
    await this.#process.exited;
    this.#hasExited = true;
    // What it forked goes with it.
    this.#lifeline?.cut();
    if (process.platform !== 'win32') {
      try {
        process.kill(-this.pid, 'SIGKILL');
      } catch {
        // Nothing is left, which is usual.
      }
    }
    const late = setTimeout(() => reading.abort(), LAST_LINES_MS);
    await streams;
    clearTimeout(late);
    const signal = this.#process.signalCode;
    return {
      code: signal === null ? this.#process.exitCode : null,
      signal: signal === null ? null : String(signal),
      isOurs: this.#isOurs,
    };
  }
}

/** A custom command may have children of its own, and Windows has no groups to signal. */
function endTreeOnWindows(pid: number): void {
  try {
    Bun.spawn(['taskkill', '/PID', String(pid), '/T', '/F'], {
      stdio: ['ignore', 'ignore', 'ignore'],
      windowsHide: true,
    });
  } catch {
    // Without taskkill the child itself is still ended by its handle.
  }
}
