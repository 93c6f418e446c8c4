// Why a child ended, told to people: exit code or signal, the log line that says it best, and what can be done.
// Pure. It must never be used to decide anything but words.
import { Fault } from '../base/fault.ts';

export interface ChildExit {
  /** Null when a signal ended it. */
  readonly code: number | null;
  readonly signal: string | null;
  /** True when we sent the signal. */
  readonly isOurs: boolean;
}

/** How many log lines an error carries. */
const TOLD_LINES = 20;

const MEMORY =
  /out of memory|failed to allocate|unable to allocate|cannot allocate|cudaMalloc failed|OutOfDeviceMemory|OutOfHostMemory|bad_alloc|insufficient memory/i;
const CONFUSED =
  /\b(error|failed|failure|unable|cannot|can't|could not|couldn't|invalid|unknown|unsupported|not found|abort)/i;
// The last of them is what it says of our question without a key, by which we know that it is ours.
const CLOSING = /cleaning up|memory breakdown|exiting due to|main: exiting|unauthorized: Invalid API Key|^\s*$/i;

// Exit codes that Windows gives to a process that could not even start: NTSTATUS values.
const WINDOWS: Readonly<Record<number, string>> = {
  3221225477: 'it read memory that is not its own (0xC0000005)',
  3221225501: 'this processor lacks an instruction that the build uses (0xC000001D)',
  3221225595: 'a library has the wrong architecture (0xC000007B)',
  3221225781: 'a library is missing (0xC0000135)',
  3221226505: 'it stopped itself (0xC0000409)',
};

/** The log line that tells best what went wrong; null when none does. */
export function tellingLine(lines: readonly string[]): string | null {
  const meaningful = lines.slice(-60).filter((line) => !CLOSING.test(line));
  const memory = meaningful.findLast((line) => MEMORY.test(line));
  const line = memory ?? meaningful.findLast((candidate) => CONFUSED.test(candidate)) ?? null;
  return line === null ? null : line.trim().slice(0, 300);
}

export function describeExit(exit: ChildExit): string {
  if (exit.signal === 'SIGILL') return 'this processor lacks an instruction that the build uses (SIGILL)';
  if (exit.signal === 'SIGKILL' && !exit.isOurs) return 'it was killed from outside, probably because memory ran out';
  if (exit.signal !== null) return `it was ended by ${exit.signal}`;
  const windows = exit.code === null ? undefined : WINDOWS[exit.code >>> 0];
  return windows ?? `it ended with exit code ${exit.code ?? 'unknown'}`;
}

/** A `bad_gateway` with `details.logLines`, `exitCode`, `signal` and `isOutOfMemory`. */
export function exitFault(name: string, when: string, exit: ChildExit, lines: readonly string[]): Fault {
  const telling = tellingLine(lines);
  const isOutOfMemory =
    (exit.signal === 'SIGKILL' && !exit.isOurs) || lines.slice(-60).some((line) => MEMORY.test(line));
  return new Fault(
    'bad_gateway',
    `The engine of ${name} stopped ${when}: ${describeExit(exit)}${telling === null ? '.' : `: ${telling}`}`,
    {
      hint: isOutOfMemory
        ? 'Memory ran out: try a smaller context, a smaller quantization, or unload another model.'
        : `See its log: drover logs ${name}`,
      details: {
        exitCode: exit.code,
        signal: exit.signal,
        isOutOfMemory,
        logLines: lines.slice(-TOLD_LINES),
      },
    },
  );
}

/** It runs, but never became ready. */
export function slowFault(name: string, waitedMs: number, lines: readonly string[]): Fault {
  const telling = tellingLine(lines);
  return new Fault(
    'bad_gateway',
    `The engine of ${name} was not ready after ${Math.round(waitedMs / 1000)} s${telling === null ? '.' : `: ${telling}`}`,
    {
      hint: 'Give it longer with healthCheckTimeout, or look at its log for what it waits for.',
      details: { isTimeout: true, logLines: lines.slice(-TOLD_LINES) },
    },
  );
}

/** It could not be started at all. */
export function spawnFault(name: string, command: string, thrown: unknown): Fault {
  return new Fault(
    'bad_gateway',
    `The engine of ${name} could not be started: ${thrown instanceof Error ? thrown.message : String(thrown)}`,
    { cause: thrown, hint: `Is ${command} there, and may it be executed?`, details: { logLines: [] } },
  );
}
