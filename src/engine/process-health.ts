// When does an engine answer? A poll from a few milliseconds on, doubling to 50 ms at most, and at once whenever the
// engine's log says that something has changed. It must never wait on one answer for long: an engine may hang.

export interface HealthOptions {
  /** `http://127.0.0.1:40123/health`; null while the port is not known. */
  readonly url: () => string | null;
  readonly headers: Readonly<Record<string, string>>;
  /** True: any answer will do (a server without a health path). */
  readonly acceptsAnyAnswer: boolean;
  /**
   * A path that wants `headers`. Where it is given, an answer counts only from whoever refuses it without them and grants
   * it with them: a port that a log told may be anybody's, since a model's file can make the engine print any line.
   */
  readonly guardedPath: string | null;
  /** False: what answered there is known, or thought, to be another program. */
  readonly isOurs: () => boolean;
  readonly signal: AbortSignal;
}

const FIRST_MS = 4;
const LONGEST_MS = 50;
/** After a sign in the log the answer is a matter of less than a millisecond. */
const EAGER_MS = 1;
const EAGER_TRIES = 20;
const ANSWER_MS = 2000;

/** A poll that can be hurried. */
export class HealthPoll {
  readonly #options: HealthOptions;
  #delayMs = FIRST_MS;
  #eagerTries = 0;
  #wake: (() => void) | null = null;
  /** What the last try saw: a status, an error code, or null before the first. */
  lastSeen: string | null = null;

  constructor(options: HealthOptions) {
    this.#options = options;
  }

  /** Something in the log says that it may answer now. */
  hurry(): void {
    this.#eagerTries = EAGER_TRIES;
    this.#wake?.();
  }

  /** Resolves when the engine is healthy; rejects with the signal's reason. */
  async run(): Promise<void> {
    const { signal } = this.#options;
    const onAbort = (): void => this.#wake?.();
    signal.addEventListener('abort', onAbort, { once: true });
    try {
      for (;;) {
        if (signal.aborted) throw signal.reason;
        if (await this.#isHealthy()) return;
        if (signal.aborted) throw signal.reason;
        await this.#rest();
      }
    } finally {
      signal.removeEventListener('abort', onAbort);
    }
  }

  #rest(): Promise<void> {
    let delayMs = this.#delayMs;
    if (this.#eagerTries > 0) {
      this.#eagerTries -= 1;
      delayMs = EAGER_MS;
    } else {
      this.#delayMs = Math.min(LONGEST_MS, this.#delayMs * 2);
    }
    return new Promise((resolve) => {
      const wake = (): void => {
        clearTimeout(timer);
        this.#wake = null;
        resolve();
      };
      const timer = setTimeout(wake, delayMs);
      this.#wake = wake;
    });
  }

  async #isHealthy(): Promise<boolean> {
    const url = this.#options.url();
    if (url === null) return false;
    try {
      const status = await this.#ask(url, this.#options.guardedPath === null);
      this.lastSeen = `HTTP ${status}`;
      if (!this.#options.acceptsAnyAnswer && status !== 200) return false;
      // Meanwhile its log may have named another port: then that was somebody else's answer.
      return (await this.#isOurs(url)) && this.#options.url() === url;
    } catch (thrown) {
      this.lastSeen = thrown instanceof Error && 'code' in thrown ? String(thrown.code) : String(thrown);
      return false;
    }
  }

  async #isOurs(url: string): Promise<boolean> {
    const { guardedPath, isOurs } = this.#options;
    if (isOurs() && (guardedPath === null || (await this.#knowsKey(new URL(guardedPath, url).href)))) return true;
    this.lastSeen = 'another program';
    return false;
  }

  /** Asked without the key first, so that a stranger never sees it. */
  async #knowsKey(guarded: string): Promise<boolean> {
    return (await this.#ask(guarded, false)) === 401 && (await this.#ask(guarded, true)) === 200;
  }

  /** The status. Read to the end, so that the connection stays open for the first request. */
  async #ask(url: string, hasKey: boolean): Promise<number> {
    const response = await fetch(url, {
      headers: hasKey ? { ...this.#options.headers } : {},
      redirect: 'manual',
      // An HTTP_PROXY of the user's is not for loopback.
      proxy: false,
      signal: AbortSignal.any([this.#options.signal, AbortSignal.timeout(ANSWER_MS)]),
    });
    await response.arrayBuffer();
    return response.status;
  }
}

// Only names stand before it. The engine also prints what the model's file says of itself, behind a `=` or in quotes, and
// that must not choose whom we talk to.
const LISTENING = /^(?:[\d.]+ )?[\w: ]{0,60}\blistening on (?:address )?(https?:\/\/[^\s,]+)/i;
const HINT = /model loaded|server is listening|listening on|all slots are idle|startup complete|running on http/i;

/** The port of `… listening on http://127.0.0.1:40123`; null in every other line. */
export function listeningPort(line: string): number | null {
  const match = LISTENING.exec(line);
  if (match === null) return null;
  const text = /:(\d{1,5})\/?$/.exec(match[1] ?? '')?.[1];
  const portNumber = Number(text);
  return text !== undefined && portNumber >= 1 && portNumber <= 65_535 ? portNumber : null;
}

/** True where a line says that the engine may answer now. */
export const saysReady = (line: string): boolean => HINT.test(line);

const LEAVING = /cleaning up before exit|shutting down|shutdown|terminating|received sigterm/i;

/** True where a line says that the engine has begun to leave. */
export const saysLeaving = (line: string): boolean => LEAVING.test(line);
