// What signals do to a server: the first asks it to end, the second forces it; a hang-up reads the configuration again. It
// must never take one signal that arrives twice (from the terminal's group and from who hands it on) for two.
import type { Log } from '../base/log.ts';

export interface SignalActs {
  readonly log: Log;
  /** A hang-up says that the terminal's window was closed; without a terminal, that the configuration is to be read again. */
  readonly hasTerminal: boolean;
  /** Whoever started us may hand signals on that we get ourselves too. */
  readonly hasForwarder: () => boolean;
  readonly onStop: (signal: string) => void;
  readonly onForce: () => void;
  readonly onHangUp: () => void;
  /** Who serves in our place; null: we do. */
  readonly heir: () => number | null;
  /** Nothing is left to end here: what comes is for the heir alone. */
  readonly isAttending: () => boolean;
}

/** A signal that is handed on comes within this time. */
const ECHO_MS = 1000;

export function handleSignals(acts: SignalActs): void {
  const { log, hasTerminal } = acts;
  // A mistake of ours in one place must not cut everybody's streams: it is told, and the server goes on.
  const survive = (thrown: unknown): void =>
    log.error('an error that nobody caught; please report it', {
      error: thrown instanceof Error ? (thrown.stack ?? thrown.message) : String(thrown),
    });
  process.on('uncaughtException', survive);
  process.on('unhandledRejection', survive);
  let first: { readonly signal: string; readonly at: number } | null = null;
  const onSignal = (signal: NodeJS.Signals): void => {
    const heir = acts.heir();
    // A terminal sends its own signals to all of the group.
    if (heir !== null && (signal === 'SIGTERM' || !hasTerminal)) passOn(heir, signal);
    if (acts.isAttending()) return;
    if (signal === 'SIGHUP' && !hasTerminal) {
      if (heir === null) acts.onHangUp();
      return;
    }
    if (first === null) {
      first = { signal, at: performance.now() };
      log.info('stopping', { signal });
      acts.onStop(signal);
      return;
    }
    if (acts.hasForwarder() && signal === first.signal && performance.now() - first.at < ECHO_MS) return;
    log.warn('stopping at once', { signal });
    acts.onForce();
  };
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => onSignal(signal));
}

function passOn(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch {
    // It has ended already.
  }
}
